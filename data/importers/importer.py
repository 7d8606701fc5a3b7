"""What an importer is: one export format, read into canonical rows with every source row accounted.

An importer says which files are its own (`recognises`) and turns one into an `Imported`. It knows
its format's columns and units and nothing else: opening files, exact amounts, moments, calldata,
addresses, coverage and quarantine each have their own file, shared by all. Valuation, screening
and the merging of several files come later, in `pipelines/ingest.py`.

To add a format, write one file with one `Importer` and name it in `data/importers/__init__.py`;
the contract suite in `tests/test_importer_contract.py` then holds it to what is said here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from data.addresses import CHAINS, canonical_address, canonical_addresses, chain_family
from data.coverage import account_of, coverage_rows, is_page
from data.errors import Refused
from data.importers.source import FAULTS, Source, Unusable, set_aside
from data.importers.text import ROW
from data.schema import COVERAGE, TRANSFERS, empty

HELPERS: dict[str, pl.DataType] = {
    "token_symbol": pl.String(),
    "token_type": pl.String(),
    "status": pl.String(),
    "confirmed": pl.Boolean(),
    "account": pl.String(),
    "exact": pl.Boolean(),
    ROW: pl.Int64(),
}
"""Columns beside the canonical ones that the later stages of `ingest` need.

``status`` is ``failed`` or null; ``confirmed`` is null where the format does not say;
``account`` is whose export the row stands in, null where unknown; ``exact`` is false where the
export shows a rounded or scaled amount, or not whether the payment failed, so that an exact copy
from another export replaces it.
"""

MADE: dict[str, pl.DataType] = {
    **{c: t for c, t in TRANSFERS.items() if c != "screened"},
    **HELPERS,
}
"""Columns of `Imported.transfers`. ``log_index`` is null where the export has none to give and
the number must wait until equal rows of several files have been matched."""

FEE_RECEIVER = ""
"""A fee goes to the chain, not to an address."""


@dataclass(frozen=True)
class Context:
    """What the user said about the files.

    Attributes
    ----------
    chain
        One of `CHAINS`; None: the format's own.
    account
        The account the export is for; None: recognised from the rows and the file name.
    mapping
        For the format ``table``: canonical column to source column or setting.
    fetched
        When the export was made; None: unknown.
    beside
        What the other files of the same call tell this one, by the name of the fact: see
        `Importer.facts`.
    """

    chain: str | None = None
    account: str | None = None
    mapping: Mapping[str, Any] | Sequence[str] | Path | None = None
    fetched: datetime | None = None
    beside: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Imported:
    """One export, read.

    Attributes
    ----------
    transfers
        Rows of `MADE`, canonical addresses, exact amounts. One source row may make several.
    coverage
        `schema.COVERAGE`, for the accounts whose export it is.
    quarantine
        `source.FAULTS`: source rows that could not be understood; none of them is in `transfers`.
    rows
        How many data rows the file has.
    ignored
        Source rows that are no transfers, counted by what they are (``Approval``).
    """

    transfers: pl.DataFrame
    coverage: pl.DataFrame
    quarantine: pl.DataFrame
    rows: int
    ignored: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        read = self.transfers[ROW].n_unique()
        accounted = read + self.quarantine.height + sum(self.ignored.values())
        if accounted != self.rows:
            raise AssertionError(
                f"{self.rows} source rows, but {read} read, {self.quarantine.height} quarantined "
                f"and {self.ignored} ignored."
            )


class Importer(ABC):
    """One export format."""

    name: ClassVar[str]
    description: ClassVar[str]
    """One line for people: what it is and where it comes from."""
    columns: ClassVar[tuple[tuple[str, ...], ...]]
    """Column sets by which a header is recognised, each complete by itself."""
    forbidden: ClassVar[tuple[str, ...]] = ()
    """Columns that show that a file is another format after all."""
    call: ClassVar[str | None] = None
    """The service's own word for the question; in a file's name it tells an answer without rows."""

    def recognises(self, source: Source) -> bool:
        """Say whether a file's columns are this format's, in any order, extra ones allowed."""
        if any(source.has(c) for c in self.forbidden):
            return False
        return any(source.has(*variant) for variant in self.columns)

    def facts(self, source: Source, context: Context) -> dict[str, pl.DataFrame]:
        """Return what this file tells the other files of the call, by name.

        Formats that spread one history over several tables need it (a table of events without
        times beside a table of blocks). `ingest` asks every file before it reads any.

        Raises
        ------
        Refused
            As `read`.
        """
        return {}

    @abstractmethod
    def read(self, source: Source, context: Context) -> Imported:
        """Turn an opened file into canonical rows.

        Raises
        ------
        Refused
            The file as a whole is not usable.
        """

    def require(self, source: Source) -> None:
        """Refuse a file that is not this format's, naming the columns that are missing."""
        empty_list = source.kind == "json" and not source.columns and not source.rows
        if empty_list or self.recognises(source):
            return
        closest = min(self.columns, key=lambda v: sum(not source.has(c) for c in v))
        missing = [c for c in closest if not source.has(c)]
        extra = [c for c in self.forbidden if source.has(c)]
        what = f"it lacks {missing}" if missing else f"it has {extra}"
        raise Refused(
            f"{str(source.path)!r} is not {self.name}: {what}; its columns are {shown(source)}.",
            expected=f"{self.description}",
            hint="Try the format 'auto', which says what it takes a file for.",
        )


def told_by(facts: Iterable[dict[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """Join what several files tell, by the name of the fact; equal rows once."""
    parts: dict[str, list[pl.DataFrame]] = {}
    for told in facts:
        for name, rows in told.items():
            parts.setdefault(name, []).append(rows)
    return {name: pl.concat(tables).unique() for name, tables in parts.items()}


def shown(source: Source) -> list[str]:
    """Return a file's columns for a message, shortened."""
    return [c[:60] for c in source.columns[:40]]


def chain_of(context: Context, default: str, family: str) -> str:
    """Return the chain of an export.

    Raises
    ------
    Refused
        An unknown chain, or one whose addresses have another form than the format's.
    """
    chain = context.chain or default
    if chain not in CHAINS:
        raise Refused(f"unknown chain {chain!r}", expected=f"one of {', '.join(CHAINS)}")
    if chain_family(chain) != family:
        possible = [c for c in CHAINS if chain_family(c) == family]
        raise Refused(
            f"this format has {family} addresses, but the chain is {chain!r}",
            expected=f"one of {', '.join(possible)}",
        )
    return chain


def canonical_columns(
    frame: pl.DataFrame, chain: str, required: Sequence[str], optional: Sequence[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bring address columns into canonical form.

    Parameters
    ----------
    required
        Columns that must hold an address in every row.
    optional
        Columns that may be empty, but must not hold something else.

    Returns
    -------
    usable, faulty
        As `source.set_aside`; empty optional addresses are null.
    """
    faults: Unusable = []
    columns = {}
    for name in (*required, *optional):
        text = frame[name].cast(pl.String)
        columns[name] = canonical_addresses(chain, text).alias(name)
        absent = (text.is_null() | (text == "")).alias("absent")
        faults.append((f"{name} is missing", pl.lit(absent) if name in required else pl.lit(False)))
        wrong = (columns[name].is_null() & ~absent).alias("wrong")
        faults.append((f"{name} is not an address of {chain}", pl.lit(wrong)))
    usable, faulty = set_aside(frame, faults)
    if faulty.is_empty():
        return frame.with_columns(list(columns.values())), faulty
    keep = ~frame[ROW].is_in(faulty[ROW].implode())
    return usable.with_columns([c.filter(keep) for c in columns.values()]), faulty


def made(frame: pl.DataFrame) -> pl.DataFrame:
    """Give rows every column of `MADE`, null where the format has nothing."""
    return frame.select(
        [
            pl.col(c).cast(t) if c in frame.columns else pl.lit(None, dtype=t).alias(c)
            for c, t in MADE.items()
        ]
    )


def faults_of(source: Source, *faulty: pl.DataFrame) -> pl.DataFrame:
    """Join the rows without shape and the rows set aside later, with their text."""
    later = pl.concat([pl.DataFrame(schema={ROW: pl.Int64, "reason": pl.String}), *faulty])
    later = later.unique(ROW, keep="first", maintain_order=True)
    return pl.concat(
        [source.faults, later.with_columns(source.raw(later[ROW])).select(list(FAULTS))]
    ).sort(ROW)


def declared_account(context: Context, chain: str) -> str | None:
    """Return the account the user named, in canonical form.

    Raises
    ------
    Refused
        It is not an address of the chain.
    """
    if context.account is None:
        return None
    try:
        return canonical_address(chain, context.account)
    except ValueError as error:
        raise Refused(f"--account: {error}") from error


def one_account(
    source: Source,
    context: Context,
    transfers: pl.DataFrame,
    parties: pl.DataFrame,
    *,
    chain: str,
    name: str,
    legs: Sequence[str],
    fetched: datetime | None = None,
    missing: Callable[[str], bool] = lambda account: False,
) -> tuple[pl.DataFrame, str | None]:
    """Find whose export a file is, and what it covers.

    Parameters
    ----------
    parties
        Canonical addresses by role, one row per usable source row.
    missing
        Says of the account whether something shows that rows are missing (another page, a gap
        in its nonces). An export as long as a page is doubted in any case.

    Returns
    -------
    coverage, account
        An empty table and None where the account is unknown.
    """
    fetched = fetched or context.fetched
    account = account_of(parties, source.path, declared_account(context, chain))
    if account is not None:
        account = canonical_addresses(chain, pl.Series([account]))[0]
    if account is None:
        return empty(COVERAGE), None
    accounts = pl.DataFrame(
        {
            "chain": [chain],
            "address": [account],
            "first": [transfers["block_time"].min()],
            "last": [transfers["block_time"].max()],
            "complete": [not (missing(account) or is_page(source.rows))],
        },
        schema_overrides={"first": COVERAGE["from"], "last": COVERAGE["to"]},
    )
    return coverage_rows(accounts, legs=legs, source=name, fetched=fetched), account
