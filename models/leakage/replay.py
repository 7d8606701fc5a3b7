"""Looking ahead: signals that change with what came after the cut, and labels among the inputs."""

from __future__ import annotations

import polars as pl

from models.intervals import wilson
from models.leakage.finding import Finding, Measured
from models.leakage.subject import Subject, some

MOST_NAMED = 5


def future_sensitive(subject: Subject) -> Finding | None:
    """Look for signals that change when the transfers after the cut do."""
    return _changed(
        subject,
        "future_sensitive",
        "when the transfers after the cut are other ones",
        "They see what comes after the moment they speak of: a model learns from a future that no "
        "new case has yet.",
        "Report it: a signal reads nothing but what lies before its cut. Until then train "
        "without the signals named.",
    )


def registry_after_cut(subject: Subject) -> Finding | None:
    """Look for signals that change with what the registry says only after the cut."""
    return _changed(
        subject,
        "registry_after_cut",
        "when rows of the registry that are dated after the cut are other ones",
        "An address was listed because it was found out. Whoever reads the list of later into the "
        "past has the label among the inputs.",
        "Report it: rows of the registry count from the day after their date. Until then train "
        "--without-exposure.",
    )


def _changed(subject: Subject, kind: str, words: str, how_bad: str, fix: str) -> Finding | None:
    replay = subject.surroundings.replay
    if replay is None or kind not in replay.poisoned:
        return None
    other = replay.poisoned[kind]
    names = [s.name for s in subject.inputs if s.name in other.columns]
    differ = {
        name: ~replay.as_known[name].eq_missing(other[name])
        for name in names
        if not replay.as_known[name].equals(other[name], null_equal=True)
    }
    if not differ:
        return None
    shown = ", ".join(f"`{name}`" for name in list(differ)[:MOST_NAMED])
    more = f" and {len(differ) - MOST_NAMED} more" if len(differ) > MOST_NAMED else ""
    touched = pl.select(pl.any_horizontal(list(differ.values()))).to_series()
    return Finding(
        kind,
        f"{len(differ)} signals change {words}: {shown}{more}, on {touched.sum():,} of "
        f"{touched.len():,} rows tried.",
        how_bad,
        fix,
    )


def same_case_exposure(subject: Subject) -> Finding | None:
    """Look for positives that meet, as listed parties, addresses of their own case."""
    ties = subject.surroundings.ties
    if ties is None or not any(signal.exposure for signal in subject.inputs):
        return None
    positives = subject.rows.filter(pl.col("label") == 1)
    own = positives.select("chain", other="address", of="group")
    met = (
        ties.listed.join(positives.select("address", "group", row="_row"), on="row")
        .join(own, on=["chain", "other"])
        .filter(pl.col("group") == pl.col("of"))
    )
    hits = met["row"].n_unique()
    low, high = wilson(hits, positives.height)
    if low <= subject.limits.beside_listed:
        return None
    return Finding(
        "same_case_exposure",
        f"{hits:,} of {positives.height:,} positives ({hits / positives.height:.0%} "
        f"[{low:.0%}, {high:.0%}]) deal with a listed party that is a positive of their own case; "
        f"{subject.limits.beside_listed:.0%} would pass.",
        "The list holds the labels. Exposure to it repeats them, and will be missing for a new "
        "case, of which nobody is listed yet.",
        "Take the labelled addresses out of --services, or train --without-exposure.",
        measured=Measured(hits / positives.height, subject.limits.beside_listed, low, high),
        examples=some(met["address"]),
    )
