"""From what lists say to what a model may learn: the mapping, and what happens when lists disagree.

Every word of a label makes one claim about its address:

* `positive`, `negative`, `apart`, `refused`: as `registry/label_teachings.csv` has it;
* `apart` too where the word means a service or listed infrastructure (`categories.meaning`), but
  for `reported_abuse`, which says only that somebody complained;
* nothing otherwise: other crime is another typology, and an unknown word is not guessed at.

Claims about one address are settled by one rule. **The surest claims decide**, by
`data.service_table.CONFIDENCES`; **where the surest disagree, nothing is settled**, and the address
is left out. Every disagreement is listed, settled or not. A refused claim takes no part: the other
claims about its address stand.

>>> from data.labels.collection import COLLECTED
>>> def said(category: str, confidence: str) -> dict[str, str]:
...     return {"chain": "tron", "address": "T1", "category": category, "source": "plain",
...             "confidence": confidence, "status": "active", "label_id": category}
>>> told = [said("pig_butchering", "forensic"), said("exchange_deposit", "web_crawl")]
>>> settled = settle(pl.DataFrame(told, schema=COLLECTED))
>>> settled.verdicts.select("verdict", "decided_by").row(0)
('positive', 'forensic')
>>> settled.conflicts["stands"].to_list()
['positive']
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import polars as pl

from data.assets import REGISTRY
from data.labels.categories import meaning
from data.labels.table import BETWEEN
from data.labels.words import Word, version_of, words_of
from data.schema import TIME
from data.service_table import CONFIDENCES

TEACHES = ("positive", "negative", "apart", "refused")

VERDICTS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "verdict": pl.String(),
    "decided_by": pl.String(),
    "available_at": TIME,
    "case_id": pl.String(),
    "source": pl.String(),
    "label_ids": pl.List(pl.String()),
}
"""One row per address of which something is claimed. `verdict` is null where nothing is settled;
`decided_by` is the confidence of the surest claims, `source` who makes them, `label_ids` their
labels, `available_at` the earliest moment that one of them states."""

CONFLICTS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "stands": pl.String(),
    "claims": pl.String(),
}
"""One row per address about which lists disagree; `stands` is null where nothing is settled."""

_FILE = REGISTRY / "label_teachings.csv"
_COLUMNS = ("source", "their_category", "teaches", "note")
_WHAT = "what the categories of label lists teach"
_SERVES_NOTHING = "reported_abuse"


@dataclass(frozen=True)
class Settled:
    """What labels teach.

    Attributes
    ----------
    verdicts
        `VERDICTS`, by chain and address.
    conflicts
        `CONFLICTS`, likewise.
    counts
        How many labels were refused, were retracted, or teach nothing.
    """

    verdicts: pl.DataFrame
    conflicts: pl.DataFrame
    counts: dict[str, int]


@dataclass(frozen=True)
class _Claim:
    verdict: str
    word: str
    label: dict[str, object]

    @property
    def rank(self) -> int:
        return CONFIDENCES.index(str(self.label["confidence"]))

    def __str__(self) -> str:
        said = f"{self.label['source']}: {self.word} ({self.label['confidence']})"
        return f"{self.verdict} by {said}"


def teaching_version() -> str:
    """Return the version of the mapping, which changes whenever a row of it does."""
    return version_of(_FILE, _WHAT)


def teaches(source: str, word: str) -> str | None:
    """Return what a word of a source teaches: one of `TEACHES`, None for nothing.

    >>> teaches("graphsense", "pig_butchering"), teaches("ofac", "Sanctioned")
    ('positive', 'apart')
    >>> teaches("graphsense", "phishing") is None
    True
    """
    named = _teachings().get((source, word.strip().casefold()))
    if named is not None:
        return named
    meant = meaning(source, word)
    serves = meant is not None and meant.category not in (None, _SERVES_NOTHING)
    return "apart" if serves else None


def settle(labels: pl.DataFrame) -> Settled:
    """Settle what labels teach, address by address.

    Parameters
    ----------
    labels
        `labels.table.LABELS` with a ``label_id``, of any sources, in any order.
    """
    counts: Counter[str] = Counter()
    claims: dict[tuple[str, str], list[_Claim]] = {}
    for label in labels.sort("chain", "address", "label_id").iter_rows(named=True):
        if label["status"] != "active":
            counts["retracted"] += 1
            continue
        made = list(_claims(label))
        counts["teach_nothing"] += not made
        counts["refused"] += any(claim.verdict == "refused" for claim in made)
        kept = [claim for claim in made if claim.verdict != "refused"]
        if kept:
            claims.setdefault((label["chain"], label["address"]), []).extend(kept)
    verdicts, conflicts = [], []
    for (chain, address), made in claims.items():
        where: dict[str, object] = {"chain": chain, "address": address}
        best = min(claim.rank for claim in made)
        surest = [claim for claim in made if claim.rank == best]
        said = {claim.verdict for claim in surest}
        verdict = said.pop() if len(said) == 1 else None
        verdicts.append(where | {"verdict": verdict} | _deciding(surest))
        if len({claim.verdict for claim in made}) > 1:
            told = "; ".join(sorted({str(claim) for claim in made}))
            conflicts.append(where | {"stands": verdict, "claims": told})
    return Settled(
        pl.DataFrame(verdicts, schema=VERDICTS), pl.DataFrame(conflicts, schema=CONFLICTS), counts
    )


def _claims(label: dict[str, object]) -> Iterator[_Claim]:
    source = str(label["source"]).partition(":")[0]
    for word in str(label["category"]).split(BETWEEN):
        verdict = teaches(source, word)
        if verdict is not None:
            yield _Claim(verdict, word, label)


def _deciding(claims: list[_Claim]) -> dict[str, object]:
    """Say what decided, and since when it could be known; a moment nobody states stays unknown."""
    labels = [claim.label for claim in claims]
    moments = [at for label in labels if isinstance(at := label["available_at"], datetime)]
    cases = [str(label["case_id"]) for label in labels if label["case_id"] is not None]
    return {
        "decided_by": labels[0]["confidence"],
        "source": ", ".join(sorted({str(label["source"]).partition(":")[0] for label in labels})),
        "available_at": min(moments, default=None),
        "case_id": min(cases, default=None),
        "label_ids": sorted({str(label["label_id"]) for label in labels}),
    }


@lru_cache(maxsize=1)
def _teachings() -> dict[Word, str]:
    return words_of(_FILE, _WHAT, _COLUMNS, _teaching_in)


def _teaching_in(cells: Mapping[str, str | None], word: Word) -> str:
    taught = cells["teaches"]
    if taught not in TEACHES or meaning(*word) is None:
        raise ValueError("no such teaching, or a word that `categories` does not know")
    return taught
