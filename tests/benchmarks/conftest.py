"""Small worlds that several benchmarks are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.worlds import make
from tests.shared import once

SIZE = 1_500
"""Accounts of each: few, but enough labelled launderers to train on."""


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two worlds, of seeds 1 and 2."""
    return once(
        tmp_path_factory, "worlds", lambda folder: make(folder, [1, 2], SIZE, prevalence=0.07)
    )
