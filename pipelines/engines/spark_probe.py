"""What an executor is asked before it gets work: whether it runs the same and sees the folder.

The functions here are sent to executors as code, not by name, because a machine that lacks the
package cannot find them by name; so they import what they need themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DECIDING = ("unrinse", "numpy", "polars", "numba", "lightgbm")
"""The distributions whose versions decide on bits of the result."""


def described(folder: str) -> dict[str, Any]:
    """Describe the process that this runs in."""
    import importlib.metadata
    import platform
    from pathlib import Path

    said: dict[str, Any] = {"host": platform.node(), "python": platform.python_version()}
    try:
        from features.catalogue import catalogue

        said["catalogue"] = catalogue().hash()
    except ImportError as error:
        said["missing"] = str(error)
        return said
    for name in ("unrinse", "numpy", "polars", "numba", "lightgbm"):
        try:
            said[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            said[name] = "not installed"
    said["sees"] = Path(folder).is_dir()
    return said


def complaint(here: dict[str, Any], there: dict[str, Any], folder: Path) -> tuple[str, str] | None:
    """Say what is wrong with an executor, and what to do; None where nothing is.

    Parameters
    ----------
    here, there
        How the driver and the executor are `described`.
    folder
        The folder that both must see.

    Examples
    --------
    >>> here = {"host": "a", "catalogue": "1f", "numpy": "2.4.6", "sees": True}
    >>> complaint(here, here | {"host": "b"}, Path("runs")) is None
    True
    >>> complaint(here, here | {"host": "b", "numpy": "2.3.0"}, Path("runs"))[0]
    'the executor on b has numpy 2.3.0, and this process 2.4.6: results could differ.'
    """
    host = there["host"]
    if "missing" in there:
        return (
            f"the executor on {host} cannot load Unrinse ({there['missing']}).",
            "Install it, with its dependencies, in the Python of the executors, and name that in "
            "PYSPARK_PYTHON; docs/spark.md says how.",
        )
    for name in ("catalogue", *DECIDING):
        if there.get(name) != here.get(name):
            return (
                f"the executor on {host} has {name} {there.get(name)}, and this process "
                f"{here.get(name)}: results could differ.",
                "Install the same versions there as here, from the same lock.",
            )
    if not there["sees"]:
        return (
            f"the executor on {host} does not see the folder {folder}.",
            "Name one in --spill that every machine sees under the same path.",
        )
    return None
