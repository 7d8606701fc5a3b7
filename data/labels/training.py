"""Reading training labels: which addresses move scam proceeds, which do not, as known when.

Label 1 is an address that moves scam proceeds, 0 one that was reviewed and does not, empty one
that nobody has judged. Labels decide what a model learns, so nothing is repaired or guessed here:
a file with one unclear cell is refused, with every faulty line named.

`as_of` is the moment the label speaks of, `available_at` the moment it was known. Where one is
missing it stays missing: filled with today's date it would let a model see what came later.

`source` is where the label is from; `role` which part the address plays (`models.roles.ROLES`), or
any other word, which teaches nothing. A file may have the other columns of the table of labels that
tell of provenance (`PROVENANCE`); a judged row that was retracted, or whose category or source must
not teach (`data.labels.teaching.must_not_teach`), is a faulty one.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder) / "labels.csv"
...     _ = path.write_text("address,label\\nTR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t,1\\n")
...     labels = read_training_labels(path)
>>> labels.select("chain", "label", "as_of").rows()
[('tron', 1, None)]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import polars as pl

from data.address_lists import KnownAddresses
from data.labels.origin import fault_of
from data.labels.table import ACTIVE, BETWEEN
from data.labels.teaching import must_not_teach
from data.moments import read_moment
from data.schema import TIME
from data.small_tables import read_small_table, refuse_faulty_lines, refuse_unknown_columns

TRAINING_LABELS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "label": pl.Int8(),
    "as_of": TIME,
    "available_at": TIME,
    "case_id": pl.String(),
    "split": pl.String(),
    "weight": pl.Float64(),
    "selection_probability": pl.Float64(),
    "source": pl.String(),
    "role": pl.String(),
}
"""Everything but chain and address may be null; a null label means that nobody has judged."""

PROVENANCE = (
    "source",
    "source_url",
    "category",
    "role",
    "name",
    "confidence",
    "observed_at",
    "reviewer",
    "reason",
    "status",
)
"""What of `data.labels.table.LABELS` may stand in the file; `source` and `role` are kept."""

_COLUMNS = tuple(dict.fromkeys([*TRAINING_LABELS, *PROVENANCE]))

_WHAT = "training labels (CSV or Parquet: address, label, ...)"
_LABELS = {"1": 1, "0": 0, "1.0": 1, "0.0": 0, None: None}
_Row = dict[str, object]


def read_training_labels(
    path: Path,
    occurring: pl.DataFrame | pl.LazyFrame | None = None,
    default_chain: str | None = None,
) -> pl.DataFrame:
    """Read training labels.

    Parameters
    ----------
    path
        CSV or Parquet with address, label (1, 0 or empty) and, where known, chain, as_of,
        available_at (ISO 8601 or unix seconds), case_id, split, weight (0 or more),
        selection_probability (above 0, at most 1), source, role, and other `PROVENANCE`.
    occurring, default_chain
        As for `address_lists.read_address_list`. An EVM address without a chain that occurs on
        several is labelled on each of them.

    Returns
    -------
    pl.DataFrame
        `TRAINING_LABELS`, in the order of the file; identical rows once.

    Raises
    ------
    Refused
        An unknown column; a cell that cannot be read; a label that must not teach; two rows that
        disagree about one chain, address and as_of. The message names the lines.
    """
    path = Path(path)
    table = read_small_table(path, _WHAT)
    refuse_unknown_columns(path, table.columns, _COLUMNS, ("address", "label"))
    known = KnownAddresses.among(table["address"].drop_nulls(), occurring, default_chain)
    faults: list[str] = []
    rows: dict[tuple[object, ...], tuple[int, _Row]] = {}
    for cells in table.iter_rows(named=True):
        line = cells["line"]
        try:
            read = _rows(cells, known)
        except ValueError as error:
            faults.append(f"line {line}: {error}")
            continue
        for row in read:
            key = (row["chain"], row["address"], row["as_of"])
            first, other = rows.setdefault(key, (line, row))
            if other != row:
                faults.append(
                    f"lines {first} and {line} disagree about {row['address']} on {row['chain']}: "
                    f"{_difference(other, row)}"
                )
    refuse_faulty_lines(path, faults, _WHAT)
    return pl.DataFrame([row for _, row in rows.values()], schema=TRAINING_LABELS)


def _rows(cells: dict[str, str | None], known: KnownAddresses) -> list[_Row]:
    label = cells["label"]
    if label not in _LABELS:
        raise ValueError(f"the label {label!r} is none of 1, 0 and empty")
    if _LABELS[label] is not None and (why := _why_not(cells)):
        raise ValueError(why)
    pairs = known.resolve(cells["address"] or "", cells.get("chain"))
    row: _Row = {
        "label": _LABELS[label],
        "as_of": _optional(cells, "as_of", read_moment),
        "available_at": _optional(cells, "available_at", read_moment),
        "case_id": cells.get("case_id"),
        "split": cells.get("split"),
        "weight": _optional(cells, "weight", lambda t: _number(t, 0.0, math.inf)),
        "selection_probability": _optional(
            cells, "selection_probability", lambda t: _number(t, 5e-324, 1.0)
        ),
        "source": cells.get("source"),
        "role": cells.get("role"),
    }
    return [{"chain": chain, "address": address} | row for chain, address in pairs]


def _why_not(cells: dict[str, str | None]) -> str | None:
    """Say why a judged row may not teach; None where it may."""
    if (cells.get("status") or ACTIVE) != ACTIVE:
        return f"the label's status is {cells['status']!r}"
    words = (cells.get("category") or "").split(BETWEEN)
    refused = next((why for word in words if (why := must_not_teach(word))), None)
    source = cells.get("source")
    return refused or (None if source is None else fault_of(source))


def _optional(
    cells: dict[str, str | None], column: str, read: Callable[[str], object]
) -> object | None:
    text = cells.get(column)
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{column}: {error}") from None


def _number(text: str, least: float, most: float) -> float:
    number = float(text)
    if not (math.isfinite(number) and least <= number <= most):
        above = "0 or more" if math.isinf(most) else f"above 0 and at most {most:g}"
        raise ValueError(f"{text!r} must be {above}")
    return number


def _difference(one: _Row, other: _Row) -> str:
    return ", ".join(f"{c} {one[c]!r} and {other[c]!r}" for c in one if one[c] != other[c])
