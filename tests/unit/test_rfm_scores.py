"""Scores and segments equal their definition under every setting, and equal people never differ."""

from __future__ import annotations

import csv
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.rfm_people import SEEDS, People

MONEY = st.integers(-500, 500).map(lambda thousandths: Decimal(thousandths) / 100)
POPULATION = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6), MONEY), min_size=1, max_size=25)
CONVENTIONS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["quantiles", "percentiles", "thresholds"]),
        "bins": st.integers(2, 10),
        "closed": st.sampled_from(["right", "left"]),
        "offset": st.sampled_from(["0", "1", "-0.5", "0.001"]),
    }
)
_SEGMENTS = [dict(row.items()) for row in csv.DictReader((SEEDS / "rfm_segments.csv").open())]


def cuts_by_definition(values, method, bins, offset, thresholds):
    """Exact cut points: type 7, nearest rank, or given."""
    ordered = sorted(Fraction(value) for value in values)
    found = []
    for k in range(1, bins):
        if method == "thresholds":
            cut = Fraction(thresholds[k - 1])
        elif method == "percentiles":
            cut = ordered[-(-len(ordered) * k // bins) - 1]
        else:
            place = Fraction((len(ordered) - 1) * k, bins)
            below = place.numerator // place.denominator
            above = min(below + 1, len(ordered) - 1)
            cut = ordered[below] + (place - below) * (ordered[above] - ordered[below])
        found.append(cut + Fraction(offset))
    return found


def score(value, cuts, closed):
    return 1 + sum(value >= cut if closed == "left" else value > cut for cut in cuts)


def segment(scheme, scores):
    r, f, m = scores
    for row in sorted(_SEGMENTS, key=lambda row: int(row["priority"])):
        if row["scheme"] == scheme and all(
            (not row[f"{name}_min"] or Fraction(row[f"{name}_min"]) <= x)
            and (not row[f"{name}_max"] or x <= Fraction(row[f"{name}_max"]))
            for name, x in (("r", r), ("f", f), ("m", m), ("fm", Fraction(f + m, 2)))
        ):
            return row["segment"]
    return "others"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(population=POPULATION, convention=CONVENTIONS)
def test_every_convention_by_configuration_alone(people, population, convention):
    thresholds = {"recency": [3, 7, 8, 20, 21, 22, 23, 30, 39], "frequency": [1, 2, 3, 4, 5, 6, 7, 8, 9],
                  "monetary": ["-2.5", "0", "0.01", "1", "2", "3", "4", "4.5", "5"]}  # fmt: skip
    bins = convention["bins"]
    people.db.execute("delete from rfm_thresholds")
    for measure, cuts in thresholds.items():
        people.db.executemany("insert into rfm_thresholds values (?, ?)", [[measure, cut] for cut in cuts[: bins - 1]])
    values = {f"c{number}": found for number, found in enumerate(population)}
    found = people.configure(**convention).given(values).scores()
    cuts = [
        cuts_by_definition(
            [value[part] for value in population], convention["method"], bins, convention["offset"], thresholds[name]
        )
        for part, name in enumerate(thresholds)
    ]
    scheme = {3: "klaviyo", 5: "classic"}.get(bins)
    for customer, value in values.items():
        r, f, m = (score(Fraction(value[part]), cuts[part], convention["closed"]) for part in range(3))
        scores = (bins + 1 - r, f, m)
        assert found[customer] == (*scores, segment(scheme, scores))
    by_value = {}
    for customer, value in values.items():
        assert by_value.setdefault(value, found[customer]) == found[customer]


@pytest.fixture(scope="module")
def people():
    return People()


def test_the_cuts_lie_where_the_documentation_says(people):
    """Five people in five bins: the cuts of recency 1, 2, 3, 4, 10 lie at 1.8, 2.6, 3.4 and 5.2."""
    values = {"a": (1, 5, 10), "b": (2, 1, 10), "c": (3, 1, 10), "d": (4, 1, 10), "e": (10, 1, -3)}
    found = people.configure().given(values).scores()
    assert {name: scores[:3] for name, scores in found.items()} == {
        "a": (5, 5, 2), "b": (4, 1, 2), "c": (3, 1, 2), "d": (2, 1, 2), "e": (1, 1, 1),
    }  # fmt: skip
    assert people.db.execute(
        "select [cut / bins for cut in recency_cuts] from int_customers__rfm_scales"
    ).fetchone() == ([1.8, 2.6, 3.4, 5.2],)


def test_one_customer_is_scored_only_where_one_is_enough(people):
    assert people.configure().given({"a": (3, 1, 10)}).scores() == {"a": (5, 1, 1, "new customers")}
    found = people.configure(min_people=2).given({"a": (3, 1, 10)}).scores()
    assert found == {"a": (None, None, None, "insufficient data")}
    assert people.given({}).scores() == {}


def test_fifty_people_are_enough_and_forty_nine_are_not(people):
    people.configure(min_people=50)
    some = {f"c{number}": (number, 1, number) for number in range(49)}
    assert {found[-1] for found in people.given(some).scores().values()} == {"insufficient data"}
    assert None not in {score for found in people.given({**some, "z": (0, 9, 9)}).scores().values() for score in found}


def test_all_people_equal_share_one_cell(people):
    """With right-closed bins nobody lies above a cut that everybody lies on; with left-closed ones everybody does."""
    same = dict.fromkeys("abcdef", (3, 2, 10))
    assert set(people.configure().given(same).scores().values()) == {(5, 1, 1, "new customers")}
    assert set(people.configure(closed="left").given(same).scores().values()) == {(1, 5, 5, "cannot lose them")}


@pytest.mark.parametrize(
    ("settings_", "scheme"),
    [
        ({"segments": "shopify"}, "shopify"),
        ({"segments": "classic"}, "classic"),
        ({"no_segments": True}, "classic"),
        ({"bins": 3, "method": "percentiles"}, "klaviyo"),
        ({"bins": 4}, None),
    ],
)
def test_the_scheme_is_the_one_named_or_made_for_so_many_bins(people, settings_, scheme):
    values = {f"c{number}": (number * 7 % 40, number * 3 % 9 + 1, number * 11 % 50) for number in range(60)}
    found = people.configure(**settings_).given(values).scores()
    assert all(segment(scheme, scores[:3]) == scores[3] for scores in found.values())
    assert (len({scores[3] for scores in found.values()}) > 4) == (scheme is not None)
