"""Haircut: each payment takes from everything its pot holds, in proportion.

Rounding, in whole base units: of T traced units among B held, a payment of m takes ⌊T · m ÷ B⌋, so
never more than its share, and what is rounded off stays in the pot; the payment that empties a pot
takes all. Between marks the taken units are divided by rounding down the running sums.
"""

from __future__ import annotations

from models.tracing.books import Step
from models.tracing.moves import Part


class Haircut:
    """The traced units in every pot, by mark.

    Examples
    --------
    A third of what is held is traced, and so is a third of what leaves, rounded down.

    >>> haircut = Haircut()
    >>> haircut.put(Step(0, 8, 9, 10, 10, False, False, 0, 10, 10, 0, 0), [Part(3, 6, 2)])
    >>> haircut.take(Step(1, 9, 7, 5, 5, False, False, 0, 5, 9, 0, 0))
    [Part(start=0, end=1, mark=2)]
    >>> haircut.left()
    {9: [Part(start=0, end=2, mark=2)]}
    """

    name = "haircut"

    def __init__(self) -> None:
        self._pots: dict[int, dict[int, int]] = {}

    def take(self, step: Step) -> list[Part]:
        """Take what a step moves out of its source."""
        pot = self._pots.get(step.source)
        if pot is None or not step.covered:
            return []
        taken = _share(sorted(pot.items()), step.covered, step.balance)
        for mark, amount in _amounts(taken):
            pot[mark] -= amount
            if not pot[mark]:
                del pot[mark]
        if not pot:
            del self._pots[step.source]
        return taken

    def placeless(self, step: Step, parts: list[Part]) -> tuple[list[Part], list[Part]]:
        """Split parts of what arrives: the share that has no place in the target, and the rest."""
        if not step.placeless:
            return [], parts
        given = _amounts(parts)
        kept = _share(given, step.into - step.placeless, step.into)
        rest = dict(given)
        for mark, amount in _amounts(kept):
            rest[mark] -= amount
        return _packed(sorted(rest.items())), kept

    def put(self, step: Step, parts: list[Part]) -> None:
        """Put parts of what arrives into the target."""
        pot = self._pots.setdefault(step.target, {})
        for mark, amount in _amounts(parts):
            pot[mark] = pot.get(mark, 0) + amount

    def left(self) -> dict[int, list[Part]]:
        """Return what is still in the pots."""
        return {pot: _packed(sorted(marks.items())) for pot, marks in self._pots.items()}


def _share(amounts: list[tuple[int, int]], some: int, of: int) -> list[Part]:
    """Take the share of amounts (mark, units) that `some` units are of `of`, rounded down."""
    whole = sum(amount for _, amount in amounts)
    wanted = whole * some // of
    parts, running, start = [], 0, 0
    for mark, amount in amounts:
        running += amount
        end = running * wanted // whole
        if end > start:
            parts.append(Part(start, end, mark))
        start = end
    return parts


def _amounts(parts: list[Part]) -> list[tuple[int, int]]:
    """Return the units of each mark, by mark."""
    sums: dict[int, int] = {}
    for part in parts:
        sums[part.mark] = sums.get(part.mark, 0) + part.end - part.start
    return sorted(sums.items())


def _packed(amounts: list[tuple[int, int]]) -> list[Part]:
    """Lay amounts (mark, units) side by side from zero."""
    parts, start = [], 0
    for mark, amount in amounts:
        if amount:
            parts.append(Part(start, start + amount, mark))
        start += amount
    return parts
