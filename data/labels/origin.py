"""Where training labels are from: every label that teaches must say it.

A model can be no better than whoever said which addresses launder. So each judged row has a
`source`: its own, which `unrinse labels map` and `unrinse labels review` write and a table of one's
own may have; else what `--labels-from` says of all that do not say it themselves; else, on an
invented world, the simulation, because labels of invented addresses can be from nowhere else.
Otherwise the labels are refused. Bundle, model card and evaluation tell how many are from where.

What a model said, and that a suspicion was reported, is no origin (`teaching.must_not_teach`).

>>> labels = pl.DataFrame({"label": [1, 0, None], "source": ["graphsense: a pack", None, None]})
>>> said = with_sources(labels, Path("labels.csv"), said="the fraud team's reviews of 2023")
>>> told(said)["sources"]
[{'source': 'graphsense: a pack', 'n': 1, 'n_positive': 1}, \
{'source': "the fraud team's reviews of 2023", 'n': 1, 'n_positive': 0}]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.labels.table import BETWEEN
from data.labels.teaching import must_not_teach
from data.storage import MANIFEST, read_manifest

SIMULATION = "simulation"
"""The source of labels of an invented world."""

LONGEST = 1_000
_MOST_TOLD = 20
_JUDGED = pl.col("label").is_not_null()


def fault_of(source: str) -> str | None:
    """Say why a text cannot be where a label is from; None where it can.

    >>> fault_of("Suspicious activity reports of May")
    'suspicious_activity_report must not teach: a report is secret, and no finding'
    >>> fault_of("the bank of Example") is None
    True
    """
    if not source.strip() or not source.isprintable():
        return "its source is empty, or has characters that cannot be shown"
    if len(source) > LONGEST:
        return f"its source has {len(source):,} characters, more than {LONGEST:,}"
    return next((why for part in source.split(BETWEEN) if (why := must_not_teach(part))), None)


def with_sources(
    labels: pl.DataFrame, path: Path, *, said: str | None = None, simulated: bool = False
) -> pl.DataFrame:
    """Fill in where labels are from, where they do not say it themselves.

    Parameters
    ----------
    labels
        With ``label`` and ``source``.
    path
        Their file, for the message.
    said
        Where those are from that do not say it.
    simulated
        Whether they are of an invented world.

    Raises
    ------
    Refused
        A judged row is from nowhere that was stated, or `said` cannot be an origin.
    """
    if said is not None and (why := fault_of(said)):
        raise Refused(
            f"--labels-from {said!r} is no origin of labels: {why.replace('its source', 'it')}.",
            expected="who reviewed or published them, in a few words",
        )
    otherwise = said or (SIMULATION if simulated else None)
    filled = labels.with_columns(pl.col("source").fill_null(pl.lit(otherwise, dtype=pl.String)))
    judged = filled.filter(_JUDGED)
    silent = judged["source"].null_count()
    if silent:
        raise Refused(
            f"{path} does not say where {silent:,} of its {judged.height:,} judged labels are from",
            expected="a column source that says it row by row, or --labels-from TEXT that says it "
            "of all that do not",
            hint='For example --labels-from "reviews of the fraud team, 2024". Lists that were '
            "brought in with unrinse labels import say it themselves.",
        )
    return filled


def is_of_a_world(path: Path) -> bool:
    """Say whether a file of labels is as `unrinse simulate` wrote it, by the manifest beside it."""
    try:
        manifest: Mapping[str, Any] = read_manifest(path.parent) if _has_manifest(path) else {}
    except Refused:
        return False
    return bool(manifest.get("synthetic")) and path.name in manifest["files"]


def _has_manifest(path: Path) -> bool:
    return (path.parent / MANIFEST).is_file()


def told(labels: pl.DataFrame) -> dict[str, Any]:
    """Count judged labels by source, the most frequent first.

    Returns
    -------
    dict
        ``sources``: at most 20 records of ``source``, ``n`` and ``n_positive``; ``further``: how
        many more sources there are, with their ``n`` and ``n_positive``.
    """
    counted = (
        labels.filter(_JUDGED)
        .group_by("source")
        .agg(n=pl.len(), n_positive=(pl.col("label") == 1).sum())
        .sort(["n", "source"], descending=[True, False])
    )
    rest = counted[_MOST_TOLD:]
    return {
        "sources": counted.head(_MOST_TOLD).to_dicts(),
        "further": {
            "sources": rest.height,
            "n": int(rest["n"].sum()),
            "n_positive": int(rest["n_positive"].sum()),
        },
    }


def printable(source: str) -> str:
    """Return a source as one line of text that can be shown.

    >>> printable(" Reserves\\n of\\tExample\\u202e ")
    'Reserves of Example'
    """
    words = " ".join(source.split())
    return "".join(letter for letter in words if letter.isprintable())[:LONGEST].strip()
