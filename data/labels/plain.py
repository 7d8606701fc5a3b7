"""A list of one's own, as CSV: an address and a category a row, and what else is known of it.

    chain,address,category,role,case_id,available_at,confidence
    tron,TT3n8n...,pig_butchering,consolidator,case-17,2024-03-01,forensic

Only `address` and `category` are needed, and the chain where the address does not say it. The
categories are ours: those of the services table (`data.service_table.CATEGORIES`), and what a
review may end with (`registry/label_teachings.csv`). It may say what the table of labels has room
for (`data.labels.table.LABELS`): when it could be known (`available_at`), of which moment it speaks
(`as_of`), which case an address belongs to, and in `source` who says so. Other columns are refused,
so that a misspelt `available_at` is not lost in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data.addresses import guess_chains
from data.labels.files import columns_of, list_table, table_rows
from data.labels.table import LABELS, LabelList, Statement, label_list
from data.small_tables import refuse_unknown_columns

DESCRIPTION = "a CSV of one's own: address, category, and perhaps chain, role, case_id, ..."

_REQUIRED = ("address", "category")
_COLUMNS = tuple(name for name in LABELS if name != "status")


def recognises(path: Path, head: str) -> bool:
    """Say whether the first line names the needed columns and no unknown ones."""
    columns = columns_of(head)
    return columns.issuperset(_REQUIRED) and columns.issubset(_COLUMNS)


def read(path: Path) -> LabelList:
    """Read the file.

    Raises
    ------
    Refused
        The file cannot be read, lacks a needed column, or has one that is not known.
    """
    source = list_table(path)
    named = [column.strip().casefold() for column in source.columns]
    refuse_unknown_columns(path, named, _COLUMNS, _REQUIRED)
    return label_list(path, "plain", table_rows(source, _said))


def _said(cells: Mapping[str, str | None]) -> tuple[Statement, ...]:
    said = {name: cells.get(name) for name in _COLUMNS}
    said["chain"] = said["chain"] or _only_chain(said["address"] or "")
    said["file"] = said.pop("source")
    return (Statement(**said),)


def _only_chain(address: str) -> str | None:
    """Return the chain that an address has the form of; None where it could be on several."""
    chains = guess_chains(address.strip())
    return chains[0] if len(chains) == 1 else None
