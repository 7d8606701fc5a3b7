"""Training at scale: what `unrinse train` takes for a million labelled addresses.

    python -m benchmarks.training --transfers 10000000 --labels 1000000

makes W1's transfers (`benchmarks.w1_data`; some 1.25 million addresses to ten million transfers),
labels addresses at random (5 % positive, each cut at a moment of its own), and trains on the whole
catalogue as one command: histories, signals, the leakage audit, the trees, calibration, four
simpler models and the evaluation. Labels that mean nothing cost what others cost; what the model is
worth is no matter.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import w1_data
from benchmarks.throughput import heading, made, whole
from data.schema import TIME

POSITIVE = 0.05


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description="CPU seconds and memory of training")
    parser.add_argument("--transfers", type=int, default=10_000_000)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = made(asked.folder or Path(temporary), asked.transfers)
        labels = Path(temporary) / "labels.parquet"
        told = label(data, asked.labels)
        told.write_parquet(labels)
        command = [
            sys.executable, "-m", "pipelines.cli", "train", str(data / "store"), str(labels),
            "--out", f"{temporary}/bundle", "--min-transfers", "3", "--assume-complete",
        ]  # fmt: skip
        text, taken = whole(command)
    print(heading(1))
    if taken is None:
        sys.exit(f"training failed: {text}")
    print(
        "| transfers | labels | positive | CPU s | peak MB |\n|---:|---:|---:|---:|---:|\n"
        f"| {asked.transfers:,} | {told.height:,} | {int(told['label'].sum()):,} "
        f"| {taken.seconds:,.0f} | {taken.megabytes:,.0f} |"
    )


def label(data: Path, n: int) -> pl.DataFrame:
    """Label the first `n` addresses at random, each at a moment in the second half of the data."""
    named = pl.read_parquet(data / "store" / "addresses.parquet", columns=["chain", "address"])
    named = named.head(n)
    random = np.random.default_rng(1)
    half = w1_data.DAYS * 86_400 // 2
    seconds = pl.Series(half + (random.random(named.height) * half).astype(np.int64))
    cut = pl.lit(w1_data.START).cast(TIME) + pl.duration(seconds=pl.col("_after"))
    return named.with_columns(
        label=pl.Series((random.random(named.height) < POSITIVE).astype(np.int8)), _after=seconds
    ).select("chain", "address", "label", as_of=cut, available_at=cut + timedelta(hours=1))


if __name__ == "__main__":
    main()
