"""What likeness is worth in a home: a mixture of one person, two of one household, and two strangers.

Here: the three classes' shares of levels, learned without labels by expectation–maximisation over counts of patterns,
and the probability that a pair is one person. Not here: the levels (`alike`), the artefact and the pairs (`likely`).

Two classes, match and no match, take everything that two of one household share (a street, a surname, a telephone) for
evidence of one person. With a class of their own they are told apart by what households do not share: given names,
birth dates, mailboxes. (A mixture of latent classes: P. Lazarsfeld and N. Henry, Latent structure analysis, 1968.)

All pairs of profiles are the population. Pairs that share no block are strangers. A family name
leans on the given name among strangers, for names come from one people's stock of both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from identity.alike import LEVELS

FIELDS = list(LEVELS)
_PERSON, _HOUSEHOLD, _STRANGERS = range(3)
_ROUNDS = 200
_LEAST = 1e-7
_HARDLY = 0.2  # times as often as others
_GIVEN, _FAMILY = FIELDS.index("given_name"), FIELDS.index("family_name")
# What is expected beforehand, and how many pairs that expectation is worth.
_BEFORE: dict[str, tuple[list[float], ...]] = {
    "given_name": (
        [0.05, 0.03, 0.04, 0.13, 0.75],
        [0.94, 0.03, 0.02, 0.005, 0.005],
        [0.97, 0.015, 0.005, 0.005, 0.005],
    ),
    "family_name": ([0.02, 0.02, 0.11, 0.85], [0.38, 0.01, 0.06, 0.55], [0.9, 0.03, 0.02, 0.05]),
    "birth_date": ([0.02, 0.03, 0.95], [0.995, 0.003, 0.002], [0.9985, 0.001, 0.0005]),
    "street": ([0.1, 0.05, 0.85], [0.2, 0.02, 0.78], [0.99, 0.009, 0.001]),
    "postcode": ([0.15, 0.85], [0.2, 0.8], [0.99, 0.01]),
    "phone": ([0.5, 0.1, 0.4], [0.7, 0.002, 0.298], [0.9998, 0.0001, 0.0001]),
    "email": ([0.6, 0.05, 0.05, 0.3], [0.98, 0.005, 0.005, 0.01], [0.9997, 0.0001, 0.0001, 0.0001]),
    "gender": ([0.02, 0.98], [0.7, 0.3], [0.5, 0.5]),
}
_WORTH = (30.0, 200.0, 2.0)


@dataclass(frozen=True)
class Mixture:
    """`share[c]`: of all pairs, the classes person and household. `level[f][c, k]`: share of level k in class c.

    `family[g + 1, k]`: among strangers, of level k of the family name at level g of the given name (0: not known).
    """

    share: np.ndarray
    level: list[np.ndarray]
    family: np.ndarray

    @cached_property
    def logs(self) -> list[np.ndarray]:
        """By field, a row a level: the logarithms of its shares; at the end, for a level that is not known, nothing."""
        return [np.vstack([np.log(table).T, np.zeros(len(table))]) for table in self.level]

    @cached_property
    def family_logs(self) -> np.ndarray:
        """What the level of the given name adds to that of the family name among strangers."""
        added = np.log(self.family / self.level[_FAMILY][_STRANGERS])
        return np.column_stack([added, np.zeros(len(added))])

    @cached_property
    def unlike(self) -> list[np.ndarray]:
        """By field and level, whether one person's records are hardly ever so."""
        found = [table[_PERSON] < _HARDLY * table[[_HOUSEHOLD, _STRANGERS]].max(axis=0) for table in self.level]
        return [np.append(levels, False) for levels in found]


@dataclass(frozen=True)
class Counted:
    """Distinct rows of levels and how many pairs show each."""

    levels: np.ndarray
    counts: np.ndarray


def count_patterns(parts: Iterable[np.ndarray]) -> Counted:
    """Count the patterns of pairs, in their order. `parts`: levels of some pairs after the other."""
    total: dict[int, tuple[np.ndarray, int]] = {}
    for levels in parts:
        code = np.zeros(len(levels), dtype=np.int64)
        for column in range(levels.shape[1]):
            code = code * 6 + (levels[:, column].astype(np.int64) + 1)
        codes, first, counts = np.unique(code, return_index=True, return_counts=True)
        for pattern, at, count in zip(codes.tolist(), first.tolist(), counts.tolist(), strict=True):
            known = total.get(pattern)
            total[pattern] = (known[0] if known else levels[at].copy(), count + (known[1] if known else 0))
    patterns = [total[code] for code in sorted(total)]
    return Counted(
        np.array([levels for levels, _ in patterns], dtype=np.int8).reshape(-1, len(FIELDS)),
        np.array([count for _, count in patterns], dtype=np.float64),
    )


def learn(candidates: Counted, strangers: Counted, pairs: float, profiles: int) -> Mixture:
    """Fit the mixture.

    `candidates`: pairs that share a block, and those within groups that exact values joined. `strangers`: a sample of
    the others, counted as many times as it stands for. `pairs`, `profiles`: how many there are altogether.
    """
    before = [np.array(_BEFORE[name]) for name in FIELDS]
    mixture = Mixture(
        np.array([0.5 * profiles / pairs, 0.5 * profiles / pairs]),
        before,
        np.tile(before[_FAMILY][_STRANGERS], (len(LEVELS["given_name"]) + 1, 1)),
    )
    posterior = _posterior(candidates.levels, mixture)
    for _ in range(_ROUNDS):
        weights = posterior * candidates.counts[:, None]
        totals = weights.sum(axis=0)
        share = np.clip(totals[:2] / pairs, 0.5 / pairs, 0.4)
        level = []
        for at, start in enumerate(before):
            rows = []
            for c in range(3):
                hits = _tally(candidates, weights[:, c], at, len(start[c]))
                hits = hits + (_tally(strangers, strangers.counts, at, len(start[c])) if c == _STRANGERS else 0.0)
                rows.append((hits + _WORTH[c] * start[c]) / (hits.sum() + _WORTH[c]))
            level.append(np.maximum(np.array(rows), _LEAST))
        family = np.tile(level[_FAMILY][_STRANGERS], (len(LEVELS["given_name"]) + 1, 1))
        for g in range(len(LEVELS["given_name"])):
            hits = _family_given(candidates, weights[:, _STRANGERS], g) + _family_given(strangers, strangers.counts, g)
            family[g + 1] = (hits + 20.0 * family[0]) / (hits.sum() + 20.0)
        mixture = Mixture(share, level, np.maximum(family, _LEAST))
        again = _posterior(candidates.levels, mixture)
        moved = float((np.abs(again - posterior).sum(axis=1) * candidates.counts).sum())
        posterior = again
        if moved < 1e-5 * max(float(totals[_PERSON]), 1.0):
            break
    return mixture


def probability(levels: np.ndarray, mixture: Mixture, rarity: np.ndarray | float = 0.0) -> np.ndarray:
    """The probability of one person; `rarity`: added to the logarithm of the likelihood among strangers."""
    return _posterior(levels, mixture, rarity)[:, _PERSON]


def speaks_against(levels: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Whether a field is unlike as one person's records hardly ever are."""
    found = np.zeros(len(levels), dtype=bool)
    for at, unlike in enumerate(mixture.unlike):
        found |= unlike[levels[:, at]]
    return found


def _posterior(levels: np.ndarray, mixture: Mixture, rarity: np.ndarray | float = 0.0) -> np.ndarray:
    shares = np.array([*mixture.share, 1.0 - mixture.share.sum()])
    log = np.tile(np.log(shares), (len(levels), 1))
    for at, table in enumerate(mixture.logs):
        log += table[levels[:, at]]
        if at == _FAMILY:
            log[:, _STRANGERS] += mixture.family_logs[levels[:, _GIVEN].astype(np.int64) + 1, levels[:, at]]
    log[:, _STRANGERS] += rarity
    log -= log.max(axis=1, keepdims=True, initial=-1e9)
    found = np.exp(log)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _tally(counted: Counted, weight: np.ndarray, field: int, size: int) -> np.ndarray:
    level = counted.levels[:, field].astype(np.int64)
    return np.bincount(level[level >= 0], weights=weight[level >= 0], minlength=size)


def _family_given(counted: Counted, weight: np.ndarray, given: int) -> np.ndarray:
    chosen = counted.levels[:, _GIVEN] == given
    return _tally(
        Counted(counted.levels[chosen], counted.counts[chosen]), weight[chosen], _FAMILY, len(LEVELS["family_name"])
    )
