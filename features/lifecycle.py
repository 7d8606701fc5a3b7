"""Lifecycle: how a wallet's use begins, grows and ends.

A laundering wallet is opened for a purpose and closed when it is spent. It is often tried with a
small amount first, or opened by a payment unlike the later ones; a victim's payments grow as the
grooming succeeds (FinCEN FIN-2023-Alert005); and it ends with a payment out that empties it, after
which nothing comes in. Amounts are compared with the wallet's own typical (median) transfer, so
wealth does not enter. Only kinds of transfer that are seen in both directions are looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from features.compilation import kernel
from features.evidence import Evidence, evidence
from features.history import DAY, Columns, History
from features.numeric import longest_history, median_in_place, middle_of
from features.signal import Family
from features.working import carved_rows


@kernel
def lifecycle_kernel(
    columns: Columns, first: int, last: int, out: np.ndarray
) -> None:  # pragma: no cover (compiled)
    """Fill the family's columns; one pass over each history, and a sort of its receipts."""
    longest = longest_history(columns.offsets, first, last)
    rows, _ = carved_rows(columns.room, 2, longest)
    work, receipts = rows[0], rows[1]
    for i in range(first, last):
        row = out[i]
        row[:] = np.nan
        n, n_in, smallest_in, smallest_out, last_out = 0, 0, 0, 0, 0
        start, end, first_in, last_in, first_out = 0, 0, -1, -1, -1
        for j in range(columns.offsets[i], columns.offsets[i + 1]):
            if not columns.two_sided[j]:
                continue
            time, value = columns.time[j], columns.value[j]
            start, end = start if n else time, time
            work[n] = value
            n += 1
            if columns.incoming[j]:
                smallest_in = min(smallest_in, value) if n_in else value
                first_in, last_in = first_in if n_in else time, time
                receipts[n_in] = value
                n_in += 1
            else:
                smallest_out = value if first_out < 0 else min(smallest_out, value)
                if first_out < 0 <= first_in:
                    row[5] = (time - first_in) / DAY
                first_out, last_out = time if first_out < 0 else first_out, value
        if n == 0:
            continue
        typical = median_in_place(work[:n])
        if n_in:
            row[0], row[2] = smallest_in / typical, receipts[0] / typical
            if end > start:
                row[6] = (end - last_in) / (end - start)
        if n_in < n:
            row[1], row[3] = smallest_out / typical, last_out / typical
        if n_in > 2:
            row[4] = _rising(receipts[:n_in])


@kernel
def _rising(values: np.ndarray) -> float:  # pragma: no cover (compiled)
    """Return (rises - falls) ÷ (rises + falls) over successive values; NaN where none differ."""
    rises, falls = 0, 0
    for k in range(1, len(values)):
        rises += values[k] > values[k - 1]
        falls += values[k] < values[k - 1]
    return (rises - falls) / (rises + falls) if rises + falls else np.nan


FAMILY = Family(
    "lifecycle",
    lifecycle_kernel,
    cost="linear (one pass, the median by selection)",
)


@FAMILY.signal(
    unit="ratio",
    needs="both",
    evidence="distribution",
    formula="smallest incoming value ÷ median value of all its transfers",
    says="received no amount smaller than {value} its typical transfer ({count:receipts})",
    says_low="received an amount of {value} its typical transfer, the smallest of {count:receipts}",
    null="nothing came in",
    fewest={"transfers_in": 5},
)
def smallest_receipt_ratio(history: History) -> Evidence | None:
    """Smallest amount received, as a multiple of its typical transfer: small test payments."""
    h, rows = history.two_sided_part()
    return _against_typical(h, rows, lambda into: into[h.value[into].argmin()], h.inflows)


@FAMILY.signal(
    unit="ratio",
    needs="both",
    evidence="distribution",
    formula="smallest outgoing value ÷ median value of all its transfers",
    says="made no payment smaller than {value} its typical transfer ({count:payments})",
    says_low="made a payment of {value} its typical transfer, the smallest of {count:payments}",
    null="nothing went out",
    fewest={"transfers_out": 5},
)
def smallest_payment_ratio(history: History) -> Evidence | None:
    """Smallest amount sent, as a multiple of its typical transfer."""
    h, rows = history.two_sided_part()
    return _against_typical(h, rows, lambda out: out[h.value[out].argmin()], h.outflows)


@FAMILY.signal(
    unit="ratio",
    needs="both",
    evidence="distribution",
    formula="first incoming value ÷ median value of all its transfers",
    says="began with a receipt of {value} its typical transfer",
    null="nothing came in",
    fewest={"n_transfers": 10},
)
def first_receipt_ratio(history: History) -> Evidence | None:
    """First amount received, as a multiple of its typical transfer."""
    h, rows = history.two_sided_part()
    return _against_typical(h, rows, lambda into: into[0], h.inflows)


@FAMILY.signal(
    unit="ratio",
    needs="both",
    evidence="distribution",
    formula="last outgoing value ÷ median value of all its transfers",
    says="ended with a payment of {value} its typical transfer",
    null="nothing went out",
    fewest={"n_transfers": 10},
)
def last_payment_ratio(history: History) -> Evidence | None:
    """Last amount sent, as a multiple of its typical transfer: the payment that closes a wallet."""
    h, rows = history.two_sided_part()
    return _against_typical(h, rows, lambda out: out[-1], h.outflows)


@FAMILY.signal(
    unit="score",
    needs="both",
    evidence="distribution",
    formula="(rises - falls) ÷ (rises + falls) from one incoming value to the next",
    says="received more than the time before {rises:times}, and less {falls:times}",
    null="fewer than three receipts, or all of one amount",
    bounds=(-1, 1),
    fewest={"transfers_in": 5},
)
def receipts_rising(history: History) -> Evidence | None:
    """How much more often the amounts received rise than fall."""
    h, rows = history.two_sided_part()
    into = h.inflows
    steps = np.sign(np.diff(h.value[into]))
    rises, falls = int((steps > 0).sum()), int((steps < 0).sum())
    if len(into) < 3 or not rises + falls:
        return None
    return evidence(
        (rises - falls) / (rises + falls),
        rows[into],
        numerator=rises - falls,
        denominator=rises + falls,
        rises=rises,
        falls=falls,
    )


@FAMILY.signal(
    unit="days",
    needs="both",
    evidence="members",
    formula="first payment out - first receipt, where the receipt came first",
    says="made its first payment {value} after its first receipt",
    null="nothing went out, or nothing came in before the first payment out",
)
def days_to_first_payment(history: History) -> Evidence | None:
    """Time from the first receipt to the first payment out."""
    h, rows = history.two_sided_part()
    into, out = h.inflows, h.outflows
    if not len(into) or not len(out) or into[0] > out[0]:
        return None
    return evidence((h.time[out[0]] - h.time[into[0]]) / DAY, rows[[into[0], out[0]]])


@FAMILY.signal(
    unit="share",
    needs="both",
    evidence="distribution",
    formula="(last transfer - last receipt) ÷ (last transfer - first transfer)",
    says="went on for {value} of its time in use after its last receipt",
    null="nothing came in, or all at one moment",
    bounds=(0, 1),
)
def winding_down_share(history: History) -> Evidence | None:
    """Share of its time in use after the last receipt."""
    h, rows = history.two_sided_part()
    into = h.inflows
    if not len(into) or h.time[-1] == h.time[0]:
        return None
    tail, span = int(h.time[-1] - h.time[into[-1]]), int(h.time[-1] - h.time[0])
    shown = rows[[0, into[-1], len(h) - 1]]
    return evidence(tail / span, shown, rows[[into[-1]]], numerator=tail, denominator=span)


def _against_typical(
    h: History, rows: np.ndarray, choose: Callable[[np.ndarray], int], among: np.ndarray
) -> Evidence | None:
    """Compare one chosen transfer with the median of all."""
    if not len(among):
        return None
    at = int(choose(among))
    middle = middle_of(h.value)
    typical = sum(middle) / len(middle)
    return evidence(
        int(h.value[at]) / typical,
        rows,
        [rows[at]],
        numerator=int(h.value[at]),
        denominator=typical,
        count=len(among),
    )
