"""Unrinse and Snap ML mean the same shapes, so their times compare as far as that goes.

Snap ML is asked in a process of its own: loading it makes a process take subnormal numbers for 0.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from features.graph import build_graph
from features.motif_counts import MOTIF_COLUMNS, count_motifs
from features.motif_walks import Limits

NODES, LONG = 7, 1_000
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("snapml") is None, reason="snapml is not installed"
)
Asked = Callable[[np.ndarray, str], np.ndarray]


@pytest.fixture(scope="module")
def by_snapml() -> Iterator[Asked]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as elsewhere:
        yield lambda edges, pattern: elsewhere.submit(patterns, edges, pattern).result()


def patterns(edges: np.ndarray, pattern: str) -> np.ndarray:
    """Patterns per transfer (row) and size from 2 (column), all in one batch and one window."""
    import snapml

    preprocessor = snapml.GraphFeaturePreprocessor()
    parameters = {"num_threads": 1, "time_window": LONG}
    for name in ("vertex_stats", "fan", "degree", "lc-cycle", "scatter-gather", "temp-cycle"):
        parameters |= {name: name == pattern, f"{name}_tw": LONG}
    preprocessor.set_params(preprocessor.get_params() | parameters)
    table = np.column_stack([np.arange(len(edges)), edges]).astype(np.float64)
    found: np.ndarray = preprocessor.transform(table)[:, 4:]
    return found


def by_unrinse(edges: np.ndarray) -> dict[str, int]:
    sender, receiver, time = edges.T
    graph = build_graph(sender, receiver, time, np.ones(len(edges)), nodes=NODES)
    ends = np.full(NODES, LONG)
    counts = count_motifs(graph, np.arange(NODES), ends, Limits(window=LONG, cap=LONG))
    return dict(zip(MOTIF_COLUMNS, counts.sum(axis=0).tolist(), strict=True))


def random_edges(seed: int) -> np.ndarray:
    """Sender, receiver and time; no two at one time."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 24))
    sender = rng.integers(0, NODES, n)
    return np.column_stack([sender, (sender + rng.integers(1, NODES, n)) % NODES, np.arange(n)])


@pytest.mark.parametrize("hops", [2, 3, 4, 5])
def test_a_ring_is_one_cycle_for_both(by_snapml, hops):
    ring = np.array([[k, (k + 1) % hops, k] for k in range(hops)])
    assert (by_snapml(ring, "temp-cycle")[:, hops - 2] == 1).all()
    assert by_unrinse(ring)[f"cycle_{hops}_count"] == 1
    tied = ring.copy()
    tied[-1, 2] = tied[-2, 2]
    assert not by_snapml(tied, "temp-cycle").any()
    assert by_unrinse(tied)[f"cycle_{hops}_count"] == 0


def test_every_cycle_of_snapml_is_found_here(by_snapml):
    """And some that it misses, though three transfers at 1, 3 and 5 go round."""
    some = 0
    for edges in map(random_edges, range(200)):
        theirs, ours = by_snapml(edges, "temp-cycle"), by_unrinse(edges)
        for hops in (2, 3, 4, 5):
            if theirs[:, hops - 2].any():
                some += 1
                assert ours[f"cycle_{hops}_count"] > 0
    assert some > 100
    missed = np.array([[3, 1, 0], [1, 3, 1], [0, 2, 2], [3, 2, 3], [1, 0, 4], [2, 1, 5]])
    assert not by_snapml(missed, "temp-cycle")[:, 1].any()
    assert by_unrinse(missed)["cycle_3_count"] == 1


def test_every_scatter_gather_found_here_is_one_of_snapml(by_snapml):
    """Which asks for no order in time, and so finds more."""
    some = 0
    for edges in map(random_edges, range(200)):
        if by_unrinse(edges)["scatter_gather_targets"]:
            some += 1
            assert by_snapml(edges, "scatter-gather").any()
    assert some > 50
