"""The costs of families: every family is measured."""

from __future__ import annotations

from benchmarks.family_costs import LAYING, LOOKING, measure
from benchmarks.throughput import made
from features.catalogue import catalogue


def test_every_family_and_what_it_rests_on_is_measured(tmp_path):
    costs = measure(made(tmp_path, 2_000), 1)
    assert set(costs) == {LOOKING, LAYING, *(family.name for family in catalogue().families)}
    assert all(costs[family.name] > 0 for family in catalogue().families)
