"""The job `simulate`: its options, the exports beside a world, and what it refuses."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from data.errors import Refused
from data.schema import LEGS, leg_set
from data.simulation.exports import WRITERS
from data.simulation.exports.readme import FILES
from data.simulation.exports.sample import MOST_ROWS
from data.simulation.identities import CHAINS
from data.simulation.populations import CRIMINAL_ROLES
from data.storage import read_manifest
from pipelines import cli
from pipelines.simulate import SimulateResult, simulate

PER_CHAIN = 4


ASKED: dict[str, Any] = {
    "seed": 3, "addresses": 600, "days": 200, "prevalence": 0.1, "exports_of": PER_CHAIN,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> SimulateResult:
    folder = tmp_path_factory.mktemp("made")
    return simulate(folder / "world", **ASKED, workers=1, exports=folder / "exports")


@pytest.fixture(scope="module")
def exports(made) -> Path:
    assert made.exports is not None
    return made.exports


def commands(page: str) -> list[str]:
    return [line.strip() for line in page.splitlines() if line.startswith("    unrinse ingest")]


def test_some_criminals_and_some_others_of_every_chain(made, exports):
    truth = pl.read_parquet(made.out / "truth.parquet")
    listed = pl.read_csv(exports / "accounts.csv")
    assert listed.columns == ["address", "chain", "as_of"]
    known = listed.join(truth, on=["chain", "address"])
    assert made.exported == listed.height == known.height == PER_CHAIN * len(CHAINS)
    for (chain,), rows in known.partition_by("chain", as_dict=True).items():
        assert rows["role"].is_in(CRIMINAL_ROLES).sum() == PER_CHAIN // 2, chain
        assert rows["population"].n_unique() >= PER_CHAIN - 1


def test_no_history_is_longer_than_a_service_would_answer(made, exports):
    transfers = pl.read_parquet(made.out / "transfers.parquet")
    for chain, address in pl.read_csv(exports / "accounts.csv")["chain", "address"].iter_rows():
        own = (pl.col("sender") == address) | (pl.col("receiver") == address)
        assert 0 < transfers.filter(own, chain=chain).height <= MOST_ROWS


def test_the_same_world_gives_the_same_exports(made, exports, tmp_path):
    again = simulate(tmp_path / "w", **ASKED, exports=tmp_path / "x")
    assert read_manifest(tmp_path / "x") == read_manifest(exports)
    assert read_manifest(again.out) == read_manifest(made.out)


def test_every_format_is_explained_and_has_a_command_that_works(
    made, exports, tmp_path, monkeypatch
):
    assert set(FILES) == set(WRITERS)
    page = (exports / "README.md").read_text(encoding="utf-8")
    told = commands(page)
    folders = {f.parent.relative_to(exports).as_posix() for f in exports.glob("*/*/*")}
    served = {f"{n}/{c}" for n, w in WRITERS.items() for c in CHAINS if w.serves(c)}
    assert folders == served
    assert {word for line in told for word in line.split() if word in folders} == folders
    monkeypatch.chdir(exports)
    for line in told:
        words = shlex.split(line.replace("../ingested", str(tmp_path)))[1:]
        done = CliRunner().invoke(cli.app, words)
        assert done.exit_code == 0, (line, done.stderr)
        store = Path(words[words.index("--out") + 1])
        manifest = read_manifest(store)
        assert manifest["as_of"] == made.as_of
        assert manifest["rows"]["quarantine"] == 0
        if words[1] == "auto":
            covered = pl.read_parquet(store / "coverage.parquet")
            assert {leg for legs in covered["legs"] for leg in leg_set(legs)} == set(LEGS)


def test_the_worlds_page_has_the_command_that_makes_it(made):
    page = (made.out / "README.md").read_text(encoding="utf-8")
    assert "--seed 3 --addresses 600 --days 200 --prevalence 0.1`" in page
    assert f"{made.prevalence:.2%}" in page


@pytest.mark.parametrize(
    "options, came, expected",
    [
        ({"addresses": 1}, "1", "100 to 3000000"),
        ({"days": 1}, "1", "30 to 900"),
        ({"seed": -1}, "-1", "0 or more"),
        *(({"prevalence": p}, str(p), "above 0 and at most 0.25") for p in (0, 0.5, 1, -0.1)),
        ({"prevalence": float("nan")}, "nan", "above 0"),
        ({"workers": 0}, "0 processes", "1 or more"),
        ({"exports_of": 0}, "0 accounts", "1 to 1000"),
    ],
    ids=str,
)
def test_a_number_out_of_range_is_refused_before_any_work(options, came, expected, tmp_path):
    with pytest.raises(Refused) as refused:
        simulate(tmp_path / "world", **options)
    assert came in refused.value.message
    assert expected in (refused.value.expected or "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exports", ["world", "world/exports", "."])
def test_exports_inside_the_world_are_refused(exports, tmp_path):
    with pytest.raises(Refused, match="side by side"):
        simulate(tmp_path / "world", exports=tmp_path / exports)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*arguments: object, **options: object) -> None:
        raise pl.exceptions.ComputeError("parquet: No space left on device (os error 28)")

    monkeypatch.setattr("pipelines.simulate.write_transfers", full)
    with pytest.raises(Refused, match="No space left on device"):
        simulate(tmp_path / "world", exports=tmp_path / "exports")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("foreign", ["world", "exports"])
def test_other_peoples_files_are_not_replaced(foreign, tmp_path):
    (tmp_path / foreign).mkdir()
    (tmp_path / foreign / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused, match="not an earlier result"):
        simulate(tmp_path / "world", addresses=200, exports=tmp_path / "exports")
    assert [p.name for p in tmp_path.rglob("*")] == [foreign, "thesis.txt"]
