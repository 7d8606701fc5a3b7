"""What the categories of label lists mean here: the mapping, and the services it makes of labels.

Every list has its own words. `registry/label_categories.csv` says of each word which of
`service_table.CATEGORIES` it is and whether that is licit; a word without a category is known and
makes no service. The table is versioned (`mapping_version`), and a word it does not know makes no
service either: it is counted in a note, so that nothing is guessed and nothing vanishes.

A row with several words makes several claims. Which of them stands is settled where all claims
meet, in `data/services.py`.

>>> meaning("ofac", "Sanctioned"), meaning("graphsense", "gambling"), meaning("ofac", "blue")
(Meaning(category='sanctioned', licit=False), Meaning(category=None, licit=None), None)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from data.assets import REGISTRY
from data.labels.table import BETWEEN
from data.labels.words import Word, version_of, words_of
from data.service_table import CATEGORIES, SERVICES

_FILE = REGISTRY / "label_categories.csv"
_COLUMNS = ("source", "their_category", "category", "licit", "note")
_WHAT = "what the categories of label lists mean"
_YES_NO = {"yes": True, "no": False, None: None}
_MOST_NAMED = 5


@dataclass(frozen=True)
class Meaning:
    """One of `service_table.CATEGORIES` and whether it is licit; None: it makes no service."""

    category: str | None
    licit: bool | None


def meaning(source: str, word: str) -> Meaning | None:
    """Return what a word of a source means; None where the mapping does not know it."""
    return _meanings().get((source, word.strip().casefold()))


def mapping_version() -> str:
    """Return the version of the mapping, which changes whenever a row of it does."""
    return version_of(_FILE, _WHAT)


def service_claims(labels: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Turn labels into rows of the services table.

    Parameters
    ----------
    labels
        `labels.table.LABELS`, of any sources.

    Returns
    -------
    claims, notes
        `service_table.SERVICES`: for every active label one row per word that means a service,
        equal rows once, in the order of the labels; an address may have several. Notes: how many
        labels made no row, and why.
    """
    rows: list[dict[str, object]] = []
    unknown: Counter[str] = Counter()
    idle = retracted = 0
    for label in labels.iter_rows(named=True):
        if label["status"] != "active":
            retracted += 1
            continue
        source = label["source"].partition(":")[0]
        words = label["category"].split(BETWEEN)
        unknown.update(word for word in words if meaning(source, word) is None)
        made = list(_claims(label, [meaning(source, word) for word in words]))
        idle += not made
        rows += made
    claims = pl.DataFrame(rows, schema=SERVICES).unique(maintain_order=True)
    return claims, tuple(_notes(idle, retracted, unknown))


def _claims(
    label: dict[str, object], meanings: list[Meaning | None]
) -> Iterator[dict[str, object]]:
    observed = label["observed_at"]
    for meant in meanings:
        if meant is not None and meant.category is not None:
            yield {
                "chain": label["chain"],
                "address": label["address"],
                "name": label["name"] or label["source"],
                "category": meant.category,
                "licit": meant.licit,
                "source": label["source_url"] or label["source"],
                "date": None if observed is None else f"{observed:%Y-%m-%d}",
                "confidence": label["confidence"],
                "verified": False,
                "origin": "user",
            }


def _notes(idle: int, retracted: int, unknown: Counter[str]) -> Iterator[str]:
    if idle:
        yield (
            f"{idle:,} labels name neither a service nor a listed party, by version "
            f"{mapping_version()} of registry/label_categories.csv."
        )
    if unknown:
        named = ", ".join(repr(word[:40]) for word, _ in unknown.most_common(_MOST_NAMED))
        more = f" and {len(unknown) - _MOST_NAMED:,} more" if len(unknown) > _MOST_NAMED else ""
        yield f"It does not know the categories {named}{more}."
    if retracted:
        yield f"{retracted:,} labels were retracted."


@lru_cache(maxsize=1)
def _meanings() -> dict[Word, Meaning]:
    return words_of(_FILE, _WHAT, _COLUMNS, _meaning_in)


def _meaning_in(cells: Mapping[str, str | None], _: Word) -> Meaning:
    meant = Meaning(cells["category"], _YES_NO.get(cells["licit"]))
    half = (meant.category is None) != (meant.licit is None)
    if half or meant.category not in (None, *CATEGORIES):
        raise ValueError("a category without `licit`, or one that does not exist")
    return meant
