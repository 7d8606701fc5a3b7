"""What a check found, and what all checks together say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from data.errors import Refused

CLEAN, ACCEPTED, LEAKING = "clean", "accepted", "leaking"
"""Verdicts: nothing found; all that blocks was accepted by name; something blocks."""


@dataclass(frozen=True)
class Measured:
    """The number a finding rests on.

    Attributes
    ----------
    value : float
        What was measured; `Finding.what` says of what.
    limit : float
        What it may be at most.
    low, high : float, optional
        Its 95 % interval; it is `low` that lies beyond the limit.
    """

    value: float
    limit: float
    low: float | None = None
    high: float | None = None

    @property
    def ranking(self) -> str:
        """How well something ranks, and what would pass.

        >>> Measured(0.9, 0.7, 0.85, 0.94).ranking
        'ROC-AUC 0.90 [0.85, 0.94]; 0.70 would pass'
        """
        interval = f"[{self.low:.2f}, {self.high:.2f}]"
        return f"ROC-AUC {self.value:.2f} {interval}; {self.limit:.2f} would pass"


@dataclass(frozen=True)
class Finding:
    """One way in which the labels tell a model what it could not know, or the test flatters it.

    Attributes
    ----------
    kind : str
        Name of the check, and what `--allow` takes.
    what : str
        What was found, with its numbers.
    how_bad : str
        What it does to the model or to its figures.
    fix : str
        What to do about it.
    blocks : bool
        Whether nothing is trained unless the user accepts it by name.
    measured : Measured, optional
        The number behind it; None where a single row is a fault.
    examples : tuple of str
        A few of the addresses; shown, but never written into a bundle.
    """

    kind: str
    what: str
    how_bad: str
    fix: str
    blocks: bool = True
    measured: Measured | None = None
    examples: tuple[str, ...] = ()

    def facts(self, allowed: bool) -> dict[str, Any]:
        """Return what a bundle keeps of it: everything but the addresses."""
        return {
            "kind": self.kind,
            "severity": "blocks" if self.blocks else "notice",
            "what": self.what,
            "how_bad": self.how_bad,
            "fix": self.fix,
            "measured": None
            if self.measured is None
            else {name: getattr(self.measured, name) for name in ("value", "low", "high", "limit")},
            "allowed": allowed,
        }


@dataclass(frozen=True)
class Audit:
    """All checks on one set of labels.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the checks.
    ran : tuple of str
        The checks that were made.
    not_run : mapping
        The others, each with the reason.
    allowed : frozenset of str
        What the user accepts.
    """

    findings: tuple[Finding, ...]
    ran: tuple[str, ...]
    not_run: Mapping[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that forbid training."""
        return tuple(f for f in self.findings if f.blocks and f.kind not in self.allowed)

    @property
    def verdict(self) -> str:
        """``clean``, ``accepted`` or ``leaking``."""
        if self.blocking:
            return LEAKING
        return ACCEPTED if any(f.blocks for f in self.findings) else CLEAN

    def gate(self) -> None:
        """Refuse to go on while a finding blocks.

        Raises
        ------
        Refused
            The message tells each finding: what, how bad, how to mend it, how to accept it.
        """
        if not self.blocking:
            return
        names = sorted(f.kind for f in self.blocking)
        raise Refused(
            f"the labels leak ({len(names)} finding{'s' * (len(names) > 1)}):\n"
            + "\n".join(_told(f) for f in self.blocking)
            + "\nNothing was trained",
            expected="labels and a split from which a model learns behaviour, and nothing else",
            hint="Mend each of them. What cannot be mended can be accepted by name, and is then "
            f"told in the model card: {' '.join(f'--allow {name}' for name in names)}",
        )

    def facts(self) -> dict[str, Any]:
        """Return what a bundle keeps: verdict, findings, and which checks were made or not."""
        return {
            "verdict": self.verdict,
            "findings": [f.facts(f.blocks and f.kind in self.allowed) for f in self.findings],
            "ran": list(self.ran),
            "not_run": dict(self.not_run),
        }


def _told(finding: Finding) -> str:
    shown = f" For example {', '.join(finding.examples)}." if finding.examples else ""
    return (
        f"- {finding.kind}: {finding.what}{shown}\n"
        f"    How bad: {finding.how_bad}\n    What to do: {finding.fix}"
    )


def checked_names(names: Iterable[str], known: Collection[str]) -> frozenset[str]:
    """Return the names of accepted findings, all known.

    Raises
    ------
    Refused
        There is no such check.
    """
    asked = frozenset(names)
    if unknown := sorted(asked - set(known)):
        raise Refused(
            f"--allow: there is no check {unknown[0]!r}.", expected=f"one of {', '.join(known)}"
        )
    return asked
