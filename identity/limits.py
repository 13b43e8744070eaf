"""What one person cannot be: more issued identifiers than allowed, or both ends of a cannot-link.

Here: each record's values of the limited (hard) types, the cannot-links, and whether a union of groups is legal. Not
here: which unions are tried (`careful`), where cannot-links come from (`overrides`).

A union is legal when no cannot-link lies in it and, for each hard type, it holds no more values than the larger of the
limit and the most that one of its parts holds already: what a must-link made too many may stay, never grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

CANNOT_LINK, MAX_VALUES = "cannot-link", "max_values_per_person"


@dataclass(frozen=True)
class HardValues:
    """One hard type: record r holds `value[start[r]:start[r + 1]]`, each once."""

    limit: int
    start: np.ndarray
    value: np.ndarray

    def of(self, record: int) -> list[int]:
        """The values that a record holds."""
        held: list[int] = self.value[self.start[record] : self.start[record + 1]].tolist()
        return held


def hard_values(limit: int, record: np.ndarray, value: np.ndarray, n: int) -> HardValues:
    """From pairs of record and value."""
    order = np.lexsort((value, record))
    return HardValues(limit, np.concatenate([[0], np.cumsum(np.bincount(record, minlength=n))]), value[order])


@dataclass(frozen=True)
class Limits:
    """All hard types, and the accepted cannot-links as two ends."""

    hard: tuple[HardValues, ...]
    left: np.ndarray
    right: np.ndarray
    partners: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for a, b in zip(self.left.tolist(), self.right.tolist(), strict=True):
            self.partners.setdefault(a, set()).add(b)
            self.partners.setdefault(b, set()).add(a)

    def broken(self, label: np.ndarray, part: np.ndarray | None = None) -> np.ndarray:
        """For each label 0..k-1 whether it is illegal as one group, or as a union of the given parts (by record)."""
        broken = np.zeros(int(label.max(initial=-1)) + 1, dtype=bool)
        for hard in self.hard:
            degree = np.diff(hard.start)
            cap = np.full(len(broken), hard.limit)
            if part is not None:
                held = self._counts(hard, degree, part)
                of_part = np.empty(len(held), dtype=np.int64)
                of_part[part] = label
                np.maximum.at(cap, of_part, held)
            broken |= self._counts(hard, degree, label) > cap
        inside = label[self.left] == label[self.right]
        broken[label[self.left[inside]]] = True
        return broken

    @staticmethod
    def _counts(hard: HardValues, degree: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Distinct values by label; where even all together keep the limit, all together."""
        counts = np.bincount(label, weights=degree, minlength=int(label.max(initial=-1)) + 1).astype(np.int64)
        of_value = np.repeat(label, degree)
        at = np.flatnonzero(counts[of_value] > hard.limit)
        if len(at):
            width = int(hard.value.max()) + 1
            several = np.unique(of_value[at].astype(np.int64) * width + hard.value[at]) // width
            exact = np.bincount(several, minlength=len(counts))
            counts = np.where(exact > 0, exact, counts)
        return counts


class Groups:
    """Groups of records that grow by legal unions; a group is named by one of its records, its root."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parent: dict[int, int] = {}
        self._held: dict[int, list[set[int]]] = {}
        self._forbidden: dict[int, set[int]] = {}

    def root(self, record: int) -> int:
        """The root of a record's group."""
        parent = self._parent
        if record not in parent:
            parent[record] = record
            self._held[record] = [set(hard.of(record)) for hard in self._limits.hard]
            self._forbidden[record] = set(self._limits.partners.get(record, ()))
        root = record
        while parent[root] != root:
            root = parent[root]
        while parent[record] != root:
            parent[record], record = root, parent[record]
        return root

    def roots(self, records: Iterable[int]) -> list[int]:
        """The groups of some records, in the order of their first record."""
        return list(dict.fromkeys(self.root(record) for record in records))

    def merge(self, roots: Sequence[int]) -> None:
        """One group out of several, legal or not."""
        into = max(roots, key=lambda root: sum(map(len, self._held[root])) + len(self._forbidden[root]))
        for root in roots:
            if root != into:
                self._parent[root] = into
                for held, more in zip(self._held[into], self._held.pop(root), strict=True):
                    held |= more
                self._forbidden[into] |= self._forbidden.pop(root)

    def conflict(self, roots: Sequence[int]) -> str | None:
        """Why a union is illegal; None when it is legal."""
        among = set(roots)
        if any(self.root(partner) in among for root in roots for partner in self._forbidden[root]):
            return CANNOT_LINK
        for at, hard in enumerate(self._limits.hard):
            held = [self._held[root][at] for root in roots if self._held[root][at]]
            if len(held) > 1 and len(set().union(*held)) > max(hard.limit, *map(len, held)):
                return MAX_VALUES
        return None

    def settle(self, roots: Sequence[int]) -> tuple[list[int], list[tuple[int, int, str]], bool]:
        """What may be merged of several groups: all if legal; else those without an illegal pair, if that is legal.

        Gives the groups to merge, the illegal pairs with their reason, and whether the rest had to be left unmerged.
        """
        if self.conflict(roots) is None:
            return list(roots), [], False
        limited = [root for root in roots if self._forbidden[root] or any(self._held[root])]
        pairs = [(a, b, why) for a, b in combinations(limited, 2) if (why := self.conflict((a, b)))]
        aside = {root for a, b, _ in pairs for root in (a, b)}
        rest = [root for root in roots if root not in aside]
        if len(rest) > 1 and self.conflict(rest):
            return [], pairs, True
        return rest, pairs, False
