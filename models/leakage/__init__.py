"""The leakage audit: whether labels teach behaviour, and whether the test will tell the truth.

It runs before every training and is a gate. Each check asks one question (`CHECKS`); what it finds
says what was found, how bad that is and how to mend it. Whoever cannot mend it accepts it by name
(`--allow`), which the bundle and its model card then tell.

The limits are set so that the clean synthetic world, over several seeds, is silent, and each rests
on the lower end of an interval: with few labels a leak can go unseen, but none is made up.
`python -m benchmarks.leakage` prints what every check measures on clean worlds.

>>> len(CHECKS) >= 15
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from models.leakage import copies, identity, moments, replay, shortcuts
from models.leakage.finding import Audit, Finding, checked_names
from models.leakage.limits import Limits
from models.leakage.subject import Replay, Subject, Surroundings, Ties

__all__ = [
    "CHECKS",
    "Audit",
    "Check",
    "Finding",
    "Limits",
    "Replay",
    "Subject",
    "Surroundings",
    "Ties",
    "audit",
]


@dataclass(frozen=True)
class Check:
    """One question of the audit.

    Attributes
    ----------
    look : callable
        Returns a finding, or None where there is nothing to find.
    needs : str
        ``ties`` or ``replay`` where it looks beyond the table of labels and signals; else empty.
    """

    look: Callable[[Subject], Finding | None]
    needs: str = ""

    @property
    def question(self) -> str:
        """What it looks for, as its own documentation says."""
        return (self.look.__doc__ or "").partition("\n")[0]


CHECKS: dict[str, Check] = {
    check.look.__name__: check
    for check in (
        Check(identity.address_across_parts),
        Check(identity.case_across_parts),
        Check(identity.linked_across_parts, "ties"),
        Check(identity.shared_rare_counterparty, "ties"),
        Check(copies.near_duplicate_history),
        Check(moments.label_known_late),
        Check(moments.parts_out_of_order),
        Check(moments.missing_dates),
        Check(moments.one_sided_cut),
        Check(moments.era),
        Check(shortcuts.single_signal),
        Check(shortcuts.coverage_alone),
        Check(shortcuts.history_length_alone),
        Check(shortcuts.nulls_alone),
        Check(shortcuts.amounts_alone),
        Check(shortcuts.chain_alone),
        Check(replay.future_sensitive, "replay"),
        Check(replay.registry_after_cut, "replay"),
        Check(replay.same_case_exposure, "ties"),
    )
}
"""All checks, by the name that `--allow` takes, in the order in which they are told."""


def audit(subject: Subject, allow: Iterable[str] = ()) -> Audit:
    """Make every check.

    Parameters
    ----------
    subject
        The labels beside their signals, split, and what lies around them.
    allow
        Names of checks whose findings the user accepts.

    Raises
    ------
    Refused
        `allow` names no check.
    """
    allowed = checked_names(allow, CHECKS)
    not_run = {name: why for name, check in CHECKS.items() if (why := _missing(subject, check))}
    made = [name for name in CHECKS if name not in not_run]
    found = [finding for name in made if (finding := CHECKS[name].look(subject)) is not None]
    return Audit(tuple(found), tuple(made), not_run, allowed)


def _missing(subject: Subject, check: Check) -> str:
    """Say why a check cannot be made, or nothing."""
    around = subject.surroundings
    if check.needs == "ties" and around.ties is None:
        return "the transfers were not at hand: nobody looked whom the addresses deal with"
    if check.needs != "replay":
        return ""
    if around.replay is None:
        return "the transfers were not at hand: no signal was computed again"
    if check.look.__name__ not in around.replay.poisoned:
        return "no input rests on it"
    return ""
