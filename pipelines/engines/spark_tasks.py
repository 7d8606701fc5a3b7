"""What the executors of the Spark engine do; nothing in here knows of Spark.

Each function takes Arrow tables and returns Arrow tables. The two steps are those that the local
engine takes under a cap on memory: share the transfers of a piece out to buckets, then lay the
histories of a bucket and compute their signals, with the same kernels.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from features.bridges import BridgeTransfers
from features.bucket_histories import Bucket, Told, bucket_histories, with_neighbours
from features.building import Beyond
from features.catalogue import catalogue
from features.computing import signal_parts
from features.events import Events
from features.history import Histories
from features.own_codes import KnownParties, renumbered
from features.piece_files import Block, SharedPieces, packed, unpacked

if TYPE_CHECKING:
    import pyarrow as pa

Part = Mapping[str, pl.DataFrame]
"""What is made of the signals of some addresses: tables by name."""

BLOCKS = {
    "bucket": "int", "piece": "int", "part": "int", "events": "binary", "rows": "binary",
    "behaviour": "binary", "exposures": "binary",
}  # fmt: skip
RESULTS = {"bucket": "int", "part": "int", "name": "string", "content": "binary"}
"""Columns and their types, as Spark calls them. A result without a name says what `Told` holds."""

_NO_PIECE = -1
_PART_ROWS = 1 << 13
_BATCH_BYTES = 8 << 20


@dataclass(frozen=True)
class Work:
    """What every executor must know of a run.

    Attributes
    ----------
    shared
        What all transfers share.
    epochs
        Whether there are exposures.
    families
        The names of those that are computed.
    then
        Makes a part of the result of some rows of signals.
    after
        So many of the first rows of the run are left out.
    """

    pieces: SharedPieces
    shared: Events
    known: KnownParties
    over_bridges: BridgeTransfers | None
    epochs: bool
    basis: str
    families: tuple[str, ...]
    then: Callable[[pl.DataFrame], Part]
    after: int = 0


class Sent(Protocol):
    """Something that was broadcast."""

    @property
    def value(self) -> Work:
        """The work."""
        ...


def keys_file(folder: Path, bucket: int) -> Path:
    """Return where the requests of a bucket are."""
    return folder / f"keys.{bucket}.arrow"


def share_out(sent: Sent, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Share out the pieces whose numbers come in; the one after the last seeds every bucket.

    A seed is a block without transfers: so there is work for a bucket that has none, too.
    """
    pieces = sent.value.pieces
    for batch in batches:
        for piece in batch.column(0).to_pylist():
            blocks = pieces.blocks(piece) if piece < pieces.pieces else _seeds(pieces)
            yield from _batches(map(packed, blocks))


def compute(sent: Sent, blocks: pa.Table) -> pa.Table:
    """Lay the histories of the bucket whose blocks come in, and compute what is wanted of them."""
    work, bucket = sent.value, blocks["bucket"][0].as_py()
    whole = work.pieces.whole(_read(blocks, work.pieces), bucket)
    histories, told = _laid(work, whole)
    families = [family for family in catalogue().families if family.name in work.families]
    results = [_result(bucket, 0, "", _as_json(told))]
    after = max(0, work.after - int(work.pieces.starts[bucket]))
    parts = signal_parts(histories, families, rows=_PART_ROWS, after=after)
    for part, signals in enumerate(parts):
        for name, table in work.then(signals).items():
            content = io.BytesIO()
            table.write_ipc(content, compression="lz4")
            results.append(_result(bucket, part, name, content.getvalue()))
    return _table(results, RESULTS)


def told_in(content: bytes) -> Told:
    """Read what a result without a name says."""
    beyond, crowd, transfers = json.loads(content)
    return Told(Beyond(*beyond), (crowd[0], crowd[1]), transfers)


def _laid(work: Work, whole: Block) -> tuple[Histories, Told]:
    keys = pl.read_ipc(keys_file(work.pieces.folder, whole.bucket))
    events = replace(work.shared, table=whole.events, row=whole.rows)
    events, keys, parties = renumbered(events, keys, work.known)
    bucket = Bucket(events, keys, work.basis, parties, work.over_bridges)
    histories, told = bucket_histories(bucket)
    if whole.behaviour is None:
        return histories, told
    exposures = dict(zip(work.pieces.epochs(whole.bucket), whole.exposures, strict=True))
    known = work.known.parties if work.epochs else None
    return with_neighbours(histories, whole.behaviour, known, exposures.__getitem__), told


def _seeds(pieces: SharedPieces) -> Iterator[Block]:
    """Yield an empty block for each bucket."""
    nothing = pieces.whole([], 0)
    for bucket in range(len(pieces.starts) - 1):
        yield replace(nothing, bucket=bucket, piece=_NO_PIECE, exposures=())


def _read(blocks: pa.Table, pieces: SharedPieces) -> Iterator[Block]:
    records = chain.from_iterable(batch.to_pylist() for batch in blocks.to_batches())
    return (unpacked(record, pieces) for record in records if record["piece"] != _NO_PIECE)


def _batches(records: Iterable[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    """Put blocks together as long as they are small."""
    held: list[dict[str, Any]] = []
    size = 0
    for record in records:
        held.append(record)
        size += sum(len(value) for value in record.values() if isinstance(value, bytes))
        if size >= _BATCH_BYTES:
            yield from _table(held, BLOCKS).to_batches()
            held, size = [], 0
    if held:
        yield from _table(held, BLOCKS).to_batches()


def _result(bucket: int, part: int, name: str, content: bytes) -> dict[str, Any]:
    return {"bucket": bucket, "part": part, "name": name, "content": content}


def _as_json(told: Told) -> bytes:
    return json.dumps([told.beyond, told.crowd, told.transfers]).encode()


def _table(records: list[dict[str, Any]], columns: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    kinds = {"int": pa.int32(), "string": pa.large_string(), "binary": pa.large_binary()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    return pa.Table.from_pylist(records, schema=schema)
