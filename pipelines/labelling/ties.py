"""Whom labelled positives deal with: what links them, for the split and for the leakage audit.

Positives that pay each other, or share a partner hardly anybody else deals with, are one gang as
far as a model is concerned: they are kept in one part (`linked`), and where a given split tears
them apart the audit says so.
"""

from __future__ import annotations

import polars as pl

from data.services import Services
from data.transfers import Transfers
from models.components import components
from models.leakage import Ties
from models.leakage.identity import RARE

_KEY = ["chain", "address"]
_PAIR = ["chain", "other"]


def ties_of(labels: pl.DataFrame, transfers: Transfers, services: Services) -> Ties:
    """Find whom each positive dealt with before its cut.

    Parameters
    ----------
    labels
        ``chain``, ``address``, ``label`` and ``as_of``; `Ties` numbers their rows.
    transfers
        Screened transfers and fees tie nobody.
    services
        Parties that it names tie nobody either; those not licit are listed apart.

    Returns
    -------
    Ties
        Pairs with partners of whom at least one other positive is, or whom one other deals with.
    """
    positives = (
        labels.select(*_KEY, "label", "as_of")
        .with_row_index("row")
        .filter(pl.col("label") == 1)
        .drop("label")
    )
    pairs = _met(transfers, positives)
    named = services.table.select("chain", other="address").unique()
    listed = services.listed.select("chain", other="address").unique()
    unknown = pairs.join(named, on=_PAIR, how="anti")
    shared = unknown.filter(pl.len().over(_PAIR) > 1)
    own = positives.select("chain", other="address").unique()
    binding = pl.concat([shared, unknown.join(own, on=_PAIR, how="semi")]).unique()
    seen = _seen_in_full(transfers, binding)
    counted = binding.join(_partners(transfers, seen), on=_PAIR, how="left")
    return Ties(
        pairs=counted.sort("row", *_PAIR),
        listed=pairs.join(listed, on=_PAIR, how="semi").sort("row", *_PAIR),
    )


def linked(labels: pl.DataFrame, ties: Ties) -> pl.Series:
    """Name the group of each positive that is tied to another; null for everybody else.

    Two positives are one group if one paid the other, or if they share a partner that dealt with at
    most `RARE` addresses, directly or through others.
    """
    rows = labels.select(*_KEY).with_row_index("row")
    own = labels.select(*_KEY, "label").with_row_index("of").filter(pl.col("label") == 1)
    direct = ties.pairs.join(own.rename({"address": "other"}), on=_PAIR).select("row", "of")
    first = pl.col("row").min().over(_PAIR)
    sharing = ties.pairs.filter(pl.col("partners") <= RARE).select("row", of=first)
    edges = pl.concat([direct.cast(pl.Int64), sharing.cast(pl.Int64)]).unique().sort("row", "of")
    tied = sorted({*edges["row"], *edges["of"]})
    component = components(tied, edges.iter_rows())
    names = rows["address"]
    group = [names[component[i]] if i in component else None for i in range(labels.height)]
    return pl.Series("group", group, dtype=pl.String)


def _met(transfers: Transfers, positives: pl.DataFrame) -> pl.DataFrame:
    """Return ``row``, ``chain``, ``other`` of all who dealt with a positive before its cut."""
    wanted = positives.lazy()
    sides = [
        transfers.followed()
        .select("chain", "block_time", address=pl.col(one), other=pl.col(two))
        .join(wanted, on=_KEY)
        .filter(pl.col("block_time") < pl.col("as_of"))
        .select("row", *_PAIR)
        for one, two in (("sender", "receiver"), ("receiver", "sender"))
    ]
    return pl.concat(sides).unique().collect(engine="streaming")


def _seen_in_full(transfers: Transfers, of: pl.DataFrame) -> pl.DataFrame:
    """Return the parties whose own history is covered: of others nobody knows whom they deal with.

    An exchange looks like a hermit in the exports of five of its customers.
    """
    if transfers.assume_complete:
        return of
    if transfers.coverage is None:
        return of.clear()
    complete = transfers.coverage.filter("complete").select("chain", other="address").unique()
    return of.join(complete, on=_PAIR, how="semi")


def _partners(transfers: Transfers, of: pl.DataFrame) -> pl.DataFrame:
    """Count the addresses that each party dealt with, in all transfers supplied."""
    wanted = of.lazy().select(_PAIR).unique()
    sides = [
        transfers.followed()
        .select("chain", other=pl.col(one), partner=pl.col(two))
        .join(wanted, on=_PAIR, how="semi")
        for one, two in (("sender", "receiver"), ("receiver", "sender"))
    ]
    counted = pl.concat(sides).unique().group_by(_PAIR).len("partners")
    return counted.collect(engine="streaming")
