"""A company that has nothing but files: each of the eight doors without an API, with enough orders to show everything.

What belongs here: the comparisons of test_definitions for orders, lines and refunds, over the files of eight nights
read in one, and what the doors themselves booked. People and contacts are compared in the small company.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from ingestion.demo import Company
from tests.integration.conftest import Home
from tests.integration.recompute import Books
from tests.integration.recompute_exports import exported
from tests.integration.test_definitions import (  # noqa: F401 -- the tests run here, too, over this company
    rows,
    test_every_order_in_the_reporting_currency_at_the_rate_of_its_day,
    test_every_refund_return_and_void,
    test_refunds_take_the_rate_of_their_order,
    test_the_lines_of_an_order_add_up_to_it,
    test_what_every_order_is_worth,
    test_what_was_charged_is_what_the_company_shows,
)

NIGHTS = 8
FOLDERS = (
    "tmall_orders", "tmall_items", "jd_orders", "douyin_orders", "youzan_orders", "square_transactions",
    "square_items", "loyverse_receipts", "shopify_orders_csv", "orders", "order_lines", "fx_rates",
)  # fmt: skip


@pytest.fixture(scope="module")
def company(make_home: Callable[..., Home]) -> Home:
    """The files of eight nights, dropped all at once."""
    home = make_home("doors", OMNIHOUSE_DEMO="0")
    made = Company(home.path / "demo", persons=1500, seed=33, folders=FOLDERS)
    made.advance(NIGHTS)
    home.settings["OMNIHOUSE_AS_OF"] = made.as_of(NIGHTS).isoformat()
    for name in ("landing", "mappings"):
        shutil.copytree(home.path / "demo" / name, home.path / name)
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home


@pytest.fixture(scope="module")
def books(company: Home) -> Books:
    return Books(company.path, exported(company.path), has_systems=False)


@pytest.fixture(scope="module")
def orders(company: Home) -> list[dict[str, Any]]:
    return rows(company, "marts.orders")


def test_every_door_sells_and_takes_back_in_all_its_ways(books: Books):
    """Else the comparisons would say nothing of them."""
    found = Counter(
        (order.key[0], "closed" if order.is_void else "sold" if order.is_valid else "waiting")
        for order in books.orders.values()
    )
    doors = {door for door, _ in found}
    assert len(doors) == 8
    counters = {"square_transactions", "loyverse_receipts"}
    for door in doors:
        assert found[door, "sold"] > 20, door
        assert (found[door, "closed"] > 2) == (door not in counters), door
    assert found["tmall_orders", "waiting"], "in this company somebody has not paid yet in the last night"
    refunds = Counter((refund.key[0], refund.order is None) for refund in books.refunds.values())
    assert refunds["square_transactions", True] > 2
    assert refunds["loyverse_receipts", True] > 2
    assert refunds["shopify_orders_csv", False] > 2
    kept = [order for order in books.orders.values() if order.refunded and not order.is_void and order.net]
    assert kept, "some order was given back in part"
    assert any(order.due == 0 for order in books.orders.values()), "somewhere nothing is owed before it is paid"
    assert any(order.other for order in books.orders.values())
    assert any(order.discount and order.tax for order in books.orders.values())


def test_nothing_waits_and_the_marts_are_what_the_doors_booked(company: Home):
    assert company.query("select count(*) from ops.quarantine") == [(0,)]
    assert company.query("select count(*) from ops.reconciliation where difference <> 0") == [(0,)]
    with duckdb.connect() as truth:
        booked = truth.execute(
            "select source_system, currency, business_date, sum(amount)"
            f" from read_csv('{company.path / 'demo' / 'truth' / 'books.csv'}', types={{'amount': 'decimal(18,3)'}})"
            f" where source_system in {FOLDERS} group by all having sum(amount) <> 0 order by all"
        ).fetchall()
    assert len({system for system, *_ in booked}) == 8
    published = company.query(
        "select source_system, currency, business_date, sum(mart_total)::decimal(18,3) from ops.reconciliation"
        " group by all having sum(mart_total) <> 0 order by all"
    )
    assert [(*key, Decimal(amount)) for *key, amount in published] == [
        (*key, Decimal(amount)) for *key, amount in booked
    ]
