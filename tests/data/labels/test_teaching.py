"""What labels teach, against a slow second opinion; what disagrees is never settled in silence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Refused
from data.labels import SOURCES, teaching
from data.labels.categories import meaning
from data.labels.collection import collected
from data.labels.table import BETWEEN, LABELS
from data.labels.teaching import (
    CONFLICTS,
    TEACHES,
    VERDICTS,
    must_not_teach,
    settle,
    teaches,
    teaching_version,
)
from data.service_table import CONFIDENCES
from tests.generated import cases

WORDS = {
    "pig_butchering": "positive",
    "reviewed_benign": "negative",
    "victim": "apart",
    "exchange_hot": "apart",
    "model_propagated": "refused",
    "suspicious_activity_report": "refused",
    "reported_abuse": None,
    "no such word": None,
}


TAUGHT = WORDS | {"confirmed": "positive", "cleared": "negative", "unsure": None}

MAY, JUNE, JULY, AUGUST = (datetime(2024, month, 1, tzinfo=UTC) for month in (5, 6, 7, 8))
NOW = datetime(2024, 9, 1, tzinfo=UTC)


class Opinion(NamedTuple):
    """What stands, whether lists disagree, and how likely the address was to teach."""

    verdict: str | None
    conflict: bool
    chance: float | None


def labelled(*rows: Mapping[str, object]) -> pl.DataFrame:
    usual: dict[str, object] = {
        "chain": "tron",
        "address": "T1",
        "source": "plain",
        "status": "active",
    }
    told = [{k: v for k, v in (usual | dict(row)).items() if k in LABELS} for row in rows]
    return collected(pl.DataFrame(told, schema=LABELS))


def by_hand(rows: list[dict[str, Any]]) -> dict[tuple[str, datetime | None], Opinion]:
    """Settle labels from the rule as the module states it, claim by claim, without a table."""
    alive = [row for row in rows if row["status"] == "active"]
    alive = [row for row in alive if row["expires_at"] is None or row["expires_at"] > NOW]
    alive = [row for row in alive if not replaced(row, alive)]
    claims = [
        (row, TAUGHT[word])
        for row in alive
        for word in row["category"].split(BETWEEN)
        if TAUGHT[word] not in (None, "refused")
    ]
    found = {}
    for address in {row["address"] for row, _ in claims}:
        mine = [(row, said) for row, said in claims if row["address"] == address]
        moments = {row["as_of"] for row, _ in mine} - {None}
        for moment in moments or {None}:
            found[address, moment] = opinion(
                [(row, said) for row, said in mine if row["as_of"] in (None, moment)]
            )
    return found


def replaced(row: dict[str, Any], alive: list[dict[str, Any]]) -> bool:
    """Say whether a review was followed by another of the same address and moment."""
    return row["source"] == "reviews" and any(
        other["source"] == "reviews"
        and (other["address"], other["as_of"]) == (row["address"], row["as_of"])
        and other["available_at"] > row["available_at"]
        for other in alive
    )


def opinion(claims: list[tuple[dict[str, Any], str | None]]) -> Opinion:
    best = min(CONFIDENCES.index(row["confidence"]) for row, _ in claims)
    sure = {said for row, said in claims if CONFIDENCES.index(row["confidence"]) == best}
    drawn = [row["selection_probability"] for row, said in claims if said != "apart"]
    chance = max(drawn) if drawn and None not in drawn else None
    return Opinion(
        sure.pop() if len(sure) == 1 else None, len({said for _, said in claims}) > 1, chance
    )


def plain_or_review(drawn: dict[str, Any]) -> dict[str, Any]:
    """Make one label: of a list, or a review, which has its own words and must say more."""
    words, disposition, reviewed = drawn.pop("words"), drawn.pop("said"), drawn.pop("reviewed")
    if drawn["source"] == "reviews":
        drawn |= {"category": disposition, "confidence": "forensic", "available_at": reviewed}
        return drawn | {"as_of": drawn["as_of"] or MAY, "selection_probability": drawn["chance"]}
    return drawn | {"category": BETWEEN.join(words), "selection_probability": None}


rows = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["plain", "reviews"]),
            "address": st.sampled_from(["T1", "T2"]),
            "words": st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=2),
            "said": st.sampled_from(["confirmed", "cleared", "unsure"]),
            "confidence": st.sampled_from(["ownership", "forensic", "unknown"]),
            "status": st.sampled_from(["active", "active", "active", "retracted"]),
            "name": st.sampled_from(["a", "b"]),
            "reviewer": st.sampled_from(["K. M.", "M. L."]),
            "as_of": st.sampled_from([None, MAY, JUNE]),
            "reviewed": st.sampled_from([JULY, AUGUST]),
            "expires_at": st.sampled_from([None, None, NOW, NOW + timedelta(microseconds=1)]),
            "chance": st.sampled_from([0.25, 1.0]),
        }
    ).map(plain_or_review),
    max_size=8,
)


@settings(max_examples=cases(300))
@given(rows)
def test_the_verdicts_are_those_of_the_second_opinion(rows: list[dict[str, Any]]) -> None:
    settled = settle(labelled(*rows), at=NOW)
    assert settled.verdicts.schema == pl.Schema(VERDICTS)
    assert settled.conflicts.schema == pl.Schema(CONFLICTS)
    expected = by_hand(rows)
    columns = ("address", "as_of", "verdict", "selection_probability")
    found = {(a, at): (v, p) for a, at, v, p in settled.verdicts.select(columns).iter_rows()}
    assert found == {key: (told.verdict, told.chance) for key, told in expected.items()}
    stands = {(a, at): v for _, a, at, v, _ in settled.conflicts.iter_rows()}
    assert stands == {key: told.verdict for key, told in expected.items() if told.conflict}


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_labels_does_not_count(rows, random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (settle(labelled(*some), at=NOW) for some in (rows, shuffled))
    assert one.verdicts.equals(other.verdicts)
    assert one.conflicts.equals(other.conflicts)
    assert one.counts == other.counts


def review(reviewed: datetime, said: str, **more: object) -> dict[str, object]:
    usual: dict[str, object] = {"source": "reviews", "as_of": MAY, "confidence": "forensic"}
    return usual | {"category": said, "available_at": reviewed, "reviewer": "K. M."} | more


def test_every_label_is_counted_once_where_it_teaches_nothing() -> None:
    told = settle(
        labelled(
            {"category": "pig_butchering", "confidence": "forensic"},
            {"category": "reported_abuse", "confidence": "forensic"},
            {"category": "model_propagated", "confidence": "ownership"},
            {"category": "victim", "confidence": "forensic", "status": "retracted"},
            {"category": "pig_butchering", "confidence": "ownership", "expires_at": NOW},
            review(JULY, "cleared"),
            review(AUGUST, "confirmed"),
        ),
        at=NOW,
    )
    assert told.counts == {
        "teach_nothing": 1, "refused": 1, "retracted": 1, "expired": 1, "reviewed_again": 1,
    }  # fmt: skip
    assert told.verdicts["verdict"].to_list() == ["positive"]


def test_what_decided_says_since_when_it_could_be_known() -> None:
    def moment(day: int) -> pl.Expr:
        return pl.datetime(2024, 3, day, time_zone="UTC")

    sure = {"category": "pig_butchering", "confidence": "forensic"}
    labels = labelled(
        sure | {"name": "a", "case_id": "y"}, sure | {"name": "b", "case_id": "x"},
        {"category": "pig_butchering", "confidence": "heuristic"},
    ).with_columns(
        available_at=pl.when(pl.col("confidence") == "heuristic").then(moment(1))
        .when(pl.col("name") == "b").then(moment(9))
    )  # fmt: skip
    row = settle(labels, at=NOW).verdicts.row(0, named=True)
    assert f"{row['available_at']:%d}" == "09"  # not the day of a label that did not decide
    assert row["case_id"] == "x"
    assert len(row["label_ids"]) == 2


def test_the_mapping_teaches_only_words_that_are_known() -> None:
    assert teaching_version().isdigit()
    for (source, word), (taught, _) in teaching._teachings().items():
        assert source in SOURCES
        assert taught in TEACHES
        assert meaning(source, word) is not None
    for word, expected in WORDS.items():
        assert teaches("plain", word) == expected


@pytest.mark.parametrize(
    "line",
    ["plain,pig_butchering,maybe,", "plain,unheard_of,positive,", "plain,victim,apart,\n" * 2],
    ids=["no such teaching", "no such word", "twice"],
)
def test_a_wrong_mapping_is_refused(line: str, tmp_path, monkeypatch) -> None:
    path = tmp_path / "label_teachings.csv"
    path.write_text(f"# version: 1\nsource,their_category,teaches,note\n{line}\n")
    monkeypatch.setattr(teaching, "_FILE", path)
    teaching._teachings.cache_clear()
    try:
        with pytest.raises(Refused, match="is wrong or stands twice"):
            teaches("plain", "victim")
    finally:
        teaching._teachings.cache_clear()


@pytest.mark.parametrize(
    "word",
    [
        "SAR",
        "Str",
        "suspicious activity reports, May",
        "Model-propagated",
        "UNRINSE_SCORES of June",
    ],
)
def test_what_must_not_teach_is_refused_from_any_list_and_in_other_words(word: str) -> None:
    assert must_not_teach(word)
    assert {teaches(source, word) for source in SOURCES} == {"refused"}


@pytest.mark.parametrize("word", ["police of Hong Kong SAR", "string", "activity report", "model"])
def test_what_only_sounds_alike_is_not_refused(word: str) -> None:
    assert must_not_teach(word) is None


def test_infrastructure_is_kept_apart_from_laundering_labels() -> None:
    for category, source in product(("sanctioned", "mixer", "guarantee_marketplace"), ("plain",)):
        assert teaches(source, category) == "apart"
    assert teaches("ofac", "sanctioned") == "apart"
