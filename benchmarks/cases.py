"""Cases against the truth of fresh worlds: who is put together, and who should be.

    python -m benchmarks.cases --seeds 21 22 23 24 --addresses 5000

Two lists of alerts are grouped in each world:

* **drawn**: six in ten of the launderers at random, and as many ordinary accounts, as false alarms
  that no model picked;
* **model's**: every account that a model trained on another world (``--train``) gives a band that
  calls for review, false alarms included; what the model takes for possible victims is treated as
  `unrinse explain` treats it.

Launderers of one case belong together, and everybody else stands alone: two false alarms of one
firm that are put together count as wrong.

* **pairs, precision and recall**: of the pairs put together, those of one case; of the pairs of one
  case, those put together. Large cases weigh most.
* **B-cubed precision and recall**: for each alert, which share of its case is of its own case, and
  which share of its own case is there, itself included; the mean over alerts. An alert alone has a
  precision of one.
* **largest**: alerts of the largest case.

Intervals are 95 % bootstraps over the cases of the truth (and single false alarms). The variants
take one rule away each. *Plain components* takes away all: whoever paid, or dealt with anybody who
did, listed services included, belongs together.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.worlds import make
from data.services import load_services
from data.simulation.populations import CRIMINAL_ROLES
from data.transfers import Transfers
from models.bands import LOWEST
from models.cases.crossed import crossings_of
from models.cases.ground import KEY, Subjects, lay, services_of
from models.cases.grouping import group
from models.cases.limits import Kind, Limits
from models.cases.links import Key, find_links
from pipelines.casework.cases import supplied
from pipelines.score import score_addresses
from pipelines.train import train

_MANY = 10**9
_SAMPLES = 2_000
FOUND, FALSE_ALARMS = 0.6, 1.0


@dataclass(frozen=True)
class Variant:
    """A way to group: its limits, and the rules that are not limits."""

    limits: Limits = field(default_factory=Limits)
    services: bool = True
    coverage: bool = True
    victims: bool = True
    kinds: frozenset[Kind] = frozenset(Kind)


OPEN = Limits(max_degree=_MANY, max_shared=_MANY, least_share=0.0)
VARIANTS = {
    "as shipped": Variant(),
    "direct flow alone": Variant(kinds=frozenset({Kind.DIRECT_FLOW})),
    "without crossings": Variant(kinds=frozenset(Kind) - {Kind.BRIDGE_CROSSING}),
    "without the least share": Variant(Limits(least_share=0.0)),
    "without degree caps": Variant(Limits(max_degree=_MANY, max_shared=_MANY)),
    "also through what was not supplied": Variant(coverage=False),
    "also through possible victims": Variant(victims=False),
    "only services left out": Variant(OPEN, coverage=False, victims=False),
    "plain components": Variant(OPEN, services=False, coverage=False, victims=False),
}


@dataclass
class Found:
    """What a variant did: per alert, its unit in the truth and the counts of `_counts`."""

    units: list[str] = field(default_factory=list)
    counts: list[tuple[float, ...]] = field(default_factory=list)
    largest: int = 0
    seconds: float = 0.0


def main() -> None:
    """Make the worlds, group, and print Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23, 24])
    parser.add_argument("--train", type=int, default=11, help="seed of the model's world")
    parser.add_argument("--addresses", type=int, default=5_000)
    parser.add_argument("--prevalence", type=float, default=0.07)
    parser.add_argument("--worlds", type=Path, help="folder that keeps the worlds between runs")
    asked = parser.parse_args()
    found = {(who, name): Found() for who in ("drawn", "model's") for name in VARIANTS}
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.worlds or Path(scratch)
        size = (asked.addresses, asked.prevalence)
        [school] = make(folder, [asked.train], *size)
        bundle = train(school, school / "labels.csv", Path(scratch) / "bundle").out
        for world in make(folder, asked.seeds, *size):
            measure(world, bundle, found)
    print(report(found))


def measure(world: Path, bundle: Path, found: dict[tuple[str, str], Found]) -> None:
    """Group the alerts of a world in every way."""
    truth = pl.read_parquet(world / "truth.parquet")
    criminal = pl.col("role").is_in(CRIMINAL_ROLES).fill_null(False)
    known = truth.with_columns(unit=pl.when(criminal).then("case_id"))
    units = {(c, a): unit for c, a, unit in known.select(*KEY, "unit").iter_rows()}
    run = score_addresses(
        bundle, world, world / "addresses.csv", services=world / "services.csv", threads=2
    )
    victims = run.scores.filter(pl.col("status") == "possible_victim").select(*KEY)
    review = pl.col("band").is_not_null() & (pl.col("band") != LOWEST)
    until = run.transfers.as_of
    assert until is not None
    lists = {
        "drawn": _drawn(known.filter(criminal), known.filter(pl.col("role") == "benign"), until),
        "model's": run.scores.filter(review).select(*KEY, "as_of"),
    }
    services = load_services(world / "services.csv").table
    for who, alerts in lists.items():
        alerts = alerts.unique(KEY).sort(KEY)
        subjects = Subjects(
            alerts, services_of(services), victims, supplied(run.transfers, until),
            crossings_of(run.measured.histories),
        )  # fmt: skip
        for name, variant in VARIANTS.items():
            _grouped(found[who, name], variant, run.transfers, subjects, units, world.name)


def _drawn(criminals: pl.DataFrame, others: pl.DataFrame, until: datetime) -> pl.DataFrame:
    some = criminals.sort(KEY).sample(fraction=FOUND, seed=1)
    false = others.sort(KEY).sample(round(FALSE_ALARMS * some.height), seed=1)
    return pl.concat([some, false]).select(*KEY).with_columns(as_of=pl.lit(until))


def _grouped(
    found: Found,
    variant: Variant,
    transfers: Transfers,
    subjects: Subjects,
    units: dict[Key, str | None],
    world: str,
) -> None:
    start = time.process_time()
    who = replace(
        subjects,
        services=subjects.services if variant.services else subjects.services.clear(),
        victims=subjects.victims if variant.victims else subjects.victims.clear(),
        supplied=subjects.supplied if variant.coverage else None,
    )
    links = find_links(lay(transfers.followed(), who, variant.limits), who, variant.limits).links
    moments = dict.fromkeys(subjects.alerts.select(*KEY).iter_rows(), datetime.min)
    cases = group(moments, [link for link in links if link.kind in variant.kinds])
    found.seconds += time.process_time() - start
    found.largest = max(found.largest, *(len(case.members) for case in cases))
    alone = {key: units[key] or "/".join(key) for key in moments}
    size: dict[str, int] = {}
    for unit in alone.values():
        size[unit] = size.get(unit, 0) + 1
    for case in cases:
        for key in case.members:
            unit = alone[key]
            right = sum(alone[other] == unit for other in case.members)
            found.units.append(f"{world}/{unit}")
            found.counts.append(_counts(right, len(case.members), size[unit]))


def _counts(right: int, together: int, true: int) -> tuple[float, ...]:
    """Return an alert's part in each ratio: pairs right, put and true; B-cubed shares; one."""
    return right - 1, together - 1, true - 1, right / together, right / true, 1.0


def report(found: dict[tuple[str, str], Found]) -> str:
    """Render the table."""
    lines = [
        "| alerts | grouped | n | pairs, precision | pairs, recall | B-cubed precision | "
        "B-cubed recall | largest | CPU s |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (who, name), one in found.items():
        cells = [_ratio(one, *ratio) for ratio in ((0, 1), (0, 2), (3, 5), (4, 5))]
        lines.append(
            f"| {who} | {name} | {len(one.units):,} | {' | '.join(cells)} | {one.largest} | "
            f"{one.seconds:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _ratio(one: Found, above: int, below: int) -> str:
    """Write a ratio of sums over alerts, with its bootstrap interval over units of the truth."""
    counts = np.array(one.counts)[:, [above, below]]
    if not counts[:, 1].any():
        return "–"
    units, place = np.unique(one.units, return_inverse=True)
    sums = np.zeros((len(units), 2))
    np.add.at(sums, place, counts)
    random, values = np.random.default_rng(0), []
    for _ in range(_SAMPLES):
        drawn = sums[random.integers(0, len(units), len(units))].sum(axis=0)
        values.append(_share(drawn))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return f"{_share(sums.sum(axis=0)):.3f} [{low:.3f}, {high:.3f}]"


def _share(sums: Sequence[float] | np.ndarray) -> float:
    return float(sums[0] / sums[1]) if sums[1] else float("nan")


if __name__ == "__main__":
    main()
