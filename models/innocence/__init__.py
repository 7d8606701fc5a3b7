"""Innocent explanations: who else behaves like this, and whether this address does.

Before anybody is accused the ordinary people and businesses that analysts take for launderers are
tried on the behaviour, one by one. Each is declared (`models.innocence.declared`) with the signs by
which it is tested and what they would be if it held, at least one of which is distinguishing;
trying it (`models.innocence.trying`) says of each sign what was found, and in all one of four
things: it `FITS`, is `BORDERLINE`, does not fit (`NO_FIT`), or is `NOT_TESTABLE`. None of them
settles anything: behaviour never shows who somebody is, so nothing is ever excluded, and what fits
has to be shown by documents.
"""

from __future__ import annotations

from models.innocence.declared import BORDERLINE, FITS, NO_FIT, NOT_TESTABLE, Innocent, Sign
from models.innocence.registered import INNOCENT
from models.innocence.trying import Found, Tried, leading, tried

__all__ = [
    "BORDERLINE",
    "FITS",
    "INNOCENT",
    "NOT_TESTABLE",
    "NO_FIT",
    "Found",
    "Innocent",
    "Sign",
    "Tried",
    "leading",
    "tried",
]
