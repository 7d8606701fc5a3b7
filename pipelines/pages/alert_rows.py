"""What a page says once: transfers under the first reason that rests on them, sources at the end.

The alert in JSON repeats: each reason holds its own transfers, each sentence how many transfers it
was measured in. A reader wants each once, with marks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_TAIL = re.compile(r", in the [\d,]+ transfers? supplied \([^()]*\)\.$")

STATES = {
    "yes": "read at the source",
    "abstract": "its abstract was read",
    "second_hand": "cited at second hand",
    "no": "source not yet checked",
}
"""How a source was read, in words."""


def short(sentence: str) -> str:
    """Return a sentence without its last words, which a page says once above all.

    >>> short("It paid 2 addresses, in the 214 transfers supplied (3 March 2024 to 9 May 2024).")
    'It paid 2 addresses.'
    >>> short("It paid 2 addresses.")
    'It paid 2 addresses.'
    """
    return _TAIL.sub(".", sentence)


def tail_of(sentences: Sequence[str]) -> str:
    """Return the last words that all of some sentences share; empty where they do not.

    >>> tail_of(["It paid, in the 2 transfers supplied (3 March 2024)."])
    'in the 2 transfers supplied (3 March 2024)'
    >>> tail_of(["It paid, in the 2 transfers supplied (3 March 2024).", "It paid."])
    ''
    """
    found = {match.group()[2:-1] if (match := _TAIL.search(s)) else "" for s in sentences}
    return found.pop() if len(found) == 1 else ""


def reasons_once(alert: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what to show of each reason, so that every transfer stands once.

    Returns
    -------
    list of dict
        ``reason``; ``rows`` and ``elsewhere``: its transfers that no reason before it rests on,
        each with ``also``, the later reasons that do; ``again``: for each reason before it, how
        many of its transfers stand there.
    """
    first: dict[tuple[Any, ...], int] = {}
    later: dict[tuple[Any, ...], list[int]] = {}
    told = []
    for place, reason in enumerate(alert["reasons"], 1):
        again: Counter[int] = Counter()
        shown: dict[str, list[Any]] = {"rows": [], "elsewhere": []}
        for part, rows in shown.items():
            for row in reason["evidence"][part]:
                key = _key(part, row)
                stands = first.setdefault(key, place)
                if stands == place:
                    rows.append({**row, "also": later.setdefault(key, [])})
                else:
                    again[stands] += 1
                    later[key].append(place)
        told.append({"reason": reason, **shown, "again": sorted(again.items())})
    return told


def _key(part: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what makes a transfer the same; the other leg of another own one is told anew."""
    other = (row["chain"], row["of_tx_id"], row["of_log_index"]) if part == "elsewhere" else ()
    return (part, row["tx_id"], row["log_index"], *other)


def sources(alert: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources of the red flags under the reasons, each once, in order."""
    signals = {part["signal"]: part for part in alert["contributions"]}
    flags = [f for reason in alert["reasons"] for f in signals[reason["signal"]]["red_flags"]]
    found: dict[str, dict[str, Any]] = {}
    for flag in flags:
        one = found.setdefault(flag["source"], {**flag, "names": []})
        if flag["name"] not in one["names"]:
            one["names"].append(flag["name"])
    return [
        {**one, "mark": f"S{number}", "state": STATES[one["verified"]]}
        for number, one in enumerate(found.values(), 1)
    ]
