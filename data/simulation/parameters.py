"""What is drawn, from which distribution, in which unit, and on what evidence.

Every number that shapes the world is a `Prior` here or a row of `populations.py`. Priors of this
file hold for **all** actors alike: they must not tell who is criminal. "DFPI" is the California
DFPI Crypto Scam Tracker: 58 wallets whose Ethereum histories were measured for this project (48
with ten transfers or more; all of them were used, so they are no test of what is trained here).
"assumed" marks a choice without a published measurement behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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


_ALL = (
    Prior(
        "lifetime",
        "days",
        "lognormal",
        (121, 1.02),
        "from an account's first transfer to its last",
        "DFPI: median 121, quartiles 62 and 241",
        low=3,
    ),
    Prior(
        "active_share",
        "days^0.5",
        "lognormal",
        (0.95, 0.45),
        "active days over the square root of transfers times lifetime^0.25",
        "DFPI: active on 14.5 days of 121 with 41 transfers",
    ),
    Prior(
        "session_spread",
        "hours",
        "lognormal",
        (1.5, 1.0),
        "time between transfers of one sitting",
        "assumed",
    ),
    Prior(
        "opens",
        "hour of day (UTC)",
        "uniform",
        (0, 24),
        "start of the working day; stands for the time zone",
        "uniform: role must not show",
    ),
    Prior(
        "open_for",
        "hours",
        "uniform",
        (8, 34),
        "length of the working day; 24 and more means round the clock",
        "assumed",
    ),
    Prior(
        "weekend",
        "share",
        "uniform",
        (0.1, 1.0),
        "activity on the two weekly rest days relative to others",
        "assumed",
    ),
    Prior(
        "rest_day",
        "day of week",
        "uniform",
        (0, 7),
        "first of the two weekly rest days",
        "uniform: role must not show",
    ),
    Prior(
        "magnitude",
        "USD",
        "loguniform",
        (120, 30_000),
        "typical incoming payment",
        "covers DFPI's median pay-out of 2,700 USD; wide on purpose",
    ),
    Prior(
        "amount_sigma", "log", "uniform", (0.35, 1.5), "spread of an account's payments", "assumed"
    ),
    Prior(
        "round_habit",
        "share",
        "beta",
        (0.9, 1.3),
        "an actor's leaning to round amounts",
        "DFPI: 42 % of pay-outs multiples of 10 USD",
    ),
    Prior(
        "round_100",
        "share",
        "uniform",
        (0.5, 0.95),
        "of amounts rounded to 10, those rounded to 100",
        "DFPI: 31 of 42 %",
    ),
    Prior(
        "round_1000",
        "share",
        "uniform",
        (0.4, 0.9),
        "of amounts rounded to 100, those rounded to 1,000",
        "DFPI: 20 of 31 %",
    ),
    Prior(
        "asset_switch",
        "share",
        "beta",
        (0.6, 6.0),
        "incoming payments that are not in the account's usual asset",
        "assumed",
    ),
    Prior("gas_usd", "USD", "lognormal", (14, 0.8), "one native top-up for fees", "assumed"),
    Prior(
        "gas_every",
        "transfers",
        "loguniform",
        (6, 60),
        "outgoing transfers per native top-up",
        "assumed",
    ),
    Prior(
        "gas_from_exchange",
        "share",
        "chance",
        (0.55,),
        "the first fee money comes from an exchange's hot wallet",
        "DFPI: 32 of 58 wallets funded in part by tagged hot wallets",
    ),
    Prior(
        "swap_cost",
        "share",
        "lognormal",
        (0.0025, 0.5),
        "value lost in a swap",
        "Griffin & Mei: fees of tens of basis points",
        high=0.05,
    ),
    Prior(
        "poisoned",
        "attempts per account",
        "exponential",
        (0.9,),
        "zero-value or dust transfers from a lookalike",
        "arXiv 2501.16681: 270 M in two years",
    ),
    Prior(
        "spammed",
        "rows per account",
        "exponential",
        (0.5,),
        "counterfeit or unlisted tokens received",
        "assumed",
    ),
    Prior(
        "failed",
        "rows per account",
        "exponential",
        (0.4,),
        "own transactions that were reverted",
        "assumed",
    ),
    Prior(
        "cut",
        "share of lifetime",
        "uniform",
        (0.35, 1.0),
        "how much of an account's history its `as_of` lets through",
        "one rule for every role",
    ),
    Prior(
        "cut_pause",
        "days",
        "exponential",
        (4.0,),
        "from that point to `as_of`",
        "one rule for every role",
    ),
    Prior(
        "label_delay",
        "days",
        "lognormal",
        (12, 0.8),
        "from `as_of` until a label is available",
        "assumed: mostly within weeks; one rule for both labels",
    ),
    Prior("case_known", "share", "chance", (0.88,), "a case comes to be investigated", "assumed"),
    Prior(
        "criminal_labelled",
        "share",
        "chance",
        (0.86,),
        "an address of an investigated case is labelled",
        "assumed",
    ),
    Prior(
        "service_labelled",
        "share",
        "chance",
        (0.60,),
        "a service's address is known as such",
        "assumed",
    ),
    Prior(
        "person_labelled",
        "share",
        "chance",
        (0.38,),
        "an individual's address was reviewed and cleared",
        "assumed",
    ),
    Prior(
        "victim_labelled",
        "share",
        "chance",
        (0.12,),
        "a victim's address was reviewed and cleared",
        "assumed",
    ),
    Prior(
        "label_wrong",
        "share",
        "chance",
        (0.004,),
        "a label is the opposite of the truth",
        "assumed; one rule for both labels",
    ),
    Prior(
        "service_listed",
        "share",
        "chance",
        (0.6,),
        "a payment processor stands in the services registry, as every exchange's hot wallet does",
        "assumed; registries are incomplete",
    ),
)

PRIORS: Mapping[str, Prior] = {prior.name: prior for prior in _ALL}
"""Priors shared by all actors, by name."""

CRIMINAL_PREVALENCE = 0.07
"""Share of criminal addresses among the accounts worth scoring.

Far above real life: a small world needs enough of them.
"""

VICTIM_SHARE = 0.14
"""Share of victims' own wallets among the accounts worth scoring."""


def table() -> str:
    """Return the shared priors as a Markdown table."""
    rows = ["| parameter | unit | distribution | meaning | source |", "|---|---|---|---|---|"]
    for prior in _ALL:
        law = f"{prior.law}({', '.join(f'{x:g}' for x in prior.numbers)})"
        rows.append(f"| {prior.name} | {prior.unit} | {law} | {prior.meaning} | {prior.source} |")
    return "\n".join(rows)
