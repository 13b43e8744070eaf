"""Others' data through the connectors into a home of its own: every row lands once and is accounted for.

What belongs here: the official API samples and the seeds of public dbt packages. Faults and refusals are unit tests.
"""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import differences
from tests.integration.shared_homes import Vendors
from tests.integration.vendor_data import (
    SEEDS,
    SHOP_RESOURCES,
    Documents,
    Json,
    SeedShop,
    sample_documents,
    seed_desk,
    seed_rows,
)

pytestmark = pytest.mark.skipif(not SEEDS.is_dir(), reason="the shared folder of other people's data is not here")
DELETED_ORDER = 1000002


def documents() -> tuple[Documents, list[Json], Documents]:
    """What the shop, its transactions and the desk answer with."""
    shop: Documents = {resource: list(sample_documents(resource)) for resource in SHOP_RESOURCES}
    # The samples hold no deletion; those that tell of a product's beginning tell of its end here.
    shop["events"] = [{**e, "verb": "destroy"} for e in shop["events"] if e["subject_type"] == "Product"]
    deletion = {"id": 9, "subject_id": DELETED_ORDER, "subject_type": "Order", "verb": "destroy"}
    shop["events"].append({**deletion, "created_at": "2025-06-01T10:00:00+00:00"})
    transactions = [row for row in sample_documents("transactions") if row.get("order_id")]
    for prefix in ("shopify_", "shopify_gql_"):
        seeds = SeedShop(prefix)
        for resource, rows in seeds.documents.items():
            shop[resource] += rows
        transactions += seeds.transactions
    return shop, transactions, seed_desk()


def raw(vendors: Vendors, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(vendors.home.path / "warehouse.duckdb"), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def test_every_record_landed(vendors: Vendors) -> None:
    keys = {"inventory_levels": ("inventory_item_id", "location_id")}
    for schema, documents in (("raw_shopify", vendors.shop), ("raw_zendesk", vendors.desk)):
        for table, rows in documents.items():
            key = keys.get(table, ("id",))
            listed = " || '/' || ".join(key)
            landed = {row[0] for row in raw(vendors, f"select {listed} from {schema}.{table}")}
            located = {str(row["id"]) for row in vendors.shop["locations"]}
            shown = {
                "/".join(str(row[name]) for name in key)
                for row in rows
                if table != "inventory_levels" or str(row["location_id"]) in located
            }
            assert landed == shown, table
    transactions = {row[0] for row in raw(vendors, "select id from raw_shopify.transactions")}
    listed_orders = {
        str(row["id"])
        for row in vendors.shop["orders"]
        if row.get("financial_status") not in (None, "pending", "voided")
    }
    assert transactions == {str(row["id"]) for row in vendors.transactions if str(row["order_id"]) in listed_orders}


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("order_line", "line_items"),
        ("refund", "refunds"),
        ("order_line_refund", "refunds"),
        ("order_shipping_line", "shipping_lines"),
        ("fulfillment", "fulfillments"),
    ],
)
@pytest.mark.parametrize("prefix", ["shopify_", "shopify_gql_"])
def test_every_seed_row_of_a_part_landed_in_its_order(vendors: Vendors, prefix: str, table: str, path: str) -> None:
    wanted = {row["id"] for row in seed_rows("shopify", f"{prefix}{table}_data")}
    found: set[Any] = set()
    for (text,) in raw(vendors, f'select "{path}" from raw_shopify.orders where "{path}" is not null'):
        for part in json.loads(text):
            found |= {part.get("id"), *(line.get("id") for line in part.get("refund_line_items", []))}
    assert wanted <= found
    assert wanted or prefix == "shopify_gql_"


def test_every_landed_row_is_staged_superseded_or_set_aside_with_a_reason(vendors: Vendors) -> None:
    told = vendors.home.query(
        "select raw_schema || '.' || raw_table, rows_landed - rows_read, rows_lost, rows_read from ops.conservation"
    )
    assert {row[0]: row[1:3] for row in told if row[1:3] != (0, 0)} == {}
    read = {row[0]: row[3] for row in told}
    assert all(read[f"raw_shopify.{resource}"] for resource in (*SHOP_RESOURCES, "transactions"))
    assert all(read[f"raw_zendesk.{resource}"] for resource in vendors.desk)
    set_aside = vendors.home.query("select source_table, key, rule, reason from ops.quarantine")
    assert all(reason for *_, reason in set_aside)
    staged = dict(raw(vendors, "select 'orders', count(*) from staging.stg_shopify__orders"))
    assert staged["orders"] > 30


def test_a_second_load_changes_nothing(vendors: Vendors) -> None:
    first, second = vendors.marts
    assert differences(first, second) == {}
    assert vendors.home.query(
        "select count(distinct load_id) from ops.loads where source_system = 'shopify' and admitted"
    ) == [(2,)]


def test_an_account_without_calls_is_told_so_in_one_line(vendors: Vendors) -> None:
    for output in vendors.output:
        assert output.count("calls were not read: the account refused with status 404") == 1
    notes = dict(vendors.home.query("select source_table, error from ops.loads where source_system = 'zendesk'"))
    assert "Talk" in notes["calls"]
    assert notes["tickets"] is None


def test_deletions_and_payments_of_others_data(vendors: Vendors) -> None:
    """A product whose event says so is deleted; a sale is one payment, and an authorisation and its capture are one."""
    deleted = {str(event["subject_id"]) for event in vendors.shop["events"] if event["subject_type"] == "Product"}
    listed: dict[bool, set[str]] = {True: set(), False: set()}
    for product in vendors.shop["products"]:
        listed[str(product["id"]) in deleted] |= {variant.get("sku") for variant in product.get("variants", [])}
    gone = listed[True] - listed[False]
    states = dict(vendors.home.query("select sku, status from marts.products where sku is not null"))
    assert {states[sku] for sku in gone & set(states)} == {"deleted"}
    taken = [
        row for row in vendors.transactions if row["kind"] in ("sale", "capture") and row.get("status") == "success"
    ]
    told = dict(
        vendors.home.query("select source_payment_id, amount from marts.payments where source_payment_id is not null")
    )
    assert told
    assert set(told) <= {str(row["id"]) for row in taken}
    amounts = {str(row["id"]): Decimal(str(row["amount"])) for row in taken}
    assert all(amount == amounts[number] for number, amount in told.items())


def test_a_deleted_order_is_voided_from_then_on_and_the_books_agree(vendors: Vendors) -> None:
    order = f"shopify-{DELETED_ORDER}"
    assert vendors.home.query(
        "select status, is_valid, due_amount, net_amount, order_date::varchar from marts.orders where order_id = $1",
        [order],
    ) == [("voided", False, Decimal("100.02"), Decimal(0), "2025-05-02")]
    assert vendors.home.query(
        "select kind, amount, refund_date::varchar from marts.refunds where order_id = $1", [order]
    ) == [("void", Decimal("100.02"), "2025-06-01")]
    assert vendors.home.query("select count(*) from ops.reconciliation where difference <> 0") == [(0,)]


def test_order_totals_are_the_plain_sum_of_the_seeds(vendors: Vendors) -> None:
    """What an order came to is what its seed row says; one whose own lines say otherwise waits, and is named."""
    seeds = {}
    for prefix, total in (("shopify_", "total_price"), ("shopify_gql_", "total_price_set_shop_amount")):
        for row in seed_rows("shopify", f"{prefix}order_data"):
            seeds[str(row["id"])] = (row.get("currency") or row["currency_code"], Decimal(row[total]))
    published = {
        number: (currency, total)
        for number, currency, total in vendors.home.query(
            "select source_order_id, currency, due_amount + gift_card_sold_amount from marts.orders"
            " where source_system = 'shopify'"
        )
        if number in seeds
    }
    waiting = dict(vendors.home.query("select key, rule from ops.quarantine where source_table = 'orders'"))
    assert {waiting[number] for number in set(seeds) - set(published)} <= {"total_mismatch"}
    assert len(published) >= 5
    plain: dict[str, Decimal] = defaultdict(Decimal)
    for number in published:
        plain[seeds[number][0]] += seeds[number][1]
    summed: dict[str, Decimal] = defaultdict(Decimal)
    for currency, total in published.values():
        summed[currency] += total
    assert summed == plain
    assert published == {number: seeds[number] for number in published}
