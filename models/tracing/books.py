"""Books: what each pot held before and after every move, whoever's money it was.

Units are numbered as they come into a pot, from 0, and leave in that order: so a place in a pot's
count is a moment of arrival, and FIFO needs no queue. Where more leaves than the supplied transfers
brought in, the excess was there before or came unseen; it has no place.

`forward` and `backward` give each move as a `Step`, in the order in which tracing takes it.
Backward is the mirror of forward: sources and targets change sides, the last move comes first, and
places are counted from the other end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.tracing.moves import Move


class Step(NamedTuple):
    """A move in the direction of a trace.

    Attributes
    ----------
    number
        Of the move.
    source, target, out, into, source_shut, target_shut
        As in `Move`, seen in this direction.
    place
        Of the first unit that leaves its source.
    covered
        How many of the units that leave have a place; they are the first of them.
    balance
        All that the source holds before they leave.
    arrival
        Place of the first unit that arrives and has one.
    placeless
        How many units that arrive have none; they are the first of them.
    """

    number: int
    source: int
    target: int
    out: int
    into: int
    source_shut: bool
    target_shut: bool
    place: int
    covered: int
    balance: int
    arrival: int
    placeless: int


@dataclass(frozen=True)
class Books:
    """Each move with its places, and what every pot took in and paid out of it.

    Attributes
    ----------
    moves
        In order of time.
    places
        For each move: the place at its source, how many of its units have one, what the source
        held before, the place at its target, and what the target held after.
    taken, paid
        By pot: units that came in, and units that left and had come in.
    unseen
        By pot: units that left and had not come in.
    """

    moves: Sequence[Move]
    places: Sequence[tuple[int, int, int, int, int]]
    taken: Sequence[int]
    paid: Sequence[int]
    unseen: Sequence[int]

    def held(self, pot: int) -> int:
        """Return what is left in a pot after all moves."""
        return self.taken[pot] - self.paid[pot]

    def forward(self) -> Iterator[Step]:
        """Yield the moves as they happened."""
        for index, (move, at) in enumerate(zip(self.moves, self.places, strict=True)):
            place, covered, balance, arrival, _ = at
            yield Step(
                index, move.source, move.target, move.out, move.into, move.source_shut,
                move.target_shut, place, covered, balance, arrival, 0,
            )  # fmt: skip

    def backward(self) -> Iterator[Step]:
        """Yield the moves from the last to the first, in the mirror."""
        for index in range(len(self.moves) - 1, -1, -1):
            move = self.moves[index]
            place, covered, _, arrival, after = self.places[index]
            yield Step(
                index, move.target, move.source, move.into, move.out, move.target_shut,
                move.source_shut, -(arrival + move.into), move.into, after,
                -(place + covered), move.out - covered,
            )  # fmt: skip


def keep_books(moves: Sequence[Move], pots: int) -> Books:
    """Go through the moves once.

    Examples
    --------
    Ten come in, four leave, nine leave: of these three were never seen to come.

    >>> from models.tracing.moves import Kind
    >>> pay = Kind.PAYMENT
    >>> moves = [Move(pay, 0, 1, 10, 10), Move(pay, 1, 2, 4, 4), Move(pay, 1, 2, 9, 9)]
    >>> books = keep_books(moves, 3)
    >>> books.places[2], books.unseen
    ((4, 6, 6, 4, 13), [10, 3, 0])
    """
    taken, paid, unseen = [0] * pots, [0] * pots, [0] * pots
    places = []
    for move in moves:
        source, target = move.source, move.target
        place, balance, covered = paid[source], taken[source] - paid[source], 0
        if not move.source_shut:
            covered = min(move.out, balance)
            paid[source] += covered
            unseen[source] += move.out - covered
        arrival = taken[target]
        if not move.target_shut:
            taken[target] += move.into
        places.append((place, covered, balance, arrival, taken[target] - paid[target]))
    return Books(moves, places, taken, paid, unseen)
