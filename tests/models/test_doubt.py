"""Doubted labels: those that the others contradict, for a second look and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.doubt import doubted, second_look
from models.material import ROW_KEY, Material, material
from models.out_of_fold import FOLDS, folds, judged_by_others
from tests.models.world import CATALOGUE, world


@pytest.fixture(scope="module")
def right() -> Material:
    """Labels of which a model could know nearly all."""
    frame, labels = world(1200)
    clear = (labels["label"] == 1).to_numpy()
    frame = frame.with_columns(senders=frame["senders"] + 12 * clear.astype(float))
    return material(frame, labels, CATALOGUE.signals)


@pytest.fixture(scope="module")
def wrong(right) -> tuple[Material, np.ndarray]:
    turned = np.random.default_rng(2).random(len(right.label)) < 0.05
    return replace(right, label=np.where(turned, 1 - right.label, right.label)), turned


def test_labels_turned_over_are_doubted_and_few_others(wrong):
    rows, turned = wrong
    found = doubted(rows, judged_by_others(rows, seed=1, threads=1))
    assert found[turned].mean() > 0.8
    assert found[~turned].mean() < 0.05


def test_the_rule_by_hand(wrong):
    rows, _ = wrong
    chance = judged_by_others(rows, seed=1, threads=1)
    weighed = replace(rows, weight=np.linspace(0.5, 2, len(rows.label)))
    pairs = list(zip(rows.label, chance, weighed.weight, strict=True))
    usual = {}
    for label in (0, 1):
        of = [(c, w) for k, c, w in pairs if k == label]
        usual[label] = sum(c * w for c, w in of) / sum(w for _, w in of)
    expected = [c >= usual[1] if label == 0 else c <= usual[0] for label, c, _ in pairs]
    assert doubted(weighed, chance).tolist() == expected


def test_nobody_s_judgement_and_a_class_alone_are_not_doubted(wrong):
    rows, _ = wrong
    chance = np.full(len(rows.label), 0.5)
    assert not doubted(replace(rows, certain=rows.certain & False), chance).any()
    alone = rows.take(rows.label == 1)
    assert not doubted(alone, chance[: len(alone.label)]).any()


def test_a_second_look_begins_with_the_most_contradicted(wrong):
    rows, turned = wrong
    found = second_look(rows)
    assert found.columns == [*ROW_KEY, "label", "chance"]
    chance = judged_by_others(rows, seed=1, threads=1)
    assert found.height == doubted(rows, chance).sum()
    against = [1 - c if label else c for label, c in found.select("label", "chance").iter_rows()]
    assert against == sorted(against, reverse=True)
    names = set(rows.keys.filter(turned)["address"])
    assert sum(a in names for a in found["address"][:20]) >= 18


def test_groups_keep_together_and_are_judged_by_others(right):
    fold = folds(right.keys["group"], seed=3)
    by_group: dict[str, set[int]] = {}
    for group, k in zip(right.keys["group"], fold, strict=True):
        by_group.setdefault(group, set()).add(int(k))
    assert all(len(of) == 1 for of in by_group.values())
    assert set(fold) == set(range(FOLDS))
    group = right.keys["group"].value_counts(sort=True)["group"][0]
    own = (right.keys["group"] == group).to_numpy()
    turned = replace(right, label=np.where(own, 1 - right.label, right.label))
    before = judged_by_others(right, seed=1, threads=1)[own]
    assert judged_by_others(turned, seed=1, threads=1)[own] == pytest.approx(before, abs=0)
