"""The page that lies beside exports: which file is what, and the command that reads each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.simulation.exports.account_view import Account

FILES: dict[str, str] = {
    "etherscan_txlist": "`txlist_ADDRESS.json`: the answer of the Etherscan v2 API to "
    "`action=txlist`; `.csv`: the same rows as a script would save them",
    "etherscan_tokentx": "`tokentx_ADDRESS.json`: the answer to `action=tokentx`",
    "etherscan_page_normal": "`export-ADDRESS.csv`: the download “Transactions” of an account page",
    "etherscan_page_internal": "`export-internal-ADDRESS.csv`: “Internal Transactions”",
    "etherscan_page_erc20": "`export-tokens-ADDRESS.csv`: “Token Transfers (ERC-20)”",
    "trongrid_trc20": "`trc20_ADDRESS.json`: the answer of TronGrid v1 to "
    "`accounts/ADDRESS/transactions/trc20`",
    "tronscan": "`rows_ADDRESS.csv`: the rows of Tronscan's API; `page_ADDRESS.csv`: the "
    "download of its page",
    "ethereum_etl": "`transactions_ADDRESS.csv`, `token_transfers_…`, `receipts_…`, `blocks_…`: "
    "tables of ethereum-etl, cut to the account's transactions",
    "table": "`table_ADDRESS.csv`: a table of one's own with every column; `mapping.toml` names "
    "them",
}
"""Format to what its files are."""

WHOLE = ("etherscan_txlist", "etherscan_tokentx", "etherscan_page_internal")
"""Together these show all legs of an account on an EVM chain."""


def commands(
    files: Mapping[str, Sequence[Path]], out: Path, as_of: str
) -> dict[tuple[str, str], str]:
    """Return the command that reads each folder, by format and chain; ``whole`` is a format too.

    Parameters
    ----------
    files
        As `write_exports` returns them.
    out
        The folder of the exports, in which the commands are to be run.
    as_of
        The moment for which the world's data speak, ISO 8601.
    """
    held = [
        (format, chain)
        for format, written in files.items()
        for chain in sorted({path.relative_to(out).parts[1] for path in written})
    ]
    found = {(format, chain): _command(format, chain, as_of) for format, chain in held}
    chains = {chain for format, chain in held if format == WHOLE[0]}
    for chain in sorted(chains):
        found["whole", chain] = _whole(chain, as_of)
    return found


def readme(
    accounts: Sequence[Account],
    files: Mapping[str, Sequence[Path]],
    out: Path,
    facts: Mapping[str, Any],
) -> str:
    """Describe a folder of exports.

    Parameters
    ----------
    accounts
        Whose exports they are.
    files, out
        As for `commands`.
    facts
        The entries of the world's manifest.
    """
    told = commands(files, out, facts["as_of"])
    chain = next(chain for name, chain in reversed(told) if name == "whole")
    chains = sorted({account.chain for account in accounts})
    counts = ", ".join(f"{sum(a.chain == c for a in accounts)} on {c}" for c in chains)
    kinds = "\n".join(f"| `{n}/CHAIN/` | {FILES[n]} |" for n, held in files.items() if held)
    each = "\n".join(f"    {line}" for (name, _), line in told.items() if name != "whole")
    whole = "\n".join(f"    {line}" for (name, _), line in told.items() if name == "whole")
    return f"""# Exports of a synthetic world

**Everything here is invented**, down to the names and prices of coins; only the contracts of listed
tokens are real. The files have the form in which services answer. They are the histories of
{len(accounts)} accounts ({counts}), out of the world that
`simulate` wrote with seed {facts["seed"]}, {facts["addresses"]} addresses and {facts["days"]} days.
Up to half of the accounts are criminals, so they are no fair sample: of the world's accounts
{facts["prevalence"]:.2%} are.

| folder | files, for each account |
|---|---|
{kinds}

`accounts.csv` lists the accounts with the moment at which the world judges each; `prices.csv` has
the invented daily prices of the native coins. Who is who stands in the world's `truth.parquet`.

## Reading them

Run these in this folder. Each reads one format of one chain:

{each}

No one of these downloads shows all that an account did, and a model needs all legs that it was
trained on. On an EVM chain three of them together show everything:

{whole}

TronGrid and Tronscan show tokens alone; for Tron only the format `table` is whole.

## Scoring them

A store read from files is taken for real, as `ingest` cannot know that they are invented; a model
of an invented world scores it only when it is told to:

    unrinse score BUNDLE ../ingested/{chain} --addresses accounts.csv \\
        --out ../ingested/scores.csv --research-use

Accounts of other chains are `not_found` there, and so they should be.
"""


def _command(format: str, chain: str, as_of: str) -> str:
    given = f"--mapping {format}/{chain}/mapping.toml" if format == "table" else f"--chain {chain}"
    return _ingest(format, [f"{format}/{chain}"], given, f"{format}-{chain}", as_of)


def _whole(chain: str, as_of: str) -> str:
    folders = [f"{format}/{chain}" for format in WHOLE]
    return _ingest("auto", folders, f"--chain {chain}", chain, as_of)


def _ingest(format: str, folders: list[str], given: str, out: str, as_of: str) -> str:
    paths = " ".join(folders)
    moment = as_of.removesuffix("T00:00:00+00:00")
    return (
        f"unrinse ingest {format} {paths} {given} --prices prices.csv --as-of {moment} "
        f"--out ../ingested/{out}"
    )
