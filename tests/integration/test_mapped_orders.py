"""Orders of mapped exports, end to end: headers and lines from two folders, refunds, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.integration.conftest import PROJECT, Home, differences

AS_OF = "2026-07-02T02:00:00+02:00"
ORDERS = """Order,Placed,State,Paid by,Shop,Discount,Shipping,Tax,Total,Mail,Name
A1,2026-06-01 10:00,paid,card,,10.00,5.00,,95.00,anna@example.com,Anna Beck
A2,2026-06-01 23:30,Refunded,card,,,,,20.00,anna@example.com,Anna Beck
A3,2026-06-02,交易关闭,,,,,,30.00,bo@example.com,
A4,2026-06-02 09:00,dispatched to the moon,,,,,,40.00,,
A5,2026-06-03 09:00,,Cash on Delivery,Mitte,,,,50.00,,Cem Demir
A6,2026-06-03 10:00,pending,,,0,0,9.00,100.00,,
A7,2026-03-29 02:30,,,,,,,10.00,,
"""
ITEMS = """Order,Placed,Line,Article,Kind,Pieces,Price,Of order
A1,2026-06-01 10:00,1,TEA,drinks,2,30.00,
A1,2026-06-01 10:00,2,CUP,china,4,10.00,
A2,2026-06-01 23:30,1,TEA,drinks,1,20.00,
A6,2026-06-03 10:00,1,POT,china,1,80.00,
A9,2026-06-04 10:00,1,CUP,china,3,10.00,
A9,2026-06-04 10:00,2,TEA,drinks,two,30.00,
R1,2026-06-05 10:00,1,CUP,china,-1,10.00,A1
R2,2026-06-05 11:00,1,TEA,drinks,-1,29.00,
"""
REFUNDS = """Refund,Order,Given back,Amount,Article,Pieces,Currency
F1,A5,2026-06-06 10:00,-12.50,,,EUR
F2,A0,2026-06-06 11:00,7.00,,,EUR
F3,A0,2026-06-06 12:00,8.00,,,
F4,A1,2026-06-06 13:00,10.00,CUP,1,EUR
F4,A1,2026-06-06 13:00,20.00,TEA,1,EUR
"""


def drop(home: Home, folder: str, name: str, text: str) -> None:
    place = home.path / "landing" / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)


def is_whole(home: Home) -> None:
    assert home.query("select min(rows_landed - rows_read), max(abs(rows_lost)) from ops.conservation") == [(0, 0)]
    assert home.query("select count(*) from ops.reconciliation where difference <> 0") == [(0,)]


@pytest.fixture(scope="module")
def shop(make_home: Callable[..., Home]) -> Home:
    home = make_home("mapped", OMNIHOUSE_AS_OF=AS_OF, OMNIHOUSE_CURRENCY="EUR", OMNIHOUSE_TIMEZONE="Europe/Berlin")
    (home.path / "mappings").mkdir(parents=True)
    for name in ("shop_orders", "shop_items", "shop_refunds"):
        source = PROJECT / "tests" / "integration" / f"{name}.yml"
        (home.path / "mappings" / source.name).write_text(source.read_text())
    drop(home, "shop_orders", "june.csv", ORDERS)
    drop(home, "shop_items", "june.csv", ITEMS)
    drop(home, "shop_refunds", "june.csv", REFUNDS)
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home


def test_headers_and_lines_of_two_folders_are_the_same_orders(shop: Home):
    is_whole(shop)
    found = shop.query(
        "select source_order_id, source_system, order_date::varchar, status, gross_amount, discount_amount,"
        " shipping_amount, refund_amount, net_amount, is_valid from marts.orders order by 1"
    )
    assert found == [
        ("A1", "shop_orders", "2026-06-01", "partially_refunded", 100, 10, 5, 40, 55, True),
        ("A2", "shop_orders", "2026-06-01", "refunded", 20, 0, 0, 20, 0, True),
        ("A3", "shop_orders", "2026-06-02", "cancelled", 30, 0, 0, 30, 0, False),
        ("A5", "shop_orders", "2026-06-03", "partially_refunded", 50, 0, 0, Decimal("12.5"), Decimal("37.5"), True),
    ]
    assert shop.query(
        "select sku, quantity, refunded_quantity, net_amount from marts.order_lines order by order_id, 1"
    ) == [("CUP", 4, 2, 36), ("TEA", 2, 1, 54), ("TEA", 1, 0, 20)]
    # Half past eleven at night in Berlin is the next day in UTC, and the business date is Berlin's.
    assert shop.query("select ordered_at::varchar from marts.orders where source_order_id = 'A2'") == [
        ("2026-06-01 21:30:00+00",)
    ]
    assert shop.query("select store_id, store_name from marts.stores") == [("shop_orders-Mitte", "Mitte")]


def test_what_is_given_back_names_its_order_or_stands_alone(shop: Home):
    assert shop.query(
        "select source_refund_id, order_id, kind, status, amount, source_system from marts.refunds order by refund_id"
    ) == [
        ("A2", "shop_orders-A2", "refund", "counted", Decimal(20), "shop_orders"),
        ("A3", "shop_orders-A3", "void", "counted", Decimal(30), "shop_orders"),
        ("F1", "shop_orders-A5", "refund", "counted", Decimal("12.5"), "shop_refunds"),
        ("F2", None, "refund", "unlinked", Decimal(7), "shop_refunds"),
        ("F4", "shop_orders-A1", "refund", "counted", Decimal(30), "shop_refunds"),
        ("return-R1-A1", "shop_orders-A1", "refund", "counted", Decimal(10), "shop_items"),
        ("return-R2", None, "refund", "unlinked", Decimal(29), "shop_items"),
    ]


def test_what_cannot_be_told_waits_with_file_line_and_reason(shop: Home):
    found = shop.query("select source_table, key, rule, file_name, row_number from ops.quarantine order by 1, 2, 5")
    assert [row[:4] for row in found] == [
        ("held_orders", "shop_orders|A6", "total_mismatch", "shop_orders/june.csv"),
        ("held_orders", "shop_orders|F3", "currency_unknown", "shop_refunds/june.csv"),
        ("order_lines", "shop_orders|A9|1", "order_has_broken_line", "shop_items/june.csv"),
        ("order_lines", "shop_orders|A9|2", "quantity_not_a_number", "shop_items/june.csv"),
        ("orders", "shop_orders|A4", "status_unknown", "shop_orders/june.csv"),
        ("orders", "shop_orders|A7", "time_does_not_exist", "shop_orders/june.csv"),
    ]
    assert all(row[4] > 0 for row in found)
    (reason,) = shop.query("select reason from ops.quarantine where rule = 'status_unknown'")
    assert "dispatched to the moon" in reason[0]
    assert "rules/order_statuses.csv" in reason[0]


def test_mended_orders_come_back_by_themselves_and_a_known_word_by_a_rule(shop: Home):
    """The line that was readable waited in the first file; the new one holds the mended line alone."""
    drop(shop, "shop_items", "mended.csv", ITEMS.splitlines()[0] + "\nA9,2026-06-04 10:00,2,TEA,drinks,2,30.00,\n")
    drop(
        shop, "shop_orders", "mended.csv", ORDERS.splitlines()[0] + "\nA6,2026-06-03 10:00,paid,,,0,11,9.00,100.00,,\n"
    )
    statuses = (PROJECT / "seeds" / "order_statuses.csv").read_text()
    (shop.path / "rules" / "order_statuses.csv").write_text(statuses + "Dispatched to the Moon,gone\n")
    outcome = shop.run()
    assert outcome.returncode == 2, outcome.stdout + outcome.stderr
    assert "order_statuses.csv, line" in outcome.stderr
    (shop.path / "rules" / "order_statuses.csv").write_text(statuses + "Dispatched to the Moon,paid\n")
    outcome = shop.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    is_whole(shop)
    assert shop.query(
        "select net_amount, status from marts.orders where source_order_id in ('A6', 'A9') order by 1"
    ) == [
        (Decimal(90), "paid"),
        (Decimal(100), "paid"),
    ]
    assert shop.query("select source_system from marts.orders where source_order_id = 'A9'") == [("shop_items",)]
    assert shop.query("select count(*) from ops.quarantine where source_table = 'order_lines'") == [(0,)]
    assert shop.query("select net_amount from marts.orders where source_order_id = 'A4'") == [(Decimal(40),)]


def test_a_broken_newer_version_leaves_the_order_as_it_was(shop: Home):
    """An order and a line that are good already, dropped once more with a mistake; then a rebuild from the lake."""
    drop(shop, "shop_items", "worse.csv", ITEMS.splitlines()[0] + "\nA1,2026-06-01 10:00,1,TEA,drinks,2,-30.00,\n")
    before = shop.tables()
    outcome = shop.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    is_whole(shop)
    assert shop.query("select key, rule from ops.quarantine where source_table = 'order_lines'") == [
        ("shop_orders|A1|1", "price_negative")
    ]
    assert differences(before, shop.tables()) == {}
    outcome = shop.run("rebuild")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    is_whole(shop)
    assert differences(before, shop.tables()) == {}
