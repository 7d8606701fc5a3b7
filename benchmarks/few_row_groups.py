"""Short lists: what signals of a thousand addresses read of a large store, and how long they take.

    python -m benchmarks.few_row_groups --transfers 10000000

makes W1's data (`benchmarks.w1_data`), prepares the store (`unrinse prepare`), and computes the
whole catalogue but motifs for lists of addresses drawn at random, each time in a fresh process,
start included: once out of what was prepared, once out of the store. The content hash says whether
the results are the same. With ``--reach`` it says how many of the transfers lie within one step and
within two of the list: what neighbourhood signals would have to read, had nothing been prepared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks.out_of_core import WHOLE, commanded
from benchmarks.throughput import heading, made, whole
from pipelines.prepared.making import FOLDER


class Run(NamedTuple):
    """What one run took and gave; `share` of the store's files."""

    seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    read_mebibytes: float
    share: float
    content: str


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Signals of short lists")
    parser.add_argument("--transfers", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--addresses", type=int, nargs="+", default=[1, 100, 1_000])
    parser.add_argument("--memory", help="cap the runs that read the store")
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    parser.add_argument("--reach", action="store_true", help="say what lies within two steps")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        print(heading(1))
        for transfers in arguments.transfers:
            data = made(folder, transfers)
            print(prepared(data / "store"), flush=True)
            print(table_head(), flush=True)
            for addresses in arguments.addresses:
                listed = drawn(data, addresses)
                few = measured(data / "store", listed, None)
                print(row(transfers, addresses, "prepared", few), flush=True)
                with without(data / "store"):
                    read = measured(data / "store", listed, arguments.memory)
                print(row(transfers, addresses, "store", read), flush=True)
                if arguments.reach:
                    print(reach(data, listed), flush=True)


def prepared(store: Path) -> str:
    """Prepare a store where it is not, and say what that took."""
    size = store_bytes(store)
    if not (store / FOLDER).exists():
        began = time.monotonic()
        command = [sys.executable, "-m", "pipelines.cli", "prepare", str(store), *WHOLE]
        _, taken = whole(command)
        if taken is None:
            raise SystemExit(f"{' '.join(command)} failed.")
        took = f" in {time.monotonic() - began:,.0f} s, {taken.seconds:,.0f} CPU s"
    else:
        took = " before"
    held = sum(file.stat().st_size for file in (store / FOLDER).iterdir())
    return f"Store: {size / 1e9:.2f} GB. Prepared{took}: {held / 1e9:.2f} GB.\n"


def drawn(data: Path, addresses: int) -> Path:
    """Write a list of so many addresses, drawn at random."""
    names = pl.read_parquet(data / "store" / "addresses.parquet", columns=["chain", "address"])
    path = data / f"list-{addresses}.csv"
    names.sample(addresses, seed=addresses, shuffle=True).write_csv(path)
    return path


def measured(store: Path, listed: Path, memory: str | None) -> Run:
    """Run one job in a process of its own."""
    words = ["signals", "--addresses", str(listed)]
    words += [] if memory is None else ["--memory", memory]
    result, taken, seconds = commanded(words, store.parent)
    read = result["read_bytes"] or store_bytes(store)
    return Run(
        seconds,
        taken.seconds,
        taken.megabytes,
        read / 2**20,
        read / store_bytes(store),
        result["content_sha256"][:12],
    )


@contextmanager
def without(store: Path) -> Iterator[None]:
    """Let a store be as if it had not been prepared, for the block."""
    hidden = (store / FOLDER).rename(store.parent / "prepared-hidden")
    try:
        yield
    finally:
        hidden.rename(store / FOLDER)


def reach(data: Path, listed: Path) -> str:
    """Say which share of the transfers lies within one step of a list, and within two."""
    names = pl.read_parquet(data / "store" / "addresses.parquet", columns=["address"])
    wanted = pl.read_csv(listed)["address"]
    inside = names["address"].is_in(wanted.implode()).to_numpy()
    ends = pl.read_parquet(data / "codes.parquet", columns=["sender", "receiver"]).to_numpy().T
    shares = []
    for _ in range(3):
        near = inside[ends[0]] | inside[ends[1]]
        shares.append(f"{near.mean():.2%}")
        inside = inside.copy()
        inside[np.unique(ends[:, near])] = True
    return (
        f"\nOf all transfers {shares[0]} are of the list, {shares[1]} of it or its counterparties, "
        f"{shares[2]} of these or theirs.\n"
    )


def store_bytes(store: Path) -> int:
    """Return the bytes of a store's own files."""
    return sum(file.stat().st_size for file in store.glob("*.parquet"))


def table_head() -> str:
    """Return the head of the table."""
    return (
        "| transfers | addresses | read from | wall s | CPU s | peak, MiB | read, MiB "
        "| share of the store | content |\n|---:|---:|---|---:|---:|---:|---:|---:|---|"
    )


def row(transfers: int, addresses: int, where: str, run: Run) -> str:
    """Return one line of the table."""
    return (
        f"| {transfers:,} | {addresses:,} | {where} | {run.seconds:.1f} | {run.cpu_seconds:.1f} "
        f"| {run.peak_mebibytes:,.0f} | {run.read_mebibytes:,.1f} | {run.share:.2%} "
        f"| `{run.content}` |"
    )


if __name__ == "__main__":
    main()
