"""Where the web shop keeps its goods, how many, what it stopped selling, and how orders were paid, as its API shows it.

Belongs here: locations, inventory levels, a product deleted for good, and the transactions of an order.
Does not belong here: products on sale (shop_listings), orders (webshop_documents).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestion.demo.catalog import COUNTRY_NAME, STORES, money
from ingestion.demo.clock import DAY, FIRST_DAY, day_start, shanghai_text
from ingestion.demo.systems import Document
from ingestion.demo.webshop_documents import LOCATION_ID

Json = dict[str, Any]
_SHOWROOM_ID = LOCATION_ID + 1
_DISCONTINUED_ID = 7_699_000_000_001
_DISCONTINUED_NIGHT = 3
_TRANSACTION_OFFSET = 3_000_000_000_000


def location_documents() -> list[Document]:
    """The warehouse and a showroom of the shop; they never change."""
    at = day_start(FIRST_DAY) - 10 * DAY
    country = STORES[0].country
    return [
        (
            number,
            at,
            at,
            {
                "id": number,
                "admin_graphql_api_id": f"gid://shopify/Location/{number}",
                "name": name,
                "address1": street,
                "address2": None,
                "city": STORES[0].city,
                "zip": "200000",
                "province": "Shanghai",
                "province_code": "SH",
                "country": country,
                "country_code": country,
                "country_name": COUNTRY_NAME[country],
                "phone": None,
                "legacy": False,
                "active": True,
                "created_at": shanghai_text(at),
                "updated_at": shanghai_text(at),
            },
        )
        for number, name, street in ((LOCATION_ID, "Warehouse", "1 Port Road"), (_SHOWROOM_ID, "Showroom", "8 Quay"))
    ]


def inventory_documents(product: Json, updated: int) -> Iterator[Document]:
    """How many of each variant of a product lie where; they change with the product."""
    for variant in product["variants"]:
        shown = variant["inventory_quantity"] * 7 % 13
        places = ((LOCATION_ID, variant["inventory_quantity"] - shown), (_SHOWROOM_ID, shown))
        for place, (location, available) in enumerate(places):
            item = variant["inventory_item_id"]
            document = {
                "inventory_item_id": item,
                "location_id": location,
                "available": available,
                "updated_at": shanghai_text(updated),
                "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{location}?inventory_item_id={item}",
            }
            yield item * len(places) + place, updated, updated, document


def discontinued_product(night: int) -> tuple[list[Document], list[Document]]:
    """A sample that nobody ever bought: (its listing on the first night, the event of its deletion on a later one)."""
    created, deleted = day_start(FIRST_DAY) - 9 * DAY, day_start(_DISCONTINUED_NIGHT - 1) + 3_600
    when = shanghai_text(created)
    if night == 1:
        variant = {
            "id": _DISCONTINUED_ID + 1,
            "product_id": _DISCONTINUED_ID,
            "title": "Default Title",
            "price": "19.00",
            "sku": "SAMPLE-1",
            "inventory_item_id": _DISCONTINUED_ID + 2,
            "inventory_quantity": 0,
            "created_at": when,
            "updated_at": when,
        }
        product = {
            "id": _DISCONTINUED_ID,
            "admin_graphql_api_id": f"gid://shopify/Product/{_DISCONTINUED_ID}",
            "title": "Fabric Sample",
            "vendor": "Omni",
            "product_type": "Accessories",
            "handle": "fabric-sample",
            "status": "draft",
            "tags": "",
            "created_at": when,
            "updated_at": when,
            "published_at": None,
            "variants": [variant],
            "options": [],
        }
        return [(_DISCONTINUED_ID, created, created, product)], []
    if night != _DISCONTINUED_NIGHT:
        return [], []
    number = 164_748_010_000 + night
    event: Json = {
        "id": number,
        "subject_id": _DISCONTINUED_ID,
        "subject_type": "Product",
        "verb": "destroy",
        "created_at": shanghai_text(deleted),
        "arguments": ["Fabric Sample"],
        "body": None,
        "message": "Fabric Sample was deleted.",
        "author": "Omni Atelier",
        "description": "Fabric Sample was deleted.",
        "path": f"/admin/products/{_DISCONTINUED_ID}",
    }
    return [], [(number, deleted, deleted, event)]


def transaction_documents(order: Json) -> list[Json]:
    """An order's transactions: cards are authorised and then captured, everything else is a sale; then its refunds."""
    if order["financial_status"] in ("pending", "voided") or order["total_price"] == money(0, "CNY"):
        return []
    gateway = order["payment_gateway_names"][0]
    number = order["id"] + _TRANSACTION_OFFSET

    def paid(offset: int, kind: str, parent: int | None) -> Json:
        return {
            "id": number + offset,
            "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{number + offset}",
            "order_id": order["id"],
            "parent_id": parent,
            "kind": kind,
            "status": "success",
            "amount": order["total_price"],
            "currency": order["currency"],
            "gateway": gateway,
            "message": None,
            "error_code": None,
            "test": order["test"],
            "source_name": order["source_name"],
            "created_at": order["processed_at"],
            "processed_at": order["processed_at"],
        }

    if gateway == "shopify_payments":
        made = [paid(0, "authorization", None), paid(1, "capture", number)]
    else:
        made = [paid(0, "sale", None)]
    parent = made[-1]["id"]
    given_back = (part for refund in order["refunds"] for part in refund["transactions"])
    return [*made, *({**part, "parent_id": parent} for part in given_back)]
