"""Out of core: what a cap on memory costs, and whether it holds.

    python -m benchmarks.out_of_core --transfers 10000000 --memory none 1GiB

makes W1's data (`benchmarks.w1_data`) and computes the whole catalogue but motifs for every address
with `unrinse signals`, each time in a fresh process, start included. Peaks are those of the
process; the content hash says whether the results are the same. With ``--motifs``, motifs are
computed too; with ``--score BUNDLE``, every address is scored by that model instead, on research
use. With ``--hub N`` one address is a side of N of the transfers, and is the only one asked for,
unless ``--everybody`` asks for everybody.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import w1_data
from benchmarks.throughput import Taken, heading, made, whole

NO_CAP = "none"
WHOLE = ("--assume-complete", "--as-of", w1_data.AS_OF.isoformat())
"""All of W1's store, as a job is told."""


class Run(NamedTuple):
    """What one run took and gave."""

    transfers: int
    memory: str
    cpu_seconds: float
    seconds: float
    peak_mebibytes: float
    spilled_bytes: int
    content: str


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Signals and scores under a cap on memory")
    parser.add_argument("--transfers", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--memory", nargs="+", default=[NO_CAP, "1GiB"])
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    parser.add_argument("--motifs", action="store_true", help="compute motifs too")
    parser.add_argument("--hub", type=int, default=0, help="transfers of the one asked for")
    parser.add_argument("--everybody", action="store_true", help="ask for everybody, not the hub")
    parser.add_argument("--score", type=Path, help="score with this model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        print(heading(1))
        print(table_head(), flush=True)
        for transfers in arguments.transfers:
            data = made(folder, transfers, arguments.hub)
            for memory in arguments.memory:
                run = measured(data, transfers, memory, job(arguments, data))
                print(row(run), flush=True)


def job(arguments: argparse.Namespace, data: Path) -> list[str]:
    """Return what `unrinse` is to do, in words."""
    words = ["signals", *(["--also", "motifs"] if arguments.motifs else [])]
    if arguments.score is not None:
        words = ["score", str(arguments.score), "--research-use"]
    if arguments.hub and not arguments.everybody:
        words += ["--addresses", str(data / w1_data.HUB)]
    return words


def measured(data: Path, transfers: int, memory: str, words: list[str]) -> Run:
    """Run one job in a process of its own."""
    words = words + ([] if memory == NO_CAP else ["--memory", memory])
    result, taken, seconds = commanded(words, data)
    return Run(
        transfers,
        memory,
        taken.seconds,
        seconds,
        taken.megabytes,
        result["spilled_bytes"] or 0,
        result["content_sha256"][:12],
    )


def commanded(words: list[str], data: Path) -> tuple[dict[str, Any], Taken, float]:
    """Let `unrinse` do a job on W1's store below `data`, in a process of its own.

    Returns
    -------
    tuple
        What it said of its result, what it took, and seconds.
    """
    with tempfile.TemporaryDirectory(dir=data) as folder:
        command = [sys.executable, "-m", "pipelines.cli", *words, str(data / "store")]
        command += [*WHOLE, "--out", f"{folder}/result.parquet"]
        began = time.monotonic()
        text, taken = whole(command)
        seconds = time.monotonic() - began
    if taken is None:
        raise SystemExit(f"{' '.join(command)} failed.")
    return json.loads(text), taken, seconds


def table_head() -> str:
    """Return the head of the table."""
    return (
        "| transfers | `--memory` | peak, MiB | CPU s | CPU s per million | wall s | spilled, GiB "
        "| content |\n|---:|---|---:|---:|---:|---:|---:|---|"
    )


def row(run: Run) -> str:
    """Return one line of the table."""
    return (
        f"| {run.transfers:,} | {run.memory} | {run.peak_mebibytes:,.0f} | {run.cpu_seconds:.1f} "
        f"| {run.cpu_seconds / run.transfers * 1e6:.2f} | {run.seconds:.0f} "
        f"| {run.spilled_bytes / 2**30:.1f} | `{run.content}` |"
    )


if __name__ == "__main__":
    main()
