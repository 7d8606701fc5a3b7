"""The options of jobs that can be held to a cap on memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Take no more memory than this, such as 2GiB: what does not fit is spilled to disk. "
        "For stores. Results do not depend on it. Default: everything is held in memory.",
    ),
]
SpillFolder = Annotated[
    Path | None,
    typer.Option(
        "--spill",
        metavar="DIR",
        help="With --memory: the folder to spill to. Default: the folder of --out.",
    ),
]
