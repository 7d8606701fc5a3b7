"""How the rows of every exported file ended: the sum that shows that nothing was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from data.deduplication import Deduplicated


@dataclass(frozen=True)
class FileAccount:
    """How the rows of one file ended; they add up to ``rows``.

    Attributes
    ----------
    format
        What the file was taken for.
    sha256
        Of the file as it was given.
    rows
        Data rows in the file.
    kept, duplicates, superseded, ignored, quarantined
        Source rows by their end. A row that stands for several transfers is kept when one of them
        is, and superseded rather than duplicate when one of them is.
    transfers
        Rows that the file gave to the store; one source row may stand for several.
    ignored_as
        The ignored rows by what they are.
    """

    format: str
    sha256: str
    rows: int
    kept: int
    duplicates: int
    superseded: int
    ignored: int
    quarantined: int
    transfers: int
    ignored_as: dict[str, int]

    def check(self, name: str) -> FileAccount:
        """Return the account itself.

        Raises
        ------
        AssertionError
            The ends do not add up to the rows: a bug, never the input's fault.
        """
        ended = self.kept + self.duplicates + self.superseded + self.ignored + self.quarantined
        if ended != self.rows:
            raise AssertionError(f"The rows of {name} do not add up: {self}.")
        return self


@dataclass(frozen=True)
class ReadFile:
    """What is known of a file when its rows are accounted for: see `FileAccount`."""

    name: str
    format: str
    sha256: str
    rows: int
    ignored_as: dict[str, int]


def account_rows(
    files: Sequence[ReadFile], result: Deduplicated, quarantine: pl.DataFrame, row: str
) -> dict[str, FileAccount]:
    """Count how the rows of each file ended, and check that they add up.

    Parameters
    ----------
    files
        In the order of the numbers in the column ``file`` of `result`.
    quarantine
        `schema.QUARANTINE`, by the files' names.
    row
        The column of `result` that numbers the rows of a file.
    """
    ends = (result.kept, result.superseded, result.duplicates)
    every = pl.concat(f.select("file", row, pl.lit(i).alias("end")) for i, f in enumerate(ends))
    best = every.group_by("file", row).agg(pl.col("end").min())
    counted = {(f, e): n for f, e, n in best.group_by("file", "end").len().iter_rows()}
    transfers = dict(result.kept.group_by("file").len().iter_rows())
    set_aside = dict(quarantine.group_by("file").len().iter_rows())
    return {
        file.name: FileAccount(
            format=file.format,
            sha256=file.sha256,
            rows=file.rows,
            kept=counted.get((i, 0), 0),
            superseded=counted.get((i, 1), 0),
            duplicates=counted.get((i, 2), 0),
            ignored=sum(file.ignored_as.values()),
            quarantined=set_aside.get(file.name, 0),
            transfers=transfers.get(i, 0),
            ignored_as=file.ignored_as,
        ).check(file.name)
        for i, file in enumerate(files)
    }
