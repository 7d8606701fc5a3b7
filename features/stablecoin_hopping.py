"""Stablecoin hopping: coins changed for coins, quickly, one way, and out of an issuer's reach.

A thief who receives USDT knows that its issuer can freeze it, so it is changed within hours for a
coin that nobody can freeze, or passed through several coins so that a tracer loses the thread
(AUSTRAC 2025; Griffin and Mei). Traders swap too, and more often. They come back: what tells a
launderer is that the swaps go one way, follow a receipt, use one venue, and that what leaves is
another coin than what came.

Worked example: 100 USDT come in; an hour later one transaction sends 100 USDT to a router and
brings 99 DAI; 99 DAI leave. One swap, of a coin held for an hour; all of the value received was
swapped, all freezable value left the issuer's reach within a day, and the coins that came from
others and the coins that went to others have nothing in common (`asset_mix_shift` 1).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np

from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import DAY, HOUR, MICROSECONDS, STABLECOIN, Columns, History
from features.numeric import (
    longest_history,
    median_in_place,
    middle_of,
    window_of_largest,
)
from features.signal import Family
from features.swaps import (
    BOUGHT,
    ISSUED,
    PLAIN,
    SOLD,
    Swap,
    Swapping,
    escaped_share,
    largest_venue,
    mark_swaps,
    swap_habits,
)
from features.working import carved


@kernel
def stablecoin_hopping_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; working arrays are made once and shared by all histories."""
    longest = longest_history(columns.offsets, first, last)
    role, room = carved(columns.room, longest, np.int8)
    partner, room = carved(room, longest, np.int64)
    rows, room = carved(room, longest, np.int64)
    work, room = carved(room, longest, np.int64)
    coins = columns.asset_group.max() + 1 if len(columns.asset_group) else 0
    sums, seen = np.zeros((4, coins), np.int64), np.full(coins, -1, np.int64)
    for i in range(first, last):
        a, b = columns.offsets[i], columns.offsets[i + 1]
        time, value, incoming = columns.time[a:b], columns.value[a:b], columns.incoming[a:b]
        two_sided, asset = columns.two_sided[a:b], columns.asset[a:b]
        group, kind = columns.asset_group[asset], columns.asset_kind[asset]
        row = out[i]
        row[:] = np.nan
        row[0] = mark_swaps(time, value, incoming, group, columns.tx[a:b], two_sided, role, partner)
        row[1], row[2] = 0, 0
        n_sold, n_held, sold_value = 0, 0, 0
        for j in range(b - a):
            if incoming[j] and two_sided[j] and (role[j] == PLAIN or role[j] == BOUGHT):
                seen[group[j]] = time[j]
            if role[j] == SOLD:
                rows[n_sold] = j
                n_sold += 1
                sold_value += value[j]
                if seen[group[j]] >= 0:
                    work[n_held] = time[j] - seen[group[j]]
                    n_held += 1
        seen[group] = -1
        if n_sold > 0:
            sold = rows[:n_sold]
            row[1], row[2], most = swap_habits(time, group, sold, partner, room)
            row[3] = most / n_sold
            row[4] = largest_venue(columns.counterparty[a:b], value, sold, room) / sold_value
        if n_held > 0:
            row[5] = median_in_place(work[:n_held]) / MICROSECONDS
        _fill_coins(value, incoming, group, kind, two_sided, role, sold_value, sums, row)
        row[12] = escaped_share(time, value, incoming, kind, two_sided, role, partner, work)


@kernel
def _fill_coins(
    value: np.ndarray,
    incoming: np.ndarray,
    group: np.ndarray,
    kind: np.ndarray,
    two_sided: np.ndarray,
    role: np.ndarray,
    sold_value: int,
    sums: np.ndarray,
    row: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Fill what needs sums per coin: in, out, and the same beside swaps (rows 2 and 3)."""
    used, stable, total, inflow, outflow = 0, 0, 0, 0, 0
    for j in range(len(value)):
        if not two_sided[j]:
            continue
        g, side = group[j], 0 if incoming[j] else 1
        new = sums[0, g] + sums[1, g] == 0
        sums[side, g] += value[j]
        total += value[j]
        if kind[j] & STABLECOIN:
            used += new
            stable += value[j]
        if role[j] == PLAIN:
            sums[2 + side, g] += value[j]
            inflow += value[j] if incoming[j] else 0
            outflow += 0 if incoming[j] else value[j]
    entropy, shift, switched, stable_out = 0.0, 0.0, 0, 0
    for j in range(len(value)):
        g = group[j]
        if not two_sided[j] or sums[0, g] + sums[1, g] == 0:
            continue
        share = (sums[0, g] + sums[1, g]) / total
        entropy -= share * np.log2(share)
        shift += abs(sums[2, g] / inflow - sums[3, g] / outflow) / 2
        if kind[j] & STABLECOIN:
            stable_out += sums[3, g]
            switched += max(0, sums[3, g] - sums[2, g])
        sums[:, g] = 0
    row[6] = sold_value / inflow if inflow > 0 else np.nan
    row[7] = used
    row[8] = stable / total if total > 0 else np.nan
    row[9] = entropy if total > 0 else np.nan
    row[10] = min(1.0, shift) if inflow > 0 and outflow > 0 else np.nan
    row[11] = switched / stable_out if stable_out > 0 else np.nan


FAMILY = Family(
    "stablecoin_hopping",
    stablecoin_hopping_kernel,
    cost="linear, plus a sort of the transfers of one moment",
)


@FAMILY.signal(
    unit="swaps",
    needs="token_both",
    evidence="members",
    formula="transactions that send one coin and receive another",
    says="made {value}",
    red_flags=("stablecoin_hopping",),
)
def swaps(history: History) -> Evidence:
    """Number of swaps: transactions in which it gave one coin and got another."""
    found = Swapping(history)
    return evidence(len(found.swaps), found.legs())


@FAMILY.signal(
    unit="swaps",
    needs="token_both",
    evidence="extremal",
    formula="greatest number of swaps within any 24 hours",
    says="made {value} within 24 hours",
    says_low="made at most {value} within any 24 hours",
    window=timedelta(hours=24),
    red_flags=("stablecoin_hopping",),
)
def swaps_24h(history: History) -> Evidence:
    """Number of swaps in its busiest 24 hours."""
    found = Swapping(history)
    times = history.time[found.at(s.sold for s in found.swaps)]
    start, end, most = window_of_largest(times, np.ones(len(times), np.int64), DAY)
    return evidence(most, found.legs(found.swaps[start:end]))


@FAMILY.signal(
    unit="swaps",
    needs="token_both",
    evidence="extremal",
    formula="longest run of successive swaps, each selling what the last one bought, "
    "at most 1 hour apart",
    says="made {value} in a row from coin to coin, an hour apart or less",
    says_low="made at most {value} in a row from coin to coin, an hour apart or less",
    window=timedelta(hours=1),
    red_flags=("stablecoin_hopping",),
)
def swap_chain(history: History) -> Evidence:
    """Longest chain of swaps, each selling within an hour what the one before had bought."""
    found = Swapping(history)
    best: list[Swap] = []
    chain: list[Swap] = []
    for swap in found.swaps:
        last = chain[-1] if chain else swap
        follows = found.coin[last.bought] == found.coin[swap.sold]
        near = found.rows.time[swap.sold] - found.rows.time[last.sold] <= HOUR
        chain = [*chain, swap] if chain and follows and near else [swap]
        best = max(best, chain, key=len)
    return evidence(len(best), found.legs(best))


@FAMILY.signal(
    unit="share",
    needs="token_both",
    evidence="distribution",
    formula="swaps in the commonest direction (coin sold, coin bought) ÷ swaps",
    says="made {value} of its swaps from one coin into one other ({counts})",
    null="no swap",
    bounds=(0, 1),
    fewest={"swaps": 5},
)
def one_way_swap_share(history: History) -> Evidence | None:
    """Share of its swaps between the commonest pair of coins, in the commoner direction."""
    found = Swapping(history)
    if not found.swaps:
        return None
    directions = [(found.coin[s.sold], found.coin[s.bought]) for s in found.swaps]
    top, most = Counter(directions).most_common(1)[0]
    telling = [s for s, d in zip(found.swaps, directions, strict=True) if d == top]
    n = len(found.swaps)
    return evidence(most / n, found.legs(), found.legs(telling), numerator=most, denominator=n)


@FAMILY.signal(
    unit="share",
    needs="token_both",
    evidence="distribution",
    formula="greatest value sold to one address in swaps ÷ value sold in swaps",
    says="swapped {value} of the value it swapped at one address",
    says_low="swapped at most {value} of the value it swapped at any one address",
    null="no swap",
    bounds=(0, 1),
    red_flags=("one_venue_swapping",),
    fewest={"swaps": 5},
)
def one_venue_share(history: History) -> Evidence | None:
    """Share of the value it swapped that went to one venue."""
    found = Swapping(history)
    if not found.swaps:
        return None
    venues: Counter[int] = Counter()
    for swap in found.swaps:
        venues[int(found.rows.counterparty[swap.sold])] += int(found.rows.value[swap.sold])
    venue, most = venues.most_common(1)[0]
    total = sum(venues.values())
    telling = [s for s in found.swaps if found.rows.counterparty[s.sold] == venue]
    return evidence(
        most / total, found.legs(), found.legs(telling), numerator=most, denominator=total
    )


@FAMILY.signal(
    unit="seconds",
    needs="token_both",
    evidence="distribution",
    formula="median time from the last receipt of the sold coin to the swap",
    says="typically swapped a coin {value} after it received it (median of {count:swaps})",
    null="no swap of a coin that had come in",
    red_flags=("stablecoin_hopping",),
    flags_when_low=("stablecoin_hopping",),
    fewest={"swaps": 5},
)
def hold_before_swap(history: History) -> Evidence | None:
    """Typical (median) time for which a coin lay before it was swapped."""
    found = Swapping(history)
    last: dict[int, int] = {}
    holds, used = [], []
    for j in range(len(found.rows)):
        coin = int(found.coin[j])
        if found.rows.incoming[j] and found.role[j] in (PLAIN, BOUGHT):
            last[coin] = j
        if found.role[j] == SOLD and coin in last:
            holds.append(int(found.rows.time[j] - found.rows.time[last[coin]]))
            used += [j, last[coin]]
    if not holds:
        return None
    middle = [hold / MICROSECONDS for hold in middle_of(np.array(holds))]
    return evidence(sum(middle) / len(middle), found.at(used), middle=middle, count=len(holds))


@FAMILY.signal(
    unit="ratio",
    needs="token_both",
    evidence="distribution",
    formula="value sold in swaps ÷ value received otherwise than by swaps",
    says="swapped {value} the value that it received from others",
    null="nothing came in but by swaps",
    red_flags=("stablecoin_hopping",),
)
def swapped_ratio(history: History) -> Evidence | None:
    """Value swapped, as a multiple of the value received from others."""
    found = Swapping(history)
    received = np.flatnonzero(found.rows.incoming & (found.role == PLAIN))
    if not len(received):
        return None
    total = int(found.rows.value[received].sum())
    sold = sum(int(found.rows.value[s.sold]) for s in found.swaps)
    rows = np.concatenate([found.at(received), found.legs()])
    return evidence(sold / total, rows, found.legs(), numerator=sold, denominator=total)


@FAMILY.signal(
    unit="assets",
    needs="token_both",
    evidence="members",
    formula="distinct stablecoins received or sent",
    says="received or sent {value} at par with the dollar (stablecoins)",
)
def stablecoins_used(history: History) -> Evidence:
    """Number of different stablecoins it received or sent."""
    found = Swapping(history)
    stable = np.flatnonzero(found.kind & STABLECOIN)
    _, once = np.unique(found.coin[stable], return_index=True)
    return evidence(len(once), found.at(stable[once]))


@FAMILY.signal(
    unit="share",
    needs="token_both",
    evidence="distribution",
    formula="value received and sent in stablecoins ÷ value received and sent",
    says="moved {value} of its value in stablecoins",
    null="no transfer of a kind seen in both directions",
    bounds=(0, 1),
)
def stablecoin_share(history: History) -> Evidence | None:
    """Share of the value it received and sent that was in stablecoins."""
    found = Swapping(history)
    if not len(found.rows):
        return None
    stable = np.flatnonzero(found.kind & STABLECOIN)
    part, total = int(found.rows.value[stable].sum()), int(found.rows.value.sum())
    return evidence(
        part / total, found.original, found.at(stable), numerator=part, denominator=total
    )


@FAMILY.signal(
    unit="bits",
    needs="token_both",
    evidence="distribution",
    formula="Shannon entropy of the value received and sent over coins",
    says="spread its value over coins by {value} (0 is one coin, 1 two used equally)",
    null="no transfer of a kind seen in both directions",
    fewest={"n_transfers": 5},
)
def asset_entropy(history: History) -> Evidence | None:
    """How evenly its value was spread over different coins."""
    found = Swapping(history)
    if not len(found.rows):
        return None
    weights = list(found.value_by_coin(np.arange(len(found.rows))).values())
    shares = np.array(weights) / sum(weights)
    value = max(0.0, float(-(shares * np.log2(shares)).sum()))
    return evidence(value, found.original, weights=weights)


@FAMILY.signal(
    unit="share",
    needs="token_both",
    evidence="distribution",
    formula="½ Σ over coins of |share of value in - share of value out|, swaps aside",
    says="paid out other coins than it was paid in, for {value} of the value",
    null="nothing came in but by swaps, or nothing went out but by swaps",
    bounds=(0, 1),
)
def asset_mix_shift(history: History) -> Evidence | None:
    """How much the coins it paid others differ from the coins others paid it."""
    found = Swapping(history)
    plain = found.role == PLAIN
    rows_in = np.flatnonzero(plain & found.rows.incoming)
    rows_out = np.flatnonzero(plain & ~found.rows.incoming)
    if not len(rows_in) or not len(rows_out):
        return None
    into, out = found.value_by_coin(rows_in), found.value_by_coin(rows_out)
    value_in, value_out = sum(into.values()), sum(out.values())
    coins = sorted(into.keys() | out.keys())
    apart = min(2.0, sum(abs(into[c] / value_in - out[c] / value_out) for c in coins))
    return evidence(apart / 2, found.at(np.flatnonzero(plain)), numerator=apart, denominator=2)


@FAMILY.signal(
    unit="share",
    needs="token_both",
    evidence="distribution",
    formula="Σ over stablecoins of (value out beyond value in, of that coin) ÷ stablecoin value "
    "out, swaps aside",
    says="paid out {value} of its stablecoin value in stablecoins that it had not received as such",
    null="no stablecoin was paid out but by swaps",
    bounds=(0, 1),
    red_flags=("swapped_to_tether",),
)
def switched_stablecoin_share(history: History) -> Evidence | None:
    """Share of the stablecoin value it paid out that had not come in as that stablecoin."""
    found = Swapping(history)
    stable = ((found.kind & STABLECOIN) != 0) & (found.role == PLAIN)
    rows_in = np.flatnonzero(stable & found.rows.incoming)
    rows_out = np.flatnonzero(stable & ~found.rows.incoming)
    if not len(rows_out):
        return None
    into, out = found.value_by_coin(rows_in), found.value_by_coin(rows_out)
    switched = sum(max(0, paid - into[coin]) for coin, paid in out.items())
    total = sum(out.values())
    rows = found.at(np.flatnonzero(stable))
    return evidence(switched / total, rows, numerator=switched, denominator=total)


@FAMILY.signal(
    unit="share",
    needs="token_both",
    evidence="distribution",
    formula="value of freezable stablecoins swapped within 24 hours of receipt (all of them in one "
    "queue) for coins that cannot be frozen ÷ value received in freezable stablecoins",
    says="swapped {value} of the freezable stablecoins it received, within 24 hours, for coins "
    "nobody can freeze",
    null="no freezable stablecoin came in",
    window=timedelta(hours=24),
    bounds=(0, 1),
    red_flags=("freezable_to_unfreezable",),
)
def freezable_escape_24h_share(history: History) -> Evidence | None:
    """Share of the freezable stablecoins received that it swapped out of reach within a day."""
    found = Swapping(history)
    issued = np.flatnonzero((found.kind & ISSUED) == ISSUED)
    received = int(found.rows.value[issued[found.rows.incoming[issued]]].sum())
    escaped, telling = found.escaped(issued)
    if not received:
        return None
    rows = np.union1d(found.at(issued), found.at(telling))
    return evidence(
        escaped / received, rows, found.at(telling), numerator=escaped, denominator=received
    )
