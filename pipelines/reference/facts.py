"""The catalogue for machines: everything of it as plain values (`catalogue.v1.schema.json`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from features.catalogue import Catalogue
from features.signal import Family, Signal
from models.flagging import PARTS
from pipelines.alerting.red_flags import red_flags
from pipelines.outputs import program
from pipelines.reference.examples import Example, examples
from pipelines.reference.histories import CHAIN, Told, known_as
from pipelines.reference.retelling import came_in, other_side
from pipelines.reference.wording import family_story

SCHEMA = Path(__file__).parent.parent / "schemas" / "catalogue.v1.schema.json"
SCHEMA_VERSION = "1.0"


def catalogue_facts(known: Catalogue, wanted: Collection[str] | None = None) -> dict[str, Any]:
    """Return the catalogue as plain values.

    Parameters
    ----------
    known
        The catalogue.
    wanted
        Names of signals; only they and what they refer to are returned. None: all.
    """
    signals = [s for s in known.signals if wanted is None or s.name in wanted]
    names = {signal.name for signal in signals}
    families = {family.name: family for family in known.families}
    shown = [examples()[signal.name] for signal in signals]
    stories = {example.story.name: example for example in shown}
    raised = {flag for signal in signals for flag in signal.red_flags}
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_by": program(),
        "hash": known.hash(),
        "families": [
            _family(family, names)
            for family in known.families
            if any(signal.name in names for signal in family.signals)
        ],
        "signals": [
            _signal(signal, families[signal.family], example)
            for signal, example in zip(signals, shown, strict=True)
        ],
        "red_flags": [
            {
                **asdict(flag),
                "parts": [str(part) for part in PARTS.get(flag.id, ())],
                "signals": [s.name for s in signals if flag.id in s.red_flags],
            }
            for flag in red_flags().values()
            if flag.id in raised
        ],
        "stories": [_story(example) for example in stories.values()],
    }


def _family(family: Family, names: Collection[str]) -> dict[str, Any]:
    return {
        "name": family.name,
        **family_story(family)._asdict(),
        "cost": family.cost,
        "signals": [signal.name for signal in family.signals if signal.name in names],
    }


def _signal(signal: Signal, family: Family, example: Example) -> dict[str, Any]:
    return {
        **signal.facts(),
        "cost": family.cost,
        "example": {
            "story": example.story.name,
            "value": example.value,
            "rows": list(example.rows),
            "shown": list(example.shown),
            "elsewhere": [
                {"position": e.position, "other": other, "probability": e.probability}
                for other, e in example.elsewhere.items()
            ],
            "sentence": example.sentence.text,
        },
    }


def _story(example: Example) -> dict[str, Any]:
    """Return a story with its history; the evidence of examples names its positions."""
    return {
        "name": example.story.name,
        "tells": example.story.tells,
        "red_flags": list(example.story.red_flags),
        "chain": CHAIN,
        "as_of": _iso(example.as_of),
        "transfers": [
            {
                "position": position,
                "block_time": _iso(transfer.moment),
                "transaction": transfer.transaction,
                "direction": "in" if came_in(transfer) else "out",
                "counterparty": other_side(transfer),
                "known_as": known_as(other_side(transfer)),
                **_amount(transfer),
            }
            for position, transfer in enumerate(example.transfers)
        ],
        "others": [
            {
                "chain": transfer.chain,
                "block_time": _iso(transfer.moment),
                "transaction": transfer.transaction,
                "sender": transfer.sender,
                "receiver": transfer.receiver,
                **_amount(transfer),
            }
            for transfer in example.others
        ],
    }


def _amount(transfer: Told) -> dict[str, Any]:
    return {
        "symbol": transfer.coin,
        "amount": f"{transfer.amount:f}",
        "usd": float(transfer.dollars),
    }


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
