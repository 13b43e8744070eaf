"""Key figures at their edges: a window's last instant, nothing to divide by, open months, rows in any order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration import recompute_kpis
from tests.unit.compiled_models import compiled, model_text
from tests.unit.kpi_company import ALL, AS_OF, DAY, MACROS, Company, insert, local

MICROSECOND = timedelta(microseconds=1)
YEAR = 365 * DAY


def value(db: duckdb.DuckDBPyConnection, kpi: str, day: date, channel: str = ALL):
    """Value and completeness of a figure of a day or, on the first of a month in kpi_monthly, of the month."""
    return db.execute(
        "select value, is_complete from marts.kpi_daily where kpi = ? and date = ? and channel = ?", [kpi, day, channel]
    ).fetchone()


def of_month(db: duckdb.DuckDBPyConnection, kpi: str, month: date, channel: str = ALL):
    return db.execute(
        "select value, is_complete from marts.kpi_monthly where kpi = ? and month = ? and channel = ? and variant = ?",
        [kpi, month, channel, ALL],
    ).fetchone()


def test_a_company_without_anything():
    db = Company(AS_OF).built()
    assert db.execute("select kpi, value from marts.kpi_daily order by kpi").fetchall() == [
        ("cross_source_rate", None),
        ("ltv_predicted_12m", None),
        ("reachable_customers", Decimal(0)),
    ]
    for table in ("kpi_monthly", "cohort_retention"):
        assert db.execute(f"select count(*) from marts.{table}").fetchone() == (0,)


def test_a_second_order_on_the_last_instant_of_the_year_repeats_and_one_after_it_does_not():
    first = local(2025, 3, 1, 12)
    for late, rate, net in ((-MICROSECOND, 1, 20), (0 * DAY, 1, 10), (MICROSECOND, 0, 10)):
        company = Company(AS_OF)
        company.order("ann", first)
        company.order("ann", first + YEAR + late)
        db = company.built("kpi_daily")
        assert value(db, "repeat_rate", date(2025, 3, 1)) == (rate, True)
        assert value(db, "ltv_12m", date(2025, 3, 1)) == (net, True)


def test_who_has_not_had_a_year_is_not_counted():
    company = Company(AS_OF)
    company.order("ann", AS_OF - YEAR)
    company.order("bob", AS_OF - YEAR + MICROSECOND, net="99")
    db = company.built("kpi_daily")
    assert value(db, "ltv_12m", recompute_kpis.day_of(AS_OF - YEAR)) == (10, False)
    company = Company(AS_OF)
    company.order("bob", AS_OF - YEAR + MICROSECOND)
    db = company.built("kpi_daily")
    assert value(db, "repeat_rate", recompute_kpis.day_of(AS_OF - YEAR)) == (None, False)


def test_an_order_counts_on_its_day_in_the_reporting_zone_and_today_not_at_all():
    company = Company(AS_OF)
    company.order("ann", datetime(2026, 6, 29, 15, 59, 59, 999999, tzinfo=UTC))
    company.order("bob", datetime(2026, 6, 29, 16, tzinfo=UTC), net="30")
    company.order("cay", datetime(2026, 6, 30, 16, tzinfo=UTC))
    db = company.built("kpi_daily")
    assert value(db, "net_revenue", date(2026, 6, 29)) == (10, True)
    assert value(db, "net_revenue", date(2026, 6, 30)) == (30, True)
    assert value(db, "net_revenue", date(2026, 7, 1)) is None


def test_free_and_refunded_orders_count_in_one_but_not_in_the_average():
    company = Company(AS_OF)
    company.order("ann", local(2026, 5, 2), net="30")
    company.order("bob", local(2026, 5, 2), net="0")
    company.order("cay", local(2026, 5, 2), net="0", due="80")
    db = company.built()
    assert value(db, "aov", date(2026, 5, 2)) == (30, True)
    assert value(db, "orders", date(2026, 5, 2)) == (3, True)
    cohort = db.execute("select persons_retained, cohort_size from marts.cohort_retention where months_since = 0")
    assert cohort.fetchone() == (2, 3), "what was given back in full was no purchase"


def test_what_an_order_without_an_exchange_rate_is_worth_is_unknown_and_not_0():
    company = Company(AS_OF)
    company.order("ann", local(2025, 5, 2))
    company.rows["orders"][0]["net_amount_reporting"] = None
    db = company.built()
    day = date(2025, 5, 2)
    assert [value(db, kpi, day) for kpi in ("net_revenue", "ltv_12m", "aov")] == [(None, True)] * 3
    assert [value(db, kpi, day) for kpi in ("orders", "repeat_rate")] == [(1, True), (0, True)]
    bought = db.execute("select net_amount_reporting from marts.cohort_retention where months_since < 2 order by month")
    assert bought.fetchall() == [(None,), (0,)]


def test_active_for_a_year_from_the_order_on():
    """Retention of March: who is active on 1 March and on 1 April."""
    march, april = local(2026, 3, 1), local(2026, 4, 1)
    company = Company(AS_OF)
    company.order("stays", march)
    company.order("goes", march - YEAR + MICROSECOND)
    company.order("gone", march - YEAR)
    company.order("comes", april)
    db = company.built()
    assert of_month(db, "retention", date(2026, 3, 1)) == (Decimal("0.5"), True)
    assert of_month(db, "retention_simple", date(2026, 3, 1)) == (Decimal("0.5"), True), "one who stays is new"
    assert of_month(db, "retention", date(2025, 2, 1)) == (None, True), "nobody was active yet"


def test_who_returns_makes_the_textbook_form_exceed_one():
    company = Company(AS_OF)
    company.order("ann", local(2025, 1, 10))
    company.order("ann", local(2026, 5, 10))
    company.order("bob", local(2025, 8, 10))
    db = company.built()
    assert of_month(db, "retention", date(2026, 5, 1)) == (1, True)
    assert of_month(db, "retention_simple", date(2026, 5, 1)) == (2, True)


def test_nothing_is_divided_by_zero():
    company = Company(AS_OF)
    company.cost(date(2026, 5, 2), "100")
    company.order("ann", local(2025, 4, 1))
    company.order("ann", local(2026, 5, 3), net="0", due="5")
    db = company.built()
    assert value(db, "cac", date(2026, 5, 2)) == (None, True)
    assert value(db, "aov", date(2026, 5, 3)) == (None, True)
    assert of_month(db, "marketing_roi", date(2026, 4, 1)) is None
    assert of_month(db, "marketing_roi", date(2025, 4, 1)) == (None, True)


@pytest.mark.parametrize(("first_day", "roi"), [(1, Decimal("0.5")), (2, None)])
def test_growth_needs_the_whole_month_a_year_before(first_day: int, roi: Decimal | None):
    company = Company(AS_OF)
    company.order("ann", local(2025, 5, first_day), net="100")
    company.order("ann", local(2026, 5, 9), net="250")
    company.cost(date(2026, 5, 31), "100")
    assert of_month(company.built(), "marketing_roi", date(2026, 5, 1)) == (roi, True)


def test_the_month_a_year_before_a_leap_day():
    company = Company(datetime(2024, 3, 9, 18, tzinfo=UTC))
    company.order("ann", local(2023, 1, 31), net="5")
    company.order("ann", local(2023, 2, 28, 23, 59), net="100")
    company.order("ann", local(2024, 2, 29, 23, 59), net="250")
    company.cost(date(2024, 2, 29), "50")
    db = company.built()
    assert of_month(db, "marketing_roi", date(2024, 2, 1)) == (2, True)
    assert of_month(db, "net_revenue", date(2024, 3, 1)) is None, "March is not over"


@pytest.mark.parametrize(("cost", "months"), [("8", 0), ("8.01", 2), ("12", 2), ("12.01", None)])
def test_the_first_month_that_pays_back(cost: str, months: int | None):
    company = Company(AS_OF)
    company.cost(date(2026, 1, 5), cost)
    company.order("ann", local(2026, 1, 10), net="20")
    company.order("ann", local(2026, 3, 10), net="10")
    company.order("ann", AS_OF + DAY, net="1000")
    assert of_month(company.built(), "payback_months", date(2026, 1, 1)) == (months, months is not None)


@pytest.mark.parametrize(
    ("costs", "months"),
    [({}, 0), ({"milk": "6"}, 2), ({"milk": "6", "cup": "1"}, 1), ({"milk": "5", "cup": "30"}, None)],
)
def test_known_costs_pay_back_and_a_share_of_net_where_one_is_unknown(costs: dict[str, str], months: int | None):
    """The second order has a cup in it; without its cost, two fifths of the net stand for what that order left."""
    company = Company(AS_OF)
    company.costs = {sku: Decimal(cost) for sku, cost in costs.items()}
    company.cost(date(2026, 1, 5), "7")
    company.order("ann", local(2026, 1, 10), net="20")
    company.line(0, "milk", 3)
    company.order("ann", local(2026, 2, 10), net="12")
    company.line(1, "milk", 2, 1)
    company.line(1, "cup", 1)
    company.order("ann", local(2026, 3, 10), net="40")
    margins = recompute_kpis.cohorts(company.facts())
    db = company.built()
    assert of_month(db, "payback_months", date(2026, 1, 1)) == (months, months is not None)
    found = db.execute("select months_since, margin_reporting from marts.cohort_retention order by 1").fetchall()
    assert found == [(number, margins[date(2026, 1, 1), number][4]) for number in range(len(found))]


def test_what_a_holdout_tells_is_what_the_contacted_bought_more():
    company = Company(AS_OF)
    company.cost(date(2026, 5, 5), "18")
    for name, arm, net in (
        ("a", "contacted", "40"), ("b", "contacted", "20"), ("c", "contacted", "0"), ("d", "held_out", "11"),
        ("e", "held_out", "0"), ("f", "contaminated", "900"),
    ):  # fmt: skip
        company.add("audience_members", audience="lapsed", customer_id=name, arm=arm, member_since=date(2026, 5, 9))
        company.order(name, local(2026, 5, 9), net="500")
        company.order(name, local(2026, 5, 10), net=net)
    company.add(
        "audience_members", audience="all told", customer_id="a", arm="contacted", member_since=date(2026, 4, 1)
    )
    company.numbered()
    ours = recompute_kpis.monthly(company.facts())
    found = company.built().execute(
        "select month, variant, numerator, denominator, value from marts.kpi_monthly where kpi = 'incremental_roi'"
    )
    may, june = sorted(found.fetchall())
    assert may == (date(2026, 5, 1), "lapsed", Decimal("25.5"), 18, Decimal("1.416667"))
    assert june == (date(2026, 6, 1), "lapsed", 0, 0, None), "nothing was bought, and nothing spent"
    assert ours["incremental_roi", date(2026, 5, 1), ALL, "lapsed"][:2] == (Decimal("25.5"), 18)
    assert sum(kpi == "incremental_roi" for kpi, *_ in ours) == 2


def test_who_has_no_prediction_is_not_in_the_mean():
    company = Company(AS_OF)
    for predicted in ("90", "30.5", None):
        company.add("customer_value", predicted_value_12m=predicted)
    company.order("ann", local(2026, 1, 10))
    assert value(company.built(), "ltv_predicted_12m", date(2026, 6, 30)) == (Decimal("60.25"), True)


def test_an_order_after_the_second_channel_and_within_thirty_days():
    second = local(2026, 5, 10, 12)
    for after, share in ((0 * DAY, 0), (MICROSECOND, 1), (30 * DAY, 1), (30 * DAY + MICROSECOND, 0)):
        company = Company(AS_OF)
        company.touch("ann", "mail", second - DAY)
        company.touch("ann", "mail", second + DAY)
        company.touch("ann", "search", second)
        company.touch("ann", "search", second - 40 * DAY)
        company.touch("bob", "mail", second)
        company.order("ann", second + after)
        company.order("bob", second + DAY)
        db = company.built()
        assert of_month(db, "cross_channel_conversion", date(2026, 5, 1)) == (share, True)
        assert of_month(db, "cross_channel_share", date(2026, 5, 1)) == (Decimal("0.5"), True)


def test_messages_by_channel_and_only_where_openings_are_told():
    company = Company(AS_OF)
    for channel, message, *events in (
        ("email", "1", "sent", "delivered", "opened", "opened", "clicked"), ("email", "2", "sent"),
        ("email", "3", "sent", "bounced", "opened"), ("sms", "1", "sent", "clicked"), ("sms", "2", "delivered"),
    ):  # fmt: skip
        for hour, event in enumerate(events):
            company.add(
                "messages", message_id=message, source_system="m", channel=channel, event=event,
                occurred_at=local(2026, 5, 31, 22) + timedelta(hours=hour),
            )  # fmt: skip
    db = company.built()
    assert value(db, "message_open_rate", date(2026, 5, 31)) == (Decimal("0.5"), True)
    assert value(db, "message_open_rate", date(2026, 5, 31), "sms") == (None, True)
    assert value(db, "message_click_rate", date(2026, 5, 31)) == (Decimal("0.5"), True)
    assert of_month(db, "message_click_rate", date(2026, 5, 1), "email") == (Decimal("0.5"), True)


def test_the_desk():
    company = Company(AS_OF)
    for reply, solved, csat, nps, touch in (
        (60, 3600, 1, 10, True), (180, 7200, 0, 9, False), (None, None, None, 3, False), (30, None, 1, 7, None)
    ):  # fmt: skip
        company.add(
            "service_tickets", channel="chat", created_at=local(2026, 5, 4), first_reply_seconds=reply,
            full_resolution_seconds=solved, csat_score=csat, nps_score=nps, is_one_touch=touch,
            solved_at=local(2026, 5, 5) if solved else None,
        )  # fmt: skip
    db = company.built("kpi_daily")
    day = date(2026, 5, 4)
    assert {kpi: value(db, kpi, day, "chat")[0] for kpi in (
        "first_reply_seconds", "resolution_seconds", "csat", "nps", "one_touch_share")} == {
        "first_reply_seconds": 90, "resolution_seconds": 5400, "csat": Decimal("0.666667"), "nps": 25,
        "one_touch_share": Decimal("0.5"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("numerator", "denominator", "ratio"),
    [
        ("1", "128", "0.007813"),
        ("-1", "128", "-0.007813"),
        ("142.015", "0.000000000001", None),
        ("2", "3", "0.666667"),
        ("99999999999.999", "7", "14285714285.714143"),
        ("5", "0", None),
    ],
)
def test_a_half_rounds_away_from_zero_and_nothing_passes_through_floats(numerator, denominator, ratio):
    if ratio is None and denominator != "0":
        ratio = "142015000000000"
    (found,) = duckdb.sql(
        compiled(f"select {{{{ exact_ratio(kpi_part('{numerator}'), kpi_part('{denominator}')) }}}}", *MACROS)
    ).fetchone()
    assert found == (None if ratio is None else Decimal(ratio))


def test_moves_between_segments_are_of_persons():
    db = duckdb.connect()
    db.execute("create schema marts; create table marts.customer_rfm (customer_id text, as_of_date date, segment text)")
    db.execute("create table marts.customer_id_history (retired_customer_id text, customer_id text)")
    january, february, april = date(2024, 1, 31), date(2024, 2, 29), date(2024, 4, 30)
    insert(db, "marts.customer_rfm", [
        ("a", january, "best"), ("a", february, "lost"),
        ("b", january, "best"), ("b", february, "best"),
        ("old", january, "lost"), ("new", january, "new"), ("new", february, "best"),
        ("gone", january, "lost"), ("left", january, "lost"), ("came", february, "new"),
        ("a", date(2024, 2, 28), "best"), ("a", april, "lost"),
    ])  # fmt: skip
    insert(db, "marts.customer_id_history", [("old", "new"), ("gone", None)])
    found = db.execute(
        "select as_of_date, from_segment, to_segment, persons, is_move"
        f" from ({compiled(model_text('rfm_movement'), *MACROS)}) order by all"
    ).fetchall()
    assert found == [
        (february, "(none)", "new", 1, True),
        (february, "best", "best", 1, False),
        (february, "best", "lost", 1, True),
        (february, "lost", "(none)", 1, True),
        (february, "lost", "erased", 1, True),
        (february, "lost", "merged", 1, True),
        (february, "new", "best", 1, True),
    ], "March has no end to compare with, and 28 February is none"


EDGES = [
    local(2025, 2, 28, 23, 59, 59), local(2025, 3, 1), local(2025, 3, 31, 12), local(2025, 4, 1),
    local(2025, 6, 30), AS_OF - YEAR, local(2026, 2, 28), local(2026, 3, 1), local(2026, 4, 1) - MICROSECOND,
    local(2026, 4, 1), local(2026, 5, 20), local(2026, 6, 30), AS_OF,
]  # fmt: skip
INSTANTS = st.sampled_from(EDGES) | st.integers(0, 576 * 24).map(lambda hours: AS_OF - timedelta(hours=hours))
PEOPLE = st.sampled_from(["ann", "bob", "cay"])
ORDERS = st.lists(st.tuples(
    st.none() | PEOPLE, INSTANTS, st.sampled_from(["0", "0.01", "10", "33.33"]), st.sampled_from([None, "50"]),
    st.booleans() | st.just(True), st.sampled_from(["shop", "till"])), max_size=12)  # fmt: skip
TOUCHES = st.lists(st.tuples(PEOPLE, st.sampled_from(["mail", "search", "direct"]), INSTANTS), max_size=8)
COSTS = st.lists(st.tuples(st.sampled_from([instant.date() for instant in EDGES]), st.sampled_from(["3", "12.5"])),
                 max_size=4)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(orders=ORDERS, touches=TOUCHES, costs=COSTS, shuffle=st.randoms(use_true_random=False))
def test_any_company_has_the_figures_of_the_definitions_in_whatever_order_its_rows_come(
    orders, touches, costs, shuffle
):
    company = Company(AS_OF)
    for customer, at, net, due, is_valid, channel in orders:
        company.order(customer, at, net, due, is_valid=is_valid, channel=channel)
    for touch in touches:
        company.touch(*touch)
    for cost in costs:
        company.cost(*cost)
    if not any(row["is_valid"] and row["customer_id"] for row in company.rows["orders"]):
        return
    company.numbered()
    facts = company.facts()
    daily, monthly = recompute_kpis.daily(facts), recompute_kpis.monthly(facts)
    cohorts = recompute_kpis.cohorts(facts)
    for rows in company.rows.values():
        shuffle.shuffle(rows)
    db = company.built()
    figures = "numerator, denominator, value, is_complete"
    assert {(kpi, at, channel): tuple(figure) for kpi, at, channel, *figure in db.execute(
        f"select kpi, date, channel, {figures} from marts.kpi_daily").fetchall()} == daily  # fmt: skip
    assert {(kpi, at, channel, variant): tuple(figure) for kpi, at, channel, variant, *figure in db.execute(
        f"select kpi, month, channel, variant, {figures} from marts.kpi_monthly").fetchall()} == monthly  # fmt: skip
    assert {(cohort, number): tuple(figure) for cohort, number, *figure in db.execute(
        "select cohort_month, months_since, cohort_size, persons_retained, retention_rate, net_amount_reporting,"
        " margin_reporting"
        " from marts.cohort_retention").fetchall()} == cohorts  # fmt: skip
