"""Runs as they were written: the rows of a scores file or of a folder of alerts, and its inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.moments import read_moment
from data.schema import TIME
from data.small_tables import read_small_table
from data.storage import MANIFEST, read_manifest, sha256_file
from pipelines.again.originals import Recorded
from pipelines.again.written import read_alerts

ROWS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "as_of": TIME,
    "status": pl.String(),
    "log_odds": pl.Float64(),
    "band": pl.String(),
}
"""What is read back of a run; one row for each address."""

_WHAT = (
    "a scores file that `unrinse score` wrote, with its manifest beside it, or a folder that "
    "`unrinse explain` wrote"
)


@dataclass(frozen=True)
class Run:
    """A run as it was written.

    Attributes
    ----------
    name
        As it was given, for messages.
    rows
        `ROWS`: each address once.
    recorded
        Its inputs.
    program
        What made it.
    whole
        Whether the rows are all addresses of the run; alerts are the highest alone.
    """

    name: str
    rows: pl.DataFrame
    recorded: Recorded
    program: str
    whole: bool


def read_run(path: Path) -> Run:
    """Read a run back.

    Raises
    ------
    Refused
        It is none, it was changed after it was written, it does not name its inputs, or it names
        an address more than once.
    """
    if path.is_dir():
        facts: Mapping[str, Any] = read_manifest(path)
        if facts.get("kind") != "alerts":
            raise Refused(f"{path} is no folder of alerts", expected=_WHAT)
        written, _ = read_alerts(path)
        found = [{name: one.alert.get(name) for name in ROWS} for one in written]
        rows = _typed(found, path)
    else:
        facts, rows = _manifest_of(path), _typed(_table(path), path)
    return Run(
        str(path),
        _once(rows, path),
        Recorded.of(facts, str(path)),
        str(facts.get("program", "an earlier version")),
        whole=not path.is_dir(),
    )


def _manifest_of(path: Path) -> Mapping[str, Any]:
    """Return the manifest beside a scores file, which must be the file that it vouches for."""
    beside = path.with_name(f"{path.name}.{MANIFEST}")
    if not path.is_file() or not beside.is_file():
        raise Refused(f"there is no {path if beside.is_file() else beside}", expected=_WHAT)
    try:
        facts = json.loads(beside.read_bytes())
        kind, recorded = facts["kind"], facts["files"][path.name]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(
            f"{beside} is no manifest ({type(error).__name__}: {error})", expected=_WHAT
        ) from None
    if kind != "scores":
        raise Refused(f"{path} is a table of {kind!r}", expected=_WHAT)
    if sha256_file(path) != recorded:
        raise Refused(
            f"{path} is not the file that was written: its SHA-256 differs from the manifest's",
            hint="Give the file as `unrinse score` wrote it, not one that was edited since.",
        )
    return dict(facts)


def _table(path: Path) -> list[dict[str, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":  # vouched for by its manifest
        return pl.read_parquet(path, columns=list(ROWS)).to_dicts()
    if suffix == ".csv":
        return read_small_table(path, _WHAT).to_dicts()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _typed(found: list[dict[str, Any]], path: Path) -> pl.DataFrame:
    rows = []
    try:
        for row in found:
            at, log_odds = row["as_of"], row["log_odds"]
            moment = read_moment(at) if isinstance(at, str) else at
            number = None if log_odds is None else float(log_odds)
            rows.append({**row, "as_of": moment, "log_odds": number})
        return pl.DataFrame(rows, schema=ROWS)
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise Refused(
            f"{path} does not hold the columns of a run ({type(error).__name__}: {error})",
            expected=_WHAT,
        ) from None


def _once(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    twice = rows.unique().filter(pl.struct("chain", "address").is_duplicated())
    if twice.height:
        chain, address = twice.row(0)[:2]
        raise Refused(
            f"{path} names {address!r} on {chain!r} more than once, so it is not one score that "
            "changed",
            expected="each address once",
            hint="Score each moment into a file of its own.",
        )
    return rows.unique(maintain_order=True)
