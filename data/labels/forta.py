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

from collections.abc import Mapping
from pathlib import Path

from data.errors import Refused
from data.labels.files import columns_of, list_table, table_rows
from data.labels.table import LabelList, Statement, label_list

DESCRIPTION = "a data set of Forta: CSV with etherscan_tag, wallet_tag or contract_tag"

_SCAMS = ("address", "etherscan_tag", "etherscan_labels")
_BANNED = ("banned_address", "wallet_tag", "data_source")
_CONTRACTS = ("contract_address", "contract_tag", "contract_creator")
_CREATOR_LABEL = "contract_creator_etherscan_label"
_FOLDERS = {"1": "ethereum", "10": "optimism", "56": "bsc", "137": "polygon", "42161": "arbitrum"}


def recognises(path: Path, head: str) -> bool:
    """Say whether the first line names one of the three files' columns."""
    columns = columns_of(head)
    return any(columns.issuperset(kind) for kind in (_SCAMS, _BANNED, _CONTRACTS))


def read(path: Path) -> LabelList:
    """Read one of the three files.

    Raises
    ------
    Refused
        The file cannot be read, or has other columns.
    """
    source = list_table(path)
    if not any(source.has(*kind) for kind in (_SCAMS, _BANNED, _CONTRACTS)):
        raise Refused(f"{path} has the columns {source.columns[:20]}", expected=DESCRIPTION)
    chain = _FOLDERS.get(path.parent.name, "ethereum")
    return label_list(path, "forta", table_rows(source, lambda cells: _statements(cells, chain)))


def _statements(cells: Mapping[str, str | None], chain: str) -> tuple[Statement, ...]:
    if cells.keys() >= set(_SCAMS):
        labels, tag = cells["etherscan_labels"], cells["etherscan_tag"]
        return (_said(chain, cells["address"], labels, tag),)
    if cells.keys() >= set(_BANNED):
        banned = cells["banned_address"]
        return (_said(chain, banned, cells["data_source"], cells["wallet_tag"]),)
    category = cells.get(_CREATOR_LABEL) or "malicious_contract"
    contract, creator = cells["contract_address"], cells["contract_creator"]
    said = _said(chain, contract, category, cells["contract_tag"], "contract")
    if creator is None:
        return (said,)
    return said, _said(chain, creator, category, cells.get("contract_creator_tag"), "deployer")


def _said(
    chain: str, address: str | None, category: str | None, name: str | None, role: str | None = None
) -> Statement:
    return Statement(chain, address, category, role, name, confidence="web_crawl")
