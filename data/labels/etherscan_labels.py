"""Labels collected from Etherscan and its sister explorers: JSON, address to name and labels.

    {"0x…": {"name": "Example: Hot Wallet", "labels": ["example", "hot-wallet"]}}

The file does not say its chain, its name does: `etherscan_combinedAccountLabels.json`,
`bscscan_…`. An address has one row, whose category is all its labels. They were read from web
pages, so the confidence is `web_crawl`.

References
----------
https://github.com/brianleect/etherscan-labels
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.errors import Refused
from data.labels.files import list_text
from data.labels.table import BETWEEN, LabelList, Row, Statement, label_list

DESCRIPTION = "an explorer's labels: JSON, address to name and labels, EXPLORER_….json"

EXPLORERS = {
    "etherscan": "ethereum",
    "bscscan": "bsc",
    "polygonscan": "polygon",
    "arbiscan": "arbitrum",
    "basescan": "base",
    "optimism": "optimism",
    "snowtrace": "avalanche",
}

_START = r'\s*\{\s*"[^"]{1,200}"\s*:\s*\{\s*"(name|labels)"\s*:'


def recognises(path: Path, head: str) -> bool:
    """Say whether the first entry is an address with a name and labels."""
    return bool(re.match(_START, head))


def read(path: Path) -> LabelList:
    """Read the labels of one explorer.

    Raises
    ------
    Refused
        The file cannot be read, is damaged JSON or of another form, or its name does not say the
        explorer.
    """
    words = re.split(r"[^a-z0-9]+", path.name.casefold())
    chains = {EXPLORERS[word] for word in words if word in EXPLORERS}
    if len(chains) != 1:
        raise Refused(
            f"the name of {path} does not say of which chain it is",
            expected=f"a file name with one of the words {', '.join(EXPLORERS)}",
            hint="Rename it, for example to etherscan_labels.json.",
        )
    try:
        # A list of pairs keeps an address that stands twice.
        entries = json.loads(list_text(path), object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise Refused(
            f"{path} is damaged JSON ({str(error)[:200]})",
            expected=DESCRIPTION,
            hint="Download it again.",
        ) from None
    if not isinstance(entries, list) or not all(isinstance(entry, tuple) for entry in entries):
        raise Refused(f"{path} is JSON of another form", expected=DESCRIPTION)
    return label_list(path, "etherscan_labels", _rows(entries, chains.pop()))


def _rows(entries: list[tuple[str, Any]], chain: str) -> Iterator[Row]:
    for number, (address, told) in enumerate(entries, start=1):
        raw = _well_formed(json.dumps({address: told}, ensure_ascii=False))
        fields = told if isinstance(told, list) else None
        try:
            yield Row(number, raw, (_statement(chain, address, fields),))
        except ValueError as error:
            yield Row(number, raw, fault=str(error))


def _statement(chain: str, address: str, fields: list[Any] | None) -> Statement:
    if fields is None or not all(isinstance(field, tuple) for field in fields):
        raise ValueError("it is no JSON object")
    said = dict(fields)
    if len(said) < len(fields):
        raise ValueError("a key stands twice")
    name, labels = said.get("name"), said.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("its labels are not a list of texts")
    if name is not None and not isinstance(name, str):
        raise ValueError("its name is not a text")
    category = BETWEEN.join(label.strip() for label in dict.fromkeys(labels))
    return Statement(chain, address, category, name=name, confidence="web_crawl")


def _well_formed(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
