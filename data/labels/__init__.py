"""Labels, one file per source: what is alleged of an address, and what a model trains on.

The label lists that can be read stand in `SOURCES`, by name; each is loaded only when it is used.
A new one is one module with `DESCRIPTION`, `recognises` and `read` (`data/labels/table.py`), its
name here, its categories in `data/registry/label_categories.csv`, and a sample in the tests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pathlib import Path

    from data.labels.table import LabelList, LabelSource

SOURCES = ("graphsense", "forta", "ofac", "etherscan_labels", "finos", "reviews", "plain")
"""Names of label sources, which are also their modules."""

AUTO = "auto"


def source_named(name: str) -> LabelSource:
    """Return the importer of a label source.

    Raises
    ------
    Refused
        There is no such source; the message lists them and the nearest name.
    """
    from data.errors import Refused, did_you_mean

    if name not in SOURCES:
        raise Refused(
            f"unknown label source {name!r}",
            expected=f"{AUTO}, {', '.join(SOURCES)}",
            hint=did_you_mean(name, [*SOURCES, AUTO]),
        )
    return cast("LabelSource", import_module(f"{__name__}.{name}"))


def recognised(path: Path) -> str | None:
    """Return the name of the source whose format a file has; None where it has none of them.

    Raises
    ------
    Refused
        It looks like several.
    """
    from data.errors import Refused
    from data.labels.files import head_of

    head = head_of(path)
    fitting = [name for name in SOURCES if head and source_named(name).recognises(path, head)]
    if len(fitting) > 1:
        raise Refused(f"{path} looks like {' and '.join(fitting)}", expected="one format")
    return fitting[0] if fitting else None


def read_label_list(path: Path, source: str = AUTO) -> LabelList:
    """Read a label list.

    Parameters
    ----------
    path
        A file in the format of one of `SOURCES`, plain or in gzip.
    source
        Its name; `AUTO` recognises it.

    Raises
    ------
    Refused
        No known format, or the file is not usable as a whole.
    """
    from data.errors import Refused

    found = recognised(path) if source == AUTO else source
    if found is None:
        known = "; ".join(f"{name} ({source_named(name).DESCRIPTION})" for name in SOURCES)
        raise Refused(f"{path} is no label list that is known", expected=known)
    return source_named(found).read(path)
