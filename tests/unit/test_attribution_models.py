"""Paths and credits as the warehouse's own models make them, of touches and orders written down here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.unit.attribution_shop import DAY, NOON, Shop

MODELS = ("first", "last", "last_non_direct", "linear", "time_decay", "position_based", "markov", "shapley")
HALF = Decimal("0.5")


def test_the_plain_models_share_as_they_are_defined():
    shop = Shop()
    for name, channel, days in (("a", "paid_search", 14), ("b", "email", 7), ("c", "direct", 7), ("d", "direct", 0)):
        shop.touch(name, channel, NOON - days * DAY + (timedelta(seconds=1) if name == "c" else timedelta()))
    shop.order("o", NOON, "0.05")
    shop.night()
    assert shop.parts("o", "first") == {"a": (1, Decimal("0.05"))}
    assert shop.parts("o", "last") == {"d": (1, Decimal("0.05"))}
    assert shop.parts("o", "last_non_direct") == {"b": (1, Decimal("0.05"))}
    quarter = Decimal("0.25")
    # Five fen among four: the first of equal remainders has the fifth.
    assert shop.parts("o", "linear") == {
        "a": (quarter, Decimal("0.02")), "b": (quarter, Decimal("0.01")), "c": (quarter, Decimal("0.01")),
        "d": (quarter, Decimal("0.01")),
    }  # fmt: skip
    assert shop.credit("o", "position_based") == {
        "a": Decimal("0.4"), "b": Decimal("0.1"), "c": Decimal("0.1"), "d": Decimal("0.4"),
    }  # fmt: skip
    decayed = shop.credit("o", "time_decay")
    # 1/4 : 1/2 : a little more than 1/2 : 1.
    assert decayed["d"] / decayed["a"] == pytest.approx(4, abs=1e-5)
    assert decayed["b"] < decayed["c"] < decayed["b"] + Decimal("0.00001")
    assert sum(decayed.values()) == 1


def test_two_touches_share_by_halves_and_three_by_forty_twenty_forty():
    shop = Shop()
    shop.touch("a", "email", NOON - 2 * DAY)
    shop.touch("b", "sms", NOON - DAY)
    shop.order("o", NOON)
    assert shop.night().credit("o", "position_based") == {"a": HALF, "b": HALF}
    shop.touch("c", "push", NOON)
    assert shop.night().credit("o", "position_based") == {
        "a": Decimal("0.4"), "b": Decimal("0.2"), "c": Decimal("0.4"),
    }  # fmt: skip


def test_a_path_begins_after_its_bound_and_ends_with_the_order():
    shop = Shop()
    shop.touch("too early", "email", NOON - 30 * DAY)
    shop.touch("just in time", "email", NOON - 30 * DAY + timedelta(microseconds=1))
    shop.touch("with the order", "sms", NOON)
    shop.touch("after it", "sms", NOON + timedelta(microseconds=1))
    shop.order("o", NOON)
    assert set(shop.night().credit("o", "linear")) == {"just in time", "with the order"}


def test_a_touch_is_credited_for_the_next_order_only():
    shop = Shop()
    shop.touch("a", "email", NOON - DAY)
    shop.touch("b", "sms", NOON)
    shop.touch("c", "push", NOON + timedelta(microseconds=1))
    shop.order("first", NOON)
    shop.order("void", NOON + timedelta(hours=1), is_valid=False)
    shop.order("second", NOON + DAY)
    shop.night()
    assert set(shop.credit("first", "linear")) == {"a", "b"}
    assert set(shop.credit("second", "linear")) == {"c"}
    assert shop.credit("void", "linear") == {}


def test_of_orders_at_one_instant_the_first_has_the_path():
    shop = Shop()
    shop.touch("a", "email", NOON - DAY)
    shop.order("x", NOON)
    shop.order("y", NOON)
    shop.night()
    for model in MODELS:
        assert shop.credit("x", model) == {"a": 1}
        assert shop.credit("y", model) == {"none:y": 1}


@pytest.mark.parametrize("customer", [None, "bob"])
def test_an_order_that_nothing_led_to_has_one_row_in_every_model(customer: str | None):
    shop = Shop()
    shop.touch("a", "email", NOON - DAY)
    shop.order("o", NOON, customer=customer)
    shop.night()
    assert shop.rows("attribution", "model, touchpoint_id, channel, credit, revenue_reporting, position, path_length") \
        == sorted((model, "none:o", "(none)", 1, 10, None, 0) for model in MODELS)  # fmt: skip


def test_a_free_order_is_credited_and_earns_nothing():
    shop = Shop()
    shop.touch("a", "email", NOON - DAY)
    shop.touch("b", "sms", NOON)
    shop.order("o", NOON, "0")
    shop.night()
    for model in MODELS:
        assert sum(credit for credit, _ in shop.parts("o", model).values()) == 1
        assert {revenue for _, revenue in shop.parts("o", model).values()} == {0}


def test_an_order_without_a_rate_has_credits_and_no_revenue():
    shop = Shop()
    shop.touch("a", "email", NOON - DAY)
    shop.touch("b", "sms", NOON)
    shop.order("o", NOON, None)
    shop.night()
    for model in MODELS:
        assert sum(credit for credit, _ in shop.parts("o", model).values()) == 1
        assert {revenue for _, revenue in shop.parts("o", model).values()} == {None}


def test_a_negative_amount_is_shared_with_its_sign():
    shop = Shop()
    for name, days in (("a", 3), ("b", 2), ("c", 1)):
        shop.touch(name, name, NOON - days * DAY)
    shop.order("o", NOON, "-0.02")
    assert shop.night().parts("o", "linear") == {
        "a": (Decimal("0.333333333334"), Decimal("-0.01")),
        "b": (Decimal("0.333333333333"), Decimal("-0.01")),
        "c": (Decimal("0.333333333333"), Decimal("0")),
    }


def test_where_no_channel_of_a_path_is_worth_anything_they_share_equally():
    """A and B alone, or together, hardly ever lead to an order and C alone always does: both are worth less than 0."""
    shop = Shop()
    for number in range(6):
        shop.touch(f"a{number}", "A", NOON - DAY, customer=f"only a {number}")
        shop.touch(f"b{number}", "B", NOON - DAY, customer=f"only b {number}")
        shop.touch(f"c{number}", "C", NOON - DAY, customer=f"only c {number}")
        shop.order(f"of c{number}", NOON, customer=f"only c {number}")
        for channel in "AB":
            shop.touch(f"ab{number}{channel}", channel, NOON - DAY, customer=f"both {number}")
    shop.order("o", NOON, customer="both 0")
    shop.night()
    worth = dict(shop.rows("(from attribution_channel_weights where model = 'shapley')", "channel, weight"))
    assert worth["A"] == worth["B"] == 0 < worth["C"]
    assert shop.credit("o", "shapley") == {"ab0A": HALF, "ab0B": HALF}


def test_a_channel_shares_equally_among_its_touches():
    shop = Shop()
    for name, channel, days in (("a", "A", 3), ("b", "B", 2), ("c", "A", 1)):
        shop.touch(name, channel, NOON - days * DAY)
    shop.order("o", NOON)
    shop.night()
    # The only path is A B A. Markov: without A nothing is left, without B the half that does not leave A for B.
    third = Decimal("0.333333333333")
    assert shop.credit("o", "markov") == {"a": third + Decimal("1e-12"), "b": third, "c": third}
    # Shapley: neither converts alone, both do together: 1/2 to 1/2.
    quarter = Decimal("0.25")
    assert shop.credit("o", "shapley") == {"a": quarter, "b": HALF, "c": quarter}


def test_a_channel_beyond_the_limit_is_credited_as_one_of_the_others():
    shop = Shop(config="30,7,1,false,")
    for name, channel, days in (("a", "A", 4), ("b", "B", 3), ("c", "A", 2), ("d", "C", 1)):
        shop.touch(name, channel, NOON - days * DAY)
    shop.order("o", NOON)
    shop.night()
    quarter = Decimal("0.25")
    assert shop.credit("o", "markov") == dict.fromkeys("abcd", quarter)
    assert dict(shop.rows("attribution", "touchpoint_id, channel"))["b"] == "B"


def test_repeats_may_be_collapsed():
    shop = Shop(config="30,7,11,true,")
    for name, channel, days in (("a", "A", 5), ("b", "A", 4), ("c", "B", 3), ("d", "A", 2), ("e", "A", 1)):
        shop.touch(name, channel, NOON - days * DAY)
    shop.order("o", NOON)
    assert set(shop.night().credit("o", "linear")) == {"a", "c", "d"}


def test_touches_of_one_exposure_may_count_once():
    shop = Shop(config="30,7,11,false,1.5")
    for name, channel, hours in (("a", "A", 100), ("b", "B", 90), ("c", "A", 64), ("d", "A", 27)):
        shop.touch(name, channel, NOON - timedelta(hours=hours))
    shop.order("o", NOON)
    # 36 hours after a, c is the same exposure though b came between; 37 hours after c, d is another.
    assert set(shop.night().credit("o", "linear")) == {"a", "b", "d"}


def test_a_run_of_touches_counts_once_it_can_lead_to_no_order():
    shop = Shop(as_of=NOON + 30 * DAY - timedelta(microseconds=1))
    shop.touch("a", "A", NOON - 40 * DAY)
    shop.touch("b", "B", NOON - 10 * DAY)
    shop.touch("c", "A", NOON)
    shop.night()
    assert shop.rows("int_attribution__path_counts", "*") == []
    shop.as_of = NOON + 30 * DAY
    shop.night()
    # One run: thirty days are no gap.
    assert [row[1:] for row in shop.rows("int_attribution__path_counts", "*")] == [(["A", "B", "A"], 0, 1)]
    shop.touch("a", "A", NOON - 40 * DAY - timedelta(microseconds=1))
    shop.night()
    assert [row[1:] for row in shop.rows("int_attribution__path_counts", "*")] == [(["A"], 0, 1), (["B", "A"], 0, 1)]


def test_a_month_begins_at_midnight_in_the_reporting_zone():
    shop = Shop()
    shop.touch("a", "A", datetime(2026, 4, 30, 15, tzinfo=UTC))
    shop.order("april", datetime(2026, 4, 30, 15, 59, 59, tzinfo=UTC))
    shop.order("may", datetime(2026, 4, 30, 16, tzinfo=UTC))
    shop.night()
    assert {(order, str(month)) for order, month in shop.rows("attribution", "order_id, month")} == {
        ("april", "2026-04-01"), ("may", "2026-05-01"),
    }  # fmt: skip


def test_cost_and_sales_meet_by_campaign_and_neither_is_lost():
    shop = Shop()
    click = {"touchpoint_type": "ad_click", "platform": "google_ads"}
    shop.touch("a", "paid_search", NOON - DAY, campaign="Brand", **click)
    shop.order("o", NOON, "30")
    shop.order("again", NOON + 40 * DAY, "5")
    shop.order("unknown", NOON, "7", customer=None)
    shop.as_of = NOON + 365 * DAY
    shop.db.execute(
        "insert into ad_performance values ('google_ads', 'Brand', 10, '2026-05-01'),"
        " ('google_ads', 'Brand', 2.5, '2026-05-31'), ('tv', 'Idle', 4, '2026-05-02')"
    )
    shop.night()
    found = shop.db.execute(
        "select channel, platform, campaign, cost, attributed_revenue, attributed_orders, new_customers, cac, roas,"
        " repeat_rate from channel_roi where model = 'markov' order by all"
    ).fetchall()
    nothing = ("(none)", "(none)", "(none)")
    assert found == [
        (*nothing, 0, 5, 1, 0, None, None, None),
        (*nothing, 0, 7, 1, 0, None, None, None),
        ("paid_other", "tv", "Idle", 4, 0, 0, 0, None, 0, None),
        ("paid_search", "google_ads", "Brand", Decimal("12.5"), 30, 1, 1, Decimal("12.5"), Decimal("2.4"), 1),
    ]
