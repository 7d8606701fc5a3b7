"""The `evaluate` job: a bundle measured on labels, as JSON and as a page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from data.labels.mapping import table_of
from data.services import load_services
from data.storage import refuse_foreign, sha256_file, whole_directory, write_manifest
from data.transfers import open_transfers
from models.bundle import Bundle
from models.fitting import evaluate_bundle
from pipelines.inputs import service_notes
from pipelines.labelled import label_hash, measure_labelled, read_labels
from pipelines.outputs import program
from pipelines.pages.evaluation import evaluation_page
from pipelines.score import use_notes
from pipelines.train import headline

_OF_TRAINING = ("audit", "labels_from")
"""What an evaluation repeats of the training: how far its figures may be believed."""


@dataclass(frozen=True)
class EvaluateResult:
    """What the job did."""

    out: Path
    page: Path
    splits: Mapping[str, Mapping[str, str]]
    bundle_sha256: str
    notes: tuple[str, ...]
    exit_code: int


def evaluate(
    bundle: str | Path,
    transfers: str | Path,
    labels: str | Path,
    out: str | Path,
    *,
    as_of: datetime | None = None,
    populations: pl.DataFrame | None = None,
    services: str | Path | Sequence[str | Path] | None = None,
    named: bool = False,
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
    as_of
        The cut of rows without a moment of their own, as in `train`.
    populations
        ``chain``, ``address``, ``population``: who each address is, where that is known, to show
        where false alarms fall.
    services
        What is publicly known of counterparties, beside the built-in registry, as in `train`.
    named
        Show the addresses of the most wrong cases; by default they have pseudonyms.

    Raises
    ------
    Refused
        An input cannot be used.
    """
    refuse_foreign(Path(out))
    loaded = Bundle.load(bundle)
    opened = open_transfers(Path(transfers), assume_complete=assume_complete)
    told = read_labels(Path(labels), opened, as_of)
    seen = loaded.facts.training["sources"].get("labels") == label_hash(told)
    if populations is not None:
        told = told.join(populations, on=["chain", "address"], how="left", maintain_order="left")
    known = load_services(services)
    measured = measure_labelled(
        told,
        opened,
        basis=loaded.facts.basis,
        legs=loaded.facts.legs,
        threads=threads,
        services=known,
        names=loaded.facts.signals,
    )
    measures = evaluate_bundle(
        loaded,
        measured.signals,
        measured.labels,
        part=measured.parts_as_trained() if seen else None,
        named=named,
        threads=threads or os.cpu_count() or 1,
    )
    measures = {**{name: loaded.facts.training.get(name) for name in _OF_TRAINING}, **measures}
    notes = use_notes(loaded)
    with whole_directory(Path(out)) as folder:
        text = json.dumps(measures, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
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
            "transfers_sha256": opened.sha256,
            "labels_sha256": sha256_file(table_of(Path(labels))),
        }
        write_manifest(folder, "evaluation", facts)
    return EvaluateResult(
        out=Path(out),
        page=Path(out) / "evaluation.html",
        splits={name: headline(measures, name) for name in measures["splits"]},
        bundle_sha256=loaded.sha256,
        notes=(*notes, *service_notes(known)),
        exit_code=0,
    )
