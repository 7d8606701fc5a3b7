"""Statuses: why an address has a score, or why it has none.

Only ``scored`` carries a score; no other status may be read as "clean". The rules are tried in this
order and the first that applies is the answer:

1. ``unsupported_chain``: the chain is none that addresses can be read on.
2. ``licit_service``: the services registry names it as licit, and nothing lists it otherwise.
Before the
   rules on coverage, because an exchange's hot wallet is always seen in part.
3. ``not_found``: no export covers it and it occurs in no transfer.
4. ``partial_coverage``: it has no coverage row (a counterparty only), or its legs do not reach
those the
   model was trained on.
5. ``truncated_history``: its export may have been cut off.
6. ``unpriced``: more transfers were left out for lack of a value than are left, or so many that
too few
   are left.
7. ``insufficient_history``: fewer transfers than the model needs.
8. ``possible_victim``: where the bundle has a role model, what that says (`models.roles`), once
   there is a score. Else a rule of thumb: it behaves as victims' wallets do (`VICTIM`): few people
   pay it, coins it buys are followed by a payment, few of those it deals with pay it and are paid
   by it, it does not spray, and money rests in it instead of passing through. Where victim and
   launderer cannot be told apart, this status wins: a victim must never stand on a list of
   suspects.
9. ``scored``.

The same rules choose the rows a model is trained and measured on (`with_history`), except 2 and 8:
a label is a better judge than a list or a rule of thumb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from data.addresses import CHAINS
from data.schema import LEGS
from data.services import Services

SCORED = "scored"
STATUSES = (
    "unsupported_chain",
    "licit_service",
    "not_found",
    "partial_coverage",
    "truncated_history",
    "unpriced",
    "insufficient_history",
    "possible_victim",
    SCORED,
)
"""All statuses, in the order in which their rules are tried."""


@dataclass(frozen=True)
class Requirements:
    """What a history must have to be scored.

    Attributes
    ----------
    legs : tuple of str
        Legs its coverage must reach.
    min_transfers : int
        Fewest transfers with a value in the basis.
    """

    legs: tuple[str, ...]
    min_transfers: int


@dataclass(frozen=True)
class Bound:
    """A signal and the values that speak for a victim, limits included; null does not speak."""

    signal: str
    least: float
    most: float

    @property
    def holds(self) -> pl.Expr:
        """Whether the signal lies between the limits."""
        return pl.col(self.signal).is_between(self.least, self.most).fill_null(False)


VICTIM: tuple[Bound, ...] = (
    Bound("retained_share", 0.4, 1),
    Bound("answered_inflow_share", 0.33, 1),
    Bound("two_way_counterparty_share", 0, 0.2),
    Bound("receivers_1h", 1, 4),
    Bound("senders", 1, 9),
)
"""An address for which all of these hold may be a victim's.

A rule of thumb, chosen on two synthetic worlds and measured on five others by
``python -m benchmarks.across_seeds --addresses 15000``: of accounts with enough history it holds
for 36 % of the victims, 3 % of the launderers and 12 % of everybody else (many who save and spend
a little look so too; they get no score, and are not called clean). A victim whose wallet keeps
nothing (every coin bought goes to the scam at once) looks like a mule here and is not caught. A
null signal rules nothing in.
"""


def statuses(
    frame: pl.DataFrame,
    requirements: Requirements,
    services: Services,
    *,
    victims_by_rule: bool = True,
) -> pl.Series:
    """Give every address its status.

    Parameters
    ----------
    frame
        A signals frame: `chain`, `address`, `n_transfers`, `n_unvalued`, `occurs`, `covered`,
        `complete`, `legs`, and the signals of `VICTIM`.
    requirements
        What the model needs.
    services
        Known services and listed parties.
    victims_by_rule
        Ask the rule of thumb for victims; a role model does better.

    Returns
    -------
    polars.Series
        One of `STATUSES` per row, in the order of the frame; named ``status``.
    """
    marked = frame.with_columns(
        _licit=_is_among(frame, services.licit), _listed=_is_among(frame, services.listed)
    )
    rules = {
        "unsupported_chain": ~pl.col("chain").is_in(CHAINS),
        "licit_service": pl.col("_licit") & ~pl.col("_listed"),
        **_history_rules(requirements),
    }
    if victims_by_rule:
        rules["possible_victim"] = pl.all_horizontal([bound.holds for bound in VICTIM])
    return _first(marked, rules)


def with_history(frame: pl.DataFrame, requirements: Requirements) -> pl.Series:
    """Give labelled addresses the status that their data alone deserves.

    Returns
    -------
    polars.Series
        One of ``unsupported_chain``, the rules on coverage and history, or ``scored``.
    """
    supported = {"unsupported_chain": ~pl.col("chain").is_in(CHAINS)}
    return _first(frame, supported | _history_rules(requirements))


def _history_rules(requirements: Requirements) -> dict[str, pl.Expr]:
    n, unvalued = pl.col("n_transfers"), pl.col("n_unvalued")
    return {
        "not_found": ~pl.col("covered") & ~pl.col("occurs"),
        "partial_coverage": ~pl.col("covered") | ~_reaches(requirements.legs),
        "truncated_history": ~pl.col("complete"),
        "unpriced": (unvalued > n)
        | ((n < requirements.min_transfers) & (n + unvalued >= requirements.min_transfers)),
        "insufficient_history": n < requirements.min_transfers,
    }


def _reaches(legs: Sequence[str]) -> pl.Expr:
    held = pl.col("legs").str.split(",")
    needed = [held.list.contains(leg) for leg in LEGS if leg in legs]
    return pl.all_horizontal(needed) if needed else pl.lit(True)


def _is_among(frame: pl.DataFrame, table: pl.DataFrame) -> pl.Series:
    known = table.select("chain", "address", _known=pl.lit(True)).unique()
    joined = frame.select("chain", "address").join(
        known, on=["chain", "address"], how="left", maintain_order="left"
    )
    return joined["_known"].fill_null(False)


def _first(frame: pl.DataFrame, rules: dict[str, pl.Expr]) -> pl.Series:
    """Return the name of the first rule that holds; a null answer does not hold."""
    answers = [pl.when(rule.fill_null(False)).then(pl.lit(name)) for name, rule in rules.items()]
    chosen = pl.coalesce([*answers, pl.lit(SCORED)]).alias("status")
    return frame.with_columns(chosen)["status"]
