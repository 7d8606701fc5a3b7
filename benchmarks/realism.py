"""How real the synthetic worlds look: the job `realism` on the real sets' calibration part.

    UNRINSE_REAL_DATA=/path/to/real python -m benchmarks.realism WORLD... --out DIR

imports the DFPI wallets (criminals) and the normal Ethereum accounts (benign), keeps the
calibration part of both (`benchmarks.real_split`; the test part is not opened), writes a report for
each world, and prints its figures in short. The published figures used all DFPI wallets, so they
are no held-out test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.real_data import accounts
from benchmarks.real_split import CALIBRATION, addresses, split_real
from benchmarks.real_wallets import wallets
from data.schema import COVERAGE, QUARANTINE, TRANSFERS, empty
from data.storage import read_manifest, write_store
from pipelines.pages.realism import giveaway_sentence, path_sentence, shown_value
from pipelines.realism import realism

SIDES = {"criminal": "dfpi", "benign": "normal"}
"""Side of the world to the real set it is compared with."""


def references(out: Path) -> dict[str, Path]:
    """Write a store of each reference's calibration part; return side to store."""
    out.mkdir(parents=True, exist_ok=True)
    imported, dfpi = accounts(out), wallets(out)
    known = addresses(CALIBRATION, split_real(imported, dfpi))
    sources = {"dfpi": dfpi, "normal": imported.store}
    return {
        side: _part(sources[name], known.filter(pl.col("set") == name), out / f"calibration-{name}")
        for side, name in SIDES.items()
    }


def _part(store: Path, kept: pl.DataFrame, out: Path) -> Path:
    """Write the store again with the coverage and the transfers of some addresses alone."""
    named = kept["address"].implode()
    coverage = pl.read_parquet(store / "coverage.parquet").select(list(COVERAGE))
    transfers = pl.read_parquet(store / "transfers.parquet").select(list(TRANSFERS))
    write_store(
        out,
        transfers.filter(pl.col("sender").is_in(named) | pl.col("receiver").is_in(named)),
        coverage.filter(pl.col("address").is_in(named)),
        empty(QUARANTINE),
        {"as_of": read_manifest(store)["as_of"], "synthetic": False},
    )
    return out


def summary(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of several worlds as Markdown."""
    names = list(reports)
    parts = ["### Told apart by a classifier\n", _tests(reports), "### Published figures\n"]
    parts += [_published(reports), "### Distances\n", _distances(reports)]
    parts += ["### What gives the world away\n", _giveaways(reports[names[0]], names[0])]
    return "\n".join(parts)


def _tests(reports: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| world | side | view | world / real | ROC-AUC of trees | of a linear model | shuffled |",
        "|---|---|---|---|---|---|---|",
    ]
    for world, side, view in _views(reports):
        test = view["two_sample"]
        found = ["too few"] * 3
        if test is not None:
            found = [
                f"{test[k]['value']:.3f} [{test[k]['low']:.3f}, {test[k]['high']:.3f}]"
                for k in ("trees", "linear", "shuffled")
            ]
        n = f"{view['n_world']} / {view['n_reference']}"
        lines.append(f"| {world} | {side} | {view['name']} | {n} | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


def _published(reports: Mapping[str, Mapping[str, Any]]) -> str:
    heads = "".join(f" {name}, seen so | {name}, all legs |" for name in reports)
    lines = [f"| figure | published |{heads}", "|---|---|" + "---|---|" * len(reports)]
    for rows in zip(*(report["published"] for report in reports.values()), strict=True):
        shown = [shown_value(rows[0]["published"], rows[0]["unit"])]
        for row in rows:
            shown += [shown_value(row[key], row["unit"]) for key in ("seen_so", "all_legs")]
        lines.append(f"| {rows[0]['name']} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _distances(reports: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| world | side | view | measure | world 10/25/50/75/90 % | real 10/25/50/75/90 % "
        "| KS [95 %], halves | Wasserstein [95 %], halves |",
        "|---|---|---|---|---|---|---|---|",
    ]
    tables = [(w, s, v["name"], v["measures"]) for w, s, v in _views(reports)]
    tables += [
        (world, one["side"], "token pay-outs", one["payouts"]["measures"])
        for world, report in reports.items()
        for one in report["comparisons"]
        if one["payouts"] is not None
    ]
    for world, side, view, measures in tables:
        for m in measures:
            quantiles = [_quantiles(m[k], m["unit"]) for k in ("world", "reference")]
            apart = [_apart(m[k]) for k in ("kolmogorov_smirnov", "wasserstein")]
            cells = [world, side, view, m["title"], *quantiles, *apart]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _views(
    reports: Mapping[str, Mapping[str, Any]],
) -> list[tuple[str, str, Mapping[str, Any]]]:
    return [
        (world, one["side"], view)
        for world, report in reports.items()
        for one in report["comparisons"]
        for view in one["views"]
    ]


def _quantiles(side: Mapping[str, Any], unit: str) -> str:
    if side["quantiles"] is None:
        return "none"
    text = " / ".join(shown_value(value, unit) for value in side["quantiles"].values())
    return text if side["defined"] > 0.995 else f"{text} (defined {side['defined']:.0%})"


def _apart(distance: Mapping[str, float | None]) -> str:
    if distance["value"] is None:
        return "–"
    halves = "–" if distance["halves"] is None else f"{distance['halves']:.2f}"
    return f"{distance['value']:.2f} [{distance['low']:.2f}, {distance['high']:.2f}], {halves}"


def _giveaways(report: Mapping[str, Any], world: str) -> str:
    lines = []
    for _, side, view in _views({world: report}):
        if view["two_sample"] is not None:
            lines.append(f"{world}, {side}, {view['name']}:\n")
            lines += [f"{path_sentence(view['two_sample']['path'])}\n"]
            given = view["two_sample"]["giveaways"]
            lines += [f"- `{one['name']}`: {giveaway_sentence(one)}" for one in given] + [""]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Report on each world, and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worlds", type=Path, nargs="+", metavar="WORLD")
    parser.add_argument("--out", type=Path, default=Path("runs/realism"))
    parser.add_argument("--min-transfers", type=int, default=5)
    asked = parser.parse_args(arguments)
    stores = references(asked.out / "real")
    reports = {}
    for world in asked.worlds:
        done = realism(
            world,
            asked.out / world.name,
            against_criminal=stores["criminal"],
            against_benign=stores["benign"],
            min_transfers=asked.min_transfers,
        )
        text = (done.out / "realism.json").read_text(encoding="utf-8")
        reports[world.name] = json.loads(text)
    print(summary(reports))


if __name__ == "__main__":
    main()
