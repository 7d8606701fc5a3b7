"""The command line: what it passes on, what it prints where, and how it ends."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from data.errors import Refused
from pipelines import cli, console, running
from pipelines.commands.options_engine import Engine

HEAVY = ("polars", "numpy", "numba", "lightgbm", "mlflow", "pyarrow", "jinja2", "altair")

COMMANDS: dict[str, list[str]] = {
    "demo": [
        *("demo", "--out", "o", "--seed", "3", "--addresses", "9", "--prevalence", "0.07"),
    ],
    "simulate": [
        *("simulate", "--out", "o", "--seed", "3", "--addresses", "9", "--days", "8", "--report"),
        *("--against-criminal", "c", "--against-benign", "b", "--prevalence", "0.07"),
        *("--workers", "2", "--exports", "x", "--exports-of", "5"),
    ],
    "realism": [
        *("realism", "w", "--out", "o", "--against-criminal", "c", "--against-benign", "b"),
        *("--min-transfers", "10", "--seed", "3"),
    ],
    "ingest": [
        *("ingest", "table", "a.csv", "b.csv", "--out", "o", "--chain", "tron"),
        *("--account", "T1", "--prices", "p.csv", "--map", "sender=payer", "--map", "asset=x"),
        *("--as-of", "2024-05-09", "--append"),
    ],
    "compact": ["compact", "s"],
    "prepare": [
        *("prepare", "s", "--bundle", "b", "--as-of", "2024-05-09", "--basis", "native"),
        *("--legs", "native_out,native_in", "--services", "v.csv", "--assume-complete"),
        *("--spill", "d"),
    ],
    "ingest with a mapping": ["ingest", "table", "a.csv", "--out", "o", "--mapping", "m.toml"],
    "signals": [
        *("signals", "t", "--out", "s.csv", "--addresses", "a.txt", "--as-of", "2024-05-09"),
        *("--basis", "native", "--legs", "native_out,native_in", "--services", "v.csv"),
        *("--also", "motifs", "--engine", "spark", "--threads", "2", "--assume-complete"),
        *("--memory", "2GiB", "--spill", "d", "--spark-master", "local[2]"),
        *("--resume", "--start-again"),
    ],
    "train": [
        *("train", "t", "l.csv", "--out", "b", "--basis", "usd", "--legs", "token_in,token_out"),
        *("--as-of", "2024-05-09", "--min-transfers", "5", "--seed", "4", "--base-rate", "0.01"),
        *("--trained-on", "research", "--tracking-uri", "sqlite:///x.db", "--services", "v.csv"),
        *("--without-exposure", "--also", "neighbourhood", "--allow", "era", "--monotone"),
        *("--trials", "9", "--minutes", "5", "--labels-from", "the fraud team", "--ablation"),
        *("--doubted", "doubts.csv"),
        *("--unlabelled", "elkan_noto", "--unlabelled-prior", "0.1", "--from-champion", "b"),
        *("--threads", "2", "--assume-complete"),
    ],
    "evaluate": [
        *("evaluate", "b", "t", "l.csv", "--out", "o", "--as-of", "2024-05-09", "--named"),
        *("--against", "c", "--budget", "5", "--populations", "p.csv", "--ablation"),
        *("--services", "v.csv"),
        *("--threads", "2", "--assume-complete"),
    ],
    "score": [
        *("score", "b", "t", "--memory", "2GiB", "--spill", "d"),
        *("--addresses", "a.txt", "--out", "s.csv", "--as-of"),
        *("2024-05-09T10:00:00+02:00", "--reasons", "5", "--engine", "spark", "--services"),
        *("s.csv", "--threads", "2", "--max-unscored", "0.5", "--research-use"),
        *("--assume-complete", "--services", "pack.yaml", "--control-sample", "9"),
        *("--spark-master", "spark://host:7077", "--resume", "--start-again"),
    ],
    "explain": [
        *("explain", "b", "t", "--addresses", "a.txt", "--out", "o", "--as-of", "2024-05-09"),
        *("--top", "5", "--services", "s.csv", "--threads", "2", "--max-unscored", "0.5"),
        *("--research-use", "--assume-complete", "--sar", "--diagnostic", "d.jsonl"),
        *("--resume", "--start-again"),
        *("--explorers", "x.csv", "--no-explorer-links"),
    ],
    "trace": [
        *("trace", "t", "0x12", "--out", "o", "--chain", "bsc", "--as-of", "2024-05-09"),
        *("--max-hops", "4", "--min-usd", "2.5", "--max-degree", "99", "--without-swaps"),
        *("--without-bridges", "--follow-ambiguous", "--services", "s.csv", "--assume-complete"),
        *("--explorers", "x.csv", "--no-explorer-links"),
    ],
    "monitor": [
        *("monitor", "b", "t", "--addresses", "a.txt", "--out", "o", "--as-of", "2024-05-09"),
        *("--reference", "r.csv", "--reference-as-of", "2023-05-11", "--labels", "l.csv"),
        *("--label-lag", "60", "--least-effect", "0.2", "--services", "s.csv", "--threads", "2"),
        *("--max-unscored", "0.5", "--research-use", "--assume-complete"),
    ],
    "nightly": [
        *("nightly", "b", "t", "--addresses", "a.txt", "--out", "o", "--as-of", "2024-05-09"),
        *("--previous", "n", "--snoozes", "z.csv", "--top", "5", "--tolerance", "1.5"),
        *("--drift-every", "14", "--full", "--services", "s.csv", "--threads", "2"),
        *("--max-unscored", "0.5", "--research-use", "--assume-complete"),
        *("--resume", "--start-again"),
    ],
    "replay": [
        *("replay", "a.jsonl", "--bundle", "b", "--transfers", "t", "--addresses", "a.txt"),
        *("--services", "s.csv", "--threads", "2", "--research-use"),
    ],
    "diff": [
        *("diff", "old.csv", "new.csv", "--out", "d.csv", "--bundle", "b", "--bundle", "c"),
        *("--transfers", "t", "--services", "s.csv", "--threads", "2", "--research-use"),
    ],
    "catalogue": ["catalogue", "swaps", "--format", "md", "--out", "docs"],
    "labels import": [
        *("labels", "import", "a.csv", "b.yaml", "--out", "o", "--source", "plain"),
        *("--available-at", "2024-05-09"),
    ],
    "labels show": ["labels", "show", "l", "0x12", "--at", "2024-05-09"],
    "labels map": ["labels", "map", "l", "--out", "o", "--at", "2024-05-09"],
    "labels review": [
        *("labels", "review", "a.csv", "b.csv", "--key", "k.csv", "--out", "o"),
        *("--at", "2024-05-09"),
    ],
    "labels retract": [
        *("labels", "retract", "l", "0x12", "--reason", "wrong", "--by", "K. M."),
        *("--source", "plain", "--at", "2024-05-09", "--below", "runs"),
    ],
    "models list": ["models", "list", "runs"],
    "models show": ["models", "show", "b"],
    "models verify": ["models", "verify", "b", "--sha256", "ab"],
    "models register": ["models", "register", "b", "--registry", "r", "--research-use"],
    "models promote": [
        *("models", "promote", "b", "t", "l.csv", "--registry", "r", "--champion", "c"),
        *(
            "--populations",
            "p.csv",
            "--world",
            "w",
            "--approver",
            "K. M.",
            "--reason",
            "agreed",
            "--explain",
        ),
        *("false_alarms:chain:tron=partners", "--at", "2024-05-09", "--as-of", "2024-05-09"),
        *("--services", "v.csv", "--research-use", "--dry-run", "--threads", "2"),
        "--assume-complete",
    ],
    "models rollback": [
        *("models", "rollback", "--registry", "r", "--by", "K. M.", "--reason", "alarms"),
        *("--at", "2024-05-09", "--research-use"),
    ],
    "models fetch": [
        *("models", "fetch", "--out", "o", "--registry", "r", "--alias", "previous"),
        "--research-use",
    ],
}


@dataclass(frozen=True)
class Result:
    """A job's result, as jobs return them."""

    out: Path = Path("o")
    addresses: int = 1234
    statuses: tuple[tuple[str, int], ...] = ()
    as_of: datetime = datetime(2024, 5, 9, tzinfo=UTC)
    notes: tuple[str, ...] = ("one <b>\x1b[2Jnote",)
    exit_code: int = 0


Calls = list[tuple[str, str, tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch) -> Calls:
    """Replace every job by one that only records how it was called."""
    made: Calls = []

    def record(job: str, function: str, *arguments: object, **options: object) -> object:
        given = {k: running.plain(v) for k, v in options.items() if v is not None}
        made.append((job, function, arguments, given))
        return Result()

    monkeypatch.setattr(running, "call", record)
    return made


@pytest.fixture
def job(monkeypatch) -> Callable[[Callable[[], object]], None]:
    """Let every job do one thing."""

    def let(behave: Callable[[], object]) -> None:
        monkeypatch.setattr(running, "call", lambda *arguments, **options: behave())

    return let


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_option_reaches_a_parameter_of_the_job(command, calls):
    done = run(*COMMANDS[command])
    assert done.exit_code == 0, done.stderr
    [(module, function, arguments, options)] = calls
    accepted = getattr(importlib.import_module(f"pipelines.{module}"), function)
    inspect.signature(accepted).bind(*arguments, **options)  # TypeError where it does not fit


def test_the_cases_above_use_every_option():
    group: Any = typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        for leaf, parsed in getattr(command, "commands", {"": command}).items():
            cases = [case for case in COMMANDS if case.startswith(f"{name} {leaf}".strip())]
            words = {word for case in cases for word in COMMANDS[case]}
            unused = [p.opts for p in parsed.params if not words & set(p.opts)]
            assert [o for o in unused if o[0].startswith("--") and "--help" not in o] == [], name


_OF_LISTS = ("score", "explain", "monitor", "nightly")


@pytest.mark.parametrize(
    "command", [k for k in COMMANDS if k not in ("demo", "catalogue", "labels show")]
)
def test_what_is_not_given_keeps_the_jobs_own_default(command, calls):
    words = COMMANDS[command]
    required = {"--out"} | ({"--reason", "--by"} if command == "labels retract" else set())
    required |= {"--key"} if command == "labels review" else set()
    required |= {"--bundle", "--transfers"} if command in ("replay", "diff") else set()
    required |= {"--addresses"} if command in _OF_LISTS else set()
    kept = []
    for word, before in zip(words, ["", *words], strict=False):
        if before.startswith("--") and before not in required:
            continue
        if word.startswith("--") and word not in required:
            continue
        kept.append(word)
    assert run(*kept).exit_code == 0
    assert calls[0][3] == {}


def test_arguments_arrive_parsed(calls):
    run(*COMMANDS["score"])
    _, _, arguments, options = calls[0]
    assert arguments == (Path("b"), Path("t"), Path("a.txt"), Path("s.csv"))
    assert options["as_of"] == datetime(2024, 5, 9, 8, tzinfo=UTC)
    assert options["research_use"] is True
    assert options["services"] == [Path("s.csv"), Path("pack.yaml")]
    run(*COMMANDS["signals"])
    assert calls[1][3]["legs"] == "native_in,native_out"
    assert calls[1][3]["basis"] == "native"
    run(*COMMANDS["ingest"])
    assert calls[2][2] == ("table", [Path("a.csv"), Path("b.csv")], Path("o"))
    assert calls[2][3]["mapping"] == ["sender=payer", "asset=x"]


def test_stdout_is_one_json_object_and_stderr_is_for_people(calls):
    done = run(*COMMANDS["score"])
    assert json.loads(done.stdout) == {
        "out": "o",
        "addresses": 1234,
        "statuses": [],
        "as_of": "2024-05-09T00:00:00+00:00",
        "notes": ["one <b>\x1b[2Jnote"],
        "exit_code": 0,
    }
    assert "addresses" in done.stderr
    assert "1,234" in done.stderr
    assert "one <b>⟨U+001B⟩[2Jnote" in done.stderr


def test_a_partial_result_ends_with_3_and_says_so(job):
    job(lambda: Result(exit_code=3))
    done = run(*COMMANDS["score"])
    assert done.exit_code == 3
    assert "Done in part: exit code 3." in done.stderr


@dataclass(frozen=True)
class Account:
    """A record of a result, as `ingest` gives one of each file."""

    format: str
    sha256: str
    rows: int
    ignored: int = 0


@dataclass(frozen=True)
class Long:
    """A result with a table, hashes, and a field that people need not see."""

    files: dict[str, Account]
    bundle_sha256: str = "ab" * 32
    taken_as: str = field(default="said twice", metadata=console.UNSHOWN)
    why: str = ""
    n_alerts: int = 0
    exit_code: int = 0


def test_people_get_a_short_summary_and_machines_the_whole(job):
    files = {f"file {k}": Account("tronscan", "c" * 64, 1000 + k) for k in range(35)}
    job(lambda: Long(files))
    done = run(*COMMANDS["score"])
    told = json.loads(done.stdout)
    assert len(told["files"]) == 35
    assert told["files"]["file 3"]["sha256"] == "c" * 64
    assert told["bundle_sha256"] == "ab" * 32
    assert told["taken_as"] == "said twice"
    lines = [" ".join(line.split()) for line in done.stderr.splitlines()]
    assert "file 3 format tronscan, rows 1,003" in lines
    assert "and 15 more, in the JSON on stdout" in lines
    assert "bundle sha256 abababababab…" in lines
    assert "alerts 0" in lines
    for absent in ("ccc", "said twice", "why", "ignored", "file 20"):
        assert absent not in done.stderr


def test_models_are_listed_for_people_too(job):
    job(lambda: [{"path": "runs/a", "basis": "usd"}, {"path": "runs/b", "refused": "Broken."}])
    done = run("models", "list")
    assert [row["path"] for row in json.loads(done.stdout)] == ["runs/a", "runs/b"]
    lines = [" ".join(line.split()) for line in done.stderr.splitlines()]
    assert lines[0] == "Bundles below runs:"
    assert {"runs/a basis usd", "runs/b refused Broken."} <= set(lines)
    job(lambda: [])
    assert "none" in run("models", "list").stderr
    job(lambda: {"bundle_sha256": "ab" * 32, "verified": True})
    done = run("models", "verify", "b")
    assert "abababababab…" in done.stderr
    assert "yes" in done.stderr


def test_a_budget_is_one_at_which_models_are_compared():
    done = run("evaluate", "b", "t", "l.csv", "--out", "o", "--budget", "5")
    assert done.exit_code == 2
    assert "--against" in done.stderr


def stated_defaults() -> list[tuple[str, str, str]]:
    """List (command, option, default) for every help text that states a plain default."""
    group: Any = typer.main.get_command(cli.app)
    return [
        (name, parameter.name, stated.group(1))
        for name, command in group.commands.items()
        for parameter in command.params
        if (stated := re.search(r"Default: (\S+)\.$", getattr(parameter, "help", None) or ""))
    ]


@pytest.mark.parametrize("command, option, default", stated_defaults())
def test_the_default_that_help_states_is_the_jobs(command, option, default):
    job = getattr(importlib.import_module(f"pipelines.{command}"), command)
    actual = inspect.signature(job).parameters[option].default
    # None is settled inside the job; these are the options for which it means "all".
    assert default == ("all" if actual is None else str(actual))


def test_no_engine_is_offered_that_is_refused():
    from pipelines.engines.choice import ENGINES

    assert tuple(Engine) == ENGINES
    assert run("score", *COMMANDS["score"][1:], "--engine", "abacus").exit_code == 2


def test_a_refusal_is_one_message_and_2(job):
    def refuse() -> None:
        raise Refused("the file is empty: 'x\x1b[2J'", expected="a CSV", hint="export it again")

    job(refuse)
    done = run(*COMMANDS["score"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.strip() == (
        "Refused: The file is empty: 'x⟨U+001B⟩[2J'. Expected: a CSV. Hint: export it again."
    )


def test_a_bug_is_a_traceback_a_plea_and_1(job):
    job(lambda: 1 / 0)
    done = run(*COMMANDS["score"])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "ZeroDivisionError" in done.stderr
    assert "Please report it" in done.stderr


def test_a_panic_of_a_library_is_a_bug_too(job):
    class PanicException(BaseException):
        pass

    def panic() -> None:
        raise PanicException("index out of bounds")

    job(panic)
    done = run(*COMMANDS["score"])
    assert done.exit_code == 1
    assert "PanicException: index out of bounds" in done.stderr


def test_ctrl_c_ends_with_130_and_a_word(job):
    def interrupt() -> None:
        raise KeyboardInterrupt

    job(interrupt)
    done = run(*COMMANDS["score"])
    assert done.exit_code == 130
    assert "Stopped" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["score", "b", "t", "--addresses", "a"],
        ["explain", "b", "t", "--out", "o"],
        ["score", "b"],
        ["nonsense"],
        ["score", "b", "t", "--addresses", "a", "--out", "s", "--as-of", "yesterday"],
        ["score", "b", "t", "--addresses", "a", "--out", "s", "--max-unscored", "3"],
        ["signals", "t", "--out", "s", "--legs", "native_in,tokens"],
        ["signals", "t", "--out", "s", "--basis", "eur"],
        ["ingest", "table", "a.csv", "--out", "o", "--map", "a=b", "--mapping", "m.toml"],
        ["train", "t", "l", "--out", "b", "--trained-on", "guesses"],
        ["simulate", "--out", "o", "--exports-of", "5"],
        ["simulate", "--out", "o", "--prevalence", "rare"],
        ["monitor", "b", "t", "--addresses", "a", "--out", "o", "--label-lag", "60"],
    ],
    ids=" ".join,
)
def test_a_usage_error_ends_with_2_before_any_work(words, calls):
    done = run(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert calls == []


@pytest.mark.parametrize(
    "words", [[], *([name] for name in COMMANDS if " " not in name), ["models", "list"]], ids=str
)
def test_help_has_an_example(words):
    done = run(*words, "--help")
    assert done.exit_code == 0
    if words:
        assert "Example" in done.stdout
        assert f"unrinse {' '.join(words)}" in " ".join(done.stdout.split())


def in_a_shell(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """Run in a process of its own, where nothing is imported yet."""
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "pipelines.cli"]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=Path(cli.__file__).parent.parent,
        check=False,
    )


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from pipelines import cli\n"
        "sys.argv = ['unrinse', 'score', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = in_a_shell(code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_version_is_the_packages():
    import unrinse

    assert in_a_shell("--version").stdout.strip() == f"unrinse {unrinse.__version__}"


def test_a_missing_bundle_is_refused_in_one_line():
    done = in_a_shell("models", "show", "no-such-bundle")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Refused: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_reader_that_goes_away_is_no_bug():
    command = f"{sys.executable} -m pipelines.cli catalogue | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(cli.__file__).parent.parent,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 141)
