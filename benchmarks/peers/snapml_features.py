"""Snap ML's graph feature preprocessor: not W1, but the streaming peer for graph features.

It gives every transaction a row (fan-in and fan-out, degrees and vertex statistics of both sides
over the day before, in bins), where W1 gives every address one; so only its cost per transaction
can be compared. Batches of 1,024, one thread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from snapml import GraphFeaturePreprocessor

BATCH = 1_024
DAY_SECONDS = 86_400
_VALUE_COLUMN = 4


def from_codes(path: Path) -> int:
    """Read integer-coded Parquet and compute the features of every transaction."""
    frame = pl.read_parquet(path)
    table = np.column_stack(
        [
            np.arange(frame.height),
            frame["sender"].to_numpy(),
            frame["receiver"].to_numpy(),
            frame["block_time"].to_physical().to_numpy() // 1_000_000,
            frame["usd_micros"].to_numpy() / 1e6,
        ]
    ).astype(np.float64)
    preprocessor = GraphFeaturePreprocessor()
    preprocessor.set_params(
        preprocessor.get_params()
        | {
            "num_threads": 1,
            "time_window": DAY_SECONDS,
            "fan": True,
            "fan_tw": DAY_SECONDS,
            "degree": True,
            "degree_tw": DAY_SECONDS,
            "vertex_stats": True,
            "vertex_stats_tw": DAY_SECONDS,
            "vertex_stats_cols": [_VALUE_COLUMN],
            "scatter-gather": False,
            "temp-cycle": False,
            "lc-cycle": False,
        }
    )
    rows = 0
    for start in range(0, len(table), BATCH):
        rows += len(preprocessor.transform(np.ascontiguousarray(table[start : start + BATCH])))
    return rows
