"""Shortcuts: facts about how the data were gathered that stand in for behaviour.

Each check asks how well facts of one kind tell the classes apart all by themselves
(`models.leakage.alone`). The limits lie well above what the clean synthetic world shows, over
several seeds (`python -m benchmarks.leakage` prints the table).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from models.baselines import single_signal_auc
from models.leakage.alone import FEWEST, apart, beyond, ranked
from models.leakage.finding import Finding
from models.leakage.subject import Subject


def single_signal(subject: Subject) -> Finding | None:
    """Look for one signal that is too good to be behaviour."""
    rows, label = subject.scored, subject.label
    if min(label.sum(), len(label) - label.sum()) < FEWEST:
        return None
    best = single_signal_auc(rows, label, [signal.name for signal in subject.inputs]).row(0)
    name, _, direction, _ = best
    values = rows[name].cast(pl.Float64)
    sign = 1 if direction == "up" else -1
    held = values.is_not_null().to_numpy()
    found = beyond(
        ranked(sign * values.to_numpy()[held], label[held], rows["group"].to_numpy()[held]),
        subject.limits.single,
    )
    if found is None:
        return None
    return Finding(
        "single_signal",
        f"`{name}` alone tells the classes apart: {found.ranking}.",
        "Behaviour is never that clear. More likely the classes were chosen by it, or it holds the "
        "label in another form; what else the model could learn is drowned.",
        f"Look at how positives and negatives were chosen. If `{name}` chose them, choose anew or "
        "train without it.",
        measured=found,
    )


def coverage_alone(subject: Subject) -> Finding | None:
    """Look for classes whose exports show different things."""
    facts = ("legs", "complete", "n_unvalued", "covered", "occurs")
    rows = subject.rows.sort("chain", "address", "as_of", "label")
    label = rows["label"].to_numpy().astype(np.float64)
    found = beyond(apart(rows.select(facts), label, rows["group"]), subject.limits.coverage)
    if found is None:
        return None
    return Finding(
        "coverage_alone",
        "What the exports show of an address (legs, whether complete, transfers without a price) "
        f"tells the classes apart: {found.ranking}.",
        "The model learns who was exported how, which is the work of whoever gathered the data.",
        "Export both classes in the same way, or name the legs that both have with --legs.",
        measured=found,
    )


def history_length_alone(subject: Subject) -> Finding | None:
    """Look for classes that differ in the mere length of their histories."""
    us = {name: pl.col(name).dt.timestamp("us") for name in ("first_seen", "last_seen")}
    facts = subject.scored.select("n_transfers", span=us["last_seen"] - us["first_seen"])
    found = beyond(apart(facts, subject.label, subject.scored["group"]), subject.limits.length)
    if found is None:
        return None
    return Finding(
        "history_length_alone",
        f"The number of transfers and the time they span tell the classes apart: {found.ranking}.",
        "How long a history is depends on how long ago it was crawled and where the crawl stopped. "
        "A model that leans on it fails on other data.",
        "Cut both classes to the same length, such as the first 30 days (`as_of` of each row).",
        measured=found,
    )


def nulls_alone(subject: Subject) -> Finding | None:
    """Look for classes that differ in which signals are null."""
    rows = subject.scored
    names = [signal.name for signal in subject.inputs]
    found = beyond(
        apart(rows.select(pl.col(names).is_null()), subject.label, rows["group"]),
        subject.limits.nulls,
    )
    if found is None:
        return None
    return Finding(
        "nulls_alone",
        "Which signals are null, without any value of them, tells the classes apart: "
        f"{found.ranking}.",
        "Null says what could not be seen. A model that reads it scores the data, not the address.",
        "Gather the same legs, prices and registry for both classes; or leave out the families "
        "whose signals are null for one of them.",
        measured=found,
    )


def amounts_alone(subject: Subject) -> Finding | None:
    """Look for classes that differ in the mere size of their amounts."""
    names = [s.name for s in subject.inputs if s.unit == "value" or s.dollars]
    if subject.basis == "relative" or not names:
        return None
    found = beyond(
        apart(subject.scored.select(names), subject.label, subject.scored["group"]),
        subject.limits.amounts,
    )
    if found is None:
        return None
    return Finding(
        "amounts_alone",
        f"The size of amounts alone ({len(names)} signals, basis `{subject.basis}`) tells the "
        f"classes apart: {found.ranking}.",
        "One class was most likely chosen by wealth (whales as negatives, dust as positives). The "
        "model learns who is rich.",
        "Train on --basis relative, where each history is measured by its own median amount, or "
        "choose negatives of the same size.",
        measured=found,
    )


def chain_alone(subject: Subject) -> Finding | None:
    """Look for classes that live on different chains."""
    rows = subject.scored
    found = beyond(apart(rows.select("chain"), subject.label, rows["group"]), subject.limits.chain)
    if found is None:
        return None
    return Finding(
        "chain_alone",
        f"The chain alone tells the classes apart: {found.ranking}.",
        "The chain is no input, but fees and block times are in many signals, and stand in for it.",
        "Choose negatives on the chains of the positives, in about the same shares.",
        measured=found,
    )
