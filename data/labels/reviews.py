"""What reviewers said of alerts, and of addresses drawn beside them: dispositions become labels.

A model that learns from reviews of its own alerts sees only what it already believed. So addresses
from below the threshold are reviewed too, drawn at random, and reviewers are not told which is
which. Two files go out of a scoring run:

* the **review file**, which reviewers fill in: `REVIEW` columns, no score, no band, in no order;
* its **key**, which they do not see: how each address came to be drawn, and how likely that was.

Both come back together. A row teaches what its latest review says; where two reviews of one moment
disagree nothing is settled and the row is left out. Reviews end: after `expires_at` one no longer
counts. Every row must say who reviewed and why, since somebody may have to answer for it.

>>> told = pl.DataFrame({"chain": ["tron"] * 2, "address": ["T1"] * 2, "as_of": [None] * 2,
...     "disposition": ["cleared", "confirmed"], "reviewer": ["A", "B"], "reason": ["x", "y"],
...     "reviewed_at": [read_moment("2024-01-01"), read_moment("2024-02-01")],
...     "expires_at": [None] * 2}, schema=DISPOSITIONS)
>>> settle(told, at=read_moment("2024-03-01")).stand["disposition"].to_list()
['confirmed']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from data.addresses import CHAINS, canonical_address
from data.errors import Refused
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
_KEYS = ["chain", "address", "as_of"]
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
    keys = pl.DataFrame(rows, schema=KEY).sort(*_KEYS, "selection_probability")
    return keys.unique(_KEYS, keep="last", maintain_order=True)


def settle(reviews: pl.DataFrame, *, at: datetime) -> Settled:
    """Say which reviews count at a moment."""
    ended = (pl.col("expires_at") <= at).fill_null(False)
    alive = reviews.filter(~ended)
    latest = alive.filter(pl.col("reviewed_at") == pl.col("reviewed_at").max().over(_KEYS))
    torn = pl.col("disposition").n_unique().over(_KEYS) > 1
    stand = latest.filter(~torn).sort(*_KEYS, "reviewer")
    return Settled(
        stand=stand.unique(_KEYS, keep="first", maintain_order=True),
        expired=reviews.filter(ended).sort(_KEYS),
        unsettled=latest.filter(torn).sort(*_KEYS, "reviewer"),
    )


def _review(cells: dict[str, str | None]) -> dict[str, object]:
    said = _subject(cells)
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
