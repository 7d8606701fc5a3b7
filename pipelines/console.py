"""What people see on stderr: progress of long work, the summary at the end, refusals.

stdout is for machines and is not touched here, except by `emit`. Progress shows only where the
command line has switched it on and stderr is a terminal, so that a job called from Python or from a
pipe stays silent. Asked for a log, stderr holds that and nothing else (`pipelines.json_log`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from pipelines.json_log import JsonLog
from pipelines.steps import Step, peak_memory_bytes, spent
from pipelines.visible import visible

UNSHOWN = {"shown": False}
"""Metadata of a result's field that stands on stdout but not in the summary for people."""

MOST_ROWS = 20
"""Rows of a table that the summary shows."""

_ENDS = {3: "Done in part: exit code 3.", 4: "Alarm: exit code 4."}


@dataclasses.dataclass
class _Mode:
    """What the command line asked for: nothing at first; a job called from Python is silent."""

    bars: bool = False
    log: JsonLog | None = None
    steps: list[Step] = dataclasses.field(default_factory=list)


_mode = _Mode()


def switch_on() -> None:
    """Show progress from now on; the command line calls this once."""
    _mode.bars = True


def log_json(stream: IO[str] | None = None) -> None:
    """Log to stderr, or to another stream, instead of showing anything to people."""
    _mode.log = JsonLog(stream or sys.stderr)


def switch_off() -> None:
    """Be silent again, and forget the steps so far."""
    _mode.bars, _mode.log = False, None
    _mode.steps.clear()


@contextlib.contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Follow one long step of a job.

    Parameters
    ----------
    what
        The step, as a person would say it: "Reading files".
    total
        Number of units; None when it is not known.

    Yields
    ------
    callable
        Takes how many further units are done. Harmless to call when nothing is shown.

    Examples
    --------
    >>> with progress("Scoring addresses", total=2) as advance:
    ...     advance(2)
    """
    step = Step(what, total)
    shown = _logged(step, _mode.log) if _mode.log else _bar(step)
    if _mode.bars or _mode.log:
        _mode.steps.append(step)
    try:
        with shown as show:

            def advance(units: int) -> None:
                step.advance(units)
                show(units)

            yield advance
    finally:
        step.look()


@contextlib.contextmanager
def _logged(step: Step, log: JsonLog) -> Iterator[Callable[[int], None]]:
    log.started(step)
    failed = True
    try:
        yield lambda units: log.advanced(step)
        failed = False
    finally:
        step.look()
        log.ended(step, failed=failed)


@contextlib.contextmanager
def _bar(step: Step) -> Iterator[Callable[[int], None]]:
    console = _stderr()
    if not (_mode.bars and console.is_terminal):
        yield lambda units: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(visible(step.what), total=step.total)
        yield lambda units: bar.advance(task, units)


class _Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


def summary(
    title: str,
    facts: Mapping[str, object],
    notes: Sequence[str] = (),
    tables: Mapping[str, Mapping[str, Mapping[str, object]]] | None = None,
) -> None:
    """Print what a job did: a title, one line per fact, tables, and what must be said besides."""
    if _mode.log:
        _mode.log.event("done", title=title, result=_plain(facts), notes=list(notes))
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(visible(name)), Text(_worded(value)))
    console = _stderr()
    console.print(Text(visible(title), style="bold"))
    if facts:
        console.print(table)
    for name, rows in (tables or {}).items():
        if facts:
            console.print()
        console.print(_table(name, rows))
        if len(rows) > MOST_ROWS:
            console.print(
                f"  and {len(rows) - MOST_ROWS:,} more, in the JSON on stdout", style="dim"
            )
    for note in notes:
        console.print(Text(f"  {visible(note)}", style="yellow"))


def result(done: str, of_job: object) -> None:
    """Print the summary of a job's result: its fields in order, its tables, and its `notes`.

    Fields that are None or empty text are left out, and so are those declared with `UNSHOWN`.
    Hashes are shortened. A mapping of mappings becomes a table. stdout has everything in full.
    """
    if not dataclasses.is_dataclass(of_job) or isinstance(of_job, type):
        summary(done, {})
        return
    if _mode.log:
        _mode.log.event("done", title=done, result=_plain(of_job))
        return
    facts: dict[str, object] = {}
    tables: dict[str, Mapping[str, Mapping[str, object]]] = {}
    for field in dataclasses.fields(of_job):
        value = getattr(of_job, field.name)
        if field.name in ("notes", "exit_code") or field.metadata == UNSHOWN or value in (None, ""):
            continue
        rows = _rows(value)
        if rows:
            tables[_named(field.name)] = rows
        else:
            facts[_named(field.name)] = _short(field.name, value)
    if _mode.bars and (took := spent(_mode.steps)):
        most = peak_memory_bytes()
        facts["time"] = took + (f"; {most / 1e6:,.0f} MB at most" if most else "")
    notes = [str(note) for note in getattr(of_job, "notes", ())]
    if ended := _ENDS.get(getattr(of_job, "exit_code", 0)):
        notes.append(ended)
    summary(done, facts, notes, tables)


def records(title: str, found: object) -> None:
    """Print one record, or a list of records under their paths, in short."""
    if isinstance(found, Mapping):
        summary(title, {_named(k): _short(k, v) for k, v in found.items()})
    elif isinstance(found, list):
        rows = {str(row["path"]): {k: v for k, v in row.items() if k != "path"} for row in found}
        summary(title, {} if rows else {"none": ""}, tables={"": rows} if rows else None)


def refused(error: Exception) -> None:
    """Say why the request was refused: one message, no traceback."""
    said = " ".join([str(error), *notes_of(error)])
    if _mode.log:
        _mode.log.event("refused", message=said)
        return
    console = _stderr()
    console.print(Text.assemble(("Refused: ", "bold red"), visible(said)), soft_wrap=True)


def stopped(*notes: str) -> None:
    """Say that a signal ended the job, and how to go on."""
    if _mode.log:
        _mode.log.event("stopped", notes=notes)
        return
    said = "What was finished before stays; nothing unfinished stands under its final name."
    text = Text(visible(" ".join(["Stopped.", said, *notes])), style="yellow")
    _stderr().print(text, soft_wrap=True)


def notes_of(error: BaseException) -> list[str]:
    """Return what was noted on an error on its way: how to go on."""
    return getattr(error, "__notes__", [])


def bug() -> None:
    """Show the traceback of an unexpected error and ask for a report."""
    if _mode.log:
        _mode.log.event("bug", message=traceback.format_exc())
        return
    console = _stderr()
    lines = (visible(line) for line in traceback.format_exc().rstrip().split("\n"))
    console.print(Text("\n".join(lines)), soft_wrap=True, highlight=False)
    message = "This is a bug in Unrinse. Please report it with the command and the lines above."
    console.print(Text(message, style="bold red"))


def emit(result: object) -> None:
    """Write a result to stdout: text as it is, anything else as one line of JSON.

    What a terminal would obey stands in the JSON by its code point, which says the same.
    """
    if not isinstance(result, str):
        told = json.dumps(_plain(result), ensure_ascii=False, default=str)
        result = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in told)
    sys.stdout.write(result if result.endswith("\n") else result + "\n")
    sys.stdout.flush()


def _stderr() -> Console:
    # Made anew each time: tests and notebooks exchange sys.stderr.
    return Console(stderr=True, highlight=False)


def _named(field: str) -> str:
    return field.removeprefix("n_").replace("_", " ")


def _rows(value: object) -> dict[str, Mapping[str, object]] | None:
    """Return a mapping of mappings or of records as the rows of a table; None for the rest."""
    if not isinstance(value, Mapping):
        return None
    rows = {k: vars(v) if dataclasses.is_dataclass(v) else v for k, v in value.items()}
    return rows if all(isinstance(row, Mapping) for row in rows.values()) else None


def _short(field: str, value: object) -> object:
    return f"{value[:12]}…" if field.endswith("sha256") and isinstance(value, str) else value


def _table(name: str, rows: Mapping[str, Mapping[str, object]]) -> Table:
    """Lay out one line per row; zeros, hashes and what is empty are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.title = name or None
    table.title_justify, table.title_style = "left", "dim"
    table.add_column(overflow="fold", max_width=40)
    table.add_column(overflow="fold")
    for key, row in list(rows.items())[:MOST_ROWS]:
        told = {k: v for k, v in row.items() if v and not k.endswith("sha256")}
        words = (f"{visible(_named(k))} {_worded(v)}" for k, v in told.items())
        table.add_row(Text(visible(key)), Text(", ".join(words)))
    return table


def _worded(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{visible(str(k))} {_worded(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_worded(item) for item in value) or "none"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "unknown" if value is None else visible(str(value))


def _plain(value: Any) -> Any:
    """Turn a result into what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return _plain(fields)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value
