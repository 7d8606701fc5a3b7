"""What reviewers said of alerts, and of addresses drawn beside them: dispositions become labels.

A model that learns from reviews of its own alerts sees only what it already believed. So addresses
from below the threshold are reviewed too, drawn at random, and reviewers are not told which is
which. Two files go out of a scoring run:

* the **review file**, which reviewers fill in: `REVIEW` columns, no score, no band, in no order;
* its **key**, which they do not see: how each address came to be drawn, and how likely that was.

Both come back together. A row teaches what its latest review says; where two reviews of one moment
disagree nothing is settled and the row is left out. Reviews end: after `expires_at` one no longer
counts. Every row must say who reviewed and why, since somebody may have to answer for it.

What `unrinse labels review` writes of them (`reviews.csv`: reviews with how likely each address
was to be looked at) is a label list like any other, and `unrinse labels import` reads it here. Its
categories are the dispositions, its confidence is ``forensic``, its labels could be known since
they were reviewed, and speak of the moment the address was scored at.

>>> told = pl.DataFrame({"chain": ["tron"] * 2, "address": ["T1"] * 2, "as_of": [None] * 2,
...     "disposition": ["cleared", "confirmed"], "reviewer": ["A", "B"], "reason": ["x", "y"],
...     "reviewed_at": [read_moment("2024-01-01"), read_moment("2024-02-01")],
...     "expires_at": [None] * 2}, schema=DISPOSITIONS)
>>> settle(told, at=read_moment("2024-03-01")).stand["disposition"].to_list()
['confirmed']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from data.addresses import CHAINS, canonical_address
from data.errors import Refused
from data.labels.files import columns_of, list_table, table_rows
from data.labels.table import LabelList, Statement, label_list
from data.moments import read_moment
from data.schema import TIME
from data.small_tables import read_small_table, refuse_faulty_lines, refuse_unknown_columns

DISPOSITIONS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "as_of": TIME,
    "disposition": pl.String(),
    "reviewer": pl.String(),
    "reason": pl.String(),
    "reviewed_at": TIME,
    "expires_at": TIME,
}
"""One row per review. `as_of` is the moment the address was scored at; `expires_at` may be null."""

REVIEW = tuple(DISPOSITIONS)

DESCRIPTION = "reviews of alerts, as labels review writes them: disposition, reviewer, reason, ..."
CONFIDENCE = "forensic"

KEY: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "as_of": TIME,
    "drawn": pl.String(),
    "selection_probability": pl.Float64(),
}
"""How an address came to be reviewed: `drawn` is ``alert`` or ``control``."""

TEACHES: dict[str, int | None] = {"confirmed": 1, "cleared": 0, "unsure": None}
"""What each disposition teaches: 1, 0 or nothing."""

DRAWN = ("alert", "control")
_CHANCE = "selection_probability"
KEYS = ("chain", "address", "as_of")
"""What a review is of."""

_WHAT = "a review file, as `unrinse score --control-sample` writes it, filled in"
_WHAT_KEY = "the key that `unrinse score --control-sample` wrote beside the review file"


@dataclass(frozen=True)
class Settled:
    """What reviews come to.

    Attributes
    ----------
    stand : polars.DataFrame
        `DISPOSITIONS`: the review that counts for each address and moment.
    expired, unsettled : polars.DataFrame
        Those that ended before, and those of one moment that disagree.
    """

    stand: pl.DataFrame
    expired: pl.DataFrame
    unsettled: pl.DataFrame


def read_reviews(files: Sequence[Path]) -> tuple[pl.DataFrame, int]:
    """Read review files; return the reviews, and how many rows nobody has reviewed.

    Raises
    ------
    Refused
        A file cannot be read, lacks a column, or a cell is not what it should be; faulty lines are
        named.
    """
    rows, blank = [], 0
    for path in files:
        table = read_small_table(path, _WHAT)
        refuse_unknown_columns(path, table.columns, REVIEW, REVIEW[:-1])
        faults: list[str] = []
        for cells in table.iter_rows(named=True):
            if cells["disposition"] is None:
                blank += 1
                continue
            try:
                rows.append(_review(cells))
            except ValueError as error:
                faults.append(f"line {cells['line']}: {error}")
        refuse_faulty_lines(path, faults, _WHAT)
    return pl.DataFrame(rows, schema=DISPOSITIONS), blank


def read_keys(files: Sequence[Path]) -> pl.DataFrame:
    """Read keys (`KEY`); an address drawn twice at one moment keeps its likelier draw.

    Raises
    ------
    Refused
        As `read_reviews`.
    """
    rows = []
    for path in files:
        table = read_small_table(path, _WHAT_KEY)
        missing = [name for name in KEY if name not in table.columns]
        if missing:
            raise Refused(f"{path} lacks the columns {', '.join(missing)}.", expected=_WHAT_KEY)
        faults: list[str] = []
        for cells in table.iter_rows(named=True):
            try:
                rows.append(_key(cells))
            except ValueError as error:
                faults.append(f"line {cells['line']}: {error}")
        refuse_faulty_lines(path, faults, _WHAT_KEY)
    keys = pl.DataFrame(rows, schema=KEY).sort(*KEYS, "selection_probability")
    return keys.unique(KEYS, keep="last", maintain_order=True)


def recognises(path: Path, head: str) -> bool:
    """Say whether the first line names a review's columns."""
    return columns_of(head).issuperset(REVIEW)


def read(path: Path) -> LabelList:
    """Read the reviews that `unrinse labels review` has put together.

    Raises
    ------
    Refused
        The file cannot be read, or is a review file that was not put together with its key.
    """
    source = list_table(path)
    if not source.has(*REVIEW, _CHANCE):
        filled = source.has(*REVIEW)
        raise Refused(
            f"{path} does not say how likely each address was to be reviewed"
            if filled
            else f"{path} has the columns {source.columns[:20]}",
            expected=DESCRIPTION,
            hint=f"unrinse labels review {path} --key KEY.csv --out DIR puts the two together; "
            "then import DIR/reviews.csv."
            if filled
            else None,
        )
    return label_list(path, "reviews", table_rows(source, _said))


def settle(reviews: pl.DataFrame, *, at: datetime) -> Settled:
    """Say which reviews count at a moment."""
    ended = (pl.col("expires_at") <= at).fill_null(False)
    alive = reviews.filter(~ended)
    latest = alive.filter(is_latest("reviewed_at"))
    torn = pl.col("disposition").n_unique().over(KEYS) > 1
    stand = latest.filter(~torn).sort(*KEYS, "reviewer")
    return Settled(
        stand=stand.unique(KEYS, keep="first", maintain_order=True),
        expired=reviews.filter(ended).sort(KEYS),
        unsettled=latest.filter(torn).sort(*KEYS, "reviewer"),
    )


def is_latest(when: str) -> pl.Expr:
    """Pick the latest reviews of each address and moment, by the column of when they were made."""
    return pl.col(when) == pl.col(when).max().over(KEYS)


def _review(cells: dict[str, str | None]) -> dict[str, object]:
    said = _subject(cells)
    if cells["disposition"] is None:
        raise ValueError("nobody has reviewed it")
    disposition = str(cells["disposition"]).strip().casefold()
    if disposition not in TEACHES:
        raise ValueError(f"the disposition {disposition!r} is none of {', '.join(TEACHES)}")
    for name in ("reviewer", "reason", "reviewed_at"):
        if not (cells[name] or "").strip():
            raise ValueError(f"{name} is empty")
    reviewed = read_moment(str(cells["reviewed_at"]))
    if isinstance(said["as_of"], datetime) and reviewed < said["as_of"]:
        raise ValueError("it was reviewed before the moment it was scored at")
    ends = cells.get("expires_at")
    expires = None if ends is None else read_moment(ends)
    if expires is not None and expires <= reviewed:
        raise ValueError("it expires before it was reviewed")
    return said | {
        "disposition": disposition,
        "reviewer": cells["reviewer"],
        "reason": cells["reason"],
        "reviewed_at": reviewed,
        "expires_at": expires,
    }


def _said(cells: Mapping[str, str | None]) -> tuple[Statement, ...]:
    """Return what a review says, as a label."""
    review = _review({name: cells[name] for name in REVIEW})
    return (
        Statement(
            chain=cells["chain"],
            address=cells["address"],
            category=str(review["disposition"]),
            confidence=CONFIDENCE,
            available_at=cells["reviewed_at"],
            as_of=cells["as_of"],
            expires_at=cells["expires_at"],
            selection_probability=cells[_CHANCE] or "nan",
            reviewer=cells["reviewer"],
            reason=cells["reason"],
        ),
    )


def _key(cells: dict[str, str | None]) -> dict[str, object]:
    chance = float(cells["selection_probability"] or "nan")
    if not 0 < chance <= 1:
        raise ValueError(
            f"the selection_probability {cells['selection_probability']!r} must be above 0 and at "
            "most 1"
        )
    if cells["drawn"] not in DRAWN:
        raise ValueError(f"drawn is {cells['drawn']!r}, neither of {' and '.join(DRAWN)}")
    return _subject(cells) | {"drawn": cells["drawn"], "selection_probability": chance}


def _subject(cells: dict[str, str | None]) -> dict[str, object]:
    chain = cells["chain"]
    if chain not in CHAINS:
        raise ValueError(f"the chain {chain!r} is none of {', '.join(CHAINS)}")
    if cells["as_of"] is None:
        raise ValueError("as_of is empty")
    address = canonical_address(chain, cells["address"] or "")
    return {"chain": chain, "address": address, "as_of": read_moment(cells["as_of"])}
