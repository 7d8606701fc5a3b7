"""Where a score stands, and which questions were asked before it is shown.

Two readings of a page must not happen: that a share of the reference addresses which was chosen for
a *band* is the rate of this score; and that a part which the model cannot name has been excluded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.bands import FALSE_POSITIVE_RATES, LOWEST, bands
from models.bundle import Bundle
from models.facts import BundleFacts
from models.intervals import wilson
from models.roles import LAUNDERERS
from models.saying import count, listed, share, tell
from models.sentences import Sentence
from pipelines.tracing.spoken import spoken

PART_NAMES = {part: part.replace("otc_desk", "OTC desk") for part in LAUNDERERS}
"""Parts as sentences write them."""

_BAND_WORDS = {band: band.replace("_", " ") for band in (LOWEST, *FALSE_POSITIVE_RATES)}


def standing(facts: BundleFacts, alert: Mapping[str, Any], n_scored: int) -> dict[str, Any]:
    """Say what share of the reference addresses reaches a score, and whether its band is sure.

    Parameters
    ----------
    facts
        Of the model. It keeps the thresholds and their rates, not the references' own scores; so
        the share that reaches this score is known between the rates of two thresholds.
    alert
        With its score, interval and log-odds.
    n_scored
        Addresses that the run scored.
    """
    limits = [_band_at(facts, _logit(alert[name])) for name in ("score_low", "score_high")]
    own = _band_at(facts, alert["log_odds"])
    reached = _reached(facts, own)
    told = [("reference", _reference(facts, own, reached)), ("interval", _crosses(limits))]
    return {
        "n_scored": n_scored,
        "band_low": limits[0],
        "band_high": limits[1],
        "reference_at_least": reached,
        "said": [{"kind": kind, **spoken(said)} for kind, said in told if said is not None],
    }


def questions(bundle: Bundle, row: Mapping[str, Any]) -> dict[str, Any]:
    """Say how the question of the victim was asked and answered, and which parts could come out.

    Parameters
    ----------
    bundle
        The model.
    row
        Of the scores, of status ``scored``.
    """
    known = [] if bundle.roles is None else list(bundle.roles.facts.parts)
    answer = _victim(row, has_roles=bundle.roles is not None)
    return {
        "victim": {"answer": answer, **spoken(tell(_VICTIM_WORDS[answer]))},
        "parts": {
            "known": [part for part in known if part in LAUNDERERS],
            "unknown": [part for part in LAUNDERERS if part not in known],
            **spoken(_parts(known)),
        },
    }


def _band_at(facts: BundleFacts, log_odds: float | None) -> str | None:
    return None if log_odds is None else bands(np.array([log_odds]), facts.thresholds)[0]


def _logit(chance: float | None) -> float | None:
    if chance is None:
        return None
    if chance in (0.0, 1.0):
        return math.copysign(math.inf, chance - 0.5)
    return math.log(chance / (1 - chance))


def _reached(facts: BundleFacts, own: str | None) -> dict[str, Any]:
    """Return between which shares of the references at least this score lies."""
    names = list(FALSE_POSITIVE_RATES)
    above = names if own in (LOWEST, None) else names[names.index(own) + 1 :]
    next_ = next((name for name in above if facts.thresholds[name] is not None), None)
    rates, n = facts.threshold_population.rates, facts.threshold_population.n
    most = rates.get(own or "")
    least = None if next_ is None else rates[next_]
    rate = most if most is not None else least
    low, high = (None, None) if rate is None else wilson(rate * n, n)
    return {"more_than": least, "at_most": most, "low": low, "high": high}


def _reference(facts: BundleFacts, own: str | None, reached: Mapping[str, Any]) -> Sentence | None:
    """Say it: how many of those labelled otherwise score at least as high."""
    if own is None:
        return None
    numbers = {
        "n": count(facts.threshold_population.n, "reference address", "reference addresses"),
        "low": share(reached["low"] or 0.0),
        "high": share(reached["high"] or 0.0),
    }
    parts = []
    if reached["more_than"] is not None:
        parts.append("more than {least}")
        numbers["least"] = share(reached["more_than"])
    if reached["at_most"] is not None:
        parts.append("at most {most}")
        numbers["most"] = share(reached["at_most"])
    words = {
        name: number for name, number in numbers.items() if name != "most" or "most" in numbers
    }
    return tell(
        f"Of the {{n}} labelled as something else, {' and '.join(parts)} score as high as this or "
        "higher (95 % interval of that share, by their number: {low} to {high}). The model keeps "
        "only where bands begin, so it knows no closer.",
        **words,
    )


def _crosses(limits: list[str | None]) -> Sentence | None:
    """Say that the interval of the score reaches over a threshold."""
    low, high = limits
    if low is None or high is None or low == high:
        return None
    return tell(
        f"The interval reaches from {_BAND_WORDS[low]} into {_BAND_WORDS[high]}: which of these "
        "bands it is in is not sure."
    )


def _victim(row: Mapping[str, Any], *, has_roles: bool) -> str:
    if not has_roles:
        return "rule_only"
    if row["band"] in (LOWEST, None):
        return "not_likeliest"
    return "list_decides" if row["role"] is None else "not_supported"


_VICTIM_WORDS = {
    "not_supported": "Whether it is a victim’s wallet was asked first; the data do not support it.",
    "not_likeliest": "Whether it is a victim’s wallet was asked: of victim, launderer and neither, "
    "victim is not the likeliest. Nothing stricter is asked below review.",
    "list_decides": "Whether it is a victim’s wallet was asked; its behaviour may be a victim’s "
    "too, but it stands on a list, and the list decides.",
    "rule_only": "Whether it is a victim’s wallet cannot be asked of this model, which knows no "
    "roles; a rule of thumb, which misses most victims, does not hold here.",
}


def _parts(known: list[str]) -> Sentence:
    """Say which parts could come out, and which could not."""
    learnt = [PART_NAMES[part] for part in known if part in LAUNDERERS]
    missing = [name for part, name in PART_NAMES.items() if part not in known]
    if not learnt:
        why = "no part was labelled often enough" if known else "this model knows no roles"
        return tell(f"Which part it plays cannot be asked: {why}.")
    opening = f"The model tells apart {listed(learnt)}"
    if len(learnt) == 1:
        opening = f"The only part that the model knows is {learnt[0]}"
    if not missing:
        return tell(f"{opening}.")
    return tell(f"{opening}; {listed(missing)} cannot come out.")
