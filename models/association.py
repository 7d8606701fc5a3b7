"""Association may add to a score, and never decide it.

Some signals rest on what others are or do (`Signal.exposure`): that a mixer's customer paid the
address, say. Innocents deal with the same people, so a model that learns from such signals is held
to two promises, both in the trees themselves, so that scores, contributions and bundles need no
rule of their own:

* **separable**: a tree reads either behaviour or exposure, never both (LightGBM's
  interaction constraints), so the log-odds are a sum of a part for what the address did and a part
  for whom it knows, and each part has its contributions;
* **capped**: after the fit, the leaves of the trees on exposure are drawn together towards their
  mean, so that all of them together move the log-odds by no more than `MOST` up or down from it.

The cap is in the model's own log-odds, before calibration, which stretches all parts alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

MOST = math.log(3)
"""The most that exposure may add to or take from the log-odds of the average training row: it can
treble the odds."""


def apart(exposure: Sequence[bool]) -> list[list[int]]:
    """Return LightGBM's interaction constraints: columns of behaviour, columns of exposure.

    Parameters
    ----------
    exposure
        Per input: whether it rests on others.

    Examples
    --------
    >>> apart([False, True, False])
    [[0, 2], [1]]
    >>> apart([False, False])
    []
    """
    groups = [[i for i, is_exposure in enumerate(exposure) if is_exposure == side]
              for side in (False, True)]  # fmt: skip
    return groups if all(groups) else []


def cap(booster: Any, exposure: Sequence[bool], most: float = MOST) -> float:
    """Draw the leaves of a booster's trees on exposure together.

    Parameters
    ----------
    booster
        A fitted ``lightgbm.Booster`` whose trees keep `apart`; changed in place.
    exposure
        Per input: whether it rests on others.
    most
        The bound.

    Returns
    -------
    float
        The factor that the leaves were drawn together by; 1 where they kept the bound already, or
        where there is no such tree.
    """
    trees = [tree for tree in booster.dump_model()["tree_info"] if _reads(tree, exposure)]
    leaves = [list(_leaves(tree["tree_structure"])) for tree in trees]
    means = [sum(v * n for _, v, n in each) / sum(n for *_, n in each) for each in leaves]
    up = sum(max(v for _, v, _ in each) - mean for each, mean in zip(leaves, means, strict=True))
    down = sum(mean - min(v for _, v, _ in each) for each, mean in zip(leaves, means, strict=True))
    reach = max(up, down)
    if reach <= most:
        return 1.0
    for tree, each, mean in zip(trees, leaves, means, strict=True):
        for leaf, value, _ in each:
            drawn = mean + most / reach * (value - mean)
            booster.set_leaf_output(tree["tree_index"], leaf, drawn)
    return most / reach


def _reads(tree: dict[str, Any], exposure: Sequence[bool]) -> bool:
    root = tree["tree_structure"]
    return "split_feature" in root and exposure[root["split_feature"]]


def _leaves(node: dict[str, Any]) -> Iterator[tuple[int, float, int]]:
    """Yield each leaf's index, value and training rows."""
    if "leaf_index" in node:
        yield node["leaf_index"], node["leaf_value"], node["leaf_count"]
    else:
        for side in ("left_child", "right_child"):
            yield from _leaves(node[side])
