"""Under one cap on memory: what W1 costs Unrinse, DuckDB and polars' streaming engine.

    python -m benchmarks.under_a_cap --transfers 10000000 --memory 1GiB

makes W1's data (`benchmarks.w1_data`) and lets each contender, in turns, read it from Parquet and
write the 22 columns of every address to Parquet, in a fresh process, its start included; each has
run on a small table before, so that nothing is compiled. Unrinse reads the store under the cap, the
others integer codes, which spares them the strings. DuckDB is given the cap as ``memory_limit``, a
folder to spill to and, as its own refusals advise, no order to preserve: once with all threads, and
once with one, with which it needs less. Polars has no such setting and is run as it is. What each
process held at most is in the table: whoever held more than the cap did not keep it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import w1_data, w1_kernel
from benchmarks.throughput import WARM_UP_TRANSFERS, Taken, heading, made, whole
from data.transfers import open_transfers
from pipelines.engines import local
from pipelines.memory import Cap, read_size
from pipelines.outputs import write_table


def by_unrinse(data: Path, memory: int, folder: Path) -> None:
    """Compute W1 with the engine that `unrinse signals --memory` runs on."""
    families, transfers = [w1_kernel.FAMILY], open_transfers(data / "store", assume_complete=True)
    with local.held(
        transfers,
        None,
        as_of=w1_data.AS_OF,
        basis="usd",
        families=families,
        cap=Cap(memory, folder),
    ) as histories:
        write_table(
            local.parts(histories, families), folder / "result.parquet", kind="signals", facts={}
        )


def by_duckdb(data: Path, memory: int, folder: Path, threads: int | None = None) -> None:
    """Compute W1 in SQL, with DuckDB's own limit."""
    import duckdb

    from benchmarks.peers import duckdb_sql

    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{memory} B'")
        connection.execute(f"SET temp_directory = '{folder / 'spilled'}'")
        connection.execute("SET preserve_insertion_order = false")
        if threads is not None:
            connection.execute(f"SET threads = {threads}")
        query = duckdb_sql.query_of_codes()
        connection.execute(
            f"COPY ({query}) TO '{folder / 'result.parquet'}'", [str(data / "codes.parquet")]
        )


def by_polars(data: Path, memory: int, folder: Path) -> None:
    """Compute W1 in polars' streaming engine, which knows no limit."""
    from benchmarks.peers import polars_plain

    query = polars_plain.query_of_codes(data / "codes.parquet")
    query.sink_parquet(folder / "result.parquet", engine="streaming")


JOBS: dict[str, Callable[[Path, int, Path], None]] = {
    "unrinse": by_unrinse,
    "duckdb": by_duckdb,
    "duckdb, one thread": partial(by_duckdb, threads=1),
    "polars": by_polars,
}


def main() -> None:
    """Measure, and print a Markdown table; or run one job, in a process started for it."""
    parser = argparse.ArgumentParser(description="W1 under one cap on memory, side by side")
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--runs", type=int, default=1, help="the best of so many counts")
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    parser.add_argument("--job", nargs=3, metavar=("NAME", "DATA", "OUT"), help="run one job")
    arguments = parser.parse_args()
    if arguments.job:
        name, data, out = arguments.job
        JOBS[name](Path(data), read_size(arguments.memory), Path(out))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        data, small = made(folder, arguments.transfers), made(folder, WARM_UP_TRANSFERS)
        print(heading(arguments.runs))
        for name in JOBS:
            _run(name, small, arguments.memory)
        best: dict[str, Taken] = {}
        for _ in range(arguments.runs):
            for name in JOBS:
                taken = _run(name, data, arguments.memory)
                if taken is not None:
                    best[name] = min(taken, best.get(name, taken))
        print(report(best, arguments.transfers, arguments.memory))


def _run(name: str, data: Path, memory: str) -> Taken | None:
    """Run one job in a process of its own; None where it failed."""
    with tempfile.TemporaryDirectory(dir=data) as out:
        command = [sys.executable, "-m", "benchmarks.under_a_cap", "--memory", memory]
        taken = whole([*command, "--job", name, str(data), out])[1]
    print(f"{name}: {taken}", file=sys.stderr, flush=True)
    return taken


def report(best: dict[str, Taken], transfers: int, memory: str) -> str:
    """Render the table: CPU seconds, their ratio to Unrinse's, and the most that was held."""
    ours = best.get("unrinse")
    lines = [
        f"| {transfers:,} transfers, cap {memory} | CPU s | × Unrinse | peak, MiB |",
        "|---|---:|---:|---:|",
    ]
    for name in JOBS:
        taken = best.get(name)
        if taken is None:
            lines.append(f"| {name} | failed | | |")
            continue
        ratio = f"{taken.seconds / ours.seconds:.1f}" if ours is not None else ""
        lines.append(f"| {name} | {taken.seconds:.1f} | {ratio} | {taken.megabytes:,.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
