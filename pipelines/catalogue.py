"""The `catalogue` job: every signal, for people or for machines."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable

from features.catalogue import Catalogue
from features.catalogue import catalogue as of_code
from features.signal import Family, Signal
from pipelines.red_flags import red_flags

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

_INTRODUCTION = """\
A signal measures one side of how an address behaved, from its own transfers before the moment of
scoring. Its name is the column of `unrinse signals`, the input of the model and the label on an
alert.

- **Null is not zero.** A signal is null where the exports do not show what it needs, and where its
  formula has nothing to work on; each signal says when. Null is never a reason.
- **Windows roll** from transfer to transfer. Calendar days, hours of the day and time zones do not
  enter: shifting a whole history in time changes nothing.
- **Every value comes with its evidence**, from which it can be computed again.
- **A signal is no verdict.** Most of them are unremarkable alone; a red flag says who warns of the
  behaviour, not that it is a crime.
"""


def catalogue(format: str = "json") -> str:
    """Return the catalogue of signals as text.

    Parameters
    ----------
    format
        ``json`` (one object with the hash and a list of signals) or ``md`` (a page to read).

    Examples
    --------
    >>> json.loads(catalogue())["signals"][0]["name"]
    'transfers_in'
    """
    known = of_code()
    if format == "md":
        return _page(known)
    facts = {"hash": known.hash(), "signals": [signal.facts() for signal in known.signals]}
    return json.dumps(facts, indent=2, ensure_ascii=False)


def _page(known: Catalogue) -> str:
    stories = {family.name: _story(family) for family in known.families}
    contents = (
        f"- [{title}](#{_anchor(title)}): {claim} ({len(family.signals)} signals)"
        for family, (title, claim, _) in zip(known.families, stories.values(), strict=True)
    )
    parts = [
        "# Signals",
        "Written by `unrinse catalogue --format md`; catalogue hash "
        f"`{known.hash()[:12]}`, {len(known.signals)} signals.",
        _INTRODUCTION.rstrip(),
        "\n".join([*contents, "- [Red flags](#red-flags): who warns of what"]),
        *(_family(family, *stories[family.name]) for family in known.families),
        _flags(known.signals),
    ]
    return "\n\n".join(parts) + "\n"


def _story(family: Family) -> tuple[str, str, str]:
    """Return a family's title, its claim in one line, and its story, from its file's docstring."""
    documentation = inspect.getdoc(sys.modules[family.signals[0].definition.__module__]) or ""
    head, _, body = documentation.partition("\n\n")
    title, _, claim = head.partition(": ")
    return title, " ".join(claim.split()).rstrip("."), body.strip()


def _family(family: Family, title: str, claim: str, story: str) -> str:
    opening = f"## {title}\n\n{claim[:1].upper()}{claim[1:]}."
    return "\n\n".join([opening, story, *(_signal(s) for s in family.signals)])


def _signal(signal: Signal) -> str:
    facts = {
        "Formula": f"`{signal.formula}`",
        "Unit": _UNITS.get(signal.unit, signal.unit) + _bounded(signal),
        "Needs": _NEEDS[signal.needs] + ("; dollar values" if signal.dollars else ""),
        "Null": signal.null_meaning,
        "Evidence": _EVIDENCE[signal.evidence],
        "Red flags": "; ".join(_flag(signal, f) for f in signal.red_flags),
        "Note": " ".join(_notes(signal)),
    }
    lines = "\n".join(f"- {name}: {text}" for name, text in facts.items() if text)
    return f"### {signal.name}\n\n{signal.meaning}\n\n{lines}"


def _flag(signal: Signal, flag: str) -> str:
    when = " (when low)" if flag in signal.flags_when_low else ""
    return f"[{red_flags()[flag].name}](#{_mark(flag)}){when}"


def _bounded(signal: Signal) -> str:
    least, most = signal.bounds
    if signal.unit == "share" or most == float("inf"):
        return ""
    return f", {least:g} to {most:g}"


def _notes(signal: Signal) -> Iterable[str]:
    if signal.risk is not None:
        yield f"Risk grows as it goes {signal.risk}."
    if signal.depends_on_as_of:
        yield "It changes with the moment of scoring, though no transfer is added."
    if signal.exposure:
        yield "It rests on what others are or do: exposure."
    if not signal.model_input:
        yield "Shown to analysts; not an input of the model."


def _flags(signals: Iterable[Signal]) -> str:
    """List the red flags that signals name, with who says so and how that was read."""
    used = {flag for signal in signals for flag in signal.red_flags}
    lines = [
        f'- <a id="{_mark(flag.id)}"></a>**{flag.name}.** {flag.source}; {_READ[flag.verified]}.'
        for flag in red_flags().values()
        if flag.id in used
    ]
    return "## Red flags\n\n" + "\n".join(lines)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _mark(flag: str) -> str:
    return f"flag-{flag.replace('_', '-')}"
