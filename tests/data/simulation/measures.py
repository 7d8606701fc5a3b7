"""Plain statistics of accounts, written for these tests alone: an oracle beside the catalogue."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.world import World

KEY = ("chain", "address")
CONTEXT = ("chain_is_tron", "first_seen", "median_usd", "lifetime_days", "hour_sin", "hour_cos")
"""What must say next to nothing about role: chain, era, magnitude, history length, time zone."""


def histories(world: World) -> pl.DataFrame:
    """One row per account and counted transfer before the account's `as_of`, in time order."""
    counted = world.transfers.filter(pl.col("screened").is_null())
    sides = [
        counted.select(
            "chain",
            "block_time",
            "block_number",
            "tx_index",
            "kind",
            "asset",
            "tx_id",
            "usd_micros",
            "method",
            address=pl.col(own),
            other=pl.col(other),
            out=pl.lit(own == "sender"),
        )
        for own, other in (("sender", "receiver"), ("receiver", "sender"))
    ]
    return (
        pl.concat(sides)
        .join(world.accounts, on=KEY, how="inner")
        .filter(pl.col("block_time") < pl.col("as_of"))
        .sort(*KEY, "block_time", "tx_index", "out", "tx_id")
    )


def measures(world: World, smallest: int = 5) -> pl.DataFrame:
    """Statistics of every account with at least `smallest` transfers, and `criminal`."""
    rows = histories(world)
    out, coming = pl.col("out"), ~pl.col("out")
    usd = pl.col("usd_micros") / 1e6
    hour = pl.col("block_time").dt.hour().cast(pl.Float64) * (2 * np.pi / 24)
    flat = rows.group_by(KEY, maintain_order=True).agg(
        n_in=coming.sum(),
        n_out=out.sum(),
        senders=pl.col("other").filter(coming).n_unique(),
        receivers=pl.col("other").filter(out).n_unique(),
        reciprocal=pl.col("other").filter(out).is_in(pl.col("other").filter(coming)).mean(),
        round_10=(pl.col("usd_micros").filter(pl.col("kind") == "token") % 10_000_000 == 0).mean(),
        round_100=(
            pl.col("usd_micros").filter(pl.col("kind") == "token") % 100_000_000 == 0
        ).mean(),
        assets=pl.col("asset").n_unique(),
        swaps=(pl.col("method") == "0x38ed1739").sum() / 2,
        active_days=pl.col("block_time").dt.date().n_unique(),
        value_spread=usd.log1p().std(),
        total_out_in=usd.filter(out).sum() / (usd.filter(coming).sum() + 1),
        top_receiver=pl.col("other").filter(out).value_counts().struct.field("count").max()
        / out.sum(),
        receiver_entropy=pl.col("other").filter(out).value_counts().struct.field("count").entropy(),
        sender_entropy=pl.col("other")
        .filter(coming)
        .value_counts()
        .struct.field("count")
        .entropy(),
        chain_is_tron=(pl.col("chain").first() == "tron").cast(pl.Float64),
        first_seen=pl.col("block_time").min().dt.epoch("s"),
        median_usd=usd.filter(pl.col("kind") == "token").median(),
        lifetime_days=(pl.col("block_time").max() - pl.col("block_time").min()).dt.total_seconds()
        / 86400,
        hour_sin=hour.sin().mean(),
        hour_cos=hour.cos().mean(),
    )
    flat = flat.filter(pl.col("n_in") + pl.col("n_out") >= smallest).with_columns(
        out_per_in=pl.col("n_out") / (pl.col("n_in") + 1),
        payments_per_sender=pl.col("n_in") / (pl.col("senders") + 1),
        payments_per_receiver=pl.col("n_out") / (pl.col("receivers") + 1),
        per_active_day=(pl.col("n_in") + pl.col("n_out")) / pl.col("active_days"),
    )
    flat = flat.join(sequential(rows), on=KEY, how="left")
    flat = flat.join(world.truth.select(*KEY, "role", "population"), on=KEY, how="left")
    return flat.with_columns(criminal=pl.col("role").is_in(CRIMINAL_ROLES))


def sequential(rows: pl.DataFrame) -> pl.DataFrame:
    """Statistics that need the order of events, in plain loops."""
    found = []
    for key, one in rows.group_by(KEY, maintain_order=True):
        time = one["block_time"].dt.epoch("s").to_numpy().astype(np.float64)
        out = one["out"].to_numpy()
        value = one["usd_micros"].to_numpy() / 1e6
        other = one["other"].to_list()
        main = (one["kind"] == "token").to_numpy()
        main = main if main.mean() > 0.4 else np.ones(len(main), dtype=bool)  # leave out gas
        share, dwell = fifo(time[main], out[main], value[main])
        found.append(
            {
                "chain": key[0],
                "address": key[1],
                "pass_24h": share,
                "dwell_hours": dwell,
                "fan_out_24h": fan_out(
                    time[out], [o for o, s in zip(other, out, strict=True) if s]
                ),
                "spell": spell(time[out], [o for o, s in zip(other, out, strict=True) if s]),
                "growth": growth(
                    value[~out], [o for o, s in zip(other, out, strict=True) if not s]
                ),
                "median_gap": float(np.median(np.diff(time))) if len(time) > 1 else None,
                "busiest_day_out": busiest(time[out], value[out]),
            }
        )
    return pl.DataFrame(found, infer_schema_length=None)


def fifo(time: np.ndarray, out: np.ndarray, value: np.ndarray) -> tuple[float, float | None]:
    """Share of incoming value paid on within 24 h, first in first out, and its median dwell (h)."""
    queue: list[list[float]] = []
    quick, moved = 0.0, []
    for t, leaving, v in zip(time, out, value, strict=True):
        if not leaving:
            queue.append([t, v])
            continue
        while v > 0 and queue:
            used = min(v, queue[0][1])
            waited = (t - queue[0][0]) / 3600
            quick += used * (waited <= 24)
            moved.append((waited, used))
            v -= used
            queue[0][1] -= used
            if queue[0][1] <= 0:
                queue.pop(0)
    total = float(value[~out].sum())
    if not moved or total == 0:
        return 0.0, None
    moved.sort()
    reached = np.searchsorted(np.cumsum([u for _, u in moved]), sum(u for _, u in moved) / 2)
    return quick / total, moved[min(int(reached), len(moved) - 1)][0]


def fan_out(time: np.ndarray, other: list[str]) -> int:
    """Most distinct receivers in any 24 h."""
    best, start = 0, 0
    for end in range(len(time)):
        while time[end] - time[start] > 86_400:
            start += 1
        best = max(best, len(set(other[start : end + 1])))
    return best


def spell(time: np.ndarray, other: list[str]) -> float | None:
    """Mean, over receivers paid more than once, of their time in use as a share of the whole."""
    whole = float(time[-1] - time[0]) if len(time) else 0.0
    seen: dict[str, list[float]] = {}
    for t, o in zip(time.tolist(), other, strict=True):
        seen.setdefault(o, []).append(t)
    spans = [(s[-1] - s[0]) / whole for s in seen.values() if len(s) > 1 and whole]
    return float(np.mean(spans)) if spans else None


def growth(value: np.ndarray, other: list[str]) -> float:
    """Mean, over senders, of log(last payment / first payment)."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for v, o in zip(value.tolist(), other, strict=True):
        first.setdefault(o, v)
        last[o] = v
    logs = [np.log((last[o] + 1) / (first[o] + 1)) for o in first]
    return float(np.mean(logs)) if logs else 0.0


def busiest(time: np.ndarray, value: np.ndarray) -> float:
    """Largest share of all outgoing value that leaves within 24 h."""
    best, start, inside = 0.0, 0, 0.0
    for end in range(len(time)):
        inside += value[end]
        while time[end] - time[start] > 86_400:
            inside -= value[start]
            start += 1
        best = max(best, inside)
    return best / float(value.sum()) if len(value) and value.sum() else 0.0


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve by ranks, ties averaged, undirected; nulls take the median."""
    score = np.where(np.isnan(score), np.nanmedian(score), score)
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = int(positive.sum())
    area = (ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n))
    return float(max(area, 1 - area))
