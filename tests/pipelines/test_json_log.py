"""The log for machines: one object a line, every step told from start to end, and nothing else."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import console, steps
from pipelines.console import progress
from pipelines.json_log import JsonLog
from pipelines.steps import Step, duration, spent
from tests.pipelines.test_cli import in_a_shell


@pytest.fixture
def log():
    """A console that logs into a text."""
    stream = io.StringIO()
    console.log_json(stream)
    yield stream
    console.switch_off()


def events(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for event in found:
        assert datetime.fromisoformat(event["at"]).utcoffset() is not None
    return found


def test_a_step_is_told_from_start_to_end(log, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(steps, "now", lambda: clock[0])
    with progress("Reading <files>", total=4) as advance:
        advance(1)
        advance(3)
        clock[0] = 108.0
    started, ended = events(log.getvalue())
    assert started == {
        "at": started["at"],
        "event": "step_started",
        "step": "Reading <files>",
        "total": 4,
    }
    assert (ended["event"], ended["done"], ended["total"]) == ("step_ended", 4, 4)
    assert (ended["seconds"], ended["rate"], ended["seconds_left"]) == (8.0, 0.5, 0.0)
    assert ended["peak_memory_bytes"] > 10_000_000


def test_a_step_that_fails_says_so_and_the_error_goes_on(log):
    def divide() -> None:
        with progress("Dividing"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        divide()
    assert [event["event"] for event in events(log.getvalue())] == ["step_started", "step_failed"]


def test_progress_is_told_now_and_then_and_not_at_each_unit():
    stream, step = io.StringIO(), Step("Scoring", total=100)
    for every, told in ((0.0, 100), (3600.0, 0)):
        stream.truncate(stream.seek(0))
        log = JsonLog(stream, every=every)
        log.started(step)
        for _ in range(100):
            step.advance(1)
            log.advanced(step)
        log.ended(step, failed=False)
        assert sum(e["event"] == "step_progress" for e in events(stream.getvalue())) == told
        step.done = 0


def test_nothing_for_people_is_written_beside_the_log(log, capsys):
    console.summary("Done.", {"rows": 3}, ["A note."])
    console.refused(ValueError("no"))
    console.stopped()
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        console.bug()
    assert capsys.readouterr() == ("", "")
    done, refused, stopped, bug = events(log.getvalue())
    assert (done["result"], done["notes"]) == ({"rows": 3}, ["A note."])
    assert refused["message"] == "no"
    assert stopped["event"] == "stopped"
    assert "ZeroDivisionError" in bug["message"]


def test_a_silent_job_keeps_nothing():
    with progress("Reading") as advance:
        advance(1)
    assert console._mode.steps == []


@given(st.floats(0, 1e6))
def test_a_duration_is_read_back_within_its_last_digit(seconds):
    text = duration(seconds)
    if text.endswith(" s"):
        assert float(text[:-2]) == pytest.approx(seconds, abs=0.5 if seconds >= 9.95 else 0.05)
    else:
        back = 0
        for part in text.split(":"):
            back = 60 * back + int(part)
        assert back == pytest.approx(seconds, abs=0.5)


def test_time_is_told_by_step_and_short_ones_are_left_out():
    took = [Step("Reading", seconds=2.0), Step("Reading", seconds=1.0), Step("Idle", seconds=0.01)]
    assert spent(took) == "reading 3.0 s"
    assert spent([]) == ""


def test_a_command_logs_its_steps_and_its_end(tmp_path: Path):
    asked = ("simulate", "--out", str(tmp_path / "w"), "--addresses", "100", "--seed", "3")
    done = in_a_shell("--log-json", *asked)
    assert done.returncode == 0, done.stderr
    told = events(done.stderr)
    assert [e["event"] for e in told if e["event"].startswith("step_s")]
    assert told[-1]["event"] == "done"
    assert told[-1]["result"] == json.loads(done.stdout)
    begun = [e["step"] for e in told if e["event"] == "step_started"]
    assert sorted(begun) == sorted(e["step"] for e in told if e["event"] == "step_ended")


def test_a_refusal_is_an_event():
    done = in_a_shell("--log-json", "models", "show", "no-such-bundle")
    assert (done.returncode, done.stdout) == (2, "")
    [refused] = events(done.stderr)
    assert refused["event"] == "refused"
    assert "no-such-bundle" in refused["message"]
