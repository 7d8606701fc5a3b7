"""Spilled records come back as they were, the folder goes, and a disk that refuses is refused."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Refused
from features.event_file import Cuts
from features.spill import refuse_small_disk, remove_abandoned, spill
from tests.generated import cases

WORD = np.dtype(np.int64)


@settings(max_examples=cases(60))
@given(parts=st.lists(st.lists(st.integers(-9, 9), max_size=5), max_size=6), ends=st.data())
def test_what_was_appended_is_read_back_whole_or_in_part(tmp_path_factory, parts, ends):
    told = [number for part in parts for number in part]
    with spill(tmp_path_factory.mktemp("s")) as spilled:
        for part in parts:
            spilled.append("one", np.array(part, dtype=WORD))
            spilled.append("other", np.array(part[:1], dtype=WORD))
        assert spilled.read("one", WORD).tolist() == told
        start = ends.draw(st.integers(0, len(told)))
        end = ends.draw(st.integers(start, len(told)))
        assert spilled.read("one", WORD, start, end).tolist() == told[start:end]
        assert spilled.written == WORD.itemsize * (len(told) + sum(bool(part) for part in parts))
        spilled.drop("one")
        assert not len(spilled.read("one", WORD))


def test_a_table_with_gaps_between_its_records_is_written_densely(tmp_path):
    table = np.zeros(6, dtype=[("a", np.int32), ("b", np.uint8)])
    table["a"] = range(6)
    with spill(tmp_path) as spilled:
        spilled.append("every other", table[::2])
        assert spilled.read("every other", table.dtype)["a"].tolist() == [0, 2, 4]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Refused, SystemExit])
def test_the_folder_goes_however_the_block_ends(tmp_path, error):
    def ends_early() -> None:
        with spill(tmp_path / "new") as spilled:
            spilled.append("some", np.ones(3))
            assert [f.name for f in spilled.folder.iterdir()] == ["some"]
            raise error("over")

    with pytest.raises(error):
        ends_early()
    assert not list((tmp_path / "new").iterdir())


def test_a_full_disk_is_refused_and_leaves_nothing(tmp_path):
    full = Path("/dev/full")  # every write there fails as on a full disk
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with spill(tmp_path) as spilled:
        (spilled.folder / "some").symlink_to(full)
        with pytest.raises(Refused, match="No space left on device"):
            spilled.append("some", np.ones(1 << 16))
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be spilled to"), spill(tmp_path / "file"):
        pass


def test_a_disk_without_locks_is_refused_and_nothing_is_left(tmp_path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("features.spill.fcntl.flock", no_locks)
    with pytest.raises(Refused, match="No locks available"), spill(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_and_a_living_run_keeps_its_folder(tmp_path):
    with spill(tmp_path) as living:
        (tmp_path / f"{living.folder.name}-killed").mkdir()
        remove_abandoned(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [living.folder.name]
        living.append("some", np.array([1]))  # still there to write to
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_cut_short_is_refused(tmp_path, monkeypatch):
    with spill(tmp_path) as spilled:
        spilled.append("some", np.ones(8))
        with pytest.raises(Refused, match="ends early"):
            spilled.read("some", np.dtype(np.float64), 4, 9)

        def fails(*_: object, **__: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(Path, "open", fails)
        with pytest.raises(Refused, match="Input/output error"):
            spilled.read("some", np.dtype(np.float64))


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(tmp_path):
    refuse_small_disk(tmp_path, 1)
    with pytest.raises(Refused, match="GiB free"):
        refuse_small_disk(tmp_path, 1 << 60)


# --- cuts -----------------------------------------------------------------------------------------


@settings(max_examples=cases(200))
@given(
    steps=st.lists(st.sampled_from([0, 0, 0, 1, 5]), max_size=30),
    size=st.integers(1, 9),
    seen_by=st.integers(1, 30),
)
def test_a_piece_is_whole_moments_and_as_large_as_fits(steps, size, seen_by):
    time = np.cumsum(np.array(steps, dtype=np.int64))
    cuts = Cuts(size)
    for start in range(0, len(time), seen_by):
        cuts.see(time[start : start + seen_by])
    found = cuts.all()
    begins = [k for k in range(len(time)) if k == 0 or time[k] != time[k - 1]]
    expected = [0]
    while expected[-1] < len(time):
        later = [k for k in [*begins, len(time)] if k > expected[-1]]
        fitting = [k for k in later if k <= expected[-1] + size]
        expected.append(fitting[-1] if fitting else later[0])
    assert found == expected
