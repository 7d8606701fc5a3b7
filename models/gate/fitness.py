"""What a decision starts from: a model that may be used, an audited training, enough labels."""

from __future__ import annotations

from collections.abc import Iterator

from models.gate.bounds import Bounds
from models.gate.evidence import Evidence
from models.gate.verdict import FAIL, INCONCLUSIVE, NOTED, PASS, Check
from models.leakage.finding import ACCEPTED, CLEAN

_TRAIN_AGAIN = "Train again with this version; the audit runs before every training."


def fitness_checks(evidence: Evidence, bounds: Bounds) -> Iterator[Check]:
    """Check what the bundle tells of itself, and how much there is to measure it on."""
    yield _use(evidence)
    yield from _audit(evidence)
    yield _labels(evidence, bounds)
    if evidence.seconds:
        told = ", ".join(f"{name} {value:.3g} s" for name, value in evidence.seconds.items())
        yield Check("speed", NOTED, f"a thousand scores take: {told}; speed decides nothing")


def _use(evidence: Evidence) -> Check:
    if evidence.decision_use:
        return Check("decision_use", PASS, "the model may be used for decisions")
    if evidence.research:
        return Check(
            "decision_use",
            NOTED,
            "the model is for decisions about nobody, and so is the registry it goes to",
        )
    return Check(
        "decision_use",
        FAIL,
        "the bundle says decision_use false: nobody may act on its scores",
        fix="Train, calibrate and test on reviewed labels of your own. To try the registry out "
        "with a research model, add --research-use.",
    )


def _audit(evidence: Evidence) -> Iterator[Check]:
    """Check that the training was audited, and that what the audit blocked was not waved through.

    Whoever trained could accept a finding by name. Whoever promotes has to answer for it once more:
    each such finding is a check of its own, which fails until it is explained.
    """
    audit = evidence.audit
    if audit is None:
        yield Check("audit", FAIL, "the bundle tells of no leakage audit", fix=_TRAIN_AGAIN)
        return
    verdict = str(audit.get("verdict"))
    accepted = [f for f in audit.get("findings", ()) if f["severity"] == "blocks"]
    for finding in accepted:
        yield Check(
            f"audit:{finding['kind']}",
            FAIL,
            f"the training accepted a leak: {finding['what']}",
            fix="Mend the labels and train again, or say with --explain why it does no harm.",
            answerable=bool(finding.get("allowed")),
        )
    if verdict == CLEAN or (verdict == ACCEPTED and accepted):
        missing = audit.get("not_run") or ()
        left_out = f"; not made: {', '.join(sorted(missing))}" if missing else ""
        yield Check("audit", PASS, f"the training was audited, and found {verdict}{left_out}")
    else:
        yield Check("audit", FAIL, f"the leakage audit says {verdict!r}", fix=_TRAIN_AGAIN)


def _labels(evidence: Evidence, bounds: Bounds) -> Check:
    judged = evidence.judged
    cases = judged.filter(judged["label"] == 1)["group"].n_unique()
    negatives = judged.filter(judged["label"] == 0).height
    enough = cases >= bounds.positive_groups and negatives >= bounds.negatives
    return Check(
        "labels",
        PASS if enough else INCONCLUSIVE,
        f"{cases:,} held-out cases of label 1 and {negatives:,} held-out negatives, all mature",
        fix=f"Wait for labels: {max(0, bounds.positive_groups - cases):,} more cases and "
        f"{max(0, bounds.negatives - negatives):,} more negatives would settle it.",
        bound=f"at least {bounds.positive_groups} and {bounds.negatives}",
    )
