"""The canonical tables, whatever an export or a small system calls its columns.

One entry here is what a new kind of record needs: its columns, what each holds, and which cannot be missing. Which
column of an export feeds which is its mapping's to say; a source module of its own may yield `canonical_rows` instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from ingestion.arrow_text import text_table
from ingestion.source import RawTable, broken_lines, names

Kind = Literal["text", "number", "date", "time", "boolean"]


def _columns(kind: Kind, text: str) -> dict[str, Kind]:
    return dict.fromkeys(names(text), kind)


# Who a row speaks of, wherever a row can speak of somebody.
_IDENTIFIERS = _columns("text", "customer_key phone email member_no union_id open_id")
_PERSON = {
    **_IDENTIFIERS,
    **_columns("text", "full_name given_name family_name gender street city province country postcode"),
    "birth_date": "date",
    **_columns("boolean", "consent_sms consent_email"),
}
_ORDER: dict[str, Kind] = {
    "order_id": "text",
    "ordered_at": "time",
    **_columns("text", "order_name status currency payment_method store_id channel timezone"),
    **_columns("number", "gross_amount discount_amount shipping_amount tax_amount net_amount"),
    **_columns("time", "paid_at shipped_at delivered_at"),
}


@dataclass(frozen=True)
class Entity:
    """A canonical table: `columns` with what they hold, `needed` ones every mapping has to feed.

    Where `shares_keys`, rows carry a `system` beside their `source_system`: the export whose keys they use.
    """

    columns: Mapping[str, Kind]
    needed: frozenset[str]
    key: tuple[str, ...]
    record_time: str
    shares_keys: bool = False


def _keyed(columns: Mapping[str, Kind], needed: str, key: str, record_time: str) -> Entity:
    return Entity(columns, frozenset(names(needed)), ("system", *names(key)), record_time, shares_keys=True)


ENTITIES: Mapping[str, Entity] = {
    "ad_performance": Entity(
        {
            "date": "date",
            "account": "text",
            "campaign": "text",
            "ad_group": "text",
            "ad": "text",
            "currency": "text",
            "timezone": "text",
            "impressions": "number",
            "clicks": "number",
            "cost": "number",
            "conversions": "number",
        },
        frozenset({"date", "campaign", "cost"}),
        ("source_system", "account", "campaign", "ad_group", "ad", "date"),
        "date",
    ),
    "fx_rates": Entity(
        {"date": "date", "base_currency": "text", "quote_currency": "text", "rate": "number"},
        frozenset({"date", "base_currency", "quote_currency", "rate"}),
        ("source_system", "date", "base_currency", "quote_currency"),
        "date",
    ),
    "customers": _keyed(
        {**_PERSON, "created_at": "time", "updated_at": "time", "timezone": "text"},
        "customer_key",
        "customer_key",
        "created_at",
    ),
    "orders": _keyed({**_ORDER, **_PERSON}, "order_id ordered_at", "order_id", "ordered_at"),
    "order_lines": _keyed(
        {
            **_ORDER,
            **_columns("text", "line_number sku product_name category original_order_id"),
            # Of a row of a file of lines, these are the line's; what else a row says is its order's, and repeated.
            **_columns("number", "quantity unit_price discount_amount net_amount line_tax_amount"),
            **_columns("number", "order_discount_amount order_net_amount"),
            **_PERSON,
        },
        "order_id ordered_at quantity",
        "order_id line_number",
        "ordered_at",
    ),
    "refunds": _keyed(
        {
            **_columns("text", "order_id refund_id sku currency store_id timezone"),
            "refunded_at": "time",
            **_columns("number", "amount quantity"),
            **_IDENTIFIERS,
        },
        "refunded_at amount",
        "refund_id",
        "refunded_at",
    ),
    "touchpoints": _keyed(
        {
            **_columns("text", "touchpoint_id touchpoint_type device_id click_id channel campaign url timezone"),
            "occurred_at": "time",
            **_IDENTIFIERS,
        },
        "occurred_at touchpoint_type",
        "touchpoint_id",
        "occurred_at",
    ),
    "messages": _keyed(
        {
            **_columns("text", "message_id event channel campaign template timezone"),
            "occurred_at": "time",
            **_IDENTIFIERS,
        },
        "message_id occurred_at event channel",
        "message_id event occurred_at",
        "occurred_at",
    ),
    "tickets": _keyed(
        {
            **_columns("text", "ticket_id channel category status full_name order_name timezone"),
            **_columns("time", "created_at first_replied_at solved_at"),
            **_columns("number", "csat_score nps_score replies reopens wait_seconds talk_seconds"),
            **_IDENTIFIERS,
        },
        "ticket_id created_at",
        "ticket_id",
        "created_at",
    ),
}

SCHEMA = "raw_exports"


def raw_table(entity: str, cursor: str | None = None) -> RawTable:
    """The raw table of one entity; `cursor` is the column an incremental pull of a source module advances on."""
    kind = ENTITIES[entity]
    keys = ("source_system", "system") if kind.shares_keys else ("source_system",)
    return RawTable(entity, (*keys, *kind.columns), kind.key, record_time=kind.record_time, cursor=cursor)


def canonical_rows(entity: str, source_system: str, rows: Sequence[Mapping[str, str | None]]) -> pa.Table:
    """Records of a source module as rows of an entity's raw table. What no column takes belongs in `_extra`."""
    stamped = [{"source_system": source_system, "system": source_system, **row} for row in rows]
    return text_table(raw_table(entity), stamped)


def raw_tables() -> tuple[RawTable, ...]:
    """The raw tables of mapped exports: each entity with the export that fed it, and the lines no table could take."""
    return (*(raw_table(name) for name in ENTITIES), broken_lines("source_system"))
