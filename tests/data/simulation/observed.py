"""One account's payments as a stranger sees them, and plain measures of them.

Written for the tests alone, without the catalogue: what a population's story says it does must show
in its transfers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.simulation import identities, market
from data.simulation.ledger import DEPOSIT, SWAP, TRANSFER_FROM, WITHDRAW, Rows
from data.simulation.playing import Played
from data.simulation.prior import DAY, HOUR
from data.simulation.rounding import LIMITS
from data.simulation.unit import Account


@dataclass(frozen=True)
class Observed:
    """An account of a unit that was played by itself.

    Parameters
    ----------
    account, unit
        Who, and all accounts played with it.
    book
        All transfers of the unit.
    typical
        The unit's typical payment, in micro-dollars.
    hot_wallets
        Of every chain.
    """

    account: Account
    unit: tuple[Account, ...]
    book: Rows
    typical: float
    hot_wallets: np.ndarray

    def rows(self, side: str, *, counted: bool = True) -> Rows:
        """Return what the account sent (`sender`), received or initiated, in order of time."""
        mine = (self.book[side] == self.account.node) & ((self.book["screened"] < 0) == counted)
        at = np.flatnonzero(mine)
        at = at[np.argsort(self.book["time"][at], kind="stable")]
        return {name: column[at] for name, column in self.book.items()}

    @cached_property
    def came(self) -> Rows:
        """Receipts in what the account deals in: without the coins that it needs for fees."""
        return self._dealt(self.rows("receiver"))

    @cached_property
    def left(self) -> Rows:
        """Payments out, in the same assets as `came`."""
        return self._dealt(self.rows("sender"))

    def _dealt(self, rows: Rows) -> Rows:
        tokens = _share(~market.is_native(self.rows("receiver")["asset"])) > 0.4
        return _where(rows, ~market.is_native(rows["asset"])) if tokens else rows

    @property
    def senders(self) -> float:
        """Distinct senders."""
        return len(np.unique(self.came["sender"]))

    @property
    def receivers(self) -> float:
        """Distinct receivers."""
        return len(np.unique(self.left["receiver"]))

    @property
    def senders_per_receiver(self) -> float:
        """Distinct senders for each distinct receiver."""
        return self.senders / max(1.0, self.receivers)

    @property
    def senders_per_receipt(self) -> float:
        """1: nobody pays twice."""
        return self.senders / max(1, len(self.came["time"]))

    @property
    def receivers_per_payment(self) -> float:
        """1: nobody is paid twice."""
        return self.receivers / max(1, len(self.left["time"]))

    @property
    def payments_per_receipt(self) -> float:
        """Above 1: it splits; below: it gathers."""
        return len(self.left["time"]) / max(1, len(self.came["time"]))

    @property
    def most_paid_in_a_day(self) -> float:
        """Most distinct receivers in any 24 hours."""
        time, party = self.left["time"], self.left["receiver"]
        upto = np.searchsorted(time, time + DAY)
        return max((len(np.unique(party[a:b])) for a, b in enumerate(upto.tolist())), default=0)

    @property
    def evenness(self) -> float:
        """1 less the spread of amounts paid within an hour, where there are three or more."""
        time, micros = self.left["time"], self.left["micros"].astype(np.float64)
        group = np.cumsum(np.diff(time, prepend=-np.inf) > HOUR)
        parts = [micros[group == g] for g in np.unique(group)]
        spreads = [p.std() / p.mean() for p in parts if len(p) >= 3]
        return 1 - float(np.median(spreads)) if spreads else 0.0

    @property
    def given_back(self) -> float:
        """Share of payments that go to somebody who has paid it."""
        return _share(np.isin(self.left["receiver"], self.came["sender"]))

    @property
    def waits(self) -> np.ndarray:
        """Days from each receipt to the next payment out; the rest of its time where none comes."""
        out = np.append(self.left["time"], self.book["time"].max())
        at = np.searchsorted(self.left["time"], self.came["time"])
        return np.maximum(out[at] - self.came["time"], 0) / DAY

    @property
    def quick(self) -> float:
        """Share of receipts after which something leaves within six hours."""
        return _share(self.waits < 0.25)

    @property
    def minutes(self) -> float:
        """Median minutes from a receipt to the next payment out."""
        return float(np.median(self.waits)) * 24 * 60 if len(self.waits) else np.inf

    @property
    def kept_days(self) -> float:
        """Days that the median dollar stays, first in first out; what never leaves stays on."""
        came, left = self.came, self.left
        edges = np.cumsum(came["micros"].astype(np.float64))
        spent = np.cumsum(left["micros"].astype(np.float64))
        marks = edges[-1] * (np.arange(100) + 0.5) / 100
        entered = came["time"][np.searchsorted(edges, marks)]
        at = np.searchsorted(spent, marks)
        gone = np.append(left["time"], self.book["time"].max())[at]
        return float(np.median(np.maximum(gone - entered, 0))) / DAY

    @property
    def passed_on(self) -> float:
        """What left in dollars, relative to what came."""
        return float(self.left["micros"].sum()) / max(1.0, float(self.came["micros"].sum()))

    @property
    def receipt_size(self) -> float:
        """Median receipt relative to the unit's typical one."""
        return float(np.median(self.came["micros"])) / self.typical

    @property
    def same_again(self) -> float:
        """Share of receipts that are the commonest amount."""
        return float(np.unique(self.came["micros"], return_counts=True)[1].max()) / len(
            self.came["micros"]
        )

    @property
    def on_a_rhythm(self) -> float:
        """Share of the times between receipts that are within a fifth of the median."""
        gaps = np.diff(self.came["time"])
        return _share(np.abs(gaps / np.median(gaps) - 1) < 0.2) if len(gaps) > 1 else 0.0

    @property
    def swaps(self) -> float:
        """Swaps for each receipt."""
        bought = self.rows("receiver")
        return float((bought["method"] == SWAP).sum()) / max(1, len(self.came["time"]))

    @property
    def swaps_back(self) -> float:
        """Share of its swaps that are not into the commonest coin."""
        rows = self.rows("receiver")
        into = rows["asset"][rows["method"] == SWAP]
        return 1 - np.unique(into, return_counts=True)[1].max() / len(into) if len(into) else 0.0

    def at_place(self, kind: str) -> float:
        """Return the share of its transfers that are with a kind of public place."""
        chain = identities.chain_of(self.account.node)
        known = market.places(kind, chain)
        out, back = self.rows("sender"), self.rows("receiver")
        return _share(
            np.concatenate([np.isin(out["receiver"], known), np.isin(back["sender"], known)])
        )

    @property
    def bridged(self) -> float:
        """Payments into a bridge that its own address on another chain gets back within 2 h."""
        bridges = np.concatenate(
            [market.places("bridge", c) for c in range(len(identities.CHAINS))]
        )
        out = self.rows("sender")
        given = _where(out, np.isin(out["receiver"], bridges) & (out["method"] == DEPOSIT))
        twins = [identities.on_chain(self.account.node, c) for c in range(len(identities.CHAINS))]
        book = self.book
        free = _where(
            book,
            np.isin(book["sender"], bridges)
            & np.isin(book["receiver"], twins)
            & (book["receiver"] != self.account.node)
            & (book["method"] == WITHDRAW),
        )
        if not len(free["time"]):
            return 0.0
        wait = free["time"][None, :] - given["time"][:, None]
        kept = free["micros"][None, :] / given["micros"][:, None]
        return float(((wait > 0) & (wait <= 2 * HOUR) & (kept > 0.98) & (kept < 1)).any(1).sum())

    @property
    def from_exchange(self) -> float:
        """Share of receipts that come from an exchange's hot wallet."""
        return _share(np.isin(self.came["sender"], self.hot_wallets))

    @property
    def to_exchange(self) -> float:
        """Share of payments that go to an exchange's hot wallet."""
        return _share(np.isin(self.left["receiver"], self.hot_wallets))

    @property
    def relayed_to_it(self) -> float:
        """Share of receipts whose sender was paid the same sum shortly before by somebody else."""
        book, found = self.book, []
        for time, sender, micros in zip(
            *(self.came[c].tolist() for c in ("time", "sender", "micros")), strict=True
        ):
            before = (book["receiver"] == sender) & (book["time"] < time)
            found.append(bool((before & (book["micros"] == micros)).any()))
        return _share(np.array(found))

    @property
    def screened_sent(self) -> float:
        """Payments of its own that count for nothing."""
        rows = self.rows("sender", counted=False)
        return float((rows["initiator"] == self.account.node).sum())

    @property
    def forged(self) -> float:
        """Payments that it writes into the histories of others."""
        rows = self.rows("initiator", counted=False)
        return float((rows["sender"] != self.account.node).sum())

    @property
    def pairs(self) -> float:
        """Share of sittings with a large and a small payment, 2 to 45 %, to two receivers."""
        time, micros = self.left["time"], self.left["micros"].astype(np.float64)
        group = np.cumsum(np.diff(time, prepend=-np.inf) > HOUR)
        sizes = np.bincount(group)
        two = [np.sort(micros[group == g]) for g in np.flatnonzero(sizes == 2)]
        small = [0.01 < a / b < 0.45 for a, b in two]
        return float(sum(small)) / max(1, len(np.unique(group)))

    def paid_by(self, *roles: str) -> float:
        """Return how many receipts come from members of its case in these roles."""
        return float(np.isin(self.rows("receiver")["sender"], self.nodes(*roles)).sum())

    def pays(self, *roles: str) -> float:
        """Return how many of its payments go to members of its case in these roles."""
        return float(np.isin(self.rows("sender")["receiver"], self.nodes(*roles)).sum())

    def nodes(self, *roles: str) -> np.ndarray:
        """Return the other accounts of its unit in some roles."""
        others = (a for a in self.unit if a.node != self.account.node)
        return np.array([a.node for a in others if a.role in roles], dtype=np.int64)

    @property
    def stolen(self) -> float:
        """Share of token receipts that a third party has taken by approval."""
        rows = _where(self.came, ~market.is_native(self.came["asset"]))
        third = (rows["initiator"] != rows["sender"]) & (rows["initiator"] != self.account.node)
        return _share(third & (rows["method"] == TRANSFER_FROM))

    @property
    def below_limits(self) -> float:
        """Share of payments that lie just below a limit."""
        dollars = self.left["micros"] / market.MICROS
        near = [(dollars >= 0.9 * limit) & (dollars < 0.996 * limit) for limit in LIMITS]
        return _share(np.logical_or.reduce(near))


def observe(played: Played, typical: float, hot_wallets: np.ndarray) -> list[Observed]:
    """Return every account of one played unit."""
    unit = tuple(played.accounts)
    return [Observed(one, unit, played.rows, typical, hot_wallets) for one in unit]


def _where(rows: Rows, mask: np.ndarray) -> Rows:
    return {name: column[mask] for name, column in rows.items()}


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if len(mask) else 0.0
