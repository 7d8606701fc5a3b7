"""The options of jobs that can run on a cluster."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Engine(StrEnum):
    """What moves histories to the kernels."""

    local = "local"
    spark = "spark"


EngineOption = Annotated[
    Engine | None,
    typer.Option(
        help="Compute in this process, or on a Spark cluster (needs the extra spark, Java 17, and "
        "a store). Results do not depend on it. Default: local."
    ),
]
SparkMaster = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="With --engine spark: the cluster, such as spark://HOST:7077 or local[4]. Default: "
        "what Spark is set up for, else this machine.",
    ),
]
