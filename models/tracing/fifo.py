"""First in, first out: the units that came first leave first, each asset of each address alone.

Traced units keep their places, so the convention is exact: no unit is split and nothing is rounded,
but where a swap or a bridge pays other units out than it took in (`moves.scaled`).
"""

from __future__ import annotations

from collections import deque

from models.tracing.books import Step
from models.tracing.moves import Part


class Fifo:
    """The traced units in every pot, by place.

    Examples
    --------
    Of ten units the traced ones came as the fourth to the sixth; five leave.

    >>> fifo = Fifo()
    >>> coming = Step(0, 8, 9, 10, 10, False, False, 0, 10, 10, 0, 0)
    >>> fifo.put(coming, [Part(3, 6, 2)])
    >>> fifo.take(Step(1, 9, 7, 5, 5, False, False, 0, 5, 10, 0, 0))
    [Part(start=3, end=5, mark=2)]
    >>> fifo.left()
    {9: [Part(start=5, end=6, mark=2)]}
    """

    name = "fifo"

    def __init__(self) -> None:
        self._pots: dict[int, deque[Part]] = {}

    def take(self, step: Step) -> list[Part]:
        """Take what a step moves out of its source; parts are counted within the step's amount."""
        waiting = self._pots.get(step.source)
        if waiting is None:
            return []
        end, found = step.place + step.covered, []
        while waiting and waiting[0].start < end:
            part = waiting.popleft()
            if part.end > end:
                waiting.appendleft(Part(end, part.end, part.mark))
                part = Part(part.start, end, part.mark)
            found.append(Part(part.start - step.place, part.end - step.place, part.mark))
        if not waiting:
            del self._pots[step.source]
        return found

    def placeless(self, step: Step, parts: list[Part]) -> tuple[list[Part], list[Part]]:
        """Split parts of what arrives: those that have no place in the target, and the rest."""
        edge = step.placeless
        if not edge:
            return [], parts
        before = [Part(p.start, min(p.end, edge), p.mark) for p in parts if p.start < edge]
        after = [Part(max(p.start, edge), p.end, p.mark) for p in parts if p.end > edge]
        return before, after

    def put(self, step: Step, parts: list[Part]) -> None:
        """Put parts of what arrives into the target."""
        by = step.arrival - step.placeless
        waiting = self._pots.setdefault(step.target, deque())
        waiting.extend(Part(p.start + by, p.end + by, p.mark) for p in parts)

    def left(self) -> dict[int, list[Part]]:
        """Return what is still in the pots."""
        return {pot: list(parts) for pot, parts in self._pots.items()}
