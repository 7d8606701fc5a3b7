"""Swaps: transactions in which an address gave one coin and got another.

A transaction is a swap of an address when it sends one coin and receives another in it. The **sold
leg** is the largest transfer it sends, the **bought leg** the largest it receives in a coin other
than the sold one (the first of equals, each). Contracts of one coin count as that coin, so
wrapping is no swap. The receiver of the sold leg is the venue: a router, a pool or a desk.

Only transfers of kinds seen in both directions belong here: a leg that an export cannot show must
not look like a payment. The compiled function serves kernels, the plain one definitions.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from features.compilation import kernel
from features.counterparties import numbering, renumber
from features.history import DAY, FREEZABLE, HOUR, STABLECOIN, History
from features.numeric import largest_window
from features.working import carved

PLAIN, SOLD, BOUGHT, ASIDE = 0, 1, 2, 3
"""A transfer's role: in no swap; a swap's sold or bought leg; another part of a swap (a refund,
a second route, a fee), which neither counts as a swap nor as a payment."""

ISSUED = STABLECOIN | FREEZABLE
"""The bits of a stablecoin that its issuer can freeze."""


class Swap(NamedTuple):
    """The positions of a swap's two legs in a history."""

    sold: int
    bought: int


@kernel
def mark_swaps(
    time: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    group: np.ndarray,
    tx: np.ndarray,
    two_sided: np.ndarray,
    role: np.ndarray,
    partner: np.ndarray,
) -> int:  # pragma: no cover (compiled)
    """Find the swaps of one history and return how many there are.

    Fills `role` and, at each sold leg, `partner` with the position of its bought leg. Transfers of
    one transaction share a moment, so that only transfers of one moment are sorted, by transaction.
    """
    n, count, start = len(time), 0, 0
    role[:n] = PLAIN
    while start < n:
        end = start + 1
        while end < n and time[end] == time[start]:
            end += 1
        if end - start > 1:
            order = start + np.argsort(tx[start:end].astype(np.int64), kind="mergesort")
            p = 0
            while p < len(order):
                q = p + 1
                while q < len(order) and tx[order[q]] == tx[order[p]]:
                    q += 1
                count += _mark(order[p:q], value, incoming, group, two_sided, role, partner)
                p = q
        start = end
    return count


@kernel
def _mark(
    rows: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    group: np.ndarray,
    two_sided: np.ndarray,
    role: np.ndarray,
    partner: np.ndarray,
) -> bool:  # pragma: no cover (compiled)
    """Mark one transaction's transfers (ascending positions); say whether it is a swap."""
    sold, bought = -1, -1
    for j in rows:
        if two_sided[j] and not incoming[j] and (sold < 0 or value[j] > value[sold]):
            sold = j
    if sold < 0:
        return False
    for j in rows:
        other = two_sided[j] and incoming[j] and group[j] != group[sold]
        if other and (bought < 0 or value[j] > value[bought]):
            bought = j
    if bought < 0:
        return False
    for j in rows:
        role[j] = ASIDE
    role[sold], role[bought], partner[sold] = SOLD, BOUGHT, bought
    return True


@kernel
def swap_habits(
    time: np.ndarray, group: np.ndarray, sold: np.ndarray, partner: np.ndarray, room: np.ndarray
) -> tuple[int, int, int]:  # pragma: no cover (compiled)
    """Return the most swaps within a day, the longest chain of them, and the most of one direction.

    A chain sells within an hour what the swap before had bought; `room` as in `features.working`.
    """
    moments, room = carved(room, len(sold), np.int64)
    ones, room = carved(room, len(sold), np.int64)
    chain, longest = 1, 1
    for k in range(len(sold)):
        moments[k], ones[k] = time[sold[k]], 1
        if k == 0:
            continue
        follows = group[partner[sold[k - 1]]] == group[sold[k]]
        near = moments[k] - moments[k - 1] <= HOUR
        chain = chain + 1 if follows and near else 1
        longest = max(longest, chain)
    busiest = largest_window(moments, ones, DAY)
    directions = moments
    for k in range(len(sold)):  # the two coins as one number
        directions[k] = group[sold[k]] * 2**31 + group[partner[sold[k]]]
    return busiest, longest, _largest_total(directions, ones, room)


@kernel
def largest_venue(
    counterparty: np.ndarray, value: np.ndarray, sold: np.ndarray, room: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """Return the greatest value that one counterparty was sold; `room` as in `features.working`."""
    venues, room = carved(room, len(sold), np.int64)
    amounts, room = carved(room, len(sold), np.int64)
    for k in range(len(sold)):
        venues[k], amounts[k] = counterparty[sold[k]], value[sold[k]]
    return _largest_total(venues, amounts, room)


@kernel
def _largest_total(
    ids: np.ndarray, amounts: np.ndarray, room: np.ndarray
) -> int:  # pragma: no cover (compiled)
    """Return the greatest sum of amounts under one id."""
    n = len(ids)
    table, seen, code, _ = numbering(room, n)
    totals = seen[: renumber(ids, table, seen, code)]
    totals[:] = 0
    for k in range(n):
        totals[code[k]] += amounts[k]
    return totals.max() if n > 0 else 0


@kernel
def escaped_share(
    time: np.ndarray,
    value: np.ndarray,
    incoming: np.ndarray,
    kind: np.ndarray,
    two_sided: np.ndarray,
    role: np.ndarray,
    partner: np.ndarray,
    left: np.ndarray,
) -> float:  # pragma: no cover (compiled)
    """Return the share of freezable value swapped for unfreezable coins within a day."""
    received, escaped, head = 0, 0, 0
    for j in range(len(value)):
        left[j] = 0
        if not two_sided[j] or (kind[j] & ISSUED) != ISSUED:
            continue
        if incoming[j]:
            left[j] = value[j]
            received += value[j]
            continue
        wanted = value[j]
        leaves = role[j] == SOLD and (kind[partner[j]] & FREEZABLE) == 0
        while wanted > 0 and head < j:
            moved = min(wanted, left[head])
            if leaves and time[j] - time[head] <= DAY:
                escaped += moved
            left[head] -= moved
            wanted -= moved
            if left[head] == 0:
                head += 1
    return escaped / received if received > 0 else np.nan


def swaps_of(history: History) -> list[Swap]:
    """Return the swaps of a history, in the order in which their sold legs stand.

    `history` holds transfers of kinds seen in both directions (`History.two_sided_part`).
    """
    transactions: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in range(len(history)):
        transactions[int(history.time[row]), int(history.tx[row])].append(row)
    group = groups_of(history)
    found = []
    for rows in transactions.values():
        sent = [row for row in rows if not history.incoming[row]]
        if not sent:
            continue
        sold = max(sent, key=lambda row: history.value[row])
        others = [row for row in rows if history.incoming[row] and group[row] != group[sold]]
        if others:
            found.append(Swap(sold, max(others, key=lambda row: history.value[row])))
    return sorted(found)


def roles_of(history: History, swaps: list[Swap]) -> np.ndarray:
    """Return each transfer's role (`PLAIN`, `SOLD`, `BOUGHT`, `ASIDE`)."""
    swapping = {(int(history.time[s.sold]), int(history.tx[s.sold])) for s in swaps}
    moments = zip(history.time, history.tx, strict=True)
    role = np.array([ASIDE if (int(t), int(x)) in swapping else PLAIN for t, x in moments], int)
    for swap in swaps:
        role[swap.sold], role[swap.bought] = SOLD, BOUGHT
    return role


def groups_of(history: History) -> np.ndarray:
    """Return the coin of each transfer: one code for all contracts of a coin."""
    return history.asset_group[history.asset]


class Swapping:
    """A history's transfers of kinds seen in both directions, with its swaps."""

    def __init__(self, history: History) -> None:
        self.original = np.flatnonzero(history.two_sided)
        self.rows = history.take(self.original)
        self.coin = groups_of(self.rows)
        self.kind = self.rows.kind_of(np.arange(len(self.rows)))
        self.swaps = swaps_of(self.rows)
        self.role = roles_of(self.rows, self.swaps)

    def at(self, rows: Iterable[int]) -> np.ndarray:
        """Return the positions in the whole history."""
        return self.original[np.fromiter(rows, dtype=np.int64)]

    def legs(self, swaps: list[Swap] | None = None) -> np.ndarray:
        """Return the positions in the whole history of some swaps' legs; of all by default."""
        return self.at(leg for swap in (self.swaps if swaps is None else swaps) for leg in swap)

    def value_by_coin(self, rows: np.ndarray) -> Counter[int]:
        """Return the sum of values per coin."""
        sums: Counter[int] = Counter()
        for row in rows:
            sums[int(self.coin[row])] += int(self.rows.value[row])
        return sums

    def escaped(self, issued: np.ndarray) -> tuple[int, list[int]]:
        """Return the value behind `escaped_share`, and the transfers that moved it.

        `issued` are the positions of the transfers of freezable stablecoins.
        """
        bought = dict(self.swaps)
        waiting: deque[tuple[int, int]] = deque()
        escaped, telling = 0, []
        for j in issued.tolist():
            wanted = int(self.rows.value[j])
            if self.rows.incoming[j]:
                waiting.append((j, wanted))
                continue
            leaves = j in bought and not self.kind[bought[j]] & FREEZABLE
            while wanted and waiting:
                source, available = waiting.popleft()
                moved = min(wanted, available)
                wanted -= moved
                if available > moved:
                    waiting.appendleft((source, available - moved))
                if leaves and self.rows.time[j] - self.rows.time[source] <= DAY:
                    escaped += moved
                    telling += [source, j, bought[j]]
        return escaped, telling
