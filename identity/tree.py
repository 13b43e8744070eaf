"""The spanning tree of each group over accepted links, and what it says about a record.

Here: the unique minimum spanning forest in the order of the links, every record's edge towards its anchor and the
smallest confidence on its way there. Not here: which links are accepted (`resolution`), printing a chain (`explain`).
"""

from __future__ import annotations

import numpy as np


def spanning_tree(n: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which edges are in the minimum spanning forest, when edges are given in their order (the first is cheapest)."""
    in_tree = np.zeros(len(left), dtype=bool)
    if len(left) == 0:
        return in_tree
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    low, high = np.minimum(left, right), np.maximum(left, right)
    # Of several edges between two records only the first can be in the tree.
    _, first = np.unique(low * n + high, return_index=True)
    # Weights are distinct whole numbers below 2^53, so the tree is unique and exact.
    graph = csr_array((first + 1.0, (low[first], high[first])), shape=(n, n))
    tree = minimum_spanning_tree(graph)
    in_tree[tree.data.astype(np.int64) - 1] = True
    return in_tree


def edge_towards(n: int, roots: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each node of a forest its parent (itself at a root) and the edge there (-1 at a root).

    `roots` has one node of each tree.
    """
    parent = np.arange(n, dtype=np.int64)
    edge = np.full(n, -1, dtype=np.int64)
    if len(left) == 0:
        return parent, edge
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    # One more node, joined to every root, makes the forest a tree that one search walks.
    top = n
    ends = np.concatenate([left, np.full(len(roots), top)])
    others = np.concatenate([right, roots])
    graph = csr_array((np.ones(len(ends), dtype=np.int8), (ends, others)), shape=(n + 1, n + 1))
    _, predecessor = breadth_first_order(graph, top, directed=False)
    right_is_child = predecessor[right] == left
    child = np.where(right_is_child, right, left)
    parent[child] = np.where(right_is_child, left, right)
    edge[child] = np.arange(len(left))
    return parent, edge


def smallest_on_path(parent: np.ndarray, edge: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """The smallest confidence on each node's way to its root; 1.0 at a root."""
    smallest = np.ones(len(parent))
    has_edge = edge >= 0
    smallest[has_edge] = confidence[edge[has_edge]]
    if smallest.min(initial=1.0) == 1.0:
        return smallest
    ahead = parent.copy()
    while True:
        further = ahead[ahead]
        np.minimum(smallest, smallest[ahead], out=smallest)
        if np.array_equal(further, ahead):
            return smallest
        ahead = further
