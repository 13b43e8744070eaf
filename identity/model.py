"""The artefact of probable links: learned once from records alone, stored, and used to score pairs of records.

Here: `Model` and its JSON, fitting it, scoring. Not here: the parameters' fit (`training`), fields (`features`), pairs
(`blocking`), levels (`comparisons`), which scored pairs hold together (`support`), groups (`resolution`).

A model is a decision: a home stores its JSON once and keeps scoring with it. A pair's probability depends on the two
records and the model only. Which pairs are scored at all depends on the blocks, and so on the other records.

The JSON holds values of records only as frequencies of values that several people share (a common surname, a city);
what one person alone states never enters it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity import blocking, features, training
from identity.cluster import components
from identity.comparisons import Comparer, levels_of
from identity.features import CODE, KINDS

SURE, DOUBTFUL = 0.5, 0.1
FORMAT = 1
_SAMPLE = 250_000  # pairs that stand for all pairs
_LARGEST_COMPONENT = 400  # in a larger one only the pairs that share a block are scored
_SHARED_BY = 1.0  # a value's frequency is stored where a carrier meets at least so many other people with it
_PRIOR_CARRIERS = 2.0
_EXPLAINED = 3.0  # times as often equal as usual: explained by the field it leans on

PAIR_SCHEMA = pa.schema({"left_record": pa.string(), "right_record": pa.string(), "probability": pa.float64()})


class ModelError(ValueError):
    """Records that do not fit a model, or a text that is none. The message says what and what to do."""


@dataclass(frozen=True)
class Model:
    """What was learned.

    - `fuzzy`: column = kind, the columns that records need for scoring.
    - `levels`: by field, the names of its levels from "nothing alike" to "equal".
    - `parent`: by field, the field whose level it is conditioned on, or null.
    - `m`, `u`: by field, one row a level of the parent (the first: not known), one number a level.
    - `prior`: the share of matches among all pairs of records.
    - `frequencies`: by field, shared values and the chance that another person has the same; `rare`: for all others.
    - `sure`, `doubtful`: the thresholds of `resolve`.
    - `block_limit`: the records of a block above which it is dropped.
    - `seed`, `versions`: what else the fit depended on.

    Numbers are rounded to 6 significant digits before anything is scored.
    """

    fuzzy: dict[str, str]
    levels: dict[str, list[str]]
    parent: dict[str, str | None]
    m: dict[str, list[list[float]]]
    u: dict[str, list[list[float]]]
    prior: float
    frequencies: dict[str, dict[str, float]]
    rare: dict[str, float]
    sure: float
    doubtful: float
    block_limit: int
    seed: int
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The model as text; the same model gives the same text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1)

    @staticmethod
    def from_json(text: str) -> Model:
        """A stored model; raises `ModelError`."""
        try:
            given = json.loads(text)
            if given.pop("format", None) != FORMAT:
                raise ModelError(f"the model is not of format {FORMAT}. Fit it anew with this version.")
            return Model(**given)
        except (json.JSONDecodeError, TypeError, AttributeError) as error:
            raise ModelError(
                f"this is no model of probable links ({error}). Give the JSON that a fit wrote."
            ) from error

    @cached_property
    def parameters(self) -> training.Parameters:
        """m, u and prior as arrays."""
        names = [f.name for f in features.fields_of(self.fuzzy)]
        parent = [names.index(p) if (p := self.parent[name]) is not None else -1 for name in names]
        return training.Parameters(
            parent, [np.array(self.m[n]) for n in names], [np.array(self.u[n]) for n in names], self.prior
        )


def fit_model(
    records: pa.Table, fuzzy: Mapping[str, str], seed: int = 0, sure: float = SURE, doubtful: float = DOUBTFUL
) -> Model:
    """Learn a model from records without labels.

    `records`: one row per record with the columns of `fuzzy`, which maps each to what it holds (`features.KINDS`, or
    `code` for an identifier that is compared character by character). The result depends on the set of records and the
    seed, not on their order, ids or the number of threads.
    """
    return fit(Prepared(records, fuzzy), seed, sure, doubtful)


class Prepared:
    """Records in the forms that fitting and scoring share, so that both can be done for one comparison of the pairs."""

    def __init__(self, records: pa.Table, fuzzy: Mapping[str, str]) -> None:
        _require(records, fuzzy)
        self.fuzzy = dict(sorted(fuzzy.items()))
        self.fields = features.fields_of(fuzzy)
        self.table = features.feature_table(records, fuzzy)
        self.n = records.num_rows
        self.codes = [features.codes(self.table[f.name]) for f in self.fields]
        self.levels = {f.name: levels_of(f, self.fields)[::-1] for f in self.fields}
        self.blocks = blocking.blocks_of(self.table, self.fields)
        self.comparer = Comparer(self.table, self.fields)
        self.dropped: dict[str, int] = {}  # blocks that were too large, by rule
        self._compared: tuple[int, np.ndarray, np.ndarray, np.ndarray] | None = None

    def chosen(self) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
        """The block limit that fits the records, its pairs and their levels."""
        limit, left, right, self.dropped = blocking.limit_and_pairs(self.blocks, self.n)
        self._compared = (limit, left, right, self.comparer.levels(left, right))
        return self._compared

    def compared(self, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The pairs under a block limit and their levels."""
        if self._compared is None or self._compared[0] != limit:
            left, right, self.dropped = blocking.candidate_pairs(self.blocks, self.n, limit)
            self._compared = (limit, left, right, self.comparer.levels(left, right))
        return self._compared[1:]


def fit(prepared: Prepared, seed: int = 0, sure: float = SURE, doubtful: float = DOUBTFUL) -> Model:
    """`fit_model` on prepared records."""
    if not 0 < doubtful <= sure <= 1:
        raise ModelError(f"thresholds are doubtful {doubtful} and sure {sure}; they need 0 < doubtful <= sure <= 1.")
    n, fields, codes, table, levels = prepared.n, prepared.fields, prepared.codes, prepared.table, prepared.levels
    start_m, start_u = ([_share([getattr(k, c) for k in levels[f.name]]) for f in fields] for c in "mu")
    limit, left, _, found = prepared.chosen()
    pairs = max(n * (n - 1) // 2, 1)
    patterns = training.patterns_of(found)
    if len(left) == n * (n - 1) // 2:
        sample, weight = patterns, 1.0
    else:
        a, b = _random_pairs(codes, n, seed)
        sample, weight = training.patterns_of(prepared.comparer.levels(a, b)), pairs / max(len(a), 1)
    background = training.Background(sample, weight, training.both_equal(codes), pairs)
    fitted = training.train(patterns, background, start_m, start_u, 1 / max(n, 2))
    posterior = training.probability(patterns.levels, fitted)[patterns.of_pair]
    frequencies, rare = {}, {}
    for at, one in enumerate(fields):
        equal = patterns.levels[patterns.of_pair, at] == len(start_m[at]) - 1
        matched = np.bincount(
            codes[at][left[equal]], weights=posterior[equal], minlength=int(codes[at].max(initial=0)) + 1
        )
        frequencies[one.name], rare[one.name] = _frequencies(
            table[one.name], codes[at], matched, float(fitted.u[at][0, -1])
        )
    names = [f.name for f in fields]
    return Model(
        prepared.fuzzy,
        {name: [level.name for level in of_field] for name, of_field in levels.items()},
        {f.name: names[p] if p >= 0 else None for f, p in zip(fields, fitted.parent, strict=True)},
        {name: _rounded(m) for name, m in zip(names, fitted.m, strict=True)},
        {name: _rounded(u) for name, u in zip(names, fitted.u, strict=True)},
        _six(fitted.prior),
        frequencies,
        rare,
        sure,
        doubtful,
        limit,
        seed,
        {"omnihouse": version("omnihouse"), "splink": version("splink")},
    )


def score_pairs(records: pa.Table, model: Model, key: str = "record_key") -> pa.Table:
    """Score the pairs of records that share something rare: `left_record, right_record, probability`, sorted.

    `records`: one row per record with its key and the model's columns. Given are the pairs whose probability is at
    least the model's `doubtful`, and, whatever it is, those that could speak against a group: both ends hang together
    by sure pairs, and what both state would have been enough for a match.
    """
    _require(records, [*model.fuzzy, key])
    return score(Prepared(records, model.fuzzy), records[key], model)


def score(prepared: Prepared, key: pa.ChunkedArray, model: Model) -> pa.Table:
    """`score_pairs` on prepared records."""
    fields, codes, n = prepared.fields, prepared.codes, prepared.n
    if {name: [level.name for level in of_field] for name, of_field in prepared.levels.items()} != model.levels:
        raise ModelError("the model compares other levels than this version. Fit it anew.")
    rarity = [_rarity(model, f.name, prepared.table[f.name], code) for f, code in zip(fields, codes, strict=True)]
    left, right, levels = prepared.compared(model.block_limit)
    probability = _probability(levels, left, model, codes, rarity)
    sure = probability >= model.sure
    together = components(n, left[sure], right[sure]).astype(np.int64)
    more_left, more_right = _pairs_inside(together, left * n + right)
    more_levels = prepared.comparer.levels(more_left, more_right)
    probability = np.concatenate([probability, _probability(more_levels, more_left, model, codes, rarity)])
    left, right = np.concatenate([left, more_left]), np.concatenate([right, more_right])
    levels = np.concatenate([levels, more_levels])
    tops = np.array([len(model.levels[f.name]) - 1 for f in fields], dtype=np.int8)
    could = training.log_odds(np.where(levels >= 0, tops, -1).astype(np.int8), model.parameters) >= 0
    kept = (probability >= model.doubtful) | (could & (together[left] == together[right]))
    keys = key.combine_chunks().cast(pa.string())
    one, other = keys.take(pa.array(left[kept])), keys.take(pa.array(right[kept]))
    in_order = pc.less(one, other)
    pairs = pa.table(
        {
            "left_record": pc.if_else(in_order, one, other),
            "right_record": pc.if_else(in_order, other, one),
            "probability": probability[kept],
        },
        schema=PAIR_SCHEMA,
    )
    return pairs.sort_by([("left_record", "ascending"), ("right_record", "ascending")])


def _probability(
    levels: np.ndarray, left: np.ndarray, model: Model, codes: list[np.ndarray], rarity: list[np.ndarray]
) -> np.ndarray:
    """The probability of each pair, with what the rarity of equal values adds."""
    parameters = model.parameters
    more = np.zeros(len(levels))
    for at, ratio in enumerate(rarity):
        on, u = parameters.parent[at], parameters.u[at][:, -1]
        equal = levels[:, at] == parameters.m[at].shape[1] - 1
        if on >= 0:
            # That an equal postcode comes with its equal city says nothing, however rare the city.
            equal &= (u <= _EXPLAINED * u[0])[levels[:, on].astype(np.int64) + 1]
        more[equal] += ratio[codes[at][left[equal]]]
    return training.probability(levels, parameters, more)


def _rarity(model: Model, name: str, column: pa.ChunkedArray, code: np.ndarray) -> np.ndarray:
    """By value code, what its rarity adds to the log odds of a pair that is equal in it."""
    usual = model.u[name][0][-1]
    known, rare = model.frequencies[name], model.rare[name]
    if len(code) == 0 or code.max() < 0:
        return np.zeros(1)
    first = np.zeros(int(code.max()) + 1, dtype=np.int64)
    first[code[code >= 0]] = np.flatnonzero(code >= 0)
    texts = column.combine_chunks().take(pa.array(first)).to_pylist()
    return np.log(usual / np.array([known.get(text, rare) for text in texts]))


def _frequencies(
    column: pa.ChunkedArray, code: np.ndarray, matched: np.ndarray, usual: float
) -> tuple[dict[str, float], float]:
    """The chance that another person has the same value: of values that several share, and of the rest together.

    `matched`: by value, expected pairs of carriers who are one person; they are no evidence that a value is common.
    """
    count = np.bincount(code[code >= 0], minlength=len(matched)).astype(np.float64)
    total = max(float(count.sum()), 1.0)
    others = np.maximum(count * (count - 1) / 2 - matched, 0.0)
    met = (_PRIOR_CARRIERS * total * usual + 2 * others) / (_PRIOR_CARRIERS + count)
    shared = (2 * others / np.maximum(count, 1) >= _SHARED_BY) & (count > 0)
    rest = ~shared & (count > 0)
    pooled = (_PRIOR_CARRIERS * total * usual + 2 * others[rest].sum()) / (_PRIOR_CARRIERS + count[rest].sum())
    texts = dict(zip(code.tolist(), column.to_pylist(), strict=True)) if shared.any() else {}
    known = {str(texts[c]): _six(max(met[c] / total, _LEAST)) for c in np.flatnonzero(shared).tolist()}
    return dict(sorted(known.items())), _six(max(pooled / total, _LEAST))


_LEAST = 1e-8


def _pairs_inside(label: np.ndarray, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of records with one label that are not scored yet."""
    n = len(label)
    order = np.argsort(label, kind="stable")
    sizes = np.bincount(label) if n else np.empty(0, dtype=np.int64)
    begins = np.cumsum(sizes) - sizes
    parts = [np.empty(0, dtype=np.int64)]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= _LARGEST_COMPONENT)]).tolist():
        rows = np.sort(order[begins[sizes == size][:, None] + np.arange(size)], axis=1)
        a, b = np.triu_indices(size, 1)
        parts.append((rows[:, a] * n + rows[:, b]).ravel())
    wanted = np.setdiff1d(np.concatenate(parts), scored)
    return wanted // max(n, 1), wanted % max(n, 1)


def _random_pairs(codes: list[np.ndarray], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of places in the order of the records' content, so that neither order nor ids of the records matter."""
    by_content = np.lexsort(codes[::-1]) if codes else np.arange(n)
    drawn = np.random.default_rng(seed).integers(0, n, size=(2, _SAMPLE))
    drawn = drawn[:, drawn[0] != drawn[1]]
    ends = np.sort(by_content[drawn], axis=0)
    pairs = np.unique(ends[0] * n + ends[1])
    return pairs // n, pairs % n


def _share(numbers: list[float]) -> np.ndarray:
    array = np.array(numbers)
    return array / array.sum()


def _rounded(table: np.ndarray) -> list[list[float]]:
    return [[_six(number) for number in row] for row in table.tolist()]


def _six(number: float) -> float:
    return float(f"{number:.6g}")


def _require(records: pa.Table, columns: Any) -> None:
    missing = [column for column in columns if column not in records.column_names]
    if missing:
        raise ModelError(
            f"records: there is no column {', '.join(missing)}. They have {', '.join(records.column_names)}."
        )
    if isinstance(columns, Mapping):
        strange = sorted(set(columns.values()) - {*KINDS, CODE})
        if strange or not columns:
            raise ModelError(
                f"unknown kinds {', '.join(strange) or '(no column at all)'}. Known are {', '.join(KINDS)}."
            )
