"""Explanations: the score taken apart into what each signal added, exactly.

The parts are TreeSHAP contributions (`models.treeshap`, exact for the trees), multiplied by the
calibration's slope. They add up to the very number that was scored:

    base + sum of contributions == log_odds        (checked to 1e-9 on every row, always)

so `exp(contribution)` is the factor by which a signal multiplied the odds, and families can be
summed.

A contribution is not yet a **reason**. A reason is something an analyst can point at: a signal that
raised the odds, has a value, and whose value is unusual among look-alikes (addresses reviewed as
something else): at least 90 % of them lie strictly on the other side. Where the direction of risk
is certain, only that side counts. What changes merely because somebody looked later (the silence
since the last transfer) is nobody's doing and never a reason; a share of payments or senders is
none where there are too few of them to be a habit (`Signal.fewest`), and speaks for nobody either;
a lower bound that is low says nothing (`Signal.lower_bound`). Everything else is "no single strong
reason", and is said so. A red flag stands on a value only where all of its parts hold on the
address (`models.flagging`).

Several signals may measure one thing through different windows. All of them stay in the sum; of
those that say the same, only the strongest is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from features.signal import Signal
from models.bundle import Bundle
from models.flagging import PARTS, Row, stands
from models.material import matrix
from models.metrics import logistic

UNUSUAL = 0.90
"""The share of look-alikes that must lie strictly on the other side of a value."""

NO_REASON = "no single strong reason"
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Contribution:
    """What one signal added to one address's log-odds.

    Attributes
    ----------
    signal : str
        Name.
    family : str
        Its family.
    value : float or None
        In `unit`; None where the signal is not defined for this address.
    unit : str
        Of `value`.
    log_odds : float
        The contribution; positive raised the score.
    below, above : float or None
        Shares of all training addresses that surely lie strictly below and above the value.
    look_alikes_below, look_alikes_above : float or None
        The same among look-alikes.
    n, n_look_alikes : int
        Training addresses and look-alikes that have the signal.
    unusual : str or None
        ``high`` or ``low`` where the value is unusual among look-alikes on a side that can mean
        risk, else None.
    red_flags : tuple of str
        Ids in the red-flag registry, of the flags that this value raises: those of the signal that
        belong to the side on which the value is unusual, and whose parts all hold.
    meaning : str
        The signal's sentence for an analyst.
    speaks : bool
        Whether the value says anything of the address, for it or against it; not where it was
        counted from too few, nor where it is a lower bound and not unusually high.
    """

    signal: str
    family: str
    value: float | None
    unit: str
    log_odds: float
    below: float | None
    above: float | None
    look_alikes_below: float | None
    look_alikes_above: float | None
    n: int
    n_look_alikes: int
    unusual: str | None
    red_flags: tuple[str, ...]
    meaning: str
    speaks: bool = True

    @property
    def odds_multiplier(self) -> float:
        """The factor by which the signal multiplied the odds."""
        return math.exp(self.log_odds)

    @property
    def is_reason(self) -> bool:
        """Whether it may be shown as a reason."""
        return self.log_odds > 0 and self.value is not None and self.unusual is not None


@dataclass(frozen=True)
class Explanation:
    """The exact parts of one score.

    Attributes
    ----------
    chain, address : str
        Whose score it is.
    log_odds, score : float
        The calibrated score.
    base : float
        Log-odds before any signal is known.
    contributions : tuple of Contribution
        Every input, largest magnitude first (ties by name). With `base` they sum to `log_odds`.
    """

    chain: str
    address: str
    log_odds: float
    score: float
    base: float
    contributions: tuple[Contribution, ...]

    @property
    def reasons(self) -> tuple[Contribution, ...]:
        """Contributions that may be shown as reasons, strongest first; may be empty."""
        return tuple(part for part in self.contributions if part.is_reason)

    @property
    def told(self) -> tuple[Contribution, ...]:
        """The reasons without those that repeat a stronger one."""
        return without_repeats(self.reasons)

    @property
    def against(self) -> tuple[Contribution, ...]:
        """Defined signals that lowered the score, strongest first: what speaks for the address."""
        return tuple(
            part
            for part in self.contributions
            if part.log_odds < 0 and part.value is not None and part.speaks
        )

    @property
    def families(self) -> dict[str, float]:
        """Summed contributions by family, largest magnitude first; they sum as the parts do."""
        sums: dict[str, list[float]] = {}
        for part in self.contributions:
            sums.setdefault(part.family, []).append(part.log_odds)
        totals = {family: math.fsum(parts) for family, parts in sums.items()}
        return dict(sorted(totals.items(), key=lambda item: (-abs(item[1]), item[0])))


SAME_STORY = (
    (
        "forwarded_10min_share",
        "forwarded_1h_share",
        "forwarded_24h_share",
        "forwarded_7d_share",
        "retained_share",
    ),
    ("near_empty_share", "full_drains", "sweep_share"),
    ("receivers_10min", "receivers_1h", "receivers_24h"),
    ("new_receivers_1h", "new_receivers_24h"),
    ("senders_24h", "senders_24h_share"),
    ("largest_out_share", "value_out_24h_share"),
    ("swaps", "swaps_24h"),
    ("round_10_share", "round_100_share", "round_1000_share"),
    ("sub_threshold_share", "sub_threshold_24h"),
    ("stablecoin_share", "asset_entropy"),
    ("trial_sender_share", "trial_value_share"),
    ("sender_growth", "sender_growth_by_value", "rising_sender_share"),
    ("induced_senders", "induced_sender_share", "induced_value_share"),
)
"""Signals that say the same of an address in other words, or through another window."""


def without_repeats(parts: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """Drop each part that says what an earlier one said; see `SAME_STORY`."""
    story = {name: names[0] for names in SAME_STORY for name in names}
    first: dict[str, Contribution] = {}
    for part in parts:
        first.setdefault(story.get(part.signal, part.signal), part)
    return tuple(first.values())


def contributions(
    bundle: Bundle, inputs: np.ndarray, *, threads: int = 1
) -> tuple[np.ndarray, float]:
    """Return exact contributions to the calibrated log-odds, and the base.

    Parameters
    ----------
    inputs
        float64, one column per signal in the bundle's order, NaN for null.

    Returns
    -------
    contributions : numpy.ndarray
        Shape of `inputs`; each row plus the base sums to the row's calibrated log-odds.
    base : float
        Log-odds before any signal is known.

    Raises
    ------
    ArithmeticError
        A row does not add up to `TOLERANCE`: a bug, never to be shown to anybody.
    """
    calibration = bundle.facts.calibration
    n_signals = len(bundle.facts.signals)
    # One empty row more, so that the base is known even where nobody asks for contributions.
    padded = np.vstack([inputs.reshape(-1, n_signals), np.full((1, n_signals), np.nan)])
    parts = bundle.treeshap.contributions(padded, threads=threads)
    scaled = calibration.slope * parts[:-1, :-1]
    base = calibration.slope * float(parts[-1, -1]) + calibration.intercept
    base += calibration.prior_shift
    _assert_additive(bundle, inputs, scaled, base, threads)
    return scaled, base


def explain_rows(
    bundle: Bundle, signals: pl.DataFrame, *, threads: int = 1
) -> Iterator[Explanation]:
    """Explain the rows of a signals frame, in its order.

    Parameters
    ----------
    bundle
        The model that scores them.
    signals
        `chain`, `address` and the signals; also those that say how much a share was counted from
        (`Signal.fewest`), or it is no reason, and those that red flags rest on
        (`models.flagging`), or they are not raised. Only rows that are scored have a meaning
        here.
    threads
        Changes the time it takes, never a bit of the result.
    """
    if not signals.height:
        return
    inputs = matrix(signals, bundle.facts.signals)
    log_odds = bundle.log_odds(inputs, threads=threads)
    parts, base = contributions(bundle, inputs, threads=threads)
    score = logistic(log_odds)
    beside = signals.select("chain", "address", *_rested_on(bundle.inputs, signals.columns))
    for row, own in enumerate(beside.iter_rows(named=True)):
        chain, address = own.pop("chain"), own.pop("address")
        found = [
            _contribution(bundle, signal, float(inputs[row, i]), float(parts[row, i]), own)
            for i, signal in enumerate(bundle.inputs)
        ]
        found.sort(key=lambda part: (-abs(part.log_odds), part.signal))
        yield Explanation(
            chain, address, float(log_odds[row]), float(score[row]), base, tuple(found)
        )


def reasons_text(explanation: Explanation, most: int = 3) -> str:
    """Write the strongest reasons in one line for a table cell.

    For example ``forwarded_1h_share 0.94, higher than 97 % of 1,234 look-alikes (odds x 3.1)``.
    """
    chosen = explanation.told[:most]
    return "; ".join(_said(reason) for reason in chosen) if chosen else NO_REASON


def _said(reason: Contribution) -> str:
    high = reason.unusual == "high"
    share = reason.look_alikes_below if high else reason.look_alikes_above
    value = "null" if reason.value is None else f"{reason.value:.6g}"
    return (
        f"{reason.signal} {value}, {'higher' if high else 'lower'} than {share or 0:.0%} of "
        f"{reason.n_look_alikes:,} look-alikes (odds x {reason.odds_multiplier:.2g})"
    )


def _contribution(
    bundle: Bundle, signal: Signal, value: float, part: float, row: Row
) -> Contribution:
    everyone, look_alikes = bundle.facts.population, bundle.facts.look_alikes
    known = None if math.isnan(value) else value
    shares = [
        None if known is None else place(signal.name, known)
        for place in (everyone.below, everyone.above, look_alikes.below, look_alikes.above)
    ]
    enough = signal.has_enough(row)
    told = enough and not signal.depends_on_as_of
    unusual = _unusual(signal, shares[2], shares[3]) if told else None
    return Contribution(
        signal=signal.name,
        family=signal.family,
        value=known,
        unit=signal.unit,
        log_odds=part,
        below=shares[0],
        above=shares[1],
        look_alikes_below=shares[2],
        look_alikes_above=shares[3],
        n=everyone.defined[signal.name],
        n_look_alikes=look_alikes.defined[signal.name],
        unusual=unusual,
        red_flags=_raised(signal, unusual, row),
        meaning=signal.meaning,
        speaks=enough and (unusual == "high" or not signal.lower_bound),
    )


def _rested_on(signals: Sequence[Signal], columns: Sequence[str]) -> list[str]:
    """Return which of the columns say whether reasons and red flags hold."""
    counts = {column for signal in signals for column, _ in signal.fewest}
    flags = {flag for signal in signals for flag in signal.red_flags}
    bounds = (b.signal for f in flags for part in PARTS.get(f, ()) for b in part.bounds)
    wanted = counts.union(bounds)
    return [column for column in columns if column in wanted]


def _raised(signal: Signal, unusual: str | None, row: Row) -> tuple[str, ...]:
    if unusual is None:
        return ()
    low = unusual == "low"
    own = (flag for flag in signal.red_flags if (flag in signal.flags_when_low) == low)
    return tuple(flag for flag in own if stands(flag, row))


def _unusual(signal: Signal, below: float | None, above: float | None) -> str | None:
    if below is not None and below >= UNUSUAL and signal.risk != "down":
        return "high"
    if above is not None and above >= UNUSUAL and signal.risk != "up" and not signal.lower_bound:
        return "low"
    return None


def _assert_additive(
    bundle: Bundle, inputs: np.ndarray, scaled: np.ndarray, base: float, threads: int
) -> None:
    log_odds = bundle.log_odds(inputs, threads=threads)
    gap = np.abs(scaled.sum(axis=1) + base - log_odds)
    if not (gap <= TOLERANCE).all():
        raise ArithmeticError(f"Contributions miss the score by {gap.max():.3g} log-odds.")
