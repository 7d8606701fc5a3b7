"""Trying innocent explanations on one address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.innocence.declared import Innocent, Sign
from models.percentiles import Population

SUPPORTED, NOT_SUPPORTED, NOT_TESTABLE = "supported", "not_supported", "not_testable"


@dataclass(frozen=True)
class Found:
    """What was found of one sign.

    Attributes
    ----------
    sign
        The sign.
    value
        Of its signal; None where it is not defined for this address.
    fits
        Whether it is as expected; None where there is no value.
    below, above
        Shares of the look-alikes that surely lie strictly below and above; None where the
        population of the model does not have the signal.
    n
        Look-alikes that have it.
    """

    sign: Sign
    value: float | None
    fits: bool | None
    below: float | None
    above: float | None
    n: int | None


@dataclass(frozen=True)
class Tried:
    """One explanation, and how it fared."""

    innocent: Innocent
    outcome: str
    found: tuple[Found, ...]


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
        In the order given. One sign that does not fit decides: `NOT_SUPPORTED`. Where all that is
        known fits but something is not known, `NOT_TESTABLE`.

    Examples
    --------
    >>> shop = Innocent("shop", "A shop", "Sells.", (Sign("senders", least=10),), "here", "books")
    >>> nobody = Population("none", 0, "2024-01-01", {}, {})
    >>> [tried([shop], {"senders": n}, nobody)[0].outcome for n in (12.0, 3.0, None)]
    ['supported', 'not_supported', 'not_testable']
    """
    return [_tried(one, signals, look_alikes) for one in explanations]


def _tried(innocent: Innocent, signals: Mapping[str, float | None], of: Population) -> Tried:
    found = tuple(_found(sign, signals.get(sign.signal), of) for sign in innocent.signs)
    fits = [one.fits for one in found]
    unknown = NOT_TESTABLE if None in fits else SUPPORTED
    outcome = NOT_SUPPORTED if False in fits else unknown
    return Tried(innocent, outcome, found)


def _found(sign: Sign, value: float | None, of: Population) -> Found:
    if value is None:
        return Found(sign, None, None, None, None, None)
    below, above = of.below(sign.signal, value), of.above(sign.signal, value)
    return Found(sign, value, sign.fits(value), below, above, of.defined.get(sign.signal))
