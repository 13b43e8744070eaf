"""Removal effects and Shapley values against paper, against brute force, and whatever the order of the rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby, pairwise, permutations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import MOST_CHANNELS, OTHER, AttributionError, channel_weights

MAY = date(2026, 5, 1)


def counted(paths, month=MAY):
    """A table of counts from (path, conversions, nulls)."""
    return pa.table(
        {
            "month": pa.array([month] * len(paths), pa.date32()),
            "path": pa.array([list(path) for path, _, _ in paths], pa.list_(pa.string())),
            "conversions": pa.array([conversions for _, conversions, _ in paths], pa.int64()),
            "nulls": pa.array([nulls for _, _, nulls in paths], pa.int64()),
        }
    )


def weights(paths, max_channels=MOST_CHANNELS):
    found = defaultdict(dict)
    for row in channel_weights(counted(paths), max_channels).to_pylist():
        found[row["model"]][row["channel"]] = row["weight"]
    return found["markov"], found["shapley"]


def rounded(fraction):
    return (Decimal(fraction.numerator) / Decimal(fraction.denominator)).quantize(Decimal("1e-12"))


def test_the_worked_example():
    """AB 2 orders of 3 paths, B 1 of 3, A 0 of 3, CA 1 of 1: 4 orders of 10 paths.

    Transitions, of 10 starts: A 6, B 3, C 1. From A, left 7 times: to B 3, CONV 1, NULL 3. From B, left 6 times:
    CONV 3, NULL 3. From C: to A 1.
    P(B) = 3/6 = 1/2. P(A) = 3/7 · 1/2 + 1/7 = 5/14. P(C) = P(A). P = 6/10 · 5/14 + 3/10 · 1/2 + 1/10 · 5/14
      = 30/140 + 21/140 + 5/140 = 56/140 = 2/5.
    Without A: only B, 3/10 · 1/2 = 3/20; RE = 1 − 3/20 · 5/2 = 5/8.
    Without B: P(A) = 1/7; P = 6/10 · 1/7 + 1/10 · 1/7 = 1/10; RE = 3/4.
    Without C: 30/140 + 21/140 = 51/140; RE = 1 − 51/140 · 5/2 = 5/56.

    v(A) = 0/3, v(B) = 1/3, v(C) = 0 (no path), v(AB) = 3/9, v(AC) = 1/4, v(BC) = 1/3, v(ABC) = 4/10.
    A: 1/3 · 0 + 1/6 · (1/3 − 1/3) + 1/6 · (1/4 − 0) + 1/3 · (2/5 − 1/3) = 1/24 + 1/45 = 23/360.
    B: 1/3 · 1/3 + 1/6 · (1/3 − 0) + 1/6 · (1/3 − 0) + 1/3 · (2/5 − 1/4) = 1/9 + 1/9 + 1/20 = 49/180.
    C: 1/3 · 0 + 1/6 · (1/4 − 0) + 1/6 · (1/3 − 1/3) + 1/3 · (2/5 − 1/3) = 1/24 + 1/45 = 23/360.
    """
    markov, shapley = weights([("AB", 2, 1), ("B", 1, 2), ("A", 0, 3), ("CA", 1, 0)])
    assert markov == {"A": rounded(Fraction(5, 8)), "B": rounded(Fraction(3, 4)), "C": rounded(Fraction(5, 56))}
    assert shapley == {
        "A": rounded(Fraction(23, 360)), "B": rounded(Fraction(49, 180)), "C": rounded(Fraction(23, 360)),
    }  # fmt: skip


def test_one_channel_has_all_of_it():
    """Every order comes by A, so without A there is none: RE 1. v(A) = 1/4, and nobody else adds anything."""
    assert weights([("A", 1, 3)]) == ({"A": Decimal(1)}, {"A": Decimal("0.25")})


def test_a_repeat_counts_once():
    """AAB is A then B: both orders need both, so each removal loses everything."""
    markov, shapley = weights([("AAB", 2, 0), ("AB", 0, 2)])
    assert markov == {"A": Decimal(1), "B": Decimal(1)}
    # v(A) = v(B) = 0, v(AB) = 1/2, shared equally.
    assert shapley == {"A": Decimal("0.25"), "B": Decimal("0.25")}


def test_a_way_back_is_walked():
    """ABA 1 order, B 1 null. From A, left twice: to B 1, CONV 1. From B, left twice: to A 1, NULL 1.

    a = b/2 + 1/2, b = a/2: a = 2/3, b = 1/3; P = 1/2 · 2/3 + 1/2 · 1/3 = 1/2.
    Without A nothing converts: RE 1. Without B: a = 1/2, P = 1/4: RE 1/2.
    """
    markov, _ = weights([("ABA", 1, 0), ("B", 0, 1)])
    assert markov == {"A": Decimal(1), "B": Decimal("0.5")}


def test_a_channel_that_lowers_the_rate_is_worth_nothing():
    """v(A) = 1, v(B) = 0, v(AB) = 1/2: A (1 + 1/2)/2 = 3/4, B (0 − 1/2)/2 = −1/4, counted as 0."""
    assert weights([("A", 1, 0), ("B", 0, 1)])[1] == {"A": Decimal("0.75"), "B": Decimal(0)}


def test_without_an_order_nothing_is_worth_anything():
    table = channel_weights(counted([("AB", 0, 4)]), MOST_CHANNELS)
    assert {(row["weight"], row["share"], row["conversions"]) for row in table.to_pylist()} == {
        (Decimal(0), None, None)
    }


def test_the_totals_of_a_month_are_its_orders():
    table = channel_weights(counted([("AB", 2, 1), ("B", 1, 2), ("A", 0, 3), ("CA", 1, 0)]), MOST_CHANNELS)
    rows = [row for row in table.to_pylist() if row["model"] == "markov"]
    # RE 35 : 42 : 5 of 82.
    assert [(row["channel"], row["touches"]) for row in rows] == [("A", 7), ("B", 6), ("C", 1)]
    assert [row["conversions"] for row in rows] == [Decimal("1.707317"), Decimal("2.048780"), Decimal("0.243902")]
    assert {(row["month_conversions"], row["month_nulls"]) for row in rows} == {(4, 6)}


def test_a_channel_beyond_the_limit_is_other():
    """The two with most touches keep their names, of equal ones the earlier name; a channel called other never does."""
    paths = [("ABCD", 1, 0), ("A", 0, 1), ([OTHER], 1, 3)]
    assert set(weights(paths, 2)[0]) == {"A", "B", OTHER}
    named = [("A", 0, 1), (["A", "B", OTHER, OTHER], 1, 0), ([OTHER], 1, 3)]
    assert weights(paths, 2) == weights(named, 2)


def test_months_are_fitted_apart_and_come_in_order():
    june = date(2026, 6, 1)
    both = pa.concat_tables([counted([("B", 1, 1)], june), counted([("A", 1, 3)])])
    rows = channel_weights(both, MOST_CHANNELS).to_pylist()
    assert [(row["month"], row["model"], row["channel"]) for row in rows] == [
        (MAY, "markov", "A"), (MAY, "shapley", "A"), (june, "markov", "B"), (june, "shapley", "B"),
    ]  # fmt: skip


def test_no_path_no_weights():
    assert channel_weights(counted([]), MOST_CHANNELS).num_rows == 0
    assert channel_weights(counted([("", 3, 4), ("A", 0, 0)]), MOST_CHANNELS).num_rows == 0


@pytest.mark.parametrize(
    ("table", "limit", "told"),
    [
        (counted([("A", 1, 1)]), 0, "max_channels is 0"),
        (counted([("A", 1, 1)]), 12, "max_channels is 12"),
        (counted([("A", -1, 1)]), 3, "conversions has to hold"),
        (counted([(["A", None], 1, 1)]), 3, "without a name"),
        (counted([("A", 1, 1)], None), 3, "no month"),
        (counted([("A", 1, 1)]).drop_columns("nulls"), 3, "no column nulls"),
    ],
)
def test_what_cannot_be_fitted_is_refused(table, limit, told):
    with pytest.raises(AttributionError, match=told):
        channel_weights(table, limit)


def markov_by_walking(paths):
    """Removal effects by walking the chain until next to nobody is on the way."""
    steps = defaultdict(lambda: defaultdict(int))
    for path, conversions, nulls in paths:
        walked = ["START", *(channel for channel, _ in groupby(path))]
        for left, right in pairwise(walked):
            steps[left][right] += conversions + nulls
        steps[walked[-1]]["CONV"] += conversions
        steps[walked[-1]]["NULL"] += nulls

    def converted(removed):
        share, on_the_way = 0.0, {"START": 1.0}
        while sum(on_the_way.values()) > 1e-16:
            following = defaultdict(float)
            for state, probability in on_the_way.items():
                leaving = sum(steps[state].values())
                for to, count in steps[state].items():
                    if to == "CONV":
                        share += probability * count / leaving
                    elif to not in ("NULL", removed):
                        following[to] += probability * count / leaving
            on_the_way = following
        return share

    channels = sorted({channel for path, _, _ in paths for channel in path})
    whole = converted(None)
    return {channel: 1 - converted(channel) / whole if whole else 0.0 for channel in channels}


def shapley_by_joining(paths):
    """Shapley values by the average over every order in which the channels can join."""
    channels = sorted({channel for path, _, _ in paths for channel in path})

    def worth(members):
        inside = [(conversions, nulls) for path, conversions, nulls in paths if set(path) <= members]
        total = sum(conversions + nulls for conversions, nulls in inside)
        return Fraction(sum(conversions for conversions, _ in inside), total) if total else Fraction(0)

    found = dict.fromkeys(channels, Fraction(0))
    orders = list(permutations(channels))
    for order in orders:
        for place, channel in enumerate(order):
            found[channel] += worth(set(order[: place + 1])) - worth(set(order[:place]))
    return {channel: found[channel] / len(orders) for channel in channels}


PATHS = st.lists(
    st.tuples(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=6), st.integers(0, 9), st.integers(0, 9)).filter(
        lambda path: path[1] + path[2] > 0
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(PATHS)
def test_both_models_are_what_brute_force_finds(paths):
    markov, shapley = weights(paths)
    assert markov.keys() == shapley.keys()
    walked, joined = markov_by_walking(paths), shapley_by_joining(paths)
    for channel, weight in markov.items():
        assert float(weight) == pytest.approx(walked[channel], abs=1e-9)
        assert abs(shapley[channel] - rounded(max(joined[channel], Fraction(0)))) <= Decimal("1e-12")


@settings(max_examples=60, deadline=None)
@given(PATHS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_neither_order_nor_repetition_of_rows_matters(paths, random, limit):
    """Rows in another order, and each split into rows of its orders and its nulls."""
    whole = channel_weights(counted(paths), limit)
    split = [part for path, won, lost in paths for part in ((path, won, 0), (path, 0, lost))]
    random.shuffle(split)
    assert channel_weights(counted(split), limit).equals(whole)
