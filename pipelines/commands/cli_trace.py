"""The command line of tracing: `unrinse trace`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import (
    AsOf,
    AssumeComplete,
    OutFolder,
    Services,
    TransfersPath,
    flag,
    number,
)
from pipelines.commands.options_explorers import ExplorerTable, NoExplorerLinks
from pipelines.running import run

EXAMPLE = (
    "Example: unrinse trace runs/store 0x28c6c06298d514db089934071355e5743bf21d60 "
    "--out runs/trace\n\n"
    "Of an address on several chains: unrinse trace runs/store "
    "0x28c6c06298d514db089934071355e5743bf21d60 --chain bsc --out runs/trace"
)

Traced = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="The address whose funds are traced.")
]
TracedChain = Annotated[
    str | None,
    typer.Option(
        "--chain", metavar="CHAIN", help="The address's chain, where the transfers know several."
    ),
]
MaxHops = Annotated[int | None, number("Payments in a row that are followed. Default: 6.", least=1)]
MinUsd = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="USD",
        help="A payment whose traced part is worth less is not followed. Default: 1.0.",
    ),
]
MaxDegree = Annotated[
    int | None,
    number("An address with more counterparties is not followed. Default: 500.", least=1),
]
WithoutSwaps = Annotated[bool, flag("--without-swaps", "Do not follow value through swaps.")]
WithoutBridges = Annotated[
    bool, flag("--without-bridges", "Do not follow value through matched bridge crossings.")
]
FollowAmbiguous = Annotated[
    bool,
    flag(
        "--follow-ambiguous",
        "Follow a crossing to its likeliest release also where that is not likelier than not.",
    ),
]


def trace(
    transfers: TransfersPath,
    address: Traced,
    out: OutFolder,
    chain: TracedChain = None,
    as_of: AsOf = None,
    max_hops: MaxHops = None,
    min_usd: MinUsd = None,
    max_degree: MaxDegree = None,
    without_swaps: WithoutSwaps = False,
    without_bridges: WithoutBridges = False,
    follow_ambiguous: FollowAmbiguous = False,
    services: Services = None,
    assume_complete: AssumeComplete = False,
    explorers: ExplorerTable = None,
    no_explorer_links: NoExplorerLinks = False,
) -> None:
    """Trace an address's funds to exits and sources: JSON, a table of steps, and a page."""
    run(
        "trace",
        "The funds are traced.",
        transfers,
        address,
        out,
        chain=chain,
        as_of=as_of,
        max_hops=max_hops,
        min_usd=min_usd,
        max_degree=max_degree,
        without_swaps=without_swaps or None,
        without_bridges=without_bridges or None,
        follow_ambiguous=follow_ambiguous or None,
        services=services,
        assume_complete=assume_complete or None,
        explorers=explorers,
        explorer_links=False if no_explorer_links else None,
    )
