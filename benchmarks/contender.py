"""One contender of the throughput benchmark, in a process of its own.

    python -m benchmarks.contender NAME FORM DATA SMALL

computes W1 of SMALL (imports, compiled code and thread pools are then in place), then of DATA, and
prints the CPU seconds of the second, those of processes it started included, and the peak memory of
the process as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.usage import cpu_seconds, peak_megabytes
from data.allocator import ask_for_huge_pages


def main() -> None:
    """Run the job twice; measure the second time."""
    name, form, data, small = sys.argv[1:]
    if name == "unrinse":
        ask_for_huge_pages()  # as `unrinse` does; a peer's user would not
    from benchmarks.throughput import job_of  # it loads polars

    job = job_of(name, form)
    job(Path(small))
    start = cpu_seconds()
    job(Path(data))
    seconds = cpu_seconds() - start
    print(json.dumps({"seconds": seconds, "megabytes": peak_megabytes()}))


if __name__ == "__main__":
    main()
