"""The red-flag registry: what authorities and researchers warn of, each with its source.

`verified` says how the source was read: ``yes`` at the source itself, ``second_hand`` through
another text, ``no`` not at all. Pages show it, and never quote what was not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from data.assets import REGISTRY


@dataclass(frozen=True)
class RedFlag:
    """One red flag.

    Attributes
    ----------
    id, name
        As signals name it; as people read it.
    source
        Who says so, in which document, of what date.
    verified
        ``yes``, ``second_hand`` or ``no``.
    """

    id: str
    name: str
    source: str
    verified: str


@lru_cache(maxsize=1)
def red_flags() -> dict[str, RedFlag]:
    """Return the registry by id.

    >>> red_flags()["rapid_pass_through"].source.startswith("FinCEN, FIN-2023-Alert005")
    True
    """
    table = pl.read_csv(REGISTRY / "red_flags.csv", infer_schema_length=0, comment_prefix="#")
    flags = {}
    for row in table.fill_null("").iter_rows(named=True):
        cited = ", ".join(part for part in (row["source"], row["document"]) if part)
        dated = f"{cited} ({row['date']})" if row["date"] else cited
        flags[row["id"]] = RedFlag(row["id"], row["name"], dated, row["verified"] or "no")
    return flags
