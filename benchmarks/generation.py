"""Generation: how fast `simulate` writes a world, and how much memory that takes, side by side.

    python -m benchmarks.generation --transfers 1000000 10000000 --workers 1 2

Each run is the whole command in a fresh process, start included. Memory is read from /proc several
times a second: the resident sets of the process and of all its children, summed (so libraries that
they share count once for each), and of the largest of them alone. A world is asked for by its
number of accounts, so that the transfers come out near the size named, not at it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.throughput import heading

TRANSFERS_PER_ACCOUNT = 45
"""About so many come with each account of a world of two years; every report says how many did."""

BETWEEN_LOOKS = 0.1
"""Seconds between two readings of the memory."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Made:
    """One run.

    Parameters
    ----------
    transfers, addresses
        What came out.
    workers
        Processes that it was allowed.
    wall, cpu
        Seconds by the clock; seconds of user and system, children included.
    together, largest
        Peak resident bytes of all processes at once, and of the largest one.
    disk, aside
        Bytes of the world; bytes in its folder at the peak, set-aside files included.
    load
        How many processes wanted a core at the end, a mean over a minute; its own are among them.
    """

    transfers: int
    addresses: int
    workers: int
    wall: float
    cpu: float
    together: int
    largest: int
    disk: int
    aside: int
    load: float


def main() -> None:
    """Measure, and print a Markdown report."""
    parser = argparse.ArgumentParser(description="Speed and memory of `unrinse simulate`")
    parser.add_argument("--transfers", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where worlds are written; they are removed")
    arguments = parser.parse_args()
    runs, beginning = [], heading(1)
    for transfers in arguments.transfers:
        for workers in dict.fromkeys(arguments.workers):
            runs.append(run(transfers, workers, arguments.seed, arguments.folder))
            print(runs[-1], file=sys.stderr, flush=True)
    print(beginning)
    print(report(runs))


def run(transfers: int, workers: int, seed: int, folder: Path | None) -> Made:
    """Write one world, watching the process and its children."""
    addresses = max(100, round(transfers / TRANSFERS_PER_ACCOUNT))
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        out = Path(temporary) / "world"
        command = [
            sys.executable, "-m", "pipelines.cli", "simulate", "--out", str(out),
            "--addresses", str(addresses), "--workers", str(workers), "--seed", str(seed),
        ]  # fmt: skip
        began = time.monotonic()
        together = largest = aside = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as made:
            assert made.stdout is not None
            looks = 0
            while True:
                pid, status, usage = os.wait4(made.pid, os.WNOHANG)
                if pid:
                    break
                held = list(_resident(made.pid).values())
                together, largest = max(together, sum(held)), max(largest, *held, 0)
                if looks % 20 == 0:  # a folder takes longer to look through
                    aside = max(aside, _bytes(Path(temporary)))
                looks += 1
                time.sleep(BETWEEN_LOOKS)
            wall = time.monotonic() - began
            made.returncode = os.waitstatus_to_exitcode(status)
            told = made.stdout.read()
        if made.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {made.returncode}")
        result = json.loads(told)
        return Made(
            transfers=result["transfers"],
            addresses=result["addresses"],
            workers=workers,
            wall=wall,
            cpu=usage.ru_utime + usage.ru_stime,
            together=together,
            largest=largest,
            disk=_bytes(out),
            aside=aside,
            load=os.getloadavg()[0],
        )


def report(runs: list[Made]) -> str:
    """Render one row for each run, and how memory grew with size."""
    lines = [
        "| transfers | accounts | per account | workers | wall s | transfers / s | CPU s "
        "| transfers / CPU s | peak MB, all | largest process | on disk, MB | at the peak | load |",
        "|" + "---:|" * 13,
    ]
    for r in runs:
        cells = (
            f"{r.transfers:,}",
            f"{r.addresses:,}",
            f"{r.transfers / r.addresses:.1f}",
            r.workers,
            f"{r.wall:,.1f}",
            f"{r.transfers / r.wall:,.0f}",
            f"{r.cpu:,.1f}",
            f"{r.transfers / r.cpu:,.0f}",
            f"{r.together / 1e6:,.0f}",
            f"{r.largest / 1e6:,.0f}",
            f"{r.disk / 1e6:,.0f}",
            f"{r.aside / 1e6:,.0f}",
            f"{r.load:.1f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, "", *_growth(runs)])


def _growth(runs: list[Made]) -> list[str]:
    """Say how memory grew from the smallest world to the largest, for each number of workers."""
    said = []
    for workers in dict.fromkeys(r.workers for r in runs):
        ours = sorted((r for r in runs if r.workers == workers), key=lambda r: r.transfers)
        small, large = ours[0], ours[-1]
        if large.transfers > 2 * small.transfers:
            said.append(
                f"With {workers} at work, {large.transfers / small.transfers:.1f} times the "
                f"transfers took {large.together / small.together:.1f} times the memory: "
                f"{(large.together - small.together) / (large.transfers - small.transfers):,.0f} "
                "further bytes for each further transfer."
            )
    return said


def _resident(root: int) -> dict[int, int]:
    """Return the resident bytes of a process and of all that descend from it."""
    parents, pages = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name of a process may hold anything, brackets included; its end is the last one.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(entry.name)] = int(fields[1])
        pages[int(entry.name)] = int(fields[21])
    ours = {root}
    while more := {p for p, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return {p: pages.get(p, 0) * _PAGE for p in ours}


def _bytes(folder: Path) -> int:
    """Return the bytes below a folder, whatever comes and goes there meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


if __name__ == "__main__":
    main()
