"""The `realism` job: how a synthetic world compares with real histories and published figures.

A model is no better than the world it was trained on, so the world is measured as well: its
criminals beside published figures of scam wallets, and, where real histories are at hand, each
measure's distribution with a distance, and a classifier that tries to tell real from invented
(`models.two_sample`). Both sides pass the same filter first (`pipelines.observation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.services import load_services
from data.simulation.populations import CRIMINAL_ROLES
from data.storage import refuse_foreign, whole_directory, write_manifest
from data.transfers import Transfers, open_transfers
from pipelines import console
from pipelines.comparison import CURVE, compared
from pipelines.observation import KEY, Filter, Party, party_of_store
from pipelines.outputs import program, write_json
from pipelines.pages.realism import auc_text, realism_page
from pipelines.published import published_figures

CRIMINAL, BENIGN = "criminal", "benign"


@dataclass(frozen=True)
class RealismResult:
    """What the job did.

    Parameters
    ----------
    out
        The folder with realism.json and realism.html.
    page
        The page.
    told_apart
        Side and view to the ROC-AUC of the better classifier, with its interval.
    exit_code
        Always 0.
    """

    out: Path
    page: Path
    told_apart: Mapping[str, str]
    exit_code: int = 0


def realism(
    world: str | Path,
    out: str | Path,
    *,
    against_criminal: str | Path | None = None,
    against_benign: str | Path | None = None,
    min_transfers: int = Filter.fewest,
    seed: int = Filter.seed,
) -> RealismResult:
    """Compare a synthetic world with real histories and with published figures.

    Parameters
    ----------
    world
        A folder that `simulate` wrote.
    out
        The folder to write: realism.json, realism.html, manifest.json.
    against_criminal, against_benign
        Stores whose covered addresses are real launderers, real ordinary accounts. Without them
        the world is compared with published figures alone.
    min_transfers
        Shorter histories of either side are left out.
    seed
        Of draws, folds and intervals.

    Raises
    ------
    Refused
        `world` is not a world of `simulate`, or a store cannot be used.
    """
    refuse_foreign(Path(out))
    report = realism_report(
        Path(world),
        references(stores_given(against_criminal, against_benign)),
        min_transfers=min_transfers,
        seed=seed,
    )
    with whole_directory(Path(out)) as folder:
        write_report(report, folder)
        write_manifest(folder, "realism", {"program": program(), "world": report["world"]})
    return RealismResult(Path(out), Path(out) / "realism.html", headlines(report))


def realism_report(
    world: Path,
    against: Mapping[str, Party],
    *,
    min_transfers: int = Filter.fewest,
    seed: int = Filter.seed,
) -> dict[str, Any]:
    """Return the content of `realism.json`.

    Parameters
    ----------
    against
        ``criminal`` and ``benign`` to the real accounts; either may be absent.
    """
    limits = Filter(fewest=min_transfers, seed=seed)
    transfers = open_transfers(world)
    sides = _sides(world, transfers)
    with console.progress("Measuring the world's criminals"):
        figures = published_figures(sides[CRIMINAL], load_services(world / "services.csv"), limits)
    comparisons = []
    for side, reference in against.items():
        with console.progress(f"Comparing {side} accounts"):
            comparisons.append({"side": side, **compared(sides[side], reference, limits)})
    return {
        "synthetic": True,
        "world": {
            "transfers_sha256": transfers.sha256,
            "as_of": sides[CRIMINAL].as_of.isoformat(),
            **{name: party.accounts.height for name, party in sides.items()},
        },
        "filter": asdict(limits),
        "levels": list(CURVE),
        "published": [asdict(figure) for figure in figures],
        "comparisons": comparisons,
    }


def write_report(report: Mapping[str, Any], folder: Path) -> None:
    """Write `realism.json` and `realism.html` into a folder."""
    write_json(report, folder / "realism.json")
    (folder / "realism.html").write_text(realism_page(report), encoding="utf-8", newline="\n")


def stores_given(criminal: str | Path | None, benign: str | Path | None) -> dict[str, Path]:
    """Return the stores to compare with by side, without those that were not named."""
    named = {CRIMINAL: criminal, BENIGN: benign}
    return {side: Path(store) for side, store in named.items() if store is not None}


def references(stores: Mapping[str, Path]) -> dict[str, Party]:
    """Open the stores of real histories.

    Raises
    ------
    Refused
        One is no store, or covers nobody.
    """
    return {side: party_of_store(store) for side, store in stores.items()}


def add_report(
    world: Path, facts: Mapping[str, Any], against: Mapping[str, Party]
) -> dict[str, str]:
    """Write the report into the world's own folder, and its manifest again, over all files.

    Parameters
    ----------
    facts
        The entries of the world's manifest.

    Returns
    -------
    dict
        As `headlines` says.
    """
    report = realism_report(world, against)
    write_report(report, world)
    write_manifest(world, "store", facts)
    return headlines(report)


def headlines(report: Mapping[str, Any]) -> dict[str, str]:
    """Say for each side and view how well real and invented are told apart."""
    return {
        f"{one['side']}, {view['name']}": auc_text(view["two_sample"])
        for one in report["comparisons"]
        for view in one["views"]
    }


def _sides(world: Path, transfers: Transfers) -> dict[str, Party]:
    """Return the world's criminals and its benign accounts, grouped by case."""
    truth = world / "truth.parquet"
    if not transfers.synthetic or not truth.exists():
        raise Refused(
            f"{world} is no synthetic world: it lacks the truth beside its transfers.",
            expected="a folder that `unrinse simulate` wrote",
        )
    who = pl.read_parquet(truth).with_columns(group=pl.coalesce("case_id", "address")).sort(KEY)
    chosen = {
        CRIMINAL: pl.col("role").is_in(CRIMINAL_ROLES),
        BENIGN: pl.col("role") == "benign",
    }
    return {
        side: Party(transfers, who.filter(rule).select(*KEY, "group"))
        for side, rule in chosen.items()
    }
