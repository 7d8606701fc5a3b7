"""How good a score is on the judged rows of a study, and how much better than another."""

from __future__ import annotations

from benchmarks.worth_fits import Scores
from benchmarks.worth_studies import Study
from data.errors import Refused
from models.bootstrap import Estimate, PairedDifference, estimates, paired_bootstrap
from models.metrics import Metric, Outcomes, measure


def estimated(study: Study, found: Scores, metric: Metric) -> Estimate:
    """Measure one score, with an interval over groups.

    Raises
    ------
    Refused
        The rows cannot resolve the metric.
    """
    judged = study.judged
    outcomes = Outcomes(judged["label"].to_numpy(), found.judged, judged["group"].to_numpy())
    estimate = estimates(outcomes, [metric])[metric.name]
    if estimate is None:
        raise Refused(f"{study.name}: {judged.height} rows cannot resolve {metric.name}.")
    return estimate


def difference(study: Study, a: Scores, b: Scores, metric: Metric) -> PairedDifference:
    """Measure how much better `a` is than `b`, with a paired interval over groups."""
    judged = study.judged
    label, group = judged["label"].to_numpy(), judged["group"].to_numpy()
    return paired_bootstrap(label, a.judged, b.judged, group, metric)


def on_validation(study: Study, found: Scores) -> float:
    """Measure a score on the validation rows, by which settings are chosen."""
    outcomes = Outcomes(study.validation["label"].to_numpy(), found.validation)
    return measure(study.metric, outcomes)


def with_interval(found: Estimate) -> str:
    """Write an estimate with its interval."""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def signed(gap: PairedDifference, digits: int = 3) -> str:
    """Write a difference with its interval."""
    value, low, high = (f"{x:+.{digits}f}" for x in (gap.difference, gap.low, gap.high))
    return f"{value} [{low}, {high}]"
