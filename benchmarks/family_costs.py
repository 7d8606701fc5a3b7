"""Family costs: the CPU nanoseconds per transfer that each family's kernel takes, on W1's data.

    python -m benchmarks.family_costs --transfers 1000000

makes W1's data (`benchmarks.w1_data`) in a temporary folder. One fresh process builds the
histories, then runs the kernels alone, on one thread, in turns; the best of several runs counts.
Compilation was done in an earlier process. A transfer is a row of the table; it stands in two
histories, its sender's and its receiver's, so a kernel meets it twice. One address in fifty is
given a place on a list of services, so that the signals that look at listed parties have some.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import w1_data
from benchmarks.throughput import WARM_UP_TRANSFERS, heading, made
from data.transfers import open_transfers
from features.building import build_histories
from features.catalogue import catalogue
from features.compilation import keep_compiled
from features.history import LISTED, Columns, party_of

KNOWN_ONE_IN = 50
KNOWN_AS = (
    party_of("exchange_hot"),
    party_of("exchange_deposit"),
    party_of("bridge"),
    party_of("mixer") | LISTED,
    party_of("guarantee_marketplace") | LISTED,
)


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="CPU nanoseconds per transfer of each family")
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measure(columns_of(arguments.measure), arguments.runs)))
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


def columns_of(data: Path) -> Columns:
    """Build the histories of W1's data, some counterparties of which are known."""
    histories = build_histories(open_transfers(data / "store"), as_of=w1_data.AS_OF)
    columns = histories.columns
    place = columns.counterparty.astype(np.int64)
    known = np.array(KNOWN_AS, dtype=np.uint8)[place // KNOWN_ONE_IN % len(KNOWN_AS)]
    return columns._replace(
        party=np.where(place % KNOWN_ONE_IN == 0, known, 0).astype(np.uint8),
        registry=np.ones(len(histories), dtype=np.bool_),
    )


def measure(columns: Columns, runs: int) -> dict[str, float]:
    """Return the least CPU seconds of each family's kernel over all histories."""
    families = catalogue().families
    n = len(columns.offsets) - 1
    outs = {family.name: np.empty((n, len(family.signals))) for family in families}
    for family in families:  # loads what is compiled, and touches the memory
        keep_compiled(family.kernel)
        family.kernel(columns, 0, n, outs[family.name])
    best: dict[str, float] = {}
    for _ in range(runs):
        for family in families:
            start = time.process_time()
            family.kernel(columns, 0, n, outs[family.name])
            taken = time.process_time() - start
            best[family.name] = min(taken, best.get(family.name, taken))
    return best


def report(seconds: dict[str, float], transfers: int) -> str:
    """Render the table: nanoseconds per transfer, by family and per signal."""
    total = sum(seconds.values())
    lines = [
        f"| family, {transfers:,} transfers | signals | ns per transfer | share | per signal |",
        "|---|---:|---:|---:|---:|",
    ]
    families = {family.name: len(family.signals) for family in catalogue().families}
    for name, taken in seconds.items():
        each = taken / transfers * 1e9
        lines.append(
            f"| {name} | {families[name]} | {each:,.0f} | {taken / total:.0%} | "
            f"{each / families[name]:,.0f} |"
        )
    everything = total / transfers * 1e9
    count = sum(families.values())
    lines.append(f"| all | {count} | {everything:,.0f} | | {everything / count:,.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
