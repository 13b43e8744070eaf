"""A Shopify shop through its Admin REST API: whatever changed since the last pull, and what was deleted.

Needs a custom app's token; `docs/sources/shopify.md` names the scopes and what each resource costs in calls. Orders,
customers and products are needed. Every other resource may be refused: the load then says so and holds the rest.
Fields are kept as Shopify names them; nothing is interpreted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion import json_rows
from ingestion import shopify_tables as tables
from ingestion.arrow_text import parse_time, text_table, utc_text
from ingestion.http_api import Api, Page, Refused, walk
from ingestion.source import (
    LOOK_BACK,
    BadDelivery,
    ConfigurationError,
    Delivery,
    RawTable,
    Request,
    Source,
    text_schema,
)

_VERSION = "2026-07"
_PAGE_SIZE = 250
_LOCATIONS_A_CALL = 50

# Transactions cost a call for each order, so they are asked for orders of the last days only, oldest change first, and
# for no longer than this; what is left over is asked for at the next pull.
_TRANSACTION_DAYS = 7
_TRANSACTION_SECONDS = 600
_TRANSACTION_LOOK_BACK = timedelta(minutes=15)
# Orders for which no money has moved have no transaction that counts.
_MONEY_MOVED = frozenset({"authorized", "partially_paid", "paid", "partially_refunded", "refunded"})
# Card numbers and the gateways' own answers are not asked for.
_TRANSACTION_FIELDS = ",".join(name for name in tables.TRANSACTIONS.columns if name != "order_updated_at")
_ORDER_FIELDS = "id,updated_at,financial_status"

_HINTS = {
    401: "The access token is not accepted: set SOURCES__SHOPIFY__ACCESS_TOKEN to an installed app's Admin API token.",
    402: "The shop is frozen for an unpaid bill; nothing can be read until it is paid.",
    403: "The token lacks a scope: give the app read_orders, read_customers and read_products and install it again.",
    404: f"The shop does not offer this address: check SOURCES__SHOPIFY__SHOP_URL and that API {_VERSION} is alive.",
    423: "The shop is locked by Shopify; its owner has to contact them.",
}
_SCOPES = {
    "locations": "read_locations",
    "inventory_levels": "read_inventory and read_locations",
    "checkouts": "read_orders, with access to protected customer data",
    "events": "read_products and read_orders",
    "transactions": "read_orders",
}


@dataclass
class _Bucket:
    """The shop's leaky bucket as its last answer showed it: 40 calls at 2 a second, larger on larger plans."""

    size: float = 40.0

    @property
    def calls_a_second(self) -> float:
        return self.size / 20

    def pause(self, headers: Mapping[str, str]) -> float:
        """Seconds until a fifth of the bucket is free again, so that other apps of the shop get through too."""
        used, _, size = headers.get("X-Shopify-Shop-Api-Call-Limit", "").partition("/")
        if not (used.isdigit() and size.isdigit() and int(size)):
            return 0.0
        self.size = float(size)
        return max(0.0, (int(used) - 0.8 * self.size) / self.calls_a_second)


@dataclass
class _Pull:
    """One pull of a shop: where each table starts, and what was learnt on the way."""

    api: Api
    bucket: _Bucket
    since: Mapping[str, str]
    transactions_from: datetime
    notes: dict[str, str]
    location_ids: list[str] = field(default_factory=list)
    changed_orders: dict[str, datetime] = field(default_factory=dict)

    def rows(self, page: Page, table: RawTable) -> list[dict[str, str | None]]:
        try:
            return json_rows.rows_of(page.text, table.name, table.columns)
        except ValueError as error:
            raise BadDelivery(
                f"{self.api.name} at {self.api.origin} answered with something that is not a list of {table.name} "
                f"({error}). Check that SOURCES__SHOPIFY__SHOP_URL is the shop's own address "
                "(https://<name>.myshopify.com)."
            ) from error

    def pages(
        self, table: RawTable, parameters: Mapping[str, str], since: str | None = None, since_name: str = ""
    ) -> Iterator[list[dict[str, str | None]]]:
        """The pages of a list; a next page is asked for with nothing but its own address."""
        asked = {"limit": str(_PAGE_SIZE), **parameters, **({since_name: since} if since else {})}
        for page in walk(lambda: self.api.get(f"/admin/api/{_VERSION}/{table.name}.json", asked), self.following):
            if rows := self.rows(page, table):
                yield rows

    def following(self, page: Page) -> tuple[str, Callable[[], Page]] | None:
        target = page.next_url
        return (target, lambda: self.api.get(target)) if target else None

    def changed(self, table: RawTable, parameters: Mapping[str, str]) -> Iterator[list[dict[str, str | None]]]:
        return self.pages(table, parameters, self.since.get(table.name), "updated_at_min")

    def orders(self) -> Iterator[pa.Table]:
        # Without a status the endpoint leaves out closed and cancelled orders.
        for rows in self.changed(tables.ORDERS, {"status": "any"}):
            self.remember(rows)
            yield text_table(tables.ORDERS, rows)

    def customers(self) -> Iterator[pa.Table]:
        for rows in self.changed(tables.CUSTOMERS, {}):
            yield text_table(tables.CUSTOMERS, rows)

    def products(self) -> Iterator[pa.Table]:
        for rows in self.changed(tables.PRODUCTS, {}):
            yield text_table(tables.PRODUCTS, rows)

    def locations(self) -> Iterator[pa.Table]:
        for rows in self.pages(tables.LOCATIONS, {}):
            self.location_ids += [row["id"] for row in rows if row.get("id")]  # type: ignore[misc]
            yield text_table(tables.LOCATIONS, rows)

    def inventory_levels(self) -> Iterator[pa.Table]:
        if "locations" in self.notes:  # levels are asked for by location
            raise Refused(self.notes["locations"], 403)
        for first in range(0, len(self.location_ids), _LOCATIONS_A_CALL):
            places = ",".join(self.location_ids[first : first + _LOCATIONS_A_CALL])
            for rows in self.changed(tables.INVENTORY_LEVELS, {"location_ids": places}):
                yield text_table(tables.INVENTORY_LEVELS, rows)

    def checkouts(self) -> Iterator[pa.Table]:
        # One that is recovered or archived leaves the open list.
        for status in ("open", "closed"):
            for rows in self.changed(tables.CHECKOUTS, {"status": status}):
                yield text_table(tables.CHECKOUTS, rows)

    def events(self) -> Iterator[pa.Table]:
        since = self.since.get("events")
        for rows in self.pages(tables.EVENTS, {"verb": "destroy"}, since, "created_at_min"):
            yield text_table(tables.EVENTS, rows)

    def remember(self, rows: list[dict[str, str | None]]) -> None:
        """Keep which orders have transactions to ask for."""
        for row in rows:
            number, changed_at = row.get("id"), parse_time(row.get("updated_at") or "")
            if number and changed_at and row.get("financial_status") in _MONEY_MOVED:
                self.changed_orders[number] = changed_at

    def transactions(self) -> Iterator[pa.Table]:
        start = self.transactions_from
        listed_from = parse_time(self.since.get("orders", ""))
        if listed_from and start < listed_from:
            light = {"status": "any", "fields": _ORDER_FIELDS}
            for rows in self.pages(tables.ORDERS, light, utc_text(start), "updated_at_min"):
                self.remember(rows)
        waiting = sorted((moment, number) for number, moment in self.changed_orders.items() if moment >= start)
        allowed = int(_TRANSACTION_SECONDS * self.bucket.calls_a_second)
        parameters = {"fields": _TRANSACTION_FIELDS, "in_shop_currency": "true"}
        found: list[dict[str, str | None]] = []
        for moment, number in waiting[:allowed]:
            try:
                page = self.api.get(f"/admin/api/{_VERSION}/orders/{number}/transactions.json", parameters)
            except Refused as refusal:
                if refusal.status != 404:
                    raise
                continue  # deleted since it was listed
            found += [{**row, "order_updated_at": utc_text(moment)} for row in self.rows(page, tables.TRANSACTIONS)]
            if len(found) >= _PAGE_SIZE:
                yield text_table(tables.TRANSACTIONS, found)
                found = []
        if found:
            yield text_table(tables.TRANSACTIONS, found)
        if len(waiting) > allowed:
            self.notes["transactions"] = (
                f"The transactions of {len(waiting) - allowed:,} changed orders are left for the next pulls: a pull "
                f"asks for those of {allowed:,} orders at most. Until then their payments are told from the orders."
            )

    def optional(self, table: RawTable, pages: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """The pages of a resource that the rest can do without, none where the shop refuses it."""
        begun = False
        try:
            for page in pages:
                begun = True
                yield page
        except Refused as refusal:
            # Half a list would move the cursor past what was not shown.
            if begun or refusal.status not in (403, 404):
                raise
            self.notes[table.name] = (
                f"{table.name} were not read: the shop refused with status {refusal.status}. Everything else of the "
                f"shop was loaded. To have them, give the app {_SCOPES[table.name]} and install it again."
            )


@dlt.source(schema=text_schema("shopify"))
def shopify(pull: _Pull) -> list[DltResource]:
    """Everything that changed since the pull's times (everything there is where it has none), in the order fetched."""
    needed = {tables.ORDERS: pull.orders, tables.CUSTOMERS: pull.customers, tables.PRODUCTS: pull.products}
    optional = {
        tables.LOCATIONS: pull.locations,
        tables.INVENTORY_LEVELS: pull.inventory_levels,
        tables.CHECKOUTS: pull.checkouts,
        tables.EVENTS: pull.events,
        tables.TRANSACTIONS: pull.transactions,
    }
    fetched = [(table, pages()) for table, pages in needed.items()]
    fetched += [(table, pull.optional(table, pages())) for table, pages in optional.items()]
    return [dlt.resource(pages, name=table.name, write_disposition="append") for table, pages in fetched]


def _transactions_from(request: Request) -> datetime:
    """The change of orders from which on their transactions are asked for."""
    text = request.settings.get("transaction_days", str(_TRANSACTION_DAYS))
    if not text.isdigit():
        raise ConfigurationError(
            f"SOURCES__SHOPIFY__TRANSACTION_DAYS is {text!r}; it has to be a whole number of days such as "
            f"{_TRANSACTION_DAYS}, or 0 for no transactions of orders changed before now."
        )
    earliest = max(request.now - timedelta(days=min(int(text), 36_500)), datetime.fromtimestamp(0, UTC))
    cursor = parse_time(request.cursors.get("transactions", ""))
    return max(cursor - _TRANSACTION_LOOK_BACK, earliest) if cursor else earliest


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    api_settings: dict[str, Any] = {
        "base_url": request.settings["shop_url"],
        "headers": {"X-Shopify-Access-Token": request.settings["access_token"]},
    }
    transactions_from = _transactions_from(request)
    since = {
        table: utc_text(moment.replace(microsecond=0) - LOOK_BACK)
        for table, cursor in request.cursors.items()
        if table != "transactions" and (moment := parse_time(cursor))
    }
    notes: dict[str, str] = {}

    @contextmanager
    def pull() -> Iterator[DltSource]:
        bucket = _Bucket()
        api = Api("Shopify", hints=_HINTS, pace=bucket.pause, **api_settings)
        notes.clear()
        try:
            yield shopify(_Pull(api, bucket, since, transactions_from, notes))
        finally:
            api.close()

    cursor_from = {**since, "transactions": utc_text(transactions_from)}
    yield Delivery(source, source.name, "Shopify shop", pull, request.now, cursor_from=cursor_from, notes=notes)


SOURCE = Source("shopify", "raw_shopify", tables.TABLES, _deliveries, settings=("shop_url", "access_token"))
