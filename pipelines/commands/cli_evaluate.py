"""`unrinse evaluate` as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import (
    Ablation,
    AssumeComplete,
    BundlePath,
    LabelsAsOf,
    LabelsPath,
    Named,
    OutFolder,
    Services,
    Threads,
    TransfersPath,
)
from pipelines.running import run


def evaluate(
    bundle: BundlePath,
    transfers: TransfersPath,
    labels: LabelsPath,
    out: OutFolder,
    against: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Compare with this model, such as the champion."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="ALERTS",
            min=0.001,
            max=1000.0,
            help="Alerts per 1,000 addresses that the two are compared at. Default: 10.",
        ),
    ] = None,
    populations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who is who: chain, address, population, and role and typology where known.",
        ),
    ] = None,
    as_of: LabelsAsOf = None,
    services: Services = None,
    named: Named = False,
    ablation: Ablation = False,
    threads: Threads = None,
    assume_complete: AssumeComplete = False,
) -> None:
    """Measure a model on labelled addresses: evaluation.json and evaluation.html."""
    if budget is not None and against is None:
        raise typer.BadParameter("It is of use only with --against.", param_hint="--budget")
    run(
        "evaluate",
        "The model is evaluated.",
        bundle,
        transfers,
        labels,
        out,
        against=against,
        budget=budget,
        populations=populations,
        as_of=as_of,
        services=services,
        named=named or None,
        ablation=ablation or None,
        threads=threads,
        assume_complete=assume_complete or None,
    )
