"""The score on its scale: log-odds from left to right, the bands, the base rate, this address."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from models.sentences import shown
from pipelines.pages.drawing import element, figure, words

WIDTH, HEIGHT = 1000.0, 108.0
_TOP, _BAR = 44.0, 16.0
_WORDS = 90.0
"""What "base rate" takes in width, with some room."""

_TICKS = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)
_BANDS = ("below_review", "medium", "high", "severe")
BAND_NAMES: dict[str | None, str] = {
    "below_review": "below review",
    "medium": "medium",
    "high": "high",
    "severe": "severe",
    None: "no band",
}
"""Bands as people read them."""


def scale(alert: Mapping[str, Any]) -> str:
    """Draw where the score stands between the base rate and the bands.

    Parameters
    ----------
    alert
        An alert object; `log_odds`, `score` with its limits, `base_rate`, `band` and `thresholds`
        are used.

    Returns
    -------
    str
        Inline SVG.
    """
    rate = _logit(alert["base_rate"])
    starts = [s for s in alert["thresholds"].values() if s is not None]
    limits = _limits(alert)
    low = min([rate, alert["log_odds"], *starts, *limits]) - 1.2
    high = max([rate, alert["log_odds"], *starts, *limits]) + 1.2

    def x(log_odds: float) -> float:
        return WIDTH * (log_odds - low) / (high - low)

    parts = _zones(alert["thresholds"], x, low, high)
    for probability in _TICKS:
        if low < _logit(probability) < high:
            at = x(_logit(probability))
            parts.append(
                element("line", x1=at, x2=at, y1=_TOP + _BAR, y2=_TOP + _BAR + 5, class_="tick")
            )
            text = words(_percent(probability))
            parts.append(element("text", text, x=at, y=_TOP + _BAR + 18, class_="axis middle"))
    parts.append(_base_rate(x(rate), x(alert["log_odds"])))
    if limits:
        left, right = (x(limit) for limit in limits)
        parts.append(
            element("rect", x=left, y=_TOP - 3, width=right - left, height=3, class_="spread")
        )
    parts.append(_marker(x(alert["log_odds"]), alert))
    label = f"Score {shown(alert['score'], 'share')}, band {BAND_NAMES[alert['band']]}"
    return figure("".join(parts), WIDTH, HEIGHT, label, "scale")


def _zones(thresholds: Mapping[str, float | None], x: Any, low: float, high: float) -> list[str]:
    """Colour the bar by band; a band without a threshold is not drawn."""
    first = "no_band" if thresholds["medium"] is None else "below_review"
    known = [(first, low)]
    known += [(b, s) for b in _BANDS[1:] if (s := thresholds.get(b)) is not None]
    ends = [start for _, start in known[1:]] + [high]
    parts = []
    for (band, start), end in zip(known, ends, strict=True):
        width = max(0.0, x(end) - x(start))
        parts.append(
            element("rect", x=x(start), y=_TOP, width=width, height=_BAR, class_=f"zone {band}")
        )
        if width > 90 and band in BAND_NAMES:
            middle, under = x(start) + width / 2, _TOP + _BAR + 38
            parts.append(
                element(
                    "text", words(BAND_NAMES[band]), x=middle, y=under, class_="zone-name middle"
                )
            )
    return parts


def _base_rate(at: float, marker: float) -> str:
    """Mark the base rate; its words keep clear of the marker and of the edge."""
    crowded = 0 <= marker - at < _WORDS and at > _WORDS
    side, shift = ("end", -6) if crowded or at >= WIDTH * 0.8 else ("start", 6)
    return element(
        "line", x1=at, x2=at, y1=_TOP - 12, y2=_TOP + _BAR, class_="base-rate"
    ) + element("text", "base rate", x=at + shift, y=_TOP - 6, class_=f"axis {side}")


def _marker(at: float, alert: Mapping[str, Any]) -> str:
    triangle = f"{at:.1f},{_TOP - 1} {at - 7:.1f},{_TOP - 13} {at + 7:.1f},{_TOP - 13}"
    side = "middle" if 60 < at < WIDTH - 60 else ("start" if at <= 60 else "end")
    label = words(f"this address · {shown(alert['score'], 'share')}")
    return element("polygon", points=triangle, class_="marker") + element(
        "text", label, x=at, y=_TOP - 20, class_=f"here {side}"
    )


def _limits(alert: Mapping[str, Any]) -> list[float]:
    """Return the log-odds between which the score lies; none where that is not known."""
    told = (alert["score_low"], alert["score_high"])
    known = [_logit(limit) for limit in told if limit is not None and 0 < limit < 1]
    return known if len(known) == 2 else []


def _percent(probability: float) -> str:
    return f"{100 * probability:.4f}".rstrip("0").rstrip(".") + " %"


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
