"""Leaves of a tree that together ask few questions, so that one table can answer for all of them.

What a leaf adds to a row's contributions depends only on how the row answers the questions on the
way to it. Leaves that share most of their way are answered together: two siblings ask what one of
them asks, eight leaves under one node ask seven questions more than the way to that node. A group
asks at most `MOST` questions, hence reads at most as many inputs.

Fewer groups are fewer look-ups. They are joined from the leaves up, siblings first, whatever fits:
a full tree of depth 4 makes two groups, one of depth 6 sixteen.
"""

from __future__ import annotations

from typing import NamedTuple

from models.tree_text import Tree

MOST = 8
"""Questions of a group, and so the depth of the deepest leaf that has one."""


class Step(NamedTuple):
    """One question on the way to a leaf.

    Attributes
    ----------
    node : int
        Who asks.
    right : bool
        Whether the way goes on to the right.
    share : float
        The share of the node's training rows that went this way.
    """

    node: int
    right: bool
    share: float


class Group(NamedTuple):
    """Leaves, and all the nodes on the ways to them, in ascending order."""

    nodes: tuple[int, ...]
    leaves: tuple[int, ...]


def ways(tree: Tree) -> list[tuple[Step, ...]] | None:
    """Return the way to each leaf, or None where one is longer than `MOST`."""
    children = list(zip(tree.left.tolist(), tree.right.tolist(), strict=True))
    rows, leaf_rows = tree.rows.tolist(), tree.leaf_rows.tolist()
    found: list[tuple[Step, ...]] = [()] * len(tree.leaf_value)
    begun: list[tuple[int, tuple[Step, ...]]] = [(0, ())] if children else []
    while begun:
        node, way = begun.pop()
        if len(way) == MOST:
            return None
        for right, child in enumerate(children[node]):
            reached = rows[child] if child >= 0 else leaf_rows[~child]
            longer = (*way, Step(node, bool(right), reached / rows[node]))
            if child >= 0:
                begun.append((child, longer))
            else:
                found[~child] = longer
    return found


def groups(tree: Tree) -> list[Group]:
    """Share out the leaves of a tree that `ways` accepts; a lone leaf asks nothing, and has none.

    Examples
    --------
    >>> import numpy as np
    >>> left, right = np.array([1, -1, -3]), np.array([2, -2, -4])
    >>> ones = np.ones(4)
    >>> groups(Tree(ones[:3], ones[:3], ones[:3], left, right, ones[:3], ones, ones))
    [Group(nodes=(0, 1, 2), leaves=(0, 1, 2, 3))]
    """
    if not len(tree.feature):
        return []
    children = list(zip(tree.left.tolist(), tree.right.tolist(), strict=True))

    def joined(node: int, asked: int) -> list[tuple[int, tuple[int, ...]]]:
        """Return groups of the leaves below a node, nodes as a set of bits."""
        if node < 0:
            return [(asked, (~node,))]
        asked |= 1 << node
        return _joined([part for child in children[node] for part in joined(child, asked)])

    return [Group(_members(nodes), leaves) for nodes, leaves in joined(0, 0)]


def _joined(parts: list[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
    """Put each part to the first that has room for its questions."""
    whole: list[tuple[int, tuple[int, ...]]] = []
    for nodes, leaves in parts:
        for place, (others, before) in enumerate(whole):
            if (nodes | others).bit_count() <= MOST:
                whole[place] = nodes | others, before + leaves
                break
        else:
            whole.append((nodes, leaves))
    return whole


def _members(bits: int) -> tuple[int, ...]:
    found = []
    while bits:
        found.append((bits & -bits).bit_length() - 1)
        bits &= bits - 1
    return tuple(found)
