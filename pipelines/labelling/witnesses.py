"""Independent witnesses: of addresses that pay one another, one is looked at.

What `models.drift` knows of chance rests on independent addresses. Forty wallets of one gang that
enter a list together are no forty observations: they would alarm by being one gang. Who owns what
is unknown, but owners move money between their wallets. So addresses of a list that pay each
other, directly or through others of the list, count once. Addresses that deal with more than
`MOST_PARTNERS` others of the list link nobody: everybody pays an exchange.

That catches what is joined by payments within the list, and no more.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import polars as pl

from data.transfers import Transfers
from models.components import components

MOST_PARTNERS = 20
"""An address with more partners within the list is a place where strangers meet, not an owner."""


def lot(text: str) -> int:
    """Return 63 bits that have nothing to do with what an address does.

    >>> lot("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t") == lot("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    True
    """
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"monitor").digest()
    return int.from_bytes(digest, "big") >> 1


def witnesses(transfers: Transfers, addresses: pl.Series, until: datetime) -> set[str]:
    """Return one address of each group that pays one another, drawn by lot.

    Parameters
    ----------
    transfers
        Where payments are looked up; what is screened (dust, spoofs) and fees link nobody.
    addresses
        The addresses of both windows.
    until
        Later payments do not count.
    """
    listed = addresses.unique().sort()
    links = _links(transfers, listed, until)
    group = components(listed.to_list(), links.select("sender", "receiver").iter_rows())
    kept: dict[str, str] = {}
    for address, name in group.items():
        first = kept.setdefault(name, address)
        if lot(address) < lot(first):
            kept[name] = address
    return set(kept.values())


def _links(transfers: Transfers, listed: pl.Series, until: datetime) -> pl.DataFrame:
    """Return who pays whom within the list, without those who deal with many."""
    both = listed.to_frame("sender").lazy()
    pairs = (
        transfers.followed()
        .filter(pl.col("block_time") < until, pl.col("sender") != pl.col("receiver"))
        .select("sender", "receiver")
        .join(both, on="sender", how="semi")
        .join(both, left_on="receiver", right_on="sender", how="semi")
        .unique()
        .collect()
    )
    turned = pairs.select(sender="receiver", receiver="sender")
    partners = pl.concat([pairs, turned]).unique().group_by("sender").len()
    few = partners.filter(pl.col("len") <= MOST_PARTNERS).select("sender")
    return pairs.join(few, on="sender", how="semi").join(
        few, left_on="receiver", right_on="sender", how="semi"
    )
