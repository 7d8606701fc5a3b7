"""What a run rests on, recorded with its results: enough to make every byte of them again.

The same inputs give the same bytes, so a result that names its inputs by hash can be checked by
anybody who still has them (`pipelines.replay`), and two results can be taken apart into what
changed between them (`pipelines.diff`). Files are named by what they hold, never by where they
lie: paths differ from machine to machine, and would make equal runs unequal.

The list of addresses is an input because a rank is a place in it. It is hashed by what it asks for,
so that the same list as text, CSV or Parquet, in any order, is the same input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from platform import machine, python_version
from typing import TYPE_CHECKING, Any

import polars as pl

from data.assets import REGISTRY
from data.content_hash import content_hash
from data.storage import sha256_file
from pipelines.moments import iso

if TYPE_CHECKING:
    from datetime import datetime

    from data.services import Services
    from data.transfers import Transfers

NOT_READ = ("explorers.csv", "label_teachings.csv", "published_figures.csv")
"""Built-in tables that no score and no alert reads: for links, for training labels, for worlds."""

LIBRARIES = ("lightgbm", "numba", "numpy", "polars")
"""Whose versions may change the last bits of a number."""

_SLICE_ROWS = 1 << 16
_ROOT = Path(__file__).parent.parent


def recorded_inputs(
    as_of: datetime, requests: pl.DataFrame | None, transfers: Transfers, services: Services
) -> dict[str, Any]:
    """Return what a run rests on beside its bundle and its transfers, ready for JSON.

    Returns
    -------
    dict
        ``as_of`` (the moment of rows without one), ``addresses_sha256`` (null where every covered
        address was asked for), ``coverage_sha256`` (null
        without a coverage table), ``assume_complete``, ``synthetic``, ``services_sha256`` (the
        user's files, in order), ``registry_sha256`` (by file) and ``program_sha256``.
    """
    return {
        "as_of": iso(as_of),
        "addresses_sha256": None if requests is None else addresses_sha256(requests),
        "coverage_sha256": coverage_sha256(transfers),
        "assume_complete": transfers.assume_complete,
        "synthetic": transfers.synthetic,
        "services_sha256": list(services.files),
        "registry_sha256": registry_sha256(),
        "program_sha256": program_sha256(),
    }


def addresses_sha256(requests: pl.DataFrame) -> str:
    """Return the hash of what is asked: chains, addresses and own moments, in any order.

    >>> asked = pl.DataFrame({"chain": ["tron"] * 2, "address": ["T1", "T2"], "as_of": [None] * 2})
    >>> addresses_sha256(asked) == addresses_sha256(asked.reverse())
    True
    """
    moment = pl.col("as_of").cast(pl.Datetime("us", "UTC")).dt.to_string("iso:strict")
    line = pl.concat_str("chain", "address", moment.fill_null(""), separator="\t")
    lines, told = requests.select(line.alias("line").sort()), hashlib.sha256()
    for at, part in enumerate(lines.iter_slices(_SLICE_ROWS)):  # joined they may be gigabytes
        told.update(("\n" * (at > 0) + "\n".join(part["line"])).encode())
    return told.hexdigest()


def coverage_sha256(transfers: Transfers) -> str | None:
    """Return the hash of the coverage table beside transfers, None where there is none."""
    file, store = transfers.sidecar, transfers.store
    if file is None:
        return None
    name = file.name if store is None else file.relative_to(store).as_posix()
    return transfers.recorded.get(name) or sha256_file(file)


def registry_sha256() -> Mapping[str, str]:
    """Return the hash of each built-in table that is read, by file."""
    files = sorted(REGISTRY.glob("*.csv"))
    return {file.name: sha256_file(file) for file in files if file.name not in NOT_READ}


def rests_on(
    as_of: datetime, requests: pl.DataFrame | None, transfers: Transfers, services: Services
) -> dict[str, Any]:
    """Return what a run that is resumed must still rest on, by names that people understand.

    Unlike in `recorded_inputs` the order of the addresses counts: it is that of the work.
    """
    return {
        "the transfers": transfers.sha256,
        "their coverage": coverage_sha256(transfers),
        "--assume-complete": transfers.assume_complete,
        "the addresses": None if requests is None else content_hash(requests),
        "--as-of": as_of.isoformat(),
        "--services": list(services.files),
        "the built-in tables": dict(registry_sha256()),
        "the program": program_sha256(),
        "the libraries, Python or the processor": environment(),
    }


@lru_cache(maxsize=1)
def program_sha256() -> str:
    """Return one hash over the program's own code: a version may have been changed by hand."""
    files = [_ROOT / "unrinse.py"]
    for package in ("data", "features", "models", "pipelines"):
        files += sorted((_ROOT / package).rglob("*.py"))
    told = hashlib.sha256()
    for file in files:
        told.update(f"{file.relative_to(_ROOT).as_posix()} {sha256_file(file)}\n".encode())
    return told.hexdigest()


def environment() -> dict[str, str]:
    """Return what may change the last bits of a number: libraries, Python and the processor."""
    versions = {name: metadata.version(name) for name in LIBRARIES}
    return {"machine": machine(), "python": python_version(), **versions}
