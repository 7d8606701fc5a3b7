"""Connected components: what belongs together, however it chains up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Node = TypeVar("Node", int, str)


def components(nodes: Iterable[Node], pairs: Iterable[tuple[Node, ...]]) -> dict[Node, Node]:
    """Name the connected component of each node by its smallest node.

    >>> components(["a", "b", "c", "d"], [("d", "b"), ("b", "c")])
    {'a': 'a', 'b': 'b', 'c': 'b', 'd': 'b'}
    """
    parent = {node: node for node in nodes}

    def root(node: Node) -> Node:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {node: root(node) for node in parent}
