"""What a case moved, between its members and across its border, and through whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from models.cases.grouping import Case
from models.cases.links import Key

Row = Mapping[str, Any]


@dataclass
class Sum:
    """Transfers added up, exactly.

    Attributes
    ----------
    n
        How many.
    usd_micros
        Dollars of those that have a price.
    unpriced
        How many have none.
    amounts
        Base units by chain and asset.
    first, last
        Moments; None where there is nothing.
    """

    n: int = 0
    usd_micros: int = 0
    unpriced: int = 0
    amounts: dict[Key, int] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None

    def add(self, row: Row) -> None:
        """Count a transfer."""
        self.n += 1
        self.usd_micros += row["usd_micros"] or 0
        self.unpriced += row["usd_micros"] is None
        asset = (row["chain"], row["asset"])
        self.amounts[asset] = self.amounts.get(asset, 0) + int(row["amount_raw"])
        at = row["block_time"]
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


@dataclass
class Node:
    """An address on the ways of a case.

    Attributes
    ----------
    key, member
        Who, and whether it is alerted.
    got, paid
        Within the case: from and to its other nodes.
    """

    key: Key
    member: bool
    got: Sum = field(default_factory=Sum)
    paid: Sum = field(default_factory=Sum)

    @property
    def passed(self) -> int:
        """Micro-dollars got from and paid to other nodes of the case."""
        return self.got.usd_micros + self.paid.usd_micros


@dataclass
class Accounts:
    """The books of a case.

    Attributes
    ----------
    received, sent
        From and to everybody who is no member.
    between
        Among members.
    all
        Every transfer of a member, once.
    victims
        Possible victims who dealt with members: what they paid and got, as nodes.
    nodes
        Key nodes, the one that moved most first.
    """

    received: Sum = field(default_factory=Sum)
    sent: Sum = field(default_factory=Sum)
    between: Sum = field(default_factory=Sum)
    all: Sum = field(default_factory=Sum)
    victims: list[Node] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


class Ledger:
    """Transfers by the addresses that they touch, read once for all cases.

    Parameters
    ----------
    moved
        With the columns of `models.cases.ground.PAYMENT`.

    Attributes
    ----------
    rows
        Each transfer by its row.
    """

    def __init__(self, moved: pl.DataFrame) -> None:
        self.rows: dict[int, Row] = {row["row"]: row for row in moved.iter_rows(named=True)}
        self._of: dict[Key, list[int]] = {}
        for number, row in self.rows.items():
            for side in ("sender", "receiver"):
                self._of.setdefault((row["chain"], row[side]), []).append(number)

    def of(self, addresses: Iterable[Key]) -> list[Row]:
        """Return the transfers that touch some addresses, each once, by row."""
        numbers = {number for key in addresses for number in self._of.get(key, ())}
        return [self.rows[number] for number in sorted(numbers)]


def accounts_of(case: Case, own: Ledger, around: Ledger, victims: Iterable[Key]) -> Accounts:
    """Keep the books of a case.

    Parameters
    ----------
    own, around
        The transfers of `models.cases.ground.Ground`.
    victims
        Possible victims, wherever they stand.
    """
    members, suspects = set(case.members), set(victims)
    thirds = {link.via for link in case.links if link.via is not None} - suspects
    nodes = {key: Node(key, key in members) for key in sorted(members | thirds)}
    victim_nodes: dict[Key, Node] = {}
    books = Accounts()
    for row in own.of(members):
        source, target = (row["chain"], row["sender"]), (row["chain"], row["receiver"])
        inside = source in members and target in members
        side = books.between if inside else books.sent if source in members else books.received
        for total in (books.all, side):
            total.add(row)
        _note(nodes, source, target, row)
        for other, way in ((source, "paid"), (target, "got")):
            if other in suspects and other not in members:
                victim = victim_nodes.setdefault(other, Node(other, member=False))
                getattr(victim, way).add(row)
    for row in around.of(thirds):
        source, target = (row["chain"], row["sender"]), (row["chain"], row["receiver"])
        if source in thirds and target in thirds:  # the members' own rows are in the books already
            _note(nodes, source, target, row)
    moved = [node for node in nodes.values() if node.got.n or node.paid.n]
    books.nodes = sorted(moved, key=lambda n: (-n.passed, -(n.got.n + n.paid.n), n.key))
    books.victims = sorted(victim_nodes.values(), key=lambda n: (-n.paid.usd_micros, n.key))
    return books


def _note(nodes: dict[Key, Node], source: Key, target: Key, row: Row) -> None:
    if source in nodes and target in nodes:
        nodes[source].paid.add(row)
        nodes[target].got.add(row)
