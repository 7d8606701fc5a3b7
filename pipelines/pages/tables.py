"""Tables of a trace, both conventions side by side, and how their cells are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models import sentences

CONVENTION_NAMES = {"fifo": "FIFO", "haircut": "haircut"}


def side_by_side(sides: Mapping[str, Any], rows: str, key: Sequence[str]) -> list[dict[str, Any]]:
    """Join the rows of both conventions that speak of the same thing, most dollars first.

    Returns
    -------
    list
        Each with the facts that do not depend on the convention, and under ``fifo`` and
        ``haircut`` its row, None where that convention has none.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name in CONVENTION_NAMES:
        for row in sides[name][rows]:
            at = tuple(row[part] for part in key)
            pair = found.setdefault(at, {**row, "fifo": None, "haircut": None})
            pair[name] = row
    worth = [max(row["usd"] or 0 for row in _both(pair)) for pair in found.values()]
    ranked = sorted(zip(worth, found.values(), strict=True), key=lambda item: -item[0])
    return [pair for _, pair in ranked]


def told_of(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows to show, and how many are worth less than a dollar by both conventions."""
    worth = [[row["usd"] for row in _both(pair)] for pair in rows]
    kept = [
        pair
        for pair, values in zip(rows, worth, strict=True)
        if any(usd is None or usd >= 1 for usd in values)
    ]
    return kept, len(rows) - len(kept)


def alike(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether both conventions read the same in every row, so that one column will do.

    >>> row = {"usd": 1000.4, "share": 0.5, "n_transfers": 2}
    >>> alike([{"fifo": row, "haircut": row | {"usd": 1000.2}}]), alike([{"fifo": row}])
    (True, False)
    """
    return all(_cell(row.get("fifo")) == _cell(row.get("haircut")) for row in rows)


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the conventions that need a column of their own."""
    return ["fifo"] if alike(rows) else list(CONVENTION_NAMES)


def _cell(row: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    if row is None:
        return None
    exact = row.get("amount") if row["usd"] is None else None
    return money(row["usd"]), share(row["share"]), row["n_transfers"], exact


def money(usd: float | None) -> str:
    """Write dollars, with cents where they matter.

    >>> money(212400.4), money(12.5), money(None)
    ('$212,400', '$12.50', 'no price')
    """
    if usd is None:
        return "no price"
    return f"${usd:,.0f}" if abs(usd) >= 1000 else f"${usd:,.2f}"


def share(value: float | None) -> str:
    """Write a share; a dash where there is none."""
    return "–" if value is None else sentences.shown(value, "share")


def span(row: Mapping[str, Any]) -> str:
    """Write the days from first to last."""
    days = list(dict.fromkeys(at[:10] for at in (row["first"], row["last"]) if at))
    return " to ".join(days)


def lasting(seconds: float | None) -> str:
    """Write how long something took; a dash where it never happened."""
    return "–" if seconds is None else sentences.shown(seconds, "seconds")


END_KEY = ("end", "chain", "address", "asset_chain", "asset")
"""What the rows of both conventions that speak of one end have in common."""


def _both(pair: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [pair[name] for name in CONVENTION_NAMES if pair[name] is not None]
