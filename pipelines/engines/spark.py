"""The Spark engine: the passes of this process, and executors that do everything after them.

What both sides of a transfer had done before it is found in order of time, so by one process, the
driver: these are the passes of `features.passes`, a few numbers for each address. All that grows
with the signals is the executors': they share the transfers out to buckets (a shuffle of Spark's,
in blocks that it need not look into), lay the histories and compute signals and scores bucket by
bucket, with the kernels of the local engine. Nothing here computes anything.

The driver and all executors see one folder, where pieces and results lie until the run ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import Refused
from data.leftovers import removed_at_the_end
from data.services import Services
from data.transfers import Transfers
from features.bucket_histories import Told, told_notes
from features.budget import Size, Sizes
from features.loading import readable
from features.own_codes import KnownParties
from features.passes import Means, Passed, Passes, Question
from features.piece_files import PieceFiles
from features.signal import Family
from features.spill import Spill, spill
from pipelines.console import progress
from pipelines.engines import spark_probe, spark_tasks
from pipelines.engines.local import question_of
from pipelines.engines.spark_tasks import Part
from pipelines.memory import Cap

BUCKET_SETTING = "spark.unrinse.bucketTransfers"
BUCKET_TRANSFERS = 1 << 19
"""Transfers to a bucket, unless the setting says otherwise: by its arrays, 250 MB of a task."""

_PIECE, _PAIRS, _LONGEST = 1 << 18, 1 << 23, 1 << 40
_FEWEST, _BUCKETS_PER_CORE = 1 << 14, 4
_SETTINGS = {
    "spark.sql.execution.arrow.useLargeVarTypes": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "16",
    "spark.sql.parquet.compression.codec": "uncompressed",
}
"""Of every session: blocks and results are large, few and compressed already."""

_INSTALL = "Install the extra: pip install 'unrinse[spark]'."
_JAVA = "Install a Java runtime, 17 or later, or name one in JAVA_HOME."
_LOST = ("ExecutorLostFailure", "crashed", "OutOfMemoryError", "SparkOutOfMemoryError")


@dataclass(frozen=True)
class SparkRun:
    """Histories whose signals a cluster computes.

    Attributes
    ----------
    folder
        Seen by all.
    told
        Of the buckets so far.
    """

    session: Any
    passed: Passed[PieceFiles]
    question: Question
    families: tuple[str, ...]
    spilled: Spill
    told: list[Told]

    def __len__(self) -> int:
        return len(self.passed.roll)

    @property
    def transfers(self) -> int:
        """Of the histories so far."""
        return sum(told.transfers for told in self.told)

    @property
    def spilled_bytes(self) -> int | None:
        """Bytes that the driver wrote to disk."""
        return self.spilled.written

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the histories so far."""
        return told_notes(self.told)

    def parts(self, *, after: int = 0) -> Iterator[pl.DataFrame]:
        """Compute signals and yield their table in parts."""
        return (part["rows"] for part in self.through(_rows, after=after))

    def through(self, then: Callable[[pl.DataFrame], Part], *, after: int = 0) -> Iterator[Part]:
        """Compute signals, let the executors apply a function to each part, and yield what it made.

        Parameters
        ----------
        then
            Is sent to the executors with all it holds, such as a model.
        after
            So many of the first rows are left out: an earlier run has computed them.
        """
        results = self.spilled.folder / "results"
        buckets = self.passed.files.buckets
        with progress("Computing signals on Spark", len(self)) as done:
            with _failures():
                self._write_keys()
                self._compute(results, self._work(then, after))
            for bucket in range(len(buckets)):
                yield from self._read(results / f"bucket={bucket}")
                done(int(buckets.starts[bucket + 1] - buckets.starts[bucket]))

    def _work(self, then: Callable[[pl.DataFrame], Part], after: int) -> spark_tasks.Work:
        passed = self.passed
        return spark_tasks.Work(
            pieces=passed.files.shared(neighbours=self.question.neighbours),
            shared=passed.shared.shared,
            known=KnownParties.among(passed.parties),
            over_bridges=passed.over_bridges,
            epochs=bool(passed.epochs),
            basis=self.question.basis,
            families=self.families,
            then=then,
            after=after,
        )

    def _write_keys(self) -> None:
        starts = self.passed.files.buckets.starts.tolist()
        for bucket, (first, end) in enumerate(pairwise(starts)):
            keys = self.passed.roll.keys(first, end)
            keys.write_ipc(spark_tasks.keys_file(self.spilled.folder, bucket), compression="lz4")

    def _compute(self, results: Path, work: spark_tasks.Work) -> None:
        """Let Spark do all of it; what it writes appears whole, whatever attempts it takes."""
        sent = self.session.sparkContext.broadcast(work)
        pieces, buckets = work.pieces.pieces + 1, len(work.pieces.starts) - 1
        numbers = self.session.range(0, pieces, 1, pieces)
        blocks = numbers.mapInArrow(partial(spark_tasks.share_out, sent), _ddl(spark_tasks.BLOCKS))
        shuffled = blocks.repartition(buckets, "bucket")
        computed = shuffled.groupBy("bucket").applyInArrow(
            lambda blocks: spark_tasks.compute(sent, blocks), _ddl(spark_tasks.RESULTS)
        )
        writer = computed.write.partitionBy("bucket").option("parquet.enable.dictionary", "false")
        writer.parquet(results.absolute().as_uri())
        sent.destroy()

    def _read(self, folder: Path) -> Iterator[Part]:
        """Read what was made of one bucket, and remove it."""
        found = pl.read_parquet(folder / "*.parquet", columns=["part", "name", "content"])
        [told] = found.filter(pl.col("name") == "")["content"]
        self.told.append(spark_tasks.told_in(told))
        named = found.filter(pl.col("name") != "").sort("part", maintain_order=True)
        for _, rows in named.group_by("part", maintain_order=True):
            yield {
                name: pl.read_ipc(content)
                for name, content in rows.select("name", "content").iter_rows()
            }
        shutil.rmtree(folder)


@contextlib.contextmanager
def held(
    transfers: Transfers,
    requests: pl.DataFrame | None,
    *,
    as_of: datetime,
    basis: str,
    families: Sequence[Family],
    cap: Cap,
    master: str | None = None,
    legs: Iterable[str] | None = None,
    services: Services | None = None,
    kept: int = 0,
) -> Iterator[SparkRun]:
    """Make the passes, and hold what a cluster needs for the block; parameters as in `local.held`.

    Parameters
    ----------
    cap
        On this process alone; its folder must be seen by all executors.
    master
        Of the cluster, as Spark names it; None: what Spark is set up for, else this machine.

    Raises
    ------
    Refused
        There is no pyspark, no Java or no such cluster, its executors cannot do the work, or a
        family cannot be computed there.
    """
    question = question_of(families, as_of=as_of, basis=basis, legs=legs, services=services)
    if question.graphs:
        name = question.graphs[0].name
        raise Refused(
            f"{name} cannot be computed on Spark: it follows money through all transfers at once.",
            hint=f"Do without {name}, or use the local engine.",
        )
    with (
        spill(cap.folder) as spilled,
        removed_at_the_end(spilled.folder),
        _session(master, spilled.folder) as session,
    ):
        with _failures():
            _refuse_other_executors(session, spilled.folder)
        fitted = partial(_fitted, _bucket_setting(session), session.sparkContext.defaultParallelism)
        means = Means(cap.memory, spilled, progress, kept=kept, fitted=fitted)
        with readable():
            passed = Passes(transfers, requests, question, means, PieceFiles).make()
        names = tuple(family.name for family in families)
        yield SparkRun(session, passed, replace(question, services=None), names, spilled, [])


def _rows(signals: pl.DataFrame) -> Part:
    return {"rows": signals}


def _fitted(most: int | None, cores: int, sizes: Sizes, size: Size) -> Sizes:
    """Take buckets that give every core some, and histories of any length: executors lay them."""
    share = 2 * size.transfers // (_BUCKETS_PER_CORE * cores) + 1
    bucket = most or min(BUCKET_TRANSFERS, max(_FEWEST, share))
    return Sizes(min(sizes.piece, _PIECE), bucket, min(sizes.pairs, _PAIRS), _LONGEST)


def _bucket_setting(session: Any) -> int | None:
    text = session.conf.get(BUCKET_SETTING, "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise Refused(f"{BUCKET_SETTING} is {text!r}.", expected="a number of transfers")
    return int(text)


def _ddl(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


@contextlib.contextmanager
def _session(master: str | None, folder: Path) -> Iterator[Any]:
    """Take the session that is there, or start one and stop it after the block."""
    try:
        from pyspark import SparkConf
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise Refused(f"the Spark engine needs pyspark ({error}).", hint=_INSTALL) from error
    running = SparkSession.getActiveSession()
    if running is not None:
        for name, value in _SETTINGS.items():
            running.conf.set(name, value)
        yield running
        return
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise Refused(f"Spark needs Java, and there is none {where}.", hint=_JAVA)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    named = master or SparkConf().get("spark.master", "") or "local[*]"
    builder = SparkSession.builder.appName("unrinse").master(named)
    settings = _SETTINGS | {"spark.ui.showConsoleProgress": "false"}
    if named.startswith("local"):
        settings |= {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(folder.absolute()),
            "spark.log.level": "ERROR",
            "spark.ui.enabled": "false",
        }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = _started(builder, named)
    try:
        yield session
    finally:
        session.stop()


def _started(builder: Any, master: str) -> Any:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return builder.getOrCreate()
    except (Py4JError, PySparkException) as error:
        raise Refused(
            f"Spark does not start with the master {master} ({_first_line(error)}).",
            expected="a running cluster, such as spark://HOST:7077, or local[N]; Java 17 or later",
            hint="What Java and Spark said stands above.",
        ) from error


def _refuse_other_executors(session: Any, folder: Path) -> None:
    """Ask as many processes as there are cores what they run."""
    from pyspark import cloudpickle

    context = session.sparkContext
    cores = context.defaultParallelism
    cloudpickle.register_pickle_by_value(spark_probe)
    try:
        asked = context.parallelize([str(folder.absolute())] * cores, cores)
        answers = asked.map(spark_probe.described).collect()
    finally:
        cloudpickle.unregister_pickle_by_value(spark_probe)
    here = spark_probe.described(str(folder))
    for there in answers:
        if found := spark_probe.complaint(here, there, folder):
            raise Refused(found[0], hint=found[1])


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Say what went wrong on a cluster where that is not a bug."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        text = str(error)
        if "PYTHON_VERSION_MISMATCH" in text:
            raise Refused(
                "the executors run another version of Python than this process.",
                hint="Name the Python of the executors in PYSPARK_PYTHON.",
            ) from error
        if any(sign in text for sign in _LOST):
            raise Refused(
                f"executors were lost, probably for want of memory ({_first_line(error)}).",
                hint=f"Allow them more (spark.executor.memoryOverhead), or set {BUCKET_SETTING} "
                f"lower than {BUCKET_TRANSFERS:,}; docs/spark.md says how much a task takes.",
            ) from error
        if "No space left on device" in text:
            raise Refused(
                "a disk of the cluster is full.",
                hint="Free space in spark.local.dir of the executors and in the folder of --spill.",
            ) from error
        raise


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
