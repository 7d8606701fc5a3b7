"""TronGrid v1 `/accounts/{address}/transactions/trc20`: an account's TRC-20 events, as JSON.

Approvals stand among the transfers; they move nothing and are counted as ignored. The answer comes
in pages of at most 200: a ``fingerprint`` beside the records, or a ``page_size`` above their
number, shows that there is more. ``at`` is the moment of the answer; an event older than a minute
then is final (Tron finalises a block after 19 more, about 57 seconds), a younger one is not yet.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from data.importers.amounts import base_units
from data.importers.importer import (
    Context,
    Imported,
    Importer,
    canonical_columns,
    chain_of,
    faults_of,
    made,
    one_account,
)
from data.importers.source import Source, set_aside
from data.importers.text import ROW
from data.importers.times import from_number

LEGS = ("token_in", "token_out")

FINAL_AFTER = timedelta(minutes=1)

_TX_ID = r"^[0-9a-f]{64}$"
_TRANSFER, _APPROVAL = "Transfer", "Approval"


class TrongridTrc20(Importer):
    """TRC-20 transfers of one Tron account."""

    name = "trongrid_trc20"
    description = "TronGrid v1 accounts/…/transactions/trc20, JSON, value in base units"
    columns = (
        (
            "transaction_id",
            "token_info.address",
            "block_timestamp",
            "from",
            "to",
            "type",
            "value",
        ),
    )
    call = "trc20"

    def read(self, source: Source, context: Context) -> Imported:
        """Read token transfers."""
        self.require(source)
        chain = chain_of(context, "tron", "tron")
        answered = _answered(source.meta)
        rows = _columns(source, chain, answered)
        ignored = rows.filter(pl.col("type") == _APPROVAL).height
        rows, unreadable = set_aside(rows.filter(pl.col("type") != _APPROVAL), _FAULTS)
        rows, misaddressed = canonical_columns(rows, chain, ["sender", "receiver", "asset"])
        transfers = made(rows)
        coverage, account = one_account(
            source,
            context,
            transfers,
            rows.select("sender", "receiver"),
            chain=chain,
            name=self.name,
            legs=LEGS,
            fetched=answered,
            missing=lambda account: _more_pages(source),
        )
        return Imported(
            transfers.with_columns(account=pl.lit(account, dtype=pl.String)),
            coverage,
            faults_of(source, unreadable, misaddressed),
            source.rows,
            {_APPROVAL: ignored} if ignored else {},
        )


_FAULTS = [
    ("the transaction id is not one", ~pl.col("tx_id").str.contains(_TX_ID)),
    ("the type is neither Transfer nor Approval", pl.col("type") != _TRANSFER),
    ("block_timestamp is not a moment in milliseconds", pl.col("block_time").is_null()),
    ("value is not a whole number of base units", pl.col("amount_raw").is_null()),
]


def _columns(source: Source, chain: str, answered: datetime | None) -> pl.DataFrame:
    text = source.text
    rows = source.frame.select(
        ROW,
        pl.lit(chain).alias("chain"),
        text("transaction_id").str.to_lowercase().alias("tx_id"),
        text("from").alias("sender"),
        text("to").alias("receiver"),
        text("token_info.address").alias("asset"),
        text("token_info.symbol").alias("token_symbol"),
        text("type").alias("type"),
        text("value").alias("amount_raw"),
        text("block_timestamp").alias("block_time"),
        pl.lit("token").alias("kind"),
        pl.lit(True).alias("exact"),
    )
    moments = from_number(rows["block_time"], "ms")
    if answered is not None:
        rows = rows.with_columns((moments <= answered - FINAL_AFTER).alias("confirmed"))
    return rows.with_columns(
        moments.alias("block_time"), base_units(rows["amount_raw"]).alias("amount_raw")
    )


def _inner(meta: dict[str, Any]) -> dict[str, Any]:
    inner = meta.get("meta")
    return inner if isinstance(inner, dict) else {}


def _answered(meta: dict[str, Any]) -> datetime | None:
    """Return the moment of the answer, if it states one that can be believed."""
    stamp = from_number(pl.Series([str(_inner(meta).get("at", ""))]), "ms")[0]
    return (
        stamp
        if isinstance(stamp, datetime) and stamp >= datetime(2018, 6, 25, tzinfo=UTC)
        else None
    )


def _more_pages(source: Source) -> bool:
    inner = _inner(source.meta)
    size = str(inner.get("page_size", "0"))
    return bool(inner.get("fingerprint")) or (size.isdecimal() and int(size[:9]) > source.rows)
