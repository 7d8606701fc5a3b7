"""From what lists say to what a model may learn: the mapping, and what happens when lists disagree.

Every word of a label makes one claim about its address:

* `positive`, `negative`, `apart`, `refused`: as `registry/label_teachings.csv` has it, `refused`
  from whatever list and in whatever words around it (`must_not_teach`);
* `apart` too where the word means a service or listed infrastructure (`categories.meaning`), but
  for `reported_abuse`, which says only that somebody complained;
* nothing otherwise: other crime is another typology, and an unknown word is not guessed at.

Claims about one address are settled by one rule. **The surest claims decide**, by
`data.service_table.CONFIDENCES`; **where the surest disagree, nothing is settled**, and the address
is left out. Every disagreement is listed, settled or not. A refused claim takes no part: the other
claims about its address stand. Nor does a label that was retracted, that has expired, or a review
after which the same address was reviewed again at the same moment (`data.labels.reviews`).

A label with `as_of` speaks of that moment: an address that was cleared in May may be a launderer's
in September. Each moment is settled by itself, together with what lists say of the address as such;
where no label names a moment, there is one verdict, and it names none.

>>> from datetime import UTC, datetime
>>> from data.labels.collection import COLLECTED
>>> def said(category: str, confidence: str) -> dict[str, str]:
...     return {"chain": "tron", "address": "T1", "category": category, "source": "plain",
...             "confidence": confidence, "status": "active", "label_id": category}
>>> told = [said("pig_butchering", "forensic"), said("exchange_deposit", "web_crawl")]
>>> settled = settle(pl.DataFrame(told, schema=COLLECTED), at=datetime(2024, 1, 1, tzinfo=UTC))
>>> settled.verdicts.select("verdict", "decided_by").row(0)
('positive', 'forensic')
>>> settled.conflicts["stands"].to_list()
['positive']
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import polars as pl

from data.assets import REGISTRY
from data.labels.categories import meaning
from data.labels.reviews import is_latest
from data.labels.table import ACTIVE, BETWEEN
from data.labels.words import Word, version_of, words_of
from data.schema import TIME
from data.service_table import CONFIDENCES

TEACHES = ("positive", "negative", "apart", "refused")

VERDICTS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "as_of": TIME,
    "verdict": pl.String(),
    "decided_by": pl.String(),
    "available_at": TIME,
    "case_id": pl.String(),
    "selection_probability": pl.Float64(),
    "label_ids": pl.List(pl.String()),
}
"""One row per address and moment of which something is claimed. `verdict` is null where nothing is
settled; `decided_by` is the confidence of the surest claims, `label_ids` their labels,
`available_at` the earliest moment that one of them states. `selection_probability` is the largest
of those that taught; null where one of them came about without a draw."""

CONFLICTS: dict[str, pl.DataType] = {
    "chain": pl.String(),
    "address": pl.String(),
    "as_of": TIME,
    "stands": pl.String(),
    "claims": pl.String(),
}
"""One row per address and moment about which lists disagree; `stands` is null where nothing is
settled."""

_FILE = REGISTRY / "label_teachings.csv"
_COLUMNS = ("source", "their_category", "teaches", "note")
_WHAT = "what the categories of label lists teach"
_SERVES_NOTHING = "reported_abuse"
_REVIEWS = "reviews"


@dataclass(frozen=True)
class Settled:
    """What labels teach.

    Attributes
    ----------
    verdicts
        `VERDICTS`, by chain, address and moment.
    conflicts
        `CONFLICTS`, likewise.
    counts
        How many labels were refused, were retracted, have expired, are reviews that later ones
        replaced, or teach nothing.
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
        return named[0]
    if must_not_teach(word):
        return "refused"
    meant = meaning(source, word)
    serves = meant is not None and meant.category not in (None, _SERVES_NOTHING)
    return "apart" if serves else None


@lru_cache(maxsize=4096)
def must_not_teach(text: str) -> str | None:
    """Say why a text is nothing to learn from, be it a category or a source; None where it may be.

    What a model propagated, and that a suspicion was reported, must not teach, in whatever words
    around it: the refused words of the registry are looked for.

    >>> must_not_teach("Model-propagated, June")
    'model_propagated must not teach: a model that learns from its own guesses grows surer of them'
    >>> must_not_teach("SAR") is None, must_not_teach("police of Hong Kong SAR") is None
    (False, True)
    """
    plain = re.sub(r"[\W_]+", "_", text.casefold()).strip("_")
    for word, why in _refused().items():
        # A word as short as SAR means something else within other words.
        found = rf"(^|_){word}s?(_|$)" if "_" in word else rf"^{word}s?$"
        if re.search(found, plain):
            return f"{word} must not teach: {why}"
    return None


def settle(labels: pl.DataFrame, *, at: datetime) -> Settled:
    """Settle what labels teach, address by address.

    Parameters
    ----------
    labels
        `labels.table.LABELS` with a ``label_id``, of any sources, in any order.
    at
        Labels must not have expired by then.
    """
    alive, counts = _in_force(labels, at)
    claims: dict[tuple[str, str], list[_Claim]] = {}
    for label in alive.sort("chain", "address", "label_id").iter_rows(named=True):
        made = list(_claims(label))
        counts["teach_nothing"] += not made
        counts["refused"] += any(claim.verdict == "refused" for claim in made)
        kept = [claim for claim in made if claim.verdict != "refused"]
        if kept:
            claims.setdefault((label["chain"], label["address"]), []).extend(kept)
    verdicts, conflicts = [], []
    for (chain, address), of_address in claims.items():
        for as_of, made in _by_moment(of_address):
            where: dict[str, object] = {"chain": chain, "address": address, "as_of": as_of}
            verdict = _verdict(made)
            verdicts.append(where | {"verdict": verdict} | _deciding(made))
            if len({claim.verdict for claim in made}) > 1:
                told = "; ".join(sorted({str(claim) for claim in made}))
                conflicts.append(where | {"stands": verdict, "claims": told})
    return Settled(
        pl.DataFrame(verdicts, schema=VERDICTS), pl.DataFrame(conflicts, schema=CONFLICTS), counts
    )


def _in_force(labels: pl.DataFrame, at: datetime) -> tuple[pl.DataFrame, Counter[str]]:
    """Return the labels that still stand at a moment, and how many do not, by why."""
    counts: Counter[str] = Counter()

    def without(kept: pl.DataFrame, why: str, gone: pl.Expr) -> pl.DataFrame:
        counts[why] += kept.filter(gone).height
        return kept.filter(~gone)

    alive = without(labels, "retracted", pl.col("status") != ACTIVE)
    alive = without(alive, "expired", (pl.col("expires_at") <= at).fill_null(False))
    reviews = alive.filter(pl.col("source").str.split(":").list.first() == _REVIEWS)
    earlier = reviews.filter(~is_latest("available_at"))["label_id"]
    alive = without(alive, "reviewed_again", pl.col("label_id").is_in(earlier.to_list()))
    return alive, counts


def _by_moment(claims: list[_Claim]) -> Iterator[tuple[datetime | None, list[_Claim]]]:
    """Yield the moments that claims about an address name, each with the claims that speak of it.

    Those that name none speak of all.
    """
    named = {at for claim in claims if isinstance(at := claim.label["as_of"], datetime)}
    if not named:
        yield None, claims
    for moment in sorted(named):
        yield moment, [claim for claim in claims if claim.label["as_of"] in (None, moment)]


def _surest(claims: list[_Claim]) -> list[_Claim]:
    best = min(claim.rank for claim in claims)
    return [claim for claim in claims if claim.rank == best]


def _verdict(claims: list[_Claim]) -> str | None:
    said = {claim.verdict for claim in _surest(claims)}
    return said.pop() if len(said) == 1 else None


def _claims(label: dict[str, object]) -> Iterator[_Claim]:
    source = str(label["source"]).partition(":")[0]
    for word in str(label["category"]).split(BETWEEN):
        verdict = teaches(source, word)
        if verdict is not None:
            yield _Claim(verdict, word, label)


def _deciding(claims: list[_Claim]) -> dict[str, object]:
    """Say what decided, and since when it could be known; a moment nobody states stays unknown."""
    labels = [claim.label for claim in _surest(claims)]
    moments = [at for label in labels if isinstance(at := label["available_at"], datetime)]
    cases = [str(label["case_id"]) for label in labels if label["case_id"] is not None]
    return {
        "decided_by": labels[0]["confidence"],
        "available_at": min(moments, default=None),
        "case_id": min(cases, default=None),
        "selection_probability": _chance(claims),
        "label_ids": sorted({str(label["label_id"]) for label in labels}),
    }


def _chance(claims: list[_Claim]) -> float | None:
    """Return how likely the address was to teach; None where a label came without a draw.

    Whatever a list says of it, the address would be a row to learn from without any review.
    """
    taught = [claim.label for claim in claims if claim.verdict in ("positive", "negative")]
    chances = [label["selection_probability"] for label in taught]
    known = [chance for chance in chances if isinstance(chance, float)]
    return max(known) if known and len(known) == len(chances) else None


def _refused() -> dict[str, str]:
    """Return the words that must not teach, each with the reason."""
    return {word: why for (_, word), (taught, why) in _teachings().items() if taught == "refused"}


@lru_cache(maxsize=1)
def _teachings() -> dict[Word, tuple[str, str]]:
    """Return what each word teaches, with the note on it."""
    return words_of(_FILE, _WHAT, _COLUMNS, _teaching_in)


def _teaching_in(cells: Mapping[str, str | None], word: Word) -> tuple[str, str]:
    taught = cells["teaches"]
    if taught not in TEACHES or meaning(*word) is None:
        raise ValueError("no such teaching, or a word that `categories` does not know")
    return taught, cells["note"] or ""
