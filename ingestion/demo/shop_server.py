"""The web shop's HTTP face: Shopify's Admin REST API 2026-07, as far as the sources of a warehouse go.

Belongs here: routes, filters, cursor paging by Link header, access token, leaky bucket.
Does not belong here: the documents (webshop_documents, shop_listings) and how they are stored (systems).
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from ingestion.demo.http_server import Handler, Reply, Request, Throttle, page_text
from ingestion.demo.shop_stock import transaction_documents
from ingestion.demo.systems import Systems, json_text

VERSION = "2026-07"
RESOURCES = ("orders", "customers", "products", "locations", "inventory_levels", "checkouts", "events")
BUCKET = 40
_LEAK = 2_000  # calls a second that leave the bucket; the real shop's is 2, and no demo should wait for it
_STATUSES = ("any", "open", "closed", "cancelled")


class _BadRequest(Exception):
    """A query the API refuses; the message is the reply."""


class _Bucket:
    """A leaky bucket: each call adds one, and time takes them away."""

    def __init__(self) -> None:
        self._filled, self._at = 0.0, time.monotonic()
        self._lock = threading.Lock()

    def add(self) -> int:
        """Calls in the bucket after one more."""
        with self._lock:
            now = time.monotonic()
            self._filled = max(0.0, self._filled - (now - self._at) * _LEAK) + 1
            self._at = now
            return min(BUCKET, int(self._filled))


def shop_handler(systems: Systems, access_token: str) -> Handler:
    """What answers requests."""
    throttle, bucket = Throttle(3, BUCKET), _Bucket()

    def handle(request: Request) -> Reply:
        if request.headers.get("X-Shopify-Access-Token") != access_token:
            return Reply(
                401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}
            )
        _, refused = throttle.next()
        headers = {"X-Shopify-API-Version": VERSION}
        if refused:
            message = (
                "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
            )
            limit = {"X-Shopify-Shop-Api-Call-Limit": f"{BUCKET}/{BUCKET}", "Retry-After": "0.2"}
            return Reply(429, {"errors": message}, headers | limit)
        headers["X-Shopify-Shop-Api-Call-Limit"] = f"{bucket.add()}/{BUCKET}"
        try:
            reply = _route(systems, request)
        except _BadRequest as error:
            reply = Reply(400, {"errors": str(error)})
        return Reply(reply.status, reply.body, headers | reply.headers)

    return handle


def _route(systems: Systems, request: Request) -> Reply:
    parts = request.path.removeprefix(f"/admin/api/{VERSION}/").removesuffix(".json").split("/")
    if not request.path.startswith(f"/admin/api/{VERSION}/") or not request.path.endswith(".json"):
        return Reply(404, {"errors": "Not Found"})
    if parts == ["shop"]:
        return Reply(200, {"shop": _SHOP})
    if parts[0] == "orders" and len(parts) == 3 and parts[2] == "transactions" and parts[1].isdigit():
        return _transactions(systems, int(parts[1]))
    if parts[0] not in RESOURCES or len(parts) > 2:
        return Reply(404, {"errors": "Not Found"})
    if len(parts) == 1:
        return _list(systems, parts[0], request)
    if parts[1] == "count":
        where, values = _filters(parts[0], request.query)
        rows = systems.query(f"select count(*) from {parts[0]} where {where}", values)
        return Reply(200, {"count": rows[0][0]})
    if not parts[1].isdigit():
        return Reply(400, {"errors": {"id": "expected String to be a id"}})
    rows = systems.query(f"select body from {parts[0]} where id = ?", (int(parts[1]),))
    if not rows:
        return Reply(404, {"errors": "Not Found"})
    return Reply(200, f'{{"{parts[0][:-1]}":{rows[0][0]}}}')


def _transactions(systems: Systems, order: int) -> Reply:
    rows = systems.query("select body from orders where id = ?", (order,))
    if not rows:
        return Reply(404, {"errors": "Not Found"})
    return Reply(200, f'{{"transactions":{json_text(transaction_documents(json.loads(str(rows[0][0]))))}}}')


def _list(systems: Systems, resource: str, request: Request) -> Reply:
    query = dict(request.query)
    limit = _limit(query.pop("limit", "50"))
    after: list[int] | None = None
    backwards = False
    if "page_info" in query:
        token = query.pop("page_info")
        extra = sorted(set(query) - {"fields"})
        if extra:
            raise _BadRequest(f"{extra[0]} cannot be passed when page_info is present")
        state = _read_token(token)
        query, after, backwards = state["query"], state["after"], state["back"]
    where, values = _filters(resource, query)
    keys = ("id", "id") if "since_id" in query else ("updated", "id")
    order = "desc" if backwards else "asc"
    if after is not None:
        where += f" and ({keys[0]}, {keys[1]}) {'<' if backwards else '>'} (?, ?)"
        values += after
    sql = f"select body, {keys[0]}, id from {resource} where {where} order by {keys[0]} {order}, id {order} limit ?"
    rows = systems.query(sql, [*values, limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    if backwards:
        rows.reverse()
    links = []
    address = f"{request.base_url}{request.path}"
    has_previous, has_next = (more, True) if backwards else (after is not None, more)
    for wanted, row, back, rel in ((has_previous, 0, True, "previous"), (has_next, -1, False, "next")):
        if wanted and rows:
            token = _token({"query": query, "after": [rows[row][1], rows[row][2]], "back": back})
            links.append(f'<{address}?{urlencode({"limit": limit, "page_info": token})}>; rel="{rel}"')
    body = page_text(resource, [str(row[0]) for row in rows])
    return Reply(200, body, {"Link": ", ".join(links)} if links else {})


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 250:
        raise _BadRequest("limit must be between 1 and 250")
    return int(text)


def _filters(resource: str, query: dict[str, str]) -> tuple[str, list[Any]]:
    """The SQL condition of a query; times without a zone are UTC."""
    where: list[str] = ["1 = 1"]
    values: list[Any] = []
    for name, condition in (
        ("updated_at_min", "updated >= ?"),
        ("updated_at_max", "updated <= ?"),
        ("created_at_min", "created >= ?"),
        ("created_at_max", "created <= ?"),
    ):
        if name in query:
            where.append(condition)
            values.append(_instant(name, query[name]))
    if "since_id" in query:
        if not query["since_id"].isdigit():
            raise _BadRequest("since_id must be a number")
        where.append("id > ?")
        values.append(int(query["since_id"]))
    if "ids" in query:
        wanted = [int(word) for word in query["ids"].split(",") if word.strip().isdigit()]
        where.append(f"id in ({', '.join('?' * len(wanted))})")
        values += wanted
    if resource == "inventory_levels":
        places = [int(word) for word in query.get("location_ids", "").split(",") if word.strip().isdigit()]
        if not 1 <= len(places) <= 50:
            raise _BadRequest("location_ids must name between 1 and 50 locations")
        where.append(f"json_extract(body, '$.location_id') in ({', '.join('?' * len(places))})")
        values += places
    if resource == "products":
        # What was deleted is gone; only its event tells of it.
        where.append("id not in (select json_extract(body, '$.subject_id') from events)")
    if resource == "checkouts":
        done = "json_extract(body, '$.completed_at') is not null"
        where.append(done if query.get("status", "open") == "closed" else f"not ({done})")
    if resource == "events":
        for name, member in (("verb", "verb"), ("filter", "subject_type")):
            if name in query:
                words = query[name].split(",")
                where.append(f"json_extract(body, '$.{member}') in ({', '.join('?' * len(words))})")
                values += words
    if resource == "orders":
        status = query.get("status", "open")
        if status not in _STATUSES:
            raise _BadRequest(f"status must be one of {', '.join(_STATUSES)}")
        cancelled = "json_extract(body, '$.cancelled_at') is not null"
        if status == "cancelled":
            where.append(cancelled)
        elif status == "open":
            where.append(f"not ({cancelled})")
        elif status == "closed":
            where.append("json_extract(body, '$.closed_at') is not null")
    return " and ".join(where), values


def _instant(name: str, text: str) -> int:
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise _BadRequest(f"{name}: {text} is not a date") from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


def _token(state: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(state, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_token(token: str) -> dict[str, Any]:
    try:
        state = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return {"query": dict(state["query"]), "after": list(state["after"]), "back": bool(state["back"])}
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise _BadRequest("Invalid value for page_info") from None


_SHOP = {
    "id": 54_838_000_901,
    "name": "Omni Atelier",
    "email": "shop@omni.example",
    "domain": "shop.omni.example",
    "myshopify_domain": "omni-demo.myshopify.com",
    "country": "CN",
    "country_code": "CN",
    "country_name": "China",
    "city": "Shanghai",
    "currency": "CNY",
    "enabled_presentment_currencies": ["CNY", "EUR", "JPY"],
    "timezone": "(GMT+08:00) Asia/Shanghai",
    "iana_timezone": "Asia/Shanghai",
    "taxes_included": True,
    "primary_locale": "zh-CN",
    "money_format": "¥{{amount}}",
    "created_at": "2024-06-01T09:00:00+08:00",
    "updated_at": "2024-06-01T09:00:00+08:00",
}
