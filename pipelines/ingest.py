"""From exported files to a store of canonical transfers, with every source row accounted for.

Each file is read by the importer of its format; the rows are valued and checked, conflicting
copies set aside, repeated and superseded ones removed, the rest screened and put in order.

A source row ends in exactly one way: *kept* (at least one of the transfers it stands for is in
the store), *duplicate* (all of them stood in another row), *superseded* (a better row of the same
payment replaced them), *ignored* (no transfer: an approval) or *quarantined*. The five add up to
the rows of every file; that is checked on every run and written into the manifest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from data.accounting import FileAccount, ReadFile, account_rows
from data.addresses import CHAINS, chain_family
from data.coverage import merge_coverage
from data.deduplication import (
    Deduplicated,
    conflicting,
    deduplicate,
    number_rows,
    settle_numbers,
    share_transaction_facts,
)
from data.errors import Refused
from data.importers import AUTO, importer_named, recognise
from data.importers.importer import Context, Imported, Importer, told_by
from data.importers.source import FAULTS, Source, open_source
from data.importers.text import ROW
from data.prices import read_prices
from data.quarantine import quarantine_table, reasons
from data.schema import (
    DERIVED_COLUMNS,
    EARLIEST,
    conform_transfers,
    sort_transfers,
    validate_transfers,
)
from data.screening import screen
from data.storage import sha256_file, write_store
from data.valuation import value_transfers
from pipelines.console import UNSHOWN, progress

SUFFIXES = (".csv", ".tsv", ".json", ".parquet", ".csv.gz", ".tsv.gz", ".json.gz")
"""Files that are taken from a folder."""

_CLOCK_SLACK = timedelta(days=1)

_ZERO_ADDRESS = {
    "evm": "0x0000000000000000000000000000000000000000",
    "tron": "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
}
"""Tokens come from here when they are made, and go there when they are destroyed."""


@dataclass(frozen=True)
class IngestResult:
    """What `ingest` did.

    Attributes
    ----------
    out
        The store.
    rows
        Source rows read, over all files.
    transfers, quarantined
        Rows in the store's tables.
    files
        Account of each file, by its name in messages and manifest.
    exit_code
        0, or 3 where rows were quarantined.
    taken_as
        The format of each file.
    why
        The commonest reasons for quarantine, in one line; empty where there are none.
    as_of
        The moment the store speaks for.
    """

    out: Path
    rows: int
    transfers: int
    quarantined: int
    files: dict[str, FileAccount]
    exit_code: int
    taken_as: dict[str, str] = field(metadata=UNSHOWN)
    why: str
    as_of: datetime


@dataclass(frozen=True)
class _Read:
    """A file that was read."""

    name: str
    format: str
    source: Source
    imported: Imported


def ingest(
    format: str,
    files: Sequence[Path],
    out: Path,
    *,
    chain: str | None = None,
    account: str | None = None,
    prices: Path | None = None,
    mapping: Mapping[str, Any] | Sequence[str] | Path | None = None,
    as_of: datetime | None = None,
) -> IngestResult:
    """Read exports into a store.

    Parameters
    ----------
    format
        A name of `data.importers.FORMATS`, or ``auto`` to recognise each file by its columns.
    files
        Files or folders of files.
    out
        The store's directory.
    chain
        The chain of all files; None: the format's own.
    account
        The account whose export the files are; None: recognised.
    prices
        A daily price table for assets that are not dollars.
    mapping
        For the format ``table``: see `data.importers.mapping`.
    as_of
        When the exports were made (UTC). None: what the exports say, else just after the last
        transfer. It becomes the store's default cut for scoring.

    Raises
    ------
    Refused
        A file is unusable as a whole (all such files are listed), no row is usable, or an option
        makes no sense. Nothing is written then.
    """
    if chain is not None and chain not in CHAINS:
        raise Refused(f"unknown chain {chain!r}", expected=f"one of {', '.join(CHAINS)}")
    if format != AUTO:
        importer_named(format)
    if mapping is not None and format != "table":
        raise Refused(
            f"a column mapping is given, but the format {format!r} knows its columns",
            expected="the format table, or no mapping",
        )
    table = read_prices(prices) if prices is not None else None
    context = Context(chain=chain, account=account, mapping=mapping, fetched=as_of)
    read = _read_all(format, _named(files), context)
    rows, faults = _checked(read, table)
    rows, contradicted = _without_conflicts(rows, read)
    result = deduplicate(rows)
    quarantine = quarantine_table([*faults, *contradicted], ROW)
    accounts = _accounts(read, result, quarantine)
    _refuse_if_nothing_usable(accounts, quarantine)
    transfers = _finished(result.kept)
    coverage = merge_coverage([r.imported.coverage for r in read])
    moment = _as_of(as_of, transfers, coverage)
    write_store(out, transfers, coverage, quarantine, _facts(accounts, moment, prices))
    return IngestResult(
        out=out,
        rows=sum(a.rows for a in accounts.values()),
        transfers=transfers.height,
        quarantined=quarantine.height,
        files=accounts,
        exit_code=3 if quarantine.height else 0,
        taken_as={r.name: r.format for r in read},
        why=reasons(quarantine),
        as_of=moment,
    )


def _named(given: Sequence[Path]) -> list[tuple[str, Path]]:
    """List the files, with the shortest names that tell them apart, in the order of the names."""
    files: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            inside = [
                p
                for p in sorted(path.rglob("*"))
                if p.is_file() and p.name.endswith(SUFFIXES) and not p.name.startswith(".")
            ]
            if not inside:
                raise Refused(
                    f"the folder {str(path)!r} holds no export",
                    expected=f"files ending in {', '.join(SUFFIXES)}",
                )
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise Refused(f"there is no file {str(path)!r}", hint="Check the path.")
    if not files:
        raise Refused("no file is given", expected="at least one exported file or folder")
    full = [p.absolute() for p in files]
    common = Path(os.path.commonpath([p.parent for p in full]))
    return sorted(
        {p.relative_to(common).as_posix(): f for p, f in zip(full, files, strict=True)}.items()
    )


def _read_all(format: str, files: list[tuple[str, Path]], context: Context) -> list[_Read]:
    """Read every file; refuse with the list of all that cannot be used.

    All files are opened first, because some tell others what these do not hold themselves.
    """
    opened: list[tuple[str, Source, Importer]] = []
    told: list[dict[str, pl.DataFrame]] = []
    read, refused = [], []
    with progress("Reading files", total=2 * len(files)) as advance:
        for name, path in files:
            try:
                source = open_source(path)
                importer = recognise(source) if format == AUTO else importer_named(format)
                told.append(importer.facts(source, context))
                opened.append((name, source, importer))
            except Refused as refusal:
                refused.append(refusal)
            advance(1)
        context = replace(context, beside=told_by(told))
        for name, source, importer in opened:
            try:
                read.append(_Read(name, importer.name, source, importer.read(source, context)))
            except Refused as refusal:
                refused.append(refusal)
            advance(1)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        lines = "\n".join(f"- {refusal}" for refusal in refused)
        raise Refused(
            f"{len(refused)} of {len(files)} files cannot be used; nothing was written:\n{lines}\n",
            hint="Mend or leave out these files.",
        )
    return read


def _checked(
    read: list[_Read], prices: pl.DataFrame | None
) -> tuple[pl.DataFrame, list[tuple[str, pl.DataFrame]]]:
    """Join the files, value the rows, and set aside source rows with an impossible transfer."""
    tables = [
        r.imported.transfers.with_columns(pl.lit(i, dtype=pl.Int32).alias("file"))
        for i, r in enumerate(read)
    ]
    rows = number_rows(_minted(pl.concat(tables)))
    rows = value_transfers(rows, prices).with_columns(
        pl.lit(None, dtype=pl.String).alias("screened")
    )
    usable, faulty = validate_transfers(rows, datetime.now(UTC) + _CLOCK_SLACK)
    faults = [(r.name, r.imported.quarantine) for r in read]
    return _without(usable, faulty), faults + _as_faults(faulty, read)


def _minted(rows: pl.DataFrame) -> pl.DataFrame:
    """Call token transfers from and to the zero address what they are."""
    zero = {c: _ZERO_ADDRESS.get(chain_family(c)) for c in rows["chain"].unique().to_list()}
    nobody = pl.col("chain").replace_strict(zero, default=None, return_dtype=pl.String)
    token = pl.col("kind") == "token"
    return rows.with_columns(
        pl.when(token & (pl.col("sender") == nobody))
        .then(pl.lit("mint"))
        .when(token & (pl.col("receiver") == nobody))
        .then(pl.lit("burn"))
        .otherwise("kind")
        .alias("kind")
    )


def _without_conflicts(
    rows: pl.DataFrame, read: list[_Read]
) -> tuple[pl.DataFrame, list[tuple[str, pl.DataFrame]]]:
    faulty = conflicting(rows)
    return _without(rows, faulty), _as_faults(faulty, read)


def _without(rows: pl.DataFrame, faulty: pl.DataFrame) -> pl.DataFrame:
    """Drop all transfers of the source rows of which one is faulty."""
    if faulty.is_empty():
        return rows
    return rows.join(faulty.select("file", ROW).unique(), on=["file", ROW], how="anti")


def _as_faults(faulty: pl.DataFrame, read: list[_Read]) -> list[tuple[str, pl.DataFrame]]:
    """Fetch the text of faulty source rows."""
    parts = []
    for (index,), part in faulty.partition_by("file", as_dict=True, maintain_order=True).items():
        file = read[int(index)]
        part = part.select(ROW, "reason").unique(ROW, keep="first", maintain_order=True)
        part = part.with_columns(file.source.raw(part[ROW]))
        parts.append((file.name, part.select(list(FAULTS))))
    return parts


def _accounts(
    read: list[_Read], result: Deduplicated, quarantine: pl.DataFrame
) -> dict[str, FileAccount]:
    files = [
        ReadFile(r.name, r.format, sha256_file(r.source.path), r.imported.rows, r.imported.ignored)
        for r in read
    ]
    return account_rows(files, result, quarantine, ROW)


def _refuse_if_nothing_usable(accounts: dict[str, FileAccount], quarantine: pl.DataFrame) -> None:
    rows = sum(a.rows for a in accounts.values())
    if rows and quarantine.height == rows:
        raise Refused(
            f"none of the {rows:,} rows can be used: {reasons(quarantine)}",
            hint="Check the format, --chain and the units.",
        )


def _finished(kept: pl.DataFrame) -> pl.DataFrame:
    """Screen, conform and sort."""
    screened = screen(settle_numbers(share_transaction_facts(kept)))
    return sort_transfers(conform_transfers(screened).drop(DERIVED_COLUMNS, strict=False).collect())


def _as_of(given: datetime | None, transfers: pl.DataFrame, coverage: pl.DataFrame) -> datetime:
    last = transfers["block_time"].max()
    after = last + timedelta(seconds=1) if isinstance(last, datetime) else EARLIEST
    if given is not None:
        given = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
        if given < after - timedelta(seconds=1):
            raise Refused(
                f"--as-of {given.isoformat()} is before the last transfer ({after})",
                expected="the moment at which the exports were made",
                hint="To score at an earlier moment, give --as-of to score.",
            )
        return given
    fetched = coverage["fetched_as_of"].max()
    return max(after, fetched) if isinstance(fetched, datetime) else after


def _facts(
    accounts: dict[str, FileAccount], as_of: datetime, prices: Path | None
) -> dict[str, Any]:
    return {
        "as_of": as_of.astimezone(UTC).isoformat(),
        "synthetic": False,
        "inputs": {name: asdict(account) for name, account in accounts.items()},
        "prices_sha256": sha256_file(prices) if prices is not None else None,
    }
