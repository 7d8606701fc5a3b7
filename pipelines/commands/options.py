"""What the command line accepts: the types, the wording and the parsing of its arguments.

Each is declared once, so that an option has one meaning and one help text in every command.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from data.importers import AUTO, FORMATS
from data.labels import SOURCES


class Basis(StrEnum):
    """What values are measured in."""

    usd = "usd"
    native = "native"
    relative = "relative"


class TrainingBasis(StrEnum):
    """Where the labels come from."""

    synthetic = "synthetic"
    research = "research"
    reviewed = "reviewed"


class CatalogueFormat(StrEnum):
    """How the catalogue is printed."""

    json = "json"
    md = "md"
    text = "text"


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


def _at(help: str) -> Any:
    return typer.Option(parser=moment, metavar="TIME", help=help)


def flag(name: str, help: str) -> Any:
    """Declare an option that takes no value; help pages show no type beside it."""
    return typer.Option(name, metavar="", help=help)


def number(help: str, least: int) -> Any:
    """Declare an option that takes a whole number, `least` or more."""
    return typer.Option(min=least, metavar="N", help=help)


OutFolder = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="The folder to write.", show_default=False),
]
OutTable = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The table to write: .parquet, .csv or .jsonl.",
        show_default=False,
    ),
]
TransfersPath = Annotated[
    Path,
    typer.Argument(
        metavar="TRANSFERS",
        help="A store, as ingest or simulate writes it; or a Parquet file, a folder or a glob.",
    ),
]
BundlePath = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A trained model, as train writes it.")
]
LabelsPath = Annotated[
    Path,
    typer.Argument(
        metavar="LABELS",
        help="CSV or Parquet: address, label (1, 0 or empty), perhaps as_of and source; or a "
        "folder of labels, as labels import writes it.",
    ),
]
LabelsFolder = Annotated[
    Path, typer.Argument(metavar="LABELS", help="A folder of labels, as labels import writes it.")
]
LabelSource = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help=f"The lists' format: {', '.join(SOURCES)}. Default: recognised.",
    ),
]
AddressList = Annotated[
    Path,
    typer.Option(
        "--addresses",
        metavar="FILE",
        help="The list: CSV, Parquet, or text with one address a line.",
        show_default=False,
    ),
]
AsOf = Annotated[
    datetime | None,
    _at("Only transfers before this moment count. Default: the moment the store speaks for."),
]
LabelsAsOf = Annotated[
    datetime | None,
    _at("The cut of labels without an as_of. Default: the moment the store speaks for."),
]
Services = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Known services and listed parties, used beside the built-in registry: your own "
        f"table, or a label list ({', '.join(SOURCES)}). May be repeated.",
    ),
]
WithoutExposure = Annotated[
    bool,
    flag(
        "--without-exposure",
        "Learn from behaviour only, from nothing that rests on what others are or do. A simulated "
        "store is always trained so.",
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FAMILY",
        help="Learn from a family's signals for context too, such as neighbourhood. May be "
        "repeated.",
    ),
]
Trials = Annotated[
    int | None,
    number("Search the trees' parameters first, in so many trials. A stopped search goes on.", 1),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        metavar="MINUTES",
        min=0.0,
        help="Search the trees' parameters first, for so long; how many trials fit, and so the "
        "model, depends on the machine.",
    ),
]
UnlabelledRows = Annotated[
    str | None,
    typer.Option(
        "--unlabelled",
        metavar="WAY",
        help="What rows without a label teach: leave_out (nothing), negative, or elkan_noto (by "
        "their chance to be positive). Default: leave_out.",
    ),
]
UnlabelledPrior = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of the unlabelled that is positive, for elkan_noto; else it is estimated.",
    ),
]
Monotone = Annotated[
    bool,
    flag("--monotone", "Let the score only rise with signals whose risk certainly grows so."),
]
Doubted = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the labels of train that the others contradict there, for a second look.",
    ),
]
FromChampion = Annotated[
    Path | None,
    typer.Option(
        metavar="BUNDLE",
        help="Follow this model: its basis, legs, base rate and parameters; what the new one "
        "changes is written beside it.",
    ),
]
Ablation = Annotated[
    bool,
    flag(
        "--ablation",
        "Measure what each family of signals is worth: one more fit for each, on the labels that "
        "the model is trained on.",
    ),
]
Named = Annotated[
    bool,
    flag("--named", "Show the addresses of the most wrong cases, which otherwise have pseudonyms."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FINDING",
        help="Train although the leakage audit found this, such as era; the model card tells it. "
        "May be repeated.",
    ),
]
AlsoMeasure = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="FAMILY",
        help="Compute motifs too, which follow money through all transfers and cost about as "
        "much as all other signals. May be repeated.",
    ),
]
Threads = Annotated[
    int | None, number("Worker threads; results do not depend on them. Default: every core.", 1)
]
Seed = Annotated[int | None, number("Seed of everything random. Default: 1.", 0)]
Legs = Annotated[
    str | None,
    typer.Option(
        parser=legs_given,
        metavar="LEGS",
        help="Use only these kinds of transfer, such as native_in,native_out. Default: all.",
    ),
]
BasisOption = Annotated[
    Basis | None,
    typer.Option(
        help="Measure values in dollars, in native coins, or relative to the history's own "
        "median. Default: usd."
    ),
]
ControlSample = Annotated[
    int | None,
    number(
        "Write a review file too: every alert and so many random addresses from below the "
        "threshold, without scores, and its key.",
        0,
    ),
]
Sar = Annotated[bool, flag("--sar", "Draft a report for each case, for a human to finish.")]
ResearchUse = Annotated[
    bool,
    flag(
        "--research-use",
        "Let a model that is not for decisions score real transfers; every row says so.",
    ),
]
AssumeComplete = Annotated[
    bool,
    flag("--assume-complete", "Take every history as whole, where the table has no coverage."),
]
MaxUnscored = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Exit with 3 when a larger share of the list has no score. Default: any is fine.",
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        metavar="URI", help="MLflow server or database. Default: a database beside the result."
    ),
]
WorldSize = Annotated[int | None, number("Accounts worth scoring. Default: 15000.", 1)]
DemoSize = Annotated[int | None, number("Accounts worth scoring. Default: 40000.", 1)]
Prevalence = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE", help="Share of criminals among them, at most 0.25. Default: 0.01."
    ),
]
Workers = Annotated[
    int | None,
    number("Processes to play in; the world does not depend on it. Default: one for each core.", 1),
]
Exports = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Also write some accounts' histories there as services would have answered, in every "
        "format that ingest reads.",
    ),
]
ExportsOf = Annotated[
    int | None,
    number(
        "For --exports: so many accounts of each chain, half of them criminals. Default: 10.", 1
    ),
]
Days = Annotated[int | None, number("Length of the history. Default: 730.", 1)]
FormatName = Annotated[
    str, typer.Argument(metavar="FORMAT", help=f"{AUTO}, or one of {', '.join(FORMATS)}.")
]
ExportFiles = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="Exported files, or folders of them.")
]
Chain = Annotated[
    str | None, typer.Option(metavar="NAME", help="The chain, where the export does not say.")
]
Account = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Whose export it is, where it does not say."),
]
Prices = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Daily prices of assets other than stablecoins."),
]
FetchedAt = Annotated[
    datetime | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="When the exports were made. Default: what they say, else the last transfer.",
    ),
]
ColumnMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="NAME=COLUMN", help="For the format table; once for each column."
    ),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="For the format table: all its columns, as TOML."),
]
OnlyThese = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Only these. Default: every address with coverage."),
]
Report = Annotated[
    bool,
    flag("--report", "Say how real the world looks: realism.json and realism.html."),
]
AgainstCriminal = Annotated[
    Path | None,
    typer.Option(
        metavar="STORE",
        help="Real launderers to compare the world's criminals with: the addresses it covers.",
    ),
]
AgainstBenign = Annotated[
    Path | None,
    typer.Option(
        metavar="STORE",
        help="Real ordinary accounts to compare the benign ones with: the addresses it covers.",
    ),
]
WorldPath = Annotated[
    Path, typer.Argument(metavar="WORLD", help="A synthetic world, as simulate writes it.")
]
LongEnough = Annotated[
    int | None, number("Leave shorter histories of either side out. Default: 5.", 2)
]
SignalName = Annotated[
    str | None,
    typer.Argument(metavar="SIGNAL", help="One signal, with an example. Default: all."),
]
CatalogueOption = Annotated[
    CatalogueFormat | None,
    typer.Option(
        help="For machines, as a page, or for a terminal. Default: text for one signal, else json."
    ),
]
PagesFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Write the pages there instead, with a picture for each signal.",
    ),
]
MinTransfers = Annotated[
    int | None, number("Neither train on nor score shorter histories. Default: 5.", 1)
]
BaseRate = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="SHARE",
        help="Share of positives that scores assume. Default: that of the validation split.",
    ),
]
TrainedOn = Annotated[
    TrainingBasis | None,
    typer.Option(
        help="Where the labels come from; only reviewed ones make a model for decisions. "
        "Default: synthetic for a simulated store, else research."
    ),
]
LabelsFrom = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Who reviewed or published the labels that do not say it in a column source. Labels "
        "of an invented world need not say it.",
    ),
]
Reasons = Annotated[int | None, number("Fill top_reasons for the N highest scores. Default: 0.", 0)]
Top = Annotated[
    int | None,
    number("Explain the N highest. Default: those up for review, at most 50.", 1),
]
_DIAGNOSTIC = "For analysts alone: write what would take each alert below its band (a .jsonl)."
Diagnostic = Annotated[Path | None, typer.Option(metavar="FILE", help=_DIAGNOSTIC)]
ExpectedHash = Annotated[
    str | None,
    typer.Option(metavar="HASH", help="The bundle_sha256 you expect, as recorded earlier."),
]
