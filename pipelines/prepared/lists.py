"""Reading what was prepared of a store: the few blocks that hold the addresses of a list.

The transfers of the list's addresses, with what the passes found of their other sides, are a bucket
like any other (`features.bucket_histories`), so histories and signals are the same to the bit.
Where what was prepared does not answer what is asked, or is no less to read, the store is read as
if nothing had been prepared, and a note of the result says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from data.blocks import Blocks
from data.identity import checked_address_ids
from data.schema import TIME
from data.storage import MANIFEST, read_manifest
from data.transfers import Transfers, open_transfers
from features.bucket_histories import Bucket, Told, bucket_histories, told_notes, with_neighbours
from features.budget import resident
from features.history import Histories, microseconds
from features.loading import numbers
from features.own_codes import renumbered
from features.passes import Question
from features.signal import Family
from pipelines.console import progress
from pipelines.prepared import shared
from pipelines.prepared.entries import KEY, picked
from pipelines.prepared.making import ENTRIES, FOLDER, ID, NAMES, epoch_at
from pipelines.prepared.question import difference, rests_on, state

MOST_SHARE = 0.25
"""Of the prepared bytes: who needs more reads the store, from the first byte to the last."""

_BYTES_EACH = 400
"""Of memory, for each entry: as it is read, put into order and laid."""


@dataclass(frozen=True)
class Few:
    """The histories of a list out of what was prepared, if they can be had; else why they cannot.

    Attributes
    ----------
    histories
        None: the store is to be read.
    notes
        What a reader of the result is told.
    """

    histories: PreparedHistories | None = None
    notes: tuple[str, ...] = ()

    @property
    def read_bytes(self) -> int | None:
        """Bytes that were read of what was prepared; None where the store was."""
        return None if self.histories is None else self.histories.read_bytes

    @property
    def read_share(self) -> float | None:
        """They, as a share of the store's files."""
        return None if self.histories is None else self.histories.read_share


def open_for_list(
    path: Path, *, assume_complete: bool = False
) -> tuple[Transfers, Prepared | None]:
    """Open transfers of which a list may be read, and what was prepared of them, if anything was.

    Raises
    ------
    Refused
        As `open_transfers`; or what was prepared was changed or damaged.
    """
    if not (path / FOLDER / MANIFEST).exists():
        return open_transfers(path, assume_complete=assume_complete), None
    transfers = open_transfers(path, assume_complete=assume_complete, sparing=True)
    return transfers, Prepared(path / FOLDER)


def few_histories(
    prepared: Prepared | None,
    transfers: Transfers,
    requests: pl.DataFrame | None,
    families: Sequence[Family],
    asked: Question,
    *,
    memory: int | None = None,
) -> Few:
    """Return the histories of a list, if what was prepared has them.

    Parameters
    ----------
    asked
        Whether neighbours are looked at follows from `families`.
    memory
        What the process may take; None: whatever there is.
    """
    if prepared is None or requests is None:
        return Few()
    asked = replace(asked, neighbours=any(family.reads_neighbours for family in families))
    graphs = [family.name for family in families if family.scope == "graph"]
    why = f"{graphs[0]} follows money through all transfers" if graphs else None
    why = why or prepared.why_not(transfers, asked, requests)
    if why is None:
        histories = PreparedHistories(prepared, transfers, requests, asked)
        why = histories.too_much(memory)
    if why is None:
        return Few(histories)
    return Few(notes=(f"The store was read, not what was prepared of it for lists: {why}.",))


class Prepared:
    """What was prepared of a store.

    Attributes
    ----------
    folder
        Where it is.
    facts
        Its manifest.

    Raises
    ------
    Refused
        It was changed or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.facts = folder, read_manifest(folder)
        self._names, self._entries = Blocks(folder / NAMES, ID), Blocks(folder / ENTRIES, KEY)

    @property
    def read_bytes(self) -> int:
        """Bytes read so far, the directories of the blocks among them."""
        small = [self.folder / name for name in (*self.facts["files"], MANIFEST)]
        whole = sum(file.stat().st_size for file in small)
        return whole + self._names.read_bytes + self._entries.read_bytes

    def is_of(self, transfers: Transfers) -> bool:
        """Say whether it was made of the state that the store is in."""
        return difference(self.facts["rests_on"], state(transfers)) is None

    @property
    def as_of(self) -> datetime:
        """The moment up to which transfers were prepared."""
        return datetime.fromisoformat(self.facts["as_of"])

    def why_not(self, transfers: Transfers, asked: Question, requests: pl.DataFrame) -> str | None:
        """Say why it does not answer a question; None where it does."""
        if differs := difference(self.facts["rests_on"], rests_on(transfers, asked)):
            return f"it was prepared with {differs}"
        cuts = _cuts(requests, asked.as_of)
        if len(cuts) and cuts.max() > microseconds(self.as_of):
            return "it was prepared with an earlier --as-of"
        if asked.neighbours and (epochs := self.facts["epochs"]):
            parties = shared.read(self.folder, self.facts["shared"]).known.parties
            if {epoch_at(parties, cut) for cut in np.unique(cuts).tolist()} - set(epochs):
                return "services or listed parties became known between its --as-of and a cut"
        return None

    def occurring(self, pairs: Sequence[tuple[str, str]]) -> pl.DataFrame:
        """Return those of some pairs of chain and address that the store or its coverage knows.

        And each of their chains, with the address null (`data.address_lists`).
        """
        columns = {"chain": pl.String, "address": pl.String}
        asked = pl.DataFrame(pairs, schema=columns, orient="row")
        chains = pl.DataFrame(
            [(chain, None) for chain in self.facts["chains"]], schema=columns, orient="row"
        )
        known = asked.filter(self.named(asked)["code"].is_not_null())
        return pl.concat([known, chains])

    def named(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Return ``code``, ``covered``, ``complete`` and ``legs`` of ``chain`` and ``address``.

        In their order; null where the store does not know them.
        """
        ids, checks = checked_address_ids(pairs["chain"], pairs["address"])
        asked = pl.DataFrame({ID: ids, "check": checks})
        found = self._names.read(ids)
        return asked.join(found, on=[ID, "check"], how="left", maintain_order="left")

    def keys(self, requests: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
        """Return requests as `features.roll.Roll.keys` does, but for ``occurs``."""
        found = self.named(requests)
        every = self.facts["legs_of_all"]
        seen = found.select(
            pl.col("code").fill_null(-1),
            pl.col("covered").fill_null(every is not None),
            pl.col("complete").fill_null(every is not None),
            pl.col("legs").fill_null(every or ""),
        )
        cut = pl.col("as_of").cast(TIME).fill_null(pl.lit(as_of, dtype=TIME))
        return pl.concat([requests.select("chain", "address", cut), seen], how="horizontal")

    def too_much(self, codes: np.ndarray, memory: int | None) -> str | None:
        """Say whether reading some addresses is too much; None where it is not.

        Parameters
        ----------
        memory
            What the process may take; None: whatever there is.
        """
        blocks = self._entries.of(codes)
        share = int(blocks["size"].sum()) / max(1, self._entries.size)
        if share > MOST_SHARE:
            return f"the list needs {share:.0%} of it, which is more than {MOST_SHARE:.0%}"
        if memory is not None and int(blocks["rows"].sum()) * _BYTES_EACH > memory - resident():
            return "the list needs more of it than --memory has room for"
        return None

    def read(self, codes: np.ndarray) -> pl.DataFrame:
        """Return the entries of some addresses."""
        return self._entries.read(codes)


class PreparedHistories:
    """The histories of a list; can be gone through once.

    Attributes
    ----------
    part_rows
        Histories to a part of the result.
    """

    part_rows = 1 << 13
    spilled_bytes = None

    def __init__(
        self, prepared: Prepared, transfers: Transfers, requests: pl.DataFrame, asked: Question
    ) -> None:
        self._prepared, self._asked = prepared, asked
        self._keys = prepared.keys(requests, asked.as_of)
        codes = numbers(self._keys["code"])
        self._codes = np.unique(codes[codes >= 0])
        store = transfers.store
        assert store is not None
        self._store_bytes = sum((store / name).stat().st_size for name in transfers.recorded)
        self._shared = shared.read(prepared.folder, prepared.facts["shared"])
        self._told: list[Told] = []

    def __len__(self) -> int:
        return self._keys.height

    def __iter__(self) -> Iterator[Histories]:
        yield self._laid()

    @property
    def transfers(self) -> int:
        """Of the histories so far."""
        return sum(told.transfers for told in self._told)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the histories so far."""
        return told_notes(self._told)

    @property
    def read_bytes(self) -> int:
        """Bytes read of what was prepared, so far."""
        return self._prepared.read_bytes

    @property
    def read_share(self) -> float:
        """They, as a share of the store's files."""
        return self.read_bytes / max(1, self._store_bytes)

    def too_much(self, memory: int | None) -> str | None:
        """Say whether reading them is too much; None where it is not."""
        return self._prepared.too_much(self._codes, memory)

    def _laid(self) -> Histories:
        with progress("Reading what was prepared", len(self._codes)) as done:
            keys, entries = self._keys, self._prepared.read(self._codes)
            done(len(self._codes))
        first = entries.group_by(KEY).agg(pl.col("time").min().alias("first"))
        found = keys.join(first, left_on="code", right_on=KEY, how="left", maintain_order="left")
        occurs = (pl.col("first") < pl.col("as_of").dt.epoch("us")).fill_null(False)
        keys = found.select(*_BEFORE, occurs.alias("occurs"), *_AFTER)
        own = picked(entries.filter(pl.col("time") < int(numbers(keys["as_of"]).max(initial=0))))
        events = replace(self._shared.events, table=own.table, row=own.rows)
        events, keys, parties = renumbered(events, keys, self._shared.known)
        bucket = Bucket(events, keys, self._asked.basis, parties, self._shared.over_bridges)
        histories, told = bucket_histories(bucket)
        self._told.append(told)
        if not self._asked.neighbours:
            return histories
        exposed = bool(self._prepared.facts["epochs"])
        known = self._shared.known.parties if exposed else None
        return with_neighbours(histories, own.behaviour, known, lambda _: own.exposure)


_BEFORE, _AFTER = ("chain", "address", "code", "as_of"), ("covered", "complete", "legs")


def _cuts(requests: pl.DataFrame, as_of: datetime) -> np.ndarray:
    """Return the cuts of requests, in microseconds."""
    common = pl.lit(as_of, dtype=TIME)
    return numbers(requests.select(pl.col("as_of").cast(TIME).fill_null(common)).to_series())
