"""Sentences as alerts hold them: the text, and every number in it with the value behind it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from models.sentences import Sentence


def spoken(said: Sentence) -> dict[str, Any]:
    """Write a sentence out.

    >>> from models.saying import count, tell
    >>> spoken(tell("It paid {n}.", n=count(2, "address", "addresses")))["sentence"]
    'It paid 2 addresses.'
    """
    return {"sentence": said.text, "numbers": [asdict(number) for number in said.numbers]}
