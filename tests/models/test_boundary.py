"""Boundaries: what is said to take a score below a limit does, and nothing nearer does."""

from __future__ import annotations

import numpy as np
import pytest

from models.boundary import Boundary, Change
from models.bundle import Bundle
from models.material import matrix
from models.tree_text import NEARLY_ZERO
from tests.models.world import CATALOGUE, fitted, world


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    path = tmp_path_factory.mktemp("boundary") / "model"
    fitted(base_rate=0.01).write(path)
    return Bundle.load(path, catalogue=CATALOGUE)


@pytest.fixture(scope="module")
def highest(bundle) -> np.ndarray:
    """The inputs of the highest scores, highest first, within the bounds of their signals."""
    inputs = np.abs(matrix(world(400, seed=11)[0], bundle.facts.signals))
    return inputs[np.argsort(-bundle.log_odds(inputs))][:25]


def scored(bundle: Bundle, row: np.ndarray, signal: str, values: np.ndarray) -> np.ndarray:
    """Score a row anew with each of the values for one signal."""
    rows = np.repeat(row[None, :], len(values), axis=0)
    rows[:, bundle.facts.signals.index(signal)] = values
    return bundle.log_odds(rows)


def made(bundle: Bundle, row: np.ndarray, changes: tuple[Change, ...]) -> float:
    changed = row.copy()
    for change in changes:
        at = bundle.facts.signals.index(change.signal)
        assert changed[at] == change.value
        changed[at] = change.to
    return float(bundle.log_odds(changed[None, :])[0])


def test_a_change_suffices_and_a_smaller_one_does_not(bundle, highest):
    dice, seen = np.random.default_rng(5), set()
    for row in highest:
        before = float(bundle.log_odds(row[None, :])[0])
        for limit in (before - 0.05, before - 0.5, before - 1.5):
            for change in Boundary(bundle).below(row, limit).alone:
                assert made(bundle, row, (change,)) == change.log_odds < limit
                assert (change.at_most is None) == (change.to > change.value)
                # The least step back; what is nearly zero is read as zero.
                beyond = np.nextafter(change.to or NEARLY_ZERO, change.value)
                between = change.value + (change.to - change.value) * dice.random(200)
                smaller = np.append(between, [beyond, change.value])
                smaller = smaller[smaller != change.to]
                assert (scored(bundle, row, change.signal, smaller) >= limit).all()
                seen.add((change.signal, change.at_most is None))
    assert len(seen) > 2


def test_no_signal_that_suffices_is_missed(bundle, highest):
    """Against a search that knows nothing of trees: many values of each signal, within bounds."""
    dice, found = np.random.default_rng(6), 0
    for row in highest[:12]:
        limit = float(bundle.log_odds(row[None, :])[0]) - 0.8
        told = {(c.signal, c.to > c.value) for c in Boundary(bundle).below(row, limit).alone}
        for signal, value in zip(bundle.inputs, row.tolist(), strict=True):
            if np.isnan(value):
                continue
            least, most = signal.bounds
            low, high = max(least, value - 200), min(most, value + 200)
            values = np.concatenate([dice.uniform(low, high, 2000), np.arange(0, 50.0)])
            values = values[(values >= least) & (values <= most) & (values != value)]
            below = values[scored(bundle, row, signal.name, values) < limit]
            passing = {(signal.name, bool(up)) for up in np.unique(below > value)}
            assert passing <= told
            found += len(passing)
    assert found > 5


def test_together_they_suffice_where_none_does_alone(bundle, highest):
    several = 0
    for row in highest:
        before = float(bundle.log_odds(row[None, :])[0])
        for fall in (0.5, 1.5, 3.0, 5.0):
            below = Boundary(bundle).below(row, before - fall)
            assert not (below.alone and below.together)
            if below.together:
                assert made(bundle, row, below.together) == below.together[-1].log_odds
                assert below.together[-1].log_odds < before - fall
                assert len({change.signal for change in below.together}) == len(below.together) > 1
                several += 1
    assert several > 3


def test_null_stays_null_and_bounds_hold(bundle, highest):
    row = highest[0].copy()
    row[0] = np.nan
    limit = float(bundle.log_odds(row[None, :])[0]) - 0.1
    below = Boundary(bundle).below(row, limit)
    bounds = {signal.name: signal.bounds for signal in bundle.inputs}
    for change in (*below.alone, *below.together):
        assert change.signal != bundle.facts.signals[0]
        assert bounds[change.signal][0] <= change.to <= bounds[change.signal][1]
        assert 0 <= change.moved <= 1
    nothing = np.full_like(row, np.nan)
    assert Boundary(bundle).below(nothing, -99.0).together == ()
