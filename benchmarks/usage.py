"""What this process has taken: CPU seconds and memory, with nothing but the standard library.

Peers that need an environment of their own are measured by it too.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path


def cpu_seconds() -> float:
    """Return what this process has taken, and every process that it started and that has ended.

    Unrinse tries a stranger's file in a child process: that is part of its work.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak_megabytes() -> float:
    """Return this process's own peak memory.

    On Linux `resource` also counts what the parent held when it forked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
