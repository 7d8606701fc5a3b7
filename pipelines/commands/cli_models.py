"""The command line of models: `unrinse models list | show | verify | register | promote | ...`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import (
    AssumeComplete,
    BundlePath,
    ExpectedHash,
    LabelsAsOf,
    LabelsPath,
    OutFolder,
    Services,
    Threads,
    TransfersPath,
    flag,
    moment,
)
from pipelines.running import print_result, run_one_of

models_app = typer.Typer(
    no_args_is_help=True,
    help="List, show and verify trained models; promote one through the gate, and roll back.",
)

RegistryPath = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="DIR|URI",
        help="The registry: a folder, or an MLflow server or database. Default: mlflow beside the "
        "bundle; runs/mlflow where no bundle is named.",
    ),
]
Research = Annotated[
    bool,
    flag("--research-use", "The research registry, whose models are for decisions about nobody."),
]
DecidedAt = Annotated[
    datetime | None,
    typer.Option("--at", parser=moment, metavar="TIME", help="When it is decided. Default: now."),
]


@models_app.command("list", epilog="Example: unrinse models list runs")
def list_models(
    folder: Annotated[Path, typer.Argument(help="Where to look for bundles.")] = Path("runs"),
) -> None:
    """List the bundles below a folder."""
    print_result("models", "list_models", folder, said=f"Bundles below {folder}:")


@models_app.command("show", epilog="Example: unrinse models show runs/bundle")
def show_model(bundle: BundlePath) -> None:
    """Show a bundle's model card."""
    print_result("models", "show_model", bundle)


@models_app.command("verify", epilog="Example: unrinse models verify runs/bundle")
def verify_model(
    bundle: BundlePath,
    sha256: ExpectedHash = None,
) -> None:
    """Check every file of a bundle against its hash, and its signals against this version's."""
    print_result("models", "verify_model", bundle, sha256=sha256, said="The bundle is whole.")


@models_app.command("register", epilog="Example: unrinse models register runs/bundle")
def register(
    bundle: BundlePath, registry: RegistryPath = None, research_use: Research = False
) -> None:
    """Register a bundle as the challenger: to be served and watched; it decides nothing."""
    run_one_of(
        "registered", "register", "The challenger is registered.", bundle,
        registry=registry, research_use=research_use or None,
    )  # fmt: skip


@models_app.command(
    "promote",
    epilog="Example: unrinse models promote runs/bundle runs/store labels.csv --populations "
    "people.csv\n\nWhere the gate cannot tell: unrinse models promote ... --approver 'K. M.' "
    "--reason 'agreed with the board, review in March'",
)
def promote(
    bundle: BundlePath,
    transfers: TransfersPath,
    labels: LabelsPath,
    registry: RegistryPath = None,
    champion: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Compare with it. Default: the registry's champion."),
    ] = None,
    populations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who is who: chain, address, population, and role (benign, victim) where known.",
        ),
    ] = None,
    world: Annotated[
        Path | None,
        typer.Option(
            metavar="WORLD", help="A simulated world: its victims must not be shown as suspects."
        ),
    ] = None,
    approver: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who answers for what the gate cannot settle."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why they do, for the record.")
    ] = None,
    explain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECK=REASON", help="Why a check that failed does no harm. May be repeated."
        ),
    ] = None,
    at: DecidedAt = None,
    as_of: LabelsAsOf = None,
    services: Services = None,
    research_use: Research = False,
    dry_run: Annotated[bool, flag("--dry-run", "Say what the gate says; change nothing.")] = False,
    threads: Threads = None,
    assume_complete: AssumeComplete = False,
) -> None:
    """Make a model the champion, if the gate lets it: exit code 0, or 2 and why not."""
    run_one_of(
        "promote", "promote", "The gate has spoken.", bundle, transfers, labels,
        registry=registry, champion=champion, populations=populations, world=world,
        approver=approver, reason=reason, explain=explain, at=at, as_of=as_of, services=services,
        research_use=research_use or None, dry_run=dry_run or None, threads=threads,
        assume_complete=assume_complete or None,
    )  # fmt: skip


@models_app.command(
    "rollback", epilog="Example: unrinse models rollback --reason 'too many alarms'"
)
def rollback(
    registry: RegistryPath = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who goes back.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
    at: DecidedAt = None,
    research_use: Research = False,
) -> None:
    """Make the champion before the present one the champion again."""
    run_one_of(
        "registered", "rollback", "The champion before is back.",
        registry=registry, by=by, reason=reason, at=at, research_use=research_use or None,
    )  # fmt: skip


@models_app.command("fetch", epilog="Example: unrinse models fetch --out runs/champion")
def fetch(
    out: OutFolder,
    registry: RegistryPath = None,
    alias: Annotated[
        str | None,
        typer.Option(metavar="ALIAS", help="champion, challenger or previous. Default: champion."),
    ] = None,
    research_use: Research = False,
) -> None:
    """Write the champion's bundle out, byte for byte as it was registered."""
    run_one_of(
        "registered", "fetch", "The bundle is here.", out,
        registry=registry, alias=alias, research_use=research_use or None,
    )  # fmt: skip
