"""Results on disk: whole or not at all, equal for equal tables, and never damaged in silence."""

from __future__ import annotations

import errno
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import storage
from data.content_hash import content_hash
from data.errors import Refused
from data.schema import QUARANTINE, empty
from data.storage import (
    MANIFEST,
    read_manifest,
    refuse_foreign,
    whole_directory,
    whole_file,
    write_manifest,
    write_parquet,
    write_store,
)
from tests.data.canonical import A, C, covered, row, store, table


def everything(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def raising(error: BaseException) -> None:
    raise error


def half_a_file(path: Path, end: Callable[[], None]) -> None:
    with whole_file(path) as partial:
        partial.write_text("half")
        end()


def half_a_directory(path: Path, error: BaseException) -> None:
    with whole_directory(path) as folder:
        fill(folder)
        raise error


# --- whole_file -----------------------------------------------------------------------------------


def test_a_file_appears_whole_and_only_at_the_end(tmp_path):
    path = tmp_path / "new" / "a.csv"
    with whole_file(path) as partial:
        partial.write_text("x")
        assert not path.exists()
        assert partial.parent == path.parent
    assert everything(tmp_path) == {"new/a.csv": b"x"}


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), SystemExit(1)])
def test_a_file_that_was_not_finished_leaves_nothing(tmp_path, error):
    path = tmp_path / "a.csv"
    path.write_text("earlier")
    with pytest.raises(type(error)):
        half_a_file(path, lambda: raising(error))
    assert everything(tmp_path) == {"a.csv": b"earlier"}


@pytest.mark.parametrize("step", ["rename", "write"])
def test_a_disk_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch, step):
    path = tmp_path / "a.csv"
    path.write_text("earlier")
    if step == "rename":
        monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(Refused, match="No space left"):
        half_a_file(path, full_disk if step == "write" else lambda: None)
    assert everything(tmp_path) == {"a.csv": b"earlier"}


@pytest.mark.parametrize("whole", [whole_file, whole_directory])
def test_what_polars_makes_of_a_full_disk_is_refused_too(tmp_path, whole):
    full = pl.exceptions.ComputeError("parquet: No space left on device (os error 28)")
    with (
        pytest.raises(Refused, match=r"No space left on device \(.* MB are free"),
        whole(tmp_path / "a"),
    ):
        raise full
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("whole", [whole_file, whole_directory])
def test_what_is_no_fault_of_the_disk_stays_a_bug(tmp_path, whole):
    with pytest.raises(pl.exceptions.ComputeError, match="overflow"), whole(tmp_path / "a"):
        raise pl.exceptions.ComputeError("overflow")
    assert everything(tmp_path) == {}


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="could not be written"), whole_file(tmp_path / "file" / "a"):
        pass


# --- whole_directory ------------------------------------------------------------------------------


def fill(folder: Path, text: str = "new") -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.txt").write_text(text)
    write_manifest(folder, "test", {"text": text})


def test_a_directory_replaces_an_earlier_result(tmp_path):
    out = tmp_path / "deep" / "out"
    for text in ("first", "second"):
        with whole_directory(out) as folder:
            fill(folder, text)
            assert not out.exists() or read_manifest(out)["text"] == "first"
    assert read_manifest(out)["text"] == "second"
    assert set(everything(tmp_path)) == {"deep/out/sub/a.txt", f"deep/out/{MANIFEST}"}


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), Refused("no")])
def test_a_directory_that_was_not_finished_leaves_the_earlier_one(tmp_path, error):
    out = tmp_path / "out"
    with whole_directory(out) as folder:
        fill(folder, "earlier")
    before = everything(tmp_path)
    with pytest.raises(type(error)):
        half_a_directory(out, error)
    assert everything(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_disk_that_fails_at_a_rename_leaves_the_earlier_directory(tmp_path, monkeypatch, failing):
    out = tmp_path / "out"
    with whole_directory(out) as folder:
        fill(folder, "earlier")
    before, rename, count = everything(tmp_path), Path.rename, []
    monkeypatch.setattr(storage, "exchange", lambda *_: False)

    def sometimes(self: Path, target: Path) -> Path:
        count.append(target)
        if len(count) == failing:
            full_disk()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", sometimes)
    with pytest.raises(Refused, match="No space left"), whole_directory(out) as folder:
        fill(folder)
    assert everything(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_what_killed_runs_left_is_taken_up_and_goes(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(storage, "exchange", lambda *_: False)
    out = tmp_path / "out"
    for left in ("partial", "old"):
        (tmp_path / f".out.{left}").mkdir()
        (tmp_path / f".out.{left}" / MANIFEST).write_text(left)
    (tmp_path / ".a.csv.partial").write_text("half")
    half_a_file(tmp_path / "a.csv", lambda: None)
    with pytest.raises(KeyboardInterrupt):
        half_a_directory(out, KeyboardInterrupt())
    assert everything(tmp_path) == {"a.csv": b"half", f"out/{MANIFEST}": b"old"}
    with whole_directory(out) as folder:
        fill(folder, "new")
    assert read_manifest(out)["text"] == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "out"]


def test_two_writers_one_wins(tmp_path):
    with whole_file(tmp_path / "a.csv") as partial:
        partial.write_text("first")
        refused = in_another_thread(lambda: half_a_file(tmp_path / "a.csv", lambda: None))
    assert "being written by another run" in refused
    with whole_directory(tmp_path / "b") as folder:
        fill(folder, "first")
        refused = in_another_thread(lambda: half_a_directory(tmp_path / "b", ValueError()))
    assert "being written by another run" in refused
    assert (tmp_path / "a.csv").read_text() == "first"
    assert read_manifest(tmp_path / "b")["text"] == "first"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "b"]


def in_another_thread(writer: Callable[[], None]) -> str:
    with ThreadPoolExecutor(1) as pool:
        return str(pool.submit(writer).exception())


def test_other_peoples_folders_are_refused_before_any_work(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.doc").write_text("mine")
    with pytest.raises(Refused, match="not an earlier result"), whole_directory(out):
        pytest.fail("the work began")
    with pytest.raises(Refused, match="not an earlier result"):
        refuse_foreign(out)
    assert everything(tmp_path) == {"out/thesis.doc": b"mine"}
    with pytest.raises(Refused, match="is a file"), whole_directory(out / "thesis.doc"):
        pytest.fail("the work began")


def test_an_earlier_result_is_known_by_its_own_mark(tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        with whole_directory(out, mark="bundle.json") as folder:
            (folder / "bundle.json").write_text("{}")
    with pytest.raises(Refused), whole_directory(out):
        pytest.fail("the work began")


# --- manifests ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "store"
    return store(folder, [row(n, sender=C) for n in range(30)], covered(A, C), note="naïve €")


def test_a_manifest_says_what_was_written(kept):
    manifest = read_manifest(kept)
    assert manifest["kind"] == "store"
    assert manifest["synthetic"] is False
    assert manifest["note"] == "naïve €"
    assert manifest["rows"] == {"transfers": 30, "coverage": 2, "quarantine": 0}
    assert set(manifest["files"]) == {p.name for p in kept.iterdir()} - {MANIFEST}


@pytest.mark.parametrize("seed", range(4))
def test_any_flipped_bit_is_found(kept, seed):
    chance = random.Random(seed)
    files = sorted(kept.iterdir())
    for k in range(60):
        path = files[k % len(files)]
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            with pytest.raises(Refused):
                read_manifest(kept)
        finally:
            path.write_bytes(whole)
    read_manifest(kept)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"files": {}}', '{"files": 3, "checksum": ""}', "\x00"]
)
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(Refused, match="manifest"):
        read_manifest(tmp_path)


def test_missing_shortened_and_rewritten_files_are_found(kept):
    path = kept / "coverage.parquet"
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"\0", b""):
        path.write_bytes(content)
        with pytest.raises(Refused, match="hash differs"):
            read_manifest(kept)
    path.unlink()
    with pytest.raises(Refused, match=r"coverage\.parquet is missing"):
        read_manifest(kept)
    path.write_bytes(whole)
    read_manifest(kept)


def test_a_changed_fact_is_found(kept):
    path = kept / MANIFEST
    whole = path.read_text()
    changed = json.loads(whole) | {"synthetic": True}
    path.write_text(json.dumps(changed, indent=2, ensure_ascii=False) + "\n")
    with pytest.raises(Refused, match="checksum differs"):
        read_manifest(kept)
    path.write_text(whole)


def test_the_same_store_twice_is_the_same_bytes(tmp_path):
    for name in "ab":
        store(tmp_path / name, [row(n) for n in range(9)])
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


def test_a_store_says_for_when_it_speaks_and_whether_it_is_real(tmp_path):
    with pytest.raises(ValueError, match="synthetic"):
        write_store(
            tmp_path / "s", table([row(0)]), covered(A), empty(QUARANTINE), {"as_of": "2024-01-01"}
        )
    assert list(tmp_path.iterdir()) == []


# --- tables ---------------------------------------------------------------------------------------


def test_equal_tables_are_equal_files(tmp_path):
    whole = table([row(n) for n in range(2000)])
    pieces = pl.concat([whole[:3], whole[3:700], whole[700:]], rechunk=False)
    sliced = pl.concat([whole[:1], whole])[1:]
    lazily = whole.lazy().filter(pl.col("chain") == "ethereum").collect()
    written = set()
    for k, frame in enumerate((whole, pieces, sliced, lazily)):
        write_parquet(frame, tmp_path / f"{k}.parquet")
        written.add((tmp_path / f"{k}.parquet").read_bytes())
    assert len(written) == 1
    assert pl.read_parquet(tmp_path / "1.parquet").equals(whole)


FRAME = pl.DataFrame(
    {
        "i": [1, None, 0],
        "f": [0.1, None, float("nan")],
        "s": ["a", "", None],
        "b": [True, False, None],
        "t": [datetime(2024, 1, 1, tzinfo=UTC), None, None],
    }
)

CHANGES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "a number": lambda f: f.with_columns(i=pl.Series([2, None, 0])),
    "null for zero": lambda f: f.with_columns(i=pl.Series([1, None, None])),
    "null for nothing": lambda f: f.with_columns(s=pl.Series(["a", None, None], dtype=pl.String)),
    "null for no": lambda f: f.with_columns(b=pl.Series([True, None, None])),
    "the last bit": lambda f: f.with_columns(f=pl.Series([0.1 + 2**-56, None, float("nan")])),
    "minus zero": lambda f: f.with_columns(f=pl.Series([0.1, None, -0.0])),
    "text moved on": lambda f: f.with_columns(s=pl.Series(["", "a", None])),
    "the type": lambda f: f.with_columns(pl.col("i").cast(pl.Int32)),
    "a name": lambda f: f.rename({"i": "j"}),
    "the order": lambda f: f.reverse(),
    "a row less": lambda f: f[:2],
    "a column less": lambda f: f.drop("b"),
    "a moment": lambda f: f.with_columns(pl.col("t").dt.offset_by("1us")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_content_hash_sees(change):
    assert content_hash(CHANGES[change](FRAME)) != content_hash(FRAME)


def test_the_content_hash_overlooks_what_is_no_content(tmp_path):
    before = content_hash(FRAME)
    other_nan = pl.Series([0.1, None, -float("nan")])
    assert content_hash(FRAME.with_columns(f=other_nan)) == before
    assert content_hash(FRAME.select("t", "s", "f", "b", "i")) == before
    assert content_hash(pl.concat([FRAME[:1], FRAME[1:]], rechunk=False)) == before
    FRAME.write_parquet(tmp_path / "a.parquet", compression="uncompressed")
    assert content_hash(pl.read_parquet(tmp_path / "a.parquet")) == before


@given(st.lists(st.text(max_size=5) | st.none(), max_size=6))
def test_texts_cannot_be_cut_differently_unseen(texts):
    joined = "".join(t or "" for t in texts)
    one = pl.DataFrame({"s": pl.Series([joined], dtype=pl.String)})
    many = pl.DataFrame({"s": pl.Series(texts, dtype=pl.String)})
    assert (content_hash(one) == content_hash(many)) == (texts == [joined])
