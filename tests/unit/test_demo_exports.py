"""The demo company's doors that only drop files: real layouts, books and truth that agree with what the files say."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow.parquet as pq
import pytest

from ingestion import Ledger, land, plan, raw_views, sources, unclaimed_files
from ingestion.canonical import ENTITIES
from ingestion.demo import Company, NoiseRates
from ingestion.demo.doors import DOORS, SQUARE, TMALL
from ingestion.demo.exports import FOLDERS, Exports
from ingestion.demo.file_orders import FileOrders
from ingestion.demo.messages import Messages
from ingestion.demo.population import Population

Lake = tuple[duckdb.DuckDBPyConnection, list[str | None]]
PERSONS, NIGHTS = 300, 8
EXPORTED = {*(folder.name for folder in FOLDERS), "messages", "touchpoints"}
GB18030 = {"tmall_orders", "tmall_items", "jd_orders", "youzan_orders"}
CLOSED = {"交易关闭", "已关闭", "已取消", "(删除)等待付款", "cancelled", "voided"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "company"
    for night in (1, 2, NIGHTS):
        Company(folder, PERSONS, seed=6, folders=(*EXPORTED, "tiktok_ads")).advance(night)
    return folder


def files_of(home: Path, folder: str) -> list[Path]:
    """The files of a landing folder in the order in which they are read."""
    return sorted((home / "landing" / folder).iterdir(), key=lambda path: path.name)


def rows_of(home: Path, folder: str) -> Iterator[dict[str, str]]:
    """Every row of every file that is not another one's double, without the marks that spreadsheets need."""
    seen = set()
    for path in files_of(home, folder):
        content = path.read_bytes()
        if content not in seen:
            seen.add(content)
            for row in csv.DictReader(content.decode("gb18030" if folder in GB18030 else "utf-8").splitlines()):
                yield {name.strip(): bare(cell) for name, cell in row.items()}


def bare(cell: str) -> str:
    return cell.removeprefix('="').removesuffix('"').removeprefix("'")


def dollars(cell: str) -> Decimal:
    return Decimal(cell.replace("$", "").replace(",", ""))


def square_date(cell: str) -> str:
    return f"{cell[6:]}-{cell[:2]}-{cell[3:5]}" if "/" in cell else cell


def head_office_date(cell: str) -> str:
    return datetime.fromisoformat(cell).astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()


def messages(home: Path) -> list[dict[str, str]]:
    return [json.loads(line) for path in files_of(home, "messages") for line in path.read_text().splitlines()]


def truth(home: Path) -> set[tuple[str, str, str]]:
    """Whom the truth knows of the systems that are folders of files, web events apart."""
    table = pq.read_table(home / "truth" / "records.parquet").to_pylist()
    known = {(row["source_system"], row["record_type"], row["source_record_id"]) for row in table}
    return {key for key in known if key[0] in EXPORTED}


def books(home: Path) -> dict[tuple[str, str, str], Decimal]:
    """What the company's books say by system, currency and date."""
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    with (home / "truth" / "books.csv").open() as file:
        for row in csv.DictReader(file):
            found[row["source_system"], row["currency"], row["business_date"]] += Decimal(row["amount"])
    return {key: amount for key, amount in found.items() if key[0] in {door.folder for door in DOORS}}


def test_a_marketplace_writes_its_own_dialect(home: Path):
    content = files_of(home, "tmall_orders")[0].read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    header, first, *_ = content.decode("gb18030").splitlines()
    assert len(header.split(",")) == 44
    assert "收货地址 " in header.split(",")
    assert first.startswith('="291')
    assert any(",'1" in line for line in content.decode("gb18030").splitlines())
    before, after = files_of(home, "square_items")[0], files_of(home, "square_items")[-1]
    assert [len(path.read_text().splitlines()[0].split(",")) for path in (before, after)] == [33, 35]


def test_the_books_are_what_the_files_come_to(home: Path):
    """Worked out from the files alone: an order's newest row counts, and one that is closed comes to nothing."""
    orders: dict[tuple[str, str], tuple[str, str, Decimal]] = {}

    def tell(folder: str, number: str, currency: str, date: str, status: str, total: Decimal) -> None:
        orders[folder, number] = (currency, date, Decimal(0) if status in CLOSED else total)

    for row in rows_of(home, "tmall_orders"):
        tell(
            "tmall_orders",
            row["订单编号"],
            "CNY",
            row["订单创建时间"][:10],
            row["订单状态"],
            Decimal(row["买家实际支付金额"]),
        )
    for row in rows_of(home, "jd_orders"):
        tell("jd_orders", row["订单号"], "CNY", row["下单时间"][:10], row["订单状态"], Decimal(row["应付金额"]))
    for row in rows_of(home, "youzan_orders"):
        total = Decimal(row["订单实付金额"])
        tell("youzan_orders", row["订单号"], "CNY", row["订单创建时间"][:10], row["订单状态"], total)
    for row in rows_of(home, "douyin_orders"):
        total = Decimal(row["订单应付金额"])
        tell("douyin_orders", row["子订单编号"], "CNY", row["订单提交时间"][:10], row["订单状态"], total)
    for row in rows_of(home, "square_transactions"):
        total = dollars(row["Total Collected"])
        tell("square_transactions", row["Transaction ID"], "USD", square_date(row["Date"]), "", total)
        assert dollars(row["Gross Sales"]) + dollars(row["Discounts"]) == dollars(row["Net Sales"])
        assert dollars(row["Net Sales"]) + dollars(row["Tax"]) == total
    for row in rows_of(home, "loyverse_receipts"):
        total = Decimal(row["Total collected"])
        tell("loyverse_receipts", row["Receipt number"], "CNY", row["Date"][:10], "", total)
    for row in rows_of(home, "shopify_orders_csv"):
        if row["Total"]:
            number, currency, status = row["Name"], row["Currency"], row["Financial Status"]
            tell(
                "shopify_orders_csv",
                number,
                currency,
                head_office_date(row["Created at"]),
                status,
                Decimal(row["Total"]),
            )
            if refunded := Decimal(row["Refunded Amount"]):
                day = head_office_date(row["Cancelled at"] or row["Paid at"])
                tell("shopify_orders_csv", f"{number} refund", currency, day, "", -refunded)
    for row in rows_of(home, "orders"):
        total = Decimal(row["net_amount"])
        tell("orders", row["order_id"], row["currency"], row["ordered_at"][:10], row["status"], total)
    found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for (folder, _), (currency, date, total) in orders.items():
        found[folder, currency, date] += total
    assert {key: total for key, total in found.items() if total} == {
        key: amount for key, amount in books(home).items() if amount
    }
    assert {folder for folder, *_ in found} == {door.folder for door in DOORS}


def test_lines_come_to_what_their_order_says(home: Path):
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in {tuple(row.items()): row for row in rows_of(home, "square_items")}.values():
        sums[row["Transaction ID"]] += dollars(row["Net Sales"]) + dollars(row["Tax"])
    collected = {row["Transaction ID"]: dollars(row["Total Collected"]) for row in rows_of(home, "square_transactions")}
    assert sums == collected
    assert any(total < 0 for total in collected.values())
    items = {(row["订单编号"], row["商家编码"]): int(row["购买数量"]) for row in rows_of(home, "tmall_items")}
    pieces: dict[str, int] = defaultdict(int)
    for (number, _), quantity in items.items():
        pieces[number] += quantity
    assert pieces == {row["订单编号"]: int(row["宝贝总数量"]) for row in rows_of(home, "tmall_orders")}
    for row in rows_of(home, "orders"):
        gross, discount, shipping, tax = (
            Decimal(row[f"{name}_amount"]) for name in ("gross", "discount", "shipping", "tax")
        )
        assert gross - discount + shipping + tax == Decimal(row["net_amount"])


def test_everyone_the_files_name_has_a_truth(home: Path):
    expected = {("tmall_orders", "customer", row["买家会员名"]) for row in rows_of(home, "tmall_orders")}
    expected |= {("jd_orders", "customer", row["下单帐号"]) for row in rows_of(home, "jd_orders")}
    expected |= {("youzan_orders", "customer", row["买家昵称"]) for row in rows_of(home, "youzan_orders")}
    expected |= {
        ("square_transactions", "customer", row["Customer ID"])
        for row in rows_of(home, "square_transactions")
        if row["Customer ID"]
    }
    for row in rows_of(home, "loyverse_receipts"):
        if row["Customer contacts"] or row["Customer name"]:
            kind = "guest_order" if row["Customer contacts"] else "name_only"
            expected.add(("loyverse_receipts", kind, row["Receipt number"]))
    expected |= {("shopify_orders_csv", "guest_order", row["Name"]) for row in rows_of(home, "shopify_orders_csv")}
    expected |= {
        ("shopify_customers_csv", "customer", row["Customer ID"]) for row in rows_of(home, "shopify_customers_csv")
    }
    for folder in ("orders", "customers"):
        expected |= {("orders", "customer", row["customer_key"]) for row in rows_of(home, folder)}
    for line in messages(home):
        address = line.get("phone") or line.get("email")
        expected.add(("messages", "message_address", address or next(
            f"{name}:{line[name]}" for name in ("open_id", "member_no") if name in line
        )))  # fmt: skip
    expected |= {
        ("touchpoints", "message_address", f"member_no:{row['member_no']}")
        for row in rows_of(home, "touchpoints")
        if row["member_no"]
    }
    assert truth(home) == expected


def test_the_inventory_counts_the_files(home: Path):
    listed = json.loads((home / "truth" / "inventory.json").read_text())["exports"]
    for folder in [folder.name for folder in FOLDERS]:
        contents = {path.read_bytes() for path in files_of(home, folder)}
        assert listed[folder]["files"] == len(contents), folder
        assert listed[folder]["rows"] == len(list(rows_of(home, folder))), folder
    numbers = {row["订单编号"] for row in rows_of(home, "tmall_orders")}
    assert listed["tmall_orders"]["orders"] + listed["tmall_orders"]["closed_orders"] == len(numbers)
    assert listed["messages"]["lines"] == len({(line["message_id"], line["event"]) for line in messages(home)})
    assert listed["touchpoints"]["visits"] == len(list(rows_of(home, "touchpoints")))


def test_orders_come_again_as_they_change_and_files_late_or_twice():
    exports = Exports(Population(3000, 6, NoiseRates()))
    tmall: dict[int, list[str]] = {}
    for night in range(1, 31):
        tmall[night] = [name for name in exports.dropped(night).files if name.startswith("tmall_orders/")]
    assert any(not names for names in tmall.values()), "a late night"
    assert any(len({name.replace(" (1)", "") for name in names}) > 1 for names in list(tmall.values())[1:]), "its file"
    assert any(name.endswith("(1).csv") for names in tmall.values() for name in names)
    nightly = [name for night in range(2, 31) for name in tmall[night] if " (1)" not in name]
    assert nightly == sorted(nightly), "newer files sort after older ones"


def test_parcels_go_to_others_as_often_as_the_rate_says():
    rates = NoiseRates()
    drawn = FileOrders(Population(3000, 8, rates))
    orders = [order for day in range(-729, 1) for order in drawn.orders_on(TMALL, day)]
    parcels = sum(1 for order in orders if order.receiver is not None)
    assert parcels / len(orders) == pytest.approx(rates.parcel_phone, rel=0.4)
    assert {order.state(order.changes[-1]) for order in orders} == {"finished", "closed"}
    returned = [o for day in range(-729, 1) for o in drawn.orders_on(SQUARE, day) if o.refund is not None]
    assert all(0 < order.refund.amount <= order.total for order in returned if order.refund)


def test_nobody_is_written_to_after_unsubscribing():
    log = Messages(Population(2500, 6, NoiseRates()))
    files = [file for night in range(1, 16) for file in log.dropped(night)[0].values()]
    lines = [json.loads(line) for file in files for line in file.decode().splitlines()]
    distinct = {(line["message_id"], line["event"]) for line in lines}
    assert len(distinct) < len(lines), "some lines come again"
    assert {line["channel"] for line in lines} == {"sms", "email", "push", "wecom"}
    assert {event for _, event in distinct} == {"sent", "delivered", "opened", "clicked", "bounced", "unsubscribed"}
    gone: dict[str, str] = {}
    for line in sorted(lines, key=lambda line: line["occurred_at"]):
        address = line.get("email") or line.get("member_no") or line.get("open_id") or line["phone"]
        if line["event"] == "unsubscribed":
            gone[address] = line["occurred_at"][:10]
        elif line["event"] == "sent" and "phone" not in line:
            assert line["occurred_at"][:10] <= gone.get(address, "9"), line
    assert len(gone) > 5


def test_a_company_fills_only_the_folders_asked_for_and_its_other_systems_stay_the_same(home: Path, tmp_path: Path):
    few = Company(tmp_path / "few", PERSONS, seed=6, folders=("tmall_orders", "messages"))
    few.advance(NIGHTS)
    assert {path.name for path in few.landing.iterdir()} == {"tmall_orders", "messages"}
    for folder in ("tmall_orders", "messages"):
        assert [path.read_bytes() for path in files_of(few.home, folder)] == [
            path.read_bytes() for path in files_of(home, folder)
        ]
    whole = Company(home, PERSONS, seed=6, folders=(*EXPORTED, "tiktok_ads"))
    for table in ("orders", "customers", "tickets", "users"):
        assert few.systems.query(f"select * from {table} order by 1") == whole.systems.query(
            f"select * from {table} order by 1"
        )
    assert (few.home / "pos.sqlite").read_bytes() == (home / "pos.sqlite").read_bytes()
    assert {key[0] for key in truth(few.home)} == {"tmall_orders", "messages"}
    assert {key[0] for key in books(few.home)} == {"tmall_orders"}
    assert Company(few.home, PERSONS, seed=6).folders == ("messages", "tmall_orders"), "a home keeps its founding"
    with pytest.raises(ValueError, match="folders is messages, tmall_orders there and events now"):
        Company(few.home, PERSONS, seed=6, folders=("events",))
    with pytest.raises(ValueError, match="folders names ebay"):
        Company(tmp_path / "other", PERSONS, folders=("ebay",))


@pytest.fixture(scope="module")
def lake(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Everything the company dropped, landed as a real company's files are."""
    root = tmp_path_factory.mktemp("lake")
    ledger, exports, landed = Ledger(root / "lake"), sources()["exports"], []
    for delivery in plan(exports, {}, [home / "landing"], [home / "mappings"], ledger):
        report = land(delivery, root / "lake", root / "work")
        ledger.record("run", report, "admitted", admitted=True)
        landed.append(delivery.file_name)
    assert unclaimed_files([home / "landing"], [home / "mappings"]) == []
    database = duckdb.connect()
    for statement in raw_views(exports, ledger.admitted_loads(), root / "lake"):
        database.execute(statement)
    return database, landed


def test_every_file_is_landed_by_its_mapping_row_by_row(home: Path, lake: Lake):
    database, landed = lake
    listed = json.loads((home / "truth" / "inventory.json").read_text())["exports"]
    contents = {path.read_bytes() for folder in EXPORTED for path in files_of(home, folder)}
    assert len([name for name in landed if name.partition("/")[0] in EXPORTED]) == len(contents)
    assert database.execute("select source_system, line, reason from raw_exports.broken_lines").fetchall() == []
    rows = defaultdict(dict)
    for entity in ENTITIES:
        for folder, number in database.execute(
            f"select source_system, count(*) from raw_exports.{entity} group by all"
        ).fetchall():
            rows[folder][entity] = number
    one_entity = {folder: next(iter(counts.values())) for folder, counts in rows.items() if len(counts) == 1}
    expected = {
        "tmall_orders", "tmall_items", "jd_orders", "douyin_orders", "youzan_orders", "square_items",
        "shopify_customers_csv", "orders", "order_lines", "customers",
    }  # fmt: skip
    assert {folder: one_entity[folder] for folder in expected} == {
        folder: listed[folder]["rows"] for folder in expected
    }
    assert one_entity["touchpoints"] == listed["touchpoints"]["visits"]
    assert one_entity["messages"] == len(messages(home))
    for folder in ("square_transactions", "loyverse_receipts"):
        assert rows[folder]["orders"] + rows[folder].get("refunds", 0) == listed[folder]["rows"]
    assert rows["shopify_orders_csv"]["order_lines"] == listed["shopify_orders_csv"]["rows"]
    names = [row["Name"] for row in rows_of(home, "shopify_orders_csv") if row["Total"]]
    assert rows["shopify_orders_csv"]["orders"] == len(names)
    cost = database.execute("select count(*) from raw_exports.ad_performance where source_system = 'tiktok_ads'")
    assert cost.fetchall() == [(sum(1 for row in rows_of(home, "tiktok_ads") if row["By Day"] != "-"),)]


READABLE = {
    "number": r"-?[0-9]+(\.[0-9]+)?",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z?",
    "boolean": "true|false",
}


def test_every_cell_is_read(lake: Lake):
    """A cell that cannot be read is left as found, so nothing here looks like one; and all know their currency."""
    database, _ = lake
    for entity, definition in ENTITIES.items():
        for column, kind in definition.columns.items():
            if kind in READABLE:
                query = (
                    f'select "{column}" from raw_exports.{entity} where not regexp_full_match("{column}", $1) limit 3'
                )
                assert database.execute(query, [READABLE[kind]]).fetchall() == [], (entity, column)
    for entity in ("orders", "refunds"):
        query = f"select distinct source_system, currency, timezone from raw_exports.{entity} order by all"
        found = {(system, currency): timezone for system, currency, timezone in database.execute(query).fetchall()}
        assert None not in {currency for _, currency in found}
        assert found["square_transactions", "USD"] == "America/New_York"
        assert found["loyverse_receipts", "CNY"] == "Asia/Shanghai"


def test_who_is_named_is_named_in_the_lake(home: Path, lake: Lake):
    """The keys and addresses that land are those of the truth, and a parcel's receiver is nobody's."""
    database, _ = lake
    told = database.execute(
        "select system, customer_key from raw_exports.orders where customer_key is not null"
        " union select system, customer_key from raw_exports.order_lines where customer_key is not null"
        " union select system, customer_key from raw_exports.customers"
    ).fetchall()
    assert set(told) == {(system, key) for system, kind, key in truth(home) if kind == "customer"}
    guests = database.execute(
        "select system, order_id from raw_exports.orders"
        " where customer_key is null and (phone is not null or email is not null)"
    ).fetchall()
    assert set(guests) == {(system, key) for system, kind, key in truth(home) if kind == "guest_order"}
