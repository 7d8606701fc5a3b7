"""Retraining from a champion: the same settings, and a report of what the new model changes.

What makes scores comparable (value basis, legs, shortest history) is the champion's and cannot be
changed on the way; what may be found anew (parameters of the trees, the stated base rate) is the
champion's unless something else is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from data.errors import Refused
from data.storage import whole_file
from models.bundle import Bundle
from models.changes import changes
from models.facts import canonical_json
from models.search import SEARCHED
from models.settings import MIN_TRANSFERS


class Asked(NamedTuple):
    """What a training is told that a champion may have an opinion on."""

    basis: str
    legs: tuple[str, ...] | None
    min_transfers: int
    base_rate: float | None
    params: Mapping[str, Any]


def inherited(champion: Bundle, asked: Asked, *, searched: bool) -> Asked:
    """Return what a training from a champion is told.

    Parameters
    ----------
    champion
        The model it follows.
    asked
        What was asked for; defaults mean that nothing was.
    searched
        Whether parameters are searched anew, and so not inherited.

    Raises
    ------
    Refused
        Another value basis, leg profile or shortest history was asked for.
    """
    facts = champion.facts
    for name, given, default, theirs in (
        ("--basis", asked.basis, "usd", facts.basis),
        ("--legs", asked.legs, None, facts.legs),
        ("--min-transfers", asked.min_transfers, MIN_TRANSFERS, facts.min_transfers),
    ):
        if given not in (default, theirs):
            raise Refused(
                f"{name} {_said(given)} is not the champion's, {_said(theirs)}: their scores could "
                "not be compared.",
                hint=f"Leave {name} out, or train without --from-champion.",
            )
    stated = facts.calibration.base_rate if facts.calibration.prior_shift else None
    own = {} if searched else {name: facts.training["parameters"][name] for name in SEARCHED}
    return Asked(
        basis=facts.basis,
        legs=facts.legs,
        min_transfers=facts.min_transfers,
        base_rate=stated if asked.base_rate is None else asked.base_rate,
        params={**own, **asked.params},
    )


def changes_file(out: Path) -> Path:
    """Return where the report stands: beside the bundle, which holds its own files alone.

    >>> changes_file(Path("runs/next")).name
    'next.changes.json'
    """
    return out.with_name(f"{out.name}.changes.json")


def report(champion: Bundle, out: Path, signals: pl.DataFrame, *, threads: int) -> tuple[str, ...]:
    """Compare the model written to `out` with the champion, and write the report beside it.

    Returns
    -------
    tuple of str
        What a summary says of it.
    """
    told = changes(signals, champion, Bundle.load(out), threads=threads)
    with whole_file(changes_file(out)) as file:
        file.write_bytes(canonical_json(told))
    if not told["panel"]:
        return ("No address could be scored by both models, so nothing is compared.",)
    kept = sum(row.get(band, 0) for band, row in told["bands"].items())
    names = [name for name in told["families"] if told["families"][name]["absolute"] > 0][:3]
    moved = ", ".join(f"{name} {told['families'][name]['absolute']:.2f}" for name in names)
    return (
        f"Against the champion, on {told['panel']:,} addresses: "
        f"{1 - kept / told['panel']:.1%} change their band, log-odds move by "
        f"{told['mean_absolute_shift']:.2f} on average"
        + (f" (most by {moved})" if moved else "")
        + f"; all of it stands in {changes_file(out).name}.",
    )


def _said(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
