"""One small invented file per label list, what it must become, and how to bend its rows.

Everything is made up. Addresses come from digests of made-up names: their checksums are right, and
nobody owns them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

EVM = (
    "0xbb5775D6E31040194B6c55A186A6412e792589d3",
    "0x16d7bdc593A9C588b3D4d11309c5F0184283D77d",
    "0x03dd50BF9cD2E84B583d6cB241371a09f87c7062",
)
TRON = "TT3n8nCkfcuEDh68RAnPnzihMbnNNT4vqp"
BITCOIN = "1J5a8iq2WtnH4X2Vpu8gGr2ZSp349pYLdr"
BECH32 = "bc1qhdtht4hrzpqpjjmv2kscdfjp9eujtzwnnx2f34"

Label = tuple[str, str, str, str | None, str | None, str]
"""chain, address, category, role, name, confidence"""


@dataclass(frozen=True)
class Sample:
    """A file, and a way to write one of the same format with other addresses.

    `of` takes the addresses of Ethereum that the rows shall have.
    """

    source: str
    file: str
    text: str
    rows: int
    labels: tuple[Label, ...]
    of: Callable[[list[str]], str]

    def __str__(self) -> str:
        return self.file


TAGPACK = f"""\
# An invented TagPack.
title: Reserves of Example
creator: Example team
description: 'Wallets that Example shows,

  and two that it warns of.'
lastmod: 2024-05-01
confidence: service_data
category: exchange
currency: ETH
source: https://example.org/reserves
tags:
- address: {EVM[0]}
  label: Example hot wallet
  is_cluster_definer: true
- address: '{TRON}'
  currency: USDT
  label: ~
- {{address: "{BECH32}", currency: BTC, confidence: authority_data, abuse: sanction}}
- address: {EVM[1].lower()}
  network: BEP20
  currency: USDT
  category: mixing_service
  concepts: [mixing_service, coinjoin]
  lastmod: 2023-12-31 23:59:59.5
"""


def _tagpack(addresses: list[str]) -> str:
    tags = "".join(f"- address: {a or '~'}\n" for a in addresses)
    head = "title: t\ncreator: c\ncurrency: ETH\nabuse: phishing\ntags:"
    return f"{head}\n{tags}" if tags else f"{head} []\n"


def _table(header: str, row: str) -> Callable[[list[str]], str]:
    return lambda addresses: "\n".join([header, *(row.format(a) for a in addresses)]) + "\n"


def _listing(addresses: list[str]) -> str:
    entries = (f'{json.dumps(a)}: {{"name": "n", "labels": ["heist"]}}' for a in addresses)
    return "{" + ", ".join(entries) + "}"


_CONTRACTS = (
    "contract_address,contract_tag,contract_creator,contract_creation_tx,contract_creator_tag,"
    "source,notes,contract_creator_etherscan_label"
)

_REVIEWS = (
    "chain,address,as_of,disposition,reviewer,reason,reviewed_at,expires_at,drawn,"
    "selection_probability,counts"
)

SAMPLES = (
    Sample(
        "graphsense",
        "example.yaml",
        TAGPACK,
        4,
        (
            ("ethereum", EVM[0].lower(), "exchange", None, "Example hot wallet", "service_data"),
            ("tron", TRON, "exchange", None, None, "service_data"),
            ("bitcoin", BECH32, "sanction; exchange", None, None, "authority_data"),
            ("bsc", EVM[1].lower(), "mixing_service; coinjoin", None, None, "service_data"),
        ),
        _tagpack,
    ),
    Sample(
        "forta",
        "phishing_scams.csv",
        "address,etherscan_tag,etherscan_labels,is_contract\n"
        f'{EVM[0]},Made_Up1,phish-hack,False\n{EVM[1].lower()},"Made, up",heist,True\n',
        2,
        (
            ("ethereum", EVM[0].lower(), "phish-hack", None, "Made_Up1", "web_crawl"),
            ("ethereum", EVM[1].lower(), "heist", None, "Made, up", "web_crawl"),
        ),
        _table("address,etherscan_tag,etherscan_labels,is_contract", "{},x,phish-hack,False"),
    ),
    Sample(
        "forta",
        "etherscan_malicious_labels.csv",
        f"banned_address,wallet_tag,data_source\n{EVM[2]},,etherscan-exploit-list\n",
        1,
        (("ethereum", EVM[2].lower(), "etherscan-exploit-list", None, None, "web_crawl"),),
        _table("banned_address,wallet_tag,data_source", "{},x,etherscan-heist-list"),
    ),
    Sample(
        "forta",
        "malicious_smart_contracts.csv",
        f"{_CONTRACTS}\n{EVM[0]},Trap,{EVM[1]},0x1,Trapper,made up,,heist\n{EVM[2]},,,0x2,,,,\n",
        2,
        (
            ("ethereum", EVM[0].lower(), "heist", "contract", "Trap", "web_crawl"),
            ("ethereum", EVM[1].lower(), "heist", "deployer", "Trapper", "web_crawl"),
            ("ethereum", EVM[2].lower(), "malicious_contract", "contract", None, "web_crawl"),
        ),
        _table(_CONTRACTS, "{},x,,0x1,,,,heist"),
    ),
    Sample(
        "ofac",
        "sanctioned_addresses_USDT.txt",
        f"{EVM[0]}\n{TRON}\n\n{BITCOIN}\n",
        3,
        (
            ("ethereum", EVM[0].lower(), "sanctioned", None, None, "authority_data"),
            ("tron", TRON, "sanctioned", None, None, "authority_data"),
            ("bitcoin", BITCOIN, "sanctioned", None, None, "authority_data"),
        ),
        lambda addresses: "\n".join(addresses) + "\n",
    ),
    Sample(
        "etherscan_labels",
        "bscscan_combinedAccountLabels.json",
        json.dumps(
            {
                EVM[0]: {"name": "Example: Hot Wallet", "labels": ["example", "hot-wallet"]},
                EVM[1].lower(): {"name": "", "labels": ["heist"]},
            }
        ),
        2,
        (
            (
                "bsc",
                EVM[0].lower(),
                "example; hot-wallet",
                None,
                "Example: Hot Wallet",
                "web_crawl",
            ),
            ("bsc", EVM[1].lower(), "heist", None, None, "web_crawl"),
        ),
        _listing,
    ),
    Sample(
        "finos",
        "address_fraud.csv",
        f"Ethereum,{EVM[0]},Fraud\nbsc,{EVM[1].lower()},Blocked\n",
        2,
        (
            ("ethereum", EVM[0].lower(), "Fraud", None, None, "unknown"),
            ("bsc", EVM[1].lower(), "Blocked", None, None, "unknown"),
        ),
        lambda addresses: "".join(f"Ethereum,{a},Fraud\n" for a in addresses),
    ),
    Sample(
        "reviews",
        "reviews.csv",
        f"{_REVIEWS}\n"
        f"ethereum,{EVM[0]},2024-05-01,confirmed,K. M.,seen,2024-05-09,,alert,1.0,true\n"
        f'tron,{TRON},2024-05-01,Unsure,M. L.,"a, b",2024-05-09,2025-01-01,control,0.1,true\n',
        2,
        (
            ("ethereum", EVM[0].lower(), "confirmed", None, None, "forensic"),
            ("tron", TRON, "unsure", None, None, "forensic"),
        ),
        _table(_REVIEWS, "ethereum,{},2024-05-01,cleared,K. M.,seen,2024-05-09,,control,0.5,true"),
    ),
    Sample(
        "plain",
        "mine.csv",
        "chain,address,category,role,name,confidence\n"
        f"ethereum,{EVM[0]},pig_butchering,collector,,forensic\n"
        f",{TRON},exchange_deposit,,Example,\n",
        2,
        (
            ("ethereum", EVM[0].lower(), "pig_butchering", "collector", None, "forensic"),
            ("tron", TRON, "exchange_deposit", None, "Example", "unknown"),
        ),
        lambda addresses: (
            "address,category,chain\n" + "".join(f"{a},mixer,ethereum\n" for a in addresses)
        ),
    ),
)
