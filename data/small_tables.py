"""Reading the small tables people write by hand: address lists, labels, prices, services.

Such a file comes out of a spreadsheet, a mail or a failed download, so it is looked at before it
is read: an HTML page, an API's error message or a picture saved under the wrong name is refused
with one sentence, never read as a table. Everything is kept as text with its line number, so that
the readers on top can say where a fault stands.

A CSV is UTF-8 (a byte-order mark is dropped), separated by comma, semicolon or tab; blank lines
and lines that begin with `#` are skipped. Header names are trimmed and put in lower case. The
apostrophe that our own CSVs put before what looks like a formula is taken off again
(`data.spreadsheets`), so that a list, label or review that came from one names the same address.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from data.errors import Refused
from data.parquet_trial import refuse_broken_parquet
from data.spreadsheets import raw

LARGEST_FILE = 1 << 30
"""Bytes; a hand-made table above this is a mistake."""

_PARQUET_MAGIC = b"PAR1"
_HTML_STARTS = ("<!doctype", "<html", "<?xml", "<head", "<body")


def read_text(path: Path, what: str) -> str:
    """Return a text file's content, without a byte-order mark and with `\\n` line ends.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, for the message: "an address list".

    Raises
    ------
    Refused
        Absent, empty, too large, not UTF-8 text, an HTML page, or JSON.
    """
    raw = _read_bytes(path, what)
    if b"\0" in raw[:4096] or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused(
            f"{path} is not UTF-8 text", expected=what, hint="save it as CSV in UTF-8 and try again"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path} is not UTF-8 text (byte {error.start})",
            expected=what,
            hint="save it as CSV in UTF-8 and try again",
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    _refuse_other_formats(path, text, what)
    return text


def read_small_table(path: Path, what: str) -> pl.DataFrame:
    """Return a CSV or Parquet table as text, with the line each row stood on.

    Returns
    -------
    pl.DataFrame
        `line` (int64; the line of a CSV, the 1-based row of a Parquet file) and the file's
        columns as text. Empty cells are null; moments are written in ISO 8601.

    Raises
    ------
    Refused
        What `read_text` refuses; an unreadable Parquet file; no rows; a column that stands twice;
        a row that is shorter or longer than the header.
    """
    if _read_bytes(path, what)[:4] == _PARQUET_MAGIC:
        return _parquet(path, what)
    return _csv(path, read_text(path, what), what)


def data_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that are neither blank nor comments, with their 1-based numbers.

    >>> data_lines("# mine\\n\\n0x12\\n")
    [(3, '0x12')]
    """
    numbered = enumerate(text.split("\n"), start=1)
    return [(n, line) for n, line in numbered if line.strip() and not line.lstrip().startswith("#")]


MOST_LINES_SHOWN = 10


def refuse_faulty_lines(path: Path, faults: Sequence[str], what: str) -> None:
    """Refuse a table with faulty lines, naming the first of them.

    Raises
    ------
    Refused
        There is a fault.
    """
    if faults:
        shown, n = "; ".join(faults[:MOST_LINES_SHOWN]), len(faults) - MOST_LINES_SHOWN
        more = f"; and {n} more" if n > 0 else ""
        raise Refused(f"{path} has {len(faults)} faulty lines: {shown}{more}", expected=what)


def refuse_unknown_columns(
    path: Path, columns: Iterable[str], known: tuple[str, ...], required: tuple[str, ...]
) -> None:
    """Refuse a table with a column nobody reads, or without one that is needed."""
    columns = [c for c in columns if c != "line"]
    missing = [c for c in required if c not in columns]
    unknown = [c for c in columns if c not in known]
    if not missing and not unknown:
        return
    near = [m for c in unknown for m in get_close_matches(c, known, n=1)]
    said = [f"no column {', '.join(map(repr, missing))}"] if missing else []
    said += [f"an unknown column {', '.join(map(repr, unknown))}"] if unknown else []
    raise Refused(
        f"{path} has {' and '.join(said)}",
        expected=f"the columns {', '.join(known)} ({', '.join(required)} required)",
        hint=f"did you mean {', '.join(map(repr, near))}?" if near else None,
    )


def _read_bytes(path: Path, what: str) -> bytes:
    if not path.is_file():
        raise Refused(f"there is no file {path}", expected=what)
    size = path.stat().st_size
    if size == 0:
        raise Refused(f"{path} is empty", expected=what)
    if size > LARGEST_FILE:
        raise Refused(f"{path} has {size:,} bytes", expected=f"{what} below {LARGEST_FILE:,} bytes")
    return path.read_bytes()


def _refuse_other_formats(path: Path, text: str, what: str) -> None:
    start = text.lstrip()[:64].lower()
    if not start:
        raise Refused(f"{path} holds nothing but blanks", expected=what)
    if start.startswith(_HTML_STARTS):
        raise Refused(f"{path} is an HTML or XML page", expected=what, hint="download it again")
    if start.startswith(("{", "[")):
        raise Refused(
            f"{path} is JSON, perhaps an API's answer or error message: {text.strip()[:80]!r}",
            expected=what,
        )


def _csv(path: Path, text: str, what: str) -> pl.DataFrame:
    header_at, header = _header(path, text, what)
    delimiter = max(",;\t", key=header.count)
    names = [cell.strip().strip('"').strip().lower() for cell in header.split(delimiter)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise Refused(f"{path} has the column {', '.join(map(repr, twice))} twice", expected=what)
    lines, rows = [], []
    body = "\n".join(text.split("\n")[header_at:])
    reader = csv.reader(io.StringIO(body), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if not any(c.strip() for c in cells) or cells[0].lstrip().startswith("#"):
                continue
            line = header_at + reader.line_num
            if len(cells) != len(names):
                raise Refused(
                    f"line {line} of {path} has {len(cells)} cells, the header {len(names)}",
                    expected=what,
                )
            lines.append(line)
            rows.append([raw(c.strip()) or None for c in cells])
    except csv.Error as error:
        line = header_at + reader.line_num
        raise Refused(f"line {line} of {path} is broken CSV: {error}", expected=what) from None
    if not rows:
        raise Refused(f"{path} has a header and no rows", expected=what)
    columns = zip(names, zip(*rows, strict=True), strict=True)
    table = {"line": pl.Series(lines, dtype=pl.Int64)}
    table |= {name: pl.Series(values, dtype=pl.String) for name, values in columns}
    return pl.DataFrame(table)


def _header(path: Path, text: str, what: str) -> tuple[int, str]:
    lines = data_lines(text)
    if not lines:
        raise Refused(f"{path} holds nothing but comments", expected=what)
    return lines[0]


def _parquet(path: Path, what: str) -> pl.DataFrame:
    refuse_broken_parquet(path, what)
    frame = pl.read_parquet(path)
    if frame.height == 0:
        raise Refused(f"{path} has no rows", expected=what)
    nested = [c for c, t in frame.schema.items() if t.is_nested() or t == pl.Binary]
    if nested:
        raise Refused(
            f"{path} has columns that are not plain values: {', '.join(nested)}", expected=what
        )
    iso = {
        c: pl.col(c).dt.to_string("iso:strict")
        for c, t in frame.schema.items()
        if isinstance(t, pl.Datetime)
    }
    frame = frame.select(
        [
            iso.get(c, pl.col(c)).cast(pl.String).str.strip_chars().replace("", None).alias(c)
            for c in frame.columns
        ]
    )
    frame = frame.rename(lambda name: name.strip().lower())
    return frame.with_row_index("line", offset=1).with_columns(pl.col("line").cast(pl.Int64))
