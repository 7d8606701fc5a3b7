"""What labels teach, against a slow second opinion; what disagrees is never settled in silence."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import polars as pl
import pytest
from hypothesis import given
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


def labelled(*rows: Mapping[str, object]) -> pl.DataFrame:
    usual: dict[str, object] = {
        "chain": "tron",
        "address": "T1",
        "source": "plain",
        "status": "active",
    }
    return collected(pl.DataFrame([usual | dict(row) for row in rows], schema=LABELS))


def by_hand(rows: list[dict[str, str]]) -> dict[str, tuple[str | None, bool]]:
    """Verdict and whether lists disagree, by address, from the rule as the module states it."""
    told: dict[str, list[tuple[int, str]]] = {}
    for row in rows:
        for word in row["category"].split(BETWEEN):
            if row["status"] == "active" and WORDS[word] not in (None, "refused"):
                rank = CONFIDENCES.index(row["confidence"])
                told.setdefault(row["address"], []).append((rank, str(WORDS[word])))
    found: dict[str, tuple[str | None, bool]] = {}
    for address, claims in told.items():
        best = {v for rank, v in claims if rank == min(claims)[0]}
        only = next(iter(best)) if len(best) == 1 else None
        found[address] = (only, len({v for _, v in claims}) > 1)
    return found


rows = st.lists(
    st.fixed_dictionaries(
        {
            "address": st.sampled_from(["T1", "T2", "T3"]),
            "category": st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=2).map(
                BETWEEN.join
            ),
            "confidence": st.sampled_from(CONFIDENCES[::4]),
            "status": st.sampled_from(["active", "active", "retracted"]),
            "name": st.sampled_from(["a", "b"]),
        }
    ),
    max_size=10,
)


@given(rows)
def test_the_verdicts_are_those_of_the_second_opinion(rows: list[dict[str, str]]) -> None:
    settled = settle(labelled(*rows))
    assert settled.verdicts.schema == pl.Schema(VERDICTS)
    assert settled.conflicts.schema == pl.Schema(CONFLICTS)
    found = dict(settled.verdicts.select("address", "verdict").iter_rows())
    expected = by_hand(rows)
    assert found == {address: verdict for address, (verdict, _) in expected.items()}
    disagree = {address for address, (_, conflict) in expected.items() if conflict}
    assert set(settled.conflicts["address"]) == disagree
    stands = dict(settled.conflicts.select("address", "stands").iter_rows())
    assert stands == {address: found[address] for address in disagree}


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_labels_does_not_count(rows, random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = settle(labelled(*rows)), settle(labelled(*shuffled))
    assert one.verdicts.equals(other.verdicts)
    assert one.conflicts.equals(other.conflicts)
    assert one.counts == other.counts


def test_every_label_is_counted_once_where_it_teaches_nothing() -> None:
    told = settle(
        labelled(
            {"category": "pig_butchering", "confidence": "forensic"},
            {"category": "reported_abuse", "confidence": "forensic"},
            {"category": "model_propagated", "confidence": "ownership"},
            {"category": "victim", "confidence": "forensic", "status": "retracted"},
        )
    )
    assert told.counts == {"teach_nothing": 1, "refused": 1, "retracted": 1}
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
    row = settle(labels).verdicts.row(0, named=True)
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
