"""Addresses that may be victims': what those who warn and help are given.

There is no score here, no band and no verdict, and nothing says what the behaviour resembles: a
victim is asked and helped, not judged. What is told is what a conversation can begin with: when the
address was active, and what it paid to addresses with an alert in the same run and got from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from models.cases.accounts import Ledger, Row, Sum
from models.tracing.limits import MICROS
from pipelines.alerting.known_parties import VICTIM, Pair
from pipelines.moments import iso
from pipelines.score import Scored

MOST_TOLD = 200
"""Addresses that the page tells one by one; the list has all."""

MOST_TX_IDS = 5


def outreach(run: Scored, own: Ledger, pages: Mapping[Pair, str]) -> list[dict[str, Any]]:
    """Return the addresses that may be victims', as the run was asked for them.

    Parameters
    ----------
    run
        The scored list.
    own
        The transfers of the addresses with an alert.
    pages
        Their pages, by chain and address.

    Returns
    -------
    list of dict
        ``chain``, ``address``, ``as_of``, ``n_transfers``, ``first_seen``, ``last_seen``; ``paid``
        and ``back``, what it paid to addresses with an alert and got from them, each with ``n``,
        ``usd`` (None where nothing has a price), ``first`` and ``last``; ``to``, the same for each
        address it paid, with its ``href`` and transactions, the most dollars first.
    """
    asked = run.scores.filter(pl.col("status") == VICTIM)
    return [_one(row, own, pages) for row in asked.iter_rows(named=True)]


def outreach_table(victims: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the list as a table: to be warned and helped, never to be accused."""
    schema = {
        "chain": pl.String(), "address": pl.String(), "as_of": pl.Datetime("us", "UTC"),
        "n_transfers": pl.Int64(), "first_seen": pl.Datetime("us", "UTC"),
        "last_seen": pl.Datetime("us", "UTC"), "n_paid_to_alerts": pl.Int64(),
        "usd_paid_to_alerts": pl.Float64(), "usd_back_from_alerts": pl.Float64(),
    }  # fmt: skip
    rows = [
        {
            **{name: one[name] for name in schema if name in one},
            "n_paid_to_alerts": one["paid"]["n"],
            "usd_paid_to_alerts": one["paid"]["usd"],
            "usd_back_from_alerts": one["back"]["usd"],
        }
        for one in victims
    ]
    return pl.DataFrame(rows, schema=schema)


def told_first(victims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return those that a page tells: who paid most to addresses with an alert, then the others."""
    ranked = sorted(
        victims,
        key=lambda one: (-(one["paid"]["usd"] or 0.0), -one["paid"]["n"], -one["back"]["n"]),
    )
    days = ("first_seen", "last_seen")
    return [dict(one) | {day: iso(one[day]) for day in days} for one in ranked[:MOST_TOLD]]


def _one(row: Mapping[str, Any], own: Ledger, pages: Mapping[Pair, str]) -> dict[str, Any]:
    key = (row["chain"], row["address"])
    moved = [one for one in own.of([key]) if one["block_time"] < row["as_of"]]
    paid: dict[Pair, list[Row]] = {}
    back = []
    for one in moved:
        if one["sender"] == row["address"] and (one["chain"], one["receiver"]) in pages:
            paid.setdefault((one["chain"], one["receiver"]), []).append(one)
        elif one["receiver"] == row["address"] and (one["chain"], one["sender"]) in pages:
            back.append(one)
    to = [
        {"chain": chain, "address": address, "href": pages[chain, address], **_summed(rows)}
        | {"tx_ids": list(dict.fromkeys(one["tx_id"] for one in rows))[:MOST_TX_IDS]}
        | {"n_tx_ids": len({one["tx_id"] for one in rows})}
        for (chain, address), rows in paid.items()
    ]
    names = ("chain", "address", "as_of", "n_transfers", "first_seen", "last_seen")
    return {
        **{name: row[name] for name in names},
        "paid": _summed(one for rows in paid.values() for one in rows),
        "back": _summed(back),
        "to": sorted(to, key=lambda one: (-(one["usd"] or 0.0), one["chain"], one["address"])),
    }


def _summed(rows: Iterable[Row]) -> dict[str, Any]:
    total = Sum()
    for row in rows:
        total.add(row)
    return {
        "n": total.n,
        "usd": total.usd_micros / MICROS if total.n > total.unpriced else None,
        "n_unpriced": total.unpriced,
        "first": None if total.first is None else iso(total.first),
        "last": None if total.last is None else iso(total.last),
    }
