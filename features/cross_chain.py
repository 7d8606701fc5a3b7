"""Cross-chain: how it used bridges, where the money went on, and how the hops follow each other.

Who wants to lose a tracer changes chains: coins go into a bridge and come out elsewhere, are
swapped there and cross again (FATF's report on stablecoins and unhosted wallets, March 2026). Many
people bridge, too, for lower fees. What tells something is how soon after a receipt, how often in a
row, and whether the other leg can be found at all.

Bridges are those that a services registry names; deposits and releases are matched over all loaded
transfers, with a probability (`features.crossings`). A leg counts as matched where the
probabilities of its possible other legs add up to more than one half, as one-to-one where one of
them alone is that likely, and as unmatched below. It counts as neither before it has **settled**,
two hours after it, nor where the other chain may not be loaded. An unmatched leg may have become
another coin, gone to a chain that nobody loaded, or come out as newly made coins, which no bridge
pays.

Like all that rests on a registry this is **exposure**, context for an analyst and no model's input:
criminals bridge, and so do their victims and everybody else. Where no dated row of the registry was
known on its chain at the cut, all are null.

Worked example: 1,000 USDT come out of a bridge, matched with a deposit on Tron; 20 minutes later
they are swapped for 998 DAI, and an hour after that the DAI go into another bridge and are found on
Arbitrum. A sequence of three steps; the DAI had lain for an hour; of the value of its two crossings
all was matched, and all of it came from or went to chains with low fees.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from features.bridging import bridged_soon, typical_wait
from features.compilation import kernel
from features.crossings import WINDOW
from features.evidence import Elsewhere, Evidence, evidence
from features.history import (
    BRIDGES,
    DAY,
    HOUR,
    MICROSECONDS,
    WHAT,
    Columns,
    History,
    party_of,
)
from features.hops import LIKELY, Bench, length_of_longest, longest_sequence
from features.matching import matched
from features.numeric import distinct, longest_history, middle_of
from features.signal import Family
from features.working import carved, carved_rows

_BRIDGE = party_of("bridge")
_UNKNOWN = "no dated row of the services registry named a bridge on its chain"
_UNSETTLED = _UNKNOWN + ", or no transfer over a bridge had settled where other legs can be seen"


@kernel
def cross_chain_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; a history that met no bridge is passed over once."""
    longest = longest_history(columns.offsets, first, last)
    coins = columns.asset_group.max() + 1 if len(columns.asset_group) else 0
    into, room = carved(columns.room, longest, np.bool_)
    role, room = carved(room, longest, np.int8)
    best, room = carved(room, longest, np.float32)
    work, room = carved_rows(room, 7, longest)
    last_in, cells = np.full(coins, -1, np.int64), np.zeros((3, coins), np.int64)
    bench = Bench(role, work[0], cells[0], cells[1], cells[2])
    entries = columns.crossings
    for i in range(first, last):
        row = out[i]
        row[:] = np.nan
        if not columns.registry[i] & BRIDGES:
            continue
        a, b = columns.offsets[i], columns.offsets[i + 1]
        n_legs, came, first_in, arrived, over = 0, 0, np.int64(-1), 0, 0
        for j in range(a, b):
            bridge = (columns.party[j] & WHAT) == _BRIDGE
            if bridge:
                work[0, n_legs] = columns.counterparty[j]
                n_legs += 1
            if columns.incoming[j]:
                value = columns.value[j]
                first_in = columns.time[j] if first_in < 0 else first_in
                if columns.time[j] - first_in < DAY:
                    arrived += value
                    over += value if bridge else 0
                came += value if columns.two_sided[j] else 0
        row[0], row[5] = n_legs, 0
        row[1] = distinct(work[0, :n_legs], room)
        if came > 0:
            row[7] = 0
        if arrived > 0:
            row[8] = over / arrived
        if n_legs == 0:
            continue
        group = columns.asset_group[columns.asset[a:b]]
        row[6] = typical_wait(columns, a, b, group, last_in, work[0])
        if came > 0:
            row[7] = bridged_soon(columns, a, b, work, into) / came
        start, end = np.searchsorted(entries.at, a), np.searchsorted(entries.at, b)
        if start < end and _fill_settled(columns, start, end, row):
            best[: b - a] = 0
            for k in range(start, end):
                best[entries.at[k] - a] = entries.best[k]
            row[5] = length_of_longest(columns, a, b, best, group, bench)


@kernel
def _fill_settled(
    columns: Columns, start: int, end: int, row: np.ndarray
) -> bool:  # pragma: no cover (compiled)
    """Fill what rests on settled legs alone; say whether one is matched one-to-one."""
    entries = columns.crossings
    weighed, total, n_matched, n_one, one, low = 0.0, 0, 0, 0, 0, 0
    for k in range(start, end):
        value = columns.value[entries.at[k]]
        weighed += value * np.float64(entries.matched[k])
        total += value
        n_matched += entries.matched[k] > LIKELY
        if entries.best[k] > LIKELY:
            n_one += 1
            one += value
            low += value if entries.low_fee[k] else 0
    row[2], row[4] = weighed / total, 1 - n_matched / (end - start)
    if n_matched > 0:
        row[3] = n_one / n_matched
    if one > 0:
        row[9] = low / one
    return n_one > 0


FAMILY = Family(
    "cross_chain",
    cross_chain_kernel,
    cost="linear (a few passes over histories that met a bridge), after crossings were matched",
    settles=timedelta(microseconds=WINDOW),
)


@FAMILY.signal(
    unit="transfers",
    needs="any",
    evidence="members",
    formula="transfers to and from known bridges",
    says="made {value} to or from known bridges",
    null=_UNKNOWN,
    red_flags=("cross_chain_hop",),
    model_input=False,
    exposure=True,
)
def bridge_transfers(history: History) -> Evidence | None:
    """Number of transfers into and out of known bridges."""
    if not history.registry & BRIDGES:
        return None
    rows = _over_bridges(history)
    return evidence(len(rows), rows)


@FAMILY.signal(
    unit="addresses",
    needs="any",
    evidence="members",
    formula="distinct known bridges among the counterparties",
    says="dealt with {value} of known bridges",
    null=_UNKNOWN,
    red_flags=("cross_chain_hop",),
    model_input=False,
    exposure=True,
)
def bridges_used(history: History) -> Evidence | None:
    """Number of known bridges that it paid or was paid by."""
    if not history.registry & BRIDGES:
        return None
    rows = _over_bridges(history)
    _, each = np.unique(history.counterparty[rows], return_index=True)
    return evidence(len(each), rows[each])


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="Σ value × probability of a matching leg on another chain ÷ value, over settled "
    "transfers over bridges",
    says="moved {value} of the value it moved over bridges in crossings whose other leg was found",
    null=_UNSETTLED,
    window=timedelta(hours=2),
    bounds=(0, 1),
    red_flags=("cross_chain_hop",),
    depends_on_as_of=True,
    model_input=False,
    exposure=True,
)
def matched_crossing_share(history: History) -> Evidence | None:
    """Share of the value it moved over bridges whose other leg was found, by probability."""
    rows = _settled(history)
    if not history.registry & BRIDGES or not len(rows):
        return None
    found = sum(
        int(value) * float(probability)
        for value, probability in zip(
            history.value[rows], history.crossing.matched[rows], strict=True
        )
    )
    return _of(history, rows, rows, (found, int(history.value[rows].sum())))


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="legs whose likeliest other leg has a probability above ½ ÷ legs matched",
    says="left a single likely other leg for {value} of its matched crossings ({counts})",
    null=_UNSETTLED + ", or none of them was matched",
    window=timedelta(hours=2),
    bounds=(0, 1),
    depends_on_as_of=True,
    model_input=False,
    exposure=True,
    fewest={"bridge_transfers": 5},
)
def one_to_one_crossing_share(history: History) -> Evidence | None:
    """Share of its matched crossings with one likely other leg; the others are ambiguous."""
    rows = np.flatnonzero(history.crossing.matched > LIKELY)
    if not history.registry & BRIDGES or not len(rows):
        return None
    one = rows[history.crossing.best[rows] > LIKELY]
    return _of(history, rows, one, (len(one), len(rows)))


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="settled transfers over bridges whose possible other legs have probabilities of ½ or "
    "less together ÷ settled transfers over bridges",
    says="left no fitting leg on another chain for {value} of its transfers over bridges "
    "({counts})",
    null=_UNSETTLED,
    window=timedelta(hours=2),
    bounds=(0, 1),
    depends_on_as_of=True,
    model_input=False,
    exposure=True,
    fewest={"bridge_transfers": 5},
)
def unmatched_crossing_share(history: History) -> Evidence | None:
    """Share of its transfers over bridges whose other leg was not found."""
    rows = _settled(history)
    if not history.registry & BRIDGES or not len(rows):
        return None
    lost = rows[history.crossing.matched[rows] <= LIKELY]
    return _of(history, rows, lost, (len(lost), len(rows)))


@FAMILY.signal(
    unit="steps",
    needs="both",
    evidence="extremal",
    formula="longest sequence of one-to-one crossings and swaps, at least one a crossing, each "
    "taking up within 2 hours the coin that the last step before it brought; after a deposit, "
    "what comes out of a bridge next",
    says="moved money on over chains in a sequence of {value}, at most 2 hours apart",
    null=_UNKNOWN,
    window=timedelta(hours=2),
    red_flags=("cross_chain_hop",),
    depends_on_as_of=True,
    model_input=False,
    exposure=True,
)
def hop_sequence(history: History) -> Evidence | None:
    """Longest sequence of crossings and swaps in which each step takes up what the last brought."""
    if not history.registry & BRIDGES:
        return None
    sequence = longest_sequence(history)
    rows = [row for step in sequence for row in step.rows]
    return _with_other_legs(history, evidence(len(sequence), rows, rows))


@FAMILY.signal(
    unit="seconds",
    needs="both",
    evidence="distribution",
    formula="median time from the last receipt of the coin to its deposit into a known bridge",
    says="typically sent a coin into a bridge {value} after it received it (median of "
    "{count:deposits})",
    null=_UNKNOWN + ", or no coin that had come in went into a bridge",
    red_flags=("cross_chain_hop",),
    flags_when_low=("cross_chain_hop",),
    model_input=False,
    exposure=True,
    fewest={"bridge_transfers": 3},
)
def receipt_to_bridge(history: History) -> Evidence | None:
    """Typical (median) time for which a coin lay before it went into a bridge."""
    group = history.asset_group[history.asset]
    over = set(_over_bridges(history).tolist())
    last: dict[int, int] = {}
    waits, used = [], []
    for row in np.flatnonzero(history.two_sided).tolist():
        coin = int(group[row])
        if history.incoming[row]:
            last[coin] = row
        elif row in over and coin in last:
            waits.append(int(history.time[row] - history.time[last[coin]]))
            used += [row, last[coin]]
    if not history.registry & BRIDGES or not waits:
        return None
    middle = [wait / MICROSECONDS for wait in middle_of(np.array(waits))]
    return evidence(sum(middle) / len(middle), used, middle=middle, count=len(waits))


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="value sent into known bridges less than an hour after it was received (first in, "
    "first out) ÷ value received",
    says="sent {value} of what it received into bridges within an hour",
    null=_UNKNOWN + ", or nothing came in",
    window=timedelta(hours=1),
    bounds=(0, 1),
    red_flags=("cross_chain_hop", "rapid_pass_through"),
    model_input=False,
    exposure=True,
)
def bridged_1h_share(history: History) -> Evidence | None:
    """Share of the value received that went into bridges within an hour."""
    flows, original = history.two_sided_part()
    received = int(flows.value[flows.inflows].sum())
    if not history.registry & BRIDGES or not received:
        return None
    over = set(_over_bridges(flows).tolist())
    soon = [
        piece
        for piece in matched(flows)
        if piece.outflow in over and flows.time[piece.outflow] - flows.time[piece.inflow] < HOUR
    ]
    telling = original[[row for piece in soon for row in (piece.inflow, piece.outflow)]]
    value = sum(piece.value for piece in soon)
    return evidence(
        value / received, original, np.unique(telling), numerator=value, denominator=received
    )


@FAMILY.signal(
    unit="share",
    needs="in",
    evidence="distribution",
    formula="value received from known bridges ÷ value received, within 24 hours from the first "
    "receipt",
    says="received {value} of what came in its first 24 hours over known bridges",
    null=_UNKNOWN + ", or nothing came in",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("cross_chain_hop",),
    model_input=False,
    exposure=True,
)
def first_arrival_bridge_share(history: History) -> Evidence | None:
    """Share of the value that came in over bridges on its first day on the chain."""
    rows = history.inflows
    if not history.registry & BRIDGES or not len(rows):
        return None
    rows = rows[history.time[rows] - history.time[rows[0]] < DAY]
    over = np.intersect1d(rows, _over_bridges(history))
    values = int(history.value[over].sum()), int(history.value[rows].sum())
    return _of(history, rows, over, values)


@FAMILY.signal(
    unit="share",
    needs="any",
    evidence="distribution",
    formula="value of one-to-one crossings whose other leg is on a chain with low fees ÷ value of "
    "one-to-one crossings",
    says="moved {value} of the value of its one-to-one crossings to or from chains with low fees",
    null=_UNSETTLED + ", or none was matched one-to-one",
    window=timedelta(hours=2),
    bounds=(0, 1),
    red_flags=("low_fee_chain_preference",),
    depends_on_as_of=True,
    model_input=False,
    exposure=True,
)
def low_fee_chain_share(history: History) -> Evidence | None:
    """Share of the value of its one-to-one crossings that went to or came from low-fee chains."""
    rows = np.flatnonzero(history.crossing.best > LIKELY)
    if not history.registry & BRIDGES or not len(rows):
        return None
    low = rows[history.crossing.low_fee[rows]]
    values = int(history.value[low].sum()), int(history.value[rows].sum())
    return _of(history, rows, low, values)


def _over_bridges(history: History) -> np.ndarray:
    return np.flatnonzero((history.party & WHAT) == _BRIDGE)


def _settled(history: History) -> np.ndarray:
    return np.flatnonzero(~np.isnan(history.crossing.matched))


def _of(
    history: History, rows: np.ndarray, part: np.ndarray, values: tuple[float, int]
) -> Evidence:
    numerator, denominator = values
    share = evidence(
        numerator / denominator, rows, part, numerator=numerator, denominator=denominator
    )
    return _with_other_legs(history, share)


def _with_other_legs(history: History, shown: Evidence) -> Evidence:
    """Name the likeliest other leg of each transfer, where it has one."""
    other, best = history.crossing.other, history.crossing.best
    legs = [
        Elsewhere(int(other[row]), row, float(best[row]))
        for row in shown.rows.tolist()
        if other[row] >= 0
    ]
    return replace(shown, elsewhere=tuple(legs))
