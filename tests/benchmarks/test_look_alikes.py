"""Criminals against look-alikes, and the rule on victims: arithmetic on frames made by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.look_alikes import against_look_alikes, victim_rule
from data.simulation.ordinary import LOOKALIKES
from features.catalogue import catalogue
from models.status import VICTIM

NAMES = [signal.name for signal in catalogue().signals]
GOOD, FAIR = NAMES[3], NAMES[7]


@pytest.fixture(scope="module")
def judged() -> pl.DataFrame:
    """Return 20 criminals, 60 look-alikes, 30 others that do not count, and 5 without history."""
    kinds = ["mule"] * 20 + [LOOKALIKES[n % len(LOOKALIKES)] for n in range(60)]
    kinds += ["saver"] * 30 + ["mule"] * 5
    criminal = [kind == "mule" for kind in kinds]
    random = np.random.default_rng(1)
    raw = random.normal(2.0 * np.array(criminal), 1.0)
    return pl.DataFrame(
        {
            "population": kinds,
            "role": ["mule" if one else "benign" for one in criminal],
            "criminal": criminal,
            "benign": [not one for one in criminal],
            "group": [f"g{n}" for n in range(len(kinds))],
            "raw": [*raw[:110].tolist(), *[None] * 5],
            "long": [True] * 110 + [False] * 5,
        }
    )


@pytest.fixture(scope="module")
def signals(judged: pl.DataFrame) -> pl.DataFrame:
    """Return signals that say nothing, but for two."""
    random = np.random.default_rng(2)
    criminal = judged["criminal"].to_numpy()
    said = {name: np.zeros(judged.height) for name in NAMES}
    said[GOOD] = random.normal(-1.0 * criminal, 1.0)
    said[FAIR] = random.normal(0.4 * criminal, 1.0)
    return pl.DataFrame(said)


def test_the_best_signals_and_the_model_are_measured_on_the_same_rows(
    judged: pl.DataFrame, signals: pl.DataFrame
) -> None:
    text = against_look_alikes(judged, signals)
    label, raw = judged["criminal"].to_numpy()[:80], judged["raw"].to_numpy()[:80]
    good = -signals[GOOD].to_numpy()[:80]
    assert "20 criminals and 60 accounts" in text
    assert "(prevalence 25.00%)" in text
    gap = average_precision_score(label, raw) - average_precision_score(label, good)
    roc, pr = roc_auc_score(label, good), average_precision_score(label, good)
    assert f"| `{GOOD}`, down | {roc:.3f} | {pr:.3f} | {gap:.3f} [" in text
    model = f"{roc_auc_score(label, raw):.3f} | {average_precision_score(label, raw):.3f}"
    assert f"| the model | {model} | |" in text
    assert f"Best single signal by ROC-AUC: `{GOOD}`; by PR-AUC: `{GOOD}`." in text


def test_accounts_that_nobody_takes_for_criminals_do_not_count(
    judged: pl.DataFrame, signals: pl.DataFrame
) -> None:
    others = judged.with_columns(
        raw=pl.when(pl.col("population") == "saver").then(99.0).otherwise("raw")
    )
    assert against_look_alikes(others, signals) == against_look_alikes(judged, signals)


def test_the_rule_on_victims_is_counted_by_who_they_are() -> None:
    """It holds where all bounds hold; short histories and cash-out addresses are left out."""
    roles = ["victim", "victim", "victim", "victim", "benign", "benign", "mule", "cash_out_deposit"]
    holds = [True, True, True, False, False, True, False, True]
    frame = pl.DataFrame(
        {
            "role": roles,
            "criminal": [role == "mule" for role in roles],
            "benign": [role == "benign" for role in roles],
            "long": [True, True, True, True, True, True, True, True],
        }
    )
    said = pl.DataFrame(
        {
            bound.signal: [bound.least if held else bound.least - 1 for held in holds]
            for bound in VICTIM
        }
    )
    text = victim_rule(frame, said)
    assert "| victims | 4 | 75.0% |" in text
    assert "| ordinary accounts | 2 | 50.0% |" in text
    assert "| criminals | 1 | 0.0% |" in text
    assert text.count("|\n") == 5
    shorter = frame.with_columns(long=pl.Series([False, True, True, True, True, True, True, True]))
    assert "| victims | 3 | 66.7% |" in victim_rule(shorter, said)
    one_off = said.with_columns(pl.lit(None, pl.Float64).alias(VICTIM[0].signal))
    assert "| victims | 4 | 0.0% |" in victim_rule(frame, one_off)
