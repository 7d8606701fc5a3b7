"""The `promote` job: the gate decides, and a model becomes the champion or does not.

The gate (`models.gate`) looks at held-out rows; who may overrule it, and where, stands here:

| verdict | what it takes |
|---|---|
| pass | nothing more |
| pass, but with explained checks | a named approver |
| inconclusive | a named approver and a reason |
| fail | nobody can; mend the model |

What was decided is kept with the version in the registry: the checks with their numbers, the
hashes of bundle, labels and transfers, the approver, the reason and the moment. A promotion that is
refused changes nothing; its verdict goes to stdout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data.errors import Refused
from models.bundle import Bundle
from models.gate import Bounds, Check, Verdict, judge
from models.gate.verdict import EXPLAINED, FAIL, INCONCLUSIVE, PASS
from models.registry import CHAMPION, Registry, Version, open_registry
from pipelines.console import UNSHOWN, progress
from pipelines.labelling.held_out import HeldOut, Inputs, gather
from pipelines.outputs import program
from pipelines.registered import is_registry, registry_beside, serving_code

_MOST_NAMED = 6


@dataclass(frozen=True)
class PromoteResult:
    """What the gate said, and what came of it."""

    outcome: str
    promoted: bool
    model: str
    version: str | None
    previous: str | None
    bundle_sha256: str
    champion_sha256: str | None
    held_out: int
    passed: int
    checks: Mapping[str, Mapping[str, Any]] = field(metadata=UNSHOWN)
    notes: tuple[str, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True)
class Approval:
    """Who answers for what the gate could not settle, and why."""

    approver: str | None = None
    reason: str | None = None
    explained: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, verdict: Verdict) -> str | None:
        """Return what is missing before this verdict may promote; None if nothing is."""
        if verdict.outcome == FAIL:
            return "The gate refuses this model; mend what failed."
        if verdict.outcome == INCONCLUSIVE and not (self.approver and self.reason):
            return (
                "The gate cannot tell. What would settle it stands with each check; until then "
                "somebody has to answer for the model: --approver NAME --reason TEXT."
            )
        if self.explained and not self.approver:
            return "Whoever explains a check answers for it: --approver NAME."
        return None


def promote(
    bundle: str | Path,
    transfers: str | Path,
    labels: str | Path,
    *,
    registry: str | Path | None = None,
    champion: str | Path | None = None,
    populations: str | Path | None = None,
    world: str | Path | None = None,
    approver: str | None = None,
    reason: str | None = None,
    explain: Sequence[str] = (),
    at: datetime | None = None,
    as_of: datetime | None = None,
    services: str | Path | Sequence[str | Path] | None = None,
    research_use: bool = False,
    dry_run: bool = False,
    threads: int | None = None,
    assume_complete: bool = False,
) -> PromoteResult:
    """Make a model the champion, if the gate lets it.

    Parameters
    ----------
    bundle
        The model.
    transfers, labels
        What to judge it on; `pipelines.labelling.held_out` says which rows count.
    registry
        A folder or the URI of an MLflow server or database; default: ``mlflow`` beside the bundle.
    champion
        The bundle to compare with; default: the registry's champion, and with none the absolute
        checks alone.
    populations
        A table ``chain``, ``address``, ``population``, and where known ``role`` (benign, victim,
        or any part in laundering) and ``typology``: who is who, for victims and false alarms. A
        simulated world has it in ``truth.parquet``.
    world
        A simulated world, whose victims are scored too: the labels of a team hardly ever name the
        2,995 that it takes to prove one in a thousand.
    approver, reason
        Who answers for an inconclusive verdict, and why.
    explain
        ``CHECK=REASON``, once for each check that the approver answers for.
    at
        The moment of the decision; default: now. Labels have to be mature by then.
    research_use
        Promote within the research registry, whose champions are for decisions about nobody.
    dry_run
        Say what the gate says, and change nothing.

    Raises
    ------
    Refused
        An input cannot be used, or the model is the champion already.
    """
    loaded = Bundle.load(bundle)
    approval = Approval(_said(approver), _said(reason), _reasons(explain))
    moment = at or datetime.now(UTC)
    where = registry_beside(bundle, registry)
    # A dry run leaves no registry behind where there was none.
    there = is_registry(where)
    home = open_registry(where, research=research_use) if there or not dry_run else None
    before = None if home is None else home.at(CHAMPION)
    if before is not None and before.bundle_sha256 == loaded.sha256 and not dry_run:
        raise Refused(
            f"this bundle is the champion of {before.name} already (version {before.number})",
            expected="another bundle",
        )
    inputs = Inputs(
        Path(transfers),
        Path(labels),
        None if populations is None else Path(populations),
        as_of,
        moment,
        services,
        threads,
        assume_complete,
        None if world is None else Path(world),
    )
    against = _champion(champion, home, before)
    bounds = Bounds()
    held = gather(loaded, against, inputs, bounds, research=research_use)
    with progress("Comparing, resample by resample"):
        verdict = judge(held.evidence, bounds).explained(approval.explained)
    lacking = approval.lacks(verdict)
    version = None
    if lacking is None and not dry_run:
        assert home is not None
        decision = _decision(verdict, held, approval, loaded, against, moment)
        version = _promoted(home, Path(bundle), loaded, before, decision)
    return _result(verdict, held, loaded, against, version, before, lacking, dry_run)


def _champion(
    given: str | Path | None, home: Registry | None, now: Version | None
) -> Bundle | None:
    """Return the champion's bundle, verified; one in the registry is fetched first."""
    if given is not None:
        return Bundle.load(given)
    if home is None or now is None:
        return None
    with TemporaryDirectory() as folder:
        home.fetch(now, Path(folder) / "champion")
        try:
            return Bundle.load(Path(folder) / "champion", expected_sha256=now.bundle_sha256)
        except Refused as refused:
            raise Refused(
                f"the champion (version {now.number} of {now.name}) cannot be scored by this "
                f"version: {refused.message}",
                hint="Train the champion's labels again with this version, and compare with that: "
                "--champion BUNDLE.",
            ) from refused


def _promoted(
    home: Registry,
    bundle: Path,
    loaded: Bundle,
    before: Version | None,
    decision: Mapping[str, Any],
) -> Version:
    version = home.add(
        bundle,
        loaded.sha256,
        code=serving_code(),
        config={"decision_use": loaded.facts.decision_use},
    )
    now = home.at(CHAMPION)
    if now != before:
        raise Refused(
            "the champion changed while the gate was looking",
            expected="the champion that the model was compared with",
            hint="Promote again, against the present one.",
        )
    home.crown(version, decision)
    return version


def _decision(
    verdict: Verdict,
    held: HeldOut,
    approval: Approval,
    loaded: Bundle,
    against: Bundle | None,
    moment: datetime,
) -> dict[str, Any]:
    """Return the record that is kept with the version."""
    return {
        "outcome": verdict.outcome,
        "checks": {check.name: check.facts() for check in verdict.checks},
        "bundle_sha256": loaded.sha256,
        "champion_sha256": None if against is None else against.sha256,
        **held.sources,
        "held_out": held.how,
        "approver": approval.approver,
        "reason": approval.reason,
        "decided_at": moment.isoformat(),
        "program": program(),
    }


def _result(
    verdict: Verdict,
    held: HeldOut,
    loaded: Bundle,
    against: Bundle | None,
    version: Version | None,
    before: Version | None,
    lacking: str | None,
    dry_run: bool,
) -> PromoteResult:
    judged = held.evidence.judged.height
    notes = [f"Judged on {judged:,} labelled addresses: {held.how}."]
    if held.immature:
        notes.append(f"{held.immature:,} labels are not mature yet and were left out.")
    notes += _told(verdict)
    if lacking is not None:
        notes.append(f"Not promoted. {lacking}")
    elif dry_run:
        notes.append("Nothing was changed: this was a dry run.")
    return PromoteResult(
        outcome=verdict.outcome,
        promoted=version is not None,
        model="" if version is None else version.name,
        version=None if version is None else version.number,
        previous=None if before is None else before.number,
        bundle_sha256=loaded.sha256,
        champion_sha256=None if against is None else against.sha256,
        held_out=judged,
        passed=len(verdict.of(PASS)),
        checks={check.name: check.facts() for check in verdict.checks},
        notes=tuple(notes),
        exit_code=0 if lacking is None else 2,
    )


def _told(verdict: Verdict) -> list[str]:
    """Say what did not pass: what fails in full, what is open in one line for each question."""
    lines = []
    for check in (*verdict.of(FAIL), *verdict.of(EXPLAINED)):
        bound = f" (asked for: {check.bound})" if check.bound else ""
        after = f"Explained: {check.reason}" if check.reason else check.fix
        lines.append(f"{check.outcome}: {check.name}: {check.what}{bound}. {after}")
    families: dict[str, list[Check]] = {}
    for check in verdict.of(INCONCLUSIVE):
        families.setdefault(check.name.partition(":")[0], []).append(check)
    for family, checks in families.items():
        first = checks[0]
        if len(checks) == 1:
            lines.append(
                f"open: {first.name}: {first.what} (asked for: {first.bound}). {first.fix}"
            )
            continue
        named = [check.name.partition(":")[2] for check in checks[:_MOST_NAMED]]
        more = len(checks) - len(named)
        and_more = f" and {more} more" if more else ""
        lines.append(f"open: {family}: {', '.join(named)}{and_more}. {first.fix}")
    return lines


def _said(text: str | None) -> str | None:
    return (text or "").strip() or None


def _reasons(explain: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in explain:
        name, sign, why = text.partition("=")
        if not sign:
            raise Refused(
                f"--explain {text!r} gives no reason",
                expected="CHECK=REASON, such as false_alarms:chain:tron='OTC desks of a partner'",
            )
        found[name.strip()] = why
    return found
