"""Alerts as they were written: reading them back, and naming where two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import Refused
from data.moments import read_moment
from data.storage import read_manifest

_LARGEST = 1 << 30
_FIELDS = {"chain": str, "address": str, "as_of": str, "alert_id": str, "rank": int}


@dataclass(frozen=True)
class Written:
    """An alert as it was recorded: its text, and what it says."""

    text: str
    alert: Mapping[str, Any]


def read_alerts(path: Path) -> tuple[list[Written], Mapping[str, str]]:
    """Read the alerts of a file, or of a folder of `explain`.

    Returns
    -------
    alerts : list of Written
        In their order.
    environment : mapping
        The libraries they were made with, where a manifest says so; else empty.

    Raises
    ------
    Refused
        There are none, or a line is no alert.
    """
    made_with: Mapping[str, str] = {}
    file = path
    if path.is_dir():
        manifest = read_manifest(path)
        file = path / "alerts.jsonl"
        made_with = manifest.get("environment", {})
    what = "an alert, a line of alerts.jsonl, or a folder that `unrinse explain` wrote"
    if not file.is_file():
        raise Refused(f"there is no file {file}", expected=what)
    if file.stat().st_size > _LARGEST:
        raise Refused(f"{file} is larger than {_LARGEST:,} bytes", expected=what)
    try:
        text = file.read_bytes().decode("utf-8")  # line ends as they are
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8 text (byte {error.start})", expected=what) from None
    written = list(_alerts_in(text, file, what))
    if not written:
        raise Refused(f"{file} holds no alert", expected=what)
    return written, made_with


def _alerts_in(text: str, file: Path, what: str) -> Iterator[Written]:
    try:
        lines = {1: text.strip("\n")} if isinstance(json.loads(text), dict) else {}
    except (ValueError, RecursionError):
        lines = dict(enumerate(text.split("\n"), start=1))
    for number, line in lines.items():
        if not line.strip():
            continue
        try:
            alert = json.loads(line)
            for name, kind in _FIELDS.items():
                if not isinstance(alert[name], kind):
                    raise TypeError(f"{name} is {alert[name]!r}")
            read_moment(alert["as_of"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Refused(
                f"line {number} of {file} is no alert ({type(error).__name__}: {error})",
                expected=what,
            ) from None
        yield Written(line, alert)


def differing(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Name the places at which two JSON values differ.

    >>> list(differing({"a": [1, {"b": 2}], "c": 0}, {"a": [1, {"b": 3}], "d": 0}))
    ['a[1].b', 'c', 'd']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            below = f"{at}.{name}" if at else str(name)
            if name in old and name in new:
                yield from differing(old[name], new[name], below)
            else:
                yield below
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from differing(*pair, f"{at}[{number}]")
    elif type(old) is not type(new) or old != new:
        yield at
