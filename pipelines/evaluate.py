"""The `evaluate` job: a bundle measured on labels, as JSON and as a page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.labels.mapping import table_of
from data.services import load_services
from data.storage import refuse_foreign, sha256_file, whole_directory, write_manifest
from data.transfers import open_transfers
from models.against import BUDGET, Champion
from models.bundle import Bundle, recorded_evaluation
from models.evaluating import ablate_bundle, evaluate_bundle
from pipelines.console import progress
from pipelines.inputs import service_notes
from pipelines.labelling.labelled import Labelled, label_hash, read_labels
from pipelines.labelling.populations import beside, read_populations, with_fields
from pipelines.labelling.slices import slices_of
from pipelines.outputs import program, write_json
from pipelines.pages.evaluation import evaluation_page
from pipelines.score import use_notes
from pipelines.train import headline
from pipelines.two_models import measure_both, of_champion

_OF_TRAINING = ("audit", "labels_from")
"""What an evaluation repeats of the training: how far its figures may be believed."""


@dataclass(frozen=True)
class EvaluateResult:
    """What the job did."""

    out: Path
    page: Path
    splits: Mapping[str, Mapping[str, str]]
    against: Mapping[str, str] | None
    bundle_sha256: str
    notes: tuple[str, ...]
    exit_code: int


def evaluate(
    bundle: str | Path,
    transfers: str | Path,
    labels: str | Path,
    out: str | Path,
    *,
    against: str | Path | None = None,
    budget: float = BUDGET,
    as_of: datetime | None = None,
    populations: str | Path | pl.DataFrame | None = None,
    services: str | Path | Sequence[str | Path] | None = None,
    named: bool = False,
    ablation: bool = False,
    threads: int | None = None,
    assume_complete: bool = False,
) -> EvaluateResult:
    """Measure a bundle on labelled addresses.

    The labels' own ``split`` is used where they have one. Labels that the bundle was trained on
    are split as they were then; any other labels are one split, ``all``.

    Parameters
    ----------
    bundle, transfers, labels
        Paths; labels as in `train`.
    out
        The folder to write: evaluation.json, evaluation.html, manifest.json.
    against
        Another bundle, such as the champion, to compare with on the last split.
    budget
        Alerts per thousand addresses that the two are compared at.
    as_of
        The cut of rows without a moment of their own, as in `train`.
    populations
        Who each address is, where that is known, to show where false alarms fall and which
        typologies are found: a table, or its path (`pipelines.labelling.populations`).
    services
        What is publicly known of counterparties, beside the built-in registry, as in `train`.
    named
        Show the addresses of the most wrong cases; by default they have pseudonyms.
    ablation
        Measure what each family of signals is worth, which takes a fit for each; only on the labels
        that the bundle was trained on.

    Raises
    ------
    Refused
        An input cannot be used, the model would be compared with itself, or an ablation is asked
        for on other rows than it learned from.
    """
    refuse_foreign(Path(out))
    loaded = Bundle.load(bundle)
    other = None if against is None else _other(loaded, Bundle.load(against))
    opened = open_transfers(Path(transfers), assume_complete=assume_complete)
    told = read_labels(Path(labels), opened, as_of)
    seen = loaded.facts.training["sources"].get("labels") == label_hash(told)
    if populations is not None:
        told = beside(told, _who(populations))
    known = load_services(services)
    measured = measure_both(loaded, other, told, opened, known, threads)
    champion = None
    if other is not None:
        pair = (measured.labels, measured.signals)
        theirs, _ = of_champion(loaded, other, pair, opened, known, threads)
        champion = Champion(other.sha256, theirs, other.facts.learned_until, budget)
    with progress("Telling slices apart"):
        cut = slices_of(measured.labels, opened)
    measures = evaluate_bundle(
        loaded,
        measured.signals,
        measured.labels.with_columns(cut.iter_columns()),
        part=measured.parts_as_trained() if seen else None,
        champion=champion,
        named=named,
        threads=threads or os.cpu_count() or 1,
    )
    measures = {
        **{name: loaded.facts.training.get(name) for name in _OF_TRAINING},
        **(_recorded(bundle, loaded) if seen else {}),
        **measures,
    }
    if ablation:
        measures["ablation"] = _ablated(loaded, measured, threads)
    notes = use_notes(loaded)
    with whole_directory(Path(out)) as folder:
        write_json(measures, folder / "evaluation.json")
        page = evaluation_page(
            measures,
            bundle_sha256=loaded.sha256,
            training_basis=loaded.facts.training_basis,
            notices=notes,
        )
        (folder / "evaluation.html").write_text(page, encoding="utf-8", newline="\n")
        facts = {
            "program": program(),
            "bundle_sha256": loaded.sha256,
            "against_sha256": None if other is None else other.sha256,
            "transfers_sha256": opened.sha256,
            "labels_sha256": sha256_file(table_of(Path(labels))),
        }
        write_manifest(folder, "evaluation", facts)
    return EvaluateResult(
        out=Path(out),
        page=Path(out) / "evaluation.html",
        splits={name: headline(measures, name) for name in measures["splits"]},
        against=None if other is None else _compared(measures["against"]),
        bundle_sha256=loaded.sha256,
        notes=(*notes, *service_notes(known)),
        exit_code=0,
    )


def _other(loaded: Bundle, other: Bundle) -> Bundle:
    if other.sha256 == loaded.sha256:
        raise Refused(
            "--against names the very model that is evaluated", expected="the bundle of another one"
        )
    return other


def _recorded(path: str | Path, loaded: Bundle) -> dict[str, Any]:
    """Return what training measured beyond the model itself, which holds for its own labels."""
    told = recorded_evaluation(path, loaded.facts)
    return {name: told[name] for name in ("rivals", "ablation") if name in told}


def _ablated(loaded: Bundle, measured: Labelled, threads: int | None) -> dict[str, Any] | None:
    families = {signal.family for signal in loaded.inputs}
    with progress("Leaving out one family after another", total=len(families) + 1) as done:
        return ablate_bundle(
            loaded,
            measured.signals,
            measured.labels,
            threads=threads or os.cpu_count() or 1,
            done=done,
        )


def _who(populations: str | Path | pl.DataFrame) -> pl.DataFrame:
    if isinstance(populations, pl.DataFrame):
        return with_fields(populations, "the table of populations")
    return read_populations(populations)


def _compared(told: Mapping[str, Any]) -> dict[str, str]:
    """Say in short how the two compare."""
    words = {"alerts": f"{told['alerts']:,} on {told['split']}"}
    for name in ("recall", "precision"):
        found = told["measured"].get(name)
        if found is not None:
            words[name] = (
                f"{found['model']:.3f}, champion {found['champion']:.3f}, difference "
                f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
            )
    return {**words, "verdict": told["verdict"]}
