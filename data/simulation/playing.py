"""Playing units one after another, and keeping of each what the whole world needs.

A unit needs no other unit's result: whoever plays which units, in which order and in how many
processes, the world is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.simulation import identities, market
from data.simulation.benign import play_exchange, play_ordinary
from data.simulation.case import VictimPayments, play_case
from data.simulation.ledger import Rows, joined
from data.simulation.noise import add_noise
from data.simulation.plan import (
    BROKER_UNIT,
    CasePlan,
    Deal,
    ExchangePlan,
    OrdinaryPlan,
    Plan,
    brokers_of,
)
from data.simulation.unit import Account, Stage, Unit

UnitPlan = ExchangePlan | CasePlan | OrdinaryPlan

_MIDDLE = Deal(0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Played:
    """What some units did.

    Parameters
    ----------
    rows
        Their transfers.
    accounts, told
        Their accounts worth scoring, and the payments of victims.
    spans
        (node, first, last): moments of the first and last counted transfer of every account and
        exchange wallet that occurs in `rows`; arrays.
    """

    rows: Rows
    accounts: list[Account]
    told: list[VictimPayments]
    spans: tuple[np.ndarray, np.ndarray, np.ndarray]


def units_of(plan: Plan) -> tuple[UnitPlan, ...]:
    """Return all units of a plan in their one order."""
    return (*plan.exchanges, *plan.cases, *plan.ordinary)


def stage_of(plan: Plan, seed: int, days: int) -> Stage:
    """Return the stage on which a plan is played."""
    hot: list[list[int]] = [[] for _ in identities.CHAINS]
    for exchange in plan.exchanges:
        if not exchange.cold:
            hot[exchange.chain].append(identities.node_number(exchange.unit, 0, exchange.chain))
    wallets = tuple(np.array(nodes, dtype=np.int64) for nodes in hot)
    cases = np.bincount([case.chain for case in plan.cases], minlength=len(hot)).tolist()
    brokers = tuple(
        np.array([identities.node_number(BROKER_UNIT, n, chain) for n in range(brokers_of(count))])
        for chain, count in enumerate(cases)
    )
    return Stage(seed, days, wallets, brokers, market.daily_prices(seed, days))


def play(stage: Stage, units: Sequence[UnitPlan]) -> Played:
    """Play some units."""
    books: list[Rows] = []
    accounts: list[Account] = []
    told: list[VictimPayments] = []
    for plan in units:
        unit = Unit(stage, plan.unit, plan.chain, getattr(plan, "deal", _MIDDLE))
        if isinstance(plan, ExchangePlan):
            play_exchange(unit, plan)
        elif isinstance(plan, CasePlan):
            told += play_case(unit, plan)
        else:
            play_ordinary(unit, plan)
        add_noise(unit)
        books.append(unit.ledger.rows())
        accounts += unit.accounts
    rows = joined(books)
    known = np.concatenate([*stage.hot_wallets, np.array([a.node for a in accounts], np.int64)])
    return Played(rows, accounts, told, spans(rows, np.unique(known)))


def spans(rows: Rows, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which of some nodes (ascending) occur in counted rows, and when first and last."""
    counted = rows["screened"] < 0
    time = rows["time"][counted]
    first = np.full(len(nodes), np.inf)
    last = np.full(len(nodes), -np.inf)
    for side in ("sender", "receiver"):
        party = rows[side][counted]
        at = np.minimum(np.searchsorted(nodes, party), len(nodes) - 1)
        ours = nodes[at] == party
        np.minimum.at(first, at[ours], time[ours])
        np.maximum.at(last, at[ours], time[ours])
    seen = np.isfinite(first)
    return nodes[seen], first[seen], last[seen]


def joined_spans(
    parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join spans; a node that occurs in several parts gets the first of all and the last of all."""
    nodes = np.concatenate([p[0] for p in parts])
    unique, at = np.unique(nodes, return_inverse=True)
    first = np.full(len(unique), np.inf)
    last = np.full(len(unique), -np.inf)
    np.minimum.at(first, at, np.concatenate([p[1] for p in parts]))
    np.maximum.at(last, at, np.concatenate([p[2] for p in parts]))
    return unique, first, last
