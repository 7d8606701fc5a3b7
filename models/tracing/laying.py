"""Laying: the transfers of the addresses that matter become moves.

A transaction in which an address gives one asset and gets another is a **swap** of it: what it gave
of the asset it gave most of (in dollars) becomes what it got of the asset it got most of, net of
what went the other way. Each convention then carries the traced share of what was given over to
what was got. Further assets of such a transaction stay plain payments. A pool or a desk on the
other side plays no part: coins leave the traced world there and enter it again.

A **crossing** is a deposit into a bridge and the release it is matched to (`features.crossings`).
Each release answers one deposit at most.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from models.tracing.moves import Kind, Move


@dataclass(frozen=True)
class Rows:
    """Transfers in the order in which they are taken; plain lists, because amounts have any size.

    Attributes
    ----------
    sender, receiver, asset
        Codes.
    amount
        Base units.
    usd
        Micro-dollars, -1 where unknown.
    tx
        Equal for the transfers of one transaction.
    is_token
        Whether the transfer is seen by token exports.
    """

    sender: list[int]
    receiver: list[int]
    asset: list[int]
    amount: list[int]
    usd: list[int]
    tx: list[int]
    is_token: list[bool]

    def __len__(self) -> int:
        """Return the number of transfers."""
        return len(self.tx)


@dataclass
class Laid:
    """Moves, and whose pots they run between.

    Attributes
    ----------
    moves
        In order.
    holder, asset, token
        By pot: address code (-1: in transit over a bridge), asset code, and whether the asset is a
        token.
    """

    moves: list[Move] = field(default_factory=list)
    holder: list[int] = field(default_factory=list)
    asset: list[int] = field(default_factory=list)
    token: list[bool] = field(default_factory=list)
    _pots: dict[tuple[int, int], int] = field(default_factory=dict)

    def pot(self, holder: int, asset: int, *, token: bool) -> int:
        """Return the number of a pot, a new one where there was none."""
        known = self._pots.get((holder, asset))
        return self._new(holder, asset, token) if known is None else known

    def transit(self, asset: int, *, token: bool) -> int:
        """Return a new pot of its own for a crossing."""
        return self._new(-1, asset, token)

    def _new(self, holder: int, asset: int, token: bool) -> int:
        pot = len(self.holder)
        if holder >= 0:
            self._pots[holder, asset] = pot
        self.holder.append(holder)
        self.asset.append(asset)
        self.token.append(token)
        return pot


@dataclass(frozen=True)
class _Swap:
    """What an address gave and got in one transaction: assets, net amounts, the rows of each."""

    holder: int
    given: int
    got: int
    out: int
    into: int
    sold: list[int]
    bought: list[int]


def lay(rows: Rows, held: set[int], crossings: dict[int, int], *, swaps: bool) -> Laid:
    """Make moves of transfers.

    Parameters
    ----------
    held
        The addresses whose whole histories are among the rows: only their swaps are seen.
    crossings
        The row of the release by the row of its deposit.
    swaps
        Whether swaps are joined.
    """
    laid = Laid()
    releases = set(crossings.values())
    crossing = releases | set(crossings)
    found = _swaps(rows, held, crossing) if swaps else []
    at_last = defaultdict(list)
    gives, gets = set(), set()
    for swap in found:
        at_last[max(*swap.sold, *swap.bought)].append(swap)
        for row in [*swap.sold, *swap.bought]:
            gives |= {row} if rows.sender[row] == swap.holder else set()
            gets |= {row} if rows.receiver[row] == swap.holder else set()
    waiting: dict[int, tuple[int, int]] = {}  # row of a release -> its transit, its deposit
    early = set()
    for row in range(len(rows)):
        if row in crossings:
            transit = _deposit(laid, rows, row)
            waiting[crossings[row]] = transit, row
            if crossings[row] in early:
                _release(laid, rows, crossings[row], waiting)
        elif row in releases:
            if row in waiting:
                _release(laid, rows, row, waiting)
            else:  # its deposit stands in the same moment, on another chain
                early.add(row)
        elif row not in gives or row not in gets:
            _payment(laid, rows, row, gives=row in gives, gets=row in gets)
        for swap in at_last.get(row, ()):
            _swap(laid, rows, swap)
    return laid


def _payment(laid: Laid, rows: Rows, row: int, *, gives: bool, gets: bool) -> None:
    token = rows.is_token[row]
    source = laid.pot(rows.sender[row], rows.asset[row], token=token)
    target = laid.pot(rows.receiver[row], rows.asset[row], token=token)
    amount = rows.amount[row]
    laid.moves.append(
        Move(
            Kind.PAYMENT,
            source,
            target,
            amount,
            amount,
            row,
            row,
            usd=rows.usd[row],
            source_shut=gives,
            target_shut=gets,
        )
    )


def _swap(laid: Laid, rows: Rows, swap: _Swap) -> None:
    sold, bought = swap.sold[-1], swap.bought[-1]
    source = laid.pot(swap.holder, swap.given, token=rows.is_token[sold])
    target = laid.pot(swap.holder, swap.got, token=rows.is_token[bought])
    laid.moves.append(
        Move(Kind.SWAP, source, target, swap.out, swap.into, sold, bought, 0, _net_usd(rows, swap))
    )


def _net_usd(rows: Rows, swap: _Swap) -> int:
    """Return what was got in dollars, else what was given, of the whole swap."""
    for side in (swap.bought, swap.sold):
        if all(rows.usd[row] >= 0 for row in side):
            signs = (1 if rows.receiver[row] == swap.holder else -1 for row in side)
            return abs(sum(s * rows.usd[row] for s, row in zip(signs, side, strict=True)))
    return -1


def _deposit(laid: Laid, rows: Rows, row: int) -> int:
    token, asset, amount = rows.is_token[row], rows.asset[row], rows.amount[row]
    transit = laid.transit(asset, token=token)
    source = laid.pot(rows.sender[row], asset, token=token)
    laid.moves.append(
        Move(Kind.DEPOSIT, source, transit, amount, amount, row, row, usd=rows.usd[row])
    )
    return transit


def _release(laid: Laid, rows: Rows, row: int, waiting: dict[int, tuple[int, int]]) -> None:
    transit, deposit = waiting[row]
    target = laid.pot(rows.receiver[row], rows.asset[row], token=rows.is_token[row])
    out, into = rows.amount[deposit], rows.amount[row]
    laid.moves.append(
        Move(Kind.RELEASE, transit, target, out, into, deposit, row, 0, rows.usd[row])
    )


def _swaps(rows: Rows, held: set[int], crossing: set[int]) -> list[_Swap]:
    """Find the swaps of some addresses, in order of transaction and address."""
    transactions: dict[int, list[int]] = defaultdict(list)
    for row, tx in enumerate(rows.tx):
        if row not in crossing:
            transactions[tx].append(row)
    found = []
    for some in transactions.values():
        if len(some) < 2:
            continue
        senders = {rows.sender[row] for row in some}
        both = senders & {rows.receiver[row] for row in some} & held
        found += [swap for who in sorted(both) if (swap := _swap_of(rows, some, who)) is not None]
    return found


def _swap_of(rows: Rows, some: list[int], who: int) -> _Swap | None:
    """Return the swap of an address in a transaction, None where it is none."""
    net: dict[int, int] = defaultdict(int)
    dollars: dict[int, int] = defaultdict(int)
    own: dict[int, list[int]] = defaultdict(list)
    for row in some:
        for party, sign in ((rows.sender[row], -1), (rows.receiver[row], 1)):
            if party == who:
                asset = rows.asset[row]
                net[asset] += sign * rows.amount[row]
                dollars[asset] += sign * max(rows.usd[row], 0)
                own[asset].append(row)
    given = [asset for asset in sorted(net) if net[asset] < 0]
    got = [asset for asset in sorted(net) if net[asset] > 0]
    if not given or not got:
        return None
    most = min(given, key=lambda asset: dollars[asset])
    best = max(got, key=lambda asset: dollars[asset])
    return _Swap(who, most, best, -net[most], net[best], own[most], own[best])
