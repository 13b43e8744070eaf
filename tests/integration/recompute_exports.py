"""What the doors that only export files sold, in plain Python, from the files as they lie in the landing folder.

What belongs here: reading each door's columns as its system means them, the newest word on every order, and what it is
worth by the written definitions. The mappings are not read and nothing is imported from the code under test. What the
files say of people is elsewhere.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.integration.recompute import REPORTING_ZONE, ZERO, Line, Order, Refund

Row = dict[str, str]
SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
ON_DELIVERY = "货到付款"
# The words of each system for an order that is not paid, and for one that is closed; every other word means paid.
WAITING = {"等待买家付款", "等待付款", "待支付", "待付款", "pending"}
CLOSED = {"交易关闭", "(删除)等待付款", "已取消", "已关闭", "cancelled", "voided"}


def files(home: Path, folder: str) -> list[Path]:
    """A folder's files, oldest first: their names end with the day they were made for."""

    def made_for(path: Path) -> tuple[str, str]:
        days = re.findall(r"\d{8}|\d{4}-\d\d-\d\d", path.stem)
        return days[-1], days[0]

    return sorted((home / "demo" / "landing" / folder).glob("*"), key=made_for)


def table(path: Path) -> list[Row]:
    """The rows of a CSV file by the names in its header, without the marks that keep spreadsheets from counting."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    header, *rows = csv.reader(text.splitlines())
    names = [name.strip() for name in header]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in rows]


def _plain(cell: str) -> str:
    dressed = re.fullmatch(r'="(.*)"', cell)
    return (dressed.group(1) if dressed else cell.removeprefix("'")).strip()


def newest(home: Path, folder: str, key: str) -> dict[str, list[Row]]:
    """Per order the rows of the last file that holds it."""
    found: dict[str, list[Row]] = {}
    for path in files(home, folder):
        here = defaultdict(list)
        for row in table(path):
            here[row[key]].append(row)
        found |= here
    return found


def money(cell: str) -> Decimal:
    """``-$1,200.50`` is twelve hundred dollars and a half less."""
    return Decimal(re.sub(r"[^\d.-]", "", cell) or "0")


def shares(amount: Decimal, weights: list[Decimal], places: int) -> list[Decimal]:
    """Largest remainder: whole minor units first, the missing ones to the largest remainders, ties to the earlier."""
    unit = Decimal(1).scaleb(-places)
    units, scale, total = int(amount / unit), [int(weight / unit) for weight in weights], int(sum(weights) / unit)
    if not total:
        return [ZERO for _ in weights]
    given = [divmod(units * weight, total) for weight in scale]
    missing = units - sum(whole for whole, _ in given)
    by_remainder = sorted(range(len(given)), key=lambda at: (-given[at][1], at))
    return [(given[at][0] + (at in by_remainder[:missing])) * unit for at in range(len(given))]


@dataclass
class Article:
    """A line as its file tells it: at list price, and what the line itself says came off."""

    sku: str
    quantity: Decimal
    listed: Decimal
    discount: Decimal = ZERO
    category: str = ""
    contained_tax: Decimal | None = None


@dataclass
class Told:
    """An order as its file tells it; ``due`` is what its system says it came to."""

    system: str
    number: str
    currency: str
    at: datetime
    day: date
    status: str
    record: str | None
    articles: list[Article]
    due: Decimal
    shipping: Decimal = ZERO
    contained_tax: Decimal = ZERO
    on_delivery: bool = False

    def order(self) -> Order:
        """What is missing to the amount due came off the goods, and beyond them off the shipping."""
        places = 0 if self.currency == "JPY" else 2
        lines_cost = [line.listed - line.discount for line in self.articles]
        missing = sum(lines_cost, ZERO) + self.shipping - self.due
        other = max(-missing, ZERO)
        off_goods = min(max(missing, ZERO), sum(lines_cost, ZERO))
        shipping = self.shipping - (max(missing, ZERO) - off_goods)
        off = shares(off_goods, lines_cost, places)
        costs = [cost - less for cost, less in zip(lines_cost, off, strict=True)]
        told = [line.contained_tax for line in self.articles]
        by_line = [tax for tax in told if tax is not None]
        taxes = by_line if len(by_line) == len(told) else shares(self.contained_tax, costs, places)
        lines = [
            Line(line.sku, line.category, line.quantity, line.listed - tax, line.discount + less, is_gift_card=False)
            for line, less, tax in zip(self.articles, off, taxes, strict=True)
        ]
        closed = self.status in CLOSED
        return Order(
            key=(self.system, self.number),
            currency=self.currency,
            ordered_at=self.at,
            order_date=self.day,
            record=self.record,
            lines=lines,
            shipping=shipping + other,
            other=other,
            tax=self.contained_tax,
            is_valid=not closed and (self.status not in WAITING or self.on_delivery),
            is_void=closed,
            voided_at=None,
            shown_total=self.due,
        )


def wall_clock(text: str, zone: ZoneInfo, layout: str = "%Y-%m-%d %H:%M:%S") -> tuple[datetime, date]:
    """The instant at which clocks in the zone showed this, and the date that they showed."""
    clock = datetime.strptime(text, layout).replace(tzinfo=zone)
    return clock.astimezone(UTC), clock.date()


def customer(system: str, key: str) -> str | None:
    """The record of a buyer whom the system calls by a key of its own."""
    return f"{system}/customer/{key}" if key else None


def tmall(home: Path) -> Iterator[Order]:
    """The header says what was owed for the goods, and what was paid: until then nothing is owed."""
    items = newest(home, "tmall_items", "订单编号")
    for number, (row,) in newest(home, "tmall_orders", "订单编号").items():
        at, day = wall_clock(row["订单创建时间"], SHANGHAI)
        articles = [
            Article(item["商家编码"], Decimal(item["购买数量"]), Decimal(item["购买数量"]) * money(item["价格"]))
            for item in items[number]
        ]
        assert money(row["买家实际支付金额"]) in (ZERO, money(row["买家应付货款"]) + money(row["买家应付邮费"]))
        yield Told(
            "tmall_orders", number, "CNY", at, day, row["订单状态"], customer("tmall_orders", row["买家会员名"]),
            articles, due=money(row["买家实际支付金额"]), shipping=money(row["买家应付邮费"]),
        ).order()  # fmt: skip


def jd(home: Path) -> Iterator[Order]:
    """A row an article, all at list price; the settled amount has the discounts and the shipping in it."""
    for number, rows in newest(home, "jd_orders", "订单号").items():
        first = rows[0]
        at, day = wall_clock(first["下单时间"], SHANGHAI)
        articles = [
            Article(row["货号"], Decimal(row["订购数量"]), Decimal(row["订购数量"]) * money(row["京东价"]))
            for row in rows
        ]
        assert sum(article.listed for article in articles) == money(first["订单金额"])
        yield Told(
            "jd_orders", number, "CNY", at, day, first["订单状态"], customer("jd_orders", first["下单帐号"]), articles,
            due=money(first["结算金额"]), shipping=money(first["运费金额"]),
            on_delivery=first["支付方式"] == ON_DELIVERY,
        ).order()  # fmt: skip


def douyin(home: Path) -> Iterator[Order]:
    """A row an article with what the buyer owes for it: less than its price is a discount, more is a charge."""
    for number, rows in newest(home, "douyin_orders", "主订单编号").items():
        at, day = wall_clock(rows[0]["订单提交时间"], SHANGHAI)
        articles = []
        for row in rows:
            pieces, owed = Decimal(row["商品数量"]), money(row["订单应付金额"])
            listed = pieces * money(row["商品单价"])
            articles.append(Article(row["商家编码"], pieces, listed, max(listed - owed, ZERO)))
        due = sum((money(row["订单应付金额"]) for row in rows), ZERO)
        status = rows[0]["订单状态"]
        yield Told("douyin_orders", number, "CNY", at, day, status, None, articles, due).order()


def youzan(home: Path) -> Iterator[Order]:
    """A row an article with its discount; the order's paid amount is nothing until it is paid."""
    for number, rows in newest(home, "youzan_orders", "订单号").items():
        first = rows[0]
        at, day = wall_clock(first["订单创建时间"], SHANGHAI)
        articles = []
        for row in rows:
            pieces = Decimal(row["商品数量"])
            listed, off = pieces * money(row["商品单价"]), money(row["商品优惠合计"])
            assert listed - off == money(row["商品实际成交金额"])
            articles.append(Article(row["规格编码"], pieces, listed, off))
        yield Told(
            "youzan_orders", number, "CNY", at, day, first["订单状态"], customer("youzan_orders", first["买家昵称"]),
            articles, due=money(first["订单实付金额"]), shipping=money(first["运费"]),
        ).order()  # fmt: skip


def square_time(row: Row) -> tuple[datetime, date]:
    """Exports until some day write dates the American way."""
    assert row["Time Zone"] == "Eastern Time (US & Canada)"
    layout = "%m/%d/%Y %H:%M:%S" if "/" in row["Date"] else "%Y-%m-%d %H:%M:%S"
    return wall_clock(f"{row['Date']} {row['Time']}", NEW_YORK, layout)


def square(home: Path) -> Iterator[Order | Refund]:
    """A receipt in one file, its lines in another; the tax comes on top, and a refund names no sale."""
    items = newest(home, "square_items", "Transaction ID")
    for number, (row,) in newest(home, "square_transactions", "Transaction ID").items():
        at, day = square_time(row)
        record = customer("square_transactions", row["Customer ID"])
        if row["Event Type"] == "Refund":
            amount = -money(row["Total Collected"])
            # Its lines say the same once more; it is given back once.
            assert amount == -sum(money(item["Net Sales"]) + money(item["Tax"]) for item in items[number])
            yield Refund(("square_transactions", number), None, "refund", amount, "USD", at, day, record)
            continue
        articles = [
            Article(
                item["SKU"], Decimal(item["Qty"]), money(item["Gross Sales"]), -money(item["Discounts"]),
                item["Category"],
            )
            for item in items[number]
        ]  # fmt: skip
        due, tax = money(row["Total Collected"]), money(row["Tax"])
        yield _taxed(
            Told("square_transactions", number, "USD", at, day, "paid", record, articles, due - tax).order(), tax
        )


def loyverse(home: Path) -> Iterator[Order | Refund]:
    """Receipts without lines, the tax on top; a refund names no sale."""
    for number, (row,) in newest(home, "loyverse_receipts", "Receipt number").items():
        at, day = wall_clock(row["Date"], SHANGHAI, "%Y-%m-%d %H:%M")
        if row["Receipt type"] == "Refund":
            amount = -money(row["Total collected"])
            yield Refund(("loyverse_receipts", number), None, "refund", amount, "CNY", at, day, None)
            continue
        kind = "guest_order" if row["Customer contacts"] else "name_only" if row["Customer name"] else ""
        record = f"loyverse_receipts/{kind}/{number}" if kind else None
        due, tax = money(row["Total collected"]), money(row["Taxes"])
        order = _taxed(Told("loyverse_receipts", number, "CNY", at, day, "paid", record, [], ZERO).order(), tax)
        order.gross_without_lines, order.discount_without_lines = money(row["Gross sales"]), money(row["Discounts"])
        order.shown_total = due
        yield order


def _taxed(order: Order, tax: Decimal) -> Order:
    """With a tax that the prices do not contain."""
    order.tax = tax
    order.shown_total += tax
    return order


def old_shop(home: Path) -> Iterator[Order | Refund]:
    """A row an article, the order's cells on the first; prices contain the tax, and a refund has no time of its own."""
    for number, rows in newest(home, "shopify_orders_csv", "Name").items():
        first = rows[0]
        at = datetime.strptime(first["Created at"], "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
        articles = []
        for row in rows:
            pieces = Decimal(row["Lineitem quantity"])
            listed = pieces * money(row["Lineitem price"])
            articles.append(Article(row["Lineitem sku"], pieces, listed, money(row["Lineitem discount"])))
        record = f"shopify_orders_csv/guest_order/{number}"
        order = Told(
            "shopify_orders_csv", number, first["Currency"], at, at.astimezone(REPORTING_ZONE).date(),
            first["Financial Status"], record, articles, due=money(first["Total"]), shipping=money(first["Shipping"]),
            contained_tax=money(first["Taxes"]),
        ).order()  # fmt: skip
        yield order
        amount = money(first["Refunded Amount"])
        if amount:
            dated = first["Cancelled at"] or first["Paid at"] or first["Created at"]
            when = datetime.strptime(dated, "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
            # It has no number: its order and its time are what it is known by.
            key = f"{number}|{when:%Y-%m-%dT%H:%M:%SZ}|#1"
            yield Refund(
                ("shopify_orders_csv", key), order.key, "refund", amount, order.currency, when,
                when.astimezone(REPORTING_ZONE).date(), record,
            )  # fmt: skip


def phone_desk(home: Path) -> Iterator[Order]:
    """Header and lines in two folders; prices contain the tax, which the lines tell."""
    lines = newest(home, "order_lines", "order_id")
    for number, (row,) in newest(home, "orders", "order_id").items():
        at, day = wall_clock(row["ordered_at"], ZoneInfo(row["timezone"]))
        articles = []
        for line in sorted(lines[number], key=lambda line: int(line["line_number"])):
            pieces = Decimal(line["quantity"])
            listed = pieces * money(line["unit_price"])
            off, tax = money(line["discount_amount"]), money(line["line_tax_amount"])
            articles.append(Article(line["sku"], pieces, listed, off, line["category"], tax))
        tax, due = money(row["tax_amount"]), money(row["net_amount"])
        assert sum(article.listed for article in articles) - tax == money(row["gross_amount"])
        yield Told(
            "orders", number, row["currency"], at, day, row["status"], customer("orders", row["customer_key"]),
            articles, due, money(row["shipping_amount"]), contained_tax=tax,
        ).order()  # fmt: skip


DOORS: tuple[Callable[[Path], Iterator[Order | Refund]], ...] = (
    tmall, jd, douyin, youzan, square, loyverse, old_shop, phone_desk,
)  # fmt: skip


def exported(home: Path) -> tuple[list[Order], list[Refund]]:
    """Every order and every refund of the files."""
    told = [found for door in DOORS for found in door(home)]
    return [one for one in told if isinstance(one, Order)], [one for one in told if isinstance(one, Refund)]
