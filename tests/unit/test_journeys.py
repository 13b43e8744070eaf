"""Runs through journeys: the models against the written definition, and the cases that a definition has to decide."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.config import PROJECT
from dagster_project.rule_files import check_journeys
from tests.unit.journey_models import JOURNEY, Journeys
from tests.unit.journeys_by_definition import ORDER_OF_TYPES, funnel, read_rules, walk

START = datetime(2026, 3, 1, tzinfo=UTC)
SHIPPED = list(csv.DictReader((PROJECT / "seeds" / "journeys.csv").open(encoding="utf-8")))
Rows = list[dict[str, Any]]


def line(journey: str, step: int, types: str, **cells: str) -> dict[str, Any]:
    """A line of journeys.csv; the step is named after its number."""
    return dict.fromkeys(JOURNEY, "") | {
        "journey": journey, "step": step, "step_name": f"s{step}", "touchpoint_types": types, **cells,
    }  # fmt: skip


def history(*moments: tuple[str, str, float], **cells: Any) -> tuple[Rows, Rows]:
    """Touches, and the orders among them, of (customer, type, hours); an order is valid and numbered in time."""
    touches, orders = [], []
    for number, (customer, kind, hours) in enumerate(moments):
        at = START + timedelta(hours=hours)
        order = f"o{number:03}" if kind == "order" else None
        touches.append({
            "touchpoint_id": f"t{number:03}", "customer_id": customer, "touchpoint_type": kind, "channel": "web",
            "source_system": "s", "source_record_id": f"{number:03}", "order_id": order, "is_eligible": True,
            "occurred_at": at, **cells,
        })  # fmt: skip
        if order:
            orders.append({"order_id": order, "customer_id": customer, "customer_order_number": 0, "ordered_at": at})
    for customer in {order["customer_id"] for order in orders}:
        theirs = [order for order in orders if order["customer_id"] == customer]
        for rank, order in enumerate(sorted(theirs, key=lambda order: order["ordered_at"]), start=1):
            order["customer_order_number"] = rank
    return touches, orders


def told(rows: Rows) -> list[tuple[Any, ...]]:
    """Run, step, touch, whether in time, and what became of the run."""
    return [
        (row["run_number"], row["step_number"], row["touchpoint_id"], row["is_in_time"], row["run_status"])
        for row in sorted(rows, key=lambda row: (row["run_number"], row["occurred_at"], row["step_number"]))
    ]


def ran(rules: Sequence[dict[str, Any]], *moments: tuple[str, str, float], days: float = 100) -> list[tuple[Any, ...]]:
    """The steps of one person's history, as of so many days after its beginning."""
    touches, orders = history(*moments)
    as_of = START + timedelta(days=days)
    rows = Journeys(rules).night(touches, orders, as_of)
    _same(rows, walk(read_rules(rules), touches, orders, as_of))
    return told(rows)


def _same(found: Rows, ours: Rows) -> None:
    def by_step(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["customer_id"], row["journey"], row["run_number"], row["step_number"]

    assert sorted(found, key=by_step) == sorted(ours, key=by_step)


TWO = [line("j", 1, "ad_click"), line("j", 2, "order", within="1d")]


def test_a_step_exactly_at_its_limit_is_in_time_and_a_second_later_is_late():
    assert ran(TWO, ("a", "ad_click", 0), ("a", "order", 24)) == [
        (1, 1, "t000", True, "completed"), (1, 2, "t001", True, "completed"),
    ]  # fmt: skip
    assert ran(TWO, ("a", "ad_click", 0), ("a", "order", 24 + 1 / 3600)) == [
        (1, 1, "t000", True, "left"), (1, 2, "t001", False, "left"),
    ]  # fmt: skip


def test_a_run_is_open_until_its_time_has_passed():
    for days, status in ((0.5, "open"), (1, "open"), (1.00001, "left")):
        assert ran(TWO, ("a", "ad_click", 0), days=days) == [(1, 1, "t000", True, status)]


def test_what_lies_after_the_as_of_has_not_happened():
    assert ran(TWO, ("a", "ad_click", 0), ("a", "order", 20), days=0.5) == [(1, 1, "t000", True, "open")]


def test_touches_of_one_instant_go_in_the_order_of_a_visit():
    assert ran(TWO, ("a", "order", 5), ("a", "ad_click", 5)) == [
        (1, 1, "t001", True, "completed"), (1, 2, "t000", True, "completed"),
    ]  # fmt: skip
    back = [line("j", 1, "order"), line("j", 2, "ad_click", within="1d")]
    assert ran(back, ("a", "order", 5), ("a", "ad_click", 5)) == [(1, 1, "t000", True, "left")]
    same = [line("j", 1, "page_view"), line("j", 2, "page_view", within="1h")]
    assert ran(same, ("a", "page_view", 5), ("a", "page_view", 5)) == [
        (1, 1, "t000", True, "completed"), (1, 2, "t001", True, "completed"),
        (2, 1, "t001", True, "left"),
    ]  # fmt: skip


def test_each_touch_of_a_journey_of_one_step_is_a_run():
    assert ran([line("j", 1, "review")], ("a", "review", 1), ("a", "order", 2), ("a", "review", 3)) == [
        (1, 1, "t000", True, "completed"), (2, 1, "t002", True, "completed"),
    ]  # fmt: skip


def test_nobody_is_in_two_runs_at_once_and_everybody_may_come_again():
    assert ran(
        TWO, ("a", "ad_click", 0), ("a", "ad_click", 9),
        ("a", "ad_click", 25), ("a", "order", 26), ("a", "ad_click", 29),
    ) == [
        (1, 1, "t000", True, "left"),
        (2, 1, "t002", True, "completed"), (2, 2, "t003", True, "completed"),
        (3, 1, "t004", True, "left"),
    ]  # fmt: skip


def test_an_optional_step_is_passed_over_once_the_next_one_comes():
    rules = [
        line("j", 1, "ad_click"), line("j", 2, "sign_up", within="1d", is_optional="y"),
        line("j", 3, "order", within="1d"),
    ]  # fmt: skip
    assert [step for _, step, *_ in ran(rules, ("a", "ad_click", 0), ("a", "order", 2), ("a", "sign_up", 3))] == [1, 3]
    assert [step for _, step, *_ in ran(rules, ("a", "ad_click", 0), ("a", "sign_up", 20), ("a", "order", 40))] == [
        1,
        2,
        3,
    ]


def test_what_ends_a_journey_ends_it_before_the_step_and_not_after():
    rules = [line("j", 1, "add_to_cart"), line("j", 2, "page_view", within="1d", ended_by="order")]
    assert ran(rules, ("a", "add_to_cart", 0), ("a", "order", 1), ("a", "page_view", 2)) == [
        (1, 1, "t000", True, "ended")
    ]
    assert ran(rules, ("a", "add_to_cart", 0), ("a", "page_view", 1), ("a", "order", 2))[-1][-1] == "completed"
    # Once the time has passed nothing is left to be ended.
    assert ran(rules, ("a", "add_to_cart", 0), ("a", "order", 30)) == [(1, 1, "t000", True, "left")]


def test_orders_before_make_the_first_order_the_first_and_an_old_customer_not_new():
    rules = [line("j", 1, "ad_click", orders_before="0"), line("j", 2, "order", within="9d", orders_before="0")]
    moments = (("a", "ad_click", 0), ("a", "order", 2), ("a", "ad_click", 3), ("a", "order", 4))
    assert ran(rules, *moments) == [(1, 1, "t000", True, "completed"), (1, 2, "t001", True, "completed")]
    again = [line("j", 1, "order", orders_before="1+")]
    assert ran(again, *moments, ("a", "order", 5)) == [
        (1, 1, "t003", True, "completed"),
        (2, 1, "t004", True, "completed"),
    ]


def test_an_order_that_is_not_valid_makes_no_step():
    touches, orders = history(("a", "ad_click", 0), ("a", "order", 1))
    orders[0]["customer_order_number"] = None
    assert told(Journeys(TWO).night(touches, orders, START + timedelta(days=9))) == [(1, 1, "t000", True, "left")]


def test_channel_and_eligibility_are_asked_for():
    rules = [line("j", 1, "page_view", channels="email|sms", only_eligible="y")]
    for cells, runs in (
        ({"channel": "sms"}, 1),
        ({"channel": "web"}, 0),
        ({"channel": "sms", "is_eligible": False}, 0),
    ):
        touches, orders = history(("a", "page_view", 0), **cells)
        assert len(Journeys(rules).night(touches, orders, START + timedelta(days=9))) == runs


def test_two_people_who_turn_out_to_be_one_have_one_history():
    two, orders = history(("a", "ad_click", 0), ("b", "order", 5), ("c", "ad_click", 1))
    as_of = START + timedelta(days=9)
    journeys = Journeys(TWO)
    journeys.night(two, orders, as_of)
    untouched = journeys.warehouse.execute(
        "select _loaded_at from marts.journey_steps where customer_id = 'c'"
    ).fetchall()
    one = [{**touch, "customer_id": "b" if touch["customer_id"] == "a" else touch["customer_id"]} for touch in two]
    rows = journeys.night(one, orders, as_of)
    assert {(row["customer_id"], row["step_number"], row["run_status"]) for row in rows} == {
        ("b", 1, "completed"), ("b", 2, "completed"), ("c", 1, "left"),
    }  # fmt: skip
    assert (
        untouched
        == journeys.warehouse.execute("select _loaded_at from marts.journey_steps where customer_id = 'c'").fetchall()
    )


def test_without_touches_or_without_journeys_the_tables_are_empty():
    for rules, touches in ((SHIPPED, []), ([], history(("a", "order", 0))[0])):
        journeys = Journeys(rules)
        assert journeys.night(touches, [], START) == []
        assert journeys.rows("marts.journey_funnel") == []


KINDS = ("ad_click", "page_view", "sign_up", "add_to_cart", "order", "ticket_opened", "message_sent", "wifi")
MOMENT = st.tuples(
    st.sampled_from("ab"), st.sampled_from(KINDS), st.sampled_from([0, 1, 2, 3, 23, 24, 25, 47, 48, 49, 71])
)
RULES = [
    line("plain", 1, "ad_click|wifi"), line("plain", 2, "page_view", within="1d"),
    line("plain", 3, "order", within="1d"),
    line("loop", 1, "order"), line("loop", 2, "ticket_opened", within="23h", ended_by="order"),
    line("loop", 3, "order", within="1d"),
    line("options", 1, "ad_click", orders_before="0"),
    line("options", 2, "page_view", within="1h", is_optional="y"),
    line("options", 3, "sign_up|page_view", within="1d", is_optional="y"),
    line("options", 4, "order", within="1d", ended_by="ticket_opened"),
    line("options", 5, "message_sent", within="90m", is_optional="y"),
    line("options", 6, "order|wifi", within="2h", ended_by="message_sent|order"),
    line("single", 1, "add_to_cart|page_view"),
]  # fmt: skip
patient = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@patient
@given(st.lists(MOMENT, max_size=24), st.integers(0, 80))
def test_the_models_are_the_definition(moments, hours):
    touches, orders = history(*moments)
    as_of = START + timedelta(hours=hours)
    journeys = Journeys(RULES)
    rows = journeys.night(touches, orders, as_of)
    ours = walk(read_rules(RULES), touches, orders, as_of)
    assert len(rows) == len(ours)
    _same(rows, ours)
    counted = funnel(read_rules(RULES), ours, "Asia/Shanghai")
    shown = {(row["journey"], row["period"], row["step_number"]): row for row in journeys.rows("marts.journey_funnel")}
    assert shown.keys() == counted.keys()
    for key, cell in counted.items():
        assert cell == {name: shown[key][name] for name in cell}, key


@patient
@given(
    st.lists(st.tuples(MOMENT, st.integers(1, 3), st.integers(1, 4)), max_size=16),
    st.lists(st.integers(0, 80), min_size=3, max_size=3),
)
def test_many_nights_are_one_rebuild(moments, hours):
    """Touches arrive, late or not, vanish again, and turn out to be another person's; the as-of may also go back."""
    journeys = Journeys(RULES)
    for night, as_of in enumerate(hours, start=1):
        here = [
            ("a" if night == 3 and hour in (1, 24) else customer, kind, hour)
            for (customer, kind, hour), first, last in moments
            if first <= night <= last
        ]
        rows = journeys.night(*history(*here), START + timedelta(hours=as_of))
        fresh = Journeys(RULES).night(*history(*here), START + timedelta(hours=as_of), rebuild=True)
        assert rows == fresh


def test_the_shipped_journeys_run_through():
    moments = [
        ("a", "ad_click", 0), ("a", "page_view", 0.1), ("a", "sign_up", 1), ("a", "order", 30),
        ("a", "ticket_opened", 40), ("a", "ticket_solved", 50), ("a", "add_to_cart", 60), ("a", "page_view", 80),
        ("a", "order", 90),
    ]  # fmt: skip
    touches, orders = history(*moments)
    rows = Journeys(SHIPPED).night(touches, orders, START + timedelta(days=30))
    done = {row["journey"] for row in rows if row["run_status"] == "completed"}
    assert done == {"new_customer", "cart_recovery", "after_sales"}
    assert {row["step_name"] for row in rows if row["journey"] == "new_customer"} == {
        "ad", "visit", "sign_up", "first_order", "second_order",
    }  # fmt: skip


def test_the_example_in_the_docs_is_a_journey(tmp_path):
    (example,) = re.findall(r"```\n(journey,.*?)```", (PROJECT / "docs" / "journeys.md").read_text("utf-8"), re.S)
    (tmp_path / "journeys.csv").write_text(example, encoding="utf-8")
    check_journeys(tmp_path / "journeys.csv", PROJECT / "seeds" / "export_words.csv")


def test_every_type_has_its_place_in_an_instant():
    """Each person's two touches of one instant come in the order of their types, whatever their ids."""
    kinds = "|".join(ORDER_OF_TYPES)
    rules = [line("j", 1, kinds), line("j", 2, kinds, within="1h")]
    moments = [(f"{place:02}", name, 0) for place, kind in enumerate(ORDER_OF_TYPES) for name in ("page_view", kind)]
    touches, orders = history(*moments)
    rows = Journeys(rules).night(touches, orders, START + timedelta(days=1))
    _same(rows, walk(read_rules(rules), touches, orders, START + timedelta(days=1)))
    firsts = {
        row["customer_id"]: row["touchpoint_id"] for row in rows if (row["run_number"], row["step_number"]) == (1, 1)
    }
    page = ORDER_OF_TYPES.index("page_view")
    assert firsts == {f"{place:02}": f"t{2 * place + (place < page):03}" for place in range(len(ORDER_OF_TYPES))}
