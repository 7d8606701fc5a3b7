"""The gate over models that were really trained: what it refuses, what it lets somebody answer for.

Nothing is built by hand here: two worlds, two trainings on the same labels, evidence as `promote`
gathers it, MLflow's own store.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from models.gate.verdict import FAIL, INCONCLUSIVE, PASS
from models.registry import CHAMPION, open_registry
from pipelines.promote import PromoteResult, promote
from pipelines.registered import fetch, rollback
from pipelines.score import score
from pipelines.simulate import simulate
from pipelines.train import train

pytestmark = pytest.mark.slow

WEAK = {"num_iterations": 2, "learning_rate": 0.01, "max_depth": 1}
"""Two stumps: a model that hardly knows anything."""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two worlds, and a good and a weak model of the first."""
    folder = tmp_path_factory.mktemp("real")
    for name, seed in (("world", 51), ("other", 52)):
        simulate(folder / name, seed=seed, addresses=8_000, prevalence=0.1)
    labels = folder / "world" / "labels.csv"
    for name, params in (("good", None), ("weak", WEAK)):
        train(folder / "world", labels, folder / name, base_rate=0.001, params=params)
    return folder


def asked(made: Path, name: str, **options: object) -> PromoteResult:
    given = {"registry": made / "registry", "research_use": True} | options
    return promote(
        made / name,
        made / "world",
        made / "world" / "labels.csv",
        populations=made / "world" / "truth.parquet",
        world=made / "other",
        **given,  # type: ignore[arg-type]
    )


def of(result: PromoteResult, outcome: str, prefix: str = "") -> set[str]:
    checks: Mapping[str, Mapping[str, object]] = result.checks
    return {n for n, c in checks.items() if c["outcome"] == outcome and n.startswith(prefix)}


def test_a_better_model_is_let_in_a_worse_one_is_not_and_the_way_back_is_whole(made, tmp_path):
    answered = {"approver": "the model-risk office", "reason": "a research registry"}

    # The weak model comes first, against no champion: only what is absolute is asked of it.
    weak = asked(made, "weak", dry_run=True)
    excuses = [f"{name}=a test of the gate" for name in of(weak, FAIL)]
    first = asked(made, "weak", explain=excuses, **answered)
    assert first.promoted, first.notes

    def scores(name: str) -> bytes:
        fetch(tmp_path / name, registry=made / "registry", research_use=True)
        out = tmp_path / f"{name}.csv"
        score(tmp_path / name, made / "world", made / "world" / "addresses.csv", out)
        return out.read_bytes()

    old = scores("first")

    # The good model is better, by what the gate measured on rows neither was trained on; what is
    # left are shares of small groups, for which somebody has to answer.
    seen = asked(made, "good", dry_run=True)
    assert of(seen, PASS, "not_worse") >= {"not_worse:pr_auc", "not_worse:roc_auc"}
    assert seen.checks["not_worse:pr_auc"]["value"] > 0.05
    assert not of(seen, FAIL, "not_worse")
    assert not of(seen, FAIL, "victims")
    assert of(seen, PASS, "calibration")
    assert asked(made, "good").promoted is (seen.outcome == PASS)
    excuses = [f"{name}=counted by hand" for name in of(seen, FAIL)]
    second = asked(made, "good", explain=excuses, **answered)
    assert second.promoted, second.notes
    assert second.outcome in {PASS, INCONCLUSIVE}
    assert scores("second") != old

    # The weak model is no challenger to it, whoever answers for it.
    refused = asked(made, "weak", **answered)
    assert not refused.promoted
    assert "not_worse:pr_auc" in of(refused, FAIL)
    champion = open_registry(made / "registry", research=True).at(CHAMPION)
    assert champion is not None
    assert champion.number == second.version

    rollback(registry=made / "registry", research_use=True)
    assert scores("again") == old
