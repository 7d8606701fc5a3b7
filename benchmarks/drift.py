"""Drift: how often nothing alarms, and how small a shift is found.

    python -m benchmarks.drift --windows 10000 --case-windows 1500 --shifted 40

Windows are drawn, with replacement, from the signals and scores of one synthetic world, every
address at its own moment: signals that hang together, heavy tails, ties and nulls as they come.
**Null**: both sides are drawn alike, so that every alarm is false; once address by address, once
whole cases at a time, as when a gang's wallets enter together. **Shifted**: one signal of the
current side is moved by so many standard deviations of its normal scores (each value becomes the
one that stands so much higher in the world); it is found where an alarm names it.

Each window goes through all questions that `unrinse monitor` asks. In a shifted window the other
signals' answers are those of the window before the shift, which is what they would be again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri
from scipy.stats import beta

from benchmarks.worlds import KEY, make
from models.drift import FALSE_ALARMS, Finding, detectable, judged
from models.drift_questions import ORDER, Model, findings
from models.status import SCORED
from pipelines.labelling.witnesses import witnesses
from pipelines.score import score_addresses
from pipelines.train import train
from pipelines.windows import standing

SHIFTS = (0.1, 0.2, 0.3, 0.4, 0.5)
SIGNALS_A_WINDOW = 20
COMMON = 0.2
"""A signal has many ties where one value is held by more than this share of the scored."""


@dataclass(frozen=True)
class World:
    """What windows are drawn from.

    Attributes
    ----------
    rows
        Signals and scores of every address at its own moment.
    cases
        Row numbers of each case; an address without a case is one by itself.
    model
        What is asked.
    """

    rows: pl.DataFrame
    cases: Sequence[np.ndarray]
    model: Model

    def draw(self, random: np.random.Generator, n: int, *, cases: bool) -> pl.DataFrame:
        """Draw `n` rows with replacement, or so many whole cases that there are `n` rows."""
        height = self.rows.height
        if not cases:
            chosen = random.integers(0, height, n)
        else:
            parts: list[np.ndarray] = []
            while sum(map(len, parts)) < n:
                parts += [self.cases[at] for at in random.integers(0, len(self.cases), 100)]
            chosen = np.concatenate(parts)[:n]
        order = pl.Series(ORDER, random.permutation(n), dtype=pl.UInt64)
        return self.rows[chosen].with_columns(order)


def world(folder: Path, addresses: int) -> World:
    """Simulate, train, score; every address at the moment its list names."""
    [store] = make(folder, [7], addresses, 0.07)
    bundle = folder / "bundle"
    if not bundle.exists():
        train(store, store / "labels.csv", bundle)
    run = score_addresses(bundle, store, store / "addresses.csv")
    rows = standing(run)
    alone = witnesses(run.transfers, rows["address"], run.as_of)
    rows = rows.filter(pl.col("address").is_in(list(alone)))
    truth = pl.read_parquet(store / "truth.parquet").select(*KEY, "case_id")
    case = rows.join(truth, on=KEY, how="left", maintain_order="left").select(
        pl.coalesce("case_id", "address").alias("case")
    )
    members = case.with_row_index("row").group_by("case", maintain_order=True).agg("row")
    cases = [np.array(rows) for rows in members["row"].to_list()]
    facts = run.bundle.facts
    return World(rows, cases, Model(facts.signals, facts.thresholds, facts.legs))


def asked(world: World, sides: Sequence[pl.DataFrame], model: Model | None = None) -> list[Finding]:
    """Ask everything of two windows."""
    return list(findings(sides[0], sides[1], model or world.model, ask_age=True))


def null(world: World, windows: int, n: int, *, cases: bool, seed: int) -> str:
    """Count the window pairs in which anything alarmed, and return a row of the table."""
    random = np.random.default_rng(seed)
    chance = alarms = pairs = 0
    questions = []
    for done in range(1, windows + 1):
        sides = [world.draw(random, n, cases=cases) for _ in range(2)]
        found = asked(world, sides)
        told = judged(found, least_effect=0.0)
        chance += any(f.alarm for f in told)
        alarms += any(f.alarm for f in judged(found))
        questions.append(sum(f.counted for f in told))
        pairs += _pairs(found)
        if done % 500 == 0:
            print(f"{done:,} windows, {alarms} alarms", file=sys.stderr, flush=True)
    kind = "whole cases" if cases else "addresses"
    return (
        f"| {kind} | {n:,} | {pairs // windows:,} | {int(np.median(questions)):,} | {windows:,} | "
        f"{chance} | {alarms} | {alarms / windows:.2%} [{_low(alarms, windows):.2%}, "
        f"{_high(alarms, windows):.2%}] |"
    )


def power(world: World, windows: int, n: int, *, seed: int) -> Iterator[str]:
    """Shift signals one at a time, and yield a row of the table for each kind of signal."""
    random = np.random.default_rng(seed)
    scored = world.rows.filter(pl.col("status") == SCORED)
    kinds = _kinds(scored, world.model.signals)
    hits: dict[tuple[str, float], list[bool]] = {}
    pairs, least = 0, []
    for _ in range(windows):
        sides = [world.draw(random, n, cases=False) for _ in range(2)]
        base = asked(world, sides)
        pairs += _pairs(base)
        counted = sum(f.counted for f in judged(base))
        least.append(detectable(_pairs(base), counted) or np.nan)
        for name in random.choice(list(kinds), SIGNALS_A_WINDOW, replace=False).tolist():
            for shift in SHIFTS:
                told = _shifted(world, sides, base, name, shift, random)
                hits.setdefault((kinds[name], shift), []).append(told)
    for kind in sorted({kind for kind, _ in hits}):
        rates = [f"{np.mean(hits[kind, shift]):.1%}" for shift in SHIFTS]
        yield (
            f"| {n:,} | {pairs // windows:,} | {kind} | {len(hits[kind, SHIFTS[0]]):,} | "
            f"{' | '.join(rates)} | {np.median(least):.2f} |"
        )


def _kinds(scored: pl.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Return the signals that most scored addresses have, with whether they have many ties."""
    kinds = {}
    for name in names:
        known = scored[name].drop_nulls()
        if known.len() >= 0.9 * scored.height:
            commonest = int(known.value_counts()["count"].max() or 0)  # type: ignore[arg-type]
            kinds[name] = "many ties" if commonest > COMMON * known.len() else "few ties"
    return kinds


def _shifted(
    world: World,
    sides: Sequence[pl.DataFrame],
    base: Sequence[Finding],
    name: str,
    shift: float,
    random: np.random.Generator,
) -> bool:
    """Return whether an alarm names a signal that was shifted."""
    scored = world.rows.filter(pl.col("status") == SCORED)[name].drop_nulls().sort().to_numpy()
    values = sides[0][name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    moved = sides[0].with_columns(
        pl.Series(name, _moved(values, scored, shift, random)).fill_nan(None)
    )
    bare = Model([name], dict.fromkeys(world.model.thresholds), ())
    again = [f for f in asked(world, (moved, sides[1]), bare) if f.about == "signal"]
    rest = [f for f in base if (f.about, f.name) != ("signal", name)]
    return any(f.alarm and (f.about, f.name) == ("signal", name) for f in judged([*again, *rest]))


def _moved(
    values: np.ndarray, ordered: np.ndarray, shift: float, random: np.random.Generator
) -> np.ndarray:
    """Move values by standard deviations of their normal scores; equal values part by chance."""
    low, high = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    place = (low + (high - low) * random.random(len(values))) / len(ordered)
    place = np.clip(place, 0.5 / len(ordered), 1 - 0.5 / len(ordered))
    at = (ndtr(ndtri(place) + shift) * len(ordered)).astype(np.int64)
    return np.where(np.isnan(values), np.nan, ordered[np.minimum(at, len(ordered) - 1)])


def _pairs(found: Sequence[Finding]) -> int:
    return next(f.compared.n for f in found if f.name == "log_odds")


def _low(hits: int, n: int) -> float:
    return float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0


def _high(hits: int, n: int) -> float:
    return float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--windows", type=int, default=10_000, help="null windows")
    parser.add_argument("--case-windows", type=int, default=1500, help="of whole cases")
    parser.add_argument("--shifted", type=int, default=40, help="windows to shift, of each size")
    parser.add_argument("--sizes", type=int, nargs="+", default=[600, 1300, 2600])
    parser.add_argument("--null-size", type=int, default=1300, help="addresses a side")
    parser.add_argument("--addresses", type=int, default=12_000, help="of the world")
    parser.add_argument("--folder", type=Path, help="where the world is kept; default: nowhere")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as scratch:
        made = world(given.folder or Path(scratch), given.addresses)
        print(f"A false alarm in at most {FALSE_ALARMS:.1%} of null windows is promised.\n")
        print("| drawn | a side | pairs | questions | windows | sure | alarms | rate [95 %] |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for cases, windows in ((False, given.windows), (True, given.case_windows)):
            if windows:
                print(null(made, windows, given.null_size, cases=cases, seed=1), flush=True)
        shifts = " | ".join(f"{shift} sd" for shift in SHIFTS)
        print(f"\n| a side | pairs | signals with | shifted | {shifts} | stated for 95 % |")
        print(f"|---:|---:|---|---:|{'---:|' * len(SHIFTS)}---:|")
        for n in given.sizes:
            for row in power(made, given.shifted, n, seed=n):
                print(row, flush=True)


if __name__ == "__main__":
    main()
