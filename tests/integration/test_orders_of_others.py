"""Order tables that others made, through mappings of a user: what the orders come to is the plain sum of the rows."""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import Decimal

import pytest

from tests.integration.conftest import PROJECT
from tests.integration.shared_homes import Vendors

SEEDS = PROJECT.parent / "shared" / "data" / "fivetran" / "shopify" / "seeds"
MAPPINGS = {
    "rest_orders": """
        files: "*.csv"
        timezone: UTC
        currency: {column: currency}
        entities:
          orders:
            order_id: id
            ordered_at: {from: created_at, pattern: '^(.{19})', formats: ["%Y-%m-%d %H:%M:%S"]}
            status: financial_status
            net_amount: total_price
    """,
    "graphql_orders": """
        files: "*.csv"
        timezone: UTC
        currency: {column: currency_code}
        entities:
          orders:
            order_id: id
            ordered_at: {from: created_at, pattern: '^(.{19})', formats: ["%Y-%m-%d %H:%M:%S"]}
            status: display_financial_status
            net_amount: total_price_set_shop_amount
    """,
    "graphql_lines": """
        files: "*.csv"
        timezone: UTC
        currency: {column: original_total_set_shop_currency_code}
        entities:
          order_lines:
            order_id: order_id
            ordered_at: {from: _fivetran_synced, pattern: '^(.{19})', formats: ["%Y-%m-%d %H:%M:%S"]}
            quantity: quantity
            unit_price: original_total_set_shop_amount
            discount_amount: {from: total_discount_set_shop_amount, optional: true}
            sku: {from: sku, optional: true}
    """,
}
FILES = {
    "rest_orders": "shopify_order_data.csv",
    "graphql_orders": "shopify_gql_order_data.csv",
    "graphql_lines": "shopify_gql_order_line_data.csv",
}


def told(folder: str) -> tuple[int, dict[str, Decimal]]:
    """How many orders the file has, and what they come to by currency, added row by row."""
    orders: set[str] = set()
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with (SEEDS / FILES[folder]).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if folder == "rest_orders":
                orders.add(row["id"])
                sums[row["currency"]] += Decimal(row["total_price"])
            elif folder == "graphql_orders":
                orders.add(row["id"])
                sums[row["currency_code"]] += Decimal(row["total_price_set_shop_amount"])
            else:
                orders.add(row["order_id"])
                price, off = row["original_total_set_shop_amount"], row["total_discount_set_shop_amount"]
                sums[row["original_total_set_shop_currency_code"]] += int(row["quantity"]) * Decimal(price) - Decimal(
                    off
                )
    return len(orders), dict(sums)


@pytest.mark.parametrize("folder", FILES)
def test_order_totals_are_the_plain_sum_of_the_rows(vendors: Vendors, folder: str):
    count, sums = told(folder)
    assert count >= 8
    assert vendors.home.query("select count(*) from marts.orders where source_system = $1", [folder]) == [(count,)]
    assert (
        dict(
            vendors.home.query(
                "select currency, sum(due_amount) from marts.orders where source_system = $1 group by currency",
                [folder],
            )
        )
        == sums
    )


def test_none_waits_but_for_a_rate(vendors: Vendors):
    """That no row is lost and that the books agree is asked of the whole home in `test_vendor_data`."""
    assert vendors.home.query(
        "select count(*) from ops.quarantine where rule <> 'rate_missing' and source_system in (select unnest($1))",
        [[*MAPPINGS]],
    ) == [(0,)]
