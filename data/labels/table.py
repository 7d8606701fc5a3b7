"""The one table that every label list becomes: who says what of which address, and how surely.

A list's row is used whole or not at all. What cannot be used (no address, a wrong checksum, a chain
whose addresses we cannot read, an address that nobody owns) stands in the quarantine with its text,
so that rows in = rows that made labels + rows set aside.

`category` keeps the list's own words, several joined by `"; "`: what they mean here is said in one
place, `data/labels/categories.py`. `observed_at` is what the list says; `available_at` is when it
could be known, which only a list of one's own states (`plain`, `reviews`), and it is never filled
with today's date. Such a list may also say of which moment it speaks (`as_of`), until when it
counts (`expires_at`), who said so and why, and how likely the address was to be looked at.

An importer is a module with `DESCRIPTION`, `recognises` and `read`. It yields a `Row` for every row
of its file and leaves the rest to `label_list`:

>>> said = Statement(chain="ETH", address="0x" + "AB" * 20, category="phishing")
>>> rows = [Row(1, "raw 1", (said,)), Row(2, "raw 2", fault="it has 2 cells instead of 3")]
>>> listed = label_list(Path("mine.csv"), "forta", rows)
>>> listed.labels.select("chain", "address", "category").row(0)
('ethereum', '0xabababababababababababababababababababab', 'phishing')
>>> listed.quarantine.select("row", "reason").rows()
[(2, 'it has 2 cells instead of 3')]

References
----------
EIP-1352 (addresses up to 0xffff are kept for precompiles and system contracts); confidence:
GraphSense's taxonomy, `data.service_table.CONFIDENCES`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from data.addresses import canonical_address, is_reserved_address
from data.labels.chains import chain_meant
from data.moments import read_moment
from data.schema import QUARANTINE, TIME
from data.service_table import CONFIDENCES

LABELS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "category": pl.String(),
    "role": pl.String(),
    "name": pl.String(),
    "source": pl.String(),
    "source_url": pl.String(),
    "confidence": pl.String(),
    "observed_at": TIME,
    "available_at": TIME,
    "case_id": pl.String(),
    "as_of": TIME,
    "expires_at": TIME,
    "selection_probability": pl.Float64(),
    "reviewer": pl.String(),
    "reason": pl.String(),
    "status": pl.String(),
}
"""All may be null but chain, address, category, source, confidence and status. `source` is the
importer's name and, after a colon, what the file calls itself."""

ACTIVE = "active"
STATUSES = (ACTIVE, "retracted")

BETWEEN = "; "
"""What stands between several categories of one row."""

_LONGEST_CELL = 1_000


@dataclass(frozen=True, slots=True)
class Statement:
    """What one row says of one address, in the list's own words; None: it does not say.

    Attributes
    ----------
    chain
        Any name of it: a ticker, a chain's name (`data.labels.chains`).
    observed_at, available_at
        Moments as text: when it was so, and when it could be known.
    case_id
        What ties addresses of one investigation together.
    file
        What the file calls itself.
    as_of, expires_at
        Moments as text: at which the address was looked at, and from which this counts no more.
    selection_probability
        How likely the address was to be looked at: a number above 0, at most 1.
    reviewer, reason
        Who said so, and why.
    """

    chain: str | None
    address: str | None
    category: str | None
    role: str | None = None
    name: str | None = None
    source_url: str | None = None
    confidence: str | None = None
    observed_at: str | None = None
    file: str | None = None
    available_at: str | None = None
    case_id: str | None = None
    as_of: str | None = None
    expires_at: str | None = None
    selection_probability: str | None = None
    reviewer: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list: its number from 1, its text, and what it says or what is wrong with it."""

    number: int
    raw: str
    statements: tuple[Statement, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class LabelList:
    """A label list, read.

    Attributes
    ----------
    source
        The importer's name.
    labels
        `LABELS`, in the order of the file.
    quarantine
        `schema.QUARANTINE`: the rows that could not be used.
    rows
        How many rows the file has.
    """

    source: str
    labels: pl.DataFrame
    quarantine: pl.DataFrame
    rows: int


class LabelSource(Protocol):
    """What a module of an importer offers."""

    DESCRIPTION: str

    def recognises(self, path: Path, head: str) -> bool:
        """Say whether a file that begins with `head` is of this format."""

    def read(self, path: Path) -> LabelList:
        """Read a file of this format; `Refused` where it is not usable as a whole."""


def label_list(path: Path, source: str, rows: Iterable[Row]) -> LabelList:
    """Bring the rows of one file into the table, or into the quarantine."""
    labels: list[dict[str, object]] = []
    faults: list[dict[str, object]] = []
    count = 0
    for row in rows:
        count += 1
        try:
            labels += _labels(row, source)
        except ValueError as error:
            where = {"file": path.name, "row": row.number, "raw": row.raw}
            faults.append({**where, "reason": str(error)})
    return LabelList(
        source,
        pl.DataFrame(labels, schema=LABELS),
        pl.DataFrame(faults, schema=QUARANTINE),
        count,
    )


def _labels(row: Row, source: str) -> list[dict[str, object]]:
    if row.fault is not None:
        raise ValueError(row.fault)
    if not row.statements:
        raise ValueError("it says nothing of any address")
    if "\ufffd" in row.raw:
        raise ValueError("it is not UTF-8 text")
    return [_label(statement, source) for statement in row.statements]


def _label(said: Statement, source: str) -> dict[str, object]:
    fields = {name: _tidy(name, getattr(said, name)) for name in said.__slots__}
    address, category = fields["address"], fields["category"]
    if address is None:
        raise ValueError("it has no address")
    if category is None:
        raise ValueError("it says nothing of the address: no category")
    chain = chain_meant(fields["chain"], address)
    canonical = canonical_address(chain, address)
    if is_reserved_address(chain, canonical):
        raise ValueError("nobody's address: it is kept for precompiles and system contracts")
    confidence = fields["confidence"] or "unknown"
    if confidence not in CONFIDENCES:
        raise ValueError(f"the confidence {confidence!r} is none of {', '.join(CONFIDENCES)}")
    return {
        "chain": chain,
        "address": canonical,
        "category": category,
        "role": fields["role"],
        "name": fields["name"],
        "source": source if fields["file"] is None else f"{source}: {fields['file']}",
        "source_url": fields["source_url"],
        "confidence": confidence,
        "case_id": fields["case_id"],
        "selection_probability": _chance(fields["selection_probability"]),
        "reviewer": fields["reviewer"],
        "reason": fields["reason"],
        **{name: _moment(fields[name]) for name, kind in LABELS.items() if kind == TIME},
        "status": ACTIVE,
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else read_moment(text)


def _chance(text: str | None) -> float | None:
    if text is None:
        return None
    chance = float(text)
    if not 0 < chance <= 1:
        raise ValueError(f"its selection_probability {text!r} must be above 0 and at most 1")
    return chance


def _tidy(name: str, text: str | None) -> str | None:
    """Drop white space around a cell; an empty cell is None."""
    if text is not None and len(text) > _LONGEST_CELL:
        raise ValueError(f"its {name} has {len(text):,} characters")
    return (text or "").strip() or None
