"""Text that came from a chain or a file, made safe to look at.

Escaping for HTML keeps text from becoming markup. It does not keep text from lying: a right-to-left
override reverses what the eye reads, a zero-width space makes two addresses look equal, an escape
sequence repaints a terminal. So whatever people will read goes through here first, and characters
that cannot be seen are shown by their code point:

>>> visible("pay\\u202eto\\x1b[2J")
'pay⟨U+202E⟩to⟨U+001B⟩[2J'
>>> identifier("TAbс")  # the last letter is Cyrillic
'TAb⟨U+0441⟩'
"""

from __future__ import annotations

import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5\u180b\u180c\u180d")
_MOST_MARKS = 3


def visible(text: str) -> str:
    """Replace characters that cannot be seen, or that disturb their neighbours, by ``⟨U+XXXX⟩``.

    Control, format (zero-width, bidirectional), private, unassigned and surrogate characters, line
    and paragraph separators, unusual spaces, invisible letters, variation selectors, and combining
    marks beyond three in a row. Everything else, whatever the script, stays.
    """
    if text.isascii() and text.isprintable():
        return text
    out, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        hidden = _is_hidden(character) or marks > _MOST_MARKS
        out.append(_code_point(character) if hidden else character)
    return "".join(out)


def identifier(text: str) -> str:
    """Show an address, a transaction id or an asset: plain ASCII, all else by its code point.

    No chain has letters outside ASCII in these, so one that looks like an ASCII letter is a
    disguise.
    """
    return "".join(c if " " <= c <= "~" else _code_point(c) for c in text)


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    return (
        category in _HIDDEN_CATEGORIES
        or (category == "Zs" and character != " ")
        or character in _BLANKS
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def _code_point(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
