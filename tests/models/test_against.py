"""Champion against challenger: against plain counting, and in the gate's own words."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from models.against import Champion, against, paired
from models.gate import Bounds, judge
from models.gate.comparison import champion_checks
from tests.models.gate_examples import QUICK, evidence


def rows(n: int = 2000, seed: int = 1, noise: float = 1.0) -> pl.DataFrame:
    """Return a model that sees the truth through some noise, and a champion that sees less."""
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.1).astype(int)
    score = 2.0 * label + random.normal(size=n)
    return pl.DataFrame(
        {
            "chain": ["tron"] * n,
            "address": [f"a{i:05}" for i in range(n)],
            "label": label,
            "group": [f"g{i // 2}" for i in range(n)],
            "log_odds": score,
            "champion": score + random.normal(0, noise, n),
        }
    )


def beside(table: pl.DataFrame, budget: float = 20.0, resamples: int = 100) -> dict:
    champion = Champion("c" * 64, table["champion"], "2025-01-01", budget)
    return against(table, champion, base_rate=0.01, resamples=resamples)


def test_at_the_budget_both_are_plain_counts():
    table = rows()
    told = beside(table)
    assert told["alerts"] == 40
    queues = {
        of: set(table.sort(column, descending=True).head(40)["address"])
        for of, column in (("model", "log_odds"), ("champion", "champion"))
    }
    positive = set(table.filter(pl.col("label") == 1)["address"])
    for of, queue in queues.items():
        hits = len(queue & positive)
        assert told["measured"]["recall"][of] == pytest.approx(hits / len(positive))
        assert told["measured"]["precision"][of] == pytest.approx(hits / 40)
        assert told["measured"]["fpr"][of] == pytest.approx((40 - hits) / (2000 - len(positive)))
    both = queues["model"] & queues["champion"]
    assert told["overlap"]["both"] == {
        "positives": len(both & positive),
        "negatives": len(both - positive),
    }
    assert sum(sum(counts.values()) for counts in told["overlap"].values()) == 80 - len(both)
    for found in told["measured"].values():
        if found is not None:
            assert found["difference"] == pytest.approx(found["model"] - found["champion"])
            assert found["low"] <= found["difference"] <= found["high"]
    assert told["measured"]["precision_at_base_rate"] is None  # fewer than ten negatives
    assert 0.5 < told["rank_correlation"] < 1


def test_more_noise_is_found_and_none_is_not():
    assert (
        beside(rows(noise=4.0))["verdict"]
        == "With the same alerts it finds more than the champion."
    )
    swapped = rows(noise=4.0).rename({"champion": "log_odds", "log_odds": "champion"})
    assert "finds less" in beside(swapped)["verdict"]
    table = rows()
    same = beside(table.with_columns(champion="log_odds"))
    assert "not shown" in same["verdict"]
    assert same["rank_correlation"] == pytest.approx(1)
    for found in same["measured"].values():
        if found is not None:
            assert (found["low"], found["difference"], found["high"]) == (0, 0, 0)


def test_the_paired_interval_holds_the_difference_of_everybody():
    held = 0
    far = beside(rows(60_000, seed=99), resamples=2)["measured"]["recall"]["difference"]
    for seed in range(12):
        found = beside(rows(seed=seed))["measured"]["recall"]
        held += found["low"] <= far <= found["high"]
    assert held >= 9


def test_a_row_of_weight_three_is_three_rows():
    table = rows(600)
    weighted = beside(table.with_columns(selection_probability=pl.lit(1 / 3)), resamples=2)
    tripled = pl.concat([table] * 3)
    plain = beside(tripled, resamples=2)
    assert weighted["alerts"] == plain["alerts"] == 36
    for name in ("recall", "precision", "fpr", "pr_auc", "roc_auc"):
        for of in ("model", "champion"):
            ours, theirs = (told["measured"][name][of] for told in (weighted, plain))
            assert ours == pytest.approx(theirs)


def test_it_says_of_the_areas_what_the_gate_says():
    told = evidence(n=3000, victims=50)
    by_name = {check.name: check for check in champion_checks(told, QUICK)}
    assert by_name["not_worse:pr_auc"] in judge(told, QUICK).checks
    table = told.judged.with_columns(
        chain=pl.lit("tron"), address=pl.int_range(pl.len()).cast(pl.String)
    )
    champion = Champion("c" * 64, table["champion"], "2025-01-01")
    found = against(table, champion, base_rate=0.01, resamples=QUICK.resamples, seed=QUICK.seed)[
        "measured"
    ]
    for name in ("pr_auc", "roc_auc"):
        check = by_name[f"not_worse:{name}"]
        assert (check.value, check.low, check.high) == (
            found[name]["difference"], found[name]["low"], found[name]["high"],
        )  # fmt: skip
    d = paired(table, "pr_auc", resamples=QUICK.resamples, seed=Bounds().seed)
    assert d.difference == found["pr_auc"]["difference"]


def test_who_has_one_score_only_is_counted_and_left_out():
    table = rows(400).with_columns(
        log_odds=pl.when(pl.int_range(pl.len()) >= 30).then("log_odds"),
        champion=pl.when(pl.int_range(pl.len()) < 380).then("champion"),
    )
    told = beside(table)
    assert (told["n"], told["n_only_model"], told["n_only_champion"]) == (350, 20, 30)
    nobody = beside(table.with_columns(champion=pl.lit(None, pl.Float64)))
    assert nobody["n"] == 0
    assert nobody["measured"] == {}
    assert nobody["verdict"] == "These rows cannot show which of the two finds more."
    one_class = beside(rows(300).with_columns(label=pl.lit(0)))
    assert set(one_class["measured"].values()) == {None}
    assert one_class["verdict"] == nobody["verdict"]
