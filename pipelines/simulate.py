"""The job `simulate`: write a synthetic world as a store, with its labels and its truth.

The directory holds what an ingest of genuine exports would hold (transfers, coverage, quarantine,
manifest) and beside it the files a user would bring (labels, addresses, services) and the truth.
No other job reads the truth.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.simulation.plan import PREVALENCE
from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.readme import readme
from data.simulation.tables import Tables, prevalence_of
from data.simulation.world import Size
from data.simulation.writing import write_transfers
from data.storage import whole_directory, write_manifest, write_parquet
from pipelines import console
from pipelines.realism import add_report, references, stores_given

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class SimulateResult:
    """What `simulate` wrote.

    Parameters
    ----------
    out
        The store.
    transfers, addresses
        Rows of the transfers table; accounts worth scoring.
    criminals, cases
        Criminal accounts among them, and the scam cases they belong to.
    prevalence
        Share of criminal accounts.
    labels
        Labelled accounts by label, ``criminal`` and ``other``.
    as_of
        The moment the data speak for, ISO 8601.
    report
        The page that says how real the world looks, where one was asked for.
    told_apart
        Side and view to how well a classifier tells it from the real histories compared with.
    exit_code
        Always 0.
    """

    out: Path
    transfers: int
    addresses: int
    criminals: int
    cases: int
    prevalence: float
    labels: dict[str, int]
    as_of: str
    report: Path | None = None
    told_apart: dict[str, str] | None = None
    exit_code: int = 0


def simulate(
    out: Path | str,
    *,
    seed: int = 1,
    addresses: int = 15_000,
    days: int = 730,
    prevalence: float = PREVALENCE,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    report: bool = False,
    against_criminal: Path | str | None = None,
    against_benign: Path | str | None = None,
) -> SimulateResult:
    """Make a synthetic world of stablecoin payments in which the truth is known.

    Parameters
    ----------
    out
        Directory to write; an earlier result there is replaced.
    seed
        Fixes the world: the same seed and sizes give the same bytes.
    addresses
        Accounts worth scoring.
    days
        Length of the world's history.
    prevalence
        Share of criminal accounts among them.
    workers
        Processes to play in; default: one for each core. The bytes do not depend on it.
    progress
        Called with the number of further accounts played; default: a bar on the terminal.
    report
        Write realism.json and realism.html into the folder as well (see `pipelines.realism`).
    against_criminal, against_benign
        Stores of real histories for the report to compare with; naming one asks for the report.

    Raises
    ------
    Refused
        A number is out of range, `out` cannot be written, or a store cannot be used.
    """
    named = stores_given(against_criminal, against_benign)
    against = references(named)  # before any work
    told: dict[str, str] | None = None
    size = Size(seed, addresses, days, prevalence)
    with (
        whole_directory(Path(out)) as directory,
        console.progress("Playing accounts", total=addresses) as advance,
    ):
        written = write_transfers(
            directory, size, workers=workers or os.cpu_count() or 1, progress=progress or advance
        )
        facts = _facts(size, written.tables, written.transfers)
        _write(written.tables, facts, directory)
        if report or named:
            told = add_report(directory, facts, against)
    return SimulateResult(
        out=Path(out),
        transfers=written.transfers,
        addresses=written.tables.accounts.height,
        criminals=facts["criminals"],
        cases=facts["cases"],
        prevalence=facts["prevalence"],
        labels=facts["labels"],
        as_of=facts["as_of"],
        report=None if told is None else Path(out) / "realism.html",
        told_apart=told or None,
    )


def _facts(size: Size, made: Tables, transfers: int) -> dict[str, Any]:
    """Say in the manifest what the world is."""
    criminal = made.truth.filter(pl.col("role").is_in(CRIMINAL_ROLES))
    populations = made.truth.group_by("population").len().sort("population")
    return {
        "as_of": made.end.isoformat(),
        "synthetic": True,
        **asdict(size),
        "criminals": criminal.height,
        "cases": criminal["case_id"].n_unique(),
        "prevalence": round(prevalence_of(made.truth), 6),
        "labels": {
            name: int((made.labels["label"] == label).sum())
            for name, label in (("criminal", 1), ("other", 0))
        },
        "populations": dict(populations.iter_rows()),
        "rows": {
            "transfers": transfers,
            "coverage": made.coverage.height,
            "quarantine": 0,
        },
    }


def _write(made: Tables, facts: dict[str, Any], directory: Path) -> None:
    for name, table in (
        ("truth", made.truth),
        ("truth_flows", made.truth_flows),
    ):
        write_parquet(table, directory / f"{name}.parquet")
    for name, table in (
        ("labels", made.labels),
        ("addresses", made.accounts),
        ("services", made.services),
        ("prices", made.prices),
    ):
        table.write_csv(directory / f"{name}.csv", datetime_format=_TIME_FORMAT)
    (directory / "README.md").write_text(readme(facts), encoding="utf-8")
    write_manifest(directory, "store", facts)
