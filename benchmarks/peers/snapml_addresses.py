"""Snap ML's Graph Feature Preprocessor, made into features of addresses as a good user would.

It describes each transfer as it arrives: histograms of the patterns that the transfer takes part in
(fan-in and fan-out, degree, scatter-gather, temporal cycles, simple cycles of bounded length) and
statistics of both ends' transfers (number of neighbours and of transfers, their ratio, and average,
sum, least, greatest, median, variance, skew and kurtosis of the amounts), in a graph of everything
sent before, whoever sent it. An address takes part in many transfers, as sender and as receiver: of
each feature, and of the amount, in each of the two roles, it gets the mean, the greatest and the
last value, and the number of transfers.

Only transfers before the moment of an address's row count. In batches of one, no description knows
a later transfer. In larger ones a transfer's description knows the rest of its batch: more shapes
are seen from all their transfers, but the last batch before a cut looks a little into the future.

Two amounts stand beside a transfer: one in the sender's scale, one in the receiver's. An end's
statistics are of the amounts in its own scale, so relative amounts stay relative.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context

import numpy as np
import polars as pl

DAY = 86_400
SIZES = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
"""Lower ends of the histograms' bins."""

STATISTICS = (
    "neighbours", "transfers", "ratio", "average", "sum", "least", "greatest", "median", "variance",
    "skew", "kurtosis",
)  # fmt: skip
_OF_AMOUNTS = STATISTICS[3:]
_PATTERNS = {
    "fan": ("fan_in", "fan_out"),
    "degree": ("degree_in", "degree_out"),
    "scatter-gather": ("scatter_gather",),
    "temp-cycle": ("temporal_cycle",),
    "lc-cycle": ("cycle",),
}
_RAW = 6  # columns before the features: id, sender, receiver, time, two amounts
ROLES = ("sender", "receiver")


@dataclass(frozen=True)
class Setting:
    """How the preprocessor is set.

    Attributes
    ----------
    patterns, statistics
        Windows, in seconds.
    cycle_hops
        Longest simple cycle looked for; 10 is Snap ML's own, which in a window of a month costs
        many times what 6 cost.
    batch
        Transfers that arrive together.
    """

    patterns: int
    statistics: int
    cycle_hops: int
    batch: int = 1


SETTINGS = {
    "day": Setting(DAY, 30 * DAY, 10),
    "month": Setting(30 * DAY, 3_650 * DAY, 6),
    "month, batches": Setting(30 * DAY, 3_650 * DAY, 6, batch=1_024),
}
"""The settings a user would try: patterns within a day and statistics over a month, or patterns
within a month and statistics over everything; the last with batches that see ahead."""


def described(transfers: pl.DataFrame, setting: Setting) -> pl.DataFrame:
    """Describe every transfer.

    Parameters
    ----------
    transfers
        ``sender``, ``receiver`` (numbers of addresses), ``time`` (in microseconds, ascending),
        ``sent``, ``received`` (the amount in the scale of either end).

    Returns
    -------
    polars.DataFrame
        One float32 column per feature, a row for each transfer; NaN is null.
    """
    table = np.column_stack(
        [
            np.arange(transfers.height),
            transfers["sender"].to_numpy(),
            transfers["receiver"].to_numpy(),
            transfers["time"].to_numpy() // 1_000_000,
            transfers["sent"].to_numpy(),
            transfers["received"].to_numpy(),
        ]
    ).astype(np.float64)
    names = [name for name in feature_names() if name]
    out = _elsewhere().submit(transformed, table, setting).result()
    return pl.DataFrame(out, schema=names).fill_nan(None)


def transformed(table: np.ndarray, setting: Setting) -> np.ndarray:
    """Let Snap ML describe a table of transfers, in this process; see `described`."""
    from snapml import GraphFeaturePreprocessor

    names = feature_names()
    kept = [k for k, name in enumerate(names) if name]
    out = np.empty((len(table), len(kept)), dtype=np.float32)
    halves = []
    for half in parameters(setting):
        preprocessor = GraphFeaturePreprocessor()
        preprocessor.set_params(preprocessor.get_params() | half)
        halves.append(preprocessor)
    for start in range(0, len(table), setting.batch):
        batch = np.ascontiguousarray(table[start : start + setting.batch])
        found = np.hstack([half.transform(batch)[:, _RAW:] for half in halves])
        if found.shape[1] != len(names):
            raise ValueError(f"Snap ML gave {found.shape[1]} features, not {len(names)}.")
        out[start : start + len(batch)] = found[:, kept]
    return out


def parameters(setting: Setting) -> tuple[dict[str, object], dict[str, object]]:
    """Return what is set for the patterns and for the statistics, all of both on.

    Each half has a graph of its own: in the longer one of the statistics, the search for cycles
    would run through transfers that no window of theirs reaches, and take for ever.
    """
    common = {
        "num_threads": 1,
        "vertex_stats_tw": setting.statistics,
        "vertex_stats_cols": [4, 5],
        "vertex_stats_feats": list(range(len(STATISTICS))),
        **{f"{name}_tw": setting.patterns for name in _PATTERNS},
        **{f"{name}_bins": list(SIZES) for name in _PATTERNS},
        "lc-cycle_len": setting.cycle_hops,
    }
    on, off = dict.fromkeys(_PATTERNS, True), dict.fromkeys(_PATTERNS, False)
    return (
        common | on | {"vertex_stats": False, "time_window": setting.patterns},
        common | off | {"vertex_stats": True, "time_window": setting.statistics},
    )


def feature_names() -> list[str]:
    """Name the preprocessor's columns; what is in the wrong scale has an empty name."""
    names = [
        f"{shape}_{size}" for shapes in _PATTERNS.values() for shape in shapes for size in SIZES
    ]
    for end in ("sender", "receiver"):
        for direction, scale in (("out", 0), ("in", 1)):
            names += [f"{end}_{direction}_{name}" for name in STATISTICS[:3]]
            for column in (0, 1):
                right = f"{end}_{direction}_amount_" if column == scale else None
                names += [right + name if right else "" for name in _OF_AMOUNTS]
    return names


def of_addresses(
    requests: pl.DataFrame, transfers: pl.DataFrame, features: pl.DataFrame
) -> pl.DataFrame:
    """Sum up, for each address, the transfers before its moment.

    Parameters
    ----------
    requests
        ``code`` (number of the address; null for one that no transfer names), ``moment``
        (microseconds).
    transfers, features
        As `described` takes and gives them.

    Returns
    -------
    polars.DataFrame
        One row per request, in their order; null where there is no such transfer.
    """
    numbered = requests.select("code", "moment").with_row_index("request")
    result = numbered.select("request")
    for role, amount in zip(ROLES, ("sent", "received"), strict=True):
        seen = (
            transfers.select(pl.col(role).alias("code"), "time", pl.col(amount).alias("amount"))
            .with_row_index("transfer")
            .join(numbered.drop_nulls("code"), on="code")
            .filter(pl.col("time") < pl.col("moment"))
            .sort("transfer")
        )
        rows = pl.concat(
            [seen.select("request", "amount"), features[seen["transfer"]]], how="horizontal"
        )
        told = rows.columns[1:]
        summed = rows.group_by("request").agg(
            pl.len().cast(pl.Float64).alias(f"{role}_n"),
            *(pl.col(name).mean().name.prefix(f"{role}_mean_") for name in told),
            *(pl.col(name).max().name.prefix(f"{role}_max_") for name in told),
            *(pl.col(name).last().name.prefix(f"{role}_last_") for name in told),
        )
        result = result.join(summed, on="request", how="left", maintain_order="left")
    return result.drop("request")


@lru_cache(maxsize=1)
def _elsewhere() -> ProcessPoolExecutor:
    """Return a process of Snap ML's own.

    Its library switches off subnormal numbers for the process that loads it (it was compiled with
    fast mathematics): here our own fits would no longer be those of `unrinse train`.
    """
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
