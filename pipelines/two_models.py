"""Two models on the same addresses: signals for both, and what each says.

Models that read histories alike (value basis and legs) share one pass over the transfers; another
champion is measured by itself. For comparisons and promotions.
"""

from __future__ import annotations

import time

import polars as pl

from data.services import Services
from data.transfers import Transfers
from models.bundle import Bundle
from models.material import matrix
from models.status import SCORED, Requirements, with_history
from pipelines.labelling.labelled import Labelled, measure_labelled


def measure_both(
    bundle: Bundle,
    champion: Bundle | None,
    labels: pl.DataFrame,
    opened: Transfers,
    services: Services,
    threads: int | None,
) -> Labelled:
    """Compute the signals of a model, and those of a champion that reads histories as it does."""
    names = set(bundle.facts.signals)
    if champion is not None and _alike(bundle, champion):
        names |= set(champion.facts.signals)
    return measure_labelled(
        labels,
        opened,
        basis=bundle.facts.basis,
        legs=bundle.facts.legs,
        threads=threads,
        services=services,
        names=sorted(names),
    )


def of_champion(
    bundle: Bundle,
    champion: Bundle,
    measured: tuple[pl.DataFrame, pl.DataFrame],
    opened: Transfers,
    services: Services,
    threads: int | None,
) -> tuple[pl.Series, float]:
    """Return the champion's log-odds of rows that were measured for the model, as `log_odds_of`.

    Parameters
    ----------
    measured
        Labels and signals of the rows, as `measure_both` returns them.
    """
    labels, signals = measured
    if not _alike(bundle, champion):
        signals = measure_both(champion, None, labels, opened, services, threads).signals
    return log_odds_of(champion, signals, threads)


def log_odds_of(
    bundle: Bundle, signals: pl.DataFrame, threads: int | None
) -> tuple[pl.Series, float]:
    """Return the log-odds of every row with history enough, and seconds per thousand of them."""
    requirements = Requirements(bundle.facts.legs, bundle.facts.min_transfers)
    table = signals.with_row_index("_row").with_columns(with_history(signals, requirements))
    scored = table.filter(pl.col("status") == SCORED)
    inputs = matrix(scored, bundle.facts.signals)
    start = time.perf_counter()
    found = bundle.log_odds(inputs, threads=threads or 1)
    took = (time.perf_counter() - start) / max(1, scored.height) * 1000
    values = scored.select("_row", log_odds=pl.Series(found, dtype=pl.Float64))
    joined = table.join(values, on="_row", how="left", maintain_order="left")
    return joined["log_odds"], took


def _alike(one: Bundle, other: Bundle) -> bool:
    return (one.facts.basis, one.facts.legs) == (other.facts.basis, other.facts.legs)
