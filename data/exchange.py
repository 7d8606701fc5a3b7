"""Two folders change names in one step, where the system can do that.

A folder cannot be renamed onto one that holds files. With two renames there is a moment at which
neither stands under the name, and a machine that dies then leaves it so.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_EXCHANGE = 2  # RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS
_HERE = {"linux": -100, "darwin": -2}  # AT_FDCWD
_CALLS = {"linux": "renameat2", "darwin": "renameatx_np"}


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders; return False, with nothing done, where that cannot be.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = Path(folder, "one"), Path(folder, "other")
    ...     one.mkdir()
    ...     exchange(one, other)
    False
    """
    system = sys.platform
    call = getattr(ctypes.CDLL(None), _CALLS[system], None) if system in _CALLS else None
    if call is None:
        return False
    here = _HERE[system]
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), _EXCHANGE) == 0)
