"""Everything beside the transfers: accounts, coverage, labels, services, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from data.schema import COVERAGE, LEGS, leg_text
from data.simulation import canonical, identities, market
from data.simulation.case import VictimPayments
from data.simulation.labels import cut_moments, training_labels
from data.simulation.ledger import Rows
from data.simulation.parameters import PRIORS
from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.prior import DAY
from data.simulation.unit import Account

SOURCE = "synthetic world"

ONE_SIDED_LEGS = "native_in,native_out,token_out"
"""What a native `txlist` shows."""

_CATEGORIES = {
    "exchange_hot_wallet": "exchange_hot",
    "payment_processor": "payment_processor",
}
_LISTED_PLACES = {
    "dex_router": True,
    "bridge": True,
    "mixer": False,
    "guarantee_marketplace": False,
}
"""Kinds of public places that a services registry knows, and whether they are licit."""

Spans = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Tables:
    """A world without its transfers.

    Parameters
    ----------
    coverage
        One row for every account; nearly all complete, over the whole time.
    accounts
        Every account worth scoring: address, chain, as_of.
    labels
        Training labels (`labels.training_labels`).
    services
        What a services registry would know: exchanges, routers, bridges, mixers, marketplaces and a
        part of the processors.
    truth
        chain, address, role, population, case_id, typology. For evaluation only.
    truth_flows
        Payments by victims to collectors: chain, block_time, tx_id, victim (the sender),
        from_exchange (the sender is an exchange that pays out for a victim), collector, asset,
        usd_micros, case_id. For evaluation only.
    prices
        Daily prices of the native coins, as `ingest --prices` reads them.
    end
        The moment the world's data speak for.
    """

    coverage: pl.DataFrame
    accounts: pl.DataFrame
    labels: pl.DataFrame
    services: pl.DataFrame
    truth: pl.DataFrame
    truth_flows: pl.DataFrame
    prices: pl.DataFrame
    end: datetime


def make(
    accounts: Sequence[Account],
    told: Sequence[VictimPayments],
    spans: Spans,
    *,
    seed: int,
    days: int,
    end: datetime,
) -> Tables:
    """Make the tables of a world from its accounts, its victims' payments and its spans."""
    truth = _truth(accounts, seed, spans)
    cut = cut_moments(truth, seed, days)
    truth = truth.with_columns(cut["as_of"])
    flows = _truth_flows(told, seed, days)
    return Tables(
        coverage=_coverage(truth, seed, end),
        accounts=truth.select("address", "chain", "as_of"),
        labels=training_labels(truth, _complaints(flows), seed),
        services=_services(truth, seed, end),
        truth=truth.select("chain", "address", "role", "population", "case_id", "typology"),
        truth_flows=flows,
        prices=market.price_table(seed, days, canonical.EPOCH.date()),
        end=end,
    )


def prevalence_of(truth: pl.DataFrame) -> float:
    """Return the share of criminal accounts among all accounts of a truth table."""
    return truth.filter(pl.col("role").is_in(CRIMINAL_ROLES)).height / max(1, truth.height)


def _truth(accounts: Sequence[Account], seed: int, spans: Spans) -> pl.DataFrame:
    """Say of every account who it is and when it was first and last seen, by chain and address."""
    nodes = np.array([a.node for a in accounts], dtype=np.int64)
    at = np.searchsorted(spans[0], nodes)
    at = np.minimum(at, len(spans[0]) - 1)
    seen = spans[0][at] == nodes
    return pl.DataFrame(
        {
            "chain": [identities.CHAINS[c] for c in identities.chains_of(nodes).tolist()],
            "address": identities.addresses(seed, nodes),
            "role": [a.role for a in accounts],
            "population": [a.population for a in accounts],
            "case_id": [a.case_id for a in accounts],
            "typology": [a.typology for a in accounts],
            "service": [a.service for a in accounts],
            "first": np.where(seen, spans[1][at], 0.0),
            "last": np.where(seen, spans[2][at], 0.0),
        },
        schema_overrides={"case_id": pl.String, "typology": pl.String},
    ).sort("chain", "address")


def _coverage(truth: pl.DataFrame, seed: int, end: datetime) -> pl.DataFrame:
    """Cover every account; a few exports, whoever it is, are one-sided or cut off."""
    rng = np.random.default_rng([seed, 6])
    one_sided = PRIORS["one_sided"].draw(rng, truth.height).astype(bool)
    whole = PRIORS["gap"].draw(rng, truth.height) == 0
    frame = truth.select(
        "chain",
        "address",
        pl.lit(canonical.EPOCH).alias("from"),
        pl.lit(end).alias("to"),
        complete=pl.Series(whole),
        legs=pl.when(pl.Series(one_sided))
        .then(pl.lit(ONE_SIDED_LEGS))
        .otherwise(pl.lit(leg_text(LEGS))),
        source=pl.lit(SOURCE),
        fetched_as_of=pl.lit(end),
    )
    return frame.select([pl.col(c).cast(t) for c, t in COVERAGE.items()])


def _services(truth: pl.DataFrame, seed: int, end: datetime) -> pl.DataFrame:
    """List every exchange's hot wallet, a part of the processors, and public places."""
    rng = np.random.default_rng([seed, 5])
    firms = truth.filter(pl.col("population").is_in(list(_CATEGORIES)))
    listed = PRIORS["service_listed"].draw(rng, firms.height).astype(bool)
    firms = firms.filter(
        pl.Series(listed, dtype=pl.Boolean) | (pl.col("population") == "exchange_hot_wallet")
    ).select("chain", "address", category=pl.col("population").replace(_CATEGORIES), licit=True)
    nodes = [
        (int(node), kind)
        for kind in _LISTED_PLACES
        for chain in range(len(identities.CHAINS))
        for node in market.places(kind, chain)
    ]
    public = pl.DataFrame(
        {
            "chain": [identities.CHAINS[identities.chain_of(node)] for node, _ in nodes],
            "address": identities.addresses(seed, np.array([node for node, _ in nodes])),
            "category": [kind for _, kind in nodes],
            "licit": [_LISTED_PLACES[kind] for _, kind in nodes],
        }
    )
    rows = pl.concat([firms, public]).sort("chain", "address")
    return rows.with_row_index("n", offset=1).select(
        "chain",
        "address",
        name=pl.format("Invented {} {}", pl.col("category").str.replace_all("_", " "), "n"),
        category="category",
        licit=pl.when("licit").then(pl.lit("true")).otherwise(pl.lit("false")),
        source=pl.lit(SOURCE),
        date=pl.lit(end.date().isoformat()),
        confidence=pl.lit("service_data"),
        verified=pl.lit("yes"),
    )


def _truth_flows(told: Sequence[VictimPayments], seed: int, days: int) -> pl.DataFrame:
    """Name the transactions by which victims paid collectors, as the ledger wrote them."""
    rows, extra = _told_rows(told, days)
    frame = canonical.transfers_frame(rows, seed, days)
    known = pl.DataFrame(
        {
            "tx_id": _transaction_ids(rows, seed),
            "from_exchange": extra["from_exchange"],
            "case_id": pl.Series(extra["case_id"], dtype=pl.String),
        }
    )
    return frame.join(known, on="tx_id", how="inner", maintain_order="left").select(
        "chain",
        "block_time",
        "tx_id",
        pl.col("sender").alias("victim"),
        "from_exchange",
        pl.col("receiver").alias("collector"),
        "asset",
        "usd_micros",
        "case_id",
    )


def _told_rows(
    told: Sequence[VictimPayments], days: int
) -> tuple[Rows, dict[str, np.ndarray | list[str]]]:
    def column(values: list[np.ndarray], kind: type) -> np.ndarray:
        return np.concatenate([*values, np.empty(0, kind)]).astype(kind)

    time = column([t.flow.time for t in told], np.float64)
    inside = time < days * DAY
    rows: Rows = {
        "time": time,
        "tx": column([t.transactions for t in told], np.int64),
        "sender": column([t.flow.party for t in told], np.int64),
        "receiver": column([np.full(len(t.flow), t.collector) for t in told], np.int64),
        "asset": column([t.flow.asset for t in told], np.int8),
        "micros": column([t.flow.micros for t in told], np.int64),
    }
    rows = {name: values[inside] for name, values in rows.items()}
    same = np.zeros(len(rows["time"]), dtype=np.int64)
    rows |= {"log": same, "kind": same + 2, "initiator": rows["sender"], "to": same - 1}
    rows |= {"method": same, "screened": same - 1}
    cases = np.array([t.case_id for t in told for _ in range(len(t.flow))], dtype=object)
    return rows, {
        "from_exchange": column([t.from_exchange for t in told], bool)[inside],
        "case_id": cases[inside].tolist(),
    }


def _transaction_ids(rows: Rows, seed: int) -> pl.Series:
    on_tron = identities.chains_of(rows["sender"]) == identities.TRON
    return pl.Series(identities.transaction_ids(seed, rows["tx"], on_tron), dtype=pl.String)


def _complaints(flows: pl.DataFrame) -> pl.DataFrame:
    """Count the payers of each case, who may complain."""
    return flows.group_by("case_id").agg(payers=pl.col("victim").n_unique())
