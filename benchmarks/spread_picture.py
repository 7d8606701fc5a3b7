"""Distributions of a world beside real ones: ranges from a realism report, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from math import log10
from typing import Any

MEASURES = (
    "transfers_in", "senders", "receivers", "days_in_use", "dwell_of_value", "forwarded_24h_share",
    "active_days",
)  # fmt: skip
PANEL, ROW, LEFT, TOP, WIDTH = 350.0, 46.0, 210.0, 92.0, 960.0
SIDES = {
    "criminal": "criminals and DFPI scam wallets",
    "benign": "ordinary accounts and real normals",
}
WORLD, REAL = "#d55e00", "#0072b2"
_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def draw(report: Mapping[str, Any]) -> str:
    """Return the SVG: for each measure the 10, 25, 50, 75 and 90 % quantiles of both."""
    panels = [_panel(one, at) for at, one in enumerate(_views(report))]
    height = TOP + ROW * len(MEASURES) + 16
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">',
        "<title>Quantiles of the synthetic world beside real accounts</title>",
        f'<rect width="{WIDTH:.0f}" height="{height:.0f}" fill="#ffffff" rx="8"/>',
        '<text x="20" y="28" font-size="16" font-weight="600" fill="#222">'
        "Native legs, whole history: 10 to 90 % (line), 25 to 75 % (bar), median (mark)</text>",
        _key(20, WORLD, "synthetic world"),
        _key(150, REAL, "real, calibration part"),
    ]
    for number, name in enumerate(MEASURES):
        title = next(_measure(v, name)["title"] for v in _views(report))
        y = TOP + ROW * number + 20
        head.append(f'<text x="20" y="{y:.0f}" fill="#222">{escape(title)}</text>')
    return "\n".join([*head, *panels, "</svg>"]) + "\n"


def _key(x: float, colour: str, text: str) -> str:
    return (
        f'<rect x="{x}" y="43" width="14" height="10" fill="{colour}"/>'
        f'<text x="{x + 20}" y="52" fill="#222">{text}</text>'
    )


def _views(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{**one["views"][0], "side": one["side"]} for one in report["comparisons"]]


def _measure(view: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(m for m in view["measures"] if m["name"] == name)


def _panel(view: Mapping[str, Any], at: int) -> str:
    x0 = LEFT + at * (PANEL + 24)
    text = f"{SIDES[view['side']]} ({view['n_world']:,} and {view['n_reference']:,})"
    parts = [f'<text x="{x0:.0f}" y="76" fill="#555">{escape(text)}</text>']
    for number, name in enumerate(MEASURES):
        parts += _row(_measure(view, name), x0, TOP + ROW * number)
    return "\n".join(parts)


def _row(measure: Mapping[str, Any], x0: float, y: float) -> list[str]:
    both = [measure[side]["quantiles"] for side in ("world", "reference")]
    share = measure["unit"] == "share"
    low = 0.0 if share else min(v for q in both for v in q.values() if v > 0) * 0.8
    high = 1.0 if share else max(v for q in both for v in q.values()) * 1.25

    def place(value: float) -> float:
        if share:
            return x0 + (PANEL - 60) * value
        part = (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
        return x0 + (PANEL - 60) * part

    parts = []
    for lane, (quantiles, colour) in enumerate(zip(both, (WORLD, REAL), strict=True)):
        at = y + 8 + 17 * lane
        ends = [place(quantiles[k]) for k in ("0.1", "0.25", "0.5", "0.75", "0.9")]
        told = _told(quantiles["0.5"], measure["unit"])
        parts += [
            f'<line x1="{ends[0]:.1f}" x2="{ends[4]:.1f}" y1="{at}" y2="{at}" stroke="{colour}" '
            'stroke-opacity="0.6"/>',
            f'<rect x="{ends[1]:.1f}" y="{at - 4}" width="{max(ends[3] - ends[1], 1):.1f}" '
            f'height="8" fill="{colour}" fill-opacity="0.35"/>',
            f'<rect x="{ends[2] - 1.5:.1f}" y="{at - 6}" width="3" height="12" fill="{colour}"/>',
            f'<text x="{x0 + PANEL - 50:.0f}" y="{at + 4}" fill="{colour}">{told}</text>',
        ]
    return parts


def _told(value: float, unit: str) -> str:
    if unit == "share":
        return f"{value:.0%}"
    if unit == "days":
        return f"{value:.0f} d"
    if unit != "seconds":
        return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
    size, name = next(((s, n) for s, n in _SECONDS if value >= s), _SECONDS[-1])
    return f"{value / size:.0f} {name}"
