"""Stablecoin hopping: every signal against its formula in plain Python, and examples by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.history import DAY, FREEZABLE, HOUR, MICROSECONDS, STABLECOIN, History
from features.recomputation import recompute
from features.stablecoin_hopping import FAMILY
from tests.features.histories import (
    COIN,
    DAI,
    TOKEN,
    USDC,
    USDT,
    columns_of,
    histories,
    history,
)
from tests.features.plain import (
    Transfer,
    beside_swaps,
    check,
    entropy,
    received,
    sent,
    share,
    swaps_of,
    total_value,
    transfers_of,
    typical,
    windows,
)
from tests.generated import cases

VICTIM, ROUTER, OTHER_ROUTER, DESK = 1, 2, 3, 4
NAMES = [signal.name for signal in FAMILY.signals]


def values(of: History) -> dict[str, float]:
    """Return the kernel's values by name."""
    out = np.empty((1, len(NAMES)))
    FAMILY.kernel(columns_of([of]), 0, 1, out)
    return dict(zip(NAMES, out[0].tolist(), strict=True))


def hops(*steps: tuple) -> History:
    """Return a history of ("in"/"out", moment, coin, value, counterparty) and
    ("swap", moment, sold coin, value, bought coin, value, router) steps."""
    transfers: list[tuple[int, str, int, int]] = []
    assets: list[int] = []
    tx: list[int] = []
    for k, (what, moment, coin, value, *rest) in enumerate(steps):
        if what == "swap":
            bought, got, router = rest
            transfers += [(moment, "out", router, value), (moment, "in", router, got)]
            assets, tx = [*assets, coin, bought], [*tx, k, k]
        else:
            transfers.append((moment, what, rest[0], value))
            assets, tx = [*assets, coin], [*tx, k]
    return replace(history(*transfers, asset=assets), tx=np.array(tx, dtype=np.int64))


Legs = list[tuple[Transfer, Transfer]]
"""The sold and the bought leg of each swap."""


def by_formula(flows: list[Transfer]) -> dict[str, float]:
    legs = [(flows[sold], flows[bought]) for sold, bought in swaps_of(flows)]
    ways = Counter((sold.coin, bought.coin) for sold, bought in legs)
    venues = Counter[int]()
    for sold, _ in legs:
        venues[sold.other] += sold.value
    plain = [flows[k] for k in beside_swaps(flows)]
    swapped = total_value(sold for sold, _ in legs)
    return {
        "swaps": len(legs),
        "swaps_24h": max(map(len, windows([sold for sold, _ in legs], DAY)), default=0),
        "swap_chain": longest_chain(legs),
        "one_way_swap_share": share(max(ways.values(), default=0), len(legs)),
        "one_venue_share": share(max(venues.values(), default=0), swapped),
        "hold_before_swap": typical(holds(flows)),
        "swapped_ratio": share(swapped, total_value(received(plain))),
        **coins(flows),
        "asset_mix_shift": mix_shift(received(plain), sent(plain)),
        "switched_stablecoin_share": switched(stable(received(plain)), stable(sent(plain))),
        "freezable_escape_24h_share": escape(flows),
    }


def stable(flows: list[Transfer]) -> list[Transfer]:
    return [one for one in flows if one.kind & STABLECOIN]


def by_coin(flows: list[Transfer]) -> Counter[int]:
    sums = Counter[int]()
    for one in flows:
        sums[one.coin] += one.value
    return sums


def longest_chain(legs: Legs) -> int:
    runs = [1] if legs else [0]
    for (before, bought), (sold, _) in pairwise(legs):
        goes_on = bought.coin == sold.coin and sold.time - before.time <= HOUR
        runs.append(runs[-1] + 1 if goes_on else 1)
    return max(runs)


def holds(flows: list[Transfer]) -> list[float]:
    """Return the seconds from the last receipt of each sold coin, where there was one."""
    legs = swaps_of(flows)
    receipts = {*beside_swaps(flows), *(bought for _, bought in legs)}
    found = []
    for sold, _ in legs:
        same = [
            k
            for k in range(sold)
            if k in receipts and flows[k].incoming and flows[k].coin == flows[sold].coin
        ]
        found += [(flows[sold].time - flows[k].time) / MICROSECONDS for k in same[-1:]]
    return found


def coins(flows: list[Transfer]) -> dict[str, float]:
    return {
        "stablecoins_used": len(by_coin(stable(flows))),
        "stablecoin_share": share(total_value(stable(flows)), total_value(flows)),
        "asset_entropy": entropy(by_coin(flows).values()),
    }


def mix_shift(into: list[Transfer], out: list[Transfer]) -> float:
    came, went = by_coin(into), by_coin(out)
    if not came or not went:
        return nan
    return (
        sum(abs(came[c] / total_value(into) - went[c] / total_value(out)) for c in {*came, *went})
        / 2
    )


def switched(into: list[Transfer], out: list[Transfer]) -> float:
    came = by_coin(into)
    beyond = sum(max(0, paid - came[coin]) for coin, paid in by_coin(out).items())
    return share(beyond, total_value(out))


def escape(flows: list[Transfer]) -> float:
    """Return the share of the freezable value that left the issuers' reach within a day.

    What is held lies in one row, whichever freezable coin it is, and leaves from its front.
    """
    bought = {sold: flows[leg] for sold, leg in swaps_of(flows)}
    freezable = [k for k, one in enumerate(flows) if one.kind & STABLECOIN and one.kind & FREEZABLE]
    held: list[list[int]] = []
    escaped, came = 0, 0
    for k in freezable:
        if flows[k].incoming:
            held.append([flows[k].time, flows[k].value])
            came += flows[k].value
            continue
        wanted = flows[k].value
        for lot in held:
            moved = min(wanted, lot[1])
            lot[1], wanted = lot[1] - moved, wanted - moved
            if k in bought and not bought[k].kind & FREEZABLE and flows[k].time - lot[0] <= DAY:
                escaped += moved
    return share(escaped, came)


WORKED = hops(
    ("in", 0, USDT, 100, VICTIM),
    ("swap", HOUR, USDT, 100, DAI, 99, ROUTER),
    ("out", 2 * HOUR, DAI, 99, DESK),
)


def test_the_worked_example_of_the_family():
    assert values(WORKED) == pytest.approx(
        {
            "swaps": 1,
            "swaps_24h": 1,
            "swap_chain": 1,
            "one_way_swap_share": 1,
            "one_venue_share": 1,
            "hold_before_swap": HOUR / MICROSECONDS,
            "swapped_ratio": 1,
            "stablecoins_used": 2,
            "stablecoin_share": 1,
            "asset_entropy": 1.0,
            "asset_mix_shift": 1,
            "switched_stablecoin_share": 1,
            "freezable_escape_24h_share": 1,
        },
        abs=1e-4,
    )


def test_a_chain_needs_the_coin_just_bought_and_at_most_an_hour():
    def chain(*swaps: tuple) -> float:
        return values(hops(*(("swap", t, a, 10, b, 9, ROUTER) for t, a, b in swaps)))["swap_chain"]

    assert chain((0, USDT, USDC), (HOUR, USDC, DAI), (2 * HOUR, DAI, COIN)) == 3
    assert chain((0, USDT, USDC), (HOUR + 1, USDC, DAI)) == 1
    assert chain((0, USDT, USDC), (1, DAI, COIN), (2, COIN, USDT)) == 2


def test_swaps_a_day_apart_share_no_window():
    swaps = [("swap", k * DAY, USDT, 10, DAI, 9, ROUTER) for k in range(3)]
    assert values(hops(*swaps))["swaps_24h"] == 1
    swaps[1] = ("swap", DAY - 1, USDT, 10, DAI, 9, ROUTER)
    assert values(hops(*swaps))["swaps_24h"] == 2


def test_a_trader_comes_back_and_shops_around():
    trader = values(
        hops(
            ("swap", 0, USDT, 60, COIN, 60, ROUTER),
            ("swap", DAY, COIN, 40, USDT, 40, OTHER_ROUTER),
            ("swap", 2 * DAY, USDT, 20, COIN, 20, OTHER_ROUTER),
        )
    )
    assert trader["one_way_swap_share"] == pytest.approx(2 / 3)
    assert trader["one_venue_share"] == pytest.approx(60 / 120)
    assert trader["hold_before_swap"] == DAY / MICROSECONDS


def test_escape_is_first_in_first_out_and_within_a_day():
    flows = [
        ("in", 0, USDT, 100, VICTIM),
        ("in", 2 * HOUR, USDT, 100, VICTIM),
        ("swap", DAY + HOUR, USDT, 150, COIN, 1, ROUTER),  # 100 are too old, 50 are not
    ]
    assert values(hops(*flows))["freezable_escape_24h_share"] == pytest.approx(50 / 200)
    flows[2] = ("swap", 3 * HOUR, USDT, 150, USDC, 150, ROUTER)
    freezable = values(hops(*flows))
    assert freezable["freezable_escape_24h_share"] == 0, "USDC can be frozen too"


def test_coins_are_compared_beside_the_swaps():
    kept = values(hops(("in", 0, USDT, 10, VICTIM), ("out", 1, USDT, 9, DESK)))
    assert kept["asset_mix_shift"] == kept["switched_stablecoin_share"] == 0
    half = values(
        hops(
            ("in", 0, USDT, 100, VICTIM),
            ("out", 1, USDT, 30, DESK),
            ("out", 2, USDC, 10, DESK),
            ("out", 3, TOKEN, 40, DESK),
        )
    )
    assert half["asset_mix_shift"] == pytest.approx(1 - 30 / 80)
    assert half["switched_stablecoin_share"] == pytest.approx(10 / 40)


def test_what_an_export_cannot_show_is_not_looked_at():
    unseen = values(replace(WORKED, two_sided=np.zeros(len(WORKED), dtype=bool)))
    assert unseen["swaps"] == unseen["stablecoins_used"] == 0
    assert np.isnan(
        [unseen[n] for n in ("swapped_ratio", "asset_entropy", "one_venue_share")]
    ).all()


GAPS = [0, 0, 0, 1, HOUR, HOUR + 1, DAY // 2, DAY, DAY + 1]
WHATS = st.sampled_from(["in", "in", "out", "swap", "swap", "swap"])
amount, party = st.sampled_from([1, 50, 100, 150]), st.integers(1, 3)


@st.composite
def swap_rich(draw: st.DrawFn) -> History:
    """Draw payments and swaps of a few coins at a few gaps, some in transactions with others."""
    n = draw(st.integers(0, 25))
    gaps = draw(st.lists(st.sampled_from(GAPS), min_size=1, max_size=3))
    coin = st.sampled_from(draw(st.lists(st.sampled_from(range(5)), min_size=2, max_size=3)))
    moment, steps = 0, []
    for what in draw(st.lists(WHATS, min_size=n, max_size=n)):
        moment += draw(st.sampled_from(gaps))
        more = (coin, amount, party) if what == "swap" else (party,)
        steps.append((what, moment, draw(coin), draw(amount), *map(draw, more)))
    of = hops(*steps)
    apart = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    first_of_step = np.append(True, (of.tx[1:] != of.tx[:-1]))[: len(of)]
    starts = np.array(apart, dtype=bool)[of.tx] | np.append(True, np.diff(of.time) > 0)[: len(of)]
    return replace(of, tx=np.cumsum(first_of_step & starts))


@settings(max_examples=cases(300))
@given(swap_rich())
def test_every_signal_is_its_formula_on_swap_rich_histories(of):
    check(FAMILY, of, by_formula(transfers_of(of, both=True)))
    for signal in FAMILY.signals:
        shown = signal.definition(of)
        if shown is not None:
            assert recompute(signal, of, shown) == pytest.approx(shown.value), signal.name


@given(histories())
def test_every_signal_is_its_formula(some):
    check(FAMILY, some, by_formula(transfers_of(some, both=True)))
