"""One exported file, opened: its columns, its rows as text, and the rows that have no shape.

Importers never open files themselves. They are handed a `Source`, whatever the container was
(delimited text, JSON, Parquet, any of them in gzip), in which every data row is either in
`frame` or in `faults`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.importers.containers import PARQUET, decode_text, read_bytes
from data.importers.text import ROW, read_delimited, tidy
from data.parquet_trial import refuse_broken_parquet

FAULTS: dict[str, pl.DataType] = {ROW: pl.Int64(), "reason": pl.String(), "raw": pl.String()}

_RECORDS = ("result", "data")  # where the known services put their list of records


@dataclass(frozen=True)
class Source:
    """An opened export.

    Attributes
    ----------
    path
        For messages and for the account that a file name may carry.
    kind
        ``delimited``, ``json`` or ``parquet``.
    columns
        Column names as shown, repeated names included.
    frame
        One column per name and `ROW` (data rows from 1). Text, except for Parquet, which keeps its
        types. An empty text field is the empty string; what JSON does not state is null.
    faults
        Rows without the right shape: `FAULTS`.
    meta
        JSON only: what stands beside the records (``status``, ``message``, ``meta``, …).
    """

    path: Path
    kind: str
    columns: list[str]
    frame: pl.DataFrame
    faults: pl.DataFrame
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many data rows the file has."""
        return self.frame.height + self.faults.height

    def find(self, *names: str) -> str | None:
        """Return the column that one of `names` means, whatever its case; None if there is none.

        Raises
        ------
        Refused
            The column occurs twice, so that it is unclear which is meant.
        """
        wanted = {name.casefold() for name in names}
        hits = [c for c in self.columns if tidy(c).casefold() in wanted]
        if len(hits) > 1:
            raise Refused(
                f"{str(self.path)!r} has more than one column called {hits[0]!r}.",
                expected="each column once",
            )
        return hits[0] if hits else None

    def has(self, *names: str) -> bool:
        """Say whether every one of `names` is a column, whatever its case."""
        shown = {tidy(c).casefold() for c in self.columns}
        return all(name.casefold() in shown for name in names)

    def text(self, *names: str) -> pl.Expr:
        """Return a column as text, the empty string where the export has nothing."""
        found = self.find(*names)
        column = pl.lit("") if found is None else pl.col(found).cast(pl.String).fill_null("")
        return column.str.strip_chars(" \t\u00a0")

    def raw(self, rows: pl.Series) -> pl.Series:
        """Return the text of some rows, for the quarantine: their fields as JSON."""
        names = [c for c in self.frame.columns if c != ROW]
        records = rows.to_frame(ROW).join(self.frame, on=ROW, how="left", maintain_order="left")
        text = [
            json.dumps({k: r[k] for k in names}, ensure_ascii=False, default=str)
            for r in records.iter_rows(named=True)
        ]
        return pl.Series("raw", text, dtype=pl.String)


def open_source(path: Path) -> Source:
    """Open an exported file.

    Raises
    ------
    Refused
        See `containers.read_bytes`, `containers.decode_text` and `text.read_delimited`; also
        damaged Parquet or JSON, and an error message saved in place of data.
    """
    content = read_bytes(path)
    if content.startswith(PARQUET):
        return _from_parquet(path)
    text = decode_text(path, content)
    if text[:64].lstrip()[:1] in (b"{", b"["):
        return _from_json(path, text)
    parts = read_delimited(path, text)
    return Source(path, "delimited", parts.columns, parts.frame, parts.faults)


def _from_parquet(path: Path) -> Source:
    refuse_broken_parquet(path, "an exported table, whole")
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise Refused(
            f"{str(path)!r} is damaged or cut-off Parquet ({_first_line(error)}).",
            hint="Copy or download it again.",
        ) from error
    columns = [c for c in frame.columns if c != ROW]
    frame = frame.select(columns).with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW)
    )
    return Source(path, "parquet", columns, frame, pl.DataFrame(schema=FAULTS))


def _from_json(path: Path, text: bytes) -> Source:
    try:
        # Numbers stay as they are written: a float would lose the digits of an amount.
        document = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise Refused(
            f"{str(path)!r} is damaged or cut-off JSON ({_first_line(error)}).",
            hint="Download it again.",
        ) from error
    records, meta = _records(path, document)
    good = [(i, r) for i, r in enumerate(records, 1) if isinstance(r, dict)]
    bad = [(i, r) for i, r in enumerate(records, 1) if not isinstance(r, dict)]
    flat = [_flat(r) for _, r in good]
    columns = list(dict.fromkeys(key for record in flat for key in record))
    data: dict[str, Any] = {c: [_as_text(r.get(c)) for r in flat] for c in columns if c != ROW}
    frame = pl.DataFrame(
        {**data, ROW: [i for i, _ in good]},
        schema={**dict.fromkeys(data, pl.String), ROW: pl.Int64},
    )
    faults = [(i, "not a JSON object", _as_text(json.dumps(r))) for i, r in bad]
    return Source(
        path, "json", list(data), frame, pl.DataFrame(faults, schema=FAULTS, orient="row"), meta
    )


def _records(path: Path, document: object) -> tuple[list[Any], dict[str, Any]]:
    """Find the list of records, or say which error was saved in its place."""
    if isinstance(document, list):
        return document, {}
    if isinstance(document, dict):
        for key in _RECORDS:
            if isinstance(document.get(key), list):
                meta = {k: v for k, v in document.items() if k != key}
                if _is_error(meta, bool(document[key])):
                    break
                return document[key], meta
        message = {k: v for k, v in document.items() if not isinstance(v, list | dict)}
        shown = json.dumps(message, ensure_ascii=True)[:300]
        raise Refused(
            f"{str(path)!r} holds no records but {shown}: an error message saved as data.",
            expected="a list of records, bare or under 'result' or 'data'",
            hint="Ask the service again; an error is not an empty history.",
        )
    raise Refused(f"{str(path)!r} is JSON, but not a list of records.")


def _is_error(meta: dict[str, Any], any_records: bool) -> bool:
    """Say whether the service reports a failure beside its list."""
    if meta.get("success") is False or meta.get("error") or meta.get("Error"):
        return True
    status, message = str(meta.get("status", "1")), str(meta.get("message", "")).casefold()
    return status == "0" and not any_records and not message.startswith("no ")


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Bring the one nested level that services use (``token_info.symbol``) to the top."""
    out: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            out.update({f"{key}.{inner}": v for inner, v in value.items()})
        else:
            out[key] = value
    return out


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


Unusable = list[tuple[str, pl.Expr]]
"""Faults of rows as (reason, condition), the first that holds decides."""


def set_aside(frame: pl.DataFrame, faults: Unusable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split rows into usable ones and faulty ones.

    Returns
    -------
    usable, faulty
        ``faulty`` has `ROW` and ``reason``.
    """
    reason = pl.coalesce(
        [pl.when(fault.fill_null(False)).then(pl.lit(why)) for why, fault in faults]
    )
    marked = frame.with_columns(reason.alias("reason"))
    if marked["reason"].null_count() == marked.height:
        return frame, marked.select(ROW, "reason").clear()
    faulty = marked.filter(pl.col("reason").is_not_null()).select(ROW, "reason")
    return marked.filter(pl.col("reason").is_null()).drop("reason"), faulty
