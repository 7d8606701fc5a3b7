"""Opening a label list: its size, its encoding, its beginning.

A list of labels is a few megabytes; what is much larger is another file under the wrong name. The
rules on encodings, gzip and web pages are those of the importers (`data/importers/containers.py`):
bytes that are not UTF-8 become U+FFFD, which sends their row to the quarantine.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from data.errors import Refused
from data.importers.containers import decode_text, read_bytes
from data.importers.source import Source, open_source
from data.importers.text import ROW, tidy
from data.labels.table import Row, Statement

Say = Callable[[Mapping[str, str | None]], tuple[Statement, ...]]
"""Makes statements of a row's cells, by column in lower case; ValueError says what is wrong."""

LARGEST_LIST = 64 << 20
"""Bytes. The largest public list known to us has under three million."""

_HEAD = 64 << 10
_GZIP = b"\x1f\x8b"


def list_text(path: Path) -> str:
    """Return a list's text, with LF line ends.

    Raises
    ------
    Refused
        Absent, empty, too large, a gzip bomb, binary or a web page.
    """
    refuse_large_list(path)
    return decode_text(path, read_bytes(path, LARGEST_LIST)).decode("utf-8")


def list_table(path: Path) -> Source:
    """Open a list that is a table.

    Raises
    ------
    Refused
        As `list_text`.
    """
    refuse_large_list(path)
    return open_source(path)


def columns_of(head: str) -> set[str]:
    """Return the columns that the first line of a CSV names.

    >>> sorted(columns_of('Address,"category"\\n0x12,mixer\\n'))
    ['address', 'category']
    """
    line = head.lstrip().partition("\n")[0]
    return {cell.strip().strip('"').casefold() for cell in line.split(",")}


def table_rows(source: Source, say: Say) -> list[Row]:
    """Return every row of a table, in order: what it says, or what is wrong with it."""
    places = {name: source.find(name) for name in (tidy(c).casefold() for c in source.columns)}
    rows = [Row(number, raw, fault=why) for number, why, raw in source.faults.iter_rows()]
    raws = source.raw(source.frame[ROW])
    for cells, raw in zip(source.frame.iter_rows(named=True), raws, strict=True):
        try:
            said = {name: _text(cells[column]) for name, column in places.items() if column}
            rows.append(Row(cells[ROW], raw, say(said)))
        except ValueError as error:
            rows.append(Row(cells[ROW], raw, fault=str(error)))
    return sorted(rows, key=lambda row: row.number)


def _text(cell: object) -> str | None:
    """Return a cell as text, None where it is empty; Parquet keeps other types than text."""
    return None if cell is None else str(cell) or None


def refuse_large_list(path: Path) -> None:
    """Refuse a file that is too large for a label list, before it is read."""
    if path.is_file() and path.stat().st_size > LARGEST_LIST:
        raise Refused(
            f"{path} has {path.stat().st_size:,} bytes",
            expected=f"a label list below {LARGEST_LIST:,} bytes",
        )


def head_of(path: Path) -> str:
    """Return the beginning of a file as text, to recognise it by; empty where it is not text."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        raw = file.read(_HEAD)
    if raw.startswith(_GZIP):
        try:
            raw = zlib.decompressobj(wbits=31).decompress(raw, _HEAD)
        except zlib.error:
            return ""
    try:
        text = decode_text(path, raw[: len(raw) - len(raw) % 4] if _is_wide(raw) else raw)
    except Refused:
        return ""
    return text.decode("utf-8")


def _is_wide(raw: bytes) -> bool:
    """Say whether characters have two or four bytes, so that a cut must not part one."""
    return raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[:4] == b"\x00\x00\xfe\xff"
