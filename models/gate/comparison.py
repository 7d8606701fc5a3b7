"""Whether the model is worse than the champion, overall or for anybody.

Both are measured on the same rows, and each bootstrap resample draws the same cases for both, so
that only their difference varies. With `d` for model minus champion, its 95 % interval, and the
margin m that still counts as the same:

- **pass** where the whole interval lies above -m;
- **fail** where d is below -m and the interval does not reach 0: it is worse, and by too much;
- **inconclusive** otherwise.

Every slice must pass, so passing needs no correction for their number: a model worse on one slice
passes it with a chance of at most 2.5 %, however many others there are. Failing does need one: with
twenty slices one in two equal models would fail somewhere by chance. There the interval is widened
(Bonferroni, on a normal approximation).

The champion may have learnt from these rows. That flatters the champion and never the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

import polars as pl

from models.against import paired, resolvable
from models.bootstrap import PairedDifference
from models.gate.bounds import Bounds
from models.gate.evidence import SLICES, Evidence
from models.gate.slicing import slices
from models.gate.verdict import FAIL, INCONCLUSIVE, NOTED, PASS, Check
from models.metrics import METRICS

_Z95 = NormalDist().inv_cdf(0.975)
_SHOW = "Look at this slice with `unrinse evaluate`; more labels of it settle what is open."


def champion_checks(evidence: Evidence, bounds: Bounds) -> Iterator[Check]:
    """Compare with the champion; without one nothing is compared, and that is said."""
    if "champion" not in evidence.rows.columns:
        yield Check("champion", NOTED, "there is no champion yet, so nothing is compared")
        return
    judged = evidence.judged
    yield _coverage(judged, bounds)
    both = judged.filter(pl.col("log_odds").is_not_null() & pl.col("champion").is_not_null())
    for name, margin in (
        ("pr_auc", bounds.pr_auc),
        ("roc_auc", bounds.roc_auc),
        ("recall_at_fpr_0.01", bounds.recall),
    ):
        yield _overall(both, name, margin, bounds)
    parts = list(_parts(both, bounds))
    for name, part in parts:
        yield _slice(name, part, bounds, of=len(parts))


def _coverage(judged: pl.DataFrame, bounds: Bounds) -> Check:
    """Compare how many addresses get a score at all."""
    model = float(judged["log_odds"].is_not_null().mean() or 0.0)  # type: ignore[arg-type]
    champion = float(judged["champion"].is_not_null().mean() or 0.0)  # type: ignore[arg-type]
    fine = model >= champion - bounds.coverage
    return Check(
        "coverage",
        PASS if fine else FAIL,
        f"scores {model:.1%} of the held-out addresses; the champion {champion:.1%}",
        fix="Train it for the legs and the shortest history that the champion has.",
        value=model - champion,
        bound=f"at least -{bounds.coverage:g}",
        answerable=True,
    )


def _overall(both: pl.DataFrame, metric: str, margin: float, bounds: Bounds) -> Check:
    name = f"not_worse:{metric}"
    if not resolvable(both, METRICS[metric]):
        positives = int(both["label"].sum())
        of = f"{positives:,} positives and {both.height - positives:,} negatives"
        return Check(
            name,
            # A rate of 1 % needs a thousand negatives, which few teams hold; the two areas decide.
            NOTED if metric.startswith("recall") else INCONCLUSIVE,
            f"{of} cannot show {metric}",
            fix=_SHOW,
        )
    return _compared(name, metric, _difference(both, metric, bounds), margin, of=1)


def _parts(both: pl.DataFrame, bounds: Bounds) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each slice: its positives beside its negatives, or beside all where it has too few."""
    positives, negatives = both.filter(pl.col("label") == 1), both.filter(pl.col("label") == 0)
    for column in (*SLICES, "typology"):
        for value, own in slices(positives, column, share=bounds.slice_share):
            beside = negatives.filter(pl.col(column) == value)
            enough = beside.height >= bounds.slice_rows
            yield f"not_worse:{column}:{value}", pl.concat([own, beside if enough else negatives])


def _slice(name: str, part: pl.DataFrame, bounds: Bounds, *, of: int) -> Check:
    positives = int((part["label"] == 1).sum())
    negatives = part.height - positives
    if min(positives, negatives) < bounds.slice_rows:
        return Check(
            name,
            INCONCLUSIVE,
            f"{positives:,} positives and {negatives:,} negatives are too few to compare on",
            fix=_SHOW,
            bound=f"at least {bounds.slice_rows} of each",
            answerable=True,
        )
    return _compared(name, "roc_auc", _difference(part, "roc_auc", bounds), bounds.roc_auc, of=of)


def _difference(rows: pl.DataFrame, metric: str, bounds: Bounds) -> PairedDifference:
    return paired(rows, metric, resamples=bounds.resamples, seed=bounds.seed)


def _compared(name: str, metric: str, found: PairedDifference, margin: float, *, of: int) -> Check:
    widened = NormalDist().inv_cdf(1 - 0.025 / of) / _Z95
    highest = found.difference + (found.high - found.difference) * widened
    if found.low >= -margin:
        outcome = PASS
    elif found.difference < -margin and highest < 0:
        outcome = FAIL
    else:
        outcome = INCONCLUSIVE
    return Check(
        name,
        outcome,
        f"{metric} {found.a:.3f}; the champion {found.b:.3f}",
        fix=_SHOW,
        value=found.difference,
        low=found.low,
        high=found.high,
        bound=f"the whole interval above -{margin:g}",
        answerable=outcome == INCONCLUSIVE and of > 1,
    )
