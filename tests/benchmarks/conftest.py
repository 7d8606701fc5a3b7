"""Small worlds that several benchmarks are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.worlds import make

SIZE = 1_500
"""Accounts of each: few, but enough labelled launderers to train on."""


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two worlds, of seeds 1 and 2."""
    return make(tmp_path_factory.mktemp("worlds"), [1, 2], SIZE, prevalence=0.07)
