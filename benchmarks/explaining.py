"""Explaining: what reasons, alerts and pages cost, per thousand of them.

    python -m benchmarks.explaining BUNDLE TRANSFERS ADDRESSES

scores the addresses once, then measures on one thread, in CPU seconds: the reasons of every scored
address in a scores file (`unrinse score --reasons`), complete explanations of the first
`--explained`, and the alerts and pages of the `--alerts` highest scores (`unrinse explain --top`).
Rows are repeated until there are `--rows` of them. Best of `--runs`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from benchmarks.throughput import heading
from models.explanation import explain_rows
from models.reason_texts import told_texts
from models.status import SCORED
from pipelines.alerting.alerts import alerts, json_line
from pipelines.pages.pages import alert_page
from pipelines.score import Scored, score_addresses


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="CPU seconds to explain a thousand scores")
    parser.add_argument("bundle")
    parser.add_argument("transfers")
    parser.add_argument("addresses")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--explained", type=int, default=5_000)
    parser.add_argument("--alerts", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    run = score_addresses(asked.bundle, asked.transfers, asked.addresses, threads=1)
    print(heading(asked.runs))
    print(f"{len(run.bundle.facts.signals)} signals, {run.scores.height:,} addresses.\n")
    print("| what | how many | CPU s | CPU s per 1,000 |\n|---|---:|---:|---:|")
    for what, n, job in jobs(run, asked):
        job()
        seconds = min(_taken(job) for _ in range(asked.runs))
        print(f"| {what} | {n:,} | {seconds:.2f} | {1000 * seconds / n:.3f} |")


def jobs(run: Scored, asked: argparse.Namespace) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """Yield what is measured, of how many, and the work."""
    scored = run.measured.signals.filter(run.scores["status"] == SCORED)
    many = pl.concat([scored] * -(-asked.rows // scored.height)).head(asked.rows)
    few = scored.head(asked.explained)
    ranked = run.scores.with_row_index("position").filter(pl.col("status") == SCORED).sort("rank")
    chosen = ranked.head(asked.alerts)
    written: list[dict[str, Any]] = []

    def write() -> None:
        written[:] = alerts(run, chosen)

    def lines() -> list[str]:
        return [json_line(alert) for alert in written]

    yield "three reasons as text", many.height, lambda: told_texts(run.bundle, many)
    yield (
        "every contribution as an object",
        few.height,
        lambda: sum(1 for _ in explain_rows(run.bundle, few)),
    )
    yield "alerts, with evidence", chosen.height, write
    yield "their lines of JSON", chosen.height, lines
    yield "their pages", chosen.height, lambda: [alert_page(alert) for alert in written]


def _taken(job: Callable[[], object]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


if __name__ == "__main__":
    main()
