"""What the gate says: one check after the other, and the worst of them.

>>> good = Check("labels", PASS, "enough")
>>> open_ = Check("not_worse:chain:tron", INCONCLUSIVE, "too few", answerable=True)
>>> Verdict((good, open_)).outcome
'inconclusive'
>>> Verdict((good, open_)).explained({"not_worse:chain:tron": "Tron is new to us."}).outcome
'pass'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from data.errors import Refused, did_you_mean

PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"
"""Outcomes of a verdict, and of a check."""

EXPLAINED, NOTED = "explained", "noted"
"""Further outcomes of a check: a named person answered for it; it informs and never decides."""


@dataclass(frozen=True)
class Check:
    """One question and its answer.

    Attributes
    ----------
    name : str
        Such as ``false_alarms:chain:tron``.
    outcome : str
        ``pass``, ``fail``, ``inconclusive``, ``explained`` or ``noted``.
    what : str
        What was found, in words.
    fix : str
        What to do where it did not pass.
    value, low, high : float, optional
        The number behind it, with the limits of its 95 % interval.
    bound : str
        What it is held to, in words.
    answerable : bool
        Whether a named person may explain it away.
    reason : str
        The explanation that was given.
    """

    name: str
    outcome: str
    what: str
    fix: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: str = ""
    answerable: bool = False
    reason: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what a record keeps: everything that says something."""
        return {k: v for k, v in asdict(self).items() if v not in (None, "") or k == "outcome"}


@dataclass(frozen=True)
class Verdict:
    """All checks of one decision."""

    checks: tuple[Check, ...]

    @property
    def outcome(self) -> str:
        """``fail`` if any check fails, else ``inconclusive`` if any is, else ``pass``."""
        found = {check.outcome for check in self.checks}
        return next((worst for worst in (FAIL, INCONCLUSIVE) if worst in found), PASS)

    def of(self, outcome: str) -> tuple[Check, ...]:
        """Return the checks with that outcome."""
        return tuple(check for check in self.checks if check.outcome == outcome)

    def explained(self, reasons: Mapping[str, str]) -> Verdict:
        """Return the verdict with checks that a named person answers for.

        Parameters
        ----------
        reasons
            By name of the check. A check that passed needs no reason and keeps its outcome.

        Raises
        ------
        Refused
            There is no such check, its reason is empty, or it may not be explained away.
        """
        known = {check.name: check for check in self.checks}
        for name, reason in reasons.items():
            if name not in known:
                raise Refused(
                    f"--explain: there is no check {name!r}",
                    expected=f"one of {', '.join(c.name for c in self.checks if c.answerable)}",
                    hint=did_you_mean(name, known),
                )
            if not reason.strip():
                raise Refused(f"--explain {name}: no reason", expected=f"{name}=WHY")
            if known[name].outcome in (FAIL, INCONCLUSIVE) and not known[name].answerable:
                raise Refused(
                    f"--explain: {name} cannot be explained away",
                    expected="a model that passes it",
                    hint=known[name].fix or None,
                )
        return Verdict(tuple(_answered(check, reasons) for check in self.checks))


def _answered(check: Check, reasons: Mapping[str, str]) -> Check:
    if check.name not in reasons or check.outcome not in (FAIL, INCONCLUSIVE):
        return check
    return replace(check, outcome=EXPLAINED, reason=reasons[check.name].strip())
