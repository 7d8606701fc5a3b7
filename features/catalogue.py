"""All signals, in one order: the catalogue and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from features import (
    activity,
    cash_out,
    cross_chain,
    fan_out,
    indirect_exposure,
    lifecycle,
    motifs,
    nearness,
    neighbourhood,
    otc,
    pass_through,
    stablecoin_hopping,
    structuring,
    victim_inflow,
)
from features.signal import Family, Signal


@dataclass(frozen=True)
class Catalogue:
    """The families and their signals.

    Examples
    --------
    >>> catalogue().by_name["transfers_in"].unit
    'transfers'
    """

    families: tuple[Family, ...]

    @property
    def signals(self) -> tuple[Signal, ...]:
        """All signals: families in order, signals as declared."""
        return tuple(signal for family in self.families for signal in family.signals)

    @property
    def by_name(self) -> dict[str, Signal]:
        """Signals by name."""
        return {signal.name: signal for signal in self.signals}

    def hash(self) -> str:
        """Return a SHA-256 over every declaration; a changed meaning changes it."""
        facts = [signal.facts() for signal in self.signals]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def families_of(self, names: Iterable[str] = ()) -> tuple[Family, ...]:
        """Return the families that are cheap, and the dear ones that hold one of the names.

        Dear are those that look beyond the history itself.
        """
        wanted = {self.by_name[name].family for name in names if name in self.by_name}
        return tuple(f for f in self.families if not f.is_dear or f.name in wanted)


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """Return the catalogue."""
    return Catalogue(
        (
            activity.FAMILY,
            fan_out.FAMILY,
            pass_through.FAMILY,
            stablecoin_hopping.FAMILY,
            structuring.FAMILY,
            otc.FAMILY,
            lifecycle.FAMILY,
            victim_inflow.FAMILY,
            cash_out.FAMILY,
            neighbourhood.FAMILY,
            indirect_exposure.FAMILY,
            nearness.FAMILY,
            cross_chain.FAMILY,
            motifs.FAMILY,
        )
    )
