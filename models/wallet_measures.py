"""What a realism report compares: a few plain measures of each wallet, with a scale to compare on.

Most are signals of the catalogue under their own names; the rest are written here, in numpy over
one `History`, because no model needs them. Nothing looks at the calendar: days are counted from a
history's first transfer.

A count or a time is compared on the scale of doublings, ``log2(1 + x)``, a multiple as ``log2(x)``,
so that a distance of 1 means "twice as much, on average"; a share is compared as it is.

>>> float(BY_NAME["transfers_in"].scaled(np.array([3.0]))[0])
2.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.history import DAY, MICROSECONDS, USD_PER_MICRO, Histories, History

WIDE = 5
"""Receivers on one day that make the day a wide one."""

MULTIPLE, DOLLARS = "multiple", "usd"
"""Units that no signal has: multiples of the wallet's median amount; dollars."""

_LEAST = 1e-6
"""A multiple below it is compared as if it were that much."""


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes
    ----------
    name
        Column; that of the signal where `of` is None.
    title
        As people read it.
    unit
        ``transfers``, ``addresses``, ``days``, ``seconds``, ``share``, `MULTIPLE` or `DOLLARS`.
    of
        Function of one history, NaN where it is not defined; None for a signal of the catalogue.
    """

    name: str
    title: str
    unit: str
    of: Callable[[History], float] | None = None

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Put values on the scale they are compared on."""
        if self.unit == "share":
            return values
        return np.log2(np.maximum(values, _LEAST) + (self.unit != MULTIPLE))


def high_gap(history: History) -> float:
    """Return the 90 % quantile of the seconds between transfers."""
    gaps = np.diff(history.time)
    return float(np.quantile(gaps, 0.9)) / MICROSECONDS if len(gaps) else np.nan


def small_amount(history: History) -> float:
    """Return the 10 % quantile of amounts, as a multiple of their median."""
    return _amount(history, 0.1)


def large_amount(history: History) -> float:
    """Return the 90 % quantile of amounts, as a multiple of their median."""
    return _amount(history, 0.9)


def busiest_day_receivers(history: History) -> float:
    """Return the distinct receivers of the day that has most."""
    days = receivers_by_day(history)
    return float(days.max()) if len(days) else np.nan


def wide_day_share(history: History) -> float:
    """Return the share of days with an outgoing transfer on which `WIDE` or more were paid."""
    days = receivers_by_day(history)
    return float((days >= WIDE).mean()) if len(days) else np.nan


def top_receiver_transfers(history: History) -> float:
    """Return the share of outgoing transfers that went to the receiver of most."""
    paid = history.counterparty[history.outflows]
    if not len(paid):
        return np.nan
    return float(np.unique(paid, return_counts=True)[1].max() / len(paid))


def forwarded_share(history: History) -> float:
    """Return the share of value received that had left again by the end, first in, first out."""
    flows, _ = history.two_sided_part()
    received = float(flows.value[flows.inflows].sum())
    return 1.0 - _left(flows) / received if received else np.nan


def payout(history: History) -> float:
    """Return the median outgoing transfer in dollars (on the ``usd`` basis)."""
    paid = history.value[history.outflows]
    return float(np.median(paid)) / USD_PER_MICRO if len(paid) else np.nan


def payouts_round_10(history: History) -> float:
    """Return the share of outgoing transfers that are whole multiples of $10."""
    return _round(history, 10)


def payouts_round_100(history: History) -> float:
    """Return the share of outgoing transfers that are whole multiples of $100."""
    return _round(history, 100)


def payouts_round_1000(history: History) -> float:
    """Return the share of outgoing transfers that are whole multiples of $1,000."""
    return _round(history, 1000)


MEASURES: tuple[Measure, ...] = (
    Measure("transfers_in", "transfers in", "transfers"),
    Measure("transfers_out", "transfers out", "transfers"),
    Measure("senders", "senders (degree in)", "addresses"),
    Measure("receivers", "receivers (degree out)", "addresses"),
    Measure("days_in_use", "lifetime", "days"),
    Measure("active_days", "active days", "days"),
    Measure("median_gap", "time between transfers, median", "seconds"),
    Measure("high_gap", "time between transfers, 90 % quantile", "seconds", high_gap),
    Measure("small_amount", "small amounts, 10 % quantile ÷ median", MULTIPLE, small_amount),
    Measure("large_amount", "large amounts, 90 % quantile ÷ median", MULTIPLE, large_amount),
    Measure("dwell_of_value", "dwell (FIFO, median by value)", "seconds"),
    Measure("forwarded_24h_share", "forwarded within 24 h", "share"),
    Measure("forwarded_share", "forwarded in the end", "share", forwarded_share),
    Measure("busiest_day_receivers", "fan-out on the busiest day", "addresses",
            busiest_day_receivers),
    Measure("wide_day_share", f"days with {WIDE} receivers or more", "share", wide_day_share),
    Measure("top_receiver_transfers", "top receiver's share of transfers", "share",
            top_receiver_transfers),
)  # fmt: skip
"""Compared on the relative basis."""

PAYOUT_MEASURES: tuple[Measure, ...] = (
    Measure("payout", "token pay-out, median", DOLLARS, payout),
    Measure("payouts_round_10", "pay-outs that are multiples of $10", "share", payouts_round_10),
    Measure("payouts_round_100", "pay-outs that are multiples of $100", "share",
            payouts_round_100),
    Measure("payouts_round_1000", "pay-outs that are multiples of $1,000", "share",
            payouts_round_1000),
)  # fmt: skip
"""Compared in dollars, over outgoing tokens alone. The catalogue's own round shares need three
payments; here one is enough, as in the published figures."""

BY_NAME = {measure.name: measure for measure in (*MEASURES, *PAYOUT_MEASURES)}


def measure_wallets(
    histories: Histories, signals: pl.DataFrame, measures: Sequence[Measure] = MEASURES
) -> pl.DataFrame:
    """Measure every history.

    Parameters
    ----------
    histories, signals
        As the engine returns them, row by row.

    Returns
    -------
    polars.DataFrame
        One float64 column per measure, null where it is not defined.
    """
    own = {m.name: m.of for m in measures if m.of is not None}
    found: dict[str, list[float]] = {name: [] for name in own}
    for i in range(len(histories)):
        history = histories[i]
        for name, of in own.items():
            found[name].append(of(history))
    columns = [
        pl.Series(m.name, found[m.name] if m.of else signals[m.name], dtype=pl.Float64)
        for m in measures
    ]
    return pl.DataFrame(columns).fill_nan(None)


def receivers_by_day(history: History) -> np.ndarray:
    """Return the distinct receivers of each day that has an outgoing transfer."""
    rows = history.outflows
    if not len(rows):
        return np.empty(0, dtype=np.int64)
    day = (history.time[rows] - history.time[0]) // DAY
    pairs = np.unique(np.stack([day, history.counterparty[rows]]), axis=1)
    return np.unique(pairs[0], return_counts=True)[1]


def _amount(history: History, share: float) -> float:
    if not len(history):
        return np.nan
    return float(np.quantile(history.value, share) / np.median(history.value))


def _round(history: History, dollars: int) -> float:
    paid = history.value[history.outflows]
    return float((paid % (dollars * USD_PER_MICRO) == 0).mean()) if len(paid) else np.nan


def _left(flows: History) -> float:
    """Return what is held at the end; what leaves beyond the balance is matched to nothing."""
    balance = 0
    for value, incoming in zip(flows.value.tolist(), flows.incoming.tolist(), strict=True):
        balance = balance + value if incoming else max(0, balance - value)
    return float(balance)
