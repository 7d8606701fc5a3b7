"""The local engine: this process, all its threads, histories in memory or, under a cap, on disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

import polars as pl

from data.leftovers import removed_at_the_end
from data.services import Services
from data.transfers import Transfers
from features.ahead import Missing
from features.building import build_histories
from features.catalogue import catalogue
from features.computing import PART_ROWS, compute_signals, signal_parts
from features.history import Histories
from features.out_of_core import spilled_histories
from features.passes import Means, Question
from features.signal import Family, GraphFamily
from features.spill import spill
from pipelines.console import progress
from pipelines.memory import Cap
from pipelines.resuming import Stage


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
    kept: Stage | None = None,
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
    kept
        Where the signals are kept, part after part, in case the run is killed.
    """
    wanted = catalogue().families if families is None else families
    histories = read(
        transfers, requests, as_of=as_of, basis=basis, legs=legs, services=services, families=wanted
    )
    if kept is not None:
        fresh = parts(InMemory(histories), wanted, threads=threads, after=kept.rows)
        return Measured(histories, pl.concat(kept.tables(fresh), rechunk=True))
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
    with _compiling(families), progress("Reading histories"):
        return build_histories(
            transfers,
            requests,
            as_of=as_of,
            basis=basis,
            legs=legs,
            services=services,
            neighbours=any(family.reads_neighbours for family in families),
            network=any(family.scope == "graph" for family in families),
        )


@contextlib.contextmanager
def _compiling(families: Sequence[Family]) -> Iterator[None]:
    """Compile the families' kernels, beside the block and after it."""
    missing = Missing(families)
    with missing.compiling():
        yield
        if missing:
            with progress("Compiling signals, once for this version", len(missing)) as done:
                missing.compile_rest(done)


class SoFar(Protocol):
    """What is known of the histories of a run as it goes through them, by whatever engine."""

    @property
    def transfers(self) -> int:
        """Of the histories so far."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the histories so far."""
        ...

    @property
    def spilled_bytes(self) -> int | None:
        """Bytes that this process wrote to disk; None where nothing is spilled."""
        ...

    def __len__(self) -> int: ...


class Held(SoFar, Protocol):
    """The histories of a run, in one piece or in several, to be gone through once."""

    @property
    def part_rows(self) -> int:
        """Histories to a part of the result."""
        ...

    def __iter__(self) -> Iterator[Histories]: ...


@dataclass(frozen=True)
class InMemory:
    """Histories that memory holds."""

    histories: Histories
    part_rows: ClassVar[int] = PART_ROWS
    spilled_bytes: ClassVar[int | None] = None

    @property
    def transfers(self) -> int:
        """Of all of them."""
        return int(self.histories.counts.sum())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return self.histories.notes

    def __len__(self) -> int:
        return len(self.histories)

    def __iter__(self) -> Iterator[Histories]:
        yield self.histories


@contextlib.contextmanager
def held(
    transfers: Transfers,
    requests: pl.DataFrame | None,
    *,
    as_of: datetime,
    basis: str,
    families: Sequence[Family],
    legs: Iterable[str] | None = None,
    services: Services | None = None,
    cap: Cap | None = None,
    kept: int = 0,
    few: Held | None = None,
) -> Iterator[Held]:
    """Read histories as `read` does, and hold them for the block; under a cap, partly on disk.

    Parameters
    ----------
    kept
        Bytes that the caller will keep of each history until the end; they count under the cap.
    few
        The histories, where they were prepared (`pipelines.prepared.lists`).

    Raises
    ------
    Refused
        The cap is too small.
    """
    if few is not None:
        with _compiling(families):
            pass
        yield few
        return
    if cap is None:
        yield InMemory(
            read(
                transfers, requests, as_of=as_of, basis=basis,
                families=families, legs=legs, services=services,
            )
        )  # fmt: skip
        return
    question = question_of(families, as_of=as_of, basis=basis, legs=legs, services=services)
    with spill(cap.folder) as spilled, removed_at_the_end(spilled.folder):
        with _compiling(families):
            pass  # before the cap is divided: what it takes counts
        means = Means(cap.memory, spilled, progress, kept=kept, threads=_threads(None))
        yield spilled_histories(transfers, requests, question, means)


def question_of(
    families: Sequence[Family],
    *,
    as_of: datetime,
    basis: str,
    legs: Iterable[str] | None,
    services: Services | None,
) -> Question:
    """Return what the passes are to find for some families."""
    return Question(
        as_of=as_of,
        basis=basis,
        legs=None if legs is None else tuple(legs),
        services=services,
        neighbours=any(family.reads_neighbours for family in families),
        graphs=tuple(family for family in families if isinstance(family, GraphFamily)),
    )


def parts(
    histories: Held, families: Sequence[Family], *, threads: int | None = None, after: int = 0
) -> Iterator[pl.DataFrame]:
    """Compute signals and yield their table in parts, for whoever writes each away.

    Parameters
    ----------
    after
        So many of the first are left out: an earlier run has computed them.
    """
    left_out = after
    with progress("Computing signals", total=len(histories)) as done:
        done(left_out)
        for some in histories:
            if here := min(left_out, len(some)):
                left_out -= here
            if not here or here < len(some):
                yield from signal_parts(
                    some, families, threads=_threads(threads), progress=done,
                    rows=histories.part_rows, after=here,
                )  # fmt: skip
            del some  # gone before the next are read


def _threads(asked: int | None) -> int:
    return asked or os.cpu_count() or 1
