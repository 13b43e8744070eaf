"""Which groups of a home hold together when their records are alike, and which are contested.

Here: what two groups say of each other altogether, groups that grow by it, and the rule that nobody is given to one of
two who plainly are two. Not here: the worth of levels (`households`), which pairs (`likely`), what is legal and the
final groups (`probable`, `resolution`).

A name misspelt on one receipt contradicts, but the mailbox given on another is the same. So groups are compared as
wholes: in each field by the most alike of their profiles. A receipt without a name on a telephone that two people use
fits both and goes to neither: a union waits while a third group fits one of its sides as well, but plainly not the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LARGEST = 300  # groups that hang together; more stay apart
_AS_WELL = 10.0  # odds at most so many times smaller still count as "as well"

# Levels and rarities, a row a pair of groups, to the probability of one person and whether something speaks against it.
Judge = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Evidence:
    """Pairs of groups by what two of their profiles say: levels by field, and how rare what is equal is."""

    left: np.ndarray
    right: np.ndarray
    levels: np.ndarray
    rarity: np.ndarray


class _Said(NamedTuple):
    """What two groups say of each other altogether, a row a pair, and what that is worth."""

    levels: np.ndarray
    rarity: np.ndarray
    fits: np.ndarray
    against: np.ndarray


def hold_together(n: int, union: np.ndarray, evidence: Evidence, judge: Judge, sure: float) -> np.ndarray:
    """The group that each of n groups ends up in. `union`: groups that hang together by sure pairs."""
    label = np.arange(n)
    if len(evidence.left) == 0:
        return label
    low, high = np.minimum(evidence.left, evidence.right), np.maximum(evidence.left, evidence.right)
    edge, of_pair = np.unique(low * n + high, return_inverse=True)
    levels, rarity = _altogether(len(edge), of_pair, evidence.levels, evidence.rarity)
    low, high = edge // n, edge % n
    order = np.argsort(union[low], kind="stable")
    low, high, levels, rarity = low[order], high[order], levels[order], rarity[order]
    of_edge = union[low]
    if len(of_edge) == 0:
        return label
    said = _Said(levels, rarity, *judge(levels, rarity))
    begins = np.flatnonzero(np.diff(of_edge, prepend=-1))
    size = np.diff(begins, append=len(of_edge))
    # Nobody contests the union of two.
    two = begins[(size == 1) & (said.fits[begins] >= sure)]
    label[high[two]] = low[two]
    for begin, many in zip(begins[size > 1].tolist(), size[size > 1].tolist(), strict=True):
        span = slice(begin, begin + many)
        members, codes = np.unique(np.concatenate([low[span], high[span]]), return_inverse=True)
        of_these = _Said(*(column[span] for column in said))
        component = _Component(len(members), codes[:many], codes[many:], of_these, judge)
        label[members] = members[component.grow(sure)]
    return label


def _altogether(
    size: int, of_pair: np.ndarray, levels: np.ndarray, rarity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """By field the highest level of the pairs of profiles, and among those of that level the rarest."""
    best = np.full((size, levels.shape[1]), -1, dtype=np.int8)
    np.maximum.at(best, of_pair, levels)
    rarest = np.full(best.shape, np.inf)
    np.minimum.at(rarest, of_pair, np.where(levels == best[of_pair], rarity, np.inf))
    return best, rarest


class _Component:
    """Groups that hang together, and what each two of them say of each other."""

    def __init__(self, k: int, left: np.ndarray, right: np.ndarray, said: _Said, judge: Judge) -> None:
        fields = said.levels.shape[1]
        self.levels = np.full((k, k, fields), -1, dtype=np.int8)
        self.rarity = np.zeros((k, k, fields))
        self.fits, self.against = np.zeros((k, k)), np.zeros((k, k), dtype=bool)
        self.judge = judge
        for one, other in ((left, right), (right, left)):
            self.levels[one, other], self.rarity[one, other] = said.levels, said.rarity
            self.fits[one, other], self.against[one, other] = said.fits, said.against

    def grow(self, sure: float) -> np.ndarray:
        """The group of each, named by its smallest; the best union that nobody contests is made first."""
        label = np.arange(len(self.fits))
        while True:
            open_ = self._uncontested(sure)
            if not open_.any():
                return label
            best = self.fits[open_].max()
            one, other = np.nonzero(np.triu(open_ & (self.fits == best), 1))
            self._merge(int(one[0]), int(other[0]))
            label[label == other[0]] = one[0]

    def _merge(self, first: int, second: int) -> None:
        levels, rarity = _altogether(
            len(self.fits),
            np.tile(np.arange(len(self.fits)), 2),
            np.concatenate([self.levels[first], self.levels[second]]),
            np.concatenate([self.rarity[first], self.rarity[second]]),
        )
        fits, against = self.judge(levels, rarity)
        gone = [first, second]
        levels[gone], rarity[gone], fits[gone], against[gone] = -1, 0.0, 0.0, False
        for table, row in ((self.levels, levels), (self.rarity, rarity), (self.fits, fits), (self.against, against)):
            table[first], table[:, first] = row, row
        for table, nothing in ((self.levels, -1), (self.rarity, 0.0), (self.fits, 0.0), (self.against, False)):
            table[second], table[:, second] = nothing, nothing

    def _uncontested(self, sure: float) -> np.ndarray:
        """Pairs of groups that may merge: far more likely than what tears one of them between two who are unlike."""
        fits = self.fits
        odds = np.where(fits >= sure, fits / np.maximum(1 - fits, 1e-9), 0.0)
        unlike = (fits < sure) & self.against
        torn = np.zeros(len(fits))
        for at in np.flatnonzero((odds > 0).sum(axis=1) > 1).tolist():
            near = np.flatnonzero(odds[at])
            weaker = np.minimum(odds[at, near][:, None], odds[at, near][None, :])
            torn[at] = np.where(unlike[np.ix_(near, near)], weaker, 0.0).max()
        return np.asarray((odds > 0) & (odds > _AS_WELL * np.maximum(torn[:, None], torn[None, :])))
