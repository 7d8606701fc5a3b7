"""Reading delimited text so that no line is lost, merged or invented.

Lenient CSV readers repair damage silently: an unclosed quote swallows the lines after it, a short
row gets nulls, a long one loses its tail. Here the structure is found first, by one scan over the
bytes (which newlines and separators lie inside quotes), every record is counted, and only records
of the right shape reach the parser. The others go to quarantine with their line as it stood.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import Refused

ROW = "source_row"
"""Name of the column that numbers the data rows, from 1."""

LONGEST_RECORD = 1 << 20
"""A record of more than a mebibyte is damage: the longest genuine calldata is far below."""

_MOST_COLUMNS = 512
_QUOTE, _LF = ord('"'), ord("\n")


@dataclass(frozen=True)
class Delimited:
    """A delimited text, taken apart.

    Attributes
    ----------
    columns
        The header's names as shown, with spaces tidied.
    frame
        One string column per name, and `ROW`. An empty field is the empty string.
    faults
        `ROW`, ``reason`` and ``raw`` of the records that have another shape.
    rows
        How many data records the text has: ``frame.height + faults.height``.
    """

    columns: list[str]
    frame: pl.DataFrame
    faults: pl.DataFrame
    rows: int


def read_delimited(path: Path, text: bytes) -> Delimited:
    """Take a delimited text apart.

    Comma, tab, semicolon and vertical bar separate fields; which one is decided by the header.
    Quoting follows RFC 4180. Lines without any character are not rows.

    Parameters
    ----------
    path
        For messages.
    text
        UTF-8 with LF line ends (`containers.decode_text`).

    Raises
    ------
    Refused
        There is no header, a name occurs twice, or the header is not text.
    """
    header_end = text.find(b"\n")
    while header_end >= 0 and not text[:header_end].strip():
        text = text[header_end + 1 :]
        header_end = text.find(b"\n")
    line = text if header_end < 0 else text[:header_end]
    separator = _separator(line)
    names = _header(path, line, separator)
    body = b"" if header_end < 0 else text[header_end + 1 :]
    records = _Records.of(body, separator)
    fields = records.fields
    names = _unglued(names, int(np.median(fields)) if len(fields) else 0)
    return _take_apart(records, names, separator)


def tidy(name: str) -> str:
    """Return a column name without the marks that differ between exports of one format.

    Non-breaking and zero-width spaces, byte-order marks and repeated blanks are removed.

    >>> tidy("\\ufeffTxn\\u00a0 Hash ")
    'Txn Hash'
    """
    name = re.sub(r"[\u200b-\u200f\u2060\ufeff]", "", name)
    return re.sub(r"\s+", " ", name).strip()


@dataclass(frozen=True)
class _Records:
    """Where each record of a text begins and ends, and how many fields it has."""

    text: bytes
    starts: np.ndarray
    ends: np.ndarray
    fields: np.ndarray
    damaged: np.ndarray  # quoting that no reading makes sense of

    @classmethod
    def of(cls, text: bytes, separator: bytes) -> _Records:
        data = np.frombuffer(text, dtype=np.uint8)
        quotes = np.flatnonzero(data == _QUOTE)
        newlines = np.flatnonzero(data == _LF)
        separators = np.flatnonzero(data == separator[0])
        if not len(quotes):
            return cls._cut(text, newlines, separators, quotes[:0])
        # A separator or newline lies inside quotes when an odd number of quotes stands before it.
        open_newlines = newlines[(np.searchsorted(quotes, newlines) & 1) == 0]
        open_separators = separators[(np.searchsorted(quotes, separators) & 1) == 0]
        stray = _stray_quotes(data, quotes, separator[0])
        if len(quotes) % 2 == 0 and not len(stray):
            return cls._cut(text, open_newlines, open_separators, stray)
        # Unbalanced: no way to tell which quote is missing, so each line stands for itself.
        return cls._by_line(text, data, newlines, separator[0])

    @classmethod
    def _cut(
        cls, text: bytes, newlines: np.ndarray, separators: np.ndarray, stray: np.ndarray
    ) -> _Records:
        """Cut at newlines; drop lines without any character."""
        starts = np.concatenate([[0], newlines + 1]).astype(np.int64)
        ends = np.concatenate([newlines, [len(text)]]).astype(np.int64)
        keep = ends > starts
        starts, ends = starts[keep], ends[keep]
        fields = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1
        damaged = np.searchsorted(stray, ends) > np.searchsorted(stray, starts)
        return cls(text, starts, ends, fields, damaged | (ends - starts > LONGEST_RECORD))

    @classmethod
    def _by_line(
        cls, text: bytes, data: np.ndarray, newlines: np.ndarray, separator: int
    ) -> _Records:
        """Read every line by itself: quotes are counted from the start of the line."""
        bounds = np.concatenate([[0], newlines + 1])
        quotes = np.flatnonzero(data == _QUOTE)
        separators = np.flatnonzero(data == separator)
        before_line = np.searchsorted(quotes, bounds)

        def inside(at: np.ndarray) -> np.ndarray:
            line = np.searchsorted(bounds, at, side="right") - 1
            return ((np.searchsorted(quotes, at) - before_line[line]) & 1) == 1

        quotes_per_line = np.diff(np.append(before_line, len(quotes)))
        odd = bounds[quotes_per_line % 2 == 1]
        stray = _stray_quotes(data, quotes, separator, inside(quotes))
        marks = np.unique(np.concatenate([odd, stray]))
        return cls._cut(text, newlines, separators[~inside(separators)], marks)

    def raw(self, which: np.ndarray) -> list[str]:
        """Return the text of some records."""
        return [self.text[self.starts[i] : self.ends[i]].decode("utf-8", "replace") for i in which]

    def bytes_of(self, which: np.ndarray) -> bytes:
        """Return some records, one a line, as one text."""
        everything = len(which) == len(self.starts) > 0
        if everything and not np.any(self.starts[1:] != self.ends[:-1] + 1):
            return self.text[self.starts[0] : self.ends[-1]]
        view = memoryview(self.text)
        return b"\n".join(view[self.starts[i] : self.ends[i]] for i in which)


def _stray_quotes(
    data: np.ndarray, quotes: np.ndarray, separator: int, closing: np.ndarray | None = None
) -> np.ndarray:
    """Return the quotes that neither begin a field, nor end one, nor are doubled."""
    edge = np.zeros(256, dtype=bool)
    edge[[separator, _LF]] = True
    before = np.where(quotes > 0, data[np.maximum(quotes - 1, 0)], _LF)
    last = len(data) - 1
    after = np.where(quotes < last, data[np.minimum(quotes + 1, last)], _LF)
    if closing is None:
        closing = (np.arange(len(quotes)) & 1) == 1
    fine_open = edge[before] | ((before == _QUOTE) & ~closing)
    fine_close = edge[after] | (after == _QUOTE)
    return quotes[np.where(closing, ~fine_close, ~fine_open)]


def _separator(header: bytes) -> bytes:
    counts = {s: header.count(s) for s in (b",", b"\t", b";", b"|")}
    best = max(counts, key=lambda s: counts[s])
    return best if counts[best] else b","


def _header(path: Path, line: bytes, separator: bytes) -> list[str]:
    text = line[:LONGEST_RECORD].decode("utf-8", "replace")
    try:
        names = next(csv.reader([text], delimiter=separator.decode()), [])
    except csv.Error as error:
        raise Refused(f"The first line of {str(path)!r} is not a header ({error}).") from error
    names = [tidy(name) for name in names]
    if names and not names[-1]:
        names.pop()  # a separator after the last name
    if not names or len(names) > _MOST_COLUMNS or "\x00" in text:
        raise Refused(
            f"The first line of {str(path)!r} is not a header: {line[:200]!r}.",
            expected="column names on the first line",
        )
    return names


def _unglued(names: list[str], fields: int) -> list[str]:
    """Undo a header to which the line of column numbers was glued.

    Some spreadsheets of Tronscan rows begin ``…,contract_return,result0,1,2,…,17``: the 18 names
    and, without a line end, the numbers 0 to 17.
    """
    n = (len(names) + 1) // 2
    if len(names) != 2 * n - 1 or n != fields or n < 2:
        return names
    if names[n:] != [str(i) for i in range(1, n)] or not names[n - 1].endswith("0"):
        return names
    return [*names[: n - 1], names[n - 1][:-1]]


def _take_apart(records: _Records, names: list[str], separator: bytes) -> Delimited:
    width, fields = len(names), records.fields
    parts = []
    clean = np.zeros(len(fields), dtype=bool)
    for extra in (0, 1):  # Etherscan's internal page has one empty field more than its header
        which = np.flatnonzero((fields == width + extra) & ~records.damaged)
        part = _parse(records.bytes_of(which), width + extra, separator, which)
        if extra:
            part = part.filter(pl.col(f"c{width}") == "").drop(f"c{width}")
        clean[part[ROW].to_numpy() - 1] = True
        parts.append(part)
    frame = parts[0] if parts[1].is_empty() else pl.concat(parts).sort(ROW)
    bad = np.flatnonzero(~clean)
    unique = _unique(names)
    faults = pl.DataFrame(
        {
            ROW: bad + 1,
            "reason": [_why(records, int(i), width) for i in bad],
            "raw": records.raw(bad),
        },
        schema={ROW: pl.Int64, "reason": pl.String, "raw": pl.String},
    )
    frame = frame.rename({f"c{i}": name for i, name in enumerate(unique)})
    frame, unreadable = _set_aside_unreadable(frame, records)
    return Delimited(names, frame, pl.concat([faults, unreadable]).sort(ROW), len(fields))


def _why(records: _Records, i: int, width: int) -> str:
    if records.damaged[i]:
        long = records.ends[i] - records.starts[i] > LONGEST_RECORD
        return "the row is longer than any genuine row" if long else "a quote is not closed"
    return f"{records.fields[i]} fields where the header has {width}"


def _parse(text: bytes, width: int, separator: bytes, which: np.ndarray) -> pl.DataFrame:
    """Parse records that are known to have `width` fields each."""
    columns = [f"c{i}" for i in range(width)]
    if not len(which):
        return pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), ROW: pl.Int64})
    frame = None
    if width > 1:
        try:
            frame = pl.read_csv(
                io.BytesIO(text),
                has_header=False,
                new_columns=columns,
                schema_overrides=dict.fromkeys(columns, pl.String),
                infer_schema=False,
                separator=separator.decode(),
                quote_char='"' if b'"' in text else None,
                empty_string_is_null=False,
            )
        except pl.exceptions.PolarsError:
            frame = None
    if frame is None or frame.height != len(which) or frame.width != width:
        frame = _parse_slowly(text, columns, separator)
    return frame.with_columns(pl.Series(ROW, which + 1, dtype=pl.Int64))


def _parse_slowly(text: bytes, columns: list[str], separator: bytes) -> pl.DataFrame:
    """Parse with Python's reader, which has no shortcuts."""
    csv.field_size_limit(LONGEST_RECORD)
    lines = io.StringIO(text.decode("utf-8", "replace"), newline="\n")
    rows = list(csv.reader(lines, delimiter=separator.decode()))
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _set_aside_unreadable(
    frame: pl.DataFrame, records: _Records
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Move rows with NUL or undecodable bytes to the faults."""
    schema = {ROW: pl.Int64, "reason": pl.String, "raw": pl.String}
    if b"\x00" not in records.text and "\ufffd".encode() not in records.text:
        return frame, pl.DataFrame(schema=schema)
    fields = pl.all().exclude(ROW).str.contains("[\x00\ufffd]")
    bad = frame.filter(pl.any_horizontal(fields))[ROW]
    reason = "bytes that are not text"
    faults = pl.DataFrame(
        {ROW: bad, "reason": [reason] * len(bad), "raw": records.raw(bad.to_numpy() - 1)},
        schema=schema,
    )
    return frame.filter(~pl.col(ROW).is_in(bad.implode())), faults


def _unique(names: list[str]) -> list[str]:
    """Number repeated names, as a later importer may not care for those columns."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out
