"""The `catalogue` job: every signal, for people or for machines."""

from __future__ import annotations

import json

from features.catalogue import catalogue as of_code
from features.signal import Signal


def catalogue(format: str = "json") -> str:
    """Return the catalogue of signals as text.

    Parameters
    ----------
    format
        ``json`` (one object with the hash and a list of signals) or ``md`` (a page to read).

    Examples
    --------
    >>> json.loads(catalogue())["signals"][0]["name"]
    'transfers_in'
    """
    known = of_code()
    if format == "md":
        parts = [
            _family(name, known.signals) for name in dict.fromkeys(s.family for s in known.signals)
        ]
        return "# Signals\n\n" + "\n".join(parts)
    facts = {"hash": known.hash(), "signals": [signal.facts() for signal in known.signals]}
    return json.dumps(facts, indent=2, ensure_ascii=False)


def _family(name: str, signals: tuple[Signal, ...]) -> str:
    rows = [
        f"| `{s.name}` | {s.meaning} | {_cell(s.formula)} | {s.unit} | {s.needs} "
        f"| {_cell(s.null_meaning)} | {', '.join(s.red_flags) or '–'} |"
        for s in signals
        if s.family == name
    ]
    head = "| signal | meaning | formula | unit | needs | null | red flags |\n" + "|---" * 7 + "|"
    return f"## {name.replace('_', ' ')}\n\n{head}\n" + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
