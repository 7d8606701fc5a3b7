"""How hard the synthetic world is, and what a model makes of it.

A world that one signal solves proves nothing, and one that nothing solves teaches nothing. For each
seed a world is made and a model trained on its labels, as users would; then everything is compared
with the truth, which neither labels nor model have seen.

    python -m benchmarks.synthetic_hardness --seeds 11 12 13 --addresses 15000
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.services import load_services
from data.simulation.populations import CRIMINAL_ROLES
from data.transfers import open_transfers
from features.catalogue import catalogue
from models.baselines import single_signal_auc
from models.bundle import Bundle
from models.fitting import MIN_TRANSFERS, Fitted, Settings, fit
from models.metrics import METRICS, Outcomes, measure
from models.scoring import score_frame
from models.status import SCORED, VICTIM
from pipelines.labelled import Labelled, measure_labelled, read_labels
from pipelines.simulate import simulate

KEY = ["chain", "address"]
CONTEXT = ("chain is tron", "first transfer", "cut", "days in use", "mean receipt")
"""What must say next to nothing about role."""

REPORTED = 50
"""Alerts that the demo's report shows; like the demo, only accounts without a label are counted."""


@dataclass(frozen=True)
class Played:
    """A world's signals, truth and scores, row by row, and the model behind the scores."""

    labelled: Labelled
    fitted: Fitted
    rows: pl.DataFrame


def play(seed: int, addresses: int, days: int, folder: Path) -> Played:
    """Make a world in `folder`, train on its labels and score every account at its own `as_of`."""
    simulate(folder / "world", seed=seed, addresses=addresses, days=days)
    transfers = open_transfers(folder / "world")
    labels = read_labels(folder / "world" / "labels.csv", transfers, None)
    labelled = measure_labelled(labels, transfers, basis="usd", legs=None, threads=None)
    fitted = fit(labelled.signals, labelled.labels, Settings(basis="usd", legs=labelled.legs))
    fitted.write(folder / "bundle")
    services = load_services(folder / "world" / "services.csv")
    scores = score_frame(Bundle.load(folder / "bundle"), labelled.signals, services)
    truth = pl.read_parquet(folder / "world" / "truth.parquet")
    rows = labelled.signals.join(truth, on=KEY, how="left", maintain_order="left").with_columns(
        scores.select("status", "log_odds", "band", "rank"),
        taught=_taught(labelled, fitted),
        unlabelled=labelled.labels["label"].is_null(),
        criminal=pl.col("role").is_in(CRIMINAL_ROLES),
        benign=pl.col("role") == "benign",
    )
    return Played(labelled, fitted, rows)


def _taught(labelled: Labelled, fitted: Fitted) -> pl.Series:
    """Mark the rows that the model was trained on."""
    part = np.full(labelled.labels.height, "", dtype=object)
    part[fitted.rows.to_numpy()] = fitted.split.part.fill_null("").to_numpy()
    return pl.Series("taught", part == "train", dtype=pl.Boolean)


def figures(played: Played) -> dict[str, str]:
    """Name and write out everything that is reported of one world."""
    long = played.rows.filter(pl.col("n_transfers") >= MIN_TRANSFERS)
    told = long.filter(pl.col("criminal") | pl.col("benign"))
    names = [signal.name for signal in catalogue().signals]
    single = single_signal_auc(told, _label(told), names).rows()
    context = single_signal_auc(_context(told), _label(told), CONTEXT).rows()
    unseen = told.filter(~pl.col("taught"), pl.col("log_odds").is_not_null())
    truth_auc = measure(METRICS["roc_auc"], Outcomes(_label(unseen), unseen["log_odds"].to_numpy()))
    known = played.labelled.labels["label"].is_not_null()
    return {
        "accounts, criminal": f"{played.rows.height:,}, {int(played.rows['criminal'].sum()):,}",
        "criminals labelled": _share(known.filter(played.rows["criminal"])),
        "benign labelled": _share(known.filter(played.rows["benign"])),
        **{
            f"best single signal {place}": f"{name} {auc:.3f}"
            for place, (name, auc, _, _) in enumerate(single[:3], start=1)
        },
        "best of context": f"{context[0][0]} {context[0][1]:.3f}",
        "model against truth, unseen accounts, ROC-AUC": f"{truth_auc:.3f}",
        **{
            f"{part}: {name}": text
            for part in ("validation", "test")
            for name, text in _split(played.fitted.evaluation["splits"][part]).items()
        },
        **_alerts(played.rows),
        **_withheld(long),
    }


def _label(rows: pl.DataFrame) -> np.ndarray:
    return rows["criminal"].cast(pl.Int8).to_numpy()


def _share(flags: pl.Series) -> str:
    return f"{flags.sum() / max(1, len(flags)):.1%}"


def _context(rows: pl.DataFrame) -> pl.DataFrame:
    columns = (
        pl.col("chain") == "tron",
        pl.col("first_seen").dt.epoch("s"),
        pl.col("as_of").dt.epoch("s"),
        pl.col("days_in_use"),
        pl.col("value_in") / pl.col("transfers_in"),
    )
    return rows.select(c.cast(pl.Float64).alias(n) for n, c in zip(CONTEXT, columns, strict=True))


def _split(split: Mapping[str, Any]) -> dict[str, str]:
    shown = {
        "negatives, positives": f"{split['n'] - split['n_positive']:,}, {split['n_positive']:,}",
        "prevalence": f"{split['prevalence']:.1%}",
    }
    for metric in ("roc_auc", "pr_auc", "recall_at_fpr_0.01"):
        m = split[metric]
        shown[metric] = "too few" if m is None else _interval(m)
    return shown


def _interval(m: Mapping[str, float]) -> str:
    return f"{m['value']:.3f} [{m['low']:.3f}, {m['high']:.3f}]"


def _alerts(rows: pl.DataFrame) -> dict[str, str]:
    """Say how many alerts the demo would raise, and how many of them are right by the truth."""
    unlabelled = rows.filter("unlabelled")
    chosen = {
        f"highest {REPORTED}": unlabelled.sort("rank", nulls_last=True).head(REPORTED),
        "band high": unlabelled.filter(pl.col("band") == "high"),
        "band medium": unlabelled.filter(pl.col("band") == "medium"),
    }
    hot = rows.filter(pl.col("population") == "exchange_hot_wallet")
    return {
        **{
            f"unlabelled accounts, {name}: number, truly criminal": (
                f"{one.height:,}, {_share(one['criminal'])}"
            )
            for name, one in chosen.items()
        },
        "exchange hot wallets abstained on": _share(hot["status"] == "licit_service"),
    }


def _withheld(rows: pl.DataFrame) -> dict[str, str]:
    """Say for whom the rule on victims holds, whatever other rule comes before it."""
    holds = rows.select(pl.all_horizontal([bound.holds for bound in VICTIM])).to_series()
    flags = {
        "victims": rows["role"] == "victim",
        "criminals": rows["criminal"],
        "other accounts": rows["benign"],
    }
    shown = {f"victim rule holds: {name}": _share(holds.filter(flags[name])) for name in flags}
    scored = rows.filter(pl.col("status") == SCORED, pl.col("role") == "victim")
    shown["victims with a score in band medium or above"] = _share(
        scored["band"].is_in(["medium", "high", "severe"])
    )
    return shown


def main() -> None:
    """Print one Markdown table, a column for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--addresses", type=int, default=15_000)
    parser.add_argument("--days", type=int, default=730)
    asked = parser.parse_args()
    columns = []
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory() as folder:
            columns.append(figures(play(seed, asked.addresses, asked.days, Path(folder))))
    seeds = " | ".join(f"seed {seed}" for seed in asked.seeds)
    print(f"| {asked.addresses:,} addresses | {seeds} |")
    print("|---|" + "---|" * len(columns))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


if __name__ == "__main__":
    main()
