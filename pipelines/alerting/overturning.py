"""What would overturn an alert: concrete evidence, from what this alert rests on.

Each entry names documents, listings or exports that somebody could bring, whom they concern, and
the reasons that they bear on. It says nothing of which values would score lower: that would tell a
launderer what to do, and nobody innocent anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from features.history import History
from features.signal import Signal
from models.innocence import INNOCENT
from models.other_side import category, paid, third_parties
from models.saying import count, listed, share, tell
from models.sentences import Sentence
from pipelines.alerting.alert_parts import Scales, Told
from pipelines.alerting.dossier import Dossier
from pipelines.tracing.spoken import spoken
from pipelines.tracing.trace_said import LEG_WORDS

HALF = 0.5
MOST_CONCERNED = 5


def overturning(
    dossier: Dossier,
    scales: Scales,
    reasons: Sequence[Told],
    legs_missing: Sequence[str],
    explanations: Sequence[Mapping[str, Any]],
    exchange_of: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Say what would overturn an alert, what bears on most of the score first.

    Parameters
    ----------
    dossier, scales
        Of the address, and how its values are written.
    reasons
        Of the alert.
    legs_missing
        Legs that the exports do not show.
    explanations
        The innocent explanations, as the alert holds them.
    exchange_of
        Addresses at which the trace found an exchange's deposit address or hot wallet, with how
        that is known.
    """
    found = [
        _payers(dossier, scales, [r for r in reasons if _is_inflow(r.signal)]),
        _withdrawals(dossier, scales, [r for r in reasons if _is_inflow(r.signal)]),
        _payee(dossier, [r for r in reasons if r.signal.needs == "out"], exchange_of),
        _agent(dossier, [r for r in reasons if _is_passing(r.signal)]),
        _swaps(dossier, [r for r in reasons if r.signal.family == "stablecoin_hopping"]),
        _lists(dossier, [r for r in reasons if r.signal.exposure]),
        _timing([r for r in reasons if r.signal.needs == "any" and not r.signal.exposure]),
        _legs(legs_missing, reasons),
        *(_explained(one, reasons) for one in explanations if one["outcome"] == "fits"),
    ]
    told = [one for one in found if one is not None]
    weight = {r.place: r.log_odds for r in reasons}
    return sorted(told, key=lambda one: -math.fsum(weight[b["place"]] for b in one["bears_on"]))


def _is_inflow(signal: Signal) -> bool:
    inflow = signal.needs == "in" or signal.family == "victim_inflow"
    return inflow and not signal.exposure


def _is_passing(signal: Signal) -> bool:
    return (
        signal.needs == "both"
        and signal.family not in ("victim_inflow", "stablecoin_hopping")
        and not signal.exposure
    )


def _payers(dossier: Dossier, scales: Scales, bears: list[Told]) -> dict[str, Any] | None:
    """Ask for what the payers paid for: the fewest of them that make half of what came.

    Swap venues, bridges and services that pay for many are nobody to ask for an invoice.
    """
    own = third_parties(dossier.history)
    sums = _by_party(dossier.history, own[dossier.history.incoming[own]])
    total = sum(value for _, value in sums)
    if not bears or not total:
        return None
    chosen, covered = [], 0
    for first, value in sums:
        chosen.append(dossier.counterparty(first))
        covered += value
        if covered >= HALF * total:
            break
    said = tell(
        "Invoices, contracts or wage slips that show why {who} paid it {sum}, {part} of what came "
        "from others than services and swaps.",
        who=count(len(chosen), "address", "addresses"),
        sum=scales.worth(covered / dossier.history.scale), part=share(covered / total),
    )  # fmt: skip
    return _entry("payers", said, bears, chosen)


def _withdrawals(dossier: Dossier, scales: Scales, bears: list[Told]) -> dict[str, Any] | None:
    """Ask the exchange whose hot wallet paid most which of its customers had it pay."""
    history = dossier.history
    rows = [row for row in history.inflows.tolist() if category(history, row) == "exchange_hot"]
    if not bears or not rows:
        return None
    sums = _by_party(history, np.array(rows))
    said = tell(
        "The exchange’s records of whose accounts the {n} from its hot wallet, {sum} in all, were "
        "withdrawn from.",
        n=count(int((history.counterparty[rows] == history.counterparty[sums[0][0]]).sum()),
                "receipt"),
        sum=scales.worth(sums[0][1] / history.scale),
    )  # fmt: skip
    return _entry("withdrawals", said, bears, [dossier.counterparty(sums[0][0])])


def _payee(
    dossier: Dossier, bears: list[Told], exchange_of: Mapping[str, str]
) -> dict[str, Any] | None:
    """Ask who the largest receiver is, swap venues and bridges left aside."""
    history = dossier.history
    own = paid(history)
    sums = _by_party(history, own[~history.incoming[own]])
    total = sum(value for _, value in sums)
    if not bears or not total:
        return None
    first, value = sums[0]
    address = dossier.counterparty(first)
    own = history.counterparty[history.outflows] == history.counterparty[first]
    numbers = {
        "part": share(value / total),
        "n": count(int(own.sum()), "payment"),
    }
    if address in exchange_of:
        said = tell(
            "The exchange's word whose account it credits for the address that took {part} of what "
            f"it paid out, in {{n}} (an exchange's {exchange_of[address]}).",
            **numbers,
        )
    else:
        said = tell(
            "A dated listing as a licit service, a contract or invoice, or a signed message that "
            "shows one owner, for the address that took {part} of what it paid out, in {n}.",
            **numbers,
        )
    return _entry("payee", said, bears, [address])


def _agent(dossier: Dossier, bears: list[Told]) -> dict[str, Any] | None:
    """Ask for the licence or contract to pass on what others pay."""
    n = _transfers_behind(dossier, bears)
    if not n:
        return None
    said = tell(
        "A licence or registration, or a contract to act for others (payment agent, desk, "
        "treasury), with the orders of the {n} behind {these}.",
        n=count(n, "transfer"), these=_these(bears),
    )  # fmt: skip
    return _entry("agent", said, bears, [])


def _swaps(dossier: Dossier, bears: list[Told]) -> dict[str, Any] | None:
    n = _transfers_behind(dossier, bears)
    if not n:
        return None
    said = tell(
        "Trading records that show the purpose of the {n} between coins behind {these}.",
        n=count(n, "transfer"), these=_these(bears),
    )  # fmt: skip
    return _entry("swaps", said, bears, [])


def _lists(dossier: Dossier, bears: list[Told]) -> dict[str, Any] | None:
    """Ask for corrections of what is said of counterparties."""
    if not bears:
        return None
    rows = np.unique(np.concatenate([dossier.found(r.signal).rows for r in bears]))
    parties = _by_party(dossier.history, rows)
    named = [dossier.counterparty(first) for first, _ in parties]
    if not named:
        return None
    said = tell(
        "A correction of the lists, or of the histories, of {who} among its counterparties.",
        who=count(len(named), "address", "addresses"),
    )
    return _entry("lists", said, bears, named)


def _timing(bears: list[Told]) -> dict[str, Any] | None:
    if not bears:
        return None
    said = tell(
        "The owner's other addresses: a business that goes on elsewhere would explain the timing "
        "behind {these}.",
        these=_these(bears),
    )
    return _entry("timing", said, bears, [])


def _legs(missing: Sequence[str], reasons: Sequence[Told]) -> dict[str, Any] | None:
    bears = [r for r in reasons if r.signal.needs != "out"] if missing else []
    if not bears:
        return None
    said = tell(
        f"An export that shows {listed([LEG_WORDS[leg] for leg in missing])}: {{these}} would be "
        "measured on more of the history.",
        these=_these(bears),
    )
    return _entry("legs", said, bears, [])


def _explained(one: Mapping[str, Any], reasons: Sequence[Told]) -> dict[str, Any]:
    called = next(known.called for known in INNOCENT if known.name == one["name"])
    said = tell(f"If it is {called}: {one['shown_by']}.")
    return _entry("explanation", said, list(reasons), [])


def _entry(kind: str, said: Sentence, bears: list[Told], concerned: list[str]) -> dict[str, Any]:
    return {
        "kind": kind,
        **spoken(said),
        "bears_on": [{"place": r.place, "signal": r.signal.name} for r in bears],
        "concerned": concerned[:MOST_CONCERNED],
        "n_concerned": len(concerned),
    }


def _by_party(history: History, rows: np.ndarray) -> list[tuple[int, int]]:
    """Return a position and the summed value of each counterparty, the largest first."""
    who, first, back = np.unique(history.counterparty[rows], return_index=True, return_inverse=True)
    sums = [0] * len(who)
    for party, value in zip(back.tolist(), history.value[rows].tolist(), strict=True):
        sums[party] += value
    pairs = [(int(rows[at]), value) for at, value in zip(first.tolist(), sums, strict=True)]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _transfers_behind(dossier: Dossier, bears: list[Told]) -> int:
    rows = [dossier.found(r.signal).rows for r in bears]
    return len(np.unique(np.concatenate(rows))) if rows else 0


def _these(bears: list[Told]) -> Any:
    return count(len(bears), "reason")
