"""What is traded and where: the assets of the chains, invented prices, and public contracts.

Token contracts are the real ones of `data/registry/assets.csv`; prices are a made-up random walk.
Each chain has four assets: its native coin, USDT, USDC and a third dollar coin (USDD on Tron, DAI
elsewhere). The contracts everybody deals with (routers, bridges, lending pools, ...) are invented
and the same for the whole world, so that innocents and criminals meet in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from data.assets import asset_registry
from data.simulation.identities import CHAINS, TRON, node_number

MICROS = 1_000_000
"""Micro-dollars in a dollar."""

PER_CHAIN = 4
NATIVE, USDT, USDC, THIRD = range(PER_CHAIN)
COUNTERFEIT = PER_CHAIN * len(CHAINS)
"""Code of the first worthless token; each chain has a counterfeit dollar and an unlisted token."""

_THIRD = tuple("USDD" if chain == TRON else "DAI" for chain in range(len(CHAINS)))
_NATIVE = ("ETH", "TRX", "BNB", "ETH")
_USUAL = ((0.45, 0.37, 0.12, 0.06), (0.08, 0.86, 0.03, 0.03), (0.35, 0.52, 0.09, 0.04),
          (0.45, 0.22, 0.28, 0.05))  # fmt: skip
"""Shares of an actor's usual asset on each chain (assumed; USDT is most of the volume: UNODC 2024,
Griffin & Mei). The same for every role."""

CHAIN_SHARES = (0.40, 0.34, 0.17, 0.09)
"""Shares of units on each chain (assumed). The same for every role."""

_COINS = (0, 1, 2, 0)
_FIRST_PRICE_MICROS = (2_600_000_000, 140_000, 560_000_000)
_DECIMALS_KEPT = (6, 4, 6, 6)
"""Decimals of a native payment that are written; a unit is worth several micro-dollars."""

_PLACES = {
    "dex_router": (900, 3),
    "bridge": (910, 2),
    "lending_pool": (920, 2),
    "liquidity_pool": (930, 3),
    "nft_market": (940, 2),
    "mixer": (950, 1),
    "guarantee_marketplace": (960, 2),
    "gambling_site": (970, 2),
}
"""Public contracts and service wallets of each chain: first unit number, and how many there are."""


@dataclass(frozen=True)
class Asset:
    """An asset as the ledger writes it: contract address (or ``native``) and decimals."""

    address: str
    decimals: int


def assets() -> list[Asset]:
    """Return the assets by code: four of each chain.

    The newest listed contract is taken where one symbol has several (USDD was redeployed).
    """
    registry = asset_registry()
    found = []
    for chain, native, third in zip(CHAINS, _NATIVE, _THIRD, strict=True):
        for symbol in (native, "USDT", "USDC", third):
            row = registry.filter(
                (pl.col("chain") == chain)
                & (pl.col("symbol") == symbol)
                & ~pl.col("name").str.contains(r"\(old\)")
            ).row(0, named=True)
            found.append(Asset(row["address"], row["decimals"]))
    return found


def asset_code(chain: int, kind: int) -> int:
    """Return the code of an asset kind (`NATIVE`, `USDT`, `USDC`, `THIRD`) on a chain."""
    return chain * PER_CHAIN + kind


def worthless(chain: int, kind: int) -> int:
    """Return the code of a chain's counterfeit dollar (0) or unlisted token (1)."""
    return COUNTERFEIT + 2 * chain + kind


def is_native(codes: np.ndarray) -> np.ndarray:
    """Say which codes are native coins."""
    return (codes % PER_CHAIN == NATIVE) & (codes < COUNTERFEIT)


def freezable(codes: np.ndarray) -> np.ndarray:
    """Say which codes are coins that an issuer can freeze (USDT and USDC)."""
    kind = codes % PER_CHAIN
    return (codes < COUNTERFEIT) & ((kind == USDT) | (kind == USDC))


def usual_asset(rng: np.random.Generator, chain: int) -> int:
    """Draw an actor's usual asset; the shares are the same for all roles."""
    return asset_code(chain, int(np.searchsorted(np.cumsum(_USUAL[chain]), rng.random())))


def other_asset(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    """Draw, for each asset, another one of the same chain to swap into."""
    kinds = (codes % PER_CHAIN + rng.integers(1, PER_CHAIN, len(codes))) % PER_CHAIN
    return ((codes // PER_CHAIN) * PER_CHAIN + kinds).astype(np.int8)


def place(kind: str, chain: int, number: int = 0) -> int:
    """Return the node of a public contract or service wallet.

    Parameters
    ----------
    kind
        A key of `places`.
    number
        Which of the chain's places of that kind; counted round.

    >>> place("bridge", 0, 1) != place("bridge", 0) == place("bridge", 0, 2)
    True
    """
    unit, count = _PLACES[kind]
    return node_number(unit + number % count, 0, chain)


def places(kind: str, chain: int) -> np.ndarray:
    """Return the nodes of all places of a kind on a chain."""
    return np.array([place(kind, chain, n) for n in range(_PLACES[kind][1])], dtype=np.int64)


def kinds_of_places() -> tuple[str, ...]:
    """Return the kinds of public contracts and service wallets."""
    return tuple(_PLACES)


def daily_prices(seed: int, days: int) -> np.ndarray:
    """Return invented closing prices: shape (chains, days + 1), whole micro-dollars a coin."""
    rng = np.random.default_rng([seed, 4])
    steps = rng.normal(0, 0.025, (len(_FIRST_PRICE_MICROS), days + 1))
    start = np.array(_FIRST_PRICE_MICROS)[:, None]
    coins = np.rint(start * np.exp(np.cumsum(steps, axis=1))).astype(np.int64)
    return coins[list(_COINS)]


def decimals_kept(chain: np.ndarray) -> np.ndarray:
    """Return, for each chain, how many decimals of a native payment are written."""
    return np.array(_DECIMALS_KEPT)[chain]


def price_table(seed: int, days: int, start: date) -> pl.DataFrame:
    """Return the prices as `ingest --prices` reads them: chain, asset, date, usd."""
    prices = daily_prices(seed, days)
    return pl.concat(
        pl.DataFrame(
            {
                "chain": [chain] * (days + 1),
                "asset": ["native"] * (days + 1),
                "date": [(start + timedelta(days=d)).isoformat() for d in range(days + 1)],
                "usd": [f"{p // MICROS}.{p % MICROS:06d}" for p in row.tolist()],
            }
        )
        for chain, row in zip(CHAINS, prices, strict=True)
    )


def native_units(
    micros: np.ndarray, price_micros: np.ndarray, chain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turn dollars into small units of a native coin, and back into the dollars these are worth.

    Returns
    -------
    units, micros
        int64 each; the second is the exact valuation of the first at the day's price, as
        `data.valuation` does it.
    """
    scale = 10 ** decimals_kept(chain)
    units = _scaled(micros.astype(np.int64), scale, price_micros)
    return units, _scaled(units, price_micros, scale)


def _scaled(value: np.ndarray, times: np.ndarray | int, by: np.ndarray | int) -> np.ndarray:
    """Return ``value * times // by`` of int64 without the product, which large sums overflow.

    >>> int(_scaled(np.array([9 * 10**15]), 10**6, 2_600_000_000)[0]) == 9 * 10**21 // 2_600_000_000
    True
    """
    whole, rest = np.divmod(value, by)
    return whole * times + rest * times // by


def round_coins(
    micros: np.ndarray, price_micros: np.ndarray, chain: int, digits: np.ndarray
) -> np.ndarray:
    """Round native payments to so many leading digits of the coin, as people type them.

    Parameters
    ----------
    micros, price_micros
        Value, and the price of a coin at the time.
    digits
        Leading digits to keep; 0 leaves a payment as it is.

    Returns
    -------
    numpy.ndarray
        The value of the rounded payments: the least that `native_units` turns into that number.

    >>> round_coins(np.array([2_600_000_000 * 0.1234]), np.array([2_600_000_000]), 0, np.array([1]))
    array([2.6e+08])
    """
    scale = 10.0 ** _DECIMALS_KEPT[chain]
    units = np.maximum(micros / price_micros * scale, 1.0)
    step = np.maximum(10.0 ** (np.floor(np.log10(units)) - digits + 1), 1.0)
    typed = np.ceil(np.maximum(np.round(units / step), 1) * step * price_micros / scale)
    return np.where(digits > 0, typed, micros)


def coins_at(micros: np.ndarray, then: np.ndarray, now: np.ndarray, chain: int) -> np.ndarray:
    """Return at the price `now` the coins that `native_units` writes for `micros` then.

    Prices in micro-dollars a coin; the result is rounded down.

    >>> coins_at(np.array([260_000_000]), np.array([2_600_000_000]), np.array([10**9]), 0)
    array([100000000])
    """
    scale = 10 ** _DECIMALS_KEPT[chain]
    return _scaled(_scaled(micros.astype(np.int64), scale, then), now, scale)


def same_coins(micros: np.ndarray, then: np.ndarray, now: np.ndarray, chain: int) -> np.ndarray:
    """Return what as many native coins are worth now as were worth `micros` then.

    Prices in micro-dollars a coin. `native_units` turns the result into the same number of units.

    >>> same_coins(np.array([260_000_000]), np.array([2_600_000_000]), np.array([10**9]), 0)
    array([100000000])
    """
    scale = 10 ** _DECIMALS_KEPT[chain]
    return -_scaled(-_scaled(micros.astype(np.int64), scale, then), now, scale)
