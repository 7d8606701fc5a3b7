r"""Transfers that say nothing about their parties are marked here, once, with the reason.

Anyone can write into anyone's history: tokens nobody asked for, payments of nothing, payments
"from" a wallet that never signed them. Signals must not see such rows, or an attacker could paint
an innocent wallet as a launderer, or drown a launderer's pattern. The rows stay in the table, so
that an analyst can still look at them; `screened` says why they do not count.

The reasons, in the order in which they are tried; the first that fits is written:

| reason | fits a row that |
|---|---|
| `failed` | the export says was reverted: no value moved (a fee was still paid, fee rows stay) |
| `unconfirmed` | the export says is not final yet |
| `nft` | moves an NFT: its "amount" is a token id or a count, not money |
| `counterfeit_asset` | moves an unlisted token that carries a listed coin's symbol or looks so |
| `unlisted_asset` | moves any other token the asset registry does not list |
| `zero_value` | moves nothing |
| `self_transfer` | has one address on both sides |
| `spoofed_sender` | moves nothing of a listed token "from" a wallet that did not sign it |
| `dust` | is worth less than the dust threshold |

The reasons exclude each other where their sense does: a payment of nothing is `spoofed_sender`
where the export shows that somebody else sent the transaction (token contracts let anyone move
zero tokens from any wallet), and `zero_value` otherwise. Nobody but the holder, or someone the
holder approved, can move *more* than nothing of a listed token, so a larger third-party transfer
counts in full. An event that claims any sender it likes needs a contract of its own, and that
contract is not listed.

These are the three ways of address poisoning (Tsuchiya, Dong, Soska, Christin, "Blockchain
Address Poisoning", arXiv 2501.16681): tiny transfers are `dust`, zero-value transfers are
`spoofed_sender`, counterfeit tokens are `counterfeit_asset`; and the dusting of strangers.

The dust threshold is a cent by default: thousands of times less than a payment that matters to
this typology, and far below the smallest test payment a person makes. A native coin without a
price is held against base units worth about a cent
(`NATIVE_DUST`); Bitcoin's is the network's own dust limit for a pay-to-public-key-hash output,
546 satoshi. Other assets without a price, and everything on the chain `generic`, are never dust.
"""

from __future__ import annotations

import polars as pl

from data.assets import NATIVE, impostors

DUST_USD_MICROS = 10_000
"""Below one cent a priced transfer is dust."""

NATIVE_DUST: dict[str, int] = {
    "ethereum": 4 * 10**12,  # wei
    "arbitrum": 4 * 10**12,
    "base": 4 * 10**12,
    "optimism": 4 * 10**12,
    "bsc": 15 * 10**12,
    "polygon": 2 * 10**16,
    "avalanche": 4 * 10**14,
    "tron": 5 * 10**4,  # sun
    "bitcoin": 546,  # satoshi
}
"""Base units below which an unpriced native transfer is dust: about a cent, or the dust limit."""

STATUSES = ("ok", "failed")
"""What the helper column `status` may hold."""

_NFT_TYPES = r"(?i)721|1155|nft"
_TOKEN_KINDS = ("token", "mint", "burn")
_HELPERS: dict[str, pl.DataType] = {
    "screened": pl.String(),
    "usd_micros": pl.Int64(),
    "initiator": pl.String(),
    "token_symbol": pl.String(),
    "status": pl.String(),
    "confirmed": pl.Boolean(),
    "token_type": pl.String(),
}


def screen(transfers: pl.DataFrame, *, dust_usd_micros: int = DUST_USD_MICROS) -> pl.DataFrame:
    """Fill `screened` with the first reason to ignore each row; null: the row counts.

    Parameters
    ----------
    transfers
        Canonical transfers, valued (see `valuation.value_transfers`). Besides the canonical
        columns these are used where present, null meaning "the export does not say":

        - token_symbol (text): the export's symbol of the token
        - status (text): `ok` or `failed`
        - confirmed (boolean): false while the transaction is not final
        - token_type (text): as `ERC-721`, `erc1155`, `nft`; fungible types are ignored
    dust_usd_micros
        Priced transfers below this many micro-dollars are dust.

    Returns
    -------
    pl.DataFrame
        The same rows in the same order, with all their columns. A reason that an importer has
        already written stays.

    Raises
    ------
    ValueError
        `status` holds another word than `STATUSES`.

    Examples
    --------
    >>> row = {"chain": "tron", "kind": "token", "sender": "a", "receiver": "b", "asset":
    ...        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "amount_raw": "0", "initiator": "c"}
    >>> screen(pl.DataFrame([row]))["screened"].to_list()
    ['spoofed_sender']
    """
    columns = transfers.columns
    extra = [] if "screened" in columns else ["screened"]
    rows = transfers.with_columns(
        pl.col(c).cast(t) if c in columns else pl.lit(None, dtype=t).alias(c)
        for c, t in _HELPERS.items()
    )
    _check_statuses(rows["status"])
    unlisted = impostors(rows.filter(pl.col("kind").is_in(_TOKEN_KINDS)))
    rows = rows.join(
        unlisted.rename({"reason": "_asset_reason"}),
        on=["chain", "asset", "token_symbol"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    tests = _reasons(dust_usd_micros)
    first = pl.coalesce(pl.when(test.fill_null(False)).then(reason) for reason, test in tests)
    return rows.with_columns(pl.coalesce("screened", first).alias("screened")).select(
        columns + extra
    )


def _reasons(dust_usd_micros: int) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return (reason, test) pairs in the order in which they are tried."""
    value_row = pl.col("kind") != "fee"
    token = pl.col("kind").is_in(_TOKEN_KINDS) & (pl.col("asset") != NATIVE)
    asset_reason = pl.when(token).then("_asset_reason")
    nothing = value_row & (pl.col("amount_raw").str.strip_chars_start("0") == "")
    spoofed = nothing & token & (pl.col("initiator") != pl.col("sender")).fill_null(False)
    return [
        (pl.lit("failed"), value_row & (pl.col("status") == "failed")),
        (pl.lit("unconfirmed"), ~pl.col("confirmed")),
        (pl.lit("nft"), value_row & pl.col("token_type").str.contains(_NFT_TYPES)),
        (pl.col("_asset_reason"), asset_reason == "counterfeit_asset"),
        (pl.col("_asset_reason"), asset_reason == "unlisted_asset"),
        (pl.lit("zero_value"), nothing & ~spoofed),
        (pl.lit("self_transfer"), value_row & (pl.col("sender") == pl.col("receiver"))),
        (pl.lit("spoofed_sender"), spoofed),
        (pl.lit("dust"), value_row & (pl.col("chain") != "generic") & _dust(dust_usd_micros)),
    ]


def _dust(dust_usd_micros: int) -> pl.Expr:
    limit = pl.col("chain").replace_strict(NATIVE_DUST, default=None, return_dtype=pl.Int64)
    amount = pl.col("amount_raw").str.strip_chars_start("0")
    short = amount.str.len_bytes() <= 18  # more digits are above every limit and no int64
    small = short & (amount.str.slice(0, 18).cast(pl.Int64, strict=False) < limit)
    return (
        pl.when(pl.col("usd_micros").is_not_null())
        .then(pl.col("usd_micros") < dust_usd_micros)
        .otherwise((pl.col("asset") == NATIVE) & small)
    )


def _check_statuses(status: pl.Series) -> None:
    unknown = status.drop_nulls().unique().filter(~status.drop_nulls().unique().is_in(STATUSES))
    if unknown.len():
        raise ValueError(
            f"status must be one of {', '.join(STATUSES)} or null; got {unknown.to_list()[:5]}"
        )
