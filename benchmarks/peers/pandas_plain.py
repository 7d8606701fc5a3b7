"""W1 in pandas, as a careful user writes it: vectorised columns, group-bys, time-based rolling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

_WRAPPED_ETHER = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"


def from_strings(path: Path) -> pd.DataFrame:
    """Read canonical Parquet with string addresses and compute W1."""
    frame = pd.read_parquet(
        path, columns=["sender", "receiver", "asset", "block_time", "usd_micros"]
    )
    codes, names = pd.factorize(pd.concat([frame["sender"], frame["receiver"]]))
    n = len(frame)
    coded = pd.DataFrame(
        {
            "sender": codes[:n],
            "receiver": codes[n:],
            "asset": pd.factorize(frame["asset"])[0],
            "stable": frame["asset"] != _WRAPPED_ETHER,
            "block_time": frame["block_time"],
            "usd_micros": frame["usd_micros"],
        }
    )
    result = compute(coded)
    result["address"] = np.asarray(names)[result["address"]]
    return result


def from_codes(path: Path) -> pd.DataFrame:
    """Read integer-coded Parquet and compute W1."""
    frame = pd.read_parquet(path)
    return compute(frame.assign(stable=frame["asset"] != 3))


def compute(frame: pd.DataFrame) -> pd.DataFrame:
    """Compute the W1 columns from coded transfers in order of time, one row per address."""
    frame = frame.reset_index(names="row")
    sides = [
        frame.rename(columns={own: "a", other: "o"}).assign(out=own == "sender")
        for own, other in (("sender", "receiver"), ("receiver", "sender"))
    ]
    events = pd.concat(sides, ignore_index=True).sort_values(["a", "row"])
    by = events.groupby("a", sort=True)
    result = pd.DataFrame({"first": by["block_time"].first(), "last": by["block_time"].last()})
    result = result.apply(lambda moments: moments.astype("datetime64[us, UTC]").astype("int64"))
    for name, other, side in (
        ("out", "receivers", events[events["out"]]),
        ("in", "senders", events[~events["out"]]),
    ):
        grouped = side.groupby("a", sort=True)["usd_micros"]
        table = grouped.agg(["count", "sum", "mean", "max"])
        table.columns = [f"n_{name}", f"sum_{name}", f"mean_{name}", f"max_{name}"]
        table[f"sd_{name}"] = grouped.std(ddof=0)
        table[other] = side.groupby("a", sort=True)["o"].nunique()
        result = result.join(table)
        whole = [f"n_{name}", f"sum_{name}", other]
        result[whole] = result[whole].fillna(0)
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
    return result.rename_axis("address").reset_index()


def _windows(outgoing: pd.DataFrame) -> pd.DataFrame:
    rolled = outgoing.set_index("block_time").groupby("a")["usd_micros"]
    return pd.DataFrame(
        {f"max_out_{w}": rolled.rolling(w).sum().groupby("a").max() for w in ("1h", "24h")}
    )
