"""The company's orders, refunds and rates once more, in plain Python, from its own books instead of from the lake.

What belongs here: reading the web shop's documents, the till's tables and the exchange rates as the company keeps them,
and working out what each order is worth by the written definitions. No query does any arithmetic here, and nothing is
imported from the code under test, so an error has to be made twice to stay unseen. What was sold by the doors that only
export files is read elsewhere and handed in; people and contacts are elsewhere too.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

PROJECT = Path(__file__).resolve().parents[2]
REPORTING_ZONE = ZoneInfo("Asia/Shanghai")
REPORTING_CURRENCY = "CNY"
CASH_ON_DELIVERY = "Cash on Delivery (COD)"
PAID = {"paid", "partially_paid", "partially_refunded", "refunded"}
SOURCE_RANK = defaultdict(lambda: 99, {"shopify": 1, "pos": 2})
ZERO = Decimal(0)

Key = tuple[str, str]


@dataclass
class Line:
    """One line of an order; amounts without tax."""

    sku: str
    category: str
    quantity: Decimal
    gross: Decimal
    discount: Decimal
    is_gift_card: bool
    line_id: str = ""
    returned: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return ZERO if self.is_gift_card else self.gross - self.discount


@dataclass
class Order:
    """One order of a shop or one sale of a till; where no line is told, the order itself says what its goods cost."""

    key: Key
    currency: str
    ordered_at: datetime
    order_date: date
    record: str | None
    lines: list[Line]
    shipping: Decimal
    other: Decimal
    tax: Decimal
    is_valid: bool
    is_void: bool
    voided_at: datetime | None
    shown_total: Decimal
    refunded: Decimal = ZERO
    refunds: list[Refund] = field(default_factory=list)
    gross_without_lines: Decimal = ZERO
    discount_without_lines: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        return sum((line.gross for line in self.lines if not line.is_gift_card), self.gross_without_lines)

    @property
    def discount(self) -> Decimal:
        return sum((line.discount for line in self.lines if not line.is_gift_card), self.discount_without_lines)

    @property
    def gift_cards(self) -> Decimal:
        return sum((line.gross - line.discount for line in self.lines if line.is_gift_card), ZERO)

    @property
    def due(self) -> Decimal:
        return self.gross - self.discount + self.shipping + self.tax

    @property
    def net(self) -> Decimal:
        return self.due - self.refunded

    @property
    def net_sales(self) -> Decimal:
        """A returned line takes its part of the order with it, so that an order returned in whole leaves nothing.

        A refund that names no line takes the same share of the goods as of the order.
        """
        places = 0 if self.currency == "JPY" else 2
        if self.refunded and not any(line.returned for line in self.lines):
            goods = self.gross - self.discount
            part = Fraction(self.refunded) / Fraction(self.due)
            return ZERO if self.is_void else goods - in_minor_units(Fraction(goods) * part, places)
        back = sum(
            (
                in_minor_units(Fraction(line.net) * Fraction(line.returned / line.quantity), places)
                for line in self.lines
            ),
            ZERO,
        )
        return ZERO if self.is_void else self.gross - self.discount - back

    def give_back(self, article: str, quantity: Decimal) -> None:
        """A shop names the line; a till only the article, whose earliest lines take the return first."""
        for line in self.lines:
            if article in (line.line_id, line.sku):
                part = min(quantity, line.quantity - line.returned)
                line.returned += part
                quantity -= part

    @property
    def reporting_date(self) -> date:
        return self.ordered_at.astimezone(REPORTING_ZONE).date()

    def due_after_refunds(self, day: date) -> Decimal:
        """What was left of the order at the end of a day of the reporting zone."""
        return self.due - sum((refund.amount for refund in self.refunds if refund.reporting_date <= day), ZERO)


@dataclass
class Refund:
    """One reduction of an order, or a return that names no order."""

    key: Key
    order: Key | None
    kind: str
    amount: Decimal
    currency: str
    at: datetime
    business_date: date
    record: str | None
    twin_of: Key | None = None

    @property
    def reporting_date(self) -> date:
        return self.at.astimezone(REPORTING_ZONE).date()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def in_minor_units(amount: Decimal | Fraction, places: int = 2) -> Decimal:
    """Rounded half away from zero."""
    if isinstance(amount, Fraction):
        scaled = abs(amount) * 10**places
        units = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
        return Decimal(units if amount >= 0 else -units).scaleb(-places)
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def documents(home: Path, table: str) -> Iterator[dict[str, Any]]:
    """The documents of one collection of the web shop or the service desk."""
    with sqlite3.connect(f"file:{home / 'demo' / 'systems.sqlite'}?mode=ro", uri=True) as systems:
        for (body,) in systems.execute(f"select body from {table}"):
            yield json.loads(body, parse_float=Decimal)


def till_rows(home: Path, table: str) -> Iterator[dict[str, Any]]:
    with sqlite3.connect(f"file:{home / 'demo' / 'pos.sqlite'}?mode=ro", uri=True) as till:
        till.row_factory = sqlite3.Row
        yield from map(dict, till.execute(f"select * from {table}"))


def seed_rows(name: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


class Rates:
    """Reporting units for one unit of a currency: of that day, else of the last of the seven days before."""

    def __init__(self, home: Path) -> None:
        self.by_currency: dict[str, dict[date, Decimal]] = defaultdict(dict)
        for path in sorted((home / "demo" / "landing" / "fx_rates").glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines):
                    assert row["quote_currency"] == REPORTING_CURRENCY
                    self.by_currency[row["base_currency"]][date.fromisoformat(row["date"])] = Decimal(row["rate"])
        self.days = {currency: sorted(rates) for currency, rates in self.by_currency.items()}

    def on(self, currency: str, day: date) -> tuple[Decimal, date]:
        if currency == REPORTING_CURRENCY:
            return Decimal(1), day
        days = self.days[currency]
        last = days[bisect_right(days, day) - 1]
        assert timedelta(0) <= day - last <= timedelta(days=7), (currency, day)
        return self.by_currency[currency][last], last

    def reporting(self, amount: Decimal, currency: str, day: date) -> Decimal:
        return in_minor_units(amount * self.on(currency, day)[0])


class Books:
    """Every order and every refund of the company, by the definitions; those of exported files are handed in."""

    def __init__(self, home: Path, exported: tuple[list[Order], list[Refund]], has_systems: bool = True) -> None:
        self.home = home
        self.rates = Rates(home)
        self.orders: dict[Key, Order] = {}
        self.refunds: dict[Key, Refund] = {}
        self.by_name: dict[str, Key] = {}
        self._returned: dict[Key, list[tuple[str, Decimal]]] = defaultdict(list)
        if has_systems:
            self._add_systems()
        for order in exported[0]:
            self.orders[order.key] = order
        for refund in exported[1]:
            self.refunds[refund.key] = refund
        self._settle()

    def _add_systems(self) -> None:
        home = self.home
        self.zones = {row["store_id"]: ZoneInfo(row["timezone"]) for row in till_rows(home, "stores")}
        categories = {
            variant["sku"]: product["product_type"]
            for product in documents(home, "products")
            for variant in product["variants"]
        }
        in_store: dict[Key, list[Refund]] = defaultdict(list)
        for document in documents(home, "orders"):
            self._add_web_order(document, categories, in_store)
        self._add_tills(in_store)

    def _add_web_order(
        self, document: dict[str, Any], categories: dict[str, str], in_store: dict[Key, list[Refund]]
    ) -> None:
        key = ("shopify", str(document["id"]))
        contained = bool(document["taxes_included"])
        lines = []
        for item in document["line_items"]:
            tax = sum((Decimal(part["price"]) for part in item["tax_lines"]), ZERO)
            lines.append(
                Line(
                    sku=item["sku"],
                    category=categories.get(item["sku"], ""),
                    quantity=Decimal(item["quantity"]),
                    gross=item["quantity"] * Decimal(item["price"]) - (tax if contained else ZERO),
                    discount=sum((Decimal(part["amount"]) for part in item["discount_allocations"]), ZERO),
                    is_gift_card=item["gift_card"],
                    line_id=str(item["id"]),
                )
            )
        shipping = ZERO
        for item in document["shipping_lines"]:
            allocated = sum((Decimal(part["amount"]) for part in item["discount_allocations"]), ZERO)
            assert Decimal(item["discounted_price"]) == Decimal(item["price"]) - allocated
            tax = sum((Decimal(part["price"]) for part in item["tax_lines"]), ZERO)
            shipping += Decimal(item["discounted_price"]) - (tax if contained else ZERO)
        rounding = Decimal(document["total_cash_rounding_payment_adjustment_set"]["shop_money"]["amount"])
        other = Decimal(document["total_tip_received"]) + rounding
        cancelled = document["cancelled_at"]
        placed = document["financial_status"] in PAID or (
            document["financial_status"] == "pending" and CASH_ON_DELIVERY in document["payment_gateway_names"]
        )
        customer = document["customer"]
        known = bool(document["email"] or document["phone"])
        self.by_name[document["name"]] = key
        self.orders[key] = Order(
            key=key,
            currency=document["currency"],
            ordered_at=instant(document["processed_at"]),
            order_date=datetime.fromisoformat(document["processed_at"]).date(),
            record=(
                f"shopify/customer/{customer['id']}"
                if customer
                else f"shopify/guest_order/{document['id']}"
                if known
                else None
            ),
            lines=lines,
            shipping=shipping + other,
            other=other,
            tax=Decimal(document["total_tax"]),
            is_valid=(
                placed and not document["test"] and not cancelled and not all(line.is_gift_card for line in lines)
            ),
            is_void=bool(cancelled) or document["financial_status"] == "voided",
            voided_at=instant(cancelled) if cancelled else None,
            shown_total=Decimal(document["total_price"]),
        )
        for given_back in document["refunds"]:
            done = [part for part in given_back["transactions"] if part["status"] == "success"]
            refund = Refund(
                key=("shopify", str(given_back["id"])),
                order=key,
                kind="refund",
                amount=sum((Decimal(part["amount"]) for part in done if part["kind"] == "refund"), ZERO),
                currency=document["currency"],
                at=instant(given_back["processed_at"]),
                business_date=datetime.fromisoformat(given_back["processed_at"]).date(),
                record=self.orders[key].record,
            )
            self.refunds[refund.key] = refund
            self._returned[refund.key] = [
                (str(part["line_item_id"]), Decimal(part["quantity"])) for part in given_back["refund_line_items"]
            ]
            if any(part["gateway"] == "in_store" for part in done):
                in_store[key].append(refund)

    def _add_tills(self, in_store: dict[Key, list[Refund]]) -> None:
        lines: dict[str, list[Line]] = defaultdict(list)
        for row in till_rows(self.home, "receipt_lines"):
            lines[row["receipt_id"]].append(
                Line(
                    sku=row["sku"],
                    category=row["category"],
                    quantity=Decimal(row["quantity"]),
                    gross=Decimal(row["quantity"]) * Decimal(row["unit_price"]) - Decimal(row["tax_amount"]),
                    discount=Decimal(row["discount_amount"]),
                    is_gift_card=False,
                )
            )
        for row in till_rows(self.home, "receipts"):
            key = ("pos", row["receipt_id"])
            at = instant(row["sold_at"])
            day = at.astimezone(self.zones[row["store_id"]]).date()
            named = bool(row["customer_name"] or row["customer_phone"])
            record = (
                f"pos/member/{row['member_no']}"
                if row["member_no"]
                else f"pos/name_only/{row['receipt_id']}"
                if named
                else None
            )
            if row["kind"] == "sale":
                voided = row["status"] == "voided"
                rounding = Decimal(row["rounding_amount"])
                self.orders[key] = Order(
                    key, row["currency"], at, day, record, lines[row["receipt_id"]], rounding, rounding,
                    Decimal(row["tax_amount"]), not voided, voided, at if voided else None,
                    Decimal(row["total_amount"]),
                )  # fmt: skip
                continue
            named_order = self.by_name.get(row["original_order_name"])
            order = ("pos", row["original_receipt_id"]) if row["original_receipt_id"] else named_order
            amount = Decimal(row["total_amount"])
            self.refunds[key] = Refund(key, order, "refund", amount, row["currency"], at, day, record)
            self._returned[key] = [(line.sku, line.quantity) for line in lines[row["receipt_id"]]]
            if named_order:
                # The till names the web order: the shop's own note of it is the twin, for the till paid the money out.
                twin = min(
                    (twin for twin in in_store[named_order] if twin.twin_of is None),
                    key=lambda twin: (abs(twin.amount - amount), abs(twin.at - at)),
                )
                twin.twin_of = key

    def _settle(self) -> None:
        for refund in sorted(self.refunds.values(), key=lambda refund: (refund.at, refund.key)):
            if refund.order and not refund.twin_of:
                order = self.orders[refund.order]
                order.refunded += refund.amount
                for article, quantity in self._returned[refund.key]:
                    order.give_back(article, quantity)
                order.refunds.append(refund)
                refund.record = order.record
        for order in self.orders.values():
            remaining = order.due - order.refunded
            if order.is_void and remaining:
                key = (f"void of {order.key[0]}", order.key[1])
                self.refunds[key] = void = Refund(
                    key, order.key, "void", remaining, order.currency,
                    order.voided_at or order.ordered_at, order.order_date, order.record,
                )  # fmt: skip
                order.refunded += remaining
                order.refunds.append(void)

    def net_reporting(self, order: Order) -> Decimal:
        return self.rates.reporting(order.net, order.currency, order.order_date)
