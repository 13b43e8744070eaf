"""Probable pairs: groups that merge because two of their records are likely one person.

Here: pairs as codes, the unions they make in the order of their scores, those left for people to decide. Not here:
scores (`model`), which pairs hold together (`support`), what is legal (`limits`).

Pairs go by descending score, rounded to 6 decimals. Pairs of one score are one batch: each connected component of
groups in it merges if legal as a whole, else not at all. Where nothing is broken, legality being hereditary, all of a
component is one group without looking at its batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.careful import Refusal
from identity.cluster import components
from identity.limits import Groups, Limits
from identity.reviews import DOUBTFUL_PAIR, REFUSED_PAIR

PROBABLE_RULE = "probable"  # the match rule of a link that rests on likeness
SURE, DOUBTFUL = 0.95, 0.5
_COLUMNS = ("left_record", "right_record", "probability")


class PairError(ValueError):
    """Probable pairs that cannot be used. The message says where and what to do."""


@dataclass(frozen=True)
class Pairs:
    """Probable pairs in their order: two records, the score, and whether it is enough to link."""

    left: np.ndarray
    right: np.ndarray
    score: np.ndarray
    sure: np.ndarray


@dataclass(frozen=True)
class Merged:
    """Groups by record, which pairs link (places in `Pairs`), and what people are asked."""

    group: np.ndarray
    accepted: np.ndarray
    refusals: list[Refusal]


def pairs_in_order(table: pa.Table | None, key: pa.Array, key_rank: np.ndarray, sure: float, doubtful: float) -> Pairs:
    """Check and code pairs: `left_record`, `right_record`, `probability`, optionally `is_supported`.

    Of a pair given twice the higher probability counts. Pairs below `doubtful` say nothing. Pairs that are not
    supported are doubtful at most.
    """
    if not 0 < doubtful <= sure <= 1:
        raise PairError(f"thresholds are doubtful {doubtful} and sure {sure}; they need 0 < doubtful <= sure <= 1.")
    if table is None:
        nothing = np.empty(0, dtype=np.int64)
        return Pairs(nothing, nothing, nothing.astype(np.float64), nothing.astype(bool))
    missing = [column for column in _COLUMNS if column not in table.column_names]
    if missing:
        raise PairError(f"pairs: the table lacks {', '.join(missing)}. It has {', '.join(table.column_names)}.")
    ends = [pc.index_in(table[c].cast(pa.string()).combine_chunks(), value_set=key) for c in _COLUMNS[:2]]
    if ends[0].null_count + ends[1].null_count:
        unknown = pc.or_(pc.is_null(ends[0]), pc.is_null(ends[1]))
        raise PairError(
            f"pairs: {pc.sum(unknown).as_py()} of them name records that are not in records. "
            "Score the pairs of the records that are handed in."
        )
    given = table["probability"].cast(pa.float64())
    score = np.round(given.to_numpy(), 6)
    if given.null_count or not ((score >= 0) & (score <= 1)).all():
        raise PairError("pairs: a probability is missing or not between 0 and 1.")
    supported = np.ones(len(score), dtype=bool)
    if "is_supported" in table.column_names:
        supported = np.asarray(pc.fill_null(table["is_supported"], False).to_numpy()).astype(bool)
    one, other = (end.to_numpy().astype(np.int64) for end in ends)
    first = key_rank[one] < key_rank[other]
    left, right = np.where(first, one, other), np.where(first, other, one)
    kept = np.flatnonzero((score >= doubtful) & (left != right))
    order = kept[np.lexsort((key_rank[right[kept]], key_rank[left[kept]], ~supported[kept], -score[kept]))]
    _, once = np.unique(left[order] * max(len(key), 1) + right[order], return_index=True)
    order = order[np.sort(once)]
    return Pairs(left[order], right[order], score[order], (score[order] >= sure) & supported[order])


def merge_pairs(pairs: Pairs, group: np.ndarray, limits: Limits, careful: bool = False) -> Merged:
    """Merge the groups of sure pairs within the limits. `careful`: batch by batch everywhere, with the same result."""
    apart = group[pairs.left] != group[pairs.right]
    doubtful = np.flatnonzero(apart & ~pairs.sure)
    refusals = [Refusal(DOUBTFUL_PAIR, left, right, None, score) for left, right, score in _rows(pairs, doubtful)]
    accepted = apart & pairs.sure
    if not accepted.any():
        return Merged(group, accepted, refusals)
    n_groups = int(group.max(initial=-1)) + 1
    at = np.flatnonzero(accepted)
    union = components(n_groups, group[pairs.left[at]], group[pairs.right[at]]).astype(np.int64)
    joined = np.bincount(union, minlength=int(union.max()) + 1) > 1
    # Held against the bare limits: an excess that may stay in one group says nothing of its smaller unions.
    broken = (limits.broken(union[group]) | careful) & joined
    new = union + n_groups
    if broken.any():
        redone = at[broken[union[group[pairs.left[at]]]]]
        new[broken[union]] = np.flatnonzero(broken[union])
        refusals += _by_batches(pairs, redone, group, np.flatnonzero(broken[union][group]), limits, new, accepted)
    _, compact = np.unique(new, return_inverse=True)
    return Merged(compact[group], accepted, refusals)


def _by_batches(
    pairs: Pairs,
    order: np.ndarray,
    group: np.ndarray,
    records: np.ndarray,
    limits: Limits,
    new: np.ndarray,
    accepted: np.ndarray,
) -> list[Refusal]:
    """Merge batch by batch; writes the new groups to `new` and the refused pairs to `accepted`."""
    groups = Groups(limits)
    first: dict[int, int] = {}
    for record, number in zip(records.tolist(), group[records].tolist(), strict=True):
        if number in first:
            groups.merge(groups.roots((first[number], record)))
        else:
            first[number] = record
    refusals: list[Refusal] = []
    scores = pairs.score[order]
    cuts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]])).tolist()
    for begin, end in zip(cuts, [*cuts[1:], len(order)], strict=True):
        batch = order[begin:end].tolist()
        for part in _parts([(groups.root(int(pairs.left[p])), groups.root(int(pairs.right[p]))) for p in batch]):
            roots = list(dict.fromkeys(root for place in part for root in _ends(groups, pairs, batch[place])))
            if len(roots) < 2 or groups.conflict(roots) is None:
                if len(roots) > 1:
                    groups.merge(roots)
                continue
            refused = [batch[p] for p in part if len(set(_ends(groups, pairs, batch[p]))) == 2]
            accepted[refused] = False
            refusals += [
                Refusal(REFUSED_PAIR, left, right, None, score) for left, right, score in _rows(pairs, refused)
            ]
    smallest: dict[int, int] = {}
    for number in sorted(first):
        new[number] = smallest.setdefault(groups.root(first[number]), number)
    return refusals


def _ends(groups: Groups, pairs: Pairs, pair: int) -> tuple[int, int]:
    return groups.root(int(pairs.left[pair])), groups.root(int(pairs.right[pair]))


def _parts(edges: list[tuple[int, int]]) -> list[list[int]]:
    """Places of edges by connected component."""
    if len(edges) == 1:
        return [[0]]
    nodes, codes = np.unique(np.array(edges, dtype=np.int64), return_inverse=True)
    codes = codes.reshape(-1, 2)
    label = components(len(nodes), codes[:, 0], codes[:, 1])[codes[:, 0]]
    parts: dict[int, list[int]] = {}
    for place, at in enumerate(label.tolist()):
        parts.setdefault(at, []).append(place)
    return list(parts.values())


def _rows(pairs: Pairs, at: np.ndarray | Sequence[int]) -> list[tuple[int, int, float]]:
    return list(zip(pairs.left[at].tolist(), pairs.right[at].tolist(), pairs.score[at].tolist(), strict=True))
