"""What a story is: a small invented history, a way of moving money, on which signals are shown.

A story is written down as a person would tell it, one transfer a line::

    1 09:12   A > it          1,200 USDT
    1 10:30   it > router     1,200 USDT
    +         router > it     1,199 DAI
    1 10:45   B > P1..P9        700 USDT
    1 10:50   bridge > it       900 USDT@tron
    1 11:00   V > it          3,000 USDT by it

The first number is the day, counted from the story's first. `it` is the address that the story is
about; other names are whoever it dealt with. A line that begins with ``+`` belongs to the
transaction of the line before; ``P1..P9`` are nine transfers of one moment. What passes between
others or on another chain is not in the history. The last line tells who had asked for a transfer
(sent its transaction), where that was not the sender. Signals that look beyond it
see it, and their pictures tell it.
Names that begin with a word of `KNOWN` stand on an invented list of services, from before the story
begins.
"""

from __future__ import annotations

from dataclasses import dataclass

KNOWN = {
    "exchange": "exchange_hot",
    "deposit": "exchange_deposit",
    "bridge": "bridge",
    "router": "dex_router",
    "mixer": "mixer",
    "marketplace": "guarantee_marketplace",
    "frozen": "issuer_blocked",
}
"""First words of names that a list of services knows, and as what (`data.service_table`)."""

NOT_LICIT = ("mixer", "guarantee_marketplace", "issuer_blocked")


@dataclass(frozen=True)
class Story:
    """One invented history.

    Attributes
    ----------
    name
        One word or two, unique.
    tells
        What happens, in one line.
    red_flags
        Ids in ``data/registry/red_flags.csv`` that it plays.
    transfers
        One a line, in order of time; see the module.
    rests
        Days between its last transfer and the moment of scoring.
    also
        Signals that are seen best on it although no red flag says so.
    """

    name: str
    tells: str
    red_flags: tuple[str, ...]
    transfers: str
    rests: int = 30
    also: tuple[str, ...] = ()
