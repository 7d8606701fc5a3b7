"""Wallet by wallet: the red flags it raises, by which signal, and on how many transfers that rests.

Numbers alone, and addresses cut short: what a reader needs to look again in the sets, which are not
part of this repository. The transfers themselves are in `flag_evidence`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from benchmarks.flag_rules import fired
from benchmarks.flag_sights import Sight
from features.catalogue import catalogue
from features.computing import explain_signal
from pipelines.alerting.red_flags import red_flags

SHORT = 10
"""Characters shown of an address."""


def by_wallet(seen_in: Sequence[Sight]) -> str:
    """List the wallets that raise a flag, those that raise most first, in Markdown.

    Of each flag the first signal of the catalogue that raises it is told: its value, the limit it
    passes, the transfers of the wallet (and of others) that the value rests on, and how many
    further signals raise the same flag.

    Parameters
    ----------
    seen_in
        As `flag_sights.sights` returns them.
    """
    raised = []
    for number, sight in enumerate(seen_in):
        ours, ordinary = sight.long_enough()
        raised.append(fired(ours, ordinary, sight.cited).with_columns(sight=pl.lit(number)))
    every = pl.concat(raised)
    counted = every.group_by("address").agg(flags=pl.col("flag").n_unique())
    most = counted.sort("flags", "address", descending=[True, False])
    lines = ["| wallet | transfers | flags | what raises them |", "|---|---:|---:|---|"]
    for address, n in most.iter_rows():
        told = "; ".join(_flags(seen_in, address, every.filter(address=address)))
        lines.append(f"| `{address[:SHORT]}…` | {_transfers(seen_in, address)} | {n} | {told} |")
    silent = {a for sight in seen_in for a in sight.long_enough()[0]["address"]} - {
        *most["address"]
    }
    lines.append(f"\n{len(silent)} more, with enough transfers, raise none.")
    return "\n".join(lines) + "\n"


def _flags(seen_in: Sequence[Sight], address: str, raised: pl.DataFrame) -> list[str]:
    """Tell each flag of one wallet, in the order of the registry."""
    told = []
    for flag in red_flags():
        found = raised.filter(flag=flag)
        if found.is_empty():
            continue
        first = found.row(0, named=True)
        further = f", and {found.height - 1} more" if found.height > 1 else ""
        sign = "<" if first["low"] else ">"
        rests = _rests_on(seen_in[first["sight"]], address, first["signal"])
        told.append(
            f"**{flag}** `{first['signal']}` {first['value']:.3g} {sign} {first['limit']:.3g} "
            f"({rests}{further})"
        )
    return told


def _rests_on(sight: Sight, address: str, signal: str) -> str:
    i = sight.wallets["address"].to_list().index(address)
    shown = explain_signal(sight.histories, i, catalogue().by_name[signal])
    if shown is None:
        raise ValueError(f"{signal} of {address} has a value and no evidence.")
    others = f" + {len(shown.others)} of others" if len(shown.others) else ""
    return f"on {len(shown.rows)}{others}"


def _transfers(seen_in: Sequence[Sight], address: str) -> int:
    """Return the transfers of a wallet as the widest sight of it shows them."""
    counts = [sight.wallets.filter(address=address)["n_transfers"].item() for sight in seen_in]
    return int(max(counts))
