"""Recency, frequency and monetary value of orders: the edges of the window, returns, and what an order can change."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rendered import template
from tests.unit.rfm_people import AS_OF, People

DAY = timedelta(days=1)


def test_nobody_without_an_order():
    assert People().values_of() == {}


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end():
    people = People()
    people.order("too old", "ann", AS_OF - 365 * DAY)
    people.order("oldest", "ben", AS_OF - 364 * DAY)
    people.order("newest", "eve", AS_OF)
    people.order("tomorrow", "ian", AS_OF + DAY)
    assert people.values_of() == {"ben": [364, 1, 10], "eve": [0, 1, 10]}


def test_without_a_window_all_orders_count():
    people = People(window_days=None)
    people.order("old", "ann", date(1997, 1, 1))
    people.order("new", "ann", AS_OF)
    assert people.values_of() == {"ann": [0, 2, 20]}


def test_a_year_that_holds_29_february():
    """365 days before 2024-12-31 lies 2024-01-01, for the year has 366."""
    people = People(as_of=date(2024, 12, 31))
    people.order("a", "ann", date(2024, 1, 1))
    people.order("b", "ben", date(2024, 1, 2))
    people.order("c", "eve", date(2024, 2, 29))
    assert people.values_of(date(2024, 12, 31)) == {"ben": [364, 1, 10], "eve": [306, 1, 10]}
    assert people.values_of(date(2024, 2, 29)) == {"ann": [59, 1, 10], "ben": [58, 1, 10], "eve": [0, 1, 10]}


def test_an_order_counts_until_the_day_on_which_it_is_wholly_given_back():
    people = People(as_of=date(2026, 6, 15))
    people.order("a", "ann", date(2026, 5, 20), "30")
    people.refund("a", date(2026, 5, 31), "10")
    people.refund("a", date(2026, 6, 1), "20")
    assert people.values_of(date(2026, 5, 31)) == {"ann": [11, 1, 20]}
    assert people.values_of() == {}


def test_a_free_order_is_a_purchase():
    people = People()
    people.order("free", "ann", AS_OF - DAY, "0")
    assert people.values_of() == {"ann": [1, 1, 0]}


def test_returns_without_an_order_can_make_monetary_negative():
    people = People()
    people.order("a", "ann", AS_OF - 10 * DAY, "30")
    people.give_back("ann", AS_OF, "50")
    people.give_back("ann", AS_OF - 365 * DAY, "7")
    people.give_back("ann", AS_OF + DAY, "7")
    people.give_back("ben", AS_OF, "50")
    assert people.values_of() == {"ann": [10, 1, -20]}


def test_the_last_second_of_a_business_day_is_that_day():
    """The reporting date of an order is the zone's: a second later it is the next one."""
    people = People()
    (last,), (first,) = (
        people.db.execute(
            "select "
            + template("{{ reporting_date('cast(? as timestamptz)') }}", ("reporting", "marts_time")).render(
                env_var=lambda _, default="": default
            ),
            [f"2026-06-15 {instant}+00"],
        ).fetchone()
        for instant in ("15:59:59.999", "16:00:00")
    )
    people.order("last", "ann", last)
    people.order("first", "ben", first)
    assert people.values_of() == {"ann": [0, 1, 10]}


ORDERS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(-3, 400), st.integers(0, 40), st.integers(-3, 400)), max_size=8
)


@settings(max_examples=25, deadline=None)
@given(orders=ORDERS, added=st.tuples(st.sampled_from("abc"), st.integers(0, 364), st.integers(0, 40)))
def test_an_order_more_never_lowers_frequency_or_monetary_value(orders, added):
    people = People()
    for number, (customer, days, due, returned) in enumerate(orders):
        people.order(f"o{number}", customer, AS_OF - days * DAY, str(due))
        if due and returned <= days:
            people.refund(f"o{number}", AS_OF - returned * DAY, str(due // 2))
    before = people.values_of()
    assert people.values_of() == before
    customer, days, due = added
    people.order("added", customer, AS_OF - days * DAY, str(due))
    after = people.values_of()
    recency, frequency, monetary = before.get(customer, [None, 0, Decimal(0)])
    assert after[customer][0] == (days if recency is None else min(days, recency))
    assert after[customer][1] == frequency + 1
    assert after[customer][2] == monetary + due
    assert {name: found for name, found in after.items() if name != customer} == {
        name: found for name, found in before.items() if name != customer
    }
