"""Any CSV, JSON list or Parquet table, by a column mapping (`data/importers/mapping.py`).

Units are declared, never guessed. Amounts stored as floats are read as the shortest decimal that
gives the same float, which is what their maker most probably wrote, and then exactly.

>>> from data.importers.mapping import read_mapping
>>> read_mapping({"sender": "From", "receiver": "To", "block_time": "TimeStamp", "tx_id": "TxHash",
...               "amount_raw": "Value", "time_unit": "s", "amount_unit": "decimal"}).decimals
"""

from __future__ import annotations

import polars as pl

from data.addresses import CHAINS
from data.assets import NATIVE, asset_lookup
from data.coverage import coverage_rows, legs_text
from data.errors import Refused, did_you_mean
from data.importers.amounts import base_units, scaled, scaled_by, shortest_text
from data.importers.importer import (
    FEE_RECEIVER,
    Context,
    Imported,
    Importer,
    canonical_columns,
    faults_of,
    made,
    shown,
)
from data.importers.mapping import TableMapping, read_mapping
from data.importers.source import Source, set_aside
from data.importers.text import ROW, tidy
from data.importers.times import UNITS, from_number, from_text
from data.schema import COVERAGE, KINDS, TIME, empty

_USD_DECIMALS = 6
_NOTHING = ("", "null", "none", "nan", "n/a", "na", "-")
_ADDRESSES = ("sender", "receiver", "asset", "initiator", "tx_to", "account")
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no", "")
_LEG_KIND = {"native": "native", "internal": "internal", "token": "token", "mint": "token"}


class Table(Importer):
    """Any table, with a mapping."""

    name = "table"
    description = "any CSV, JSON list or Parquet with a column mapping (--map); never recognised"
    columns = ((),)

    def recognises(self, source: Source) -> bool:
        """Recognise nothing: what the columns mean is for the user to say."""
        return False

    def read(self, source: Source, context: Context) -> Imported:
        """Read transfers as the mapping says."""
        mapping = read_mapping(context.mapping)
        chain = _one_chain(mapping, context)
        rows = _columns(source, mapping, chain)
        rows = rows.with_columns(_moments(source, mapping, rows), _amounts(mapping, rows, chain))
        rows, unreadable = set_aside(rows, _faults(mapping))
        rows, misaddressed = _with_addresses(rows, mapping)
        transfers = made(rows)
        return Imported(
            transfers,
            _coverage(transfers, mapping, context),
            faults_of(source, unreadable, *misaddressed),
            source.rows,
        )


def _one_chain(mapping: TableMapping, context: Context) -> str | None:
    """Return the chain of all rows, or None where a column says it."""
    chain = mapping.constants.get("chain", context.chain)
    if "chain" in mapping.columns:
        if context.chain:
            raise Refused("both --chain and a mapped column say the chain", expected="one of them")
        chain = None
    elif chain not in CHAINS:
        came = "is not given" if chain is None else f"is {chain!r}"
        raise Refused(f"the table's chain {came}", expected=f"--chain {', '.join(CHAINS)}")
    if mapping.amount_unit == "usd" and chain != "generic":
        raise Refused(
            "amounts in dollars are not amounts of a coin",
            expected="amount_unit=usd on the chain generic only",
        )
    if "tx_id" not in {**mapping.columns, **mapping.constants} and chain != "generic":
        raise Refused("the mapping lacks tx_id", expected="the column of transaction ids")
    return chain


def _columns(source: Source, mapping: TableMapping, chain: str | None) -> pl.DataFrame:
    """Select the mapped columns under their canonical names; text, except time and amount."""
    picked: dict[str, pl.Expr] = {name: pl.lit(v) for name, v in mapping.constants.items()}
    for name, column in mapping.columns.items():
        picked[name] = pl.col(_existing(source, column))
        if name not in ("block_time", "amount_raw"):
            text = picked[name].cast(pl.String).str.strip_chars(" \t\u00a0")
            absent = text.str.to_lowercase().is_in(_NOTHING)
            picked[name] = pl.when(~absent).then(text)
    if chain is not None:
        picked["chain"] = pl.lit(chain)
    if "tx_id" not in picked:
        picked["tx_id"] = pl.format("{}:{}", pl.lit(source.path.stem), pl.col(ROW))
    picked.setdefault("asset", pl.lit(NATIVE))
    rows = source.frame.select(ROW, *(e.alias(name) for name, e in picked.items()))
    if "kind" not in picked:
        native = pl.col("asset") == NATIVE
        rows = rows.with_columns(
            pl.when(native).then(pl.lit("native")).otherwise(pl.lit("token")).alias("kind")
        )
    for name in ("failed", "confirmed", "account", "log_index", "block_number", "tx_index"):
        if name not in rows.columns:
            rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name))
    return rows.with_columns(
        _truth("failed").alias("failed_read"),
        _truth("confirmed").alias("confirmed_read"),
        pl.col("tx_id").str.to_lowercase() if chain not in ("generic", None) else pl.col("tx_id"),
        pl.col("log_index").alias("log_text"),
        pl.col("log_index").cast(pl.Int32, strict=False),
        pl.col("block_number").cast(pl.Int64, strict=False),
        pl.col("tx_index").cast(pl.Int32, strict=False),
    )


def _existing(source: Source, column: str) -> str:
    if column in source.columns:
        return column
    if found := source.find(tidy(column)):
        return found
    raise Refused(
        f"{str(source.path)!r} has no column {column!r}",
        expected=f"one of {shown(source)}",
        hint=did_you_mean(column, source.columns) or "A constant is written =value.",
    )


def _truth(name: str) -> pl.Expr:
    word = pl.col(name).fill_null("").str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False)


def _moments(source: Source, mapping: TableMapping, rows: pl.DataFrame) -> pl.Series:
    column, unit = rows["block_time"], mapping.time_unit
    if isinstance(column.dtype, pl.Datetime | pl.Date):
        return _in_utc(column).alias("block_time")
    if column.dtype.is_temporal():
        raise Refused(f"{str(source.path)!r}: block_time has the type {column.dtype}")
    if not unit:
        raise Refused(
            "the mapping lacks time_unit",
            expected=f"{', '.join(UNITS)}, iso, or a format such as '%d.%m.%Y %H:%M'",
        )
    if column.dtype.is_float():
        whole = (column == column.floor()).fill_null(False)
        column = pl.select(pl.when(whole).then(column)).to_series().cast(pl.Int64, strict=False)
    if unit in UNITS:
        return from_number(column, unit).alias("block_time")
    if unit == "iso":
        return from_text(column).alias("block_time")
    return from_text(column, (unit,)).alias("block_time")


def _in_utc(column: pl.Series) -> pl.Series:
    """Read a column of a time type; one without a zone is in UTC."""
    zone = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
    moments = column.cast(pl.Datetime("us", zone))
    if zone is None:
        return moments.dt.replace_time_zone("UTC")
    return moments.dt.convert_time_zone("UTC")


def _amounts(mapping: TableMapping, rows: pl.DataFrame, chain: str | None) -> pl.Series:
    column = rows["amount_raw"]
    text = shortest_text(column) if column.dtype.is_float() else column.cast(pl.String)
    if mapping.amount_unit == "base":
        return base_units(text).alias("amount_raw")
    if mapping.amount_unit == "usd":
        return scaled(_to_micros(text), _USD_DECIMALS).alias("amount_raw")
    if mapping.decimals is not None:
        return scaled(text, mapping.decimals).alias("amount_raw")
    keys = rows.select("chain", pl.col("asset").str.to_lowercase().alias("key"))
    known = asset_lookup().select(
        "chain", pl.col("asset").str.to_lowercase().alias("key"), "decimals"
    )
    known = known.unique(["chain", "key"])
    decimals = keys.join(known, on=["chain", "key"], how="left", maintain_order="left")["decimals"]
    if decimals.null_count() == len(decimals) and len(decimals):
        raise Refused(
            "no asset of the table is in the asset registry, so its decimals are not known",
            hint="Say decimals=N in the mapping.",
        )
    return scaled_by(text, decimals).alias("amount_raw")


def _to_micros(text: pl.Series) -> pl.Series:
    """Cut dollars after the sixth decimal, as valuation does (the floor)."""
    return text.str.replace(r"^(\d+\.\d{6})\d+$", "${1}")


def _faults(mapping: TableMapping) -> list[tuple[str, pl.Expr]]:
    numbered = pl.col("log_text").is_not_null()
    return [
        ("the chain is unknown", ~pl.col("chain").is_in(CHAINS).fill_null(False)),
        ("tx_id is missing", pl.col("tx_id").is_null()),
        ("block_time is not a moment in the declared unit", pl.col("block_time").is_null()),
        (
            f"amount_raw is not exact in the declared unit {mapping.amount_unit}",
            pl.col("amount_raw").is_null(),
        ),
        ("kind is none of " + ", ".join(KINDS), ~pl.col("kind").is_in(KINDS).fill_null(False)),
        ("asset is missing", pl.col("asset").is_null()),
        ("log_index is not a whole number", numbered & pl.col("log_index").is_null()),
        ("log_index is negative", numbered & (pl.col("log_index") < 0)),
        ("failed is neither true nor false", pl.col("failed_read").is_null()),
        ("confirmed is neither true nor false", pl.col("confirmed_read").is_null()),
    ]


def _with_addresses(
    rows: pl.DataFrame, mapping: TableMapping
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Bring addresses into canonical form, chain by chain, and number what needs no events."""
    optional = [c for c in ("initiator", "tx_to", "account") if c in rows.columns]
    parts, faults = [], []
    fee = pl.col("kind") == "fee"
    native = pl.col("asset") == NATIVE
    for (chain,), part in rows.partition_by("chain", as_dict=True, maintain_order=True).items():
        # Stand-ins keep what is no address (the coin, a fee's receiver) out of the address check.
        part = part.with_columns(
            pl.when(~native).then("asset").alias("contract"),
            pl.when(~fee).then("receiver").otherwise("sender").alias("receiver"),
        )
        part, faulty = canonical_columns(
            part, str(chain), ["sender", "receiver"], ["contract", *optional]
        )
        parts.append(
            part.with_columns(
                pl.when(native).then("asset").otherwise("contract").alias("asset"),
                pl.when(fee).then(pl.lit(FEE_RECEIVER)).otherwise("receiver").alias("receiver"),
            )
        )
        faults.append(faulty)
    rows = pl.concat(parts) if parts else rows
    dollars = pl.col("amount_raw").str.slice(0, 18).cast(pl.Int64, strict=False)
    one_a_transaction = pl.col("chain").is_in(["generic", "bitcoin"]).not_()
    return rows.with_columns(
        pl.when(fee)
        .then(-2)
        .when((pl.col("kind") == "native") & one_a_transaction)
        .then(-1)
        .otherwise("log_index")
        .cast(pl.Int32)
        .alias("log_index"),
        pl.when("failed_read").then(pl.lit("failed")).alias("status"),
        pl.when(pl.col("confirmed").is_not_null()).then("confirmed_read").alias("confirmed"),
        pl.lit(True).alias("exact"),
        pl.when(mapping.amount_unit == "usd").then(dollars).alias("usd_micros"),
    ), faults


def _coverage(transfers: pl.DataFrame, mapping: TableMapping, context: Context) -> pl.DataFrame:
    """Cover the accounts of the mapped column, as the mapping declares."""
    if "account" not in {**mapping.columns, **mapping.constants}:
        return empty(COVERAGE)
    accounts = (
        transfers.filter(pl.col("account").is_not_null())
        .group_by("chain", pl.col("account").alias("address"))
        .agg(pl.col("block_time").min().alias("first"), pl.col("block_time").max().alias("last"))
        .with_columns(complete=pl.lit(mapping.complete))
        .cast({"first": TIME, "last": TIME})
        .sort("chain", "address")
    )
    legs = legs_text(mapping.legs) if mapping.legs else _legs_of_kind(transfers)
    return coverage_rows(accounts, legs=legs.split(","), source=Table.name, fetched=context.fetched)


def _legs_of_kind(transfers: pl.DataFrame) -> str:
    kinds = {_LEG_KIND[k] for k in transfers["kind"].unique().to_list() if k in _LEG_KIND}
    if len(kinds) > 1:
        raise Refused(
            f"the table has transfers of the kinds {', '.join(sorted(kinds))}",
            expected="legs in the mapping, as legs=native_in,native_out",
            hint="Whether every account's rows of each kind are there, only you can say.",
        )
    return ",".join(f"{kind}_{side}" for kind in kinds for side in ("in", "out"))
