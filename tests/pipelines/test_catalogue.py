"""The catalogue: JSON that its schema describes, pages that are whole, text for one signal."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from data.errors import Refused
from features.catalogue import catalogue as of_code
from pipelines.alerting.alerts import SCHEMA as ALERTS
from pipelines.catalogue import FORMATS, Pages, catalogue
from pipelines.reference.examples import examples
from pipelines.reference.facts import SCHEMA

SIGNALS = {signal.name: signal for signal in of_code().signals}


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    found = catalogue()
    assert isinstance(found, str)
    return json.loads(found)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_json_is_what_its_schema_says(facts, validator):
    assert [e.message for e in validator.iter_errors(facts)] == []


BROKEN: list[Callable[[dict[str, Any]], object]] = [
    lambda f: f.pop("red_flags"),
    lambda f: f["signals"][0].pop("cost"),
    lambda f: f["signals"][0].update(surplus=1),
    lambda f: f["signals"][0]["example"].update(rows=[]),
    lambda f: f["signals"][0].update(window=0),
    lambda f: f["signals"][0].update(fewest={"transfers_in": 1}),
    lambda f: f["red_flags"][0].pop("parts"),
    lambda f: f["red_flags"][0].update(verified="perhaps"),
    lambda f: f["red_flags"][0].update(url="http://example.org"),
    lambda f: f["stories"][0]["transfers"][0].update(amount="1,200"),
    lambda f: f["families"][0].update(cost=""),
]


@pytest.mark.parametrize("broken", range(len(BROKEN)))
def test_the_schema_refuses_what_is_not_said(facts, validator, broken):
    changed = json.loads(json.dumps(facts))
    BROKEN[broken](changed)
    assert list(validator.iter_errors(changed))


def test_every_signal_is_there_with_every_fact(facts):
    assert [signal["name"] for signal in facts["signals"]] == list(SIGNALS)
    assert facts["hash"] == of_code().hash()
    costs = {family.name: family.cost for family in of_code().families}
    for said in facts["signals"]:
        declared = SIGNALS[said["name"]].facts()
        assert {k: said[k] for k in declared} == json.loads(json.dumps(declared))
        assert said["cost"] == costs[said["family"]]
    assert [(f["name"], f["cost"]) for f in facts["families"]] == list(costs.items())
    named = [name for family in facts["families"] for name in family["signals"]]
    assert named == list(SIGNALS)


def test_examples_can_be_followed_without_the_code(facts):
    stories = {story["name"]: story for story in facts["stories"]}
    for said in facts["signals"]:
        shown, example = said["example"], examples()[said["name"]]
        transfers = stories[shown["story"]]["transfers"]
        assert [t["position"] for t in transfers] == list(range(len(transfers)))
        assert set(shown["shown"]) <= set(shown["rows"]) <= set(range(len(transfers)))
        assert shown["value"] == example.value
        for leg in shown["elsewhere"]:
            chain = stories[shown["story"]]["others"][leg["other"]]["chain"]
            if leg["position"] is None:
                assert chain == "ethereum" and leg["probability"] is None
            else:
                assert leg["position"] in shown["rows"] and chain != "ethereum"
        assert shown["sentence"] == example.sentence.text
    made = next(s for s in facts["signals"] if s["name"] == "value_in")["example"]
    transfers = stories[made["story"]]["transfers"]
    assert sum(transfers[row]["usd"] for row in made["rows"]) == made["value"]
    assert {transfers[row]["direction"] for row in made["rows"]} == {"in"}


def test_red_flags_are_the_registrys(facts, repository):
    with (repository / "data/registry/red_flags.csv").open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert facts["red_flags"]
    for flag in facts["red_flags"]:
        row = rows[flag["id"]]
        for column in ("name", "description", "source", "document", "section", "date", "url"):
            assert (flag[column] or "") == row[column], (flag["id"], column)
        assert flag["verified"] == (row["verified"] or "no")
        naming = [s["name"] for s in facts["signals"] if flag["id"] in s["red_flags"]]
        assert flag["signals"] == naming
    named = {flag for signal in facts["signals"] for flag in signal["red_flags"]}
    assert {flag["id"] for flag in facts["red_flags"]} == named


def test_an_alert_may_name_a_red_flag_however_its_source_was_read(repository):
    with (repository / "data/registry/red_flags.csv").open(encoding="utf-8") as file:
        read = {row["verified"] or "no" for row in csv.DictReader(file)}
    schema = json.loads(ALERTS.read_text(encoding="utf-8"))
    flags = schema["properties"]["contributions"]["items"]["properties"]["red_flags"]
    assert read <= set(flags["items"]["properties"]["verified"]["enum"])


def test_one_signal_as_json_is_a_part_of_the_whole(facts, validator):
    part = json.loads(str(catalogue("json", signal="peel_share")))
    assert list(validator.iter_errors(part)) == []
    assert part["signals"] == [s for s in facts["signals"] if s["name"] == "peel_share"]
    assert [flag["id"] for flag in part["red_flags"]] == ["peel_chain"]
    assert part["red_flags"][0]["signals"] == ["peel_share"]
    assert [family["signals"] for family in part["families"]] == [["peel_share"]]
    assert part["stories"] == [s for s in facts["stories"] if s["name"] == "peel chain"]


@pytest.mark.parametrize("name", SIGNALS)
def test_one_signal_for_a_terminal(name):
    text = str(catalogue(signal=name))
    signal, example = SIGNALS[name], examples()[name]
    flat = " ".join(text.split())
    family = next(f for f in of_code().families if f.name == signal.family)
    for said in (signal.meaning, signal.formula, signal.null_meaning, family.cost):
        assert " ".join(said.split()) in flat
    assert example.sentence.text in flat
    marked = re.findall(r"^  ([ *-]) +\d+ \w{3} \d\d:\d\d ", text, flags=re.MULTILINE)
    assert len(marked) == len(example.transfers)
    assert [k for k, mark in enumerate(marked) if mark == "*"] == list(example.shown)
    assert [k for k, mark in enumerate(marked) if mark != "-"] == list(example.rows)
    assert text.count("  Red flag  ") == len(signal.red_flags)
    assert max(map(len, text.splitlines())) <= 130
    assert text.isprintable() or {c for c in text if not c.isprintable()} == {"\n"}


def test_all_signals_in_a_line_each():
    text = str(catalogue("text"))
    for signal in SIGNALS.values():
        assert re.search(rf"^  {signal.name} +{re.escape(signal.meaning[:20])}", text, re.MULTILINE)


def test_one_page_holds_every_signal_and_red_flag(facts):
    page = str(catalogue("md"))
    assert list(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == list(SIGNALS)
    for flag in facts["red_flags"]:
        assert f"### {flag['name']}" in page
    assert "![" not in page, "a page on stdout has no folder of pictures"
    part = str(catalogue("md", signal="swaps"))
    assert part.startswith("# swaps\n")
    assert SIGNALS["swaps"].formula in part


def test_an_unknown_signal_is_refused_with_the_nearest():
    with pytest.raises(Refused, match="'peel_share'") as refused:
        catalogue(signal="peelshare")
    assert "no signal 'peelshare'" in str(refused.value)
    with pytest.raises(Refused) as refused:
        catalogue(signal="zzzz")
    assert refused.value.hint is None


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(Refused, match=", ".join(FORMATS)):
        catalogue("pdf")


@pytest.mark.parametrize("given", [{"format": "json"}, {"format": "text"}, {"signal": "swaps"}])
def test_a_folder_takes_the_whole_as_pages_only(tmp_path, given):
    with pytest.raises(Refused, match="only"):
        catalogue(**given, out=tmp_path / "docs")
    assert not (tmp_path / "docs").exists()


def test_the_pages_are_written_whole_and_the_same_again(tmp_path):
    out = tmp_path / "docs"
    done = catalogue("md", out=out)
    assert isinstance(done, Pages)
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    families = {f"signals/{f.name.replace('_', '-')}.md" for f in of_code().families}
    pictures = {f"images/signals/{name}.svg" for name in SIGNALS}
    assert set(files) == {"signals.md", "signals/red-flags.md"} | families | pictures
    assert (done.pages, done.pictures, done.surplus) == (len(families) + 2, len(pictures), ())
    (out / "signals" / "former.md").write_text("a family that is gone")
    again = catalogue(out=str(out))
    assert isinstance(again, Pages)
    assert again.surplus == ("signals/former.md",)
    assert {name: (out / name).read_bytes() for name in files} == files


def test_every_link_of_the_pages_leads_somewhere(tmp_path):
    catalogue(out=tmp_path)
    pages = [tmp_path / "signals.md", *(tmp_path / "signals").glob("*.md")]
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    pictured = set()
    for page, text in texts.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            name, _, fragment = link.partition("#")
            if name.startswith("https://"):
                continue
            target = (page.parent / name).resolve()
            assert target.is_file(), link
            if fragment:
                held = texts[target]
                assert f'<a id="{fragment}">' in held or f"\n## {fragment}\n" in held, link
            pictured |= {target.stem} if target.suffix == ".svg" else set()
    assert pictured == set(SIGNALS)
