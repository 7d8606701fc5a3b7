"""Cases of a run: which of its alerts belong together, as plain values for JSON and for a page.

What ties alerts, and what never does, stands in `models.cases`. The object obeys
``pipelines/schemas/cases.v1.schema.json``. It holds no score: who is in a case with whom does not
depend on how high anybody scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.transfers import Transfers
from models.cases.accounts import Accounts, Ledger, accounts_of
from models.cases.crossed import crossings_of
from models.cases.ground import KEY, Subjects, lay, services_of
from models.cases.grouping import Case, case_id_of, group
from models.cases.limits import Kind, Limits
from models.cases.links import Found, Key, Withheld, find_links
from pipelines.alerting.alerts import alert_id, notices
from pipelines.casework.case_telling import Telling, pair
from pipelines.casework.case_wording import WITHHELD
from pipelines.moments import iso
from pipelines.outputs import program
from pipelines.score import Scored

SCHEMA_VERSION = "1.1"
SCHEMA = Path(__file__).parent.parent / "schemas" / "cases.v1.schema.json"


@dataclass(frozen=True)
class Cases:
    """The cases of a run, as they were found and as they are told.

    Attributes
    ----------
    own, around
        The transfers of alerted addresses, and of those between them.
    cases
        The largest first.
    accounts
        The books of each.
    told
        Writes any of it out.
    report
        What is written.
    """

    own: Ledger
    around: Ledger
    cases: tuple[Case, ...]
    accounts: tuple[Accounts, ...]
    told: Telling
    report: dict[str, Any]

    def grouped(self) -> dict[Key, Case]:
        """Return the case of each alert that shares one with another, by chain and address."""
        cases = [case for case in self.cases if len(case.members) > 1]
        return {key: case for case in cases for key in case.members}

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
    own, around = Ledger(ground.own), Ledger(ground.around)
    accounts = tuple(accounts_of(case, own, around, victims) for case in cases)
    told = Telling(run.services, around.rows | own.rows, victims)
    report = _report(run, limits, told, cases, accounts, found)
    return Cases(own, around, cases, accounts, told, report)


def _subjects(run: Scored, chosen: pl.DataFrame) -> Subjects:
    alerts = chosen.select(*KEY, "as_of")
    victims = run.scores.filter(pl.col("status") == "possible_victim").select(*KEY).unique()
    latest = alerts["as_of"].max()
    return Subjects(
        alerts=alerts,
        services=services_of(run.services.table),
        victims=victims,
        supplied=supplied(run.transfers, latest) if isinstance(latest, datetime) else None,
        crossings=crossings_of(run.measured.histories),
    )


def supplied(transfers: Transfers, until: datetime) -> pl.DataFrame | None:
    """Return whose exports are whole up to a moment, with their legs; None: everybody's."""
    if transfers.assume_complete:
        return None
    coverage = transfers.coverage
    if coverage is None:
        return pl.DataFrame(schema={"chain": pl.String, "address": pl.String, "legs": pl.String})
    reaches = (pl.col("to") >= until).fill_null(False)
    whole = coverage.group_by(*KEY).agg(
        (pl.col("complete") & reaches).all().alias("whole"), pl.col("legs").str.join(",")
    )
    return whole.filter("whole").select(*KEY, "legs")


def _report(
    run: Scored,
    limits: Limits,
    told: Telling,
    cases: tuple[Case, ...],
    accounts: tuple[Accounts, ...],
    found: Found,
) -> dict[str, Any]:
    seen = _seen(run)
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
            "least_chance": limits.least_chance,
        },
        "n_alerts": sum(len(case.members) for case in cases),
        "n_grouped": sum(len(case.members) for case in cases if len(case.members) > 1),
        "cases": [
            _case(case, books, told, limits, seen)
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
    told: Telling,
    limits: Limits,
    seen: Mapping[Key, Mapping[str, Any]],
) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "members": [
            {
                **pair(key),
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


def _associated(case: Case, told: Telling) -> dict[Key, list[str]]:
    """Return who stands between members, with how; possible victims are told elsewhere."""
    roles: dict[Key, set[Kind]] = {}
    for link in case.links:
        if link.via is not None and not told.third(link.via)["possible_victim"]:
            roles.setdefault(link.via, set()).add(link.kind)
    return {key: sorted(kind.value for kind in roles[key]) for key in sorted(roles)}


def _withheld(one: Withheld, told: Telling) -> dict[str, Any]:
    return {
        "reason": one.reason.value,
        "meaning": WITHHELD[one.reason],
        "via": told.third(one.via),
        "alerts": [pair(key) for key in one.alerts],
        "kinds": [kind.value for kind in one.kinds],
        "degree": one.degree,
    }
