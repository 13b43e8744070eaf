"""What a night publishes against the same figures worked out a second time from the company's own systems.

What belongs here: one test for each defined figure, comparing every row. The second working-out itself is in the
modules `recompute…`, which know the definitions and nothing of the models.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.integration.conftest import Home
from tests.integration.recompute import (
    CASH_ON_DELIVERY,
    REPORTING_ZONE,
    ZERO,
    Books,
    Order,
    documents,
    in_minor_units,
    instant,
    till_rows,
)
from tests.integration.recompute_exports import CLOSED, exported, newest, wall_clock
from tests.integration.recompute_lifecycle import Medians
from tests.integration.recompute_people import Groups, Identities, is_qualifying, lifecycle, of_customers, rfm
from tests.unit.rfm_people import People

pytestmark = pytest.mark.usefixtures("newest_publication")
SHOWN = 5


def rows(home: Home, table: str) -> list[dict[str, Any]]:
    """A published table, row by row."""
    columns = [
        name
        for (name,) in home.query(
            "select column_name from duckdb_columns() where schema_name || '.' || table_name = $1"
            " order by column_index",
            [table],
        )
    ]
    return [dict(zip(columns, row, strict=True)) for row in home.query(f"select * from {table}")]


def assert_same(ours: dict[Any, Any], published: dict[Any, Any]) -> None:
    """Both hold the same keys with the same values; the first few that differ are shown."""
    assert ours, "nothing to compare"
    differing = {
        key: {"worked out": ours.get(key), "published": published.get(key)}
        for key in ours.keys() | published.keys()
        if ours.get(key) != published.get(key) or (key in ours) != (key in published)
    }
    if differing:
        first = "\n".join(f"{key}: {found}" for key, found in sorted(differing.items(), key=str)[:SHOWN])
        pytest.fail(f"{len(differing)} of {len(ours)} differ:\n{first}", pytrace=False)


@pytest.fixture(scope="module")
def books(company: Home) -> Books:
    return Books(company.path, exported(company.path))


@pytest.fixture(scope="module")
def orders(company: Home) -> list[dict[str, Any]]:
    return rows(company, "marts.orders")


def test_what_every_order_is_worth(books: Books, orders):
    names = ("currency", "gross_amount", "discount_amount", "shipping_amount", "other_amount", "tax_amount",
             "gift_card_sold_amount", "due_amount", "refund_amount", "net_amount", "net_sales_amount")  # fmt: skip
    assert_same(
        {
            key: dict(zip(names, (
                order.currency, order.gross, order.discount, order.shipping, order.other, order.tax, order.gift_cards,
                order.due, order.refunded, order.net, order.net_sales,
            ), strict=True))
            for key, order in books.orders.items()
        },
        {(row["source_system"], row["source_order_id"]): {name: row[name] for name in names} for row in orders},
    )  # fmt: skip


def test_what_was_charged_is_what_the_company_shows(books: Books):
    """The second working-out proves itself: due and gift cards are the total on the bill; no refund exceeds it."""
    for order in books.orders.values():
        assert order.due + order.gift_cards == order.shown_total, order.key
        assert ZERO <= order.refunded <= order.due, order.key


def test_every_order_in_the_reporting_currency_at_the_rate_of_its_day(books: Books, orders):
    ours = {}
    for key, order in books.orders.items():
        rate, day = books.rates.on(order.currency, order.order_date)
        ours[key] = (order.order_date, order.reporting_date, rate, day, books.net_reporting(order))
    assert_same(
        ours,
        {
            (row["source_system"], row["source_order_id"]): (
                row["order_date"], row["reporting_date"], row["fx_rate"], row["fx_rate_date"],
                row["net_amount_reporting"],
            )
            for row in orders
        },
    )  # fmt: skip


def test_the_company_sells_and_takes_back_in_every_way(books: Books):
    """What the comparisons above and below would say nothing of, if no order or refund were like it."""
    by_zone = [order for order in books.orders.values() if order.order_date != order.reporting_date]
    assert by_zone, "some store closes after midnight in the reporting zone"
    assert any(refund.twin_of for refund in books.refunds.values())
    assert any(refund.order is None for refund in books.refunds.values())


def test_the_parts_of_an_order_add_up_in_the_reporting_currency(company: Home, orders):
    """No part is a minor unit away from its own rounding, and together with the lines they are exactly the order."""
    lines = defaultdict(Decimal)
    for row in rows(company, "marts.order_lines"):
        lines[row["order_id"]] += row["net_amount_reporting"]
    for row in orders:
        parts = {
            part: row[f"{part}_amount_reporting"] for part in ("gross", "discount", "shipping", "tax", "refund", "net")
        }
        for part, shown in parts.items():
            assert abs(shown - row[f"{part}_amount"] * row["fx_rate"]) < Decimal("0.02"), (row["order_id"], part)
            assert row["fx_rate"] != 1 or shown == row[f"{part}_amount"], (row["order_id"], part)
        due = parts["gross"] - parts["discount"] + parts["shipping"] + parts["tax"]
        assert due == row["due_amount_reporting"] == parts["net"] + parts["refund"], row["order_id"]
        if row["order_id"] in lines:
            assert lines[row["order_id"]] == parts["gross"] - parts["discount"], row["order_id"]
    assert any(row["fx_rate"] != 1 for row in orders)


def test_when_every_order_was_paid_sent_and_received(company: Home, orders):
    names = ("is_store_pickup", "paid_at", "shipped_at", "delivered_at")
    published = {(row["source_system"], row["source_order_id"]): tuple(row[name] for name in names) for row in orders}
    ours: dict[tuple[str, str], tuple[Any, ...]] = {}
    taken: dict[str, list[datetime]] = defaultdict(list)
    for row in rows(company, "marts.payments"):
        if row["source_payment_id"]:
            taken[row["order_id"]].append(row["paid_at"])
    for document in documents(company.path, "orders"):
        collected = [line["title"] for line in document["shipping_lines"]] == ["门店自提"]
        (sent, arrived), paid = (None, None), None
        for parcel in document["fulfillments"]:
            sent = instant(parcel["created_at"])
            arrived = instant(parcel["updated_at"]) if parcel["shipment_status"] == "delivered" else None
        if collected:
            sent, arrived = None, sent
        if document["financial_status"] not in ("pending", "voided"):
            on_delivery = CASH_ON_DELIVERY in document["payment_gateway_names"]
            paid = min(
                taken[f"shopify-{document['id']}"],
                default=arrived if on_delivery else instant(document["processed_at"]),
            )
        ours["shopify", str(document["id"])] = (collected, paid, sent, arrived)
    for row in till_rows(company.path, "receipts"):
        if row["kind"] == "sale":
            at = instant(row["sold_at"]) if row["status"] == "completed" else None
            ours["pos", row["receipt_id"]] = (False, at, None, at)
    for number, (row,) in newest(company.path, "orders", "order_id").items():
        zone = ZoneInfo(row["timezone"])
        times = [
            wall_clock(row[name], zone)[0] if row[name] else None for name in ("paid_at", "shipped_at", "delivered_at")
        ]
        ours["orders", number] = (False, *times[:2], None if row["status"] in CLOSED else times[2])
    assert_same(ours, {key: published[key] for key in ours})
    shop = [told for (system, _), told in ours.items() if system == "shopify"]
    assert any(told[0] for told in shop)
    assert any(told[2] and told[3] is None for told in shop), "some parcel is on its way"
    assert any(told[1] is None for told in shop)


def test_the_lines_of_an_order_add_up_to_it(company: Home, books: Books, orders):
    published = defaultdict(list)
    for row in sorted(rows(company, "marts.order_lines"), key=lambda row: row["line_number"]):
        published[row["order_id"]].append(
            (row["sku"], row["quantity"], row["gross_amount"], row["discount_amount"], row["net_amount"])
        )
    keys = {row["order_id"]: (row["source_system"], row["source_order_id"]) for row in orders}
    assert_same(
        {
            key: [
                (line.sku, line.quantity, ZERO if line.is_gift_card else line.gross, line.discount, line.net)
                for line in order.lines
            ]
            for key, order in books.orders.items()
            if order.lines
        },
        {keys[order_id]: lines for order_id, lines in published.items()},
    )
    for row in orders:
        lines = published[row["order_id"]]
        assert not lines or sum((line[4] for line in lines), ZERO) == row["gross_amount"] - row["discount_amount"]


def test_every_refund_return_and_void(company: Home, books: Books, orders):
    keys = {row["order_id"]: (row["source_system"], row["source_order_id"]) for row in orders}
    published = rows(company, "marts.refunds")
    by_id = {row["refund_id"]: (row["source_system"], row["source_refund_id"]) for row in published}
    assert_same(
        {
            key if refund.kind != "void" else ("void", *refund.order): (
                refund.order, refund.kind, refund.amount, refund.currency, refund.at, refund.twin_of,
            )
            for key, refund in books.refunds.items()
        },
        {
            by_id[row["refund_id"]] if row["kind"] != "void" else ("void", *keys[row["order_id"]]): (
                keys.get(row["order_id"]), row["kind"], row["amount"], row["currency"], row["refunded_at"],
                by_id.get(row["twin_of"]),
            )
            for row in published
        },
    )  # fmt: skip


def test_refunds_take_the_rate_of_their_order(company: Home, books: Books, orders):
    """What an order lost in the reporting currency is what its refunds say; one without an order has its own day."""
    given_back = defaultdict(Decimal)
    for row in rows(company, "marts.refunds"):
        if row["is_counted"]:
            given_back[row["order_id"]] += row["amount_reporting"]
        elif row["order_id"] is None:
            refund = books.refunds[row["source_system"], row["source_refund_id"]]
            expected = books.rates.reporting(refund.amount, refund.currency, refund.business_date)
            assert row["amount_reporting"] == expected, row["refund_id"]
    for row in orders:
        assert row["due_amount_reporting"] == in_minor_units(row["due_amount"] * row["fx_rate"]), row["order_id"]
        assert row["due_amount_reporting"] - row["net_amount_reporting"] == given_back[row["order_id"]], row["order_id"]


@pytest.fixture(scope="module")
def identities(company: Home) -> Identities:
    return Identities(company.path)


@pytest.fixture(scope="module")
def customer_of(company: Home, identities: Identities) -> dict[str, str]:
    """Whose each record is; the one whose id is published as a hash goes by its own."""
    published = {
        f"{row['source_system']}/{row['record_type']}/{row['source_record_id']}": row["customer_id"]
        for row in rows(company, "marts.customer_identities")
    }
    return {identities.key_of.get(key, key): customer for key, customer in published.items()}


def test_who_is_who(company: Home, identities: Identities, customer_of):
    """Exact values make the groups, and one without a contradiction is one person.

    Nobody reaches beyond one group but by probable links.
    """
    assert identities.records.keys() == customer_of.keys()
    with duckdb.connect(str(company.path / "warehouse.duckdb"), read_only=True) as warehouse:
        likely = warehouse.execute(
            "select record_key, other_record_key from intermediate.int_identity__links where type = 'probable'"
        ).fetchall()
    reach = Groups()
    for pair in likely:
        reach.union([identities.known.find(key) for key in pair])
    groups_of = defaultdict(set)
    whole = several = 0
    for group in identities.known_groups():
        customers = {customer_of[record.key] for record in group}
        for customer in customers:
            groups_of[customer].add(reach.find(identities.known.find(group[0].key)))
        if identities.has_no_contradiction(group):
            assert len(customers) == 1, [record.key for record in group]
            whole += len(group) > 1
        several += len(group) > 1
    assert all(len(groups) == 1 for groups in groups_of.values())
    assert whole > several / 4, "many people say the same name everywhere"


def test_a_device_is_its_one_known_users(identities: Identities, customer_of):
    for value, carriers in identities.carriers.items():
        if value[0] == "device":
            known = {customer_of[key] for key in carriers if not key.startswith("events/device/")}
            own = customer_of[f"events/device/{value[1]}"]
            if value in identities.linking and len(known) == 1:
                assert own in known, value
            else:
                assert own not in known, value


def test_ids_come_from_the_anchor(company: Home, identities: Identities, customer_of):
    """The oldest record of those born first gives its id, in each night alike, so that an id stays with its person."""
    decisions = company.path / "lake" / "_decisions"
    key = (decisions / "home_key").read_text().strip()
    births: dict[str, int] = {}
    with duckdb.connect() as reader:
        found = reader.execute(f"select * from read_parquet('{decisions}/identity/*.parquet', union_by_name = true)")
        names = [column[0] for column in found.description]
        for row in (dict(zip(names, row, strict=True)) for row in found.fetchall()):
            births[row["record_key"]] = min(births.get(row["record_key"], row["night"]), row["night"])
    members = defaultdict(list)
    for record_key, customer in customer_of.items():
        members[customer].append(identities.records[record_key])
    for customer, records in members.items():
        anchor = min(
            records, key=lambda record: (record.is_anonymous, births[record.key], record.created_at, record.key)
        )
        digest = hmac.new(bytes.fromhex(key), anchor.key.encode(), hashlib.sha256).digest()
        assert customer == "c_" + base64.b32encode(digest).decode().lower()[:20], anchor.key


@pytest.fixture(scope="module")
def bought(books: Books, customer_of) -> dict[str, list[Order]]:
    return of_customers(books, customer_of)


@pytest.fixture(scope="module")
def as_of(company: Home) -> datetime:
    return company.query("select max(as_of) from ops.runs")[0][0]


@pytest.fixture(scope="module")
def last_day(as_of: datetime) -> date:
    """The last day that was complete in the reporting zone."""
    return as_of.astimezone(REPORTING_ZONE).date() - timedelta(days=1)


def test_whose_every_order_is_and_its_number(books: Books, bought, customer_of, orders):
    ours = {
        key: (customer_of[order.record] if order.record else None, order.is_valid, None, False)
        for key, order in books.orders.items()
    }
    for customer, theirs in bought.items():
        for number, order in enumerate(theirs, start=1):
            ours[order.key] = (customer, True, number, number == 1)
    assert_same(
        ours,
        {
            (row["source_system"], row["source_order_id"]): (
                row["customer_id"], row["is_valid"], row["customer_order_number"], bool(row["is_first_order"]),
            )
            for row in orders
        },
    )  # fmt: skip


def test_what_every_customer_bought(company: Home, books: Books, bought, customer_of):
    keys_of = defaultdict(list)
    for key, customer in customer_of.items():
        keys_of[customer].append(key)
    names = ("orders_count", "net_revenue", "first_order_at", "last_order_at", "record_count", "source_systems",
             "is_anonymous")  # fmt: skip
    given_back = defaultdict(Decimal)
    for refund in books.refunds.values():
        if refund.order is None and refund.record:
            given_back[customer_of[refund.record]] += books.rates.reporting(
                refund.amount, refund.currency, refund.business_date
            )
    ours = {}
    for customer, keys in keys_of.items():
        theirs = bought.get(customer, [])
        ours[customer] = (
            len(theirs),
            sum((books.net_reporting(order) for order in theirs), ZERO) - given_back[customer],
            theirs[0].ordered_at if theirs else None,
            theirs[-1].ordered_at if theirs else None,
            len(keys),
            ", ".join(sorted({key.split("/")[0] for key in keys})),
            all(key.startswith("events/device/") for key in keys),
        )
    assert_same(
        ours, {row["customer_id"]: tuple(row[name] for name in names) for row in rows(company, "marts.customers")}
    )


def test_recency_frequency_and_monetary_value(company: Home, books: Books, bought, customer_of, last_day):
    """Tonight as published; days before as the models see them now, for what was published of them stays."""
    published, now = defaultdict(dict), defaultdict(dict)
    known_now = People.of_warehouse(company.path / "warehouse.duckdb", last_day)
    columns = "as_of_date, customer_id, recency_days, frequency, monetary, r_score, f_score, m_score, segment"
    for found, listed in (
        (published, company.query(f"select {columns} from marts.customer_rfm")),
        (now, known_now.rows("customer_rfm", columns=columns)),
    ):
        for day, customer, *values in listed:
            found[day][customer] = tuple(values)
    assert max(published) == last_day
    assert published[last_day] == now[last_day]
    month_ends = [day for day in sorted(now) if (day + timedelta(days=1)).day == 1]
    assert set(month_ends) <= set(published)
    for day in {last_day, month_ends[0], month_ends[-2], month_ends[-7]}:
        assert_same(rfm(books, bought, customer_of, day), now[day])
    segments = {row["customer_id"]: row["rfm_segment"] for row in rows(company, "marts.customers")}
    assert {customer: name for customer, name in segments.items() if name is not None} == {
        customer: found[-1] for customer, found in published[last_day].items()
    }


def decided_medians(home: Home) -> Medians:
    """How long gaps were in the quarters that a publication found closed: late records do not move these."""
    files = str(home.path / "lake" / "_decisions" / "gap_medians" / "*.parquet")
    found = duckdb.sql(f"select quarter, category, gaps, median_seconds from read_parquet('{files}')").fetchall()
    assert len({(quarter, category) for quarter, category, _, _ in found}) == len(found), "decided twice"
    return {(quarter, category): (gaps, Fraction(seconds)) for quarter, category, gaps, seconds in found}


def test_every_stage_of_the_lifecycle(company: Home, bought, as_of):
    customers = rows(company, "marts.customers")
    first_seen = {row["customer_id"]: row["first_seen_at"] for row in customers if not row["is_anonymous"]}
    published = defaultdict(list)
    for row in sorted(rows(company, "marts.customer_lifecycle"), key=lambda row: row["entered_at"]):
        published[row["customer_id"]].append((row["stage"], row["entered_at"], row["left_at"]))
    ours = lifecycle(bought, first_seen, as_of, decided_medians(company))
    assert_same(ours, dict(published))
    assert_same(
        {customer: stages[-1][0] for customer, stages in ours.items()},
        {row["customer_id"]: row["lifecycle_stage"] for row in customers if not row["is_anonymous"]},
    )


def test_every_history_of_repeat_buying(company: Home, bought, last_day):
    """Purchase days up to the last month's end, and what everybody was worth so far."""
    customers = {row["customer_id"]: row for row in rows(company, "marts.customers") if not row["is_anonymous"]}
    month_end = (last_day + timedelta(days=1)).replace(day=1) - timedelta(days=1)
    ours = {}
    for customer in customers:
        orders = bought.get(customer, [])
        if not any(is_qualifying(order, date.max) for order in orders):
            continue
        days = sorted(
            {
                order.reporting_date
                for order in orders
                if order.reporting_date <= month_end and is_qualifying(order, month_end)
            }
        )
        history = (len(days) - 1, (days[-1] - days[0]).days, (month_end - days[0]).days) if days else (None, None, None)
        ours[customer] = (*history, customers[customer]["net_revenue"], month_end)
    assert_same(
        ours,
        {
            row["customer_id"]: tuple(
                row[name] for name in ("frequency", "recency", "t", "historic_value", "as_of_date")
            )
            for row in rows(company, "marts.customer_value")
        },
    )
