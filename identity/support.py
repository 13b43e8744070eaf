"""Which scored pairs hold together: the guard against chains of weak likeness.

Here: groups that grow while the pairs between them are on average more likely one person than two. Not here: scores
(`model`), what is legal and the final groups (`probable`, `resolution`).

A alike B and B alike C do not make A and C one person when A and C are plainly two. So two groups count as supported
only if the mean probability over all scored pairs between them is at least the threshold (average linkage: R. Sokal and
C. Michener, 1958). A pair that was not scored says nothing. The outcome does not depend on the order or the ids of the
records: equally supported unions are tried together, and are made together or not at all.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.cluster import components

_LARGEST = 2_000  # groups that hang together; more are cut at a higher probability first
_DIGITS = 9


def supported_pairs(pairs: pa.Table, sure: float, groups: pa.Table | None = None) -> pa.Table:
    """The pairs with a column `is_supported`: true where the two records end up in one supported group.

    `pairs`: `left_record, right_record, probability`, as `score_pairs` gives them. `groups`: `record_key, customer_id`
    of the groups that stand already (the members of a resolution without these pairs); they are never parted.
    """
    ends = pa.chunked_array([*pairs["left_record"].chunks, *pairs["right_record"].chunks], pa.string())
    keys = pc.unique(ends)
    left, right = (pc.index_in(pairs[c], value_set=keys).to_numpy() for c in ("left_record", "right_record"))
    group = np.arange(len(keys))
    if groups is not None:
        at = pc.index_in(keys, value_set=groups["record_key"].combine_chunks().cast(pa.string()))
        names = groups["customer_id"].combine_chunks().take(at).dictionary_encode()
        known = np.array(pc.fill_null(names.indices, -1).to_numpy(zero_copy_only=False)).astype(np.int64)
        group = np.where(known >= 0, known, len(names.dictionary) + group)
        group = np.unique(group, return_inverse=True)[1]
    label = supported_groups(group[left], group[right], pairs["probability"].to_numpy(), sure, len(keys))
    return pairs.append_column("is_supported", pa.array(label[group[left]] == label[group[right]]))


def supported_groups(left: np.ndarray, right: np.ndarray, probability: np.ndarray, sure: float, n: int) -> np.ndarray:
    """The supported group of each of n groups, from scored pairs between them."""
    apart = left != right
    low, high = np.minimum(left, right)[apart], np.maximum(left, right)[apart]
    edge, of_pair = np.unique(low.astype(np.int64) * n + high, return_inverse=True)
    total = np.bincount(of_pair, weights=probability[apart], minlength=len(edge))
    count = np.bincount(of_pair, minlength=len(edge)).astype(np.float64)
    ends = edge // max(n, 1), edge % max(n, 1)
    label = np.arange(n)
    _settle(ends[0], ends[1], total, count, sure, sure, label)
    return label


def _settle(
    left: np.ndarray,
    right: np.ndarray,
    total: np.ndarray,
    count: np.ndarray,
    cut: float,
    sure: float,
    label: np.ndarray,
) -> None:
    """Group what hangs together by edges of at least `cut`, component by component; writes to `label`."""
    if len(left) == 0:
        return
    nodes = np.unique(np.concatenate([left, right]))
    a, b = np.searchsorted(nodes, left), np.searchsorted(nodes, right)
    strong = total / count >= cut
    component = components(len(nodes), a[strong], b[strong]).astype(np.int64)
    inside = np.flatnonzero(component[a] == component[b])
    if len(inside) == 0:
        return
    inside = inside[np.argsort(component[a[inside]], kind="stable")]
    of_edge = component[a[inside]]
    sizes = np.bincount(component)
    begins = [0, *(np.flatnonzero(of_edge[1:] != of_edge[:-1]) + 1).tolist()]
    for begin, end in zip(begins, [*begins[1:], len(inside)], strict=True):
        part = inside[begin:end]
        if sizes[of_edge[begin]] > _LARGEST:
            if cut < 1:
                higher = 1 - (1 - cut) / 10 if cut < 1 - 1e-9 else 1.0
                _settle(left[part], right[part], total[part], count[part], higher, sure, label)
            continue
        members = np.unique(np.concatenate([left[part], right[part]]))
        ends = np.searchsorted(members, left[part]), np.searchsorted(members, right[part])
        label[members] = members[_average_linkage(len(members), *ends, total[part], count[part], sure)]


def _average_linkage(
    k: int, left: np.ndarray, right: np.ndarray, total: np.ndarray, count: np.ndarray, sure: float
) -> np.ndarray:
    """The group of each of k nodes, named by its smallest node."""
    sums, counts = np.zeros((k, k)), np.zeros((k, k))
    sums[left, right] = sums[right, left] = total
    counts[left, right] = counts[right, left] = count
    label = np.arange(k)
    mean = _mean(sums, counts)
    while True:
        best = mean.max(initial=-1.0)
        if best < sure:
            return label
        one, other = np.nonzero(np.triu(mean == best, 1))
        tied = components(k, one, other).astype(np.int64)
        for at in np.unique(tied[one]).tolist():
            members = np.flatnonzero(tied == at)
            block = np.ix_(members, members)
            inner = round(float(sums[block].sum() / counts[block].sum()), _DIGITS)
            if len(members) > 2 and inner < sure:
                mean[block] = np.where(mean[block] == best, -1.0, mean[block])
                continue
            first, rest = members[0], members[1:]
            for matrix in (sums, counts):
                row = matrix[members].sum(axis=0)
                matrix[first], matrix[:, first] = row, row
                matrix[rest], matrix[:, rest] = 0.0, 0.0
                matrix[first, first] = 0.0
            label[np.isin(label, rest)] = first
            mean[rest], mean[:, rest] = -1.0, -1.0
            row = _mean(sums[first][None, :], counts[first][None, :])[0]
            mean[first], mean[:, first] = row, row


def _mean(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.where(counts > 0, np.round(sums / np.maximum(counts, 1.0), _DIGITS), -1.0)
