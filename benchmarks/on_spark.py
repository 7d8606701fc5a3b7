"""On Spark: what the cluster engine costs on one machine, beside the local one.

    python -m benchmarks.on_spark --transfers 1000000 10000000

makes W1's data (`benchmarks.w1_data`) and computes the whole catalogue but motifs for every
address with `unrinse signals`, start included: in this process alone, under a cap, on
``local[2]``, and on a standalone cluster of a master and two workers of one core each, which is
started on this machine by Spark's own launcher. Each has run on a small table before, so that
nothing is compiled. CPU seconds are those of all processes that a run started, Java's too; of the
cluster also those of master and workers, which had served the small table. The content hash says
whether the results are the same. Needs the extra ``spark``, Java 17 and Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.out_of_core import commanded
from benchmarks.throughput import WARM_UP_TRANSFERS, heading, made

WORKERS, CORES, WORKER_MEMORY = 2, 1, "4g"
_STARTS = 60
"""Seconds in which a cluster comes up, or does not."""

_DEPLOY = "org.apache.spark.deploy"

_SUBREAPER = 36
"""`prctl`: whoever loses his parent becomes a child of this process, and is waited for here."""


class Run(NamedTuple):
    """What one run took and gave."""

    seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    content: str


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="The Spark engine beside the local one")
    parser.add_argument("--transfers", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--memory", default="2GiB", help="the cap of the second run")
    parser.add_argument("--folder", type=Path, help="keep the data here, and use it again")
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        small = made(folder, WARM_UP_TRANSFERS)
        print(heading(1))
        print(table_head(), flush=True)
        for transfers in arguments.transfers:
            data, runs = made(folder, transfers), []
            for name, options in (
                ("local", []),
                (f"local, --memory {arguments.memory}", ["--memory", arguments.memory]),
                ("spark, local[2]", ["--engine", "spark", "--spark-master", "local[2]"]),
            ):
                measured(small, options)
                runs.append(measured(data, options))
                print(row(transfers, name, runs[-1], runs[0]), flush=True)
            before = spent()
            with cluster() as master:
                options = ["--engine", "spark", "--spark-master", master]
                measured(small, options)
                run = measured(data, options)
            run = run._replace(cpu_seconds=spent() - before)
            name = f"spark, {WORKERS} workers of {CORES} core"
            print(row(transfers, name, run, runs[0]), flush=True)


def measured(data: Path, options: list[str]) -> Run:
    """Run `unrinse signals` in a process of its own."""
    before = spent()
    result, taken, seconds = commanded(["signals", *options], data)
    return Run(seconds, spent() - before, taken.megabytes, result["content_sha256"][:12])


def spent() -> float:
    """Return the CPU seconds of all processes so far that have ended, orphans among them."""
    time.sleep(2)  # what a run has left behind ends
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Start a standalone cluster on this machine, and yield its master's address."""
    import pyspark

    launcher = Path(pyspark.__path__[0]) / "bin" / "spark-class"
    port, host = free_port(), "127.0.0.1"
    master = f"spark://{host}:{port}"
    environment = os.environ | {"SPARK_LOCAL_IP": host, "PYSPARK_PYTHON": sys.executable}
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as running:
        words = ["--host", host, "--port", str(port), "--webui-port", "0"]
        running.enter_context(daemon([launcher, f"{_DEPLOY}.master.Master", *words], environment))
        until_open(host, port)
        for _ in range(WORKERS):
            words = ["--cores", str(CORES), "--memory", WORKER_MEMORY, "--webui-port", "0"]
            words += ["--work-dir", work, "--host", host, master]
            running.enter_context(
                daemon([launcher, f"{_DEPLOY}.worker.Worker", *words], environment)
            )
        yield master


@contextlib.contextmanager
def daemon(command: list[str | Path], environment: dict[str, str]) -> Iterator[None]:
    """Let a process run for the block, and wait for its end."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def until_open(host: str, port: int) -> None:
    """Wait until somebody listens."""
    ends = time.monotonic() + _STARTS
    while time.monotonic() < ends:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.2)
    raise SystemExit(f"Nobody listens on {host}:{port} after {_STARTS} seconds.")


def table_head() -> str:
    """Return the head of the table."""
    return (
        "| transfers | engine | wall s | × local | CPU s | × local | driver’s peak, MiB | content |"
        "\n|---:|---|---:|---:|---:|---:|---:|---|"
    )


def row(transfers: int, name: str, run: Run, local: Run) -> str:
    """Return one line of it."""
    return (
        f"| {transfers:,} | {name} | {run.seconds:.1f} | {run.seconds / local.seconds:.1f} "
        f"| {run.cpu_seconds:.1f} | {run.cpu_seconds / local.cpu_seconds:.1f} "
        f"| {run.peak_mebibytes:,.0f} | `{run.content}` |"
    )


if __name__ == "__main__":
    main()
