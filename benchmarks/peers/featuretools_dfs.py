"""What featuretools finds of W1: deep feature synthesis over three tables, by its own primitives.

It has no rolling sums over time windows, no waiting times to the next payment and no gaps between
rows among its aggregations, so this is 18 of W1's 22 columns: counts, sums, means, deviations,
greatest values and distinct counterparties of both directions; first and last moment, active days,
entropy of assets, share of round payments and of stablecoins (of transfers, not of value).

featuretools 1.31 does not work with pandas 3, so it is no part of the development environment. Make
one for it (``pip install featuretools "pandas<3" pyarrow``), and name its Python to the benchmark::

    python -m benchmarks.throughput --transfers 100000 --peers featuretools_dfs \
        --featuretools PYTHON
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import featuretools as ft
import pandas as pd

from benchmarks.usage import cpu_seconds, peak_megabytes

_SIDES = (("sender", "receiver"), ("receiver", "sender"))
_OF_VALUES = ("sum", "mean", "std", "max")
_OF_ALL = ("min", "max", "num_unique", "entropy", "percent_true")


def from_codes(path: Path) -> pd.DataFrame:
    """Read integer-coded Parquet and synthesise features of addresses."""
    frame = pd.read_parquet(path)
    tables = [
        frame.rename(columns={own: "address", other: "party"}).assign(out=own == "sender")
        for own, other in _SIDES
    ]
    every = pd.concat(tables, ignore_index=True).reset_index(names="event")
    every["party"] = every["party"].astype("category")
    every["asset_name"] = every["asset"].astype("category")
    every["stable"] = every["asset"] != 3
    every["moment"] = every["block_time"].astype("datetime64[us, UTC]").astype("int64")
    every["day"] = (every["moment"] // 86_400_000_000).astype("category")
    every["round"] = every["usd_micros"] % 100_000_000 == 0
    entities = ft.EntitySet("transfers")
    addresses = pd.DataFrame({"address": every["address"].unique()})
    entities.add_dataframe(dataframe_name="addresses", dataframe=addresses, index="address")
    parts = {
        "events": every[["event", "address", "moment", "day", "asset_name", "stable"]],
        "sent": every.loc[every["out"], ["event", "address", "party", "usd_micros", "round"]],
        "received": every.loc[~every["out"], ["event", "address", "party", "usd_micros"]],
    }
    for name, part in parts.items():
        entities.add_dataframe(dataframe_name=name, dataframe=part, index="event")
        entities.add_relationship("addresses", "address", name, "address")
    features, _ = ft.dfs(
        entityset=entities,
        target_dataframe_name="addresses",
        agg_primitives=["count", *dict.fromkeys(_OF_VALUES + _OF_ALL)],
        trans_primitives=[],
        max_depth=1,
        n_jobs=1,
        primitive_options={
            ("sum", "mean", "std"): {"include_dataframes": ["sent", "received"]},
            "min": {"include_dataframes": ["events"]},
            "entropy": {"include_columns": {"events": ["asset_name"]}},
            "percent_true": {"include_columns": {"events": ["stable"], "sent": ["round"]}},
        },
    )
    return features


def main() -> None:
    """Do the job on a small table, then on the one that counts; print what it took as JSON."""
    data, small = (Path(folder) for folder in sys.argv[1:])
    from_codes(small / "codes.parquet")
    start = cpu_seconds()
    from_codes(data / "codes.parquet")
    print(json.dumps({"seconds": cpu_seconds() - start, "megabytes": peak_megabytes()}))


if __name__ == "__main__":
    main()
