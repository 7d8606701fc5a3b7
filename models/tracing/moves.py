"""Moves: what passes from pot to pot, in the order in which it happened.

A **pot** is what one address holds of one asset. A payment moves an amount from pot to pot; a swap
moves value between two pots of one address, so that what leaves and what arrives are amounts of
different assets; a crossing leaves its pot with the deposit, rests in a pot of its own, and arrives
with the release. Amounts are whole base units, of any size.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a move is."""

    PAYMENT = "payment"
    SWAP = "swap"
    DEPOSIT = "bridge_deposit"
    RELEASE = "bridge_release"


class Move(NamedTuple):
    """One movement of value.

    Attributes
    ----------
    kind
        What it is.
    source, target
        Pots.
    out, into
        Base units that leave the source and that reach the target; above zero.
    sent, received
        Where its first and its second leg stand among the transfers: one place for a payment, two
        for a swap (sold, bought) and a crossing (deposit, release).
    hops
        By how many payments it takes value farther: 1, or 0 where it stays with its holder.
    usd
        Micro-dollars of all of it; -1 where nobody knows.
    source_shut, target_shut
        The side is the other party of somebody's swap: what it gives comes from nowhere here, and
        what it gets goes no farther.
    """

    kind: Kind
    source: int
    target: int
    out: int
    into: int
    sent: int = 0
    received: int = 0
    hops: int = 1
    usd: int = -1
    source_shut: bool = False
    target_shut: bool = False


class Part(NamedTuple):
    """A traced part of an amount: the units from `start` up to `end`, and their mark.

    Under haircut places mean nothing, and the parts are laid side by side from zero.
    """

    start: int
    end: int
    mark: int

    @property
    def amount(self) -> int:
        """Base units."""
        return self.end - self.start


def mark_of(hops: int, crossed: bool) -> int:
    """Return the mark of value that has come so many payments far, over a bridge or not.

    >>> hops_of(mark_of(3, True)), is_crossed(mark_of(3, True))
    (3, True)
    """
    return 2 * hops + crossed


def hops_of(mark: int) -> int:
    """Return how many payments far value with this mark has come."""
    return mark >> 1


def is_crossed(mark: int) -> bool:
    """Return whether value with this mark came over a matched bridge."""
    return bool(mark & 1)


def total(parts: list[Part]) -> int:
    """Add up the amounts of parts."""
    return sum(part.end - part.start for part in parts)


def scaled(parts: list[Part], out: int, into: int) -> list[Part]:
    """Carry parts of one amount over to another, each boundary rounded down.

    Boundaries are rounded, not amounts, so that the parts of a whole stay a whole.

    >>> scaled([Part(0, 1, 2), Part(1, 3, 4)], out=3, into=10)
    [Part(start=0, end=3, mark=2), Part(start=3, end=10, mark=4)]
    """
    if out == into:
        return parts
    moved = [Part(p.start * into // out, p.end * into // out, p.mark) for p in parts]
    return [part for part in moved if part.end > part.start]
