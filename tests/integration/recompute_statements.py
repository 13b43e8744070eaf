"""What exported files say of people, in plain Python: buyers, customers, visitors, and whoever was written to.

What belongs here: whom a row of a landed file speaks of, by the written definitions, and what it says of them; the
messages and the visits themselves, and under which ids they are published. What was bought and who is who is elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.integration.recompute import instant
from tests.integration.recompute_exports import SHANGHAI, customer, files, square_time, table, wall_clock

Row = dict[str, Any]
# An id that is plainly a machine's: up to ten digits, a UUID, or a short prefix and a number, maybe with a year.
PLAIN_ID = re.compile(
    r"\d{1,10}|[\da-fA-F]{8}(-[\da-fA-F]{4}){3}-[\da-fA-F]{12}"
    r"|([A-Z]{1,5}[-_/#]?|[a-z]{1,5}[-_/#]|#)((19|20)\d\d[-_/])?\d{1,9}"
)


@dataclass
class Statement:
    """What one row of a file says of a person: who it speaks of, when, and what they are called or reached by."""

    record: str
    at: datetime | None
    name: str | None = None
    phone: str | None = None
    region: str = "CN"
    email: str | None = None
    member_no: str | None = None
    open_id: str | None = None


def statements(home: Path) -> Iterator[tuple[str, Statement]]:
    """(file, statement) of every row that names somebody, older files first; without a time where no cell has one."""
    cards = [row for path in files(home, "customers") for row in table(path)]
    regions = {f"orders/customer/{row['customer_key']}": row["country"] for row in cards}
    for folder, read in _SAYING.items():
        for path in files(home, folder):
            for row in messages_of(path) if folder == "messages" else table(path):
                told = read(row)
                if told is not None:
                    told.region = regions.get(told.record) or told.region
                    yield f"{folder}/{path.name}", told


def _of_account(system: str, key: str, time: str, name: str, phone: str) -> Callable[[Row], Statement | None]:
    def read(row: Row) -> Statement | None:
        record = customer(system, row[key])
        return Statement(record, wall_clock(row[time], SHANGHAI)[0], row.get(name), row.get(phone)) if record else None

    return read


def _of_card(row: Row) -> Statement | None:
    record = customer("square_transactions", row["Customer ID"])
    name = row["Customer Name"]
    return Statement(record, square_time(row)[0], name, member_no=row["Customer Reference ID"]) if record else None


def _of_counter(row: Row) -> Statement | None:
    if row["Receipt type"] == "Refund" or not (row["Customer name"] or row["Customer contacts"]):
        return None
    kind = "guest_order" if row["Customer contacts"] else "name_only"
    at, _ = wall_clock(row["Date"], SHANGHAI, "%Y-%m-%d %H:%M")
    record = f"loyverse_receipts/{kind}/{row['Receipt number']}"
    return Statement(record, at, row["Customer name"], row["Customer contacts"])


def _of_checkout(row: Row) -> Statement | None:
    if not row["Financial Status"]:
        return None
    at = datetime.strptime(row["Created at"], "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    phone = row["Phone"] or row["Billing Phone"]
    record = f"shopify_orders_csv/guest_order/{row['Name']}"
    return Statement(record, at, row["Billing Name"], phone, row["Billing Country"], row["Email"])


def _of_shop_customer(row: Row) -> Statement | None:
    phone = row["Phone"] or row["Default Address Phone"]
    name = f"{row['First Name']} {row['Last Name']}"
    record = f"shopify_customers_csv/customer/{row['Customer ID']}"
    return Statement(record, None, name, phone, row["Default Address Country Code"], row["Email"])


def _of_caller(row: Row) -> Statement | None:
    at, _ = wall_clock(row["ordered_at"], ZoneInfo(row["timezone"]))
    return Statement(f"orders/customer/{row['customer_key']}", at, row["full_name"], row["phone"])


def _of_callers_card(row: Row) -> Statement | None:
    at, _ = wall_clock(row["created_at"], ZoneInfo(row["timezone"]))
    record = f"orders/customer/{row['customer_key']}"
    return Statement(record, at, row["full_name"], row["phone"], row["country"], row["email"])


def _of_visit(row: Row) -> Statement | None:
    record = visitor(row)
    return Statement(record, visited_at(row), member_no=row["member_no"]) if record else None


def _of_message(row: Row) -> Statement | None:
    phone, email, open_id, card = (row.get(name) for name in ("phone", "email", "open_id", "member_no"))
    return Statement(
        addressee(row), instant(row["occurred_at"]), None, phone, email=email, member_no=card,
        open_id=f"messages:{open_id}" if open_id else None,
    )  # fmt: skip


_SAYING: dict[str, Callable[[Row], Statement | None]] = {
    "tmall_orders": _of_account("tmall_orders", "买家会员名", "订单创建时间", "买家姓名", "买家手机号"),
    "jd_orders": _of_account("jd_orders", "下单帐号", "下单时间", "", ""),
    "youzan_orders": _of_account("youzan_orders", "买家昵称", "订单创建时间", "买家姓名", "买家手机号"),
    "square_transactions": _of_card,
    "loyverse_receipts": _of_counter,
    "shopify_orders_csv": _of_checkout,
    "shopify_customers_csv": _of_shop_customer,
    "customers": _of_callers_card,
    "orders": _of_caller,
    "touchpoints": _of_visit,
    "messages": _of_message,
}


def messages_of(path: Path) -> list[Row]:
    """The lines of a message log."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def addressee(row: Row) -> str:
    """A message speaks of whoever is behind the first address it names."""
    email, open_id, card = row.get("email"), row.get("open_id"), row.get("member_no")
    address = row.get("phone") or (email and email.lower()) or (open_id and f"open_id:{open_id}")
    return f"messages/message_address/{address or f'member_no:{card}'}"


def visitor(row: Row) -> str | None:
    return f"touchpoints/message_address/member_no:{row['member_no']}" if row["member_no"] else None


def visited_at(row: Row) -> datetime:
    return wall_clock(row["occurred_at"], ZoneInfo(row["timezone"]))[0]


def messages(home: Path) -> set[tuple[str, str, datetime, str]]:
    """(message, event, time, record) of what was said and what became of it; a line that comes again is the same."""
    return {
        (row["message_id"], row["event"], instant(row["occurred_at"]), addressee(row))
        for path in files(home, "messages")
        for row in messages_of(path)
    }


def visits(home: Path) -> dict[str, tuple[datetime, str | None]]:
    """Per visit its time and whom a card named."""
    return {
        row["touchpoint_id"]: (visited_at(row), visitor(row))
        for path in files(home, "touchpoints")
        for row in table(path)
    }


def call_desk_customers(home: Path) -> Iterator[tuple[str, datetime]]:
    """The cards that the telephone shop keeps of its callers: record and when it was made."""
    for path in files(home, "customers"):
        for row in table(path):
            yield f"orders/customer/{row['customer_key']}", wall_clock(row["created_at"], ZoneInfo(row["timezone"]))[0]


def keyed_hash(home: Path, *words: str) -> str:
    """Twenty letters of a hash that nobody can work out without the key of the home."""
    key = bytes.fromhex((home / "lake" / "_decisions" / "home_key").read_text().strip())
    digest = hmac.new(key, "\x1f".join(words).encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:20]


def published_id(home: Path, kind: str, system: str, number: str) -> str:
    """What is published of the id of an exported message, visit or ticket."""
    return number if PLAIN_ID.fullmatch(number) else f"h_{keyed_hash(home, 'id', f'{kind}/{system}/{number}')}"


def published_key(home: Path, key: str) -> str:
    """The record as it is published: without an id that a person chose, or that is how to reach them."""
    system, kind, number = key.split("/", 2)
    is_exported = system not in ("shopify", "pos", "zendesk", "events") and kind not in ("guest_order", "name_only")
    if is_exported and (kind == "message_address" or not PLAIN_ID.fullmatch(number)):
        return f"{system}/{kind}/h_{keyed_hash(home, 'record', key)}"
    return key
