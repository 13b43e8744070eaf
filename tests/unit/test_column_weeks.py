"""What counts as unusual of a column, or of two sources that tell of the same: week by week, beyond chance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest

from dagster_project import streams
from tests.unit.compiled_models import compiled, model_text

LAST = date(2026, 6, 28)
DAYS = [LAST - timedelta(days=number) for number in range(7 * 13)]
NEWEST = DAYS[:7]
_MODELS = ("int_quality__agreements", "column_weeks")
_TABLES = {
    "orders": "order_id text, source_system text, order_date date, channel text, currency text, store_id text,"
    " customer_id text, net_amount_reporting decimal(18, 3), due_amount decimal(18, 3),"
    " gift_card_sold_amount decimal(18, 3), is_test boolean",
    "order_lines": "source_system text, order_date date, category text, sku text, product_name text",
    "payments": "source_system text, payment_date date, payment_method text, currency text, order_id text,"
    " amount decimal(18, 3), is_test boolean",
    "refunds": "source_system text, refund_date date, kind text, customer_id text",
    "touchpoints": "source_system text, occurred_at timestamptz, touchpoint_type text, channel text, campaign text,"
    " platform text, order_id text, is_eligible boolean",
    "messages": "source_system text, occurred_at timestamptz, event text, channel text, customer_id text,"
    " campaign text",
    "service_tickets": "source_system text, created_at timestamptz, channel text, customer_id text",
    "ad_performance": "platform text, reporting_date date, currency text, campaign text, cost_reporting decimal(18, 3),"
    " clicks bigint, conversions decimal(18, 3)",
    "int_identity__records": "source_system text, created_at timestamptz, is_anonymous boolean, record_type text,"
    " country text, full_name text, email text, phone text",
}


class Shop:
    """The tables that the models read, and what they say of a night."""

    def __init__(self, session: duckdb.DuckDBPyConnection) -> None:
        self.session = session
        session.execute("set TimeZone = 'UTC'")
        session.execute("create schema ops")
        for name, columns in _TABLES.items():
            session.execute(f"create table {name} ({columns})")
        session.execute(
            "create table anomaly_config as select 4.0 as threshold, 6 as min_days, 20 as min_rows, 0.2 as least_shift"
        )
        session.execute(
            "create table ops.stream_days (source_system text, stream text, measure text, business_date date,"
            " value double, usual double, usual_low double, usual_high double, is_tonight boolean, is_unusual boolean)"
        )

    def orders(self, days: list[date], number: int = 10, source: str = "shop", **columns: str) -> None:
        """So many orders each day, half of them of the app, each paid in full; `columns`: SQL of `i`, else as usual."""
        usual = {
            "channel": "case i % 2 when 0 then 'app' else 'web' end",
            "currency": "'CNY'",
            "store_id": "null",
            "customer_id": "'c' || i % 7",
        }
        sql = usual | columns
        for day in days:
            self.session.execute(
                f"insert into orders select $1 || $2 || i, $1, $2, {sql['channel']}, {sql['currency']},"
                f" {sql['store_id']}, {sql['customer_id']}, 50, 50, 0, false from range($3) as numbers (i)",
                [source, day, number],
            )
            self.session.execute(
                f"insert into payments select $1, $2, 'card', {sql['currency']}, $1 || $2 || i,"
                f" {columns.get('paid', '50')}, false from range($3) as numbers (i)",
                [source, day, number],
            )

    def people(self, days: list[date], phone: str) -> None:
        """Five members a day; `phone`: SQL of their number `i` and day `d`."""
        for day in days:
            self.session.execute(
                "insert into int_identity__records select 'till', $1 + interval 9 hours, false, 'member', 'CN', 'n',"
                f" null, {phone} from (select i, $1::text as d from range(5) as numbers (i))",
                [day],
            )

    def measures(self, last: date = LAST) -> None:
        """Build the table as of a day."""
        self.session.execute("create or replace table run_parameters as select $1::date as as_of_date", [last])
        for model in _MODELS:
            query = compiled(
                model_text(model),
                *("reporting", "marts_time", "column_weeks"),
                ref=lambda name: name,
                source=lambda _, table: table,
            )
            place = "ops." if model == "column_weeks" else ""
            self.session.execute(f"create or replace table {place}{model} as {query}")

    def unusual(self, last: date = LAST) -> dict[tuple[str, str], float]:
        """What is unusual as of a day: subject and measure, and the value."""
        self.measures(last)
        return {(found.stream, found.measure): round(found.value, 2) for found in streams.unusual(self.session)}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with duckdb.connect() as session:
        yield Shop(session)


def test_what_stays_as_it_was_is_usual_whatever_the_number_of_rows(shop: Shop):
    shop.orders(DAYS[7:])
    shop.orders(NEWEST, number=40)
    assert shop.unusual() == {}


def test_a_column_that_empties_is_seen(shop: Shop):
    shop.orders(DAYS[7:], number=40)
    shop.orders(NEWEST, number=40, customer_id="case when i % 4 > 0 then 'c' || i % 7 end")
    assert shop.unusual() == {("orders.customer_id", "share_empty"): 0.25}


def test_a_default_in_place_of_values_is_seen_and_never_shown(shop: Shop):
    shop.people(DAYS[7:], "d || i")
    shop.people(NEWEST, "'13800000000'")
    assert shop.unusual() == {("people.phone", "share_distinct"): 0.03}
    shown = shop.session.execute("select string_agg(column_weeks::text) from ops.column_weeks").fetchall()[0][0]
    assert "13800000000" not in shown


def test_a_mix_that_moves_is_seen_and_says_what_moved(shop: Shop):
    shop.orders(DAYS[7:])
    shop.orders(NEWEST, channel="case when i < 9 then 'web' else 'app' end")
    (found,) = shop.unusual().items()
    assert found == (("orders.channel", "shift"), 0.84)
    ((moved, low, high),) = shop.session.execute(
        "select moved_most, usual_low, usual_high from ops.column_weeks where is_unusual"
    ).fetchall()
    assert moved == "app: 50.0 % to 10.6 %"
    # Two values, 70 rows beside 840: chance reaches (1 + 4 * sqrt(2)) * 2 * (1/70 + 1/840).
    assert (low, round(high, 4)) == (0, 0.206)
    (cause,) = streams.causes(streams.unusual(shop.session))
    assert "shop orders.channel: 0.84 away from its usual mix, usually 0.00 (0.00 to 0.21)" in cause.what
    assert "app" not in cause.what


def test_a_store_that_falls_silent_among_others_is_a_mix_that_moves(shop: Shop):
    shop.orders(DAYS[7:], number=40, store_id="'s' || i % 4")
    shop.orders(NEWEST, number=30, store_id="'s' || i % 3")
    assert ("orders.store_id", "shift") in shop.unusual()


def test_payments_that_miss_some_of_the_money_are_seen(shop: Shop):
    shop.orders(DAYS[7:], number=40)
    shop.orders(NEWEST, number=40, paid="case when i % 2 = 0 then 50 else 0 end")
    assert shop.unusual() == {("payments of orders in CNY", "agreement"): 0.5}


def test_orders_that_web_events_tell_no_more_of_are_seen_where_the_events_go_on(shop: Shop):
    shop.orders(DAYS, number=40)
    shop.orders(DAYS, number=40, source="till")
    shop.session.execute(
        "insert into touchpoints select 'events', order_date + interval 4 hours, 'checkout_completed', 'web', null,"
        " null, order_id, false from orders where source_system = 'shop' and order_id not like '%9'"
    )
    assert shop.unusual() == {}
    shop.session.execute("create table told as from touchpoints")
    # What the events have not reached yet says nothing; that they stopped is a stream's business.
    shop.session.execute("delete from touchpoints where occurred_at > $1", [DAYS[3]])
    assert shop.unusual() == {}
    # The till, of whose sales no event tells, is not compared.
    shop.session.execute("insert into touchpoints from told where occurred_at > $1 and order_id like '%8'", [DAYS[6]])
    assert shop.unusual() == {("orders in web events", "agreement"): 0.44}


def test_clicks_that_are_claimed_and_seen_by_nobody(shop: Shop):
    for day in DAYS:
        shop.session.execute("insert into ad_performance values ('ads', $1, 'CNY', 'spring', 10, 50, 1)", [day])
        if day not in NEWEST:
            shop.session.execute(
                "insert into touchpoints select 'events', $1 + interval 4 hours, 'ad_click', 'paid', 'spring', 'ads',"
                " null, true from range(20)",
                [day],
            )
    assert shop.unusual() == {("clicks in web events", "agreement"): 0}
    # A platform whose figures have not come yet is compared no further than they reach.
    shop.session.execute("delete from ad_performance where reporting_date > $1", [DAYS[7]])
    assert shop.unusual() == {}


def test_a_company_of_three_rows_and_one_without_any(shop: Shop):
    assert shop.unusual() == {}
    shop.orders(DAYS[:3], number=1)
    assert shop.unusual() == {}


def test_too_few_weeks_and_too_few_rows_are_not_judged(shop: Shop):
    shop.orders(DAYS[7 : 7 * 6])
    shop.orders(NEWEST, channel="'web'")
    assert shop.unusual() == {}
    shop.session.execute("update anomaly_config set min_days = 5")
    assert ("orders.channel", "shift") in shop.unusual()
    shop.session.execute("update anomaly_config set min_rows = 71")
    assert shop.unusual() == {}


def test_a_shift_is_told_of_the_week_that_moved_and_not_of_those_after(shop: Shop):
    shop.orders(DAYS[14:])
    shop.orders(DAYS[7:14], channel="'web'")
    shop.orders(NEWEST)
    assert ("orders.channel", "shift") in shop.unusual(DAYS[7])
    assert shop.unusual() == {}


def test_the_same_rows_give_the_same_table_in_whatever_order_they_lie(shop: Shop):
    shop.orders(DAYS)
    shop.people(DAYS, "d || i")
    shop.measures()
    before = shop.session.execute("from ops.column_weeks order by all").fetchall()
    for table in ("orders", "int_identity__records"):
        shop.session.execute(f"create or replace table {table} as from {table} as t order by hash(t)")
    shop.measures()
    assert shop.session.execute("from ops.column_weeks order by all").fetchall() == before
