"""The `compact` job: a store that was appended to becomes one run again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data.compacting import is_compact, write_compact
from data.store_files import next_commit


@dataclass(frozen=True)
class CompactResult:
    """What the job did.

    Attributes
    ----------
    store
        The store.
    transfers
        Rows in it.
    runs
        Of how many it was.
    exit_code
        Always 0.
    """

    store: Path
    transfers: int
    runs: int
    exit_code: int


def compact(store: str | Path) -> CompactResult:
    """Make a store that was appended to one run again, with the same content.

    Whoever reads it meanwhile reads the old files to the end; they are removed when nobody reads
    them any more, at the latest by the next `compact` or ``ingest --append``.

    Parameters
    ----------
    store
        The store; one that has a single run is left as it is.

    Raises
    ------
    Refused
        It is no store, a file of it was changed, somebody else is writing to it, or the disk is
        full. Nothing has changed then.
    """
    with next_commit(Path(store)) as state:
        if not is_compact(state):
            write_compact(state)
    rows = sum(len(run) for run in state.runs)
    return CompactResult(Path(store), rows, len(state.runs), exit_code=0)
