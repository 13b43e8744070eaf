"""Each cause for which a published day is another as known later has its name, and nothing else is called by it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.rfm_causes import SHOWN, differences
from tests.unit.rfm_people import People

D = date(2026, 6, 15)
DAY = timedelta(days=1)
TABLES = {
    "orders": "order_id varchar, source_system varchar, customer_id varchar, is_valid boolean, is_known boolean,"
    " due_amount decimal(18, 3), due_amount_reporting decimal(18, 3), reporting_date date",
    "refunds": "refund_id varchar, order_id varchar, customer_id varchar, status varchar, amount decimal(18, 3),"
    " amount_reporting decimal(18, 3), reporting_date date",
    "ids": "retired_customer_id varchar, customer_id varchar, reason varchar",
    "config": "window_days integer",
    "loads": "source_system varchar, load_id varchar",
    "rows": "customer_id varchar, recency_days integer, frequency integer, monetary decimal(18, 3), r_score integer,"
    " f_score integer, m_score integer, segment varchar",
    "scales": "is_scored boolean, bins integer, closed varchar, recency_cuts decimal(38, 3)[]",
}


class State:
    """What a publication knew: orders of Ann, Ben and Eve, a refund, a return that names no order."""

    def __init__(self):
        self.orders = {
            "a1": ["till", "ann", True, True, "10", "80", D - 40 * DAY],
            "a2": ["till", "ann", True, True, "20", "160", D - 4 * DAY],
            "b1": ["shop", "ben", True, True, "30", "30", D - 3 * DAY],
            "e1": ["shop", "eve", True, True, "40", "40", D - 2 * DAY],
            "e2": ["shop", "eve", False, True, "50", "50", D - DAY],
        }
        self.refunds = {
            "r1": ["a2", "ann", "counted", "5", "40", D - DAY],
            "r2": [None, "ben", "unlinked", "3", "3", D - DAY],
        }
        self.ids, self.window, self.cuts, self.scores = [], 365, [1, 2], {}
        self.loads = [("till", "1"), ("shop", "1")]

    def rows(self):
        """As the models value them, with scores that only the cuts move."""
        begun, bought = D - self.window * DAY, {}
        for name, (_, person, is_valid, is_known, due, reporting, day) in self.orders.items():
            back = [cells for cells in self.refunds.values() if cells[0] == name and cells[5] <= D]
            left = Decimal(due) - sum(Decimal(cells[3]) for cells in back)
            if is_valid and is_known and person and begun < day <= D and (left > 0 or due == "0"):
                worth = Decimal(reporting) - sum(Decimal(cells[4]) for cells in back)
                bought.setdefault(person, []).append((day, worth))
        for _, person, status, _, reporting, day in self.refunds.values():
            if status == "unlinked" and person in bought and begun < day <= D:
                bought[person].append((date.min, -Decimal(reporting)))
        for person, found in bought.items():
            values = (D - max(found)[0]).days, sum(day > date.min for day, _ in found), sum(worth for _, worth in found)
            *scores, segment = self.scores.get(person, (3, 3, 3, "loyal"))
            yield person, *values, *scores, segment

    def write(self, db, when):
        given = {
            "orders": [(name, *cells) for name, cells in self.orders.items()],
            "refunds": [(name, *cells) for name, cells in self.refunds.items()],
            "ids": self.ids, "config": [(self.window,)], "loads": self.loads, "rows": list(self.rows()),
            "scales": [(True, 3, "right", self.cuts)],
        }  # fmt: skip
        for table, columns in TABLES.items():
            db.execute(f"create table {table}_{when} ({columns})")
            for row in given[table]:
                db.execute(f"insert into {table}_{when} values ({', '.join('?' * len(row))})", list(row))


def named(change, changed=()):
    """Person → causes, once the state has changed."""
    then, now = State(), State()
    change(now)
    with duckdb.connect() as db:
        then.write(db, "then")
        now.write(db, "now")
        return {found.customer_id: found.causes for found in differences(db, D, changed)}


def a_load(state, source="till"):
    state.loads.append((source, "2"))


def test_nothing_differs_where_nothing_changed():
    assert named(lambda state: None, {"rfm_config.csv", "order_rules.csv", "settings"}) == {}


def arrives(state):
    a_load(state)
    state.orders["a3"] = ["till", "ann", True, True, "7", "56", D - 9 * DAY]


def is_paid(state):
    a_load(state, "shop")
    state.orders["e2"][2] = True


def is_rewritten(state):
    state.orders["b1"][4:6] = ["31", "31"]


def is_withdrawn(state):
    del state.orders["a1"]


@pytest.mark.parametrize(
    ("change", "person"), [(arrives, "ann"), (is_paid, "eve"), (is_rewritten, "ben"), (is_withdrawn, "ann")]
)
def test_a_record_that_came_late_or_changed_or_went(change, person):
    assert named(change) == {person: ("late_record",)}


def is_given_back(state):
    state.refunds["r3"] = ["b1", "ben", "counted", "30", "30", D]


def is_voided(state):
    state.orders["e1"][2] = False
    state.refunds["r3"] = ["e1", "eve", "counted", "40", "40", D]


def is_returned_without_an_order(state):
    state.refunds["r3"] = [None, "eve", "unlinked", "2", "2", D]


def is_linked(state):
    state.refunds["r2"] = ["b1", "ben", "counted", "3", "3", D]
    state.refunds["r2"][5] = D + DAY


@pytest.mark.parametrize(
    ("change", "person"),
    [(is_given_back, "ben"), (is_voided, "eve"), (is_returned_without_an_order, "eve"), (is_linked, "ben")],
)
def test_money_that_came_back(change, person):
    assert named(change) == {person: ("refund",)}


def test_what_comes_back_after_the_day_is_no_difference_of_it():
    def later(state):
        state.refunds["r3"] = ["b1", "ben", "counted", "30", "30", D + DAY]

    assert named(later) == {}


def test_two_who_are_one():
    def merge(state):
        state.orders["b1"][1] = state.refunds["r2"][1] = "ann"
        state.ids.append(("ben", "ann", "merged"))

    assert named(merge) == {"ann": ("identity",), "ben": ("identity",)}


def test_a_return_that_is_somebody_elses():
    def move(state):
        state.refunds["r2"][1] = "eve"

    assert named(move) == {"ben": ("identity",), "eve": ("identity",)}


def test_a_device_that_is_somebody_now():
    then, now = State(), State()
    then.orders["a1"][3] = False
    with duckdb.connect() as db:
        then.write(db, "then")
        now.write(db, "now")
        (found,) = differences(db, D, ())
    assert found.causes == ("identity",)
    assert "frequency 1 → 2" in found.line()


def another_rate(state):
    state.orders["a1"][5] = "90"


def another_rate_of_a_refund(state):
    state.refunds["r1"][4] = "44"


def another_rate_of_a_return(state):
    state.refunds["r2"][4] = "4"


@pytest.mark.parametrize(
    ("change", "person"),
    [(another_rate, "ann"), (another_rate_of_a_refund, "ann"), (another_rate_of_a_return, "ben")],
)
def test_the_same_money_at_another_rate(change, person):
    assert named(change) == {person: ("fx",)}
    assert named(change, {"settings"}) == {person: ("rule",)}


def test_a_person_who_is_erased():
    def erase(state):
        state.orders["a1"][1] = None
        del state.orders["a2"], state.refunds["r1"]
        state.ids.append(("ann", None, "erased"))

    assert named(erase) == {"ann": ("erasure",)}


def test_another_window_is_a_rule():
    def shorten(state):
        state.window = 30

    assert named(shorten, {"rfm_config.csv"}) == {"ann": ("rule",)}


def test_orders_that_another_rule_takes_or_leaves():
    """Where nothing arrived of their source it is the rule; where something did, it may be either."""
    assert named(lambda state: state.orders["e2"].__setitem__(2, True), {"order_rules.csv"}) == {"eve": ("rule",)}
    assert named(is_paid, {"order_rules.csv"}) == {"eve": ("late_record", "rule")}
    assert named(arrives, {"order_rules.csv"}) == {"ann": ("late_record",)}
    assert named(is_withdrawn, {"order_statuses.csv"}) == {"ann": ("rule",)}


def test_a_score_that_moves_with_nothing_of_its_person():
    def others_moved(state):
        state.cuts = [1, 3]
        state.scores["ben"] = (3, 3, 2, "at risk")

    assert named(others_moved) == {"ben": ("bins_moved",)}
    assert named(others_moved, {"rfm_thresholds.csv"}) == {"ben": ("rule",)}


def test_a_segment_alone_is_a_rule():
    def rename(state):
        state.scores["ben"] = (3, 3, 3, "friends")

    assert named(rename, {"rfm_segments.csv"}) == {"ben": ("rule",)}


def test_several_causes_are_all_named():
    def everything(state):
        arrives(state)
        another_rate(state)
        state.refunds["r3"] = ["a2", "ann", "counted", "1", "8", D]
        state.cuts = [1, 3]
        state.scores["ann"] = (2, 3, 2, "at risk")

    # The last order is the same, so its score moves with the bins alone.
    assert named(everything) == {"ann": ("late_record", "refund", "fx", "bins_moved")}


@pytest.mark.parametrize("scores", [(3, 3, 2, "loyal"), (3, 3, 3, "friends")])
def test_what_nothing_explains_has_no_cause(scores):
    """Scores or segments that are others without another bin, rule or value."""
    assert named(lambda state: state.scores.update(ben=scores)) == {"ben": ()}


def test_a_value_that_no_order_explains_has_no_cause():
    then, now = State(), State()
    with duckdb.connect() as db:
        then.write(db, "then")
        now.write(db, "now")
        db.execute("update rows_now set monetary = 1 where customer_id = 'ben'")
        db.execute("delete from rows_now where customer_id = 'eve'")
        found = differences(db, D, ())
    assert [(one.customer_id, one.causes) for one in found] == [("ben", ()), ("eve", ())]
    assert "no cause found" in found[0].line()
    assert "not there any more" in found[1].line()


def test_the_rows_are_compared_in_all_that_is_shown():
    assert {"segment", "recency_days", "frequency", "monetary", "r_score", "f_score", "m_score"} == {*SHOWN}


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.sampled_from("abcd"), st.integers(0, 50), st.integers(0, 30)),
        st.tuples(st.just("refund"), st.integers(0, 5), st.integers(0, 5), st.integers(1, 30)),
        st.tuples(st.just("return"), st.sampled_from("abcd"), st.integers(0, 50), st.integers(1, 30)),
        st.tuples(st.just("merge"), st.sampled_from("cd"), st.sampled_from("ab"), st.just(0)),
        st.tuples(st.just("rate"), st.integers(0, 5), st.just(0), st.integers(1, 3)),
    ),
    max_size=5,
)
AS_KEPT = {
    "orders": "select order_id, 's', customer_id, true, true, due_amount, due_amount_reporting, reporting_date"
    " from int_customers__valid_orders",
    "refunds": "select coalesce(order_id, customer_id) || row_number() over (), order_id, customer_id, status, amount,"
    " amount_reporting, reporting_date from refunds",
    "ids": "select retired_customer_id, customer_id, reason from customer_id_history",
    "config": "select window_days from rfm_config",
    "loads": "select 's', '1'",
    "rows": "select customer_id, recency_days, frequency, monetary, r_score, f_score, m_score, segment"
    " from customer_rfm where is_tonight",
    "scales": "select is_scored, bins, closed, recency_cuts || frequency_cuts || monetary_cuts"
    " from int_customers__rfm_scales where is_tonight",
}


@settings(max_examples=20, deadline=None)
@given(before=EVENTS, after=EVENTS)
def test_by_the_models_every_difference_has_a_cause(before, after):
    """Whatever happens between two computations of one day, with the warehouse's own values, cuts and segments."""
    people = People(as_of=D, min_people=2, window_days=40)
    people.order("first", "a", D)
    number = 0
    for when, events in (("then", before), ("now", after)):
        for kind, who, days, money in events:
            number += 1
            if kind == "order":
                people.order(f"o{number}", who, D - days * DAY, str(money))
            elif kind == "refund":
                people.refund(f"o{who}", D - days * DAY, str(money))
            elif kind == "return":
                people.give_back(who, D - days * DAY, str(money))
            elif kind == "merge":
                people.merge(who, days)
            else:
                people.db.execute(
                    "update int_customers__valid_orders set due_amount_reporting = due_amount * ? where order_id = ?",
                    [money, f"o{who}"],
                )
        people.db.execute("drop table if exists customer_rfm")
        people.publish(D, publish=False)
        for table, columns in TABLES.items():
            people.db.execute(f"create table {table}_{when} ({columns})")
            people.db.execute(f"insert into {table}_{when} {AS_KEPT[table]}")
    found = differences(people.db, D, ())
    assert [one.line() for one in found if not one.causes] == []
    values = "customer_id, recency_days, frequency, monetary, r_score, f_score, m_score, segment"
    then, now = (set(people.db.execute(f"select {values} from rows_{when}").fetchall()) for when in ("then", "now"))
    assert {one.customer_id for one in found} == {row[0] for row in then ^ now}
