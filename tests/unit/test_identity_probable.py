"""Probable pairs in the resolution: against a reading of the definitions word by word, and case by case."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import identity
from identity.probable import PairError
from tests.unit.resolution_by_definition import (
    RULES,
    Assertion,
    Brute,
    Decision,
    Record,
    companies,
    partition,
    run,
)

Pair = tuple[str, str, float]
SURE, DOUBTFUL = 0.8, 0.3


def table(pairs: list[Pair]) -> pa.Table:
    columns = list(zip(*pairs, strict=True)) if pairs else [(), (), ()]
    kinds = (pa.string(), pa.string(), pa.float64())
    return pa.table(
        {
            name: pa.array(column, kind)
            for name, column, kind in zip(("left_record", "right_record", "probability"), columns, kinds, strict=True)
        }
    )


def linked(company: Any, pairs: list[Pair], **more: Any) -> identity.Resolution:
    return run(*company, pairs=table(pairs), sure=SURE, doubtful=DOUBTFUL, **more)


class BruteWithPairs(Brute):
    """S3 of the definitions, between S2 and S4."""

    def __init__(self, company: Any, pairs: list[Pair]) -> None:
        self.pairs = {frozenset(p[:2]): 0.0 for p in pairs if p[0] != p[1]}
        for one, other, probability in pairs:
            if one != other:
                ends = frozenset((one, other))
                self.pairs[ends] = max(self.pairs[ends], round(probability, 6))
        super().__init__(*company)

    def link_anonymous(self) -> None:
        for score in sorted({s for s in self.pairs.values() if s >= SURE}, reverse=True):
            batch = [{id(self.group_of(k)) for k in ends} for ends, s in self.pairs.items() if s == score]
            parts: list[set[int]] = []
            for edge in (e for e in batch if len(e) == 2):
                near = [p for p in parts if p & edge]
                parts = [p for p in parts if not p & edge] + [edge.union(*near)]
            groups = {id(g): g for g in self.groups}
            for part in parts:
                members = [groups[i] for i in part]
                if self.legal(members):
                    self.merge(members)
        super().link_anonymous()


@st.composite
def companies_with_pairs(draw: st.DrawFn) -> tuple[Any, list[Pair]]:
    company = draw(companies())
    key = st.sampled_from([r.key for r in company[0]])
    score = st.sampled_from([0.1, 0.3, 0.5, 0.8, 0.8000004, 0.9, 0.95, 1.0])
    return company, draw(st.lists(st.tuples(key, key, score), max_size=10))


@settings(max_examples=150, deadline=None)
@given(companies_with_pairs())
def test_the_partition_is_that_of_the_definitions(given_: Any) -> None:
    company, pairs = given_
    result, brute = linked(company, pairs), BruteWithPairs(company, pairs)
    assert partition(result) == {frozenset(g) for g in brute.groups}
    brute.assert_nothing_broken()


@settings(max_examples=60, deadline=None)
@given(companies_with_pairs())
def test_the_fast_path_is_the_careful_path(given_: Any) -> None:
    company, pairs = given_
    fast, careful = linked(company, pairs), linked(company, pairs, careful=True)
    for name in ("members", "values", "links", "reviews", "overrides"):
        assert getattr(fast, name).equals(getattr(careful, name))


@settings(max_examples=60, deadline=None)
@given(companies_with_pairs(), st.randoms(use_true_random=False))
def test_order_direction_and_duplicates_change_nothing(given_: Any, rng: random.Random) -> None:
    (records, assertions, decisions), pairs = given_
    first = linked((records, assertions, decisions), pairs)
    turned = [(b, a, p) if rng.random() < 0.5 else (a, b, p) for a, b, p in pairs]
    turned += [(a, b, p / 2) for a, b, p in rng.sample(pairs, len(pairs) // 2)]
    shuffled = [*records]
    rng.shuffle(turned)
    rng.shuffle(shuffled)
    second = linked((shuffled, assertions, decisions), turned)
    for name in ("members", "links", "reviews"):
        one, other = getattr(first, name).to_pylist(), getattr(second, name).to_pylist()
        if name == "members":
            one, other = sorted(one, key=str), sorted(other, key=str)
        assert one == other


@settings(max_examples=60, deadline=None)
@given(companies_with_pairs(), st.randoms(use_true_random=False))
def test_relabelled_records_give_the_same_partition(given_: Any, rng: random.Random) -> None:
    (records, assertions, decisions), pairs = given_
    names = [f"x{i:02d}" for i in range(len(records))]
    rng.shuffle(names)
    new = dict(zip([r.key for r in records], names, strict=True)) | {"": "", "nobody": "nobody"}
    relabelled = linked(
        (
            [r._replace(key=new[r.key]) for r in records],
            [a._replace(key=new[a.key]) for a in assertions],
            [d._replace(key=new[d.key], other=new[d.other]) for d in decisions],
        ),
        [(new[a], new[b], p) for a, b, p in pairs],
    )
    before = partition(linked((records, assertions, decisions), pairs))
    assert partition(relabelled) == {frozenset(new[k] for k in group) for group in before}


@settings(max_examples=60, deadline=None)
@given(companies_with_pairs())
def test_people_without_a_probable_pair_stay_as_they_were(given_: Any) -> None:
    company, pairs = given_
    without, with_pairs = run(*company), linked(company, pairs)
    # Anonymous groups may follow a person who changed, so only companies without devices are compared group by group.
    if not any(a.type == "device" for a in company[1]):
        touched = {key for pair in pairs for key in pair[:2]}
        kept = {group for group in partition(without) if not group & touched}
        assert kept <= partition(with_pairs)
    assert linked(company, []).members.equals(without.members)
    assert linked(company, [p for p in pairs if p[2] < DOUBTFUL]).reviews.equals(without.reviews)


@settings(max_examples=60, deadline=None)
@given(companies_with_pairs())
def test_accepted_links_span_each_group_and_reviews_are_one_a_pair(given_: Any) -> None:
    company, pairs = given_
    result = linked(company, pairs)
    joined = {key: {key} for key in result.members["record_key"].to_pylist()}
    edges = 0
    for row in result.links.to_pylist():
        edges += row["in_tree"]
        if row["in_tree"]:
            union = joined[row["record_key"]] | joined[row["other_record_key"]]
            for key in union:
                joined[key] = union
    assert {frozenset(group) for group in joined.values()} == partition(result)
    assert edges == len(joined) - len(partition(result))
    asked = [
        (row["left_record"], row["right_record"])
        for row in result.reviews.to_pylist()
        if row["reason"].startswith("probable")
    ]
    assert len(asked) == len(set(asked))
    customer = {row["record_key"]: row["customer_id"] for row in result.members.to_pylist()}
    assert all(customer[a] != customer[b] for a, b in asked)


def test_a_probable_link_is_shown_with_its_score() -> None:
    records = [Record(k) for k in "abcd"]
    rows = [Assertion(k, "login", "l1", i) for i, k in enumerate("ab")]
    result = linked((records, rows, []), [("b", "c", 0.9), ("c", "d", 0.85), ("a", "b", 0.99), ("a", "d", 0.4)])
    members = {row["record_key"]: (row["match_rule"], row["match_confidence"]) for row in result.members.to_pylist()}
    assert members == {"a": ("anchor", 1.0), "b": ("login", 1.0), "c": ("probable", 0.9), "d": ("probable", 0.85)}
    assert result.reviews.num_rows == 0
    links = [(row["type"], row["value"], row["confidence"]) for row in result.links.to_pylist()]
    assert links == [("login", "l1", 1.0), ("probable", None, 0.9), ("probable", None, 0.85)]
    chain = identity.explain_records(identity.graph_table(result), "a", "d")
    assert [step.type for step in chain.steps] == ["login", "probable", "probable"]
    assert "probable (confidence 0.85)  <- weakest link" in str(chain)


def test_doubtful_and_refused_pairs_are_raised_once_per_pair_of_groups() -> None:
    records = [Record(k) for k in "abcdef"]
    rows = [Assertion("a", "login", "l1"), Assertion("c", "login", "l2")]
    rows += [Assertion(k, "member_no", "M1", i) for i, k in enumerate("ab")]
    pairs = [("b", "c", 0.9), ("a", "c", 0.5), ("a", "d", 0.4), ("b", "d", 0.6), ("e", "f", 0.2)]
    result = linked((records, rows, []), pairs)
    assert [(r["reason"], r["left_record"], r["right_record"], r["score"]) for r in result.reviews.to_pylist()] == [
        ("probable", "a", "d", 0.6),
        ("probable_conflict", "a", "c", 0.9),
    ]


def test_a_batch_of_one_score_merges_as_a_whole_or_not_at_all() -> None:
    records = [Record(k) for k in "abc"]
    rows = [Assertion("a", "login", "l1"), Assertion("c", "login", "l2")]
    one_score = linked((records, rows, []), [("a", "b", 0.9), ("b", "c", 0.9)])
    assert len(partition(one_score)) == 3
    assert one_score.reviews["reason"].to_pylist() == ["probable_conflict"] * 2
    two_scores = linked((records, rows, []), [("a", "b", 0.91), ("b", "c", 0.9)])
    assert partition(two_scores) == {frozenset("ab"), frozenset("c")}


def test_a_cannot_link_and_a_pair_without_support_do_not_link() -> None:
    records = [Record(k) for k in "abcd"]
    company = (records, [Assertion("a", "email", "m0@shop.cn")], [Decision(0, "cannot-link", "a", "b")])
    assert len(partition(linked(company, [("a", "b", 1.0)]))) == 4
    pairs = table([("a", "b", 1.0), ("c", "d", 1.0)]).append_column("is_supported", pa.array([True, False]))
    result = run(*company, pairs=pairs)
    assert len(partition(result)) == 4
    assert result.reviews["reason"].to_pylist() == ["probable", "probable_conflict"]


@pytest.mark.parametrize(
    ("pairs", "more", "message"),
    [
        (table([("a", "z", 0.9)]), {}, "1 of them name records that are not in records"),
        (table([("a", "b", 1.5)]), {}, "a probability is missing or not between 0 and 1"),
        (table([("a", "b", 0.9)]).drop_columns(["probability"]), {}, "the table lacks probability"),
        (table([]), {"sure": 0.2, "doubtful": 0.5}, "they need 0 < doubtful <= sure <= 1"),
    ],
)
def test_wrong_pairs_are_refused(pairs: pa.Table, more: dict[str, float], message: str) -> None:
    with pytest.raises(PairError, match=message):
        run([Record("a"), Record("b")], [Assertion("a", "login", "l")], rules=RULES, pairs=pairs, **more)
