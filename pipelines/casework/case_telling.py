"""Addresses, sums and transfers of a case written out: exact amounts, and what lists say."""

from __future__ import annotations

from typing import Any

from data.assets import asset_lookup
from data.services import Services
from features.evidence import digest
from models.cases.accounts import Node, Row, Sum
from models.cases.ground import KEY
from models.cases.limits import Limits
from models.cases.links import Key, Link
from pipelines.amounts import exact_amount
from pipelines.casework.case_wording import link_sentence
from pipelines.moments import iso

MOST_ROWS_SHOWN = 20
MICROS = 1_000_000


class Telling:
    """Writes out addresses, sums and transfers.

    Attributes
    ----------
    victims
        Possible victims, wherever they stand.
    rows
        Transfers by row.
    tags
        What the services lists say, by address.
    """

    def __init__(self, services: Services, rows: dict[int, Row], victims: set[Key]) -> None:
        self.victims = victims
        self.rows = rows
        lookup = asset_lookup().select("chain", "asset", "symbol", "decimals")
        self._assets = {(c, a): (symbol, n) for c, a, symbol, n in lookup.iter_rows()}
        tags = services.table.select(
            *KEY, "name", "category", "source", "date", "confidence"
        ).iter_rows(named=True)
        self.tags: dict[Key, list[dict[str, Any]]] = {}
        for tag in tags:
            key = (tag.pop("chain"), tag.pop("address"))
            self.tags.setdefault(key, []).append(tag)

    def third(self, key: Key) -> dict[str, Any]:
        """Write out an address that is not alerted."""
        return {
            **pair(key),
            "possible_victim": key in self.victims,
            "list_hits": self.tags.get(key, []),
        }

    def sum(self, total: Sum) -> dict[str, Any]:
        """Write out transfers added up."""
        return {
            "n": total.n,
            "usd": total.usd_micros / MICROS if total.n > total.unpriced else None,
            "unpriced": total.unpriced,
            "assets": [self.asset(*key, units) for key, units in sorted(total.amounts.items())],
            "first": None if total.first is None else iso(total.first),
            "last": None if total.last is None else iso(total.last),
        }

    def asset(self, chain: str, asset: str, units: int) -> dict[str, Any]:
        """Write out an exact amount of an asset."""
        symbol, decimals = self._assets.get((chain, asset), (None, None))
        amount = exact_amount(str(units), decimals)
        return {"chain": chain, "asset": asset, "symbol": symbol, "amount": amount}

    def row(self, number: int) -> dict[str, Any]:
        """Write out a transfer."""
        row = self.rows[number]
        usd = row["usd_micros"]
        return {
            **{name: row[name] for name in ("tx_id", "log_index")},
            "block_time": iso(row["block_time"]),
            **{name: row[name] for name in ("sender", "receiver")},
            **self.asset(row["chain"], row["asset"], int(row["amount_raw"])),
            "usd": None if usd is None else usd / MICROS,
        }

    def link(self, link: Link, limits: Limits) -> dict[str, Any]:
        """Write out a link: its largest transfers in dollars, in the order of time."""
        total = Sum()
        for number in link.rows:
            total.add(self.rows[number])
        largest = sorted(link.rows, key=lambda n: (-(self.rows[n]["usd_micros"] or 0), n))
        shown = sorted(largest[:MOST_ROWS_SHOWN])
        summed = self.sum(total)
        victim = link.via in self.victims
        return {
            "kind": link.kind.value,
            "sentence": link_sentence(link.kind, len(link.alerts), summed, limits, victim=victim),
            "via": None if link.via is None else self.third(link.via),
            "alerts": [pair(key) for key in link.alerts],
            "total": summed,
            "rows": [self.row(number) for number in shown],
            "shown": len(shown),
            "digest": digest([self.rows[number]["tx_id"] for number in link.rows]),
        }

    def node(self, node: Node) -> dict[str, Any]:
        """Write out a key node or a possible victim."""
        moved = [sum_.first for sum_ in (node.got, node.paid) if sum_.first is not None]
        until = [sum_.last for sum_ in (node.got, node.paid) if sum_.last is not None]
        priced = [sum_ for sum_ in (node.got, node.paid) if sum_.n > sum_.unpriced]
        return {
            **pair(node.key),
            "n_got": node.got.n,
            "n_paid": node.paid.n,
            "usd_got": node.got.usd_micros / MICROS if priced else None,
            "usd_paid": node.paid.usd_micros / MICROS if priced else None,
            "first": iso(min(moved)),
            "last": iso(max(until)),
        }


def pair(key: Key) -> dict[str, str]:
    """Write out who an address is."""
    return dict(zip(KEY, key, strict=True))
