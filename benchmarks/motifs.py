"""Motifs: what they cost Unrinse, and Snap ML's Graph Feature Preprocessor, side by side.

    python -m benchmarks.motifs --transfers 1000000

makes W1's data (`benchmarks.w1_data`) in a temporary folder and runs each contender over its codes
in a fresh process: one thread, a window of 24 hours, CPU time of the job alone (imports and
compiled code are paid beforehand, on a small table). Where hubs are large a stream may take very
long, so Snap ML stops after `--seconds`, and its rate is over what it has read by then; the table
says how much that was. Unrinse always does all of it. Ratios are to Unrinse without a cap, as Snap
ML has none.

    python -m benchmarks.motifs --transfers 1000000 --hub 1000000

adds one address with a million transfers of its own, about half of them to addresses that are paid
in W1 and half from those that pay, at W1's moments and values: an exchange that the services
registry does not know. W1 itself reaches no cap; this measures what one costs, and how often more
was refused. Without a cap such a hub may take very long: those rows are left out unless `--only`
names them.

**Comparable**: transfers per CPU second for the same shapes within the same window over the same
stream: fan-in and fan-out, scatter-gather, temporal cycles (both want strictly ascending times).

**Not comparable**, and to be kept in mind beside any ratio:

* Snap ML describes every transfer (patterns it takes part in, as histograms over their size, when
  its batch has arrived); Unrinse describes every address once, at the end of the table. Who needs
  a description after each transfer pays Unrinse's cost for each anew.
* Snap ML counts each pattern, of any length; Unrinse counts targets, pairs and returning transfers,
  and cycles of up to 5 hops. Snap ML's scatter-gather asks for no order in time. Its temporal
  cycles miss some where several transfers join the same addresses (`tests/benchmarks`).
* Unrinse's motifs look through no hub above the cap and say so; "no cap" is measured too.
* Unrinse's rows "all motifs" also hold gather-scatter, bipartite layers, relays and peel chains,
  most with values, for which Snap ML has no pattern. Its graph is laid in every row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks.throughput import WARM_UP_TRANSFERS, heading, made
from benchmarks.usage import cpu_seconds, peak_megabytes
from features.compilation import kernel
from features.counterparties import most_distinct, renumber, table_size
from features.history import DAY

BATCH = 1_024
"""Transfers that Snap ML gets at once: much smaller or larger batches take it several times longer
(measured at 128 and 16,384)."""

_DAY_SECONDS = 86_400
_NO_CAP = 1 << 40
_SNAP_PATTERNS = ("fan", "scatter-gather", "temp-cycle")


class Done(NamedTuple):
    """What one contender did: transfers read, CPU seconds, peak memory, and a remark."""

    transfers: int
    seconds: float
    megabytes: float
    remark: str


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="CPU seconds of motifs, Unrinse and Snap ML")
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=300, help="CPU seconds for a stream")
    parser.add_argument("--hub", type=int, default=0, help="transfers of one address more")
    parser.add_argument("--only", nargs="*", choices=[*CONTENDERS])
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    arguments = parser.parse_args()
    only = arguments.only or [n for n in CONTENDERS if not (arguments.hub and "no cap" in n)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        data, small = made(folder, arguments.transfers), made(folder, WARM_UP_TRANSFERS)
        print(heading(1))
        measured = {}
        for name in only:
            measured[name] = _run(name, data, small, arguments.seconds, arguments.hub)
            print(f"{name}: {measured[name]}", file=sys.stderr, flush=True)
    if arguments.hub:
        print(f"One address has {arguments.hub:,} of the transfers.\n")
    print(report(arguments.transfers + arguments.hub, measured))
    print(f"Load at the end {', '.join(f'{part:.1f}' for part in os.getloadavg())}.")


def _run(name: str, data: Path, small: Path, seconds: float, hub: int) -> Done:
    """Run one contender in a process of its own."""
    code = "from benchmarks.motifs import measure; measure()"
    command = [sys.executable, "-c", code, name, str(data), str(small), str(seconds), str(hub)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Done(*json.loads(answer.stdout))


def measure() -> None:
    """Run the contender that the command line names, twice; print what the second run took."""
    name, data, small, seconds, hub = sys.argv[1:]
    job = CONTENDERS[name]
    job(_columns(Path(small)), 1)
    columns = with_hub(_columns(Path(data)), int(hub))
    start = cpu_seconds()
    transfers, remark = job(columns, float(seconds))
    print(json.dumps(Done(transfers, cpu_seconds() - start, peak_megabytes(), remark)))


def report(transfers: int, measured: dict[str, Done]) -> str:
    """Render the table; a ratio is to the row of Unrinse that has these shapes among its own."""
    lines = [
        f"| {transfers:,} transfers | read | CPU s | transfers per CPU s | × slower | MB | |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for name, done in measured.items():
        rate, ours = done.transfers / done.seconds, measured.get(_BESIDE.get(name, ""))
        ratio = f"{ours.transfers / ours.seconds / rate:.0f}" if ours else ""
        lines.append(
            f"| {name} | {done.transfers:,} | {done.seconds:.2f} | {rate:,.0f} | {ratio} | "
            f"{done.megabytes:,.0f} | {done.remark} |"
        )
    return "\n".join(lines) + "\n"


def _columns(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "codes.parquet").select(
        "sender", "receiver", pl.col("block_time").to_physical(), "usd_micros"
    )


def with_hub(columns: pl.DataFrame, transfers: int) -> pl.DataFrame:
    """Add transfers of one address more: drawn from the table, with it in the place of one side."""
    if not transfers:
        return columns
    random = np.random.default_rng(0)
    code = pl.max_horizontal(columns["sender"].max(), columns["receiver"].max()) + 1
    drawn = columns[random.integers(0, columns.height, transfers)]
    paid = pl.Series(random.random(transfers) < 0.5)
    drawn = drawn.with_columns(
        sender=pl.when(paid).then(code).otherwise("sender").cast(drawn.schema["sender"]),
        receiver=pl.when(paid).then("receiver").otherwise(code).cast(drawn.schema["receiver"]),
    )
    return pl.concat([columns, drawn]).sort("block_time", maintain_order=True)


def _unrinse(cap: int, *only: str) -> Callable[[pl.DataFrame, float], tuple[int, str]]:
    """Lay the graph and count motifs (default: all) of every address, at the end of the table."""

    def job(columns: pl.DataFrame, _: float) -> tuple[int, str]:
        from features.graph import build_graph
        from features.motif_counts import MOTIF_COLUMNS, SHAPES, count_motifs
        from features.motif_walks import Limits

        sender, receiver, moment, value = (c.to_numpy() for c in columns)
        nodes = int(max(sender.max(), receiver.max())) + 1
        graph = build_graph(sender, receiver, moment, value, nodes=nodes)
        at_the_end = np.full(nodes, moment.max() + 1)
        limits, shapes = Limits(window=DAY, cap=cap), only or SHAPES
        counts = count_motifs(graph, np.arange(nodes), at_the_end, limits, shapes=shapes)
        capped = counts[:, MOTIF_COLUMNS.index("motifs_capped")]
        remark = f"{nodes:,} addresses, {(capped > 0).sum():,} capped ({capped.sum():,} times)"
        return len(sender), remark

    return job


def _unrinse_fan(columns: pl.DataFrame, _: float) -> tuple[int, str]:
    """Lay the graph and find the most receivers and senders of every address in 24 hours."""
    from features.graph import build_graph, unpacked

    sender, receiver, moment, value = (c.to_numpy() for c in columns)
    nodes = int(max(sender.max(), receiver.max())) + 1
    graph = build_graph(sender, receiver, moment, value, nodes=nodes)
    most = np.empty((2, nodes), np.int64)
    sides = ((graph.out_offsets, graph.sent), (graph.in_offsets, graph.got))
    for found, (offsets, table) in zip(most, sides, strict=True):
        other = unpacked(table[:, 1])[0].astype(np.int32)
        _fan(offsets, other, np.ascontiguousarray(table[:, 0]), found)
    return len(sender), f"greatest fan {most.max():,}"


@kernel
def _fan(
    offsets: np.ndarray, other: np.ndarray, times: np.ndarray, most: np.ndarray
) -> None:  # pragma: no cover (compiled)
    longest = np.diff(offsets).max()
    table, seen = np.empty(table_size(longest), np.int32), np.empty(longest, np.int64)
    code, inside = np.empty(longest, np.int32), np.empty(longest, np.int64)
    alike = np.ones(longest, np.bool_)
    for v in range(len(most)):
        a, b = offsets[v], offsets[v + 1]
        k = renumber(other[a:b], table, seen, code[: b - a])
        most[v] = most_distinct(times[a:b], code[: b - a], alike[: b - a], True, DAY, inside[:k])[0]


def _snap(*patterns: str) -> Callable[[pl.DataFrame, float], tuple[int, str]]:
    """Stream the table through Snap ML in batches, as long as the time lasts."""

    def job(columns: pl.DataFrame, seconds: float) -> tuple[int, str]:
        from snapml import GraphFeaturePreprocessor

        sender, receiver, moment, _ = (c.to_numpy() for c in columns)
        rows = np.arange(len(sender))
        table = np.column_stack([rows, sender, receiver, moment // 1_000_000]).astype(np.float64)
        preprocessor = GraphFeaturePreprocessor()
        parameters = {"num_threads": 1, "time_window": _DAY_SECONDS}
        for name in ("vertex_stats", "degree", "lc-cycle", *_SNAP_PATTERNS):
            parameters |= {name: name in patterns, f"{name}_tw": _DAY_SECONDS}
        preprocessor.set_params(preprocessor.get_params() | parameters)
        began, read = time.process_time(), 0
        while read < len(table) and time.process_time() - began < seconds:
            read += len(preprocessor.transform(np.ascontiguousarray(table[read : read + BATCH])))
        return read, "" if read == len(table) else "stopped"

    return job


CONTENDERS: dict[str, Callable[[pl.DataFrame, float], tuple[int, str]]] = {
    "unrinse, all motifs": _unrinse(200),
    "unrinse, all motifs, no cap": _unrinse(_NO_CAP),
    "unrinse, fan": _unrinse_fan,
    "unrinse, cycles": _unrinse(200, "cycle"),
    "unrinse, cycles, no cap": _unrinse(_NO_CAP, "cycle"),
    "unrinse, scatter-gather": _unrinse(200, "scatter_gather"),
    "unrinse, scatter-gather, no cap": _unrinse(_NO_CAP, "scatter_gather"),
    "unrinse, scatter-gather and cycles": _unrinse(200, "scatter_gather", "cycle"),
    "unrinse, scatter-gather and cycles, no cap": _unrinse(_NO_CAP, "scatter_gather", "cycle"),
    "snapml, fan": _snap("fan"),
    "snapml, cycles": _snap("temp-cycle"),
    "snapml, scatter-gather": _snap("scatter-gather"),
    "snapml, scatter-gather and cycles": _snap("scatter-gather", "temp-cycle"),
}
_BESIDE = {
    "snapml, fan": "unrinse, fan",
    "snapml, cycles": "unrinse, cycles, no cap",
    "snapml, scatter-gather": "unrinse, scatter-gather, no cap",
    "snapml, scatter-gather and cycles": "unrinse, scatter-gather and cycles, no cap",
}


if __name__ == "__main__":
    main()
