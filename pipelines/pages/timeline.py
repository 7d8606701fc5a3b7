"""Money in and out over time, and where in it each reason's evidence stands.

Inflow grows upwards from the axis, outflow downwards, on one linear scale; below lies one lane per
reason, with a dot for each transfer shown as its evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from models.sentences import MONTHS
from pipelines.pages.drawing import element, figure, words

WIDTH, LEFT, RIGHT = 1000.0, 70.0, 8.0
_HALF, _TOP, _LANE = 84.0, 20.0, 17.0
_LEAST_BAR = 1.2
_TALL, _LINE = 90.0, 13.0
_MOST_LANES = 5


def timeline(alert: Mapping[str, Any]) -> str:
    """Draw the timeline of an alert.

    Parameters
    ----------
    alert
        An alert object; `timeline` and the evidence of `reasons` are used.

    Returns
    -------
    str
        Inline SVG; empty where the alert has no bins.
    """
    bins = alert["timeline"]["bins"]
    if not bins:
        return ""
    width, first, last, x = _laid(alert["timeline"])
    peak = max(max(b["value_in"], b["value_out"]) for b in bins) or 1.0
    axis = _TOP + _HALF
    bar = max(1.0, (WIDTH - LEFT - RIGHT) * (width / (last - first)) - 1)
    parts = [_grid(peak, alert["timeline"]["unit"], axis)]
    parts += [_bars(b, x(moment(b["start"])), bar, peak, axis) for b in bins]
    parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=axis, y2=axis, class_="zero"))
    bottom = axis + _HALF + 8
    parts += _lanes(alert["reasons"][:_MOST_LANES], x, bottom)
    bottom += _LANE * min(_MOST_LANES, len(alert["reasons"])) + 4
    parts += _dates(first, last, x, bottom)
    return figure("".join(parts), WIDTH, bottom + 22, "Value in and out over time", "timeline")


def balance(alert: Mapping[str, Any]) -> str:
    """Draw what had come less what had gone, of the supplied transfers, over time.

    Parameters
    ----------
    alert
        An alert object; `timeline` is used.

    Returns
    -------
    str
        Inline SVG; empty where the alert has no bins.
    """
    bins = alert["timeline"]["bins"]
    if not bins:
        return ""
    width, first, last, x = _laid(alert["timeline"])
    unit = alert["timeline"]["unit"]
    nets = [b["net_supplied"] for b in bins]
    high, low = max(0.0, *nets), min(0.0, *nets)
    span = (high - low) or 1.0

    def y(value: float) -> float:
        return _TOP + _TALL * (high - value) / span

    parts = []
    for value in dict.fromkeys((high, 0.0, low)):
        kind = "grid" if value else "zero"
        parts.append(
            element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value), y2=y(value), class_=kind)
        )
        label = words(_amount(value, unit).replace("$-", "−$"))
        far = value == 0.0 or abs(y(value) - y(0.0)) >= _LINE
        parts += [element("text", label, x=LEFT - 8, y=y(value) + 4, class_="axis end")] * far
    ends = [moment(b["start"]) + width for b in bins]
    path = f"M{LEFT:.1f} {y(0.0):.1f}" + "".join(
        f"H{x(at):.1f}V{y(net):.1f}" for at, net in zip(ends, nets, strict=True)
    )
    parts.append(element("path", d=f"{path}H{x(last):.1f}V{y(0.0):.1f}Z", class_="net-area"))
    parts.append(element("path", d=path, class_="net-line"))
    bottom = _TOP + _TALL + 6
    parts += _dates(first, last, x, bottom)
    label = "Net of the supplied transfers over time: received less sent"
    return figure("".join(parts), WIDTH, bottom + 22, label, "timeline")


def moment(text: str) -> datetime:
    """Read a moment as alerts write it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def compact(value: float) -> str:
    """Write an amount for an axis.

    >>> compact(212400.0), compact(3_400_000.0), compact(0.25), compact(18.0)
    ('212k', '3.4M', '0.25', '18')
    """
    for size, suffix in ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def _laid(
    told: Mapping[str, Any],
) -> tuple[timedelta, datetime, datetime, Callable[[datetime], float]]:
    """Return the width of a bin, the first and last moment of all, and where a moment is drawn."""
    bins, width = told["bins"], timedelta(days=told["bin_days"])
    first, last = moment(bins[0]["start"]), moment(bins[-1]["start"]) + width
    span, room = (last - first).total_seconds(), WIDTH - LEFT - RIGHT

    def x(at: datetime) -> float:
        return LEFT + room * min(1.0, max(0.0, (at - first).total_seconds() / span))

    return width, first, last, x


def _grid(peak: float, unit: str, axis: float) -> str:
    parts = []
    for share in (-1.0, -0.5, 0.5, 1.0):
        y = axis - share * _HALF
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        label = words(_amount(abs(share) * peak, unit))
        parts.append(element("text", label, x=LEFT - 8, y=y + 4, class_="axis end"))
    parts.append(element("text", "in", x=LEFT + 6, y=axis - _HALF + 14, class_="flow-name in"))
    parts.append(element("text", "out", x=LEFT + 6, y=axis + _HALF - 6, class_="flow-name out"))
    return "".join(parts)


def _amount(value: float, unit: str) -> str:
    return f"${compact(value)}" if unit == "usd" else f"{compact(value)}"


def _bars(b: Mapping[str, Any], left: float, width: float, peak: float, axis: float) -> str:
    parts = []
    for side, count, value in (
        ("in", b["n_in"], b["value_in"]),
        ("out", b["n_out"], b["value_out"]),
    ):
        if not count:
            continue
        height = max(_LEAST_BAR, _HALF * value / peak)
        top = axis - height if side == "in" else axis
        parts.append(
            element("rect", x=left, y=top, width=width, height=height, class_=f"flow {side}")
        )
    return "".join(parts)


def _lanes(
    reasons: list[Mapping[str, Any]], x: Callable[[datetime], float], top: float
) -> list[str]:
    parts = []
    for number, reason in enumerate(reasons, 1):
        y = top + _LANE * (number - 0.5)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="lane"))
        name = element("text", words(f"reason {number}"), x=LEFT - 8, y=y + 4, class_="axis end")
        parts.append(name)
        for row in reason["evidence"]["rows"]:
            at = x(moment(row["block_time"]))
            parts.append(element("circle", cx=at, cy=y, r=3.6, class_=f"dot {row['direction']}"))
    return parts


def _dates(first: datetime, last: datetime, x: Callable[[datetime], float], y: float) -> list[str]:
    """Label about seven moments; with the year where it is the first or changes."""
    days = max(1, math.ceil((last - first).total_seconds() / 86400 / 7))
    parts, year = [], 0
    at = first
    while at <= last - timedelta(days=days) / 2:
        text = f"{at.day} {MONTHS[at.month - 1][:3]}" + (f" {at.year}" if at.year != year else "")
        year = at.year
        place = x(at)
        parts.append(element("line", x1=place, x2=place, y1=y, y2=y + 5, class_="tick"))
        parts.append(element("text", words(text), x=place, y=y + 18, class_="axis start"))
        at += timedelta(days=days)
    return parts
