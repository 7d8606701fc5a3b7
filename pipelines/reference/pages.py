"""The catalogue's pages for people: an index, a page for each family, one for the red flags.

The same text can be had as one page without pictures, for a terminal or a wiki; only links differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from features.catalogue import Catalogue
from features.signal import Family, Signal
from models.flagging import PARTS
from pipelines.alerting.red_flags import RedFlag, red_flags
from pipelines.reference.examples import examples
from pipelines.reference.picture import picture
from pipelines.reference.wording import facts_in_words, family_story, flags_of, how_read

INDEX, FOLDER, PICTURES = "signals.md", "signals", "images/signals"
"""Where the pages and the pictures lie, below the folder they are written to."""

_RED_FLAGS = "red-flags.md"

_INTRODUCTION = """\
A signal measures one side of how an address behaved, from transfers before the moment of scoring:
its own and, where a signal says so, those of others around it. Its name is the column of
`unrinse signals`, the input of the model and the label on an alert.

- **Null is not zero.** A signal is null where the exports do not show what it needs, and where its
  formula has nothing to work on; each signal says when. Null is never a reason.
- **Windows roll** from transfer to transfer. Calendar days, hours of the day and time zones do not
  enter: shifting a whole history in time changes nothing.
- **Every value comes with its evidence**, from which it can be computed again.
- **A signal is no verdict.** Most of them are unremarkable alone; a red flag says who warns of the
  behaviour, not that it is a crime. It is said of an address only where all of its parts hold.
- **Too few are no habit.** A share or a median over too few payments or senders is no reason and
  speaks for nobody; each signal says how many it takes."""

_PICTURES = """\
Each signal is shown on a small invented history, a *story*: what came in stands above the time
line, what went out below it, with the other side's name, the amount and the moment. Highlighted are
the transfers that an alert would show. The value and the sentence are what the code finds on that
history. `unrinse catalogue` with a signal's name shows the same in a terminal; its JSON, for
machines, is described by `pipelines/schemas/catalogue.v1.schema.json`."""


@dataclass(frozen=True)
class _Links:
    """How one page leads to the others; `picture` returns a line, empty where there is none."""

    flag: Callable[[RedFlag], str]
    picture: Callable[[Signal], str]


def pages(known: Catalogue) -> dict[str, str]:
    """Return every page and picture by its path below the folder for documentation."""
    made = {INDEX: _index(known)}
    links = _Links(
        flag=lambda flag: f"{_RED_FLAGS}#{_mark(flag)}",
        picture=lambda s: (
            f"![{_plain(examples()[s.name].sentence.text)}](../{PICTURES}/{s.name}.svg)"
        ),
    )
    for family in known.families:
        title, claim, story = family_story(family)
        back = f"[All signals](../{INDEX})"
        parts = [f"# {title}", back, *_opening(family, claim, story)]
        parts += [_signal(signal, links, "##") for signal in family.signals]
        made[f"{FOLDER}/{_page(family)}"] = _joined(parts)
    made[f"{FOLDER}/{_RED_FLAGS}"] = _joined(
        ["# Red flags", f"[All signals](../{INDEX})", *_flags(known, _signal_link(known), "##")]
    )
    for signal in known.signals:
        made[f"{PICTURES}/{signal.name}.svg"] = picture(examples()[signal.name])
    return made


def one_page(known: Catalogue) -> str:
    """Return the whole catalogue as one page without pictures."""
    links = _Links(flag=lambda flag: f"#{_mark(flag)}", picture=lambda signal: "")
    stories = [family_story(family) for family in known.families]
    contents = [
        f"- [{title}](#{_anchor(title)}): {claim} ({len(family.signals)} signals)"
        for family, (title, claim, _) in zip(known.families, stories, strict=True)
    ]
    contents.append("- [Red flags](#red-flags): who warns of what")
    parts = ["# Signals", _head(known), _INTRODUCTION, "\n".join(contents)]
    for family, (title, claim, story) in zip(known.families, stories, strict=True):
        parts += [f"## {title}", *_opening(family, claim, story)]
        parts += [_signal(signal, links, "###") for signal in family.signals]
    parts += ["## Red flags", *_flags(known, lambda signal: f"#{signal.name}", "###")]
    return _joined(parts)


def section(signal: Signal) -> str:
    """Return what the one page says of a signal, with its red flags' sources in full."""
    links = _Links(flag=lambda flag: flag.url or "", picture=lambda signal: "")
    return _joined([_signal(signal, links, "#")])


def _index(known: Catalogue) -> str:
    parts = ["# Signals", _head(known), _INTRODUCTION, _PICTURES]
    parts.append(f"[Red flags]({FOLDER}/{_RED_FLAGS}): who warns of what, and the signals for it.")
    for family in known.families:
        title, claim, _ = family_story(family)
        page = f"{FOLDER}/{_page(family)}"
        parts.append(f"## [{title}]({page})")
        parts.append(f"{_capital(claim)}.")
        rows = [f"| [{s.name}]({page}#{s.name}) | {s.meaning} |" for s in family.signals]
        parts.append("\n".join(["| signal | what it measures |", "|---|---|", *rows]))
    return _joined(parts)


def _head(known: Catalogue) -> str:
    return (
        f"Written by `unrinse catalogue`; catalogue hash `{known.hash()[:12]}`, "
        f"{len(known.signals)} signals."
    )


def _opening(family: Family, claim: str, story: str) -> list[str]:
    cost = f"Cost to compute: {family.cost}."
    return [f"{_capital(claim)}.", story, cost]


def _signal(signal: Signal, links: _Links, level: str) -> str:
    facts = {"Formula": f"`{signal.formula}`", **facts_in_words(signal)}
    flags = [
        f"[{flag.name}]({target}){when}" if (target := links.flag(flag)) else flag.name + when
        for flag, when in flags_of(signal)
    ]
    facts["Red flags"] = "; ".join(flags)
    order = [*(name for name in facts if name != "Note"), "Note"]
    lines = [f"- **{name}:** {facts[name]}" for name in order if facts.get(name)]
    parts = [f"{level} {signal.name}", signal.meaning, links.picture(signal), "\n".join(lines)]
    return "\n\n".join(part for part in parts if part)


def _flags(known: Catalogue, link: Callable[[Signal], str], level: str) -> Iterable[str]:
    """List the red flags that signals name: who says so, how that was read, and who raises it."""
    for flag in red_flags().values():
        raising = [signal for signal in known.signals if flag.id in signal.red_flags]
        if not raising:
            continue
        cited = f"[{flag.citation}]({flag.url})" if flag.url else flag.citation
        signals = ", ".join(f"[{signal.name}]({link(signal)})" for signal in raising)
        yield (
            f'<a id="{_mark(flag)}"></a>\n\n{level} {flag.name}\n\n'
            f"{_capital(flag.description)}.\n\n"
            f"- **Source:** {cited}; {how_read(flag)}\n"
            f"{_stands_where(flag)}"
            f"- **Signals:** {signals}"
        )


def _stands_where(flag: RedFlag) -> str:
    parts = "; ".join(map(str, PARTS.get(flag.id, ())))
    return f"- **Stands only where:** {parts}\n" if parts else ""


def _signal_link(known: Catalogue) -> Callable[[Signal], str]:
    page = {family.name: _page(family) for family in known.families}
    return lambda signal: f"{page[signal.family]}#{signal.name}"


def _page(family: Family) -> str:
    return f"{family.name.replace('_', '-')}.md"


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(text: str) -> str:
    """Return text for the alternative of an image, where brackets would end it."""
    return text.replace("[", "(").replace("]", ")")


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _mark(flag: RedFlag) -> str:
    return f"flag-{flag.id.replace('_', '-')}"
