"""Histories to test signals with: drawn by Hypothesis, written by hand, or large and random.

Assets live on two chains: USDT stands on both as two contracts of one coin, beside a stablecoin
that nobody can freeze, a native coin and an unpriced token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import strategies as st

from features.history import (
    BRIDGES,
    DAY,
    EVERYBODY,
    EXCHANGES,
    FREEZABLE,
    HOUR,
    ILLICIT,
    LISTED,
    MARKETPLACES,
    MICROSECONDS,
    MINUTE,
    NATIVE,
    STABLECOIN,
    Columns,
    Crossing,
    Crossings,
    History,
    party_of,
)
from features.neighbours import (
    ASKED_FOR,
    DRAINED,
    KNOWN,
    MOST,
    NONE,
    SUMMED,
    TAKEN_BY_OTHERS,
    TYPES,
    WHOLE,
    Neighbours,
    unknown,
)
from features.reach import REACHED

USDT, USDC, DAI, COIN, USDT_ELSEWHERE, TOKEN = range(6)
ASSET_KIND = np.array(
    [
        STABLECOIN | FREEZABLE,
        STABLECOIN | FREEZABLE,
        STABLECOIN,
        NATIVE,
        STABLECOIN | FREEZABLE,
        0,
    ],
    dtype=np.uint8,
)
ASSET_GROUP = np.array([0, 1, 2, 3, 0, 4], dtype=np.int32)

PARTIES = np.array(
    [0, 0, 0, *map(party_of, ("exchange_hot", "exchange_deposit", "bridge", "dex_router")),
     *(party_of(kind) | LISTED for kind in ("mixer", "guarantee_marketplace", "issuer_blocked"))],
    dtype=np.uint8,
)  # fmt: skip
"""What a registry says of counterparties, by the place of their code; most are unknown."""

KNOWN_KINDS = (EVERYBODY, EXCHANGES, EVERYBODY, BRIDGES, EVERYBODY, ILLICIT | MARKETPLACES, 0)
"""Of what a registry knows some on a history's chain; mostly of everything."""

START = 1_700_000_000 * MICROSECONDS

NO_CROSSING = Crossing(
    np.empty(0, np.float32), np.empty(0, np.float32), np.empty(0, np.bool_), np.empty(0, np.int64)
)

EVENT_ARRAYS = ("time", "value", "incoming", "counterparty", "asset", "tx", "two_sided", "party")
DTYPES: dict[str, type] = {
    "time": np.int64,
    "value": np.int64,
    "incoming": np.bool_,
    "counterparty": np.int32,
}
DTYPES |= {"asset": np.int32, "tx": np.int32, "two_sided": np.bool_, "party": np.uint8}


def drawn_neighbours(n: int, seed: int) -> Neighbours:
    """Return neighbours of all sorts, extremes among them."""
    random = np.random.default_rng(seed)
    flags = random.choice([0, KNOWN, KNOWN | SUMMED, KNOWN | SUMMED | DRAINED, SUMMED | DRAINED], n)
    flags |= random.choice([0, ASKED_FOR, ASKED_FOR | TAKEN_BY_OTHERS], n)
    age = random.choice([0, 3600, 30 * 86_400 - 1, 30 * 86_400, 2**31 - 1], n)
    counts = (random.choice([0, 1, 2, 3, 9, 10, 11, MOST], n) for _ in range(3))
    shares = (random.choice([0, 1, 5_000, 7_999, 8_000, WHOLE, NONE], n) for _ in range(3))
    funded = random.choice([0, 1, 40, MOST], n)
    exposures = (random.choice([0, 1, 4_999, 5_000, WHOLE], n) for _ in range(5))
    held = [random.integers(0, kind.limit, n) << kind.shift for kind in REACHED]
    reach = np.sum(held, axis=0)
    arrays = (flags, age, *counts, *shares, funded, *exposures, reach)
    return Neighbours(*(a.astype(kind) for a, kind in zip(arrays, TYPES, strict=True)))


def history(
    *transfers: tuple[int, str, int, int],
    asset: int | Sequence[int] = USDT,
    two_sided: bool = True,
    party: int | Sequence[int] = 0,
    registry: int = EVERYBODY,
    scale: float = 1.0,
    crossed: Crossing | None = None,
) -> History:
    """Return the history of ``(moment after START, "in" or "out", counterparty, value)``."""
    n = len(transfers)
    time = np.array([START + t for t, *_ in transfers], dtype=np.int64)
    return History(
        time=time,
        value=np.array([v for *_, v in transfers], dtype=np.int64),
        incoming=np.array([way == "in" for _, way, *_ in transfers], dtype=np.bool_),
        counterparty=np.array([c for _, _, c, _ in transfers], dtype=np.int32),
        asset=np.broadcast_to(np.asarray(asset, dtype=np.int32), n).copy(),
        tx=np.arange(n, dtype=np.int32),
        two_sided=np.full(n, two_sided, dtype=np.bool_),
        party=np.broadcast_to(np.asarray(party, dtype=np.uint8), n).copy(),
        neighbours=unknown(n),
        as_of=int(time[-1] if n else START) + DAY,
        scale=scale,
        registry=registry,
        asset_kind=ASSET_KIND,
        asset_group=ASSET_GROUP,
        crossing=crossing(n) if crossed is None else crossed,
    )


def crossing(n: int, **legs: Mapping[int, float | bool]) -> Crossing:
    """Return the crossings of n transfers: ``matched``, ``best``, ``low_fee`` and ``other`` by row.

    Rows named in ``matched`` have settled; the others are no legs.
    """
    empty = (np.nan, np.float32), (np.nan, np.float32), (False, np.bool_), (-1, np.int64)
    entries = Crossing(*(np.full(n, value, kind) for value, kind in empty))
    for name, by_row in legs.items():
        for row, value in by_row.items():
            getattr(entries, name)[row] = value
    return entries


def columns_of(histories: Sequence[History]) -> Columns:
    """Lay histories end to end, as kernels read them."""
    lengths = [len(h) for h in histories]
    arrays: dict[str, np.ndarray] = {
        name: np.concatenate(
            [np.empty(0, DTYPES[name]), *(getattr(h, name) for h in histories)], dtype=DTYPES[name]
        )
        for name in EVENT_ARRAYS
    }
    met = [np.concatenate([np.empty(0, kind), *(h.neighbours[k] for h in histories)], dtype=kind)
           for k, kind in enumerate(TYPES)]  # fmt: skip
    return Columns(
        neighbours=Neighbours(*met),
        offsets=np.array([0, *np.cumsum(lengths, dtype=np.int64)], dtype=np.int64),
        as_of=np.array([h.as_of for h in histories], dtype=np.int64),
        scale=np.array([h.scale for h in histories], dtype=np.float64),
        registry=np.array([h.registry for h in histories], dtype=np.uint8),
        asset_kind=ASSET_KIND,
        asset_group=ASSET_GROUP,
        crossings=crossings_of(histories),
        **arrays,
    )


def crossings_of(histories: Sequence[History]) -> Crossings:
    """Return the settled legs of histories that lie end to end."""
    parts = zip(NO_CROSSING, *(h.crossing for h in histories), strict=True)
    whole = (np.concatenate(part) for part in parts)
    entries = Crossing(*whole)
    at = np.flatnonzero(~np.isnan(entries.matched))
    return Crossings(at, entries.matched[at], entries.best[at], entries.low_fee[at])


# Gaps at, just below and far from the edges of the windows in use.
GAPS = [
    0, 1, MICROSECONDS, MINUTE, 10 * MINUTE - 1, 10 * MINUTE, HOUR - 1, HOUR, 5 * HOUR, DAY - 1,
    DAY, 3 * DAY - 1, 3 * DAY, 7 * DAY, 30 * DAY, 100 * DAY,
]  # fmt: skip
# Round sums, near-equal sums (a commission apart), small change and arbitrary amounts.
VALUES = [1, 19, 20, 49, 50, 95 * 10**6, 98 * 10**6, 100 * 10**6, 10**9, 9_950_000_000, 10**10]


@st.composite
def histories(
    draw: st.DrawFn, *, min_size: int = 0, max_size: int = 40, ties: bool = True
) -> History:
    """Draw a history.

    With `ties` transfers share moments, transactions and amounts freely; without, every moment,
    amount and transaction is another.
    """
    n = draw(st.integers(min_size, max_size))

    def each(of: st.SearchStrategy) -> list:
        return draw(st.lists(of, min_size=n, max_size=n))

    gaps = each(st.sampled_from(GAPS) if ties else st.integers(1, 2 * DAY))
    amounts = st.sampled_from(VALUES) | st.integers(1, 10**12)
    values = (
        each(amounts)
        if ties
        else draw(st.lists(st.integers(1, 10**12), min_size=n, max_size=n, unique=True))
    )
    pool = draw(st.sampled_from([1, 2, 4, 40]))
    assets = draw(st.sampled_from([[USDT], [COIN], [USDT, DAI], list(range(6))]))
    asset = np.array(each(st.sampled_from(assets)), dtype=np.int32)
    coins, tokens = draw(st.booleans()) or n % 2 == 0, draw(st.booleans()) or n % 3 == 0
    time = START + np.cumsum(np.array(gaps, dtype=np.int64))
    joined = np.array(each(st.booleans()), dtype=bool) & (np.array(gaps, dtype=np.int64) == 0)
    other = np.array(each(st.integers(1, pool)), dtype=np.int32)
    party = PARTIES[(other + n) % len(PARTIES)]
    return History(
        time=time,
        value=np.array(values, dtype=np.int64),
        incoming=np.array(each(st.booleans()), dtype=np.bool_),
        counterparty=other * 7_919 - 10_000,
        asset=asset,
        tx=np.cumsum(~joined, dtype=np.int32),
        two_sided=np.where(asset == COIN, coins, tokens),
        party=party,
        neighbours=drawn_neighbours(n, draw(st.integers(0, 2**16))),
        registry=KNOWN_KINDS[n % len(KNOWN_KINDS)],
        as_of=int(time[-1] if n else START) + draw(st.sampled_from([1, HOUR, 40 * DAY])),
        scale=draw(st.sampled_from([1.0, 1e6])),
        asset_kind=ASSET_KIND,
        asset_group=ASSET_GROUP,
        crossing=some_crossings(party, draw(st.randoms(use_true_random=False))),
    )


def some_crossings(party: np.ndarray, random: Random) -> Crossing:
    """Settle most of the transfers over bridges: unmatched, ambiguous or one-to-one."""
    entries = crossing(len(party))
    for row in np.flatnonzero(party == party_of("bridge")):
        if random.random() < 0.2:
            continue
        matched = random.choice([0.0, 0.5, random.random(), 0.999])
        best = random.choice([matched, matched * random.random()])
        low, other = random.random() < 0.5, random.randrange(1000) if best else -1
        for entry, value in zip(entries, (matched, best, low and best > 0, other), strict=True):
            entry[row] = value
    return entries


def hub(n: int, parties: int, seed: int = 0) -> History:
    """Return a busy address: n transfers, a third of them sharing a moment with the one before."""
    random = np.random.default_rng(seed)
    asset = random.integers(0, 6, n).astype(np.int32)
    time = START + np.cumsum(np.where(random.random(n) < 1 / 3, 0, random.integers(1, HOUR, n)))
    who = random.integers(0, parties, n)
    party = PARTIES[who % len(PARTIES)]
    return replace(
        history(),
        time=time,
        value=np.ceil(random.lognormal(18, 2, n)).astype(np.int64),
        incoming=random.random(n) < 0.5,
        counterparty=random.integers(-(2**31), 2**31, parties, np.int32)[who],
        party=party,
        neighbours=drawn_neighbours(n, seed),
        crossing=some_crossings(party, Random(seed)),
        asset=asset,
        tx=np.arange(n, dtype=np.int32) // 2,
        two_sided=asset != TOKEN,
        as_of=int(time[-1]) + DAY,
    )
