"""From the truth to the labels one would really hold: partial, late, sometimes wrong.

Each account is cut at one moment `as_of`, drawn by one rule that knows nothing of roles: a share of
the way from its first to its last transfer, and a pause. A label becomes available some time after
that. Cases are investigated as a whole or not at all, large ones more often; services are known
more often than private persons; most accounts have no label.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from data.simulation import canonical
from data.simulation.parameters import PRIORS
from data.simulation.populations import CRIMINAL_ROLES
from data.simulation.prior import DAY

LARGE_CASE_BONUS = 0.02
"""Added chance that a case is investigated, for each of its accounts beyond the first (assumed)."""

COMPLAINT_BONUS = 0.08
"""Added chance for each doubling of the number of its payers (assumed): victims complain."""


def cut_moments(spans: pl.DataFrame, seed: int, days: int) -> pl.DataFrame:
    """Draw `as_of` for every account.

    Parameters
    ----------
    spans
        `first` and `last` (world seconds of the first and last counted transfer), in a fixed order.
    seed, days
        Of the world; `as_of` is never after its end.

    Returns
    -------
    pl.DataFrame
        `spans` with `as_of`, to the whole second.
    """
    rng = np.random.default_rng([seed, 2])
    first, last = spans["first"].to_numpy(), spans["last"].to_numpy()
    share = PRIORS["cut"].draw(rng, len(first))
    moment = first + share * (last - first) + PRIORS["cut_pause"].draw(rng, len(first)) * DAY
    return spans.with_columns(as_of=canonical.moments(np.minimum(moment + 1, days * DAY)))


def training_labels(truth: pl.DataFrame, complaints: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw the labels a compliance team would hold.

    Parameters
    ----------
    truth
        chain, address, role, service, case_id, as_of, in a fixed order.
    complaints
        case_id, payers: how many people paid the case.

    Returns
    -------
    pl.DataFrame
        The columns of a training-label file: address, chain, label (1, 0 or null), as_of,
        available_at, case_id, role. `role` is that of labelled victims and launderers, where the
        label is right; what was wrongly judged has none. Every account is a row; unlabelled ones
        have only an `as_of`. `case_id` is known for labelled criminals only.
    """
    rng = np.random.default_rng([seed, 3])
    criminal = truth["role"].is_in(CRIMINAL_ROLES).to_numpy()
    victim = (truth["role"] == "victim").to_numpy()
    service = truth["service"].to_numpy() & (truth["role"] == "benign").to_numpy()
    person = ~criminal & ~victim & ~service & (truth["role"] == "benign").to_numpy()
    known = np.zeros(truth.height, dtype=bool)
    for mask, prior in (
        (service, "service_labelled"),
        (person, "person_labelled"),
        (victim, "victim_labelled"),
    ):
        known |= mask & PRIORS[prior].draw(rng, truth.height).astype(bool)
    investigated = _investigated(truth, criminal, complaints, rng)
    found = PRIORS["criminal_labelled"].draw(rng, truth.height).astype(bool)
    known |= criminal & investigated & found
    wrong = _wrong(known, criminal, rng)
    delay = PRIORS["label_delay"].draw(rng, truth.height)
    return truth.select(
        "address",
        "chain",
        label=pl.when(pl.Series(known)).then(pl.Series((criminal ^ wrong).astype(np.int8))),
        as_of="as_of",
        available_at=pl.when(pl.Series(known)).then(
            pl.col("as_of")
            + pl.Series(np.rint(delay * DAY).astype(np.int64) * 1_000_000).cast(pl.Duration("us"))
        ),
        case_id=pl.when(pl.Series(known & criminal)).then("case_id"),
        role=pl.when(pl.Series(known & (criminal | victim) & ~wrong)).then("role"),
    )


def _wrong(known: np.ndarray, criminal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Say which labels are the opposite of the truth: about as many on either side.

    Were the same share of every label wrong, most of those accused would be innocent where
    criminals are rare, and no team would hold such a list.
    """
    drawn = PRIORS["label_wrong"].draw(rng, len(known)).astype(bool)
    found, others = int((known & criminal).sum()), int((known & ~criminal).sum())
    accused = rng.random(len(known)) < found / max(others, found, 1)
    return drawn & (criminal | accused)


def _investigated(
    truth: pl.DataFrame, criminal: np.ndarray, complaints: pl.DataFrame, rng: np.random.Generator
) -> np.ndarray:
    """Say for each account whether its case is investigated."""
    cases = (
        truth.filter(pl.Series(criminal))
        .group_by("case_id")
        .len()
        .join(complaints, on="case_id", how="left")
        .sort("case_id")
    )
    chance = (
        PRIORS["case_known"].numbers[0]
        + LARGE_CASE_BONUS * (cases["len"].to_numpy() - 1)
        + COMPLAINT_BONUS * np.log2(cases["payers"].fill_null(0).to_numpy() + 1)
    )
    chosen = cases.filter(pl.Series(rng.random(cases.height) < chance))["case_id"]
    return truth["case_id"].is_in(chosen.implode()).fill_null(False).to_numpy()
