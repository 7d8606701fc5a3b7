"""Whom an address dealt with: kinds first, then the largest one by one, then the rest in one line.

Sums are of the transfers that the signals saw, in the value basis of the run, added as integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from models.tracing.parties import Parties
from pipelines.alerting.dossier import Dossier
from pipelines.alerting.known_parties import UNKNOWN, Around, Pair, known_of, swap_venues
from pipelines.tracing.trace_names import moment_of

MOST = 15
"""Counterparties told one by one."""

_SUMS = ("n_in", "value_in", "n_out", "value_out")


def counterparties(
    alert: Mapping[str, Any], dossier: Dossier, parties: Parties, around: Around
) -> dict[str, Any]:
    """Return who its counterparties are, and who everybody else is that the alert names.

    Parameters
    ----------
    alert
        As far as it is made.
    dossier
        Of the address.
    parties
        Of the trace at its moment.
    around
        What the run knows of everybody.

    Returns
    -------
    dict
        ``counterparties`` and ``known``, as the alert holds them.
    """
    history, chain = dossier.history, dossier.chain
    others = dossier.counterparties()
    venues = {(chain, address) for address in swap_venues(history, others)}
    dealt = [(chain, address) for address in others.unique().to_list()]
    named = set(_named(alert)) - {(chain, dossier.address)}
    known = known_of({*dealt, *named}, parties, around, venues)
    kinds = {address: known[chain, address]["kind"] for _, address in dealt}
    table = pl.DataFrame(
        {
            "address": others,
            "kind": others.replace_strict(kinds, return_dtype=pl.String()),
            "incoming": history.incoming,
            "value": history.value,
            "time": history.time,
        },
        schema_overrides={"value": pl.Int64(), "time": pl.Int64()},
    )
    totals = _summed(table.with_columns(all=pl.lit(True)), "all")
    all_in, all_out = (sum(totals[side].to_list()) for side in ("value_in", "value_out"))

    def told(row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "first": moment_of(row["first"]),
            "last": moment_of(row["last"]),
            "n_in": row["n_in"],
            "value_in": row["value_in"] / history.scale,
            "n_out": row["n_out"],
            "value_out": row["value_out"] / history.scale,
            "share_in": row["value_in"] / all_in if all_in else None,
            "share_out": row["value_out"] / all_out if all_out else None,
        }

    each = _summed(table, "address")
    by_kind = _summed(table, "kind").sort(pl.col("kind") == UNKNOWN, maintain_order=True)
    chief = set(each["address"].head(MOST).to_list())
    beyond = table.filter(~pl.col("address").is_in(list(chief)))
    rest = _summed(beyond.with_columns(rest=pl.lit(True)), "rest").to_dicts()
    return {
        "counterparties": {
            "unit": alert["history"]["basis"],
            "n": each.height,
            "value_in": all_in / history.scale,
            "value_out": all_out / history.scale,
            "kinds": [
                {"kind": row["kind"], "n_addresses": row["n_addresses"], **told(row)}
                for row in by_kind.to_dicts()
            ],
            "rows": [
                {"chain": chain, "address": row["address"], **known[chain, row["address"]]}
                | told(row)
                for row in each.head(MOST).to_dicts()
            ],
            "rest": {"n_addresses": rest[0]["n_addresses"], **told(rest[0])} if rest else None,
        },
        "known": [
            {"chain": pair[0], "address": pair[1], **known[pair]}
            for pair in sorted(named)
            if known[pair]["kind"] != UNKNOWN or known[pair]["in_run"] is not None
        ],
    }


def _summed(table: pl.DataFrame, by: str) -> pl.DataFrame:
    """Add up per group, the largest value in and out together first."""
    value, incoming = pl.col("value"), pl.col("incoming")
    return (
        table.group_by(by)
        .agg(
            n_addresses=pl.col("address").n_unique(),
            first=pl.col("time").min(),
            last=pl.col("time").max(),
            n_in=incoming.sum(),
            value_in=value.filter(incoming).sum(),
            n_out=(~incoming).sum(),
            value_out=value.filter(~incoming).sum(),
        )
        .sort(-(pl.col("value_in") + pl.col("value_out")), by)
    )


def _named(alert: Mapping[str, Any]) -> Iterator[Pair]:
    """Yield every address that the alert names."""
    chain, block = alert["chain"], alert["trace"]
    for reason in alert["reasons"]:
        for row in reason["evidence"]["rows"]:
            yield chain, row["counterparty"]
        for row in reason["evidence"]["elsewhere"]:
            yield row["chain"], row["sender"]
            yield row["chain"], row["receiver"]
    for fact in alert["facts"]["told"]:
        if fact["counterparty"] is not None:
            yield fact["counterparty"]["chain"], fact["counterparty"]["address"]
    for one in alert["overturn"]:
        for address in one["concerned"]:
            yield chain, address
    if block["made"]:
        for side in (*block["directions"]["forward"].values(), *block["key_nodes"].values()):
            for row in side.get("ends", side.get("nodes")):
                yield row["chain"], row["address"]
