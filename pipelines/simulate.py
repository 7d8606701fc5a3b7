"""The job `simulate`: write a synthetic world as a store, with its labels and its truth.

The directory holds what an ingest of genuine exports would hold (transfers, coverage, quarantine,
manifest) and beside it the files a user would bring (labels, addresses, services) and the truth.
No other job reads the truth.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.schema import TRANSFERS
from data.simulation.exports import write_exports
from data.simulation.exports.readme import readme as exports_readme
from data.simulation.exports.sample import MOST_PER_CHAIN, choose
from data.simulation.plan import PREVALENCE
from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.readme import readme
from data.simulation.tables import Tables, prevalence_of
from data.simulation.world import Size
from data.simulation.writing import write_transfers
from data.storage import refuse_foreign, whole_directory, write_manifest, write_parquet
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
    exports
        The folder of exports, where one was asked for; its README.md says how to read them.
    exported
        Accounts whose exports it holds.
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
    exports: Path | None = None
    exported: int | None = None
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
    exports: Path | str | None = None,
    exports_of: int = 10,
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

    exports
        A folder to write some accounts' histories into as services would have answered, in every
        format that `ingest` reads; an earlier result there is replaced.
    exports_of
        Accounts of each chain whose histories are written there (`data.simulation.exports.sample`
        says which).

    Raises
    ------
    Refused
        A number is out of range, a folder cannot be written, or a store cannot be used.
    """
    named = stores_given(against_criminal, against_benign)
    size = Size(seed, addresses, days, prevalence)
    workers = _workers(workers)
    beside = _beside(Path(out), exports, exports_of)
    against = references(named)  # before any work
    told: dict[str, str] | None = None
    exported: int | None = None
    aside = whole_directory(beside) if beside else nullcontext()
    with whole_directory(Path(out)) as directory, aside as services:
        with ExitStack() as bars:
            advance = bars.enter_context(console.progress("Playing accounts", total=addresses))

            def writing(transfers: int) -> Callable[[int], None]:
                bars.close()  # the terminal holds one bar at a time
                return bars.enter_context(console.progress("Writing transfers", total=transfers))

            written = write_transfers(
                directory, size, workers=workers, progress=progress or advance, writing=writing
            )
        facts = _facts(size, written.tables, written.transfers)
        _write(written.tables, facts, directory)
        if services:
            exported = _export(services, directory, written.tables, facts, exports_of)
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
        exports=beside,
        exported=exported,
    )


def _workers(given: int | None) -> int:
    """Settle the number of processes."""
    if given is not None and given < 1:
        raise Refused(f"{given} processes cannot play a world", expected="1 or more")
    return given or os.cpu_count() or 1


def _beside(out: Path, exports: Path | str | None, exports_of: int) -> Path | None:
    """Check where exports are to go, before any work."""
    if not 1 <= exports_of <= MOST_PER_CHAIN:
        raise Refused(
            f"the exports of {exports_of} accounts of each chain cannot be written",
            expected=f"1 to {MOST_PER_CHAIN}",
        )
    if exports is None:
        return None
    world, folder = out.resolve(), Path(exports).resolve()
    if folder.is_relative_to(world) or world.is_relative_to(folder):
        raise Refused(
            f"the exports would go to {exports} and the world to {out}, one inside the other",
            expected="two folders side by side",
            hint=f"Name another one, such as --exports {out}-exports.",
        )
    refuse_foreign(folder)
    return Path(exports)


def _export(
    services: Path, directory: Path, made: Tables, facts: dict[str, Any], per_chain: int
) -> int:
    """Write some accounts' exports, with what reading them takes; return how many accounts."""
    transfers = pl.scan_parquet(directory / "transfers.parquet").select(list(TRANSFERS))
    accounts = choose(made.truth, transfers, per_chain)
    with console.progress("Writing exports", total=len(accounts)) as advance:
        files = write_exports(transfers, accounts, services, progress=advance)
    listed = pl.DataFrame([asdict(account) for account in accounts])
    made.accounts.join(
        listed, on=["chain", "address"], how="semi", maintain_order="left"
    ).write_csv(services / "accounts.csv", datetime_format=_TIME_FORMAT)
    made.prices.write_csv(services / "prices.csv", datetime_format=_TIME_FORMAT)
    page = exports_readme(accounts, files, services, facts)
    (services / "README.md").write_text(page, encoding="utf-8")
    kept = ("as_of", "synthetic", "seed", "addresses", "days", "prevalence")
    write_manifest(services, "exports", {name: facts[name] for name in kept})
    return len(accounts)


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
        "asked_prevalence": size.prevalence,
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
