"""What must not stay behind where a process is ended by force and cannot tidy up itself.

Blocks name what they will remove at their end: files under names that are not final yet, locks,
folders of spilled records. `pipelines.stopping` removes it for them when it ends a process that is
busy with a step of minutes. A killed process removes nothing; the next run does that.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

_paths: dict[Path, None] = {}


@contextlib.contextmanager
def removed_at_the_end(path: Path) -> Iterator[None]:
    """Have a file or folder removed where the process has to be ended within the block."""
    _paths[path] = None
    try:
        yield
    finally:
        _paths.pop(path, None)


def remove_leftovers() -> None:
    """Remove all that is named now, what was named last first: a lock goes after what it guards."""
    for path in reversed(list(_paths)):
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()
