"""How much each check lets pass.

Shares are shares of rows; the others are ROC-AUC of the facts in question alone. A finding needs
the lower end of a 95 % interval beyond the limit. `python -m benchmarks.leakage` prints what clean
synthetic worlds show beside each limit.

>>> Limits().era, Limits.none().era
(0.7, -1.0)
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """What may be without a finding.

    Attributes
    ----------
    linked : float
        Share of the positives of validation and test that paid, or were paid by, one of train.
    sharing : float
        Share of them that share a rare partner with one of train.
    copies : float
        Share of the rows of validation and test that are copies of a row of train.
    early : float
        Share of the rows of validation and test from before the middle of train.
    missing : float
        How far apart the classes' shares of missing dates may lie.
    cut : float
        The kind of moment at which histories are cut.
    pause : float
        The pause before the cut. More than for the moment, because wallets that are thrown away do
        fall silent: a pause is behaviour in part.
    era : float
        Dates.
    single : float
        One signal.
    coverage, length, nulls, amounts, chain : float
        What the exports show; number and span of transfers; which signals are null; signals of
        amounts, off ``relative``; the chain.
    beside_listed : float
        Share of the positives that meet a listed party of their own case.
    """

    linked: float = 0.1
    sharing: float = 0.25
    copies: float = 0.005
    early: float = 0.05
    missing: float = 0.1
    cut: float = 0.65
    pause: float = 0.8
    era: float = 0.7
    single: float = 0.97
    coverage: float = 0.65
    length: float = 0.75
    nulls: float = 0.9
    amounts: float = 0.9
    chain: float = 0.75
    beside_listed: float = 0.1

    @classmethod
    def none(cls) -> Limits:
        """Return limits that nothing keeps: every check tells what it measured."""
        return cls(*(-1.0 for _ in fields(cls)))
