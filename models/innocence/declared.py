"""What an innocent explanation is: signs, each a signal with what it would be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """One sign: a signal whose value lies between limits if the explanation holds.

    Attributes
    ----------
    signal
        Its name.
    least, most
        The limits, in the signal's unit, inclusive; None: none on that side.
    """

    signal: str
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        if self.least is None and self.most is None:
            raise ValueError(f"The sign {self.signal} has no limit.")

    def fits(self, value: float) -> bool:
        """Say whether a value is as expected.

        >>> Sign("receivers", most=2).fits(2.0), Sign("receivers", most=2).fits(3.0)
        (True, False)
        """
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


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
        All must fit for it to be supported.
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
