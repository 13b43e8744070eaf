"""Probable pairs inside a home: records of different groups that are likely one person.

Here: the artefact, learning it, scoring pairs, which of them hold together. Not here: what a record states
(`profiles`), which pairs are looked at (`neighbours`), how alike they are (`alike`), what that is worth (`households`),
the groups and their limits (`resolution`).

The groups are those that exact values make. Pairs within one of them are not looked at. A pair's probability depends on
its two records and the artefact only; which pairs are scored depends on the blocks, and so on the other records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity import alike, households, neighbours
from identity.cluster import components
from identity.contested import LARGEST, Evidence, hold_together
from identity.households import Counted, Mixture, count_patterns, probability, speaks_against
from identity.model import PAIR_SCHEMA, ModelError
from identity.profiles import SEVERAL, Profiles, features_as_text, likely_features, profiles_of

__all__ = ["Home", "LikelyModel", "fit_likely", "home_of", "likely_features", "likely_pairs"]

SURE, DOUBTFUL = 0.7, 0.2
FORMAT = 1
LEAST_GROUPS = 50  # fewer tell nothing of how people write
LEAST_PAIRS = 20  # of different groups that share something rare
_SAMPLE = 100_000
_PAIRS = 1_000_000  # compared at a time
_MOST_INSIDE = 20  # pairs of a profile within its group that learning looks at
_LEAST = 1e-7
_SHARED_BY = 3  # groups from which on a value's frequency is stored
_MOST_ALIKE = 200  # records of one profile above which their pairs are dropped like a hub's
_BY_CHANCE = ("given_name", "family_name", "postcode")  # in what strangers are equal by chance
_MOST_NAMES = 6  # names at one contact or street above which it says little: more than a household's, slips included


@dataclass(frozen=True)
class LikelyModel:
    """What was learned, rounded to 6 significant digits before anything is scored.

    - `levels`: by field, the names of its levels; they have to be those of this version.
    - `share`: of the classes person and household among all pairs of different groups.
    - `level`: by field, a row of levels for each class; `family`: see `households.Mixture`.
    - `frequencies`: by field, values that several groups state and their share; `rare`: the share of any other.
    - `common`: phones and mailboxes that so many names are given with that they say nothing.
    - `sure`, `doubtful`: thresholds for `resolve`; `block_limit`: profiles of a block above which it is dropped.
    """

    levels: dict[str, list[str]]
    share: list[float]
    level: dict[str, list[list[float]]]
    family: list[list[float]]
    frequencies: dict[str, dict[str, float]]
    rare: dict[str, float]
    common: dict[str, list[str]]
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


def fit_likely(home: Home, seed: int = 0) -> LikelyModel | None:
    """Learn from records and the groups that exact values make, without labels; None where there is too little.

    Needed are 50 groups and 20 pairs of different groups that share something rare. The result depends on what the
    records state and on which of them are together, not on their order, their keys or the groups' names.
    """
    common = {name: home.common(name) for name in SEVERAL}
    profiles = home.profiles.without(common)
    n = len(profiles)
    blocks = neighbours.blocks_of(profiles, neighbours.Spelled(profiles.texts))
    limit = neighbours.limit_for(blocks, n)
    candidates = neighbours.candidate_pairs(blocks, n, limit, home.only_group)
    home.candidates = Candidates(common, limit, candidates)
    del blocks
    if len(neighbours.distinct(home.group)) < LEAST_GROUPS or len(candidates) < LEAST_PAIRS:
        return None
    left, right = home.inside()
    inside = left * n + right
    pairs = float(n * (n - 1) // 2)
    drawn = _random_pairs(n, seed)
    apart = (home.only_group[drawn[0]] != home.only_group[drawn[1]]) | (home.only_group[drawn[0]] < 0)
    drawn = drawn[0] * n + drawn[1]
    drawn = drawn[apart & ~neighbours.among(drawn, candidates)]
    sample = count_patterns(compared.levels for compared in _levels(home, profiles, drawn))
    times = max(pairs - len(candidates) - len(inside), 0.0) / max(len(drawn), 1)
    seen = count_patterns(compared.levels for compared in _levels(home, profiles, candidates, inside))
    mixture = households.learn(seen, Counted(sample.levels, sample.counts * times), pairs, n)
    frequencies, rare = {}, {}
    for name in _BY_CHANCE:
        frequencies[name], rare[name] = home.frequencies(name)
    frequencies["street"] = home.crowded("street")
    # Strangers hardly ever are equal in a street, but where many live.
    rare["street"] = _six(float(mixture.level[households.FIELDS.index("street")][2, -1]))
    return LikelyModel(
        {name: list(levels) for name, levels in alike.LEVELS.items()},
        [_six(v) for v in mixture.share.tolist()],
        {name: _rounded(table) for name, table in zip(households.FIELDS, mixture.level, strict=True)},
        _rounded(mixture.family),
        frequencies,
        rare,
        common,
        SURE,
        DOUBTFUL,
        limit,
        seed,
        {"omnihouse": version("omnihouse"), "splink": version("splink")},
    )


def likely_pairs(home: Home, model: LikelyModel) -> pa.Table:
    """Pairs of records in different groups that may be one person: `left_record, right_record, probability,
    is_supported`, sorted.

    Given are pairs of at least the model's `doubtful`.
    """
    return supported(score_likely(home, model), home, model)


def score_likely(home: Home, model: LikelyModel, wanted: np.ndarray | None = None) -> pa.Table:
    """`likely_pairs` without `is_supported`: `left_record, right_record, probability`.

    `wanted`: by record of the home 2, 1 or 0; only pairs whose two make at least 2, with the probability that they have
    among all.
    """
    profiles = home.profiles.without(model.common)
    n = len(profiles)
    wanted_profile = None
    if wanted is not None:
        wanted_profile = np.zeros(n + 1, dtype=np.int8)
        np.maximum.at(wanted_profile, profiles.of_record, wanted)
        wanted_profile = wanted_profile[:-1]
    known = home.candidates
    if (
        wanted_profile is None
        and known is not None
        and (known.common, known.limit) == (model.common, model.block_limit)
    ):
        candidates = known.pairs
    else:
        of = None if wanted_profile is None else wanted_profile > 0
        spelled = neighbours.Spelled(profiles.texts) if of is None else home.spelled
        blocks = neighbours.blocks_of(profiles, spelled, of)
        candidates = neighbours.candidate_pairs(blocks, n, model.block_limit, home.only_group, wanted_profile)
        del blocks
    twins = np.flatnonzero(home.only_group < 0)
    if wanted_profile is not None:
        twins = twins[wanted_profile[twins] > 0]
    nobody = np.empty(0, dtype=np.int64)
    likely: list[tuple[np.ndarray, ...]] = [(nobody, nobody, np.empty(0))]
    for left, right, levels in _levels(home, profiles, candidates, twins * (n + 1)):
        score = _scores(profiles, model, left, right, levels)
        kept = score >= model.doubtful
        likely.append((left[kept], right[kept], score[kept]))
    left, right, score = (np.concatenate(parts) for parts in zip(*likely, strict=True))
    one, other, of_pair = home.records_of(left, right)
    if wanted is not None:
        enough = wanted[one] + wanted[other] >= 2
        one, other, of_pair = one[enough], other[enough], of_pair[enough]
    a, b = home.key.take(pa.array(one)), home.key.take(pa.array(other))
    in_order = pc.less(a, b)
    return pa.table(
        {
            "left_record": pc.if_else(in_order, a, b),
            "right_record": pc.if_else(in_order, b, a),
            "probability": score[of_pair],
        },
        schema=PAIR_SCHEMA,
    ).sort_by([("left_record", "ascending"), ("right_record", "ascending")])


def shifted(home: Home, came: np.ndarray, model: LikelyModel) -> np.ndarray:
    """By record of the home, which of its pairs may have come or gone, as `score_likely` wants them: with whomever (2),
    with others of which that is so (1), or none (0).

    `came`: which of the home's records state tonight what they did not last night. A block that crossed its limit, or a
    slip between two values that was or is no longer looked at, takes and gives pairs of records that nothing else
    happened to; both of such a pair are in that block. What too many records state is compared with nobody.
    """
    profiles = home.both_nights.without(model.common)
    n, of_record = len(profiles), profiles.of_record[: len(home.key)]
    now = _counted(of_record, n)
    counts = now - _counted(of_record[came], n) + _counted(profiles.of_record[len(home.key) :], n), now
    # A block that nobody came to or left is as it was.
    came_or_went = (counts[0] > 0) != (counts[1] > 0)
    nights = neighbours.blocks_of_nights(profiles, home.spelled, came_or_went, [count > 0 for count in counts])
    marks = [neighbours.live_marks(blocks, n, model.block_limit) for blocks in nights]
    moved = (marks[0] != marks[1]).astype(np.int8)
    moved[(counts[0] <= _MOST_ALIKE) != (counts[1] <= _MOST_ALIKE)] = 2
    moved = np.append(moved, np.int8(0))[of_record]
    moved[came] = 2
    return moved


def supported(pairs: pa.Table, home: Home, model: LikelyModel) -> pa.Table:
    """The pairs with `is_supported`: whether their groups hold together, given everything that both state."""
    profiles = home.profiles.without(model.common)
    ends = [
        pc.index_in(pairs[c].combine_chunks(), value_set=home.key).to_numpy().astype(np.int64)
        for c in ("left_record", "right_record")
    ]
    group = home.group
    strong = pairs["probability"].to_numpy() >= model.sure
    n_groups, n = int(group.max(initial=-1)) + 1, len(profiles)
    union = components(n_groups, group[ends[0][strong]], group[ends[1][strong]]).astype(np.int64)
    size = np.bincount(union, minlength=1)
    node_group, node_profile = home.nodes()
    kept = (size > 1) & (size <= LARGEST)
    inside = np.flatnonzero(kept[union[node_group]])
    left, right = _pairs_across(union[node_group[inside]], node_group[inside])
    left, right = inside[left], inside[right]
    a, b = node_profile[left], node_profile[right]
    distinct, of_pair = np.unique(np.minimum(a, b) * n + np.maximum(a, b), return_inverse=True)
    a, b = distinct // max(n, 1), distinct % max(n, 1)
    parts = (compared.levels for compared in _levels(home, profiles, distinct))
    levels = np.concatenate([np.empty((0, len(alike.LEVELS)), dtype=np.int8), *parts])
    rarity = _rarity(profiles, model, a, b, levels)
    evidence = Evidence(node_group[left], node_group[right], levels[of_pair], rarity[of_pair])

    def judge(levels: np.ndarray, rarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.round(probability(levels, model.mixture, _summed(rarity)), 9), speaks_against(levels, model.mixture)

    label = hold_together(n_groups, union, evidence, judge, model.sure)
    return pairs.append_column("is_supported", pa.array(label[group[ends[0]]] == label[group[ends[1]]]))


def home_of(features: pa.Table, groups: pa.Table) -> Home:
    """The home of some records. `features`: as `likely_features` gives them; `groups`: `record_key`, `customer_id`."""
    return Home(features_as_text(features), groups)


class Candidates(NamedTuple):
    """Pairs of profiles worth comparing (`left * n + right`), with common values left out and up to a limit."""

    common: dict[str, list[str]]
    limit: int
    pairs: np.ndarray


class Home:
    """Records, the profiles they show and the groups they are in."""

    def __init__(self, stated: pa.Table, groups: pa.Table, gone: pa.Array | None = None) -> None:
        """`stated`: `record_key`, `stated`, as `features_as_text` gives them. `groups`: `record_key`, `customer_id`.

        `gone`: what records stated last night that are gone or state something else, for `shifted`.
        """
        self.key = _strings(stated["record_key"])
        gone = pa.array([], pa.string()) if gone is None else _strings(gone)
        self.both_nights = profiles_of(pa.concat_arrays([_strings(stated["stated"]), gone]))
        self.profiles: Profiles = self.both_nights.first(len(self.key)) if len(gone) else self.both_nights
        self.compared = alike.Compared()
        self.candidates: Candidates | None = None
        at = pc.index_in(self.key, value_set=_strings(groups["record_key"]))
        if at.null_count:
            raise ModelError(f"{at.null_count} of the records are in no group. Give the members of their resolution.")
        names = _strings(groups["customer_id"]).take(at)
        self.group = names.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
        shown = np.flatnonzero(self.profiles.of_record >= 0)
        n = len(self.profiles)
        low, high = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
        np.minimum.at(low, self.profiles.of_record[shown], self.group[shown])
        np.maximum.at(high, self.profiles.of_record[shown], self.group[shown])
        self.only_group = np.where(low == high, low, -1)

    @cached_property
    def spelled(self) -> neighbours.Spelled:
        """What blocks need of the texts of all profiles, for who asks several times about some of them."""
        return neighbours.Spelled(self.both_nights.texts)

    def named(self, keys: pa.ChunkedArray) -> np.ndarray:
        """By record, whether its key is among these."""
        return np.asarray(pc.is_in(self.key, value_set=_strings(keys)).to_numpy(zero_copy_only=False))

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Every group with every profile its records show."""
        shown = np.flatnonzero(self.profiles.of_record >= 0)
        n = max(len(self.profiles), 1)
        pair = neighbours.distinct(self.group[shown] * n + self.profiles.of_record[shown])
        return pair // n, pair % n

    def inside(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of profiles within one group; of a group with very many, neighbours in the order of their content."""
        group, profile = self.nodes()
        group, profile = group[self.only_group[profile] >= 0], profile[self.only_group[profile] >= 0]
        sizes = np.bincount(group) if len(group) else np.empty(0, dtype=np.int64)
        begins = np.cumsum(sizes) - sizes
        left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for size in np.unique(sizes[sizes > 1]).tolist():
            rows = profile[begins[sizes == size][:, None] + np.arange(size)]
            a, b = np.triu_indices(size, 1)
            near = b - a <= _MOST_INSIDE
            left.append(rows[:, a[near]].ravel())
            right.append(rows[:, b[near]].ravel())
        return np.concatenate(left), np.concatenate(right)

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
        code = self.profiles.single[name][profile]
        width = int(code.max(initial=0)) + 1
        once = neighbours.distinct(group[code >= 0] * width + code[code >= 0])
        total = max(len(neighbours.distinct(once // width)), 1)
        counts = np.bincount(once % width, minlength=width)
        shared = np.flatnonzero(counts >= _SHARED_BY).tolist()
        few = counts[(counts > 0) & (counts < _SHARED_BY)].astype(np.float64)
        rare = float((few * few).sum() / few.sum()) / total if len(few) else 1.0 / total
        return {self.profiles.texts[name][code]: _six(counts[code] / total) for code in shared}, _six(rare)

    def names_at(self, name: str) -> np.ndarray:
        """By value, how many full names it is stated with."""
        several, single = self.profiles.several, self.profiles.single
        codes = several[name] if name in several else single[name][:, None]
        given, family = single["given_name"], single["family_name"]
        row, column = np.nonzero((codes >= 0) & (given >= 0)[:, None])
        full = neighbours.numbered(given[row] * (int(family.max(initial=0)) + 2) + family[row] + 1)
        width = int(full.max(initial=0)) + 1
        once = neighbours.distinct(codes[row, column].astype(np.int64) * width + full)
        return np.bincount(once // width, minlength=len(self.profiles.texts[name]))

    def common(self, name: str) -> list[str]:
        """Values with more names than a household has."""
        return [self.profiles.texts[name][code] for code in np.flatnonzero(self.names_at(name) > _MOST_NAMES).tolist()]

    def crowded(self, name: str) -> dict[str, float]:
        """Shares of the groups at values with more names than a household has."""
        names = self.names_at(name)
        total = max(len(neighbours.distinct(self.group)), 1)
        crowded = np.flatnonzero(names > _MOST_NAMES).tolist()
        return {self.profiles.texts[name][code]: _six((names[code] - _MOST_NAMES) / total) for code in crowded}


class _Compared(NamedTuple):
    """Pairs of profiles with their levels."""

    left: np.ndarray
    right: np.ndarray
    levels: np.ndarray


def _levels(home: Home, profiles: Profiles, *pairs: np.ndarray) -> Iterator[_Compared]:
    """The levels of pairs (`left * n + right`), some after the other: those of all pairs are too many to hold."""
    n = max(len(profiles), 1)
    for kind in pairs:
        for begin in range(0, len(kind), _PAIRS):
            left, right = np.divmod(kind[begin : begin + _PAIRS], n)
            yield _Compared(left, right, alike.levels(profiles, left, right, home.compared))


def _scores(
    profiles: Profiles, model: LikelyModel, left: np.ndarray, right: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    rarity = _rarity(profiles, model, left, right, levels)
    return np.round(probability(levels, model.mixture, _summed(rarity)), 9)


def _summed(rarity: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(np.isfinite(rarity), rarity, 0.0).sum(axis=1))


def _rarity(
    profiles: Profiles, model: LikelyModel, left: np.ndarray, right: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """By pair and field, what an equal value adds to the log likelihood among strangers; 0 where none is equal."""
    rarity = np.zeros(levels.shape)
    for name, known in model.frequencies.items():
        at = households.FIELDS.index(name)
        equal = np.flatnonzero(levels[:, at] == len(alike.LEVELS[name]) - 1)
        usual = model.level[name][2][-1]
        if len(equal):
            share = np.array([known.get(text, model.rare[name]) for text in profiles.texts[name]])
            rarity[equal, at] = np.log(np.maximum(share, _LEAST)[profiles.single[name][left[equal]]] / usual)
    return rarity


def _strings(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    combined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.array([], pa.string()) if isinstance(combined, pa.ChunkedArray) else combined.cast(pa.string())


def _counted(of_record: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(of_record[of_record >= 0], minlength=n)


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
