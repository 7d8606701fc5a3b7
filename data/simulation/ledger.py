"""The books of one unit: every transfer as arrays of numbers.

A `Ledger` only appends. Its transactions are numbered within its unit, so that units can be played
in any order; `canonical` gives blocks, positions, ids and exact amounts to all rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data.simulation import identities, market

NATIVE, INTERNAL, TOKEN = range(3)
KIND_NAMES = ("native", "internal", "token")
TO_CONTRACT, TO_RECEIVER = -1, -2
"""`to` of a row: the token's contract, or the receiver itself; else a node."""

METHODS = (None, "0xa9059cbb", "0x38ed1739", "0x23b872dd", "0xb6b55f25", "0x2e1a7d4d")
NO_METHOD, TRANSFER, SWAP, TRANSFER_FROM, DEPOSIT, WITHDRAW = range(6)
"""`transfer`, a router's swap, `transferFrom`, `deposit` and `withdraw` as 4-byte methods."""

SCREENED_CODES = ("failed", "counterfeit_asset", "unlisted_asset", "spoofed_sender", "dust")

COLUMNS = {
    "time": np.float64,
    "tx": np.int64,
    "log": np.int32,
    "kind": np.int8,
    "sender": np.int64,
    "receiver": np.int64,
    "asset": np.int8,
    "micros": np.int64,
    "initiator": np.int64,
    "to": np.int64,
    "method": np.int8,
    "screened": np.int8,
}
"""Columns of a ledger. Time is seconds of world time, value is micro-dollars."""

_WRITTEN = tuple((name, dtype) for name, dtype in COLUMNS.items() if name != "time")
_INTERNAL_LOG = (1 << 30) + (1 << 29)
"""Coins that a contract pays out have no place among the events; they come after them all."""

_LOGS = 180

Rows = dict[str, np.ndarray]


@dataclass
class Ledger:
    """The transfers of one unit.

    Parameters
    ----------
    unit
        The unit's number.
    end
        End of the world in seconds; later transfers are not written.
    """

    unit: int
    end: float
    _blocks: list[Rows] = field(default_factory=list)
    _transactions: int = 0

    def transactions(self, count: int) -> np.ndarray:
        """Number `count` new transactions."""
        first = identities.transaction_number(self.unit, self._transactions)
        self._transactions += count
        return first + np.arange(count)

    def pay(
        self,
        time: np.ndarray,
        sender: np.ndarray | int,
        receiver: np.ndarray | int,
        asset: np.ndarray | int,
        micros: np.ndarray,
        drained_by: int | None = None,
    ) -> np.ndarray:
        """Write plain payments, one transaction each, and return their transaction numbers.

        `drained_by` is the node that moves the senders' tokens with a stolen approval
        (`transferFrom`); native coins cannot be moved so and are paid by their holder.
        """
        transaction = self.transactions(len(time))
        token = ~market.is_native(np.full(len(time), asset))
        taken = token & (drained_by is not None)
        self.write(
            time=time,
            tx=transaction,
            log=np.where(token, 2 + transaction % _LOGS, -1),
            kind=np.where(token, TOKEN, NATIVE),
            sender=sender,
            receiver=receiver,
            asset=asset,
            micros=micros,
            initiator=np.where(taken, -1 if drained_by is None else drained_by, sender),
            to=np.where(token, TO_CONTRACT, TO_RECEIVER),
            method=np.where(taken, TRANSFER_FROM, np.where(token, TRANSFER, NO_METHOD)),
        )
        return transaction

    def put_in(
        self, time: np.ndarray, account: int, contract: np.ndarray, asset: np.ndarray,
        micros: np.ndarray,
    ) -> None:  # fmt: skip
        """Write payments into a contract by its `deposit`: a pool, a bridge, a marketplace."""
        native = market.is_native(asset)
        transaction = self.transactions(len(time))
        self.write(
            time=time,
            tx=transaction,
            log=np.where(native, -1, 3 + transaction % _LOGS),
            kind=np.where(native, NATIVE, TOKEN),
            sender=account,
            receiver=contract,
            asset=asset,
            micros=micros,
            initiator=account,
            to=contract,
            method=DEPOSIT,
        )

    def take_out(
        self,
        time: np.ndarray,
        contract: np.ndarray,
        account: int,
        asset: np.ndarray,
        micros: np.ndarray,
        *,
        asked_by: np.ndarray | int,
    ) -> None:
        """Write payments out of a contract to an account, asked for by it or by a relayer."""
        native = market.is_native(asset)
        transaction = self.transactions(len(time))
        self.write(
            time=time,
            tx=transaction,
            log=np.where(native, _INTERNAL_LOG, 3 + transaction % _LOGS),
            kind=np.where(native, INTERNAL, TOKEN),
            sender=contract,
            receiver=account,
            asset=asset,
            micros=micros,
            initiator=asked_by,
            to=contract,
            method=WITHDRAW,
        )

    def swap(
        self,
        time: np.ndarray,
        account: int,
        router: np.ndarray,
        given: tuple[np.ndarray, np.ndarray],
        taken: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Write swaps: both legs in one transaction; `given` and `taken` are (asset, micros)."""
        transaction = self.transactions(len(time))
        legs = (
            (given, account, router, NATIVE, -1, 5),
            (taken, router, account, INTERNAL, _INTERNAL_LOG, 9),
        )
        for (asset, micros), sender, receiver, coin_kind, coin_log, log in legs:
            native = market.is_native(asset)
            self.write(
                time=time,
                tx=transaction,
                log=np.where(native, coin_log, log),
                kind=np.where(native, coin_kind, TOKEN),
                sender=sender,
                receiver=receiver,
                asset=asset,
                micros=micros,
                initiator=account,
                to=router,
                method=SWAP,
            )

    def write(self, time: np.ndarray, **columns: np.ndarray | int) -> None:
        """Append rows; scalars are repeated, rows after the end of the world are left out."""
        inside = time < self.end
        whole = bool(inside.all())
        columns.setdefault("screened", -1)
        block = {"time": time if whole else time[inside]}
        rows = len(block["time"])
        for name, dtype in _WRITTEN:
            given = columns[name]
            if isinstance(given, np.ndarray):
                values = given.astype(dtype, copy=False)
                block[name] = values if whole else values[inside]
            else:
                block[name] = np.full(rows, given, dtype)
        self._blocks.append(block)

    def rows(self) -> Rows:
        """Return everything written so far, as one array for each column."""
        return joined(self._blocks)


def joined(parts: list[Rows]) -> Rows:
    """Join rows into one set of columns, in the order given."""
    return {
        name: np.concatenate([p[name] for p in parts] or [np.empty(0, dtype)])
        for name, dtype in COLUMNS.items()
    }
