"""The wheel: exactly the code, the registry, the sample, the pages and the schemas; and it starts.

It is built and installed without a network: the backend is in the environment already, and the
libraries it depends on are lent to the fresh environment by a path file.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import unrinse

# What may be in a wheel, as whole paths. `.dist-info` is checked apart.
RULES = [
    r"unrinse\.py",
    r"(data|features|models|pipelines)/([a-z0-9_]+/)*[a-z0-9_]+\.py",
    r"data/registry/[a-z_]+\.csv",
    r"data/sample/([\w.-]+/)*[\w.-]+",
    r"pipelines/pages/[\w.-]+",
    r"pipelines/schemas/[\w.-]+\.json",
]
METADATA = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
# Sample files are small by promise: a few hundred kB together, far less than this.
LARGEST = 3_000_000

# A person who asks for help waits for none of these.
HEAVY = {
    "polars", "numpy", "pandas", "numba", "llvmlite", "lightgbm", "sklearn", "scipy", "mlflow",
    "shap", "pyspark", "bip_utils", "pyarrow", "jinja2", "altair", "vl_convert", "eth_hash",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory) -> Path:
    """Build the wheel as `make wheel` does."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(out)]
    done = subprocess.run(
        command, cwd=repository, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Install the wheel into a fresh environment, whose bin folder this is."""
    if importlib.util.find_spec("ensurepip") is None:
        pytest.skip("this Python has no ensurepip, so a fresh environment would have no pip")
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=True, symlinks=True)
    python = home / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    # The libraries come from here, after the wheel's own files. Naming the folder in a .pth file
    # does not run the .pth files inside it, so this project's editable install stays invisible.
    paths = {"base": str(home), "platbase": str(home)}
    lent = Path(sysconfig.get_path("purelib", vars=paths)) / "libraries.pth"
    lent.write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def start(installed: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the fresh environment, away from the repository."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV", "PYTEST"))}
    return subprocess.run(
        [str(installed / command[0]), *command[1:]],
        cwd=cwd,
        env=clean | {"COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_holds_what_the_rules_say_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    info = f"unrinse-{unrinse.__version__}.dist-info/"
    surplus = [
        name
        for name in names
        if not name.startswith(info) and not any(re.fullmatch(rule, name) for rule in RULES)
    ]
    assert surplus == []
    assert {name.removeprefix(info) for name in names if name.startswith(info)} == METADATA
    assert wheel.stat().st_size < LARGEST


def test_every_tracked_file_of_the_packages_is_in_the_wheel(wheel, repository):
    listed = subprocess.run(
        ["git", "ls-files", "unrinse.py", *unrinse.PACKAGES],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so there is no list to compare with")
    with zipfile.ZipFile(wheel) as archive:
        assert set(listed.stdout.split()) <= set(archive.namelist())


def test_data_beside_the_code_stays_out(repository, tmp_path):
    left_behind = [
        "data/export.csv",
        "data/registry/notes.parquet",
        "models/model.txt",
        "runs/a.py",
    ]
    for name in ["pyproject.toml", "README.md", "LICENSE", "unrinse.py"]:
        (tmp_path / name).write_bytes((repository / name).read_bytes())
    for package in unrinse.PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text('"""A room."""\n')
    for name in left_behind:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret\n")
    (tmp_path / "data/registry/assets.csv").write_text("chain\n")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", "dist"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    (built,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
    assert names.isdisjoint(left_behind)
    assert "data/registry/assets.csv" in names


def test_help_works_in_a_fresh_environment(installed, tmp_path):
    done = start(installed, "unrinse", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for job in ("demo", "simulate", "ingest", "signals", "train", "evaluate", "score", "explain"):
        assert job in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["score", "--help"]])
def test_help_loads_nothing_heavy(installed, arguments, tmp_path):
    code = (
        "import json, sys, pipelines.cli\n"
        f"sys.argv = ['unrinse', *{arguments!r}]\n"
        "try:\n    pipelines.cli.main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(json.dumps([pipelines.cli.__file__, *sys.modules]), file=sys.stderr)\n"
    )
    done = start(installed, "python", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    where, *loaded = json.loads(done.stderr.splitlines()[-1])
    assert Path(where).is_relative_to(installed.parent)
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in loaded)


def test_the_public_module_works_in_the_fresh_environment(installed, tmp_path):
    done = start(
        installed, "python", "-c", "import unrinse; print(unrinse.__version__)", cwd=tmp_path
    )
    assert (done.returncode, done.stdout.strip()) == (0, unrinse.__version__), done.stderr


def test_a_user_folder_called_data_does_not_break_the_installed_command(installed, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("")
    # The console script does not look into the working directory, so it starts all the same.
    assert start(installed, "unrinse", "--help", cwd=tmp_path).returncode == 0
    # `python -c` does, and is told what is wrong.
    done = start(installed, "python", "-c", "import unrinse", cwd=tmp_path)
    assert done.returncode == 1
    assert str(tmp_path / "data") in done.stderr
