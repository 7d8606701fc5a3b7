"""Point in time: what a cut of its own for every address costs, against one cut for all.

    python -m benchmarks.point_in_time --transfers 1000000

makes W1's data (`benchmarks.w1_data`), and measures every address of it from the store: once all at
the end of the data, once each at a moment of its own, drawn from the second half of the 90 days, as
training does. Once with the signals of own histories, once with those of neighbours too. CPU
seconds of building and measuring, in a process of its own for each, compiled before; the best of
the runs counts. A cut of its own leaves fewer transfers in a history, so the table also has the
ratio per transfer that stands in a history.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks import w1_data
from benchmarks.family_costs import some_services
from benchmarks.throughput import WARM_UP_TRANSFERS, heading, made
from benchmarks.usage import cpu_seconds, peak_megabytes
from data.schema import TIME
from data.transfers import Transfers, open_transfers
from features.building import build_histories
from features.catalogue import catalogue
from features.computing import compute_signals
from features.signal import GraphFamily

CUTS = ("common", "own")
WHAT = ("own histories", "with neighbours")


class Taken(NamedTuple):
    """CPU seconds, transfers that stand in histories, and the peak of memory."""

    seconds: float
    in_histories: int
    megabytes: float


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="CPU seconds with a cut of its own for each")
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    parser.add_argument("--measure", nargs=4, metavar=("DATA", "SMALL", "CUTS", "WHAT"))
    arguments = parser.parse_args()
    if arguments.measure is not None:
        data, small, cuts, what = arguments.measure
        print(json.dumps(measure(Path(data), Path(small), cuts, what)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        small = made(folder, WARM_UP_TRANSFERS)
        data = made(folder, arguments.transfers)
        fresh(small, small)  # compiles
        taken = [fresh(data, small) for _ in range(arguments.runs)]
    best = {key: min(one[key] for one in taken) for key in taken[0]}
    print(heading(arguments.runs))
    print(report(best, arguments.transfers))


def fresh(data: Path, small: Path) -> dict[tuple[str, str], Taken]:
    """Measure every kind, each in a process of its own."""
    taken = {}
    for what in WHAT:
        for cuts in CUTS:
            command = [sys.executable, "-m", "benchmarks.point_in_time", "--measure"]
            done = subprocess.run(
                [*command, str(data), str(small), cuts, what],
                check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            taken[what, cuts] = Taken(*json.loads(done.stdout))
    return taken


def measure(data: Path, small: Path, cuts: str, what: str) -> Taken:
    """Do the job on a small table, then on the one that counts."""
    job(small, cuts, what)()
    run = job(data, cuts, what)
    start = cpu_seconds()
    in_histories = run()
    return Taken(cpu_seconds() - start, in_histories, peak_megabytes())


def job(data: Path, cuts: str, what: str) -> Callable[[], int]:
    """Return what is measured; the list of addresses and of services is at hand beforehand."""
    transfers = open_transfers(data / "store")
    services = some_services(transfers)
    requests = addresses(transfers, own=cuts == "own")
    neighbours = what == "with neighbours"
    families = [
        family
        for family in catalogue().families
        if not isinstance(family, GraphFamily) and (neighbours or not family.reads_neighbours)
    ]

    def run() -> int:
        histories = build_histories(
            transfers, requests, as_of=w1_data.AS_OF, services=services, neighbours=neighbours
        )
        compute_signals(histories, families, threads=os.cpu_count() or 1)
        return int(histories.columns.offsets[-1])

    return run


def addresses(transfers: Transfers, *, own: bool) -> pl.DataFrame:
    """Return all addresses in random order, each with its cut."""
    known = transfers.addresses()
    assert known is not None  # w1_data writes a store
    rng = np.random.default_rng(1)
    known = known[rng.permutation(known.height)]
    half = timedelta(days=w1_data.DAYS) / 2
    late = rng.random(known.height) if own else np.ones(known.height)
    micros = (late * (half / timedelta(microseconds=1))).astype(np.int64)
    as_of = pl.lit(w1_data.AS_OF - half).cast(TIME) + pl.duration(microseconds=pl.Series(micros))
    return known.with_columns(as_of=as_of.cast(TIME))


def report(best: dict[tuple[str, str], Taken], transfers: int) -> str:
    """Render the table."""
    lines = [
        f"| {transfers:,} transfers | one cut, CPU s | own cuts, CPU s | × | × per transfer in a "
        "history | MB, one cut | MB, own cuts |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for what in WHAT:
        common, own = best[what, "common"], best[what, "own"]
        ratio = own.seconds / common.seconds
        each = ratio * common.in_histories / own.in_histories
        lines.append(
            f"| {what} | {common.seconds:.2f} | {own.seconds:.2f} | {ratio:.2f} | {each:.2f} | "
            f"{common.megabytes:,.0f} | {own.megabytes:,.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
