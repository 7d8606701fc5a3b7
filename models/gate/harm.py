"""Who would be hurt: victims shown as suspects, and whoever has more false alarms than others.

A victim is *presented as a suspect* if the scores file shows the address with a band of `medium` or
above. The limit is a limit on what is proven, not on what was seen: with none of 1,000 victims
presented, 0.3 % may still be (Clopper-Pearson), so a proof of 0.1 % takes 2,995 known victims.

A false-positive ratio is the rate of a slice over the rate of all benign rows. Its interval is that
of the slice's rate (Clopper-Pearson); the overall rate rests on many more rows and is taken as it
is. A ratio that is too high can have a good reason (an OTC desk behaves as a launderer does); a
named person may give it, and it stands in the record of the decision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import polars as pl

from models.gate.bounds import Bounds
from models.gate.evidence import SLICES, Evidence
from models.gate.slicing import slices
from models.gate.verdict import FAIL, INCONCLUSIVE, PASS, Check
from models.intervals import lower_limit, upper_limit


def harm_checks(evidence: Evidence, bounds: Bounds) -> Iterator[Check]:
    """Check victims and the ratios of false alarms."""
    if not evidence.gives_bands:
        yield Check(
            "bands",
            INCONCLUSIVE,
            "the bundle gives out no bands, so nobody would be presented and nothing is shown",
            fix="Train with at least 200 negatives in validation.",
        )
        return
    yield _victims(evidence.victims, bounds)
    yield from _false_alarms(evidence.benign, bounds)


def _victims(victims: pl.DataFrame, bounds: Bounds) -> Check:
    n, presented = victims.height, int(victims["suspect"].sum())
    high = upper_limit(presented, n) if n else 1.0
    share = presented / n if n else None
    if high < bounds.victims:
        outcome = PASS
    # The burden of proof is the model's: more than the bound in the sample is enough to fail.
    elif share is not None and share > bounds.victims:
        outcome = FAIL
    else:
        outcome = INCONCLUSIVE
    needed = math.ceil(math.log(0.05) / math.log1p(-bounds.victims))
    return Check(
        "victims",
        outcome,
        f"{presented:,} of {n:,} known victims would be presented as suspects",
        fix="Look at them with `unrinse explain`; such a model must not be used."
        if outcome == FAIL
        else f"It takes {needed:,} known victims of whom none is presented; a simulated world has "
        "them (--world).",
        value=share,
        low=lower_limit(presented, n) if n else None,
        high=high,
        bound=f"upper 95 % limit below {bounds.victims:.1%}",
    )


def _false_alarms(benign: pl.DataFrame, bounds: Bounds) -> Iterator[Check]:
    flagged = int(benign["suspect"].sum())
    if benign.height < bounds.negatives:
        yield Check(
            "false_alarms",
            INCONCLUSIVE,
            f"{benign.height:,} benign addresses are too few to compare groups of them",
            fix="Wait for more negatives, or give --populations.",
            bound=f"at least {bounds.negatives}",
        )
        return
    if not flagged:
        yield Check(
            "false_alarms",
            PASS,
            f"none of {benign.height:,} benign addresses is flagged",
            value=0.0,
        )
        return
    overall = flagged / benign.height
    for column in (*SLICES, "population"):
        share = bounds.population_share if column == "population" else bounds.slice_share
        for value, rows in slices(benign, column, share=share):
            yield _ratio(f"false_alarms:{column}:{value}", rows, overall, bounds)


def _ratio(name: str, rows: pl.DataFrame, overall: float, bounds: Bounds) -> Check:
    n, hits = rows.height, int(rows["suspect"].sum())
    ratio = hits / n / overall
    low, high = (limit(hits, n, 0.025) / overall for limit in (lower_limit, upper_limit))
    if n >= bounds.slice_rows and high <= bounds.ratio:
        outcome = PASS
    elif ratio > bounds.ratio and low > 1:
        outcome = FAIL
    else:
        outcome = INCONCLUSIVE
    return Check(
        name,
        outcome,
        f"{hits:,} of {n:,} flagged, {ratio:.2f} times the overall {overall:.2%}",
        fix="More benign addresses of the kind settle it; a good reason can be given with "
        "--explain.",
        value=ratio,
        low=low,
        high=high,
        bound=f"the whole interval at most {bounds.ratio:g}",
        answerable=True,
    )
