"""The canonical tables: their columns, types and units, and what makes a row unusable.

Everything that enters Unrinse becomes these tables first; everything that leaves it is computed
from them. Amounts are exact integers written as text (a uint256 fits no numeric type), dollars are
whole micro-dollars, moments are microseconds in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

TIME = pl.Datetime("us", "UTC")

TRANSFERS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "block_time": TIME,
    "block_number": pl.Int64(),
    "tx_index": pl.Int32(),
    "tx_id": pl.String(),
    "log_index": pl.Int32(),
    "kind": pl.String(),
    "sender": pl.String(),
    "receiver": pl.String(),
    "asset": pl.String(),
    "amount_raw": pl.String(),
    "usd_micros": pl.Int64(),
    "initiator": pl.String(),
    "tx_to": pl.String(),
    "method": pl.String(),
    "screened": pl.String(),
}
"""One row per movement of value; sorted by `TRANSFER_ORDER`."""

OPTIONAL_TRANSFER_COLUMNS = (
    "block_number",
    "tx_index",
    "usd_micros",
    "initiator",
    "tx_to",
    "method",
    "screened",
)
"""Nullable columns: a file may leave them out, and they are then read as null."""

DERIVED_COLUMNS: dict[str, pl.DataType] = {
    "sender_code": pl.Int32(),
    "receiver_code": pl.Int32(),
    "transaction": pl.Int32(),
    "leg_kind": pl.Int8(),
    "placed": pl.Boolean(),
}
"""Derived columns of a store, made once so that no reader handles strings again.

Codes are the rows of sender and receiver in the store's own ``addresses.parquet``, which has the
ids that are the same in every store. `transaction` is the first row of the same transaction.
`leg_kind` is 0 native, 1 internal, 2 token (coins made or burnt move as tokens do), and null where
signals ignore the row: it is screened, or a fee. `placed`: its place in its block is known.
"""

TRANSFER_ORDER = ("chain", "block_time", "block_number", "tx_index", "tx_id", "log_index")
"""The one order of the table. Unknown block positions sort first."""

KINDS = ("native", "internal", "token", "fee", "mint", "burn")

LOG_INDEX = {
    "native value": -1,
    "fee": -2,
    "token transfer read from calldata": -3,
    "token payment of an export without log indices, by the initiator": "2^30 + k",
    "other internal or token transfer of such an export": "2^30 + 2^29 + k",
}
"""How rows without an event-log position are numbered.

`(chain, tx_id, log_index)` must be unique, and the same export read twice must give the same
numbers, so that overlapping pages merge and two equal payments in one transaction do not: `k` is a
fixed hash of the row's content and of how often that content came before in the transaction.
"""

SCREENED = (
    "failed",
    "unconfirmed",
    "nft",
    "counterfeit_asset",
    "unlisted_asset",
    "zero_value",
    "self_transfer",
    "spoofed_sender",
    "dust",
)
"""Why signals ignore a row, in the order in which the reasons are tried."""

LEGS = ("native_in", "native_out", "internal_in", "internal_out", "token_in", "token_out")
"""What an export can show of an address: each kind of transfer, in each direction."""

COVERAGE: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "from": TIME,
    "to": TIME,
    "complete": pl.Boolean(),
    "legs": pl.String(),
    "source": pl.String(),
    "fetched_as_of": TIME,
}
"""What the loaded exports can have seen of an address. `from` null: since the chain began."""

QUARANTINE: dict[str, pl.DataType] = {
    "file": pl.String(),
    "row": pl.Int64(),
    "reason": pl.String(),
    "raw": pl.String(),
}
"""Rows that could not be understood: where they stood (1-based data row), why, and their text."""

LARGEST_USD_MICROS = 2**53
"""Above this (about nine billion dollars in one transfer) a valuation is not believed."""

EARLIEST = datetime(2009, 1, 3, tzinfo=UTC)
"""The first block of the first chain."""


def empty(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return a table of `schema` without rows."""
    return pl.DataFrame(schema=schema)


def conform_transfers(frame: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """Give a transfers table every canonical column, in order and with its type.

    Absent nullable columns become null. Other columns are dropped, but the id columns of a store
    are kept.

    Raises
    ------
    ValueError
        A required column is absent; the message names it.
    """
    lazy = frame.lazy()
    present = lazy.collect_schema().names()
    missing = [c for c in TRANSFERS if c not in present and c not in OPTIONAL_TRANSFER_COLUMNS]
    if missing:
        raise ValueError(
            f"A transfers table needs the columns {list(TRANSFERS)}; "
            f"{missing} are absent among {sorted(present)}."
        )
    ids = [c for c in DERIVED_COLUMNS if c in present]
    return lazy.select(
        [
            pl.col(c).cast(t) if c in present else pl.lit(None, dtype=t).alias(c)
            for c, t in TRANSFERS.items()
        ]
        + [pl.col(c).cast(DERIVED_COLUMNS[c]) for c in ids]
    )


def sort_transfers(frame: pl.DataFrame) -> pl.DataFrame:
    """Put transfers into their one order (stable, unknown block positions first)."""
    return frame.sort(TRANSFER_ORDER, nulls_last=False, maintain_order=True)


def row_faults(latest: datetime) -> list[tuple[str, pl.Expr]]:
    """Return the faults that send a transfers row to quarantine, as (reason, expression).

    Parameters
    ----------
    latest
        A block after this moment lies in the future.
    """
    known = {"kind": KINDS, "screened": SCREENED}
    faults = [
        (f"{c} is missing", pl.col(c).is_null())
        for c in ("chain", "block_time", "tx_id", "log_index", "kind", "asset", "amount_raw")
    ]
    faults += [
        ("sender or receiver is missing", pl.col("sender").is_null() | pl.col("receiver").is_null())
    ]
    faults += [
        (f"{c} is none of {', '.join(values)}", ~pl.col(c).is_in(values).fill_null(True))
        for c, values in known.items()
    ]
    return [
        *faults,
        ("block_time before the first block of any chain", pl.col("block_time") < EARLIEST),
        ("block_time in the future", pl.col("block_time") > latest),
        (
            "amount_raw is not a whole number of base units",
            ~pl.col("amount_raw").str.contains(r"^(0|[1-9][0-9]{0,77})$"),
        ),
        ("usd_micros is negative", pl.col("usd_micros") < 0),
        ("usd_micros is above 2^53", pl.col("usd_micros") > LARGEST_USD_MICROS),
    ]


def validate_transfers(frame: pl.DataFrame, latest: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a conforming transfers table into usable rows and faulty ones.

    Returns
    -------
    usable, faulty
        `faulty` has all columns of `frame` and a `reason`. Together they hold every row once.
    """
    reason = pl.coalesce(
        [pl.when(fault.fill_null(False)).then(pl.lit(why)) for why, fault in row_faults(latest)]
    )
    marked = frame.with_columns(reason=reason)
    return (
        marked.filter(pl.col("reason").is_null()).drop("reason"),
        marked.filter(pl.col("reason").is_not_null()),
    )


def leg_set(legs: str | None) -> frozenset[str]:
    """Read a comma-joined list of legs.

    >>> sorted(leg_set("native_in,token_out"))
    ['native_in', 'token_out']
    """
    names = frozenset(part.strip() for part in (legs or "").split(",") if part.strip())
    unknown = names - set(LEGS)
    if unknown:
        raise ValueError(f"Legs must be among {', '.join(LEGS)}. Got {', '.join(sorted(unknown))}.")
    return names


def leg_text(legs: frozenset[str] | set[str] | tuple[str, ...]) -> str:
    """Write legs in their one order.

    >>> leg_text({"token_out", "native_in"})
    'native_in,token_out'
    """
    return ",".join(leg for leg in LEGS if leg in legs)
