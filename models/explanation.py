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
from typing import Any

import numpy as np
import polars as pl

from features.signal import Signal
from models.bundle import Bundle
from models.flagging import PARTS, Row, stands
from models.material import matrix
from models.metrics import logistic
from models.standing import SIDES, counted_enough, standing

NO_REASON = "no single strong reason"
TOLERANCE = 1e-9

Places = tuple[float | None, float | None, float | None, float | None, int, bool]
"""A value's entries in a `Standing`, None for NaN."""
BLOCK = 4096
"""Addresses whose standing is found together."""


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
    ("new_receivers_10min", "new_receivers_1h", "new_receivers_24h"),
    ("senders_10min", "senders_1h", "senders_24h", "senders_24h_share"),
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
    log_odds = bundle.log_odds(inputs, threads=threads)
    return taken_apart(bundle, inputs, log_odds, threads)


def taken_apart(
    bundle: Bundle, inputs: np.ndarray, log_odds: np.ndarray, threads: int
) -> tuple[np.ndarray, float]:
    """Take scores apart that have been computed, and check that the parts make them up."""
    calibration = bundle.facts.calibration
    n_signals = len(bundle.facts.signals)
    # One empty row more, so that the base is known even where nobody asks for contributions.
    padded = np.vstack([inputs.reshape(-1, n_signals), np.full((1, n_signals), np.nan)])
    parts = bundle.treeshap.contributions(padded, threads=threads)
    scaled = calibration.slope * parts[:-1, :-1]
    base = calibration.slope * float(parts[-1, -1]) + calibration.intercept
    base += calibration.prior_shift
    gap = np.abs(scaled.sum(axis=1) + base - log_odds)
    if not (gap <= TOLERANCE).all():
        raise ArithmeticError(f"Contributions miss the score by {gap.max():.3g} log-odds.")
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
    parts, base = taken_apart(bundle, inputs, log_odds, threads)
    score = logistic(log_odds)
    counted, beside = counted_enough(signals, bundle.inputs), _rested_on(bundle.inputs, signals)
    chains, addresses = (signals[key].to_list() for key in ("chain", "address"))
    for start in range(0, len(inputs), BLOCK):
        rows = slice(start, start + BLOCK)
        shares = [_listed(part) for part in standing(bundle, inputs[rows], counted[rows])]
        values = zip(
            _listed(inputs[rows]), _listed(parts[rows]), zip(*shares, strict=True), strict=True
        )
        for row, (given, added, places) in enumerate(values, start):
            own = beside[row]
            found = [
                _contribution(bundle, *of_signal, own)
                for of_signal in zip(
                    bundle.inputs, given, added, zip(*places, strict=True), strict=True
                )
            ]
            found.sort(key=lambda part: (-abs(part.log_odds), part.signal))
            yield Explanation(
                chains[row],
                addresses[row],
                float(log_odds[row]),
                float(score[row]),
                base,
                tuple(found),
            )


def _listed(values: np.ndarray) -> list[Any]:
    """Return an array as lists of Python's numbers, None for NaN."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    told = values.astype(object)
    told[np.isnan(values)] = None
    return list(told.tolist())


def reasons_text(explanation: Explanation, most: int = 3) -> str:
    """Write the strongest reasons in one line for a table cell.

    For example ``forwarded_1h_share 0.94, higher than 97 % of 1,234 look-alikes (odds x 3.1)``.
    """
    chosen = explanation.told[:most]
    return "; ".join(_told(reason) for reason in chosen) if chosen else NO_REASON


def _told(reason: Contribution) -> str:
    high = reason.unusual == "high"
    share = reason.look_alikes_below if high else reason.look_alikes_above
    assert reason.value is not None and share is not None  # or it were no reason
    return said(reason.signal, reason.value, high, share, reason.n_look_alikes, reason.log_odds)


def said(name: str, value: float, high: bool, share: float, n: int, log_odds: float) -> str:
    """Write one reason for a table cell."""
    return (
        f"{name} {value:.6g}, {'higher' if high else 'lower'} than {share:.0%} of "
        f"{n:,} look-alikes (odds x {math.exp(log_odds):.2g})"
    )


def _contribution(
    bundle: Bundle,
    signal: Signal,
    value: float | None,
    part: float,
    places: Places,
    row: Row,
) -> Contribution:
    below, above, alike_below, alike_above, side, speaks = places
    unusual = SIDES[side]
    return Contribution(
        signal=signal.name,
        family=signal.family,
        value=value,
        unit=signal.unit,
        log_odds=part,
        below=below,
        above=above,
        look_alikes_below=alike_below,
        look_alikes_above=alike_above,
        n=bundle.facts.population.defined[signal.name],
        n_look_alikes=bundle.facts.look_alikes.defined[signal.name],
        unusual=unusual,
        red_flags=_raised(signal, unusual, row),
        meaning=signal.meaning,
        speaks=speaks,
    )


def _rested_on(inputs: Sequence[Signal], signals: pl.DataFrame) -> list[dict[str, Any]]:
    """Return of each row what says whether red flags hold."""
    flags = {flag for signal in inputs for flag in signal.red_flags}
    parts = (part for flag in flags for part in PARTS.get(flag, ()))
    wanted = {bound.signal for part in parts for bound in part.bounds}
    columns = [column for column in signals.columns if column in wanted]
    return signals.select(columns).to_dicts() if columns else [{}] * signals.height


def _raised(signal: Signal, unusual: str | None, row: Row) -> tuple[str, ...]:
    if unusual is None:
        return ()
    low = unusual == "low"
    own = (flag for flag in signal.red_flags if (flag in signal.flags_when_low) == low)
    return tuple(flag for flag in own if stands(flag, row))
