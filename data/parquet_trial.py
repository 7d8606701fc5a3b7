"""Reading a stranger's Parquet file once in a process that may die.

A damaged Parquet file does not always give an error: a flipped bit in a page header can make the
reader ask for exabytes of memory, and the whole process is aborted, without a message and without
an exit code that means anything. So a file from outside is first read in a child process with a
memory limit; only one that the child survives is read here.

The file is read in batches, so that a table larger than memory passes. Whoever must look at every
row anyway can have that done in the child (`answers_on`), and the file is read once instead of
twice.

This finds files that *break* the reader. It does not find wrong values in a file that still reads:
for our own files that is what the hashes in a manifest are for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused

TIMEOUT_SECONDS = 120
"""A small file that takes longer than this hangs; a large one gets more time."""

_BYTES_PER_SECOND = 5 << 20

# The limit is on address space, of which the reader's threads map some gigabytes they never touch.
_CHILD = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
except (ImportError, ValueError, OSError):
    pass
import importlib, json
sys.path.insert(0, sys.argv[1])
from data.parquet_trial import read_whole
module, _, function = sys.argv[2].partition(":")
asked = int(sys.argv[3])
for k, path in enumerate(sys.argv[4:]):
    print(flush=True)
    if k < asked:
        answer = getattr(importlib.import_module(module), function)(path)
        print(json.dumps(answer), end="", flush=True)
    else:
        read_whole(path)
"""


def refuse_broken_parquet(paths: Path | Sequence[Path], what: str) -> None:
    """Refuse Parquet files that a reader does not survive.

    Parameters
    ----------
    paths
        A file, or several; they are read whole, in one child process.
    what
        What each should be, for the message: "an address list".

    Raises
    ------
    Refused
        The child process ended with an error, was killed, or took longer than `TIMEOUT_SECONDS`
        and the time that so many bytes may take.
    """
    answers_on([], "", [paths] if isinstance(paths, Path) else list(paths), what)


def answers_on(
    asked: Sequence[Path], question: str, others: Sequence[Path], what: str
) -> list[Any]:
    """Ask a question about Parquet files in the child process that tries them.

    Parameters
    ----------
    asked
        The files it is asked about.
    question
        ``module:function``, called with the path of each; it must read all that will be read
        later, and return what JSON can hold.
    others
        Files that are only read, whole.
    what
        As in `refuse_broken_parquet`.

    Returns
    -------
    list
        The answers, in the order of `asked`.

    Raises
    ------
    Refused
        As in `refuse_broken_parquet`.
    """
    files = [*asked, *others]
    if not files:
        return []
    seconds = TIMEOUT_SECONDS + sum(f.stat().st_size for f in files) // _BYTES_PER_SECOND
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-I", "-c", _CHILD, root, question, str(len(asked))]
    command += [str(f.resolve()) for f in files]
    try:
        child = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as expired:
        raise Refused(
            f"{_last_begun(files, expired.stdout)} is a Parquet file that could not be read in "
            f"{seconds} seconds",
            expected=what,
        ) from None
    if child.returncode == 0:
        return [json.loads(line) for line in child.stdout.splitlines()[1 : len(asked) + 1]]
    said = child.stderr.decode(errors="replace").strip().splitlines()
    last = said[-1] if child.returncode > 0 and said else "reading it ends the reading process"
    raise Refused(
        f"{_last_begun(files, child.stdout)} is a broken Parquet file: {last[:200]}",
        expected=what,
        hint="export it again",
    )


def read_whole(path: str) -> None:
    """Read a file batch by batch, and forget it."""
    for _ in pl.scan_parquet(path, glob=False).collect_batches():
        pass


def _last_begun(files: Sequence[Path], stdout: bytes | None) -> Path:
    """Return the file that the child was reading when it ended."""
    begun = (stdout or b"").count(b"\n")
    return files[min(max(begun, 1), len(files)) - 1]
