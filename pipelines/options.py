"""What the command line accepts: the types, the wording and the parsing of its arguments.

Each is declared once, so that an option has one meaning and one help text in every command.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Basis(StrEnum):
    """What values are measured in."""

    usd = "usd"
    native = "native"
    relative = "relative"


class Engine(StrEnum):
    """What moves histories to the kernels."""

    local = "local"
    spark = "spark"


class TrainingBasis(StrEnum):
    """Where the labels come from."""

    synthetic = "synthetic"
    research = "research"
    reviewed = "reviewed"


class CatalogueFormat(StrEnum):
    """How the catalogue is printed."""

    json = "json"
    md = "md"


def moment(text: str) -> datetime:
    """Read an ISO 8601 date or moment; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no ISO 8601 moment, such as 2024-05-09 or 2024-05-09T14:30:00Z."
        ) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def legs_given(text: str) -> str:
    """Check the names of legs, and put them in their one order."""
    from data.schema import leg_set, leg_text

    try:
        return leg_text(leg_set(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Out = Annotated[Path, typer.Option("--out", help="Where the result goes.", show_default=False)]
TransfersPath = Annotated[
    Path, typer.Argument(metavar="TRANSFERS", help="A store, a Parquet file, a folder or a glob.")
]
BundlePath = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A trained model's folder.")]
LabelsPath = Annotated[
    Path, typer.Argument(metavar="LABELS", help="Training labels: address, label, and more.")
]
AddressList = Annotated[
    Path,
    typer.Option(
        "--addresses", help="CSV, Parquet or text: one address a line.", show_default=False
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="Only transfers before this moment count. Default: the one recorded at ingest.",
    ),
]
LabelsAsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=moment, metavar="TIME", help="The cut of labels that bring none of their own."
    ),
]
Services = Annotated[
    Path | None, typer.Option(help="Your own list of known services, beside the registry.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Worker threads; results stay the same.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")]
Legs = Annotated[
    str | None,
    typer.Option(parser=legs_given, metavar="LEGS", help="Use these legs only, comma-joined."),
]
BasisOption = Annotated[Basis | None, typer.Option(help="What values are measured in.")]
EngineOption = Annotated[Engine | None, typer.Option(help="What moves the histories.")]
ResearchUse = Annotated[
    bool,
    typer.Option(
        "--research-use", help="Score real transfers with a model that is not for decisions."
    ),
]
AssumeComplete = Annotated[
    bool,
    typer.Option("--assume-complete", help="Declare full coverage for a table that has none."),
]
MaxUnscored = Annotated[
    float | None,
    typer.Option(
        min=0.0, max=1.0, metavar="SHARE", help="Exit with 3 when more than this is not scored."
    ),
]
TrackingUri = Annotated[
    str | None, typer.Option(help="MLflow server. Default: a database beside the result.")
]
