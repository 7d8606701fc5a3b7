"""The command line of looking at runs again: `unrinse replay` and `unrinse diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import OutTable, ResearchUse, Threads
from pipelines.running import run

REPLAY_EXAMPLE = (
    "Example: unrinse replay runs/alerts --bundle runs/bundle --transfers runs/store "
    "--addresses list.txt\n\n"
    "One alert: grep alert-336313c579798059 runs/alerts/alerts.jsonl > alert.json, then "
    "unrinse replay alert.json --bundle runs/bundle --transfers runs/store"
)
DIFF_EXAMPLE = (
    "Example: unrinse diff june.csv july.csv --bundle runs/bundle --transfers runs/june "
    "--transfers runs/july --out runs/changes.csv"
)

Alerts = Annotated[
    Path,
    typer.Argument(
        metavar="ALERT",
        help="A file with an alert or several, as they stand in alerts.jsonl, or a folder that "
        "explain wrote.",
    ),
]
OldRun = Annotated[
    Path,
    typer.Argument(
        metavar="OLD",
        help="The earlier run: a scores file with its manifest beside it, or a folder that "
        "explain wrote.",
    ),
]
NewRun = Annotated[Path, typer.Argument(metavar="NEW", help="The later run, as OLD.")]
Bundles = Annotated[
    list[Path],
    typer.Option(
        "--bundle",
        metavar="BUNDLE",
        help="Where the model lies today; it is known by its hash. May be repeated.",
        show_default=False,
    ),
]
Stores = Annotated[
    list[Path],
    typer.Option(
        "--transfers",
        metavar="TRANSFERS",
        help="Where the transfers lie today; they are known by their hash. May be repeated.",
        show_default=False,
    ),
]
ServicesThen = Annotated[
    list[Path] | None,
    typer.Option(
        "--services",
        metavar="FILE",
        help="The files of services and label lists that were used, in any order; each is known "
        "by its hash. May be repeated.",
    ),
]
ListThen = Annotated[
    Path | None,
    typer.Option(
        "--addresses",
        metavar="FILE",
        help="The address list of the run; without it the rank of an alert is not checked.",
    ),
]


def replay(
    alert: Alerts,
    bundle: Bundles,
    transfers: Stores,
    addresses: ListThen = None,
    services: ServicesThen = None,
    threads: Threads = None,
    research_use: ResearchUse = False,
) -> None:
    """Make alerts again, and compare byte for byte; exit code 4 where one differs."""
    run(
        "replay",
        "The alerts are replayed.",
        alert,
        bundle,
        transfers,
        addresses=addresses,
        services=services,
        threads=threads,
        research_use=research_use or None,
    )


def diff(
    old: OldRun,
    new: NewRun,
    out: OutTable,
    bundle: Bundles,
    transfers: Stores,
    services: ServicesThen = None,
    threads: Threads = None,
    research_use: ResearchUse = False,
) -> None:
    """Say why scores changed between two runs: funds, labels, the model or its thresholds."""
    run(
        "diff",
        "The changes are taken apart.",
        old,
        new,
        out,
        bundle,
        transfers,
        services=services,
        threads=threads,
        research_use=research_use or None,
    )
