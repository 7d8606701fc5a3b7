"""The public module: lazy, complete, and unwilling to run with somebody else's packages."""

from __future__ import annotations

import importlib.util
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import unrinse
from data.errors import Refused

JOBS = [
    "catalogue",
    "demo",
    "diff",
    "evaluate",
    "explain",
    "ingest",
    "monitor",
    "nightly",
    "prepare",
    "promote",
    "realism",
    "replay",
    "rollback",
    "score",
    "signals",
    "simulate",
    "trace",
    "train",
]


def run(code: str, *path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees the given folders and the standard library."""
    prelude = f"import sys; sys.path[:0] = {[str(folder) for folder in path]!r}\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", prelude + code],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_a_documented_function_of_the_public_module(name):
    job = getattr(unrinse, name)
    assert callable(job)
    assert job.__name__ == name
    assert inspect.getdoc(job)


def test_dir_and_all_agree_and_every_name_resolves():
    assert set(dir(unrinse)) == set(unrinse.__all__)
    assert set(JOBS) < set(unrinse.__all__)
    for name in unrinse.__all__:
        assert getattr(unrinse, name) is not None


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="catalogue"):
        unrinse.scores  # noqa: B018 - the look-up is the test


def test_import_loads_nothing_else(repository, tmp_path):
    code = "before = set(sys.modules); import unrinse; print(*sorted(set(sys.modules) - before))"
    done = run(code, repository, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = {module.partition(".")[0] for module in done.stdout.split()}
    assert not loaded & {"data", "features", "models", "pipelines", "polars", "numpy", "mlflow"}
    assert not {module for module in loaded if module not in sys.stdlib_module_names} - {"unrinse"}


@pytest.mark.parametrize(
    "form", ["module", "package", "already imported", "namespace already imported"]
)
def test_a_shadowed_package_is_refused_with_its_path(form, repository, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "models").mkdir(parents=True)
    shadow = elsewhere / "models"
    if form == "module":
        shadow.rmdir()
        shadow = elsewhere / "models.py"
        shadow.write_text("")
    elif form != "namespace already imported":
        (shadow / "__init__.py").write_text("")
    first = [elsewhere, repository]
    code = "import unrinse"
    if "already" in form:
        # Imported while only the other folder was on the path, then Unrinse is found beside it.
        first = [elsewhere]
        code = f"import models; sys.path.insert(0, {str(repository)!r}); import unrinse"
    done = run(code, *first, cwd=tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError")
    assert str(shadow.resolve()) in last
    assert "environment of its own" in last


def test_a_missing_package_is_refused(repository, tmp_path):
    (tmp_path / "unrinse.py").write_text((repository / "unrinse.py").read_text())
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("")
    done = run("import unrinse", tmp_path, cwd=tmp_path)
    assert "was not found" in done.stderr or "is shadowed" in done.stderr
    assert "features" in done.stderr


def test_a_folder_of_the_same_name_in_the_working_directory_does_no_harm(repository, tmp_path):
    # A user's own data/ without __init__.py is no package: the installed one wins.
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "export.csv").write_text("a\n")
    done = run("import unrinse; print('ok')", tmp_path, repository, cwd=tmp_path)
    assert done.stdout == "ok\n", done.stderr


def test_check_packages_finds_the_packages_beside_the_module():
    unrinse.check_packages()
    for name in unrinse.PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        assert Path(spec.origin).parent == Path(unrinse.__file__).parent / name


def test_the_version_is_the_one_in_the_changelog(repository):
    assert f"## {unrinse.__version__}" in (repository / "CHANGELOG.md").read_text()


def test_a_refusal_reads_as_sentences_and_survives_a_worker_process():
    refusal = Refused(
        "unknown basis 'eur'", expected="usd, native or relative", hint="did you mean usd?"
    )
    text = "Unknown basis 'eur'. Expected: usd, native or relative. Hint: did you mean usd?"
    assert str(refusal) == text
    again = pickle.loads(pickle.dumps(refusal))
    assert (str(again), again.expected, again.hint) == (text, refusal.expected, refusal.hint)
    assert str(Refused("no rows")) == "No rows."
