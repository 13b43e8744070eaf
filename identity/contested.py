"""Which groups of a home hold together when their records are alike, and which are contested.

Here: groups that grow by what all their records say of each other, and the rule that nobody is given to one of two who
plainly are two. Not here: scores (`likely`), what is legal and the final groups (`probable`, `resolution`).

Two groups hold together only if the mean probability over everything that is told between them reaches the threshold
(average linkage: R. Sokal and C. Michener, 1958). A receipt without a name on a telephone that two people use fits
both, so it goes to neither: a union waits while a third group could as well have one of its sides but not the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_DIGITS = 9
_LARGEST = 400  # groups that hang together; more stay apart
_AS_WELL = 10.0  # odds this many times smaller still count as "could as well"


@dataclass(frozen=True)
class Evidence:
    """Pairs of groups by what two of their profiles say: a probability, and whether they say anything at all."""

    left: np.ndarray
    right: np.ndarray
    probability: np.ndarray
    told: np.ndarray


def hold_together(n: int, union: np.ndarray, evidence: Evidence, sure: float) -> np.ndarray:
    """The group that each of n groups ends up in. `union`: groups that hang together by sure pairs."""
    label = np.arange(n)
    kept = evidence.told
    left, right = evidence.left[kept], evidence.right[kept]
    low, high = np.minimum(left, right), np.maximum(left, right)
    edge, of_pair = np.unique(low * n + high, return_inverse=True)
    total = np.bincount(of_pair, weights=evidence.probability[kept], minlength=len(edge))
    count = np.bincount(of_pair, minlength=len(edge)).astype(np.float64)
    low, high = edge // max(n, 1), edge % max(n, 1)
    order = np.argsort(union[low], kind="stable")
    low, high, total, count = low[order], high[order], total[order], count[order]
    of_edge = union[low]
    if len(of_edge) == 0:
        return label
    begins: list[int] = np.flatnonzero(np.diff(of_edge, prepend=-1)).tolist()
    for begin, end in zip(begins, [*begins[1:], len(of_edge)], strict=True):
        span = slice(begin, end)
        members, codes = np.unique(np.concatenate([low[span], high[span]]), return_inverse=True)
        if len(members) <= _LARGEST:
            half = end - begin
            found = _grow(len(members), codes[:half], codes[half:], total[span], count[span], sure)
            label[members] = members[found]
    return label


def _grow(k: int, left: np.ndarray, right: np.ndarray, total: np.ndarray, count: np.ndarray, sure: float) -> np.ndarray:
    """The group of each of k groups, named by its smallest."""
    sums, counts = np.zeros((k, k)), np.zeros((k, k))
    sums[left, right] = sums[right, left] = total
    counts[left, right] = counts[right, left] = count
    label = np.arange(k)
    while True:
        mean = np.where(counts > 0, np.round(sums / np.maximum(counts, 1.0), _DIGITS), -1.0)
        open_ = _uncontested(mean, sure)
        best = np.where(open_, mean, -1.0).max(initial=-1.0)
        if best < sure:
            return label
        one, other = np.nonzero(np.triu(open_ & (mean == best), 1))
        first, second = int(one[0]), int(other[0])
        for matrix in (sums, counts):
            matrix[first] += matrix[second]
            matrix[:, first] += matrix[:, second]
            matrix[second], matrix[:, second] = 0.0, 0.0
            matrix[first, first] = 0.0
        label[label == second] = first


def _uncontested(mean: np.ndarray, sure: float) -> np.ndarray:
    """Pairs of groups that may merge: sure, and no third group has one of them as well but plainly not the other."""
    open_ = mean >= sure
    odds = np.where(mean >= 0, mean / np.maximum(1 - mean, 1e-9), 0.0)
    for a, b in zip(*np.nonzero(np.triu(open_, 1)), strict=True):
        enough = odds[a, b] / _AS_WELL
        apart = (mean[a] >= 0) & (mean[a] < sure)
        rival = (mean[b] >= sure) & (odds[b] >= enough) & apart
        apart = (mean[b] >= 0) & (mean[b] < sure)
        rival |= (mean[a] >= sure) & (odds[a] >= enough) & apart
        rival[[a, b]] = False
        if rival.any():
            open_[a, b] = open_[b, a] = False
    return open_
