"""Throughput: how many CPU seconds Unrinse and its peers take for the same work, side by side.

    python -m benchmarks.throughput --transfers 1000000 10000000

makes W1's data (`benchmarks.w1_data`) in a temporary folder, and runs each contender in a fresh
process, in turns, several times. What is measured is the CPU time (user and system, all threads) of
the job alone: imports, the loading of compiled code and thread pools are paid beforehand, on a
small table, by everybody alike; `unrinse signals` is measured as a whole command, start included.
Compilation is done in an earlier process. The best of the runs counts, for every contender. Bytes
are what each further transfer adds to the peak of memory: the peak, less that of the small table,
where imports and thread pools weigh as much.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from benchmarks import w1_data

PEERS = ("polars_tuned", "pandas_plain", "polars_plain", "duckdb_sql")
OTHER_WORK = ("snapml_features", "featuretools_dfs")
"""Run from codes beside the peers, though they compute something else: see their modules."""

FORMS = ("strings", "codes")
WARM_UP_TRANSFERS = 50_000
_PACKAGES = ("polars", "numba", "numpy", "pandas", "duckdb", "pyarrow", "snapml")


class Taken(NamedTuple):
    """What one run took: CPU seconds and peak memory."""

    seconds: float
    megabytes: float


Measured = dict[tuple[str, str], Taken | None]
"""By contender and form; None where it failed."""


def by_unrinse(path: Path) -> pl.DataFrame:
    """Compute W1 with Unrinse: open, build histories, run the kernel, make the table."""
    from benchmarks import w1_kernel
    from data.transfers import open_transfers
    from features.building import build_histories
    from features.computing import compute_signals

    transfers = open_transfers(path, assume_complete=True)
    histories = build_histories(transfers, as_of=w1_data.AS_OF, evidence=False)
    return compute_signals(histories, [w1_kernel.FAMILY], threads=os.cpu_count() or 1)


def main() -> None:
    """Measure, and print a Markdown report."""
    parser = argparse.ArgumentParser(description="CPU seconds of Unrinse and its peers on W1")
    parser.add_argument("--transfers", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--runs", type=int, default=3, help="the best of so many counts")
    every = [*PEERS, *OTHER_WORK]
    parser.add_argument("--peers", nargs="*", choices=every, default=every[:-1])
    parser.add_argument("--featuretools", help="the Python of its own environment: see its module")
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        print(heading(arguments.runs))
        print(start_of_the_child())
        for transfers in arguments.transfers:
            data = made(folder, transfers)
            small, measured = measure(data, made(folder, WARM_UP_TRANSFERS), arguments)
            print(report(transfers, measured, small), flush=True)


def made(folder: Path, transfers: int, hub: int = 0) -> Path:
    """Make the data, unless the folder holds it; see `benchmarks.w1_data` for the hub."""
    data = folder / (f"w1_{transfers}_hub_{hub}" if hub else f"w1_{transfers}")
    if not (data / "codes.parquet").exists():  # in a process of its own: this one stays small
        command = [sys.executable, "-m", "benchmarks.w1_data", str(data), str(transfers)]
        command += [str(hub)] if hub else []
        subprocess.run(command, check=True)
    return data


def measure(data: Path, small: Path, arguments: argparse.Namespace) -> tuple[Measured, Measured]:
    """Run every contender in turns, after one round on the small table that compiles."""
    contenders = [
        (name, form)
        for name in ("unrinse", *arguments.peers)
        for form in FORMS
        if form == "codes" or name not in OTHER_WORK
    ]
    contenders += [("unrinse signals", form) for form in FORMS]
    rounds: list[Measured] = []
    for folder, runs in ((small, 2), (data, arguments.runs)):
        best: Measured = {}
        rounds.append(best)
        for _ in range(runs):
            for contender in contenders:
                if contender in best and best[contender] is None:
                    continue
                taken = _run(*contender, folder, small, arguments.featuretools)
                _say(f"{contender[0]}, {contender[1]}: {taken}")
                known = best.get(contender)
                best[contender] = min(taken, known) if taken and known else taken
    return rounds[0], rounds[1]


def _run(name: str, form: str, data: Path, small: Path, featuretools: str | None) -> Taken | None:
    """Run one contender in a process of its own."""
    if name == "unrinse signals":
        with tempfile.TemporaryDirectory() as out:
            source = data / ("plain" if form == "strings" else "store")
            command = [
                sys.executable, "-m", "pipelines.cli", "signals", str(source), "--assume-complete",
                "--as-of", w1_data.AS_OF.isoformat(), "--out", f"{out}/signals.parquet",
            ]  # fmt: skip
            return whole(command)[1]
    command = [sys.executable, "-m", "benchmarks.contender", name, form, str(data), str(small)]
    if name == "featuretools_dfs":
        own = featuretools or sys.executable
        command = [own, "-W", "ignore", "-m", f"benchmarks.peers.{name}", str(data), str(small)]
    text, taken = whole(command)
    return None if taken is None else Taken(**json.loads(text))


def whole(command: list[str]) -> tuple[str, Taken | None]:
    """Run a command; return what it printed and what the whole process took."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return text, None
    return text, Taken(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def heading(runs: int) -> str:
    """Say when, on what and with which versions."""
    versions = []
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    return (
        f"{datetime.now(UTC):%d %B %Y}; {os.cpu_count()} cores ({_processor()}), "
        f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB; "
        f"load at the start {load}; Python {platform.python_version()}, {', '.join(versions)}; "
        f"best of {runs}.\n"
    )


def start_of_the_child() -> str:
    """Say what the imports of the process cost that tries a strange file: part of the seconds."""
    taken = [whole([sys.executable, "-c", "import data.transfers_check"])[1] for _ in range(3)]
    least = min(one.seconds for one in taken if one is not None)
    return (
        f"A strange file is tried in a child process, whose imports are {least:.2f} of Unrinse's "
        "seconds from strings; nobody else's imports count.\n"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def report(transfers: int, measured: Measured, small: Measured) -> str:
    """Render the table of one size: seconds, ratio to Unrinse, peak memory, bytes a transfer."""
    columns = [f"{form}, CPU s | × Unrinse | MB | bytes each" for form in FORMS]
    lines = [
        f"| {transfers:,} transfers | {' | '.join(columns)} |",
        "|---|" + "---:|" * 8,
    ]
    for name in dict.fromkeys(name for name, _ in measured):
        cells = [name]
        for form in FORMS:
            taken, ours = measured.get((name, form)), measured["unrinse", form]
            if taken is None or ours is None:
                cells += ["failed" if (name, form) in measured else "", "", "", ""]
            else:
                ratio = taken.seconds / ours.seconds
                cells += [f"{taken.seconds:.2f}", f"{ratio:.1f}", f"{taken.megabytes:,.0f}"]
                before = small.get((name, form))
                cells.append(_bytes_each(taken, before, transfers) if before else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _bytes_each(taken: Taken, small: Taken, transfers: int) -> str:
    """Return what each transfer beyond those of the small table adds to the peak."""
    if transfers <= WARM_UP_TRANSFERS:
        return ""
    grown = (taken.megabytes - small.megabytes) * 2**20
    return f"{grown / (transfers - WARM_UP_TRANSFERS):,.0f}"


def job_of(name: str, form: str) -> Callable[[Path], Any]:
    """Return a contender's job, which takes the folder of the data."""
    if name == "unrinse":
        return lambda data: by_unrinse(data / ("plain" if form == "strings" else "store"))
    peer = importlib.import_module(f"benchmarks.peers.{name}")
    if form == "strings":
        return lambda data: peer.from_strings(data / "plain" / "transfers.parquet")
    return lambda data: peer.from_codes(data / "codes.parquet")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
