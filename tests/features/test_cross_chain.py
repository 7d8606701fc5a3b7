"""The cross-chain family, by hand and against plain loops over a history."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from hypothesis import given

from features.cross_chain import FAMILY
from features.history import BRIDGES, DAY, HOUR, MINUTE, History, party_of
from tests.features.histories import DAI, TOKEN, USDT, columns_of, crossing, histories, history

BRIDGE, ROUTER = party_of("bridge"), party_of("dex_router")
DEFINED = {signal.name: signal.definition for signal in FAMILY.signals}


def values(some: History) -> dict[str, float]:
    out = np.full((1, len(FAMILY.signals)), -1.0)
    FAMILY.kernel(columns_of([some]), 0, 1, out)
    return dict(zip((s.name for s in FAMILY.signals), out[0].tolist(), strict=True))


WORKED = replace(
    history(
        (0, "in", 1, 1000),  # out of a bridge, from Tron
        (20 * MINUTE, "out", 2, 1000),  # to a router,
        (20 * MINUTE, "in", 2, 998),  # which gives another coin
        (80 * MINUTE, "out", 3, 998),  # into another bridge, to Arbitrum
        (DAY, "in", 4, 500),
        asset=[USDT, USDT, DAI, DAI, USDT],
        party=[BRIDGE, ROUTER, ROUTER, BRIDGE, 0],
        crossed=crossing(
            5,
            matched={0: 1, 3: 1},
            best={0: 1, 3: 1},
            low_fee={0: True, 3: True},
            other={0: 70, 3: 90},
        ),
    ),
    tx=np.array([0, 1, 1, 2, 3]),
)


def test_worked_example() -> None:
    assert values(WORKED) == pytest.approx(
        {
            "bridge_transfers": 2,
            "bridges_used": 2,
            "matched_crossing_share": 1,
            "one_to_one_crossing_share": 1,
            "unmatched_crossing_share": 0,
            "hop_sequence": 3,
            "receipt_to_bridge": 3600,
            "bridged_1h_share": 0,  # an hour is not less than an hour
            "first_arrival_bridge_share": 1000 / 1998,
            "low_fee_chain_share": 1,
        }
    )


def with_legs(**legs: dict[int, float]) -> dict[str, float]:
    return values(replace(WORKED, crossing=crossing(5, **legs)))


def test_a_leg_is_matched_above_one_half_and_one_to_one_where_one_leg_is() -> None:
    told = with_legs(matched={0: 0.9, 3: 0.9}, best={0: 0.45, 3: 0.9})
    assert told["one_to_one_crossing_share"] == 0.5
    assert told["unmatched_crossing_share"] == 0
    assert told["matched_crossing_share"] == pytest.approx(0.9)
    assert told["hop_sequence"] == 2  # the swap and the deposit
    told = with_legs(matched={0: 0.5, 3: 0}, best={0: 0.5, 3: 0})
    assert told["unmatched_crossing_share"] == 1
    assert told["hop_sequence"] == 0
    assert math.isnan(told["one_to_one_crossing_share"])
    assert math.isnan(told["low_fee_chain_share"])


def test_a_leg_that_has_not_settled_is_neither() -> None:
    told = with_legs(matched={0: 1}, best={0: 1})
    assert (told["unmatched_crossing_share"], told["matched_crossing_share"]) == (0, 1)
    told = with_legs()
    assert math.isnan(told["unmatched_crossing_share"]) and told["bridge_transfers"] == 2


def test_low_fees_count_by_value() -> None:
    told = with_legs(matched={0: 1, 3: 1}, best={0: 1, 3: 1}, low_fee={0: True})
    assert told["low_fee_chain_share"] == pytest.approx(1000 / 1998)


@pytest.mark.parametrize(
    "minutes, asset, length",
    [
        ((0, 120, 240), [USDT, USDT, USDT], 3),
        ((0, 121, 240), [USDT, USDT, USDT], 2),
        ((0, 60, 181), [USDT, USDT, USDT], 2),
        ((0, 60, 120), [USDT, DAI, DAI], 2),  # DAI was not what came; what comes back may be DAI
        ((0, 60, 120), [DAI, DAI, USDT], 3),
    ],
)
def test_a_release_a_deposit_and_another_release(
    minutes: tuple[int, ...], asset: list[int], length: int
) -> None:
    moves = zip(minutes, ("in", "out", "in"), strict=True)
    some = history(
        *((minute * MINUTE, way, 1, 100) for minute, way in moves),
        asset=asset,
        party=BRIDGE,
        crossed=crossing(3, matched=dict.fromkeys(range(3), 1), best=dict.fromkeys(range(3), 1)),
    )
    assert values(some)["hop_sequence"] == length


def test_a_swap_that_is_paid_out_by_a_bridge_is_a_crossing_and_no_step_besides() -> None:
    some = replace(
        history(
            (0, "out", 2, 100),
            (0, "in", 2, 100),
            (MINUTE, "in", 3, 99),
            (MINUTE, "out", 2, 100),
            (2 * MINUTE, "out", 3, 99),
            asset=[TOKEN, USDT, DAI, USDT, DAI],
            party=[0, 0, BRIDGE, 0, BRIDGE],
            crossed=crossing(5, matched={2: 1, 4: 1}, best={2: 1, 4: 1}),
        ),
        tx=np.array([0, 0, 1, 1, 2]),
    )
    assert values(some)["hop_sequence"] == longest(some) == 2
    unlikely = replace(some, crossing=crossing(5, matched={2: 0.4, 4: 1}, best={2: 0.4, 4: 1}))
    assert values(unlikely)["hop_sequence"] == longest(unlikely) == 3


def test_soon_after_a_receipt_is_less_than_an_hour() -> None:
    some = history(
        (0, "in", 1, 100), (HOUR - 1, "out", 9, 60), (HOUR, "out", 9, 40), party=[0, BRIDGE, BRIDGE]
    )
    assert values(some)["bridged_1h_share"] == pytest.approx(0.6)
    assert values(some)["receipt_to_bridge"] == pytest.approx(3600)


def test_the_evidence_names_the_other_leg() -> None:
    shown = DEFINED["hop_sequence"](WORKED)
    assert shown is not None
    assert shown.rows.tolist() == [0, 1, 2, 3]
    assert [(leg.position, leg.row, leg.probability) for leg in shown.elsewhere] == [
        (0, 70, 1.0),
        (3, 90, 1.0),
    ]
    counted = DEFINED["bridge_transfers"](WORKED)
    assert counted is not None and not counted.elsewhere


def test_all_are_null_where_the_registry_was_not_known() -> None:
    assert all(math.isnan(value) for value in values(replace(WORKED, registry=0)).values())


def test_a_coin_or_a_transfer_of_an_earlier_history_leaves_nothing_behind() -> None:
    other = replace(WORKED, time=WORKED.time + 21 * MINUTE).take(np.array([3]))
    out = np.full((3, len(FAMILY.signals)), -1.0)
    FAMILY.kernel(columns_of([WORKED, other, WORKED]), 0, 3, out)
    names = [signal.name for signal in FAMILY.signals]
    assert out[1][names.index("hop_sequence")] == 1
    assert math.isnan(out[1][names.index("receipt_to_bridge")])


# --- against plain loops --------------------------------------------------------------------------


def steps(some: History) -> Iterator[tuple[int, int | None, int | None, bool]]:
    """Yield the moment, the coin taken, the coin brought and whether it is a crossing."""
    coin = [int(some.asset_group[a]) for a in some.asset]
    legs = [row for row in range(len(some)) if some.two_sided[row]]
    crosses = {row for row in legs if some.crossing.best[row] > 0.5}
    for row in legs:
        moment = int(some.time[row])
        if row in crosses:
            incoming = bool(some.incoming[row])
            yield moment, None if incoming else coin[row], coin[row] if incoming else None, True
            continue
        together = [r for r in legs if (some.time[r], some.tx[r]) == (moment, some.tx[row])]
        given = sorted((-int(some.value[r]), r) for r in together if not some.incoming[r])
        if not given or given[0][1] != row:
            continue
        taken = sorted(
            (-int(some.value[r]), r) for r in together if some.incoming[r] and coin[r] != coin[row]
        )
        if taken and taken[0][1] not in crosses:
            yield moment, coin[row], coin[taken[0][1]], False


def longest(some: History) -> int:
    """Return the length of the longest sequence, each step looking back for the one before it."""
    every = list(steps(some))
    best = 0
    for end in range(len(every)):
        length, at, crossed = 1, end, every[end][3]
        while True:
            moment, takes, _, _ = every[at]
            before = [
                k
                for k in range(at)
                if (every[k][2] is None if takes is None else every[k][2] == takes)
            ]
            if not before or moment - every[before[-1]][0] > 2 * HOUR:
                break
            at, length = before[-1], length + 1
            crossed |= every[at][3]
        best = max(best, length) if crossed else best
    return best


def soon(some: History) -> tuple[int, int]:
    """Return the value bridged within an hour of its receipt, and the value received."""
    waiting: list[list[int]] = []
    received = moved = 0
    for row in range(len(some)):
        value, moment = int(some.value[row]), int(some.time[row])
        if not some.two_sided[row]:
            continue
        if some.incoming[row]:
            waiting.append([moment, value])
            received += value
            continue
        while value and waiting:
            part = min(value, waiting[0][1])
            if some.party[row] == BRIDGE and moment - waiting[0][0] < HOUR:
                moved += part
            value -= part
            waiting[0][1] -= part
            if not waiting[0][1]:
                waiting.pop(0)
    return moved, received


def waits(some: History) -> list[int]:
    last: dict[int, int] = {}
    found = []
    for row in range(len(some)):
        coin, moment = int(some.asset_group[some.asset[row]]), int(some.time[row])
        if some.two_sided[row] and some.incoming[row]:
            last[coin] = moment
        elif some.two_sided[row] and some.party[row] == BRIDGE and coin in last:
            found.append(moment - last[coin])
    return found


def share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@given(some=histories(max_size=25))
def test_against_plain_loops(some: History) -> None:
    told = values(some)
    if not some.registry & BRIDGES:
        assert all(math.isnan(value) for value in told.values())
        return
    over = [row for row in range(len(some)) if some.party[row] == BRIDGE]
    value = [int(v) for v in some.value]
    p, best = some.crossing.matched.tolist(), some.crossing.best.tolist()
    settled = [row for row in over if not math.isnan(p[row])]
    one = [row for row in settled if best[row] > 0.5]
    n_matched = sum(p[row] > 0.5 for row in settled)
    first = [r for r in some.inflows.tolist() if some.time[r] - some.time[some.inflows[0]] < DAY]
    expected = {
        "bridge_transfers": len(over),
        "bridges_used": len({int(some.counterparty[row]) for row in over}),
        "matched_crossing_share": share(
            sum(p[row] * value[row] for row in settled), sum(value[row] for row in settled)
        ),
        "one_to_one_crossing_share": share(len(one), n_matched),
        "unmatched_crossing_share": share(len(settled) - n_matched, len(settled)),
        "hop_sequence": longest(some),
        "receipt_to_bridge": median(waits(some)) / 1e6 if waits(some) else math.nan,
        "bridged_1h_share": share(*soon(some)),
        "first_arrival_bridge_share": share(
            sum(value[row] for row in first if row in over), sum(value[row] for row in first)
        ),
        "low_fee_chain_share": share(
            sum(value[row] for row in one if some.crossing.low_fee[row]),
            sum(value[row] for row in one),
        ),
    }
    assert told == pytest.approx(expected, nan_ok=True)


@given(some=histories(max_size=25))
def test_a_history_of_many_bridges_against_plain_loops(some: History) -> None:
    """The same, with so many crossings that sequences grow long."""
    party = np.where(np.arange(len(some)) % 3 == 2, ROUTER, BRIDGE).astype(np.uint8)
    rows = np.flatnonzero(party == BRIDGE).tolist()
    likely = {row: 0.9 if row % 4 else 0.4 for row in rows}
    dense = replace(
        some,
        time=some.time[0] + (some.time - some.time[0]) // 24 if len(some) else some.time,
        party=party,
        asset=np.where(some.asset == TOKEN, USDT, some.asset),
        crossing=crossing(len(some), matched=likely, best=likely),
        registry=BRIDGES,
    )
    assert values(dense)["hop_sequence"] == longest(dense)
    assert values(dense)["bridged_1h_share"] == pytest.approx(share(*soon(dense)), nan_ok=True)
    shown = DEFINED["hop_sequence"](dense)
    assert shown is not None and shown.value == longest(dense)
