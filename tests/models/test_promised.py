"""Performance beside its promise: rates of bands, what cannot be resolved, and what alarms."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import fisher_exact

from models.drift import judged
from models.intervals import wilson
from models.promised import FALSE_POSITIVES, PRECISION, RECALL, Kept, kept, performance_findings

Counts = dict[str, tuple[int, int]]


def split(bands: Counts, groups: tuple[int, int] | None = None) -> dict[str, Any]:
    """A split of an evaluation; groups default to one for each address."""
    positives, negatives = (sum(n[k] for n in bands.values()) for k in (0, 1))
    n_groups = groups or (positives, negatives)
    return {
        "n": positives + negatives,
        "n_positive": positives,
        "prevalence": positives / (positives + negatives),
        "n_groups_positive": n_groups[0],
        "n_groups_negative": n_groups[1],
        "bands": {band: {"positives": p, "negatives": n} for band, (p, n) in bands.items()},
    }


PROMISED = split({"below_review": (20, 1900), "medium": (20, 80), "high": (60, 20)})


def told(now: dict[str, Any], promised: dict[str, Any] = PROMISED) -> dict[tuple[str, str], Kept]:
    return {(one.band, one.rate): one for one in kept(now, promised)}


def test_rates_count_the_band_and_those_above():
    found = told(split({"below_review": (30, 1860), "medium": (10, 100), "high": (60, 40)}))
    recall = found["medium", RECALL]
    assert recall.now is not None
    assert recall.promised is not None
    assert (recall.now.value, recall.promised.value) == (0.7, 0.8)
    assert (recall.now.low, recall.now.high) == wilson(70, 100)
    false = found["high", FALSE_POSITIVES]
    assert false.now is not None
    assert false.promised is not None
    assert (false.now.value, false.promised.value) == (0.02, 0.01)
    precision = found["high", PRECISION]
    assert precision.now is not None
    assert precision.now.value == 0.6
    assert ("severe", RECALL) not in found


def test_the_promised_precision_is_restated_at_the_prevalence_of_now():
    rare = split({"below_review": (4, 9400), "medium": (4, 400), "high": (12, 100)})
    promised = told(rare)["high", PRECISION].promised
    assert promised is not None
    share = 20 / rare["n"]
    assert promised.value == pytest.approx(0.6 * share / (0.6 * share + 0.01 * (1 - share)))
    assert promised.low < promised.value < promised.high
    assert promised.groups is None


def test_wallets_of_one_case_count_once():
    alone, together = (
        split({"below_review": (30, 1900), "medium": (20, 80), "high": (50, 20)}, groups)
        for groups in (None, (10, 2000))
    )
    few, many = told(together)["high", RECALL].now, told(alone)["high", RECALL].now
    assert few is not None
    assert many is not None
    assert few.value == many.value == 0.5
    assert few.high - few.low > 2 * (many.high - many.low)
    assert few.groups == 10


def test_what_cannot_be_resolved_is_null_with_the_reason():
    found = told(split({"below_review": (3, 500), "medium": (2, 20), "high": (4, 2)}))
    assert found["high", RECALL].now is None
    assert found["high", RECALL].why_not == "it takes 10 independent positives; there are fewer now"
    assert found["high", FALSE_POSITIVES].now is None
    assert "1,000 independent negatives" in str(found["high", FALSE_POSITIVES].why_not)
    assert found["medium", FALSE_POSITIVES].now is not None
    assert found["high", PRECISION].now is None
    assert "fewer than 10" in str(found["high", PRECISION].why_not)
    names = [f.name for f in performance_findings(list(found.values()))]
    assert names == [f"{FALSE_POSITIVES} at medium"]


def test_a_bundle_that_does_not_say_how_many_groups_it_saw_promises_nothing():
    old = {k: v for k, v in PROMISED.items() if not k.startswith("n_groups")}
    found = told(PROMISED, old)
    assert found["high", RECALL].promised is None
    assert "in the evaluation" in str(found["high", RECALL].why_not)
    assert "cannot show its recall" in str(found["high", PRECISION].why_not)
    assert performance_findings(list(found.values())) == []


def test_a_rate_is_judged_by_fishers_exact_test():
    now = split({"below_review": (60, 1900), "medium": (10, 80), "high": (30, 20)})
    by_name = {f.name: f for f in performance_findings(kept(now, PROMISED))}
    recall = by_name[f"{RECALL} at high"].compared
    assert recall.p == pytest.approx(fisher_exact([[30, 70], [60, 40]]).pvalue)
    assert recall.n == 100
    assert recall.effect == pytest.approx((0.3 - 0.6) / (0.45 * 0.55) ** 0.5)
    assert 0 < recall.least_p < recall.p
    assert by_name[f"{FALSE_POSITIVES} at high"].compared.effect == 0.0


def test_a_model_that_fails_alarms_and_one_that_holds_does_not():
    failed = split({"below_review": (80, 1900), "medium": (10, 80), "high": (10, 20)})
    raised = [f.name for f in judged(performance_findings(kept(failed, PROMISED))) if f.alarm]
    assert raised == [f"{RECALL} at medium", f"{RECALL} at high"]
    assert not any(f.alarm for f in judged(performance_findings(kept(PROMISED, PROMISED))))
