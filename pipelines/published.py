"""Published figures of real wallets beside the same figures of a world's criminals.

The figures stand in ``data/registry/published_figures.csv``, each with its source. They were
measured on all wallets of the scam tracker, so they are priors, not a held-out test.

A wallet counts from `FEWEST` transfers on, as in the publication. Each figure is taken twice: with
the eyes of the publication (the legs its exports show) and with all that the world knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from data.assets import REGISTRY
from data.schema import LEGS
from data.services import Services
from models.wallet_measures import (
    MEASURES,
    PAYOUT_MEASURES,
    WIDE,
    measure_wallets,
    receivers_by_day,
)
from pipelines.observation import Filter, Party, Seen, View, observe_alone, payouts_alone

FEWEST = 10

EXPORTS = ("native_in", "native_out", "token_out")
"""What the wallets' exports show: a native transaction list, token payments decoded."""

_VIEWS = {
    "exports": View("as the exports show", EXPORTS),
    "native": View("the coin alone", EXPORTS[:2]),
    "all": View("all legs", LEGS),
}


@dataclass(frozen=True)
class Figure:
    """A published figure beside the world's.

    Attributes
    ----------
    id, name, unit, source, note
        As in the registry; `source` with document and date.
    published
        The figure.
    seen_so, all_legs
        The world's, with the publication's legs and with all; None where that is not defined.
    wallets
        Of the world, behind `seen_so` (or `all_legs` where that alone is defined).
    """

    id: str
    name: str
    unit: str
    published: float
    seen_so: float | None
    all_legs: float | None
    wallets: int
    source: str
    note: str


def published_figures(criminals: Party, services: Services, limits: Filter) -> list[Figure]:
    """Measure a world's criminals as the publication measured the wallets."""
    limits = replace(limits, fewest=FEWEST)
    seen = {name: observe_alone(criminals, view, limits) for name, view in _VIEWS.items()}
    seen["payouts"] = payouts_alone(criminals, limits)
    tables = {name: _measured(one, payouts=name == "payouts") for name, one in seen.items()}
    links = _links(criminals, services)
    registry = pl.read_csv(REGISTRY / "published_figures.csv", comment_prefix="#")
    return [
        _figure(row, seen, tables, links) for row in registry.fill_null("").iter_rows(named=True)
    ]


def _figure(
    row: dict[str, str | float],
    seen: dict[str, Seen],
    tables: dict[str, pl.DataFrame],
    links: dict[str, float],
) -> Figure:
    view, statistic, name = str(row["view"]), str(row["statistic"]), str(row["measure"])
    so = None if view == "all" else _statistic(statistic, name, seen[view], tables[view])
    everything: float | None = links.get(name)
    if statistic != "links" and view != "payouts":
        everything = _statistic(statistic, name, seen["all"], tables["all"])
    return Figure(
        id=str(row["id"]),
        name=str(row["name"]),
        unit=str(row["unit"]),
        published=float(row["value"]),
        seen_so=so,
        all_legs=everything,
        wallets=tables[view].height,
        source=f"{row['source']}, {row['document']} ({row['date']})",
        note=str(row["note"]),
    )


def _measured(seen: Seen, *, payouts: bool) -> pl.DataFrame:
    """Return the measures of a view's wallets; of all legs their swaps as well."""
    wanted = PAYOUT_MEASURES if payouts else MEASURES
    table = measure_wallets(seen.measured.histories, seen.measured.signals, wanted)
    return table.with_columns(seen.measured.signals["swaps"])


def _statistic(statistic: str, name: str, seen: Seen, table: pl.DataFrame) -> float | None:
    """Take a statistic such as ``quantile 0.5``, ``at least 0.8`` or ``pooled``."""
    if statistic == "pooled":
        histories = seen.measured.histories
        days = [receivers_by_day(histories[i]) for i in range(len(histories))]
        every = np.concatenate([np.empty(0), *days])
        return float((every >= WIDE).mean()) if len(every) else None
    values = table[name].drop_nulls().to_numpy()
    if not len(values):
        return None
    kind, _, number = statistic.rpartition(" ")
    limit = float(number)
    if kind == "quantile":
        return float(np.quantile(values, limit))
    counted = {"at least": values >= limit, "at most": values <= limit, "above": values > limit}
    return float(counted[kind].mean())


def _links(criminals: Party, services: Services) -> dict[str, float]:
    """Say who funds the criminals, and whether they share receivers."""
    ours = criminals.accounts["address"].implode()
    known = services.table.filter(pl.col("category").str.starts_with("exchange"))
    exchanges = known["address"].implode()
    rows = (
        criminals.transfers.followed()
        .filter(pl.col("sender").is_in(ours) | pl.col("receiver").is_in(ours))
        .select("sender", "receiver")
        .unique()
        .collect()
    )
    n = max(1, criminals.accounts.height)
    funded = rows.filter(pl.col("sender").is_in(exchanges))
    paying = rows.filter(pl.col("receiver").is_in(exchanges))
    payees = rows.filter(pl.col("sender").is_in(ours)).group_by("receiver").len()
    return {
        "exchange_funded": funded.filter(pl.col("receiver").is_in(ours))["receiver"].n_unique() / n,
        "pays_exchange": paying.filter(pl.col("sender").is_in(ours))["sender"].n_unique() / n,
        "shared_receivers": float((payees["len"] > 1).mean() or 0.0),  # type: ignore[arg-type]
    }
