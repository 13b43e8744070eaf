"""What a level of likeness is worth: the parameters of a Fellegi–Sunter model, learned without labels.

Here: m and u of every level and the prior, by expectation–maximisation over counts of comparison patterns; which fields
say the same thing twice. Not here: the levels (`comparisons`), the artefact and the scores (`model`).

All pairs of records are the population: those that share no block count as different people. So the prior is the share
of matches among all pairs, and what the levels are among different people is what they are among all pairs less the
expected matches. That needs no independence between the blocks and the fields. (I. Fellegi and A. Sunter, A theory for
record linkage, 1969; W. Winkler, Using the EM algorithm for weight computation, 1988.)

Fields that go together among different people (a postcode and its city, a given name and the gender) would count twice.
Each field may lean on one other: its m and u are then those given the other's level (C. Chow and C. Liu, Approximating
discrete probability distributions with dependence trees, 1968).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_ROUNDS = 200
_FORESTS = 3
_PSEUDO = 20.0  # the weight of what is expected beforehand, in pairs
_LEAST_U = 1e-7
_LEAST_LIFT = 1.5
_LEAST_TOGETHER = 30


@dataclass(frozen=True)
class Patterns:
    """Distinct rows of levels, sorted, and how many pairs show each; `of_pair`: each pair's pattern."""

    levels: np.ndarray
    counts: np.ndarray
    of_pair: np.ndarray


def patterns_of(levels: np.ndarray) -> Patterns:
    """Count the patterns of pairs."""
    code = np.zeros(len(levels), dtype=np.int64)
    for column in range(levels.shape[1]):
        code = code * 12 + (levels[:, column].astype(np.int64) + 1)
    _, first, of_pair, counts = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
    return Patterns(levels[first], counts, of_pair)


@dataclass(frozen=True)
class Background:
    """How often levels occur among all `pairs`: patterns of a sample, each standing for `weight` pairs.

    `both_equal`: by two fields, how many of all pairs are equal in both; on the diagonal, in the one.
    """

    patterns: Patterns
    weight: float
    both_equal: np.ndarray
    pairs: int


@dataclass(frozen=True)
class Parameters:
    """`m[f][p + 1, k]`, `u[f][p + 1, k]`: of level k of field f, given level p of the field it leans on.

    Row 0 is for a parent that is not known; a field that leans on none has that row alone. `prior`: the share of
    matches among all pairs.
    """

    parent: list[int]
    m: list[np.ndarray]
    u: list[np.ndarray]
    prior: float


def train(
    patterns: Patterns, background: Background, start_m: list[np.ndarray], start_u: list[np.ndarray], prior: float
) -> Parameters:
    """Fit to the patterns of candidate pairs.

    `start_m`, `start_u`: what is expected beforehand, by field; training holds to it where the data say nothing.
    """
    fit = _Fit(patterns, background, start_m, start_u)
    nothing = np.zeros(len(patterns.counts))
    parameters = fit.parameters(nothing, [-1] * len(start_m), prior)
    for _ in range(_FORESTS):
        # Which fields lean on which shows the better, the better matches are known.
        parent = _parents(patterns, background, parameters)
        parameters = fit.run(parent, parameters)
    return parameters


class _Fit:
    """Expectation–maximisation for one set of patterns."""

    def __init__(
        self, patterns: Patterns, background: Background, start_m: list[np.ndarray], start_u: list[np.ndarray]
    ) -> None:
        self.patterns, self.background = patterns, background
        self.start_m, self.start_u = start_m, start_u
        self._everyone: dict[tuple[int, int], np.ndarray] = {}

    def run(self, parent: list[int], parameters: Parameters) -> Parameters:
        """Alternate until the expected matches stay."""
        patterns, pairs = self.patterns, self.background.pairs
        posterior = probability(patterns.levels, parameters) * patterns.counts
        for _ in range(_ROUNDS):
            prior = min(max(float(posterior.sum()) / pairs, 0.5 / pairs), 0.5)
            parameters = self.parameters(posterior, parent, prior)
            again = probability(patterns.levels, parameters) * patterns.counts
            moved = float(np.abs(again - posterior).sum())
            posterior = again
            if moved < 1e-5 * max(float(posterior.sum()), 1.0):
                break
        return parameters

    def parameters(self, matched: np.ndarray, parent: list[int], prior: float) -> Parameters:
        """m and u for expected matches by pattern."""
        m, u = [], []
        for field, on in enumerate(parent):
            hits = self._joint(self.patterns, matched, field, -1)
            m_alone = (hits + _PSEUDO * self.start_m[field]) / (hits.sum() + _PSEUDO)
            others = np.maximum(self._all(field, -1) - hits, self._least(len(hits[0])))
            u_alone = (others + _PSEUDO * self.start_u[field]) / (others.sum() + _PSEUDO)
            if on >= 0:
                hits = self._joint(self.patterns, matched, field, on)
                m_given = (hits + _PSEUDO * m_alone) / (hits.sum(axis=1, keepdims=True) + _PSEUDO)
                others = np.maximum(self._all(field, on) - hits, 0.0)
                # Of a parent's level that the sample hardly shows, nothing is learned: the field counts as independent.
                pseudo = np.full((len(others), 1), _PSEUDO * self.background.weight)
                pseudo[-1] = _PSEUDO
                u_given = (others + pseudo * u_alone) / (others.sum(axis=1, keepdims=True) + pseudo)
                m_alone, u_alone = np.vstack([m_alone, m_given]), np.vstack([u_alone, u_given])
            m.append(m_alone)
            u.append(np.maximum(u_alone, _LEAST_U))
        return Parameters(parent, m, u, prior)

    def _least(self, levels: int) -> np.ndarray:
        """What a level counts that was never seen: half of the smallest count there is."""
        least = np.full(levels, 0.5 * self.background.weight)
        least[-1] = 0.5
        return least

    def _all(self, field: int, on: int) -> np.ndarray:
        """How many of all pairs show each level of a field, by level of another (one row without it)."""
        if (field, on) not in self._everyone:
            sample, exact = self.background.patterns, self.background.both_equal
            found = self._joint(sample, sample.counts * self.background.weight, field, on)
            known = found.sum(axis=1, keepdims=True)
            if on >= 0 and known[-1, 0] > 0:
                found[-1] *= min(1.0, exact[on, on] / known[-1, 0])
            # Pairs that were looked at are there, however few of their kind a sample shows.
            found = np.maximum(found, self._joint(self.patterns, self.patterns.counts.astype(np.float64), field, on))
            found[-1, -1] = exact[field, field] if on < 0 else exact[field, on]
            self._everyone[field, on] = found
        return self._everyone[field, on]

    def _joint(self, patterns: Patterns, weight: np.ndarray, field: int, on: int) -> np.ndarray:
        """Weight by level of `on` (one row without it) and level of `field`, where both are known."""
        size = len(self.start_m[field])
        rows = 1 if on < 0 else len(self.start_m[on])
        level = patterns.levels[:, field].astype(np.int64)
        row = np.zeros(len(level), dtype=np.int64) if on < 0 else patterns.levels[:, on].astype(np.int64)
        known = (level >= 0) & (row >= 0)
        counts = np.bincount(row[known] * size + level[known], weights=weight[known], minlength=rows * size)
        return counts.reshape(rows, size)


def _parents(patterns: Patterns, background: Background, parameters: Parameters) -> list[int]:
    """The field that each leans on, or -1: the strongest dependences among different people, as a forest."""
    fields = len(parameters.m)
    weights = _weights(patterns.levels, parameters)
    total = weights.sum(axis=1) + _odds(parameters.prior)
    equal = [patterns.levels[:, f] == parameters.m[f].shape[1] - 1 for f in range(fields)]
    # Alike: the level speaks for a match.
    likes = [np.log(parameters.m[f][0] / parameters.u[f][0]) > 0 for f in range(fields)]
    alike = [(patterns.levels[:, f] >= 0) & likes[f][patterns.levels[:, f]] for f in range(fields)]
    chance = [float(parameters.u[f][0][likes[f]].sum()) for f in range(fields)]
    sample = background.patterns
    known = [float(sample.counts[sample.levels[:, f] >= 0].sum() / max(sample.counts.sum(), 1)) for f in range(fields)]
    edges = []
    for one in range(fields):
        for other in range(one):
            both = alike[one] & alike[other]
            # Two fields that say the same count once here, or nobody could tell whether they do.
            odds = total[both] - np.minimum(weights[both, one], weights[both, other])
            different = float((patterns.counts[both] * (1 - _sigmoid(odds))).sum())
            # Equal pairs are known even where they share no block within the limit.
            compared = float(patterns.counts[equal[one] & equal[other]].sum())
            together = different + max(float(background.both_equal[one, other]) - compared, 0.0)
            expected = background.pairs * chance[one] * chance[other] * known[one] * known[other]
            if together >= _LEAST_TOGETHER and together >= _LEAST_LIFT * expected:
                edges.append((-together * float(np.log(together / max(expected, 1e-9))), one, other))
    return _forest(sorted(edges), chance)


def _forest(edges: list[tuple[float, int, int]], chance: list[float]) -> list[int]:
    """The parents in a spanning forest of the first edges; the field that is equal by chance most rarely is on top."""
    group = list(range(len(chance)))
    neighbours: list[list[int]] = [[] for _ in chance]
    for _, one, other in edges:
        if group[one] != group[other]:
            group = [group[other] if g == group[one] else g for g in group]
            neighbours[one].append(other)
            neighbours[other].append(one)
    parent = [-1] * len(chance)
    seen: set[int] = set()
    for top in sorted(range(len(chance)), key=lambda f: (chance[f], f)):
        queue = [] if top in seen else [top]
        seen.update(queue)
        while queue:
            at = queue.pop()
            for child in neighbours[at]:
                if child not in seen:
                    seen.add(child)
                    parent[child] = at
                    queue.append(child)
    return parent


def _weights(levels: np.ndarray, parameters: Parameters) -> np.ndarray:
    """The natural logarithm of m / u by pair and field; 0 where one record does not say."""
    found = np.zeros(levels.shape)
    for field, (m, u) in enumerate(zip(parameters.m, parameters.u, strict=True)):
        table = np.log(m / u)
        on = parameters.parent[field]
        row = levels[:, on].astype(np.int64) + 1 if on >= 0 else 0
        known = levels[:, field] >= 0
        found[:, field] = np.where(known, table[row, levels[:, field]], 0.0)
    return found


def log_odds(levels: np.ndarray, parameters: Parameters) -> np.ndarray:
    """The natural logarithm of the odds of a match."""
    return _weights(levels, parameters).sum(axis=1) + _odds(parameters.prior)


def probability(levels: np.ndarray, parameters: Parameters, more: np.ndarray | float = 0.0) -> np.ndarray:
    """The probability of a match; `more`: added to the log odds."""
    return _sigmoid(log_odds(levels, parameters) + more)


def _odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _sigmoid(odds: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -500, 500))))


def both_equal(codes: Sequence[np.ndarray]) -> np.ndarray:
    """By two fields the number of pairs of records equal in both; on the diagonal, equal in the one."""
    found = np.zeros((len(codes), len(codes)))
    for one, left in enumerate(codes):
        for other in range(one + 1):
            right = codes[other]
            known = (left >= 0) & (right >= 0)
            joined = left[known] * (int(right.max(initial=0)) + 1) + right[known]
            counts = np.unique(joined, return_counts=True)[1].astype(np.float64)
            found[one, other] = found[other, one] = float((counts * (counts - 1) / 2).sum())
    return found
