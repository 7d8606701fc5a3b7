"""OFAC's sanctioned addresses as 0xB10C extracts them: one text file per coin, an address a line.

The file's name says the coin (`sanctioned_addresses_XBT.txt`), because its lines are addresses and
nothing else. A stablecoin's file holds addresses of several chains, told apart by their form. The
list names nobody and no dates: whom and since when stands in OFAC's own publication.

References
----------
https://github.com/0xB10C/ofac-sanctioned-digital-currency-addresses
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data.errors import Refused
from data.labels.files import list_text
from data.labels.table import LabelList, Row, Statement, label_list

DESCRIPTION = "an OFAC list: sanctioned_addresses_COIN.txt with an address a line"

_NAME = r"sanctioned_addresses_([A-Za-z0-9]+)\.txt(\.gz)?"


def recognises(path: Path, head: str) -> bool:
    """Say whether the name is such a file's, and its lines are single words."""
    lines = head.split("\n")[:100]
    return bool(re.fullmatch(_NAME, path.name)) and all(len(line.split()) <= 1 for line in lines)


def read(path: Path) -> LabelList:
    """Read the addresses of one coin.

    Raises
    ------
    Refused
        The file cannot be read, or its name does not say the coin.
    """
    named = re.fullmatch(_NAME, path.name)
    if named is None:
        raise Refused(
            f"{path} does not say its coin",
            expected=DESCRIPTION,
            hint="Keep the name that the file was published under.",
        )
    return label_list(path, "ofac", _rows(list_text(path), named[1].upper()))


def _rows(text: str, coin: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            said = Statement(coin, line, "sanctioned", confidence="authority_data")
            yield Row(number, line, (said,))
