"""Looking at runs again: whether alerts come out byte for byte, and changes sum exactly.

    python -m benchmarks.looking_again --addresses 3000

On a world, two models are fitted (another seed, with and without what services tell, another stated
base rate), and two runs are scored: half of the services, 45 days earlier and the old model against
all services, now and the new one.

* **Replay**: the highest alerts of the later run are replayed on two threads as a folder with the
  address list, and again in another order, without the list, as a file. Then one value anywhere in
  each alert is changed, and every one must be found.
* **Diff**: the two runs are taken apart; the greatest distance of parts from the change they must
  sum to is printed, over causes (log-odds, score, outcome) and over signals. Then each cause is
  changed alone: the greatest part that any other cause got must be nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.worlds import make
from data.services import load_services
from data.transfers import open_transfers
from models.fitting import fit
from models.leakage import CHECKS
from models.settings import Settings
from pipelines.again.combinations import CAUSES
from pipelines.diff import diff
from pipelines.explain import explain
from pipelines.labelling.labelled import measure_labelled, read_labels
from pipelines.replay import replay
from pipelines.score import score

DAYS = 45
FEWEST = 3


@dataclass(frozen=True)
class Scene:
    """Where everything lies; `models` and `services` by name, `lists` by moment."""

    folder: Path
    world: Path
    models: dict[str, Path]
    services: dict[str, Path]
    lists: dict[str, Path]

    def run(self, model: str, moment: str, services: str) -> Path:
        """Score all addresses, once for each combination."""
        out = self.folder / f"{model}-{moment}-{services}.parquet"
        if not out.exists():
            known = self.services[services]
            score(self.models[model], self.world, self.lists[moment], out, services=known)
        return out

    def between(self, old: tuple[str, str, str], new: tuple[str, str, str]) -> pl.DataFrame:
        """Take two runs apart."""
        out = self.folder / "diff.parquet"
        known = list(self.services.values())
        models = list(self.models.values())
        diff(self.run(*old), self.run(*new), out, models, self.world, services=known, threads=2)
        return pl.read_parquet(out)


OLD, NEW = ("old", "earlier", "half"), ("new and stated", "now", "all")
ALONE = {
    "funds": ("old", "now", "half"),
    "labels": ("old", "earlier", "all"),
    "model": ("new", "earlier", "half"),
    "thresholds": ("stated", "earlier", "half"),
}


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description="replay alerts, take changes of scores apart")
    parser.add_argument("--addresses", type=int, default=3000)
    parser.add_argument("--alerts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unrinse-") as folder:
        scene = made(Path(folder), asked.seed, asked.addresses)
        print("| what | |\n|---|---:|")
        for what, found in [*replayed(scene, asked.alerts), *taken_apart(scene)]:
            print(f"| {what} | {found} |", flush=True)


def made(folder: Path, seed: int, addresses: int) -> Scene:
    """Make a world, services known since before it, two lists, and the models."""
    [world] = make(folder, [seed], addresses, prevalence=0.07)
    known = pl.read_csv(world / "services.csv").with_columns(date=pl.lit("2020-01-01"))
    services = {"all": folder / "all.csv", "half": folder / "half.csv"}
    known.write_csv(services["all"])
    known.gather_every(2).write_csv(services["half"])
    listed = pl.read_csv(world / "addresses.csv", try_parse_dates=True)
    earlier = pl.col("as_of") - pl.duration(days=DAYS)
    listed.with_columns(earlier.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(folder / "earlier.csv")
    lists = {"now": world / "addresses.csv", "earlier": folder / "earlier.csv"}
    opened = open_transfers(world)
    labels = read_labels(world / "labels.csv", opened, None)
    measured = measure_labelled(
        labels, opened, basis="usd", legs=None, threads=2, services=load_services(services["all"])
    )
    models = {}
    for name, exposure, base_rate in (
        ("old", True, 0.05),
        ("stated", True, 0.02),
        ("new", False, 0.05),
        ("new and stated", False, 0.02),
    ):
        settings = Settings(
            "usd",
            measured.legs,
            min_transfers=FEWEST,
            base_rate=base_rate,
            seed=2 - exposure,
            exposure=exposure,
            allow=tuple(CHECKS),
        )
        models[name] = folder / name
        fit(measured.signals, measured.labels, settings).write(models[name])
    return Scene(folder, world, models, services, lists)


def replayed(scene: Scene, most: int) -> Iterator[tuple[str, object]]:
    """Replay the alerts of the later run, as they are and altered."""
    model, moment, services = NEW
    inputs = (scene.models[model], scene.world)
    known: dict[str, Any] = {"services": scene.services[services]}
    start = time.perf_counter()
    out = explain(
        *inputs, scene.lists[moment], scene.folder / "alerts", top=most, threads=1, **known
    ).out
    yield "seconds to explain", f"{time.perf_counter() - start:.0f}"
    start = time.perf_counter()
    whole = replay(out, *inputs, addresses=scene.lists[moment], threads=2, **known)
    yield "alerts replayed, folder and address list", f"{whole.alerts:,}"
    yield "of these byte for byte the same", f"{whole.outcomes.get('reproduced', 0):,}"
    yield "seconds to replay", f"{time.perf_counter() - start:.0f}"
    lines = (out / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    chance = random.Random(1)
    chance.shuffle(lines)
    file = scene.folder / "some.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    again = replay(file, *inputs, **known)
    same = again.outcomes.get("rank_unchecked", 0)
    yield "the same in another order, without the list (rank not checked)", f"{same:,}"
    altered = [json.dumps(changed(json.loads(line), chance)) for line in lines]
    file.write_text("\n".join(altered) + "\n", encoding="utf-8")
    found = replay(file, *inputs, addresses=scene.lists[moment], **known)
    yield "alerts with one altered value, found", f"{found.outcomes.get('differs', 0):,}"


def changed(alert: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Change one value of an alert, anywhere but in what says which alert and which inputs."""
    at: Any = alert
    key: Any = chance.choice([name for name in alert if name not in _NAMING])
    while isinstance(at[key], dict | list) and at[key]:
        at = at[key]
        key = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
    was = at[key]
    number = isinstance(was, int | float) and not isinstance(was, bool)
    at[key] = was + 1 if number else f"{was}." if isinstance(was, str) else "altered"
    return alert


_NAMING = ("alert_id", "chain", "address", "as_of", "inputs", "bundle_sha256", "transfers_sha256")


def taken_apart(scene: Scene) -> Iterator[tuple[str, object]]:
    """Take the two runs apart, then each cause alone."""
    scene.run(*OLD), scene.run(*NEW)
    start = time.perf_counter()
    table = scene.between(OLD, NEW)
    took = time.perf_counter() - start
    shared = table.filter(pl.col("orders") > 0)
    yield "addresses in both runs", f"{table.height:,}"
    yield "pairs of scores taken apart", f"{shared.height:,}"
    yield "of these changed", f"{shared.filter(pl.col('log_odds_change') != 0).height:,}"
    yield "seconds", f"{took:.0f}"
    for what in ("log_odds", "score"):
        gaps = [
            abs(math.fsum(row[f"{what}_{c}"] for c in CAUSES) - row[f"{what}_change"])
            for row in shared.iter_rows(named=True)
        ]
        yield f"greatest gap, causes to change of {what}", f"{max(gaps):.1e}"
    gaps = [
        abs(
            math.fsum(s["log_odds"] for s in row["signals"] if s["cause"] == c)
            - row[f"log_odds_{c}"]
        )
        for row in shared.iter_rows(named=True)
        for c in CAUSES
    ]
    yield "greatest gap, signals to cause", f"{max(gaps):.1e}"
    moved = table.filter("outcome_changed")
    yield "bands or statuses changed", f"{moved.height:,}"
    yield "of these by one cause alone", f"{moved.filter(pl.col('outcome_alone') != '').height:,}"
    sums = table.select(pl.sum_horizontal([f"outcome_{c}" for c in CAUSES])).to_series()
    off = (sums - table["outcome_changed"].cast(pl.Float64)).abs().max()
    yield "greatest gap, causes to change of outcome", f"{off:.1e}"
    for cause, new in ALONE.items():
        alone = scene.between(OLD, new).filter(pl.col("orders") > 0)
        others = [f"log_odds_{c}" for c in CAUSES if c != cause]
        most = alone.select(pl.max_horizontal(pl.col(others).abs()).max()).item()
        own = (alone[f"log_odds_{cause}"] - alone["log_odds_change"]).abs().max()
        moved_alone = alone.filter(pl.col("log_odds_change") != 0).height
        yield (
            f"{cause} alone: pairs, changed, most to others, gap of its own",
            f"{alone.height:,}, {moved_alone:,}, {most:g}, {own:g}",
        )


if __name__ == "__main__":
    main()
