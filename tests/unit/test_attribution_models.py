"""Paths and credits as the warehouse's own models make them, of touches and orders written down here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rendered import Models
from tests.integration.recompute_attribution import credits, fitted_weights, paths

SEEDS = Path(__file__).parents[2] / "seeds"
MODELS = ("first", "last", "last_non_direct", "linear", "time_decay", "position_based", "markov", "shapley")
BUILT = (
    *("int_attribution__people", "int_attribution__touches", "int_attribution__paths", "int_attribution__path_counts"),
    *("int_attribution__weights", "attribution_channel_weights", "int_attribution__states", "attribution"),
    "channel_roi",
)
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HALF = Decimal("0.5")


class Shop:
    """A warehouse with the tables that attribution reads, and nothing else."""

    def __init__(self, config="30,7,11,false,", as_of=NOON + 90 * DAY):
        self.db = duckdb.connect(config={"threads": 1})
        self.models = Models(self.db)
        for name in ("channels", "currencies"):
            self.db.execute(f"create table {name} as from read_csv('{SEEDS / name}.csv', header = true)")
        self.db.execute(
            "create table attribution_config (lookback_days integer, half_life_days decimal(9, 3),"
            " max_channels integer, collapse_repeats boolean, exposure_window_days decimal(9, 3))"
        )
        self.db.execute("create table run_parameters (as_of timestamptz)")
        self.db.execute(
            "create table touchpoints (touchpoint_id varchar, customer_id varchar, touchpoint_type varchar,"
            " channel varchar, platform varchar, campaign varchar, source_system varchar, source_record_id varchar,"
            " is_eligible boolean, is_direct boolean, occurred_at timestamptz, _fingerprint ubigint)"
        )
        self.db.execute(
            "create table orders (order_id varchar, customer_id varchar, net_amount_reporting decimal(18, 3),"
            " is_valid boolean, customer_order_number integer, is_first_order boolean, ordered_at timestamptz)"
        )
        self.db.execute(
            "create table ad_performance (platform varchar, campaign varchar, cost_reporting decimal(18, 3), date date)"
        )
        self.touches, self.orders = {}, {}
        self.as_of = as_of
        self.configure(config)

    def configure(self, line):
        cells = [cell or None for cell in line.split(",")]
        self.db.execute("delete from attribution_config")
        self.db.execute("insert into attribution_config values (?, ?, ?, ?, ?)", cells)

    def touch(self, name, channel, at, customer="ann", **other):
        """A touch; its platform is the campaign's, and both may be left out."""
        self.touches[name] = {
            "touchpoint_id": name, "customer_id": customer, "touchpoint_type": "page_view", "channel": channel,
            "platform": None, "campaign": None, "source_system": "events", "source_record_id": name,
            "is_eligible": True, "is_direct": channel == "direct", "occurred_at": at, **other,
        }  # fmt: skip

    def order(self, name, at, net="10", customer="ann", is_valid=True):
        self.orders[name] = {
            "order_id": name, "customer_id": customer, "net_amount_reporting": None if net is None else Decimal(net),
            "is_valid": is_valid, "customer_order_number": None, "is_first_order": None, "ordered_at": at,
        }  # fmt: skip

    def numbered(self):
        """The orders with their numbers, by time and then name."""
        numbers = {}
        for order in sorted(self.orders.values(), key=lambda order: (order["ordered_at"], order["order_id"])):
            known = order["is_valid"] and order["customer_id"] is not None
            if known:
                numbers[order["customer_id"]] = numbers.get(order["customer_id"], 0) + 1
            order["customer_order_number"] = numbers[order["customer_id"]] if known else None
            order["is_first_order"] = order["customer_order_number"] == 1 if known else None
        return list(self.orders.values())

    def night(self):
        """Write tonight's tables and build the models upon what earlier nights built."""
        self.db.execute("delete from run_parameters")
        self.db.execute("insert into run_parameters values (?)", [self.as_of])
        self.db.execute("delete from touchpoints")
        if self.touches:
            self.db.executemany(
                f"insert into touchpoints values ({', '.join('?' * 11)}, hash({', '.join('?' * 11)}))",
                [[*touch.values(), *touch.values()] for touch in self.touches.values()],
            )
        self.db.execute("delete from orders")
        if self.orders:
            self.db.executemany(
                f"insert into orders values ({', '.join('?' * 7)})", [[*order.values()] for order in self.numbered()]
            )
        for model in BUILT:
            self.models.build(model)
        return self

    def rows(self, table, columns="* exclude (_loaded_at, _fingerprint)"):
        return self.db.execute(f"select {columns} from {table} order by all").fetchall()

    def parts(self, order, model):
        """touch → (credit, revenue)."""
        return {
            touch: (credit, revenue)
            for touch, credit, revenue in self.db.execute(
                "select touchpoint_id, credit, revenue_reporting from attribution where order_id = ? and model = ?",
                [order, model],
            ).fetchall()
        }

    def credit(self, order, model):
        return {touch: credit for touch, (credit, _) in self.parts(order, model).items()}


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


def full(shop):
    """What the same tables make when they are built for the first time."""
    anew = Shop(as_of=shop.as_of)
    anew.configure(
        ",".join("" if cell is None else str(cell).lower() for cell in shop.rows("attribution_config", "*")[0])
    )
    anew.touches, anew.orders = shop.touches, shop.orders
    return anew.night()


def assert_as_built_anew(shop):
    anew = full(shop)
    for table in ("int_attribution__touches", "int_attribution__paths", "attribution"):
        columns = "* exclude (_fingerprint)" if table != "attribution" else "* exclude (_fingerprint, _loaded_at)"
        assert shop.rows(table, columns) == anew.rows(table, columns), table
    assert shop.rows("channel_roi", "*") == anew.rows("channel_roi", "*")


def written(shop):
    """(order, is fitted) → when its rows were written."""
    return {
        (order, fitted): at
        for order, fitted, at in shop.rows("attribution", "distinct order_id, is_fitted, _loaded_at")
    }


@pytest.fixture
def two_people():
    """Ann has two channels before her order of May; so has Bob, whose second device is still somebody else."""
    shop = Shop()
    for person in ("ann", "bob"):
        shop.touch(f"{person} 1", "A", NOON - 3 * DAY, customer=person)
        shop.touch(f"{person} 2", "B", NOON - 2 * DAY, customer=person)
        shop.order(person, NOON, customer=person)
    shop.touch("device 1", "C", NOON - DAY, customer="device")
    shop.touch("carl 1", "A", NOON - 63 * DAY, customer="carl")
    shop.touch("carl 2", "B", NOON - 62 * DAY, customer="carl")
    shop.order("carl", NOON - 60 * DAY, customer="carl")
    return shop.night()


def changed(shop, before):
    after = written(shop)
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_a_merge_restates_the_person_and_the_month(two_people: Shop):
    before = written(two_people)
    two_people.touch("device 1", "C", NOON - DAY, customer="bob")
    two_people.night()
    assert set(two_people.credit("bob", "linear")) == {"bob 1", "bob 2", "device 1"}
    # May's weights moved, and with them Ann's order by the fitted models; March's did not.
    assert changed(two_people, before) == {("bob", False), ("bob", True), ("ann", True)}
    assert_as_built_anew(two_people)


def test_a_late_refund_restates_one_order(two_people: Shop):
    before = written(two_people)
    two_people.order("carl", NOON - 60 * DAY, "3", customer="carl")
    two_people.night()
    assert changed(two_people, before) == {("carl", False), ("carl", True)}
    assert_as_built_anew(two_people)


def test_a_night_with_nothing_new_writes_nothing(two_people: Shop):
    before = written(two_people)
    two_people.night()
    assert changed(two_people, before) == set()


def test_other_settings_restate_what_they_decide(two_people: Shop):
    before = written(two_people)
    two_people.configure("30,3.5,11,false,")
    two_people.night()
    assert changed(two_people, before) == {("ann", False), ("bob", False), ("carl", False)}
    two_people.configure("2,3.5,11,false,")
    two_people.night()
    assert two_people.credit("ann", "linear") == {"none:ann": 1}
    assert_as_built_anew(two_people)


TOUCHES = st.dictionaries(
    st.integers(0, 11),
    st.tuples(st.sampled_from("ABC"), st.integers(0, 100), st.sampled_from(["ann", "bob", None])),
    max_size=10,
)
ORDERS = st.dictionaries(
    st.integers(0, 5),
    st.tuples(st.integers(0, 100), st.sampled_from(["ann", "bob", None]), st.integers(0, 99), st.booleans()),
    max_size=5,
)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(TOUCHES, ORDERS), min_size=2, max_size=3))
def test_nights_are_a_rebuild_and_what_the_definitions_say(nights):
    """Touches and orders that come, go, move and change hands from night to night, at times that often meet."""
    shop = Shop()
    for number, (touches, orders) in enumerate(nights):
        shop.touches.clear()
        shop.orders.clear()
        for name, (channel, days, customer) in touches.items():
            shop.touch(f"t{name}", channel, NOON - days * DAY, customer=customer)
        for name, (days, customer, fen, is_valid) in orders.items():
            shop.order(f"o{name}", NOON - days * DAY, Decimal(fen) / 100, customer, is_valid)
        shop.as_of = NOON + number * DAY
        shop.night()
    assert_as_built_anew(shop)
    found = paths(list(shop.touches.values()), shop.numbered(), shop.as_of)
    weights = fitted_weights(found, shop.numbered())
    for (order, model), parts in credits(found, weights, shop.numbered()).items():
        given_parts = shop.parts(order, model)
        assert set(given_parts) == {touch["touchpoint_id"] if touch else f"none:{order}" for touch, _, _ in parts}
        for touch, credit, _ in parts:
            shown = given_parts[touch["touchpoint_id"] if touch else f"none:{order}"][0]
            assert abs(shown - credit) <= (Decimal("1e-12") if model == "time_decay" else 0)
