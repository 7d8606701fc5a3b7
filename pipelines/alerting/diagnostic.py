"""The boundary of each alert, for those who look after the model: `unrinse explain --diagnostic`.

`models.boundary` finds which signals would have to change, and how far, for an address to fall
below its band and below review. Whoever has that can evade the model by it: the file stands outside
the folder of the alerts, is readable by its owner alone, and nothing of it enters an alert, a page
or a package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.errors import Refused
from data.storage import whole_file
from features.catalogue import catalogue
from models.bands import FALSE_POSITIVE_RATES, LOWEST, bands
from models.boundary import Boundary, Change
from models.material import matrix
from pipelines.moments import iso
from pipelines.score import Scored

WARNING = (
    "A guide to evading the model, for the analysts who look after it alone. Do not share it, and "
    "attach it to no alert, report or package."
)
MEANT = {
    "alone": "exact: each of these changes suffices alone, and no smaller one of that signal does",
    "together": "an upper bound: these changes together suffice, fewer or smaller ones may too",
    "none": "no change of up to five signals was found; there may be one all the same",
}


def check_diagnostic(path: Path, out: Path) -> None:
    """Refuse a place where the boundaries would be shared with the alerts.

    Raises
    ------
    Refused
        Another suffix than .jsonl, a folder, or a place inside the folder of the alerts.
    """
    if path.suffix.lower() != ".jsonl" or path.is_dir():
        raise Refused(
            f"the boundaries cannot be written to {str(path)!r}", expected="a file name in .jsonl"
        )
    if path.resolve().is_relative_to(out.resolve()):
        raise Refused(
            f"{str(path)!r} lies in the folder of the alerts, which is passed on",
            expected="a file elsewhere",
            hint="The boundaries show how to evade the model and are for its analysts alone.",
        )


def write_diagnostic(run: Scored, chosen: pl.DataFrame, path: Path) -> None:
    """Write the boundaries of some scored addresses, one JSON object a line.

    Parameters
    ----------
    run
        The scored list.
    chosen
        Rows of ``run.scores`` with their position as ``position``, in the order wanted.
    path
        Passed by `check_diagnostic`.
    """
    with whole_file(path) as partial:
        partial.touch(mode=0o600)
        with partial.open("w", encoding="utf-8", newline="\n") as lines:
            for record in _records(run, chosen):
                lines.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def _records(run: Scored, chosen: pl.DataFrame) -> Iterator[dict[str, Any]]:
    facts, boundary = run.bundle.facts, Boundary(run.bundle)
    signals = run.measured.signals[chosen["position"].to_list()]
    inputs = matrix(signals, facts.signals)
    for row, values in zip(chosen.iter_rows(named=True), inputs, strict=True):
        own = bands(np.array([row["log_odds"]]), facts.thresholds)[0]
        lowest = next(iter(FALSE_POSITIVE_RATES))
        targets = [] if own in (LOWEST, None) else list(dict.fromkeys([own, lowest]))
        yield {
            "warning": WARNING,
            "chain": row["chain"],
            "address": row["address"],
            "as_of": iso(row["as_of"]),
            "bundle_sha256": run.bundle.sha256,
            "log_odds": row["log_odds"],
            "band_of_score": own,
            "listed": row["list_hits"] is not None,
            "to_fall_below": [
                _target(boundary, values, str(band), float(facts.thresholds[str(band)] or 0.0))
                for band in targets
            ],
        }


def _target(boundary: Boundary, values: np.ndarray, band: str, limit: float) -> dict[str, Any]:
    found = boundary.below(values, limit)
    kind = "alone" if found.alone else "together" if found.together else "none"
    return {
        "band": band,
        "log_odds": limit,
        "meant": MEANT[kind],
        "alone": [_told(change) for change in found.alone],
        "together": [_told(change) for change in found.together],
    }


def _told(change: Change) -> dict[str, Any]:
    signal = catalogue().by_name[change.signal]
    return asdict(change) | {"unit": signal.unit, "meaning": signal.meaning}
