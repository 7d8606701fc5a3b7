"""W1 in pandas, as a careful user writes it: vectorised columns, group-bys, time-based rolling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def from_strings(path: Path) -> pd.DataFrame:
    """Read canonical Parquet with string addresses and compute W1."""
    frame = pd.read_parquet(
        path, columns=["sender", "receiver", "asset", "block_time", "usd_micros"]
    )
    stable = frame["asset"] != "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
    names, codes = np.unique(
        pd.factorize(pd.concat([frame["sender"], frame["receiver"]]))[0], return_inverse=True
    )
    n = len(frame)
    coded = pd.DataFrame(
        {
            "sender": codes[:n],
            "receiver": codes[n:],
            "asset": pd.factorize(frame["asset"])[0],
            "stable": stable,
            "block_time": frame["block_time"],
            "usd_micros": frame["usd_micros"],
        }
    )
    return compute(coded)


def from_codes(path: Path) -> pd.DataFrame:
    """Read integer-coded Parquet and compute W1."""
    frame = pd.read_parquet(path)
    return compute(frame.assign(stable=frame["asset"] != 3))


def compute(frame: pd.DataFrame) -> pd.DataFrame:
    """Compute the W1 columns, one row per address."""
    sides = [
        frame.rename(columns={own: "a", other: "o"}).assign(out=own == "sender")
        for own, other in (("sender", "receiver"), ("receiver", "sender"))
    ]
    events = pd.concat(sides, ignore_index=True).sort_values(
        ["a", "block_time", "out"], kind="stable"
    )
    by = events.groupby("a", sort=True)
    result = pd.DataFrame({"first": by["block_time"].first(), "last": by["block_time"].last()})
    for name, side in (("out", events[events["out"]]), ("in", events[~events["out"]])):
        grouped = side.groupby("a", sort=True)["usd_micros"]
        table = grouped.agg(["count", "sum", "mean", "std", "max"]).add_suffix(f"_{name}")
        table[f"parties_{name}"] = side.groupby("a", sort=True)["o"].nunique()
        result = result.join(table)
    day = events["block_time"].dt.floor("D")
    result["active_days"] = day.groupby(events["a"]).nunique()
    result["median_gap"] = by["block_time"].diff().dt.total_seconds().groupby(events["a"]).median()
    result = result.join(_windows(events[events["out"]]))
    next_out = events["block_time"].where(events["out"]).groupby(events["a"]).bfill()
    dwell = (next_out - events["block_time"]).where(~events["out"]).dt.total_seconds()
    result["median_dwell"] = dwell.groupby(events["a"]).median()
    value = events["usd_micros"]
    result["stable_share"] = (
        value.where(events["stable"], 0).groupby(events["a"]).sum() / by["usd_micros"].sum()
    )
    counts = events.groupby(["a", "asset"]).size()
    share = counts / counts.groupby("a").transform("sum")
    result["entropy"] = -(share * np.log2(share)).groupby("a").sum()
    outgoing = events[events["out"]]
    round_ = outgoing["usd_micros"] % 100_000_000 == 0
    result["round_share"] = round_.groupby(outgoing["a"]).mean()
    return result


def _windows(outgoing: pd.DataFrame) -> pd.DataFrame:
    rolled = outgoing.set_index("block_time").groupby("a")["usd_micros"]
    return pd.DataFrame(
        {f"max_out_{w}": rolled.rolling(w).sum().groupby("a").max() for w in ("1h", "24h")}
    )
