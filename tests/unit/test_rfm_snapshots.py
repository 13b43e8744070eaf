"""What a night published of recency, frequency and money stays as it was, through nights, crashes, merges, rebuilds."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rfm_people import People

DAY = timedelta(days=1)
LAST = date(2026, 3, 31)


def test_a_snapshot_stays_under_its_ids_and_its_rules():
    people = People(min_people=1, window_days=None)
    people.order("a", "ann", LAST - 2 * DAY)
    people.order("b", "ben", LAST - DAY, "50")
    people.publish(LAST)
    assert people.shown(LAST) == {"ann": ("ann", "published", 2, 1, 10), "ben": ("ben", "published", 1, 1, 50)}
    # A late order, another convention, and two people who turn out to be one.
    people.order("late", "ann", LAST - 9 * DAY, "70")
    people.configure(method="percentiles", bins=3)
    people.merge("ben", "ann")
    people.publish(LAST + DAY)
    assert people.shown(LAST) == {"ann": ("ann", "published", 2, 1, 10), "ben": ("ann", "published", 1, 1, 50)}
    assert people.shown(LAST + DAY) == {"ann": ("ann", "published", 2, 3, 130)}
    before = people.rows("customer_rfm", f"where as_of_date = date '{LAST}'")
    # The merge undone: the id returns, and with it what was published under it.
    people.unmerge("ben", "b")
    people.publish(LAST + 2 * DAY)
    assert people.shown(LAST)["ben"][0] == "ben"
    assert people.shown(LAST + 2 * DAY).keys() == {"ann", "ben"}
    assert [row[3:] for row in people.rows("customer_rfm", f"where as_of_date = date '{LAST}'")] == [
        row[3:] for row in before
    ]


def test_only_tonight_month_ends_and_days_asked_for_are_shown():
    people = People(min_people=1)
    people.order("a", "ann", date(2026, 1, 20))
    for number in range(4):
        people.publish(LAST - DAY + number * DAY)
    month_ends = {date(2026, 1, 31), date(2026, 2, 28), LAST}
    assert people.days() == {*month_ends, LAST + 2 * DAY}
    # One day that a night published, one that none did.
    people.ask(LAST + DAY, LAST - 20 * DAY)
    people.publish(LAST + 3 * DAY)
    assert people.days() == {*month_ends, LAST + DAY, LAST - 20 * DAY, LAST + 3 * DAY}
    assert {day: people.shown(day)["ann"][1] for day in people.days()} == {
        date(2026, 1, 31): "backfilled", date(2026, 2, 28): "backfilled", LAST - 20 * DAY: "backfilled",
        LAST: "published", LAST + DAY: "published", LAST + 3 * DAY: "published",
    }  # fmt: skip


def test_a_day_published_twice_is_as_its_last_publication_showed_it():
    people = People(min_people=1)
    people.order("a", "ann", LAST - DAY)
    people.publish(LAST)
    people.order("b", "ann", LAST)
    people.publish(LAST)
    assert people.shown(LAST) == {"ann": ("ann", "published", 0, 2, 20)}
    people.publish(LAST + DAY)
    assert people.shown(LAST) == {"ann": ("ann", "published", 0, 2, 20)}


def test_a_quiet_night_decides_next_to_nothing():
    people = People(min_people=1)
    for number in range(40):
        people.order(f"o{number}", f"c{number:02}", LAST - number * DAY, str(number))
    people.publish(LAST)
    first = len(people.rows("rfm_values_before", "where chain = 'published'"))
    people.order("more", "c07", LAST + DAY)
    people.publish(LAST + DAY)
    assert (first, len(people.rows("rfm_values_before", "where chain = 'published'"))) == (40, 41)


def test_every_movement_has_its_name():
    people = People(min_people=1, window_days=100)
    for name, days in (("ann", 2), ("ben", 4), ("eve", 6), ("ian", 8), ("lea", 99), ("max", 30)):
        people.order(name, name, LAST - days * DAY)
    people.publish(LAST)
    segments = dict(people.rows("customer_rfm", f"where as_of_date = date '{LAST}'", "customer_id, segment"))
    people.order("ben2", "ben", LAST + DAY, "90")
    people.order("new", "zoe", LAST + DAY)
    people.merge("max", "eve")
    people.merge("ian", None)
    people.publish(LAST + DAY)
    now = dict(people.rows("customer_rfm", "where is_tonight", "customer_id, segment"))
    found = people.rows("rfm_transitions", "where since = 'night'", "customer_id, current_customer_id, movement")
    assert {row for row in found if row[2] != "moved"} == {
        ("ian", None, "erased"), ("lea", "lea", "left"), ("max", "eve", "merged"), ("zoe", "zoe", "entered"),
    }  # fmt: skip
    assert {row[0] for row in found if row[2] == "moved"} == {
        name for name in segments if name in now and segments[name] != now[name]
    }
    assert people.rows("rfm_transitions", "where since = 'month'", "* exclude (since)") == people.rows(
        "rfm_transitions", "where since = 'night'", "* exclude (since)"
    )
    people.publish(LAST + DAY)
    assert len(people.rows("rfm_transitions", "where since = 'night'")) == len(found)


def test_the_survivor_of_a_merge_takes_up_what_the_other_was():
    """Ann bought nothing before; whom Ben was is compared with whom they are now, and Ben himself was merged."""
    people = People(min_people=1)
    people.order("b", "ben", LAST - 30 * DAY)
    people.order("e", "eve", LAST - 60 * DAY)
    people.publish(LAST)
    people.merge("ben", "ann")
    people.publish(LAST + DAY)
    assert people.rows("rfm_transitions", "where since = 'night'", "customer_id, movement") == [("ben", "merged")]


EVENTS = st.one_of(
    st.tuples(st.just("order"), st.sampled_from("abcd"), st.integers(0, 50), st.integers(0, 30)),
    st.tuples(st.just("refund"), st.integers(0, 5), st.integers(0, 5), st.integers(1, 30)),
    st.tuples(st.just("merge"), st.sampled_from("cd"), st.sampled_from("ab"), st.just(0)),
    st.tuples(st.just("ask"), st.integers(0, 60), st.just(0), st.just(0)),
)
NIGHTS = st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.lists(EVENTS, max_size=4)), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(nights=NIGHTS)
def test_as_known_then_equals_what_the_night_published(nights):
    """Whatever comes late, is merged or dies on the way; and a mart built anew is the mart of many nights."""
    people, day, published, number = People(min_people=2, window_days=40), date(2026, 2, 20), {}, 0
    people.order("first", "a", day)
    for days, survives, events in nights:
        day += days * DAY
        for kind, *rest in events:
            number += 1
            if kind == "order":
                people.order(f"o{number}", rest[0], day - rest[1] * DAY, str(rest[2]))
            elif kind == "refund":
                people.refund(f"o{rest[0]}", day - rest[1] * DAY, str(rest[2]))
            elif kind == "merge":
                people.merge(rest[0], rest[1])
            else:
                people.ask(day - rest[0] * DAY)
        people.publish(day, publish=survives)
        tonight = people.rows("customer_rfm")
        for as_of in people.days():
            found = people.rows("customer_rfm", f"where as_of_date = date '{as_of}'", FIXED)
            if as_of in published and as_of != day:
                assert found == published[as_of]
            if survives:
                published[as_of] = found
        moves = people.rows("rfm_transitions")
        people.rebuild()
        assert people.rows("customer_rfm") == tonight
        assert people.rows("rfm_transitions") == moves


FIXED = "customer_id, basis, segment, recency_days, frequency, monetary, r_score, f_score, m_score"
