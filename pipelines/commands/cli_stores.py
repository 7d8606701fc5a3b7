"""The command line of looking after a store: `unrinse compact`, and adding to one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import flag
from pipelines.running import run

COMPACT_EXAMPLE = "Example: unrinse compact runs/store"

StoreFolder = Annotated[
    Path, typer.Argument(metavar="STORE", help="A store, as ingest or simulate writes it.")
]

Append = Annotated[
    bool, flag("--append", "Add to the store at --out, as if its files had come with these.")
]


def compact(store: StoreFolder) -> None:
    """Make a store that was appended to one run again, with the same content."""
    run("compact", "The store is one run.", store)
