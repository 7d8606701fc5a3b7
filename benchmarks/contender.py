"""One contender of the throughput benchmark, in a process of its own.

    python -m benchmarks.contender NAME FORM DATA SMALL

computes W1 of SMALL (imports, compiled code and thread pools are then in place), then of DATA, and
prints the CPU seconds of the second, those of processes it started included, and the peak memory of
the process as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from benchmarks.throughput import job_of


def main() -> None:
    """Run the job twice; measure the second time."""
    name, form, data, small = sys.argv[1:]
    job = job_of(name, form)
    job(Path(small))
    start = cpu_seconds()
    job(Path(data))
    seconds = cpu_seconds() - start
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes()}))


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


if __name__ == "__main__":
    main()
