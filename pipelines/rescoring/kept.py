"""What a nightly run keeps for the next one, in its own folder, and which run is the earlier one.

``state/`` holds the signals of every address, the marks of what the run knew
(`pipelines.rescoring.marks`) and how each alert was last told. The run's manifest vouches for every
file, so a run that was changed by hand is refused, never built upon.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.moments import read_moment
from data.storage import MANIFEST, read_manifest, write_parquet
from pipelines.rescoring.marks import Marks

KIND = "nightly"
STATE = "state"
STATE_VERSION = 2
"""A run that keeps something else is not built upon."""

MONITOR, SUMMARY = "monitor.json", "summary.json"

_WHAT = "a folder that `unrinse nightly` wrote, or a folder of such folders"


@dataclass(frozen=True)
class Kept:
    """An earlier run.

    Attributes
    ----------
    facts
        Its manifest.
    as_of
        Its moment.
    signals
        Of every address it was asked for, each once.
    marks
        What it knew.
    told
        How each of its alerts was last told, and the snoozes (`pipelines.rescoring.split`).
    drift
        Its `monitor.json`; None where it has none.
    scores
        ``chain``, ``address``, ``status``, ``band`` of every address.
    summary
        Its `summary.json`.
    """

    facts: Mapping[str, Any]
    as_of: datetime
    signals: pl.DataFrame
    marks: Marks
    told: Mapping[str, Any]
    drift: Mapping[str, Any] | None
    scores: pl.DataFrame
    summary: Mapping[str, Any]


def keep(folder: Path, signals: pl.DataFrame, marks: Marks, told: Mapping[str, Any]) -> None:
    """Write what the next run needs."""
    state = folder / STATE
    state.mkdir()
    write_parquet(signals, state / "signals.parquet")
    for name, table in marks.tables().items():
        write_parquet(table, state / f"{name}.parquet")
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
    (state / "told.json").write_text(text + "\n", encoding="utf-8")


def read_kept(path: Path) -> Kept:
    """Read an earlier run.

    Raises
    ------
    Refused
        It is none, or is not as it was written, or an older version's.
    """
    facts = read_manifest(path)
    if facts.get("kind") != KIND:
        raise Refused(f"{path} is no nightly run", expected=_WHAT)
    if facts.get("state_version") != STATE_VERSION:
        raise Refused(
            f"{path} keeps its state as another version of the program does",
            expected=f"state_version {STATE_VERSION}",
            hint="Leave --previous out once; from that run on the next ones can go on.",
        )
    state = path / STATE
    read = {name: pl.read_parquet(state / f"{name}.parquet") for name in Marks.__annotations__}
    drift = path / MONITOR
    return Kept(
        facts=facts,
        as_of=read_moment(facts["as_of"]),
        signals=pl.read_parquet(state / "signals.parquet"),
        marks=Marks(**read),
        told=json.loads((state / "told.json").read_bytes()),
        drift=json.loads(drift.read_bytes()) if drift.exists() else None,
        scores=pl.read_parquet(
            path / "scores.parquet", columns=["chain", "address", "status", "band"]
        ),
        summary=json.loads((path / SUMMARY).read_bytes()),
    )


def earlier_run(previous: Path, out: Path, as_of: datetime) -> Path | None:
    """Find the run to go on from.

    Parameters
    ----------
    previous
        A run, or a folder of runs: then the latest of them before `as_of`.
    out
        Where the new run will stand; it is never its own predecessor.
    as_of
        Of the new run.

    Returns
    -------
    Path or None
        None where the folder of runs holds none yet.

    Raises
    ------
    Refused
        `previous` is neither, or is `out`.
    """
    previous, out = previous.absolute(), out.absolute()
    if not previous.exists() and previous == out.parent:
        return None
    if not previous.is_dir():
        raise Refused(f"there is no folder {previous}", expected=_WHAT)
    if (previous / MANIFEST).exists():
        if previous == out:
            raise Refused(
                f"{out} is both the earlier run and the new one",
                hint="Write every run into a folder of its own.",
            )
        return previous
    found = [
        (moment, folder)
        for folder in sorted(previous.iterdir())
        if folder != out
        and not folder.name.startswith(".")  # being written, or killed as it was
        and (moment := _moment_of(folder)) is not None
        and moment < as_of
    ]
    return max(found)[1] if found else None


def _moment_of(folder: Path) -> datetime | None:
    """Return the moment of a run, None where the folder is none; it is checked when it is read."""
    try:
        facts = json.loads((folder / MANIFEST).read_bytes())
        return read_moment(facts["as_of"]) if facts["kind"] == KIND else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
