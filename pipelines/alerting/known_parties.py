"""Who an address is, as far as lists, behaviour and this run say.

A counterparty that is an exchange's hot wallet says nothing of one payer: it pays for all customers
of the exchange. So wherever an alert names an address, it says what that address is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from features.history import History
from features.swaps import PLAIN, Swapping
from models.bands import LOWEST
from models.tracing.limits import End
from models.tracing.parties import ENDS, LEG_KINDS, Parties
from pipelines.alerting.directory import Directory
from pipelines.tracing.trace_names import tag_told

Pair = tuple[str, str]
"""Chain and address."""

DEPOSIT, VENUE, VICTIM, ALERTED = "deposit_address", "swap_venue", "possible_victim", "alerted"
UNKNOWN = "unknown"
"""Kinds beside the categories of the services table."""

MOSTLY = 0.5
"""Share of a counterparty's transfers above which, being parts of swaps, they make it a venue."""


@dataclass(frozen=True)
class Around:
    """What a run knows of everybody.

    Attributes
    ----------
    scores
        All scores of the run.
    directory
        Finds addresses among the parties of its traces.
    """

    scores: pl.DataFrame
    directory: Directory = field(default_factory=Directory)


def known_of(
    pairs: Collection[Pair], parties: Parties, around: Around, venues: Collection[Pair]
) -> dict[Pair, dict[str, Any]]:
    """Say of each address who it is.

    Parameters
    ----------
    pairs
        Chain and address of each.
    parties
        Of the trace at the moment of the alert.
    around
        What the run knows.
    venues
        Where the explained address swaps (`swap_venues`).

    Returns
    -------
    dict
        ``kind``: the category of the first list that names it, those that are not licit before
        others; else `DEPOSIT` (by behaviour: it pays hardly anybody but exchanges), `VENUE`,
        `VICTIM`, `ALERTED`, or `UNKNOWN`. ``tags``, what lists say. ``in_run``: its status, score
        and band where this run was asked for it. ``supplied``: whether the exports show what it
        received (``in``) and paid (``out``).
    """
    in_run = _in_run(pairs, around.scores)
    codes = around.directory.codes(parties.addresses, pairs)
    found: dict[Pair, dict[str, Any]] = {}
    for pair in pairs:
        code = codes.get(pair)
        tags = [] if code is None else [tag_told(tag) for tag in parties.tags.get(code, [])]
        run = in_run.get(pair)
        deposit = code is not None and _is(parties, code, End.EXCHANGE_DEPOSIT)
        found[pair] = {
            "kind": _kind(tags, run, is_deposit=deposit, is_venue=pair in venues),
            "tags": tags,
            "in_run": run,
            "supplied": {
                way: code is not None
                and any(bool(parties.supplied[way, kind][code]) for kind in LEG_KINDS)
                for way in ("in", "out")
            },
        }
    return found


def swap_venues(history: History, counterparties: pl.Series) -> set[str]:
    """Return the counterparties with which it mostly swaps.

    Parameters
    ----------
    history
        Of the address.
    counterparties
        Of each of its transfers.
    """
    swapping = Swapping(history)
    swapped = np.zeros(len(history), dtype=bool)
    swapped[swapping.original[swapping.role != PLAIN]] = True
    per = (
        pl.DataFrame({"address": counterparties, "swapped": swapped})
        .group_by("address")
        .agg(pl.col("swapped").mean())
    )
    return set(per.filter(pl.col("swapped") > MOSTLY)["address"].to_list())


def _kind(
    tags: list[dict[str, Any]], run: Mapping[str, Any] | None, *, is_deposit: bool, is_venue: bool
) -> str:
    if tags:
        return str(tags[0]["category"])
    if is_deposit:
        return DEPOSIT
    if is_venue:
        return VENUE
    if run is None:
        return UNKNOWN
    if run["status"] == VICTIM:
        return VICTIM
    return ALERTED if run["band"] not in (LOWEST, None) else UNKNOWN


def _in_run(pairs: Collection[Pair], scores: pl.DataFrame) -> dict[Pair, dict[str, Any]]:
    """Return the status, score and band of those that the run was asked for, the highest first."""
    names = {"chain": pl.String(), "address": pl.String()}
    asked = pl.DataFrame(list(pairs), schema=names, orient="row")
    rows = scores.select("chain", "address", "status", "score", "band", "rank").join(
        asked, on=["chain", "address"], how="semi"
    )
    highest = rows.sort("rank", nulls_last=True, maintain_order=True)
    highest = highest.unique(["chain", "address"], keep="first", maintain_order=True)
    return {
        (row["chain"], row["address"]): {name: row[name] for name in ("status", "score", "band")}
        for row in highest.iter_rows(named=True)
    }


def _is(parties: Parties, code: int, end: End) -> bool:
    place = int(parties.ends[code])
    return place >= 0 and ENDS[place] is end
