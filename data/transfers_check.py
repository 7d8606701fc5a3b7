"""Checking a stranger's transfers row by row, in the process that tries whether they can be read.

Looking at every row means decoding nearly every column, which is most of what the trial of a
strange file costs (`data.parquet_trial`); so the trial does both in one reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.parquet_trial import answers_on, read_whole
from data.schema import TRANSFERS, conform_transfers, row_faults


def refuse_faulty(path: Path, files: Sequence[Path], others: Sequence[Path], what: str) -> None:
    """Refuse foreign tables that break the reader, or whose rows break the schema.

    Parameters
    ----------
    path
        What the user named, for the message.
    files
        The Parquet files found there.
    others
        Files that are only tried.
    what
        What each should be, for the message.

    Raises
    ------
    Refused
        A file is broken, lacks a column or holds values of another type, or rows are unusable.
    """
    counts: Counter[str] = Counter()
    for answer in answers_on(files, f"{__name__}:faults_in", others, what):
        if lacking := answer.get("lacking"):
            raise Refused(lacking, hint="Bring the file in with `unrinse ingest table`.")
        if mistyped := answer.get("mistyped"):
            raise Refused(
                f"{path} does not hold transfers as they should be ({mistyped}).", expected=what
            )
        counts.update(answer["counts"])
    if faults := [f"{why} ({n} rows)" for why, n in counts.items() if n]:
        raise Refused(
            f"{path} holds unusable rows: {'; '.join(faults)}.",
            hint="Bring the file in with `unrinse ingest table`, which quarantines such rows.",
        )


def faults_in(path: str) -> dict[str, Any]:
    """Count the faulty rows of one file, reading every canonical column of it.

    Returns
    -------
    dict
        ``counts`` by fault; or ``lacking`` or ``mistyped``, with what is wrong with the columns.
        A file that cannot be read at all raises what its reader raises.
    """
    latest = datetime.now(UTC) + timedelta(days=1)
    checks = [fault.fill_null(False).sum().alias(why) for why, fault in row_faults(latest)]
    read = [pl.col(column).is_null().sum() for column in TRANSFERS]
    try:
        lazy = conform_transfers(pl.scan_parquet(path, glob=False))
        found = lazy.select(*checks, *read).collect(engine="streaming").row(0, named=True)
    except ValueError as error:
        answer = {"lacking": str(error)}
    except (OSError, pl.exceptions.PolarsError) as error:
        answer = {"mistyped": first_line(error)}
    else:
        return {"counts": {why: n for why, n in found.items() if why not in TRANSFERS}}
    read_whole(path)  # were the file itself broken, that would say more
    return answer


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, cut to a length one can read."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
