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
from data.addresses import CHAINS
from data.appending import Delivery, add_commit, earlier_rows
from data.content import content_sha256, day_hashes
from data.coverage import merge_coverage
from data.deduplication import Deduplicated
from data.errors import Refused
from data.importers import AUTO, importer_named, recognise
from data.importers.importer import Context, Imported, Importer, told_by
from data.importers.source import FAULTS, Source, open_source
from data.importers.text import ROW
from data.merging import checked, merge
from data.origins import STAGED
from data.prices import read_prices
from data.quarantine import quarantine_table, reasons
from data.runs import ORIGINS_FILE
from data.schema import EARLIEST, TRANSFERS
from data.storage import sha256_file, write_store
from data.store_files import (
    DAYS_FILE,
    QUARANTINE_FILE,
    SET_ASIDE_FILE,
    StoreState,
    next_commit,
)
from pipelines.console import UNSHOWN, progress

_UNNAMED = "(the store as it was made)"
"""Where rows came from of a store that no export was read into."""

SUFFIXES = (".csv", ".tsv", ".json", ".parquet", ".csv.gz", ".tsv.gz", ".json.gz")
"""Files that are taken from a folder."""


@dataclass(frozen=True)
class IngestResult:
    """What `ingest` did.

    Attributes
    ----------
    out
        The store.
    rows
        Source rows read, over all files.
    transfers
        Rows in the store.
    quarantined
        Source rows that were.
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


@dataclass(frozen=True)
class _Said:
    """What the user said beside the files."""

    as_of: datetime | None
    prices: Path | None


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
    append: bool = False,
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
    append
        Add to the store at `out`, as if these files had come with those before, instead of making
        a new one.

    Raises
    ------
    Refused
        A file is unusable as a whole (all such files are listed), no row is usable, an option
        makes no sense, or somebody else is writing to the store. Nothing is written then.
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
    if not append:
        return _made(out, read, table, _Said(as_of, prices))
    out = Path(out)
    with next_commit(out) as state:
        return _appended(state, read, table, _Said(as_of, prices))


def _made(out: Path, read: list[_Read], prices: pl.DataFrame | None, said: _Said) -> IngestResult:
    """Make a store of what was read."""
    rows, faulty = checked([r.imported.transfers for r in read], prices)
    merged = merge(rows, [r.name for r in read])
    quarantine = _quarantined(read, faulty, merged.faulty)
    accounts = _accounts(read, merged.result, quarantine)
    coverage = merge_coverage([r.imported.coverage for r in read])
    moment = _as_of(said.as_of, merged.transfers["block_time"].max(), coverage)
    days = day_hashes([merged.transfers])
    facts = _facts(accounts, moment, said.prices)
    write_store(
        out,
        merged.transfers,
        coverage,
        quarantine,
        {"synthetic": False, **facts, "content_sha256": content_sha256(days)},
        {ORIGINS_FILE: merged.origins, SET_ASIDE_FILE: merged.set_aside, DAYS_FILE: days},
    )
    return _result(out, read, accounts, quarantine, moment, merged.transfers.height)


def _appended(
    state: StoreState, read: list[_Read], prices: pl.DataFrame | None, said: _Said
) -> IngestResult:
    """Add what was read to a store."""
    read = _renamed(read, state)
    names = [r.name for r in read]
    rows, faulty = checked([r.imported.transfers for r in read], prices)
    earlier = earlier_rows(state, rows)
    file = pl.col("file").fill_null(_UNNAMED)
    known = earlier.staged.select(file.unique(maintain_order=True)).to_series().to_list()
    numbers = {name: len(read) + i for i, name in enumerate(known)}
    numbered = earlier.staged.with_columns(
        file.replace_strict(numbers, default=None, return_dtype=pl.Int32)
    )
    merged = merge(pl.concat([rows, numbered.select(rows.columns)]), [*names, *known])
    told = state.table(QUARANTINE_FILE)
    quarantine = _quarantined(read, faulty, merged.faulty, known)
    if told is not None:  # a contradiction that was told before
        quarantine = quarantine.join(told, on=["file", "row"], how="anti", maintain_order="left")
    accounts = _accounts(read, merged.result, quarantine)
    coverage = merge_coverage([r.imported.coverage for r in read])
    moment = _later(said.as_of, state, merged.transfers["block_time"].max(), coverage)
    new = Delivery(
        _staged(rows, names), coverage, quarantine, _facts(accounts, moment, said.prices)
    )
    transfers = add_commit(state, earlier, merged, new)
    return _result(state.store, read, accounts, quarantine, moment, transfers)


def _result(
    out: Path,
    read: list[_Read],
    accounts: dict[str, FileAccount],
    quarantine: pl.DataFrame,
    as_of: datetime,
    transfers: int,
) -> IngestResult:
    return IngestResult(
        out=out,
        rows=sum(a.rows for a in accounts.values()),
        transfers=transfers,
        quarantined=quarantine.height,
        files=accounts,
        exit_code=3 if quarantine.height else 0,
        taken_as={r.name: r.format for r in read},
        why=reasons(quarantine),
        as_of=as_of,
    )


def _renamed(read: list[_Read], state: StoreState) -> list[_Read]:
    """Give files another name that are called like one of an earlier delivery."""
    taken = state.manifest.get("inputs", {})
    further = f" (delivery {state.commit + 1})"
    return [replace(r, name=r.name + further) if r.name in taken else r for r in read]


def _staged(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    named = pl.lit(pl.Series(names, dtype=pl.String)).gather(pl.col("file")).alias("file")
    return rows.with_columns(named).select(pl.col(c).cast(t) for c, t in STAGED.items())


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


def _as_faults(
    faulty: pl.DataFrame, read: list[_Read], earlier: Sequence[str] = ()
) -> list[tuple[str, pl.DataFrame]]:
    """Fetch the text of faulty source rows.

    Parameters
    ----------
    earlier
        Files of earlier deliveries, which are numbered on from `read`. They are not at hand, and
        what was understood of a row stands for its text.
    """
    parts = []
    for (index,), part in faulty.partition_by("file", as_dict=True, maintain_order=True).items():
        part = part.unique(ROW, keep="first", maintain_order=True)
        number = int(index)
        if number < len(read):
            name, raw = read[number].name, read[number].source.raw(part[ROW])
        else:
            name, raw = earlier[number - len(read)], _told(part)
        parts.append((name, part.select(ROW, "reason").with_columns(raw).select(list(FAULTS))))
    return parts


def _told(rows: pl.DataFrame) -> pl.Series:
    """Write rows of earlier deliveries as text."""
    facts = [c for c in TRANSFERS if c != "screened"]
    return rows.select(pl.struct(facts).struct.json_encode().alias("raw")).to_series()


def _quarantined(
    read: list[_Read], faulty: pl.DataFrame, contradicted: pl.DataFrame, earlier: Sequence[str] = ()
) -> pl.DataFrame:
    """List the source rows that cannot be used."""
    unread = [(r.name, r.imported.quarantine) for r in read]
    faults = [*_as_faults(faulty, read), *_as_faults(contradicted, read, earlier)]
    return quarantine_table([*unread, *faults], ROW)


def _accounts(
    read: list[_Read], result: Deduplicated, quarantine: pl.DataFrame
) -> dict[str, FileAccount]:
    files = [
        ReadFile(r.name, r.format, sha256_file(r.source.path), r.imported.rows, r.imported.ignored)
        for r in read
    ]
    accounts = account_rows(files, result, quarantine, ROW)
    rows = sum(a.rows for a in accounts.values())
    if rows and sum(a.quarantined for a in accounts.values()) == rows:
        raise Refused(
            f"none of the {rows:,} rows can be used: {reasons(quarantine)}",
            hint="Check the format, --chain and the units.",
        )
    return accounts


def _later(
    given: datetime | None, state: StoreState, last: object, coverage: pl.DataFrame
) -> datetime:
    """Return the moment for which a store speaks after a delivery: never earlier than before."""
    before = datetime.fromisoformat(state.manifest["as_of"]).astimezone(UTC)
    moment = _as_of(given, last, coverage)
    if given is not None and moment < before:
        raise Refused(
            f"--as-of {moment.isoformat()} is before the moment for which the store speaks "
            f"({before.isoformat()})",
            expected="the moment at which the newest exports were made",
        )
    return max(before, moment)


def _as_of(given: datetime | None, last: object, coverage: pl.DataFrame) -> datetime:
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
        "inputs": {name: asdict(account) for name, account in accounts.items()},
        "prices_sha256": sha256_file(prices) if prices is not None else None,
    }
