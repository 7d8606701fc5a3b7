"""Which engine a job uses, and the one way in which jobs use whichever it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from data.errors import Refused
from data.services import Services
from data.transfers import Transfers
from features.signal import Family
from pipelines.engines import local
from pipelines.memory import Cap, resolved_cap
from pipelines.resuming import Part

ENGINES = ("local", "spark")

UNCAPPED = 1 << 62
"""The memory of a process that spills without being capped."""


class Run(local.SoFar, Protocol):
    """The histories of a run and an engine that computes their signals, once."""

    def parts(self, *, after: int = 0) -> Iterator[pl.DataFrame]:
        """Compute signals and yield their table in parts, without the first rows."""
        ...

    def through(self, then: Callable[[pl.DataFrame], Part], *, after: int = 0) -> Iterator[Part]:
        """Compute signals, apply a function to each part of their table, yield what it makes.

        Where the signals are computed is where it is applied, so it may be sent there.
        """
        ...


@dataclass(frozen=True)
class Engine:
    """An engine, as `--engine` and `--spark-master` name it.

    Raises
    ------
    Refused
        There is no such engine, or a cluster is named and another engine.
    """

    name: str = "local"
    master: str | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise Refused(
                f"the engine {self.name!r} is not part of this version.",
                expected=f"one of {', '.join(ENGINES)}",
            )
        if self.master is not None and self.name != "spark":
            raise Refused(
                "--spark-master names a cluster, and the engine is not spark.",
                hint="Give --engine spark too, or leave --spark-master out.",
            )

    def cap(self, memory: int | str | None, spill: str | Path | None, out: Path) -> Cap | None:
        """Return the cap on the memory of this process, and the folder to spill to."""
        if self.name == "spark" and memory is None:
            memory = UNCAPPED
        return resolved_cap(memory, spill, out)

    @contextlib.contextmanager
    def run(
        self,
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
        threads: int | None = None,
        few: local.Held | None = None,
    ) -> Iterator[Run]:
        """Hold histories for the block; parameters as in `local.held`."""
        if self.name == "local" or few is not None:  # a cluster is not worth starting for few
            with local.held(
                transfers, requests, as_of=as_of, basis=basis, families=families,
                legs=legs, services=services, cap=cap, kept=kept, few=few,
            ) as histories:  # fmt: skip
                yield LocalRun(histories, families, threads)
            return
        from pipelines.engines import spark

        assert cap is not None  # see `cap`
        with spark.held(
            transfers, requests, as_of=as_of, basis=basis, families=families,
            legs=legs, services=services, cap=cap, kept=kept, master=self.master,
        ) as run:  # fmt: skip
            yield run


@dataclass(frozen=True)
class LocalRun:
    """A run in this process."""

    histories: local.Held
    families: Sequence[Family]
    threads: int | None

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def transfers(self) -> int:
        """Of the histories so far."""
        return self.histories.transfers

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the histories so far."""
        return self.histories.notes

    @property
    def spilled_bytes(self) -> int | None:
        """Bytes that went to disk; None without a cap."""
        return self.histories.spilled_bytes

    def parts(self, *, after: int = 0) -> Iterator[pl.DataFrame]:
        """Compute signals and yield their table in parts, without the first rows."""
        return local.parts(self.histories, self.families, threads=self.threads, after=after)

    def through(self, then: Callable[[pl.DataFrame], Part], *, after: int = 0) -> Iterator[Part]:
        """Compute signals, and yield what a function makes of each part of their table."""
        return map(then, self.parts(after=after))
