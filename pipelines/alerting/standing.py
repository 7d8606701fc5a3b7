"""Where a score stands: among the reference addresses, in its band, and on what it is built.

Two readings of a page must not happen: that a share of the reference addresses which was chosen for
a *band* is the rate of this score; and that the reasons told are all of the score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.bands import BANDS, LOWEST, bands
from models.explanation import Explanation
from models.facts import BundleFacts
from models.intervals import wilson
from models.metrics import logistic
from models.saying import count, share, tell, whole
from models.sentences import Sentence
from pipelines.alerting.made_of import made_of, made_of_words
from pipelines.tracing.spoken import spoken

_BAND_WORDS = {band: band.replace("_", " ") for band in BANDS}


def standing(
    facts: BundleFacts, alert: Mapping[str, Any], explanation: Explanation, n_scored: int
) -> dict[str, Any]:
    """Say what share of the reference addresses reaches a score, and whether its band is sure.

    Parameters
    ----------
    facts
        Of the model. It keeps no reference's own score, but thresholds with their rates and, where
        validation had enough rows, shares by score (`models.by_score`): between those the share
        that reaches this score is known.
    alert
        With its score, interval, log-odds and reasons.
    explanation
        All parts of the score.
    n_scored
        Addresses that the run scored.
    """
    limits = [_band_at(facts, _logit(alert[name])) for name in ("score_low", "score_high")]
    own = _band_at(facts, alert["log_odds"])
    reached = _reached(facts, own, alert["log_odds"])
    alike = _alike(facts, alert["log_odds"])
    of = made_of(explanation, [reason["signal"] for reason in alert["reasons"]])
    told = [
        ("reference", _reference(facts, own, reached)),
        ("alike", None if alike is None else _like_this(facts, alike)),
        ("interval", _crosses(limits)),
        ("band", _begins(facts, own)),
        ("made_of", made_of_words(of, len(alert["reasons"]))),
    ]
    return {
        "n_scored": n_scored,
        "band_low": limits[0],
        "band_high": limits[1],
        "reference_at_least": reached,
        "alike": alike,
        "made_of": of,
        "said": [{"kind": kind, **spoken(said)} for kind, said in told if said is not None],
    }


def _band_at(facts: BundleFacts, log_odds: float | None) -> str | None:
    return None if log_odds is None else bands(np.array([log_odds]), facts.thresholds)[0]


def _logit(chance: float | None) -> float | None:
    if chance is None:
        return None
    if chance in (0.0, 1.0):
        return math.copysign(math.inf, chance - 0.5)
    return math.log(chance / (1 - chance))


def _reached(facts: BundleFacts, own: str | None, log_odds: float) -> dict[str, Any]:
    """Return between which shares of the references at least this score lies."""
    next_ = _next(facts, own)
    rates, n = facts.threshold_population.rates, facts.threshold_population.n
    most = rates.get(own or "")
    least = None if next_ is None else rates[next_]
    if facts.by_score is None:
        rate = most if most is not None else least
        low, high = (None, None) if rate is None else wilson(rate * n, n)
        return {"more_than": least, "at_most": most, "low": low, "high": high}
    beyond, reached = facts.by_score.reached(log_odds)
    return {
        "more_than": max(beyond.share, least or 0.0),
        "at_most": min(reached.share, 1.0 if most is None else most),
        "low": beyond.low,
        "high": reached.high,
    }


def _reference(facts: BundleFacts, own: str | None, reached: Mapping[str, Any]) -> Sentence | None:
    """Say it: how many of those labelled otherwise score at least as high."""
    if own is None and facts.by_score is None:
        return None
    numbers = {
        "n": count(facts.threshold_population.n, "reference address", "reference addresses"),
        "low": share(reached["low"] or 0.0),
        "high": share(reached["high"] or 0.0),
    }
    parts = []
    if reached["more_than"]:
        parts.append("more than {least}" if facts.by_score is None else "at least {least}")
        numbers["least"] = share(reached["more_than"])
    if reached["at_most"] is not None and reached["at_most"] < 1:
        parts.append("at most {most}")
        numbers["most"] = share(reached["at_most"])
    if not parts:
        return None
    opening = f"Of the {{n}} labelled as something else, {' and '.join(parts)} score as high as "
    if facts.by_score is None:
        return tell(
            opening + "this or higher (95 % interval of that share, by their number: {low} to "
            "{high}). The model keeps only where bands begin, so it knows no closer.",
            **numbers,
        )
    return tell(opening + "this or higher (95 % interval: {low} to {high}).", **numbers)


def _alike(facts: BundleFacts, log_odds: float) -> dict[str, Any] | None:
    """Return what those were that scored about like this one; None where too few are known."""
    if facts.by_score is None:
        return None
    step = facts.by_score.step(log_odds)
    end = facts.by_score.after(step)
    lowest = step is facts.by_score.steps[0]
    return {
        "score_from": None if lowest else _chance(step.least),
        "score_below": None if end is None else _chance(end),
        "n": step.n,
        "n_positive": step.n_positive,
        "share": step.share,
        "low": step.low,
        "high": step.high,
        "n_all": facts.by_score.n,
        "n_positive_all": facts.by_score.n_positive,
    }


def _like_this(facts: BundleFacts, alike: Mapping[str, Any]) -> Sentence:
    """Say it, with how many there were among all that were looked at."""
    ends = {name: alike[f"score_{name}"] for name in ("from", "below")}
    words = {
        (True, True): "from {from_} to {below}",
        (True, False): "from {from_} on",
        (False, True): "below {below}",
    }.get((ends["from"] is not None, ends["below"] is not None), "at all")
    numbers = {"from_": ends["from"], "below": ends["below"]}
    whose = " of the synthetic world" if facts.training_basis == "synthetic" else ""
    return tell(
        f"Of the {{n}}{whose} that scored about like this one ({words}), {{k}} are labelled as "
        "laundering, {share} (95 % interval: {low} to {high}); of all {n_all} there, {k_all}. In "
        "life far fewer launder.",
        n=count(alike["n"], "labelled address", "labelled addresses"),
        k=whole(alike["n_positive"]), share=share(alike["share"]),
        low=share(alike["low"]), high=share(alike["high"]),
        n_all=whole(alike["n_all"]), k_all=whole(alike["n_positive_all"]),
        **{name: share(value) for name, value in numbers.items() if value is not None},
    )  # fmt: skip


def _chance(log_odds: float) -> float:
    return float(logistic(np.array([log_odds]))[0])


def _crosses(limits: list[str | None]) -> Sentence | None:
    """Say that the interval of the score reaches over a threshold."""
    low, high = limits
    if low is None or high is None or low == high:
        return None
    return tell(
        f"The interval reaches from {_BAND_WORDS[low]} into {_BAND_WORDS[high]}: which of these "
        "bands it is in is not sure."
    )


def _begins(facts: BundleFacts, own: str | None) -> Sentence | None:
    """Say where the band of the score begins, and the next one."""
    following = _next(facts, own)
    numbers = {
        place: share(_chance(limit))
        for place, band in (("own", own), ("following", following))
        if (limit := facts.thresholds.get(band or "")) is not None
    }
    if own is None or not numbers:
        return None
    if own == LOWEST:
        return tell("Review begins at {following}.", **numbers)
    rest = "" if following is None else f", {_BAND_WORDS[following]} at {{following}}"
    return tell(f"{_BAND_WORDS[own].capitalize()} begins at {{own}}{rest}.", **numbers)


def _next(facts: BundleFacts, own: str | None) -> str | None:
    """Return the next band above one that has a threshold; of none, the first."""
    above = BANDS[BANDS.index(own or LOWEST) + 1 :]
    return next((band for band in above if facts.thresholds[band] is not None), None)
