"""The innocent explanations of an alert, tried and written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.catalogue import catalogue
from features.history import History
from models.innocence import (
    BORDERLINE,
    FITS,
    INNOCENT,
    NOT_TESTABLE,
    Found,
    Tried,
    leading,
    tried,
)
from models.innocence.measures import MEASURES, measured
from models.percentiles import Population
from models.saying import count, joined, tell
from models.sentences import Number, Sentence, shown
from models.tracing.limits import End
from models.tracing.tracing import Trace
from models.tracing.worth import Worth
from pipelines.tracing.spoken import spoken

_EXCHANGES = (End.EXCHANGE_HOT, End.EXCHANGE_DEPOSIT)


def innocents(
    signals: Mapping[str, Any], history: History, trace: Trace | None, look_alikes: Population
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
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
    list of dict, dict
        The explanations as alerts hold them, the best fit first; and what they say together:
        ``leading`` is the name of the only one that fits, else None.
    """
    values = dict(signals) | measured(history)
    values["paid_exchanges_share"] = None if trace is None else _paid_exchanges(trace)
    if trace is not None:
        ways = (values["own_way_share"], _same_address(trace))
        values["own_way_share"] = max((way for way in ways if way is not None), default=None)
    found = tried(INNOCENT, values, look_alikes)
    return [_told(one, look_alikes) for one in found], _together(found)


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


def _same_address(trace: Trace) -> float | None:
    """Return the share of what was traced forward that came to the same address elsewhere."""
    worth, names = Worth(trace), trace.parties.addresses
    own = {names.row(code) for code in trace.origins}
    total, home = 0, 0
    for flow in trace.results["forward", "fifo"].flows:
        if flow.end is None:
            continue
        usd = worth.of_flow(flow) or 0
        total += usd
        holder = trace.laid.holder[worth.far_pot(flow, forward=True)]
        if holder >= 0 and names.row(holder) not in own:
            home += usd * (names.row(holder)[1] in {address for _, address in own})
    return home / total if total else None


def _together(found: Sequence[Tried]) -> dict[str, Any]:
    """Say in a sentence what all of them together say."""
    only, n = leading(found), sum(one.outcome == FITS for one in found)
    if only is not None:
        said = tell(
            f"One innocent explanation fits, and no other: {only.innocent.called}. Ask for its "
            "documents."
        )
    elif n:
        said = tell(
            "{n} fit about as well and exclude each other: little is said by them.",
            n=count(n, "innocent explanation"),
        )
    else:
        said = _nearest(found)
    return {"leading": None if only is None else only.innocent.name, **spoken(said)}


def _nearest(found: Sequence[Tried]) -> Sentence:
    """Name the explanation that comes nearest where none fits, and by how much it misses."""
    first = found[0]
    missed = {
        BORDERLINE: "only just as they would be, or only just not",
        NOT_TESTABLE: "not measurable here",
    }
    k = first.n(first.outcome)
    what = missed.get(first.outcome, "not as they would be")
    return tell(
        f"None of the {{n}} tried fits clearly. Nearest comes {first.innocent.called}: {{k}} of "
        f"its {{signs}} {'is' if k == 1 else 'are'} {what}.",
        n=count(len(found), "innocent explanation"),
        k=_figure(k),
        signs=count(len(first.found), "sign"),
    )


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
    if one.outcome == FITS:
        return tell("Fits: all of its {n} are as they would be.", n=signs)
    k = one.n(one.outcome)
    verb = "is" if k == 1 else "are"
    if one.outcome == BORDERLINE:
        return tell(
            f"Borderline: {{k}} of {{n}} {verb} so near to the limit that chance decides.",
            k=_figure(k), n=signs,
        )  # fmt: skip
    if one.outcome == NOT_TESTABLE:
        words = tell("{k} of {n} could not be measured", k=_figure(k), n=signs)
        return joined([tell("Not testable here:"), words, tell("in the transfers supplied.")])
    return tell(f"Does not fit: {{k}} of {{n}} {verb} not as expected.", k=_figure(k), n=signs)


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
        "tells": sign.tells,
        "state": found.state,
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
