"""One simulated case as a flow picture: from its victims to the exchange, column by column.

The width of a band is the money that went that way, to scale. Payments from and to strangers are
stubs that fade. The line with numbers is one victim's payment on its way, told below the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import polars as pl

from benchmarks.case_flows import (
    EXCHANGE,
    FROM_EXCHANGE,
    OWN_WALLETS,
    STRANGERS,
    CaseFlows,
)
from benchmarks.svg import INK, PAPER, SOFT, opening, text

WIDTH, MARGIN, TOP = 960.0, 18.0, 70.0
BOX, GAP, LINE, STUB, LOOP = 121.0, 14.0, 15.0, 26.0, 24.0
TALLEST = 230.0
"""Height of the bands of the column through which most money goes."""

THINNEST = 1.4

_PEOPLE, _CRIME, _SERVICE, _OTHERS = "#0969da", "#bc4c00", "#1a7f37", "#6e7781"
_GROUPS = {
    OWN_WALLETS: ("victims", _PEOPLE),
    FROM_EXCHANGE: ("victims", _PEOPLE),
    EXCHANGE: ("exchange", _SERVICE),
}
_SAID = {"cash_out_deposit": "deposit address", "otc_desk": "OTC desk"}
_CHAIN = {"ethereum": "Ethereum", "tron": "Tron", "bsc": "BSC", "arbitrum": "Arbitrum"}


@dataclass
class _Box:
    """A party's place: column, left, top and height; where the next band ends and begins."""

    column: int
    lines: tuple[str, ...]
    colour: str
    height: float
    x: float = 0.0
    y: float = 0.0
    came: float = 0.0
    left: float = 0.0


@dataclass(frozen=True)
class _Band:
    """What goes from one box to another, or between a box and strangers (None)."""

    one: str | None
    two: str | None
    path: str
    thick: float
    middle: tuple[float, float]
    said: str


def draw(case: CaseFlows) -> str:
    """Return the SVG of a case."""
    flows = case.flows.filter(pl.col("source") != pl.col("target"))
    columns = _columns(case, flows)
    scale = TALLEST / max(_through(flows, names) for names in columns)
    boxes = _placed(case, flows, columns, scale)
    bands = _bands(flows, boxes, scale)
    bottom = max(box.y + box.height for box in boxes.values())
    height = bottom + 34 + LINE * 1.4 * len(case.way) + 14
    title = _title(case, flows)
    return "\n".join(
        [
            *opening(WIDTH, height, title, _fades()),
            text(MARGIN, 28, title, size=16, bold=True),
            text(
                MARGIN,
                49,
                "Width of a band: dollars, to scale. Fading stubs: from and to strangers.",
                SOFT,
            ),
            *_drawn_bands(case, boxes, bands),
            *(part for box in boxes.values() for part in _drawn_box(box)),
            *_numbers(case, bands),
            *_told(case, bottom + 34),
            "</svg>\n",
        ]
    )


def _title(case: CaseFlows, flows: pl.DataFrame) -> str:
    paid = _dollars(float(_left(flows, [OWN_WALLETS, FROM_EXCHANGE])["usd"].sum()))
    chains = sorted({_CHAIN[name.partition(":")[0]] for name in case.roles})
    kind = case.typology.replace("_", "-")
    return f"A simulated case: {kind} on {' and '.join(chains)}, {paid} from its victims"


def _columns(case: CaseFlows, flows: pl.DataFrame) -> list[list[str]]:
    """Return the parties by column: payers, the case layer by layer, where the money ends."""
    used = set(flows["source"]) | set(flows["target"])
    columns = [[n for n in (OWN_WALLETS, FROM_EXCHANGE) if n in used]]
    for role in dict.fromkeys(case.roles.values()):
        mine = [name for name, other in case.roles.items() if other == role and name in used]
        columns.append(_beside_their_doubles(mine, flows))
    columns.append([name for name in (EXCHANGE,) if name in used])
    return [names for names in columns if names]


def _beside_their_doubles(names: Sequence[str], flows: pl.DataFrame) -> list[str]:
    """Order a column: who received most comes first, each above its address on another chain."""
    received = {n: float(_came(flows, [n])["usd"].sum()) for n in names}
    over = flows.filter(pl.col("source").is_in(names), pl.col("target").is_in(names))
    double = {b: a for a, b in over.select("source", "target").iter_rows() if _bridged(a, b)}
    firsts = sorted((n for n in names if n not in double), key=lambda n: (-received[n], n))
    return [n for first in firsts for n in (first, *(b for b, a in double.items() if a == first))]


def _placed(
    case: CaseFlows, flows: pl.DataFrame, columns: Sequence[Sequence[str]], scale: float
) -> dict[str, _Box]:
    boxes: dict[str, _Box] = {}
    step = (WIDTH - 2 * MARGIN - BOX) / (len(columns) - 1)
    for at, names in enumerate(columns):
        y = TOP
        for name in names:
            lines, colour = _lines(case, flows, name)
            sides = max(_thick(_came(flows, [name]), scale), _thick(_left(flows, [name]), scale))
            height = max(sides, LINE * len(lines) + 10)
            boxes[name] = _Box(at, lines, colour, height, MARGIN + at * step, y)
            y += height + GAP
    return boxes


def _lines(case: CaseFlows, flows: pl.DataFrame, name: str) -> tuple[tuple[str, ...], str]:
    """Return what stands in a party's box, and its colour."""
    came, left = _came(flows, [name]), _left(flows, [name])
    if name in _GROUPS:
        title, colour = _GROUPS[name]
        rows = left if left.height else came
        number = int(rows["parties"].max() or 0)  # type: ignore[arg-type]  # a count
        count = {
            OWN_WALLETS: f"{number:,} own wallets",
            FROM_EXCHANGE: "from an exchange" if number == 1 else f"from {number} exchanges",
            EXCHANGE: "hot wallet",
        }[name]
        return (title, count, _dollars(float(rows["usd"].sum()))), colour
    role = case.roles[name]
    chain, _, address = name.partition(":")
    lines = [_role(role), f"{_CHAIN[chain]} {address[:6]}"]
    if came.height:
        lines.append(f"in {_dollars(float(came['usd'].sum()))}")
        lines.append(_span(came["first"].min(), came["last"].max()))
    lost = float(left.filter(target=STRANGERS)["usd"].sum())
    if lost:
        lines.append(f"to others {_dollars(lost)}")
    swaps = case.swaps.get(name, 0)
    if swaps:
        lines.append(f"{swaps} swap{'s' if swaps > 1 else ''}")
    return tuple(lines), _SERVICE if role == "cash_out_deposit" else _CRIME


def _bands(flows: pl.DataFrame, boxes: Mapping[str, _Box], scale: float) -> list[_Band]:
    """Lay out the bands: side by side at each box, those to strangers lowest."""
    rows = sorted(flows.iter_rows(named=True), key=lambda r: _order(r, boxes))
    return [_band(row, boxes, scale) for row in rows]


def _order(row: Mapping[str, Any], boxes: Mapping[str, _Box]) -> tuple[Any, ...]:
    one, two = boxes.get(row["source"]), boxes.get(row["target"])
    if one is None or two is None:
        return (1, 0.0, 0.0, row["source"], row["target"])
    loop = one.column >= two.column
    return (0, loop, two.y, one.y, row["source"])


def _band(row: Mapping[str, Any], boxes: Mapping[str, _Box], scale: float) -> _Band:
    one, two = boxes.get(row["source"]), boxes.get(row["target"])
    thick = max(THINNEST, float(row["usd"]) * scale)
    said = f"{row['n']:,} payments, {_dollars(row['usd'])}, {_span(row['first'], row['last'])}"
    start = end = (0.0, 0.0)
    if one is not None:
        start = one.x + BOX, one.y + one.left + thick / 2
        one.left += thick
    if two is not None:
        end = two.x, two.y + two.came + thick / 2
        two.came += thick
    if one is None:
        start = end[0] - STUB, end[1]
    if two is None:
        end = start[0] + STUB, start[1]
    bend = (start[0] + end[0]) / 2
    if one is not None and two is not None and one.column >= two.column:
        end = two.x + BOX, end[1]
        bend = max(start[0], end[0]) + LOOP * (1 + (one.column - two.column))
    path = (
        f"M{start[0]:.1f},{start[1]:.1f} C{bend:.1f},{start[1]:.1f} "
        f"{bend:.1f},{end[1]:.1f} {end[0]:.1f},{end[1]:.1f}"
    )
    middle = (start[0] + end[0] + 6 * bend) / 8, (start[1] + end[1]) / 2
    if one is not None and two is not None and two.column > one.column + 1:
        middle = start[0] + 12, start[1]  # the middle lies behind the boxes between
    known = row["source"] if one else None, row["target"] if two else None
    return _Band(*known, path, thick, middle, said)


def _fades() -> str:
    """Define how stubs fade: into a box from the left, out of it to the right."""
    kinds = {"in": (_OTHERS, 0, 0.35), "out": (_CRIME, 0.35, 0), "swept": (_SERVICE, 0.35, 0)}
    return "<defs>" + "".join(
        f'<linearGradient id="{name}"><stop stop-color="{colour}" stop-opacity="{a}"/>'
        f'<stop offset="1" stop-color="{colour}" stop-opacity="{b}"/></linearGradient>'
        for name, (colour, a, b) in kinds.items()
    ) + "</defs>"  # fmt: skip


def _drawn_bands(
    case: CaseFlows, boxes: Mapping[str, _Box], bands: Iterable[_Band]
) -> Iterable[str]:
    lines = []
    way = {(step.source, step.target) for step in case.way}
    for band in bands:
        hint = f"<title>{escape(band.said)}</title>"
        if band.one is None or band.two is None:
            yield _stub(band, boxes, hint)
            continue
        over = _bridged(band.one, band.two)
        yield (
            f'<path d="{band.path}" fill="none" stroke="{boxes[band.one].colour}" '
            f'stroke-width="{band.thick:.1f}" stroke-opacity="{0.4 if over else 0.22}">'
            f"{hint}</path>"
        )
        if over:
            x, y = band.middle
            lines.append(text(x + band.thick / 2 + 5, y + 4, "bridge", _CRIME))
        if (band.one, band.two) in way:
            lines.append(f'<path d="{band.path}" fill="none" stroke="{INK}" stroke-width="1.6"/>')
    yield from lines


def _stub(band: _Band, boxes: Mapping[str, _Box], hint: str) -> str:
    x, y = (float(number) for number in band.path[1:].split(" ")[0].split(","))
    fade = "in"
    if band.one is not None:
        fade = "swept" if boxes[band.one].colour == _SERVICE else "out"
    return (
        f'<rect x="{x:.1f}" y="{y - band.thick / 2:.1f}" width="{STUB:.0f}" '
        f'height="{band.thick:.1f}" fill="url(#{fade})">{hint}</rect>'
    )


def _drawn_box(box: _Box) -> list[str]:
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{BOX:.0f}" height="{box.height:.1f}" rx="5"'
    parts = [
        f'<rect {place} fill="{PAPER}"/>',
        f'<rect {place} fill="{box.colour}" fill-opacity="0.08" stroke="{box.colour}"/>',
    ]
    for number, line in enumerate(box.lines):
        y = box.y + 17 + LINE * number
        parts.append(text(box.x + 8, y, line, INK if number != 1 else SOFT, bold=number == 0))
    return parts


def _numbers(case: CaseFlows, bands: Iterable[_Band]) -> list[str]:
    step = {(step.source, step.target): n for n, step in enumerate(case.way, start=1)}
    return [
        _number(*band.middle, step[band.one, band.two])
        for band in bands
        if band.one and band.two and (band.one, band.two) in step
    ]


def _number(x: float, y: float, number: int) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{INK}"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" fill="{PAPER}" text-anchor="middle" '
        f'font-weight="600">{number}</text>'
    )


def _told(case: CaseFlows, y: float) -> list[str]:
    """Tell the way of one victim's money, step by step."""
    if not case.way:
        return []
    parts = [text(MARGIN, y, "The way of one payment", bold=True)]
    for number, (before, step) in enumerate(zip((None, *case.way), case.way, strict=False), 1):
        at = y + LINE * 1.4 * number
        after = f", {_waited((step.time - before.time).total_seconds())} later" if before else ""
        swapped = " (swapped)" if before and step.asset != before.asset else ""
        said = (
            f"{_day(step.time)} {step.time:%Y, %H:%M}{after}: {_party(case, step.source)} pays "
            f"{_dollars(step.micros / 1e6)} in {step.asset}{swapped} "
            f"to {_party(case, step.target)}"
        )
        parts += [_number(MARGIN + 9, at - 4, number), text(MARGIN + 26, at, said)]
    return parts


def _party(case: CaseFlows, name: str) -> str:
    told = {
        OWN_WALLETS: "a victim",
        FROM_EXCHANGE: "an exchange, for a victim,",
        EXCHANGE: "the exchange's hot wallet",
    }
    return told.get(name) or f"the {_role(case.roles[name])}"


def _role(role: str) -> str:
    return _SAID.get(role, role.replace("_", " "))


def _bridged(one: str, two: str) -> bool:
    return ":" in one and ":" in two and one.partition(":")[0] != two.partition(":")[0]


def _came(flows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return flows.filter(pl.col("target").is_in(names))


def _left(flows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return flows.filter(pl.col("source").is_in(names))


def _through(flows: pl.DataFrame, names: Sequence[str]) -> float:
    return max(float(_came(flows, names)["usd"].sum()), float(_left(flows, names)["usd"].sum()))


def _thick(rows: pl.DataFrame, scale: float) -> float:
    return float(sum(max(THINNEST, usd * scale) for usd in rows["usd"].to_list()))


def _dollars(value: float) -> str:
    if value >= 999_500:
        return f"${value / 1e6:,.1f}M"
    return f"${value:,.0f}" if value < 10_000 else f"${value / 1000:,.0f}k"


def _waited(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def _span(first: Any, last: Any) -> str:
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {_day(last)} {last:%y}"
    return f"{first:%b %y} – {last:%b %y}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"
