"""Shapley values of channels: what each adds to the rate of orders, averaged over the orders in which they may join.

The game is v(S) = orders ÷ paths, among paths whose channels all lie in S; 0 without any. After L. S. Shapley, "A value
for n-person games" (1953). With orders alone as the game the value would be an equal split, and no model.

Here: the value. Not here: counting (`paths`); a value below 0 is the caller's to judge.
"""

from __future__ import annotations

from math import factorial, fsum

import numpy as np

from attribution.paths import Period


def shapley_values(period: Period) -> list[float]:
    """The Shapley value of each channel of the period; in time of the number of sets, whatever the number of paths."""
    k = len(period.channels)
    paths, conversions = _over_subsets(period.paths_of, k), _over_subsets(period.conversions_of, k)
    worth = np.divide(conversions, paths, out=np.zeros(2**k), where=paths > 0)
    sets = np.arange(2**k)
    sizes = np.bitwise_count(sets)
    share = np.array([factorial(size) * factorial(k - size - 1) / factorial(k) for size in range(k)] + [0.0])
    found = []
    for channel in range(k):
        without = sets[(sets >> channel) & 1 == 0]
        added = (worth[without | (1 << channel)] - worth[without]) * share[sizes[without]]
        # Rounded once and correctly, so the sum does not depend on how a machine adds.
        found.append(fsum(added.tolist()))
    return found


def _over_subsets(counts: np.ndarray, k: int) -> np.ndarray:
    """For each set the sum over all its subsets, one channel after the other."""
    sums = counts.copy().reshape((2,) * k) if k else counts.copy()
    for axis in range(k):
        with_channel = (slice(None),) * axis + (1,)
        sums[with_channel] += sums[(slice(None),) * axis + (0,)]
    return sums.reshape(-1)
