"""One writer to a result: who comes second is refused, and no dead writer bars the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from data.errors import Refused
from data.locks import lock_file, sole_writer

HOLD = """
import sys, time
from pathlib import Path
from data.locks import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held_elsewhere(tmp_path):
    """A result that another process writes, and the process."""
    path = tmp_path / "a.csv"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield path, other
        other.kill()


def take(path: Path) -> None:
    with sole_writer(path):
        pass


def test_the_second_writer_is_told_who_is_first(held_elsewhere):
    path, other = held_elsewhere
    with pytest.raises(Refused, match=rf"a\.csv is being written .*process {other.pid}\)") as told:
        take(path)
    assert "another --out" in str(told.value)
    assert lock_file(path).exists()


def test_a_killed_writer_leaves_no_lock(held_elsewhere):
    path, other = held_elsewhere
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    take(path)
    assert not list(path.parent.iterdir())


@pytest.mark.usefixtures("held_elsewhere")
def test_the_lock_is_that_of_the_result_by_whatever_path(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for other_name in (tmp_path / "link" / "a.csv", Path("a.csv"), tmp_path / "b" / ".." / "a.csv"):
        with pytest.raises(Refused, match="another run"):
            take(other_name)
    take(tmp_path / "b.csv")


def test_a_job_may_take_it_again_and_another_thread_may_not(tmp_path):
    path, refused = tmp_path / "a.csv", []

    def from_another_thread() -> None:
        try:
            take(path)
        except Refused as refusal:
            refused.append(refusal)

    with sole_writer(path):
        take(path)
        assert lock_file(path).exists()
        thread = threading.Thread(target=from_another_thread)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert not list(tmp_path.iterdir())


def test_only_one_of_many_at_once_is_inside(tmp_path):
    path, inside, most, entered = tmp_path / "a", [], [], []

    def writer() -> None:
        for _ in range(300):
            try:
                with sole_writer(path):
                    inside.append(1)
                    most.append(len(inside))
                    entered.append(1)
                    inside.pop()
            except Refused:
                continue

    threads = [threading.Thread(target=writer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entered) > 8
    assert set(most) == {1}
    assert not list(tmp_path.iterdir())


def test_where_nobody_may_write_it_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="could not be written"):
        take(tmp_path / "file" / "a.csv")
    lock_file(tmp_path / "b.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="could not be written"):
        take(tmp_path / "b.csv")
