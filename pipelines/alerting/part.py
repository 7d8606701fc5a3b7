"""Which part an alert says the address may play, how sure that is, and how often it was right.

A part is told only where it is clear (`models.roles.clearness`). Where it is not, the alert says so
and names the likely ones with their shares. Either answer brings what labelled launderers showed of
it, judged by trees that did not learn from them: of those told so, how many were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.facts import BundleFacts
from models.intervals import wilson
from models.roles import MEANINGS, NOT_CLEAR, RoleModel
from models.saying import count, joined, listed, share, tell
from models.sentences import Number, Sentence
from pipelines.alerting.questions import PART_NAMES
from pipelines.tracing.spoken import spoken

LEAST_LIKELY, MOST_LIKELY = 0.1, 3
"""The least share of a part that is named as likely, and how many are."""


def parts_told(
    facts: BundleFacts,
    roles: RoleModel | None,
    rows: list[dict[str, Any]],
    inputs: np.ndarray,
) -> list[dict[str, Any] | None]:
    """Say which part each address may play.

    Parameters
    ----------
    facts, roles
        Of the bundle.
    rows
        Of the scores, of status ``scored``.
    inputs
        Their signals, as `Bundle.log_odds` takes them.

    Returns
    -------
    list
        None where no part is asked for: below review, on a list, or by a model without roles.
    """
    if roles is None:
        return [None] * len(rows)
    chances = roles.part_chances(inputs)
    where = "of the synthetic world " if facts.training_basis == "synthetic" else ""
    return [
        None if row["role"] is None else _part(roles, row, chance.tolist(), where)
        for row, chance in zip(rows, chances, strict=True)
    ]


def _part(
    roles: RoleModel, row: Mapping[str, Any], chance: list[float], where: str
) -> dict[str, Any]:
    name, parts = row["role"], roles.facts.parts
    likely = _likely(dict(zip(parts, chance, strict=True)))
    first = likely[0]["part"]
    proven = _proven(roles, name, first)
    said = [_opening(name, likely), _reliability(name, first, proven, where)]
    return {
        "name": name,
        "meaning": MEANINGS[name],
        "confidence": row["role_confidence"],
        "told_apart_from": [part for part in parts if part != name],
        "likely": likely,
        "reliability": proven,
        **spoken(joined([one for one in said if one is not None])),
    }


def _likely(chances: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the likeliest part, and others of at least `LEAST_LIKELY`, with their shares."""
    order = sorted(chances, key=lambda part: -chances[part])  # of equals the first, as settled
    kept = [part for k, part in enumerate(order) if k == 0 or chances[part] >= LEAST_LIKELY]
    return [{"part": part, "share": chances[part]} for part in kept[:MOST_LIKELY]]


def _proven(roles: RoleModel, name: str, first: str) -> dict[str, Any] | None:
    """Return of how many so answered the likeliest part was the true one; None if of nobody."""
    counted = roles.facts.unclear if name == NOT_CLEAR else roles.facts.told
    true = counted.get(first, {})
    n, right = sum(true.values()), true.get(first, 0)
    if not n:
        return None
    low, high = wilson(right, n)
    return {"part": first, "n": n, "right": right, "low": low, "high": high, "true": dict(true)}


def _opening(name: str, likely: list[dict[str, Any]]) -> Sentence:
    if name == NOT_CLEAR:
        numbers: dict[str, Number | str] = {
            f"p{k}": share(one["share"]) for k, one in enumerate(likely)
        }
        named = [f"{_named(one['part'])} {{p{k}}}" for k, one in enumerate(likely)]
        return tell(f"Part not clear: by the trees {listed(named)}.", **numbers)
    if name not in PART_NAMES:
        return tell(f"Resembles a launderer; {MEANINGS[name]}.")
    return tell(
        f"Most like {_a(_named(name))} ({MEANINGS[name]}), by the trees {{p}} among the parts they "
        "know.",
        p=share(likely[0]["share"]),
    )


def _reliability(
    name: str, first: str, proven: Mapping[str, Any] | None, where: str
) -> Sentence | None:
    """Say of how many labelled launderers so answered it was right."""
    if proven is None:
        return None
    limits = {"low": share(proven["low"]), "high": share(proven["high"])}
    people = count(proven["n"], "labelled launderer", "labelled launderers")
    right, was = Number(f"{proven['right']:,}", proven["right"], "count"), _named(first)
    answered = f"told as {was}, this was the part"
    if name == NOT_CLEAR:
        answered = f"left not clear with {was} the likeliest, that was the part"
    return tell(
        f"In {{right}} of {{people}} {where}{answered} (95 % interval: {{low}} to {{high}}); the "
        "trees had not seen them.",
        right=right, people=people, **limits,
    )  # fmt: skip


def _named(part: str) -> str:
    return PART_NAMES.get(part, part)


def _a(word: str) -> str:
    """Put the article before a part.

    >>> _a("mule"), _a("OTC desk"), _a("escrow")
    ('a mule', 'an OTC desk', 'an escrow')
    """
    return f"{'an' if word[0] in 'aeiouO' else 'a'} {word}"
