"""Night after night: how many alerts there were, and how many of them were new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.sentences import MONTHS
from pipelines.pages.drawing import element, figure, words
from pipelines.pages.timeline import moment

WIDTH, HEIGHT = 1000.0, 168.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 8.0, 12.0, 26.0
_WIDEST = 34.0
_LETTERS = 74.0
"""Pixels that a date needs."""


def nights(told: Sequence[Mapping[str, Any]]) -> str:
    """Draw a bar for each night: alerts that were known below, new ones on top.

    Parameters
    ----------
    told
        `nights` of `summary.json`, the earliest first.

    Returns
    -------
    str
        Inline SVG; empty with fewer than two nights, which show no course.
    """
    if len(told) < 2:
        return ""
    most = max(1, *(night["up_for_review"] for night in told))
    height, bottom = HEIGHT - _TOP - _BOTTOM, HEIGHT - _BOTTOM
    step = (WIDTH - _LEFT - _RIGHT) / len(told)
    wide = min(_WIDEST, 0.7 * step)
    parts = []
    for level in _levels(most):
        y = bottom - height * level / most
        parts.append(element("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        label = words(f"{level:,}")
        parts.append(element("text", label, x=_LEFT - 8, y=y + 4, class_="axis end"))
    free = 0.0
    for place, night in enumerate(told):
        x = _LEFT + step * (place + 0.5) - wide / 2
        # In a first run everything is new, which says nothing.
        known = night["up_for_review"] - (night["new"] if night["compared"] else 0)
        tops = (height * night["up_for_review"] / most, height * known / most)
        parts.append(_bar(x, bottom - tops[1], wide, tops[1], "night known"))
        parts.append(_bar(x, bottom - tops[0], wide, tops[0] - tops[1], "night new"))
        if x >= free:
            when = moment(night["as_of"])
            day = words(f"{when.day} {MONTHS[when.month - 1][:3]}")
            at = x + wide / 2
            parts.append(element("text", day, x=at, y=bottom + 18, class_="axis middle"))
            free = x + max(step, _LETTERS)
    label = "Alerts up for review night by night, new ones on top"
    return figure("".join(parts), WIDTH, HEIGHT, label, "nights")


def _bar(x: float, y: float, width: float, height: float, class_: str) -> str:
    return element("rect", x=x, y=y, width=width, height=max(0.0, height), class_=class_)


def _levels(most: int) -> list[int]:
    """Return the round numbers that lines are drawn at.

    >>> _levels(7), _levels(120)
    ([0, 5], [0, 50, 100])
    """
    size = 1
    while most / size > 3:
        size = size * 5 // 2 if str(size)[0] == "2" else size * 2
    return list(range(0, most + 1, size))
