"""The evidence appendix of a SAR package: every transaction, and which facts it supports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from data.schema import TIME
from data.transfers import Transfers
from features.evidence import digest
from models.cases.accounts import Row
from models.cases.grouping import Case
from pipelines.amounts import exact_amount
from pipelines.casework.case_telling import Telling, pair
from pipelines.casework.sar_facts import Statement
from pipelines.moments import iso
from pipelines.outputs import program, write_json, write_rows

COLUMNS: dict[str, pl.DataType] = {
    "facts": pl.String(),
    "side": pl.String(),
    "chain": pl.String(),
    "block_time": TIME,
    "tx_id": pl.String(),
    "log_index": pl.Int64(),
    "sender": pl.String(),
    "receiver": pl.String(),
    "asset": pl.String(),
    "symbol": pl.String(),
    "amount": pl.String(),
    "usd": pl.String(),
}
"""Columns of the appendix. ``side`` is what the transfer is for the subjects: ``received``,
``paid``, ``between`` them, or ``others``'. Amounts are exact text: whole units of the asset (base
units where it is not registered), dollars to the micro-dollar."""

_NAMED = {"subjects": "S", "by_association_only": "A", "possible_victims": "V"}


def appendix(told: Statement, telling: Telling) -> pl.DataFrame:
    """Return the rows: all transfers of the subjects, and those of others that facts rest on."""
    supports: dict[int, list[int]] = {number: [] for number in told.rows}
    for fact in told.facts:
        for number in fact.rows:
            supports.setdefault(number, []).append(fact.number)
    rows = [
        _row(telling.rows[number], supports[number], told.case, telling)
        for number in sorted(supports)
    ]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def lacking(told: Statement, telling: Telling) -> set[int]:
    """Return the rows that facts rest on and that have not been read yet."""
    return {number for fact in told.facts for number in fact.rows} - set(telling.rows)


def read(transfers: Transfers, numbers: set[int]) -> dict[int, Row]:
    """Read some transfers by their rows."""
    if not numbers:
        return {}
    wanted = pl.Series(sorted(numbers), dtype=pl.UInt32).implode()
    found = transfers.scan().filter(pl.col("row").is_in(wanted)).collect()
    return {row["row"]: row for row in found.iter_rows(named=True)}


def facts_json(
    told: Statement, rows: pl.DataFrame, telling: Telling, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the appendix for machines: who, totals, facts and transactions.

    Parameters
    ----------
    about
        Further entries for the top: the moment, the hash of the transfers.
    """
    books = told.books
    totals = {"received": books.received, "paid": books.sent, "between": books.between}
    return {
        "draft": True,
        "generated_by": program(),
        **about,
        "case_id": told.case.case_id,
        **{
            name: [{"label": label, **pair(key)} for label, key in told.labelled(letter)]
            for name, letter in _NAMED.items()
        },
        "first": None if books.all.first is None else iso(books.all.first),
        "last": None if books.all.last is None else iso(books.all.last),
        "totals": {
            name: {
                "n": total.n,
                "usd": exact_amount(str(total.usd_micros), 6),
                "without_price": total.unpriced,
                "assets": telling.sum(total)["assets"],
            }
            for name, total in totals.items()
        },
        "facts": [
            {
                "number": fact.number,
                "part": fact.part,
                "text": fact.text,
                "n_transactions": len(fact.rows),
                "digest": digest([telling.rows[number]["tx_id"] for number in fact.rows]),
                "published_warnings": [
                    {"name": name, "source": source} for name, source in fact.flags
                ],
            }
            for fact in told.facts
        ],
        "transactions": [
            {
                **row,
                "facts": [int(n) for n in row["facts"].split()],
                "block_time": iso(row["block_time"]),
            }
            for row in rows.iter_rows(named=True)
        ],
    }


def write_appendix(rows: pl.DataFrame, content: Mapping[str, Any], folder: Path) -> None:
    """Write ``evidence.csv`` and ``evidence.json``."""
    write_rows(rows, folder / "evidence.csv")
    write_json(content, folder / "evidence.json")


def _row(row: Row, facts: list[int], case: Case, telling: Telling) -> dict[str, Any]:
    paid, got = ((row["chain"], row[side]) in case.members for side in ("sender", "receiver"))
    asset = telling.asset(row["chain"], row["asset"], int(row["amount_raw"]))
    usd = row["usd_micros"]
    return {
        "facts": " ".join(str(number) for number in facts),
        "side": "between" if paid and got else "paid" if paid else "received" if got else "others",
        **{n: row[n] for n in ("chain", "block_time", "tx_id", "log_index", "sender", "receiver")},
        "asset": row["asset"],
        "symbol": asset["symbol"],
        "amount": asset["amount"],
        "usd": None if usd is None else exact_amount(str(usd), 6),
    }
