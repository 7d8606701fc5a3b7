"""Retraining on the real Ethereum accounts: what a search adds, and what simpler models reach.

    UNRINSE_REAL_DATA=... python -m benchmarks.retraining --trials 50 --open-test "why"

Relative amounts, 60/20/20 in order of time, phishing accounts that trade with each other in one
part; whole histories, and the first 30 days, which the length of the crawl cannot flatter. Two
models a variant: the project's default parameters, which are what the signal catalogue reached
before, and the best of a search on train alone. Every figure is of one part (validation, unless the
test part is opened, which is logged), with 95 % intervals over groups; the models are compared in
pairs. Recall at 1 % false positives is shown although the negatives of a part are too few to
resolve it: the interval says so. The simpler models that every training fits beside stand below,
on test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import real_data
from benchmarks.openings import log_figures, log_opening
from benchmarks.real_accounts import BASE_RATE, LEAKS
from data.transfers import open_transfers
from models.bootstrap import Estimate, estimates, paired_bootstrap
from models.bundle import EVALUATION, Bundle
from models.material import matrix
from models.metrics import METRICS, Metric, Outcomes, logistic, recall_at_fpr
from pipelines.engines import local
from pipelines.train import train

_RECALL = recall_at_fpr(0.01)
SHOWN = (
    METRICS["roc_auc"],
    METRICS["pr_auc"],
    METRICS["f1"],
    Metric("recall_at_fpr_0.01", _RECALL.compute),
)
COMPARED = SHOWN[:2]


def main() -> None:
    """Train, measure, and print Markdown."""
    parser = argparse.ArgumentParser(description="Retraining on the real Ethereum accounts")
    parser.add_argument("--out", type=Path, default=Path("runs/retraining"))
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--open-test", metavar="WHY", help="measure the test part, and log it")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.open_test:
        log_opening(asked.open_test)
    part = "test" if asked.open_test else "validation"
    accounts = real_data.accounts(asked.out)
    text = "\n\n".join(
        report(accounts, variant, part, asked.trials, asked.out) for variant in accounts.labels
    )
    print(text)
    if asked.open_test:
        log_figures(text + "\n")


def report(accounts: real_data.Accounts, variant: str, part: str, trials: int, out: Path) -> str:
    """Train the two models of one variant, and put them and their rivals side by side."""
    table = pl.read_parquet(accounts.labels[variant])
    here = (table["split"] == part).to_numpy()
    label = table["label"].to_numpy()[here]
    group = table.select(pl.coalesce("case_id", "address")).to_series().to_numpy()[here]
    scores, told = {}, {}
    for name, budget in (("defaults", None), ("searched", trials)):
        bundle = fitted(accounts, variant, budget, out / f"{variant}-{name}")
        log_odds = scored(accounts, table, bundle)
        chance = logistic(bundle.facts.calibration.at_prevalence(log_odds))
        scores[name] = log_odds[here]
        told[name] = estimates(Outcomes(label, log_odds[here], group, chance[here]), SHOWN)
    lines = [
        f"### {variant}, {part} part: {here.sum()} accounts, {int(label.sum())} phishing",
        "",
        f"| model | {' | '.join(metric.name for metric in SHOWN)} |",
        "|---|" + "---:|" * len(SHOWN),
        *(f"| {name} | {_row(found)} |" for name, found in told.items()),
        "",
        *_differences(label, scores, group),
        f"Search: {_searched(Bundle.load(out / f'{variant}-searched'))}",
        *(_rivals(out / f"{variant}-defaults") if part == "test" else ()),
    ]
    return "\n".join(lines)


def fitted(accounts: real_data.Accounts, variant: str, trials: int | None, out: Path) -> Bundle:
    """Train a model of one variant."""
    train(
        accounts.store,
        accounts.labels[variant],
        out,
        basis="relative",
        legs="native_in,native_out",
        min_transfers=1,
        trained_on="research",
        labels_from="the published labels of eth_accounts",
        base_rate=BASE_RATE,
        allow=LEAKS[variant],
        trials=trials,
    )
    return Bundle.load(out)


def scored(accounts: real_data.Accounts, table: pl.DataFrame, bundle: Bundle) -> np.ndarray:
    """Return log-odds of every account."""
    signals = local.measure(
        open_transfers(accounts.store),
        table.select("chain", "address", "as_of"),
        as_of=real_data.AS_OF,
        basis="relative",
        legs=bundle.facts.legs,
    ).signals
    return bundle.log_odds(matrix(signals, bundle.facts.signals), threads=2)


def _differences(
    label: np.ndarray, scores: Mapping[str, np.ndarray], group: np.ndarray
) -> list[str]:
    told = []
    for metric in COMPARED:
        d = paired_bootstrap(label, scores["searched"], scores["defaults"], group, metric)
        told.append(f"{metric.name} {d.difference:+.4f} [{d.low:+.4f}, {d.high:+.4f}]")
    return [f"Searched against defaults, in pairs: {'; '.join(told)}.", ""]


def _searched(bundle: Bundle) -> str:
    told: dict[str, Any] = bundle.facts.training["search"]
    return (
        f"{told['trials']} trials, {told['pruned']} pruned, by {told['judged_by']}: "
        f"{told['loss_of_defaults']:.4f} with the defaults, {told['loss_of_best']:.4f} at best."
    )


def _rivals(bundle: Path) -> list[str]:
    """Put the simpler models of a bundle's own evaluation into a table; they are judged on test."""
    told = json.loads((bundle / EVALUATION).read_text(encoding="utf-8"))["rivals"]
    lines = ["", "| simpler model | pr_auc | defaults better by | roc_auc | defaults better by |",
             "|---|---:|---:|---:|---:|"]  # fmt: skip
    for name, by in told["rivals"].items():
        cells = [
            f"{m['rival']:.3f} | {m['difference']:+.3f} [{m['low']:+.3f}, {m['high']:+.3f}]"
            for m in (by["pr_auc"], by["roc_auc"])
        ]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return [*lines, "", told["verdict"]]


def _row(found: Mapping[str, Estimate | None]) -> str:
    return " | ".join(
        "–" if m is None else f"{m.value:.3f} [{m.low:.3f}, {m.high:.3f}]" for m in found.values()
    )


if __name__ == "__main__":
    main()
