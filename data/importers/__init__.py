"""The export formats that can be read, by name; each is loaded only when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.importers.importer import Importer
    from data.importers.source import Source

FORMATS: dict[str, str] = {
    "etherscan_txlist": "EtherscanTxlist",
    "etherscan_tokentx": "EtherscanTokentx",
    "etherscan_page_normal": "EtherscanPageNormal",
    "etherscan_page_internal": "EtherscanPageInternal",
    "etherscan_page_erc20": "EtherscanPageErc20",
    "trongrid_trc20": "TrongridTrc20",
    "tronscan": "Tronscan",
    "ethereum_etl": "EthereumEtl",
    "table": "Table",
}
"""Format name, which is also its module, to class."""

AUTO = "auto"


def importer_named(name: str) -> Importer:
    """Return the importer of a format.

    Raises
    ------
    Refused
        There is no such format; the message lists them and the nearest name.
    """
    from data.errors import Refused, did_you_mean

    if name not in FORMATS:
        raise Refused(
            f"unknown format {name!r}",
            expected=f"{AUTO}, {', '.join(FORMATS)}",
            hint=did_you_mean(name, [*FORMATS, AUTO]),
        )
    found: Importer = getattr(import_module(f"{__name__}.{name}"), FORMATS[name])()
    return found


def recognise(source: Source) -> Importer:
    """Return the importer whose format a file has; an answer without rows is known by its name.

    Raises
    ------
    Refused
        No format, or more than one, has these columns; an export of tokens that are not money.
    """
    from re import split

    from data.errors import Refused
    from data.importers.importer import shown

    candidates = [importer_named(name) for name in FORMATS]
    fitting = [c for c in candidates if c.recognises(source)]
    if len(fitting) == 1:
        return fitting[0]
    path = repr(str(source.path))
    if not source.columns:
        words = set(split(r"[^a-z0-9]+", source.path.name.casefold()))
        asked = [c for c in candidates if c.call in words]
        if len(asked) == 1:
            return asked[0]
        calls = [c.call for c in candidates if c.call]
        raise Refused(
            f"{path} is an empty list, which does not show its format.",
            expected=f"a file name with one of the words {', '.join(calls)}",
            hint="Or name the format instead of 'auto'.",
        )
    nft = [
        c for c in source.columns if c.replace(" ", "").casefold() in ("tokenid", "token_id(nft)")
    ]
    if nft:
        raise Refused(
            f"{path} lists NFTs (it has the column {nft[0]!r}), which are not money.",
            hint="Export the ERC-20 transfers.",
        )
    known = "; ".join(f"{c.name} ({c.description})" for c in candidates)
    raise Refused(
        f"{path} has the columns {shown(source)}, which are no known export's",
        expected=known,
        hint="For any other table use the format 'table' with a column mapping.",
    )
