"""Long runs that may be killed at any point, and go on from there with `--resume`.

A job that runs long goes through its addresses part after part, and what it found of each part is
kept in a folder beside its result, ``.NAME.work``. A run that ends well removes the folder. One
that is killed leaves it; then the same command with ``--resume`` takes the parts that were kept,
computes the rest, and writes the same bytes as a run that was never killed.

- Nothing is flushed to disk on the way: a part is taken only if it is, by its SHA-256, what was
  written, and so are all before it. What a power cut took is computed again.
- The folder says what its parts rest on (inputs by hash, options, program, libraries). Where one
  of these has changed, the run is refused and the change named.
- How much a run takes at once (`--threads`, `--memory`) changes no bit of its result and may
  change: a run that was killed for its memory goes on with less.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.locks import sole_writer
from data.storage import disk_refusals, sha256_file
from features.spill import remove_abandoned
from pipelines import stopping

Part = Mapping[str, pl.DataFrame]
"""What is kept of some addresses: tables by name, the first with a row for each."""

_RESTS_ON = "rests-on"
_GO_ON = "Run the same command with --resume to go on from there, or with --start-again."


@dataclass(frozen=True)
class Earlier:
    """What to do with the work of an earlier run that did not end: `--resume`, `--start-again`."""

    resume: bool = False
    start_again: bool = False


@contextlib.contextmanager
def resumable(out: Path, earlier: Earlier, *, spill: Path | None = None) -> Iterator[Work]:
    """Be the only run that writes a result, and keep its work until the block has ended well.

    Parameters
    ----------
    out
        The result, a file or a folder.
    earlier
        What to do with the work of an earlier run.
    spill
        Where this run may spill; what killed runs left there is removed.

    Raises
    ------
    Refused
        An earlier run left work and nothing says what to do with it, or another run writes `out`.
    """
    if earlier.resume and earlier.start_again:
        raise Refused("--resume and --start-again exclude each other.", expected="one of them")
    with sole_writer(out):
        work = Work(out)
        if earlier.start_again:
            work.remove()
        elif work.exists and not earlier.resume:
            raise Refused(
                f"an earlier run did not finish {out}; its work is kept in {work.folder}.",
                expected="--resume, to go on from there, or --start-again, to throw it away",
            )
        for folder in {work.folder.parent, spill or work.folder.parent}:
            remove_abandoned(folder)
        try:
            yield work
        except BaseException as error:
            if work.exists:
                error.add_note(work.kept)
            raise
        else:
            work.remove()
        finally:
            stopping.say_at_the_end(None)


class Work:
    """What a run has found so far, in a folder beside its result.

    Attributes
    ----------
    folder
        Made when the first part is kept.
    """

    def __init__(self, out: Path) -> None:
        out = out.absolute()
        self.folder = out.with_name(f".{out.name}.work")
        self._over = out.with_name(f".{out.name}.work-over")
        self._rests_on = ""
        shutil.rmtree(self._over, ignore_errors=True)  # its run was killed as it removed it

    @property
    def exists(self) -> bool:
        """Whether any part has been kept."""
        return next(self.folder.glob("*.json"), None) is not None

    @property
    def kept(self) -> str:
        """Say where the work is, and how to go on."""
        return f"What was done so far is kept in {self.folder}. {_GO_ON}"

    def rests_on(self, facts: Mapping[str, Any]) -> None:
        """Say what the work rests on: by a name that people understand, something for JSON.

        Raises
        ------
        Refused
            What an earlier run kept rests on something else.
        """
        self._rests_on = _sealed(facts)
        then = _unsealed(self.folder / _RESTS_ON)
        if then is None or not self.exists:
            self.remove()
            return
        stopping.say_at_the_end(self.kept)
        now = json.loads(json.dumps(facts))
        names = [*now, *(name for name in then if name not in now)]
        if changed := [name for name in names if then.get(name) != now.get(name)]:
            raise Refused(
                f"--resume: no longer what they were in the earlier run: {', '.join(changed)}.",
                expected="the same inputs, options and program",
                hint="Make them what they were, or run with --start-again.",
            )

    def stage(self, name: str) -> Stage:
        """Return one stage of the work, whose parts are counted by themselves."""
        return Stage(self, name)

    def begin(self) -> None:
        """Make the folder, if this is the first part to be kept."""
        if not (self.folder / _RESTS_ON).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / _RESTS_ON, lambda path: path.write_text(self._rests_on, "utf-8"))
            stopping.say_at_the_end(self.kept)

    def remove(self) -> None:
        """Forget all work, in one step.

        Raises
        ------
        Refused
            The disk fails.
        """
        stopping.say_at_the_end(None)
        try:
            self.folder.rename(self._over)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Refused(
                f"{self.folder}, which is not needed any more, cannot be removed "
                f"({error.strerror}).",
                hint="Remove it by hand.",
            ) from error
        shutil.rmtree(self._over, ignore_errors=True)


class Stage:
    """The parts of one stage, in their order.

    Attributes
    ----------
    rows
        How many addresses an earlier run has done; the work goes on after them.
    """

    def __init__(self, work: Work, name: str) -> None:
        self._work, self._name = work, name
        self._kept = list(self._whole())
        self.rows = sum(record["rows"] for record in self._kept)
        self._parts = len(self._kept)

    def through(self, fresh: Iterable[Part]) -> Iterator[Part]:
        """Yield what was kept, then what is new, each part of which is kept first.

        Parameters
        ----------
        fresh
            The parts after the first `rows`.

        Raises
        ------
        Refused
            The disk is full or fails.
        """
        for at, record in enumerate(self._kept):
            yield {name: self._read(self._file(at, name)) for name in record["tables"]}
        for part in fresh:
            self._parts += self._keep(part, self._parts)
            yield part

    def again(self, name: str) -> Iterator[pl.DataFrame]:
        """Yield one table of each part once more, after they have all come `through`.

        A part without rows is not among them.
        """
        for at in range(self._parts):
            yield self._read(self._file(at, name))

    def tables(self, fresh: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Do the same where a part is one table."""
        for part in self.through({"rows": table} for table in fresh):
            yield part["rows"]

    def _keep(self, part: Part, at: int) -> bool:
        """Write a part, and then the record that makes it count."""
        rows = next(iter(part.values())).height
        if not rows:
            return False
        with disk_refusals(self._work.folder):
            self._work.begin()
            written = {}
            for name, table in part.items():
                path = self._file(at, name)
                _write(path, partial(table.write_ipc, compression="lz4"))
                written[name] = sha256_file(path)
            record = _sealed({"rows": rows, "tables": written})
            _write(self._record(at), lambda new: new.write_text(record, "utf-8"))
        return True

    def _whole(self) -> Iterator[dict[str, Any]]:
        """Yield the records of the parts that are as they were written, up to the first gap."""
        at = 0
        while (record := _unsealed(self._record(at))) is not None:
            for name, sha256 in record["tables"].items():
                path = self._file(at, name)
                if not path.is_file() or sha256_file(path) != sha256:
                    return
            yield record
            at += 1

    def _record(self, at: int) -> Path:
        return self._work.folder / f"{self._name}-{at:06}.json"

    def _file(self, at: int, name: str) -> Path:
        return self._work.folder / f"{self._name}-{at:06}.{name}.arrow"

    def _read(self, path: Path) -> pl.DataFrame:
        try:
            return pl.read_ipc(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            said = str(error).splitlines()[0]
            raise Refused(
                f"{path} cannot be read back ({said}).", hint="Run with --start-again."
            ) from error


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file that appears whole; without a flush (see above)."""
    new = path.with_name(f"{path.name}.partial")
    write(new)
    new.replace(path)


def _sealed(content: Mapping[str, Any]) -> str:
    """Write JSON with its SHA-256 before it."""
    text = json.dumps(content)
    return f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}\n"


def _unsealed(path: Path) -> dict[str, Any] | None:
    """Read what `_sealed` wrote; None where it is not there, or not what was written."""
    try:
        seal, text = path.read_text(encoding="utf-8").split("\n")[:2]
    except (OSError, ValueError):
        return None
    whole = hashlib.sha256(text.encode()).hexdigest() == seal
    return dict(json.loads(text)) if whole else None
