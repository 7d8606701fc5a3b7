"""Tables that are read block by block: whoever asks for a few keys reads few bytes.

A table is cut into small blocks, in ascending order of an integer key. Each block is an Arrow file
of its own, compressed; they stand end to end in one file, and a **directory** beside it says of
each block which keys it holds, where it is and what its hash is. So a reader verifies exactly the
bytes that it reads, before they are parsed: a store of many gigabytes need not be hashed for a few
addresses. One large Parquet file would not do: its footer lists every column of every row group,
which for blocks so small is more than what a list reads of the table.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
from blake3 import blake3

from data.errors import Refused
from data.storage import write_parquet

BLOCK_ROWS = 1 << 11
"""To a block, about: a key's rows are not parted, unless there are `_MOST_ROWS` and more."""

_MOST_ROWS = 1 << 17
_AT_ONCE = 4
_BELOW_ALL = -(1 << 63)
_DIRECTORY = pl.Schema(
    {
        "first": pl.Int64,
        "last": pl.Int64,
        "rows": pl.Int64,
        "offset": pl.Int64,
        "size": pl.Int64,
        "blake3": pl.Binary,
    }
)


class BlockWriter:
    """Writes a table that comes in parts to `path`, and its directory beside it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with BlockWriter(Path(folder, "t.blocks"), "k") as file:
    ...         file.write(pl.DataFrame({"k": [1, 1, 4], "x": ["a", "b", "c"]}))
    ...     Blocks(Path(folder, "t.blocks"), "k").read(np.array([1, 3]))["x"].to_list()
    ['a', 'b']
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self._file = path.open("wb")
        self._told: list[tuple[int, int, int, int, int, bytes]] = []
        self._offset = 0

    def __enter__(self) -> BlockWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close the file; where the block did not fail, write the directory."""
        self._file.close()
        if error is None:
            told = pl.DataFrame(self._told, schema=_DIRECTORY, orient="row")
            write_parquet(told, directory_of(self._path))

    def write(self, part: pl.DataFrame) -> None:
        """Write further rows: no key of theirs was written before, and theirs ascend."""
        keys = part[self._key].to_numpy()
        if not len(keys):
            if not self._told:  # so that there is a block, and with it the columns
                self._append(_BELOW_ALL, _BELOW_ALL, 0, _packed(part))
            return
        ends = _ends(keys)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            starts = [0, *ends[:-1]]
            parts = (part[a:b] for a, b in zip(starts, ends, strict=True))
            for start, end, block in zip(starts, ends, pool.map(_packed, parts), strict=True):
                self._append(int(keys[start]), int(keys[end - 1]), end - start, block)

    def _append(self, first: int, last: int, rows: int, block: bytes) -> None:
        told = (first, last, rows, self._offset, len(block), blake3(block).digest())
        self._told.append(told)
        self._file.write(block)
        self._offset += len(block)


class Blocks:
    """A table in blocks, to be read.

    Attributes
    ----------
    read_bytes
        Read so far.

    Raises
    ------
    Refused
        The file is not there.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        try:
            self._handle = os.open(path, os.O_RDONLY)  # held: another may take its name
        except OSError as error:
            raise Refused(f"{path} is missing.", expected="what `unrinse prepare` wrote") from error
        self._directory = pl.read_parquet(directory_of(path))
        self._first, self._last = (self._directory[end].to_numpy() for end in ("first", "last"))
        self.read_bytes = 0

    def __del__(self) -> None:
        """Let the file go."""
        with contextlib.suppress(AttributeError, OSError):  # never opened
            os.close(self._handle)

    @property
    def size(self) -> int:
        """Bytes of all blocks."""
        return int(self._directory["size"].sum())

    def of(self, keys: np.ndarray) -> pl.DataFrame:
        """Return the directory's rows of the blocks that may hold some keys."""
        begin = np.searchsorted(self._last, keys, side="left")
        end = np.searchsorted(self._first, keys, side="right")
        opens, closes = (np.bincount(at, minlength=len(self._first) + 1) for at in (begin, end))
        return self._directory.filter(pl.Series(np.cumsum(opens - closes)[:-1] > 0))

    def read(self, keys: np.ndarray) -> pl.DataFrame:
        """Return the rows of some keys, in order.

        Raises
        ------
        Refused
            A block is not as it was written.
        """
        wanted = pl.Series(np.unique(keys))
        return pl.concat(list(self._read(wanted)), rechunk=True)

    def _read(self, wanted: pl.Series) -> Iterator[pl.DataFrame]:
        places = self.of(wanted.to_numpy()).select("offset", "size", "blake3").rows()
        if not places:
            places = self._directory.head(1).select("offset", "size", "blake3").rows()
        asked = pl.col(self._key).is_in(wanted.implode())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(lambda place: self._block(*place).filter(asked), places)
        self.read_bytes += sum(size for _, size, _ in places)

    def _block(self, offset: int, size: int, digest: bytes) -> pl.DataFrame:
        block = os.pread(self._handle, size, offset)
        if blake3(block).digest() != digest:
            raise Refused(
                f"{self._path} is not the file that was written: the hash of a block differs.",
                hint="The file was changed or damaged; prepare the store again.",
            )
        return pl.read_ipc(io.BytesIO(block))


def directory_of(path: Path) -> Path:
    """Return where the directory of a table in blocks is."""
    return path.with_suffix(".parquet")


def _packed(part: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    part.write_ipc(out, compression="zstd")  # smaller and quicker than Parquet, for so few rows
    return out.getvalue()


def _ends(keys: np.ndarray) -> list[int]:
    """Return where blocks end: between two keys, or inside of one with very many rows.

    >>> _ends(np.repeat([1, 2, 3], [10, 2 * BLOCK_ROWS, 7]))
    [10, 4106, 4113]
    """
    if not len(keys):
        return []
    turns = np.append(np.flatnonzero(np.diff(keys)) + 1, len(keys))
    ends, start = [], 0
    while start < len(keys):
        fitting = int(np.searchsorted(turns, start + BLOCK_ROWS, side="right"))
        last = int(turns[fitting - 1]) if fitting else 0
        end = last if last > start else int(turns[fitting])  # one key alone
        ends.append(min(end, start + _MOST_ROWS))
        start = ends[-1]
    return ends
