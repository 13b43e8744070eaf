"""Stages of the lifecycle: every boundary, and that nothing but a person's orders moves their past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rendered import Models
from tests.integration.recompute_lifecycle import Purchase, medians_of, stages
from tests.unit.lifecycle_people import DAY, ZONE, People, local

NEW_YEAR = datetime(2026, 1, 1, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def known(people: People, *names: str) -> People:
    """These are known a year before anything happens."""
    people.seen |= dict.fromkeys(names or ("ann",), NEW_YEAR - 365 * DAY)
    return people


def test_silence_counts_from_the_boundary_on():
    """No quarter has a gap: 40 days is what is usual, so 60, 120 and 240 days of silence are the boundaries."""
    people = known(People())
    people.bought(NEW_YEAR)
    for days, stage in ((60, "at_risk"), (120, "dormant"), (240, "lost")):
        assert people.night(NEW_YEAR + days * DAY - SECOND).stages("ann")[-1][0] != stage
        found = people.night(NEW_YEAR + days * DAY).stages("ann")
        assert found[-1] == (stage, NEW_YEAR + days * DAY, None)
        assert found[-2][2] == NEW_YEAR + days * DAY
    assert [stage for stage, _, _ in found] == ["prospect", "new", "at_risk", "dormant", "lost"]


@pytest.mark.parametrize(
    ("silence", "stage", "before"),
    [
        (60 * DAY - SECOND, "active", "new"),
        (60 * DAY, "active", "new"),
        (60 * DAY + SECOND, "active", "at_risk"),
        (120 * DAY - SECOND, "active", "at_risk"),
        (120 * DAY, "won_back", "at_risk"),
        (120 * DAY + SECOND, "won_back", "dormant"),
        (240 * DAY, "won_back", "dormant"),
        (240 * DAY + SECOND, "won_back", "lost"),
    ],
)
@pytest.mark.parametrize("mode", ["adaptive", "fixed"])
def test_an_order_at_a_boundary(mode, silence, stage, before):
    people = known(People(mode=mode))
    people.bought(NEW_YEAR, NEW_YEAR + silence)
    found = people.night(NEW_YEAR + silence).stages("ann")
    assert found[-1] == (stage, NEW_YEAR + silence, None)
    assert (found[-2][0], found[-2][2]) == (before, NEW_YEAR + silence)


def test_the_fixed_days_are_the_files_and_do_not_follow_the_rhythm():
    people = known(People(mode="fixed", at_risk_days=10, dormant_days=11, lost_days=900))
    people.bought(*(NEW_YEAR + 9 * DAY * number for number in range(5)))
    last = NEW_YEAR + 36 * DAY
    assert people.night(LATER).stages("ann") == [
        ("prospect", NEW_YEAR - 365 * DAY, NEW_YEAR),
        ("new", NEW_YEAR, NEW_YEAR + 9 * DAY),
        ("active", NEW_YEAR + 9 * DAY, last + 10 * DAY),
        ("at_risk", last + 10 * DAY, last + 11 * DAY),
        ("dormant", last + 11 * DAY, last + 900 * DAY),
        ("lost", last + 900 * DAY, None),
    ]


def test_one_is_active_until_at_risk_however_often_one_buys():
    people = known(People())
    people.bought(NEW_YEAR, NEW_YEAR + 20 * DAY, NEW_YEAR + 40 * DAY)
    # (20 + 20 + 2 * 40) / 4 = 30 days are usual at the third order.
    found = people.night(NEW_YEAR + 50 * DAY)
    assert found.stages("ann")[1:] == [
        ("new", NEW_YEAR, NEW_YEAR + 20 * DAY), ("active", NEW_YEAR + 20 * DAY, None),
    ]  # fmt: skip
    assert found.gaps()["ann 2"] == 30
    ((next_stage_at,),) = found.db.execute(
        "select next_stage_at from customer_lifecycle where left_at is null"
    ).fetchall()
    assert next_stage_at == NEW_YEAR + 85 * DAY


def test_who_is_won_back_is_active_from_the_next_order():
    people = known(People())
    people.bought(NEW_YEAR, NEW_YEAR + 200 * DAY, NEW_YEAR + 201 * DAY)
    assert [stage for stage, _, _ in people.night(NEW_YEAR + 202 * DAY).stages("ann")][-2:] == ["won_back", "active"]


def test_nobody_without_an_order_is_more_than_a_prospect():
    people = known(People(), "ann", "bob", "device")
    people.order("gift", NEW_YEAR, qualifies=False)
    prospect = [("prospect", NEW_YEAR - 365 * DAY, None)]
    people.night(LATER)
    assert (people.stages("ann"), people.stages("bob"), people.stages("device")) == (prospect, prospect, [])
    assert people.table() == people.anew(LATER).table()


def test_who_is_first_seen_with_an_order_never_was_a_prospect():
    people = People()
    people.bought(NEW_YEAR)
    people.bought(NEW_YEAR, customer="bob")
    people.seen["bob"] = NEW_YEAR - SECOND
    people.night(NEW_YEAR)
    assert people.stages() == [
        ("ann", "new", NEW_YEAR, None),
        ("bob", "prospect", NEW_YEAR - SECOND, NEW_YEAR),
        ("bob", "new", NEW_YEAR, None),
    ]


def test_orders_at_one_instant_leave_nothing_between_them():
    people = known(People())
    people.bought(NEW_YEAR, NEW_YEAR, NEW_YEAR + 300 * DAY, NEW_YEAR + 300 * DAY)
    found = people.night(NEW_YEAR + 300 * DAY).stages("ann")
    assert [stage for stage, _, _ in found] == ["prospect", "active", "at_risk", "dormant", "lost", "active"]
    # A gap of nothing is a gap: (0 + 2 * 40) / 3 days.
    assert people.gaps()["ann 1"] == pytest.approx(80 / 3, abs=1e-5)


def test_the_29th_of_february_is_a_day():
    people = known(People(mode="fixed"))
    leap = local("2028-02-29 12:00")
    people.bought(local("2027-12-31 12:00"), leap)
    found = people.night(leap + 60 * DAY)
    assert found.stages("ann")[-3:] == [
        ("new", local("2027-12-31 12:00"), leap),
        ("active", leap, leap + 60 * DAY),
        ("at_risk", local("2028-04-29 12:00"), None),
    ]


def test_the_last_second_of_a_quarter_belongs_to_it():
    """The reporting zone decides: until then the fourth of last year has closed last, then the first."""
    people = known(People(), "ann", "bob", "carl")
    people.bought(NEW_YEAR - 200 * DAY, NEW_YEAR - 50 * DAY, customer="ann")
    people.bought(NEW_YEAR, NEW_YEAR + 20 * DAY, customer="bob")
    last_second = local("2026-03-31 23:59:59")
    people.bought(last_second, customer="carl")
    assert people.night(LATER).gaps()["carl 0"] == 150
    people.bought(last_second + SECOND, customer="carl")
    assert people.night(LATER).gaps()["carl 0"] == 20


def test_the_market_is_the_category_where_it_has_gaps_enough():
    people = known(People(min_category_gaps=2), "a", "b", "c", "d", "ann", "bob", "eve")
    for name, days, category in (("a", 10, "milk"), ("b", 20, "milk"), ("c", 70, "toys"), ("d", 30, None)):
        people.bought(local("2026-01-02 12:00"), customer=name, category=category)
        people.order(f"{name} last", local("2026-01-02 12:00") + days * DAY, name, category)
    in_april = local("2026-04-02 12:00")
    for name, category in (("ann", "milk"), ("bob", "toys"), ("eve", None)):
        people.order(f"{name} 0", in_april, name, category)
    gaps = people.night(LATER).gaps()
    # Milk: 10 and 20 days. Toys has one gap, so all four count: 10, 20, 30, 70.
    assert (gaps["ann 0"], gaps["bob 0"], gaps["eve 0"]) == (15, 25, 25)


def test_the_usual_gap_has_bounds():
    people = known(People(), "ann", "bob")
    people.bought(*(NEW_YEAR + number * SECOND for number in range(30)))
    people.bought(NEW_YEAR, NEW_YEAR + 3000 * DAY, customer="bob")
    gaps = people.night(LATER + 3000 * DAY).gaps()
    assert (gaps["ann 29"], gaps["bob 1"]) == (7, 365)


def test_a_closed_quarter_is_decided_and_late_records_do_not_move_it():
    people = known(People(), "ann", "bob", "carl")
    people.bought(NEW_YEAR, NEW_YEAR + 20 * DAY, customer="ann")
    april = local("2026-04-01 00:00")
    people.bought(april + DAY, customer="bob")
    # Open until the last of its days is complete: nothing is decided of it.
    assert people.night(april - SECOND, publish=True).decided == []
    assert people.night(april + 2 * DAY, publish=True).gaps()["bob 0"] == 20
    assert [(str(quarter), category, gaps) for quarter, category, gaps, _ in people.decided] == [
        ("2026-01-01", None, 1)
    ]
    before = people.written()
    people.bought(NEW_YEAR, NEW_YEAR + 80 * DAY, customer="carl")
    people.night(april + 2 * DAY, publish=True)
    assert people.gaps()["bob 0"] == 20
    assert people.written()["bob"] == before["bob"]
    assert people.table() == people.anew(april + 2 * DAY).table()
    # Had the record been there in time, the median of 20 and 80 days would stand.
    people.decided = []
    assert people.night(april + 2 * DAY).gaps()["bob 0"] == 50
    assert people.written()["bob"] > before["bob"]


def test_a_merge_and_its_undoing_rebuild_the_two_and_nobody_else():
    people = known(People(), "ann", "anna", "bob")
    people.bought(NEW_YEAR)
    people.bought(NEW_YEAR + 70 * DAY, customer="anna")
    people.bought(NEW_YEAR, customer="bob")
    as_of = NEW_YEAR + 80 * DAY
    apart = people.night(as_of).table()
    before = people.written()
    people.person_of["anna"] = "ann"
    people.night(as_of)
    assert [stage for stage, _, _ in people.stages("ann")] == ["prospect", "new", "at_risk", "active"]
    assert people.stages("anna") == []
    assert people.written()["bob"] == before["bob"]
    assert people.table() == people.anew(as_of).table()
    del people.person_of["anna"]
    assert people.night(as_of).table() == apart
    assert people.written()["bob"] == before["bob"]


def test_only_whom_the_as_of_moves_is_written():
    people = known(People(), "ann", "bob", "carl")
    people.bought(NEW_YEAR)
    people.bought(NEW_YEAR + 30 * DAY, customer="bob")
    before = people.night(NEW_YEAR + 59 * DAY).written()
    after = people.night(NEW_YEAR + 60 * DAY).written()
    assert {name for name in after if after[name] != before[name]} == {"ann"}
    # The as-of may also go back, as it does where a run is given another.
    back = people.night(NEW_YEAR + 20 * DAY)
    assert [stage for stage, _, _ in back.stages("bob")] == ["prospect"]
    assert back.table() == people.anew(NEW_YEAR + 20 * DAY).table()
    assert people.night(NEW_YEAR + 20 * DAY).written() == back.written()


INSTANTS = st.integers(0, 900).flatmap(
    lambda day: st.sampled_from([0, 1, 43200, 57599, 57600, 86399]).map(
        lambda second: datetime(2025, 1, 1, tzinfo=UTC) + day * DAY + second * SECOND
    )
)
PEOPLE = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.tuples(INSTANTS, st.sampled_from([None, "milk", "toys"])), max_size=6)
)
CONFIGS = st.fixed_dictionaries(
    {"mode": st.sampled_from(["adaptive", "fixed"]), "min_category_gaps": st.integers(1, 3),
     "prior_gaps": st.integers(1, 3), "at_risk_factor": st.sampled_from(["1.5", "1.333", "0.1"])}
)  # fmt: skip


@settings(deadline=None, max_examples=15)
@given(PEOPLE, CONFIGS, st.lists(INSTANTS, min_size=2, max_size=3))
def test_stages_are_those_of_the_definition_and_the_as_of_moves_no_past(bought, config, nights):
    people = known(People(**config), *"abcd")
    purchases = {}
    for customer, orders in bought.items():
        for number, (at, category) in enumerate(orders):
            people.order(f"{customer}{number}", at, customer, category)
        purchases[customer] = [Purchase(*order) for order in sorted(orders, key=lambda order: order[0])]
    shown: dict[tuple[str, str, datetime], datetime | None] = {}
    for as_of in sorted(nights):
        people.night(as_of)
        closed = {
            key: value
            for key, value in medians_of(purchases.values(), ZoneInfo(ZONE)).items()
            if _has_closed(key[0], as_of)
        }
        found = {
            customer: stages(purchases.get(customer, []), people.seen[customer], as_of, closed,
                             people.config, ZoneInfo(ZONE))
            for customer in "abcd"
        }  # fmt: skip
        ours = sorted((customer, *stage) for customer, entered in found.items() for stage in entered)
        assert sorted(people.stages()) == ours
        for customer, stage, entered, left in people.stages():
            before = shown.get((customer, stage, entered))
            assert before is None or before == left
            shown[customer, stage, entered] = left
        assert shown.keys() == {row[:3] for row in people.stages()}
    assert people.table() == people.anew(max(nights)).table()


def _has_closed(quarter, as_of):
    ends = datetime(quarter.year + (quarter.month + 3 > 12), (quarter.month + 2) % 12 + 1, 1, tzinfo=ZoneInfo(ZONE))
    return ends <= as_of


def test_half_a_second_is_rounded_up_whatever_it_is_divided_by():
    """Three gaps of an odd number of seconds in all: 1.5 times their mean ends in a half."""
    people = known(People(prior_gaps=2, default_gap_days=40))
    second = NEW_YEAR + 10 * DAY + SECOND
    people.bought(NEW_YEAR, second)
    seconds = Fraction(10 * 86400 + 1 + 2 * 40 * 86400, 3) * Fraction(3, 2)
    assert seconds.denominator == 2
    at_risk = people.night(LATER).stages("ann")[3]
    assert at_risk[:2] == ("at_risk", second + timedelta(seconds=int(seconds + Fraction(1, 2))))


def test_an_order_is_of_the_category_with_the_most_money_in_it_and_of_two_alike_the_first_by_name():
    db = duckdb.connect()
    db.execute(
        "create table order_lines as from (values ('one', 'tea', 0), ('one', null, 9), ('sum', 'tea', 5),"
        " ('sum', 'cups', 3), ('sum', 'cups', 3), ('tie', 'tea', 4), ('tie', 'cups', 4), ('nothing', null, 1))"
        " as t(order_id, category, net_amount)"
    )
    found = db.execute(Models(db).rendered("{{ main_categories('order_lines') }}")).fetchall()
    assert dict(found) == {"one": "tea", "sum": "cups", "tie": "cups"}
