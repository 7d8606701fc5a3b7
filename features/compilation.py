"""Compiling kernels with numba, and keeping what was compiled.

numba notices an edit in the file of a cached function, but not in a helper it calls from another
file: a stale kernel would go on, silently. So the cache lives in a directory named by the hash of
every source file with kernels (this package's, and a few of `data`), the CPU and numba's version.
Where no directory can be written, kernels are compiled anew in each process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba

from data import lanes, memory, text_views, wyhash

kernel: Callable[..., Any] = partial(numba.njit, nogil=True, error_model="numpy")
"""Compile a function on its first call; division by zero gives inf or NaN as in numpy."""


@lru_cache(maxsize=1)
def cache_directory() -> Path | None:
    """Return the directory for compiled kernels, made if need be; None where it cannot be."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.binding.get_host_cpu_name()}".encode())
    outside = [Path(str(module.__file__)) for module in (lanes, memory, text_views, wyhash)]
    for source in [*sorted(Path(__file__).parent.glob("*.py")), *outside]:
        digest.update(source.name.encode() + source.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "unrinse" / "kernels" / digest.hexdigest()[:24]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    return directory


def keep_compiled(dispatcher: Any) -> None:
    """Let a kernel's machine code be kept on disk from now on (once per process and kernel)."""
    directory = cache_directory()
    if directory is None or getattr(dispatcher, "_unrinse_kept", False):
        return
    numba.config.CACHE_DIR = str(directory)
    dispatcher.enable_caching()
    dispatcher._unrinse_kept = True
