"""What tests of signals share: kernels loaded from where `tests.kernels` left them."""

from __future__ import annotations

import pytest

from features.catalogue import catalogue
from features.compilation import keep_compiled


@pytest.fixture(scope="session", autouse=True)
def kept_kernels() -> None:
    """Keep what is compiled of every family, also where a test calls its kernel by itself.

    Else each process compiles it for itself, under the eye of coverage.
    """
    for family in catalogue().families:
        if family.scope != "graph":
            keep_compiled(family.kernel)
