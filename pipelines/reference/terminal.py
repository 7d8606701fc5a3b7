"""The catalogue for a person at a terminal: one signal whole, or all of them in a line each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from features.catalogue import Catalogue
from features.signal import Signal
from pipelines.reference.examples import Example, examples
from pipelines.reference.retelling import (
    amount_text,
    beyond,
    came_in,
    legend,
    moment_text,
    other_side,
)
from pipelines.reference.wording import facts_in_words, family_story, flags_of, how_read

_WIDTH, _NAMES = 96, 12


def overview_text(known: Catalogue) -> str:
    """Return every signal in a line, by family."""
    parts = []
    longest = max(len(signal.name) for signal in known.signals)
    for family in known.families:
        title, claim, _ = family_story(family)
        lines = [f"{title}: {claim}"]
        lines += [
            _hanging(f"  {signal.name:<{longest}}  ", signal.meaning) for signal in family.signals
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def signal_text(known: Catalogue, signal: Signal) -> str:
    """Return everything about one signal, with its example."""
    family = next(family for family in known.families if family.name == signal.family)
    facts = {"Formula": signal.formula, **facts_in_words(signal), "Cost": family.cost}
    lines = [f"{signal.name} ({family_story(family).title})", ""]
    lines += [textwrap.fill(signal.meaning, _WIDTH), ""]
    lines += [_hanging(f"  {name:<{_NAMES}}", text) for name, text in facts.items()]
    for flag, when in flags_of(signal):
        lines.append(_hanging(f"  {'Red flag':<{_NAMES}}", flag.name + when))
        lines.append(_hanging(" " * (_NAMES + 2), f"{flag.citation}; {how_read(flag)}"))
        lines += [" " * (_NAMES + 2) + flag.url] if flag.url else []
    lines += ["", *_example(examples()[signal.name])]
    return "\n".join(lines) + "\n"


def _example(example: Example) -> Iterator[str]:
    yield f"Example: {example.story.tells[:1].lower()}{example.story.tells[1:]}."
    yield ""
    widest = max(len(amount_text(transfer)) for transfer in example.transfers)
    for position, transfer in enumerate(example.transfers):
        mark = "*" if position in example.shown else " " if position in example.rows else "-"
        way = ("in   from " if came_in(transfer) else "out  to ") + other_side(transfer)
        amount = f"{amount_text(transfer):>{widest}} {transfer.coin:<4}"
        yield f"  {mark} {moment_text(transfer.moment):>12}   {amount}  {way}"
    yield ""
    yield textwrap.fill(example.sentence.text, _WIDTH)
    marks = legend(example).replace("Highlighted", "*").replace("faint", "-")
    yield marks.replace("; in full colour: ", "; unmarked: ")
    if said := beyond(example):
        yield textwrap.fill(said, _WIDTH)


def _hanging(head: str, text: str) -> str:
    """Write text behind its name, further lines below the first."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
