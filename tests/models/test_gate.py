"""The promotion gate: every refusal planted and seen, and a better model let through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from data.errors import Refused
from models.bootstrap import PairedDifference
from models.gate import Bounds, Check, Evidence, Verdict, judge
from models.gate.comparison import _compared, champion_checks
from models.gate.fitness import fitness_checks
from models.gate.harm import harm_checks
from models.gate.slicing import slices
from models.gate.trust import calibration_checks, recalibration
from models.intervals import lower_limit, upper_limit
from models.metrics import logistic
from tests.models.gate_examples import QUICK, SEVERAL, evidence


@pytest.fixture(scope="module")
def better() -> Evidence:
    return evidence()


@pytest.fixture(scope="module")
def fewer() -> Evidence:
    """For the comparison with the champion, whose bootstrap takes its time."""
    return evidence(4000)


def with_rows(one: Evidence, *changes: pl.Expr, **named: pl.Expr) -> Evidence:
    return replace(one, rows=one.rows.with_columns(*changes, **named))


Question = Callable[[Evidence, Bounds], Iterable[Check]]


def asked(one: Evidence, *questions: Question) -> Verdict:
    """Ask some of the gate's questions; the bootstrap behind the comparison costs seconds."""
    return Verdict(tuple(check for ask in questions for check in ask(one, QUICK)))


def outcomes(one: Evidence, *questions: Question) -> dict[str, str]:
    return {check.name: check.outcome for check in asked(one, *questions).checks}


def not_passed(one: Evidence, *questions: Question) -> dict[str, str]:
    found = outcomes(one, *questions)
    return {k: v for k, v in found.items() if v not in ("pass", "noted")}


def test_a_better_model_passes_and_every_question_was_asked(better):
    verdict = judge(better, QUICK)
    found = {check.name: check.outcome for check in verdict.checks}
    assert set(found.values()) == {"pass", "noted"}
    assert verdict.outcome == "pass"
    assert {name.split(":")[0] for name in found} == {
        "decision_use", "audit", "labels", "speed", "coverage", "not_worse", "calibration",
        "victims", "false_alarms",
    }  # fmt: skip
    for column, values in SEVERAL.items():
        for value in values:
            assert f"not_worse:{column}:{value}" in found
            assert f"false_alarms:{column}:{value}" in found
    assert "not_worse:typology:romance" in found
    assert "false_alarms:population:shop" in found
    assert found["speed"] == "noted"  # a slow champion or model decides nothing


def test_the_same_model_again_passes(fewer):
    same = with_rows(fewer, champion=pl.col("log_odds"))
    assert not_passed(same, champion_checks) == {}


def test_the_same_evidence_gets_the_same_verdict_whatever_the_order(better):
    shuffled = replace(better, rows=better.rows.sample(fraction=1.0, shuffle=True, seed=3))
    questions = (fitness_checks, calibration_checks, harm_checks)
    ours = {c.name: c for c in asked(better, *questions).checks}
    for check in asked(shuffled, *questions).checks:
        assert check.outcome == ours[check.name].outcome
        if check.value is not None:
            assert check.value == pytest.approx(ours[check.name].value, rel=1e-9)


def test_a_worse_model_fails(fewer):
    swapped = with_rows(fewer, log_odds=pl.col("champion"), champion=pl.col("log_odds"))
    verdict = judge(swapped, QUICK)
    assert verdict.outcome == "fail"
    assert "not_worse:pr_auc" in {check.name for check in verdict.of("fail")}


def test_a_model_worse_on_one_chain_alone_fails_by_the_chains_name(fewer):
    noise = pl.Series(np.random.default_rng(5).normal(0, 5, fewer.rows.height))
    on_tron = pl.when(pl.col("chain") == "tron").then(noise).otherwise(0.0)
    champion = pl.when(pl.col("chain") == "tron").then("log_odds").otherwise("champion")
    changed = with_rows(fewer, log_odds=pl.col("log_odds") + on_tron, champion=champion)
    found = not_passed(changed, champion_checks)
    assert found["not_worse:chain:tron"] == "fail"
    assert "not_worse:chain:ethereum" not in found


def test_a_model_that_keeps_silent_on_the_hard_cases_fails(fewer):
    silent = pl.when(pl.col("log_odds").is_between(-1, 1)).then(None).otherwise("log_odds")
    assert outcomes(with_rows(fewer, log_odds=silent), champion_checks)["coverage"] == "fail"


@pytest.mark.parametrize(
    "change, name",
    [
        (pl.col("log_odds") * 3, "calibration:slope"),
        (pl.col("log_odds") / 3, "calibration:slope"),
        (pl.col("log_odds") + 2, "calibration:intercept"),
        (pl.col("log_odds") - 2, "calibration:intercept"),
    ],
)
def test_a_miscalibrated_model_fails_though_it_ranks_as_well(better, change, name):
    assert outcomes(with_rows(better, log_odds=change), calibration_checks)[name] == "fail"


def test_a_base_rate_that_differs_from_the_held_out_share_is_no_miscalibration(better):
    shift = -4.0
    stated = replace(better.calibration, prior_shift=shift)
    rare = replace(with_rows(better, log_odds=pl.col("log_odds") + shift), calibration=stated)
    assert not_passed(rare, calibration_checks) == {}


def test_held_out_rows_with_many_more_positives_are_no_miscalibration(better):
    dice = pl.Series(np.random.default_rng(8).random(better.rows.height))
    enriched = better.rows.filter((pl.col("label") == 1) | (dice < 0.1))
    assert not_passed(replace(better, rows=enriched), calibration_checks) == {}


def test_a_model_that_shows_victims_as_suspects_fails(better):
    victim = pl.col("role").eq_missing("victim")
    first = victim & (victim.cum_sum() <= 5)
    found = not_passed(with_rows(better, suspect=pl.col("suspect") | first), harm_checks)
    assert found == {"victims": "fail"}  # 5 of 4,000 are 0.125 %


def test_one_victim_of_four_thousand_is_not_enough_to_clear_or_to_condemn(better):
    victim = pl.col("role").eq_missing("victim")
    first = victim & (victim.cum_sum() <= 1)
    found = not_passed(with_rows(better, suspect=pl.col("suspect") | first), harm_checks)
    assert found == {"victims": "inconclusive"}


@pytest.mark.parametrize("known, outcome", [(2994, "inconclusive"), (2995, "pass")])
def test_none_of_2995_victims_proves_a_tenth_of_a_percent_and_one_fewer_does_not(known, outcome):
    assert outcomes(evidence(3000, known), harm_checks)["victims"] == outcome


def test_no_known_victims_prove_nothing():
    [check] = [c for c in asked(evidence(victims=0), harm_checks).checks if c.name == "victims"]
    assert check.outcome == "inconclusive"
    assert "2,995 known victims" in check.fix
    assert "--world" in check.fix


@pytest.mark.parametrize(
    "column, value",
    [
        ("chain", "tron"),
        ("hour_block", "06-12"),
        ("ticket_size", "large"),
        ("population", "trader"),
    ],
)
def test_a_slice_with_too_many_false_alarms_fails_unless_explained(better, column, value):
    dice = pl.Series(np.random.default_rng(2).random(better.rows.height))
    more = (pl.col(column) == value) & (dice < 0.08) & pl.col("label").eq_missing(0)
    biased = with_rows(better, suspect=pl.col("suspect") | more)
    name = f"false_alarms:{column}:{value}"
    assert not_passed(biased, harm_checks) == {name: "fail"}
    told = asked(biased, harm_checks).explained({name: "They are OTC desks."})
    assert told.outcome == "pass"
    [check] = told.of("explained")
    assert check.reason == "They are OTC desks."


def test_too_few_labels_are_inconclusive_and_say_how_many_are_missing():
    few = evidence(120, 4000)
    verdict = judge(few, QUICK)
    assert verdict.outcome == "inconclusive"
    [check] = [c for c in verdict.checks if c.name == "labels"]
    assert check.outcome == "inconclusive"
    assert "more negatives would settle it" in check.fix


def test_a_hundred_wallets_of_one_case_are_one_case():
    one = evidence(4000)
    gang = pl.when(pl.col("label") == 1).then(pl.lit("gang")).otherwise("group")
    assert outcomes(with_rows(one, group=gang), fitness_checks)["labels"] == "inconclusive"


def test_a_small_slice_is_inconclusive_and_no_pass(better):
    # The same model twice: no difference at all, and still nothing is shown on so few.
    tiny = with_rows(replace(better, rows=better.rows.head(90)), champion=pl.col("log_odds"))
    assert outcomes(tiny, champion_checks)["not_worse:chain:tron"] == "inconclusive"


@pytest.mark.parametrize(
    "difference, low, high, of, outcome",
    [
        (0.01, 0.0, 0.02, 1, "pass"),
        (-0.01, -0.02, 0.0, 1, "pass"),  # the margin itself still counts as the same
        (0.03, -0.021, 0.08, 1, "inconclusive"),  # better on these rows, perhaps worse on others
        (-0.01, -0.03, 0.01, 1, "inconclusive"),
        (-0.019, -0.03, -0.01, 1, "inconclusive"),  # surely worse, hardly by too much
        (-0.05, -0.09, -0.01, 1, "fail"),
        (-0.05, -0.11, 0.01, 1, "inconclusive"),
        (-0.05, -0.09, -0.01, 20, "inconclusive"),  # one of twenty slices; chance finds one
        (-0.05, -0.06, -0.04, 20, "fail"),
    ],
)
def test_the_whole_interval_counts(difference, low, high, of, outcome):
    found = PairedDifference(0.5 + difference, 0.5, difference, low, high)
    assert _compared("x", "roc_auc", found, 0.02, of=of).outcome == outcome


@pytest.mark.parametrize(
    "audit, name",
    [
        (None, "audit"),
        ({"verdict": "leaking", "findings": []}, "audit"),
        ({"verdict": "accepted", "findings": []}, "audit"),
        ({}, "audit"),
    ],
)
def test_a_model_whose_training_was_not_audited_clean_fails(better, audit, name):
    assert not_passed(replace(better, audit=audit), fitness_checks) == {name: "fail"}


LEAK = {
    "verdict": "accepted",
    "findings": [
        {"kind": "era", "severity": "blocks", "what": "The labels tell the year.", "allowed": True},
        {"kind": "copies", "severity": "notice", "what": "Some.", "allowed": False},
    ],
    "not_run": {"replay": "No transfers."},
}


def test_an_accepted_leak_fails_until_the_approver_answers_for_it(better):
    leaky = replace(better, audit=LEAK)
    assert not_passed(leaky, fitness_checks) == {"audit:era": "fail"}
    [told] = [c for c in asked(leaky, fitness_checks).checks if c.name == "audit"]
    assert "not made: replay" in told.what
    explained = asked(leaky, fitness_checks).explained({"audit:era": "All labels are of one year."})
    assert explained.outcome == "pass"


def test_a_model_not_for_decisions_fails_but_may_be_champion_of_a_research_registry(better):
    idle = replace(better, decision_use=False)
    assert not_passed(idle, fitness_checks) == {"decision_use": "fail"}
    assert not_passed(replace(idle, research=True), fitness_checks) == {}


def test_without_a_champion_the_absolute_checks_remain(better):
    first = replace(better, rows=better.rows.drop("champion"))
    found = {check.name: check.outcome for check in judge(first, QUICK).checks}
    assert found["champion"] == "noted"
    assert not any(name.startswith("not_worse") for name in found)
    assert found["victims"] == "pass"


def test_without_bands_nothing_is_shown_of_harm(better):
    found = not_passed(replace(better, gives_bands=False), harm_checks)
    assert found == {"bands": "inconclusive"}


@pytest.mark.parametrize(
    "reasons, words",
    [
        ({"victims": "They will not mind."}, "victims cannot be explained away"),
        ({"victim": "x"}, "no check 'victim'"),
        ({"false_alarms:chain:tron": " "}, "no reason"),
    ],
)
def test_what_may_not_be_explained(better, reasons, words):
    victim = pl.col("role").eq_missing("victim")
    harmful = with_rows(better, suspect=pl.col("suspect") | victim)
    with pytest.raises(Refused, match=words):
        asked(harmful, harm_checks).explained(reasons)


def test_a_reason_for_what_passed_changes_nothing(better):
    verdict = asked(better, harm_checks)
    assert verdict.explained({"false_alarms:chain:tron": "In case."}) == verdict


def test_victims_labelled_by_mistake_are_no_benign_rows(better):
    assert "saver" not in better.benign["population"].to_list()
    mistaken = with_rows(better, label=pl.col("label").fill_null(0))
    assert "saver" not in mistaken.benign["population"].to_list()
    unlabelled = better.rows.head(5).with_columns(
        label=pl.lit(None, pl.Int8), role=pl.lit("benign"), population=pl.lit("payroll")
    )
    known = replace(better, rows=pl.concat([better.rows, unlabelled]))
    assert known.benign["population"].to_list().count("payroll") == 5


@pytest.mark.parametrize("hits, n", [(0, 10), (1, 10), (3, 2000), (9, 10), (10, 10), (60, 1500)])
def test_limits_are_those_of_the_beta_distribution(hits, n):
    upper = stats.beta.ppf(0.95, hits + 1, n - hits) if hits < n else 1.0
    lower = stats.beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    assert upper_limit(hits, n) == pytest.approx(upper, abs=1e-9)
    assert lower_limit(hits, n, 0.025) == pytest.approx(lower, abs=1e-9)


def test_the_recalibration_is_that_of_a_logistic_regression():
    random = np.random.default_rng(4)
    stated = random.normal(-1, 2, 3000)
    labels = (random.random(3000) < logistic(0.8 * stated + 0.4)).astype(int)
    groups = np.arange(3000) // 3
    found = recalibration(stated, labels, groups)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(stated[:, None], labels)
    assert found.slope.value == pytest.approx(oracle.coef_[0, 0], abs=2e-3)
    assert found.intercept.value == pytest.approx(oracle.intercept_[0], abs=2e-3)
    drawn = []
    for _ in range(60):
        chosen = np.concatenate([np.arange(3) + 3 * g for g in random.integers(0, 1000, 1000)])
        again = LogisticRegression(C=np.inf).fit(stated[chosen, None], labels[chosen])
        drawn.append(again.coef_[0, 0])
    half = 1.96 * float(np.std(drawn))
    assert found.slope.high - found.slope.value == pytest.approx(half, rel=0.3)


def test_classes_that_part_completely_have_a_finite_slope():
    stated = np.concatenate([np.full(50, -4.0), np.full(50, 4.0)])
    found = recalibration(stated, (stated > 0).astype(int), np.arange(100))
    assert np.isfinite([found.slope.value, found.slope.low, found.slope.high]).all()
    assert found.slope.value > 1


def test_slices_too_small_for_themselves_are_looked_at_together():
    names = [*["a"] * 80, *["b"] * 12, *["c"] * 3, *["d"] * 3, None, None]
    parts = {k: v.height for k, v in slices(pl.DataFrame({"x": names}), "x", share=0.05)}
    assert parts == {"a": 80, "b": 12, "(others)": 6}
    fewer = {k: v.height for k, v in slices(pl.DataFrame({"x": names}), "x", share=0.1)}
    assert fewer == {"a": 80, "b": 12}
    assert list(slices(pl.DataFrame({"x": names}), "y", share=0.1)) == []
