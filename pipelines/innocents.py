"""The innocent explanations of an alert, tried and written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from features.catalogue import catalogue
from features.history import History
from models.innocence import INNOCENT, NOT_SUPPORTED, NOT_TESTABLE, SUPPORTED, Found, Tried, tried
from models.innocence.measures import MEASURES
from models.percentiles import Population
from models.saying import count, joined, tell
from models.sentences import Number, Sentence, shown
from models.tracing.limits import End
from models.tracing.tracing import Trace
from models.tracing.worth import Worth
from pipelines.spoken import spoken

_EXCHANGES = (End.EXCHANGE_HOT, End.EXCHANGE_DEPOSIT)
_ORDER = (SUPPORTED, NOT_TESTABLE, NOT_SUPPORTED)


def innocents(
    signals: Mapping[str, Any], history: History, trace: Trace | None, look_alikes: Population
) -> list[dict[str, Any]]:
    """Try every registered explanation on one address.

    Parameters
    ----------
    signals
        Its row of the signals table.
    history
        What they were measured on.
    trace
        Of the address, where there is one.
    look_alikes
        Of the model.

    Returns
    -------
    list of dict
        As alerts hold them: what the data support first, then what they cannot say; of those
        alike, the ones of which fewest signs are not as expected.
    """
    values = dict(signals) | {
        name: measure.of(history) for name, measure in MEASURES.items() if measure.of is not None
    }
    values["paid_exchanges_share"] = None if trace is None else _paid_exchanges(trace)
    found = sorted(tried(INNOCENT, values, look_alikes), key=lambda one: _ORDER.index(one.outcome))
    return [_told(one, look_alikes) for one in found]


def _plausibility(one: Tried) -> tuple[int, float]:
    misfits = sum(found.fits is False for found in one.found)
    return _ORDER.index(one.outcome), misfits / len(one.found)


def _paid_exchanges(trace: Trace) -> float | None:
    """Return the share of the value sent that went straight to addresses listed as exchanges'."""
    worth, paid, to_exchanges = Worth(trace), 0, 0
    for flow in trace.results["forward", "fifo"].flows:
        move = trace.books.moves[flow.move]
        if trace.laid.holder[move.source] not in trace.origins:
            continue
        usd = worth.of_flow(flow) or 0
        holder = trace.laid.holder[worth.far_pot(flow, forward=True)]
        paid += usd
        if flow.end in _EXCHANGES and trace.parties.tags.get(holder):
            to_exchanges += usd
    return to_exchanges / paid if paid else None


def _told(one: Tried, look_alikes: Population) -> dict[str, Any]:
    innocent = one.innocent
    return {
        "name": innocent.name,
        "title": innocent.title,
        "supposes": innocent.supposes,
        "outcome": one.outcome,
        **spoken(_sentence(one)),
        "signs": [_sign(found, look_alikes) for found in one.found],
        "source": innocent.source,
        "shown_by": innocent.shown_by,
    }


def _sentence(one: Tried) -> Sentence:
    signs = count(len(one.found), "sign")
    if one.outcome == SUPPORTED:
        return tell("Supported by the data: all of its {n} are as they would be.", n=signs)
    unknown = one.outcome == NOT_TESTABLE
    k = sum((f.fits is None) if unknown else (f.fits is False) for f in one.found)
    words = tell("{k} of {n} could not be measured", k=_figure(k), n=signs)
    if unknown:
        return joined([tell("Not testable here:"), words, tell("in the transfers supplied.")])
    verb = "is" if k == 1 else "are"
    return tell(
        f"Not supported by the data: {{k}} of {{n}} {verb} not as expected.", k=_figure(k), n=signs
    )


def _figure(n: int) -> Number:
    return Number(f"{n:,}", n, "count")


def _sign(found: Found, look_alikes: Population) -> dict[str, Any]:
    sign, signal = found.sign, catalogue().by_name.get(found.sign.signal)
    declared = MEASURES[sign.signal] if signal is None else signal
    standing = None
    if found.below is not None and found.above is not None:
        standing = {
            "population": look_alikes.name,
            "n": found.n,
            "date": look_alikes.date,
            "share_below": found.below,
            "share_above": found.above,
        }
    return {
        "signal": sign.signal,
        "meaning": declared.meaning,
        "unit": declared.unit,
        "value": found.value,
        "least": sign.least,
        "most": sign.most,
        "expected": _expected(sign.least, sign.most, declared.unit),
        "fits": found.fits,
        "missing": _missing(declared.null_meaning) if found.value is None else None,
        "percentile_look_alikes": standing,
    }


def _missing(null_meaning: str) -> str:
    legs = "the legs it needs were not supplied, or the model does not measure it"
    return legs if null_meaning.startswith("never") else f"{null_meaning}; or {legs}"


def _expected(least: float | None, most: float | None, unit: str) -> str:
    """Write what a sign would be.

    >>> _expected(0.99, None, "share"), _expected(None, 2.0, "addresses")
    ('at least 99 %', 'at most 2 addresses')
    """
    limits = (("at least", least), ("at most", most))
    return " and ".join(f"{word} {shown(v, unit)}" for word, v in limits if v is not None)
