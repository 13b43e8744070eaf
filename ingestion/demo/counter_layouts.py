"""Receipts of the pop-up counter (Square) and the café corner (Loyverse) in the columns of their dashboards' exports.

Belongs here: headers and the rows of one receipt at an instant, refunds included. Does not belong here: which receipts
go into which file (exports), what happens to a receipt (file_orders).

Amounts without tax stand in gross, discounts and net; what was collected includes it. Money given back is negative.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from ingestion.demo.clock import FIRST_NIGHT_INSTANT
from ingestion.demo.csv_text import Cells, signed_money, wall_clock
from ingestion.demo.file_orders import FileLine, FileOrder

SQUARE_TRANSACTIONS: Cells = [
    "Date", "Time", "Time Zone", "Gross Sales", "Discounts", "Service Charges", "Net Sales", "Gift Card Sales", "Tax",
    "Tip", "Partial Refunds", "Total Collected", "Source", "Card", "Card Entry Methods", "Cash", "Square Gift Card",
    "Other Tender", "Other Tender Type", "Tender Note", "Fees", "Net Total", "Transaction ID", "Payment ID",
    "Card Brand", "PAN Suffix", "Device Name", "Staff Name", "Staff ID", "Details", "Description", "Event Type",
    "Location", "Dining Option", "Customer ID", "Customer Name", "Customer Reference ID", "Device Nickname",
    "Third Party Fees", "Deposit ID", "Deposit Date", "Deposit Details", "Fee Percentage Rate", "Fee Fixed Rate",
    "Refund Reason", "Discount Name", "Transaction Status", "Cash App", "Order Reference ID", "Fulfillment Note",
    "Free Processing Applied", "Channel", "Unattributed Tips", "Table Info", "International Fee",
]  # fmt: skip
SQUARE_ITEMS: Cells = [
    "Date", "Time", "Time Zone", "Category", "Item", "Qty", "Price Point Name", "SKU", "Modifiers Applied",
    "Gross Sales", "Discounts", "Net Sales", "Tax", "Transaction ID", "Payment ID", "Device Name", "Notes", "Details",
    "Event Type", "Location", "Dining Option", "Customer ID", "Customer Name", "Customer Reference ID", "Unit", "Count",
    "GTIN", "Itemization Type", "Commission", "Employee", "Fulfillment Note", "Channel", "Token", "Card Brand",
    "PAN Suffix",
]  # fmt: skip
LOYVERSE_RECEIPTS: Cells = [
    "Date", "Receipt number", "Receipt type", "Gross sales", "Discounts", "Net sales", "Taxes", "Total collected",
    "Cost of goods", "Gross profit", "Payment type", "Description", "Dining option", "POS", "Store", "Cashier name",
    "Customer name", "Customer contacts", "Status",
]  # fmt: skip
_RAILS_ZONE = "Eastern Time (US & Canada)"
_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnopqrstuvwxyz"


def square_id(order: FileOrder, what: str) -> str:
    """An id of 22 letters as Square makes them, for the sale's or the refund's transaction or payment."""
    die = random.Random(f"{order.code}/{what}")
    return "".join(die.choices(_LETTERS, k=22))


def _sums(lines: list[FileLine], sign: int) -> tuple[int, int, int, int]:
    """(gross, discounts, net, tax), the first three without tax."""
    discount = sum(line.discount for line in lines)
    tax = sum(line.tax for line in lines)
    net = sum(line.net for line in lines) - tax
    return sign * (net + discount), -sign * discount, sign * net, sign * tax


def _events(order: FileOrder, instant: int) -> Iterator[tuple[str, int, int, list[FileLine]]]:
    """(event, sign, time, lines) of what has happened by the instant."""
    yield "Payment", 1, order.created, order.lines
    back = order.given_back(instant)
    if back is not None:
        yield "Refund", -1, back.at, [order.lines[at] for at in back.lines]


def square_transactions(order: FileOrder, instant: int) -> Iterator[Cells]:
    """A row for the payment, and one for its refund."""
    buyer, currency, zone = order.buyer, order.door.currency, order.door.zone
    for event, sign, at, lines in _events(order, instant):
        gross, discounts, net, tax = _sums(lines, sign)
        nothing, collected = signed_money(0, currency), net + tax
        card = signed_money(collected if order.method == "Card" else 0, currency)
        cash = signed_money(collected if order.method == "Cash" else 0, currency)
        yield [
            *_square_time(at, zone, instant), _RAILS_ZONE,
            signed_money(gross, currency), signed_money(discounts, currency), nothing, signed_money(net, currency),
            nothing, signed_money(tax, currency), nothing, nothing, signed_money(collected, currency),
            "Point of Sale", card, "Contactless" if order.method == "Card" else "N/A", cash, nothing, nothing, "", "",
            nothing, signed_money(collected, currency), square_id(order, event), square_id(order, f"{event}/payment"),
            "Visa" if order.method == "Card" else "", "", "Pop-up 1", "", "", "", _description(lines), event,
            "Omni Pop-up New York", "", buyer.key or "", buyer.name or "", buyer.member_no or "", "", nothing, "", "",
            "", "", "", "Returned goods" if sign < 0 else "", "", "Complete", nothing, "", "", "No",
            "Omni Pop-up New York", nothing, "", nothing,
        ]  # fmt: skip


def square_items(order: FileOrder, instant: int) -> Iterator[Cells]:
    """A row a line of the payment and of its refund."""
    buyer, currency, zone = order.buyer, order.door.currency, order.door.zone
    for event, sign, at, lines in _events(order, instant):
        for line in lines:
            gross, discounts, net, tax = _sums([line], sign)
            yield [
                *_square_time(at, zone, instant), _RAILS_ZONE,
                line.variant.category, line.variant.title, f"{sign * line.quantity}.0", line.variant.variant_title,
                line.variant.sku, "", signed_money(gross, currency), signed_money(discounts, currency),
                signed_money(net, currency), signed_money(tax, currency), square_id(order, event),
                square_id(order, f"{event}/payment"), "Pop-up 1", "", "", event, "Omni Pop-up New York", "",
                buyer.key or "", buyer.name or "", buyer.member_no or "", "ea", str(sign * line.quantity), "",
                "Physical Good", "", "", "", "Omni Pop-up New York", f"{line.variant.variant_id:X}",
                "Visa" if order.method == "Card" else "", "",
            ]  # fmt: skip


def _square_time(at: int, zone: str, instant: int) -> tuple[str, str]:
    """(date, time) on the counter's clock; exports until the first night write the date the American way."""
    date = "%m/%d/%Y" if instant <= FIRST_NIGHT_INSTANT else "%Y-%m-%d"
    return wall_clock(at, zone, date), wall_clock(at, zone, "%H:%M:%S")


def loyverse_number(order: FileOrder, refund: bool = False) -> str:
    """``1-1000123``, and for its refund a number of its own."""
    return f"{2 if refund else 1}-{order.serial}"


def loyverse_receipts(order: FileOrder, instant: int) -> Iterator[Cells]:
    """A row for the sale, and one for its refund, which names neither the sale nor the customer."""
    buyer, zone = order.buyer, order.door.zone
    for _, sign, at, lines in _events(order, instant):
        gross, discounts, net, tax = (_plain(amount) for amount in _sums(lines, sign))
        collected = sum(line.net for line in lines) * sign
        cost = _plain(collected * 4 // 10)
        profit = _plain(_sums(lines, sign)[2] - collected * 4 // 10)
        yield [
            wall_clock(at, zone, "%Y-%m-%d %H:%M"), loyverse_number(order, sign < 0),
            "Refund" if sign < 0 else "Sale", gross, discounts.removeprefix("-") if sign > 0 else discounts, net, tax,
            _plain(collected), cost, profit, order.method, _description(lines), "Dine in", "Café till", "Omni Café",
            "Owner", *((buyer.name or "", buyer.phone or "") if sign > 0 else ("", "")), "Closed",
        ]  # fmt: skip


def _plain(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def _description(lines: list[FileLine]) -> str:
    return ", ".join(f"{line.quantity} x {line.variant.title} ({line.variant.variant_title})" for line in lines)
