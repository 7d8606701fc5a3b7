"""The local engine: this process, all its threads, histories in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from data.services import Services
from data.transfers import Transfers
from features.ahead import Missing
from features.building import build_histories
from features.catalogue import catalogue, compute_signals
from features.history import Histories
from features.signal import Family
from pipelines.console import progress


@dataclass(frozen=True)
class Measured:
    """Histories and their signals, row by row."""

    histories: Histories
    signals: pl.DataFrame


def measure(
    transfers: Transfers,
    requests: pl.DataFrame | None,
    *,
    as_of: datetime,
    basis: str,
    legs: Iterable[str] | None = None,
    threads: int | None = None,
    services: Services | None = None,
    families: Sequence[Family] | None = None,
) -> Measured:
    """Build histories and compute signals for them.

    Parameters
    ----------
    requests
        ``chain``, ``address`` and optionally ``as_of``; None for every covered address.
    threads
        Default: all cores. The result does not depend on them.
    services
        What is publicly known of counterparties; None: nothing, and the signals that rest on it
        are null.
    families
        Default: the whole catalogue.
    """
    wanted = catalogue().families if families is None else families
    missing = Missing(wanted)
    with missing.compiling():
        with progress("Reading histories"):
            histories = build_histories(
                transfers,
                requests,
                as_of=as_of,
                basis=basis,
                legs=legs,
                services=services,
                neighbours=any(family.reads_neighbours for family in wanted),
                network=any(family.scope == "graph" for family in wanted),
            )
        if missing:
            with progress("Compiling signals, once for this version", len(missing)) as done:
                missing.compile_rest(done)
    with progress("Computing signals", total=len(histories)) as done:
        signals = compute_signals(
            histories, wanted, threads=threads or os.cpu_count() or 1, progress=done
        )
    return Measured(histories, signals)
