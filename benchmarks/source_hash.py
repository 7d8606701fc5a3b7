"""A short name for the state of some source files: what is kept under it is of that state alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def source_hash(patterns: Iterable[str]) -> str:
    """Return twelve digits over the code and the registries that some patterns name.

    Parameters
    ----------
    patterns
        Below the project's root: a folder, or a pattern that ends in ``.py``. Of a folder every
        ``.py`` and ``.csv`` counts, but for the simulation, which no reader and no signal uses.
    """
    digest = hashlib.sha256()
    for pattern in patterns:
        files = ROOT.glob(pattern) if pattern.endswith(".py") else (ROOT / pattern).rglob("*.*")
        for file in sorted(files):
            if file.suffix in (".py", ".csv") and "simulation" not in file.parts:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
