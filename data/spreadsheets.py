r"""CSV that people open in a spreadsheet: no cell of it runs, and its text can be had back.

A spreadsheet takes a cell for a formula that begins with ``=``, ``+``, ``-`` or ``@``, behind
blanks that it drops, and in some versions with their full-width and small twins. Where its
separator is another than the file's, a cell begins in the middle of a text as well: behind a
semicolon, a tab or a line break. So an apostrophe is put before every such sign, where blanks and
quotes alone stand between it and such a beginning, and before text that begins with a tab or a line
break:

>>> neutral("=1+1"), neutral("0xab"), neutral("name;=1+1"), neutral("\t=1")
("'=1+1", '0xab', "name;'=1+1", "'\t'=1")

Reading takes the same apostrophes away again. Text that has such an apostrophe of its own gets
another one, so that nothing is lost:

>>> raw(neutral("=1+1")), raw(neutral("'=1+1")), raw("it's")
('=1+1', "'=1+1", "it's")
"""

from __future__ import annotations

import re

import polars as pl

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
_BLANKS = (
    " \\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\xa0\\xad\u061c\u1680\u180e\u2000-\u200f"
    "\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff"
)
_BREAKS = "\\t\\r\\n"
_FORMULA = f"['\"{_BLANKS}]*[{_SIGNS}]"
_BEGINNING = f"^|[;{_BREAKS}]"

# What is sought, and what stands in its place; the same text in Rust's expressions and in Python's.
_MADE_SAFE = (
    (f"({_BEGINNING})({_FORMULA})", "'"),
    (f"^()('*[{_BREAKS}])", "'"),
)
_TAKEN_BACK = (
    (f"^()'('*[{_BREAKS}])", ""),
    (f"({_BEGINNING})'({_FORMULA})", ""),
)
_RAW = [(re.compile(sought), rf"\1{put}\2") for sought, put in _TAKEN_BACK]


def neutral_column(column: pl.Expr) -> pl.Expr:
    """Put an apostrophe before whatever in a column of text a spreadsheet could run."""
    for sought, put in _MADE_SAFE:
        column = column.str.replace_all(sought, f"${{1}}{put}${{2}}")
    return column


def neutral(text: str) -> str:
    """Return `text` as a CSV cell that no spreadsheet runs."""
    return str(pl.select(neutral_column(pl.lit(text))).item())


def raw(cell: str) -> str:
    """Return the text that `neutral` made a cell of."""
    for sought, put in _RAW:
        cell = sought.sub(put, cell)
    return cell
