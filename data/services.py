"""Addresses whose business is publicly known: exchanges, bridges, routers, mixers, listed parties.

A service is not a launderer because many people pay it, and a pattern that ends at an exchange
means something else than one that ends at a mixer. So the services that public sources name stand
in `registry/services.csv`, each with its source and the date of that source, and users add their
own with a file. *Licit* services are never scored; the others are list hits, shown beside a score.

Being absent from the list says nothing about an address.

>>> services = load_services()
>>> services.licit.filter(pl.col("category") == "dex_router").height > 5
True

Columns
-------
chain, address, name, category (`CATEGORIES`), licit (boolean), source, date (of the source or of
reading it), confidence (`CONFIDENCES`: GraphSense's names), verified (boolean: the address was
read in the source), origin (`registry` or `user`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from data.addresses import CHAINS, canonical_address
from data.assets import REGISTRY
from data.errors import Refused
from data.small_tables import read_small_table, refuse_unknown_columns

CATEGORIES = (
    "exchange_hot",
    "exchange_deposit",
    "bridge",
    "dex_router",
    "payment_processor",
    "custodian",
    "mixer",
    "guarantee_marketplace",
    "sanctioned",
    "otc_desk",
    "token_issuer",
)

CONFIDENCES = (
    "ledger_immanent",
    "ownership",
    "manual_transaction",
    "service_api",
    "authority_data",
    "trusted_provider",
    "service_data",
    "forensic",
    "untrusted_transaction",
    "web_crawl",
    "heuristic",
    "unknown",
)
"""How an attribution is known, from what the ledger itself shows down to unknown."""

SERVICES: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "name": pl.String(),
    "category": pl.String(),
    "licit": pl.Boolean(),
    "source": pl.String(),
    "date": pl.String(),
    "confidence": pl.String(),
    "verified": pl.Boolean(),
    "origin": pl.String(),
}

_COLUMNS = tuple(c for c in SERVICES if c != "origin")
_REQUIRED = ("chain", "address", "category", "licit")
_WHAT = "a services table (CSV or Parquet: chain, address, category, licit, ...)"
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_Row = dict[str, str | bool | None]


@dataclass(frozen=True)
class Services:
    """The services in force for one run.

    Attributes
    ----------
    table
        `SERVICES`, one row per chain and address, sorted by them.
    notes
        One sentence per registry row that a row of the user's file replaced.
    """

    table: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def licit(self) -> pl.DataFrame:
        """Rows whose address is never scored."""
        return self.table.filter("licit")

    @property
    def listed(self) -> pl.DataFrame:
        """Rows that are shown as list hits: mixers, sanctioned parties, marketplaces."""
        return self.table.filter(~pl.col("licit"))


def load_services(extra: Path | None = None) -> Services:
    """Return the registry's services, with the user's own over them.

    Parameters
    ----------
    extra
        CSV or Parquet with chain, address, category, licit and, where known, name, source, date,
        confidence, verified. Its rows replace the registry's for the same address, with a note.

    Raises
    ------
    Refused
        The file cannot be read, a cell holds no known value, or two of its rows disagree about
        one address; both rows are shown.
    """
    registry = _registry()
    if extra is None:
        return Services(_frame(registry))
    merged = dict(registry)
    notes = []
    for key, row in _read(Path(extra), origin="user").items():
        if key in registry:
            notes.append(
                f"{key[1]} on {key[0]}: your row ({_said(row)}) replaces the registry's "
                f"({_said(registry[key])})."
            )
        merged[key] = row
    return Services(_frame(merged), tuple(notes))


@lru_cache(maxsize=1)
def _registry() -> dict[tuple[str, str], _Row]:
    return _read(REGISTRY / "services.csv", origin="registry")


def _frame(rows: dict[tuple[str, str], _Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows.values()), schema=SERVICES).sort("chain", "address")


def _read(path: Path, origin: str) -> dict[tuple[str, str], _Row]:
    table = read_small_table(path, _WHAT)
    refuse_unknown_columns(path, table.columns, _COLUMNS, _REQUIRED)
    rows: dict[tuple[str, str], _Row] = {}
    lines: dict[tuple[str, str], int] = {}
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
