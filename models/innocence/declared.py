"""What an innocent explanation is: signs, each a signal or a measure with what it would be."""

from __future__ import annotations

from dataclasses import dataclass

from models.sentences import shown

FITS, BORDERLINE, NO_FIT, NOT_TESTABLE = "fits", "borderline", "does_not_fit", "not_testable"

MARGIN = 0.1
"""Of a limit: a value nearer to it, on either side, is borderline. Of a share that is above one
half, of what is missing to all of it; of a count, rounded down, so that small ones have none."""

COUNTED = ("addresses", "transfers")
"""Units of whole numbers, whose limits mean what they say."""


@dataclass(frozen=True)
class Sign:
    """One sign: a value that lies between limits if the explanation holds.

    Attributes
    ----------
    signal
        Name of a signal, or of one of `models.innocence.measures.MEASURES`.
    least, most
        The limits, in its unit, inclusive; None: none on that side.
    tells
        Whether it is a positive, distinguishing sign: seldom so on anybody else. The others say
        what the explanation needs besides.
    """

    signal: str
    least: float | None = None
    most: float | None = None
    tells: bool = False

    def __post_init__(self) -> None:
        if self.least is None and self.most is None:
            raise ValueError(f"The sign {self.signal} has no limit.")

    def state(self, value: float, unit: str) -> str:
        """Say how a value fits: `FITS`, `BORDERLINE` or `NO_FIT`.

        >>> sign = Sign("exchange_in_share", least=0.25)
        >>> [sign.state(share, "share") for share in (0.5, 0.26, 0.24, 0.1)]
        ['fits', 'borderline', 'borderline', 'does_not_fit']
        >>> [Sign("senders", least=3).state(n, "addresses") for n in (3.0, 2.0)]
        ['fits', 'does_not_fit']
        """
        inside = (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )
        limits = [limit for limit in (self.least, self.most) if limit is not None]
        if any(_near(value, limit, unit) for limit in limits):
            return BORDERLINE
        # A page writes both; where it writes them alike, nobody could see which side it is on.
        if not inside and any(shown(value, unit) == shown(limit, unit) for limit in limits):
            return BORDERLINE
        return FITS if inside else NO_FIT


@dataclass(frozen=True)
class Innocent:
    """One innocent explanation.

    Attributes
    ----------
    name
        Its id.
    title
        What the address would be, as it stands in a list.
    supposes
        What would have been going on, in one sentence.
    signs
        All must fit for it to fit; at least one of them tells.
    source
        Where the signs and their limits come from.
    shown_by
        What would show it, to follow "It would be shown by".
    """

    name: str
    title: str
    supposes: str
    signs: tuple[Sign, ...]
    source: str
    shown_by: str

    def __post_init__(self) -> None:
        if not any(sign.tells for sign in self.signs):
            raise ValueError(f"The explanation {self.name} has no sign that tells.")

    @property
    def called(self) -> str:
        """The title as it stands within a sentence.

        >>> Innocent("shop", "A shop", "", (Sign("senders", least=3, tells=True),), "", "").called
        'a shop'
        """
        return self.title[0].lower() + self.title[1:]


def margin(limit: float, unit: str) -> float:
    """Return how near to a limit a value is borderline.

    >>> margin(0.25, "share"), round(margin(0.99, "share"), 6), margin(20, "addresses")
    (0.025, 0.001, 2.0)
    """
    if unit in COUNTED:
        return float(int(MARGIN * abs(limit)))
    return MARGIN * (min(limit, 1 - limit) if unit == "share" else abs(limit))


def _near(value: float, limit: float, unit: str) -> bool:
    return abs(value - limit) < margin(limit, unit)
