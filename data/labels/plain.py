"""A list of one's own, as CSV: an address and a category a row, and what else is known of it.

    chain,address,category,role,case_id,available_at,confidence
    tron,TT3n8n...,pig_butchering,consolidator,case-17,2024-03-01,forensic

Only `address` and `category` are needed, and the chain where the address does not say it. The
categories are ours: those of the services table (`data.service_table.CATEGORIES`), and what a
review may end with (`registry/label_teachings.csv`). It is the one list that may say when it could
be known (`available_at`) and which case an address belongs to. Other columns are refused, so that a
misspelt `available_at` is not lost in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.addresses import guess_chains
from data.importers.source import Source, open_source
from data.importers.text import ROW
from data.labels.files import refuse_large_list
from data.labels.table import LABELS, LabelList, Row, Statement, label_list
from data.small_tables import refuse_unknown_columns

DESCRIPTION = "a CSV of one's own: address, category, and perhaps chain, role, case_id, ..."

_REQUIRED = ("address", "category")
_COLUMNS = tuple(name for name in LABELS if name not in ("source", "status"))


def recognises(path: Path, head: str) -> bool:
    """Say whether the first line names the needed columns and no unknown ones."""
    line = head.lstrip().partition("\n")[0]
    columns = {cell.strip().strip('"').casefold() for cell in line.split(",")}
    return columns.issuperset(_REQUIRED) and columns.issubset(_COLUMNS)


def read(path: Path) -> LabelList:
    """Read the file.

    Raises
    ------
    Refused
        The file cannot be read, lacks a needed column, or has one that is not known.
    """
    refuse_large_list(path)
    source = open_source(path)
    named = [column.strip().casefold() for column in source.columns]
    refuse_unknown_columns(path, named, _COLUMNS, _REQUIRED)
    rows = sorted([*_rows(source), *_faults(source)], key=lambda row: row.number)
    return label_list(path, "plain", rows)


def _rows(source: Source) -> Iterator[Row]:
    places = {name: source.find(name) for name in _COLUMNS}
    raws = source.raw(source.frame[ROW])
    for cells, raw in zip(source.frame.iter_rows(named=True), raws, strict=True):
        said = {name: None if at is None else cells[at] for name, at in places.items()}
        said["chain"] = said["chain"] or _only_chain(said["address"] or "")
        yield Row(cells[ROW], raw, (Statement(**said),))


def _only_chain(address: str) -> str | None:
    """Return the chain that an address has the form of; None where it could be on several."""
    chains = guess_chains(address.strip())
    return chains[0] if len(chains) == 1 else None


def _faults(source: Source) -> Iterator[Row]:
    for number, reason, raw in source.faults.iter_rows():
        yield Row(number, raw, fault=reason)
