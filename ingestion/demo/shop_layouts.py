"""Orders and customers of the old web shop in Shopify's CSV columns, and of the telephone desk in the project's own.

Belongs here: headers and the rows of one order or customer at an instant. Does not belong here: which go into which
file (exports), what happens to an order (file_orders).

The old shop's order has a row a line; what is the order's stands in its first row only.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.demo.catalog import CITY, CITY_LATIN, PROVINCE, money
from ingestion.demo.csv_text import Cells, as_text, happened, wall_clock
from ingestion.demo.doors import OLD_SHOP, PHONE_DESK, Buyer
from ingestion.demo.file_orders import FileOrder
from ingestion.demo.population import Person

ORDERS_CSV: Cells = [
    "Name",
    "Email",
    "Financial Status",
    "Paid at",
    "Fulfillment Status",
    "Fulfilled at",
    "Accepts Marketing",
    "Currency",
    "Subtotal",
    "Shipping",
    "Taxes",
    "Total",
    "Discount Code",
    "Discount Amount",
    "Shipping Method",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem compare at price",
    "Lineitem sku",
    "Lineitem requires shipping",
    "Lineitem taxable",
    "Lineitem fulfillment status",
    "Billing Name",
    "Billing Street",
    "Billing Address1",
    "Billing Address2",
    "Billing Company",
    "Billing City",
    "Billing Zip",
    "Billing Province",
    "Billing Country",
    "Billing Phone",
    "Shipping Name",
    "Shipping Street",
    "Shipping Address1",
    "Shipping Address2",
    "Shipping Company",
    "Shipping City",
    "Shipping Zip",
    "Shipping Province",
    "Shipping Country",
    "Shipping Phone",
    "Notes",
    "Note Attributes",
    "Cancelled at",
    "Payment Method",
    "Payment Reference",
    "Refunded Amount",
    "Vendor",
    "Outstanding Balance",
    "Employee",
    "Location",
    "Device ID",
    "Id",
    "Tags",
    "Risk Level",
    "Source",
    "Lineitem discount",
    "Tax 1 Name",
    "Tax 1 Value",
    "Tax 2 Name",
    "Tax 2 Value",
    "Tax 3 Name",
    "Tax 3 Value",
    "Tax 4 Name",
    "Tax 4 Value",
    "Tax 5 Name",
    "Tax 5 Value",
    "Phone",
    "Receipt Number",
    "Duties",
    "Billing Province Name",
    "Shipping Province Name",
    "Payment ID",
    "Payment Terms Name",
    "Next Payment Due At",
    "Payment References",
]
CUSTOMERS_CSV: Cells = [
    "Customer ID",
    "First Name",
    "Last Name",
    "Email",
    "Accepts Email Marketing",
    "Default Address Company",
    "Default Address Address1",
    "Default Address Address2",
    "Default Address City",
    "Default Address Province Code",
    "Default Address Country Code",
    "Default Address Zip",
    "Default Address Phone",
    "Phone",
    "Accepts SMS Marketing",
    "Total Spent",
    "Total Orders",
    "Note",
    "Tax Exempt",
    "Tags",
]
DESK_ORDERS: Cells = [
    "order_id", "ordered_at", "timezone", "status", "channel", "currency", "gross_amount", "discount_amount",
    "shipping_amount", "tax_amount", "net_amount", "paid_at", "shipped_at", "delivered_at", "customer_key", "full_name",
    "phone",
]  # fmt: skip
DESK_CUSTOMERS: Cells = [
    "customer_key", "full_name", "phone", "email", "street", "city", "postcode", "country", "consent_sms", "created_at",
    "timezone",
]  # fmt: skip
DESK_LINES: Cells = [
    "order_id", "line_number", "sku", "product_name", "category", "quantity", "unit_price", "discount_amount",
    "net_amount", "line_tax_amount",
]  # fmt: skip
_TIME = "%Y-%m-%d %H:%M:%S %z"
_DESK_STATUS = {
    "waiting": "pending",
    "paid": "paid",
    "shipped": "shipped",
    "finished": "completed",
    "closed": "cancelled",
}


def order_name(order: FileOrder) -> str:
    """``#A1000123``, as customers of the old shop know the order."""
    return f"#A{order.serial}"


def _address(person: Person, name: str, phone: str | None) -> Cells:
    province = PROVINCE[person.country][1]
    return [
        name, person.street, person.street, "", "", CITY_LATIN[person.country], as_text(person.postcode), province,
        person.country, as_text(phone),
    ]  # fmt: skip


def shopify_order(order: FileOrder, instant: int) -> Iterator[Cells]:
    """A row a line; all but the first with the cells of the line, the order's name and e-mail only."""
    buyer, door = order.buyer, order.door
    paid, back = happened(order.paid, instant), order.given_back(instant)
    sent, closed = happened(order.shipped, instant), happened(order.closed, instant)
    receiver = order.receiver or order.person
    refunded = back.amount if back is not None else 0
    status = "pending" if paid is None else "paid"
    if closed is not None and paid is None:
        status = "voided"
    elif refunded:
        status = "refunded" if refunded == order.total else "partially_refunded"
    for number, line in enumerate(order.lines):
        row = dict.fromkeys(ORDERS_CSV, "")
        row |= {
            "Name": order_name(order),
            "Email": buyer.email or "",
            "Created at": wall_clock(order.created, door.zone, _TIME),
            "Lineitem quantity": str(line.quantity),
            "Lineitem name": f"{line.variant.title} - {line.variant.variant_title}",
            "Lineitem price": money(line.price, door.currency),
            "Lineitem sku": line.variant.sku,
            "Lineitem requires shipping": "true",
            "Lineitem taxable": "true",
            "Lineitem fulfillment status": "fulfilled" if sent is not None else "pending",
            "Vendor": line.variant.vendor,
            "Lineitem discount": money(line.discount, door.currency),
        }
        if number == 0:
            row |= {
                "Financial Status": status,
                "Paid at": wall_clock(paid, door.zone, _TIME),
                "Fulfillment Status": "fulfilled" if sent is not None else "unfulfilled",
                "Fulfilled at": wall_clock(sent, door.zone, _TIME),
                "Accepts Marketing": "yes" if order.person.consents else "no",
                "Currency": door.currency,
                "Subtotal": money(order.goods, door.currency),
                "Shipping": money(order.shipping, door.currency),
                "Taxes": money(sum(line.tax for line in order.lines), door.currency),
                "Total": money(order.total, door.currency),
                "Discount Code": "ALT10" if order.discount else "",
                "Discount Amount": money(order.discount, door.currency),
                "Shipping Method": "DHL Paket",
                "Cancelled at": wall_clock(closed, door.zone, _TIME),
                "Payment Method": "Shopify Payments",
                "Refunded Amount": money(refunded, door.currency),
                "Outstanding Balance": money(0 if paid is not None else order.total, door.currency),
                "Id": str(4_410_000_000_000 + order.serial * 32_768),
                "Risk Level": "Low",
                "Source": "web",
                "Phone": as_text(buyer.phone),
                "Billing Province Name": PROVINCE[order.person.country][0],
                "Shipping Province Name": PROVINCE[receiver.country][0],
            }
            billing = _address(order.person, buyer.name or "", buyer.phone)
            names = f"{receiver.given_latin} {receiver.family_latin}"
            shipping = _address(receiver, names, None)
            at = ORDERS_CSV.index("Billing Name")
            row |= dict(zip(ORDERS_CSV[at : at + 20], [*billing, *shipping], strict=True))
        yield list(row.values())


def shopify_customer(person: Person, buyer: Buyer, orders: list[FileOrder], instant: int) -> Cells:
    """The customer's row; ids, zips and phones with the mark that keeps a spreadsheet from reading them as numbers."""
    bought = [order for order in orders if order.state(instant) != "closed"]
    spent = sum(order.total for order in bought)
    return [
        as_text(buyer.key), buyer.given, buyer.family, buyer.email or "", "yes" if person.consents else "no", "",
        person.street, "", CITY_LATIN[person.country], PROVINCE[person.country][1], person.country,
        as_text(person.postcode), as_text(buyer.phone), as_text(buyer.phone), "no", money(spent, OLD_SHOP.currency),
        str(len(bought)), "", "no", "",
    ]  # fmt: skip


def desk_number(order: FileOrder) -> str:
    """The number the telephone desk writes on its form."""
    return f"TEL-{order.serial}"


def desk_order(order: FileOrder, instant: int) -> Iterator[Cells]:
    """The order's only row; amounts without the tax that the prices contain, and the tax beside them."""
    door, buyer = order.door, order.buyer
    tax = sum(line.tax for line in order.lines)
    amounts = (sum(line.gross for line in order.lines) - tax, order.discount, order.shipping, tax, order.total)
    yield [
        desk_number(order), wall_clock(order.created, door.zone), door.zone, _DESK_STATUS[order.state(instant)],
        "phone", door.currency, *(money(amount, door.currency) for amount in amounts),
        *(wall_clock(happened(at, instant), door.zone) for at in (order.paid, order.shipped, order.finished)),
        buyer.key or "", buyer.name or "", buyer.phone or "",
    ]  # fmt: skip


def desk_lines(order: FileOrder, instant: int) -> Iterator[Cells]:
    """One row a line; the tax is the part of the line's net amount that it contains."""
    for number, line in enumerate(order.lines, start=1):
        amounts = (line.price, line.discount, line.net, line.tax)
        yield [
            desk_number(order), str(number), line.variant.sku, line.variant.title, line.variant.category,
            str(line.quantity), *(money(amount, order.door.currency) for amount in amounts),
        ]  # fmt: skip


def desk_customer(person: Person, buyer: Buyer, orders: list[FileOrder], instant: int) -> Cells:
    """The customer's card at the telephone desk, begun with the first order."""
    return [
        buyer.key or "", buyer.name or "", buyer.phone or "", buyer.email or "", person.street, CITY[person.country],
        person.postcode, person.country, "true" if person.consents else "false",
        wall_clock(min(order.created for order in orders), PHONE_DESK.zone), PHONE_DESK.zone,
    ]  # fmt: skip
