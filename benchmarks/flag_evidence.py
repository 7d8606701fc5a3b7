"""The transfers behind the flags that wallets raise, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from benchmarks.flag_rules import fired
from benchmarks.flag_sights import Sight
from data.transfers import open_transfers
from features.catalogue import catalogue
from features.computing import explain_signal
from pipelines.alerting.red_flags import red_flags

MOST_ROWS = 8
"""Transfers shown for a signal."""


def pages(seen_in: Sequence[Sight], wallets: int) -> str:
    """Show the wallets that raise most flags: each flag, its signals, and their transfers.

    Parameters
    ----------
    seen_in
        As `flag_sights.sights` returns them.
    wallets
        How many to show.

    Returns
    -------
    str
        Markdown.
    """
    raised = []
    for number, sight in enumerate(seen_in):
        ours, ordinary = sight.long_enough()
        raised.append(fired(ours, ordinary, sight.cited).with_columns(sight=pl.lit(number)))
    every = pl.concat(raised)
    counted = every.group_by("address").agg(flags=pl.col("flag").n_unique())
    most = counted.sort("flags", "address", descending=[True, False]).head(wallets)
    return "\n".join(
        _wallet(seen_in, address, every.filter(address=address)) for address in most["address"]
    )


def _wallet(seen_in: Sequence[Sight], address: str, raised: pl.DataFrame) -> str:
    text = f"## {address}\n\n"
    for sight in seen_in[:1]:
        row = sight.wallets.filter(address=address).row(0, named=True)
        text += f"{row['n_transfers']} transfers, {row['first_seen']} to {row['last_seen']}\n"
    signals = raised.unique(["signal", "sight"], keep="first", maintain_order=True)
    for one in signals.iter_rows(named=True):
        flags = raised.filter(signal=one["signal"], sight=one["sight"])["flag"]
        names = "; ".join(red_flags()[flag].name for flag in flags)
        sight = seen_in[one["sight"]]
        side = "below" if one["low"] else "above"
        text += (
            f"\n### {names}\n\n`{one['signal']}` {one['value']:.4g}, {side} {one['limit']:.4g} "
            f"of {sight.population}\n\n{_rows(sight, address, one['signal'])}"
        )
    return text


def _rows(sight: Sight, address: str, signal: str) -> str:
    i = sight.wallets["address"].to_list().index(address)
    shown = explain_signal(sight.histories, i, catalogue().by_name[signal])
    if shown is None:
        return "no evidence\n"
    told = ", ".join(
        f"{name} {value:.6g}"
        for name, value in shown.statistics.items()
        if isinstance(value, int | float)
    )
    first = shown.telling if len(shown.telling) else shown.rows
    chosen = np.sort(np.asarray(first[:MOST_ROWS]))
    own = sight.histories.rows_of(i)[chosen]
    others = shown.others[:MOST_ROWS]
    table = [*own.tolist(), *others.tolist()]
    transfers = open_transfers(sight.store).scan().filter(pl.col("row").is_in(table))
    beyond = f" and {len(shown.others)} between others" if len(shown.others) else ""
    lines = [
        f"{len(shown.rows)} rows{beyond}{'; ' if told else ''}{told}\n",
        "| time | | amount | asset | with | tx |",
        "|---|---|---:|---|---|---|",
    ]
    for row in transfers.sort("block_time", "row").collect().iter_rows(named=True):
        if address not in (row["sender"], row["receiver"]):
            ends, side = f"{row['sender'][:10]} to {row['receiver'][:10]}", "others"
        elif row["sender"] == address:
            ends, side = row["receiver"][:10], "out"
        else:
            ends, side = row["sender"][:10], "in"
        amount = (
            f"{row['usd_micros'] / 1e6:,.2f} USD"
            if row["usd_micros"] is not None
            else f"{int(row['amount_raw']) / 1e18:,.6f}"
        )
        lines.append(
            f"| {row['block_time']:%Y-%m-%d %H:%M:%S} | {side} | {amount} "
            f"| {row['asset'][:10]} | {ends} | {row['tx_id'][:16]} |"
        )
    return "\n".join(lines) + "\n"
