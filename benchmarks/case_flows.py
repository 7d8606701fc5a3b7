"""Who paid whom in one simulated case, and one victim's money on its way through it.

Read from the truth and the transfers of a world in memory. Coins are fungible: the way of one
payment is the longest chain of payments in which each leaves where the one before arrived, soon
after it and not larger than it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from data.assets import asset_registry
from data.simulation import identities, market
from data.simulation.layering import layers
from data.simulation.world import World

LEAST_MICROS = 20_000_000
"""Smaller payments are tests, fees and change; they are left out."""

AT_ONCE = timedelta(days=14)
"""A payment that waits longer is not followed."""

SIZES = range(5, 10)
"""Accounts of a case that fits into a picture, deposit addresses not counted."""

LONG = 4
"""Payments of a way that is worth telling: payer, collector, another, deposit, exchange."""

PASSED_ON = (0.5, 1.0)
"""The next payment of a way, relative to the one before."""

OWN_WALLETS, FROM_EXCHANGE, OUTSIDE = "own wallets", "from exchanges", "outside"
EXCHANGE, STRANGERS, MARKETS = "exchange", "strangers", "markets"
_ROUND_TRIPS = ("dex_router", "lending_pool", "liquidity_pool")

Node = tuple[str, str]


@dataclass(frozen=True)
class Payment:
    """One payment of a way: from a party to a party (as in `CaseFlows.flows`)."""

    source: str
    target: str
    time: datetime
    micros: int
    asset: str


@dataclass(frozen=True)
class CaseFlows:
    """A case as a picture needs it.

    Parameters
    ----------
    case_id, typology
        As in the truth.
    roles
        Party (``chain:address``) to role, in the order of layers.
    swaps
        Party to number of swaps.
    flows
        ``source``, ``target``, ``usd``, ``n``, ``first``, ``last``, ``parties`` (distinct
        strangers behind the row). Parties that are nobody of the case are told as groups.
    way
        One victim's money, from payer to exchange; perhaps empty.
    """

    case_id: str
    typology: str
    roles: Mapping[str, str]
    swaps: Mapping[str, int]
    flows: pl.DataFrame
    way: tuple[Payment, ...]


def telling_case(world: World, seed: int) -> CaseFlows | None:
    """Return the case that shows most: of few enough accounts, with a role for each layer.

    One that crosses a bridge and whose money can be followed to an exchange comes first; then the
    length of that way counts, and how much of its money the case passes on within itself.
    """
    cases = world.truth.filter(pl.col("typology").is_not_null())
    found = []
    for (case_id,), members in sorted(cases.group_by("case_id")):
        shape = layers(members["typology"][0], members["address"].n_unique())
        each_its_own = len({role for layer in shape for role in layer}) == len(shape) > 1
        if each_its_own and members.height in SIZES:
            found.append(flows_of(world, seed, str(case_id)))
    return max(found, key=worth_telling, default=None)


def worth_telling(case: CaseFlows) -> tuple[bool, int, float]:
    """Return what `telling_case` compares."""
    chains = {name.partition(":")[0] for name in case.roles}
    return len(chains) > 1 and len(case.way) >= LONG, len(case.way), _within(case)


def flows_of(world: World, seed: int, case_id: str) -> CaseFlows:
    """Return one case of a world that was built from this seed."""
    mine = world.truth.filter(pl.col("case_id") == case_id, pl.col("role") != "victim")
    typology = str(mine["typology"].drop_nulls()[0])
    order = [role for layer in layers(typology, 14) for role in layer] + ["cash_out_deposit"]
    roles = {
        (chain, address): role
        for chain, address, role in mine.select("chain", "address", "role").iter_rows()
    }
    ranked = sorted(roles, key=lambda node: (order.index(roles[node]), node))
    rows = list(_payments(world, seed, case_id, {node: roles[node] for node in ranked}))
    swaps: dict[str, int] = defaultdict(int)
    for payment, other in rows:
        if other == MARKETS and payment.target == MARKETS:
            swaps[payment.source] += 1
    told = [(p, other) for p, other in rows if other != MARKETS]
    rank = {_name(node): order.index(roles[node]) for node in ranked}
    named = {_name(node): roles[node] for node in ranked}
    return CaseFlows(
        case_id, typology, named, swaps, _summed(told), _way([p for p, _ in told], rank)
    )


def _payments(
    world: World, seed: int, case_id: str, roles: Mapping[Node, str]
) -> Iterator[tuple[Payment, str]]:
    """Yield the case's payments in order of time, with the address behind a group's name."""
    groups = _groups(world, seed)
    told = world.truth_flows.filter(case_id=case_id)
    straight = set(told.filter("from_exchange")["tx_id"])
    paid = set(told["tx_id"])
    symbols = _symbols()
    ours = pl.DataFrame(list(roles), schema=["chain", "address"], orient="row")
    sent = ours.rename({"address": "sender"}).with_columns(out=pl.lit(True))
    got = ours.rename({"address": "receiver"}).with_columns(came=pl.lit(True))
    rows = (
        world.transfers.filter(
            pl.col("screened").is_null(),
            pl.col("kind").is_in(["native", "internal", "token"]),
            pl.col("usd_micros") >= LEAST_MICROS,
        )
        .join(sent, on=["chain", "sender"], how="left")
        .join(got, on=["chain", "receiver"], how="left")
        .filter(pl.col("out") | pl.col("came"))
        .sort("block_time", "tx_id", maintain_order=True)
        .select("chain", "block_time", "tx_id", "sender", "receiver", "asset", "usd_micros")
    )
    for chain, time, tx, sender, receiver, asset, micros in rows.iter_rows():
        source, target, other = _name((chain, sender)), _name((chain, receiver)), ""
        group = groups.get((chain, receiver), STRANGERS)
        if (chain, sender) not in roles:
            source, other = OUTSIDE, sender
            if tx in paid:
                source = FROM_EXCHANGE if tx in straight else OWN_WALLETS
            group = groups.get((chain, sender), OUTSIDE)
            if group == MARKETS:
                source = other = MARKETS
            elif group == "bridge":
                source = _crossed(roles, chain, receiver)
        elif (chain, receiver) not in roles:
            target, other = group, receiver
            if group == MARKETS:
                other = MARKETS
            elif group == "bridge":
                continue
        symbol = symbols[chain, asset]
        yield Payment(source, target, time, micros, symbol), other


def _groups(world: World, seed: int) -> dict[Node, str]:
    """Say which addresses are hot wallets, bridges, and places from which money comes back."""
    hot = world.truth.filter(population="exchange_hot_wallet").select("chain", "address")
    groups = dict.fromkeys(hot.iter_rows(), EXCHANGE)
    for number, chain in enumerate(identities.CHAINS):
        for kind in (*_ROUND_TRIPS, "bridge"):
            for address in identities.addresses(seed, market.places(kind, number)):
                groups[chain, address] = "bridge" if kind == "bridge" else MARKETS
    return groups


def _crossed(roles: Mapping[Node, str], chain: str, address: str) -> str:
    """Name the member's account on the other chain, from which it bridged."""
    same = [node for node in roles if node[1] == address and node[0] != chain]
    if not same:  # Tron's addresses look different: the role and the bridge are all there is
        mine = roles[chain, address]
        same = [node for node, role in roles.items() if role == mine and node[0] != chain]
    return _name(same[0]) if same else OUTSIDE


def _name(node: Node) -> str:
    return f"{node[0]}:{node[1]}"


def _symbols() -> dict[Node, str]:
    known = asset_registry().select("chain", "address", "symbol").iter_rows()
    return {(chain, address): symbol for chain, address, symbol in known}


def _summed(rows: list[tuple[Payment, str]]) -> pl.DataFrame:
    columns = ["source", "target", "usd", "time", "party"]
    data = [(p.source, p.target, p.micros / 1e6, p.time, other) for p, other in rows]
    return (
        pl.DataFrame(data, schema=columns, orient="row")
        .group_by("source", "target")
        .agg(
            pl.col("usd").sort().sum(),
            n=pl.len(),
            first=pl.col("time").min(),
            last=pl.col("time").max(),
            parties=pl.col("party").n_unique(),
        )
        .sort("source", "target")
    )


def _way(payments: list[Payment], rank: Mapping[str, int]) -> tuple[Payment, ...]:
    """Return the longest way downhill from a payer to an exchange; of the longest, the fastest."""
    onward: dict[str, list[tuple[Payment, ...]]] = defaultdict(list)
    whole: list[tuple[Payment, ...]] = []
    for payment in reversed(payments):
        tails = [()] if payment.target == EXCHANGE else _tails(onward[payment.target], payment)
        down = rank.get(payment.source, -1) < rank.get(payment.target, len(rank) + 99)
        if not tails or not down:
            continue
        way = (payment, *max(tails, key=_length))
        if payment.source in rank:
            onward[payment.source].append(way)
        elif payment.source in (OWN_WALLETS, FROM_EXCHANGE):
            whole.append(way)
    return max(whole, key=_length, default=())


def _tails(ways: list[tuple[Payment, ...]], payment: Payment) -> list[tuple[Payment, ...]]:
    low, high = (share * payment.micros for share in PASSED_ON)
    return [
        way
        for way in ways
        if payment.time <= way[0].time <= payment.time + AT_ONCE and low <= way[0].micros <= high
    ]


def _length(way: tuple[Payment, ...]) -> tuple[int, timedelta]:
    return len(way), way[0].time - way[-1].time if way else timedelta(0)


def _within(case: CaseFlows) -> float:
    """Return the share of the case's payments, by value, that go to one of its own."""
    ours = case.flows.filter(pl.col("source").is_in(list(case.roles)))
    inside = ours.filter(pl.col("target").is_in(list(case.roles)))
    return float(inside["usd"].sum()) / max(float(ours["usd"].sum()), 1.0)
