"""The job `simulate`: write a synthetic world as a store, with its labels and its truth.

The directory holds what an ingest of genuine exports would hold (transfers, coverage, quarantine,
manifest) and beside it the files a user would bring (labels, addresses, services) and the truth.
No other job reads the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data.schema import QUARANTINE, empty
from data.simulation import parameters, world
from data.simulation.populations import CRIMINAL_ROLES
from data.storage import (
    whole_directory,
    write_manifest,
    write_parquet,
    write_store_tables,
)
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
    with console.progress("Playing accounts", total=addresses) as advance:
        made = world.build(seed=seed, addresses=addresses, days=days, progress=progress or advance)
    facts = _facts(made, {"seed": seed, "addresses": addresses, "days": days})
    with whole_directory(Path(out)) as directory:
        _write(made, facts, directory)
        if report or named:
            told = add_report(directory, facts, against)
    return SimulateResult(
        out=Path(out),
        transfers=made.transfers.height,
        addresses=made.accounts.height,
        criminals=facts["criminals"],
        cases=facts["cases"],
        prevalence=facts["prevalence"],
        labels=facts["labels"],
        as_of=facts["as_of"],
        report=None if told is None else Path(out) / "realism.html",
        told_apart=told or None,
    )


def _facts(made: world.World, sizes: dict[str, int]) -> dict:
    """Say in the manifest what the world is."""
    criminal = made.truth.filter(pl.col("role").is_in(CRIMINAL_ROLES))
    populations = made.truth.group_by("population").len().sort("population")
    return {
        "as_of": made.end.isoformat(),
        "synthetic": True,
        **sizes,
        "criminals": criminal.height,
        "cases": criminal["case_id"].n_unique(),
        "prevalence": round(world.prevalence(made.truth), 6),
        "labels": {
            name: int((made.labels["label"] == label).sum())
            for name, label in (("criminal", 1), ("other", 0))
        },
        "populations": dict(populations.iter_rows()),
        "rows": {
            "transfers": made.transfers.height,
            "coverage": made.coverage.height,
            "quarantine": 0,
        },
    }


def _write(made: world.World, facts: dict, directory: Path) -> None:
    write_store_tables(directory, made.transfers, made.coverage, empty(QUARANTINE))
    for name, table in (
        ("truth", made.truth),
        ("truth_flows", made.truth_flows),
    ):
        write_parquet(table, directory / f"{name}.parquet")
    for name, table in (
        ("labels", made.labels),
        ("addresses", made.accounts),
        ("services", made.services),
    ):
        table.write_csv(directory / f"{name}.csv", datetime_format=_TIME_FORMAT)
    (directory / "README.md").write_text(_readme(facts), encoding="utf-8")
    write_manifest(directory, "store", facts)


def _readme(facts: dict) -> str:
    populations = "\n".join(f"| {name} | {n} |" for name, n in facts["populations"].items())
    return f"""# A synthetic world

**Everything here is invented.** No address, payment or person is real; only the token contracts
are. A model trained on it resembles what its authors know of pig-butchering laundering, no more.

Made by `unrinse simulate --seed {facts["seed"]} --addresses {facts["addresses"]} \
--days {facts["days"]}`.

- {facts["rows"]["transfers"]} transfers up to {facts["as_of"]}
- {facts["criminals"]} criminal accounts in {facts["cases"]} cases: prevalence
  {facts["prevalence"]:.2%}, far above real life
- labels: {facts["labels"]["criminal"]} criminal, {facts["labels"]["other"]} other, the rest empty

| file | what |
|---|---|
| transfers.parquet, coverage.parquet, quarantine.parquet, manifest.json | the store |
| labels.csv | training labels as one would hold them: partial, late, sometimes wrong |
| addresses.csv | every account worth scoring, with its `as_of` |
| services.csv | what a services registry would know: exchanges, routers, part of the processors |
| truth.parquet, truth_flows.parquet | who is who, and who paid whom: for evaluation only |

`as_of` is drawn by one rule for all: a uniform share of the way from an account's first to its last
transfer, and a pause. Roles that count as criminal: {", ".join(CRIMINAL_ROLES)}. Victims,
and the exchange deposit addresses at which cases cash out, do not.

| population | accounts |
|---|---|
{populations}

## Priors shared by all actors

{parameters.table()}

What distinguishes the populations stands in `data/simulation/populations.py`.
"""
