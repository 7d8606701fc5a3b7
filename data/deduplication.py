"""One payment counts once, however many exports show it; two equal payments count twice.

A transfer is known by (chain, tx_id, log_index). Four things stand in the way of simply comparing
that:

1. **Exports without log indices.** Their rows are numbered by what they say: ``-2000 - k``, where
   ``k`` is a fixed number made of (kind, asset, sender, receiver, amount) and of how many equal
   rows of the same account came before it in the same transaction of the same file. The same row
   in another file, or in the counterparty's export, gets the same number; the second of two equal
   payments gets another. When all copies have been matched, `settle_numbers` puts these rows where
   they belong: behind what is numbered, the initiator's own payments first. Among themselves they
   stand in the order of `k`, which is fixed and means nothing.
2. **Copies that contradict each other** (a reorganised block, an edited file). None of them can be
   believed, and all go to quarantine.
3. **The same payment in two forms**: an event row supersedes the row read from calldata, and a row
   with a log index supersedes the unnumbered row of an export that has none.
4. **Rounded amounts, and payments of unknown outcome.** A row that is marked as not exact gives way
   to an exact copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from data.identity import text_ids

CALLDATA = -3
_UNNUMBERED_FROM = -2_000
_NUMBERS = 2**29
_BEHIND_EVENTS = 2**30

_KEY = ["chain", "tx_id", "log_index"]
_SAME = ["chain", "tx_id", "asset", "sender", "receiver"]
_FACTS = ("kind", "sender", "receiver", "asset", "amount_raw", "block_time", "status")
_OF_EXACT_ROWS = ("amount_raw", "status")
_DETAILS = ("block_number", "tx_index", "initiator", "tx_to", "method")
_TOKEN_KINDS = ("token", "mint", "burn")


@dataclass(frozen=True)
class Deduplicated:
    """What is left, and what happened to the rest.

    Attributes
    ----------
    kept
        Every transfer once.
    duplicates, superseded
        The other rows, with all their columns.
    """

    kept: pl.DataFrame
    duplicates: pl.DataFrame
    superseded: pl.DataFrame


def number_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows without a log index the number of what they say.

    Parameters
    ----------
    rows
        Transfers with ``file`` and ``account`` beside the canonical columns.
    """
    if not rows["log_index"].null_count():
        return rows
    rows = rows.with_row_index("_at")
    unnumbered = rows.filter(pl.col("log_index").is_null())
    said = pl.concat_str(
        ["chain", "tx_id", "kind", "asset", "sender", "receiver", "amount_raw"], separator="|"
    )
    content = pl.Series("_content", text_ids(unnumbered.select(said).to_series()))
    unnumbered = unnumbered.select("_at", "file", "account").with_columns(content)
    again = unnumbered.filter(pl.struct("file", "account", "_content").is_duplicated())
    numbers = content.abs() % _NUMBERS
    if again.height:
        again = again.with_columns(
            earlier=pl.col("_at").cum_count().over("file", "account", "_content") - 1
        ).filter(pl.col("earlier") > 0)
        text = again.select(pl.concat_str("_content", "earlier", separator="|")).to_series()
        where = unnumbered["_at"].search_sorted(again["_at"])
        numbers = numbers.scatter(where, pl.Series(text_ids(text)).abs() % _NUMBERS)
    indices = (
        rows["log_index"].cast(pl.Int64).scatter(unnumbered["_at"], _UNNUMBERED_FROM - numbers)
    )
    return rows.drop("_at").with_columns(indices.cast(pl.Int32).alias("log_index"))


def conflicting(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that have a copy which says something else.

    Returns
    -------
    pl.DataFrame
        The rows, with ``reason`` naming what differs. Amount and status are compared among exact
        rows only.
    """
    copies = rows.filter(_repeated(rows))
    said = {
        c: (pl.col(c).filter("exact") if c in _OF_EXACT_ROWS else pl.col(c)).n_unique()
        for c in _FACTS
    }
    differing = [
        pl.when(count > 1).then(pl.lit(column)).alias(column) for column, count in said.items()
    ]
    facts = copies.group_by(_KEY).agg(differing)
    reason = pl.concat_str([pl.col(c) for c in _FACTS], separator=", ", ignore_nulls=True)
    facts = facts.select(*_KEY, reason.alias("reason")).filter(pl.col("reason") != "")
    text = pl.format("another copy of transfer {} differs in {}", "tx_id", "reason")
    return copies.join(facts, on=_KEY, how="inner").with_columns(text.alias("reason"))


def deduplicate(rows: pl.DataFrame) -> Deduplicated:
    """Keep every transfer once.

    Parameters
    ----------
    rows
        Numbered transfers without conflicting copies, with ``file`` and ``source_row``.

    Returns
    -------
    Deduplicated
        Of equal copies the first by exactness, file and row stays; details that only another copy
        shows (block position, initiator, method) are taken over into it.
    """
    kept, duplicates = _one_of_each(rows)
    kept, superseded = _without_superseded(kept)
    return Deduplicated(kept, duplicates, superseded)


def share_transaction_facts(rows: pl.DataFrame) -> pl.DataFrame:
    """Tell every transfer what any row of its transaction knows of the transaction.

    A token export does not say who initiated a transfer; the plain export of the same account
    does, in its value and fee rows. A page does not say where in its block a transaction stood;
    an export of the API does, and without it the page's rows would sort before their block.
    """
    initiated = pl.col("initiator").is_not_null() & pl.col("kind").is_in(["native", "fee"])
    rows = _shared(rows, initiated, ("initiator", "tx_to", "method"))
    return _shared(rows, pl.col("tx_index").is_not_null(), ("tx_index", "block_number"))


def settle_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows of exports without log indices their final numbers.

    The table is sorted by log index, so the numbers decide in which order a swap's two legs are
    seen. A transaction moves its own value first, then its contracts act: these rows come after
    the native value and the numbered events. And whoever sends a transaction pays before anything
    comes back: a swap that seemed to receive first would look like money passed on at once.

    Parameters
    ----------
    rows
        Transfers that know who initiated them, where any export shows it.
    """
    pays = (pl.col("sender") == pl.col("initiator")).fill_null(False)
    number = _UNNUMBERED_FROM - pl.col("log_index").cast(pl.Int64)
    final = _BEHIND_EVENTS + pl.when(pays).then(0).otherwise(_NUMBERS) + number
    unnumbered = pl.col("log_index") <= _UNNUMBERED_FROM
    return rows.with_columns(
        pl.when(unnumbered).then(final).otherwise("log_index").cast(pl.Int32).alias("log_index")
    )


def unsettled_number() -> pl.Expr:
    """Return the number that a finished row had before `settle_numbers`."""
    number = (pl.col("log_index").cast(pl.Int64) - _BEHIND_EVENTS) % _NUMBERS
    settled = pl.col("log_index") >= _BEHIND_EVENTS
    return (
        pl.when(settled)
        .then(_UNNUMBERED_FROM - number)
        .otherwise("log_index")
        .cast(pl.Int32)
        .alias("log_index")
    )


def _shared(rows: pl.DataFrame, knows: pl.Expr, columns: tuple[str, ...]) -> pl.DataFrame:
    """Fill columns from the rows of the same transaction that know them."""
    if not any(rows[column].null_count() for column in columns):
        return rows
    known = rows.filter(knows)
    if known.is_empty():
        return rows
    facts = known.group_by("chain", "tx_id").agg(pl.col(columns).max().name.suffix("_known"))
    joined = rows.join(facts, on=["chain", "tx_id"], how="left", maintain_order="left")
    filled = [pl.coalesce(c, f"{c}_known").alias(c) for c in columns]
    return joined.with_columns(filled).select(rows.columns)


def _repeated(rows: pl.DataFrame) -> pl.Series:
    """Mark rows whose key occurs more than once."""
    if rows.is_empty():
        return pl.Series([], dtype=pl.Boolean)
    key = rows.select(pl.concat_str(_KEY, separator="|")).to_series()
    return pl.Series(text_ids(key)).is_duplicated()


def _one_of_each(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    repeated = _repeated(rows)
    if not repeated.any():
        return rows, rows.clear()
    copies = rows.filter(repeated).sort(
        [*_KEY, "exact", "file", "source_row"],
        descending=[False, False, False, True, False, False],
    )
    told = (*_DETAILS, "token_symbol", "confirmed")  # a confirmation outweighs its lack
    copies = copies.with_columns(pl.col(c).max().over(_KEY) for c in told)
    first = copies.select(pl.struct(_KEY).is_first_distinct()).to_series()
    kept = pl.concat([rows.filter(~repeated), copies.filter(first)])
    return kept, copies.filter(~first)


def _without_superseded(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Drop what a better row of the same payment replaces."""
    superseded = []
    for better, worse, same in (
        (_EVENT, _FROM_CALLDATA, [*_SAME, "amount_raw"]),
        (_NUMBERED, _UNNUMBERED, [*_SAME, "amount_raw"]),
        (pl.col("exact"), ~pl.col("exact"), _SAME),
    ):
        rows, gone = _matched(rows, better, worse, same)
        superseded.append(gone)
    return rows, pl.concat(superseded)


_TOKEN = pl.col("kind").is_in(_TOKEN_KINDS)
_FROM_CALLDATA = _TOKEN & (pl.col("log_index") == CALLDATA)
_EVENT = _TOKEN & (pl.col("log_index") != CALLDATA)
_UNNUMBERED = _TOKEN & (pl.col("log_index") <= _UNNUMBERED_FROM)
_NUMBERED = _TOKEN & (pl.col("log_index") >= 0)


def _matched(
    rows: pl.DataFrame, better: pl.Expr, worse: pl.Expr, same: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take the n-th worse row of a payment away where there is an n-th better one."""
    candidates = rows.with_row_index("_at").filter(worse)
    if candidates.is_empty():
        return rows, rows.clear()
    counts = rows.filter(better).group_by(same).agg(pl.len().alias("_better"))
    if counts.is_empty():
        return rows, rows.clear()
    gone = (
        candidates.join(counts, on=same, how="inner")
        .sort("log_index")
        .filter(pl.col("log_index").cum_count().over(same) <= pl.col("_better"))["_at"]
    )
    taken = pl.Series([False] * rows.height, dtype=pl.Boolean).scatter(gone, True)
    return rows.filter(~taken), rows.filter(taken)
