"""Innocent explanations: who else behaves like this, and whether this address does.

Before anybody is accused the ordinary businesses that analysts take for laundering are tried on the
behaviour, one by one. Each is declared (`models.innocence.declared`) with the signs by which it is
tested and what they would be if it held; trying it (`models.innocence.trying`) says of each sign
what was found, and in all one of three things: `SUPPORTED`, `NOT_SUPPORTED` by the data, or
`NOT_TESTABLE`. None of them settles anything: behaviour never shows who somebody is, so nothing is
ever excluded, and what is supported has to be shown by documents.
"""

from __future__ import annotations

from models.innocence.declared import Innocent, Sign
from models.innocence.registered import INNOCENT
from models.innocence.trying import NOT_SUPPORTED, NOT_TESTABLE, SUPPORTED, Found, Tried, tried

__all__ = [
    "INNOCENT",
    "NOT_SUPPORTED",
    "NOT_TESTABLE",
    "SUPPORTED",
    "Found",
    "Innocent",
    "Sign",
    "Tried",
    "tried",
]
