"""Cases of a run: which of its alerts belong together, as plain values for JSON and for a page.

What ties alerts, and what never does, stands in `models.cases`. The object obeys
``pipelines/schemas/cases.v1.schema.json``. It holds no score: who is in a case with whom does not
depend on how high anybody scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.assets import asset_lookup
from features.evidence import digest
from models.cases.accounts import Accounts, Node, Sum, accounts_of
from models.cases.ground import KEY, Ground, Subjects, lay, services_of
from models.cases.grouping import Case, case_id_of, group
from models.cases.limits import Kind, Limits
from models.cases.links import Found, Key, Link, Withheld, find_links
from pipelines.alerts import alert_id, iso, notices
from pipelines.case_wording import WITHHELD, link_sentence, meaning_of
from pipelines.dossier import exact_amount
from pipelines.outputs import program
from pipelines.score import Scored

SCHEMA_VERSION = "1.0"
SCHEMA = Path(__file__).parent / "schemas" / "cases.v1.schema.json"
MOST_ROWS_SHOWN = 20
MICROS = 1_000_000


@dataclass(frozen=True)
class Cases:
    """The cases of a run, as they were found and as they are told.

    Attributes
    ----------
    ground
        The transfers they rest on.
    cases
        The largest first.
    accounts
        The books of each.
    report
        What is written.
    """

    ground: Ground
    cases: tuple[Case, ...]
    accounts: tuple[Accounts, ...]
    report: dict[str, Any]

    def counted(self) -> dict[str, int]:
        """Return how many alerts there are, and how many are grouped into how many cases."""
        grouped = sum(len(case.members) > 1 for case in self.cases)
        return {"n": grouped, "n_grouped": self.report["n_grouped"]}


def find_cases(run: Scored, chosen: pl.DataFrame, limits: Limits | None = None) -> Cases:
    """Group alerts into cases.

    Parameters
    ----------
    run
        The scored list.
    chosen
        The rows of ``run.scores`` that are alerts.
    limits
        What ties them; default: `Limits`.
    """
    limits = limits or Limits()
    subjects = _subjects(run, chosen)
    ground = lay(run.transfers.followed(), subjects, limits)
    found = find_links(ground, subjects, limits)
    seen: dict[Key, datetime] = {}
    for chain, address, at in chosen.select(*KEY, "first_seen").iter_rows():
        seen[chain, address] = min(at, seen.get((chain, address), at))
    cases = tuple(group(seen, found.links))
    victims = set(subjects.victims.iter_rows())
    accounts = tuple(accounts_of(case, ground.own, ground.around, victims) for case in cases)
    told = _Telling(run, ground, victims)
    report = _report(run, limits, told, cases, accounts, found)
    return Cases(ground, cases, accounts, report)


def _subjects(run: Scored, chosen: pl.DataFrame) -> Subjects:
    alerts = chosen.select(*KEY, "as_of")
    victims = run.scores.filter(pl.col("status") == "possible_victim").select(*KEY).unique()
    latest = alerts["as_of"].max()
    return Subjects(
        alerts=alerts,
        services=services_of(run.services.table),
        victims=victims,
        supplied=_supplied(run, latest) if isinstance(latest, datetime) else None,
    )


def _supplied(run: Scored, until: datetime) -> pl.DataFrame | None:
    """Return whose exports are whole up to a moment, with their legs; None: everybody's."""
    if run.transfers.assume_complete:
        return None
    coverage = run.transfers.coverage
    if coverage is None:
        return pl.DataFrame(schema={"chain": pl.String, "address": pl.String, "legs": pl.String})
    reaches = (pl.col("to") >= until).fill_null(False)
    whole = coverage.group_by(*KEY).agg(
        (pl.col("complete") & reaches).all().alias("whole"), pl.col("legs").str.join(",")
    )
    return whole.filter("whole").select(*KEY, "legs")


class _Telling:
    """Writes out keys, sums and transfers."""

    def __init__(self, run: Scored, ground: Ground, victims: set[Key]) -> None:
        self._victims = victims
        self._rows = {
            row["row"]: row
            for part in (ground.around, ground.own)
            for row in part.iter_rows(named=True)
        }
        lookup = asset_lookup().select("chain", "asset", "symbol", "decimals")
        self._assets = {(c, a): (symbol, n) for c, a, symbol, n in lookup.iter_rows()}
        tags = run.services.table.select(
            *KEY, "name", "category", "source", "date", "confidence"
        ).iter_rows(named=True)
        self._tags: dict[Key, list[dict[str, Any]]] = {}
        for tag in tags:
            key = (tag.pop("chain"), tag.pop("address"))
            self._tags.setdefault(key, []).append(tag)

    def third(self, key: Key) -> dict[str, Any]:
        """Write out an address that is not alerted."""
        return {
            **_pair(key),
            "possible_victim": key in self._victims,
            "list_hits": self._tags.get(key, []),
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
        row = self._rows[number]
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
            total.add(self._rows[number])
        largest = sorted(link.rows, key=lambda n: (-(self._rows[n]["usd_micros"] or 0), n))
        shown = sorted(largest[:MOST_ROWS_SHOWN])
        summed = self.sum(total)
        victim = link.via in self._victims
        return {
            "kind": link.kind.value,
            "sentence": link_sentence(link.kind, len(link.alerts), summed, limits, victim=victim),
            "via": None if link.via is None else self.third(link.via),
            "alerts": [_pair(key) for key in link.alerts],
            "total": summed,
            "rows": [self.row(number) for number in shown],
            "shown": len(shown),
            "digest": digest([self._rows[number]["tx_id"] for number in link.rows]),
        }

    def node(self, node: Node) -> dict[str, Any]:
        """Write out a key node or a possible victim."""
        moved = [sum_.first for sum_ in (node.got, node.paid) if sum_.first is not None]
        until = [sum_.last for sum_ in (node.got, node.paid) if sum_.last is not None]
        priced = [sum_ for sum_ in (node.got, node.paid) if sum_.n > sum_.unpriced]
        return {
            **_pair(node.key),
            "n_got": node.got.n,
            "n_paid": node.paid.n,
            "usd_got": node.got.usd_micros / MICROS if priced else None,
            "usd_paid": node.paid.usd_micros / MICROS if priced else None,
            "first": iso(min(moved)),
            "last": iso(max(until)),
        }


def _report(
    run: Scored,
    limits: Limits,
    told: _Telling,
    cases: tuple[Case, ...],
    accounts: tuple[Accounts, ...],
    found: Found,
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_by": program(),
        "as_of": iso(run.as_of),
        "synthetic": run.transfers.synthetic,
        "transfers_sha256": run.transfers.sha256,
        "notices": list(notices(run)),
        "limits": {
            "max_degree": limits.max_degree,
            "max_shared": limits.max_shared,
            "least_share": limits.least_share,
            "relay_seconds": int(limits.relay.total_seconds()),
            "least_passed": limits.least_passed,
        },
        "n_alerts": sum(len(case.members) for case in cases),
        "n_grouped": sum(len(case.members) for case in cases if len(case.members) > 1),
        "cases": [
            _case(case, books, told, limits, _seen(run))
            for case, books in zip(cases, accounts, strict=True)
        ],
        "withheld": [_withheld(one, told) for one in found.withheld],
    }


def _seen(run: Scored) -> Mapping[Key, Mapping[str, Any]]:
    rows = run.scores.select(*KEY, "first_seen", "last_seen", "n_transfers").iter_rows(named=True)
    return {(row["chain"], row["address"]): row for row in rows}


def _case(
    case: Case,
    books: Accounts,
    told: _Telling,
    limits: Limits,
    seen: Mapping[Key, Mapping[str, Any]],
) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "members": [
            {
                **_pair(key),
                "alert_id": alert_id(*key),
                "id_as_anchor": case_id_of(key),
                "first_seen": iso(seen[key]["first_seen"]),
                "last_seen": iso(seen[key]["last_seen"]),
                "n_transfers": seen[key]["n_transfers"],
            }
            for key in case.members
        ],
        "links": [told.link(link, limits) for link in case.links],
        "associated": [
            {**told.third(key), "as": kinds} for key, kinds in _associated(case, told).items()
        ],
        "possible_victims": [told.node(node) for node in books.victims],
        "key_nodes": [{**told.node(node), "member": node.member} for node in books.nodes],
        "totals": {
            name: told.sum(getattr(books, name)) for name in ("received", "sent", "between")
        },
        "first": told.sum(books.all)["first"],
        "last": told.sum(books.all)["last"],
    }


def _associated(case: Case, told: _Telling) -> dict[Key, list[str]]:
    """Return who stands between members, with how; possible victims are told elsewhere."""
    roles: dict[Key, set[Kind]] = {}
    for link in case.links:
        if link.via is not None and not told.third(link.via)["possible_victim"]:
            roles.setdefault(link.via, set()).add(link.kind)
    return {key: sorted(kind.value for kind in roles[key]) for key in sorted(roles)}


def _withheld(one: Withheld, told: _Telling) -> dict[str, Any]:
    return {
        "reason": one.reason.value,
        "meaning": WITHHELD[one.reason],
        "via": told.third(one.via),
        "alerts": [_pair(key) for key in one.alerts],
        "kinds": [kind.value for kind in one.kinds],
        "degree": one.degree,
    }


def _pair(key: Key) -> dict[str, str]:
    return dict(zip(KEY, key, strict=True))


def kinds_told(links: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what the kinds of some links mean, each once.

    >>> kinds_told([{"kind": "shared_exit"}, {"kind": "shared_exit"}])
    ['paid the same address']
    """
    return [meaning_of(kind) for kind in dict.fromkeys(link["kind"] for link in links)]
