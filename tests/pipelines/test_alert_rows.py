"""A page says each transfer, tail and source once, and loses none."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.alerting.alerts import SCHEMA
from pipelines.pages.alert_rows import reasons_once, short, sources, tail_of
from pipelines.pages.party_words import KINDS, in_words, supplied_words
from pipelines.pages.tables import alike, columns
from tests.generated import cases
from tests.pipelines.alert_examples import example

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1)), max_size=6, unique=True)


def alert_of(evidence: list[list[tuple[str, int]]]) -> dict[str, Any]:
    def row(key: tuple[str, int]) -> dict[str, Any]:
        return {"tx_id": key[0], "log_index": key[1]}

    return {
        "reasons": [
            {"evidence": {"rows": [row(key) for key in rows], "elsewhere": []}} for rows in evidence
        ]
    }


@settings(max_examples=cases(100), deadline=None)
@given(evidence=st.lists(ROWS, max_size=5))
def test_every_transfer_stands_once_with_all_its_reasons(evidence):
    told = reasons_once(alert_of(evidence))
    stands = {}
    for place, one in enumerate(told, 1):
        for row in one["rows"]:
            key = (row["tx_id"], row["log_index"])
            assert key not in stands
            stands[key] = [place, *row["also"]]
    for key in {key for rows in evidence for key in rows}:
        assert stands[key] == [place for place, rows in enumerate(evidence, 1) if key in rows]
    for rows, one in zip(evidence, told, strict=True):
        assert len(one["rows"]) + sum(n for _, n in one["again"]) == len(rows)


def test_a_short_sentence_is_the_alerts_own():
    alert = example()
    whole = [reason["sentence"] for reason in alert["reasons"]]
    for sentence in whole:
        assert sentence == f"{short(sentence)[:-1]}, {tail_of(whole)}."
    assert tail_of([*whole, "It paid."]) == ""
    assert tail_of([]) == ""


def test_a_source_is_cited_once_with_how_it_was_read():
    alert = example()
    signals = {part["signal"]: part for part in alert["contributions"]}
    flags = [flag for reason in alert["reasons"] for flag in signals[reason["signal"]]["red_flags"]]
    told = sources(alert)
    assert [one["source"] for one in told] == list(dict.fromkeys(f["source"] for f in flags))
    assert {one["state"] for one in told} == {"cited at second hand", "source not yet checked"}
    assert len({one["mark"] for one in told}) == len(told)


def test_words_for_parties():
    run = {"status": "scored", "score": 0.5, "band": "high"}
    tag = {"name": "Blender"}
    party = {"kind": "mixer", "tags": [tag], "in_run": run}
    assert in_words(party) == "mixer Blender, high in this run"
    assert in_words(party | {"tags": [{"name": "A Mixer"}], "in_run": None}) == "A Mixer"
    below = party | {"kind": "unknown", "tags": [], "in_run": run | {"band": "below_review"}}
    assert in_words(below) == "below review in this run, which clears nobody"
    victim = {"status": "possible_victim", "score": None, "band": None}
    told = in_words({"kind": "possible_victim", "tags": [], "in_run": victim})
    assert told == "perhaps a victim’s, by this run"
    assert supplied_words({"supplied": {"in": False, "out": False}}) == "no"
    assert supplied_words({"supplied": {"in": True, "out": True}}) == "yes"
    assert supplied_words({"supplied": {"in": False, "out": True}}) == "what it paid"


def test_every_kind_of_the_schema_has_words():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert set(schema["$defs"]["party_kind"]["enum"]) == set(KINDS)


def test_conventions_that_read_the_same_have_one_column():
    row = {"usd": None, "share": None, "n_transfers": 2, "amount": "5"}
    assert columns([{"fifo": row, "haircut": dict(row)}]) == ["fifo"]
    assert columns([{"fifo": row, "haircut": row | {"amount": "6"}}]) == ["fifo", "haircut"]
    assert not alike([{"fifo": row, "haircut": None}])
