"""What each family of signals is worth to a model: its PR-AUC beside that of the model without it.

For each family the trees are grown again on the same rows, with the same parameters and as many of
them, on all other inputs. Both are measured on the same rows, which neither has seen, and compared
in pairs over resampled groups. A family that costs nothing to leave out may still be the one that
explains best: others can say the same in other words.

The interval knows which cases happened to be drawn; it does not know what any change of the columns
does to trees. So one more model is grown on all inputs from another seed: a cost no larger than
that difference is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from models.bootstrap import paired_bootstrap
from models.material import Material, matrix, row_weights
from models.metrics import METRICS, Outcomes
from models.training import regrown

METRIC = "pr_auc"
RESAMPLES = 500


def families_of(rows: Material) -> dict[str, list[str]]:
    """Return the families of the inputs, with the names of their signals."""
    found: dict[str, list[str]] = {}
    for signal in rows.signals:
        found.setdefault(signal.family, []).append(signal.name)
    return found


def ablation(
    rows: Material,
    judged: pl.DataFrame,
    parameters: Mapping[str, Any],
    *,
    seed: int = 1,
    threads: int = 1,
    done: Callable[[int], None] | None = None,
) -> dict[str, Any] | None:
    """Measure what leaving each family out costs.

    Parameters
    ----------
    rows
        What the model learned from.
    judged
        Rows it has not seen: its inputs, ``label``, ``group``, the model's ``log_odds``, and where
        known ``weight`` and ``selection_probability``.
    parameters
        What the model's trees were grown with, as `models.training.Trained` has them.
    seed
        Of the bootstrap.
    done
        Called with 1 after each model; there is one for each family and one more.

    Returns
    -------
    dict or None
        ``metric``, ``n`` and ``n_positive`` of the rows; ``families``: by name ``signals`` (how
        many), ``with_it``, ``without``, ``cost``, ``low``, ``high``, the dearest first; and
        ``another_seed``: the same of all inputs and another seed. None where the rows cannot show
        the metric, or there is one family alone.
    """
    families = families_of(rows)
    seen = judged.sort("chain", "address", "as_of", "label")
    label, weights = seen["label"].to_numpy(), row_weights(seen)
    outcomes = Outcomes(label, seen["log_odds"].to_numpy(), weights=weights)
    if len(families) < 2 or not METRICS[METRIC].resolvable(outcomes):
        return None

    def worth(some: Material, other_seed: int) -> dict[str, float]:
        grow = regrown(some, parameters, seed=other_seed, threads=threads)
        score = grow(matrix(seen, some.names))
        found = paired_bootstrap(
            label, seen["log_odds"].to_numpy(), score, seen["group"].to_numpy(), METRIC,
            weights=weights, resamples=RESAMPLES, seed=seed,
        )  # fmt: skip
        if done is not None:
            done(1)
        return {
            "with_it": found.a, "without": found.b, "cost": found.difference,
            "low": found.low, "high": found.high,
        }  # fmt: skip

    own = int(parameters["seed"])
    told = {
        family: {"signals": len(names), **worth(rows.without(names), own)}
        for family, names in families.items()
    }
    dearest = sorted(told.items(), key=lambda pair: (-pair[1]["cost"], pair[0]))
    return {
        "metric": METRIC,
        "n": seen.height,
        "n_positive": int(np.sum(label)),
        "families": dict(dearest),
        "another_seed": worth(rows, own + 1),
    }
