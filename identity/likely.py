"""Probable pairs inside a home: records of different groups that are likely one person.

Here: the artefact, learning it, scoring pairs, which of them hold together. Not here: what a record states
(`profiles`), which pairs are looked at (`neighbours`), how alike they are (`alike`), what that is worth (`households`),
the groups and their limits (`resolution`).

The groups are those that exact values make. Pairs within one of them are not looked at. A pair's probability depends on
its two records and the artefact only; which pairs are scored depends on the blocks, and so on the other records.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity import alike, households, neighbours
from identity.cluster import components
from identity.households import Counted, Mixture, could_match, count_patterns, probability
from identity.model import PAIR_SCHEMA, ModelError
from identity.profiles import Profiles, likely_features, profiles_of

__all__ = ["LikelyModel", "fit_likely", "likely_features", "likely_pairs"]

SURE, DOUBTFUL = 0.6, 0.2
FORMAT = 1
LEAST_GROUPS = 50  # fewer tell nothing of how people write
LEAST_PAIRS = 20  # of different groups that share something rare
_SAMPLE = 200_000
_SHARED_BY = 3  # groups from which on a value's frequency is stored
_MOST_ALIKE = 200  # records of one profile above which their pairs are dropped like a hub's
_RARE = ("given_name", "family_name", "birth_date", "street", "postcode", "phone", "email")


@dataclass(frozen=True)
class LikelyModel:
    """What was learned, rounded to 6 significant digits before anything is scored.

    - `levels`: by field, the names of its levels; they have to be those of this version.
    - `share`: of the classes person and household among all pairs of different groups.
    - `level`: by field, a row of levels for each class; `family`: see `households.Mixture`.
    - `frequencies`: by field, values that several groups state and their share; `rare`: the share of any other;
      `usual`: the chance that two strangers are equal.
    - `sure`, `doubtful`: thresholds for `resolve`; `block_limit`: profiles of a block above which it is dropped.
    """

    levels: dict[str, list[str]]
    share: list[float]
    level: dict[str, list[list[float]]]
    family: list[list[float]]
    frequencies: dict[str, dict[str, float]]
    rare: dict[str, float]
    usual: dict[str, float]
    sure: float
    doubtful: float
    block_limit: int
    seed: int
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The model as text; the same model gives the same text."""
        return json.dumps({"format": FORMAT, "kind": "likely", **asdict(self)}, ensure_ascii=False, indent=1)

    @staticmethod
    def from_json(text: str) -> LikelyModel:
        """A stored model; raises `ModelError`."""
        try:
            given = json.loads(text)
            if (given.pop("format", None), given.pop("kind", None)) != (FORMAT, "likely"):
                raise ModelError(f"the model is no likely model of format {FORMAT}. Learn it anew with this version.")
            model = LikelyModel(**given)
        except (json.JSONDecodeError, TypeError, AttributeError) as error:
            raise ModelError(f"this is no model of likely pairs ({error}). Give the JSON that was stored.") from error
        if model.levels != {name: list(levels) for name, levels in alike.LEVELS.items()}:
            raise ModelError("the model compares other levels than this version. Learn it anew.")
        return model

    @cached_property
    def mixture(self) -> Mixture:
        """The classes as arrays."""
        return Mixture(
            np.array(self.share), [np.array(self.level[name]) for name in households.FIELDS], np.array(self.family)
        )


def fit_likely(features: pa.Table, groups: pa.Table, seed: int = 0) -> LikelyModel | None:
    """Learn from records and the groups that exact values make, without labels; None where there is too little.

    `features`: as `likely_features` gives them. `groups`: `record_key`, `customer_id`. Needed are 50 groups and 20
    pairs of different groups that share something rare. The result depends on what the records state and on which of
    them are together, not on their order, their keys or the groups' names.
    """
    home = _Home(features, groups)
    n = len(home.profiles)
    blocks = neighbours.blocks_of(home.profiles)
    limit = neighbours.limit_for(blocks, n)
    left, right = neighbours.candidate_pairs(blocks, n, limit, home.only_group)
    if len(np.unique(home.group)) < LEAST_GROUPS or len(left) < LEAST_PAIRS:
        return None
    candidates = count_patterns(alike.levels(home.profiles, left, right))
    pairs = float(n * (n - 1) // 2 - home.pairs_inside())
    drawn = _random_pairs(n, seed)
    apart = (home.only_group[drawn[0]] != home.only_group[drawn[1]]) | (home.only_group[drawn[0]] < 0)
    unseen = apart & ~np.isin(drawn[0] * n + drawn[1], left * n + right)
    sample = count_patterns(alike.levels(home.profiles, drawn[0][unseen], drawn[1][unseen]))
    times = max(pairs - len(left), 0.0) / max(int(unseen.sum()), 1)
    inside = count_patterns(alike.levels(home.profiles, *home.sample_inside(seed)))
    mixture = households.learn(candidates, Counted(sample.levels, sample.counts * times), inside, pairs, n)
    frequencies, rare, usual = {}, {}, {}
    for name in _RARE:
        frequencies[name], rare[name] = home.frequencies(name)
        # Strangers are equal in names by chance. In all else hardly ever: only what many share tells less than usual.
        by_chance = float(mixture.level[households.FIELDS.index(name)][2, -1])
        usual[name] = _six(by_chance) if name in ("given_name", "family_name") else rare[name]
    return LikelyModel(
        {name: list(levels) for name, levels in alike.LEVELS.items()},
        [_six(v) for v in mixture.share.tolist()],
        {name: _rounded(table) for name, table in zip(households.FIELDS, mixture.level, strict=True)},
        _rounded(mixture.family),
        frequencies,
        rare,
        usual,
        SURE,
        DOUBTFUL,
        limit,
        seed,
        {"omnihouse": version("omnihouse"), "splink": version("splink")},
    )


def likely_pairs(features: pa.Table, model: LikelyModel, groups: pa.Table, touched: pa.Array | None = None) -> pa.Table:
    """Pairs of records in different groups that may be one person: `left_record, right_record, probability,
    is_supported`, sorted.

    Given are pairs of at least the model's `doubtful`. `touched`: record keys; only pairs with one of them at an end,
    with the same probability as without it. `is_supported` then speaks of these pairs alone; over all pairs it is found
    by `supported`.
    """
    return supported(score_likely(features, model, groups, touched), features, model, groups)


def score_likely(features: pa.Table, model: LikelyModel, groups: pa.Table, touched: pa.Array | None = None) -> pa.Table:
    """`likely_pairs` without `is_supported`: `left_record, right_record, probability`."""
    home = _Home(features, groups)
    n = len(home.profiles)
    wanted = None
    wanted_record = np.ones(features.num_rows, dtype=bool)
    if touched is not None:
        wanted_record = pc.is_in(home.key, value_set=touched.cast(pa.string())).to_numpy(zero_copy_only=False)
        wanted = np.zeros(n, dtype=bool)
        wanted[home.profiles.of_record[wanted_record & (home.profiles.of_record >= 0)]] = True
    blocks = neighbours.blocks_of(home.profiles)
    left, right = neighbours.candidate_pairs(blocks, n, model.block_limit, home.only_group, wanted)
    twins = np.flatnonzero(home.only_group < 0)
    if wanted is not None:
        twins = twins[wanted[twins]]
    left, right = np.concatenate([left, twins]), np.concatenate([right, twins])
    score = _scores(home.profiles, model, left, right)
    kept = score >= model.doubtful
    one, other, of_pair = home.records_of(left[kept], right[kept])
    touching = wanted_record[one] | wanted_record[other]
    one, other, of_pair = one[touching], other[touching], of_pair[touching]
    a, b = home.key.take(pa.array(one)), home.key.take(pa.array(other))
    in_order = pc.less(a, b)
    return pa.table(
        {
            "left_record": pc.if_else(in_order, a, b),
            "right_record": pc.if_else(in_order, b, a),
            "probability": score[kept][of_pair],
        },
        schema=PAIR_SCHEMA,
    ).sort_by([("left_record", "ascending"), ("right_record", "ascending")])


def supported(pairs: pa.Table, features: pa.Table, model: LikelyModel, groups: pa.Table) -> pa.Table:
    """The pairs with `is_supported`: whether their groups hold together, given everything that both state."""
    from identity.contested import Evidence, hold_together

    home = _Home(features, groups)
    ends = [
        pc.index_in(pairs[c].combine_chunks(), value_set=home.key).to_numpy().astype(np.int64)
        for c in ("left_record", "right_record")
    ]
    group = home.group
    strong = pairs["probability"].to_numpy() >= model.sure
    union = components(int(group.max(initial=-1)) + 1, group[ends[0][strong]], group[ends[1][strong]]).astype(np.int64)
    node_group, node_profile = home.nodes()
    left, right = _pairs_across(union[node_group], node_group)
    evidence = Evidence(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, bool))
    if len(left):
        a, b = node_profile[left], node_profile[right]
        n = len(home.profiles)
        distinct, of_pair = np.unique(np.minimum(a, b) * n + np.maximum(a, b), return_inverse=True)
        levels = alike.levels(home.profiles, distinct // n, distinct % n)
        score = _probability(home.profiles, model, distinct // n, distinct % n, levels)
        told = could_match(levels, model.mixture)
        evidence = Evidence(node_group[left], node_group[right], score[of_pair], told[of_pair])
    label = hold_together(len(union), union, evidence, model.sure)
    return pairs.append_column("is_supported", pa.array(label[group[ends[0]]] == label[group[ends[1]]]))


class _Home:
    """Records, the profiles they show and the groups they are in."""

    def __init__(self, features: pa.Table, groups: pa.Table) -> None:
        self.key = features["record_key"].combine_chunks()
        if isinstance(self.key, pa.ChunkedArray):
            self.key = pa.array([], pa.string())
        self.features = features
        self.profiles: Profiles = profiles_of(features)
        at = pc.index_in(self.key, value_set=groups["record_key"].combine_chunks().cast(pa.string()))
        if at.null_count:
            raise ModelError(f"{at.null_count} of the records are in no group. Give the members of their resolution.")
        names = groups["customer_id"].combine_chunks().cast(pa.string()).take(at)
        self.group = names.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
        shown = np.flatnonzero(self.profiles.of_record >= 0)
        n = len(self.profiles)
        low, high = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
        np.minimum.at(low, self.profiles.of_record[shown], self.group[shown])
        np.maximum.at(high, self.profiles.of_record[shown], self.group[shown])
        self.only_group = np.where(low == high, low, -1)

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Every group with every profile its records show."""
        shown = np.flatnonzero(self.profiles.of_record >= 0)
        n = max(len(self.profiles), 1)
        pair = np.unique(self.group[shown] * n + self.profiles.of_record[shown])
        return pair // n, pair % n

    def pairs_inside(self) -> int:
        """Pairs of profiles within one group."""
        counts = np.bincount(self.only_group[self.only_group >= 0])
        return int((counts * (counts - 1) // 2).sum())

    def sample_inside(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Neighbours in the order of their content within a group: one pair a profile, so that none weighs more."""
        group, profile = self.nodes()
        same = np.flatnonzero(group[1:] == group[:-1])
        return profile[same], profile[same + 1]

    def records_of(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All pairs of records in different groups that show the pairs of profiles; and which pair they show."""
        order = np.argsort(self.profiles.of_record, kind="stable")
        order = order[self.profiles.of_record[order] >= 0]
        begins = np.searchsorted(self.profiles.of_record[order], np.arange(len(self.profiles) + 1))
        counts = np.diff(begins)
        usable = (counts[left] <= _MOST_ALIKE) & (counts[right] <= _MOST_ALIKE)
        pair = np.flatnonzero(usable)
        a, b = counts[left[pair]], counts[right[pair]]
        size = a * b
        of_pair = np.repeat(pair, size)
        at = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
        width = np.repeat(b, size)
        one = order[np.repeat(begins[left[pair]], size) + at // width]
        other = order[np.repeat(begins[right[pair]], size) + at % width]
        kept = (self.group[one] != self.group[other]) & ((left[of_pair] != right[of_pair]) | (one < other))
        return one[kept], other[kept], of_pair[kept]

    def frequencies(self, name: str) -> tuple[dict[str, float], float]:
        """Shares of the groups that state a value, for values of several groups; and of any other."""
        group, profile = self.nodes()
        codes = self.profiles.several[name] if name in self.profiles.several else self.profiles.single[name][:, None]
        held = codes[profile]
        row, column = np.nonzero(held >= 0)
        width = int(codes.max(initial=0)) + 1
        once = np.unique(group[row] * width + held[row, column])
        total = max(len(np.unique(once // width)), 1)
        counts = np.bincount(once % width, minlength=width)
        texts = self.profiles.texts[name]
        shared = np.flatnonzero(counts >= _SHARED_BY).tolist()
        few = counts[(counts > 0) & (counts < _SHARED_BY)].astype(np.float64)
        rare = float((few * few).sum() / few.sum()) / total if len(few) else 1.0 / total
        return {texts[code]: _six(counts[code] / total) for code in shared}, _six(rare)


def _scores(profiles: Profiles, model: LikelyModel, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return _probability(profiles, model, left, right, alike.levels(profiles, left, right))


def _probability(
    profiles: Profiles, model: LikelyModel, left: np.ndarray, right: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    rarity = np.zeros(len(left))
    for name in _RARE:
        at = households.FIELDS.index(name)
        equal = np.flatnonzero(levels[:, at] == len(alike.LEVELS[name]) - 1)
        if len(equal) == 0:
            continue
        known, rare = model.frequencies[name], model.rare[name]
        share = np.array([known.get(text, rare) for text in profiles.texts[name]])
        if name in profiles.several:
            # Of several equal values the rarest tells the most.
            one, other = profiles.several[name][left[equal]], profiles.several[name][right[equal]]
            same = (one[:, :, None] == other[:, None, :]) & (one[:, :, None] >= 0)
            found = np.where(same, np.where(one >= 0, share[one], np.inf)[:, :, None], np.inf).min(axis=(1, 2))
        else:
            found = share[profiles.single[name][left[equal]]]
        rarity[equal] += np.log(found / model.usual[name])
    return np.round(probability(levels, model.mixture, rarity), 9)


def _pairs_across(union: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of nodes of one union and different groups."""
    order = np.lexsort((group, union))
    sizes = np.bincount(union) if len(union) else np.empty(0, dtype=np.int64)
    begins = np.cumsum(sizes) - sizes
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[sizes > 1]).tolist():
        rows = order[begins[sizes == size][:, None] + np.arange(size)]
        a, b = np.triu_indices(size, 1)
        one, other = rows[:, a].ravel(), rows[:, b].ravel()
        apart = group[one] != group[other]
        left.append(one[apart])
        right.append(other[apart])
    return np.concatenate(left), np.concatenate(right)


def _random_pairs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.sort(np.random.default_rng(seed).integers(0, n, size=(2, _SAMPLE)), axis=0)
    drawn = drawn[:, drawn[0] != drawn[1]]
    pairs = np.unique(drawn[0] * n + drawn[1])
    return pairs // n, pairs % n


def _rounded(table: np.ndarray) -> list[list[float]]:
    return [[_six(number) for number in row] for row in table.tolist()]


def _six(number: Any) -> float:
    return float(f"{float(number):.6g}")
