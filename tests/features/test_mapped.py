"""Memory in a file: what is written stays, the process stays small, and the disk is asked first."""

from __future__ import annotations

import errno
import mmap
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from data.errors import Refused
from features.budget import resident
from features.compilation import kernel
from features.mapped import mapped
from features.spill import spill
from features.working import ALIGNED

MIB = 1 << 20


@kernel
def count_up(numbers: np.ndarray, rounds: int) -> None:
    for _ in range(rounds):
        for j in range(len(numbers)):
            numbers[j] += j


def test_arrays_lie_side_by_side_and_keep_what_is_written(tmp_path):
    with spill(tmp_path) as spilled, mapped(spilled, 1 << 16, 1 << 60) as memory:
        kinds = (np.int64, np.uint8, np.float64, np.bool_, np.int32)
        arrays = [memory.array(5 + k, kind) for k, kind in enumerate(kinds)]
        assert memory.array(0, np.int64).tolist() == []
        assert not any(array.any() for array in arrays)
        for k, array in enumerate(arrays):
            array[:] = k + 1
        memory.let_go()
        assert [array.tolist() for array in arrays] == [
            [kind(k + 1)] * (5 + k) for k, kind in enumerate(kinds)
        ]
        assert all(array.ctypes.data % ALIGNED == 0 for array in arrays)
        assert spilled.written == 1 << 16
        with pytest.raises(ValueError, match="buffer"):
            memory.array(1 << 16, np.int64)
        assert [file.name for file in spilled.folder.iterdir()] == ["mapped"]
    assert not list(tmp_path.iterdir())


def test_its_space_is_given_back_though_somebody_holds_an_array(tmp_path):
    kept = tmp_path / "kept"
    with spill(tmp_path / "spill") as spilled:
        with mapped(spilled, MIB, 1 << 60) as memory:
            numbers = memory.array(MIB // 8, np.int64)
            numbers[:] = 7
            kept.hardlink_to(spilled.folder / "mapped")
            assert kept.stat().st_blocks * 512 >= MIB
        assert len(numbers) == MIB // 8
        assert not hasattr(mmap, "MADV_REMOVE") or kept.stat().st_blocks == 0
        assert not [thread for thread in threading.enumerate() if "mapped" in thread.name]


@pytest.mark.parametrize("size", [1, 100, MIB, MIB + 100, 5 * MIB + 4096])
def test_a_system_that_cannot_set_space_aside_writes_it(tmp_path, monkeypatch, size):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with spill(tmp_path) as spilled, mapped(spilled, size, 1 << 60) as memory:
        assert not memory.array(size, np.uint8).any()
        assert (spilled.folder / "mapped").stat().st_size == size


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say")
def test_the_process_holds_little_of_it(tmp_path):
    count_up(np.zeros(1, np.int64), 1)  # compiled
    size = 600 * MIB
    with spill(tmp_path) as spilled:
        before = resident()
        with mapped(spilled, size, before + 50 * MIB) as memory:
            numbers = memory.array(size // 8, np.int64)
            count_up(numbers, 2)
            waited = time.monotonic() + 20
            while resident() - before > 100 * MIB:  # 600 were touched, and nobody asks for any
                assert time.monotonic() < waited
                time.sleep(0.01)
            for start in range(0, len(numbers), MIB):
                block = numbers[start : start + MIB]
                assert (block == 2 * np.arange(start, start + len(block))).all()
        assert resident() - before < 50 * MIB


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system has no such call")
def test_a_disk_without_room_is_refused_before_anything_is_touched(tmp_path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with (
        pytest.raises(Refused, match=r"cannot be spilled to \(4,096 more bytes\): No space left"),
        spill(tmp_path) as spilled,
        mapped(spilled, 4096, 0),
    ):
        raise AssertionError
    assert not list(tmp_path.iterdir())
