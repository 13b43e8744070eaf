"""Connected components, exact on every shape. Not here: speed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import cluster_table
from identity.cluster import cluster_edges, components


def union_find(edges: list[tuple[int, int]]) -> dict[int, int]:
    parent: dict[int, int] = {}

    def root(x: int) -> int:
        parent.setdefault(x, x)
        while parent[x] != x:
            x = parent[x]
        return x

    for a, b in edges:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {x: root(x) for x in parent}


def clustered(edges: list[tuple[int, int]] | np.ndarray) -> dict[int, int]:
    pairs = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    ids, clusters = cluster_edges(pairs[:, 0], pairs[:, 1])
    assert (ids[1:] > ids[:-1]).all()
    return dict(zip(ids.tolist(), clusters.tolist(), strict=True))


BIG = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(-20, 20)


@settings(max_examples=150, deadline=None)
@given(st.one_of(*(st.lists(st.tuples(i, i), max_size=40) for i in (SMALL, BIG, st.one_of(SMALL, BIG)))))
def test_components_are_those_of_union_find(edges: list[tuple[int, int]]) -> None:
    assert clustered(edges) == union_find(edges)


@pytest.mark.parametrize("length", [2, 3, 10, 1_000, 10_000])
@pytest.mark.parametrize("spread", [1, 3, 2**40 + 7])
def test_a_chain_is_one_cluster(length: int, spread: int) -> None:
    chain = np.arange(length) * spread
    rng = np.random.default_rng(length)
    order = rng.permutation(length - 1)
    pairs = np.stack([chain[1:], chain[:-1]], axis=1)[order]
    assert clustered(pairs) == dict.fromkeys(chain.tolist(), 0)


def test_a_star_of_100_000_is_one_cluster() -> None:
    leaves = np.arange(1, 100_001)
    pairs = np.stack([np.full(100_000, 100_001), leaves], axis=1)
    assert set(clustered(pairs).values()) == {1}


def test_two_cliques_and_a_bridge() -> None:
    left = [(a, b) for a in range(20) for b in range(a)]
    right = [(a + 100, b + 100) for a, b in left]
    assert set(clustered(left + right).values()) == {0, 100}
    assert set(clustered([*left, *right, (19, 119)]).values()) == {0}


def test_keys_that_share_their_leading_bits_stay_apart() -> None:
    base = 2**62
    pairs = [(base + 2 * i, base + 2 * i + 1) for i in range(500)] + [(-(2**62) + i, -(2**62) + i) for i in range(500)]
    assert clustered(pairs) == union_find(pairs)


def test_nodes_without_edges_are_their_own_component() -> None:
    labels = components(5, np.array([3]), np.array([1]))
    assert labels[1] == labels[3]
    assert len(set(labels.tolist())) == 4
    assert components(0, np.array([], dtype=np.int64), np.array([], dtype=np.int64)).tolist() == []


def test_wrong_edges_are_refused() -> None:
    with pytest.raises(ValueError, match="dst is not one of them"):
        cluster_table(pa.table({"src": [1]}))
    with pytest.raises(ValueError, match="src is not one of them"):
        cluster_table(pa.table({"src": ["a"], "dst": [1]}))
    with pytest.raises(ValueError, match="dst holds 1 nulls"):
        cluster_table(pa.table({"src": [1], "dst": pa.array([None], pa.int64())}))
    assert cluster_table(pa.table({"src": pa.array([], pa.int64()), "dst": pa.array([], pa.int64())})).num_rows == 0
