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
from models.deposit_address import proven
from models.facts import BundleFacts
from models.intervals import wilson
from models.metrics import logistic
from models.roles import LAUNDERERS
from models.saying import count, listed, share, tell
from models.sentences import Number, Sentence
from pipelines.tracing.spoken import spoken

PART_NAMES = {part: part.replace("otc_desk", "OTC desk") for part in LAUNDERERS}
"""Parts as sentences write them."""

_BAND_WORDS = {band: band.replace("_", " ") for band in (LOWEST, *FALSE_POSITIVE_RATES)}


def standing(facts: BundleFacts, alert: Mapping[str, Any], n_scored: int) -> dict[str, Any]:
    """Say what share of the reference addresses reaches a score, and whether its band is sure.

    Parameters
    ----------
    facts
        Of the model. It keeps no reference's own score, but thresholds with their rates and, where
        validation had enough rows, shares by score (`models.by_score`): between those the share
        that reaches this score is known.
    alert
        With its score, interval and log-odds.
    n_scored
        Addresses that the run scored.
    """
    limits = [_band_at(facts, _logit(alert[name])) for name in ("score_low", "score_high")]
    own = _band_at(facts, alert["log_odds"])
    reached = _reached(facts, own, alert["log_odds"])
    alike = _alike(facts, alert["log_odds"])
    told = [
        ("reference", _reference(facts, own, reached)),
        ("alike", None if alike is None else _like_this(facts, alike)),
        ("interval", _crosses(limits)),
    ]
    return {
        "n_scored": n_scored,
        "band_low": limits[0],
        "band_high": limits[1],
        "reference_at_least": reached,
        "alike": alike,
        "said": [{"kind": kind, **spoken(said)} for kind, said in told if said is not None],
    }


def questions(bundle: Bundle, row: Mapping[str, Any], deposit: bool | None) -> dict[str, Any]:
    """Say how the question of the victim was asked and answered, and which parts could come out.

    Parameters
    ----------
    bundle
        The model.
    row
        Of the scores, of status ``scored``.
    deposit
        Whether it looks like an exchange's deposit address by the rule (`models.deposit_address`);
        None where that cannot be asked.
    """
    limits = {} if bundle.roles is None else bundle.roles.facts.told_from
    known = [] if bundle.roles is None else list(bundle.roles.facts.parts)
    never = [part for part in known if part in LAUNDERERS and limits[part] is None]
    answer = _victim(row, has_roles=bundle.roles is not None)
    return {
        "victim": {"answer": answer, **spoken(tell(_VICTIM_WORDS[answer]))},
        "parts": {
            "known": [part for part in known if part in LAUNDERERS],
            "never_told": never,
            "unknown": [part for part in LAUNDERERS if part not in known],
            **spoken(_parts(known, never)),
        },
        "exchange_deposit": {
            "by_rule": deposit,
            "proven": proven() if deposit else None,
            **spoken(_by_rule(deposit)),
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


def _reached(facts: BundleFacts, own: str | None, log_odds: float) -> dict[str, Any]:
    """Return between which shares of the references at least this score lies."""
    names = list(FALSE_POSITIVE_RATES)
    above = names if own in (LOWEST, None) else names[names.index(own) + 1 :]
    next_ = next((name for name in above if facts.thresholds[name] is not None), None)
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
        k=_plain(alike["n_positive"]), share=share(alike["share"]),
        low=share(alike["low"]), high=share(alike["high"]),
        n_all=_plain(alike["n_all"]), k_all=_plain(alike["n_positive_all"]),
        **{name: share(value) for name, value in numbers.items() if value is not None},
    )  # fmt: skip


def _plain(n: int) -> Number:
    return Number(f"{n:,}", n, "count")


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


_DEPOSIT_NOT_LEARNT = (
    "That of an exchange’s deposit address is no part that can be learnt: labels count such "
    "addresses among those that do not launder."
)
_DEPOSIT_WORDS = {
    True: "By rule it looks like an exchange’s deposit address, whatever part is told: nearly all "
    "that it sent went to known addresses of exchanges. Of {n} on synthetic worlds that look so, "
    "{right} are one (95 % interval: {low} to {high}), the others cold wallets of exchanges; there "
    "hardly anybody else pays a known wallet of an exchange.",
    False: f"{_DEPOSIT_NOT_LEARNT} The rule for one, which needs to know the exchanges that it "
    "pays, does not hold here.",
    None: f"{_DEPOSIT_NOT_LEARNT} The rule for one cannot be asked here.",
}


def _by_rule(deposit: bool | None) -> Sentence:
    """Say whether it looks like a deposit address and, if so, how often that was right."""
    was = proven()
    return tell(
        _DEPOSIT_WORDS[deposit],
        n=count(int(was["n"]), "address", "addresses"), right=_plain(int(was["right"])),
        low=share(was["low"]), high=share(was["high"]),
    )  # fmt: skip


def _parts(known: list[str], never: list[str]) -> Sentence:
    """Say which parts could come out, and which could not."""
    learnt = [PART_NAMES[part] for part in known if part in LAUNDERERS]
    missing = [name for part, name in PART_NAMES.items() if part not in known]
    if not learnt:
        why = "no part was labelled often enough" if known else "this model knows no roles"
        return tell(f"Which part it plays cannot be asked: {why}.")
    clear = [PART_NAMES[part] for part in known if part in LAUNDERERS and part not in never]
    said = [f"Where it is clear, the model tells {listed(clear)}"] if clear else []
    if never:
        weak = listed([PART_NAMES[part] for part in never])
        said.append(f"{weak} it never tells, because it is not right often enough")
    if missing:
        said.append(f"{listed(missing)} it cannot name")
    whole = "; ".join(said)
    return tell(f"{whole[0].upper()}{whole[1:]}.")
