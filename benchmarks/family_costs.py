"""Family costs: the CPU nanoseconds per transfer that each family's kernel takes, on W1's data.

    python -m benchmarks.family_costs --transfers 1000000

makes W1's data (`benchmarks.w1_data`) in a temporary folder. One fresh process builds the
histories, then runs the kernels alone, on one thread, in turns; the best of several runs counts.
Compilation was done in an earlier process. A transfer is a row of the table; it stands in two
histories, its sender's and its receiver's, so a kernel meets it twice. One address in fifty stands
on a list of services, so that the signals that look at listed parties have some. What it costs to
look at neighbours, once for all families that do, is building with them less building without;
likewise what it costs to lay the transfers down as a graph, which motifs are measured from.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import w1_data
from benchmarks.throughput import WARM_UP_TRANSFERS, heading, made
from data.service_table import SERVICES
from data.services import Services
from data.transfers import Transfers, open_transfers
from features.building import build_histories
from features.catalogue import catalogue
from features.compilation import keep_compiled
from features.history import Columns, Histories
from features.signal import GraphFamily

LOOKING = "looking at neighbours"
LAYING = "laying the graph down"
KNOWN_ONE_IN = 50
KNOWN_AS = ("exchange_hot", "exchange_deposit", "bridge", "mixer", "guarantee_marketplace")
NOT_LICIT = ("mixer", "guarantee_marketplace")


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="CPU nanoseconds per transfer of each family")
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measure(arguments.measure, arguments.runs)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        fresh(made(folder, WARM_UP_TRANSFERS), 1)  # compiles
        seconds = fresh(made(folder, arguments.transfers), arguments.runs)
    print(heading(arguments.runs))
    print(report(seconds, arguments.transfers))


def fresh(data: Path, runs: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.family_costs", "--measure", str(data)]
    done = subprocess.run(
        [*command, "--runs", str(runs)], check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout))


def measure(data: Path, runs: int) -> dict[str, float]:
    """Return the least CPU seconds of each family's kernel, and of looking at neighbours."""
    transfers = open_transfers(data / "store")
    build = partial(
        build_histories, transfers, as_of=w1_data.AS_OF, services=some_services(transfers)
    )
    histories, plain = build(neighbours=True, network=True), least(runs, build)
    best = {LOOKING: least(runs, partial(build, neighbours=True)) - plain}
    best[LAYING] = least(runs, partial(build, network=True)) - plain
    return best | kernels(histories.columns, runs) | from_the_graph(histories, runs)


def kernels(columns: Columns, runs: int) -> dict[str, float]:
    """Return the least CPU seconds of each family's kernel over all histories."""
    families, n = [f for f in catalogue().families if f.scope == "address"], len(columns.as_of)
    outs = {family.name: np.empty((n, len(family.signals))) for family in families}
    for family in families:  # loads what is compiled, and touches the memory
        keep_compiled(family.kernel)
        family.kernel(columns, 0, n, outs[family.name])
    best: dict[str, float] = {}
    for _ in range(runs):
        for family in families:
            taken = least(1, partial(family.kernel, columns, 0, n, outs[family.name]))
            best[family.name] = min(taken, best.get(family.name, taken))
    return best


def from_the_graph(histories: Histories, runs: int) -> dict[str, float]:
    """Return the least CPU seconds of each family that is measured from all transfers."""
    best: dict[str, float] = {}
    for family in catalogue().families:
        if isinstance(family, GraphFamily):
            job = partial(_everywhere, family, histories)
            job()  # loads what is compiled
            best[family.name] = least(runs, job)
    return best


def _everywhere(family: GraphFamily, histories: Histories) -> None:
    columns = histories.columns
    for network in histories.networks:
        family.measure(network, columns.as_of[network.of], columns.scale[network.of], 1)


def least(runs: int, job: Callable[[], object]) -> float:
    """Return the least CPU seconds that some runs of a job take."""
    taken = []
    for _ in range(runs):
        start = time.process_time()
        job()
        taken.append(time.process_time() - start)
    return min(taken)


def some_services(transfers: Transfers) -> Services:
    """Return a list of services with one address in fifty on it, from before the data begin."""
    addresses = transfers.addresses()
    assert addresses is not None
    some = addresses.gather_every(KNOWN_ONE_IN).with_row_index("place")
    category = (pl.col("place") % len(KNOWN_AS)).replace_strict(dict(enumerate(KNOWN_AS)))
    table = some.select(
        "chain",
        "address",
        category=category,
        licit=~category.is_in(NOT_LICIT),
        date=pl.lit("2023-12-01"),
    )
    missing = (pl.lit(None, dtype=kind).alias(c) for c, kind in SERVICES.items())
    known = {"chain", "address", "category", "licit", "date"}
    return Services(table.with_columns(c for c in missing if c.meta.output_name() not in known))


def report(seconds: dict[str, float], transfers: int) -> str:
    """Render the table: nanoseconds per transfer, by family and per signal."""
    total = sum(seconds.values())
    lines = [
        f"| family, {transfers:,} transfers | signals | ns per transfer | share | per signal |",
        "|---|---:|---:|---:|---:|",
    ]
    for family in catalogue().families:
        each, count = seconds[family.name] / transfers * 1e9, len(family.signals)
        share = seconds[family.name] / total
        lines.append(
            f"| {family.name} | {count} | {each:,.0f} | {share:.0%} | {each / count:,.0f} |"
        )
    for name in (LOOKING, LAYING):
        each, share = seconds[name] / transfers * 1e9, seconds[name] / total
        lines.append(f"| {name} | | {each:,.0f} | {share:.0%} | |")
    count, everything = len(catalogue().signals), total / transfers * 1e9
    lines.append(f"| all | {count} | {everything:,.0f} | | {everything / count:,.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
