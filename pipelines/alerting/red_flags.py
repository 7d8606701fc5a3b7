"""The red-flag registry: what authorities and researchers warn of, each with its source.

`verified` says how the source was read: ``yes`` at the source itself, ``abstract`` its abstract,
``second_hand`` through another text, ``no`` not at all. Pages show it, and never quote what was not
read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from data.assets import REGISTRY


@dataclass(frozen=True)
class RedFlag:
    """One red flag, as the registry has it; what it leaves empty is None.

    Attributes
    ----------
    id, name, description
        As signals name it; as people read it; the behaviour.
    source, document, section, date, url
        Who says so, in which document, where in it, of what date, and where it stands.
    verified
        ``yes``, ``abstract``, ``second_hand`` or ``no``.
    """

    id: str
    name: str
    description: str
    source: str
    document: str | None
    section: str | None
    date: str | None
    url: str | None
    verified: str

    @property
    def citation(self) -> str:
        """Who says so, in which document, of what date, in one line."""
        cited = ", ".join(part for part in (self.source, self.document) if part)
        return f"{cited} ({self.date})" if self.date else cited

    def cited(self) -> dict[str, str]:
        """Return what an alert shows of it: `id`, `name`, the citation, and how that was read."""
        return {
            "id": self.id,
            "name": self.name,
            "source": self.citation,
            "verified": self.verified,
        }


@lru_cache(maxsize=1)
def red_flags() -> dict[str, RedFlag]:
    """Return the registry by id.

    >>> red_flags()["rapid_pass_through"].citation.startswith("FinCEN, FIN-2023-Alert005")
    True
    """
    table = pl.read_csv(REGISTRY / "red_flags.csv", infer_schema_length=0, comment_prefix="#")
    columns = [column for column in RedFlag.__dataclass_fields__ if column != "verified"]
    return {
        row["id"]: RedFlag(**{c: row[c] for c in columns}, verified=row["verified"] or "no")
        for row in table.iter_rows(named=True)
    }
