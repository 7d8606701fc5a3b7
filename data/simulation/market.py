"""What is traded: the assets of the two chains, invented prices of the native coins, routers.

Contracts are the real ones of `data/registry/assets.csv`; prices are a made-up random walk.
Each chain has four assets: its native coin, USDT, USDC and a third dollar coin (DAI on Ethereum,
USDD on Tron).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from data.assets import asset_registry
from data.simulation.identities import CHAINS, node_number

PER_CHAIN = 4
NATIVE, USDT, USDC, THIRD = range(PER_CHAIN)
COUNTERFEIT, UNLISTED = 8, 10
"""Codes of worthless tokens on the first chain; one more on the second."""

_SYMBOLS = (("ETH", "USDT", "USDC", "DAI"), ("TRX", "USDT", "USDC", "USDD"))
_USUAL = (0.10, 0.68, 0.12, 0.10)
_FIRST_PRICE_MICROS = (2_600_000_000, 140_000)
_NATIVE_DECIMALS_KEPT = 6
_ROUTER_UNIT = 900
ROUTERS = 3


@dataclass(frozen=True)
class Asset:
    """An asset as the ledger writes it: contract address (or ``native``) and decimals."""

    address: str
    decimals: int


def assets() -> list[Asset]:
    """Return the assets by code: four of each chain, then the worthless ones.

    The newest listed contract is taken where one symbol has several (USDD was redeployed).
    """
    registry = asset_registry()
    found = []
    for chain, symbols in zip(CHAINS, _SYMBOLS, strict=True):
        for symbol in symbols:
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


def is_native(codes: np.ndarray) -> np.ndarray:
    """Say which codes are native coins."""
    return (codes == 0) | (codes == PER_CHAIN)


def usual_asset(rng: np.random.Generator, chain: int) -> int:
    """Draw an actor's usual asset; the shares are the same on both chains and for all roles."""
    return asset_code(chain, int(np.searchsorted(np.cumsum(_USUAL), rng.random())))


def other_asset(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    """Draw, for each asset, another one of the same chain to swap into."""
    kinds = (codes % PER_CHAIN + rng.integers(1, PER_CHAIN, len(codes))) % PER_CHAIN
    return ((codes // PER_CHAIN) * PER_CHAIN + kinds).astype(np.int8)


def router(chain: int, number: int) -> int:
    """Return the node of one of the chain's swap routers."""
    return node_number(_ROUTER_UNIT + number, 0, chain)


def daily_prices(seed: int, days: int) -> np.ndarray:
    """Return invented closing prices: shape (2 chains, days + 1), whole micro-dollars a coin."""
    rng = np.random.default_rng([seed, 4])
    steps = rng.normal(0, 0.025, (len(CHAINS), days + 1))
    start = np.array(_FIRST_PRICE_MICROS)[:, None]
    return np.rint(start * np.exp(np.cumsum(steps, axis=1))).astype(np.int64)


def native_units(micros: np.ndarray, price_micros: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn dollars into millionths of a native coin, and back into the dollars these are worth.

    Returns
    -------
    units, micros
        int64 each; the second is the exact valuation of the first at the day's price.
    """
    scale = 10**_NATIVE_DECIMALS_KEPT
    units = np.floor(micros / price_micros * scale).astype(np.int64)
    return units, np.rint(units * (price_micros / scale)).astype(np.int64)
