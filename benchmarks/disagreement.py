"""Where a synthetic world disagrees with real accounts, signal by signal.

For every signal: its ROC-AUC inside the worlds (criminals above benign, by the truth) and inside
the real calibration part (phishing above normals, DFPI wallets above normals), always with the sign
as it is: below 0.5, less is riskier. A signal that points one way in the worlds and the other way
in life teaches the model the wrong lesson; those come first.

Rows without the signal are left out of its ROC-AUC; how many have it stands beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.cuts import LEGS
from benchmarks.worlds import KEY, Pool, truth
from features.catalogue import catalogue
from models.metrics import METRICS, Outcomes, measure
from models.training import model_inputs

CLASSES = ("synthetic criminal", "synthetic benign", "phishing", "dfpi", "normal")
QUANTILES = (0.1, 0.5, 0.9)


def classes(
    worlds: list[Path], pooled: Pool, real: pl.DataFrame, cut: str, fewest: int
) -> dict[str, pl.DataFrame]:
    """Return the rows of each of `CLASSES`, histories of at least `fewest` transfers."""
    known = pooled.signals[cut].join(truth(worlds), on=KEY, maintain_order="left")
    found = {
        "synthetic criminal": known.filter("criminal"),
        "synthetic benign": known.filter("benign"),
        **{one: real.filter(pl.col("set") == one) for one in ("phishing", "dfpi", "normal")},
    }
    return {name: rows.filter(pl.col("n_transfers") >= fewest) for name, rows in found.items()}


def disagreements(rows: dict[str, pl.DataFrame], legs: str) -> pl.DataFrame:
    """Compare each signal that the legs show in the five classes; the worst first.

    Returns
    -------
    polars.DataFrame
        ``signal``, ``synthetic``, ``phishing``, ``dfpi`` (ROC-AUC above benign or normals),
        ``flips`` (how many of the two real ones point the other way), ``gap`` (largest distance
        between the synthetic one and a real one), and of each class the share that has the signal
        and its quantiles.
    """
    inputs = model_inputs(catalogue().signals, basis="relative", legs=LEGS[legs], exposure=False)
    lines = [_compared(s.name, rows) for s in inputs if not s.depends_on_as_of]
    return pl.DataFrame(lines).sort("flips", "weight", descending=True).drop("weight")


def _compared(name: str, rows: dict[str, pl.DataFrame]) -> dict[str, object]:
    values = {one: frame[name].drop_nulls().to_numpy() for one, frame in rows.items()}
    synthetic = _auc(values["synthetic criminal"], values["synthetic benign"])
    real = {one: _auc(values[one], values["normal"]) for one in ("phishing", "dfpi")}
    known = [auc for auc in real.values() if auc is not None]
    lean = 0.0 if synthetic is None else synthetic - 0.5
    flipped = [min(abs(lean), abs(auc - 0.5)) for auc in known if lean * (auc - 0.5) < 0]
    gaps = [abs(auc - 0.5 - lean) for auc in known]
    line: dict[str, object] = {
        "signal": name,
        "synthetic": synthetic,
        **real,
        "flips": sum(size > 0.02 for size in flipped),
        "gap": max(gaps, default=0.0),
        "weight": max(gaps, default=0.0),
    }
    for one, frame in rows.items():
        line[f"{one}: has it"] = len(values[one]) / max(1, frame.height)
        for q in QUANTILES:
            line[f"{one}: {q:.0%}"] = (
                float(np.quantile(values[one], q)) if len(values[one]) else None
            )
    return line


def _auc(above: np.ndarray, below: np.ndarray) -> float | None:
    if not len(above) or not len(below):
        return None
    label = np.repeat([1, 0], [len(above), len(below)])
    return measure(METRICS["roc_auc"], Outcomes(label, np.concatenate([above, below])))


def markdown(table: pl.DataFrame, most: int | None = None) -> str:
    """Write the table, quantiles as ``10 % / 50 % / 90 %`` with the share that has the signal."""
    head = "| signal | AUC synthetic | phishing | DFPI | flips | " + " | ".join(CLASSES) + " |"
    lines = [head, "|" + "---|" * (5 + len(CLASSES))]
    for row in table.head(most or table.height).iter_rows(named=True):
        aucs = " | ".join(_number(row[k], ".3f") for k in ("synthetic", "phishing", "dfpi"))
        cells = [
            " / ".join(_number(row[f"{one}: {q:.0%}"], ".3g") for q in QUANTILES)
            + f" ({row[f'{one}: has it']:.0%})"
            for one in CLASSES
        ]
        lines.append(f"| {row['signal']} | {aucs} | {row['flips']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
