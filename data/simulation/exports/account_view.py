"""What a block explorer knows of one account: its transactions, their calldata, its token events.

A canonical table has one row for each movement of value; a service answers with one row for each
transaction, or for each event. This file turns the one into the other, once for all formats.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from data.importers.calldata import TRANSFER, TRANSFER_FROM
from data.schema import TRANSFER_ORDER

EVENT_KINDS = ("token", "mint", "burn")

_WORD = 64
_PLAIN_GAS, _CALL_GAS = 21_000, 65_000


@dataclass(frozen=True)
class Account:
    """An address on one chain, in canonical form."""

    chain: str
    address: str


def rows_of(account: Account, transfers: pl.DataFrame) -> pl.DataFrame:
    """Return every row of the transactions in which an account takes part."""
    there = transfers.filter(chain=account.chain)
    parts = [pl.col(c) == account.address for c in ("sender", "receiver", "initiator", "tx_to")]
    its = there.filter(pl.any_horizontal(parts)).select("tx_id").unique()
    return there.join(its, on="tx_id", how="semi", maintain_order="left").sort(
        TRANSFER_ORDER, maintain_order=True
    )


def events_of(account: Account, transfers: pl.DataFrame) -> pl.DataFrame:
    """Return the token transfers from and to an account; a reverted one left no event."""
    rows = rows_of(account, transfers)
    mine = (pl.col("sender") == account.address) | (pl.col("receiver") == account.address)
    happened = pl.col("screened").is_null() | (pl.col("screened") != "failed")
    return rows.filter(pl.col("kind").is_in(EVENT_KINDS) & mine & happened)


def transactions_of(account: Account, transfers: pl.DataFrame) -> pl.DataFrame:
    """Return the transactions that an account sent or that were sent to it.

    Returns
    -------
    pl.DataFrame
        As `transactions`.
    """
    every = transactions(rows_of(account, transfers))
    return every.filter((pl.col("sender") == account.address) | (pl.col("to") == account.address))


def transactions(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each transaction.

    Parameters
    ----------
    rows
        All rows of each transaction, in canonical order.

    Returns
    -------
    pl.DataFrame
        tx_id, block_time, block_number, tx_index, sender, to, method; value and fee (base units, as
        text), failed, input (calldata), gas_used and gas_price (their product is the fee), nonce
        (counted within these rows).

    Raises
    ------
    ValueError
        A native value goes to somebody else than the transaction: no chain knows such a payment.
    """
    native = pl.col("kind") == "native"
    astray = rows.filter(native & (pl.col("receiver") != pl.col("tx_to")))
    if astray.height:
        raise ValueError(
            f"{astray.height} transactions, as {astray['tx_id'][0]}, pay a native value to another "
            "address than their tx_to. Expected: a native row's receiver is its tx_to."
        )
    call = pl.struct("kind", "sender", "receiver", "asset", "amount_raw")
    grouped = rows.group_by("tx_id", maintain_order=True).agg(
        pl.col("block_time", "block_number", "tx_index", "method").first(),
        pl.coalesce(pl.col("initiator").first(), pl.col("sender").filter(native).first()).alias(
            "sender"
        ),
        pl.col("tx_to").first().alias("to"),
        pl.col("amount_raw").filter(native).first().fill_null("0").alias("value"),
        pl.col("amount_raw").filter(pl.col("kind") == "fee").first().fill_null("0").alias("fee"),
        (pl.col("screened") == "failed").fill_null(False).any().alias("failed"),
        call.filter(pl.col("kind").is_in(EVENT_KINDS)).alias("events"),
    )
    made = [(_calldata(row), *_gas(int(row["fee"]), row["method"])) for row in grouped.to_dicts()]
    columns = pl.DataFrame(
        made,
        schema={"input": pl.String, "gas_used": pl.Int64, "gas_price": pl.String},
        orient="row",
    )
    return (
        grouped.drop("events")
        .hstack(columns)
        .with_columns(nonce=pl.int_range(pl.len()).over("sender"))
    )


def _calldata(transaction: dict[str, object]) -> str:
    """Write the call: a token payment in full, of any other call only what it is named."""
    method, events = transaction["method"], transaction["events"]
    if method is None:
        return "0x"
    if isinstance(events, list) and len(events) == 1:
        (event,) = events
        own = event["asset"] == transaction["to"]
        if own and method == TRANSFER and event["sender"] == transaction["sender"]:
            return f"{method}{_word(event['receiver'])}{_number(event['amount_raw'])}"
        if own and method == TRANSFER_FROM:
            parties = _word(event["sender"]) + _word(event["receiver"])
            return f"{method}{parties}{_number(event['amount_raw'])}"
    return f"{method}{'0' * _WORD}"


def _word(address: str) -> str:
    return address.removeprefix("0x").rjust(_WORD, "0")


def _number(amount: str) -> str:
    return f"{int(amount):064x}"


def _gas(fee: int, method: object) -> tuple[int, str]:
    """Split a fee into gas and price without a remainder."""
    used = _PLAIN_GAS if method is None else _CALL_GAS
    return (used, str(fee // used)) if fee % used == 0 else (1, str(fee))
