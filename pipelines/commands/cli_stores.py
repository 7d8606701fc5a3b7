"""The command line of looking after a store: adding to one, `unrinse compact` and `prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import (
    AsOf,
    AssumeComplete,
    Basis,
    Legs,
    Services,
    flag,
)
from pipelines.running import run

COMPACT_EXAMPLE = "Example: unrinse compact runs/store"
PREPARE_EXAMPLE = (
    "Example: unrinse prepare runs/store\n\n"
    "For a model: unrinse prepare runs/store --bundle runs/bundle"
)

StoreFolder = Annotated[
    Path, typer.Argument(metavar="STORE", help="A store, as ingest or simulate writes it.")
]

Append = Annotated[
    bool, flag("--append", "Add to the store at --out, as if its files had come with these.")
]
ForBundle = Annotated[
    Path | None,
    typer.Option(
        "--bundle", metavar="BUNDLE", help="For scores of this model: its basis and legs."
    ),
]
PrepareBasis = Annotated[
    Basis | None,
    typer.Option(help="What values will be measured in; usd where neither this nor a model says."),
]
PrepareSpill = Annotated[
    Path | None,
    typer.Option(
        "--spill",
        metavar="DIR",
        help="Where to put what memory has no room for while it works. Default: the store.",
    ),
]


def compact(store: StoreFolder) -> None:
    """Make a store that was appended to one run again, with the same content."""
    run("compact", "The store is one run.", store)


def prepare(
    store: StoreFolder,
    bundle: ForBundle = None,
    as_of: AsOf = None,
    basis: PrepareBasis = None,
    legs: Legs = None,
    services: Services = None,
    assume_complete: AssumeComplete = False,
    spill: PrepareSpill = None,
) -> None:
    """Prepare a store for lists of addresses, whose signals and scores then read little of it."""
    run(
        "prepare",
        "The store is prepared for lists.",
        store,
        bundle=bundle,
        as_of=as_of,
        basis=basis,
        legs=legs,
        services=services,
        assume_complete=assume_complete or None,
        spill=spill,
    )
