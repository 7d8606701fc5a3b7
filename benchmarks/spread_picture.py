"""A world beside real accounts: distributions and published figures of a realism report, drawn.

Of real accounts only quantiles and medians are shown; of fewer than `FEW` accounts not the outer
ones, which would be single accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from benchmarks.svg import PAPER, SOFT, opening, text

MEASURES = {
    "transfers_in": "transfers in",
    "senders": "senders",
    "receivers": "receivers",
    "days_in_use": "lifetime",
    "active_days": "active days",
    "dwell_of_value": "how long value stays",
    "forwarded_24h_share": "passed on within a day",
    "small_amount": "small payments, × median",
    "large_amount": "large payments, × median",
}
FIGURES = {
    "dfpi_fast": "wallets that pass on 80 % or more within a day",
    "dfpi_slow": "wallets that pass on 20 % or less within a day",
    "dfpi_exchange_funded": "wallets funded in part by an exchange",
    "dfpi_swappers": "wallets that swap",
    "dfpi_top_receiver": "share of the top receiver, median",
    "dfpi_round_10": "pay-outs in multiples of $10, median",
    "dfpi_round_100": "pay-outs in multiples of $100, median",
    "dfpi_round_1000": "pay-outs in multiples of $1,000, median",
    "dfpi_wide_days": "days with five receivers or more",
    "dfpi_shared_receivers": "receivers shared by two wallets or more",
}
SIDES = {
    "criminal": ("criminals", "scam wallets"),
    "benign": ("ordinary accounts", "normal accounts"),
}
FEW = 20

WIDTH, MARGIN, NAMES, PANEL, ROW, TOP = 960.0, 18.0, 188.0, 290.0, 42.0, 112.0
SHARES, STEP = 300.0, 24.0
GRID = "#d1d9e0"
WORLD, REAL = "#bc4c00", "#0969da"
_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def draw(report: Mapping[str, Any]) -> str:
    """Return the SVG: quantiles of both on the native coin, and the published figures below."""
    views = [{**one["views"][0], "side": one["side"]} for one in report["comparisons"]]
    below = TOP + ROW * len(MEASURES) + 40
    height = below + 62 + STEP * len(FIGURES) + 14
    parts = [
        *opening(WIDTH, height, "The synthetic world beside real accounts and published figures"),
        text(MARGIN, 28, "The world beside real accounts", size=16, bold=True),
        *_key(),
        *(text(MARGIN, TOP + ROW * n + 21, said) for n, said in enumerate(MEASURES.values())),
    ]
    for at, view in enumerate(views):
        parts += _panel(view, MARGIN + NAMES + at * (PANEL + 84))
    parts += _published(report["published"], below)
    return "\n".join([*parts, "</svg>\n"])


def _key() -> list[str]:
    """Explain colours and marks."""
    return [
        f'<rect x="{MARGIN}" y="41" width="14" height="10" fill="{WORLD}"/>',
        text(MARGIN + 20, 50, "invented"),
        f'<rect x="{MARGIN + 92}" y="41" width="14" height="10" fill="{REAL}"/>',
        text(MARGIN + 112, 50, "real"),
        text(MARGIN + 158, 50, "Line: 10 to 90 %. Bar: 25 to 75 %. Mark and number: median. "
              "Each row has its own scale. Native coin alone.", SOFT),
    ]  # fmt: skip


def _panel(view: Mapping[str, Any], x0: float) -> list[str]:
    ours, theirs = SIDES[view["side"]]
    counts = f"{view['n_world']:,} {ours}, {view['n_reference']:,} real {theirs}"
    parts = [text(x0, 84, counts, bold=True)]
    few = min(view["n_world"], view["n_reference"]) < FEW
    if few:
        parts.append(text(x0, 100, f"no line for fewer than {FEW} accounts", SOFT))
    known = {measure["name"]: measure for measure in view["measures"]}
    for number, name in enumerate(MEASURES):
        y = TOP + ROW * number
        parts.append(_rule(x0, x0 + PANEL + 56, y - 3))
        parts += _row(known[name], x0, y, (view["n_world"], view["n_reference"]))
    return parts


def _row(measure: Mapping[str, Any], x0: float, y: float, counts: Sequence[int]) -> list[str]:
    both = [measure[side]["quantiles"] or {} for side in ("world", "reference")]
    every = [value for quantiles in both for value in quantiles.values()]
    share = measure["unit"] == "share"
    low = min((v for v in every if v > 0), default=1.0) * 0.9
    high = max([*every, low * 1.1]) * 1.1

    def place(value: float) -> float:
        if share:
            return x0 + PANEL * value
        return x0 + PANEL * log10(max(value, low) / low) / log10(high / low)

    parts = []
    for lane, (quantiles, colour) in enumerate(zip(both, (WORLD, REAL), strict=True)):
        at = y + 9 + 16 * lane
        if not quantiles:
            parts.append(text(x0, at + 4, "not defined", colour))
            continue
        ends = [place(quantiles[k]) for k in ("0.1", "0.25", "0.5", "0.75", "0.9")]
        if counts[lane] >= FEW:
            parts.append(
                f'<line x1="{ends[0]:.1f}" x2="{ends[4]:.1f}" y1="{at}" y2="{at}" '
                f'stroke="{colour}" stroke-opacity="0.7"/>'
            )
        parts += [
            f'<rect x="{ends[1]:.1f}" y="{at - 4.5}" width="{max(ends[3] - ends[1], 1):.1f}" '
            f'height="9" rx="2" fill="{colour}" fill-opacity="0.3"/>',
            f'<rect x="{ends[2] - 1.5:.1f}" y="{at - 6}" width="3" height="12" fill="{colour}"/>',
            text(x0 + PANEL + 12, at + 4, _told(quantiles["0.5"], measure["unit"]), colour),
        ]
    return parts


def _published(figures: Sequence[Mapping[str, Any]], y: float) -> list[str]:
    """Draw published figures and the world's on one scale of shares."""
    known = {figure["id"]: figure for figure in figures}
    x0 = MARGIN + NAMES + 130
    y += 18
    parts = [
        text(MARGIN, y - 18, "Published figures of scam wallets", size=14, bold=True),
        text(MARGIN, y + 2, "Ring: measured on 48 or 58 wallets of the DFPI tracker. Dot: the "
              "world's criminals, measured alike.", SOFT),
    ]  # fmt: skip
    bottom = y + 26 + STEP * len(FIGURES)
    for tick in range(0, 101, 25):
        x = x0 + (WIDTH - MARGIN - 60 - x0) * tick / 100
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + 18}" y2="{bottom}" '
                     f'stroke="{GRID}"/>')  # fmt: skip
        parts.append(text(x, bottom + 16, f"{tick} %", SOFT, anchor="middle"))
    for number, (name, said) in enumerate(FIGURES.items()):
        at = y + 34 + STEP * number
        figure = known[name]
        world = figure["seen_so"] if figure["seen_so"] is not None else figure["all_legs"]
        xs = [x0 + (WIDTH - MARGIN - 60 - x0) * value for value in (world, figure["published"])]
        parts += [
            text(MARGIN, at + 4, said),
            f'<line x1="{xs[0]:.1f}" x2="{xs[1]:.1f}" y1="{at}" y2="{at}" stroke="{SOFT}"/>',
            f'<circle cx="{xs[0]:.1f}" cy="{at}" r="5" fill="{WORLD}"/>',
            f'<circle cx="{xs[1]:.1f}" cy="{at}" r="4.5" fill="{PAPER}" stroke="{REAL}" '
            'stroke-width="2"/>',
        ]
    return parts


def _told(value: float, unit: str) -> str:
    if unit == "share":
        return f"{value:.0%}"
    if unit == "days":
        return f"{value:.0f} d"
    if unit == "multiple":
        return f"{value:.2g}"
    if unit != "seconds":
        return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
    size, name = next(((s, n) for s, n in _SECONDS if value >= s), _SECONDS[-1])
    return f"{value / size:.0f} {name}"


def _rule(x0: float, x1: float, y: float) -> str:
    return f'<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{y}" y2="{y}" stroke="{GRID}"/>'
