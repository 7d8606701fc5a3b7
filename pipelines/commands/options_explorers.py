"""The options of links to explorers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import flag

ExplorerTable = Annotated[
    Path | None,
    typer.Option(
        "--explorers",
        metavar="FILE",
        help="Explorers that pages link to, in place of the public ones: chain, transaction and "
        "address, https links with {id} in them.",
    ),
]
NoExplorerLinks = Annotated[
    bool, flag("--no-explorer-links", "Link no address and no transaction to an explorer.")
]
