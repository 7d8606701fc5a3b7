"""What every test may use: the Hypothesis profiles and the folder of genuine exports."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.unwatched import unwatched

# The first example of a kernel compiles it, which no deadline survives. `ci` draws the same cases
# on every run, so that a red build can be repeated; `nightly` draws many new ones.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=250,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_DATA = "UNRINSE_REAL_DATA"

LONGEST = (
    "pipelines/test_jobs.py",
    "pipelines/test_diagnostic.py",
    "pipelines/test_cli_end_to_end.py",
    "pipelines/test_sar.py",
    "benchmarks/test_transfer.py",
    "benchmarks/test_ablation.py",
    "pipelines/test_diff.py",
    "pipelines/test_memory.py",
    "pipelines/test_contract_end_to_end.py",
    "pipelines/test_origin.py",
    "pipelines/test_pages.py",
    "data/simulation/test_priors.py",
    "features/test_signal_contract.py",
    "features/test_neighbours.py",
    "features/test_graph_contract.py",
)
"""Files begun first: a worker that comes to one of them last lets the other wait for it."""


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder with pyproject.toml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of genuine exports; the test is skipped, with the reason, where there is none."""
    named = os.environ.get(REAL_DATA)
    if not named:
        pytest.skip(f"no genuine exports: {REAL_DATA} is not set")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"{REAL_DATA} names {named!r}, which is not a folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def small_forests() -> Iterator[None]:
    """Grow small forests beside each model: a third of a training goes into rivals otherwise.

    `tests/models/test_rivals.py` grows them as they are.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.rivals.TREES", 5)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let every other worker read the test files from the back before it collects them.

    Rewriting their assertions takes half a minute. What one worker has rewritten the next one
    loads, so two who begin at opposite ends do half of it each; a broken file is told later.
    """
    tests, worker = REPOSITORY / "tests", os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    if worker.endswith(tuple("02468")) or tests not in map(
        Path.absolute, map(Path, session.config.args)
    ):
        return
    for path in sorted(tests.rglob("test_*.py"), reverse=True):
        name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they ask for and where they stand; put the longest files first.

    Tests that ask for genuine exports are marked, so that `-m "not real"` leaves them out. Coverage
    watches neither those, since it is to be the same without genuine exports, nor those that open
    pages in a browser, which other tests build, nor those of benchmarks, which are not measured.
    """
    tests = REPOSITORY / "tests"
    place = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real)
        elsewhere = any(map(item.get_closest_marker, ("browser", "real")))
        if elsewhere or item.path.is_relative_to(tests / "benchmarks"):
            item.add_marker(pytest.mark.unwatched)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keep coverage from watching tests that are marked `unwatched`, their fixtures included."""
    if item.get_closest_marker("unwatched") is None:
        return (yield)
    with unwatched():
        return (yield)
