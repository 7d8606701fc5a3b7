"""What the parts of an alert are told with: its reasons, and how amounts are written."""

from __future__ import annotations

from dataclasses import dataclass

from features.signal import Signal
from models.saying import worth
from models.sentences import Number


@dataclass(frozen=True)
class Told:
    """One reason of an alert.

    Attributes
    ----------
    place
        Its number in the alert, from 1.
    signal
        What it rests on.
    log_odds
        What it added.
    """

    place: int
    signal: Signal
    log_odds: float


@dataclass(frozen=True)
class Scales:
    """How values of a history are written: the basis of the run, the symbol of the coin."""

    basis: str
    coin: str

    def worth(self, value: float) -> Number:
        """Write an amount."""
        return worth(value, self.basis, self.coin)
