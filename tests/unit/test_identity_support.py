"""The guard against chains of weak likeness."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import identity

Pair = tuple[str, str, float]


def supported(pairs: list[Pair], groups: dict[str, str] | None = None) -> set[frozenset[str]]:
    table = pa.table(
        {
            "left_record": pa.array([p[0] for p in pairs], pa.string()),
            "right_record": pa.array([p[1] for p in pairs], pa.string()),
            "probability": pa.array([p[2] for p in pairs], pa.float64()),
        }
    )
    standing = groups and pa.table({"record_key": list(groups), "customer_id": list(groups.values())})
    found = identity.supported_pairs(table, 0.5, standing or None)
    return {frozenset((r["left_record"], r["right_record"])) for r in found.to_pylist() if r["is_supported"]}


def test_likeness_is_not_passed_on_against_the_evidence() -> None:
    assert supported([("a", "b", 0.99), ("b", "c", 0.8), ("a", "c", 0.01)]) == {frozenset("ab")}


def test_a_pair_that_was_not_compared_says_nothing() -> None:
    chain = [("a", "b", 0.9), ("b", "c", 0.8), ("c", "d", 0.7)]
    assert supported(chain) == {frozenset("ab"), frozenset("bc"), frozenset("cd")}


def test_two_cliques_do_not_merge_over_one_bridge() -> None:
    left = [(a, b, 0.99) for a in "abcd" for b in "abcd" if a < b]
    right = [(a, b, 0.99) for a in "wxyz" for b in "wxyz" if a < b]
    between = [(a, b, 0.02) for a in "abcd" for b in "wxyz" if (a, b) != ("d", "w")]
    assert supported([*left, *right, *between, ("d", "w", 0.98)]) == {frozenset(p[:2]) for p in [*left, *right]}


def test_standing_groups_are_judged_as_wholes_and_never_parted() -> None:
    groups = {"a": "1", "b": "1", "c": "2"}
    assert supported([("a", "c", 0.9), ("b", "c", 0.05)], groups) == set()
    assert supported([("a", "b", 0.01), ("a", "c", 0.9)], groups) == {frozenset("ab"), frozenset("ac")}


def test_a_large_crowd_is_cut_before_it_is_judged() -> None:
    n = 2_500
    star = [("hub", f"r{i:04d}", 0.6) for i in range(n)]
    sure = [("r0000", "r0001", 0.9999)]
    assert supported([*star, *sure]) == {frozenset(("r0000", "r0001"))}


@st.composite
def crowds(draw: st.DrawFn) -> list[Pair]:
    key = st.sampled_from("abcdefgh")
    score = st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0])
    pairs = {frozenset((a, b)): p for a, b, p in draw(st.lists(st.tuples(key, key, score), max_size=28)) if a != b}
    return [(min(ends), max(ends), p) for ends, p in pairs.items()]


@settings(max_examples=120, deadline=None)
@given(crowds(), st.randoms(use_true_random=False))
def test_neither_order_nor_names_matter(pairs: list[Pair], rng: random.Random) -> None:
    names = list("stuvwxyz")
    rng.shuffle(names)
    new = dict(zip("abcdefgh", names, strict=True))
    renamed = [(new[a], new[b], p) for a, b, p in pairs]
    rng.shuffle(renamed)
    assert supported(renamed) == {frozenset(new[k] for k in pair) for pair in supported(pairs)}


@settings(max_examples=120, deadline=None)
@given(crowds())
def test_a_supported_group_hangs_together_and_its_mean_is_enough(pairs: list[Pair]) -> None:
    held = supported(pairs)
    groups: list[set[str]] = []
    for pair in held:
        near = [g for g in groups if g & pair]
        groups = [g for g in groups if not g & pair] + [set(pair).union(*near)]
    for group in groups:
        scores = [p for a, b, p in pairs if {a, b} <= group]
        assert sum(scores) / len(scores) >= 0.5 - 1e-9
