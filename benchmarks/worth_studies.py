"""What worth is measured on: rows to train on and rows to judge, on worlds and on real accounts.

*Worlds*: trained on the labels of some seeds (train part), judged on fresh seeds, every account
with a score, by the truth; in dollars. *Real*: trained on the train part of the real Ethereum
accounts, judged on their validation or test part; relative amounts, native legs.

The signals are measured once, world by world, and kept in a folder under a name that changes with
the code that reads files or computes signals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.across_seeds import Measured, known_services, measured
from benchmarks.cuts import NATIVE, WHOLE
from benchmarks.real_data import Accounts, accounts
from benchmarks.seeds_report import STATED_PR
from benchmarks.source_hash import source_hash
from benchmarks.transfer_models import rows as training_rows
from benchmarks.worlds import KEY, Pool, joined, truth
from data.errors import Refused
from data.services import load_services
from data.storage import read_manifest, whole_directory
from data.transfers import open_transfers
from features.catalogue import catalogue
from features.signal import Signal
from models.metrics import METRICS, Metric
from models.preparing import labelled
from models.settings import MIN_TRANSFERS
from models.splits import assign, groups
from models.status import SCORED, Requirements, statuses, with_history
from models.training import model_inputs
from pipelines.labelling.labelled import measure_labelled, read_labels

SEEDS = (1, 2, 3, 4, 5)
MEASURERS = (
    "data",
    "features",
    "pipelines/labelling/labelled.py",
    "pipelines/engines/local.py",
    "benchmarks/cuts.py",
    "benchmarks/worlds.py",
)


@dataclass(frozen=True)
class WorldSources:
    """The worlds trained on, and the fresh ones."""

    training: tuple[Path, ...]
    fresh: tuple[Path, ...]


@dataclass(frozen=True)
class RealSources:
    """The store of the real accounts, and the labels of one variant."""

    store: Path
    labels: Path


@dataclass(frozen=True)
class Study:
    """Rows with their signals, and what is known of them.

    Attributes
    ----------
    name
        What the rows are.
    train, validation, judged
        A signals frame each, with ``label`` (1 or 0), ``group`` (what is resampled together), and
        in `train` ``moment`` (where the group stands in time).
    inputs, context
        The signals that are inputs of a model here; those that could be, but are for analysts only
        or rest on what others are (never an input of a model of a simulated world).
    metric
        What worth is counted in.
    metric_name
        Its name in a table.
    sources
        The files behind it.
    seeds
        Of LightGBM's sampling: a model each, their log-odds averaged.
    """

    name: str
    train: pl.DataFrame
    validation: pl.DataFrame
    judged: pl.DataFrame
    inputs: tuple[Signal, ...]
    context: tuple[Signal, ...]
    metric: Metric
    metric_name: str
    sources: WorldSources | RealSources
    seeds: tuple[int, ...] = SEEDS

    def with_columns(self, features: pl.DataFrame) -> Study:
        """Put further columns beside all rows, by ``chain``, ``address`` and ``as_of``."""
        sides = (self.train, self.validation, self.judged)
        key = [*KEY, "as_of"]
        wider = [side.join(features, on=key, how="left", maintain_order="left") for side in sides]
        return replace(self, train=wider[0], validation=wider[1], judged=wider[2])


def world_study(
    training: Sequence[Path], fresh: Sequence[Path], cache: Path, *, from_start: bool = False
) -> Study:
    """Train on the labels of some worlds, judge on others by the truth, as `across_seeds` does.

    Parameters
    ----------
    from_start
        As in `across_seeds.measured`.
    """
    seen = _measured_once(training, None, cache, from_start)
    unseen = _measured_once(fresh, ",".join(seen.legs), cache, from_start)
    frame, labels = training_rows(seen.pooled, (WHOLE,))
    known = _parted(labelled(frame, labels), Requirements(seen.legs, MIN_TRANSFERS))
    signals, told = unseen.pooled.signals[WHOLE], unseen.pooled.labels
    who = told.select(KEY).join(truth(fresh), on=KEY, how="left", maintain_order="left")
    scored = statuses(signals, Requirements(unseen.legs, MIN_TRANSFERS), unseen.services) == SCORED
    everyone = signals.with_columns(
        who["criminal"].cast(pl.Int8).alias("label"), groups(told).alias("group")
    )
    train = known.filter(part="train")
    inputs, context = _roles(train, exposure=False, basis="usd", legs=seen.legs, own_moments=True)
    known_services = ", services known from the start" if from_start else ""
    return Study(
        f"worlds: {len(training)} to train on, {len(fresh)} fresh{known_services}",
        train=train,
        validation=known.filter(part="validation"),
        judged=everyone.filter(scored),
        inputs=inputs,
        context=context,
        metric=STATED_PR,
        metric_name="PR-AUC at 1 %",
        sources=WorldSources(tuple(training), tuple(fresh)),
    )


def real_study(imported: Accounts, variant: str, part: str, cache: Path) -> Study:
    """Train on the train part of the real accounts, judge on another part, as `real_accounts` does.

    Who opens the test part logs it (`benchmarks.openings`).
    """
    transfers = open_transfers(imported.store)
    labels = read_labels(imported.labels[variant], transfers, None)
    kept = cache / f"real-{variant}-{source_hash((*MEASURERS, 'benchmarks/real_data.py'))}.parquet"
    if kept.exists():
        frame = pl.read_parquet(kept)
    else:
        found = measure_labelled(
            labels,
            transfers,
            basis="relative",
            legs=NATIVE.split(","),
            threads=None,
            services=load_services(),
        )
        frame = found.signals
        frame.write_parquet(kept)
    legs = tuple(NATIVE.split(","))
    known = _parted(labelled(frame, labels), Requirements(legs, 1), all_of=("validation", "test"))
    train = known.filter(part="train")
    own = known["as_of"].n_unique() > 1
    inputs, context = _roles(train, exposure=True, basis="relative", legs=legs, own_moments=own)
    return Study(
        f"real accounts, {variant}, {part} part",
        train=train,
        validation=known.filter(part="validation"),
        judged=known.filter(part=part),
        inputs=inputs,
        context=context,
        metric=METRICS["pr_auc"],
        metric_name="PR-AUC",
        sources=RealSources(imported.store, imported.labels[variant]),
    )


def imported_accounts(cache: Path) -> Accounts:
    """Return the real accounts, imported once for each state of the code that reads them."""
    folder = cache / f"accounts-{source_hash(('data', 'benchmarks/real_data.py'))}"
    if not folder.exists():
        with whole_directory(folder, mark="accounts-whole.parquet") as beside:
            accounts(beside)
    stores = {name: folder / f"accounts-{name}.parquet" for name in ("whole", "first_30_days")}
    return Accounts(folder / "accounts-2-legs", stores)


def _roles(
    train: pl.DataFrame, *, exposure: bool, **how: Any
) -> tuple[tuple[Signal, ...], tuple[Signal, ...]]:
    """Tell the inputs of a model from what could be one, on a basis and a leg profile.

    A signal that is nothing in every training row is neither, as in `models.fitting`.
    """
    families = [family.name for family in catalogue().families]
    able = model_inputs(catalogue().signals, also=families, **how)
    able = [s for s in able if (train[s.name] > 0).any() or (train[s.name] < 0).any()]
    default = [s for s in able if s.model_input and (exposure or not s.exposure)]
    return tuple(default), tuple(s for s in able if s not in default)


def _parted(table: pl.DataFrame, needs: Requirements, all_of: tuple[str, ...] = ()) -> pl.DataFrame:
    """Give labelled rows their part, group and moment; leave out what has too little history.

    Parameters
    ----------
    all_of
        Parts of which every row stays.
    """
    known = table.filter(pl.col("label").is_not_null())
    split = assign(known)
    known = known.with_columns(
        split.part.alias("part"),
        split.group.alias("group"),
        split.moment.alias("moment"),
        with_history(known, needs).alias("history"),
    )
    enough = (pl.col("history") == SCORED) | pl.col("part").is_in(all_of)
    return known.filter(enough, pl.col("part").is_not_null())


def _measured_once(
    worlds: Sequence[Path], legs: str | None, cache: Path, from_start: bool
) -> Measured:
    """Measure worlds one by one, or read what was kept of them."""
    kept = [_kept(world, legs, cache, from_start) for world in worlds]
    profiles = {one.legs for one in kept}
    if len(profiles) > 1:
        raise Refused("the worlds' judged addresses show different legs.")
    return Measured(joined([one.pooled for one in kept]), known_services(worlds), profiles.pop())


def _kept(world: Path, legs: str | None, cache: Path, from_start: bool) -> Measured:
    state = f"{read_manifest(world)['checksum'][:8]}-{source_hash(MEASURERS)}"
    how = f"{'' if legs is None else '-legs'}{'-known' if from_start else ''}"
    folder = cache / f"{world.name}-{state}{how}"
    if not folder.exists():
        found = measured([world], legs, from_start=from_start)
        with whole_directory(folder, mark="legs.txt") as beside:
            found.pooled.labels.write_parquet(beside / "labels.parquet")
            found.pooled.signals[WHOLE].write_parquet(beside / "signals.parquet")
            (beside / "legs.txt").write_text(",".join(found.legs), encoding="utf-8")
    pooled = Pool(
        pl.read_parquet(folder / "labels.parquet"),
        {WHOLE: pl.read_parquet(folder / "signals.parquet")},
    )
    profile = (folder / "legs.txt").read_text(encoding="utf-8").split(",")
    return Measured(pooled, known_services([world]), tuple(profile))
