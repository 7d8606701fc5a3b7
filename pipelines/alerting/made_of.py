"""What a score is made of: the reasons told, other unusual values, ordinary ones, what lowers it.

The reasons that an alert tells rarely make its score alone. A model adds up many signals, most of
them with values that many look-alikes have too, and a reader who multiplies the reasons must not
wonder at the score, nor take them for all of it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from models.explanation import Contribution, Explanation
from models.saying import count, tell
from models.sentences import Number, Sentence, shown

PARTS = ("reasons", "unusual", "ordinary", "lowering")
"""The parts, each a factor of the odds.

reasons
    The reasons told.
unusual
    All else that raises the odds with a value unusual among look-alikes: weaker reasons, and those
    that repeat a stronger one.
ordinary
    What raises them with a value ordinary among look-alikes, or unknown.
lowering
    What lowers them.
"""


def made_of(explanation: Explanation, told: Collection[str]) -> dict[str, float]:
    """Return the factors; with the odds of `Explanation.base` their product is the score's odds.

    Parameters
    ----------
    told
        The signals of the reasons that are told.
    """
    sums: dict[str, list[float]] = {part: [] for part in PARTS}
    for contribution in explanation.contributions:
        sums[_part(contribution, told)].append(contribution.log_odds)
    return {part: math.exp(math.fsum(sums[part])) for part in PARTS}


def made_of_words(of: Mapping[str, float], n_reasons: int) -> Sentence:
    """Say it."""
    rest = (
        "values that are ordinary among look-alikes or unknown, none of which is a reason alone, "
        "{ordinary} that; and what lowers the score {lowering} that."
    )
    numbers = {part: _factor(of[part]) for part in PARTS}
    if not n_reasons:
        return tell(
            "What the score is made of: unusual values make the odds {unusual} what they start "
            f"from; {rest}",
            **{part: number for part, number in numbers.items() if part != "reasons"},
        )
    whose = "This one reason makes" if n_reasons == 1 else "These {n} together make"
    return tell(
        f"{whose} the odds {{reasons}} what they start from. Further unusual values make them "
        f"{{unusual}} that; {rest}",
        **numbers,
        **({} if n_reasons == 1 else {"n": count(n_reasons, "reason")}),
    )


def _part(contribution: Contribution, told: Collection[str]) -> str:
    if contribution.signal in told:
        return "reasons"
    if contribution.log_odds < 0:
        return "lowering"
    return "unusual" if contribution.is_reason else "ordinary"


def _factor(multiplier: float) -> Number:
    return Number(shown(multiplier, "ratio"), multiplier, "ratio")
