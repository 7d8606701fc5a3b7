"""Compiling every kernel before the tests: `python -m tests.kernels`, part of `make test`.

A test under the eye of coverage compiles three times as slowly, and alone; here two processes share
the work, and the tests load what they find.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from data.services import load_services
from data.transfers import open_transfers
from features import passes
from features.budget import Sizes
from features.catalogue import catalogue
from models.treeshap import TreeShap
from pipelines.engines import local
from pipelines.signals import signals
from pipelines.simulate import simulate
from tests.data.canonical import AS_OF, A, B, covered, plain, row, store

SMALL = Sizes(500, 900, 4000, 1 << 40)
"""In place of the sizes that follow from a cap on memory: something is spilled at once."""


def main() -> None:
    """Compute every signal of three transfers, from a store and a file, by each basis; explain.

    A small world then has what three transfers lack, as bridges, and is computed under a cap too.
    """
    rows = [row(1), row(2, sender=B, receiver=A), row(3)]
    with tempfile.TemporaryDirectory() as name:
        stored = open_transfers(store(Path(name, "store"), rows))
        for transfers in (stored, plain(Path(name), rows, covered(A, B))):
            for basis in ("usd", "relative"):
                local.measure(
                    transfers, None, as_of=AS_OF, basis=basis,
                    services=load_services(), families=catalogue().families,
                )  # fmt: skip
        made = simulate(Path(name, "world"), seed=7, addresses=200, days=120, workers=1).out
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(passes, "divided", lambda memory, size: SMALL)
            for memory in (None, "8GiB"):
                out = Path(name, "signals.parquet")
                signals(made, out, services=made / "services.csv", memory=memory)
    inputs = np.arange(40.0)[:, None]
    grown = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(inputs, label=inputs[:, 0]), 1)
    TreeShap(grown).contributions(inputs)


if __name__ == "__main__":
    main()
