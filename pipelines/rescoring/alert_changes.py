"""What of an alert counts as a change, and which changes make it worse.

An alert is written anew every night, and its rank, its percentiles and its share of this and that
move a little each time. What an analyst must hear of is:

* ``band``: another band;
* ``score``: odds that grew or shrank by more than a tolerated factor;
* ``red_flags``: another red flag under its reasons, or one that is gone (where both runs explained
  it);
* ``part``: another part in the scheme, as its role names it;
* ``lists``: other hits on lists.

Worse are a higher band, grown odds, a further red flag and a further hit. Another part is a change,
and no worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.bands import BANDS
from models.sentences import shown

TOLERANCE = 1.25
"""Odds that change by no more than this factor are the same score."""


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was.

    Attributes
    ----------
    what
        ``band``, ``score``, ``red_flags``, ``part`` or ``lists``; of its circumstances, what
        `pipelines.rescoring.split` names.
    said
        In words.
    worse
        Whether it makes the alert worse.
    """

    what: str
    said: str
    worse: bool


def content(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an alert is compared, from a row of scores or from the alert itself.

    Parameters
    ----------
    alert
        ``band``, ``score``, ``log_odds``, ``role`` and, where it was explained, ``red_flags``; and
        ``list_hits``, as one text or none.
    """
    return {
        "band": alert["band"],
        "score": alert["score"],
        "log_odds": alert["log_odds"],
        "role": alert["role"],
        "list_hits": sorted(filter(None, (alert["list_hits"] or "").split("; "))),
        "red_flags": alert.get("red_flags"),
    }


def flags_of(alert: Mapping[str, Any]) -> list[str]:
    """Return the ids of the red flags under the reasons of an alert."""
    told = {reason["signal"] for reason in alert["reasons"]}
    named = (
        flag["id"]
        for part in alert["contributions"]
        if part["signal"] in told
        for flag in part["red_flags"]
    )
    return sorted(set(named))


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float = TOLERANCE
) -> list[Change]:
    """Say how the content of an alert differs from an earlier one.

    >>> old = {"band": "high", "score": 0.2, "log_odds": -1.386, "role": "mule",
    ...        "list_hits": [], "red_flags": ["fan_out"]}
    >>> new = old | {"band": "severe", "score": 0.5, "log_odds": 0.0, "red_flags": ["fan_out"]}
    >>> [(change.said, change.worse) for change in changes(old, new)]
    [('band high → severe', True), ('score 20 % → 50 % (odds × 4)', True)]
    """
    found = []
    if old["band"] != new["band"]:
        higher = _place(new["band"]) > _place(old["band"])
        found.append(Change("band", f"band {_arrow(old['band'], new['band'])}", higher))
    moved = new["log_odds"] - old["log_odds"]
    if abs(moved) > math.log(tolerance):
        said = _arrow(shown(old["score"], "share"), shown(new["score"], "share"))
        by = f"odds × {math.exp(moved):.2g}"
        found.append(Change("score", f"score {said} ({by})", moved > 0))
    if old["red_flags"] is not None and new["red_flags"] is not None:
        found += _sets("red_flags", "red flag", old["red_flags"], new["red_flags"])
    if old["role"] != new["role"]:
        found.append(Change("part", f"part {_arrow(old['role'], new['role'])}", worse=False))
    found += _sets("lists", "list hit", old["list_hits"], new["list_hits"])
    return found


def _sets(what: str, noun: str, old: Iterable[str], new: Iterable[str]) -> list[Change]:
    more, fewer = sorted({*new} - {*old}), sorted({*old} - {*new})
    return [
        *(Change(what, f"new {noun} {one}", worse=True) for one in more),
        *(Change(what, f"{noun} {one} gone", worse=False) for one in fewer),
    ]


def _place(band: str | None) -> int:
    return -1 if band is None else BANDS.index(band)


def _arrow(old: str | None, new: str | None) -> str:
    return f"{old or 'none'} → {new or 'none'}"
