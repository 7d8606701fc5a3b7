"""Token payments read from the call that made them.

A list of plain transactions shows no token events, but a wallet that pays USDT calls the token
contract itself, and the call says who gets how much: ``transfer(address,uint256)`` (0xa9059cbb) or
``transferFrom(address,address,uint256)`` (0x23b872dd). That makes outgoing payments visible, not
incoming ones, and not those a router makes on the way.

ERC-721 shares the second signature, with a token id as the number. The asset registry separates
the two: only contracts listed there are ever worth anything.
"""

from __future__ import annotations

import polars as pl

TRANSFER = "0xa9059cbb"
TRANSFER_FROM = "0x23b872dd"

_WORD = 64
_ADDRESS_WORD = "0{24}[0-9a-f]{40}"
_TRANSFER_FORM = f"^{TRANSFER}{_ADDRESS_WORD}[0-9a-f]{{64}}"
_TRANSFER_FROM_FORM = f"^{TRANSFER_FROM}{_ADDRESS_WORD}{_ADDRESS_WORD}[0-9a-f]{{64}}"
_SELECTOR = r"^0x[0-9a-f]{8}"


def decode(calldata: pl.Series) -> pl.DataFrame:
    """Read the token payment that each call asks for.

    Parameters
    ----------
    calldata
        Hex text with ``0x``; nulls allowed. Data behind the arguments is ignored, as the EVM
        does; an address word with bits above 160, or a call that is cut short, is no payment:
        current token contracts revert it.

    Returns
    -------
    pl.DataFrame
        ``payer`` (null for ``transfer``: the caller pays), ``payee``, ``amount_raw``; all null
        where the call is no token payment.

    Examples
    --------
    >>> call = TRANSFER + "0" * 24 + "ab" * 20 + hex(1_000_000)[2:].rjust(64, "0")
    >>> decode(pl.Series([call, "0x"])).rows()
    [(None, '0xabababababababababababababababababababab', '1000000'), (None, None, None)]
    """
    data = calldata.cast(pl.String).str.slice(0, 10 + 3 * _WORD).str.to_lowercase()
    plain = data.str.contains(_TRANSFER_FORM)
    third_party = data.str.contains(_TRANSFER_FROM_FORM)
    first, second, third = (data.str.slice(10 + i * _WORD, _WORD) for i in range(3))
    columns = pl.select(
        payer=pl.when(third_party).then("0x" + first.str.slice(24)),
        payee=pl.when(plain)
        .then("0x" + first.str.slice(24))
        .when(third_party)
        .then("0x" + second.str.slice(24)),
        word=pl.when(plain).then(second).when(third_party).then(third),
    )
    return columns.select("payer", "payee", _whole_number(columns["word"]).alias("amount_raw"))


def selector(calldata: pl.Series) -> pl.Series:
    """Return the four-byte method of each call; null for plain payments."""
    data = calldata.cast(pl.String).str.slice(0, 10).str.to_lowercase()
    return pl.select(pl.when(data.str.contains(_SELECTOR)).then(data)).to_series()


def _whole_number(word: pl.Series) -> pl.Series:
    """Turn 256-bit hex words into decimal text; only the few large ones one by one."""
    digits = word.str.strip_chars_start("0")
    small = digits.str.len_bytes() <= 15
    text = pl.select(pl.when(small & (digits != "")).then(digits)).to_series()
    out = text.str.to_integer(base=16, strict=False).cast(pl.String)
    out = pl.select(pl.when(digits == "").then(pl.lit("0")).otherwise(out)).to_series()
    large = (~small).fill_null(False)
    if large.any():
        exact = [str(int(t, 16)) for t in digits.filter(large).to_list()]
        out = out.scatter(large.arg_true(), pl.Series(exact, dtype=pl.String))
    return out
