"""Connected components: exact, on any shape of graph, near SciPy's own time.

Here: components over dense codes, and over edges of arbitrary 64-bit ids. Not here: which edges there are (`resolution`),
limits and conflicts.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

# Ids within this many times their number are looked up in a table; sparser ones are sorted.
_DENSE_FACTOR = 8


def components(n: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The component of each of the nodes 0..n-1 under undirected edges, numbered from 0 by smallest node."""
    if n == 0:
        return np.empty(0, dtype=np.int32)
    if len(left) == 0:
        return np.arange(n, dtype=np.int32)
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    kind = np.int32 if max(n, len(left)) < np.iinfo(np.int32).max else np.int64
    shape = (n, n)
    graph = csr_array((np.ones(len(left), dtype=np.float64), (left.astype(kind), right.astype(kind))), shape=shape)
    _, labels = connected_components(graph, directed=False)
    return labels


def cluster_edges(src: np.ndarray, dst: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every id in the edges, ascending, with the smallest id of its component."""
    if len(src) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    ids, left, right = _dense(src, dst)
    labels = components(len(ids), left, right)
    smallest = np.empty(int(labels.max()) + 1, dtype=np.int64)
    # Ids ascend, so written backwards the smallest of a component is written last.
    smallest[labels[::-1]] = ids[::-1]
    return ids, smallest[labels]


def cluster_table(edges: pa.Table) -> pa.Table:
    """`id, cluster_id` for edges `src, dst`; raises `ValueError` when the columns are not whole numbers without nulls."""
    for column in ("src", "dst"):
        if column not in edges.column_names or not pa.types.is_integer(edges[column].type):
            raise ValueError(f"the edges need the 64-bit integer columns src and dst; {column} is not one of them")
        if edges[column].null_count:
            raise ValueError(f"the column {column} holds {edges[column].null_count} nulls; an edge needs both ends")
    ids, clusters = cluster_edges(*(edges[c].cast(pa.int64()).to_numpy() for c in ("src", "dst")))
    return pa.table({"id": ids, "cluster_id": clusters})


def _dense(src: np.ndarray, dst: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low = int(min(src.min(), dst.min()))
    span = int(max(src.max(), dst.max())) - low + 1
    if span <= _DENSE_FACTOR * 2 * len(src):
        present = np.zeros(span, dtype=bool)
        present[src - low] = True
        present[dst - low] = True
        ids = np.flatnonzero(present)
        if len(ids) == span:
            return ids + low, src - low, dst - low
        code = np.cumsum(present, dtype=np.int32 if span < np.iinfo(np.int32).max else np.int64)
        code -= 1
        return ids + low, code[src - low], code[dst - low]
    ids = np.unique(np.concatenate([src, dst]))
    return ids, np.searchsorted(ids, src), np.searchsorted(ids, dst)
