"""The small picture of an example: transfers on a time line, what counts among them, what it says.

Value comes in from above and leaves below; an arrow's length grows with it, and its colour is its
coin's. Transfers stand in their order, far enough apart to be labelled, with their moments between
the two lanes; a longer wait is somewhat wider. What an alert would show is highlighted, what the
value rests on besides is in full colour, the rest is faint. No colour is alone in saying something:
coins and amounts are written out, and the picture's description tells the whole in words.

The picture is a file by itself: no script, no font, nothing loaded. It follows the reader's light
or dark setting and brings its own background, so it is legible on either page.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pipelines.pages.drawing import element, words
from pipelines.reference.examples import Example
from pipelines.reference.histories import Told
from pipelines.reference.retelling import (
    amount_text,
    beyond,
    came_in,
    caption,
    date_text,
    description,
    legend,
    other_side,
)

WIDTH = 760.0
_LEFT, _RIGHT, _MOST_PITCH = 66.0, 36.0, 84.0
"""Where the first and the last transfer may stand, and the widest step where no time passes."""

_CAPTION, _TOP, _BAND, _MARK = 22.0, 36.0, 30.0, 44.0
_SHORTEST, _LONGEST = 12.0, 54.0
_TEXT, _SENTENCE, _LETTERS, _SMALL_LETTERS = 12.0, 17.0, 100, 116
"""Heights of lines: of labels, of what stands below; and the letters of that. Fonts differ."""

_TIED = "\u00a0"

_STYLE = (
    'text{font:11px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}'
    ".m{text-anchor:middle}.l{font-size:13px}.b{font-weight:700}"
    "text.s{fill:#59636e}.card{fill:#fff;stroke:#d1d9e0}.band{fill:#f0f3f6}.mark{fill:#fff0b3}"
    ".faint{opacity:.42}path{fill:#59636e}.cut{stroke:#59636e;stroke-dasharray:3 3}"
    ".USDT{fill:#1a7f5a}.USDC{fill:#2a62c9}.DAI{fill:#b35900}.ETH{fill:#7a3fb0}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}text.s,path{fill:#9198a1}"
    ".card{fill:#0d1117;stroke:#3d444d}.band{fill:#21262d}.mark{fill:#4d3d00}.cut{stroke:#9198a1}"
    ".USDT{fill:#4ac295}.USDC{fill:#79a8ff}.DAI{fill:#f0a04b}.ETH{fill:#c297f5}}"
)


@dataclass(frozen=True)
class Place:
    """Where a transfer stands."""

    position: int
    transfer: Told
    x: float
    length: float
    labels: tuple[tuple[str, str], ...]
    """Lines at the arrow's far end, as content and class, from the arrow outwards."""


@dataclass(frozen=True)
class _Frame:
    """The two lanes' edges: the time line's band lies between `axis` and `below`."""

    axis: float
    below: float
    bottom: float


def picture(example: Example) -> str:
    """Draw an example as a whole SVG file."""
    places, cut = arranged(example)
    frame = _frame(places)
    said = _said(example)
    height = frame.bottom + 14 + _SENTENCE * len(said)
    content = [
        element("title", words(example.sentence.text), id="t"),
        element("desc", words(description(example)), id="d"),
        element("style", _STYLE),
        element("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, rx=6, class_="card"),
        element("text", words(caption(example)), x=14, y=_CAPTION, class_="s"),
        *(_mark(place, frame) for place in places if place.position in example.shown),
        element("rect", x=1, y=frame.axis, width=WIDTH - 2, height=_BAND, class_="band"),
        element("text", "in", x=14, y=frame.axis - 7, class_="s"),
        element("text", "out", x=14, y=frame.below + 15, class_="s"),
        *_moments(places, frame),
        *(_drawn(place, frame, place.position in example.rows) for place in places),
        *(_cut(example, cut, frame) if example.signal.depends_on_as_of else ()),
        *(
            element("text", line, x=14, y=frame.bottom + 20 + _SENTENCE * number, class_=class_)
            for number, (line, class_) in enumerate(said)
        ),
    ]
    svg = element(
        "svg",
        "".join(content),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=height,
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        aria_labelledby="t d",
    )
    return svg + "\n"


def arranged(example: Example) -> tuple[list[Place], float]:
    """Place the transfers from left to right; return the places, and where the cut stands.

    What went out and came in by one transaction stands at one place.
    """
    starts, slot = [0], [0]
    for position in range(1, len(example.transfers)):
        transfer, beside = example.transfers[position], example.transfers[starts[-1] : position]
        if beside[0].transaction != transfer.transaction or any(
            came_in(other) == came_in(transfer) for other in beside
        ):
            starts.append(position)
        slot.append(len(starts) - 1)
    moments = [example.transfers[start].moment for start in starts]
    steps = [_step((b - a).total_seconds()) for a, b in pairwise([*moments, example.as_of])]
    inner = sum(steps) if example.signal.depends_on_as_of else sum(steps[:-1])
    pitch = min(_MOST_PITCH, (WIDTH - _LEFT - _RIGHT) / max(inner, 1.0))
    at = [_LEFT + pitch * along for along in accumulate(steps, initial=0.0)]
    most = max(float(transfer.dollars) for transfer in example.transfers)
    several = len({transfer.coin for transfer in example.transfers}) > 1
    places = [
        Place(
            position,
            transfer,
            at[slot[position]],
            _SHORTEST + (_LONGEST - _SHORTEST) * math.sqrt(float(transfer.dollars) / most),
            _labels(transfer, several),
        )
        for position, transfer in enumerate(example.transfers)
    ]
    return places, at[-1]


def _step(seconds: float) -> float:
    """Return how much wider a wait stands than none: by a half for a day, by one for a month."""
    return 1 + 0.35 * math.log10(max(1.0, seconds / 3_600))


def _labels(transfer: Told, several: bool) -> tuple[tuple[str, str], ...]:
    """Return the amount, its coin where a history has several, and the other side."""
    coin = ((transfer.coin, f"m {transfer.coin}"),) if several else ()
    amount = ((amount_text(transfer), "m"),)
    return (
        *(coin + amount if came_in(transfer) else amount + coin),
        (words(other_side(transfer)), "m b"),
    )


def _frame(places: list[Place]) -> _Frame:
    """Give each lane the height that its tallest transfer needs."""
    above, under = (
        max(
            (p.length + 8 + _TEXT * len(p.labels) for p in places if came_in(p.transfer) == way),
            default=18.0,
        )
        for way in (True, False)
    )
    axis = round(_TOP + above)
    return _Frame(axis, axis + _BAND, round(axis + _BAND + under + 2))


def _mark(place: Place, frame: _Frame) -> str:
    top, bottom = (_TOP, frame.axis) if came_in(place.transfer) else (frame.below, frame.bottom)
    letters = max(len(content) for content, _ in place.labels)
    width = max(_MARK, 7.0 * letters)
    return element(
        "rect", x=place.x - width / 2, y=top, width=width, height=bottom - top, class_="mark"
    )


def _moments(places: list[Place], frame: _Frame) -> Iterator[str]:
    """Write the clock at every place, and the date where it changes."""
    before = ""
    for x, place in {place.x: place for place in places}.items():
        date = date_text(place.transfer.moment)
        if date != before:
            yield element("text", date, x=x, y=frame.axis + 12, class_="m b")
        clock = f"{place.transfer.moment:%H:%M}"
        yield element("text", clock, x=x, y=frame.axis + 25, class_="m s")
        before = date


def _drawn(place: Place, frame: _Frame, counts: bool) -> str:
    """Draw an arrow downwards, to the time line or away from it, with its labels."""
    into = came_in(place.transfer)
    top = frame.axis - 2 - place.length if into else frame.below + 2
    path = f"M{place.x - 2:.1f} {top:.1f}h4v{place.length - 7:.1f}h3l-5 7l-5 -7h3z"
    parts = [element("path", d=path, class_=place.transfer.coin)]
    for number, (content, class_) in enumerate(place.labels):
        away = place.length + _TEXT * number
        y = frame.axis - 7 - away if into else frame.below + 14 + away
        parts.append(element("text", content, x=place.x, y=y, class_=class_))
    return "".join(parts) if counts else element("g", "".join(parts), class_="faint")


def _cut(example: Example, x: float, frame: _Frame) -> Iterator[str]:
    for top, bottom in ((_TOP, frame.axis), (frame.below, frame.bottom)):
        yield element("line", x1=x, x2=x, y1=top, y2=bottom, class_="cut")
    yield element("text", "scored", x=x - 5, y=_TOP + 12, text_anchor="end", class_="s")
    yield element("text", date_text(example.as_of), x=x, y=frame.axis + 12, class_="m b")


def _said(example: Example) -> list[tuple[str, str]]:
    """Return the lines below: the sentence, its value in bold, its tail, and what marks mean."""
    clause, _, tail = example.sentence.text.rpartition(", in the ")
    value = _value(example)
    # What belongs together stays on one line.
    kept = [value, *re.findall(r"\([\d,]+ \w+ [\d,]+\)", clause)]
    for part in kept:
        clause = clause.replace(part, part.replace(" ", _TIED), 1)
    lines = [line.replace(_TIED, " ") for line in _wrapped(clause + ",")]
    bold = element("tspan", words(value), class_="b")
    at = next(number for number, line in enumerate(lines) if value in line)
    written = [words(line) for line in lines]
    written[at] = written[at].replace(words(value), bold, 1)
    return [
        *((line, "l") for line in written),
        (words(f"in the {tail}"), "s"),
        (words(legend(example)), "s"),
        *((words(line), "s") for line in _wrapped_beyond(example)),
    ]


def _value(example: Example) -> str:
    """Return the value as the sentence shows it, or the first number that it is made of."""
    numbers = example.sentence.numbers
    own = [n.shown for n in numbers if n.unit == example.signal.unit]
    return [*own, *(n.shown for n in numbers if n.unit != "constant")][0]


def _wrapped_beyond(example: Example) -> list[str]:
    """Tell what passed beyond the history in lines that do not cut a moment in two."""
    moment = re.compile(r"(\d+) (\w{3}) (?=\d\d:)")
    tied = moment.sub(rf"\1{_TIED}\2{_TIED}", beyond(example))
    return [line.replace(_TIED, " ") for line in textwrap.wrap(tied, _SMALL_LETTERS)]


def _wrapped(text: str) -> list[str]:
    """Break a sentence into as few lines as it needs, of about one length."""
    fewest = len(textwrap.wrap(text, _LETTERS))
    widths = range(len(text) // fewest, _LETTERS + 1)
    return next(lines for width in widths if len(lines := textwrap.wrap(text, width)) == fewest)
