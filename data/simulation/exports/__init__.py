"""A world, written as the files that services would have answered with.

Each format that Unrinse imports has a writer here, so that the whole path from export to alert can
be walked on known truth. Read `account_view` (what a service knows of an account) and `tokens`
(what contracts call themselves) first; each other file is one format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import polars as pl

from data.addresses import chain_family
from data.simulation.exports import (
    ethereum_etl,
    etherscan_page_erc20,
    etherscan_page_internal,
    etherscan_page_normal,
    etherscan_tokentx,
    etherscan_txlist,
    table,
    trongrid_trc20,
    tronscan,
)
from data.simulation.exports.account_view import Account


@dataclass(frozen=True)
class Writer:
    """One format.

    Parameters
    ----------
    family
        The address family (`addresses.chain_family`) whose chains the service serves; None: any.
    write
        Takes an account, canonical transfers of a whole world and a folder; writes into the
        folder what the service would answer for the account; returns the files to import.
    """

    family: str | None
    write: Callable[[Account, pl.DataFrame, Path], list[Path]]

    def serves(self, chain: str) -> bool:
        """Say whether the service has this chain."""
        return self.family is None or chain_family(chain) == self.family


def _writer(module: ModuleType) -> Writer:
    return Writer(module.FAMILY, module.write)


WRITERS: dict[str, Writer] = {
    "etherscan_txlist": _writer(etherscan_txlist),
    "etherscan_tokentx": _writer(etherscan_tokentx),
    "etherscan_page_normal": _writer(etherscan_page_normal),
    "etherscan_page_internal": _writer(etherscan_page_internal),
    "etherscan_page_erc20": _writer(etherscan_page_erc20),
    "trongrid_trc20": _writer(trongrid_trc20),
    "tronscan": _writer(tronscan),
    "ethereum_etl": _writer(ethereum_etl),
    "table": _writer(table),
}
"""Format name, as in `data.importers.FORMATS`, to writer."""


def write_exports(
    transfers: pl.DataFrame | pl.LazyFrame,
    accounts: Iterable[Account],
    out: Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> dict[str, list[Path]]:
    """Write the exports of some accounts of a world.

    Parameters
    ----------
    transfers
        The world's canonical transfers; where they are scanned from a file, only those of the
        accounts are ever in memory.
    accounts
        Whose exports to write.
    out
        The files go to ``{out}/{format}/{chain}/``, because one `ingest` call reads one chain.
    progress
        Called with the number of further accounts whose files are written.

    Returns
    -------
    dict
        The files by format, in the order of `WRITERS`.
    """
    accounts = list(accounts)
    files: dict[str, list[Path]] = {name: [] for name in WRITERS}
    rows = _concerning(accounts, transfers.lazy())
    for account in accounts:
        for name, writer in WRITERS.items():
            if writer.serves(account.chain):
                folder = Path(out) / name / account.chain
                files[name] += writer.write(account, rows, folder)
        if progress:
            progress(1)
    return files


def _concerning(accounts: list[Account], transfers: pl.LazyFrame) -> pl.DataFrame:
    """Leave the transactions of these accounts, so that a large world is searched only once."""
    addresses = pl.Series([a.address for a in accounts], dtype=pl.String)
    parts = [
        pl.col(c).is_in(addresses.implode()) for c in ("sender", "receiver", "initiator", "tx_to")
    ]
    its = transfers.filter(pl.any_horizontal(parts)).select("chain", "tx_id").unique()
    its = its.collect(engine="streaming").lazy()
    return transfers.join(its, on=["chain", "tx_id"], how="semi", maintain_order="left").collect(
        engine="streaming"
    )
