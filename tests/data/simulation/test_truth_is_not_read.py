"""The truth about a world lies beside it for measuring; no job that learns or scores opens it."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from data.storage import read_manifest, write_manifest, write_parquet
from models.bundle import Bundle
from pipelines.simulate import simulate
from pipelines.train import TrainResult, train

ROOT = Path(__file__).parents[3]
TRUTH = ("truth.parquet", "truth_flows.parquet")
MAY_NAME_IT = {
    "pipelines/simulate.py": "writes it",
    "pipelines/demo.py": "shows by population how the demo's model did",
    "pipelines/realism.py": "compares the world's launderers with real ones",
    "pipelines/labelling/held_out.py": "counts victims shown as suspects before a promotion",
}
MAY_SIMULATE = {*MAY_NAME_IT, "pipelines/cli.py", "pipelines/commands/options.py"}


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """Read every module that must not know the truth, by its path."""
    files = [
        file
        for package in ("features", "models", "pipelines")
        for file in sorted((ROOT / package).rglob("*.py"))
    ]
    return tuple(
        (file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8")))
        for file in files
    )


def texts(tree: ast.Module) -> set[str]:
    """Return the string constants of a module, docstrings left out."""
    told = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told
    }


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_only_jobs_that_make_or_report_a_world_name_its_truth() -> None:
    naming = {path for path, tree in modules() if any("truth" in text for text in texts(tree))}
    assert naming == set(MAY_NAME_IT)


def test_what_learns_knows_nothing_of_simulation() -> None:
    using = {
        path
        for path, tree in modules()
        if any("data.simulation" in name for name in imported(tree))
    }
    assert {path for path in using if not path.startswith("pipelines/")} == set()
    assert using <= MAY_SIMULATE
    assert "pipelines/train.py" not in using


def test_the_search_for_names_can_fail() -> None:
    tree = ast.parse('"""Not the truth."""\nimport data.simulation.world\nx = f"{y}/truth.parquet"')
    assert texts(tree) == {"/truth.parquet"}
    assert imported(tree) == {"data.simulation.world"}


# --- training -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    return simulate(folder / "store", seed=7, addresses=700, days=300, prevalence=0.15).out


def trained(store: Path, out: Path) -> TrainResult:
    return train(store, store / "labels.csv", out, threads=1)


@pytest.fixture(scope="module")
def usual(store: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return trained(store, tmp_path_factory.mktemp("usual") / "bundle")


def deleted(path: Path) -> None:
    path.unlink()


def scrambled(path: Path) -> None:
    """Give every account the role, case and population of another."""
    table = pl.read_parquet(path)
    what = [c for c in table.columns if c not in ("chain", "address")]
    mixed = table.select(pl.col(what).shuffle(seed=1))
    write_parquet(pl.concat([table.drop(what), mixed], how="horizontal"), path)


def garbled(path: Path) -> None:
    path.write_bytes(b"no Parquet at all")


@pytest.mark.unwatched
@pytest.mark.parametrize(
    "harm", [deleted, scrambled, pytest.param(garbled, marks=pytest.mark.slow)]
)
def test_training_gives_the_same_bundle_without_the_truth(
    harm: Callable[[Path], None], store: Path, usual: TrainResult, tmp_path: Path
) -> None:
    shutil.copytree(store, tmp_path / "store")
    for name in TRUTH:
        harm(tmp_path / "store" / name)
    told = read_manifest(store)
    facts = {key: value for key, value in told.items() if key not in ("kind", "files")}
    write_manifest(tmp_path / "store", told["kind"], facts)
    again = trained(tmp_path / "store", tmp_path / "bundle")
    assert again.bundle_sha256 == usual.bundle_sha256
    Bundle.load(again.out)
    for file in sorted(path.name for path in usual.out.iterdir() if path.is_file()):
        assert (again.out / file).read_bytes() == (usual.out / file).read_bytes(), file
