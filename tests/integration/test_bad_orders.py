"""Sales that are wrong, and the odd ones that only look so, in a home of its own: each is told apart and said why.

What belongs here: lines and orders that lack each other, refunds beyond what was due, returns of nothing named,
exchanges and tests. What exports do wrongly has a module of its own.
"""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT, Home
from tests.integration.shared_homes import Dropped
from tests.integration.test_real_home import till

MEMBERS = 20
ORDER_RULES = (PROJECT / "seeds" / "order_rules.csv").read_text() + "payment_method,staff test,test,pos\n"


def member(database: sqlite3.Connection, number: int, at: str) -> None:
    database.execute(
        "insert into members (member_no, full_name, phone, city, country, joined_at, updated_at) values"
        " (?, ?, ?, 'Shanghai', 'CN', ?, ?)",
        [f"M{number}", f"Member {chr(64 + number)}", f"1381234{number:04d}", at, at],
    )


def line(database: sqlite3.Connection, receipt: str, price: str, at: str) -> None:
    database.execute(
        "insert into receipt_lines (receipt_id, line_no, sku, product_name, category, quantity, unit_price,"
        " discount_amount, tax_amount, updated_at) values (?, '1', 'TEA', 'tea', 'drinks', '1', ?, '0', '0', ?)",
        [receipt, price, at],
    )


def book(
    database: sqlite3.Connection,
    receipt: str,
    total: str,
    at: str,
    *,
    kind: str = "sale",
    buyer: str = "M1",
    paid: str = "cash",
    of: str | None = None,
) -> None:
    """A receipt with the line that it needs."""
    database.execute(
        "insert into receipts (receipt_id, receipt_no, store_id, kind, sold_at, currency, member_no, total_amount,"
        " discount_amount, tax_amount, rounding_amount, payment_method, original_receipt_id, status, updated_at)"
        " values (?, ?, 'S1', ?, ?, 'CNY', ?, ?, '0', '0', '0', ?, ?, 'completed', ?)",
        [receipt, receipt, kind, at, buyer, total, paid, of, at],
    )
    line(database, receipt, total, at)


def book_all(file: Path) -> None:
    """The till of a shop with all of them."""
    database = till(file)
    database.execute(
        "insert into stores values ('S1', 'Bund', 'Shanghai', 'CN', 'Asia/Shanghai', 'CNY', '2026-01-01T00:00:00Z')"
    )
    for number in range(1, MEMBERS + 1):
        member(database, number, "2026-01-01T00:00:00Z")
        book(database, f"R{number}", "10.00", f"2026-06-{number:02d}T04:00:00Z", buyer=f"M{number}")
    line(database, "R404", "7.00", "2026-06-20T05:00:00Z")
    book(database, "BARE", "8.00", "2026-06-20T06:00:00Z")
    database.execute("delete from receipt_lines where receipt_id = 'BARE'")
    book(database, "ABOVE", "10.01", "2026-06-20T07:00:00Z", kind="return", of="R1")
    book(database, "NAMELESS", "3.00", "2026-06-20T08:00:00Z", kind="return", buyer="M2")
    book(database, "UNKNOWN", "4.00", "2026-06-20T09:00:00Z", kind="return", buyer="M3", of="R999")
    book(database, "SWAPPED", "10.00", "2026-06-20T10:00:00Z", kind="return", buyer="M4", of="R4", paid="Exchange")
    book(database, "SWAP", "10.00", "2026-06-20T10:01:00Z", buyer="M4", paid="Exchange")
    book(database, "TRIAL", "99.00", "2026-06-20T11:00:00Z", buyer="M5", paid="staff test")
    database.commit()
    database.close()


@pytest.fixture(scope="module")
def home(dropped: Dropped) -> Home:
    return dropped.first


def is_whole(home: Home) -> None:
    assert home.query("select min(rows_landed - rows_read), max(abs(rows_lost)) from ops.conservation") == [(0, 0)]
    assert home.query("select count(*) from ops.reconciliation where difference <> 0") == [(0,)]


def test_a_line_without_its_order_and_an_order_without_its_lines_wait_and_say_so(home: Home):
    is_whole(home)
    found = home.query(
        "select source_system, source_table, key, rule, reason from ops.quarantine"
        " where source_system = 'pos' and source_table <> 'amounts' order by all"
    )
    assert [row[:4] for row in found] == [
        ("pos", "receipt_lines", "R404|1", "receipt_not_staged"),
        ("pos", "receipts", "BARE", "total_mismatch"),
    ]
    assert "no lines" in found[1][4]
    assert home.query("select count(*) from marts.orders where order_id in ('pos-BARE', 'pos-R404')") == [(0,)]


def test_a_refund_above_its_order_is_set_aside_and_the_order_stays(home: Home):
    assert home.query("select key, rule, source_system from ops.quarantine where source_table = 'amounts'") == [
        ("pos-ABOVE", "refund_exceeds_order", "pos")
    ]
    ((reason,),) = home.query("select reason from ops.quarantine where source_table = 'amounts'")
    assert "10.010 CNY of pos-R1, which came to 10.000" in reason
    assert home.query("select status, is_counted from marts.refunds where refund_id = 'pos-ABOVE'") == [
        ("excess", False)
    ]
    assert home.query("select status, refund_amount, net_amount from marts.orders where order_id = 'pos-R1'") == [
        ("paid", Decimal(0), Decimal(10))
    ]


def test_a_return_that_names_no_order_reduces_its_person_and_its_day_alone(home: Home):
    assert home.query(
        "select refund_id, order_id, status, amount from marts.refunds where order_id is null order by 1"
    ) == [("pos-NAMELESS", None, "unlinked", Decimal(3)), ("pos-UNKNOWN", None, "unlinked", Decimal(4))]
    assert home.query(
        "select orders.order_id, orders.net_amount, customers.net_revenue from marts.orders as orders"
        " inner join marts.customers as customers on orders.customer_id = customers.customer_id"
        " where orders.order_id in ('pos-R2', 'pos-R3', 'pos-R6') order by 1"
    ) == [
        ("pos-R2", Decimal(10), Decimal(7)),
        ("pos-R3", Decimal(10), Decimal(6)),
        ("pos-R6", Decimal(10), Decimal(10)),
    ]
    assert home.query(
        "select source_total, mart_total from ops.reconciliation where business_date = date '2026-06-20'"
    ) == [(Decimal("-7.01"), Decimal("-7.01"))]


def test_an_exchange_is_one_order_and_a_test_is_none(home: Home):
    assert home.query(
        "select order_id, status, net_amount, is_exchange, is_test, is_valid, customer_order_number from marts.orders"
        " where order_id in ('pos-R4', 'pos-SWAP', 'pos-TRIAL') order by 1"
    ) == [
        ("pos-R4", "refunded", Decimal(0), False, False, True, 1),
        ("pos-SWAP", "paid", Decimal(10), True, False, False, None),
        ("pos-TRIAL", "paid", Decimal(99), False, True, False, None),
    ]
    assert home.query("select kind, status from marts.refunds where refund_id = 'pos-SWAPPED'") == [
        ("exchange", "counted")
    ]
    assert home.query("select refunded_quantity from marts.order_lines where order_id = 'pos-R4'") == [(Decimal(1),)]
