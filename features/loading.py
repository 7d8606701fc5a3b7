"""Reading the few columns that histories need, in the one order of transfers, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from data.assets import asset_lookup
from data.errors import Refused
from data.identity import checked_address_ids, text_ids
from data.schema import KINDS
from data.transfers import Transfers
from features.basis import amount_expression
from features.encoding import encode
from features.history import FREEZABLE, NATIVE, STABLECOIN

_LEG_KIND = np.array([{"native": 0, "internal": 1}.get(kind, 2) for kind in KINDS], dtype=np.int8)
"""Leg kind of each of `KINDS`: coins made or burnt move as tokens do."""


@dataclass(frozen=True)
class Events:
    """Transfers as parallel arrays, in order; screened rows and fees are not among them.

    Attributes
    ----------
    time, tx
        int64: microseconds; a key shared by the transfers of one transaction.
    sender, receiver
        int32 codes: rows of `addresses`.
    amount
        int64 or float64 (``relative``); not above 0 where the basis gives the transfer no value.
    leg_kind
        int8: 0 native, 1 internal, 2 token.
    asset
        int32 code into `asset_kind` and `asset_group`.
    row
        int64: the row in the transfers table.
    placed
        bool: the row's place in its block is known; else inflows precede outflows of its moment.
    addresses
        ``chain`` and ``address`` of each code.
    """

    time: np.ndarray
    tx: np.ndarray
    sender: np.ndarray
    receiver: np.ndarray
    amount: np.ndarray
    leg_kind: np.ndarray
    asset: np.ndarray
    row: np.ndarray
    placed: np.ndarray
    asset_kind: np.ndarray
    asset_group: np.ndarray
    addresses: pl.DataFrame


def load_events(transfers: Transfers, *, before: datetime, basis: str) -> Events:
    """Read the transfers before a moment.

    Raises
    ------
    Refused
        Two addresses share an id, or the files cannot be read.
    """
    frame = _collect(transfers, before, basis)
    codes, kinds, groups, stable = _assets(frame)
    amount = (
        frame.with_columns(stablecoin=stable)
        .select(amount_expression(basis))
        .to_series()
        .fill_null(-1)
    )
    sender, receiver, addresses = _addresses(transfers, frame)
    placed = (frame["tx_index"].is_not_null() & frame["block_number"].is_not_null()).to_numpy()
    return Events(
        time=frame["block_time"].to_physical().to_numpy(),
        tx=_transaction_keys(frame),
        sender=sender,
        receiver=receiver,
        amount=amount.to_numpy(),
        leg_kind=_LEG_KIND[frame["kind"].to_physical().to_numpy()],
        asset=codes,
        row=frame["row"].cast(pl.Int64).to_numpy(),
        placed=placed,
        asset_kind=kinds,
        asset_group=groups,
        addresses=addresses,
    )


def _collect(transfers: Transfers, before: datetime, basis: str) -> pl.DataFrame:
    """Read, filter and order. Transaction ids are read only where the order needs them."""
    lazy = transfers.scan()
    stored = transfers.trusted and "sender_id" in lazy.collect_schema().names()
    sides = ["sender_id", "receiver_id"] if stored else ["sender", "receiver"]
    columns = ["row", "chain", "block_time", "block_number", "tx_index", "log_index", "kind"]
    columns += [*sides, "asset", "usd_micros"] + (["amount_raw"] if basis != "usd" else [])
    wanted = (
        pl.col("screened").is_null()
        & (pl.col("kind") != "fee")
        & (pl.col("block_time") < before)
    )
    try:
        unplaced = lazy.select(
            pl.any_horizontal(pl.col("block_number", "tx_index").is_null()).any()
        )
        if unplaced.collect().item():
            columns.append("tx_id")
        few = pl.col("chain", "asset").cast(pl.Categorical)
        kind = pl.col("kind").cast(pl.Enum(KINDS))
        frame = lazy.filter(wanted).select(columns).with_columns(few, kind).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Refused(f"the transfers cannot be read ({str(error).splitlines()[0]}).") from error
    if transfers.trusted or _in_order(frame):
        return frame
    order = [c for c in _ORDER if c in frame.columns]
    return frame.sort(order, nulls_last=False, maintain_order=True)


_ORDER = ("chain", "block_time", "block_number", "tx_index", "tx_id", "log_index")


def _in_order(frame: pl.DataFrame) -> bool:
    """Say whether rows stand in the one order already (where positions are known)."""
    if "tx_id" in frame.columns or frame["chain"].n_unique() != 1:
        return False
    keys = [
        frame[c].to_physical().to_numpy()
        for c in ("block_time", "block_number", "tx_index", "log_index")
    ]
    equal = np.ones(max(frame.height - 1, 0), dtype=bool)
    for key in keys:
        if np.any(equal & (key[1:] < key[:-1])):
            return False
        equal &= key[1:] == key[:-1]
    return True


def _addresses(
    transfers: Transfers, frame: pl.DataFrame
) -> tuple[np.ndarray, np.ndarray, pl.DataFrame]:
    """Code senders and receivers, and say which address each code is."""
    dictionary = transfers.addresses() if "sender_id" in frame.columns else None
    if dictionary is not None:
        ids = (dictionary["id"], frame["sender_id"], frame["receiver_id"])
        (_, sender, receiver), first, _ = encode(tuple(i.to_numpy() for i in ids))
        if len(first) > dictionary.height:
            raise Refused("the store's address dictionary is not complete.", hint="Ingest again.")
        return sender, receiver, dictionary.select("chain", "address")
    hashed = [checked_address_ids(frame["chain"], frame[side]) for side in ("sender", "receiver")]
    ids, checks = zip(*hashed, strict=True)
    (sender, receiver), first, collided = encode(ids, checks)
    if collided:
        raise Refused("two addresses among the transfers have the same 64-bit id.")
    row, received = first % max(frame.height, 1), first >= frame.height
    addresses = pl.DataFrame(
        {
            "chain": frame["chain"].gather(row),
            "sent": frame["sender"].gather(row),
            "got": frame["receiver"].gather(row),
            "received": received,
        }
    ).select("chain", address=pl.when("received").then("got").otherwise("sent"))
    return sender, receiver, addresses


def _transaction_keys(frame: pl.DataFrame) -> np.ndarray:
    if "tx_id" in frame.columns:
        return text_ids(frame["tx_id"])
    return frame["block_number"].to_numpy() * (1 << 21) + frame["tx_index"].to_numpy()


def _assets(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, pl.Series]:
    """Code the assets: codes per row, kinds and groups per code, and which rows are stablecoins.

    Codes follow (chain, asset), groups the coin's name, so neither depends on the order of rows.
    """
    chains = frame["chain"].unique().cast(pl.String).sort()
    names = frame["asset"].unique().cast(pl.String).sort()
    both = frame["asset"].cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    if len(chains) > 1:
        both += len(names) * frame["chain"].cast(pl.Enum(chains)).to_physical().to_numpy()
    present = np.flatnonzero(np.bincount(both, minlength=len(chains) * len(names)))
    lookup = np.zeros(len(chains) * len(names), dtype=np.int32)
    lookup[present] = np.arange(len(present))
    divisor = max(len(names), 1)
    known = pl.DataFrame(
        {"chain": chains.gather(present // divisor), "asset": names.gather(present % divisor)}
    ).join(asset_lookup(), on=["chain", "asset"], how="left", maintain_order="left")
    kind = (
        (known["asset_class"] == "stablecoin").fill_null(False).cast(pl.UInt8) * STABLECOIN
        + known["freezable"].fill_null(False).cast(pl.UInt8) * FREEZABLE
        + (
            known["asset_class"].is_in(["native", "wrapped_native"]).fill_null(False)
            | (known["asset"] == "native")
        ).cast(pl.UInt8)
        * NATIVE
    ).to_numpy()
    group = known.select(
        pl.coalesce("asset_group", pl.concat_str("chain", pl.lit(":"), "asset"))
    ).to_series()
    groups = group.cast(pl.Enum(group.unique().sort())).to_physical().to_numpy()
    codes = lookup[both]
    stable = pl.Series("stablecoin", (kind[codes] & STABLECOIN) > 0, dtype=pl.Boolean)
    return codes, kind, groups.astype(np.int32), stable
