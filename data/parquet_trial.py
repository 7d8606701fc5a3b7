"""Reading a stranger's Parquet file once in a process that may die.

A damaged Parquet file does not always give an error: a flipped bit in a page header can make the
reader ask for exabytes of memory, and the whole process is aborted, without a message and without
an exit code that means anything. So a file from outside is first read in a child process with a
memory limit; only one that the child survives is read here.

This finds files that *break* the reader. It does not find wrong values in a file that still reads:
for our own files that is what the hashes in a manifest are for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from data.errors import Refused

TIMEOUT_SECONDS = 120
"""A file that takes longer than this is not a table for a person's hands."""

# The limit is on address space, of which the reader's threads map some gigabytes they never touch.
_CHILD = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
except (ImportError, ValueError, OSError):
    pass
import polars
polars.read_parquet(sys.argv[1])
"""


def refuse_broken_parquet(path: Path, what: str) -> None:
    """Refuse a Parquet file that a reader does not survive.

    Parameters
    ----------
    path
        The file; it is read whole.
    what
        What it should be, for the message: "an address list".

    Raises
    ------
    Refused
        The child process ended with an error, was killed, or took longer than `TIMEOUT_SECONDS`.
    """
    command = [sys.executable, "-I", "-c", _CHILD, str(path.resolve())]
    try:
        child = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Refused(
            f"{path} is a Parquet file that could not be read in {TIMEOUT_SECONDS} seconds",
            expected=what,
        ) from None
    if child.returncode == 0:
        return
    said = child.stderr.decode(errors="replace").strip().splitlines()
    last = said[-1] if child.returncode > 0 and said else "reading it ends the reading process"
    raise Refused(
        f"{path} is a broken Parquet file: {last[:200]}", expected=what, hint="export it again"
    )
