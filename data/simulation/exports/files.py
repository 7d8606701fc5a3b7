"""How the services write: whole coins as decimals, moments as numbers or dates, rows as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Row = dict[str, Any]


def seconds(moment: datetime) -> str:
    """Return seconds since 1970."""
    return str(int(moment.timestamp()))


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since 1970."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def shown(moment: datetime) -> str:
    """Return a date in UTC, as pages show it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def coins(amount: str, decimals: int, *, grouped: bool = False) -> str:
    """Return base units as a decimal number of whole coins, exactly.

    >>> coins("1500000", 6), coins("1234000000", 6, grouped=True), coins("0", 18)
    ('1.5', '1,234', '0')
    """
    whole, rest = divmod(int(amount), 10**decimals)
    fraction = f"{rest:0{decimals}d}".rstrip("0") if rest else ""
    left = f"{whole:,}" if grouped else str(whole)
    return f"{left}.{fraction}" if fraction else left


def text(value: object) -> str:
    """Return a field, empty where nothing is known."""
    return "" if value is None else str(value)


def write_json(path: Path, answer: object) -> Path:
    """Write a service's answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(answer, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Row], *, quoted: bool = False, extra: int = 0
) -> Path:
    """Write rows as CSV.

    Parameters
    ----------
    quoted
        Every field in quotes, as Etherscan's pages do.
    extra
        Empty fields that each row has beyond the header.
    """
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    out = io.StringIO()
    writer = csv.writer(out, quoting=quoting, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(c, "") for c in columns] + [""] * extra for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    return path
