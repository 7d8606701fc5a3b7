"""One small invented export per format: the files of `data/sample`, and what hostile tests bend.

Everything is made up here. Addresses and hashes come from digests of made-up names, so their
checksums are right and nobody owns them; only token contracts are real, as the registry lists them.
Run as a module to write the files; a test compares them byte by byte.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from data.addresses import canonical_address

Row = dict[str, Any]

USDT = "0xdac17f958d2ee523a2206206994597c13d831ec7"
DAI = "0x6b175474e89094c44da98b954eedeac495271d0f"
TRON_USDT = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
START = 1_717_200_000  # 1 June 2024, 00:00 UTC


def digest(name: str) -> str:
    """Return 64 hex digits that belong to a made-up name."""
    return hashlib.sha256(f"unrinse sample {name}".encode()).hexdigest()


def evm(name: str) -> str:
    """Return a made-up EVM address."""
    return "0x" + digest(name)[:40]


def tron(name: str) -> str:
    """Return a made-up Tron address with a right checksum."""
    return canonical_address("tron", "41" + digest(name)[:40])


def call(name: str, *words: str | int) -> str:
    """Return calldata: a selector and 32-byte words."""
    hexed = [w[2:].rjust(64, "0") if isinstance(w, str) else f"{w:064x}" for w in words]
    return name + "".join(hexed)


@dataclass(frozen=True)
class Sample:
    """An export: its rows, how they are written, and what the columns mean."""

    format: str
    file: str
    chain: str
    rows: tuple[Row, ...]
    written: str
    roles: dict[str, str]
    mapping: dict[str, Any] | None = None
    columns: tuple[str, ...] = field(default=())
    beside: tuple[Sample, ...] = field(default=())
    """Files of the same export without which it cannot be read."""

    def content(self, rows: Sequence[Row] | None = None) -> bytes:
        """Write the rows (or others) as this export would."""
        rows = list(self.rows if rows is None else rows)
        columns = self.columns or tuple(self.rows[0])
        if self.written == "etherscan json":
            etherscan = {"status": "1", "message": "OK", "result": rows}
            return (json.dumps(etherscan, indent=1) + "\n").encode()
        if self.written == "trongrid json":
            meta: Row = {"at": (START + 9_000_000) * 1000, "page_size": len(rows)}
            answer: Row = {"data": rows, "success": True, "meta": meta}
            return (json.dumps(answer, indent=1) + "\n").encode()
        out = io.StringIO()
        quoting: Literal[0, 1] = (
            csv.QUOTE_ALL if self.written == "quoted csv" else csv.QUOTE_MINIMAL
        )
        extra = [""] if self.format == "etherscan_page_internal" else []
        csv.writer(out, quoting=quoting, lineterminator="\n").writerow(columns)
        for row in rows:
            csv.writer(out, quoting=quoting, lineterminator="\n").writerow(
                [row.get(c, "") for c in columns] + extra
            )
        return out.getvalue().encode("utf-8", "surrogatepass")

    def edited(self, role: str, value: Any, at: int = 1) -> bytes:
        """Write the export with one field of one row changed."""
        rows = [dict(r) for r in self.rows]
        _put(rows[at], self.roles[role], value)
        return self.content(rows)

    def value(self, role: str, at: int = 1) -> str:
        """Return one field."""
        row: Any = self.rows[at]
        for part in self.roles[role].split("."):
            row = row[part]
        return str(row)

    @property
    def is_text(self) -> bool:
        """Whether it is written as delimited text."""
        return "csv" in self.written


def _put(row: Row, path: str, value: Any) -> None:
    first, _, rest = path.partition(".")
    if rest:
        row[first] = {**row[first], rest: value}
    else:
        row[first] = value


WALLET, VICTIM, DESK, ROUTER, FRIEND = (evm(n) for n in ("wallet", "victim", "desk", "router", "b"))
T_WALLET, T_VICTIM, T_DESK = (tron(n) for n in ("wallet", "victim", "desk"))


def _tx(i: int, sender: str, to: str, value: int, **more: Any) -> Row:
    base: Row = {
        "blockNumber": str(20_000_000 + 300 * i),
        "timeStamp": str(START + 3_600 * i),
        "hash": "0x" + digest(f"tx {i}"),
        "nonce": "0",
        "blockHash": "0x" + digest(f"block {i}"),
        "transactionIndex": str(7 + i),
        "from": sender,
        "to": to,
        "value": str(value),
        "gas": "90000",
        "gasPrice": "8000000000",
        "isError": "0",
        "txreceipt_status": "1",
        "input": "0x",
        "contractAddress": "",
        "cumulativeGasUsed": "5000000",
        "gasUsed": "21000",
        "confirmations": "1000",
        "methodId": "0x",
        "functionName": "",
    }
    return {**base, **more}


_PAY = "0xa9059cbb"
_PAY_FROM = "0x23b872dd"

TXLIST = (
    _tx(0, VICTIM, WALLET, 2 * 10**18),
    _tx(1, WALLET, DESK, 15 * 10**17, nonce="0"),
    _tx(2, WALLET, USDT, 0, nonce="1", input=call(_PAY, DESK, 2_700_000_000), methodId=_PAY),
    _tx(
        3,
        WALLET,
        USDT,
        0,
        nonce="2",
        input=call(_PAY_FROM, VICTIM, DESK, 500_000_000),
        methodId=_PAY_FROM,
    ),
    _tx(4, WALLET, DESK, 10**17, nonce="3", isError="1", txreceipt_status="0"),
    _tx(5, WALLET, ROUTER, 0, nonce="4", input="0x12aa3caf" + "0" * 128, methodId="0x12aa3caf"),
    _tx(6, WALLET, "", 0, nonce="5", contractAddress=evm("contract"), input="0x60806040"),
)


def _token(i: int, sender: str, to: str, value: int, contract: str, symbol: str) -> Row:
    row = _tx(i, sender, to, value)
    for column in ("isError", "txreceipt_status"):
        del row[column]
    return {
        **row,
        "contractAddress": contract,
        "tokenName": symbol,
        "tokenSymbol": symbol,
        "tokenDecimal": "6",
        "input": "deprecated",
    }


TOKENTX = (
    _token(2, WALLET, DESK, 2_700_000_000, USDT, "USDT"),
    _token(10, VICTIM, WALLET, 1_999_000_000, USDT, "USDT"),
    _token(10, VICTIM, WALLET, 1_999_000_000, USDT, "USDT"),
    _token(11, WALLET, DESK, 3 * 10**20, DAI, "DAI"),
    _token(12, VICTIM, WALLET, 5_000_000_000, evm("fake"), "USDT"),
    _token(13, WALLET, FRIEND, 0, USDT, "USDT"),
)


def _page(i: int) -> Row:
    stamp = START + 3_600 * i
    day, hour = divmod(3_600 * i, 86_400)
    shown = f"2024-06-{day + 1:02d} {hour // 3600:02d}:00:00"
    return {
        "Transaction Hash": "0x" + digest(f"tx {i}"),
        "Blockno": str(20_000_000 + 300 * i),
        "UnixTimestamp": str(stamp),
        "DateTime (UTC)": shown,
    }


def _page_tx(i: int, sender: str, to: str, moved: str, inward: bool, **more: str) -> Row:
    row = {
        **_page(i),
        "From": sender,
        "To": to,
        "ContractAddress": "",
        "Value_IN(ETH)": moved if inward else "0",
        "Value_OUT(ETH)": "0" if inward else moved,
        "CurrentValue @ $2500.5/Eth": "1",
        "TxnFee(ETH)": "0.000168",
        "TxnFee(USD)": "0.42",
        "Historical $Price/Eth": "3700.10",
        "Status": "",
        "ErrCode": "",
        "Method": "Transfer",
    }
    return {**row, **more}


PAGE_NORMAL = (
    _page_tx(0, VICTIM, WALLET, "2", True),
    _page_tx(1, WALLET, DESK, "1.5", False),
    _page_tx(2, WALLET, USDT, "0", False),
    _page_tx(4, WALLET, DESK, "0.1", False, Status="Error(0)", ErrCode="Reverted"),
    _page_tx(7, WALLET, DESK, "1,250.000000000000000001", False),
)


def _page_inner(i: int, parent: str, sender: str, to: str, moved: str, inward: bool) -> Row:
    return {
        **_page(i),
        "ParentTxFrom": parent,
        "ParentTxTo": ROUTER,
        "ParentTxETH_Value": "0",
        "From": sender,
        "TxTo": to,
        "ContractAddress": "",
        "Value_IN(ETH)": moved if inward else "0",
        "Value_OUT(ETH)": "0" if inward else moved,
        "CurrentValue @ $2500.5/Eth": "1",
        "Historical $Price/Eth": "3700.10",
        "Status": "0",
        "ErrCode": "",
        "Type": "call",
    }


PAGE_INTERNAL = (
    _page_inner(5, WALLET, ROUTER, WALLET, "0.75", True),
    _page_inner(8, WALLET, ROUTER, WALLET, "0.25", True),
    _page_inner(8, WALLET, ROUTER, WALLET, "0.25", True),
)


def _page_token(i: int, sender: str, to: str, value: str, contract: str, symbol: str) -> Row:
    return {
        **_page(i),
        "From": sender,
        "To": to,
        "TokenValue": value,
        "USDValueDayOfTx": "$2,700.00",
        "ContractAddress": contract,
        "TokenName": symbol,
        "TokenSymbol": symbol,
    }


PAGE_ERC20 = (
    _page_token(2, WALLET, DESK, "2,700", USDT, "USDT"),
    _page_token(10, VICTIM, WALLET, "1,999", USDT, "USDT"),
    _page_token(10, VICTIM, WALLET, "1,999", USDT, "USDT"),
    _page_token(11, WALLET, DESK, "300", DAI, "DAI"),
    _page_token(12, VICTIM, WALLET, "0.005", evm("fake"), "visit example.org"),
)


def _grid(i: int, sender: str, to: str, value: int, kind: str = "Transfer") -> Row:
    return {
        "transaction_id": digest(f"tron {i}"),
        "token_info": {"symbol": "USDT", "address": TRON_USDT, "decimals": 6, "name": "Tether USD"},
        "block_timestamp": (START + 3_600 * i) * 1000,
        "from": sender,
        "to": to,
        "type": kind,
        "value": str(value),
    }


TRONGRID = (
    _grid(0, T_VICTIM, T_WALLET, 1_500_000_000),
    _grid(1, T_WALLET, T_DESK, 1_480_000_000),
    _grid(2, T_WALLET, T_DESK, 2**256 - 1, "Approval"),
    _grid(3, T_VICTIM, T_WALLET, 700_000_000),
)


def _scan(i: int, wallet: str, sender: str, to: str, quant: int) -> Row:
    return {
        "wallet": wallet,
        "timestamp": str((START + 3_600 * i) * 1000),
        "tx_id": digest(f"tron {i}"),
        "risk_tx": "False",
        "status": "0",
        "from_address": sender,
        "from_tag": "",
        "to_address": to,
        "to_tag": "",
        "quant": str(quant),
        "token_id": TRON_USDT,
        "token_abbr": "USDT",
        "token_name": "Tether USD",
        "token_decimal": "6",
        "token_type": "trc20",
        "token_level": "2",
        "contract_return": "SUCCESS",
        "result": "SUCCESS",
    }


TRONSCAN_ROWS = (
    _scan(0, T_WALLET, T_VICTIM, T_WALLET, 1_500_000_000),
    _scan(1, T_WALLET, T_WALLET, T_DESK, 1_480_000_000),
    _scan(1, T_DESK, T_WALLET, T_DESK, 1_480_000_000),
    _scan(3, T_WALLET, T_VICTIM, T_WALLET, 700_000_000),
)


def _scan_page(i: int, sender: str, to: str, value: str) -> Row:
    return {
        "Tx Hash": digest(f"tron {i}"),
        "blockHeight": str(62_000_000 + 1_200 * i),
        "blockTime(UTC+8)": f"2024-06-01 {8 + i:02d}:00:00",
        "blockTime(UTC)": f"2024-06-01 {i:02d}:00:00",
        "from": sender,
        "to": to,
        "value": value,
        "symbol": "USDT",
        "tokenAddress": TRON_USDT,
        "isConfirm": "true",
    }


TRONSCAN_PAGE = (
    _scan_page(0, T_VICTIM, T_WALLET, "1500"),
    _scan_page(1, T_WALLET, T_DESK, "1480"),
    _scan_page(3, T_VICTIM, T_WALLET, "700.000001"),
)

TABLE = tuple(
    {
        "When": str(START + 3_600 * i),
        "Id": "0x" + digest(f"tx {i}"),
        "Payer": a,
        "Payee": b,
        "Coins": v,
        "Failed": f,
        "Account": WALLET,
    }
    for i, (a, b, v, f) in enumerate(
        [(VICTIM, WALLET, "2", "0"), (WALLET, DESK, "1.5", "0"), (WALLET, DESK, "0.1", "1")]
    )
)
TABLE_MAPPING: dict[str, Any] = {
    "block_time": "When",
    "tx_id": "Id",
    "sender": "Payer",
    "receiver": "Payee",
    "amount_raw": "Coins",
    "failed": "Failed",
    "account": "Account",
    "asset": "=native",
    "time_unit": "s",
    "amount_unit": "decimal",
    "decimals": 18,
    "complete": True,
}

_API = {
    "amount": "value",
    "time": "timeStamp",
    "from": "from",
    "to": "to",
    "tx": "hash",
}
_PAGE = {
    "time": "UnixTimestamp",
    "date": "DateTime (UTC)",
    "from": "From",
    "tx": "Transaction Hash",
}
_SCAN_PAGE = {"amount": "value", "from": "from", "to": "to", "tx": "Tx Hash", "symbol": "symbol"}

_ETL_TRANSACTION = (
    "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,"
    "gas_price,input,block_timestamp,max_fee_per_gas,max_priority_fee_per_gas,transaction_type"
).split(",")
_ETL_NAMES = {
    "block_hash": "blockHash",
    "block_number": "blockNumber",
    "transaction_index": "transactionIndex",
    "from_address": "from",
    "to_address": "to",
    "gas_price": "gasPrice",
    "block_timestamp": "timeStamp",
}


def _etl(row: Row) -> Row:
    """Write a transaction as ethereum-etl does."""
    known = {c: row.get(_ETL_NAMES.get(c, c), "") for c in _ETL_TRANSACTION}
    return {**known, "transaction_type": "0"}


def _event(i: int, log: int, sender: str, to: str, value: int, contract: str) -> Row:
    return {
        "token_address": contract,
        "from_address": sender,
        "to_address": to,
        "value": str(value),
        "transaction_hash": "0x" + digest(f"tx {i}"),
        "log_index": str(log),
        "block_number": str(20_000_000 + 300 * i),
    }


ETL_TRANSACTIONS = tuple(_etl(t) for t in TXLIST[:6])
ETL_TOKEN_TRANSFERS = (
    _event(2, 41, WALLET, DESK, 2_700_000_000, USDT),
    _event(3, 7, VICTIM, DESK, 500_000_000, USDT),
    _event(5, 90, WALLET, ROUTER, 3 * 10**20, DAI),
    _event(5, 93, ROUTER, WALLET, 299_000_000, USDT),
)
ETL_BLOCKS = tuple(
    {
        "number": t["block_number"],
        "hash": t["block_hash"],
        "parent_hash": "0x" + digest("parent " + t["block_number"]),
        "timestamp": t["block_timestamp"],
        "transaction_count": "150",
    }
    for t in ETL_TRANSACTIONS
)
ETL_RECEIPTS = tuple(
    {
        "transaction_hash": t["hash"],
        "transaction_index": t["transactionIndex"],
        "block_hash": t["blockHash"],
        "block_number": t["blockNumber"],
        "cumulative_gas_used": t["cumulativeGasUsed"],
        "gas_used": t["gasUsed"],
        "contract_address": "",
        "root": "",
        "status": t["txreceipt_status"],
        "effective_gas_price": t["gasPrice"],
    }
    for t in TXLIST[:6]
)

_ETL_TRANSACTIONS = Sample(
    "ethereum_etl",
    f"transactions_{WALLET}.csv",
    "ethereum",
    ETL_TRANSACTIONS,
    "csv",
    {
        "amount": "value",
        "time": "block_timestamp",
        "from": "from_address",
        "to": "to_address",
        "tx": "hash",
    },
)

_JSON_TXLIST = Sample("etherscan_txlist", "txlist.json", "ethereum", TXLIST, "etherscan json", _API)

SAMPLES: tuple[Sample, ...] = (
    _JSON_TXLIST,
    replace(
        _JSON_TXLIST,
        file=f"txlist_{WALLET}.csv",
        written="csv",
        columns=tuple(sorted(TXLIST[0])),
    ),
    Sample(
        "etherscan_tokentx",
        "tokentx.json",
        "ethereum",
        TOKENTX,
        "etherscan json",
        {**_API, "symbol": "tokenSymbol", "decimals": "tokenDecimal", "asset": "contractAddress"},
    ),
    Sample(
        "etherscan_page_normal",
        "page_transactions.csv",
        "ethereum",
        PAGE_NORMAL,
        "quoted csv",
        {**_PAGE, "amount": "Value_OUT(ETH)", "to": "To"},
    ),
    Sample(
        "etherscan_page_internal",
        "page_internal.csv",
        "ethereum",
        PAGE_INTERNAL,
        "quoted csv",
        {**_PAGE, "amount": "Value_IN(ETH)", "to": "TxTo"},
    ),
    Sample(
        "etherscan_page_erc20",
        "page_tokens.csv",
        "ethereum",
        PAGE_ERC20,
        "quoted csv",
        {
            **_PAGE,
            "amount": "TokenValue",
            "to": "To",
            "symbol": "TokenSymbol",
            "asset": "ContractAddress",
        },
    ),
    Sample(
        "trongrid_trc20",
        "trongrid.json",
        "tron",
        TRONGRID,
        "trongrid json",
        {
            "amount": "value",
            "time": "block_timestamp",
            "from": "from",
            "to": "to",
            "tx": "transaction_id",
            "symbol": "token_info.symbol",
            "decimals": "token_info.decimals",
        },
    ),
    Sample(
        "tronscan",
        "tronscan_rows.csv",
        "tron",
        TRONSCAN_ROWS,
        "csv",
        {
            "amount": "quant",
            "time": "timestamp",
            "from": "from_address",
            "to": "to_address",
            "tx": "tx_id",
            "symbol": "token_abbr",
            "decimals": "token_decimal",
        },
    ),
    Sample("tronscan", "tronscan_page.csv", "tron", TRONSCAN_PAGE, "csv", _SCAN_PAGE),
    _ETL_TRANSACTIONS,
    Sample(
        "ethereum_etl",
        f"token_transfers_{WALLET}.csv",
        "ethereum",
        ETL_TOKEN_TRANSFERS,
        "csv",
        {
            "amount": "value",
            "from": "from_address",
            "to": "to_address",
            "tx": "transaction_hash",
            "asset": "token_address",
        },
        beside=(_ETL_TRANSACTIONS,),
    ),
    Sample(
        "table",
        "table.csv",
        "ethereum",
        TABLE,
        "csv",
        {"amount": "Coins", "time": "When", "from": "Payer", "to": "Payee", "tx": "Id"},
        mapping=TABLE_MAPPING,
    ),
)


def write_samples(folder: Path) -> None:
    """Write all sample files."""
    for sample in SAMPLES:
        (folder / sample.file).write_bytes(sample.content())


if __name__ == "__main__":
    write_samples(Path(__file__).resolve().parents[3] / "data" / "sample")
