"""An example in words: what its picture shows, for readers who do not see it and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from models.sentences import MONTHS, day, shown
from pipelines.reference.examples import Example
from pipelines.reference.histories import CHAIN, SUBJECT, Told


def description(example: Example) -> str:
    """Tell an example whole: every transfer, and whether it counts."""
    lines = [caption(example)]
    for position, transfer in enumerate(example.transfers):
        way = f"from {transfer.sender}" if came_in(transfer) else f"to {transfer.receiver}"
        mark = " (highlighted)" if position in example.shown else ""
        faint = "" if position in example.rows else " (not part of it)"
        amount = f"{amount_text(transfer)} {transfer.coin}"
        asked = f", sent by {transfer.asker}" if transfer.asker != transfer.sender else ""
        lines.append(f"{moment_text(transfer.moment)}: {amount} {way}{asked}{mark or faint}.")
    lines += [beyond(example)] if beyond(example) else []
    lines.append(f"Scored on {day(example.as_of)}.")
    return " ".join(lines)


def caption(example: Example) -> str:
    """Say what the story is, and in which coin, where it is one."""
    coins = _coins(example)
    return f"{example.story.tells}." + (f" All in {coins[0]}." if len(coins) == 1 else "")


def legend(example: Example) -> str:
    """Say what the highlighting of a picture means.

    >>> from pipelines.reference.examples import examples
    >>> legend(examples()["transfers_in"])
    'Highlighted: the transfers that make it up; faint: not part of it.'
    """
    rest = set(example.rows) - set(example.shown)
    if example.signal.evidence in ("members", "extremal"):
        what = "the transfers that make it up"
    else:
        what = "the transfers that tell most" if rest else "the transfers it is computed from"
    parts = [f"Highlighted: {what}"]
    parts += ["in full colour: what it rests on besides"] if rest else []
    parts += ["faint: not part of it"] if len(example.rows) < len(example.transfers) else []
    return "; ".join(parts) + "."


def beyond(example: Example) -> str:
    """Tell what passed beyond the history, where the signal looks there; else nothing.

    >>> from pipelines.reference.examples import examples
    >>> beyond(examples()["gas_funder_children"])
    'Elsewhere: 4 Mar 09:00 F to P1, P2, P3, P4, P5, P6 0.05 ETH each.'
    """
    if not example.elsewhere and example.signal.evidence != "neighbourhood":
        return ""
    told = [
        _together(example, [number for number, _ in alike])
        for _, alike in groupby(
            enumerate(example.others),
            key=lambda n: (n[1].moment, n[1].amount, n[1].coin, n[0] in example.elsewhere),
        )
    ]
    said = [f"Elsewhere: {'; '.join(told)}."] if told else []
    return " ".join([*said, *_asked_by_others(example)])


def _asked_by_others(example: Example) -> list[str]:
    """Tell which transfers somebody else than their sender had sent."""
    taken = [transfer for transfer in example.transfers if transfer.asker != transfer.sender]
    return [
        f"Sent by {asker}, not by the owner: "
        + ", ".join(f"{moment_text(t.moment)} from {t.sender}" for t in taken if t.asker == asker)
        + "."
        for asker in dict.fromkeys(transfer.asker for transfer in taken)
    ]


def came_in(transfer: Told) -> bool:
    """Say whether a transfer came in."""
    return transfer.receiver == SUBJECT


def other_side(transfer: Told) -> str:
    """Return who was on the other side."""
    return transfer.sender if came_in(transfer) else transfer.receiver


def amount_text(transfer: Told) -> str:
    """Write an amount in whole coins: 1,200 or 3.98."""
    return f"{transfer.amount:,f}"


def moment_text(moment: datetime) -> str:
    """Write a moment: 4 Mar 09:12."""
    return f"{date_text(moment)} {moment:%H:%M}"


def date_text(moment: datetime) -> str:
    """Write a day: 4 Mar."""
    return f"{moment.day} {MONTHS[moment.month - 1][:3]}"


def _together(example: Example, numbers: Sequence[int]) -> str:
    """Tell transfers of one moment and amount at once, and what they are the other leg of."""
    transfers = [example.others[number] for number in numbers]
    first = transfers[0]
    senders = ", ".join(dict.fromkeys(transfer.sender for transfer in transfers))
    receivers = ", ".join(dict.fromkeys(transfer.receiver for transfer in transfers))
    coin = "" if [first.coin] == _coins(example) else f" {first.coin}"
    said = f"{moment_text(first.moment)} {senders} to {receivers} {amount_text(first)}{coin}"
    said += " each" if len(transfers) > 1 else ""
    said += f" on {first.chain.capitalize()}" if first.chain != CHAIN else ""
    leg = example.elsewhere.get(numbers[0])
    if leg is None or leg.position is None or leg.probability is None:
        return said + (" (part of it)" if leg is not None else "")
    own, probability = example.transfers[leg.position], shown(leg.probability, "share")
    return f"{said} (other leg of {own.moment:%H:%M}, probability {probability})"


def _coins(example: Example) -> list[str]:
    return list(dict.fromkeys(transfer.coin for transfer in example.transfers))
