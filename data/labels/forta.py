"""Forta's labelled data sets for Ethereum: phishing, exploits, heists, as CSV.

| file | says of | category |
|---|---|---|
| `phishing_scams.csv` | `address` | `etherscan_labels` |
| `etherscan_malicious_labels.csv` | `banned_address` | `data_source` |
| `malicious_smart_contracts.csv` | `contract_address` (role `contract`), `contract_creator` (role \
`deployer`) | `contract_creator_etherscan_label`; without one `malicious_contract` |

The tags were read from Etherscan, so the confidence is `web_crawl`. Files of Forta's other chains
have the same columns and do not say theirs; their folder (`labels/1`, `labels/10`) does. A file
that does not stand in such a folder is taken to be of Ethereum.

References
----------
https://github.com/forta-network/labelled-datasets
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.errors import Refused
from data.importers.source import Source, open_source
from data.importers.text import ROW
from data.labels.files import refuse_large_list
from data.labels.table import LabelList, Row, Statement, label_list

DESCRIPTION = "a data set of Forta: CSV with etherscan_tag, wallet_tag or contract_tag"

_SCAMS = ("address", "etherscan_tag", "etherscan_labels")
_BANNED = ("banned_address", "wallet_tag", "data_source")
_CONTRACTS = ("contract_address", "contract_tag", "contract_creator")
_CREATOR_LABEL = "contract_creator_etherscan_label"
_FOLDERS = {"1": "ethereum", "10": "optimism", "56": "bsc", "137": "polygon", "42161": "arbitrum"}


def recognises(path: Path, head: str) -> bool:
    """Say whether the first line names one of the three files' columns."""
    line = head.lstrip().partition("\n")[0]
    columns = {cell.strip().strip('"').casefold() for cell in line.split(",")}
    return any(columns.issuperset(kind) for kind in (_SCAMS, _BANNED, _CONTRACTS))


def read(path: Path) -> LabelList:
    """Read one of the three files.

    Raises
    ------
    Refused
        The file cannot be read, or has other columns.
    """
    refuse_large_list(path)
    source = open_source(path)
    if not any(source.has(*kind) for kind in (_SCAMS, _BANNED, _CONTRACTS)):
        raise Refused(f"{path} has the columns {source.columns[:20]}", expected=DESCRIPTION)
    rows = sorted([*_rows(source), *_faults(source)], key=lambda row: row.number)
    return label_list(path, "forta", rows)


def _rows(source: Source) -> Iterator[Row]:
    chain = _FOLDERS.get(source.path.parent.name, "ethereum")
    raws = source.raw(source.frame[ROW])
    for cells, raw in zip(source.frame.iter_rows(named=True), raws, strict=True):
        yield Row(cells[ROW], raw, tuple(_statements(source, cells, chain)))


def _faults(source: Source) -> Iterator[Row]:
    for number, reason, raw in source.faults.iter_rows():
        yield Row(number, raw, fault=reason)


def _statements(source: Source, cells: dict[str, str], chain: str) -> Iterator[Statement]:
    def cell(name: str) -> str | None:
        found = source.find(name)
        return None if found is None else cells[found]

    if source.has(*_SCAMS):
        yield _said(chain, cell("address"), cell("etherscan_labels"), cell("etherscan_tag"))
    elif source.has(*_BANNED):
        yield _said(chain, cell("banned_address"), cell("data_source"), cell("wallet_tag"))
    else:
        category = cell(_CREATOR_LABEL) or "malicious_contract"
        contract, creator = cell("contract_address"), cell("contract_creator")
        yield _said(chain, contract, category, cell("contract_tag"), "contract")
        if creator:
            yield _said(chain, creator, category, cell("contract_creator_tag"), "deployer")


def _said(
    chain: str, address: str | None, category: str | None, name: str | None, role: str | None = None
) -> Statement:
    return Statement(chain, address, category, role, name, confidence="web_crawl")
