"""Evidence for the promotion gate, of a model that is right by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from models.calibration import Calibration
from models.gate import Bounds, Evidence
from models.metrics import logistic

QUICK = Bounds(resamples=200)
CLEAN = {"verdict": "clean", "findings": [], "not_run": {}}
SEVERAL = {"chain": ["ethereum", "tron"], "ticket_size": ["small", "large"],
           "hour_block": ["00-06", "06-12"]}  # fmt: skip


def evidence(n: int = 12_000, victims: int = 4000, seed: int = 1, **changed: object) -> Evidence:
    """Return a model that is right by construction, beside a champion that sees less.

    The log-odds are drawn first and the labels from them, so the score is calibrated; the champion
    sees the same through noise.
    """
    random = np.random.default_rng(seed)
    log_odds = random.normal(-2.5, 3.0, n)
    label = (random.random(n) < logistic(log_odds)).astype(int)
    threshold = np.quantile(log_odds[label == 0], 0.95)
    rows = pl.DataFrame(
        {
            "label": pl.Series(label, dtype=pl.Int8),
            "group": [f"g{i // 2}" for i in range(n)],
            "log_odds": log_odds,
            "champion": log_odds + random.normal(0, 1.5, n),
            "suspect": log_odds >= threshold,
            "population": random.choice(["shop", "trader"], n),
            "typology": pl.Series(np.where(label == 1, "romance", ""), dtype=pl.String).replace(
                {"": None}
            ),
            "role": pl.Series([None] * n, dtype=pl.String),
            **{k: pl.Series(random.choice(v, n)) for k, v in SEVERAL.items()},
        }
    )
    robbed = rows.sample(victims, with_replacement=True, seed=seed).with_columns(
        label=pl.lit(None, pl.Int8),
        suspect=False,
        role=pl.lit("victim"),
        population=pl.lit("saver"),
        typology=pl.lit(None, pl.String),
    )
    prevalence = float(label.mean())
    right = Evidence(
        rows=pl.concat([rows, robbed]),
        calibration=Calibration(1.0, 0.0, 0.0, prevalence, prevalence),
        audit=CLEAN,
        decision_use=True,
        gives_bands=True,
        seconds={"model": 0.2, "champion": 90.0},
    )
    return replace(right, **changed)  # type: ignore[arg-type]
