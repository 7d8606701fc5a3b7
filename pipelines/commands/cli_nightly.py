"""The command line of the nightly run: `unrinse nightly`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import (
    AddressList,
    AsOf,
    AssumeComplete,
    BundlePath,
    MaxUnscored,
    OutFolder,
    ResearchUse,
    Services,
    Threads,
    TransfersPath,
    flag,
    number,
)
from pipelines.commands.options_memory import Resume, StartAgain
from pipelines.running import run

EXAMPLE = (
    "Example: unrinse nightly runs/bundle runs/store --addresses list.txt "
    "--previous runs/nights --out runs/nights/2024-05-02\n\n"
    "With alerts that people put off: unrinse nightly runs/bundle runs/store --addresses list.txt "
    "--previous runs/nights --snoozes snoozes.csv --out runs/nights/2024-05-02"
)

Previous = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="The earlier run to go on from, or a folder of runs, of which the latest before this "
        "one is taken. Default: none, everybody is computed and every alert is new.",
    ),
]
SnoozesFile = Annotated[
    Path | None,
    typer.Option(
        "--snoozes",
        metavar="FILE",
        help="Alerts that people put off: a CSV with alert_id or address, until, reason, by.",
    ),
]
TopAlerts = Annotated[
    int | None,
    number(
        "The alerts are the N highest scores, whatever their band. Default: all whose band calls "
        "for review.",
        1,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="FACTOR",
        help="Odds that change by no more than this factor are no change. Default: 1.25.",
    ),
]
DriftEvery = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="DAYS", help="Measure drift anew after so many days; 0: never. Default: 7."
    ),
]


def nightly(
    bundle: BundlePath,
    transfers: TransfersPath,
    addresses: AddressList,
    out: OutFolder,
    previous: Previous = None,
    as_of: AsOf = None,
    snoozes: SnoozesFile = None,
    top: TopAlerts = None,
    tolerance: Tolerance = None,
    drift_every: DriftEvery = None,
    full: Annotated[bool, flag("--full", "Compute everybody, though less would do.")] = False,
    services: Services = None,
    threads: Threads = None,
    max_unscored: MaxUnscored = None,
    research_use: ResearchUse = False,
    assume_complete: AssumeComplete = False,
    resume: Resume = False,
    start_again: StartAgain = False,
) -> None:
    """Score a list again where anything changed, and say what is new; exit code 4 on drift."""
    run(
        "nightly",
        "The night is done.",
        bundle,
        transfers,
        addresses,
        out,
        previous=previous,
        as_of=as_of,
        snoozes=snoozes,
        top=top,
        tolerance=tolerance,
        drift_every=drift_every,
        full=full or None,
        services=services,
        threads=threads,
        max_unscored=max_unscored,
        research_use=research_use or None,
        assume_complete=assume_complete or None,
        resume=resume or None,
        start_again=start_again or None,
    )
