"""Compiling the families' kernels in a process of its own, while this one reads the transfers.

The first run of a version compiles for a minute or two, and numba compiles one function at a time,
however many cores there are. So what compute signals is compiled beside what reads and lays the
transfers, into the same folder (`features.compilation`), from which it is then loaded. Nothing
depends on it: what was not compiled ahead is compiled when it is first called.
"""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np

from features.compilation import cache_directory, keep_compiled
from features.graph import build_graph
from features.history import NO_CROSSINGS, Columns
from features.neighbours import unknown
from features.network import IN_LOADED, OUT_LOADED, Network
from features.signal import Family, GraphFamily

_CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from features.ahead import compile_kernels
compile_kernels(sys.argv[2:])
"""

_WORTH_A_PROCESS = 3
"""Fewer families are compiled sooner than a process starts that does it."""


class Missing:
    """Families that are about to be computed and that this version has not compiled yet."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._names = _not_compiled([family.name for family in families])

    def __len__(self) -> int:
        return len(self._names)

    @contextlib.contextmanager
    def compiling(self) -> Iterator[None]:
        """Compile them in another process while the block runs, where there is a core for it."""
        if len(self) < _WORTH_A_PROCESS or (os.cpu_count() or 1) < 2:
            yield
            return
        root = str(Path(__file__).resolve().parent.parent)
        command = [sys.executable, "-I", "-c", _CHILD, root, *self._names]
        quiet = subprocess.DEVNULL
        child = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            yield
        finally:
            child.kill()
            child.wait()

    def compile_rest(self, done: Callable[[int], None]) -> None:
        """Compile what the other process has not come to yet: it begins at the other end.

        Parameters
        ----------
        done
            Called with how many further families are compiled.
        """
        left = len(self)
        while names := _not_compiled(self._names):
            done(left - len(names))
            left = len(names)
            compile_kernels(names[-1:])
        if left:
            done(left)


def compile_kernels(names: Sequence[str]) -> None:
    """Compile the kernels of some families, one after another, and keep them."""
    from features.catalogue import catalogue

    directory = cache_directory()
    families = {family.name: family for family in catalogue().families}
    for name in names:
        if _not_compiled([name]):
            with _without_collector():
                _compile(families[name])
            assert directory is not None
            _mark(directory, name).touch()


def _compile(family: Family) -> None:
    if isinstance(family, GraphFamily):  # its kernels are many, and compiled when they are called
        family.measure(smallest_network(), np.ones(1, np.int64), np.ones(1), 1)
    else:
        kernel: Any = family.kernel
        keep_compiled(kernel)
        kernel.compile(kernel_signature())


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Compile without looking for garbage, which takes a tenth of the time and finds little."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def smallest_network() -> Network:
    """Return the network of one transfer, of the types that `features.network` makes."""
    one = np.ones(1, np.int64)
    graph = build_graph(
        np.zeros(1, np.int32), np.ones(1, np.int32), np.zeros(1, np.int64), one, nodes=2
    )
    nobody, everything = np.zeros(1, np.int64), np.full(2, OUT_LOADED | IN_LOADED, np.uint8)
    return Network(
        nobody, graph, nobody, everything, True, np.zeros(1, np.uint32), np.zeros(1, np.int32)
    )


def kernel_signature() -> tuple[numba.types.Type, ...]:
    """Return the types that every family's kernel is called with."""
    return (
        numba.typeof(_no_columns()),
        numba.types.int64,
        numba.types.int64,
        numba.types.Array(numba.types.float64, 2, "C"),
    )


def _no_columns() -> Columns:
    """Return the columns of no histories, of the types that `features.building` makes."""
    return Columns(
        offsets=np.zeros(1, np.int64),
        time=np.empty(0, np.int64),
        value=np.empty(0, np.int64),
        incoming=np.empty(0, np.bool_),
        counterparty=np.empty(0, np.int32),
        asset=np.empty(0, np.int32),
        tx=np.empty(0, np.int32),
        two_sided=np.empty(0, np.bool_),
        party=np.empty(0, np.uint8),
        neighbours=unknown(0),
        as_of=np.empty(0, np.int64),
        scale=np.empty(0, np.float64),
        registry=np.empty(0, np.uint8),
        asset_kind=np.empty(0, np.uint8),
        asset_group=np.empty(0, np.int32),
        crossings=NO_CROSSINGS,
    )


def _not_compiled(names: Sequence[str]) -> list[str]:
    """Return the catalogue's families without a mark; none where no folder keeps anything."""
    from features.catalogue import catalogue

    directory = cache_directory()
    if directory is None:
        return []
    known = {family.name for family in catalogue().families}
    return [n for n in names if n in known and not _mark(directory, n).exists()]


def _mark(directory: Path, name: str) -> Path:
    return directory / f"{name}.compiled"
