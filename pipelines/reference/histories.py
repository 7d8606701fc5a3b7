"""From stories to histories, by the code that reads everybody's transfers.

A story becomes canonical transfers and a list of services, and `features.building` makes histories
of them. So whatever a history holds, now or later, the histories of stories hold as well, and a
signal means in its example what it means in a run.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import NamedTuple

import polars as pl

from data.assets import asset_lookup
from data.schema import TIME, conform_transfers, sort_transfers
from data.service_table import SERVICES
from data.services import Services
from data.transfers import Transfers
from features.building import build_histories
from features.history import Histories
from pipelines.reference.story import KNOWN, NOT_LICIT, Story

CHAIN = "ethereum"
FIRST_DAY = datetime(2024, 3, 4, tzinfo=UTC)
DOLLARS = {"ETH": Decimal(2_500)}
"""What a coin is worth in the stories; all others are stablecoins."""

SUBJECT = "it"
_LISTED_ON = "2024-01-01"
_LINE = re.compile(
    r"(?:(?P<day>\d+) (?P<clock>\d\d:\d\d)|\+)\s+(?P<sender>\S.*?) > (?P<receiver>\S.*?)\s{2,}"
    r"(?P<amount>[\d,]+(?:\.\d+)?) (?P<coin>\w+)(?:@(?P<chain>\w+))?"
    r"(?: by (?P<asker>\w+))?"
)


class Told(NamedTuple):
    """One transfer of a story.

    `transaction` counts from 0; `dollars` is what it was worth; `asker` asked for it.
    """

    moment: datetime
    transaction: int
    sender: str
    receiver: str
    amount: Decimal
    coin: str
    chain: str
    dollars: Decimal
    asker: str

    @property
    def is_own(self) -> bool:
        """Whether it belongs to the story's history."""
        return SUBJECT in (self.sender, self.receiver) and self.chain == CHAIN


@dataclass(frozen=True)
class ToldHistories:
    """The histories of some stories, in their order, with the transfers that they were made of.

    Attributes
    ----------
    histories
        One for each story: that of the address that it is about.
    transfers
        For each story, the transfers of its history, in the history's order.
    others, their_rows
        For each story, what passed between others or on other chains; the rows of these in the
        table of all transfers.
    as_of
        For each story, the moment of scoring.
    """

    histories: Histories
    transfers: tuple[tuple[Told, ...], ...]
    others: tuple[tuple[Told, ...], ...]
    their_rows: tuple[tuple[int, ...], ...]
    as_of: tuple[datetime, ...]


def tell(stories: tuple[Story, ...]) -> ToldHistories:
    """Build the histories of stories.

    Raises
    ------
    ValueError
        A line of a story cannot be read.
    """
    told = [read(story) for story in stories]
    moments = [t[-1].moment + timedelta(days=s.rests) for s, t in zip(stories, told, strict=True)]
    table = _table(stories, told)
    asked = pl.DataFrame(
        {
            "chain": [CHAIN] * len(stories),
            "address": [_address(story, SUBJECT) for story in stories],
            "as_of": pl.Series(moments, dtype=TIME),
        }
    )
    histories = build_histories(
        _Invented.of(table),
        asked,
        as_of=max(moments),
        services=_services(stories, told),
        neighbours=True,
        network=True,
    )
    every = [transfer for story in told for transfer in story]
    number = table["number"].to_list()
    own = [tuple(every[number[row]] for row in histories.rows_of(i)) for i in range(len(stories))]
    row_of = dict(zip(number, range(len(number)), strict=True))
    numbered = pairwise(accumulate((len(story) for story in told), initial=0))
    beyond = [[n for n in range(*ends) if not every[n].is_own] for ends in numbered]
    return ToldHistories(
        histories,
        transfers=tuple(own),
        others=tuple(tuple(every[n] for n in numbers) for numbers in beyond),
        their_rows=tuple(tuple(row_of[n] for n in numbers) for numbers in beyond),
        as_of=tuple(moments),
    )


def read(story: Story) -> list[Told]:
    """Read a story's lines.

    >>> from pipelines.reference.stories import STORIES
    >>> first = read(STORIES[0])[0]
    >>> first.sender, first.receiver, first.amount, f"{first.moment:%d %B %H:%M}"
    ('A', 'it', Decimal('1200'), '04 March 09:12')
    """
    found: list[Told] = []
    for line in story.transfers.strip().splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None or (match["day"] is None and not found):
            raise ValueError(f"No line of a story ({story.name}): {line.strip()!r}.")
        if match["day"] is None:
            moment, transaction = found[-1].moment, found[-1].transaction
        else:
            hours, minutes = map(int, match["clock"].split(":"))
            days = int(match["day"]) - 1
            moment = FIRST_DAY + timedelta(days=days, hours=hours, minutes=minutes)
            transaction = found[-1].transaction + 1 if found else 0
            if found and moment < found[-1].moment:
                raise ValueError(f"A story runs forward ({story.name}): {line.strip()!r}.")
        amount = Decimal(match["amount"].replace(",", ""))
        dollars = amount * DOLLARS.get(match["coin"], Decimal(1))
        for sender in _everybody(match["sender"]):
            for receiver in _everybody(match["receiver"]):
                paid = amount, match["coin"], match["chain"] or CHAIN, dollars
                asker = match["asker"] or sender
                found.append(Told(moment, transaction, sender, receiver, *paid, asker))
                transaction += 1
    return found


def known_as(name: str) -> str | None:
    """Return as what a list of services knows a name of a story; None for the unknown."""
    return KNOWN.get(name.split(maxsplit=1)[0])


def _everybody(names: str) -> list[str]:
    """Return the names that are meant: ``P1..P3`` are three."""
    several = re.fullmatch(r"(\D+)(\d+)\.\.\1(\d+)", names)
    if several is None:
        return [names]
    return [f"{several[1]}{k}" for k in range(int(several[2]), int(several[3]) + 1)]


class _Invented(Transfers):
    """Transfers that lie in memory instead of in files."""

    _frame: pl.DataFrame

    @classmethod
    def of(cls, frame: pl.DataFrame) -> _Invented:
        made = cls(
            files=(),
            sidecar=None,
            as_of=None,
            synthetic=True,
            trusted=False,
            assume_complete=True,
            recorded={},
        )
        object.__setattr__(made, "_frame", frame)
        return made

    def scan(self) -> pl.LazyFrame:
        """Scan the canonical columns, with ``row`` numbering the rows."""
        return conform_transfers(self._frame).with_row_index("row")


def _table(stories: tuple[Story, ...], told: list[list[Told]]) -> pl.DataFrame:
    """Write stories as canonical transfers, each with its number among all of them."""
    known = {(row["chain"], row["symbol"]): row for row in asset_lookup().iter_rows(named=True)}
    rows: list[dict[str, object]] = []
    for story, transfers in zip(stories, told, strict=True):
        for place, transfer in enumerate(transfers):
            coin = known[transfer.chain, transfer.coin]
            asset, decimals = coin["asset"], coin["decimals"]
            rows.append(
                {
                    "chain": transfer.chain,
                    "block_time": transfer.moment,
                    "block_number": int(transfer.moment.timestamp()) // 12,
                    "tx_index": transfer.transaction,
                    "tx_id": _digest(f"{story.name} {transfer.transaction}", 64),
                    "log_index": place,
                    "kind": "native" if asset == "native" else "token",
                    "sender": _address(story, transfer.sender),
                    "receiver": _address(story, transfer.receiver),
                    "asset": asset,
                    "amount_raw": str(int(transfer.amount.scaleb(decimals))),
                    "usd_micros": int(transfer.dollars.scaleb(6)),
                    "initiator": _address(story, transfer.asker),
                    "number": len(rows),
                }
            )
    return sort_transfers(pl.DataFrame(rows, schema_overrides={"block_time": TIME}))


def _services(stories: tuple[Story, ...], told: list[list[Told]]) -> Services:
    named = {
        (transfer.chain, _address(story, name), name)
        for story, transfers in zip(stories, told, strict=True)
        for transfer in transfers
        for name in (transfer.sender, transfer.receiver)
        if known_as(name) is not None
    }
    # Every story has a list in force, whether or not it meets anybody on it.
    named |= {(CHAIN, _address(story, "exchange"), "exchange") for story in stories}
    rows = [
        {
            "chain": chain,
            "address": address,
            "name": name,
            "category": known_as(name),
            "licit": known_as(name) not in NOT_LICIT,
            "date": _LISTED_ON,
        }
        for chain, address, name in named
    ]
    table = pl.DataFrame(rows, schema=SERVICES).sort("chain", "address")
    return Services(table)


def _address(story: Story, name: str) -> str:
    return _digest(f"{story.name}, {name}", 40)


def _digest(text: str, digits: int) -> str:
    return "0x" + hashlib.sha256(text.encode()).hexdigest()[:digits]
