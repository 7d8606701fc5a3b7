"""One side of a world against real histories: every view, measure by measure and as a whole.

A view is looked at in three ways: the legs whose kind the reference sees in both directions (for a
native export: the coin alone) over whole histories and over their first 30 days, which no crawl's
length can flatter; and all the legs that the reference shows, where these are more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from features.catalogue import catalogue
from models.distances import QUANTILES, Sample, distanced, kolmogorov_smirnov, wasserstein
from models.material import matrix
from models.training import model_inputs
from models.two_sample import Rows, two_sample
from models.wallet_measures import MEASURES, PAYOUT_MEASURES, Measure, measure_wallets
from pipelines.observation import (
    Filter,
    Party,
    Seen,
    View,
    both_ways,
    observe,
    payouts_alone,
    shared_legs,
)

FIRST_DAYS = 30
CURVE = tuple(round(float(q), 4) for q in np.linspace(0.025, 0.975, 39))
"""Quantiles that a distribution is drawn from."""


def compared(world: Party, reference: Party, limits: Filter) -> dict[str, Any]:
    """Compare one side of a world with its reference.

    Returns
    -------
    dict
        As one of `comparisons` in `realism.json`: the reference, and its `views`.
    """
    legs = shared_legs(reference)
    return {
        "reference": {
            "accounts": reference.accounts.height,
            "groups": reference.accounts["group"].n_unique(),
            "legs": list(legs),
            "transfers_sha256": reference.transfers.sha256,
        },
        "views": [_viewed(world, reference, view, limits) for view in views(legs)],
        "payouts": _payouts(world, reference, legs, limits),
    }


def views(legs: Sequence[str]) -> list[View]:
    """Return the views that a reference with these legs allows.

    >>> [view.name for view in views(("native_in", "native_out"))]
    ['native legs, whole history', 'native legs, first 30 days']
    """
    whole = both_ways(legs) or tuple(legs)
    kinds = " and ".join(dict.fromkeys(leg.rpartition("_")[0] for leg in whole))
    found = [
        View(f"{kinds} legs, whole history", whole),
        View(f"{kinds} legs, first {FIRST_DAYS} days", whole, FIRST_DAYS),
    ]
    if len(whole) < len(legs):
        found.append(View("all legs shown, whole history", tuple(legs)))
    return found


def _viewed(world: Party, reference: Party, view: View, limits: Filter) -> dict[str, Any]:
    ours, theirs, cut = observe(world, reference, view, limits)
    tables = [_measures(seen, MEASURES) for seen in (ours, theirs)]
    tested = two_sample(_rows(ours, theirs, tables, view), seed=limits.seed)
    return {
        "name": view.name,
        "legs": list(view.legs),
        "cut": asdict(cut),
        "n_world": len(ours.groups),
        "n_reference": len(theirs.groups),
        "measures": _distances(MEASURES, (ours, theirs), tables, limits.seed),
        "two_sample": None if tested is None else _plain(_described(asdict(tested))),
    }


def _payouts(
    world: Party, reference: Party, legs: Sequence[str], limits: Filter
) -> dict[str, Any] | None:
    """Compare outgoing tokens in dollars, where the reference shows them."""
    if "token_out" not in legs:
        return None
    ours, theirs = (payouts_alone(party, limits) for party in (world, reference))
    tables = [_measures(seen, PAYOUT_MEASURES) for seen in (ours, theirs)]
    return {
        "n_world": len(ours.groups),
        "n_reference": len(theirs.groups),
        "measures": _distances(PAYOUT_MEASURES, (ours, theirs), tables, limits.seed),
    }


def _measures(seen: Seen, wanted: Sequence[Measure]) -> pl.DataFrame:
    return measure_wallets(seen.measured.histories, seen.measured.signals, wanted)


def _distances(
    wanted: Sequence[Measure], sides: tuple[Seen, Seen], tables: Sequence[pl.DataFrame], seed: int
) -> list[dict[str, Any]]:
    found = []
    for measure in wanted:
        raw = [table[measure.name].cast(pl.Float64).fill_null(math.nan).to_numpy()
               for table in tables]  # fmt: skip
        ours, theirs = (
            Sample.of(measure.scaled(values), seen.groups)
            for values, seen in zip(raw, sides, strict=True)
        )
        found.append(
            {
                "name": measure.name,
                "title": measure.title,
                "unit": measure.unit,
                "world": _distribution(raw[0]),
                "reference": _distribution(raw[1]),
                "kolmogorov_smirnov": asdict(
                    distanced(kolmogorov_smirnov, ours, theirs, seed=seed)
                ),
                "wasserstein": asdict(distanced(wasserstein, ours, theirs, seed=seed)),
            }
        )
    plain: list[dict[str, Any]] = _plain(found)
    return plain


def _distribution(values: np.ndarray) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    share = len(known) / len(values) if len(values) else 0.0
    if not len(known):
        return {"defined": share, "quantiles": None, "curve": None}
    return {
        "defined": share,
        "quantiles": dict(zip(map(str, QUANTILES), np.quantile(known, QUANTILES), strict=True)),
        "curve": list(np.quantile(known, CURVE)),
    }


def _rows(ours: Seen, theirs: Seen, tables: Sequence[pl.DataFrame], view: View) -> Rows:
    """Join what the classifier looks at: scale-free signals, and the measures that are none."""
    chosen = model_inputs(
        catalogue().signals,
        basis="relative",
        legs=list(view.legs),
        own_moments=False,
        exposure=False,  # neither side brings a registry
    )
    names = [signal.name for signal in chosen]
    more = [measure.name for measure in MEASURES if measure.of is not None]
    inputs = [
        np.hstack([matrix(seen.measured.signals, names), matrix(table, more)])
        for seen, table in zip((ours, theirs), tables, strict=True)
    ]
    sizes = [len(seen.groups) for seen in (ours, theirs)]
    # One namespace a side: an address may occur on both.
    groups = [
        np.char.add(prefix, seen.groups.astype(str))
        for prefix, seen in zip(("world ", "real "), (ours, theirs), strict=True)
    ]
    return Rows(
        np.vstack(inputs),
        (*names, *more),
        np.repeat([True, False], sizes),
        np.concatenate(groups),
    )


def _described(tested: dict[str, Any]) -> dict[str, Any]:
    """Add to each giveaway what its signal means and is measured in."""
    signals = catalogue().by_name
    own = {measure.name: measure for measure in MEASURES}
    for one in tested["giveaways"]:
        name = one["name"]
        if name in own:
            one |= {"meaning": own[name].title, "unit": own[name].unit}
        else:
            one |= {"meaning": signals[name].meaning, "unit": signals[name].unit}
    return tested


def _plain(value: Any) -> Any:
    """Turn numpy numbers into Python's, and NaN, which JSON does not know, into None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else round(float(value), 6)
    return value
