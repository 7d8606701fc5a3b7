"""How well roles are settled: victims shown as suspects, what that costs, who is taken for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from models.bands import FALSE_POSITIVE_RATES, LOWEST, Thresholds, bands
from models.intervals import upper_limit, wilson
from models.material import matrix
from models.roles.names import LAUNDERERS, VICTIM, known_role
from models.roles.settling import RoleModel
from models.splits import PARTS


def roles_told(
    rows: pl.DataFrame,
    model: RoleModel | None,
    signals: tuple[str, ...],
    thresholds: Thresholds,
    *,
    threads: int = 1,
) -> dict[str, Any] | None:
    """Measure a role model on the rows, by ``part``, that it did not learn from; see there.

    Returns
    -------
    dict, optional
        None where there is no model.
    """
    if model is None or "role" not in rows.columns:
        return None
    unseen = rows.filter(~pl.col("part").is_in(PARTS[:2]), pl.col("log_odds").is_not_null())
    return measure_roles(unseen, model, signals, thresholds, threads=threads)


def measure_roles(
    rows: pl.DataFrame,
    model: RoleModel,
    signals: tuple[str, ...],
    thresholds: Thresholds,
    *,
    threads: int = 1,
) -> dict[str, Any]:
    """Measure a role model on labelled rows that it did not learn from.

    Parameters
    ----------
    rows
        Rows with enough history: ``label``, ``role``, ``log_odds`` (the calibrated score) and the
        columns `signals`.
    model
        The role model.
    signals
        The inputs, in order.
    thresholds
        Of the bands.

    Returns
    -------
    dict
        ``victims``: ``n``, how many would be ``presented_without`` the role model and are
        ``presented`` with it (as a suspect, in a band above the lowest), and the one-sided 95 %
        ``upper`` limit of the latter's share. ``cost``: by band, of the launderers that reach it,
        ``n`` and how many are ``kept``, with the 95 % interval of the share. ``confusion``: by true
        role of those presented (or a possible victim), how often each role was said.
    """
    rows = rows.with_columns(_role=known_role())
    named = bands(rows["log_odds"].to_numpy(), thresholds)
    rank = np.array([-1 if b in (None, LOWEST) else _ORDER[b] for b in named], dtype=np.int64)
    settled = model.settle(matrix(rows, signals), rank >= 0, threads)
    victim = (rows["_role"] == VICTIM).fill_null(False).to_numpy()
    presented = (rank >= 0) & ~settled.possible_victim
    n, shown = int(victim.sum()), int((victim & presented).sum())
    positive = rows["label"].to_numpy() == 1
    return {
        "victims": {
            "n": n,
            "presented_without": int((victim & (rank >= 0)).sum()),
            "presented": shown,
            "upper": upper_limit(shown, n) if n else None,
            "called_victim": int((victim & settled.possible_victim).sum()),
        },
        "cost": {
            band: _kept(positive & (rank >= order), presented) for band, order in _ORDER.items()
        },
        "confusion": _confusion(rows["_role"].to_list(), settled.role),
    }


_ORDER = {band: k for k, band in enumerate(FALSE_POSITIVE_RATES)}


def _kept(reached: np.ndarray, presented: np.ndarray) -> dict[str, Any]:
    n, kept = int(reached.sum()), int((reached & presented).sum())
    low, high = wilson(kept, n)
    return {"n": n, "kept": kept, "low": low, "high": high}


def _confusion(true: list[str | None], said: list[str | None]) -> Mapping[str, dict[str, int]]:
    """Count pairs of the true and the said role, where both are known."""
    counts: dict[str, dict[str, int]] = {}
    for role in (VICTIM, *LAUNDERERS):
        pairs = [s for t, s in zip(true, said, strict=True) if t == role and s is not None]
        if pairs:
            counts[role] = {s: pairs.count(s) for s in sorted(set(pairs))}
    return counts
