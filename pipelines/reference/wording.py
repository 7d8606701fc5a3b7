"""What the catalogue says of a signal, in words: the same on pages and at a terminal."""

from __future__ import annotations

import inspect
import sys
from typing import NamedTuple

from features.signal import Family, Signal
from models.sentences import shown
from pipelines.alerting.red_flags import RedFlag, red_flags

_NEEDS = {
    "in": "incoming transfers",
    "out": "outgoing transfers",
    "any": "incoming or outgoing transfers",
    "both": "a kind of transfer (native, internal or token) seen in both directions",
    "token_both": "token transfers seen in both directions",
}

_EVIDENCE = {
    "members": "the transfers that make it up",
    "extremal": "the transfers of the greatest window",
    "distribution": "the statistics it follows from, and the most telling transfers",
    "absence": "the transfers, and what had not happened before them",
    "neighbourhood": "the counterparties' statistics, with the transfers",
}

_UNITS = {"value": "dollars, native coins or medians of the history, by the run's value basis"}

_READ = {
    "yes": "read at the source",
    "abstract": "the abstract was read",
    "second_hand": "read through another text",
    "no": "the source itself was not read",
}


class FamilyStory(NamedTuple):
    """A family's title, its claim in one line, and its story: its file's docstring."""

    title: str
    claim: str
    story: str


def family_story(family: Family) -> FamilyStory:
    """Return what a family says of itself.

    >>> from features import otc
    >>> family_story(otc.FAMILY).title
    'OTC-like flows'
    """
    documentation = inspect.getdoc(sys.modules[family.signals[0].definition.__module__]) or ""
    head, _, body = documentation.partition("\n\n")
    title, _, claim = head.partition(": ")
    return FamilyStory(title, " ".join(claim.split()).rstrip("."), body.strip())


def facts_in_words(signal: Signal) -> dict[str, str]:
    """Return what applies to a signal, by name; formula and red flags are not among it."""
    facts = {
        "Unit": _UNITS.get(signal.unit, signal.unit) + _bounded(signal),
        "Window": window_in_words(signal),
        "Needs": _NEEDS[signal.needs] + ("; dollar values" if signal.dollars else ""),
        "Null": signal.null_meaning,
        "Evidence": _EVIDENCE[signal.evidence],
        "Direction": _direction(signal),
        "Note": " ".join(_notes(signal)),
    }
    return {name: text for name, text in facts.items() if text}


def window_in_words(signal: Signal) -> str:
    """Return the time window, such as ``24 hours``; empty where there is none."""
    return "" if signal.window is None else shown(signal.window.total_seconds(), "seconds")


def how_read(flag: RedFlag) -> str:
    """Say how a red flag's source was read."""
    return _READ[flag.verified]


def flags_of(signal: Signal) -> list[tuple[RedFlag, str]]:
    """Return a signal's red flags, each with `` (when low)`` where a low value raises it."""
    return [
        (red_flags()[flag], " (when low)" if flag in signal.flags_when_low else "")
        for flag in signal.red_flags
    ]


def _bounded(signal: Signal) -> str:
    least, most = signal.bounds
    if signal.unit == "share" or most == float("inf"):
        return ""
    return f", {least:g} to {most:g}"


def _direction(signal: Signal) -> str:
    """Say which values warn."""
    if signal.risk is not None:
        return f"risk grows as it goes {signal.risk}"
    if not signal.red_flags:
        return "no value of it alone is a warning"
    low, flags = set(signal.flags_when_low), set(signal.red_flags)
    if low == flags:
        return "a low value raises the red flag"
    return (
        "high and low values raise different red flags"
        if low
        else ("a high value raises the red flag" + ("s" if len(flags) > 1 else ""))
    )


def _fewer(signal: Signal) -> str:
    return " or ".join(f"`{column}` is below {least}" for column, least in signal.fewest)


def _notes(signal: Signal) -> list[str]:
    return [
        note
        for holds, note in (
            (
                signal.depends_on_as_of,
                "It changes with the moment of scoring, though no transfer is added.",
            ),
            (
                signal.scope == "graph",
                "It follows transfers beyond the address, as far as the loaded exports show them.",
            ),
            (
                bool(signal.fewest),
                f"Where {_fewer(signal)}, it is no reason, speaks for nobody and raises no red "
                "flag.",
            ),
            (signal.lower_bound, "More may lie beyond what is loaded: a low value says nothing."),
            (signal.exposure, "It rests on what others are or do: exposure."),
            (
                not signal.model_input,
                "Context: `unrinse signals` shows it; no input of the model, so no reason in an "
                "alert, unless a model is trained on it (`--also`).",
            ),
        )
        if holds
    ]
