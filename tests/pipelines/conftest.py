"""A small synthetic world and a model trained on it, made once for all tests that need them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data.schema import COVERAGE, QUARANTINE, TRANSFERS, empty, sort_transfers
from data.simulation.populations import CRIMINAL_ROLES
from data.storage import read_manifest, write_parquet, write_store
from models.bands import LOWEST
from pipelines.explain import ExplainResult, explain
from pipelines.score import score
from pipelines.simulate import simulate
from pipelines.train import TrainResult, train
from tests.shared import once

FEWEST = 3
"""`min_transfers` of the model: low, because the world is small."""


@dataclass(frozen=True)
class World:
    """A simulated store, labels that leave nothing unsaid, and the list of its addresses."""

    store: Path
    labels: Path
    addresses: Path
    services: Path

    @property
    def transfers(self) -> pl.DataFrame:
        return pl.read_parquet(self.store / "transfers.parquet").select(list(TRANSFERS))

    @property
    def coverage(self) -> pl.DataFrame:
        return pl.read_parquet(self.store / "coverage.parquet").select(list(COVERAGE))

    @property
    def as_of(self) -> str:
        return str(read_manifest(self.store)["as_of"])

    @property
    def asked(self) -> int:
        """How many addresses its list names; those who bridge are in it on two chains."""
        return pl.read_csv(self.addresses).height

    def copy(
        self,
        out: Path,
        transfers: pl.DataFrame | None = None,
        coverage: pl.DataFrame | None = None,
        **facts: Any,
    ) -> Path:
        """Write the store once more, without labels and truth, changed as told."""
        write_store(
            out,
            sort_transfers(self.transfers if transfers is None else transfers),
            self.coverage if coverage is None else coverage,
            empty(QUARANTINE),
            {"as_of": self.as_of, "synthetic": True} | facts,
        )
        return out

    def shuffled(self, out: Path, seed: int) -> Path:
        """Write the same rows as two plain files, in any order, with the coverage beside them."""
        rows = self.transfers.sample(fraction=1.0, shuffle=True, seed=seed)
        out.mkdir()
        write_parquet(rows[: len(rows) // 3], out / "b.parquet")
        write_parquet(rows[len(rows) // 3 :], out / "a.parquet")
        write_parquet(self.coverage, out / "coverage.parquet")
        return out


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    """A world of 600 addresses, with a label for each."""
    return once(tmp_path_factory, "world", small_world)


def small_world(folder: Path) -> World:
    store = simulate(folder / "store", seed=7, addresses=600, prevalence=0.07).out
    truth = pl.read_parquet(store / "truth.parquet").select("chain", "address", "role", "case_id")
    asked = pl.read_csv(store / "addresses.csv")
    criminal = pl.col("role").is_in(CRIMINAL_ROLES).fill_null(False)
    labels = asked.join(truth, on=["chain", "address"], maintain_order="left").with_columns(
        label=criminal.cast(pl.Int8), case_id=pl.when(criminal).then("case_id")
    )
    labels.select("address", "chain", "label", "as_of", "case_id").write_csv(folder / "labels.csv")
    return World(store, folder / "labels.csv", store / "addresses.csv", store / "services.csv")


@pytest.fixture(scope="session")
def trained(world, tmp_path_factory) -> TrainResult:
    """A model of that world."""

    def model(folder: Path) -> TrainResult:
        return train(world.store, world.labels, folder / "bundle", min_transfers=FEWEST, threads=1)

    return once(tmp_path_factory, "model", model)


@pytest.fixture(scope="session")
def bundle(trained) -> Path:
    """The model's directory."""
    return trained.out


@dataclass(frozen=True)
class Reviewed:
    """A run for decisions: transfers that do not say that they are invented, labels of people."""

    world: World
    store: Path
    bundle: Path
    done: ExplainResult

    @property
    def alerts(self) -> list[dict[str, Any]]:
        lines = (self.done.out / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def cases(self) -> dict[str, Any]:
        return json.loads((self.done.out / "cases.json").read_text(encoding="utf-8"))

    def explain(self, out: Path, **options: Any) -> ExplainResult:
        """Explain the same list again."""
        given: dict[str, Any] = {"services": self.world.services, "sar": True, "top": 25}
        return explain(self.bundle, self.store, self.world.addresses, out, **(given | options))

    def listing(self, path: Path, *, alerts: int, below: int) -> Reviewed:
        """Return the same with a short list: some of its alerts, and some below review."""
        known = [(alert["chain"], alert["address"]) for alert in self.alerts[:alerts]]
        scores = score(
            self.bundle, self.store, self.world.addresses, path.with_suffix(".parquet"),
            services=self.world.services,
        ).out  # fmt: skip
        low = pl.read_parquet(scores).filter(pl.col("band") == LOWEST).head(below)
        wanted = pl.concat(
            [
                pl.DataFrame(
                    known, schema={"chain": pl.String, "address": pl.String}, orient="row"
                ),
                low.select("chain", "address"),
            ]
        )
        asked = pl.read_csv(self.world.addresses)
        asked.join(wanted, on=["chain", "address"], how="semi").write_csv(path)
        return replace(self, world=replace(self.world, addresses=path))


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory) -> Reviewed:
    """A larger world, taken for a real one whose labels were reviewed: its model has bands."""
    return once(tmp_path_factory, "reviewed", larger_world)


def larger_world(folder: Path) -> Reviewed:
    made = World(
        simulate(folder / "world", seed=3, addresses=1800, prevalence=0.1).out,
        folder / "labels.csv",
        folder / "world" / "addresses.csv",
        folder / "world" / "services.csv",
    )
    truth = pl.read_parquet(made.store / "truth.parquet")
    known = truth.select("chain", "address", "role", "case_id")
    criminal = pl.col("role").is_in(CRIMINAL_ROLES).fill_null(False)
    labels = (
        pl.read_csv(made.addresses)
        .join(known, on=["chain", "address"], maintain_order="left")
        .with_columns(label=criminal.cast(pl.Int8), case_id=pl.when(criminal).then("case_id"))
    )
    columns = ("address", "chain", "label", "as_of", "case_id", "role")
    labels.select(columns).write_csv(made.labels)
    store = made.copy(folder / "store", synthetic=False)
    trained = train(
        store, made.labels, folder / "bundle", trained_on="reviewed",
        labels_from="the fraud team", threads=1,
    )  # fmt: skip
    done = explain(
        trained.out, store, made.addresses, folder / "out", services=made.services, sar=True, top=25
    )
    return Reviewed(made, store, trained.out, done)
