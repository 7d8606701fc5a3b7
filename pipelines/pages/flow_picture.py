"""Sources, the address, and exits, as bands as thick as what passed.

However many addresses there are, each side has at most `MOST_BANDS`: the largest by themselves, all
others of a kind together. What is small is drawn thin but never left out. Where nothing has a price
the bands are as thick as their numbers of transfers, and the picture says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models import sentences
from pipelines.pages.drawing import element, figure, words
from pipelines.pages.timeline import compact
from pipelines.tracing.end_names import SHORT_NAMES
from pipelines.visible import identifier

_CLASSES = {
    "exchange_deposit": "asked", "exchange_hot": "asked", "otc": "dark", "mixer": "dark",
    "guarantee_marketplace": "dark", "other_service": "asked", "unspent": "held",
}  # fmt: skip

MOST_BANDS, _MOST_ALONE = 12, 6
WIDTH = 1000.0
_BAR, _LEFT, _RIGHT, _MIDDLE = 9.0, 290.0, 701.0, 486.0
_TALL, _SLOT, _TOP, _LEAST = 300.0, 38.0, 26.0, 1.5


@dataclass(frozen=True)
class _Band:
    """One band: what is said of it in two lines, how thick it is, and its colour."""

    name: str
    said: str
    weight: float
    kind: str


def flow_picture(report: Mapping[str, Any], convention: str) -> str:
    """Draw sources, address and exits by one convention.

    Parameters
    ----------
    report
        A trace report.
    convention
        ``fifo`` or ``haircut``.

    Returns
    -------
    str
        Inline SVG; empty where nothing was traced.
    """
    sides = [report["directions"][way][convention] for way in ("backward", "forward")]
    if not any(side["kinds"] for side in sides):
        return ""
    priced = any(side["usd"] for side in sides)
    left, right = (_bands(side, priced=priced) for side in sides)
    most = max(sum(band.weight for band in bands) for bands in (left, right)) or 1.0
    tall = max(_height(bands, most) for bands in (left, right))
    middle = [
        element("text", words(text), x=_MIDDLE + 14, y=_TOP + at, class_="middle flow-head")
        for at, text in ((-12, "this address"),)
    ]
    heads = element(
        "text", "came from", x=_LEFT - 8, y=_TOP - 12, class_="end flow-head"
    ) + element("text", "went to", x=_RIGHT + _BAR + 8, y=_TOP - 12, class_="start flow-head")
    drawn = _side(left, most, tall, is_left=True) + _side(right, most, tall, is_left=False)
    height = max(sum(b.weight for b in bands) for bands in (left, right)) / most * _TALL
    bar = element(
        "rect", x=_MIDDLE, y=_TOP + (tall - height) / 2, width=28.0, height=max(height, _LEAST),
        class_="flow-bar own",
    )  # fmt: skip
    label = f"Sources, this address and exits, under {convention}"
    if not priced:
        label += "; nothing has a price, bands follow numbers of transfers"
    content = drawn + bar + heads + "".join(middle)
    return figure(content, WIDTH, _TOP + tall + 10, label, "flow-picture")


def _bands(side: Mapping[str, Any], *, priced: bool) -> list[_Band]:
    """Choose the largest ends by themselves, and add up the rest by kind."""
    total = sum(_weight(kind, priced) for kind in side["kinds"]) or 1.0
    alone: dict[tuple[str, str, str], float] = {}
    for end in side["ends"]:
        key = (end["end"], end["chain"], end["address"])
        alone[key] = alone.get(key, 0.0) + _weight(end, priced)
    largest = sorted(alone.items(), key=lambda item: (-item[1], item[0]))[:_MOST_ALONE]
    shown = [(key, weight) for key, weight in largest if weight >= 0.02 * total]
    bands, rest = [], {kind["end"]: kind for kind in side["kinds"]}
    left = {kind: _weight(row, priced) for kind, row in rest.items()}
    count = {kind: row["n_addresses"] for kind, row in rest.items()}
    for (kind, _, address), weight in shown:
        left[kind] -= weight
        count[kind] -= 1
        bands.append(_Band(_short(address), _said(kind, weight, total, priced), weight, kind))
    for kind in rest:
        if count[kind] > 0:
            weight = max(left[kind], 0.0)
            name = _together(count[kind], alone=count[kind] == rest[kind]["n_addresses"])
            bands.append(_Band(name, _said(kind, weight, total, priced), weight, kind))
    bands.sort(key=lambda band: (-band.weight, band.kind, band.name))
    return bands if len(bands) <= MOST_BANDS else _merged(bands, total, priced)


def _merged(bands: Sequence[_Band], total: float, priced: bool) -> list[_Band]:
    kept, small = bands[: MOST_BANDS - 1], bands[MOST_BANDS - 1 :]
    weight = sum(band.weight for band in small)
    said = _amount(weight, total, priced)
    return [*kept, _Band(f"{len(small)} smaller groups", said, weight, "not_supplied")]


def _weight(row: Mapping[str, Any], priced: bool) -> float:
    return float(row["usd"] or 0.0) if priced else float(row["n_transfers"])


def _together(n: int, *, alone: bool) -> str:
    what = "address" if n == 1 else "addresses"
    return f"{n:,} {what}" if alone else f"{n:,} other {what}"


def _said(kind: str, weight: float, total: float, priced: bool) -> str:
    return f"{SHORT_NAMES.get(kind, kind)} · {_amount(weight, total, priced)}"


def _amount(weight: float, total: float, priced: bool) -> str:
    if not priced:
        return f"{weight:,.0f} transfer" + ("" if weight == 1 else "s")
    if not weight:
        return "no price"
    return f"${compact(weight)} · {sentences.shown(weight / total, 'share')}"


def _short(address: str) -> str:
    """Shorten an address for the picture; tables have it in full."""
    text = identifier(address)
    return text if len(text) <= 18 else f"{text[:9]}…{text[-6:]}"


def _height(bands: Sequence[_Band], most: float) -> float:
    return sum(_slot(band, most) for band in bands)


def _slot(band: _Band, most: float) -> float:
    return max(_SLOT, band.weight / most * _TALL + 10)


def _side(bands: Sequence[_Band], most: float, tall: float, *, is_left: bool) -> str:
    """Draw the bands of one side, in the middle of the height."""
    parts = []
    y = _TOP + (tall - _height(bands, most)) / 2
    whole = sum(band.weight for band in bands) / most * _TALL
    at = _TOP + (tall - whole) / 2
    for band in bands:
        thick, slot = band.weight / most * _TALL, _slot(band, most)
        parts.append(_ribbon(band, y + (slot - thick) / 2, at, thick, is_left=is_left))
        parts.append(_label(band, y + slot / 2, is_left=is_left))
        y, at = y + slot, at + thick
    return "".join(parts)


def _ribbon(band: _Band, y: float, at: float, thick: float, *, is_left: bool) -> str:
    thick = max(thick, _LEAST)
    a, b = (_LEFT + _BAR, _MIDDLE) if is_left else (_RIGHT, _MIDDLE + 28)
    half = (a + b) / 2
    shape = (
        f"M{a:.1f} {y:.1f}C{half:.1f} {y:.1f} {half:.1f} {at:.1f} {b:.1f} {at:.1f}"
        f"V{at + thick:.1f}C{half:.1f} {at + thick:.1f} {half:.1f} {y + thick:.1f} "
        f"{a:.1f} {y + thick:.1f}Z"
    )
    kind = _CLASSES.get(band.kind, "unknown")
    bar = element(
        "rect", x=_LEFT if is_left else _RIGHT, y=y, width=_BAR, height=thick,
        class_=f"flow-bar {kind}",
    )  # fmt: skip
    return element("path", d=shape, class_=f"ribbon {kind}") + bar


def _label(band: _Band, y: float, *, is_left: bool) -> str:
    x, side = (_LEFT - 8, "end") if is_left else (_RIGHT + _BAR + 8, "start")
    name = element("text", words(band.name), x=x, y=y - 2, class_=f"{side} flow-who")
    return name + element("text", words(band.said), x=x, y=y + 13, class_=side)
