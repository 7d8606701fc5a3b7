"""Nights of alerts: which group each comes into, and what a snooze hides and does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Refused
from pipelines.alerting.alerts import alert_id
from pipelines.rescoring.alert_changes import Change, changes, content
from pipelines.rescoring.snoozes import Snooze, read_snoozes
from pipelines.rescoring.split import GROUPS, Night, Split, split
from tests.generated import cases

START = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GONE = Change("below_review", "no longer up for review", worse=False)


def state(log_odds: float = 0.0, band: str = "high", **changed: Any) -> dict[str, Any]:
    row = {"band": band, "score": 0.5, "log_odds": log_odds, "role": "mule", "list_hits": None}
    return content({**row, "red_flags": ["fan_out"], **changed})


def alert(name: str = "a", **given: Any) -> dict[str, Any]:
    return {"alert_id": name, "chain": "tron", "address": name.upper(), "content": state(**given)}


class Nights:
    """Nights one after the other, each going on from the last."""

    def __init__(self) -> None:
        self.kept: Any = None
        self.at = START

    def then(self, *alerts: dict[str, Any], snoozes: dict[str, Snooze] | None = None) -> Split:
        night = Night(self.at, snoozes or {}, self.kept)
        here = {one["alert_id"] for one in alerts}
        before = [] if self.kept is None else list(self.kept["alerts"])
        found = split(night, alerts, {one: GONE for one in before if one not in here})
        self.kept, self.at = found.kept, self.at + DAY
        return found


def groups(found: Split) -> dict[str, str]:
    return {one.alert_id: one.group for one in found.told}


def why(found: Split) -> list[str]:
    return [change.what for one in found.told for change in one.why]


def snooze(days: float, name: str = "a", reason: str = "documents asked for") -> dict[str, Snooze]:
    return {name: Snooze(name, START + days * DAY, reason, "K. M.", 2)}


def test_a_first_night_is_all_new_and_a_second_compares():
    nights = Nights()
    assert groups(nights.then(alert("a"), alert("b"))) == {"a": "new", "b": "new"}
    found = nights.then(alert("a"), alert("c"))
    assert groups(found) == {"c": "new", "a": "unchanged", "b": "cleared"}
    assert [one.group for one in found.told] == ["new", "unchanged", "cleared"]
    assert groups(nights.then(alert("b"))) == {"b": "new", "a": "cleared", "c": "cleared"}


@pytest.mark.parametrize(
    "given, what, worse",
    [
        ({"band": "severe"}, "band", True),
        ({"band": "medium"}, "band", False),
        ({"log_odds": 0.3}, "score", True),
        ({"log_odds": -0.3}, "score", False),
        ({"red_flags": ["fan_out", "relay"]}, "red_flags", True),
        ({"red_flags": []}, "red_flags", False),
        ({"role": "collector"}, "part", False),
        ({"role": None}, "part", False),
        ({"list_hits": "OFAC (sanctioned, 2024, authority)"}, "lists", True),
    ],
)
def test_what_counts_as_a_change(given, what, worse):
    [change] = changes(state(), state(**given))
    assert (change.what, change.worse) == (what, worse)
    nights = Nights()
    nights.then(alert())
    assert groups(nights.then(alert(**given))) == {"a": "changed"}
    assert groups(nights.then(alert(**given))) == {"a": "unchanged"}


def test_what_does_not():
    assert changes(state(), state(log_odds=0.2, score=0.55)) == []
    assert changes(state(), state(red_flags=None)) == []


def test_a_score_that_creeps_is_told_once_it_has_come_far_enough():
    nights = Nights()
    told = [groups(nights.then(alert(log_odds=0.09 * step)))["a"] for step in range(7)]
    assert told == ["new", "unchanged", "unchanged", "changed", "unchanged", "unchanged", "changed"]


def test_a_snooze_hides_until_its_day_and_no_longer():
    nights = Nights()
    nights.then(alert())
    hidden = [groups(nights.then(alert(), snoozes=snooze(3)))["a"] for _ in range(2)]
    assert hidden == ["snoozed", "snoozed"]
    back = nights.then(alert(), snoozes=snooze(3))
    assert (groups(back), why(back)) == ({"a": "changed"}, ["snooze_ended"])
    assert groups(nights.then(alert(), snoozes=snooze(3))) == {"a": "unchanged"}


def test_a_snooze_that_is_deleted_shows_the_alert_again():
    nights = Nights()
    nights.then(alert())
    nights.then(alert(), snoozes=snooze(9))
    back = nights.then(alert())
    assert (groups(back), why(back)) == ({"a": "changed"}, ["snooze_withdrawn"])


@pytest.mark.parametrize(
    "worse", [{"band": "severe"}, {"log_odds": 0.4}, {"red_flags": ["fan_out", "relay"]},
              {"list_hits": "a mixer"}]
)  # fmt: skip
def test_what_gets_worse_wakes_and_stays_awake(worse):
    nights = Nights()
    nights.then(alert())
    assert groups(nights.then(alert(), snoozes=snooze(9))) == {"a": "snoozed"}
    woken = nights.then(alert(**worse), snoozes=snooze(9))
    assert groups(woken) == {"a": "changed"}
    assert why(woken)[0] == "woken"
    assert groups(nights.then(alert(**worse), snoozes=snooze(9))) == {"a": "unchanged"}
    assert groups(nights.then(alert(), snoozes=snooze(9)))["a"] == "changed"  # awake, and better
    again = snooze(9, reason="looked at, once more")
    assert groups(nights.then(alert(), snoozes=again)) == {"a": "snoozed"}


def test_what_gets_no_worse_sleeps_on():
    nights = Nights()
    nights.then(alert())
    for better in ({"band": "medium"}, {"log_odds": -2.0}, {"role": "collector"}):
        assert groups(nights.then(alert(**better), snoozes=snooze(9))) == {"a": "snoozed"}


def test_it_wakes_against_what_its_author_saw_not_against_last_night():
    nights = Nights()
    nights.then(alert())
    told = [
        groups(nights.then(alert(log_odds=0.1 * step), snoozes=snooze(9)))["a"]
        for step in range(1, 5)
    ]
    assert told == ["snoozed", "snoozed", "changed", "unchanged"]


def test_worse_in_the_very_night_of_the_snooze_wakes():
    nights = Nights()
    nights.then(alert(log_odds=0.5))
    nights.then(alert(log_odds=0.3))  # seen by whoever puts it off
    woken = nights.then(alert(log_odds=0.6), snoozes=snooze(9))
    assert (groups(woken), why(woken)) == ({"a": "changed"}, ["woken"])


def test_what_nobody_had_seen_is_not_hidden():
    nights = Nights()
    nights.then()
    assert groups(nights.then(alert(), snoozes=snooze(9))) == {"a": "new"}


def test_a_cleared_alert_that_comes_back_is_still_put_off():
    nights = Nights()
    nights.then(alert())
    nights.then(alert(), snoozes=snooze(9))
    assert groups(nights.then(snoozes=snooze(9))) == {"a": "cleared"}
    assert groups(nights.then(alert(), snoozes=snooze(9))) == {"a": "snoozed"}


def test_a_first_run_takes_snoozes_as_they_stand():
    assert groups(Nights().then(alert(), snoozes=snooze(9))) == {"a": "snoozed"}


_STATES: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict, band=st.sampled_from(["medium", "high", "severe"]), log_odds=st.floats(-1, 1),
    role=st.sampled_from(["mule", None]), list_hits=st.sampled_from([None, "a", "a; b"]),
)  # fmt: skip
_NIGHT = st.dictionaries(st.sampled_from("abc"), _STATES)


@settings(max_examples=cases(60), deadline=None)
@given(
    many=st.lists(_NIGHT, max_size=6),
    puts_off=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 6)),
)
def test_every_alert_stands_in_one_group_whatever_happens(many, puts_off):
    nights, before = Nights(), set[str]()
    snoozes = {k: v for name, days in puts_off.items() for k, v in snooze(days, name).items()}
    for number, night in enumerate(many):
        found = nights.then(*(alert(n, **s) for n, s in night.items()), snoozes=snoozes)
        told = [one.alert_id for one in found.told]
        assert sorted(told) == sorted({*night, *before})
        assert {one.alert_id for one in found.of("cleared")} == before - {*night}
        assert [one.group for one in found.told] == sorted(
            (one.group for one in found.told), key=GROUPS.index
        )
        for one in found.of("snoozed"):
            assert puts_off[one.alert_id] > number
        if number:
            new = {one.alert_id for one in found.of("new")}
            assert new <= {*night} - before
        before = {*night}


# --- The file ---

ADDRESS = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


def test_a_file_names_alerts_or_addresses(tmp_path):
    file = tmp_path / "snoozes.csv"
    evm = "0x" + "AB" * 20
    file.write_text(
        "alert_id,chain,address,until,reason,by\n"
        f",,{ADDRESS},2024-06-01,asked,K. M.\n"
        f",bsc,{evm},2024-06-01T12:00:00+02:00,asked,K. M.\n"
        "alert-0123456789abcdef,,,2024-06-02,first,K. M.\n"
        "alert-0123456789abcdef,,,2024-07-02,prolonged,A. B.\n",
        encoding="utf-8",
    )
    found = read_snoozes(file)
    assert found.faults == ()
    assert set(found.by_alert) == {
        alert_id("tron", ADDRESS), alert_id("bsc", evm.lower()), "alert-0123456789abcdef",
    }  # fmt: skip
    assert found.by_alert["alert-0123456789abcdef"].reason == "prolonged"
    assert found.by_alert[alert_id("bsc", evm.lower())].until.hour == 10
    file.write_text(f"address,until,reason,by\n{evm},2024-06-01,asked,K. M.\n", encoding="utf-8")
    assert len(read_snoozes(file).by_alert) > 5  # on every chain with such addresses


@pytest.mark.parametrize(
    "row, said",
    [
        (f",,{ADDRESS},soon,asked,K. M.", "soon"),
        (f",,{ADDRESS},2024-06-01,,K. M.", "no reason"),
        (f",,{ADDRESS},2024-06-01,asked,", "no by"),
        (f",,{ADDRESS},,asked,K. M.", "no until"),
        (",,,2024-06-01,asked,K. M.", "neither"),
        ("17,,,2024-06-01,asked,K. M.", "no alert id"),
        (",,0x12,2024-06-01,asked,K. M.", "no address"),
        (f",nowhere,{ADDRESS},2024-06-01,asked,K. M.", "chain"),
        (f"alert-0123456789abcdef,,{ADDRESS},2024-06-01,asked,K. M.", "not that of its address"),
        (f",,{ADDRESS},2024-06-01,{'x' * 501},K. M.", "more than 500"),
    ],
)
def test_a_line_that_cannot_be_used_hides_nothing_and_is_named(tmp_path, row, said):
    file = tmp_path / "snoozes.csv"
    good = "alert-0123456789abcdef,,,2024-06-02,asked,K. M."
    header = "alert_id,chain,address,until,reason,by"
    file.write_text(f"{header}\n{row}\n{good}\n", encoding="utf-8")
    found = read_snoozes(file)
    assert list(found.by_alert) == ["alert-0123456789abcdef"]
    [fault] = found.faults
    assert fault.startswith("line 2: ")
    assert said in fault


def test_a_header_alone_puts_nothing_off_and_another_table_is_refused(tmp_path):
    file = tmp_path / "snoozes.csv"
    file.write_text("alert_id,until,reason,by\n", encoding="utf-8")
    assert read_snoozes(file).by_alert == {}
    assert read_snoozes(None).by_alert == {}
    file.write_text("address,label\n0x12,1\n", encoding="utf-8")
    with pytest.raises(Refused, match="until"):
        read_snoozes(file)
