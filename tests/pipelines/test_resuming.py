"""What is kept of a run, and when it is taken: as it was written, and for the same question."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Refused
from data.locks import lock_file
from pipelines import stopping
from pipelines.resuming import Earlier, Work, resumable
from tests.generated import cases

FACTS = {"the transfers": "ab", "--basis": "usd", "--services": ["c"]}
RESUME, AGAIN = Earlier(resume=True), Earlier(start_again=True)
ROWS = pl.DataFrame(
    {
        "address": [f"a{n}" for n in range(9)],
        "value": [0.1, None, float("nan"), -0.0, 1e300, 5e-324, 2.0, 3.0, 4.0],
        "listed": [True, None, False] * 3,
    }
)


class Stopped(Exception):
    """The run ended here."""


def fresh(work: Work, ends: list[int], stop: int | None = None) -> Iterator[pl.DataFrame]:
    """Compute what is left, in parts that end at given rows; stop before one of them."""
    at = work.stage("rows").rows
    for end in [end for end in ends if end > at]:
        if stop is not None and end > stop:
            raise Stopped
        yield ROWS[at:end]
        at = end


def run(
    out: Path, ends: list[int], stop: int | None = None, earlier: Earlier | None = None
) -> pl.DataFrame:
    with resumable(out, earlier or Earlier()) as work:
        work.rests_on(FACTS)
        parts = list(work.stage("rows").tables(fresh(work, ends, stop)))
        out.write_text("done")
        return pl.concat(parts)


@settings(max_examples=cases(40))
@given(
    cuts=st.lists(st.sets(st.integers(1, 8)), min_size=1, max_size=4),
    stops=st.lists(st.integers(0, 9), max_size=3),
)
def test_a_run_that_was_stopped_ends_with_the_same_rows(tmp_path_factory, cuts, stops):
    out = tmp_path_factory.mktemp("r") / "rows.csv"
    done = 0
    for n, stop in enumerate(stops):
        ends = [*sorted(cuts[n % len(cuts)]), 9]  # every run may cut the parts otherwise
        if stop >= 9:
            continue
        with pytest.raises(Stopped) as stopped:
            run(out, ends, stop, RESUME)
        done = max([done, *(end for end in ends if end <= stop)])
        assert getattr(stopped.value, "__notes__", []) == ([Work(out).kept] if done else [])
    found = run(out, [*sorted(cuts[-1]), 9], earlier=RESUME)
    assert found.equals(ROWS)
    assert [path.name for path in out.parent.iterdir()] == ["rows.csv"]


@pytest.fixture
def left(tmp_path) -> Path:
    """The result of a run that was stopped after six rows."""
    out = tmp_path / "rows.csv"
    with pytest.raises(Stopped):
        run(out, [2, 4, 6, 9], stop=6)
    return out


def test_work_that_is_left_is_named_and_nothing_is_thrown_away(left):
    with pytest.raises(Refused, match=r"did not finish .*rows\.csv.*\.work.*--start-again"):
        run(left, [9])
    with pytest.raises(Refused, match="exclude"):
        run(left, [9], earlier=Earlier(resume=True, start_again=True))
    assert Work(left).stage("rows").rows == 6
    assert run(left, [9], earlier=RESUME).equals(ROWS)


def test_start_again_begins_with_nothing(left):
    with pytest.raises(Stopped):
        run(left, [3, 9], stop=3, earlier=AGAIN)
    assert Work(left).stage("rows").rows == 3
    assert run(left, [9], earlier=AGAIN).equals(ROWS)
    assert [path.name for path in left.parent.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(
    "facts, named",
    [
        (FACTS | {"the transfers": "cd"}, ["the transfers"]),
        (FACTS | {"--basis": "native", "--services": ["c", "d"]}, ["--basis", "--services"]),
        (FACTS | {"--legs": "token_in"}, ["--legs"]),
        ({"the transfers": "ab", "--basis": "usd"}, ["--services"]),
    ],
)
def test_what_has_changed_since_is_named(left, facts, named):
    def changed() -> None:
        with resumable(left, RESUME) as work:
            work.rests_on(facts)

    with pytest.raises(Refused) as refused:
        changed()
    assert f"in the earlier run: {', '.join(named)}." in str(refused.value)
    assert refused.value.__notes__ == [Work(left).kept]
    assert run(left, [9], earlier=RESUME).equals(ROWS)


def kept_files(out: Path) -> list[Path]:
    return sorted(Work(out).folder.iterdir())


@pytest.mark.parametrize("at", range(7))
@pytest.mark.parametrize("harm", ["flipped", "cut", "emptied", "gone"])
def test_what_is_not_as_it_was_written_is_computed_again(left, at, harm):
    files = kept_files(left)
    assert len(files) == 7  # three parts, a record for each, and what they rest on
    content = files[at].read_bytes()
    middle = len(content) // 2
    if harm == "gone":
        files[at].unlink()
    else:
        flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
        harmed = {"flipped": flipped, "cut": content[:middle], "emptied": b""}
        files[at].write_bytes(harmed[harm])
    assert run(left, [9], earlier=RESUME).equals(ROWS)
    assert [path.name for path in left.parent.iterdir()] == ["rows.csv"]


def test_a_run_that_keeps_nothing_leaves_nothing(tmp_path):
    out = tmp_path / "new" / "rows.csv"
    with pytest.raises(Stopped):
        run(out, [9], stop=3)
    assert not list(tmp_path.iterdir())
    with pytest.raises(Refused, match="No such"), resumable(out, Earlier()):
        raise Refused("no such transfers")
    assert not list(tmp_path.iterdir())


def test_a_part_without_rows_is_passed_on_and_not_kept(tmp_path):
    with resumable(tmp_path / "a", Earlier()) as work:
        work.rests_on(FACTS)
        [part] = work.stage("rows").tables([ROWS.clear()])
        assert part.schema == ROWS.schema
        assert not work.exists


def test_stages_are_counted_by_themselves(tmp_path):
    def both(stop: bool) -> list[int]:
        with resumable(tmp_path / "a", RESUME) as work:
            work.rests_on(FACTS)
            one, other = work.stage("one"), work.stage("other")
            done = [one.rows, other.rows]
            list(one.tables([] if one.rows else [ROWS]))
            list(other.tables([ROWS[:2]]))
            if stop:
                raise Stopped
            return done

    with pytest.raises(Stopped):
        both(stop=True)
    assert both(stop=False) == [9, 2]


def test_another_run_on_the_same_result_is_refused(tmp_path):
    out = tmp_path / "rows.csv"
    with resumable(out, Earlier()):
        holder = lock_file(out).read_text().strip()
        lock_file(out).write_text("17\n")
        with pytest.raises(Refused, match=r"process 17\)"):
            _as_a_stranger(out)
    assert holder.isdigit()
    assert not list(tmp_path.iterdir())


def _as_a_stranger(out: Path) -> None:
    """Take the lock where nothing is known of who holds it, as another process does."""
    from contextvars import Context

    Context().run(lambda: run(out, [9], earlier=RESUME))


@pytest.mark.parametrize("failing", range(1, 6))
def test_a_disk_that_fails_while_a_part_is_kept_loses_that_part_alone(
    tmp_path, monkeypatch, failing
):
    out, replace, count = tmp_path / "rows.csv", Path.replace, []

    def sometimes(self: Path, target: Path) -> Path:
        count.append(target)
        if len(count) == failing:
            raise OSError(errno.EIO, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", sometimes)
    with pytest.raises(Refused, match="Input/output error") as refused:
        run(out, [2, 4, 9])
    monkeypatch.undo()
    assert Work(out).stage("rows").rows == {1: 0, 2: 0, 3: 0, 4: 2, 5: 2}[failing]
    assert getattr(refused.value, "__notes__", []) == ([Work(out).kept] if failing > 3 else [])
    assert run(out, [9], earlier=RESUME).equals(ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_how_to_go_on_is_known_to_whoever_ends_the_process(left):
    assert stopping.said_at_the_end() == []
    with resumable(left, RESUME) as work:
        work.rests_on(FACTS)
        assert stopping.said_at_the_end() == [work.kept]
        assert "--resume" in work.kept
    assert stopping.said_at_the_end() == []


def test_the_folder_says_what_it_rests_on(left):
    text = (Work(left).folder / "rests-on").read_text().splitlines()[1]
    assert json.loads(text) == FACTS


def test_work_that_cannot_be_removed_is_named_and_the_result_stands(tmp_path, monkeypatch):
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.exists():
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    out = tmp_path / "rows.csv"
    with monkeypatch.context() as faulty:
        faulty.setattr(Path, "rename", failing)
        with pytest.raises(Refused, match=r"\.work, which is not needed .*Input/output error"):
            run(out, [9])
    assert out.read_text() == "done"
    assert run(out, [9], earlier=RESUME).equals(ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
