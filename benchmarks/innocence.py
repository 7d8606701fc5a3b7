"""How often each innocent explanation fits, by who the address really is.

    python -m benchmarks.innocence WORLD

reads a simulated world with its truth and prints, for each explanation, the share of its own
populations, of launderers, of victims and of everybody else whom it fits; and, of each, on how many
it is the only one that does, which is what an alert shows at its top.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

from data.services import load_services
from data.simulation.populations import CRIMINAL_ROLES
from data.transfers import Transfers, open_transfers
from features.catalogue import catalogue
from models.innocence import FITS, INNOCENT, leading, tried
from models.innocence.measures import measured as measures_of
from models.intervals import wilson
from models.percentiles import Population
from pipelines.engines import local
from pipelines.inputs import read_requests, resolved_as_of

FEWEST = 10
"""Transfers of an address that counts."""

SUPPOSED = {
    "exchange_deposit": ("exchange_deposit",),
    "payment_service": ("payment_processor",),
    "remittance_shop": ("remittance_shop",),
    "payroll": ("payroll",),
    "earner": ("salary_receiver", "freelancer"),
    "merchant": ("merchant",),
    "reciprocal_trade": ("p2p_merchant", "legitimate_otc"),
    "fundraiser": ("charity",),
    "savings_circle": ("savings_circle",),
    "market_maker": ("market_maker", "arbitrage_bot"),
    "own_wallets": ("airdrop_farmer", "hobbyist"),
    "own_transit": (),
    "treasury": ("treasury",),
    "quiet_history": ("holder", "saver"),
}
"""Populations of the world that each explanation speaks of."""

_ONLY = "only"
_NOBODY = Population("nobody", 0, "1970-01-01", {}, {})


def measured(world: Path) -> pl.DataFrame:
    """Return one row for each address of a world: what it is, and how each explanation fares."""
    transfers = open_transfers(world)
    asked = read_requests(world / "addresses.csv", transfers)
    run = local.measure(
        transfers, asked.requests, as_of=resolved_as_of(transfers, None), basis="usd",
        services=load_services([world / "services.csv"]), families=catalogue().families,
    )  # fmt: skip
    paid = _paid_exchanges(transfers, world)
    rows = []
    for place, row in enumerate(run.signals.iter_rows(named=True)):
        history = run.histories[place]
        if len(history) < FEWEST:
            continue
        values = row | measures_of(history)
        values["paid_exchanges_share"] = paid.get((row["chain"], row["address"]))
        found = tried(INNOCENT, values, _NOBODY)
        only = leading(found)
        rows.append(
            {"chain": row["chain"], "address": row["address"], _ONLY: only and only.innocent.name}
            | {one.innocent.name: one.outcome for one in found}
        )
    truth = pl.read_parquet(world / "truth.parquet").select(
        "chain", "address", "role", "population"
    )
    return pl.DataFrame(rows, infer_schema_length=None).join(truth, on=["chain", "address"])


def _paid_exchanges(transfers: Transfers, world: Path) -> dict[tuple[str, str], float | None]:
    """Return the share that each sender sent to listed exchanges, dates left aside."""
    listed = pl.scan_csv(world / "services.csv").filter(category="exchange_hot")
    hot = listed.select("chain", receiver="address", hot=True)
    value = pl.col("usd_micros").cast(pl.Float64)
    shares = (
        transfers.followed()
        .filter(pl.col("sender") != pl.col("receiver"))
        .join(hot, on=["chain", "receiver"], how="left")
        .group_by("chain", "sender")
        .agg(share=value.filter(pl.col("hot")).sum() / value.sum())
        .collect()
    )
    return {(chain, sender): share for chain, sender, share in shares.iter_rows()}


def table(rows: pl.DataFrame) -> str:
    """Write the shares as Markdown, with 95 % intervals."""
    launders, victim = pl.col("role").is_in(list(CRIMINAL_ROLES)), pl.col("role") == "victim"
    lines = [
        "| explanation | those it speaks of | launderers | victims | all others |",
        "|---|---|---|---|---|",
    ]
    for name, populations in SUPPOSED.items():
        own = pl.col("population").is_in(list(populations)) & ~launders & ~victim
        groups = (own, launders, victim, ~own & ~launders & ~victim)
        shares = [_share(rows.filter(group), name) for group in groups]
        lines.append(f"| `{name}` | {' | '.join(shares)} |")
    return "\n".join(lines)


def _share(rows: pl.DataFrame, name: str) -> str:
    n, hits = rows.height, int((rows[name] == FITS).sum())
    alone = int((rows[_ONLY] == name).sum())
    if not n:
        return "–"
    low, high = wilson(hits, n)
    return f"{hits} of {n} ({hits / n:.0%} [{low:.0%}, {high:.0%}]), alone {alone}"


def main(arguments: list[str]) -> int:
    """Print the table of one world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("world", type=Path)
    print(table(measured(parser.parse_args(arguments).world)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
