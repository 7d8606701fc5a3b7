"""Tables of what the words of label lists mean, with a version in the first line.

Two of them stand in the registry: what a word makes of an address (`categories`), and what it
teaches (`teaching`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from data.errors import Refused
from data.small_tables import read_small_table, read_text, refuse_unknown_columns

Word = tuple[str, str]
"""A source, and one of its words in lower case."""

_Meaning = TypeVar("_Meaning")


def version_of(path: Path, what: str) -> str:
    """Return the version of a table, which changes whenever a row of it does."""
    return read_text(path, what).partition("\n")[0].removeprefix("# version: ")


def words_of(
    path: Path,
    what: str,
    columns: tuple[str, ...],
    read: Callable[[Mapping[str, str | None], Word], _Meaning],
) -> dict[Word, _Meaning]:
    """Read a table.

    Parameters
    ----------
    columns
        Every column, ``source`` and ``their_category`` among them.
    read
        Makes a meaning of a row; ValueError where the row has none.

    Raises
    ------
    Refused
        Other columns; a row that is wrong, or a word that stands twice.
    """
    table = read_small_table(path, what)
    refuse_unknown_columns(path, table.columns, columns, columns)
    found: dict[Word, _Meaning] = {}
    for cells in table.iter_rows(named=True):
        word = (cells["source"], cells["their_category"].casefold())
        try:
            meant = read(cells, word)
        except ValueError:
            meant = None
        if meant is None or word in found:
            raise Refused(f"line {cells['line']} of {path} is wrong or stands twice")
        found[word] = meant
    return found
