"""Unrinse: scores blockchain addresses for pig-butchering laundering and shows why.

The public Python API. Every job of the command line is a function of the same name here; each is
loaded on first use, so `import unrinse` is instant.

>>> import unrinse
>>> unrinse.__version__.count(".")
2
>>> unrinse.__all__[2:5]
['Refused', 'catalogue', 'compact']

The packages have plain names (`data`, `features`, `models`, `pipelines`), so Unrinse belongs into
an environment of its own. `check_packages` runs at import and refuses when one of the names leads
elsewhere.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

__version__ = "0.1.0"

PACKAGES = ("data", "features", "models", "pipelines")

# public name -> the module that defines it
_DEFINED_IN = {
    "Refused": "data.errors",
    "catalogue": "pipelines.catalogue",
    "compact": "pipelines.compact",
    "demo": "pipelines.demo",
    "diff": "pipelines.diff",
    "evaluate": "pipelines.evaluate",
    "explain": "pipelines.explain",
    "ingest": "pipelines.ingest",
    "monitor": "pipelines.monitor",
    "nightly": "pipelines.nightly",
    "prepare": "pipelines.prepare",
    "promote": "pipelines.promote",
    "realism": "pipelines.realism",
    "replay": "pipelines.replay",
    "rollback": "pipelines.registered",
    "score": "pipelines.score",
    "signals": "pipelines.signals",
    "simulate": "pipelines.simulate",
    "trace": "pipelines.trace",
    "train": "pipelines.train",
}

__all__ = ["__version__", "check_packages", *sorted(_DEFINED_IN)]  # noqa: PLE0604 - all are strings


def check_packages() -> None:
    """Check that the four packages Python would import are the ones beside this file.

    Nothing is imported by the check.

    Raises
    ------
    ImportError
        When one of the names leads to another file or folder; the message names it.
    """
    # The folder is resolved, not the file: some installers link single files from a cache.
    here = Path(__file__).absolute().parent.resolve()
    for name in PACKAGES:
        found = _location(name)
        if found == here / name:
            continue
        came = f"is shadowed by {found}" if found else "was not found"
        raise ImportError(
            f"Unrinse's package '{name}' {came}; expected {here / name}. Install Unrinse into an "
            "environment of its own (uv tool install, pipx, or a fresh venv), and start it from a "
            f"folder that has no '{name}' of its own on Python's path.",
            name=name,
            path=str(found) if found else None,
        )


def _location(package: str) -> Path | None:
    """Return the folder (or, for a plain module, the file) that `import package` would load."""
    loaded = sys.modules.get(package)
    spec: ModuleSpec | None
    if loaded is not None:
        # find_spec raises ValueError for a loaded module without a spec, so read the module itself.
        origin = getattr(loaded, "__file__", None)
        folders = list(getattr(loaded, "__path__", []))
    else:
        spec = importlib.util.find_spec(package)
        if spec is None:
            return None
        origin, folders = spec.origin, list(spec.submodule_search_locations or [])
    if folders:
        return Path(folders[0]).resolve()
    return Path(origin).resolve() if origin else None


def __getattr__(name: str) -> object:
    """Load a public function on first use (PEP 562)."""
    if name not in _DEFINED_IN:
        raise AttributeError(
            f"module 'unrinse' has no attribute {name!r}; it has {sorted(__all__)}"
        )
    importlib.import_module("data.allocator").ask_for_huge_pages()
    value = getattr(importlib.import_module(_DEFINED_IN[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


check_packages()
