"""Replay: alerts come out again byte for byte, or what stands in the way is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.errors import Refused
from data.storage import write_parquet
from pipelines.explain import explain
from pipelines.replay import MOST_FIELDS, replay
from tests.unwatched import unwatched

TOP = 12


@pytest.fixture(scope="module")
def explained(world, bundle, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("alerts") / "alerts"
    with unwatched():
        explain(
            bundle, world.store, world.addresses, out, top=TOP, services=world.services, threads=1
        )
    return out


@pytest.fixture
def again(world, bundle):
    """Replay with everything at hand, changed as told."""

    def call(alert: Path, **changed: Any) -> Any:
        places = {
            "bundle": bundle,
            "transfers": world.store,
            "services": world.services,
            "addresses": world.addresses,
        }
        return replay(alert, threads=1, **(places | changed))

    return call


def lines_of(folder: Path) -> list[str]:
    return (folder / "alerts.jsonl").read_text(encoding="utf-8").splitlines()


def written(path: Path, *alerts: str | dict[str, Any]) -> Path:
    texts = [a if isinstance(a, str) else json.dumps(a, separators=(",", ":")) for a in alerts]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def changed(line: str, **values: Any) -> dict[str, Any]:
    return json.loads(line) | values


def test_a_folder_comes_out_again_whole(explained, again):
    done = again(explained)
    assert (done.alerts, done.outcomes, done.exit_code) == (TOP, {"reproduced": TOP}, 0)
    assert not done.differing
    assert not done.notes


def test_inputs_are_found_by_what_they_hold_in_any_order_and_form(
    explained, again, world, bundle, tmp_path
):
    other_store = world.copy(tmp_path / "other", world.transfers.head(5000))
    moved = shutil.copytree(world.store, tmp_path / "under another name")
    other_services = tmp_path / "services.csv"
    other_services.write_text(world.services.read_text() + "\n# mine\n", encoding="utf-8")
    listed = pl.read_csv(world.addresses, try_parse_dates=True).sample(
        fraction=1.0, shuffle=True, seed=1
    )
    listed.write_parquet(tmp_path / "list.parquet")
    done = again(
        explained,
        bundle=[str(bundle)],
        transfers=[other_store, moved],
        services=[other_services, world.services],
        addresses=tmp_path / "list.parquet",
    )
    assert done.outcomes == {"reproduced": TOP}


def test_one_alert_needs_the_list_for_its_rank_alone(explained, again, tmp_path):
    one = written(tmp_path / "one.json", lines_of(explained)[TOP - 1])
    assert again(one).outcomes == {"reproduced": 1}
    done = again(one, addresses=None)
    assert (done.outcomes, done.exit_code) == ({"rank_unchecked": 1}, 3)
    assert "--addresses" in done.notes[0]


@pytest.mark.parametrize(
    "values, field",
    [
        ({"rank": 99}, "rank"),
        ({"score": 0.5}, "score"),
        ({"verdict": "guilty"}, "verdict"),
        ({"notices": []}, "notices"),
        ({"generated_by": "unrinse 9.9.9"}, "generated_by"),
        ({"extra": 1}, "extra"),
    ],
)
def test_an_alert_that_was_changed_is_found_out(explained, again, tmp_path, values, field):
    lines = lines_of(explained)
    file = written(tmp_path / "two.jsonl", changed(lines[0], **values), lines[1])
    done = again(file)
    assert (done.outcomes, done.exit_code) == ({"differs": 1, "reproduced": 1}, 4)
    [one] = done.differing.values()
    assert one["fields"][0].partition("[")[0] == field
    assert "changed after it was written" in done.notes[0]


def test_a_deep_change_is_named_where_it_stands(explained, again, tmp_path):
    alert = json.loads(lines_of(explained)[0])
    alert["contributions"][3]["contribution"] += 1e-12
    done = again(written(tmp_path / "one.json", alert))
    [one] = done.differing.values()
    assert one["fields"] == ["contributions[3].contribution"]


def test_many_fields_are_counted(explained, again, tmp_path):
    alert = json.loads(lines_of(explained)[0])
    for part in alert["contributions"]:
        part["meaning"] += "."
    done = again(written(tmp_path / "one.json", alert))
    [one] = done.differing.values()
    n = len(alert["contributions"])
    assert one["fields"][0] == "contributions[0].meaning"
    assert one["fields"][-1] == f"and {n - MOST_FIELDS} more"
    assert len(one["fields"]) == MOST_FIELDS + 1


def test_an_address_that_no_longer_scores_is_told(explained, again, tmp_path):
    line = changed(lines_of(explained)[0], address="0x" + "ab" * 20)
    done = again(written(tmp_path / "one.json", line), addresses=None)
    assert next(iter(done.differing.values()))["fields"] == ["status: now not_found"]
    assert done.exit_code == 4


def test_the_same_values_written_otherwise_are_told_apart(explained, again, tmp_path):
    alert = json.loads(lines_of(explained)[0])
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(alert, indent=2), encoding="utf-8")
    done = again(pretty)
    assert (done.outcomes, done.exit_code) == ({"rewritten": 1}, 3)
    windows = tmp_path / "windows.jsonl"
    windows.write_bytes(b"\r\n".join(line.encode() for line in lines_of(explained)))
    assert again(windows).outcomes == {"rewritten": TOP - 1, "reproduced": 1}


def test_another_program_is_a_named_cause(explained, again, monkeypatch):
    for module in ("recorded", "replay"):
        monkeypatch.setattr(f"pipelines.{module}.program_sha256", lambda: "ab" * 32)
    done = again(explained)
    assert (done.outcomes, done.exit_code) == ({"other_program": TOP}, 3)
    assert "The program is another" in done.notes[0]
    assert "code abababababab" in done.notes[0]


def test_other_libraries_are_a_named_cause(explained, again, monkeypatch, tmp_path):
    monkeypatch.setattr("pipelines.alerting.alerts.TYPOLOGY", "another")
    monkeypatch.setattr(
        "pipelines.replay.environment", lambda: {"polars": "99.0", "machine": "riscv"}
    )
    done = again(explained)
    assert done.outcomes == {"differs": TOP}
    assert any("polars" in note and "99.0 now" in note for note in done.notes)
    fields = next(iter(done.differing.values()))["fields"]
    assert fields == ["alert_id", "typology"]


@pytest.mark.parametrize(
    "what, said",
    [
        ("bundle", "The bundle: recorded SHA-256"),
        ("transfers", "The transfers: recorded SHA-256"),
        ("services", "File 1 of 1 of services or labels: recorded SHA-256"),
        ("no services", "given nothing"),
        ("coverage", "The coverage table beside the transfers: recorded SHA-256"),
        ("synthetic", "recorded made by a simulation, given real"),
        ("registry", "The built-in table assets.csv: recorded SHA-256"),
        ("list", "is not the address list of the run"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_computed(
    what, said, explained, again, world, bundle, tmp_path, monkeypatch
):
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("pipelines.replay.score_asked", never)
    given: dict[str, Any] = {}
    if what == "bundle":
        other = shutil.copytree(bundle, tmp_path / "bundle")
        (other / "bundle.json").write_bytes((other / "bundle.json").read_bytes() + b"\n")
        given["bundle"] = other
    elif what == "transfers":
        given["transfers"] = world.copy(tmp_path / "store", world.transfers.head(3000))
    elif what == "services":
        given["services"] = world.addresses
    elif what == "no services":
        given["services"] = None
    elif what == "coverage":
        folder = tmp_path / "store"
        folder.mkdir()
        shutil.copy(world.store / "transfers.parquet", folder)
        write_parquet(world.coverage.head(10), folder / "coverage.parquet")
        given["transfers"] = folder
    elif what == "synthetic":
        folder = tmp_path / "store"
        folder.mkdir()
        for name in ("transfers.parquet", "coverage.parquet", "addresses.parquet"):
            shutil.copy(world.store / name, folder)
        given["transfers"] = folder
    elif what == "registry":
        monkeypatch.setattr(
            "pipelines.again.originals.registry_sha256", lambda: {"assets.csv": "0"}
        )
    else:
        listed = pl.read_csv(world.addresses).head(50)
        listed.write_csv(tmp_path / "list.csv")
        given["addresses"] = tmp_path / "list.csv"
    with pytest.raises(Refused) as refused:
        again(explained, **given)
    assert said in str(refused.value)


def test_alerts_of_several_runs_are_told_apart(explained, again, world, bundle, tmp_path):
    other = explain(bundle, world.store, world.addresses, tmp_path / "without", top=3, threads=1)
    file = written(tmp_path / "all.jsonl", *lines_of(explained), *lines_of(other.out))
    assert again(file).outcomes == {"reproduced": TOP + 3}
    done = again(file, services=None)
    assert done.outcomes == {"reproduced": 3, "missing": TOP}
    assert done.exit_code == 3
    assert "services or labels" in done.notes[0]
    assert sum(done.missing.values()) == TOP


def test_declared_coverage_is_taken_from_the_record(world, bundle, tmp_path):
    plain = tmp_path / "transfers.parquet"
    write_parquet(world.transfers, plain)
    done = explain(
        bundle, plain, world.addresses, tmp_path / "alerts", top=2, assume_complete=True,
        research_use=True, as_of=pl.Series([world.as_of]).str.to_datetime(time_zone="UTC")[0],
    )  # fmt: skip
    with pytest.raises(Refused, match="not for decisions"):
        replay(done.out, bundle, plain, addresses=world.addresses)
    told = replay(done.out, bundle, plain, addresses=world.addresses, research_use=True)
    assert told.outcomes == {"reproduced": 2}


def test_a_damaged_folder_is_refused(explained, again, tmp_path):
    folder = shutil.copytree(explained, tmp_path / "alerts")
    with (folder / "alerts.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(Refused, match="not the file that was written"):
        again(folder)


NESTED = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "{",
        "[]",
        "null",
        "not json",
        '{"chain": "tron"}',
        NESTED,
        '{"chain": 1, "address": [], "as_of": {}, "alert_id": null, "rank": "1"}',
        '{"chain":"x","address":"y","as_of":"never","alert_id":"z","rank":1}',
        '{"chain":"x","address":"y","as_of":"2024-01-01","alert_id":"z","rank":1}',
        '{"chain":"x","address":"y","as_of":"2024-01-01","alert_id":"z","rank":1,"inputs":[]}',
        '{"chain":"x","address":"y","as_of":"2024-01-01","alert_id":"z","rank":1,"inputs":{}}',
    ],
)
def test_what_is_no_alert_is_refused(text, again, tmp_path):
    file = tmp_path / "alert.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Refused):
        again(file)


@pytest.mark.parametrize(
    "name", [*("as_of", "services_sha256", "registry_sha256"), "coverage_sha256"]
)
@pytest.mark.parametrize("value", [None, 7, "x", [1], {"a": 1}])
def test_inputs_of_another_shape_are_refused(name, value, explained, again, tmp_path):
    alert = json.loads(lines_of(explained)[0])
    alert["inputs"][name] = value
    with pytest.raises(Refused):
        again(written(tmp_path / "one.json", alert))


def test_binary_and_absent_files_are_refused(again, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("binary", "absent"):
        with pytest.raises(Refused):
            again(tmp_path / name)


def test_an_alert_without_inputs_says_what_to_do(explained, again, tmp_path):
    alert = json.loads(lines_of(explained)[0])
    del alert["inputs"]
    with pytest.raises(Refused, match="did not record its inputs"):
        again(written(tmp_path / "one.json", alert))
