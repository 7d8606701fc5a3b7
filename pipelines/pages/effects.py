"""Effects as a drawing: one row a finding, its effect left or right of none, alarms filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.pages.drawing import element, figure, words

WIDTH = 900.0
_ROW, _TOP, _BOTTOM = 24.0, 8.0, 26.0
_LEFT, _RIGHT = 330.0, 20.0
_LEAST_SHOWN, _MOST_SHOWN = 0.4, 1.0


def effects(findings: Sequence[Mapping[str, Any]], names: Sequence[str], least: float) -> str:
    """Draw effects in standard deviations.

    Parameters
    ----------
    findings
        Entries of `findings` in `monitor.json`: `effect`, `alarm` and `detectable` are used.
    names
        What to call each.
    least
        The least effect that alarms: the grey zone.

    Returns
    -------
    str
        Inline SVG; empty without findings. A whisker at each side marks what would have been found
        with 95 %.
    """
    if not findings:
        return ""
    limits = [one["detectable"] for one in findings if (one["detectable"] or 9) <= _MOST_SHOWN]
    far = max(_LEAST_SHOWN, *limits, *(abs(one["effect"]) for one in findings)) * 1.05
    bottom = _TOP + _ROW * len(findings)
    middle = (_LEFT + WIDTH - _RIGHT) / 2

    def x(effect: float) -> float:
        return middle + (WIDTH - _RIGHT - _LEFT) / 2 * effect / far

    parts = [
        element("rect", x=x(-least), y=_TOP, width=x(least) - x(-least), height=bottom - _TOP,
                class_="unimportant"),
        element("line", x1=middle, x2=middle, y1=_TOP, y2=bottom, class_="zero"),
    ]  # fmt: skip
    for row, (one, name) in enumerate(zip(findings, names, strict=True)):
        y = _TOP + _ROW * (row + 0.5)
        parts.append(element("text", words(name), x=_LEFT - 14, y=y + 4, class_="end"))
        for side in (-1, 1):
            limit = one["detectable"]
            if limit is not None and limit <= far:
                at = x(side * limit)
                parts.append(element("line", x1=at, x2=at, y1=y - 6, y2=y + 6, class_="tick"))
        kind = "alarm" if one["alarm"] else "quiet"
        parts.append(element("circle", cx=x(one["effect"]), cy=y, r=5.0, class_=f"effect {kind}"))
    for at in (-far / 1.05, 0.0, far / 1.05):
        label = "0" if at == 0 else f"{at:+.2f} sd".replace("-", "−")
        parts.append(element("text", words(label), x=x(at), y=bottom + 18, class_="axis middle"))
    return figure("".join(parts), WIDTH, bottom + _BOTTOM, "Effects by finding", "effects")
