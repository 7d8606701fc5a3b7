"""The table of changes: for each address what changed, by which cause, and which signals moved.

Numbers are shared out among the causes by `models.attribution`: the log-odds, the probability, and
the parts of the log-odds by signal, which sum both ways. An outcome (the band, or the status where
there is no score) is no number. It is shared out as one that is 0 while it is the old outcome, 1
when it is the new one, and half for any third, and two plain questions stand beside it: which
causes alone would have made the change, and without which of them it would not have come about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from models.attribution import Shares, share_out
from models.metrics import logistic
from models.status import SCORED
from pipelines.again.change_words import OTHERS, said
from pipelines.again.combinations import CAUSES, Combinations, blocks
from pipelines.console import progress

TOLD = 3
"""Signals that are named for each cause; the rest are summed."""

NO_BAND = "no band"

_SIGNAL = pl.Struct({"cause": pl.String(), "signal": pl.String(), "log_odds": pl.Float64()})


def changed(combinations: Combinations, recorded: pl.Series) -> pl.DataFrame:
    """Take the changes of all addresses apart.

    Parameters
    ----------
    combinations
        The two runs' inputs, and the addresses.
    recorded
        For each address, in which of the runs it stands: ``both``, ``old`` or ``new``.

    Returns
    -------
    polars.DataFrame
        One row for each address asked about: what it was and is, each `CAUSES`'s part in the
        change of log-odds, score and outcome, `signals`, and a `sentence`.
    """
    scores = combinations.scores
    log_odds = np.stack([frame["log_odds"].to_numpy() for frame in scores])
    outcomes = np.stack([_outcome(frame).to_numpy() for frame in scores])
    known = ~np.isnan(log_odds)
    numbers = share_out(log_odds, known)
    chances = share_out(logistic(log_odds), known)
    weighed = share_out(_weighed(outcomes))
    table = combinations.asked.with_columns(recorded)
    for side, frame in (("old", scores[0]), ("new", scores[-1])):
        told = ("status", "score", "log_odds", "band", "n_transfers")
        table = table.with_columns(frame[name].alias(f"{name}_{side}") for name in told)
    table = table.with_columns(
        log_odds_change=pl.col("log_odds_new") - pl.col("log_odds_old"),
        score_change=pl.col("score_new") - pl.col("score_old"),
        outcome_changed=pl.Series(outcomes[0] != outcomes[-1]),
        orders=pl.Series(numbers.orders),
    )
    for name, shares in (("log_odds", numbers), ("score", chances), ("outcome", weighed)):
        table = table.with_columns(
            _column(f"{name}_{cause}", _of(shares, combinations.causes, cause)) for cause in CAUSES
        )
    alone, needed = _alone_and_needed(outcomes, combinations.causes)
    signals = _signals(combinations, numbers.orders)
    table = table.with_columns(
        pl.Series("outcome_alone", alone, dtype=pl.String),
        pl.Series("outcome_needed", needed, dtype=pl.String),
        pl.Series("signals", signals, dtype=pl.List(_SIGNAL)),
    )
    sentences = [said(row, combinations.causes) for row in table.iter_rows(named=True)]
    return table.with_columns(pl.Series("sentence", sentences, dtype=pl.String))


def _outcome(scores: pl.DataFrame) -> pl.Series:
    """Return the band of each address that has a score, and the status of the others."""
    band = pl.col("band").fill_null(NO_BAND)
    return scores.select(pl.when(pl.col("status") == SCORED).then(band).otherwise("status"))["band"]


def _weighed(outcomes: np.ndarray) -> np.ndarray:
    """Return 0 for the old outcome, 1 for the new one, a half for any third."""
    is_new, is_old = outcomes == outcomes[-1], outcomes == outcomes[0]
    return np.where(is_old, 0.0, np.where(is_new, 1.0, 0.5))


def _of(shares: Shares, causes: Sequence[str], cause: str) -> np.ndarray:
    """Return a cause's parts: nothing, where it does not differ between the runs."""
    if cause in causes:
        return shares.parts[causes.index(cause)]
    return np.where(shares.orders > 0, 0.0, np.nan)


def _column(name: str, values: np.ndarray) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Float64).fill_nan(None)


def _alone_and_needed(
    outcomes: np.ndarray, causes: Sequence[str]
) -> tuple[list[str | None], list[str | None]]:
    """Name, for each changed outcome, the causes that suffice and those it could not do without."""
    last = len(outcomes) - 1
    moved = outcomes[0] != outcomes[-1]
    suffices = [outcomes[1 << i] == outcomes[-1] for i in range(len(causes))]
    matters = [outcomes[last ^ 1 << i] != outcomes[-1] for i in range(len(causes))]

    def named(holds: Sequence[np.ndarray]) -> list[str | None]:
        return [
            ";".join(c for c, of in zip(causes, holds, strict=True) if of[row]) if here else None
            for row, here in enumerate(moved.tolist())
        ]

    return named(suffices), named(matters)


def _signals(combinations: Combinations, orders: np.ndarray) -> list[list[dict[str, Any]] | None]:
    """Return for each address the signals that moved most under each cause, and the rest summed."""
    found: list[list[dict[str, Any]] | None] = [None] * len(orders)
    rows = np.flatnonzero(orders).tolist()
    if not combinations.causes:
        return [[] if n else None for n in orders.tolist()]
    with progress("Taking changes apart", total=len(rows)) as advance:
        for block in blocks(rows):
            values = combinations.parts(block)
            shares = share_out(values, ~np.isnan(values[:, :, -1]))
            for place, row in enumerate(block):
                found[row] = _told(combinations, shares.parts[:, place])
            advance(len(block))
    return found


def _told(combinations: Combinations, parts: np.ndarray) -> list[dict[str, Any]]:
    names = combinations.signal_names
    told = []
    for cause, by_signal in zip(combinations.causes, parts, strict=True):
        order = np.argsort(-np.abs(by_signal), kind="stable")
        moved = [int(at) for at in order if by_signal[at] != 0]
        told += [_moved(cause, names[at], float(by_signal[at])) for at in moved[:TOLD]]
        if moved[TOLD:]:
            told.append(_moved(cause, OTHERS, math.fsum(by_signal[moved[TOLD:]])))
    return told


def _moved(cause: str, signal: str, log_odds: float) -> dict[str, Any]:
    return {"cause": cause, "signal": signal, "log_odds": log_odds}
