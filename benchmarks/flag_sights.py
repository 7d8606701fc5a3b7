"""Wallets beside ordinary accounts that were measured alike, so that unusual means something.

Two populations say what is ordinary:

* **real normals**: the normal Ethereum accounts (calibration part), native coin alone, amounts
  relative to each history's own median. They judge every signal that at least a hundred of them
  have: what counts people, times and shares, whatever the coin.
* **synthetic ordinary accounts**: the benign accounts of a simulated world on the wallets' chain,
  in dollars, through the legs that the wallets' exports show. They judge the rest: what compares
  dollars, and what needs tokens, which the normals never held. A synthetic world says what its
  makers hold for ordinary; believe these rows less. The services that they pay are known to them
  from the start, as the wallets' are: else whoever pays an exchange at all would be unusual.

Accounts with fewer than five transfers on the legs looked at are neither judged nor judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.across_seeds import services_of
from benchmarks.flag_rules import FEWEST, Citation
from benchmarks.worlds import KEY, opened
from data.services import load_services
from data.transfers import open_transfers
from features.history import Histories
from models.settings import MIN_TRANSFERS
from pipelines.engines import local

REAL, SYNTHETIC = "real normals", "synthetic ordinary accounts"


@dataclass(frozen=True)
class Sight:
    """Wallets as some legs show them, and who says what is usual there.

    Attributes
    ----------
    population
        `REAL` or `SYNTHETIC`.
    store
        The wallets' transfers.
    histories
        The wallets' histories.
    wallets, ordinary
        Signals frames; those of `wallets` are the rows of `histories`, in their order.
    cited
        The citations judged here.
    """

    population: str
    store: Path
    histories: Histories
    wallets: pl.DataFrame
    ordinary: pl.DataFrame
    cited: tuple[Citation, ...]

    def long_enough(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the wallets and the ordinary accounts with enough transfers."""
        enough = pl.col("n_transfers") >= MIN_TRANSFERS
        return self.wallets.filter(enough), self.ordinary.filter(enough)


@dataclass(frozen=True)
class Wallets:
    """A set of wallets.

    Attributes
    ----------
    name
        Whose they are.
    store, chain, addresses
        Their transfers, and who they are.
    scale_free_legs
        The legs that are compared with the real normals.
    dollar_legs
        The legs that are compared with a world's accounts.
    """

    name: str
    store: Path
    chain: str
    addresses: tuple[str, ...]
    scale_free_legs: str
    dollar_legs: str


def sights(
    wallets: Wallets, normals: pl.DataFrame, world: Path, cited: Iterable[Citation]
) -> list[Sight]:
    """Measure wallets twice: as the real normals, and as the ordinary accounts of a world.

    Parameters
    ----------
    normals
        Signals of the real normals, relative, native legs.
    world
        Folder of a simulated world.
    """
    cited = tuple(cited)
    enough = normals.filter(pl.col("n_transfers") >= MIN_TRANSFERS)
    known = {one.signal for one in cited if enough[one.signal].count() >= FEWEST}
    ours = tuple(one for one in cited if one.signal in known)
    rest = tuple(one for one in cited if one.signal not in known)
    real = _measured(wallets, "relative", wallets.scale_free_legs)
    dollars = _measured(wallets, "usd", wallets.dollar_legs)
    ordinary = _ordinary(world, wallets.chain, wallets.dollar_legs)
    return [
        Sight(REAL, wallets.store, real.histories, real.signals, normals, ours),
        Sight(SYNTHETIC, wallets.store, dollars.histories, dollars.signals, ordinary, rest),
    ]


def _measured(wallets: Wallets, basis: str, legs: str) -> local.Measured:
    transfers = open_transfers(wallets.store)
    assert transfers.as_of is not None
    asked = pl.DataFrame({"address": wallets.addresses}).select(
        pl.lit(wallets.chain).alias("chain"), "address"
    )
    return local.measure(
        transfers,
        asked,
        as_of=transfers.as_of,
        basis=basis,
        legs=legs.split(","),
        services=load_services(),
    )


def _ordinary(world: Path, chain: str, legs: str) -> pl.DataFrame:
    """Measure the benign accounts of a world on one chain, each at its own moment."""
    transfers, labels = opened(world)
    benign = pl.read_parquet(world / "truth.parquet").filter(
        pl.col("chain") == chain, pl.col("role") == "benign"
    )
    asked = labels.select(*KEY, "as_of").join(benign, on=KEY, how="semi").sort(*KEY, "as_of")
    asked = asked.unique(KEY, keep="last", maintain_order=True)
    assert transfers.as_of is not None
    return local.measure(
        transfers,
        asked,
        as_of=transfers.as_of,
        basis="usd",
        legs=legs.split(","),
        services=services_of(world, from_start=True),
    ).signals
