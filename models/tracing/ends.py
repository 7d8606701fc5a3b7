"""Ends: everything traced, added up by where it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.tracing.following import Flow
from models.tracing.limits import End
from models.tracing.tracing import Trace
from models.tracing.worth import Worth


@dataclass
class Sum:
    """Traced value of one kind.

    Attributes
    ----------
    amount
        Base units; of one asset.
    over_bridges
        How many of them came over a matched bridge.
    usd
        Micro-dollars of what has a price.
    has_price
        Whether any of it has one.
    n, unpriced
        Transfers, and those of them without a price.
    first, last
        Microseconds; None where nothing moved.
    nearest, farthest
        Payments from or to the address.
    """

    amount: int = 0
    over_bridges: int = 0
    usd: int = 0
    has_price: bool = False
    n: int = 0
    unpriced: int = 0
    first: int | None = None
    last: int | None = None
    nearest: int | None = None
    farthest: int | None = None

    def add(self, amount: int, usd: int | None, *, crossed: bool, hops: int, n: int = 1) -> None:
        """Add some units."""
        self.amount += amount
        self.over_bridges += amount if crossed else 0
        self.usd += usd or 0
        self.has_price |= usd is not None
        self.unpriced += n if usd is None else 0
        self.n += n
        self.nearest = hops if self.nearest is None else min(self.nearest, hops)
        self.farthest = hops if self.farthest is None else max(self.farthest, hops)

    def saw(self, moment: int) -> None:
        """Widen the time from first to last."""
        self.first = moment if self.first is None else min(self.first, moment)
        self.last = moment if self.last is None else max(self.last, moment)


@dataclass(frozen=True)
class Ended:
    """Value of one asset that ended at one address in one way."""

    end: End
    holder: int
    asset: int
    sum: Sum = field(default_factory=Sum)


def ends_of(trace: Trace, direction: str, convention: str, worth: Worth) -> list[Ended]:
    """Return the ends of one direction by one convention, the most valuable first."""
    traced, forward = trace.results[direction, convention], direction == "forward"
    found: dict[tuple[End, int, int], Ended] = {}
    arrivals: dict[int, list[Flow]] = {}

    def entry(end: End, pot: int) -> Sum:
        key = (end, trace.laid.holder[pot], trace.laid.asset[pot])
        return found.setdefault(key, Ended(*key)).sum

    for flow in traced.flows:
        pot = worth.far_pot(flow, forward=forward)
        if flow.end is None:
            arrivals.setdefault(pot, []).append(flow)
            continue
        sums = entry(flow.end, pot)
        sums.add(flow.amount, worth.of_flow(flow), crossed=flow.crossed, hops=flow.hops)
        sums.saw(worth.moment(flow, forward=forward))
    for rest in traced.rests:
        sums = entry(rest.end, rest.pot)
        came = arrivals.pop(rest.pot, ())  # once, though value of several marks rests there
        worth_now = worth.of_rest(rest)
        sums.add(rest.amount, worth_now, crossed=rest.crossed, hops=rest.hops, n=len(came))
        for flow in came:
            sums.saw(worth.moment(flow, forward=forward))
    return sorted(found.values(), key=lambda e: _rank(trace, e))


def by_kind(ends: list[Ended]) -> dict[End, Sum]:
    """Add ends up by kind, over assets: dollars and counts; amounts of assets are not added."""
    found: dict[End, Sum] = {}
    for one in ends:
        sums, of = found.setdefault(one.end, Sum()), one.sum
        sums.usd, sums.has_price = sums.usd + of.usd, sums.has_price or of.has_price
        sums.n, sums.unpriced = sums.n + of.n, sums.unpriced + of.unpriced
        for moment in (of.first, of.last):
            if moment is not None:
                sums.saw(moment)
    return dict(sorted(found.items(), key=lambda item: (-item[1].usd, item[0])))


def _rank(trace: Trace, one: Ended) -> tuple[int, tuple[str, str], int, str, int]:
    """Order by value; what is left open by address, asset and kind, which no run changes."""
    asset = trace.assets.get(one.asset, ("", ""))
    return -one.sum.usd, asset, -one.sum.amount, one.end.value, one.holder
