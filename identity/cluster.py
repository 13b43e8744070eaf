"""Connected components: exact, on any shape of graph, near SciPy's own time.

Here: components over dense codes, and over edges of arbitrary 64-bit ids. Not here: which edges there are
(`resolution`), limits and conflicts.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

# Ids whose range is at most this many times their number are looked up in a table; sparser ones are sorted.
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
    """`id, cluster_id` for edges `src, dst`; raises `ValueError` unless both are whole numbers without nulls."""
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
        return ids + low, code[src - low] - 1, code[dst - low] - 1
    ends = np.concatenate([src, dst])
    order = _sorting(ends)
    ends = ends[order]
    begins = np.ones(len(ends), dtype=bool)
    np.not_equal(ends[1:], ends[:-1], out=begins[1:])
    code = np.empty(len(ends), dtype=np.int64)
    code[order] = np.cumsum(begins) - 1
    return ends[begins], code[: len(src)], code[len(src) :]


def _sorting(keys: np.ndarray) -> np.ndarray:
    """What `np.argsort` gives, in half the time for keys spread over 64 bits.

    Sorting values is much faster than sorting their places, so the places ride in low bits behind the keys' leading
    bits. The few keys whose leading bits are equal are put in order afterwards.
    """
    bits = len(keys).bit_length()
    offset = keys.astype(np.uint64) - np.uint64(int(keys.min()) % 2**64)  # modulo 2^64, so never negative
    shift = max(int(offset.max()).bit_length() - (64 - bits), 0)
    packed = offset >> np.uint64(shift) << np.uint64(bits)
    packed |= np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    order = (packed & np.uint64(2**bits - 1)).astype(np.int64)
    if shift == 0:
        return order
    packed >>= np.uint64(bits)
    ordered = keys[order]
    tied = (packed[1:] == packed[:-1]) & (ordered[1:] != ordered[:-1])
    if not tied.any():
        return order
    mixed = packed[:-1][tied]
    mixed = mixed[np.r_[True, mixed[1:] != mixed[:-1]]]
    begin, end = np.searchsorted(packed, mixed, "left"), np.searchsorted(packed, mixed, "right")
    count = end - begin
    at = np.repeat(begin - (np.cumsum(count) - count), count) + np.arange(count.sum())
    order[at] = order[at][np.lexsort((order[at], ordered[at]))]
    return order
