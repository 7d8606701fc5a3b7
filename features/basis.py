"""The value basis: in what unit a run measures transfers.

* ``usd`` – dollars; rows without a trusted price are left out;
* ``native`` – the chain's own coin (gwei, sun, satoshi); tokens are left out;
* ``relative`` – multiples of the history's own median amount, so that neither price nor wealth
  enters. Amounts of different assets cannot be compared without prices, so each value class
  (all stablecoins together, in dollars; every other asset by itself) is divided by its own median
  amount inside the cut.

Values are whole numbers of a small unit (micro-dollars, gwei, millionths of a median), because
integer sums do not depend on their order.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from data.addresses import CHAINS, chain_family
from features.compilation import kernel
from features.history import STABLECOIN
from features.numeric import longest_history, median_in_place
from features.working import carved

BASES = ("usd", "native", "relative")

USD_UNITS = 1_000_000
RELATIVE_UNITS = 1_000_000
"""Fixed-point units in one dollar, and in one median."""

_LARGEST_RELATIVE = 2.0**53

_BASE_UNITS = {"evm": 10**9, "tron": 1, "bitcoin": 1, "generic": 1}
"""Base units in one fixed-point unit of the native basis: a gwei is 10^9 wei."""

_NATIVE_UNITS = {"evm": 10**9, "tron": 10**6, "bitcoin": 10**8, "generic": 1}
"""Fixed-point units in one whole coin."""


def exact_amount(basis: str) -> pl.Expr:
    """Return the amount of a transfer, int64, null where the basis gives it none.

    For ``usd`` (reads ``usd_micros``) and ``native`` (reads ``chain``, ``kind``, ``amount_raw``).
    """
    if basis == "usd":
        return pl.col("usd_micros")
    if basis == "native":
        per_unit = {chain: _BASE_UNITS[chain_family(chain)] for chain in CHAINS}
        coins = pl.col("amount_raw").cast(pl.Int128, strict=False) // pl.col(
            "chain"
        ).replace_strict(per_unit, default=1, return_dtype=pl.Int128)
        own = pl.col("kind").is_in(["native", "internal"])
        return pl.when(own).then(coins.cast(pl.Int64, strict=False))
    raise ValueError(f"The basis must be one of {', '.join(BASES)}. Got {basis!r}.")


def unscaled_amount(raw: pl.Series, usd_micros: pl.Series, stablecoin: pl.Series) -> pl.Series:
    """Return what ``relative`` divides by its median: float64 dollars of stablecoins, else units.

    A stablecoin without a dollar value counts by its own units, as every other asset does.
    """
    return (
        pl.DataFrame({"raw": raw, "usd": usd_micros, "stable": stablecoin})
        .select(
            pl.when(pl.col("stable") & pl.col("usd").is_not_null())
            .then(pl.col("usd").cast(pl.Float64))
            .otherwise(pl.col("raw").cast(pl.Float64))
        )
        .to_series()
    )


def scales(basis: str, chain: pl.Series) -> np.ndarray:
    """Return, per history, the fixed-point units in one dollar, coin or median (float64)."""
    if basis == "native":
        whole = {c: float(_NATIVE_UNITS[chain_family(c)]) for c in CHAINS}
        units = chain.replace_strict(whole, default=1.0, return_dtype=pl.Float64)
        return np.array(units.to_numpy())
    return np.full(len(chain), float(USD_UNITS if basis == "usd" else RELATIVE_UNITS))


@kernel
def relative_values(
    offsets: np.ndarray,
    amount: np.ndarray,
    asset: np.ndarray,
    asset_kind: np.ndarray,
    value: np.ndarray,
    room: np.ndarray,
) -> None:  # pragma: no cover (compiled)
    """Divide each history's amounts by the median of their value class, in fixed point.

    Amounts are positive. A ratio that rounds to nothing becomes one unit: the transfer happened.
    `room` as in `features.working`.
    """
    classes = len(asset_kind) + 1  # each asset by itself, and all stablecoins
    alike, _ = carved(room, longest_history(offsets, 0, len(offsets) - 1), np.float64)
    met, end = np.empty(classes, np.int64), np.empty(classes, np.int64)
    held, middle = np.zeros(classes, np.int64), np.empty(classes)
    for i in range(len(offsets) - 1):
        n_met = 0
        for j in range(offsets[i], offsets[i + 1]):
            c = _value_class(asset[j], asset_kind)
            if held[c] == 0:
                met[n_met] = c
                n_met += 1
            held[c] += 1
        start = 0
        for c in met[:n_met]:
            end[c] = start
            start += held[c]
        for j in range(offsets[i], offsets[i + 1]):
            c = _value_class(asset[j], asset_kind)
            alike[end[c]] = amount[j]
            end[c] += 1
        for c in met[:n_met]:
            middle[c] = median_in_place(alike[end[c] - held[c] : end[c]])
            held[c] = 0
        for j in range(offsets[i], offsets[i + 1]):
            typical = middle[_value_class(asset[j], asset_kind)]
            ratio = min(amount[j] / typical * RELATIVE_UNITS, _LARGEST_RELATIVE)
            value[j] = max(np.int64(1), np.int64(np.rint(ratio)))


@kernel
def _value_class(asset: int, asset_kind: np.ndarray) -> int:  # pragma: no cover (compiled)
    return len(asset_kind) if asset_kind[asset] & STABLECOIN else asset
