"""The web shop's order JSON as its Admin API shows it at an instant.

Belongs here: the layout of orders, addresses and amounts.
Does not belong here: customers and products (shop_listings), any decision about what happened (webshop).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ingestion.demo.catalog import CITY, COUNTRY_NAME, PROVINCE, money
from ingestion.demo.clock import day_of, shanghai_text
from ingestion.demo.noise import write_phone
from ingestion.demo.population import Person, join_name
from ingestion.demo.webshop import PRESENTMENT, Line, Refund, WebOrder

Json = dict[str, Any]
LOCATION_ID = 68_930_240_123
_CLICK_PARAMETER = {"google_ads": "gclid", "meta_ads": "fbclid", "oceanengine": "clickid"}


class _Money:
    """Amount texts and ``*_set`` objects of one order."""

    def __init__(self, order: WebOrder) -> None:
        self.currency, self.rate = PRESENTMENT[order.person.country]

    def pair(self, amount: int) -> Json:
        text = money(amount, "CNY")
        shop = {"amount": text, "currency_code": "CNY"}
        if self.currency == "CNY":
            return {"shop_money": shop, "presentment_money": shop}
        shown = round(amount / self.rate / (100 if self.currency == "JPY" else 1))
        presentment = {"amount": money(shown, self.currency), "currency_code": self.currency}
        return {"shop_money": shop, "presentment_money": presentment}


def address(person: Person, family: str, given: str, phone: str | None) -> Json:
    """A postal address in the API's layout."""
    province, code = PROVINCE[person.country]
    return {
        "first_name": given,
        "last_name": family,
        "name": join_name(person.country, family, given),
        "company": None,
        "address1": person.street,
        "address2": None,
        "city": CITY[person.country],
        "province": province,
        "province_code": code,
        "country": COUNTRY_NAME[person.country],
        "country_code": person.country,
        "zip": person.postcode,
        "phone": phone,
    }


def click_id(number: int, platform: str) -> tuple[str, str]:
    """(parameter, value) of an advertisement click as the platform appends it to a landing page."""
    stem = f"{number * 2_654_435_761 % 2**64:016x}"
    prefix = {"google_ads": "EAIaIQob", "meta_ads": "IwAR2", "oceanengine": "CK"}[platform]
    return _CLICK_PARAMETER[platform], prefix + stem


def _line_item(order: WebOrder, at: int, line: Line, shown: _Money, returned: int) -> Json:
    variant, number = line.variant, order.order_id + 7_000_000_000_000 + at
    item: Json = {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{number}",
        "current_quantity": line.quantity - returned,
        "fulfillable_quantity": 0,
        "gift_card": variant.gift_card,
        "grams": 0 if variant.gift_card else 400,
        "name": f"{variant.title} - {variant.variant_title}",
        "price": money(line.price, "CNY"),
        "price_set": shown.pair(line.price),
        "product_exists": True,
        "product_id": variant.product_id,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": not variant.gift_card,
        "sku": variant.sku,
        "taxable": not variant.gift_card,
        "title": variant.title,
        "total_discount": "0.00",
        "total_discount_set": shown.pair(0),
        "variant_id": variant.variant_id,
        "variant_title": variant.variant_title,
        "vendor": variant.vendor,
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
    }
    if not variant.gift_card:
        item["tax_lines"].append(_tax_line(order, line.tax, shown))
    if line.discount:
        item["discount_allocations"].append(
            {
                "amount": money(line.discount, "CNY"),
                "amount_set": shown.pair(line.discount),
                "discount_application_index": 0,
            }
        )
    return item


def _tax_line(order: WebOrder, tax: int, shown: _Money) -> Json:
    return {
        "channel_liable": False,
        "price": money(tax, "CNY"),
        "price_set": shown.pair(tax),
        "rate": order.tax_percent / 100,
        "title": {13: "VAT", 19: "MwSt", 10: "消費税"}[order.tax_percent],
    }


def _refund(order: WebOrder, number: int, refund: Refund, items: list[Json], shown: _Money) -> Json:
    refund_id = order.order_id // 7 + number
    when = shanghai_text(refund.at)
    transactions = []
    for attempt, status in enumerate(("failure", "success") if refund.failed_first else ("success",)):
        transaction_id = refund_id * 4 + attempt
        transactions.append(
            {
                "id": transaction_id,
                "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{transaction_id}",
                "amount": money(refund.amount, "CNY"),
                "created_at": when,
                "currency": "CNY",
                "gateway": refund.gateway,
                "kind": "refund",
                "message": None,
                "order_id": order.order_id,
                "parent_id": order.order_id * 3,
                "processed_at": when,
                "status": status,
                "test": False,
            }
        )
    adjustments = []
    if refund.shipping:
        adjustments.append(
            {
                "id": refund_id * 5,
                "amount": money(-refund.shipping, "CNY"),
                "amount_set": shown.pair(-refund.shipping),
                "kind": "shipping_refund",
                "order_id": order.order_id,
                "reason": "Shipping refund",
                "refund_id": refund_id,
                "tax_amount": money(0 if order.taxes_included else -order.shipping_tax, "CNY"),
            }
        )
    return {
        "id": refund_id,
        "admin_graphql_api_id": f"gid://shopify/Refund/{refund_id}",
        "created_at": when,
        "note": refund.note,
        "order_id": order.order_id,
        "processed_at": when,
        "restock": True,
        "total_duties_set": shown.pair(0),
        "user_id": None,
        "order_adjustments": adjustments,
        "transactions": transactions,
        "refund_line_items": [
            {
                "id": refund_id * 8 + at,
                "line_item_id": items[at]["id"],
                "location_id": LOCATION_ID,
                "quantity": quantity,
                "restock_type": "return",
                "subtotal": float(money(net, "CNY")),
                "subtotal_set": shown.pair(net),
                "total_tax": float(money(tax, "CNY")),
                "total_tax_set": shown.pair(tax),
            }
            for at, quantity, net, tax in refund.lines
        ],
    }


def _financial_status(order: WebOrder, instant: int, refunds: list[Refund]) -> str:
    if refunds:
        refunded = sum(refund.amount for refund in refunds)
        return "refunded" if refunded == order.total else "partially_refunded"
    if order.cancelled is not None and order.cancelled <= instant:
        return "voided"
    return "paid" if order.paid is not None and order.paid <= instant else "pending"


def order_document(order: WebOrder, instant: int, campaigns: dict[str, tuple[str, ...]], customer: Json | None) -> Json:
    """The order as the API shows it at an instant; ``campaigns`` names each platform's campaigns."""
    shown = _Money(order)
    refunds = [refund for refund in order.refunds if refund.at <= instant]
    refunded = sum(refund.amount for refund in refunds)
    returned = [0] * len(order.lines)
    for refund in refunds:
        for at, quantity, _, _ in refund.lines:
            returned[at] += quantity
    items = [_line_item(order, at, line, shown, returned[at]) for at, line in enumerate(order.lines)]
    person, created = order.person, shanghai_text(order.created)
    updated = max(at for at in order.changes if at <= instant)
    cancelled = order.cancelled if order.cancelled is not None and order.cancelled <= instant else None
    fulfilled = order.fulfilled if order.fulfilled is not None and order.fulfilled <= instant else None
    subtotal = order.line_total - sum(line.discount for line in order.lines)
    usual_phone = person.phone(day_of(order.created))
    phone = order.phone or write_phone(person.trait(order.number), usual_phone, person.country)
    landing, referrer = _arrival(order, campaigns)
    document: Json = {
        "id": order.order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order.order_id}",
        "buyer_accepts_marketing": person.consents,
        "cancel_reason": order.cancel_reason if cancelled else None,
        "cancelled_at": shanghai_text(cancelled) if cancelled else None,
        "checkout_token": f"{order.order_id * 11_400_714_819 % 2**96:024x}",
        "closed_at": None,
        "confirmed": True,
        "contact_email": order.email,
        "created_at": created,
        "currency": "CNY",
        "current_subtotal_price": money(subtotal - sum(net for r in refunds for _, _, net, _ in r.lines), "CNY"),
        "current_total_discounts": money(order.discount, "CNY"),
        "current_total_price": money(order.total - refunded, "CNY"),
        "current_total_tax": money(order.tax - sum(tax for r in refunds for *_, tax in r.lines), "CNY"),
        "discount_codes": [],
        "email": order.email or "",
        "estimated_taxes": False,
        "financial_status": _financial_status(order, instant, refunds),
        "fulfillment_status": "fulfilled" if fulfilled else None,
        "landing_site": landing,
        "location_id": None,
        "name": order.name,
        "note": None,
        "note_attributes": [],
        "number": order.number - 1000,
        "order_number": order.number,
        "payment_gateway_names": [order.gateway],
        "phone": order.phone,
        "presentment_currency": shown.currency,
        "processed_at": created,
        "referring_site": referrer,
        "source_name": order.source_name,
        "subtotal_price": money(subtotal, "CNY"),
        "subtotal_price_set": shown.pair(subtotal),
        "tags": "test" if order.test else "",
        "tax_exempt": False,
        "tax_lines": [_tax_line(order, order.tax, shown)] if order.tax else [],
        "taxes_included": order.taxes_included,
        "test": order.test,
        "total_cash_rounding_payment_adjustment_set": shown.pair(0),
        "total_discounts": money(order.discount, "CNY"),
        "total_discounts_set": shown.pair(order.discount),
        "total_line_items_price": money(order.line_total, "CNY"),
        "total_line_items_price_set": shown.pair(order.line_total),
        "total_outstanding": money(0 if order.paid and order.paid <= instant else order.total, "CNY"),
        "total_price": money(order.total, "CNY"),
        "total_price_set": shown.pair(order.total),
        "total_shipping_price_set": shown.pair(order.shipping),
        "total_tax": money(order.tax, "CNY"),
        "total_tax_set": shown.pair(order.tax),
        "total_tip_received": money(order.tip, "CNY"),
        "total_weight": 400 * len(items),
        "updated_at": shanghai_text(updated),
        "user_id": None,
        "billing_address": address(person, order.family, order.given, phone if order.phone else None),
        "customer": customer,
        "discount_applications": [],
        "fulfillments": _fulfillments(order, fulfilled, instant),
        "line_items": items,
        "payment_terms": None,
        "refunds": [_refund(order, number, refund, items, shown) for number, refund in enumerate(refunds)],
        "shipping_address": _shipping_address(order, phone),
        "shipping_lines": _shipping_lines(order, shown),
    }
    if order.code is not None:
        document["discount_codes"] = [
            {"code": order.code, "amount": money(order.discount, "CNY"), "type": order.code_kind}
        ]
        shipping = order.code_kind == "shipping"
        document["discount_applications"] = [
            {
                "target_type": "shipping_line" if shipping else "line_item",
                "type": "discount_code",
                "value": order.code_value,
                "value_type": "percentage" if shipping else order.code_kind,
                "allocation_method": "each" if shipping else "across",
                "target_selection": "all",
                "code": order.code,
            }
        ]
    return document


def _arrival(order: WebOrder, campaigns: dict[str, tuple[str, ...]]) -> tuple[str | None, str | None]:
    """(landing site, referring site) as the shop remembers the buyer's arrival."""
    if not order.device_session:
        return None, None
    if order.click is None:
        return "/", "https://www.baidu.com/" if order.number % 3 == 0 else None
    platform, at = order.click
    parameter, value = click_id(order.order_id, platform)
    source = {"google_ads": "google", "meta_ads": "facebook", "oceanengine": "douyin"}[platform]
    campaign = campaigns[platform][at % len(campaigns[platform])]
    return (
        f"/products?utm_source={source}&utm_medium=cpc&utm_campaign={quote(campaign)}&{parameter}={value}",
        f"https://www.{source}.com/",
    )


def _shipping_address(order: WebOrder, phone: str) -> Json | None:
    if not order.shipping and all(line.variant.gift_card for line in order.lines):
        return None
    other = order.receiver
    if other is None:
        return address(order.person, order.family, order.given, phone)
    written = write_phone(other.trait(order.number), other.phone(day_of(order.created)), other.country)
    return address(other, other.family, other.given, written)


def _shipping_lines(order: WebOrder, shown: _Money) -> list[Json]:
    if not order.shipping and not order.is_collected:
        return []
    way = ("pickup", "门店自提") if order.is_collected else ("Standard", "Standard")
    net = order.shipping - order.shipping_discount
    allocations = []
    if order.shipping_discount:
        allocations.append(
            {
                "amount": money(order.shipping_discount, "CNY"),
                "amount_set": shown.pair(order.shipping_discount),
                "discount_application_index": 0,
            }
        )
    return [
        {
            "id": order.order_id + 8_000_000_000_000,
            "carrier_identifier": None,
            "code": way[0],
            "discounted_price": money(net, "CNY"),
            "discounted_price_set": shown.pair(net),
            "is_removed": False,
            "phone": None,
            "price": money(order.shipping, "CNY"),
            "price_set": shown.pair(order.shipping),
            "source": "shopify",
            "title": way[1],
            "tax_lines": [_tax_line(order, order.shipping_tax, shown)] if order.shipping else [],
            "discount_allocations": allocations,
        }
    ]


def _fulfillments(order: WebOrder, fulfilled: int | None, instant: int) -> list[Json]:
    if fulfilled is None:
        return []
    when = shanghai_text(fulfilled)
    delivered = order.delivered if order.delivered is not None and order.delivered <= instant else None
    return [
        {
            "id": order.order_id // 5,
            "created_at": when,
            "location_id": LOCATION_ID,
            "name": f"{order.name}.1",
            "order_id": order.order_id,
            "service": "manual",
            "shipment_status": None if delivered is None else "delivered",
            "status": "success",
            "tracking_company": None if order.is_collected else "SF Express",
            "tracking_number": None if order.is_collected else f"SF{order.order_id % 10**12:012d}",
            "updated_at": when if delivered is None else shanghai_text(delivered),
        }
    ]
