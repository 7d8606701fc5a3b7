"""The alerts of a night in five groups: new, changed, unchanged, snoozed, cleared.

Every address that is up for review stands in exactly one of the first four, whatever is known of
it; ``cleared`` are those that were up for review in the earlier run and are not in this one. They
are known by `alert_id`, which is the same in every run over the same address.

* **new**: it was not up for review in the earlier run. Without one, everything is.
* **changed**: it differs from what was *last told* (`pipelines.rescoring.alert_changes`), not from
  last night, so that a score that creeps up night by night is told once it has come far enough; or
  it comes back from a snooze.
* **unchanged**: neither.
* **snoozed**: a person put it off, the day is not come, and it has not got worse.
* **cleared** says what has become of it. It never says that an address is clean.

A snooze hides what its author had seen: the alert as it stood in the run before the snooze was
first read. It **wakes** as soon as the band is higher than that, the odds have grown by more than
the tolerance, or a red flag or a list hit is new; and stays awake until somebody writes another
snooze. What was not up for review when it was put off is not hidden, because nobody had seen it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.moments import iso
from pipelines.rescoring.alert_changes import Change, changes
from pipelines.rescoring.snoozes import Snooze

NEW, CHANGED, UNCHANGED, SNOOZED, CLEARED = GROUPS = (
    "new",
    "changed",
    "unchanged",
    "snoozed",
    "cleared",
)
"""The groups, in the order in which they are read."""

RETURNED = ("snooze_ended", "snooze_withdrawn", "woken")
"""Why an alert comes back that was put off."""


@dataclass(frozen=True)
class Told:
    """One alert of the night.

    Attributes
    ----------
    alert_id, chain, address
        Which.
    group
        One of `GROUPS`.
    now, before
        Its content in this run, and as it was last told; None where there is none.
    why
        What changed, or what became of it.
    since
        The moment of the run in which it came up for review.
    snooze
        The snooze in force, whether it is heeded or not.
    """

    alert_id: str
    chain: str
    address: str
    group: str
    now: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    why: tuple[Change, ...] = ()
    since: str = ""
    snooze: Snooze | None = None


@dataclass(frozen=True)
class Split:
    """The alerts of a night.

    Attributes
    ----------
    told
        In the order of `GROUPS`, then of their ranks.
    kept
        What the next night needs of it.
    """

    told: tuple[Told, ...]
    kept: Mapping[str, Any]

    def of(self, group: str) -> list[Told]:
        """Return the alerts of a group."""
        return [one for one in self.told if one.group == group]


@dataclass(frozen=True)
class Night:
    """What a night's alerts are split by.

    Attributes
    ----------
    as_of
        The run's moment.
    snoozes
        By alert id.
    earlier
        What the earlier run kept; None in a first run.
    tolerance
        The factor by which odds may change.
    """

    as_of: datetime
    snoozes: Mapping[str, Snooze] = field(default_factory=dict)
    earlier: Mapping[str, Any] | None = None
    tolerance: float = 1.25

    def alert(self, alert_id: str) -> Mapping[str, Any] | None:
        """Return what the earlier run kept of an alert that was up for review in it."""
        return None if self.earlier is None else self.earlier["alerts"].get(alert_id)


def split(night: Night, alerts: Sequence[Mapping[str, Any]], gone: Mapping[str, Change]) -> Split:
    """Split the alerts of a night.

    Parameters
    ----------
    night
        What they are split by.
    alerts
        Those that are up for review, by rank: ``alert_id``, ``chain``, ``address``, ``content``.
    gone
        Of each alert of the earlier run that is not among them, what has become of it.
    """
    told, kept = [], {}
    here = {alert["alert_id"]: alert["content"] for alert in alerts}
    snoozes = {
        alert_id: _sleeping(night, alert_id, snooze, here.get(alert_id))
        for alert_id, snooze in night.snoozes.items()
    }
    for alert in alerts:
        one = _one(night, alert, snoozes.get(alert["alert_id"]))
        told.append(one)
        kept[one.alert_id] = {
            "chain": one.chain,
            "address": one.address,
            "group": one.group,
            "since": one.since,
            "told": one.before if one.group in (UNCHANGED, SNOOZED) else one.now,
            "now": one.now,
        }
    for alert_id, became in gone.items():
        was = night.alert(alert_id)
        assert was is not None
        told.append(
            Told(
                alert_id, was["chain"], was["address"], CLEARED, None, was["now"], (became,),
                was["since"], night.snoozes.get(alert_id),
            )
        )  # fmt: skip
    told.sort(key=lambda one: GROUPS.index(one.group))
    return Split(tuple(told), {"alerts": kept, "snoozes": snoozes})


def _sleeping(
    night: Night, one: str, snooze: Snooze, now: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Say of a snooze what its author had seen, and what has woken the alert since."""
    known = None if night.earlier is None else night.earlier["snoozes"].get(one)
    if known is not None and known["what"] == snooze.what:
        seen, woken, woken_at = known["seen"], list(known["woken"]), known["woken_at"]
    else:
        was = night.alert(one)
        seen = now if night.earlier is None else was and was["now"]
        woken, woken_at = [], None
    if not woken and now is not None and night.as_of < snooze.until:
        if seen is None:
            woken = ["it was not up for review when it was put off"]
        else:
            woken = [c.said for c in changes(seen, now, night.tolerance) if c.worse]
        woken_at = iso(night.as_of) if woken else None
    return {"what": snooze.what, "seen": seen, "woken": woken, "woken_at": woken_at}


def _one(night: Night, alert: Mapping[str, Any], sleeping: Mapping[str, Any] | None) -> Told:
    """Put one alert that is up for review into its group."""
    one, now = alert["alert_id"], alert["content"]
    was, snooze = night.alert(one), night.snoozes.get(one)
    before = None if was is None else was["told"]
    since = iso(night.as_of) if was is None else was["since"]
    in_force = snooze if snooze is not None and night.as_of < snooze.until else None

    def told(group: str, *why: Change) -> Told:
        stands = before if before is not None or group != SNOOZED else now
        return Told(one, alert["chain"], alert["address"], group, now, stands, why, since, in_force)

    if in_force is not None and sleeping is not None and not sleeping["woken"]:
        return told(SNOOZED)
    back = _back(night, in_force, sleeping, was)
    if before is None:
        return told(NEW, *back)
    differ = changes(before, now, night.tolerance)
    return told(CHANGED if back or differ else UNCHANGED, *back, *differ)


def _back(
    night: Night,
    in_force: Snooze | None,
    sleeping: Mapping[str, Any] | None,
    was: Mapping[str, Any] | None,
) -> list[Change]:
    """Say why an alert is shown that slept in the earlier run, or would have slept in this one."""
    if in_force is not None and sleeping is not None:
        if sleeping["woken_at"] != iso(night.as_of):
            return []  # it was told when it woke
        why = "; ".join(sleeping["woken"])
        return [Change("woken", f"woken from its snooze: {why}", worse=True)]
    if was is None or was["group"] != SNOOZED:
        return []
    if sleeping is None:
        return [Change("snooze_withdrawn", "its snooze was withdrawn", worse=False)]
    return [Change("snooze_ended", f"its snooze ended on {sleeping['what'][0][:10]}", worse=False)]
