"""A world in which every signal has a value, and ways to tell it that must make no difference.

It is a simulated world and a ring: thirty addresses who pay each other so densely, in the same
minutes and about the same amounts, that every shape of money is among it. Two of the ring are
listed, one as a marketplace and one as frozen; some busy addresses are listed as mixers.

Dates and prices cannot tell one hour from another: every service is known since before any telling
begins, those of the registry included, and a coin costs the same on every day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from data.assets import asset_registry
from data.schema import LEGS, TRANSFERS, leg_text
from data.services import load_services
from data.simulation.identities import (
    CHAINS,
    ETHEREUM,
    TRON,
    addresses,
    node_number,
    transaction_ids,
    transaction_number,
)
from data.storage import write_parquet
from pipelines.ingest import ingest
from pipelines.signals import signals
from tests.data.canonical import USDC, USDT
from tests.pipelines.conftest import World

KNOWN_SINCE = date(2010, 1, 1)
NAMES = {"sender", "receiver", "initiator", "tx_to"}
PARTICULARS = (*(c for c in TRANSFERS if c not in ("usd_micros", "screened")), "failed", "account")
MAPPING = {
    **{c: c for c in PARTICULARS},
    "amount_unit": "base",
    "legs": leg_text(LEGS),
    "complete": True,
}
_RING, _PAYMENTS = 30, 1500
_DOLLARS_A_COIN = {"ETH": "3000", "BNB": "600", "TRX": "0.25"}


@dataclass(frozen=True)
class Telling:
    """What somebody exported, and what is known of whom.

    Attributes
    ----------
    transfers
        Canonical columns.
    covered
        ``chain`` and ``address`` of those whose exports these are.
    services
        A services table.
    as_of
        When the exports were made.
    """

    transfers: pl.DataFrame
    covered: pl.DataFrame
    services: pl.DataFrame
    as_of: datetime

    def exports(self) -> pl.DataFrame:
        """Return the rows of the accounts' exports, one after the other, and those of no account.

        A payment between two accounts stands in the exports of both.
        """
        rows = self.transfers.with_columns(failed=pl.col("screened") == "failed")
        rows = rows.with_columns(pl.col("failed").fill_null(False).cast(pl.String))
        numbered = ~pl.col("kind").is_in(["native", "fee"])
        rows = rows.with_columns(log_index=pl.when(numbered).then("log_index"))
        parts = []
        for side in ("sender", "receiver"):
            its = self.covered.rename({"address": side})
            parts.append(rows.join(its, on=["chain", side], how="semi").with_columns(account=side))
        seen = pl.concat(parts)
        unseen = rows.join(seen, on=["chain", "tx_id", "log_index", "kind"], how="anti",
                           nulls_equal=True)  # fmt: skip
        unseen = unseen.with_columns(account=pl.lit(None, pl.String))
        return pl.concat([seen, unseen]).select(PARTICULARS).sort("account", "block_time", "tx_id")

    def renamed(self, names: pl.DataFrame) -> Telling:
        """Return the same of people with other names: ``chain``, ``old``, ``new``."""
        return replace(
            self,
            transfers=with_names(self.transfers, names, *NAMES),
            covered=with_names(self.covered, names, "address"),
        )

    def later(self, by: timedelta) -> Telling:
        """Return the same, all of it so much later."""
        moved = self.transfers.with_columns(pl.col("block_time") + by)
        return replace(self, transfers=moved, as_of=self.as_of + by)

    def people(self) -> pl.DataFrame:
        """Return ``chain`` and ``old`` for everybody whom no registry names."""
        paid = self.transfers.filter(pl.col("kind") != "fee")
        sides = [paid.select("chain", old=side) for side in ("sender", "receiver", "initiator")]
        known = self.services.select("chain", old="address")
        assets = asset_registry().select("chain", old="address")
        return (
            pl.concat([*sides, self.covered.rename({"address": "old"})])
            .drop_nulls()
            .unique()
            .join(known, on=["chain", "old"], how="anti")
            .join(assets, on=["chain", "old"], how="anti")
            .sort("chain", "old")
        )


def with_names(table: pl.DataFrame, names: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Return a table with other names in some columns, where there is another."""
    for column in columns:
        others = names.rename({"old": column})
        table = table.join(others, on=["chain", column], how="left", maintain_order="left")
        table = table.with_columns(pl.coalesce("new", column).alias(column)).drop("new")
    return table


def fresh_names(people: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Give each of some people a name that nobody has; one key has one name on all EVM chains."""
    tron = pl.col("chain") == "tron"
    parts = []
    for of_family, chain in ((~tron, ETHEREUM), (tron, TRON)):
        old = people.filter(of_family)["old"].unique().sort()
        nodes = np.array([node_number(1, k, chain) for k in range(len(old))], dtype=np.int64)
        both = pl.DataFrame({"old": old, "new": addresses(seed, nodes)})
        parts.append(people.filter(of_family).join(both, on="old"))
    names = pl.concat(parts)
    assert names.select("chain", "new").is_unique().all()
    return names


def ring(since: datetime) -> pl.DataFrame:
    """Return the payments of the ring, within a day; a third do not know their place."""
    draw = np.random.default_rng(5)
    names = ring_addresses()
    ways = np.array([draw.choice(_RING, 2, replace=False) for _ in range(_PAYMENTS)])
    minutes = np.sort(draw.integers(0, 24 * 60, _PAYMENTS))
    numbers = np.array([transaction_number(9, k) for k in range(_PAYMENTS)], dtype=np.int64)
    coins = draw.choice([USDT, USDC], _PAYMENTS, p=[0.9, 0.1])
    placed = draw.random(_PAYMENTS) < 2 / 3
    rows = [
        {
            "chain": "ethereum",
            "block_time": since + timedelta(minutes=int(minutes[k])),
            "block_number": int(minutes[k]) if placed[k] else None,
            "tx_index": int(draw.integers(0, 3)) if placed[k] else None,
            "tx_id": tx,
            "log_index": 0,
            "kind": "token",
            "sender": names[ways[k, 0]],
            "receiver": names[ways[k, 1]],
            "asset": str(coins[k]),
            "amount_raw": str(int(draw.integers(950_000_000, 1_050_000_000))),
            "initiator": names[ways[k, 0]],
            "tx_to": str(coins[k]),
        }
        for k, tx in enumerate(transaction_ids(9, numbers, np.zeros(_PAYMENTS, dtype=bool)))
    ]
    return pl.DataFrame(rows, schema=TRANSFERS)


def ring_addresses() -> list[str]:
    nodes = [node_number(9, k, ETHEREUM) for k in range(_RING)]
    return addresses(9, np.array(nodes, dtype=np.int64))


def first_telling(world: World) -> Telling:
    """Return a simulated world and the ring."""
    crew = ring_addresses()
    transfers = pl.concat([world.transfers, ring(datetime.fromisoformat("2025-03-01T00:00Z"))])
    own = pl.DataFrame({"chain": "ethereum", "address": crew})
    covered = pl.concat([world.coverage.select("chain", "address").unique(), own])
    return Telling(
        transfers,
        covered.sort("chain", "address"),
        known_services(world, crew),
        datetime.fromisoformat(world.as_of),
    )


def known_services(world: World, crew: list[str]) -> pl.DataFrame:
    """Return services of the world, two of the ring, busy ones as mixers, and the registry."""
    columns = ("chain", "address", "category", "licit")
    two = pl.DataFrame(
        {
            "chain": "ethereum",
            "address": crew[:2],
            "category": ["guarantee_marketplace", "issuer_blocked"],
            "licit": False,
        }
    )
    sent = world.transfers.filter(pl.col("screened").is_null()).group_by("chain", "sender").len()
    busy = sent.sort("len", "chain", "sender", descending=True)[5:45]
    mixers = busy.select("chain", address="sender", category=pl.lit("mixer"), licit=False)
    registry = load_services().table.filter(pl.col("chain").is_in(CHAINS))
    parts = [two, pl.read_csv(world.services).select(columns), mixers, registry.select(columns)]
    return (
        pl.concat(parts)
        .unique(["chain", "address"], keep="first", maintain_order=True)
        .with_columns(date=pl.lit(KNOWN_SINCE.isoformat()))
    )


def prices(telling: Telling) -> pl.DataFrame:
    """Return one price for each coin, on every day that a telling speaks of."""
    first, last = (getattr(telling.transfers["block_time"], end)().date() for end in ("min", "max"))
    days = pl.date_range(first, last, eager=True).cast(pl.String).alias("date")
    dear = asset_registry().filter(
        pl.col("chain").is_in(CHAINS), pl.col("asset_group").is_in([*_DOLLARS_A_COIN])
    )
    usd = pl.col("asset_group").replace_strict(_DOLLARS_A_COIN)
    coins = dear.select("chain", asset="address", usd=usd)
    return coins.join(days.to_frame(), how="cross").select("chain", "asset", "date", "usd")


@dataclass(frozen=True)
class Desk:
    """A folder in which a telling becomes a store, and the store signals."""

    folder: Path
    telling: Telling

    def file(self, name: str, rows: pl.DataFrame) -> Path:
        """Write rows of exports."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(rows, path)
        return path

    def take_in(self, *files: Path, append: bool = False) -> Path:
        """Ingest files, into a new store or after what is there."""
        priced = self.folder / "prices.csv"
        prices(self.telling).write_csv(priced)
        done = ingest(
            "table", files, self.folder / "store", mapping=MAPPING, prices=priced,
            as_of=self.telling.as_of, append=append,
        )  # fmt: skip
        assert done.quarantined == 0, done.why
        return done.out

    def signals(self) -> Path:
        """Compute every signal of everybody covered."""
        known = self.folder / "services.csv"
        self.telling.services.write_csv(known)
        out = self.folder / "signals.parquet"
        return signals(self.folder / "store", out, services=known, also=("motifs",), threads=2).out


def table_of(telling: Telling, folder: Path) -> Path:
    """Return the signals of a telling, taken in as it stands."""
    desk = Desk(folder, telling)
    desk.take_in(desk.file("exports.parquet", telling.exports()))
    return desk.signals()
