"""What stands in an alert beside the score and its reasons.

The trace; three dated facts; the innocent explanations that were tried; what the exports could not
see; and what evidence would overturn the alert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.facts import BundleFacts
from pipelines.alerting.alert_parts import Scales, Told
from pipelines.alerting.alert_traces import Followed
from pipelines.alerting.dated_facts import DIRECTION_RULE, dated_facts
from pipelines.alerting.dossier import Dossier
from pipelines.alerting.fact_choice import RULE
from pipelines.alerting.innocents import innocents
from pipelines.alerting.overturning import overturning
from pipelines.tracing.end_names import SHORT_NAMES
from pipelines.tracing.trace_leads import more_than_received
from pipelines.tracing.trace_said import gaps, trace_said

_EXCHANGES = ("exchange_deposit", "exchange_hot")


def content(
    dossier: Dossier,
    followed: Followed,
    reasons: Sequence[Told],
    signals: Mapping[str, Any],
    history: Mapping[str, Any],
    facts: BundleFacts,
) -> dict[str, Any]:
    """Return the parts of an alert that are told beside its score.

    Parameters
    ----------
    dossier, followed
        Of the address.
    reasons
        Of the alert, strongest first.
    signals
        Row of the address in the signals table.
    history
        The alert's own `history`.
    facts
        Of the model.
    """
    scales = Scales(facts.basis, dossier.coin)
    block, own = followed.block, dossier.history
    if facts.basis == "usd":
        received = int(own.value[own.incoming].sum()) / own.scale
        block = block | {"leads": [*block["leads"], *more_than_received(block, received)]}
    explanations, together = innocents(signals, dossier.history, followed.trace, facts.look_alikes)
    return {
        "facts": {
            "rule": RULE,
            "direction_rule": DIRECTION_RULE,
            "told": dated_facts(dossier, scales, reasons, block, followed.trace),
        },
        "trace": block | {"said": trace_said(block, signals["as_of"], dossier.address)},
        "innocent_explanations": explanations,
        "innocence": together,
        "gaps": gaps(block, history),
        "overturn": overturning(
            dossier, scales, reasons, history["legs_missing"], explanations, _exchanges(block)
        ),
    }


def _exchanges(block: Mapping[str, Any]) -> dict[str, str]:
    """Return the addresses at which the trace found an exchange, with what it is there."""
    if not block["made"]:
        return {}
    return {
        end["address"]: SHORT_NAMES[end["end"]].removeprefix("exchange ")
        + (" address by behaviour alone" if end["by_behaviour"] else " address")
        for side in block["directions"]["forward"].values()
        for end in side["ends"]
        if end["end"] in _EXCHANGES
    }
