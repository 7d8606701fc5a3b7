"""Who met whom: the neighbours of laid histories, from the passes over all transfers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from data.schema import LEGS, leg_set
from data.transfers import Transfers
from features.events import Events
from features.history import Columns
from features.neighbours import EXPOSURE, NO_EXPOSURE, TYPES, Neighbours, met
from features.parties import Parties
from features.prefixes import Counted, prefixes
from features.taint import Taint

_KINDS = ("native", "internal", "token")


@dataclass(frozen=True)
class Found:
    """What the passes found of both sides of every transfer; the transfers are needed no more.

    Attributes
    ----------
    behaviour
        The fields `BEHAVIOUR`, as `both_sides` lays them out.
    exposure
        The fields `EXPOSURE`: likewise, or already one array a field, where several states of the
        registry had to be told apart.
    """

    behaviour: np.ndarray
    exposure: np.ndarray | tuple[np.ndarray, ...]


def look_around(
    events: Events,
    source: np.ndarray,
    columns: Columns,
    parties: Parties,
    counted: Counted,
    *,
    summable: bool,
) -> Found:
    """Return what there is to know of the neighbours of laid events.

    Parameters
    ----------
    source
        Per laid event: its position among `events`.
    counted
        As `Counting` says.
    summable
        Amounts of different assets add up; else nobody is drained, and there are no exposures.
    """
    behaviour = prefixes(events, counted, summable=summable)
    if not (summable and columns.registry.any()):
        return Found(behaviour, NO_EXPOSURE)
    epochs = Epochs(parties, columns.as_of, columns.registry)
    if epochs.only is not None:
        return Found(behaviour, Taint(parties.at(epochs.only)).read(events))

    def met_in(epoch: int) -> tuple[np.ndarray, ...]:
        return met(Taint(parties.at(epoch)).read(events), source, columns.incoming)

    return Found(behaviour, exposures(epochs, np.diff(columns.offsets), met_in))


def neighbours_of(found: Found, source: np.ndarray, incoming: np.ndarray) -> Neighbours:
    """Return the neighbours of every laid event.

    Parameters
    ----------
    source, incoming
        Per laid event: its position among the transfers, and whether it came in.
    """
    far = found.exposure
    if isinstance(far, np.ndarray):
        far = met(far, source, incoming)
    return Neighbours(*met(found.behaviour, source, incoming), *far)


class Counting:
    """Says whose history is known, and which kinds of transfer count for whom.

    An address is known where its export is complete and shows some kind in both directions; those
    kinds count. For anybody else, whatever of the looked-at kinds was loaded counts.

    Parameters
    ----------
    legs
        The legs looked at; None: all.
    """

    def __init__(self, transfers: Transfers, legs: Iterable[str] | None) -> None:
        allowed = frozenset(LEGS) if legs is None else leg_set(",".join(legs))
        sides = ({f"{kind}_in", f"{kind}_out"} for kind in _KINDS)
        self._anyway = sum(1 << k for k, both in enumerate(sides) if both & allowed)
        self._whole = _both_ways(allowed) if transfers.assume_complete else 0
        self._everybody = transfers.assume_complete
        covered = None if self._everybody else transfers.coverage
        self._shown = None if covered is None else _shown(covered, allowed)

    def of(self, addresses: pl.DataFrame) -> Counted:
        """Say it of some addresses (``chain`` and ``address``), in their order."""
        kinds = np.full(addresses.height, self._whole or self._anyway, dtype=np.uint8)
        known = np.full(addresses.height, self._everybody and self._whole > 0)
        if self._shown is not None:
            found = addresses.join(
                self._shown, on=["chain", "address"], how="left", maintain_order="left"
            )
            shown_by = found["shown"].fill_null(0).to_numpy()
            known[shown_by > 0] = True
            kinds[known] = shown_by[known]
        return Counted(kinds, known)


def _shown(coverage: pl.DataFrame, allowed: frozenset[str]) -> pl.DataFrame:
    """Return the kinds that count for each covered address, as bits; 0 where it is not known."""
    merged = coverage.group_by("chain", "address").agg(
        pl.col("complete").all(), pl.col("legs").str.join(",")
    )
    shown = {text: _both_ways(leg_set(text) & allowed) for text in merged["legs"].unique()}
    return merged.select(
        "chain",
        "address",
        shown=pl.when("complete")
        .then(pl.col("legs").replace_strict(shown, return_dtype=pl.UInt8, default=0))
        .otherwise(0)
        .cast(pl.UInt8),
    )


def _both_ways(legs: frozenset[str]) -> int:
    return sum(1 << k for k, kind in enumerate(_KINDS) if {f"{kind}_in", f"{kind}_out"} <= legs)


class Epochs:
    """The states of the registry that some histories were cut in.

    Attributes
    ----------
    of_request
        The epoch of each history.
    needed
        The epochs of histories to whom any registry is known, ascending.
    """

    def __init__(self, parties: Parties, as_of: np.ndarray, registry: np.ndarray) -> None:
        self.of_request = np.searchsorted(parties.dates, as_of, side="right").astype(np.int32)
        self._asked = registry > 0
        self.needed = np.unique(self.of_request[self._asked]).tolist()

    @property
    def only(self) -> int | None:
        """The epoch that all histories were cut in; None where there are several."""
        alone = len(self.needed) == 1 and (self.of_request == self.needed[0]).all()
        return self.needed[0] if alone else None

    def where(self, epoch: int) -> np.ndarray:
        """Say which histories were cut in an epoch and know of a registry."""
        return (self.of_request == epoch) & self._asked


def exposures(
    epochs: Epochs, counts: np.ndarray, met_in: Callable[[int], tuple[np.ndarray, ...]]
) -> tuple[np.ndarray, ...]:
    """Return the fields `EXPOSURE` of `Neighbours` of histories of several epochs.

    Parameters
    ----------
    counts
        Transfers of each history.
    met_in
        Returns the fields of every laid event as they were in one epoch.
    """
    if epochs.only is not None:  # as mostly: nothing to merge, nothing copied
        return met_in(epochs.only)
    out: tuple[np.ndarray, ...] = ()
    for epoch in epochs.needed:
        here = epochs.of_request == epoch
        fields = met_in(epoch)
        out = out or tuple(np.zeros(int(counts.sum()), kind) for kind in TYPES[EXPOSURE])
        rows = np.repeat(here, counts)
        for array, found in zip(out, fields, strict=True):
            np.copyto(array, found, where=rows)
    return out or NO_EXPOSURE
