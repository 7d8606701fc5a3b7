"""The promotion gate: whether a model may take the champion's place.

`judge` looks at results that are already there: it reads no file, asks no clock and knows no
registry, so that the same evidence always gets the same verdict. Each file is one question;
`bounds` says what is asked for and why.

| file | question |
|---|---|
| `fitness` | may anybody act on the model, was its training audited, are the labels enough |
| `comparison` | is it worse than the champion, overall or for anybody |
| `trust` | are its probabilities right |
| `harm` | are victims shown as suspects, do false alarms fall on some more than on others |

A check passes, fails, or is *inconclusive*: its interval holds both. An inconclusive check is no
pass. The verdict is the worst of its checks.
"""

from __future__ import annotations

from models.gate.bounds import Bounds
from models.gate.comparison import champion_checks
from models.gate.evidence import Evidence
from models.gate.fitness import fitness_checks
from models.gate.harm import harm_checks
from models.gate.trust import calibration_checks
from models.gate.verdict import Check, Verdict

__all__ = ["Bounds", "Check", "Evidence", "Verdict", "judge"]


def judge(evidence: Evidence, bounds: Bounds | None = None) -> Verdict:
    """Say whether a model may be promoted.

    Parameters
    ----------
    evidence
        The model's results on held-out rows, the champion's on the same rows, and what the bundle
        tells of itself.
    bounds
        What is asked for; default: `Bounds()`.

    Returns
    -------
    Verdict
        Every check with its number, its bound and what to do; see `Verdict.explained` for what a
        named person may answer for.
    """
    asked = bounds or Bounds()
    checks = (
        *fitness_checks(evidence, asked),
        *champion_checks(evidence, asked),
        *calibration_checks(evidence, asked),
        *harm_checks(evidence, asked),
    )
    return Verdict(checks)
