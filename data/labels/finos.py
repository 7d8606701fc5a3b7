"""The address lists of FINOS OpenAML: CSV without a header, chain, address, category.

    Ethereum,0x…,Sanctioned
    Arbitrum,0x…,Fraud

The lists do not say how they know, so the confidence is `unknown`.

References
----------
https://github.com/finos/open-aml
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.addresses import guess_chains
from data.importers.text import ROW, Delimited, read_delimited
from data.labels.files import list_text
from data.labels.table import LabelList, Row, Statement, label_list

DESCRIPTION = "a FINOS OpenAML list: CSV without a header, chain,address,category"

_COLUMNS = ("chain", "address", "category")


def recognises(path: Path, head: str) -> bool:
    """Say whether the first line is a chain, an address and a category."""
    cells = head.lstrip().partition("\n")[0].split(",")
    return len(cells) == len(_COLUMNS) and bool(guess_chains(cells[1]))


def read(path: Path) -> LabelList:
    """Read a list.

    Raises
    ------
    Refused
        The file cannot be read.
    """
    header = ",".join(_COLUMNS).encode() + b"\n"
    parts = read_delimited(path, header + list_text(path).encode("utf-8"))
    return label_list(path, "finos", sorted(_rows(parts), key=lambda row: row.number))


def _rows(parts: Delimited) -> Iterator[Row]:
    for cells in parts.frame.iter_rows(named=True):
        chain, address, category = (cells[name] for name in _COLUMNS)
        said = Statement(chain, address, category, confidence="unknown")
        yield Row(cells[ROW], f"{chain},{address},{category}", (said,))
    for number, reason, raw in parts.faults.select(ROW, "reason", "raw").iter_rows():
        yield Row(number, raw, fault=reason)
