"""Trying innocent explanations on one address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.catalogue import catalogue
from models.innocence.declared import BORDERLINE, FITS, NO_FIT, NOT_TESTABLE, Innocent, Sign
from models.innocence.measures import MEASURES
from models.percentiles import Population

ORDER = (FITS, BORDERLINE, NOT_TESTABLE, NO_FIT)
"""Of outcomes, the best fit first."""


@dataclass(frozen=True)
class Found:
    """What was found of one sign.

    Attributes
    ----------
    sign
        The sign.
    value
        Of its signal; None where it is not defined for this address.
    state
        `FITS`, `BORDERLINE`, `NO_FIT`, or `NOT_TESTABLE` where there is no value.
    below, above
        Shares of the look-alikes that surely lie strictly below and above; None where the
        population of the model does not have the signal.
    n
        Look-alikes that have it.
    """

    sign: Sign
    value: float | None
    state: str
    below: float | None
    above: float | None
    n: int | None


@dataclass(frozen=True)
class Tried:
    """One explanation, and how it fared."""

    innocent: Innocent
    outcome: str
    found: tuple[Found, ...]

    def n(self, state: str) -> int:
        """Count the signs of one state."""
        return sum(one.state == state for one in self.found)


def tried(
    explanations: Sequence[Innocent],
    signals: Mapping[str, float | None],
    look_alikes: Population,
) -> list[Tried]:
    """Try explanations on the signals of one address.

    Parameters
    ----------
    explanations
        Which.
    signals
        Values by name; a name that is missing was not measured.
    look_alikes
        Addresses labelled as something else than laundering.

    Returns
    -------
    list
        The best fit first: by outcome, then by the share of signs that fit, then by their number,
        since many signs ask more than few. One sign that does not fit decides: `NO_FIT`. Where
        none is against but one is not known, `NOT_TESTABLE`; where one only just fits, or only
        just does not, `BORDERLINE`.

    Examples
    --------
    >>> shop = Innocent(
    ...     "shop", "A shop", "Sells.", (Sign("senders", least=10, tells=True),), "here", "books"
    ... )
    >>> nobody = Population("none", 0, "2024-01-01", {}, {})
    >>> [tried([shop], {"senders": n}, nobody)[0].outcome for n in (12.0, 10.0, 3.0, None)]
    ['fits', 'borderline', 'does_not_fit', 'not_testable']
    """
    return sorted((_tried(one, signals, look_alikes) for one in explanations), key=_rank)


def leading(found: Sequence[Tried]) -> Tried | None:
    """Return the one explanation that fits; None where none does, or several do.

    Explanations speak of different owners, so that each one that fits excludes the others: where
    two fit, neither says much.
    """
    fit = [one for one in found if one.outcome == FITS]
    return fit[0] if len(fit) == 1 else None


def unit_of(name: str) -> str:
    """Return the unit of a signal or measure.

    >>> unit_of("senders"), unit_of("balanced_share")
    ('addresses', 'share')
    """
    own = catalogue().by_name.get(name)
    return MEASURES[name].unit if own is None else own.unit


def _rank(one: Tried) -> tuple[int, float, int]:
    fit = one.n(FITS)
    return ORDER.index(one.outcome), -fit / len(one.found), -fit


def _tried(innocent: Innocent, signals: Mapping[str, float | None], of: Population) -> Tried:
    found = tuple(_found(sign, signals.get(sign.signal), of) for sign in innocent.signs)
    states = {one.state for one in found}
    outcome = next(s for s in (NO_FIT, NOT_TESTABLE, BORDERLINE, FITS) if s in states)
    return Tried(innocent, outcome, found)


def _found(sign: Sign, value: float | None, of: Population) -> Found:
    if value is None:
        return Found(sign, None, NOT_TESTABLE, None, None, None)
    below, above = of.below(sign.signal, value), of.above(sign.signal, value)
    state = sign.state(value, unit_of(sign.signal))
    return Found(sign, value, state, below, above, of.defined.get(sign.signal))
