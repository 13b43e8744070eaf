"""People behind values, limits and overrides: against a reading of the definitions word by word, and case by case."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import identity
from tests.unit.resolution_by_definition import (
    Assertion,
    Brute,
    Decision,
    Record,
    companies,
    digest,
    partition,
    run,
    statuses,
)


@settings(max_examples=250, deadline=None)
@given(companies())
def test_the_partition_and_the_statuses_are_those_of_the_definitions(company: Any) -> None:
    result, brute = run(*company), Brute(*company)
    found = statuses(result)
    assert {value: found[value] for value in brute.status} == brute.status
    assert partition(result) == {frozenset(g) for g in brute.groups}
    brute.assert_nothing_broken()


@settings(max_examples=120, deadline=None)
@given(companies())
def test_the_fast_path_is_the_careful_path(company: Any) -> None:
    fast, careful = run(*company), run(*company, careful=True)
    for name in ("members", "values", "links", "reviews", "overrides"):
        assert getattr(fast, name).equals(getattr(careful, name))


@settings(max_examples=80, deadline=None)
@given(companies(), st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(company: Any, rng: random.Random) -> None:
    records, assertions, decisions = company
    first = run(*company)
    shuffled = [*records, *rng.sample(records, len(records) // 2)]
    more = [*assertions, *rng.sample(assertions, len(assertions) // 2)]
    rng.shuffle(shuffled)
    rng.shuffle(more)
    second = run(shuffled, more, decisions)
    for name in ("members", "values", "links", "reviews", "overrides"):
        one, other = getattr(first, name).to_pylist(), getattr(second, name).to_pylist()
        if name in ("members", "values"):
            one, other = sorted(one, key=str), sorted(other, key=str)
        assert one == other


@settings(max_examples=80, deadline=None)
@given(companies(), st.randoms(use_true_random=False))
def test_relabelled_records_give_the_same_partition(company: Any, rng: random.Random) -> None:
    records, assertions, decisions = company
    names = [f"x{i:02d}" for i in range(len(records))]
    rng.shuffle(names)
    new = dict(zip([r.key for r in records], names, strict=True)) | {"": "", "nobody": "nobody"}
    relabelled = run(
        [r._replace(key=new[r.key]) for r in records],
        [a._replace(key=new[a.key]) for a in assertions],
        [d._replace(key=new[d.key], other=new[d.other]) for d in decisions],
    )
    assert partition(relabelled) == {frozenset(new[k] for k in group) for group in partition(run(*company))}


@settings(max_examples=60, deadline=None)
@given(companies())
def test_accepted_links_span_each_group(company: Any) -> None:
    result = run(*company)
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


@settings(max_examples=60, deadline=None)
@given(companies(), st.integers(0, 3))
def test_a_value_that_becomes_a_hub_links_nobody(company: Any, number: int) -> None:
    records, assertions, decisions = company
    phone = f"+861391234567{number}"
    crowd = [Record(f"s{i}") for i in range(6)]
    crossed = run([*records, *crowd], [*assertions, *(Assertion(r.key, "phone", phone) for r in crowd)], decisions)
    without = run([*records, *crowd], [a for a in assertions if a.value != phone], decisions)
    assert partition(crossed) == partition(without)


def phones(*rows: tuple[str, int | None, int | None]) -> list[Assertion]:
    return [Assertion(key, "phone", "13912345670", first, last) for key, first, last in rows]


def test_a_recycled_number_is_cut_where_it_was_silent() -> None:
    records = [Record("a", "anna"), Record("b"), Record("c", "carl"), Record("d")]
    rows = phones(("a", 0, 10), ("b", 20, 100), ("c", 190, 190), ("d", 200, None))
    result = run(records, rows)
    assert partition(result) == {frozenset("ab"), frozenset("cd")}
    assert statuses(result) == {("phone", "+8613912345670"): "shared"}
    assert [row["reason"] for row in result.reviews.to_pylist()] == ["shared_value"]
    sooner = run(records, phones(("a", 0, 10), ("b", 20, 101), ("c", 190, 190), ("d", 200, None)))
    assert partition(sooner) == {frozenset(k) for k in "abcd"}


def test_a_shared_phone_links_by_name_and_leaves_the_nameless_apart() -> None:
    records = [Record("a1", "anna"), Record("a2", "a"), Record("b1", "bert"), Record("b2", "bert"), Record("x")]
    result = run(records, phones(*((r.key, i, None) for i, r in enumerate(records))))
    assert partition(result) == {frozenset({"a1", "a2"}), frozenset({"b1", "b2"}), frozenset({"x"})}
    assert {(r["record_key"], r["other_record_key"]) for r in result.links.to_pylist()} == {("a1", "a2"), ("b1", "b2")}
    chain = str(identity.explain_records(identity.graph_table(result), "a1", "a2"))
    assert "phone +8613912345670" in chain


def test_a_phone_of_too_many_people_is_a_hub() -> None:
    records = [Record("a", "anna"), Record("b", "bert"), Record("c", "carl")]
    result = run(records, phones(("a", 0, None), ("b", 1, None), ("c", 2, None)))
    value = result.values.to_pylist()[0]
    assert (value["status"], value["reason"]) == ("hub", "used by more than 2 people")


def test_birth_dates_contradict_in_more_than_one_part() -> None:
    def linked(one: str, other: str) -> bool:
        rows = phones(("a", 0, None), ("b", 1, None))
        return len(partition(run([Record("a", None, one), Record("b", None, other)], rows))) == 1

    assert linked("1980-02-03", "1980-03-02")
    assert linked("1980-02-03", "1981-02-03")
    assert not linked("1980-02-03", "1981-02-04")


def test_a_limit_sets_aside_and_asks() -> None:
    records = [Record(k) for k in "abc"]
    rows = [Assertion("a", "login", "l1"), Assertion("b", "login", "l2")]
    rows += [Assertion(k, "email", f"m{i}@shop.cn", i) for i, pair in enumerate(("ac", "cb")) for k in pair]
    result = run(records, rows)
    assert partition(result) == {frozenset("ac"), frozenset("b")}
    assert [(r["reason"], r["left_record"], r["right_record"], r["value"]) for r in result.reviews.to_pylist()] == [
        ("max_values_per_person", "a", "b", "m1@shop.cn")
    ]


def test_every_group_of_an_illegal_pair_is_set_aside_and_the_rest_merges() -> None:
    records = [Record(k) for k in "abcdpq"]
    rows = [Assertion("p", "login", "l1"), Assertion("q", "login", "l2")]
    rows += [Assertion(k, "member_no", "M1") for k in "ap"] + [Assertion(k, "member_no", "M2") for k in "bq"]
    rows += [Assertion(k, "email", "m0@shop.cn", i) for i, k in enumerate("abcd")]
    result = run(records, rows)
    assert partition(result) == {frozenset("ap"), frozenset("bq"), frozenset("cd")}
    assert [(r["left_record"], r["right_record"]) for r in result.reviews.to_pylist()] == [("a", "b")]


def test_overrides_are_obeyed_and_reported() -> None:
    records = [Record(k) for k in "abcd"]
    rows = [Assertion("a", "login", "l1"), Assertion("b", "login", "l2"), *phones(("c", 0, None), ("d", 1, None))]
    decisions = [
        Decision(1, "must-link", "a", "b"),
        Decision(0, "cannot-link", "a", "b"),
        Decision(1, "cannot-link", "c", "d"),
        Decision(1, "must-link", "a", "nobody"),
        Decision(1, "drop-value", "a", "", "login", digest("login", "l9")),
    ]
    result = run(records, rows, decisions)
    assert partition(result) == {frozenset("ab"), frozenset("c"), frozenset("d")}
    report = {row["line"]: (row["status"], row["reason"]) for row in result.overrides.to_pylist()}
    assert report == {
        2: ("accepted", None),
        3: ("set aside", "newer decisions say must-link"),
        4: ("accepted", None),
        5: ("inert", "there is no record nobody"),
        6: ("inert", "the record carries no such login"),
    }
    assert ("overrides_contradict", "a", "b") in {
        (r["reason"], r["left_record"], r["right_record"]) for r in result.reviews.to_pylist()
    }
    rules = {r["record_key"]: r["match_rule"] for r in result.members.to_pylist()}
    assert rules["b"] == "must_link"
    assert "must_link" in str(identity.explain_records(identity.graph_table(result), "a", "b"))


def test_a_dropped_value_undoes_a_merge_at_its_cause() -> None:
    records, rows = [Record("a"), Record("b")], phones(("a", 0, None), ("b", 1, None))
    assert partition(run(records, rows)) == {frozenset("ab")}
    link = run(records, rows).links.to_pylist()[0]
    dropped = run(records, rows, [Decision(0, "drop-value", "b", "", "phone", link["value_hash"])])
    assert partition(dropped) == {frozenset("a"), frozenset("b")}
    assert dropped.values["carriers"].to_pylist() == [1]


def test_an_excess_of_a_must_link_stays_and_never_grows() -> None:
    records = [Record(k) for k in "abcd"]
    rows = [Assertion(k, "login", f"l{k}") for k in "abc"]
    rows += [Assertion(k, "email", "m0@shop.cn", i) for i, k in enumerate("ad")]
    rows += [Assertion(k, "email", "m1@shop.cn", 5 + i) for i, k in enumerate("bc")]
    assert partition(run(records, rows, [Decision(0, "must-link", "a", "b")])) == {frozenset("abd"), frozenset("c")}


@pytest.mark.parametrize("cycle", [3, 5])
def test_a_cycle_of_overrides_that_contradict_has_an_outcome(cycle: int) -> None:
    keys = [f"r{i}" for i in range(cycle)]
    decisions = [Decision(i, "must-link", keys[i - 1], keys[i]) for i in range(1, cycle)]
    decisions.append(Decision(0, "cannot-link", keys[0], keys[-1]))
    result = run([Record(k) for k in keys], [], decisions)
    assert partition(result) == {frozenset(keys)}
    newer = run([Record(k) for k in keys], [], [*decisions[:-1], decisions[-1]._replace(day=9)])
    assert partition(newer) == {frozenset(keys[:1]), frozenset(keys[1:])}
