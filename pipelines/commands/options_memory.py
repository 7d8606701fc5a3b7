"""The options of long jobs: a cap on memory, and going on where an earlier run was stopped."""

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
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on where an earlier run with this --out was stopped or killed; the result is the "
        "same. Where there is none, begin.",
    ),
]
StartAgain = Annotated[
    bool,
    typer.Option("--start-again", help="Throw away what such a run has done, and begin."),
]
