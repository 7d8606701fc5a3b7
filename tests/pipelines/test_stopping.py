"""Ctrl-C and SIGTERM end a process in two seconds, whatever it does, and say how to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data import leftovers
from data.errors import Refused
from pipelines import stopping
from pipelines.resuming import Work
from pipelines.signals import signals
from tests.pipelines.crashes import everything

SIGNALS = {"ctrl-c": signal.SIGINT, "kill": signal.SIGTERM}

# A compiled loop without end, as long kernels are: Python sees no signal before it returns.
BUSY = """
import sys
import threading
from pathlib import Path
import numba
from data.leftovers import removed_at_the_end
from data.storage import whole_directory, whole_file
from pipelines import stopping

@numba.njit(nogil=True)
def busy(n):
    total = 0
    for i in range(n):
        total ^= i * total + 1
    return total

busy(10)
folder = Path(sys.argv[1])
folder.mkdir()
(folder / "spilled").touch()
stopping.say_at_the_end("Go on with --resume.")
say = lambda: print(*stopping.said_at_the_end(), file=sys.stderr)
table, report = folder.with_name("table.csv"), folder.with_name("report")
with (
    stopping.watched(say),
    removed_at_the_end(folder),
    whole_file(table) as one,
    whole_directory(report) as other,
):
    (other / "page.html").write_text(str(one.write_text("half")))
    threading.Timer(0.3, print, ["busy"], {"flush": True}).start()  # from within the loop
    busy(1 << 62)
"""

SLOW = """
import sys, time
from pipelines.engines.local import InMemory
from pipelines.steps import Step
InMemory.part_rows = 64
advance = Step.advance
def slowly(self, units):
    advance(self, units)
    if self.what == "Computing signals" and self.done > 300:
        print("half", flush=True)
        time.sleep(60)
Step.advance = slowly
from pipelines.cli import main
sys.argv = ["unrinse", *sys.argv[1:]]
main()
"""


def seconds_to_end(process: subprocess.Popen[str], kind: int) -> float:
    began = time.monotonic()
    os.kill(process.pid, kind)
    process.wait(timeout=20)
    return time.monotonic() - began


@pytest.mark.parametrize("kind", SIGNALS)
def test_a_compiled_loop_does_not_hold_up_the_end(tmp_path, kind):
    code = [sys.executable, "-c", BUSY, str(tmp_path / "spill")]
    with subprocess.Popen(code, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        took = seconds_to_end(process, SIGNALS[kind])
        assert process.stderr is not None
        assert process.stderr.read() == "Go on with --resume.\n"
    assert process.returncode == 128 + SIGNALS[kind]
    assert stopping.GRACE < took < 2.0 + 1.0  # a second for a machine that is busy otherwise
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["kill", pytest.param("ctrl-c", marks=pytest.mark.slow)])
def test_a_job_says_how_to_go_on_and_then_does(world, tmp_path, kind):
    out = tmp_path / "signals.csv"
    given = ["signals", str(world.store), "--out", str(out), "--threads", "1"]
    code = [sys.executable, "-c", SLOW, *given]
    with subprocess.Popen(code, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        assert seconds_to_end(process, SIGNALS[kind]) < 2.0 + 1.0
        assert process.stderr is not None
        said = " ".join(process.stderr.read().split())
    assert process.returncode == 128 + SIGNALS[kind]
    assert "Traceback" not in said
    assert "Stopped." in said
    assert "--resume" in said
    assert not out.exists()
    assert 0 < Work(out).stage("signals").rows < 600
    with pytest.raises(Refused, match="--start-again"):
        signals(world.store, out)
    signals(world.store, out, resume=True)
    signals(world.store, tmp_path / "b.csv")
    found = everything(tmp_path)
    assert sorted(found) == [
        name for stem in ("b", "signals") for name in (f"{stem}.csv", f"{stem}.csv.manifest.json")
    ]
    assert found["b.csv"] == found["signals.csv"]


def test_a_block_that_ends_leaves_everything_as_it_was():
    before = [signal.getsignal(kind) for kind in SIGNALS.values()]
    with stopping.watched(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(kind) for kind in SIGNALS.values()] == before


def test_a_job_that_ends_by_itself_is_not_ended_by_force():
    def asked() -> None:
        with stopping.watched(lambda: pytest.fail("it had ended")):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(stopping.Terminated) as ended:
        asked()
    assert stopping.exit_code(ended.value) == 143
    time.sleep(stopping.GRACE + 0.3)  # the process is still there


def test_what_a_folder_held_is_not_removed_after_its_block(tmp_path):
    with leftovers.removed_at_the_end(Path(tmp_path)):
        assert tmp_path in leftovers._paths
    assert not leftovers._paths
