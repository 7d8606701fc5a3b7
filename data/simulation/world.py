"""A whole world: cast it, play every unit, close the books, and label what can be known.

>>> small = build(seed=3, addresses=200, days=120)
>>> small.accounts.height, small.transfers.height > 2_000
(200, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from data.errors import Refused
from data.schema import COVERAGE, LEGS, leg_text
from data.simulation import identities, ledger, market
from data.simulation.account import Account, Unit
from data.simulation.benign import play_benign, play_hot_wallet
from data.simulation.criminal import VictimPayments, play_case
from data.simulation.labels import cut_moments, training_labels
from data.simulation.ledger import Ledger
from data.simulation.noise import add_noise
from data.simulation.parameters import PRIORS
from data.simulation.plan import Deal, Plan, draw_plan
from data.simulation.populations import CRIMINAL_ROLES

SMALLEST_WORLD = 60
"""Fewer accounts cannot hold every population."""

LARGEST_WORLD = 2_000_000
"""More would not fit into the memory of an ordinary machine (about 60 transfers an account)."""

DAYS = (30, 900)
"""Shortest and longest world: it begins on `ledger.EPOCH` and must not reach into the future."""

SOURCE = "synthetic world"

_CATEGORIES = {
    "exchange_hot_wallet": "exchange_hot",
    "payment_processor": "payment_processor",
}


@dataclass(frozen=True)
class World:
    """A played world.

    Parameters
    ----------
    transfers, coverage
        Canonical tables; every account is covered in full, over the whole time.
    accounts
        Every account worth scoring: address, chain, as_of.
    labels
        Training labels (`labels.training_labels`).
    services
        What a services registry would know: exchanges, routers and a part of the processors.
    truth
        chain, address, role, population, case_id, typology. For evaluation only.
    truth_flows
        Payments by victims to collectors: chain, block_time, tx_id, victim (the sender),
        from_exchange (the sender is an exchange that pays out for a victim), collector, asset,
        usd_micros, case_id.
    end
        The moment the world's data speak for.
    """

    transfers: pl.DataFrame
    coverage: pl.DataFrame
    accounts: pl.DataFrame
    labels: pl.DataFrame
    services: pl.DataFrame
    truth: pl.DataFrame
    truth_flows: pl.DataFrame
    end: datetime


def build(
    *,
    seed: int = 1,
    addresses: int = 15_000,
    days: int = 730,
    progress: Callable[[int], None] | None = None,
) -> World:
    """Play a world.

    Parameters
    ----------
    seed
        Fixes everything, to the byte; not negative.
    addresses
        Accounts worth scoring; at least `SMALLEST_WORLD`.
    days
        Length of the world, within `DAYS`.
    progress
        Called with the number of further accounts that have been played.

    Raises
    ------
    Refused
        A number is out of its range.
    """
    _check(seed, addresses, days)
    plan = draw_plan(seed, addresses)
    ledgers: list[Ledger] = []
    accounts: list[Account] = []
    told: list[VictimPayments] = []
    for unit, payments in _played(plan, seed, days):
        ledgers.append(unit.ledger)
        accounts += unit.accounts
        told += payments
        if progress:
            progress(len(unit.accounts))
    transfers = ledger.transfers_frame(ledger.joined(ledgers), seed, days)
    end = ledger.EPOCH + timedelta(days=days)
    truth = _truth(accounts, seed)
    cut = cut_moments(_spans(truth, transfers), seed, days)
    truth = truth.join(cut.select("chain", "address", "as_of"), on=["chain", "address"], how="left")
    truth = truth.sort("chain", "address")
    return World(
        transfers=transfers,
        coverage=_coverage(truth, end),
        accounts=truth.select("address", "chain", "as_of"),
        labels=training_labels(truth, seed),
        services=_services(truth, seed, end),
        truth=truth.select("chain", "address", "role", "population", "case_id", "typology"),
        truth_flows=_truth_flows(told, transfers, seed),
        end=end,
    )


def _check(seed: int, addresses: int, days: int) -> None:
    for name, value, low, high in (
        ("seed", seed, 0, math.inf),
        ("number of addresses", addresses, SMALLEST_WORLD, LARGEST_WORLD),
        ("number of days", days, *DAYS),
    ):
        if not low <= value <= high:
            raise Refused(
                f"the {name} of a synthetic world cannot be {value}",
                expected=f"{low} to {high}" if high < math.inf else f"{low} or more",
            )


def _played(plan: Plan, seed: int, days: int) -> Iterator[tuple[Unit, list[VictimPayments]]]:
    """Play one unit after another; none needs another's result."""
    hot = [
        np.array([identities.node_number(e, 0, chain) for e in range(chain, plan.hot_wallets, 2)])
        for chain in range(len(identities.CHAINS))
    ]
    for exchange in range(plan.hot_wallets):
        unit = Unit(exchange, exchange % 2, days, seed, hot[exchange % 2], Deal(0.5, 0.5, 0.5))
        play_hot_wallet(unit)
        add_noise(unit)
        yield unit, []
    for case in plan.cases:
        unit = Unit(case.unit, case.chain, days, seed, hot[case.chain], case.deal)
        payments = play_case(unit, case)
        add_noise(unit)
        yield unit, payments
    for firm in plan.benign:
        unit = Unit(firm.unit, firm.chain, days, seed, hot[firm.chain], firm.deal)
        play_benign(unit, firm)
        add_noise(unit)
        yield unit, []


def _truth(accounts: list[Account], seed: int) -> pl.DataFrame:
    nodes = np.array([a.node for a in accounts])
    return pl.DataFrame(
        {
            "chain": [identities.CHAINS[a.node & 1] for a in accounts],
            "address": identities.addresses(seed, nodes),
            "role": [a.role for a in accounts],
            "population": [a.population for a in accounts],
            "case_id": [a.case_id for a in accounts],
            "typology": [a.typology for a in accounts],
            "service": [a.service for a in accounts],
        },
        schema_overrides={"case_id": pl.String, "typology": pl.String},
    )


def _spans(truth: pl.DataFrame, transfers: pl.DataFrame) -> pl.DataFrame:
    """First and last counted transfer of each account; the world's start where it has none."""
    counted = transfers.filter(pl.col("screened").is_null())
    sides = pl.concat(
        [
            counted.select("chain", "block_time", address=side).join(
                truth.select("chain", "address"), on=["chain", "address"], how="semi"
            )
            for side in ("sender", "receiver")
        ]
    )
    spans = sides.group_by("chain", "address").agg(
        first=pl.col("block_time").min(), last=pl.col("block_time").max()
    )
    return (
        truth.select("chain", "address")
        .join(spans, on=["chain", "address"], how="left")
        .with_columns(pl.col("first", "last").fill_null(ledger.EPOCH))
        .sort("chain", "address")
    )


def _coverage(truth: pl.DataFrame, end: datetime) -> pl.DataFrame:
    frame = truth.select(
        "chain",
        "address",
        pl.lit(ledger.EPOCH).alias("from"),
        pl.lit(end).alias("to"),
        complete=pl.lit(True),
        legs=pl.lit(leg_text(LEGS)),
        source=pl.lit(SOURCE),
        fetched_as_of=pl.lit(end),
    )
    return frame.select([pl.col(c).cast(t) for c, t in COVERAGE.items()])


def _services(truth: pl.DataFrame, seed: int, end: datetime) -> pl.DataFrame:
    """List every exchange's hot wallet, a part of the processors, and all routers."""
    rng = np.random.default_rng([seed, 5])
    firms = truth.filter(pl.col("population").is_in(["exchange_hot_wallet", "payment_processor"]))
    listed = PRIORS["service_listed"].draw(rng, firms.height).astype(bool)
    firms = firms.filter(
        pl.Series(listed, dtype=pl.Boolean) | (pl.col("population") == "exchange_hot_wallet")
    ).select("chain", "address", category=pl.col("population").replace(_CATEGORIES))
    nodes = [
        market.router(chain, number)
        for chain in range(len(identities.CHAINS))
        for number in range(market.ROUTERS)
    ]
    routers = pl.DataFrame(
        {
            "chain": [identities.CHAINS[n & 1] for n in nodes],
            "address": identities.addresses(seed, np.array(nodes)),
            "category": "dex_router",
        }
    )
    rows = pl.concat([firms, routers]).sort("chain", "address")
    return rows.with_row_index("n", offset=1).select(
        "chain",
        "address",
        name=pl.format("Invented {} {}", pl.col("category").str.replace_all("_", " "), "n"),
        category="category",
        licit=pl.lit("true"),
        source=pl.lit(SOURCE),
        date=pl.lit(end.date().isoformat()),
        confidence=pl.lit("service_data"),
        verified=pl.lit("yes"),
    )


def _truth_flows(told: list[VictimPayments], transfers: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Name the transactions by which victims paid collectors."""
    on_tron = np.concatenate(
        [np.full(len(t.transactions), bool(t.collector & 1)) for t in told] or [np.empty(0, bool)]
    )
    numbers = np.concatenate([t.transactions for t in told] or [np.empty(0, np.int64)])
    known = pl.DataFrame(
        {
            "tx_id": pl.Series(identities.transaction_ids(seed, numbers, on_tron), dtype=pl.String),
            "from_exchange": np.concatenate([t.from_exchange for t in told] or [np.empty(0, bool)]),
            "case_id": pl.Series(
                [t.case_id for t in told for _ in range(len(t.transactions))], dtype=pl.String
            ),
        }
    )
    return transfers.join(known, on="tx_id", how="inner", maintain_order="left").select(
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


def prevalence(truth: pl.DataFrame) -> float:
    """Return the share of criminal accounts among all accounts of a truth table."""
    return truth.filter(pl.col("role").is_in(CRIMINAL_ROLES)).height / max(1, truth.height)
