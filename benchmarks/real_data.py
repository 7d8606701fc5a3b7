"""Real sets as stores and labels: what the benchmarks of the main job read.

Nothing of these sets is part of the project; `UNRINSE_REAL_DATA` names the folder that holds them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.schema import TIME
from models.components import components
from models.splits import Shares, groups
from pipelines.ingest import ingest

FIRST_DAYS = 30
AS_OF = datetime(2020, 1, 1, tzinfo=UTC)
ACCOUNTS_MAPPING = {
    "chain": "=ethereum",
    "block_time": "TimeStamp",
    "time_unit": "s",
    "block_number": "BlockHeight",
    "tx_id": "TxHash",
    "sender": "From",
    "receiver": "To",
    "amount_raw": "Value",
    "amount_unit": "decimal",
    "decimals": "18",
    "failed": "isError",
    "account": "account",
    "complete": "true",
}


@dataclass(frozen=True)
class Accounts:
    """The real Ethereum accounts: a store, and labels with their split, in two variants.

    Attributes
    ----------
    store
        All transactions, ingested through `table`.
    labels
        Variant (``whole``, ``first_30_days``) to label file.
    """

    store: Path
    labels: dict[str, Path]


def folder() -> Path:
    """Return the folder of the real sets, or say how to name it."""
    named = os.environ.get("UNRINSE_REAL_DATA")
    if not named or not Path(named).is_dir():
        raise Refused(
            "the real sets are not here.", hint="Set UNRINSE_REAL_DATA to the folder that has them."
        )
    return Path(named)


def accounts(out: Path, *, legs: str = "native_in,native_out") -> Accounts:
    """Import the accounts and split them by time, linked phishing accounts together.

    Parameters
    ----------
    legs
        Legs the store declares. The accounts predate stablecoins; with ``token_out`` it declares
        that they sent no tokens, which the crawl does not show.
    """
    source = folder() / "eth_accounts"
    store = out / f"accounts-{legs.count(',') + 1}-legs"
    ingest(
        "table",
        [source / "transactions.parquet"],
        store,
        mapping={**ACCOUNTS_MAPPING, "legs": legs},
        as_of=AS_OF,
    )
    labels = _split(pl.read_csv(source / "labels.csv"), store)
    return Accounts(store, {name: _write(labels, name, out) for name in ("whole", "first_30_days")})


def _split(listed: pl.DataFrame, store: Path) -> pl.DataFrame:
    """Give each account its group and its part: 60/20/20 on the first transaction."""
    listed = listed.select(
        "address",
        label=(pl.col("label") == "phishing").cast(pl.Int8),
        first=pl.from_epoch("first_seen_unix").cast(TIME),
    )
    frame = listed.with_columns(case_id=_linked(listed, store))
    group = groups(frame)
    ordered = (
        frame.with_columns(group=group)
        .with_columns(moment=pl.col("first").min().over("group"))
        .sort("moment", "group")
        .with_row_index("place")
        .with_columns(share=pl.col("place").min().over("group") / pl.len())
    )
    shares = Shares()
    part = (
        pl.when(pl.col("share") < shares.train)
        .then(pl.lit("train"))
        .when(pl.col("share") < shares.train + shares.validation)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("test"))
    )
    return ordered.with_columns(split=part).select("address", "label", "first", "case_id", "split")


def _linked(listed: pl.DataFrame, store: Path) -> pl.Series:
    """Name the component of phishing accounts that trade with each other; null for the rest."""
    phishing = listed.filter(pl.col("label") == 1)["address"]
    pairs = (
        pl.scan_parquet(store / "transfers.parquet")
        .filter(pl.col("sender").is_in(phishing.implode()))
        .filter(pl.col("receiver").is_in(phishing.implode()))
        .select("sender", "receiver")
        .unique()
        .collect()
    )
    component = components(phishing, pairs.iter_rows())
    return pl.Series("case_id", [component.get(a) for a in listed["address"]], dtype=pl.String)


def _write(labels: pl.DataFrame, variant: str, out: Path) -> Path:
    """Write a label file: cut at one stated moment, or each account after its first 30 days."""
    own = pl.col("first") + timedelta(days=FIRST_DAYS)
    moment = own if variant == "first_30_days" else pl.lit(AS_OF).cast(TIME)
    path = out / f"accounts-{variant}.parquet"
    labels.with_columns(chain=pl.lit("ethereum"), as_of=moment).drop("first").write_parquet(path)
    return path
