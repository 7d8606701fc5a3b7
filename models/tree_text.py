"""Reading the trees out of LightGBM's text: what each node asks, and how many rows went which way.

Only trees of a plain kind are read: yes-or-no questions about numbers, one output, a sum over the
trees. Whatever else LightGBM can grow (categories, several classes, linear leaves, averages) gives
None, and so does a tree with a node that no training row reached: a share of nothing is undefined.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

ASKS_CATEGORY, DEFAULT_LEFT = 1, 2
"""Bits of a node's `kind`; the two above them say what counts as missing."""

NOTHING, ZERO, NAN = 0, 1, 2
"""What a node counts as missing, `kind >> 2`; where NaN is not missing, LightGBM reads it as 0."""

NEARLY_ZERO = float(np.float32(1e-35))
"""LightGBM reads inputs up to this size as 0."""


@dataclass(frozen=True)
class Tree:
    """One tree.

    Attributes
    ----------
    feature, threshold, kind : numpy.ndarray
        Per inner node: the input it asks about, up to which value a row goes left, and how what is
        missing goes.
    left, right : numpy.ndarray
        Per inner node: its children; a negative one is the leaf `~child`.
    rows : numpy.ndarray
        Per inner node: training rows that reached it.
    leaf_value, leaf_rows : numpy.ndarray
        Per leaf.
    """

    feature: np.ndarray
    threshold: np.ndarray
    kind: np.ndarray
    left: np.ndarray
    right: np.ndarray
    rows: np.ndarray
    leaf_value: np.ndarray
    leaf_rows: np.ndarray

    def expected(self) -> float:
        """Return the mean output over the rows that the tree was grown on."""
        if not len(self.feature):
            return float(self.leaf_value[0])
        return float(np.sum(self.leaf_value * (self.leaf_rows / self.rows[0])))


def read_trees(text: str) -> tuple[Tree, ...] | None:
    """Return the trees of a model's text, or None where one of them is of another kind.

    Examples
    --------
    >>> [tree] = read_trees('''tree
    ... num_class=1
    ... num_tree_per_iteration=1
    ...
    ... Tree=0
    ... num_leaves=2
    ... num_cat=0
    ... split_feature=3
    ... threshold=0.5
    ... decision_type=10
    ... left_child=-1
    ... right_child=-2
    ... leaf_value=1 -2
    ... leaf_count=30 10
    ... internal_count=40
    ... is_linear=0
    ...
    ... end of trees
    ... ''')
    >>> tree.feature.tolist(), tree.expected()
    ([3], 0.25)
    """
    head, *rest = text.split("\nend of trees", 1)[0].split("\n\nTree=")
    lines = head.splitlines()
    if "num_tree_per_iteration=1" not in lines or "average_output" in lines:
        return None
    trees = [_tree(dict(_pairs(part))) for part in rest]
    plain = tuple(tree for tree in trees if tree is not None)
    return plain if len(plain) == len(trees) else None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator:
            yield name, value


def _tree(fields: dict[str, str]) -> Tree | None:
    if fields.get("num_cat") != "0" or fields.get("is_linear") != "0":
        return None
    inner = int(fields["num_leaves"]) - 1
    whole = np.dtype(np.int64)

    def column(name: str, kind: np.dtype) -> np.ndarray:
        return np.array(fields.get(name, "").split() if inner else (), dtype=kind)

    tree = Tree(
        feature=column("split_feature", whole),
        threshold=column("threshold", np.dtype(np.float64)),
        kind=column("decision_type", whole),
        left=column("left_child", whole),
        right=column("right_child", whole),
        rows=column("internal_count", whole),
        leaf_value=np.array(fields["leaf_value"].split(), dtype=np.float64),
        leaf_rows=column("leaf_count", whole),
    )
    reached = (tree.rows > 0).all() and (tree.leaf_rows > 0).all()
    asks_numbers = not (tree.kind & ASKS_CATEGORY).any() and not np.isnan(tree.threshold).any()
    return tree if reached and asks_numbers else None
