"""Following: one pass over the moves, by one convention, in one direction.

Everything the address pays out is traced, and so is what it still holds; backward, everything it
was paid. What arrives somewhere goes on from there, unless there is a reason to stop, and then it
is an end. Nothing else can happen to a traced unit, so the sums must agree, per asset and exactly:
traced + brought in by conversion = ends + taken out by conversion (`Traced.check`).

Time is respected because moves come in order: nothing leaves a pot before it came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from models.tracing.books import Books, Step
from models.tracing.fifo import Fifo
from models.tracing.haircut import Haircut
from models.tracing.limits import End, Limits
from models.tracing.moves import Kind, Move, Part, hops_of, is_crossed, mark_of, scaled, total

Convention = Fifo | Haircut
CONVENTIONS: dict[str, type[Fifo] | type[Haircut]] = {"fifo": Fifo, "haircut": Haircut}
DIRECTIONS = ("forward", "backward")


class Stops(Protocol):
    """Says of whom a trace does not follow."""

    def end_at(self, pot: int, *, forward: bool) -> End | None:
        """Return the end that a pot is by who holds it, None where value goes on."""
        ...

    def is_origin(self, pot: int) -> bool:
        """Say whether a pot is the traced address's own."""
        ...


class Flow(NamedTuple):
    """Traced value of one move that came equally far.

    Attributes
    ----------
    move
        Index of the move.
    hops, crossed
        Payments from or to the address, this one included; whether a matched bridge lies between.
    amount, whole
        Traced units, and all units of the same leg: the second one going forward, else the first.
    end
        The end it came to; None where it went on.
    """

    move: int
    hops: int
    crossed: bool
    amount: int
    whole: int
    end: End | None


class Rest(NamedTuple):
    """Traced value that ended in a pot rather than with a move."""

    pot: int
    hops: int
    crossed: bool
    amount: int
    end: End


@dataclass
class Traced:
    """One direction by one convention.

    Attributes
    ----------
    flows
        In the order of tracing.
    rests
        What was left in pots, by pot.
    traced, converted_in, converted_out, ended
        By asset, base units.
    """

    flows: list[Flow] = field(default_factory=list)
    rests: list[Rest] = field(default_factory=list)
    traced: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    converted_in: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    converted_out: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    ended: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def assets(self) -> list[int]:
        """Return every asset that has traced units."""
        return sorted({*self.traced, *self.converted_in, *self.ended})

    def check(self) -> None:
        """Raise where a unit was lost or made."""
        for asset in self.assets():
            came = self.traced[asset] + self.converted_in[asset]
            went = self.ended[asset] + self.converted_out[asset]
            if came != went:
                raise AssertionError(f"asset {asset}: {came} units were traced, {went} accounted.")


def follow(
    books: Books,
    assets: list[int],
    stops: Stops,
    limits: Limits,
    *,
    convention: str,
    forward: bool,
) -> Traced:
    """Trace every move of the books.

    Parameters
    ----------
    assets
        The asset of each pot.
    convention
        One of `CONVENTIONS`.
    forward
        From the address on; else back from it.
    """
    run = _Run(books, assets, stops, limits, CONVENTIONS[convention](), forward)
    for step in books.forward() if forward else books.backward():
        run.take(step)
    run.finish()
    run.out.check()
    return run.out


class _Run:
    """What one pass carries along."""

    def __init__(
        self,
        books: Books,
        assets: list[int],
        stops: Stops,
        limits: Limits,
        convention: Convention,
        forward: bool,
    ) -> None:
        self.books, self.assets, self.stops, self.limits = books, assets, stops, limits
        self.convention, self.forward = convention, forward
        self.out = Traced()

    def take(self, step: Step) -> None:
        """Carry what a step takes along to where it arrives."""
        parts = self._leaving(step)
        if not parts:
            return
        move = self.books.moves[step.number]
        arriving = _marked(scaled(parts, step.out, step.into), move)
        source, target = self.assets[step.source], self.assets[step.target]
        if source != target or step.out != step.into:
            self.out.converted_out[source] += total(parts)
            self.out.converted_in[target] += total(arriving)
        if step.target_shut:
            self._end(step, arriving, End.SWAP_PARTY)
            return
        stopped = self._stopped(step, move, arriving)
        if stopped is not None:
            self._end(step, arriving, stopped)
            return
        far = [p for p in arriving if self._is_far(move, p)]
        self._end(step, far, End.BEYOND_HOPS)
        near = [p for p in arriving if not self._is_far(move, p)] if far else arriving
        lost, kept = self.convention.placeless(step, near)
        self._end(step, lost, End.UNSEEN)
        if kept:
            self.out.flows += _flows(step, kept, None)
            self.convention.put(step, kept)

    def finish(self) -> None:
        """Account for what is left, and going forward for what the address itself still holds."""
        for pot, parts in sorted(self.convention.left().items()):
            for part in parts:
                self._rest(pot, part.mark, part.amount)
        for pot in range(len(self.assets)) if self.forward else ():
            held = self.books.held(pot)
            if held and self.stops.is_origin(pot):
                self.out.traced[self.assets[pot]] += held
                self._rest(pot, mark_of(0, False), held)

    def _leaving(self, step: Step) -> list[Part]:
        if step.source_shut:
            return []
        if not self.stops.is_origin(step.source):
            return self.convention.take(step)
        if self.stops.is_origin(step.target):
            return []  # from hand to hand of one owner, or a swap of its own
        self.out.traced[self.assets[step.source]] += step.out
        return [Part(0, step.out, mark_of(0, False))]

    def _stopped(self, step: Step, move: Move, arriving: list[Part]) -> End | None:
        """Return why nothing of what arrives goes on, None where some does."""
        if self.stops.is_origin(step.target):
            return End.RETURNED
        end = self.stops.end_at(step.target, forward=self.forward)
        if end is not None:
            return end
        stays = move.kind is Kind.SWAP or self._is_in_transit(move)
        worth = _worth(move, total(arriving), step.into)
        return End.BELOW_VALUE if not stays and 0 <= worth < self.limits.min_usd_micros else None

    def _is_in_transit(self, move: Move) -> bool:
        return move.kind is (Kind.DEPOSIT if self.forward else Kind.RELEASE)

    def _is_far(self, move: Move, part: Part) -> bool:
        return not self._is_in_transit(move) and hops_of(part.mark) >= self.limits.max_hops

    def _end(self, step: Step, parts: list[Part], end: End) -> None:
        if parts:
            self.out.ended[self.assets[step.target]] += total(parts)
            self.out.flows += _flows(step, parts, end)

    def _rest(self, pot: int, mark: int, amount: int) -> None:
        self.out.ended[self.assets[pot]] += amount
        end = End.UNSPENT if self.forward else End.UNSEEN
        self.out.rests.append(Rest(pot, hops_of(mark), is_crossed(mark), amount, end))


def _marked(parts: list[Part], move: Move) -> list[Part]:
    """Mark parts as having come over one more move."""
    bridge = move.kind in (Kind.DEPOSIT, Kind.RELEASE)
    if not move.hops and not bridge:
        return parts
    return [
        Part(p.start, p.end, mark_of(hops_of(p.mark) + move.hops, is_crossed(p.mark) or bridge))
        for p in parts
    ]


def _flows(step: Step, parts: list[Part], end: End | None) -> Iterator[Flow]:
    """Add parts up by mark."""
    sums: dict[int, int] = {}
    for part in parts:
        sums[part.mark] = sums.get(part.mark, 0) + part.amount
    for mark, amount in sorted(sums.items()):
        yield Flow(step.number, hops_of(mark), is_crossed(mark), amount, step.into, end)


def _worth(move: Move, some: int, of: int) -> int:
    """Return the micro-dollars of some of the units of a move, rounded down; -1: unknown."""
    return move.usd * some // of if move.usd >= 0 else -1
