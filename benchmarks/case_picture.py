"""One simulated case from its victims to the exchange, drawn as a flow picture.

Columns follow the money. The height of a box is what passed through it, the width of a band what
went from one to the other, both on a square-root scale, so that small payments stay visible.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import polars as pl

WIDTH, TOP, BOTTOM, BOX = 1120.0, 74.0, 30.0, 132.0
GAP, PIXELS = 26.0, 0.42
COLOURS = {
    "payers": "#0072b2", "collector": "#d55e00", "mule": "#cc79a7", "swapper": "#cc79a7",
    "consolidator": "#b8860b", "otc_desk": "#b8860b", "escrow": "#b8860b",
    "cash_out_deposit": "#009e73", "exchange": "#009e73", "others": "#777777",
    "outsiders": "#777777",
}  # fmt: skip
COLUMNS = (
    ("payers", "outsiders"), ("collector",), ("mule", "swapper"),
    ("consolidator", "otc_desk", "escrow"), ("cash_out_deposit",), ("exchange", "others"),
)  # fmt: skip
TITLES = ("victims pay", "collectors", "layers", "desks", "deposit addresses", "cashed out")


@dataclass(frozen=True)
class Box:
    """A party of the picture, or several that are told as one."""

    name: str
    role: str
    lines: tuple[str, ...]


def case_flows(transfers: pl.DataFrame, truth: pl.DataFrame, case: str) -> pl.DataFrame:
    """Return what parties of a case paid each other, strangers told as one on each side.

    Returns
    -------
    polars.DataFrame
        ``source``, ``target``, ``source_role``, ``target_role``, ``usd``, ``n``, ``first``,
        ``last``, ``parties`` (distinct payers or receivers behind the row).
    """
    members = truth.filter(pl.col("case_id") == case, pl.col("role") != "victim")
    roles = dict(members.select("address", "role").iter_rows())
    hot = set(truth.filter(pl.col("population") == "exchange_hot_wallet")["address"])
    counted = transfers.filter(pl.col("screened").is_null(), pl.col("usd_micros").is_not_null())
    counted = counted.filter(pl.col("usd_micros") >= 5_000_000)
    rows = []
    for sender, receiver, micros, time in (
        counted.filter(pl.col("sender").is_in(roles) | pl.col("receiver").is_in(roles))
        .select("sender", "receiver", "usd_micros", "block_time")
        .iter_rows()
    ):
        right = roles.get(receiver, "exchange" if receiver in hot else "others")
        left = roles.get(sender, "payers" if right == "collector" else "outsiders")
        rows.append((
            sender if sender in roles else left, receiver if receiver in roles else right,
            left, right, micros / 1e6, time, receiver if sender in roles else sender,
        ))  # fmt: skip
    names = ["source", "target", "source_role", "target_role", "usd", "time", "party"]
    return (
        pl.DataFrame(rows, schema=names, orient="row")
        .group_by(names[:4])
        .agg(
            pl.col("usd").sum(), n=pl.len(), first=pl.col("time").min(),
            last=pl.col("time").max(), parties=pl.col("party").n_unique(),
        )
        .sort(names[:2])
    )  # fmt: skip


def telling_case(transfers: pl.DataFrame, truth: pl.DataFrame) -> str:
    """Return the case, of five to nine accounts, that passes most of its money on within itself."""
    members = truth.filter(pl.col("case_id").is_not_null(), pl.col("role") != "victim")
    cases = members.group_by("case_id").agg(pl.len().alias("n"), pl.col("role").n_unique())
    cases = cases.filter(pl.col("n").is_between(5, 9), pl.col("role") >= 4)
    mine = members.join(cases, on="case_id").select("chain", "address", "case_id")
    paid = (
        transfers.filter(pl.col("screened").is_null())
        .join(mine, left_on=["chain", "sender"], right_on=["chain", "address"])
        .join(mine.rename({"case_id": "other"}), how="left",
              left_on=["chain", "receiver"], right_on=["chain", "address"])
        .group_by("case_id")
        .agg(within=pl.col("usd_micros").filter(pl.col("other") == pl.col("case_id")).sum()
             / pl.col("usd_micros").sum())
    )  # fmt: skip
    return str(paid.sort("within", "case_id", descending=[True, False])["case_id"][0])


def draw(flows: pl.DataFrame, title: str) -> str:
    """Return the SVG of a case's flows (`case_flows`)."""
    boxes = _boxes(flows)
    place = _places(flows, boxes)
    height = max(y + h for _, y, h in place.values()) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH:.0f}" height="{height:.0f}" fill="#ffffff" rx="8"/>',
        f'<text x="20" y="28" font-size="16" font-weight="600" fill="#222">{escape(title)}</text>',
    ]
    used = {_column(box.role) for box in boxes.values()}
    for at in sorted(used):
        parts.append(f'<text x="{_x(at):.0f}" y="58" fill="#555">{TITLES[at]}</text>')
    parts += _bands(flows, boxes, place)
    for name, box in boxes.items():
        x, y, h = place[name]
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{BOX:.0f}" height="{h:.1f}" rx="4" '
            f'fill="#ffffff"/><rect x="{x:.1f}" y="{y:.1f}" width="{BOX:.0f}" height="{h:.1f}" '
            f'rx="4" fill="{COLOURS[box.role]}" fill-opacity="0.16" '
            f'stroke="{COLOURS[box.role]}"/>'
        )
        for number, line in enumerate(box.lines):
            weight = ' font-weight="600"' if number == 0 else ""
            parts.append(
                f'<text x="{x + 8:.1f}" y="{y + 17 + 15 * number:.1f}" fill="#222"{weight}>'
                f"{escape(line)}</text>"
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _column(role: str) -> int:
    return next(at for at, roles in enumerate(COLUMNS) if role in roles)


def _x(column: int) -> float:
    return 20 + column * (WIDTH - 40 - BOX) / (len(COLUMNS) - 1)


def _boxes(flows: pl.DataFrame) -> dict[str, Box]:
    boxes: dict[str, Box] = {}
    for side, role in (("source", "source_role"), ("target", "target_role")):
        for name, kind in flows.select(side, role).unique().sort(side).iter_rows():
            boxes.setdefault(name, Box(name, kind, _told(flows, name, kind)))
    return boxes


def _told(flows: pl.DataFrame, name: str, role: str) -> tuple[str, ...]:
    inward, outward = flows.filter(target=name), flows.filter(source=name)
    title = role.replace("_", " ")
    if role in ("payers", "outsiders"):
        who = "payers" if role == "payers" else "others"
        count = f"{outward['parties'].sum():,} {who}"
        return (count, _total(outward), _span(outward))
    if role == "others":
        return ("other wallets", _total(inward))
    if role == "exchange":
        return ("hot wallet", _total(inward))
    if role == "cash_out_deposit":
        title = "deposit address"
    return (title, f"{name[:8]}…", f"in {_dollars(inward['usd'].sum())}", _span(inward))


def _total(rows: pl.DataFrame) -> str:
    return _dollars(sum(rows["usd"].to_list()))


def _dollars(value: float) -> str:
    return f"${value:,.0f}" if value < 10_000 else f"${value / 1000:,.0f}k"


def _span(rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return ""
    first, last = min(rows["first"].to_list()), max(rows["last"].to_list())
    return f"{first:%-d %b} – {last:%-d %b}"


def _places(flows: pl.DataFrame, boxes: dict[str, Box]) -> dict[str, tuple[float, float, float]]:
    """Stack the boxes of each column; return x, y and height of each."""
    found = {}
    for at in range(len(COLUMNS)):
        y = TOP
        mine = [box for box in boxes.values() if _column(box.role) == at]
        for box in sorted(mine, key=lambda b: (COLUMNS[at].index(b.role), b.name)):
            ends = max(_ends(flows.filter(source=box.name)), _ends(flows.filter(target=box.name)))
            h = max(ends, 15.0 * len(box.lines) + 10)
            found[box.name] = (_x(at), y, h)
            y += h + GAP
    return found


def _ends(rows: pl.DataFrame) -> float:
    return float(sum(_thick(usd) for usd in rows["usd"]))


def _thick(usd: float) -> float:
    return max(1.2, PIXELS * float(usd) ** 0.5 / 3)


def _bands(
    flows: pl.DataFrame, boxes: dict[str, Box], place: dict[str, tuple[float, float, float]]
) -> list[str]:
    out = dict.fromkeys(boxes, 0.0)
    into = dict.fromkeys(boxes, 0.0)
    parts = []
    order = flows.with_columns(
        to=pl.Series([place[t][1] for t in flows["target"]]),
        fro=pl.Series([place[s][1] for s in flows["source"]]),
    ).sort("fro", "to")
    for row in order.iter_rows(named=True):
        (x0, y0, _), (x1, y1, _) = place[row["source"]], place[row["target"]]
        thick = _thick(row["usd"])
        start = y0 + out[row["source"]] + thick / 2
        end = y1 + into[row["target"]] + thick / 2
        out[row["source"]] += thick
        into[row["target"]] += thick
        colour = COLOURS[row["source_role"]]
        back = x1 <= x0
        left, right = (x0 + BOX, x1) if not back else (x0 + BOX, x1 + BOX)
        middle = (left + right) / 2 if not back else max(left, right) + 46
        when = f"{row['first']:%-d %b} – {row['last']:%-d %b}"
        said = f"{row['n']} transfers, {_dollars(row['usd'])}, {when}"
        parts.append(
            f'<path d="M{left:.1f},{start:.1f} C{middle:.1f},{start:.1f} {middle:.1f},{end:.1f} '
            f'{right:.1f},{end:.1f}" fill="none" stroke="{colour}" stroke-opacity="0.32" '
            f'stroke-width="{thick:.1f}"><title>{escape(said)}</title></path>'
        )
    return parts
