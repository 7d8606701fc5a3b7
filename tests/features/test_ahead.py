"""Compiling ahead: what another process compiles is what the job then calls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import pytest

from data.services import load_services
from data.transfers import open_transfers
from features import ahead
from features.ahead import Missing, kernel_signature, smallest_network
from features.building import build_histories
from features.catalogue import catalogue
from features.compilation import cache_directory
from tests.data.canonical import AS_OF, A, B, covered, plain, row, store

FAMILIES = [family.name for family in catalogue().families]


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep compiled kernels in an empty folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache_directory.cache_clear()
    found = cache_directory()
    assert found is not None
    yield found
    cache_directory.cache_clear()


@pytest.fixture
def compiled(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Mark families instead of compiling them, and say which in what order."""
    order: list[str] = []

    def mark(names: list[str]) -> None:
        for name in names:
            order.append(name)
            (own_folder / f"{name}.compiled").touch()

    monkeypatch.setattr(ahead, "compile_kernels", mark)
    return order


@pytest.mark.parametrize("basis", ["usd", "native", "relative"])
@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_it_is_compiled_for_the_types_that_are_called(
    tmp_path: Path, basis: str, near: bool, stored: bool
) -> None:
    rows = [row(1), row(2, sender=B, receiver=A), row(3)]
    transfers = (
        open_transfers(store(tmp_path / "store", rows))
        if stored
        else plain(tmp_path, rows, covered(A, B))
    )
    built = build_histories(
        transfers, as_of=AS_OF, basis=basis, services=load_services(), neighbours=near
    )
    columns, first, last, out = kernel_signature()
    assert numba.typeof(built.columns) == columns
    assert (first, last) == (numba.types.int64, numba.types.int64)
    assert out == numba.types.Array(numba.types.float64, 2, "C")


@pytest.mark.parametrize("basis", ["usd", "relative"])
def test_motifs_are_compiled_for_the_types_that_are_called(tmp_path: Path, basis: str) -> None:
    transfers = open_transfers(store(tmp_path / "store", [row(1), row(2, sender=B, receiver=A)]))
    network = build_histories(transfers, as_of=AS_OF, basis=basis, network=True).networks[0]
    assert network is not None
    small = smallest_network()
    for part in ("graph", "node", "loaded"):
        assert numba.typeof(getattr(network, part)) == numba.typeof(getattr(small, part))


def test_every_family_is_missing_at_first_and_none_afterwards(
    compiled: list[str],
) -> None:
    missing, done = Missing(catalogue().families), list[int]()
    assert len(missing) == len(FAMILIES)
    missing.compile_rest(done.append)
    assert compiled == FAMILIES[::-1]  # the other process begins at the front
    assert sum(done) == len(FAMILIES)
    assert len(Missing(catalogue().families)) == 0


def test_what_the_other_process_has_compiled_is_left_out_and_counted(
    own_folder: Path, compiled: list[str]
) -> None:
    missing, done = Missing(catalogue().families), list[int]()
    for name in FAMILIES[:4]:
        (own_folder / f"{name}.compiled").touch()
    missing.compile_rest(done.append)
    assert compiled == FAMILIES[:3:-1]
    assert sum(done) == len(FAMILIES)


def test_where_nothing_can_be_kept_nothing_is_compiled_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ahead, "cache_directory", lambda: None)
    missing = Missing(catalogue().families)
    assert len(missing) == 0
    with missing.compiling():
        missing.compile_rest(lambda count: pytest.fail(f"{count} compiled"))


def test_the_other_process_compiles_from_the_front_and_ends_with_the_block(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    begun: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def sleeper(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        assert command[-len(FAMILIES) :] == FAMILIES
        begun.append(start([sys.executable, "-c", "import time; time.sleep(600)"], **how))
        return begun[0]

    monkeypatch.setattr(subprocess, "Popen", sleeper)
    with Missing(catalogue().families).compiling():
        assert begun[0].poll() is None
    assert begun[0].returncode is not None


def test_one_core_gets_no_other_process(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **named: pytest.fail("a process"))
    with Missing(catalogue().families).compiling():
        pass


def test_what_one_process_compiled_another_loads(tmp_path: Path, repository: Path) -> None:
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-I", "-c", _COMPILE_ONE, str(repository)],
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        said.append(done.stdout.split())
    assert said == [["0", "1"], ["1", "0"]]  # loaded, compiled


_COMPILE_ONE = """
import sys
sys.path.insert(0, sys.argv[1])
from features import ahead, indirect_exposure
kernel = indirect_exposure.FAMILY.kernel
ahead.keep_compiled(kernel)
kernel.compile(ahead.kernel_signature())
stats = kernel.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""
