"""The command line of monitoring: `unrinse monitor`."""

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
    moment,
)
from pipelines.running import run

EXAMPLE = (
    "Example: unrinse monitor runs/bundle runs/store --addresses list.txt --out runs/monitor\n\n"
    "With last year's list: unrinse monitor runs/bundle runs/store --addresses list.txt "
    "--reference last-year.csv --out runs/monitor"
)

Reference = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The list to compare with, with an as_of in every row; a scores file will do. "
        "Default: the same list 52 weeks earlier, or 4 where transfers do not reach so far.",
    ),
]
ReferenceAsOf = Annotated[
    str | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="The moment of the reference: of the same list, or of --reference rows without one.",
    ),
]
LabelsNow = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Labels to hold against the model's own evaluation, as far as they are mature.",
    ),
]
LabelLag = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="DAYS",
        help="Labels younger than this are not mature. Default: what the labels themselves show.",
    ),
]
LeastEffect = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SD",
        help="Smaller differences never alarm, in standard deviations. Default: 0.1.",
    ),
]


def monitor(
    bundle: BundlePath,
    transfers: TransfersPath,
    addresses: AddressList,
    out: OutFolder,
    as_of: AsOf = None,
    reference: Reference = None,
    reference_as_of: ReferenceAsOf = None,
    labels: LabelsNow = None,
    label_lag: LabelLag = None,
    least_effect: LeastEffect = None,
    services: Services = None,
    threads: Threads = None,
    max_unscored: MaxUnscored = None,
    research_use: ResearchUse = False,
    assume_complete: AssumeComplete = False,
) -> None:
    """Say whether signals, scores, coverage or accuracy have drifted; exit code 4 on alarm."""
    if label_lag is not None and labels is None:
        raise typer.BadParameter("It is of use only with --labels.", param_hint="--label-lag")
    run(
        "monitor",
        "The windows are compared.",
        bundle,
        transfers,
        addresses,
        out,
        as_of=as_of,
        reference=reference,
        reference_as_of=reference_as_of,
        labels=labels,
        label_lag=label_lag,
        least_effect=least_effect,
        services=services,
        threads=threads,
        max_unscored=max_unscored,
        research_use=research_use or None,
        assume_complete=assume_complete or None,
    )
