"""Crossings against the truth of worlds: of deposits matched with some chance, how many rightly.

    python -m benchmarks.crossings --seeds 11 12 13 --addresses 8000 --prevalence 0.1

All bridge deposits of each world are matched with the releases of all chains, as a trace does
(`features.crossings`). By truth a release is right if it answers this very deposit. The world does
not write that down: its units are played once more, and their ledgers noted while they bridge.
Crossings within one transaction, and swaps within one, are no guess; swaps spread over several
transactions are not followed by a trace at all. Intervals are 95 % Wilson intervals, every deposit
counted once. `models.tracing.proven` keeps the first table, for alerts to tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.worlds import asked_for
from data.addresses import EVM_CHAINS
from data.assets import asset_lookup
from data.services import load_services
from data.simulation import identities, market, unit
from data.simulation.ledger import Ledger
from data.simulation.plan import draw_plan
from data.simulation.playing import play, stage_of, units_of
from data.storage import read_manifest
from data.transfers import open_transfers
from features.bridges import bridge_legs
from features.history import microseconds
from models.markdown import counted_share
from models.tracing.parties import bridges_of
from models.tracing.proven import EDGES
from models.tracing.tracing import Tracer, read_amounts

_BATCH = 200
_KEY = ["chain", "tx_id"]


def main() -> None:
    """Make the worlds, match, and print Markdown tables."""
    with asked_for(__doc__, seeds=[11, 12, 13], addresses=8000, prevalence=0.1) as worlds:
        print(report(pl.concat([matched(world) for world in worlds])))


def matched(world: Path) -> pl.DataFrame:
    """Match the deposits of a world.

    Returns
    -------
    polars.DataFrame
        A row per deposit: ``probability`` (null: nothing can be said), ``right`` (null: there is no
        candidate), ``answered`` (whether its release is in the world), ``same_coin`` (whether that
        pays the coin of the deposit, null without a release), ``evm`` (whether both chains of the
        likeliest pair are EVM chains, null for no pair).
    """
    transfers = open_transfers(world)
    assert transfers.as_of is not None
    tracer = Tracer(transfers, load_services(world / "services.csv"), before=transfers.as_of)
    at = microseconds(transfers.as_of)
    legs = bridge_legs(transfers, tracer.events, bridges_of(tracer.parties), at)
    assert legs is not None
    into = legs.deposit
    rows = tracer.events.row
    coins = asset_lookup().select("chain", "asset", coin="asset_group")
    ids = (
        read_amounts(transfers, rows[legs.event])
        .select("row", *_KEY, "asset")
        .join(coins, on=["chain", "asset"], how="left")
        .select("row", *_KEY, pl.coalesce("coin", "asset"))
    )
    other = legs.other[into]
    found = pl.DataFrame(
        {
            "row": rows[legs.event[into]],
            "other_row": np.where(other >= 0, rows[other], 0),
            "has_other": other >= 0,
            "probability": pl.Series(legs.probability[into]).fill_nan(None),
        }
    )
    found = found.join(ids, on="row", how="left").join(
        ids.select(other_row="row", other_chain="chain", other_tx_id="tx_id"),
        on="other_row",
        how="left",
    )
    true = bridged(world)
    present = ids.select(release_chain="chain", release_id="tx_id", release_coin="coin")
    true = true.join(
        present.with_columns(answered=True), on=["release_chain", "release_id"], how="left"
    ).with_columns(pl.col("answered").fill_null(False))
    found = found.join(true, on=_KEY, how="left")
    same = (pl.col("other_chain") == pl.col("release_chain")) & (
        pl.col("other_tx_id") == pl.col("release_id")
    )
    evm = pl.col("chain").is_in(EVM_CHAINS) & pl.col("other_chain").is_in(EVM_CHAINS)
    return found.select(
        "probability",
        right=pl.when("has_other").then(same.fill_null(False)),
        answered=pl.col("answered").fill_null(False),
        same_coin=pl.when("answered").then(pl.col("coin") == pl.col("release_coin")),
        evm=pl.when("has_other").then(evm),
    )


def bridged(world: Path) -> pl.DataFrame:
    """Play a world once more and note what its bridges did.

    Returns
    -------
    polars.DataFrame
        ``chain`` and ``tx_id`` of each deposit, ``release_chain`` and ``release_id``.
    """
    told = read_manifest(world)
    plan = draw_plan(told["seed"], told["addresses"], told["asked_prevalence"])
    units, stage = units_of(plan), stage_of(plan, told["seed"], told["days"])
    with _noting() as pairs:
        for start in range(0, len(units), _BATCH):
            play(stage, units[start : start + _BATCH])
    columns = [np.concatenate(side) for side in zip(*pairs, strict=True)]
    deposit, release, here, there = (column.astype(np.int64) for column in columns)
    named = {}
    for prefix, numbers, chain in (("", deposit, here), ("release_", release, there)):
        texts = identities.transaction_ids(told["seed"], numbers, chain == identities.TRON)
        named[f"{prefix}chain"] = [identities.CHAINS[c] for c in chain.tolist()]
        named["release_id" if prefix else "tx_id"] = texts
    return pl.DataFrame(named)


Noted = list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


@contextmanager
def _noting() -> Iterator[Noted]:
    """Let units keep ledgers that note, of each crossing, both transactions and both chains."""
    pairs: Noted = []
    bridges = np.array(
        [node for chain in range(len(identities.CHAINS)) for node in market.places("bridge", chain)]
    )

    class Noting(Ledger):
        """A ledger whose withdrawals from a bridge answer the deposits before them, in order."""

        def take_out(self, time, contract, account, asset, micros, *, asked_by):  # type: ignore[no-untyped-def]
            n, first = len(time), identities.transaction_number(self.unit, self._transactions)
            super().take_out(time, contract, account, asset, micros, asked_by=asked_by)
            if n and np.isin(contract, bridges).all():
                into = self._blocks[-2]
                assert np.isin(into["receiver"], bridges).all()
                release = first + np.arange(n)
                chains = identities.chains_of(np.broadcast_to(contract, n).astype(np.int64))
                own = identities.chains_of(into["receiver"])
                pairs.append((release - n, release, np.full(n, own[0]), chains))

    before = unit.Ledger
    unit.Ledger = Noting  # type: ignore[misc]
    try:
        yield pairs
    finally:
        unit.Ledger = before  # type: ignore[misc]


def report(found: pl.DataFrame) -> str:
    """Return the Markdown."""
    return "\n\n".join([_by_chance(found), _by_chains(found), _followed(found)])


def by_chance(found: pl.DataFrame) -> list[tuple[float, float, int, int]]:
    """Count by chance: above the first edge and up to the second, matches and right ones."""
    told = []
    for low, high in pairwise(EDGES):
        inside = found.filter(
            pl.col("right").is_not_null(),
            pl.col("probability") > low,
            pl.col("probability") <= high,
        )
        told.append((low, high, inside.height, int(inside["right"].sum())))
    return told


def _by_chance(found: pl.DataFrame) -> str:
    lines = ["| chance of the match | matches | right | share right |", "|---|---:|---:|---:|"]
    for low, high, n, right in by_chance(found):
        share = counted_share(right, n, digits=1)
        lines.append(f"| above {low:g} up to {high:g} | {n:,} | {right:,} | {share} |")
    return "\n".join(lines)


def _by_chains(found: pl.DataFrame) -> str:
    """Return the matches that a trace follows, by whether addresses can be compared."""
    followed = found.filter(pl.col("probability") > EDGES[1], pl.col("right").is_not_null())
    lines = ["| followed | matches | right | share right |", "|---|---:|---:|---:|"]
    for name, evm in (("between EVM chains", True), ("to or from Tron", False)):
        some = followed.filter(pl.col("evm") == evm)
        right = int(some["right"].sum())
        share = counted_share(right, some.height, digits=1)
        lines.append(f"| {name} | {some.height:,} | {right:,} | {share} |")
    return "\n".join(lines)


def _followed(found: pl.DataFrame) -> str:
    """Say what share of the answered deposits a trace follows to their release."""
    answered = found.filter("answered")
    right = answered.filter((pl.col("probability") > EDGES[1]) & pl.col("right"))
    alike = answered.filter("same_coin")
    rightly = right.filter("same_coin").height
    return (
        f"Of {answered.height:,} deposits whose release is there, a trace follows "
        f"{counted_share(right.height, answered.height, digits=1)} to it: of the {alike.height:,} "
        f"that are answered in the same coin {counted_share(rightly, alike.height, digits=1)}, of "
        f"the {answered.height - alike.height:,} in another coin "
        f"{right.height - rightly:,}, as only one coin is compared. "
        f"{found.height - answered.height:,} more have none among the transfers of known bridges, "
        "and "
        f"{found.filter(~pl.col('answered') & (pl.col('probability') > EDGES[1])).height:,} of "
        "those are followed to another's."
    )


if __name__ == "__main__":
    main()
