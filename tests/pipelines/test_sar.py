"""SAR packages: facts and totals of a case, for a human; nothing of the model; whole or not."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from data.errors import Refused
from data.storage import read_manifest
from data.transfers import open_transfers
from features.catalogue import catalogue
from features.evidence import digest
from models.bands import BANDS, LOWEST
from models.bundle import Bundle
from pipelines import cli
from pipelines.casework import sar
from pipelines.casework.sar_facts import HOURS, PARTS
from pipelines.explain import explain
from tests.pipelines.hostile import FORMULAS, XSS

FILES = {
    "README.txt", "SHA256SUMS", "before-you-file.txt", "evidence.csv", "evidence.json",
    "narrative.txt",
}  # fmt: skip
MODEL_WORDS = (
    r"scor(e|es|ed|ing)", r"probabilit\w+", r"likelihood", r"log.?odds", r"odds", r"bands?",
    r"severe", r"percentiles?", r"models?", r"bundles?", r"signals?", r"look-?alikes?",
    r"calibrat\w+", r"ranks?", r"base rate", r"training", r"predict\w*",
    r"classif\w+", r"machine learning", r"risk", r"contribution\w*", r"shap",
)  # fmt: skip


@pytest.fixture(scope="module")
def packages(reviewed) -> list[Path]:
    folders = sorted((reviewed.done.out / "sar").iterdir())
    assert len(folders) == reviewed.done.sar_packages > 20
    return folders


def read(folder: Path, name: str = "evidence.json") -> Any:
    text = (folder / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else text


def appendix(folder: Path) -> list[dict[str, str]]:
    with (folder / "evidence.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def texts(folder: Path) -> str:
    """Return all that a package says in words."""
    facts = [fact["text"] for fact in read(folder)["facts"]]
    names = ("narrative.txt", "before-you-file.txt", "README.txt")
    return "\n".join([*(read(folder, name) for name in names), *facts])


def test_every_case_that_calls_for_review_has_a_package(reviewed, packages):
    review = {
        (alert["chain"], alert["address"])
        for alert in reviewed.alerts
        if alert["band"] not in (None, LOWEST)
    }
    expected = {
        case["case_id"]
        for case in reviewed.cases["cases"]
        if review & {(m["chain"], m["address"]) for m in case["members"]}
    }
    assert {folder.name for folder in packages} == expected == set(reviewed.done.sar)
    for folder in packages:
        assert {path.name for path in folder.iterdir()} == FILES
    subjects = [(s["chain"], s["address"]) for f in packages for s in read(f)["subjects"]]
    assert sorted(subjects) == sorted(review)


def test_standard_tools_verify_a_package(reviewed, packages):
    for folder in packages[:5]:
        subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)
    for folder in packages:
        lines = read(folder, "SHA256SUMS").splitlines()
        told = {line[66:]: line[:64] for line in lines}
        assert set(told) == FILES - {"SHA256SUMS"}
        for name, expected in told.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected
        sums = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
        assert reviewed.done.sar[folder.name] == sums
    assert f"sar/{packages[0].name}/SHA256SUMS" in read_manifest(reviewed.done.out)["files"]


def test_a_changed_file_is_found_out(packages, tmp_path):
    folder = shutil.copytree(packages[0], tmp_path / "package")
    with (folder / "evidence.csv").open("a") as file:
        file.write("x")
    check = ["sha256sum", "-c", "SHA256SUMS"]
    done = subprocess.run(check, cwd=folder, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"evidence.csv: FAILED" in done.stdout


def test_totals_are_those_of_the_appendix(packages):
    for folder in packages:
        told, rows = read(folder), appendix(folder)
        for side in ("received", "paid", "between"):
            own = [row for row in rows if row["side"] == side]
            total = told["totals"][side]
            assert total["n"] == len(own)
            assert total["without_price"] == sum(not row["usd"] for row in own)
            assert Decimal(total["usd"]) == sum(Decimal(row["usd"] or 0) for row in own)
            for asset in total["assets"]:
                some = [
                    r for r in own if (r["chain"], r["asset"]) == (asset["chain"], asset["asset"])
                ]
                assert Decimal(asset["amount"]) == sum(Decimal(row["amount"]) for row in some)
        mine = [row["block_time"] for row in rows if row["side"] != "others"]
        assert told["first"].removesuffix("Z") == min(mine).removesuffix("Z")
        assert told["last"].removesuffix("Z") == max(mine).removesuffix("Z")


def test_the_narrative_states_the_totals_and_the_dates(packages):
    for folder in packages:
        told, text = read(folder), read(folder, "narrative.txt")
        for side in ("received", "paid"):
            total = told["totals"][side]
            if total["n"] > total["without_price"] and len(told["subjects"]) > 1:
                assert f"${Decimal(total['usd']):,.2f}" in text
        for year in (told["first"][:4], told["last"][:4]):
            assert year in text


def test_every_fact_names_its_transactions(packages):
    for folder in packages:
        told, rows = read(folder), appendix(folder)
        assert [fact["number"] for fact in told["facts"]] == list(range(1, len(told["facts"]) + 1))
        by_fact: dict[int, list[dict[str, str]]] = {}
        for row in rows:
            for number in row["facts"].split():
                by_fact.setdefault(int(number), []).append(row)
        places = [PARTS.index(fact["part"]) for fact in told["facts"]]
        assert places == sorted(places)
        narrative = read(folder, "narrative.txt")
        for fact in told["facts"]:
            some = by_fact.get(fact["number"], [])
            assert fact["n_transactions"] == len(some)
            assert fact["digest"] == digest([row["tx_id"] for row in some])
            assert f"F{fact['number']}. {fact['text']}" in narrative
            assert some or "same address on" in fact["text"]


def test_every_transaction_of_the_appendix_is_real_and_exact(reviewed, packages):
    real = {
        (row["chain"], row["tx_id"], str(row["log_index"])): row
        for row in open_transfers(reviewed.store).scan().collect().iter_rows(named=True)
    }
    for folder in packages:
        rows = appendix(folder)
        for row, told in zip(rows, read(folder)["transactions"], strict=True):
            found = real[row["chain"], row["tx_id"], row["log_index"]]
            assert (row["sender"], row["receiver"]) == (found["sender"], found["receiver"])
            assert row["asset"] == found["asset"]
            digits = row["amount"].replace(".", "").lstrip("0")
            assert found["amount_raw"].startswith(digits) or not digits
            micros = None if row["usd"] == "" else int(Decimal(row["usd"]) * 10**6)
            assert micros == found["usd_micros"]
            assert told["tx_id"] == row["tx_id"]
            assert " ".join(map(str, told["facts"])) == row["facts"]


def test_reasons_bring_all_their_transactions(reviewed, packages):
    """An alert shows a few rows of each reason; its package holds every one of them."""
    packaged = {
        (s["chain"], s["address"]): (folder, s["label"])
        for folder in packages
        for s in read(folder)["subjects"]
    }
    compared = 0
    for alert in reviewed.alerts:
        folder, label = packaged.get((alert["chain"], alert["address"]), (None, ""))
        if folder is None:
            continue
        why = [fact for fact in read(folder)["facts"] if fact["part"] == "why"]
        ids = {row["tx_id"] for row in appendix(folder)}
        for reason in alert["reasons"]:
            if reason["signal"] in HOURS:
                continue
            clause = reason["sentence"].rpartition(", in the ")[0]
            [fact] = [f for f in why if f["text"] == f"{label}: {clause}."]
            assert {row["tx_id"] for row in reason["evidence"]["rows"]} <= ids
            if not reason["evidence"]["elsewhere"]:
                assert fact["n_transactions"] == reason["evidence"]["n_rows"]
                compared += 1
    assert compared > 50


# --- what a package must not say ------------------------------------------------------------------


def test_nothing_of_the_model_gets_into_a_package(reviewed, packages):
    names = [name for name in catalogue().by_name if "_" in name]
    bundle = json.loads((reviewed.bundle / "bundle.json").read_text(encoding="utf-8"))
    secrets = [reviewed.done.bundle_sha256, *bundle["files"].values()]
    for folder in packages:
        words = texts(folder).lower()
        for pattern in MODEL_WORDS:
            assert not re.search(rf"\b{pattern}\b", words), pattern
        everything = "\n".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
        for text in (*names, *secrets):
            assert text not in everything, text
        for key in ('"score', '"band', '"signal', '"contribution', '"log_odds', '"rank'):
            assert key not in everything, key
        for band in BANDS:
            assert f'"{band}"' not in everything


def test_no_number_of_the_model_gets_into_a_package(reviewed, packages):
    packaged = {
        (s["chain"], s["address"]): folder for folder in packages for s in read(folder)["subjects"]
    }
    for alert in reviewed.alerts:
        folder = packaged.get((alert["chain"], alert["address"]))
        if folder is None:
            continue
        everything = "\n".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
        numbers = [alert[name] for name in ("score", "score_low", "score_high", "log_odds", "base")]
        numbers += [c["contribution"] for c in alert["contributions"] if c["contribution"]]
        for number in numbers:
            assert repr(number) not in everything
            if number is not None:
                assert f"{number:.6f}".strip("-") not in texts(folder)


def test_hours_of_the_day_are_no_facts():
    """Whatever signal rests on the hours of the day is named, so that none slips in."""
    told = {
        signal.name
        for signal in catalogue().signals
        if re.search(r"hours? of the day|time of day|time zone|night|weekend", signal.says)
        or re.search(r"hours? of the day|time zone", signal.formula)
    }
    assert told == HOURS


def test_key_terms_are_offered_and_not_chosen(packages):
    for folder in packages:
        assert "PIGBUTCHERING" not in read(folder, "narrative.txt")
        assert "CMLN" not in read(folder, "narrative.txt")
        offered = read(folder, "before-you-file.txt")
        for term in ("FIN-2023-PIGBUTCHERING", "CMLN-2025-A003"):
            assert f"Consider whether {term} applies." in offered
        assert "PIGBUTCHERING" not in read(folder, "evidence.json")
        for word in ("chinese", "china", "cartel"):
            assert word not in texts(folder).lower()


def test_a_draft_says_that_it_is_one(packages):
    for folder in packages:
        for name in ("narrative.txt", "before-you-file.txt", "README.txt"):
            assert read(folder, name).startswith("DRAFT, MADE BY A PROGRAM. NOT REVIEWED")
        assert read(folder)["draft"] is True
        text = read(folder, "narrative.txt")
        assert text.rstrip().endswith("NOT FILED.")
        for part in ("WHO", "WHAT", "WHEN", "WHERE", "WHY", "HOW"):
            assert re.search(rf"^{part}$", text, flags=re.MULTILINE)
        assert len(re.findall(r"\[[A-Z][^\]]+\]", text)) >= 9
        assert "|" not in text  # no table


def test_victims_are_victims_and_nobody_else_is_a_subject(reviewed, packages):
    lines = (reviewed.done.out / "outreach.csv").read_text(encoding="utf-8").splitlines()[1:]
    victims = {tuple(line.split(",")[:2]) for line in lines}
    alerted = {(alert["chain"], alert["address"]) for alert in reviewed.alerts}
    found = 0
    for folder in packages:
        told = read(folder)
        sides = {
            name: {(one["chain"], one["address"]) for one in told[name]}
            for name in ("subjects", "by_association_only", "possible_victims")
        }
        assert sides["subjects"] <= alerted
        assert not sides["subjects"] & victims
        assert not sides["by_association_only"] & victims
        assert sides["possible_victims"] <= victims
        found += len(sides["possible_victims"])
        text = read(folder, "narrative.txt")
        before, _, after = text.partition("POSSIBLE VICTIMS")
        for _, address in victims:
            if address in text:  # named once, in the part for victims; elsewhere as V1, V2
                assert address not in before
                assert f": {address} (" in after
    assert found > 10


# --- when there is none ---------------------------------------------------------------------------


def test_a_model_that_is_not_for_decisions_drafts_nothing(world, bundle, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Refused, match="decision_use is false.*--trained-on reviewed"):
        explain(bundle, world.store, world.addresses, out, sar=True, research_use=True)
    assert not out.exists()
    words = ["explain", bundle, world.store, "--addresses", world.addresses, "--out", out, "--sar"]
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert done.exit_code == 2
    assert "leave out --sar" in " ".join(done.stderr.split())
    assert not out.exists()


def test_reviewed_labels_too_few_to_test_on_are_said_to_be_that(monkeypatch):
    facts = SimpleNamespace(decision_use=False, training_basis="reviewed")
    monkeypatch.setattr(Bundle, "load", lambda path: SimpleNamespace(facts=facts))
    with pytest.raises(Refused, match="too few to test it on both kinds"):
        sar.refuse_undecided(Path("b"))


def test_a_package_is_whole_or_there_is_none(reviewed, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sar, "readme", fail)
    with pytest.raises(Refused, match="No space left"):
        reviewed.explain(tmp_path / "out", top=2)
    assert [path.name for path in tmp_path.iterdir()] == [".out.work"]
    monkeypatch.undo()
    resumed = reviewed.explain(tmp_path / "out", top=2, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert resumed.sar == reviewed.explain(tmp_path / "again", top=2).sar


def test_addresses_below_review_are_no_subjects(reviewed, tmp_path):
    """`--top` explains whom nobody would review; no report is drafted about them."""
    short = reviewed.listing(tmp_path / "list.csv", alerts=3, below=3)
    done = short.explain(tmp_path / "out", top=9)
    bands = {
        (alert["chain"], alert["address"]): alert["band"]
        for alert in map(json.loads, (done.out / "alerts.jsonl").read_text().splitlines())
    }
    assert LOWEST in bands.values()
    for folder in (done.out / "sar").iterdir():
        for subject in read(folder)["subjects"]:
            assert bands[subject["chain"], subject["address"]] != LOWEST


def test_invented_transfers_are_an_exercise(reviewed, tmp_path):
    done = explain(
        reviewed.bundle, reviewed.world.store, reviewed.world.addresses, tmp_path / "out",
        services=reviewed.world.services, sar=True, top=2,
    )  # fmt: skip
    folder = next((done.out / "sar").iterdir())
    assert "INVENTED TRANSFERS: AN EXERCISE. NEVER FILE THIS." in read(folder, "narrative.txt")
    assert read(folder)["synthetic"] is True


def test_the_same_input_gives_the_same_package(reviewed, tmp_path):
    again = reviewed.explain(tmp_path / "out")
    assert again.sar == reviewed.done.sar
    assert read_manifest(again.out) == read_manifest(reviewed.done.out)


def test_hostile_names_stay_text(reviewed, tmp_path):
    """A list that names a counterparty may hold anything."""
    known = pl.read_csv(reviewed.world.services)
    payloads = (FORMULAS + [x for x in XSS if "\x00" not in x]) * 3
    hostile = known.with_columns(name=pl.Series(payloads[: known.height]))
    hostile.write_csv(tmp_path / "services.csv")
    done = reviewed.explain(tmp_path / "out", services=tmp_path / "services.csv", top=10)
    for folder in (done.out / "sar").iterdir():
        for name in ("narrative.txt", "before-you-file.txt"):
            text = read(folder, name)
            assert not re.search("[\x00-\x09\x0b-\x1f\u200b\u202e\ufeff]", text)
        for row in appendix(folder):
            for cell in row.values():
                assert not re.match(r"[=+@\t\r]|-(?!1$)", cell)
