"""A Shopify shop through its Admin REST API: orders, customers, products, whatever changed since the last pull.

Needs a custom app's token with read_orders, read_customers and read_products (read_all_orders for orders older than 60
days). Fields are kept as Shopify names them; nothing is interpreted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion import json_rows
from ingestion.arrow_text import parse_time, text_table, utc_text
from ingestion.http_api import Api
from ingestion.source import LOOK_BACK, BadDelivery, Delivery, RawTable, Request, Source, names, text_schema

_VERSION = "2026-07"
_PAGE_SIZE = 250

_TABLES = (
    RawTable(
        "orders",
        names(
            """id name order_number email phone created_at updated_at processed_at cancelled_at cancel_reason closed_at
            currency presentment_currency financial_status fulfillment_status test taxes_included total_price
            subtotal_price total_line_items_price total_discounts total_tax total_tip_received total_shipping_price_set
            current_total_price source_name landing_site referring_site tags note note_attributes customer
            billing_address shipping_address line_items shipping_lines discount_codes discount_applications tax_lines
            refunds fulfillments payment_gateway_names location_id buyer_accepts_marketing checkout_token
            confirmed"""
        ),
        ("id",),
        record_time="created_at",
        cursor="updated_at",
    ),
    RawTable(
        "customers",
        names(
            """id email phone first_name last_name created_at updated_at state verified_email tags note currency
            addresses default_address email_marketing_consent sms_marketing_consent tax_exempt"""
        ),
        ("id",),
        record_time="created_at",
        cursor="updated_at",
    ),
    RawTable(
        "products",
        names(
            """id title vendor product_type status handle tags variants options created_at updated_at
            published_at"""
        ),
        ("id",),
        record_time="created_at",
        cursor="updated_at",
    ),
)
# Without a status the order endpoint leaves out closed and cancelled orders.
_PARAMETERS = {"orders": {"status": "any"}}

_HINTS = {
    401: "The access token is not accepted: set SOURCES__SHOPIFY__ACCESS_TOKEN to an installed app's Admin API token.",
    402: "The shop is frozen for an unpaid bill; nothing can be read until it is paid.",
    403: "The token lacks a scope: give the app read_orders, read_customers and read_products and install it again.",
    404: f"The shop does not offer this address: check SOURCES__SHOPIFY__SHOP_URL and that API {_VERSION} is alive.",
    423: "The shop is locked by Shopify; its owner has to contact them.",
}


def _pages(api: Api, table: RawTable, since: str | None) -> Iterator[pa.Table]:
    parameters = {"limit": str(_PAGE_SIZE), **_PARAMETERS.get(table.name, {})}
    if since:
        parameters["updated_at_min"] = since
    page = api.get(f"/admin/api/{_VERSION}/{table.name}.json", parameters)
    while True:
        try:
            rows = json_rows.rows_of(page.text, table.name, table.columns)
        except ValueError as error:
            raise BadDelivery(
                f"{api.name} at {api.origin} answered with something that is not a list of {table.name} ({error}). "
                "Check that SOURCES__SHOPIFY__SHOP_URL is the shop's own address (https://<name>.myshopify.com)."
            ) from error
        if rows:
            yield text_table(table, rows)
        if not page.next_url:
            return
        page = api.get(page.next_url)


@dlt.source(schema=text_schema("shopify"))
def shopify(api: Api, since: Mapping[str, str]) -> list[DltResource]:
    """Orders, customers and products changed since the given times (everything where there is none)."""
    return [
        dlt.resource(_pages(api, table, since.get(table.name)), name=table.name, write_disposition="append")
        for table in _TABLES
    ]


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    api_settings: dict[str, Any] = {
        "base_url": request.settings["shop_url"],
        "headers": {"X-Shopify-Access-Token": request.settings["access_token"]},
    }
    since = {
        table: utc_text(moment.replace(microsecond=0) - LOOK_BACK)
        for table, cursor in request.cursors.items()
        if (moment := parse_time(cursor))
    }

    @contextmanager
    def pull() -> Iterator[DltSource]:
        api = Api("Shopify", hints=_HINTS, **api_settings)
        try:
            yield shopify(api, since)
        finally:
            api.close()

    yield Delivery(source, source.name, "Shopify shop", pull, request.now, cursor_from=since)


SOURCE = Source("shopify", "raw_shopify", _TABLES, _deliveries, settings=("shop_url", "access_token"))
