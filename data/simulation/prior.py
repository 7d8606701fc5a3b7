"""A prior: one documented distribution, from which each case or account draws its own value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

DAY = 86_400.0
HOUR = 3_600.0
MINUTE = 60.0


@dataclass(frozen=True)
class Prior:
    """One documented distribution.

    Parameters
    ----------
    name, unit, meaning, source
        Documentation, printed by `table`.
    law
        ``lognormal`` (median, sigma of the natural log), ``loguniform`` (low, high), ``uniform``
        (low, high), ``beta`` (a, b), ``chance`` (probability) or ``exponential`` (mean).
    numbers
        The law's parameters.
    low, high
        Draws are clipped into this range.
    """

    name: str
    unit: str
    law: str
    numbers: tuple[float, ...]
    meaning: str
    source: str
    low: float = -math.inf
    high: float = math.inf

    def draw(self, rng: np.random.Generator, size: int | None = None) -> np.ndarray:
        """Draw `size` values (a 0-d array when `size` is None)."""
        a = self.numbers[0]
        b = self.numbers[-1]
        n = 1 if size is None else size
        if self.law == "lognormal":
            values = a * np.exp(b * rng.standard_normal(n))
        elif self.law == "loguniform":
            values = a * (b / a) ** rng.random(n)
        elif self.law == "uniform":
            values = a + (b - a) * rng.random(n)
        elif self.law == "beta":
            values = rng.beta(a, b, n)
        elif self.law == "chance":
            values = (rng.random(n) < a).astype(np.float64)
        elif self.law == "exponential":
            values = rng.exponential(a, n)
        else:
            raise ValueError(f"Prior {self.name!r} has the unknown law {self.law!r}.")
        if self.low > -math.inf or self.high < math.inf:
            values = np.clip(values, self.low, self.high)
        return values[0] if size is None else values

    def at(self, share: float) -> float:
        """Return the quantile of a ``uniform`` or ``loguniform`` prior."""
        a, b = self.numbers
        return a * (b / a) ** share if self.law == "loguniform" else a + (b - a) * share

    def one(self, rng: np.random.Generator) -> float:
        """Draw one value as a float."""
        return float(self.draw(rng))

    def happens(self, rng: np.random.Generator) -> bool:
        """Draw a yes or no from a ``chance`` prior."""
        return bool(self.one(rng))


def table(priors: Iterable[Prior]) -> str:
    """Return priors as a Markdown table."""
    rows = ["| parameter | unit | distribution | meaning | source |", "|---|---|---|---|---|"]
    for prior in priors:
        law = f"{prior.law}({', '.join(f'{x:g}' for x in prior.numbers)})"
        rows.append(f"| {prior.name} | {prior.unit} | {law} | {prior.meaning} | {prior.source} |")
    return "\n".join(rows)
