"""What must hold of an address before a red flag is said of it.

A red flag often has several parts: many small senders, *and then* the full amount leaves. A signal
shows one of them. So a flag stands on a value only where all of its parts hold on the same address,
read from its row of the signals table: the name of a flag is what a reader takes it to say. A part
that is not known there does not hold, and the flag is left out; the reason stands without it.

The limits are starting values, each as lenient as the words of the flag allow.

>>> row = {"forwarded_24h_share": 0.92, "retained_share": 0.01}
>>> stands("rapid_pass_through", row), stands("rapid_pass_through", row | {"retained_share": 0.5})
(True, False)
>>> stands("rapid_pass_through", {"forwarded_24h_share": 0.92, "retained_share": None})
False
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_ABOVE_NOTHING = 1e-12

Row = Mapping[str, float | None]
"""A row of the signals table."""


@dataclass(frozen=True)
class Bound:
    """A limit on one signal, both ends included."""

    signal: str
    least: float = float("-inf")
    most: float = float("inf")

    def holds(self, row: Row) -> bool:
        """Return whether a row's value is known and within the limit."""
        value = row.get(self.signal)
        return value is not None and self.least <= value <= self.most

    def __str__(self) -> str:
        if self.least == _ABOVE_NOTHING:
            return f"`{self.signal}` is above 0"
        ends = [f"at least {self.least:g}"] if self.least > float("-inf") else []
        ends += [f"at most {self.most:g}"] if self.most < float("inf") else []
        return f"`{self.signal}` is {' and '.join(ends)}"


@dataclass(frozen=True)
class Part:
    """One part of what a flag says: some of several bounds, in words and in numbers."""

    says: str
    bounds: tuple[Bound, ...]
    how_many: int = 1

    def holds(self, row: Row) -> bool:
        """Return whether enough of the bounds hold."""
        return sum(bound.holds(row) for bound in self.bounds) >= self.how_many

    def __str__(self) -> str:
        every = self.how_many == len(self.bounds)
        number = "" if every or self.how_many == 1 else f"{self.how_many} of: "
        joint = " and " if every else " or " if self.how_many == 1 else ", "
        return f"{self.says} ({number}{joint.join(map(str, self.bounds))})"


def _part(says: str, *bounds: Bound, how_many: int = 1) -> Part:
    return Part(says, bounds, how_many)


_FORWARDED = _part(
    "most of what came in left again within a day", Bound("forwarded_24h_share", least=0.5)
)

PARTS: dict[str, tuple[Part, ...]] = {
    "sub_threshold_structuring": (
        _part("more than one such payment within a day", Bound("sub_threshold_24h", least=2)),
    ),
    "fragmentation_before_cash_out": (
        _part(
            "a typical payment is a fifth of a typical receipt or less",
            Bound("ticket_ratio", most=0.2),
        ),
        _part("many payments", Bound("transfers_out", least=10)),
    ),
    "burst_then_dormancy": (
        _part("a short time in use", Bound("days_in_use", most=30)),
        _part("most of the value left within a day", Bound("value_out_24h_share", least=0.5)),
        _part("silence since", Bound("days_silent", least=30)),
    ),
    "many_unrelated_senders": (
        _part("many senders", Bound("senders", least=10)),
        _part(
            "none of them large: no receipt a quarter of all, no sender half of it",
            Bound("largest_in_share", most=0.25),
            Bound("top_sender_share", most=0.5),
            how_many=2,
        ),
        _part("nearly everything left within a week", Bound("forwarded_7d_share", least=0.8)),
        _part(
            "the senders of the busiest month, times the share of theirs gone within 72 hours",
            Bound("senders_then_exit", least=8),
        ),
    ),
    "rapid_pass_through": (
        _FORWARDED,
        _part("little is retained", Bound("retained_share", most=0.2)),
    ),
    "rapid_fan_out": (
        _part("five receivers or more within a day", Bound("receivers_24h", least=5)),
    ),
    "rapid_fan_in": (_part("five senders or more within a day", Bound("senders_24h", least=5)),),
    "gather_scatter": (
        _part(
            "five senders or more within a day, then as many receivers",
            Bound("gathered_then_scattered", least=5),
        ),
    ),
    "new_receivers": (
        _part("three new receivers or more after a receipt", Bound("new_receivers_24h", least=3)),
        _FORWARDED,
    ),
    "stablecoin_hopping": (
        _part(
            "a chain of swaps within an hour of each other, or several in a day",
            Bound("swap_chain", least=2),
            Bound("swaps_24h", least=3),
        ),
    ),
    "swapped_to_tether": (
        _part("it swapped", Bound("swaps", least=1)),
        _part(
            "most stablecoins it paid out had not come in as such",
            Bound("switched_stablecoin_share", least=0.5),
        ),
    ),
    "one_venue_swapping": (
        _part("several swaps", Bound("swaps", least=5)),
        _part("nearly all of them at one venue", Bound("one_venue_share", least=0.9)),
    ),
    "freezable_to_unfreezable": (
        _part(
            "a tenth of the freezable coins or more, within a day",
            Bound("freezable_escape_24h_share", least=0.1),
        ),
    ),
    "inducement_payments": (
        _part("at least one sender was paid back so", Bound("induced_senders", least=1)),
    ),
    "grooming_ladder": (
        _part("several senders came back", Bound("returning_senders", least=3)),
        _part(
            "a tenth of them rose step by step, or a third began with a small test",
            Bound("rising_sender_share", least=0.1),
            Bound("trial_sender_share", least=0.3),
        ),
    ),
    "cash_out": (
        _part(
            "a tenth of the value or more, to exchanges or to addresses that pay exchanges",
            Bound("exchange_out_share", least=0.1),
            Bound("exchange_out_2_hops", least=0.1),
        ),
    ),
    "otc_like_flows": (
        _part(
            "round sums, repeated pairs, a commission",
            Bound("round_100_share", least=0.3),
            Bound("regulars_share", least=0.5),
            Bound("low_spread_share", least=0.3),
            how_many=2,
        ),
    ),
    "small_to_large_consolidation": (
        _part("many receipts", Bound("transfers_in", least=10)),
        _part("a typical payment is five typical receipts or more", Bound("ticket_ratio", least=5)),
    ),
    "guarantee_marketplace_exposure": (
        _part(
            "value went to or came from one, or one address stood between",
            Bound("marketplace_share", least=_ABOVE_NOTHING),
            Bound("hops_to_marketplace", most=2),
            Bound("hops_from_marketplace", most=2),
        ),
    ),
    # An exchange that the registry does not know passes deposits on beside small withdrawals, too:
    # that is a chain of two hops.
    "peel_chain": (
        _part(
            "a fifth of the payments or more are such steps, or two in a row follow one payment",
            Bound("peel_share", least=0.2),
            Bound("peel_hops_24h", least=3),
        ),
        _part(
            "many payments, or that chain",
            Bound("transfers_out", least=10),
            Bound("peel_hops_24h", least=3),
        ),
    ),
    "cross_chain_hop": (
        _part(
            "a fitting leg was found on another chain", Bound("matched_crossing_share", least=0.1)
        ),
    ),
    "u_turn": (
        _part(
            "a tenth of the value sent or more went back",
            Bound("returned_to_sender_share", least=0.1),
        ),
    ),
}
"""The parts of each red flag, by id; all must hold. A flag that is not here says no more than the
signal that carries it."""


def stands(flag: str, row: Row) -> bool:
    """Return whether all parts of a red flag hold of an address.

    Parameters
    ----------
    flag
        Its id.
    row
        The address's row of the signals table; a column that is null or missing holds nothing.
    """
    return all(part.holds(row) for part in PARTS.get(flag, ()))


def stand(flag: str, columns: Mapping[str, np.ndarray], n: int) -> np.ndarray:
    """Return of many addresses at once whether all parts of a red flag hold, as `stands` does.

    Parameters
    ----------
    flag
        Its id.
    columns
        Signals by name: float64, NaN where null.
    n
        How many addresses.

    Examples
    --------
    >>> columns = {"receivers_24h": np.array([5.0, 4.0, np.nan])}
    >>> stand("rapid_fan_out", columns, 3).tolist()
    [True, False, False]
    """
    unknown = np.full(n, np.nan)
    found = np.ones(n, dtype=bool)
    for part in PARTS.get(flag, ()):
        values = [(bound, columns.get(bound.signal, unknown)) for bound in part.bounds]
        within = [(bound.least <= value) & (value <= bound.most) for bound, value in values]
        found &= np.sum(within, axis=0) >= part.how_many
    return found
