"""The cap on a job's memory: what `--memory` and `--spill` say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from data.errors import Refused

_SIZE = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?) *(?P<unit>[kKmMgGtT])(?P<rest>(i?[bB])?)")


@dataclass(frozen=True)
class Cap:
    """Bytes that the process may take, and the folder in which it may spill the rest."""

    memory: int
    folder: Path


def resolved_cap(memory: int | str | None, spill: str | Path | None, out: Path) -> Cap | None:
    """Return the cap on memory of a job; None where there is none.

    Raises
    ------
    Refused
        `memory` is no size, or only a folder is given.
    """
    if memory is None:
        if spill is not None:
            raise Refused("--spill names a folder for what --memory has no room for.",
                          hint="Give both, or neither.")  # fmt: skip
        return None
    folder = out.parent if spill is None else Path(spill)
    return Cap(read_size(memory) if isinstance(memory, str) else memory, folder)


def read_size(text: str) -> int:
    """Read a size of memory.

    >>> read_size("2GiB"), read_size("512 MB"), read_size("1.5g")
    (2147483648, 512000000, 1610612736)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found["number"]) <= 0:
        raise Refused(f"{text!r} is no size of memory.", expected="such as 2GiB or 800MB")
    power = "kmgt".index(found["unit"].lower()) + 1
    base = 1000 if found["rest"].lower() == "b" else 1024
    return int(float(found["number"]) * base**power)
