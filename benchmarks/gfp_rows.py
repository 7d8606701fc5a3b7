"""Transfers as Snap ML wants them, and its columns for the addresses of a study, kept.

World by world and chain by chain: one chain's transfers touch no other's addresses, so its graph is
its own. What was described is kept, so a run that was cut off goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.peers.snapml_addresses import SETTINGS, described, of_addresses
from benchmarks.source_hash import source_hash
from benchmarks.worlds import KEY, opened
from benchmarks.worth_studies import RealSources, WorldSources
from data.storage import read_manifest, whole_file
from data.transfers import Transfers, open_transfers
from pipelines.labelling.labelled import read_labels

MAKERS = ("benchmarks/gfp_rows.py", "benchmarks/peers/snapml_addresses.py")
_AS_ASKED = [*KEY, "as_of"]


@dataclass(frozen=True)
class WorldFeatures:
    """The peer's columns on worlds, in dollars; addresses named as in their pool."""

    sources: WorldSources
    cache: Path

    def to_choose(self, setting: str) -> pl.DataFrame:
        """Return the rows of the worlds trained on."""
        return self._of(self.sources.training, setting)

    def everywhere(self, setting: str) -> pl.DataFrame:
        """Return the rows of all worlds."""
        return self._of((*self.sources.training, *self.sources.fresh), setting)

    def _of(self, worlds: Sequence[Path], setting: str) -> pl.DataFrame:
        return pl.concat([rows for world in worlds for rows in self._kept(world, setting)])

    def _kept(self, world: Path, setting: str) -> Iterator[pl.DataFrame]:
        state = read_manifest(world)["checksum"][:8]
        transfers, labels = opened(world)
        for chain in labels["chain"].unique().sort():
            asked = labels.filter(chain=chain).select(_AS_ASKED).unique()
            name = f"gfp-{world.name}-{chain}-{setting}-{state}-{source_hash(MAKERS)}.parquet"
            path = self.cache / name
            if not path.exists():
                paid = priced(transfers).filter(pl.col("chain") == chain)
                rows = addressed(asked.sort(_AS_ASKED), paid.collect(), setting)
                _keep(rows, path)
            rows = pl.read_parquet(path)
            yield rows.with_columns(address=pl.lit(f"{world.name}/") + pl.col("address"))


@dataclass(frozen=True)
class RealFeatures:
    """The peer's columns on the real accounts, in relative amounts."""

    sources: RealSources
    cache: Path

    def to_choose(self, setting: str) -> pl.DataFrame:
        """Return all rows: the crawl is one graph."""
        return self.everywhere(setting)

    def everywhere(self, setting: str) -> pl.DataFrame:
        """Return all rows."""
        state = f"{self.sources.labels.stem}-{setting}-{source_hash((*MAKERS, 'data'))}"
        path = self.cache / f"gfp-{state}.parquet"
        if not path.exists():
            transfers = open_transfers(self.sources.store)
            asked = read_labels(self.sources.labels, transfers, None).select(_AS_ASKED)
            _keep(addressed(asked, relative(transfers, asked).collect(), setting), path)
        return pl.read_parquet(path)


def priced(transfers: Transfers) -> pl.LazyFrame:
    """Return the transfers that count, with what they are worth in dollars for both ends."""
    dollars = pl.col("usd_micros") / 1e6
    return _counting(transfers).filter(pl.col("usd_micros") > 0).with_columns(
        sent=dollars, received=dollars
    )  # fmt: skip


def relative(transfers: Transfers, asked: pl.DataFrame) -> pl.LazyFrame:
    """Return the transfers that count, divided by the median of either end's own history.

    The median is over the end's transfers before its moment. An end that is not asked for has no
    history here; its transfer counts in the scale of the other end.
    """
    amount = pl.col("amount_raw").cast(pl.Float64)
    counted = _counting(transfers).with_columns(amount=amount).filter(pl.col("amount") > 0)
    sides = [
        counted.join(
            asked.lazy(), left_on=["chain", end], right_on=["chain", "address"], how="inner"
        )
        .filter(pl.col("block_time") < pl.col("as_of"))
        .select("chain", pl.col(end).alias("address"), "amount")
        for end in ("sender", "receiver")
    ]
    median = pl.concat(sides).group_by("chain", "address").agg(scale=pl.col("amount").median())
    for end in ("sender", "receiver"):
        counted = counted.join(
            median.rename({"address": end, "scale": f"{end}_scale"}), on=["chain", end], how="left"
        )
    own, other = pl.col("sender_scale"), pl.col("receiver_scale")
    return counted.with_columns(
        sent=pl.col("amount") / pl.coalesce(own, other),
        received=pl.col("amount") / pl.coalesce(other, own),
    ).drop_nulls(["sent", "received"])


def addressed(asked: pl.DataFrame, paid: pl.DataFrame, setting: str) -> pl.DataFrame:
    """Describe one chain's transfers and sum them up for the addresses asked for.

    Parameters
    ----------
    asked
        ``chain``, ``address``, ``as_of``.
    paid
        ``sender``, ``receiver``, ``block_time``, ``sent``, ``received``.
    setting
        Name of one of the peer's settings.
    """
    parties = pl.concat([paid["sender"], paid["receiver"]]).unique().sort().alias("address")
    codes = parties.to_frame().with_row_index("code")
    transfers = (
        paid.sort("block_time", maintain_order=True)
        .join(
            codes.rename({"address": "sender", "code": "from"}), on="sender", maintain_order="left"
        )
        .join(
            codes.rename({"address": "receiver", "code": "to"}),
            on="receiver",
            maintain_order="left",
        )
        .select(
            pl.col("from").alias("sender"),
            pl.col("to").alias("receiver"),
            pl.col("block_time").to_physical().alias("time"),
            "sent",
            "received",
        )
    )
    requests = asked.join(codes, on="address", how="left", maintain_order="left").select(
        "code", moment=pl.col("as_of").to_physical()
    )
    features = of_addresses(requests, transfers, described(transfers, SETTINGS[setting]))
    return pl.concat([asked.select(_AS_ASKED), features], how="horizontal")


def _counting(transfers: Transfers) -> pl.LazyFrame:
    """Return what every signal sees too: neither screened transfers nor fees, in one order."""
    return (
        transfers.scan().filter(pl.col("screened").is_null(), pl.col("kind") != "fee").sort("row")
    )


def _keep(rows: pl.DataFrame, path: Path) -> None:
    with whole_file(path) as beside:
        rows.write_parquet(beside)
