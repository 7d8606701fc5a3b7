"""What a store was prepared for, and whether that is what a list is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.content_hash import content_hash
from data.schema import LEGS
from data.transfers import Transfers
from features.passes import Question
from pipelines.recorded import coverage_sha256, environment, program_sha256, registry_sha256

_WORDS = {
    "transfers": "other transfers: the store has changed since",
    "coverage": "another coverage table",
    "assume_complete": "another --assume-complete",
    "basis": "another --basis",
    "legs": "other --legs",
    "services": "other --services",
    "registry": "other built-in tables",
    "program": "another version of the program",
    "environment": "other libraries, another Python or another processor",
}
"""Of each fact, what it says where it is not the same."""


def state(transfers: Transfers) -> dict[str, Any]:
    """Return what is prepared whatever the question: the state of a store; ready for JSON."""
    return {
        "transfers": transfers.sha256,
        "coverage": coverage_sha256(transfers),
        "program": program_sha256(),
    }


def rests_on(transfers: Transfers, asked: Question) -> dict[str, Any]:
    """Return what the answer to a question rests on, besides the moment; ready for JSON."""
    shown = LEGS if asked.legs is None else asked.legs
    return {
        **state(transfers),
        "assume_complete": transfers.assume_complete,
        "basis": asked.basis,
        "legs": [leg for leg in LEGS if leg in shown],
        "services": None if asked.services is None else content_hash(asked.services.table),
        "registry": dict(registry_sha256()),
        "environment": environment(),
    }


def difference(prepared: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """Say by which fact of a question it differs from what was prepared; None where it does not.

    >>> difference({"basis": "usd"}, {"basis": "native"})
    'another --basis'
    """
    for name, words in _WORDS.items():
        if name in asked and prepared.get(name) != asked[name]:
            return words
    return None
