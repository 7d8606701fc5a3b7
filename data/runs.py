"""Runs: a store's transfers in several sorted files, read end to end as one.

A store that is appended to is a list of runs in the one order of transfers. A run is a stretch of
the rows of one file; what came between or beside earlier rows made a new file for that stretch, and
the earlier file lost it. So nobody merges while reading.

Each file has codes into its own dictionary of addresses, and numbers its own transactions. When it
is read, its codes are translated into those of the store's dictionary by a list beside it, and its
transactions are moved on by the rows before it. A reader sees what it would see of one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data.identity import address_dictionary
from data.schema import DERIVED_COLUMNS, conform_transfers

TRANSFERS_FILE, ADDRESSES = "transfers.parquet", "addresses.parquet"
ORIGINS_FILE = "origins.parquet"

_CODES = ("sender_code", "receiver_code")


@dataclass(frozen=True)
class Run:
    """A stretch of a file.

    Attributes
    ----------
    folder
        Where the file is, with its dictionary and its origins.
    start, end
        The stretch.
    codes
        The file with the store's code of each address of the file's dictionary; None: the same.
    """

    folder: Path
    start: int
    end: int
    codes: Path | None = None

    @property
    def file(self) -> Path:
        """The transfers."""
        return self.folder / TRANSFERS_FILE

    def __len__(self) -> int:
        return self.end - self.start

    def part(self, start: int, end: int) -> Run:
        """Return a part of it, given by its own rows."""
        return Run(self.folder, self.start + start, self.start + end, self.codes)

    def scan(self, before: int, *, coded: bool) -> pl.LazyFrame:
        """Scan it, as it stands behind so many rows of the store."""
        rows = conform_transfers(pl.scan_parquet(self.file, glob=False))
        rows = rows.slice(self.start, len(self))
        if not coded:
            return rows.drop(DERIVED_COLUMNS, strict=False)
        rows = rows.with_columns(pl.col("transaction") + (before - self.start))
        return rows if self.codes is None else rows.with_columns(_translated(self.codes))

    def with_origins(self) -> pl.LazyFrame:
        """Scan canonical columns and, where the file has them, origins."""
        rows = conform_transfers(pl.scan_parquet(self.file, glob=False))
        rows = rows.drop(DERIVED_COLUMNS, strict=False)
        if (beside := self.folder / ORIGINS_FILE).exists():
            rows = pl.concat([rows, pl.scan_parquet(beside)], how="horizontal")
        return rows.slice(self.start, len(self))


def scan_runs(runs: Sequence[Run], *, coded: bool) -> pl.LazyFrame:
    """Scan runs end to end."""
    parts, before = [], 0
    for run in runs:
        parts.append(run.scan(before, coded=coded))
        before += len(run)
    return pl.concat(parts) if len(parts) > 1 else parts[0]


def stretch_of(runs: Sequence[Run], start: int, end: int) -> Iterator[Run]:
    """Yield the rows from `start` up to `end` of the table, run by run."""
    before = 0
    for run in runs:
        first, last = max(start - before, 0), min(end - before, len(run))
        if first < last:
            yield run.part(first, last)
        before += len(run)


def shared_dictionary(runs: Sequence[Run]) -> pl.DataFrame:
    """List the addresses of all runs, as `identity.address_dictionary` does.

    Raises
    ------
    Refused
        Two addresses share an id.
    """
    named = pl.concat([_occurring(run) for run in runs])
    return address_dictionary(named["chain"], named["address"])


def codes_in(dictionary: pl.DataFrame, addresses: pl.DataFrame) -> pl.DataFrame:
    """Return the ``code`` in one dictionary of each address of another; -1 where it is not."""
    coded = dictionary.select("id", code=pl.int_range(pl.len(), dtype=pl.Int32))
    found = addresses.select("id").join(coded, on="id", how="left", maintain_order="left")
    return found.select(pl.col("code").fill_null(-1))


def _occurring(run: Run) -> pl.DataFrame:
    """Return the addresses of a run, not those of the rest of its file."""
    listed = pl.read_parquet(run.folder / ADDRESSES, columns=["chain", "address"])
    rows = pl.scan_parquet(run.file, glob=False)
    if rows.select(pl.len()).collect().item() == len(run):
        return listed
    codes = rows.slice(run.start, len(run)).select(_CODES).collect()
    return listed[pl.concat([codes[side] for side in _CODES]).unique().sort()]


def _translated(codes: Path) -> list[pl.Expr]:
    listed = pl.read_parquet(codes).to_series()

    def of_store(part: pl.Series) -> pl.Series:
        return listed.gather(part)

    return [
        pl.col(side).map_batches(of_store, return_dtype=pl.Int32, is_elementwise=True)
        for side in _CODES
    ]
