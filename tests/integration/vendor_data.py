"""Other people's data as a shop and a desk would show it: official API samples, and the seeds of public dbt packages.

Belongs here: reading those files, giving the seeds' flat tables the API's shape, and serving both. A row whose parent
is in no table gets a parent that holds nothing else. Does not belong here: what is asserted of them.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.demo.http_server import Reply, Request

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SAMPLES, SEEDS = SHARED / "shopify_rest", SHARED / "fivetran"
SHOP_RESOURCES = ("orders", "customers", "products", "locations", "inventory_levels", "checkouts", "events")
# What the seeds call otherwise than the REST API.
_RENAMED = {
    "currency_code": "currency",
    "address_1": "address1",
    "is_gift_card": "gift_card",
    "is_active": "active",
    "order_line_id": "line_item_id",
    "display_financial_status": "financial_status",
    "original_total": "price",
    "allocated_amount": "amount",
}
Json = dict[str, Any]
Documents = dict[str, list[Json]]


def sample_documents(resource: str) -> Iterator[Json]:
    """Every whole record of a resource in either family of samples; an answer to `fields=` holds parts only."""
    singular = resource.removesuffix("s")
    for path in sorted((SAMPLES / "official_docs_samples_2026_07").glob("*.json")):
        sample = json.loads(path.read_text())
        if "fields=" not in (sample["request"]["url"] or ""):
            yield from _of(sample["response"].get("json"), resource, singular)
    for name in (resource, singular, f"location_{resource}", f"{resource}_search"):
        path = SAMPLES / "python_api_fixtures" / f"{name}.json"
        if path.exists():
            content = json.loads(path.read_text())
            yield from content if isinstance(content, list) else _of(content, resource, singular)


def _of(answer: Any, resource: str, singular: str) -> Iterator[Json]:
    if isinstance(answer, dict):
        found = [*answer.get(resource, []), answer.get(singular)]
        yield from (one for one in found if isinstance(one, dict) and len(one) > 1 and _is_of(one, resource))


def _is_of(record: Json, resource: str) -> bool:
    # Payouts list transactions too, and the checkouts of sales channels are another resource of the same name.
    return {"transactions": "kind", "checkouts": "abandoned_checkout_url"}.get(resource, next(iter(record))) in record


def seed_rows(package: str, table: str) -> list[Json]:
    """The rows of a seed table with cells as JSON values; times in ISO 8601, no cell where nothing is written."""
    path = SEEDS / package / "seeds" / f"{table}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            {name: _value(name, cell.strip()) for name, cell in row.items() if cell.strip()}
            for row in csv.DictReader(file)
        ]


def _value(name: str, cell: str) -> Any:
    if cell.upper() in ("TRUE", "FALSE"):
        return cell.upper() == "TRUE"
    if name.endswith("_at") or name == "created":
        return cell.replace(" ", "T") + "Z"
    if (name == "id" or name.endswith("_id") or name == "quantity") and cell.lstrip("-").isdigit():
        return int(cell)
    return cell


def _nested(row: Json) -> Json:
    """A flat row in the API's shape: addresses as objects, an amount beside its set, and Shopify's REST names."""
    made: Json = {}
    for name, value in row.items():
        for side in ("billing_address", "shipping_address"):
            if name.startswith(f"{side}_"):
                part = name.removeprefix(f"{side}_").replace("address_", "address")
                made.setdefault(side, {})[part] = value
                break
        else:
            stem, mark, part = name.partition("_set_")
            if mark and part in ("shop_amount", "pres_amount", "shop_currency_code", "pres_currency_code"):
                money = {"shop": "shop_money", "pres": "presentment_money"}[part[:4]]
                made.setdefault(f"{stem}_set", {}).setdefault(money, {})[part[5:]] = value
                if part == "shop_amount":
                    made[stem] = value
            else:
                made[name] = value
    for old, new in _RENAMED.items():
        if old in made:
            made[new] = made.pop(old)
    if "financial_status" in made:
        made["financial_status"] = made["financial_status"].lower()
    return made


class SeedShop:
    """The shop seeds of one shape (`shopify_` as the REST API, `shopify_gql_` as the GraphQL API) as REST documents."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.documents: Documents = {resource: [] for resource in SHOP_RESOURCES}
        self.transactions: list[Json] = self.rows("transaction")
        self._orders()
        self._products()
        self.documents["customers"] = self.rows("customer")
        self.documents["locations"] = self.rows("location")
        self.documents["inventory_levels"] = self.rows("inventory_level")
        self.documents["checkouts"] = [
            {**row, "customer": {"id": row["customer_id"]}} if "customer_id" in row else row
            for row in self.rows("abandoned_checkout")
        ]

    def rows(self, table: str) -> list[Json]:
        return [_nested(row) for row in seed_rows("shopify", f"{self.prefix}{table}_data")]

    def _by(self, table: str, parent: str) -> dict[int, list[Json]]:
        found = defaultdict(list)
        for row in self.rows(table):
            found[row[parent]].append(row)
        return found

    def _orders(self) -> None:
        orders = {row["id"]: {**row, "customer": {"id": row.get("customer_id")}} for row in self.rows("order")}
        lines, refunds = self._by("order_line", "order_id"), self._by("refund", "order_id")
        returned = self._by("order_line_refund", "refund_id")
        for refund in [refund for listed in refunds.values() for refund in listed]:
            refund["refund_line_items"] = returned.pop(refund["id"], [])
        for number, listed in returned.items():  # their refund is in no table, nor its order
            refund = {
                "id": number,
                "created_at": "2020-01-01T00:00:00Z",
                "refund_line_items": listed,
                "transactions": [],
            }
            refunds[10**15 + number].append(refund)
        listed_lines = {line["id"]: line for listed in lines.values() for line in listed}
        for table, member in (("discount_allocation", "discount_allocations"), ("tax_line", "tax_lines")):
            for number, listed in self._by(table, "line_item_id").items():
                if number not in listed_lines:
                    listed_lines[number] = {"id": number, "price": "0", "quantity": 1}
                    lines[2 * 10**15 + number].append(listed_lines[number])
                listed_lines[number][member] = listed
        shipping, shipments = self._by("order_shipping_line", "order_id"), self._by("fulfillment", "order_id")
        paid = {row["order_id"]: row for row in self.transactions}
        for number in {*lines, *refunds, *shipping, *shipments, *paid} - set(orders):
            total = paid[number].get("amount", "0") if number in paid else "0"
            orders[number] = {"id": number, "name": f"#{number}", "currency": "USD", "total_price": total} | {
                "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z", "financial_status": "paid"
            }  # fmt: skip
        for number, order in orders.items():
            order["line_items"] = lines.get(number) or [{"id": number, "price": order["total_price"], "quantity": 1}]
            order["refunds"] = refunds.get(number, [])
            order["shipping_lines"], order["fulfillments"] = shipping.get(number, []), shipments.get(number, [])
        self.documents["orders"] = list(orders.values())

    def _products(self) -> None:
        products = {row["id"]: row for row in self.rows("product")}
        variants = self._by("product_variant", "product_id")
        for number in set(variants) - set(products):
            products[number] = {"id": number, "title": "x", "updated_at": "2020-01-01T00:00:00Z"}
        for number, product in products.items():
            product["variants"] = variants.get(number, [])
        self.documents["products"] = list(products.values())


def _instant(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text).replace(" ", "+").strip())
    return moment if moment.tzinfo else moment.astimezone()


def shop_answer(documents: Documents, transactions: list[Json]) -> Callable[[Request], Reply]:
    """A shop that holds these documents: `updated_at_min`, `verb` and `location_ids` are heeded, a page holds all."""
    of_order = defaultdict(list)
    for row in transactions:
        of_order[str(row["order_id"])].append(row)

    def answer(request: Request) -> Reply:
        parts = request.path.removesuffix(".json").split("/")
        if parts[-1] == "transactions":
            return Reply(200, {"transactions": of_order[parts[-2]]})
        rows = documents[parts[-1]]
        if "updated_at_min" in request.query:
            since = _instant(request.query["updated_at_min"])
            rows = [row for row in rows if not row.get("updated_at") or _instant(row["updated_at"]) >= since]
        if "verb" in request.query:
            rows = [row for row in rows if row["verb"] == request.query["verb"]]
        if parts[-1] == "inventory_levels":
            places = request.query["location_ids"].split(",")
            rows = [row for row in rows if str(row["location_id"]) in places]
        if request.query.get("status") == "closed":
            rows = []
        return Reply(200, {parts[-1]: rows})

    return answer


def desk_answer(documents: Documents) -> Callable[[Request], Reply]:
    """A desk that holds these documents, has no Talk, and shows each export on one page."""

    def answer(request: Request) -> Reply:
        if "/voice/" in request.path:
            return Reply(404, {"error": "InvalidEndpoint"})
        name = request.path.removesuffix("/cursor.json").removesuffix(".json").rpartition("/")[2]
        since = int(request.query.get("start_time", "0"))
        rows = [row for row in documents.get(name, []) if _instant(row["updated_at"]).timestamp() >= since]
        body: Json = {name: rows, "count": len(rows), "end_of_stream": True, "after_cursor": None, "next_page": None}
        return Reply(200, body)

    return answer


def seed_desk() -> Documents:
    """The desk's seeds; a table and its twin for another warehouse hold versions of the same rows."""
    tags = defaultdict(list)
    for row in seed_rows("zendesk", "ticket_tag_data"):
        tags[row["ticket_id"]].append(row["tag"])
    tickets = seed_rows("zendesk", "ticket_data")
    for ticket in tickets:
        ticket["tags"] = tags.get(ticket["id"], [])
        ticket["via"] = {"channel": ticket.get("via_channel")}
    users = [*seed_rows("zendesk", "user_data"), *seed_rows("zendesk", "user_data_snowflake")]
    return {"tickets": tickets, "users": users, "organizations": seed_rows("zendesk", "organization_data")}
