"""What was made with a label: training labels, the bundles that learned from them, their alerts.

`unrinse labels map` and `unrinse labels review` keep which label taught what, and the hash by which
training labels are known;
a bundle keeps that hash, and every alert keeps its bundle's. Each file is read as it lies there: a
bundle that this version could not load has alerts all the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.labels.mapping import TAUGHT
from data.labels.teaching import Settled
from data.storage import MANIFEST, write_parquet
from models.bundle import FACTS

USED_FILE, TRAINING_KIND = "used.parquet", "training labels"
"""What is written beside training labels, and the kind of the manifest that `labels map` writes."""

REVIEWS_KIND = "reviews"
"""The kind of the manifest that `labels review` writes."""

_ALERTS = "alerts.jsonl"


@dataclass(frozen=True)
class Uses:
    """What was made with labels.

    Attributes
    ----------
    training_sets, bundles
        Folders.
    alerts
        How many alerts each file of alerts has from those bundles.
    """

    training_sets: tuple[str, ...]
    bundles: tuple[str, ...]
    alerts: dict[str, int]


def write_used(settled: Settled, directory: Path) -> None:
    """Write which label taught what."""
    taught = settled.verdicts.filter(pl.col("verdict").is_in(TAUGHT))
    used = taught.select("chain", "address", "as_of", "verdict", "label_ids")
    write_parquet(used, directory / USED_FILE)


def uses_of(label_ids: pl.Series, below: Path) -> Uses:
    """Find what was made with labels, below a folder."""
    wanted = set(label_ids)
    sets: dict[str, str] = {}
    for file in sorted(below.rglob(USED_FILE)):
        told = _json(file.parent / MANIFEST)
        mapped = told.get("kind") in (TRAINING_KIND, REVIEWS_KIND)
        if mapped and wanted.intersection(pl.read_parquet(file)["label_ids"].explode()):
            sets[str(file.parent)] = told["training_labels"]
    bundles: dict[str, str] = {}  # MLflow keeps copies deeper down: each is named once
    for file in sorted(below.rglob(FACTS), key=lambda file: (len(file.parts), file)):
        if _labels_of(_json(file)) in sets.values():
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            bundles.setdefault(sha256, str(file.parent))
    alerts = {
        str(file): n
        for file in sorted(below.rglob(_ALERTS))
        if (n := sum(sha256 in bundles for sha256 in _bundles_of(file)))
    }
    return Uses(tuple(sets), tuple(bundles.values()), alerts)


def _json(file: Path) -> dict[str, Any]:
    """Read an object; an empty one where there is none that can be read."""
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _labels_of(facts: dict[str, Any]) -> str | None:
    """Return the hash of the labels that a bundle was trained on."""
    training = facts.get("training")
    sources = training.get("sources") if isinstance(training, dict) else None
    return sources.get("labels") if isinstance(sources, dict) else None


def _bundles_of(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield str(json.loads(line).get("bundle_sha256"))
            except (ValueError, AttributeError):
                continue
