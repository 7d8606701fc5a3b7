"""Freezability: who holds traced coins that an issuer can freeze, and how soon such coins leave.

What the supplied transfers leave with an address is never its balance. It is *net of the supplied
transfers*, at the moment they end, with bounds: where the exports of the address are whole, show
tokens in both directions and reach up to that moment, what it holds is what came less what left
(counted from zero where more left than came). Where outgoing tokens may be missing it may hold
nothing; where incoming ones may be, nobody knows how much.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import polars as pl

from data.assets import asset_registry
from features.history import HOUR, MICROSECONDS
from models.tracing.limits import End
from models.tracing.tracing import Trace

DAY = 24 * HOUR


@dataclass(frozen=True)
class Speed:
    """How soon coins left a holder, by FIFO, weighted by amount.

    Attributes
    ----------
    left_share
        Of all that came in, what has left.
    median_seconds
        Between coming and leaving; None where nothing left.
    within_hour, within_day
        Shares of what left; None where nothing did.
    """

    left_share: float
    median_seconds: float | None
    within_hour: float | None
    within_day: float | None


@dataclass(frozen=True)
class Freezable:
    """A holder of traced coins that can be frozen.

    Attributes
    ----------
    holder, asset
        Codes.
    symbol, issuer
        By the asset registry.
    traced
        Base units that rest there, by convention.
    net
        All of its coins of this asset: in less out, of the supplied transfers; None where its own
        transfers were not supplied.
    lower, upper
        Bounds on what it holds; an upper one of None: not known.
    speed
        None where its own transfers were not supplied.
    """

    holder: int
    asset: int
    symbol: str
    issuer: str
    traced: dict[str, int]
    net: int | None
    lower: int
    upper: int | None
    speed: Speed | None


def freezable_of(trace: Trace) -> list[Freezable]:
    """Return who holds freezable traced coins at the end, most of them first."""
    coins = _coins(trace)
    held: dict[int, dict[str, int]] = {}
    for convention in ("fifo", "haircut"):
        result = trace.results["forward", convention]
        for rest in result.rests:
            _count(held, rest.pot, convention, rest.amount)
        for flow in result.flows:
            if flow.end is End.NOT_SUPPLIED:
                _count(held, trace.books.moves[flow.move].target, convention, flow.amount)
    held = {pot: traced for pot, traced in held.items() if trace.laid.asset[pot] in coins}
    speeds = speeds_of(trace, set(held))
    found = [
        _freezable(trace, pot, traced, *coins[trace.laid.asset[pot]], speeds[pot])
        for pot, traced in held.items()
    ]
    return sorted(found, key=lambda f: (-max(f.traced.values()), f.symbol, f.holder))


def own_speeds(trace: Trace) -> dict[int, Speed]:
    """Return, by asset, how soon freezable coins left the traced address itself."""
    coins, laid = _coins(trace), trace.laid
    own = {
        pot
        for pot, (holder, asset) in enumerate(zip(laid.holder, laid.asset, strict=True))
        if holder in trace.origins and asset in coins and trace.books.taken[pot]
    }
    return {laid.asset[pot]: speed for pot, speed in sorted(speeds_of(trace, own).items())}


def speeds_of(trace: Trace, pots: set[int]) -> dict[int, Speed]:
    """Return of some pots how soon all that came in left again."""
    time = trace.rows["block_time"].to_physical().to_list()
    passing = {pot: _Passing() for pot in pots}
    for move, (place, covered, _, arrival, _) in zip(
        trace.books.moves, trace.books.places, strict=True
    ):
        if covered and move.source in passing:
            passing[move.source].leave(place, place + covered, time[move.sent])
        if not move.target_shut and move.target in passing:
            passing[move.target].come(arrival + move.into, time[move.received])
    return {pot: p.speed(trace.books.taken[pot]) for pot, p in passing.items()}


class _Passing:
    """What came into a pot and left it, by place."""

    def __init__(self) -> None:
        self._came: deque[tuple[int, int]] = deque()  # end of its places, moment
        self._waits: list[float] = []
        self._amounts: list[int] = []

    def come(self, end: int, moment: int) -> None:
        self._came.append((end, moment))

    def leave(self, start: int, end: int, moment: int) -> None:
        while start < end:
            upto, since = self._came[0]
            if upto > start:
                self._waits.append((moment - since) / MICROSECONDS)
                self._amounts.append(min(end, upto) - start)
            start = max(start, min(end, upto))
            if upto <= start:
                self._came.popleft()

    def speed(self, taken: int) -> Speed:
        return _speed(np.array(self._waits), np.array(self._amounts, dtype=object), taken)


def _speed(waits: np.ndarray, amounts: np.ndarray, taken: int) -> Speed:
    left = int(amounts.sum()) if len(amounts) else 0
    if not left:
        return Speed(0.0, None, None, None)
    order = np.argsort(waits, kind="stable")
    running = np.cumsum(amounts[order])
    median = float(waits[order][np.argmax(2 * running >= left)])

    def within(most: int) -> float:
        return int(amounts[waits <= most / MICROSECONDS].sum()) / left

    return Speed(left / taken, median, within(HOUR), within(DAY))


def _count(held: dict[int, dict[str, int]], pot: int, convention: str, amount: int) -> None:
    own = held.setdefault(pot, {"fifo": 0, "haircut": 0})
    own[convention] += amount


def _freezable(
    trace: Trace, pot: int, traced: dict[str, int], symbol: str, issuer: str, speed: Speed
) -> Freezable:
    holder, parties, books = trace.laid.holder[pot], trace.parties, trace.books
    shows = {side: bool(parties.supplied[side, "token"][holder]) for side in ("in", "out")}
    whole = bool(parties.complete[holder])
    own = shows["out"]
    lower = books.held(pot) if own and shows["in"] and whole else 0
    return Freezable(
        holder=holder,
        asset=trace.laid.asset[pot],
        symbol=symbol,
        issuer=issuer,
        traced=traced,
        net=books.held(pot) - books.unseen[pot] if own else None,
        lower=lower,
        upper=books.held(pot) if own and shows["in"] and whole else None,
        speed=speed if own else None,
    )


def _coins(trace: Trace) -> dict[int, tuple[str, str]]:
    """Return symbol and issuer of those assets that can be frozen."""
    registry = asset_registry().filter(pl.col("freezable") == "true")
    known = {
        (chain, address): (symbol, issuer)
        for chain, address, symbol, issuer in registry.select(
            "chain", "address", "symbol", "issuer"
        ).iter_rows()
    }
    return {code: known[asset] for code, asset in trace.assets.items() if asset in known}
