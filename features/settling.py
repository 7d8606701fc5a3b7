"""When a history's values are final: what can still change them without a transfer of its own.

A run of today can take over what a run of yesterday found of every address that nothing has
happened to since. Which addresses those are follows from two facts. A kernel reads an address's own
transfers and, of the other side of each, what it had done **strictly before** that transfer; so
whatever happens at a moment changes no value of an address whose last transfer lies before it. And
the few families whose values rest on more say for how long (`Family.settles`): a crossing over a
bridge is settled two hours after it, a motif never.

>>> from features.catalogue import catalogue
>>> by_name = {family.name: family for family in catalogue().families}
>>> settles([by_name["activity"], by_name["cross_chain"]])
datetime.timedelta(seconds=7200)
>>> unsettled([by_name["activity"], by_name["motifs"]])
('motifs',)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from features.signal import Family


def unsettled(families: Iterable[Family]) -> tuple[str, ...]:
    """Return the names of families whose values may change at any time, in ways that none says."""
    return tuple(
        family.name
        for family in families
        if family.settles is None or (not family.settles and _dated(family) - set(family.refreshed))
    )


def settles(families: Iterable[Family]) -> timedelta:
    """Return after how long the values of an address without new transfers are final.

    Families that are `unsettled` are left out; signals that are `Family.refreshed` aside.
    """
    return max((family.settles for family in families if family.settles), default=timedelta(0))


def refreshed(table: pl.DataFrame, families: Iterable[Family]) -> pl.DataFrame:
    """Bring a table of signals to its ``as_of``, where nothing else has changed.

    What is null stays so. The rules work on the integers that kernels work on, so that no bit
    differs.
    """
    as_of, last = (
        table[name].dt.epoch("us").fill_null(0).to_numpy() for name in ("as_of", "last_seen")
    )
    return table.with_columns(
        pl.Series(name, rule(as_of, last)).set(table[name].is_null(), None)
        for family in families
        for name, rule in family.refreshed.items()
    )


def _dated(family: Family) -> set[str]:
    return {signal.name for signal in family.signals if signal.depends_on_as_of}
