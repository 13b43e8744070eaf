"""What the doors that only export files sold, in plain Python, from the files as they lie in the landing folder.

What belongs here: reading each door's columns as its system means them, the newest word on every order, what it is worth
by the written definitions, and what a file says of buyers, messages and visits. The mappings are not read and nothing is
imported from the code under test; who is who, sessions and advertisements are elsewhere.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.integration.recompute import REPORTING_ZONE, ZERO, Line, Order, Refund, instant

Row = dict[str, str]
SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
ON_DELIVERY = "货到付款"
# The words of each system for an order that is not paid, and for one that is closed; every other word means paid.
WAITING = {"等待买家付款", "等待付款", "待支付", "待付款", "pending"}
CLOSED = {"交易关闭", "(删除)等待付款", "已取消", "已关闭", "cancelled", "voided"}
# Systems whose records these files tell of.
SYSTEMS = {
    "tmall_orders", "jd_orders", "douyin_orders", "youzan_orders", "square_transactions", "loyverse_receipts",
    "shopify_orders_csv", "shopify_customers_csv", "orders", "customers", "messages", "touchpoints",
}  # fmt: skip


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
        """By the definitions: what is missing to the amount due came off the goods, and beyond them off the shipping."""
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


def _wall(text: str, zone: ZoneInfo, layout: str = "%Y-%m-%d %H:%M:%S") -> tuple[datetime, date]:
    clock = datetime.strptime(text, layout).replace(tzinfo=zone)
    return clock.astimezone(UTC), clock.date()


def _customer(system: str, key: str) -> str | None:
    return f"{system}/customer/{key}" if key else None


def tmall(home: Path) -> Iterator[Order]:
    """The header says what was owed for the goods, and what was paid: until then nothing is owed."""
    items = newest(home, "tmall_items", "订单编号")
    for number, (row,) in newest(home, "tmall_orders", "订单编号").items():
        at, day = _wall(row["订单创建时间"], SHANGHAI)
        articles = [
            Article(item["商家编码"], Decimal(item["购买数量"]), Decimal(item["购买数量"]) * money(item["价格"]))
            for item in items[number]
        ]
        assert money(row["买家实际支付金额"]) in (ZERO, money(row["买家应付货款"]) + money(row["买家应付邮费"]))
        yield Told(
            "tmall_orders", number, "CNY", at, day, row["订单状态"], _customer("tmall_orders", row["买家会员名"]),
            articles, due=money(row["买家实际支付金额"]), shipping=money(row["买家应付邮费"]),
        ).order()  # fmt: skip


def jd(home: Path) -> Iterator[Order]:
    """A row an article, all at list price; the settled amount has the discounts and the shipping in it."""
    for number, rows in newest(home, "jd_orders", "订单号").items():
        first = rows[0]
        at, day = _wall(first["下单时间"], SHANGHAI)
        articles = [
            Article(row["货号"], Decimal(row["订购数量"]), Decimal(row["订购数量"]) * money(row["京东价"]))
            for row in rows
        ]
        assert sum(article.listed for article in articles) == money(first["订单金额"])
        yield Told(
            "jd_orders", number, "CNY", at, day, first["订单状态"], _customer("jd_orders", first["下单帐号"]), articles,
            due=money(first["结算金额"]), shipping=money(first["运费金额"]),
            on_delivery=first["支付方式"] == ON_DELIVERY,
        ).order()  # fmt: skip


def douyin(home: Path) -> Iterator[Order]:
    """A row an article with what the buyer owes for it: less than its price is a discount, more is a charge."""
    for number, rows in newest(home, "douyin_orders", "主订单编号").items():
        at, day = _wall(rows[0]["订单提交时间"], SHANGHAI)
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
        at, day = _wall(first["订单创建时间"], SHANGHAI)
        articles = []
        for row in rows:
            pieces = Decimal(row["商品数量"])
            listed, off = pieces * money(row["商品单价"]), money(row["商品优惠合计"])
            assert listed - off == money(row["商品实际成交金额"])
            articles.append(Article(row["规格编码"], pieces, listed, off))
        yield Told(
            "youzan_orders", number, "CNY", at, day, first["订单状态"], _customer("youzan_orders", first["买家昵称"]),
            articles, due=money(first["订单实付金额"]), shipping=money(first["运费"]),
        ).order()  # fmt: skip


def square_time(row: Row) -> tuple[datetime, date]:
    """Exports until some day write dates the American way."""
    assert row["Time Zone"] == "Eastern Time (US & Canada)"
    layout = "%m/%d/%Y %H:%M:%S" if "/" in row["Date"] else "%Y-%m-%d %H:%M:%S"
    return _wall(f"{row['Date']} {row['Time']}", NEW_YORK, layout)


def square(home: Path) -> Iterator[Order | Refund]:
    """A receipt of payment or refund in one file, its lines in another; the tax comes on top, and a refund names no sale."""
    items = newest(home, "square_items", "Transaction ID")
    for number, (row,) in newest(home, "square_transactions", "Transaction ID").items():
        at, day = square_time(row)
        record = _customer("square_transactions", row["Customer ID"])
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
        at, day = _wall(row["Date"], SHANGHAI, "%Y-%m-%d %H:%M")
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
    """A row an article, the order's cells on the first; prices contain the tax, and a refund is dated by another event."""
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
        at, day = _wall(row["ordered_at"], ZoneInfo(row["timezone"]))
        articles = []
        for line in sorted(lines[number], key=lambda line: int(line["line_number"])):
            pieces = Decimal(line["quantity"])
            listed = pieces * money(line["unit_price"])
            off, tax = money(line["discount_amount"]), money(line["line_tax_amount"])
            articles.append(Article(line["sku"], pieces, listed, off, line["category"], tax))
        tax, due = money(row["tax_amount"]), money(row["net_amount"])
        assert sum(article.listed for article in articles) - tax == money(row["gross_amount"])
        yield Told(
            "orders", number, row["currency"], at, day, row["status"], _customer("orders", row["customer_key"]),
            articles, due, money(row["shipping_amount"]), contained_tax=tax,
        ).order()  # fmt: skip


DOORS: tuple[Callable[[Path], Iterator[Order | Refund]], ...] = (
    tmall, jd, douyin, youzan, square, loyverse, old_shop, phone_desk,
)  # fmt: skip


def exported(home: Path) -> tuple[list[Order], list[Refund]]:
    """Every order and every refund of the files."""
    told = [found for door in DOORS for found in door(home)]
    return [one for one in told if isinstance(one, Order)], [one for one in told if isinstance(one, Refund)]


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
    """(file, statement) of every row that names somebody, older files first; a time is missing where no cell has one."""
    for folder, read in _SAYING.items():
        for path in files(home, folder):
            for row in messages_of(path) if folder == "messages" else table(path):
                told = read(row)
                if told is not None:
                    yield f"{folder}/{path.name}", told


def _of_account(system: str, key: str, time: str, name: str, phone: str) -> Callable[[Row], Statement | None]:
    def read(row: Row) -> Statement | None:
        record = _customer(system, row[key])
        return record and Statement(record, _wall(row[time], SHANGHAI)[0], row.get(name), row.get(phone))

    return read


def _of_card(row: Row) -> Statement | None:
    record = _customer("square_transactions", row["Customer ID"])
    name = row["Customer Name"]
    return record and Statement(record, square_time(row)[0], name, member_no=row["Customer Reference ID"])


def _of_counter(row: Row) -> Statement | None:
    if row["Receipt type"] == "Refund" or not (row["Customer name"] or row["Customer contacts"]):
        return None
    kind = "guest_order" if row["Customer contacts"] else "name_only"
    at, _ = _wall(row["Date"], SHANGHAI, "%Y-%m-%d %H:%M")
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
    at, _ = _wall(row["ordered_at"], ZoneInfo(row["timezone"]))
    return Statement(f"orders/customer/{row['customer_key']}", at, row["full_name"], row["phone"])


def _of_callers_card(row: Row) -> Statement | None:
    at, _ = _wall(row["created_at"], ZoneInfo(row["timezone"]))
    record = f"customers/customer/{row['customer_key']}"
    return Statement(record, at, row["full_name"], row["phone"], row["country"], row["email"])


def _of_visit(row: Row) -> Statement | None:
    record = visitor(row)
    return record and Statement(record, visited_at(row), member_no=row["member_no"])


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
    "orders": _of_caller,
    "customers": _of_callers_card,
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
    return _wall(row["occurred_at"], ZoneInfo(row["timezone"]))[0]


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
