"""What counts as unusual of a stream of rows: by weekday, beyond what chance makes of few rows, where data has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import pytest

from bench.rendered import DBT, template
from dagster_project import stream_charts, streams

LAST = date(2026, 6, 28)
FIRST = LAST - timedelta(days=120)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
_TABLES = {
    "orders": "source_system text, order_date date, due_amount_reporting decimal(18, 3), customer_id text",
    "order_lines": "source_system text, order_date date, quantity decimal(18, 3), sku text",
    "refunds": "source_system text, refund_date date, amount_reporting decimal(18, 3), order_id text",
    "ad_performance": "platform text, reporting_date date, cost_reporting decimal(18, 3), campaign text",
    "touchpoints": "source_system text, touchpoint_type text, occurred_at timestamptz, channel text, order_id text,"
    " ticket_id text",
    "messages": "source_system text, event text, occurred_at timestamptz, customer_id text",
    "service_tickets": "source_system text, created_at timestamptz, customer_id text",
    "int_identity__records": "source_system text, created_at timestamptz, email text, phone text, is_anonymous boolean",
    "loads": "source_system text, as_of timestamptz, last_record_at timestamptz, admitted boolean",
}


class Shop:
    """The tables that the model reads, and what it says of them on a night."""

    def __init__(self, session: duckdb.DuckDBPyConnection) -> None:
        self.session = session
        session.execute("set TimeZone = 'UTC'")
        session.execute("create schema ops")
        for name, columns in _TABLES.items():
            session.execute(f"create table {name} ({columns})")
        session.execute(
            "create table ops.column_weeks (source_system text, subject text, measure text, week_end_date date,"
            " value double, usual double, usual_low double, usual_high double, is_latest boolean, is_unusual boolean)"
        )
        session.execute("create table anomaly_config as select 4.0 as threshold, 6 as min_days, 20 as min_rows")

    def orders(self, of_day: Callable[[date], int], amount: int = 50, unknown: int = 0, source: str = "shop") -> None:
        """So many orders each day; the first `unknown` of a day are nobody's."""
        for day in DAYS:
            self.session.execute(
                "insert into orders select $1, $2, $3, case when i >= $4 then 'c' end from range($5) as days (i)",
                [source, day, amount, unknown, of_day(day)],
            )

    def load(self, day: date, reached: date | None = None, source: str = "shop") -> None:
        """A load of the night after a day, with records up to `reached`."""
        as_of = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=1)
        newest = datetime.combine(reached or day, time(12), UTC)
        self.session.execute("insert into loads values ($1, $2, $3, true)", [source, as_of, newest])

    def unusual(self, last: date = LAST) -> dict[tuple[str, str], tuple[float, float]]:
        """Of the last day: the stream and measure, and the value beside what is usual."""
        self.session.execute(
            "create or replace table run_parameters as select $1::timestamptz as as_of, $2::date as as_of_date",
            [datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1, hours=2), last],
        )
        text = (DBT / "models/ops/stream_days.sql").read_text()
        query = template(text, ("reporting", "marts_time", "streams")).render(
            config=lambda **_: "",
            ref=lambda model: model,
            source=lambda _, table: table,
            env_var=lambda _, default="": default,
        )
        self.session.execute(f"create or replace table ops.stream_days as {query}")
        return {(found.stream, found.measure): (found.value, found.usual) for found in streams.unusual(self.session)}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with duckdb.connect() as session:
        yield Shop(session)


def weekly(day: date) -> int:
    """Closed on Sundays, twice as many on Saturdays."""
    return {5: 80, 6: 0}.get(day.weekday(), 40) + day.day % 5


def test_a_weekly_rhythm_is_usual(shop: Shop):
    shop.orders(weekly)
    for back in range(7):
        assert shop.unusual(LAST - timedelta(days=back)) == {}


def test_a_stream_that_stops_is_seen_the_same_night(shop: Shop):
    shop.orders(lambda day: 0 if day == LAST else 40)
    # The source goes on: other rows of it are newer.
    shop.session.execute("insert into refunds values ('shop', $1, 5, 'o')", [LAST])
    found = shop.unusual()
    assert found[("orders", "rows")] == (0, 40)
    assert found[("orders", "amount")] == (0, 2000)


def test_a_day_that_the_source_has_not_reached_is_not_judged(shop: Shop):
    shop.orders(lambda day: 0 if day > LAST - timedelta(days=3) else 40)
    assert shop.unusual() == {}


@pytest.mark.parametrize(("rows", "is_seen"), [(66, False), (67, True), (14, False), (13, True)])
def test_few_rows_differ_by_chance(shop: Shop, rows: int, is_seen: bool):
    """Forty a day and never another number: the deviation is that of chance, the root of 44, 4 times 6.63."""
    shop.orders(lambda day: rows if day == LAST else 40)
    assert (("orders", "rows") in shop.unusual()) == is_seen


def test_a_stream_of_a_few_rows_that_stops_is_seen_by_its_week(shop: Shop):
    shop.orders(lambda day: 0 if day > LAST - timedelta(days=7) else 4)
    shop.session.execute("insert into refunds values ('shop', $1, 5, 'o')", [LAST])
    assert shop.unusual() == {("orders", "rows_of_week"): (0, 28)}


def test_sums_and_shares_are_compared_where_there_are_enough_rows(shop: Shop):
    shop.orders(lambda day: 0 if day == LAST else 40, unknown=4)
    shop.session.execute(
        "insert into orders select 'shop', $1, 5000, case when i >= 20 then 'c' end from range(40) as days (i)", [LAST]
    )
    found = shop.unusual()
    assert found == {("orders", "amount"): (200000, 2000), ("orders", "share_without"): (0.5, 0.1)}


def test_too_little_to_compare_with_is_not_judged(shop: Shop):
    first_weeks = LAST - timedelta(days=5 * 7)
    shop.orders(lambda day: 0 if day < first_weeks else (400 if day == LAST else 40))
    assert shop.unusual() == {}
    shop.session.execute("update anomaly_config set min_days = 5")
    assert ("orders", "rows") in shop.unusual()


def test_a_source_that_falls_behind_as_never_before_is_unusual(shop: Shop):
    for number in range(30, 1, -1):
        shop.load(LAST - timedelta(days=number))
    assert shop.unusual(LAST - timedelta(days=2)) == {}
    assert shop.unusual(LAST - timedelta(days=1)) == {("all", "days_behind"): (1, 0)}


def test_a_source_that_comes_weekly_may_be_a_week_behind(shop: Shop):
    for number in range(70, 0, -1):
        day = LAST - timedelta(days=number)
        shop.load(day, source="other")
        if day.weekday() == 0:
            shop.load(day)
    newest = LAST - timedelta(days=6)
    assert newest.weekday() == 0
    assert shop.unusual(LAST - timedelta(days=1)) == {}


def test_the_same_tables_give_the_same_rows_in_whatever_order_they_lie(shop: Shop):
    shop.orders(weekly)
    shop.unusual()
    before = shop.session.execute("from ops.stream_days order by all").fetchall()
    shop.session.execute("create or replace table orders as from orders order by hash(order_date)")
    shop.unusual()
    assert shop.session.execute("from ops.stream_days order by all").fetchall() == before


def test_a_finding_is_told_with_what_is_usual_and_one_cause_a_source(shop: Shop):
    shop.orders(lambda day: 0 if day == LAST else 40)
    shop.session.execute("insert into refunds values ('shop', $1, 5, 'o')", [LAST])
    shop.unusual()
    (cause,) = streams.causes(streams.unusual(shop.session))
    assert cause.kind == "anomaly"
    assert cause.where == "shop"
    assert "shop orders: 0 rows, usually 40 (13 to 67)" in cause.what
    assert "Sunday, 2026-06-28" in cause.what


def test_the_page_shows_what_is_unusual_first_and_asks_for_nothing_outside(shop: Shop, tmp_path):
    shop.orders(lambda day: 40)
    shop.orders(lambda day: 0 if day == LAST else 40, source="<till>")
    shop.session.execute("insert into refunds values ('<till>', $1, 5, 'o')", [LAST])
    shop.unusual()
    page = stream_charts.write(shop.session, streams.unusual(shop.session), tmp_path).read_text()
    assert page.count("<figure") == 3
    assert page.index("&lt;till&gt; orders: 0 rows") < page.index("shop orders: 40 rows")
    assert "<till>" not in page
    assert "Unusual tonight: &lt;till&gt;" in page
    assert "//" not in page
    shop.session.execute("delete from ops.stream_days")
    assert "No stream is unusual" in stream_charts.write(shop.session, [], tmp_path).read_text()
