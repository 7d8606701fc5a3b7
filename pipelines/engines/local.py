"""The local engine: this process, all its threads, histories in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from data.services import Services
from data.transfers import Transfers
from features.ahead import Missing
from features.building import build_histories
from features.catalogue import catalogue
from features.computing import compute_signals, signal_parts
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
    histories = read(
        transfers, requests, as_of=as_of, basis=basis, legs=legs, services=services, families=wanted
    )
    with progress("Computing signals", total=len(histories)) as done:
        signals = compute_signals(histories, wanted, threads=_threads(threads), progress=done)
    return Measured(histories, signals)


def read(
    transfers: Transfers,
    requests: pl.DataFrame | None,
    *,
    as_of: datetime,
    basis: str,
    families: Sequence[Family],
    legs: Iterable[str] | None = None,
    services: Services | None = None,
) -> Histories:
    """Build the histories that some families are to be computed of; parameters as in `measure`."""
    missing = Missing(families)
    with missing.compiling():
        with progress("Reading histories"):
            histories = build_histories(
                transfers,
                requests,
                as_of=as_of,
                basis=basis,
                legs=legs,
                services=services,
                neighbours=any(family.reads_neighbours for family in families),
                network=any(family.scope == "graph" for family in families),
            )
        if missing:
            with progress("Compiling signals, once for this version", len(missing)) as done:
                missing.compile_rest(done)
    return histories


def parts(
    histories: Histories, families: Sequence[Family], *, threads: int | None = None
) -> Iterator[pl.DataFrame]:
    """Compute signals and yield their table in parts, for whoever writes each away."""
    with progress("Computing signals", total=len(histories)) as done:
        yield from signal_parts(histories, families, threads=_threads(threads), progress=done)


def _threads(asked: int | None) -> int:
    return asked or os.cpu_count() or 1
