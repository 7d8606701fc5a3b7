"""The command line of labels: `unrinse labels import | show | map | review | retract`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import LabelsFolder, LabelSource, OutFolder, moment
from pipelines.running import print_result, run_one_of

labels_app = typer.Typer(
    no_args_is_help=True,
    help="Bring label lists in, see what they say, map them to training labels, take reviews in, "
    "retract labels.",
)


StandingAt = Annotated[
    str | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="Labels and reviews must not have expired by then. Default: now.",
    ),
]


@labels_app.command(
    "import", epilog="Example: unrinse labels import tagpack.yaml mine.csv --out runs/labels"
)
def import_labels(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Label lists.")],
    out: OutFolder,
    source: LabelSource = None,
    available_at: Annotated[
        str | None,
        typer.Option(
            parser=moment,
            metavar="TIME",
            help="When the lists could be known, for labels that do not say. Default: unknown.",
        ),
    ] = None,
) -> None:
    """Add label lists to a folder of labels: one table, with where each label is from."""
    run_one_of(
        "labels", "import_labels", "The labels are in.", files, out,
        source=source, available_at=available_at,
    )  # fmt: skip


@labels_app.command(
    "show",
    epilog="Example: unrinse labels show runs/labels\n\nOf one address: "
    "unrinse labels show runs/labels 0x12...",
)
def show_labels(
    labels: LabelsFolder,
    address: Annotated[
        str | None, typer.Argument(metavar="[ADDRESS]", help="Show what is said of it.")
    ] = None,
    at: StandingAt = None,
) -> None:
    """Count the labels by source and category, or show all that is said of one address."""
    print_result("labels", "show_labels", labels, address=address, at=at, said="Labels:")


@labels_app.command("map", epilog="Example: unrinse labels map runs/labels --out runs/training")
def map_labels(labels: LabelsFolder, out: OutFolder, at: StandingAt = None) -> None:
    """Make training labels: what teaches, what is kept apart, and where lists disagree."""
    run_one_of("labels", "map_labels", "The labels are mapped.", labels, out, at=at)


@labels_app.command(
    "review",
    epilog="Example: unrinse labels review scores.review.csv --key scores.review-key.csv "
    "--out runs/reviews",
)
def review_labels(
    reviews: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Review files, filled in.")
    ],
    key: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="The key written beside a review file. May be repeated.",
            show_default=False,
        ),
    ],
    out: OutFolder,
    at: StandingAt = None,
) -> None:
    """Turn what reviewers said into training labels, with how likely each was to be reviewed."""
    run_one_of("review", "review_labels", "The reviews are in.", reviews, out, key, at=at)


@labels_app.command(
    "retract",
    epilog="Example: unrinse labels retract runs/labels 0x12... --reason 'wrong wallet' "
    "--by 'K. M.'",
)
def retract_labels(
    labels: LabelsFolder,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whose labels.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.", show_default=False)],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.", show_default=False)],
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only labels of this source. Default: all of them."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(parser=moment, metavar="TIME", help="When. Default: now.")
    ] = None,
    below: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where to look for what was made with them. Default: runs."
        ),
    ] = None,
) -> None:
    """Retract the labels of an address, and list every bundle and alert that used them."""
    run_one_of(
        "labels", "retract_labels", "The labels are retracted.", labels, address, reason, by,
        source=source, at=at, below=below,
    )  # fmt: skip
