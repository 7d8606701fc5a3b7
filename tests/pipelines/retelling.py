"""A world in which every signal has a value, and ways to tell it that must make no difference.

It is a simulated world and a ring: thirty addresses who pay each other so densely, in the same
minutes and about the same amounts, that every shape of money is among it, and who move money over
bridges. Some of the ring are listed: a marketplace, a frozen address, two of an exchange; and some
busy addresses of the world as mixers.

Dates and prices cannot tell one hour from another: every service is known since before any telling
begins, those of the registry included, and a coin costs the same on every day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

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

Row = dict[str, Any]
KNOWN_SINCE = date(2010, 1, 1)
NAMES = {"sender", "receiver", "initiator", "tx_to"}
PARTICULARS = (*(c for c in TRANSFERS if c not in ("usd_micros", "screened")), "failed", "account")
MAPPING = {
    **{c: c for c in PARTICULARS},
    "amount_unit": "base",
    "legs": leg_text(LEGS),
    "complete": True,
}
_RING, _PAYMENTS, _CROSSINGS = 30, 2000, 150
_BRIDGED = ("ethereum", "arbitrum")
_USDT_OF_ARBITRUM = "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9"
_LISTED = ["guarantee_marketplace", "issuer_blocked", "exchange_hot", "exchange_hot"]
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
    numbered
        Whether the exports show where in its transaction a token moved.
    """

    transfers: pl.DataFrame
    covered: pl.DataFrame
    services: pl.DataFrame
    as_of: datetime
    numbered: bool = True

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
        rows = pl.concat([seen, unseen]).select(PARTICULARS).sort("account", "block_time", "tx_id")
        return rows if self.numbered else rows.with_columns(log_index=pl.lit(None, pl.Int32))

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
        """Return ``chain`` and ``old`` for everybody whom no registry names, on whichever chain.

        One key opens the same address on all EVM chains: a bridge's other leg is found by that.
        """
        paid = self.transfers.filter(pl.col("kind") != "fee")
        sides = [paid.select("chain", old=side) for side in ("sender", "receiver", "initiator")]
        known = self.services.select(old="address")
        assets = asset_registry().select(old="address")
        return (
            pl.concat([*sides, self.covered.rename({"address": "old"})])
            .drop_nulls()
            .unique()
            .join(pl.concat([known, assets]), on="old", how="anti")
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
    """Return what the ring pays and moves over bridges, within a day."""
    draw = np.random.default_rng(5)
    rows = pl.DataFrame([*payments(draw), *crossings(draw)]).sort("minute", maintain_order=True)
    number = (rows["log_index"] == 0).cum_sum().cast(pl.Int64).to_numpy() - 1
    n = int(number[-1]) + 1
    own = np.array([transaction_number(9, k) for k in range(n)], dtype=np.int64)
    ids = np.array(transaction_ids(9, own, np.zeros(n, dtype=bool)))[number]
    placed = pl.Series((draw.random(n) < 2 / 3)[number])  # a third do not know their place
    rows = rows.with_columns(
        block_time=pl.lit(since) + pl.duration(minutes="minute"),
        block_number=pl.when(placed).then("minute"),
        tx_index=pl.when(placed).then(pl.Series(draw.integers(0, 3, n)[number])),
        tx_id=pl.Series(ids),
        kind=pl.lit("token"),
        initiator="sender",
        tx_to="asset",
    )
    return rows.select(
        (pl.col(c) if c in rows.columns else pl.lit(None)).cast(t).alias(c)
        for c, t in TRANSFERS.items()
    )


def payments(draw: np.random.Generator) -> Iterator[Row]:
    """Draw payments of about the same amounts, one in four a small one, as peels are.

    Of one transaction in eight there are two, to different receivers, or to one, some alike.
    """
    names = ring_addresses()
    for _ in range(_PAYMENTS):
        sender, *receivers = draw.choice(_RING, 3, replace=False)
        receivers = receivers if draw.random() < 0.75 else receivers[:1] * 2
        minute = int(draw.integers(0, 24 * 60))
        amount = 0
        for place in range(1 + (draw.random() < 1 / 8)):
            small = draw.random() < 0.25
            low, high = (20_000_000, 90_000_000) if small else (900_000_000, 1_000_000_000)
            amount = amount if place and draw.random() < 0.5 else int(draw.integers(low, high))
            yield {
                "chain": "ethereum",
                "minute": minute,
                "log_index": place,
                "sender": names[sender],
                "receiver": names[receivers[place]],
                "asset": str(draw.choice([USDT, USDC], p=[0.9, 0.1])),
                "amount_raw": str(amount),
            }


def crossings(draw: np.random.Generator) -> Iterator[Row]:
    """Draw ways over bridges, mostly to oneself, of few amounts; some never come out."""
    names = ring_addresses()
    for k in range(_CROSSINGS):
        there = (k % 2, 1 - k % 2)
        sender, other = draw.choice(_RING, 2, replace=False)
        receiver = sender if draw.random() < 0.7 else other
        amount = int(draw.choice([200, 300, 300, 450])) * 1_000_000 + int(draw.integers(0, 3))
        minute = int(draw.integers(0, 22 * 60))
        came_out = amount - int(amount * draw.choice([0, 0.001, 0.004]))
        legs = ((minute, amount), (minute + int(draw.integers(0, 50)), came_out))
        for (moment, value), at in list(zip(legs, there, strict=True))[: 1 + (k % 6 > 0)]:
            bridge = BRIDGES[int(draw.integers(0, 2))]
            into = at == there[0]
            yield {
                "chain": _BRIDGED[at],
                "minute": moment,
                "log_index": 0,
                "sender": names[sender] if into else bridge,
                "receiver": bridge if into else names[receiver],
                "asset": (USDT, _USDT_OF_ARBITRUM)[at],
                "amount_raw": str(value),
            }


def ring_addresses() -> list[str]:
    return _made_up(range(_RING))


def _made_up(places: range) -> list[str]:
    nodes = [node_number(9, k, ETHEREUM) for k in places]
    return addresses(9, np.array(nodes, dtype=np.int64))


BRIDGES = _made_up(range(_RING, _RING + 2))
"""On each of the two chains between which the ring moves."""


def first_telling(world: World) -> Telling:
    """Return a simulated world and the ring."""
    crew = ring_addresses()
    transfers = pl.concat([world.transfers, ring(datetime.fromisoformat("2025-03-01T00:00Z"))])
    own = [pl.DataFrame({"chain": chain, "address": crew}) for chain in _BRIDGED]
    covered = pl.concat([world.coverage.select("chain", "address").unique(), *own])
    return Telling(
        transfers,
        covered.sort("chain", "address"),
        known_services(world, crew),
        datetime.fromisoformat(world.as_of),
    )


def known_services(world: World, crew: list[str]) -> pl.DataFrame:
    """Return services of the world, some of the ring, busy ones as mixers, and the registry."""
    columns = ("chain", "address", "category", "licit")
    ours = pl.DataFrame(
        {
            "chain": "ethereum",
            "address": crew[: len(_LISTED)],
            "category": _LISTED,
            "licit": [category == "exchange_hot" for category in _LISTED],
        }
    )
    over = [
        pl.DataFrame({"chain": chain, "address": BRIDGES, "category": "bridge", "licit": True})
        for chain in _BRIDGED
    ]
    sent = world.transfers.filter(pl.col("screened").is_null()).group_by("chain", "sender").len()
    busy = sent.sort("len", "chain", "sender", descending=True)[5:45]
    mixers = busy.select("chain", address="sender", category=pl.lit("mixer"), licit=False)
    registry = load_services().table.filter(pl.col("chain").is_in(CHAINS))
    parts = [
        ours,
        *over,
        pl.read_csv(world.services).select(columns),
        mixers,
        registry.select(columns),
    ]
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
