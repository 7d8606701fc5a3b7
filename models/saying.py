"""Sentences whose every number is recorded beside them.

Where `models.sentences` says what a signal measured, this says anything else that an alert claims.
A template has named fields; numbers come in as `Number`s, which are listed in the order in which
they are shown, figures that stand in the template itself as constants:

>>> from datetime import UTC, datetime
>>> said = tell("On {day} it paid {who} {sum} within 24 hours.", day=on(datetime(2024, 5, 3)),
...     who=count(14, "address", "addresses"), sum=worth(212_400.0))
>>> said.text
'On 3 May 2024 it paid 14 addresses $212,400 within 24 hours.'
>>> [number.shown for number in said.numbers]
['3 May 2024', '14 addresses', '$212,400', '24']

Addresses and names of others stay out of sentences: they may hold figures, and stand beside.
"""

from __future__ import annotations

import re
from datetime import datetime
from string import Formatter

from models.sentences import Number, Sentence, day, shown

_FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def tell(template: str, **fields: Number | str) -> Sentence:
    """Fill a template, and list its numbers in the order shown.

    Parameters
    ----------
    template
        With ``{name}`` for each field.
    fields
        Numbers, or words without figures.

    Raises
    ------
    ValueError
        A word holds a figure, which nobody could hold against the alert.
    """
    text, numbers = "", []
    for literal, name, _, _ in Formatter().parse(template):
        text += literal
        numbers += [_constant(figure) for figure in _FIGURE.findall(literal)]
        if name is None:
            continue
        given = fields[name]
        if isinstance(given, Number):
            numbers.append(given)
            text += given.shown
        elif re.search(r"\d", given):
            raise ValueError(f"Words of a sentence hold no figures. Got {given!r}.")
        else:
            text += given
    return Sentence(text, tuple(numbers))


def joined(sentences: list[Sentence]) -> Sentence:
    """Put sentences one after another into one.

    >>> joined([tell("First."), tell("Then {n}.", n=count(2, "transfer"))]).text
    'First. Then 2 transfers.'
    """
    return Sentence(
        " ".join(s.text for s in sentences), tuple(n for s in sentences for n in s.numbers)
    )


def count(n: int, one: str, many: str | None = None) -> Number:
    """Count things.

    >>> count(1, "address", "addresses").shown, count(1200, "transfer").shown
    ('1 address', '1,200 transfers')
    """
    return Number(f"{n:,} {one if n == 1 else many or one + 's'}", n, "count")


def whole(n: int) -> Number:
    """Write a whole number of what the template names.

    >>> whole(2746).shown
    '2,746'
    """
    return Number(f"{n:,}", n, "count")


def worth(value: float, basis: str = "usd", coin: str = "coins") -> Number:
    """Write an amount in the value basis of the run."""
    return Number(shown(value, "value", basis, coin), value, "value")


def share(value: float) -> Number:
    """Write a share."""
    return Number(shown(value, "share"), value, "share")


def lasting(seconds: float) -> Number:
    """Write how long something took."""
    return Number(shown(seconds, "seconds"), seconds, "seconds")


def on(moment: datetime) -> Number:
    """Write the UTC day of a moment."""
    return Number(day(moment), moment.isoformat().replace("+00:00", "Z"), "time")


def listed(words: list[str]) -> str:
    """Write a list as people do.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _constant(figure: str) -> Number:
    return Number(figure, float(figure.replace(",", "")), "constant")
