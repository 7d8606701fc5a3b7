"""Compilation: how long the whole catalogue's kernels take to compile, and to load afterwards.

    python -m benchmarks.compilation

measures all signals, motifs and neighbours included, of 1,000 transfers of W1's data in fresh
processes: first with an empty folder for compiled kernels, then with what the first left there. In
each, the job runs twice; what the first run takes beyond the second is compiling, or loading.
Imports are not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import w1_data
from benchmarks.family_costs import some_services
from benchmarks.throughput import heading
from benchmarks.usage import cpu_seconds
from data.transfers import open_transfers
from features.catalogue import catalogue
from pipelines.engines import local

TRANSFERS = 1_000
LOADS = 3


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Seconds to compile and to load all kernels")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(beyond_the_second(arguments.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        data = w1_data.write(Path(temporary) / "w1", TRANSFERS)
        cache = Path(temporary) / "cache"
        cold = fresh(data, cache)
        warm = min(fresh(data, cache) for _ in range(LOADS))
    print(heading(LOADS))
    print("| all families | wall s | CPU s |\n|---|---:|---:|")
    for name, (wall, cpu) in (("compiled anew", cold), ("loaded", warm)):
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |")


def fresh(data: Path, cache: Path) -> tuple[float, float]:
    """Measure in a process of its own, with kernels kept in a folder of ours."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compilation", "--measure", str(data)],
        check=True, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
    )  # fmt: skip
    wall, cpu = json.loads(done.stdout)
    return wall, cpu


def beyond_the_second(data: Path) -> tuple[float, float]:
    """Return by how many wall and CPU seconds the first run of the job exceeds the second."""
    first, second = once(data), once(data)
    return first[0] - second[0], first[1] - second[1]


def once(data: Path) -> tuple[float, float]:
    """Measure every signal; return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    transfers = open_transfers(data / "store")
    local.measure(
        transfers, None, as_of=w1_data.AS_OF, basis="usd", threads=1,
        services=some_services(transfers), families=catalogue().families,
    )  # fmt: skip
    return time.perf_counter() - wall, cpu_seconds() - cpu


if __name__ == "__main__":
    main()
