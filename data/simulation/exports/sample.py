"""Whose exports are written: a few accounts of each chain, some of every kind.

An export is one account's history, so the exports of a whole world would be a dozen files for each
account. A sample shows all that there is to see: half criminals, where a chain has as many, and the
other half spread over the ordinary populations, one of each before a second of any. Histories that
no service would answer in one page or file are passed over.
"""

from __future__ import annotations

import polars as pl

from data.simulation.exports.account_view import Account
from data.simulation.populations import CRIMINAL_ROLES

MOST_ROWS = 2_000
"""Longer histories are passed over."""

MOST_PER_CHAIN = 1_000
"""So many exports of a chain are about eleven thousand files."""

_TRIED = 6
"""So many candidates are looked at for each that is taken."""


def choose(truth: pl.DataFrame, transfers: pl.LazyFrame, per_chain: int) -> list[Account]:
    """Choose accounts; the same world gives the same ones.

    Parameters
    ----------
    truth
        The world's truth: chain, address, role, population.
    transfers
        Its canonical transfers.
    per_chain
        How many of each chain; a chain that has fewer gives all it has.
    """
    candidates = _in_turns(truth).filter(pl.col("place") < _TRIED * per_chain)
    usable = candidates.join(_rows_of(candidates, transfers), on=["chain", "address"]).filter(
        pl.col("rows") <= MOST_ROWS
    )
    usable = usable.sort("chain", "criminal", "place").with_columns(
        place=pl.int_range(pl.len()).over("chain", "criminal")
    )
    half = per_chain // 2
    # Either half is filled up from the other where a chain has too few of it.
    beyond = pl.col("place") >= pl.when("criminal").then(half).otherwise(per_chain - half)
    taken = (
        usable.sort("chain", beyond, "criminal", "place", descending=[False, False, True, False])
        .group_by("chain", maintain_order=True)
        .head(per_chain)
        .sort("chain", "address")
    )
    return [Account(chain, address) for chain, address in taken["chain", "address"].iter_rows()]


def _in_turns(truth: pl.DataFrame) -> pl.DataFrame:
    """Order each chain's criminals, and its others, one of each population after the other.

    Addresses are hashes, so their order is as good as a draw.
    """
    marked = truth.select(
        "chain", "address", "population", criminal=pl.col("role").is_in(CRIMINAL_ROLES)
    ).sort("chain", "address")
    turn = pl.int_range(pl.len()).over("chain", "criminal", "population")
    return (
        marked.with_columns(turn=turn)
        .sort("chain", "criminal", "turn", "address")
        .with_columns(place=pl.int_range(pl.len()).over("chain", "criminal"))
    )


def _rows_of(accounts: pl.DataFrame, transfers: pl.LazyFrame) -> pl.DataFrame:
    """Count the transfers of accounts; one without any is left out."""
    wanted = accounts.lazy().select("chain", "address")
    sides = [
        transfers.select("chain", address=side).join(wanted, on=["chain", "address"], how="semi")
        for side in ("sender", "receiver")
    ]
    counted = pl.concat(sides).group_by("chain", "address").agg(rows=pl.len())
    return counted.collect(engine="streaming")
