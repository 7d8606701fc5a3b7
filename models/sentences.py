"""Sentences: what a signal measured, in words that claim no more than the data shows.

A signal brings a template, its `says` or `says_low`: what follows "it" (the address), with a place
for the value, `{value}`, and places for what stands behind it in the statistics of the evidence, so
that one payment of two is never taken for a habit: `{counts}` ("1 of 2"), `{count:payments}`
("2 payments"), `{gone:share}` ("88 %"). Where the value itself is a product or a difference that
nobody counts in, the template leaves it out and says what it is made of. Here a value gets its
unit, its plural and a rounding an analyst would choose, and every sentence ends with the same tail,
which says how much history it rests on:

>>> from datetime import UTC, datetime
>>> scene = Scene(214, datetime(2024, 3, 3, tzinfo=UTC), datetime(2024, 5, 9, tzinfo=UTC))
>>> said = sentence("sent on {value} of what it received within 24 hours", "share", 0.7213, scene)
>>> print(said.text.replace(" hours, ", " hours,\\n"))
It sent on 72 % of what it received within 24 hours,
in the 214 transfers supplied (3 March 2024 to 9 May 2024).

Every number that a sentence shows is listed beside it with the exact value behind it, so that a
reader (or a test) can hold each of them against the alert.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Formatter

MONTHS = (
    "January February March April May June July August September October November December"
).split()

VERDICTS: dict[str | None, str] = {
    "severe": "The behaviour of this address resembles pig-butchering laundering; hardly any "
    "reference address labelled as something else scores as high.",
    "high": "The behaviour of this address resembles pig-butchering laundering; few reference "
    "addresses labelled as something else score as high.",
    "medium": "The behaviour of this address resembles pig-butchering laundering; some reference "
    "addresses labelled as something else score as high.",
    "below_review": "The behaviour of this address stays below the review threshold for "
    "pig-butchering laundering, and for this typology only.",
    None: "This score has no band: too few reference addresses are known to set one.",
}
"""The first line of an alert, by the band of its score: a band is a share of reference addresses
that reach it, so that is all it says; how probable the typology is stands beside it."""

CAUTION = (
    "This is not a finding: legitimate services can behave alike. "
    "Check the reasons against the transactions; do not freeze on this page alone."
)
"""The second line of every alert."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as a sentence shows it.

    Attributes
    ----------
    shown : str
        The text in the sentence, with its unit.
    value : float or str
        The exact value behind it; a moment is ISO text.
    unit : str
        The unit of `value`: one of `UNITS`, or `transfers`, `time`, `count` (of what the value
        rests on) and `constant` (a window or limit that belongs to the signal's definition).
    """

    shown: str
    value: float | str
    unit: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and the numbers in it, in the order shown."""

    text: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """The history a sentence speaks about.

    Attributes
    ----------
    n_transfers : int
        Transfers that the signals saw.
    first_seen, last_seen : datetime
        The first and the last of them, UTC.
    basis : str
        What the unit ``value`` means: ``usd`` dollars, ``native`` whole coins, ``relative`` medians
        of the history's own non-zero amounts.
    coin : str
        Symbol of the chain's coin, for the ``native`` basis.
    """

    n_transfers: int
    first_seen: datetime
    last_seen: datetime
    basis: str = "usd"
    coin: str = "coins"


def verdict(band: str | None) -> str:
    """Return the two lines that open an alert: a resemblance, and what it is not."""
    return f"{VERDICTS[band]} {CAUTION}"


Statistics = Mapping[str, float | Sequence[float]]


def sentence(
    says: str,
    unit: str,
    value: float,
    scene: Scene,
    statistics: Statistics | None = None,
) -> Sentence:
    """Say what a signal measured.

    Parameters
    ----------
    says
        What follows "it", with `{value}` once at most, and the counts behind it if need be. Further
        numbers in it (windows, limits) are part of the definition. Before "0" and "under 0.1 %"
        an "at most" is left out, and after "at least" a share has all the digits it needs.
    unit
        One of `UNITS`.
    value
        In `unit`; not null.
    scene
        The history the value comes from.
    statistics
        Of the evidence: `{counts}` shows its ``numerator`` and ``denominator``, `{name:noun}` its
        ``name`` as a whole number of things, `{name:share}` as a share.

    Raises
    ------
    ValueError
        Unknown unit, a template with other fields, or counts that the statistics do not have.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> day = datetime(2024, 3, 3, tzinfo=UTC)
    >>> said = sentence("paid {value} in one day", "addresses", 1.0, Scene(2, day, day))
    >>> said.text
    'It paid 1 address in one day, in the 2 transfers supplied (3 March 2024).'
    >>> [number.shown for number in said.numbers]
    ['1 address', '2', '3 March 2024']
    >>> sentence("split {value} of its payments ({counts})", "share", 0.25, Scene(9, day, day),
    ...     {"numerator": 1, "denominator": 4}).text
    'It split 25 % of its payments (1 of 4), in the 9 transfers supplied (3 March 2024).'
    >>> sentence("paid {value}", "addresses", 0.0, Scene(9, day, day)).text
    'It paid no addresses, in the 9 transfers supplied (3 March 2024).'
    >>> sentence("got {value} its usual sum", "ratio", 0.024, Scene(2, day, day)).text
    'It got 2.4 % of its usual sum, in the 2 transfers supplied (3 March 2024).'
    """
    if not math.isfinite(value):
        raise ValueError(f"A sentence needs a finite value. Got {value!r} {unit}.")
    template = says.strip().rstrip(".")
    if re.match("0 |under|over|less", shown(value, unit, scene.basis, scene.coin)):
        template = template.replace("at most {value}", "{value}")
    clause, numbers = _filled(template, unit, value, scene, statistics or {})
    tail, of_tail = _tail(scene)
    return Sentence(f"It {clause}, {tail}.", (*numbers, *of_tail))


def shown(value: float, unit: str, basis: str = "usd", coin: str = "coins") -> str:
    """Round a value and give it its unit.

    >>> shown(0.7213, "share"), shown(0.9996, "share"), shown(30960, "seconds")
    ('72 %', 'over 99.9 %', '8.6 hours')
    >>> shown(212400, "value"), shown(1, "transfers"), shown(3.25, "value", "native", "ETH")
    ('$212,400', '1 transfer', '3.2 ETH')
    >>> shown(12.31, "value", "relative")
    '12.3 times its median transfer'
    """
    if unit == "value":
        return _value(value, basis, coin)
    if unit not in UNITS:
        raise ValueError(f"Unknown unit {unit!r}. Expected one of: {', '.join(sorted(UNITS))}.")
    return UNITS[unit](value)


def day(moment: datetime) -> str:
    """Write a UTC day the way people do: 3 March 2024."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def _filled(
    says: str, unit: str, value: float, scene: Scene, statistics: Statistics
) -> tuple[str, list[Number]]:
    """Put the value into the clause, and list its numbers in the order in which they stand."""
    clause, numbers, filled = "", [], False
    for literal, field, spec, _ in Formatter().parse(says):
        clause += literal
        numbers += [Number(n, _plain(n), "constant") for n in _FIGURE.findall(literal)]
        if field is None:
            continue
        if field == "value" and not filled:
            filled = True
            text = _in_sentence(value, unit, scene, clause)
            found = [Number(text, float(value), unit)]
        elif field == "counts":
            text, found = _part_of(statistics)
        elif field and field != "value" and spec:
            text, found = _behind(field, spec, statistics)
        else:
            raise ValueError(f"A signal's sentence takes {{value}} once. Got {says!r}.")
        clause += text
        numbers += found
    return clause, numbers


def _in_sentence(value: float, unit: str, scene: Scene, before: str) -> str:
    if unit == "ratio":
        return _times(value)
    if unit in COUNTED and value == 0:
        return f"no {shown(value, unit).removeprefix('0 ')}"
    if unit == "share" and 0 < value < 0.001 and before.endswith("at least "):
        return f"{_figure(100 * value)} %"
    return shown(value, unit, scene.basis, scene.coin)


def _part_of(statistics: Statistics) -> tuple[str, list[Number]]:
    """Write what a share was counted from: "1 of 21"."""
    counted = [_whole(name, statistics) for name in ("numerator", "denominator")]
    return " of ".join(number.shown for number in counted), counted


def _behind(name: str, spec: str, statistics: Statistics) -> tuple[str, list[Number]]:
    """Write one statistic behind a value: "1 receipt", or "88 %" for a share."""
    if spec == "share":
        share = statistics.get(name)
        if share is None or isinstance(share, Sequence):
            raise ValueError(f"A sentence shows {{{name}}} of one number. Got {share!r}.")
        number = Number(_share(share), float(share), "share")
        return number.shown, [number]
    number = _whole(name, statistics)
    return f"{number.shown} {_one(spec) if number.value == 1 else spec}", [number]


def _whole(name: str, statistics: Statistics) -> Number:
    number = statistics.get(name)
    if number is None or isinstance(number, Sequence) or number != int(number):
        raise ValueError(f"A sentence shows {{{name}}} of whole numbers. Got {number!r}.")
    return Number(f"{int(number):,}", float(number), "count")


def _one(noun: str) -> str:
    """Return the singular of a noun.

    >>> [_one(noun) for noun in ("receipts", "addresses", "counterparties")]
    ['receipt', 'address', 'counterparty']
    """
    for plural, singular in (("sses", "ss"), ("ies", "y"), ("s", "")):
        if noun.endswith(plural):
            return noun.removesuffix(plural) + singular
    return noun


def _tail(scene: Scene) -> tuple[str, list[Number]]:
    first, last = day(scene.first_seen), day(scene.last_seen)
    count = f"{scene.n_transfers:,}"
    noun = "transfer" if scene.n_transfers == 1 else "transfers"
    dates = first if first == last else f"{first} to {last}"
    numbers = [
        Number(count, scene.n_transfers, "transfers"),
        Number(first, scene.first_seen.isoformat(), "time"),
    ]
    if first != last:
        numbers.append(Number(last, scene.last_seen.isoformat(), "time"))
    return f"in the {count} {noun} supplied ({dates})", numbers


_FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def _plain(figure: str) -> float:
    return float(figure.replace(",", ""))


def _figure(value: float) -> str:
    """Write a number with the digits that matter: three significant ones, all whole ones."""
    if value == int(value) or abs(value) >= 100:
        return f"{round(value):,}"
    if abs(value) >= 10:
        return f"{value:.1f}".removesuffix(".0")
    text = f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}".removesuffix(".0")
    return f"{float(text):.10f}".rstrip("0").rstrip(".") if "e" in text else text


def _count(plural: str, singular: str | None = None) -> Callable[[float], str]:
    one = singular or plural.removesuffix("s")
    return lambda value: f"{_figure(value)} {one if value == 1 else plural}"


def _share(value: float) -> str:
    """Per cent; only exactly nothing is 0 % and only exactly everything is 100 %."""
    percent = 100 * value
    if 0 < percent < 0.1:
        return "under 0.1 %"
    if 99.9 < percent < 100:
        return "over 99.9 %"
    near_an_end = 0 < percent < 9.95 or 99 < percent < 100
    return f"{percent:.1f}".removesuffix(".0") + " %" if near_an_end else f"{percent:.0f} %"


def _times(value: float) -> str:
    """Write a multiple before what it is of: below 1 in per cent, which people can picture.

    >>> _times(3.4), _times(0.024), _times(0.0004)
    ('3.4 times', '2.4 % of', 'under 0.1 % of')
    """
    return f"{_share(value)} of" if 0 <= value < 1 else UNITS["ratio"](value)


def _seconds(value: float) -> str:
    if round(value) < 60:
        return _count("seconds")(float(round(value)) if value >= 1 else value)
    if round(value / 60) < 60:
        return _count("minutes")(round(value / 60, 1 if value < 600 else None))
    if round(value / 3600, 1) < 48:
        return _count("hours")(round(value / 3600, 1))
    return _count("days")(round(value / 86400, 1))


def _days(value: float) -> str:
    return _seconds(86400 * value) if 0 < value < 1 else _count("days")(round(value, 1))


def _usd(value: float) -> str:
    sign, amount = ("-" if value < 0 else ""), abs(value)
    if round(amount / 1e6, 2) >= 1000:
        return f"{sign}${amount / 1e9:,.2f} billion"
    if round(amount) >= 1_000_000:
        return f"{sign}${amount / 1e6:,.2f} million"
    if round(amount) >= 100 or amount == int(amount):
        return f"{sign}${amount:,.0f}"
    return f"{sign}${amount:.2f}" if amount >= 0.005 else "less than one cent"


def _value(value: float, basis: str, coin: str) -> str:
    """Write an amount in the run's value basis."""
    if basis == "usd":
        return _usd(value)
    if basis == "native":
        return f"{_figure(value)} {coin}"
    return f"{_figure(value)} {'time' if value == 1 else 'times'} its median transfer"


COUNTED: dict[str, Callable[[float], str]] = {
    "transfers": _count("transfers"),
    "addresses": _count("addresses", "address"),
    "assets": _count("assets"),
    "pairs": _count("pairs"),
    "hops": _count("hops"),
    "swaps": _count("swaps"),
    "steps": _count("steps"),
}
"""Units of what is counted; none of it is "no transfers" in a sentence."""

UNITS: dict[str, Callable[[float], str]] = {
    **COUNTED,
    "days": _days,
    "seconds": _seconds,
    "share": _share,
    "ratio": lambda value: f"{'1.0' if value == 1 else _figure(value)} times",
    "value": _usd,
    "bits": _count("bits"),
    "score": _figure,
}
"""The units of signals, each with the way it is written; ``value`` follows the value basis."""
