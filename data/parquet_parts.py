"""One Parquet file from a table that comes in parts, so that nobody needs memory for the whole.

Another thread writes while the parts are being made. The file is, to the byte, the one that
`data.storage.write_parquet` makes of the whole table, whatever the parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from data.storage import parquet_options

_WAITING = 2
"""Parts that may wait for the writer: more would only take memory."""

_SECONDS = 0.2
"""Between looks at whether the writer has ended."""


class ParquetParts:
    """Writes parts of one table, in their order, to one file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "t.parquet")
    ...     with ParquetParts(path, pl.Schema({"x": pl.Int64})) as file:
    ...         file.write(pl.DataFrame({"x": [1]}))
    ...         file.write(pl.DataFrame({"x": [2]}))
    ...     pl.read_parquet(path)["x"].to_list()
    [1, 2]
    """

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self._path, self._schema = path, schema
        self._parts: Queue[pl.DataFrame | None] = Queue(_WAITING)
        self._abandoned = False
        self._failure: BaseException | None = None
        self._writer = Thread(target=self._run, daemon=True)

    def __enter__(self) -> ParquetParts:
        self._writer.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Wait for the file to be whole; if the block failed, it is left in pieces."""
        self._abandoned = error is not None
        self._hand_over(None)
        self._writer.join()
        if self._failure is not None and error is None:
            raise self._failure

    def write(self, part: pl.DataFrame) -> None:
        """Hand over further rows.

        Raises
        ------
        OSError, polars.exceptions.PolarsError
            What went wrong with writing.
        """
        self._hand_over(part)
        if self._failure is not None:
            raise self._failure

    def _hand_over(self, part: pl.DataFrame | None) -> None:
        while self._writer.is_alive():
            try:
                return self._parts.put(part, timeout=_SECONDS)
            except Full:
                continue
        return None

    def _run(self) -> None:
        try:
            table = register_io_source(self._read, schema=self._schema)
            options = parquet_options(len(self._schema))
            table.sink_parquet(self._path, maintain_order=True, **options)
        except BaseException as error:
            self._failure = error

    def _read(self, *_: Any) -> Iterator[pl.DataFrame]:
        while (part := self._parts.get()) is not None:
            yield part
        if self._abandoned:
            raise InterruptedError("The parts ended early.")
