"""Scam wallets and an exchange house: genuine exports through models and signals.

The wallets of the California DFPI Crypto Scam Tracker are all positives and the normals of the
Ethereum accounts predate stablecoins, so what can be measured is this: how many wallets get a
score at all, and how many of them lie above the score that 1 % of the real normals exceed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.real_data import folder
from data.transfers import open_transfers
from features.catalogue import catalogue
from models.baselines import single_signal_auc
from models.intervals import wilson
from pipelines.engines import local
from pipelines.explain import explain
from pipelines.ingest import ingest
from pipelines.score import score_addresses

RATE = 0.01
LONG_ENOUGH = 10


@dataclass(frozen=True)
class Flagged:
    """How one model fares on the wallets.

    Attributes
    ----------
    model
        What it was trained on, and the legs it sees.
    statuses
        Wallets by status.
    normals
        Scored normals that the threshold comes from.
    flagged, long, flagged_long
        Wallets above it; wallets with at least `LONG_ENOUGH` transfers; those of them above it.
    """

    model: str
    statuses: dict[str, int]
    normals: int
    flagged: int
    long: int
    flagged_long: int

    def row(self) -> str:
        """Return the row of a Markdown table."""
        low, high = wilson(self.flagged_long, self.long)
        states = ", ".join(f"{name} {n}" for name, n in sorted(self.statuses.items()))
        return (
            f"| {self.model} | {states} | {self.flagged} of {sum(self.statuses.values())} "
            f"| {self.flagged_long} of {self.long} ({self.flagged_long / max(self.long, 1):.0%} "
            f"[{low:.0%}, {high:.0%}]) | {self.normals} |"
        )


def wallets(out: Path) -> Path:
    """Import the DFPI wallets and write the list of them."""
    source = folder() / "dfpi_scam_wallets" / "txlist"
    ingest("etherscan_txlist", sorted(source.glob("*.csv")), out / "dfpi", chain="ethereum")
    names = sorted(path.stem.lower() for path in source.glob("*.csv"))
    (out / "dfpi.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return out / "dfpi"


def flag(model: str, bundle: Path, stores: tuple[Path, Path], lists: tuple[Path, Path]) -> Flagged:
    """Score wallets and normals with one model; `stores` and `lists` name them in that order."""
    normals = score_addresses(bundle, stores[1], lists[1], research_use=True).scores
    scored = normals["log_odds"].drop_nulls().sort(descending=True).to_numpy()
    threshold = scored[int(RATE * len(scored))]
    scores = score_addresses(bundle, stores[0], lists[0], research_use=True).scores
    above = pl.col("log_odds") > threshold
    long = scores.filter(pl.col("n_transfers") >= LONG_ENOUGH)
    return Flagged(
        model=model,
        statuses=dict(scores["status"].value_counts().iter_rows()),
        normals=len(scored),
        flagged=scores.filter(above).height,
        long=long.height,
        flagged_long=long.filter(above).height,
    )


def alerts(bundle: Path, store: Path, listed: Path, out: Path) -> Path:
    """Write the alerts of the three highest wallets."""
    return explain(bundle, store, listed, out, top=3, research_use=True).index


def exchange_house(out: Path, normals: Path, listed: Path) -> pl.DataFrame:
    """Compare the signals of the exchange house's wallets with those of the real normals.

    Returns
    -------
    polars.DataFrame
        ``signal``, ``family``, medians, the number of wallets and normals that have the signal, and
        the ROC-AUC of the signal between them (null where the normals do not have it).
    """
    source = folder() / "tron_exchange_house" / "trc20_transfers.csv"
    store = out / "exchange_house"
    ingest("tronscan", [source], store, chain="tron")
    house = _signals(store, pl.read_csv(source, columns=["wallet"])["wallet"].unique().sort())
    plain = _signals(normals, pl.Series(listed.read_text(encoding="utf-8").split()))
    names = [
        signal.name
        for signal in catalogue().signals
        if signal.family in ("otc", "stablecoin_hopping", "structuring")
    ]
    both = pl.concat([house.select(names), plain.select(names)])
    label = np.repeat([1, 0], [house.height, plain.height])
    return pl.DataFrame([_compared(name, house, plain, both, label) for name in names])


def _signals(store: Path, addresses: pl.Series) -> pl.DataFrame:
    opened = open_transfers(store)
    chain = "tron" if addresses[0].startswith("T") else "ethereum"
    asked = pl.DataFrame({"address": addresses}).select(pl.lit(chain).alias("chain"), "address")
    basis = "usd" if chain == "tron" else "relative"
    assert opened.as_of is not None
    return local.measure(opened, asked, as_of=opened.as_of, basis=basis).signals


def _compared(
    name: str, house: pl.DataFrame, plain: pl.DataFrame, both: pl.DataFrame, label: np.ndarray
) -> dict[str, object]:
    known = both.with_columns(label=pl.Series(label)).filter(pl.col(name).is_not_null())
    found = None
    if known["label"].n_unique() == 2:
        table = single_signal_auc(known.select(name), known["label"].to_numpy(), [name])
        found = table["roc_auc"][0] if table["direction"][0] == "up" else 1 - table["roc_auc"][0]
    return {
        "signal": name,
        "family": catalogue().by_name[name].family,
        "house": house[name].median(),
        "normals": plain[name].median(),
        "n_house": house[name].count(),
        "n_normals": plain[name].count(),
        "roc_auc": found,
    }
