"""Result tables on disk: Parquet, CSV or JSON Lines by the suffix, whole or not at all.

The same table says the same thing in all three: moments are ISO 8601 in UTC, floats are written in
their shortest round-trip form, null is null (an empty cell in CSV). Only CSV changes text, and only
text that a spreadsheet would run as a formula: it gets an apostrophe (`data.spreadsheets`). Parquet
and JSON Lines keep it raw.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import IO, Any, Protocol

import polars as pl

from data import storage
from data.content_hash import ContentHash
from data.errors import Refused
from data.parquet_parts import ParquetParts
from data.spreadsheets import neutral, neutral_column


def check_output(path: Path) -> None:
    """Refuse a result file name whose suffix says no known format, before any work is done.

    Raises
    ------
    Refused
        Unknown suffix, or `path` is a directory.
    """
    if path.suffix.lower() not in _WRITERS:
        raise Refused(
            f"the suffix of {str(path)!r} names no format",
            expected=f"a file name that ends in {', '.join(_WRITERS)}",
        )
    if path.is_dir():
        raise Refused(f"{str(path)!r} is a folder", expected="a file name for the result")


def write_table(
    table: pl.DataFrame | Iterable[pl.DataFrame], path: Path, *, kind: str, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a result table and its manifest, `NAME.manifest.json`, beside it.

    Parameters
    ----------
    table
        Any table, or the parts of one, which are asked for as they are written and are one at
        least; list and struct columns become JSON text in CSV.
    path
        Ends in .parquet, .csv, .jsonl or .ndjson.
    kind
        What the table is: ``scores``, ``signals``.
    facts
        Manifest entries: inputs and their hashes, `as_of`, bundle hash. No wall-clock times.

    Returns
    -------
    dict
        The manifest: `kind`, the facts, `rows`, `content_sha256` (of the values, whatever the
        format) and `files`.

    Raises
    ------
    Refused
        Unknown suffix, or the folder cannot be written to.
    """
    check_output(path)
    beside = path.with_name(f"{path.name}.{storage.MANIFEST}")
    # The table gets its final name first: a manifest never vouches for a table that is not there
    # yet.
    with storage.whole_file(beside) as manifest_file, storage.whole_file(path) as table_file:
        parts = [table] if isinstance(table, pl.DataFrame) else table
        rows, content = _write_parts(parts, table_file, _WRITERS[path.suffix.lower()])
        manifest = {
            "kind": kind,
            **facts,
            "rows": rows,
            "content_sha256": content,
            "files": {path.name: storage.sha256_file(table_file)},
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        manifest_file.write_text(text + "\n", encoding="utf-8")
    return manifest


def write_rows(frame: pl.DataFrame, path: Path) -> None:
    """Write a table into a result directory, whose own manifest will vouch for it.

    Like `write_table`, but in place: the caller makes the directory appear whole.
    """
    check_output(path)
    with _WRITERS[path.suffix.lower()](path, frame.schema) as writer:
        writer.write(frame)


def write_json(content: Any, path: Path) -> None:
    """Write a report into such a directory as JSON that people can read, without NaN."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


@functools.cache
def program() -> str:
    """Return the program and its version, as results name it: ``unrinse 0.1.0``."""
    try:
        return f"unrinse {metadata.version('unrinse')}"
    except metadata.PackageNotFoundError:
        return "unrinse (not installed)"


def _write_parts(
    parts: Iterable[pl.DataFrame], path: Path, writer_of: Callable[[Path, pl.Schema], _Writer]
) -> tuple[int, str]:
    """Write parts as they come; return the number of rows and the hash of their content."""
    coming = iter(parts)
    first = next(coming)
    rows, content = 0, ContentHash()
    with writer_of(path, first.schema) as writer:
        for part in chain([first], coming):
            writer.write(part)
            content.add(_without_nesting(part))  # which `content_hash` cannot hash
            rows += part.height
    return rows, content.hexdigest()


class _Writer(Protocol):
    """Takes the parts of a table; what it writes is whole when the block ends."""

    def __enter__(self) -> _Writer: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None: ...

    def write(self, part: pl.DataFrame) -> None:
        """Write further rows."""


class _Text:
    """A file of text that each part is added to."""

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self._file = path.open("wb")
        self._is_first = True

    def __enter__(self) -> _Text:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()

    def write(self, part: pl.DataFrame) -> None:
        self._add(part, self._file, self._is_first)
        self._is_first = False

    def _add(self, part: pl.DataFrame, file: IO[bytes], is_first: bool) -> None:
        raise NotImplementedError


class _Csv(_Text):
    def _add(self, part: pl.DataFrame, file: IO[bytes], is_first: bool) -> None:
        flat = _with_iso_times(_without_nesting(part))
        text = [name for name, dtype in flat.schema.items() if dtype == pl.String]
        safe = flat.with_columns(neutral_column(pl.col(name)).alias(name) for name in text)
        safe.rename({name: neutral(name) for name in safe.columns}).write_csv(
            file, quote_style="necessary", line_terminator="\n", include_header=is_first
        )


class _JsonLines(_Text):
    def _add(self, part: pl.DataFrame, file: IO[bytes], is_first: bool) -> None:
        _with_iso_times(part).write_ndjson(file)


def _with_iso_times(frame: pl.DataFrame) -> pl.DataFrame:
    times = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    return (
        frame.with_columns(pl.col(times).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")) if times else frame
    )


def _without_nesting(frame: pl.DataFrame) -> pl.DataFrame:
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(_as_json(frame[name]) for name in nested)


def _as_json(column: pl.Series) -> pl.Series:
    cells = [
        None if value is None else json.dumps(value, ensure_ascii=False, default=str)
        for value in column.to_list()
    ]
    return pl.Series(column.name, cells, dtype=pl.String)


_WRITERS: dict[str, Callable[[Path, pl.Schema], _Writer]] = {
    ".parquet": ParquetParts,
    ".csv": _Csv,
    ".jsonl": _JsonLines,
    ".ndjson": _JsonLines,
}
