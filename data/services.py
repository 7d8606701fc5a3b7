"""Addresses whose business is publicly known: exchanges, bridges, routers, mixers, listed parties.

A service is not a launderer because many people pay it, and a pattern that ends at an exchange
means something else than one that ends at a mixer. So the services that public sources name stand
in `registry/services.csv`, each with its source and the date of that source, and users add their
own with files: tables, and label lists in the formats of `data/labels`. *Licit* services are never
scored; the others are list hits, shown beside a score.

Being absent from the list says nothing about an address.

>>> services = load_services()
>>> services.licit.filter(pl.col("category") == "dex_router").height > 5
True

The columns stand in `data/service_table.py`.

Where files disagree
--------------------
Nothing is settled silently: every row that gives way is shown in a note beside the one that stands.

1. A row of the user's own table replaces the registry's row for its address, whatever either says.
2. Of the rows that are left, from tables, label lists and the registry, *not licit* ones stand
   before licit ones: to hide a listed address does more harm than to show one wrongly. All of them
   stand, so that an address on two lists has two hits.
3. Where all are licit one stands: the user's own table, then the registry, then the list that is
   surer of it (`CONFIDENCES`), then the file named first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import polars as pl

from data.addresses import CHAINS, canonical_address
from data.assets import REGISTRY
from data.errors import Refused
from data.labels import read_label_list, recognised
from data.labels.categories import service_claims
from data.labels.files import head_of
from data.quarantine import reasons
from data.schema import QUARANTINE, empty
from data.service_table import CATEGORIES, CONFIDENCES, SERVICES
from data.small_tables import read_small_table, refuse_unknown_columns
from data.storage import sha256_file

_COLUMNS = tuple(c for c in SERVICES if c != "origin")
_REQUIRED = ("chain", "address", "category", "licit")
_WHAT = "a services table (CSV or Parquet: chain, address, category, licit, ...)"
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_Row = dict[str, str | bool | None]
_Key = tuple[str, str]
_REGISTRY_NAME = "the registry"


@dataclass(frozen=True)
class Services:
    """The services in force for one run.

    Attributes
    ----------
    table
        `SERVICES`, sorted by chain and address. A licit address has one row, a listed one a row
        for each list that names it.
    notes
        One sentence for each row that gave way to another, and for what the user's label lists
        hold that is not used.
    quarantine
        `schema.QUARANTINE`: rows of label lists that could not be read.
    files
        SHA-256 of each of the user's files, in the order in which they were named.
    """

    table: pl.DataFrame
    notes: tuple[str, ...] = ()
    quarantine: pl.DataFrame = field(default_factory=lambda: empty(QUARANTINE))
    files: tuple[str, ...] = ()

    @cached_property
    def licit(self) -> pl.DataFrame:
        """Rows whose address is never scored."""
        return self.table.filter("licit")

    @cached_property
    def listed(self) -> pl.DataFrame:
        """Rows that are shown as list hits: mixers, sanctioned parties, marketplaces."""
        return self.table.filter(~pl.col("licit"))

    @cached_property
    def hits(self) -> dict[tuple[str, str], list[dict[str, str | None]]]:
        """What lists say of each address they name: name, category, source, date, confidence."""
        columns = ("name", "category", "source", "date", "confidence")
        found: dict[tuple[str, str], list[dict[str, str | None]]] = {}
        keys = self.listed.select("chain", "address").iter_rows()
        for key, hit in zip(keys, self.listed.select(columns).to_dicts(), strict=True):
            found.setdefault(key, []).append(hit)
        return found


def load_services(extra: str | Path | Sequence[str | Path] | None = None) -> Services:
    """Return the registry's services, with the user's own over them.

    Parameters
    ----------
    extra
        A file, or several. Each is a services table (CSV or Parquet with chain, address, category,
        licit and, where known, name, source, date, confidence, verified) or a label list in one of
        the formats of `data.labels.SOURCES`, recognised by its content. How files that name the
        same address are brought together stands at the top of this module.

    Raises
    ------
    Refused
        A file cannot be read; in a table, a cell holds no known value, or two rows disagree about
        one address; both rows are shown.
    """
    registry = _registry()
    claims: dict[_Key, list[_Claim]] = {}
    notes: list[str] = []
    quarantines = []
    paths = _paths(extra)
    for path in paths:
        taken = _taken(path)
        for claim in taken.claims:
            claims.setdefault(claim.key, []).append(claim)
        notes += taken.notes
        quarantines.append(taken.quarantine)
    rows = [row for key, row in registry.items() if key not in claims]
    for key in sorted(claims):
        stand, said = _settled(key, claims[key], registry.get(key))
        rows += stand
        notes += said
    unread = pl.concat([empty(QUARANTINE), *quarantines])
    return Services(_frame(rows), tuple(notes), unread, tuple(map(sha256_file, paths)))


def _paths(extra: str | Path | Sequence[str | Path] | None) -> list[Path]:
    if extra is None:
        return []
    return [Path(extra)] if isinstance(extra, str | Path) else [Path(path) for path in extra]


@dataclass(frozen=True)
class _Claim:
    """A row, and which file says so; `own`: it is the user's own table and no label list."""

    file: str
    own: bool
    row: _Row

    @property
    def key(self) -> _Key:
        return str(self.row["chain"]), str(self.row["address"])

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Smaller stands before larger."""
        listed = not self.own and self.file != _REGISTRY_NAME
        return not self.own, listed, CONFIDENCES.index(str(self.row["confidence"]))

    @property
    def meaning(self) -> tuple[object, object]:
        return self.row["category"], self.row["licit"]


@dataclass(frozen=True)
class _Taken:
    """What one of the user's files gives."""

    claims: list[_Claim]
    notes: list[str]
    quarantine: pl.DataFrame


def _taken(path: Path) -> _Taken:
    source = None if _is_own_table(path) else recognised(path)
    if source is None:
        own = [_Claim(path.name, True, row) for row in _read(path, origin="user").values()]
        return _Taken(own, [], empty(QUARANTINE))
    listed = read_label_list(path, source)
    table, notes = service_claims(listed.labels)
    unread = listed.quarantine.height
    if unread:
        why = reasons(listed.quarantine)
        notes = (f"{unread:,} of {listed.rows:,} rows could not be read: {why}.", *notes)
    claims = [_Claim(path.name, False, row) for row in table.iter_rows(named=True)]
    return _Taken(claims, [f"{path.name}: {note}" for note in notes], listed.quarantine)


def _is_own_table(path: Path) -> bool:
    """Say whether a CSV has no column but those of the services table.

    Then it is one, though a needed column may be missing, which its reader says.
    """
    columns = head_of(path).lstrip().partition("\n")[0].split(",")
    return {column.strip().strip('"').casefold() for column in columns} <= set(SERVICES)


def _settled(key: _Key, claims: list[_Claim], known: _Row | None) -> tuple[list[_Row], list[str]]:
    """Return the rows that stand for an address, and a note on those that do not."""
    where = f"{key[1]} on {key[0]}"
    notes = []
    if known is not None:
        own = [c for c in claims if c.own]
        if own:
            notes = [
                f"{where}: your row ({_said(own[0].row)}) replaces the registry's ({_said(known)})."
            ]
        else:
            claims = [*claims, _Claim(_REGISTRY_NAME, False, known)]
    claims = sorted(claims, key=lambda claim: claim.rank)
    listed = [c for c in claims if not c.row["licit"]]
    stand = listed or claims[:1]
    meanings = [c.meaning for c in stand]
    aside = [c for c in claims if c.meaning not in meanings]
    if aside:
        held, given = (
            " and ".join(dict.fromkeys(f"{c.file} ({_said(c.row)})" for c in side))
            for side in (stand, aside)
        )
        notes.append(f"{where}: {held} before {given}.")
    rows = []
    for claim in stand:
        if claim.row not in rows:
            rows.append(claim.row)
    return rows, notes


@lru_cache(maxsize=1)
def _registry() -> dict[_Key, _Row]:
    return _read(REGISTRY / "services.csv", origin="registry")


def _frame(rows: Sequence[_Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SERVICES).sort("chain", "address", maintain_order=True)


def _read(path: Path, origin: str) -> dict[_Key, _Row]:
    table = read_small_table(path, _WHAT)
    refuse_unknown_columns(path, table.columns, _COLUMNS, _REQUIRED)
    rows: dict[_Key, _Row] = {}
    lines: dict[_Key, int] = {}
    for cells in table.iter_rows(named=True):
        row = _row(f"line {cells['line']} of {path}", cells) | {"origin": origin}
        key = (str(row["chain"]), str(row["address"]))
        if key in rows and rows[key] != row:
            raise Refused(
                f"{path} says two things about {key[1]} on {key[0]}: {_said(rows[key])} on line "
                f"{lines[key]}, {_said(row)} on line {cells['line']}",
                expected="one row per chain and address",
            )
        rows[key] = row
        lines.setdefault(key, cells["line"])
    return rows


def _row(where: str, cells: dict[str, str | None]) -> _Row:
    chain = _one_of(where, "chain", cells["chain"], CHAINS)
    try:
        address = canonical_address(chain, cells["address"] or "")
    except ValueError as error:
        raise Refused(f"{where}: {error}") from None
    confidence = cells.get("confidence") or "unknown"
    return {
        "chain": chain,
        "address": address,
        "name": cells.get("name"),
        "category": _one_of(where, "category", cells["category"], CATEGORIES),
        "licit": _yes_no(where, "licit", cells["licit"]),
        "source": cells.get("source"),
        "date": cells.get("date"),
        "confidence": _one_of(where, "confidence", confidence, CONFIDENCES),
        "verified": _yes_no(where, "verified", cells.get("verified") or "no"),
    }


def _one_of(where: str, column: str, value: str | None, known: tuple[str, ...]) -> str:
    if value not in known:
        raise Refused(f"{where} has the {column} {value!r}", expected=f"one of {', '.join(known)}")
    return value


def _yes_no(where: str, column: str, value: str | None) -> bool:
    answer = _YES_NO.get((value or "").lower())
    if answer is None:
        raise Refused(f"{where} has {column} {value!r}", expected="true or false")
    return answer


def _said(row: _Row) -> str:
    licit = "licit" if row["licit"] else "not licit"
    return f"{row['name'] or 'unnamed'}, {row['category']}, {licit}"
