"""Distributions of one measure as small drawings: how many histories lie at or below each value.

Counts, times and multiples stand on a scale of doublings, shares on a plain one; the ticks are
round values that people know (an hour, a day, 10, 100).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.wallet_measures import BY_NAME
from pipelines.pages.drawing import element, figure, words

WIDTH, HEIGHT = 250.0, 132.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 6.0, 6.0, 8.0, 26.0
_LETTER = 7.0
"""Pixels a letter of a tick label needs."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_POWERS = [float(10**k) for k in range(9)]
_TICKS: dict[str, Sequence[tuple[float, str]]] = {
    "share": [(0.0, "0"), (0.5, "50 %"), (1.0, "100 %")],
    "seconds": [
        (0.0, "0"), (_MINUTE, "1 min"), (_HOUR, "1 h"), (_DAY, "1 d"), (30 * _DAY, "30 d"),
        (365 * _DAY, "1 y"),
    ],
    "usd": [(0.0, "$0"), *((p, f"${p:,.0f}") for p in _POWERS[1:])],
    "multiple": [*((10.0**-k, f"×{10.0**-k:g}") for k in range(6, 0, -1)),
                 *((p, f"×{p:,.0f}") for p in _POWERS)],
}  # fmt: skip
_COUNTS: Sequence[tuple[float, str]] = [
    (0.0, "0"),
    *((n * p, f"{n * p:,.0f}") for p in _POWERS for n in (1, 3)),
]


def distribution(measure: Mapping[str, Any], levels: Sequence[float]) -> str:
    """Draw one measure of world and reference.

    Parameters
    ----------
    measure
        One of `measures` in `realism.json`.
    levels
        The cumulative shares that the points of its curves stand for.

    Returns
    -------
    str
        Inline SVG; empty where neither side has a value.
    """
    scaled = BY_NAME[measure["name"]].scaled
    curves = {
        side: scaled(np.array(measure[side]["curve"], dtype=float))
        for side in ("reference", "world")
        if measure[side]["curve"] is not None
    }
    if not curves:
        return ""
    low = min(float(curve.min()) for curve in curves.values())
    high = max(float(curve.max()) for curve in curves.values())
    if measure["unit"] == "share":
        low, high = 0.0, 1.0
    pad = 0.02 * (high - low) or 0.5
    low, high = low - pad, high + pad
    width = WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + width * (value - low) / (high - low)

    parts = _axis(measure["unit"], scaled, x)
    for side, curve in curves.items():
        parts.append(_curve(side, curve, levels, x))
    label = f"Cumulative distribution of {measure['title']}, world and reference"
    return figure("".join(parts), WIDTH, HEIGHT, label, "distribution")


def _axis(unit: str, scaled: Any, x: Any) -> list[str]:
    bottom, parts, free = HEIGHT - _BOTTOM, [], -1e9
    for level in (0.0, 0.5, 1.0):
        y = _y(level)
        parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
    for value, name in _TICKS.get(unit, _COUNTS):
        at = x(float(scaled(np.array([value]))[0]))
        if not _LEFT - 0.5 <= at <= WIDTH - _RIGHT + 0.5 or at < free:
            continue
        free = at + _LETTER * len(name) + 16.0
        side = "start" if at < 20 else "end" if at > WIDTH - 24 else "middle"
        parts.append(element("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="tick"))
        parts.append(element("text", words(name), x=at, y=bottom + 18, class_=f"axis {side}"))
    return parts


def _curve(side: str, curve: np.ndarray, levels: Sequence[float], x: Any) -> str:
    """Draw the curve through its quantiles, and a dot at the median."""
    points = " ".join(
        f"{x(float(value)):.1f},{_y(level):.1f}" for value, level in zip(curve, levels, strict=True)
    )
    middle = x(float(np.interp(0.5, levels, curve)))
    return element("polyline", points=points, class_=f"curve {side}") + element(
        "circle", cx=middle, cy=_y(0.5), r=3.5, class_=f"median {side}"
    )


def _y(level: float) -> float:
    return HEIGHT - _BOTTOM - level * (HEIGHT - _TOP - _BOTTOM)
