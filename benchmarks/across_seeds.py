"""One model, many worlds: trained on some seeds, tested on others.

    python -m benchmarks.across_seeds --train 1 2 3 4 5 --test 6 7 8 9 10 --addresses 15000

A model that has learned one world's accidents falls on the next. The pooled model of the training
seeds (in dollars, on the legs that all have) is measured on the late test part of its own worlds
and of fresh ones, by the labels, and on every account of the fresh ones, by the truth. Then, on the
fresh worlds and by the truth: who is found, and who is wrongly flagged (`seeds_report`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from benchmarks import look_alikes, seeds_report
from benchmarks.cuts import WHOLE
from benchmarks.transfer_models import rows as training_rows
from benchmarks.worlds import KEY, POOLED, Pool, joined, make, named, opened, truth
from data.errors import Refused
from data.services import Services, load_services
from models.bundle import Bundle
from models.fitting import fit
from models.material import matrix
from models.scoring import score_frame
from models.settings import Settings
from models.splits import groups
from models.status import SCORED, Requirements, with_history
from pipelines.labelling.labelled import measure_labelled

LONG_AGO = "2009-01-01"


@dataclass(frozen=True)
class Measured:
    """Worlds measured on one leg profile, with what their services tables know."""

    pooled: Pool
    services: Services
    legs: tuple[str, ...]


def measured(
    worlds: Sequence[Path], legs: str | None = None, *, from_start: bool = False
) -> Measured:
    """Measure every account of worlds in dollars.

    Parameters
    ----------
    legs
        Default: the legs that nearly all judged addresses of the worlds are covered for.
    from_start
        As in `services_of`.

    Raises
    ------
    Refused
        The worlds' judged addresses show different legs, and none are named.
    """
    pools, profiles = [], set()
    for world in worlds:
        transfers, labels = opened(world)
        asked = legs.split(",") if legs else None
        known = services_of(world, from_start=from_start)
        found = measure_labelled(
            labels, transfers, basis="usd", legs=asked, threads=None, services=known
        )
        pools.append(named(world, found.labels, {WHOLE: found.signals}))
        profiles.add(found.legs)
    if len(profiles) > 1:
        raise Refused(
            "the worlds' judged addresses show different legs.",
            hint="Name the legs with --legs.",
        )
    return Measured(joined(pools), known_services(worlds), profiles.pop())


def services_of(world: Path, *, from_start: bool = False) -> Services:
    """Return the services table of a world.

    Parameters
    ----------
    from_start
        Let it be known from the world's first day on. As it is dated, at the last day, no
        account's signals may know it.
    """
    known = load_services(world / "services.csv")
    if from_start:
        return replace(known, table=known.table.with_columns(date=pl.lit(LONG_AGO)))
    return known


def known_services(worlds: Sequence[Path]) -> Services:
    """Return what worlds know of services, addresses named as in their pool."""
    tables = [
        load_services(world / "services.csv").table.with_columns(
            address=pl.lit(f"{world.name}/") + pl.col("address")
        )
        for world in worlds
    ]
    return Services(pl.concat(tables))


def train(seen: Measured, out: Path, *, seed: int = 1) -> Bundle:
    """Train the pooled model as `unrinse train` would, and write it."""
    settings = Settings(basis="usd", legs=seen.legs, seed=seed, allow=POOLED, threads=2)
    fit(*training_rows(seen.pooled, (WHOLE,)), settings).write(out)
    return Bundle.load(out)


def judged(bundle: Bundle, seen: Measured, worlds: Sequence[Path]) -> pl.DataFrame:
    """Put beside every account what the model says, what the label says, and the truth.

    Returns
    -------
    polars.DataFrame
        ``world``, ``group``, ``label``, ``split``, the truth's columns, ``status`` and ``log_odds``
        as a scores file has them, and ``raw``: the log-odds of any history long enough, victims and
        services included, as `evaluate` measures them.
    """
    signals, labels = seen.pooled.signals[WHOLE], seen.pooled.labels
    facts = bundle.facts
    scores = score_frame(bundle, signals, seen.services, threads=2)
    long = with_history(signals, Requirements(facts.legs, facts.min_transfers)) == SCORED
    raw = pl.Series("raw", bundle.log_odds(matrix(signals, facts.signals), threads=2))
    return (
        labels.select(*KEY, "world", "label", "split", groups(labels).alias("group"))
        .with_columns(scores["status"], scores["log_odds"], raw, long.alias("long"))
        .with_columns(raw=pl.when("long").then("raw"))
        .join(truth(worlds), on=KEY, how="left", maintain_order="left")
    )


def compare(
    training: Sequence[Path], fresh: Sequence[Path], out: Path, legs: str | None = None
) -> str:
    """Train on some worlds, test on others, and return the Markdown."""
    ours = measured(training, legs)
    bundle = train(ours, out)
    theirs = measured(fresh, ",".join(ours.legs))
    own = judged(bundle, ours, training)
    other = judged(bundle, theirs, fresh)
    signals = theirs.pooled.signals[WHOLE]
    return (
        seeds_report.drop(own, other)
        + look_alikes.against_look_alikes(other, signals)
        + seeds_report.found_and_flagged(other, bundle.facts.thresholds)
        + "\n"
        + look_alikes.victim_rule(other, signals)
    )


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--test", type=int, nargs="+", default=[6, 7, 8, 9, 10])
    parser.add_argument("--addresses", type=int, default=15_000)
    parser.add_argument("--prevalence", type=float, help="default: that of `simulate`")
    parser.add_argument("--legs", help="default: those of nearly all judged accounts")
    parser.add_argument("--worlds", type=Path, help="folder that keeps the worlds between runs")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.worlds or Path(scratch)
        training = make(folder, asked.train, asked.addresses, asked.prevalence)
        fresh = make(folder, asked.test, asked.addresses, asked.prevalence)
        try:
            print(compare(training, fresh, Path(scratch) / "bundle", asked.legs))
        except Refused as refusal:
            print(refusal, file=sys.stderr)
            raise SystemExit(2) from None


if __name__ == "__main__":
    main()
