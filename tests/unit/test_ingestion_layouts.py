"""The shipped mappings on small made-up files in the layouts that shops and tills export."""
# ruff: noqa: E501 - headers and rows stand as they are exported

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.canonical import ENTITIES
from ingestion.mapping import load_mappings
from ingestion.source import BadDelivery
from tests.unit.exported import Read, read_file, workbook

TMALL = """订单编号,买家会员名,买家支付宝账号,支付交易号,买家应付货款,买家应付邮费,买家支付积分,总金额,返点积分,买家实际支付金额,\
买家实际支付积分,订单状态,买家留言,收货人姓名,收货地址 ,运送方式,联系电话 ,联系手机,订单创建时间,订单付款时间 ,宝贝标题 ,宝贝种类 ,物流单号 ,\
物流公司,订单备注,宝贝总数量,店铺Id,店铺名称,订单关闭原因,卖家服务费,买家服务费,发票抬头,是否手机订单,分阶段订单信息,定金排名,修改后的sku,\
修改后的收货地址,异常信息,天猫卡券抵扣,集分宝抵扣,是否是O2O交易,买家姓名,买家身份证号,买家手机号"""
TMALL_2026 = """订单编号,支付单号,买家应付货款,买家应付邮费,总金额,买家实付金额,订单状态,收货地址,运送方式,订单创建时间,商品标题,宝贝种类,\
物流单号,物流公司,备注标签,商家备注,宝贝总数量,开票信息,手机订单,商品属性SKU,发货时间"""
TMALL_ITEMS = "订单编号,标题,价格,购买数量,外部系统编号,商品属性,套餐信息,备注,订单状态,商家编码"
JD = """订单号,商品ID,商品名称,订购数量,支付方式,下单时间,京东价,订单金额,结算金额,余额支付,应付金额,订单状态,订单类型,下单帐号,客户姓名,\
客户地址,联系电话,订单备注,发票类型,发票抬头,发票内容,商家备注,商家备注等级,运费金额,付款确认时间,增值税发票,货号,订单完成时间,订单来源,订单渠道"""
SQUARE_ITEMS = """Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,Discounts,\
Net Sales,Tax,Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,Location,Dining Option,Customer ID,\
Customer Name,Customer Reference ID,Unit,Count,GTIN,Itemization Type,Commission,Employee,Fulfillment Note,Channel,\
Token,Card Brand,PAN Suffix"""
SQUARE = """Date,Time,Time Zone,Gross Sales,Discounts,Service Charges,Net Sales,Gift Card Sales,Tax,Tip,Partial Refunds,\
Total Collected,Source,Card,Card Entry Methods,Cash,Square Gift Card,Other Tender,Other Tender Type,Tender Note,Fees,\
Net Total,Transaction ID,Payment ID,Card Brand,PAN Suffix,Device Name,Staff Name,Staff ID,Details,Description,\
Event Type,Location,Dining Option,Customer ID,Customer Name,Customer Reference ID,Device Nickname,Third Party Fees,\
Deposit ID,Deposit Date,Deposit Details,Fee Percentage Rate,Fee Fixed Rate,Refund Reason,Discount Name,\
Transaction Status,Cash App,Order Reference ID,Fulfillment Note,Free Processing Applied,Channel,Unattributed Tips,\
Table Info,International Fee"""
LOYVERSE = """Date,Receipt number,Receipt type,Gross sales,Discounts,Net sales,Taxes,Total collected,Cost of goods,\
Gross profit,Payment type,Description,Dining option,POS,Store,Cashier name,Customer name,Customer contacts,Status"""
LOYVERSE_ITEMS = """Date,Receipt number,Receipt type,Category,SKU,Item,Variant,Modifiers applied,Quantity,Gross sales,\
Discounts,Net sales,Cost of goods,Gross profit,Taxes,Dining option,POS,Store,Cashier name,Customer name,\
Customer contacts,Comment,Status"""
SHOPIFY = """Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,\
Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,\
Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,\
Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,\
Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,Shipping Address1,\
Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,\
Note Attributes,Cancelled at,Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,\
Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,\
Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties"""
SHOPIFY_CUSTOMERS = """First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,Province,\
Province Code,Country,Country Code,Zip,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags,Note,Tax Exempt"""
SHOPIFY_CUSTOMERS_NEW = """Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,\
Default Address Address1,Default Address Address2,Default Address City,Default Address Province Code,\
Default Address Country Code,Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,\
Total Orders,Note,Tax Exempt,Tags"""

RECEIVER = {"收货人姓名": "王收货", "收货地址": "杭州 1 号", "联系电话": "0571-1", "联系手机": "'13900000000"}


def layout(header: str, *rows: dict[str, str]) -> str:
    """A CSV file with this header; each row names its filled cells."""
    names = header.split(",")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        unknown = set(row) - {name.strip() for name in names}
        assert not unknown, unknown
        writer.writerow([row.get(name.strip(), "") for name in names])
    return text.getvalue()


def read(tmp_path: Path, mapping: str, content: str | bytes, name: str = "a.csv") -> Read:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path, mapping)


def picked(row: dict[str, Any], names: str) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in names.split())


def test_tmall_orders_with_44_columns_in_gbk(tmp_path: Path) -> None:
    row = {
        "订单编号": '="3300000000000000001"', "买家会员名": "tb_nick", "买家支付宝账号": "buyer@example.com",
        "买家应付货款": "200.00", "买家应付邮费": "10.00", "总金额": "210.00", "买家实际支付金额": "190.00",
        "订单状态": "交易成功", "订单创建时间": "2026-08-01 10:00:00", "订单付款时间": "2026-08-01 10:01:00",
        "店铺Id": "1001", "买家姓名": "李买家", "买家手机号": "'13812345678", **RECEIVER,
    }  # fmt: skip
    unpaid = {"订单编号": '="3300000000000000002"', "订单状态": "等待买家付款", "订单创建时间": "2026-08-01 11:00:00"}
    phone = {**unpaid, "订单编号": '="3300000000000000003"', "买家支付宝账号": "138****5678"}
    content = layout(TMALL, row, unpaid, phone)
    for encoding in ("gbk", "utf-8"):
        found = read(tmp_path, "tmall_orders", content.encode(encoding))
        first, second, third = found.rows["orders"]
        assert picked(first, "system order_id ordered_at status gross_amount shipping_amount net_amount paid_at") == (
            "tmall_orders", "3300000000000000001", "2026-08-01T10:00:00", "交易成功", "200.00", "10.00", "190.00",
            "2026-08-01T10:01:00",
        )  # fmt: skip
        assert picked(first, "customer_key full_name phone email timezone currency store_id") == (
            "tb_nick", "李买家", "13812345678", "buyer@example.com", "Asia/Shanghai", "CNY", "1001",
        )  # fmt: skip
        assert picked(second, "order_id paid_at phone net_amount") == ("3300000000000000002", None, None, None)
        assert third["email"] is None
        extra = json.loads(first["_extra"])
        assert extra["收货人姓名"] == "王收货"
        assert extra["订单编号"] == '="3300000000000000001"'
        assert not {"王收货", "13900000000"} & {value for name, value in first.items() if name != "_extra"}


def test_tmall_orders_with_the_21_columns_of_2026(tmp_path: Path) -> None:
    row = {
        "订单编号": "3300000000000000001", "买家应付货款": "200.00", "买家应付邮费": "0.00", "买家实付金额": "200.00",
        "订单状态": "等待卖家发货", "订单创建时间": "2026-08-01 10:00:00", "收货地址": "杭*", "商品属性SKU": "红",
    }  # fmt: skip
    (order,) = read(tmp_path, "tmall_orders", layout(TMALL_2026, row)).rows["orders"]
    assert picked(order, "net_amount paid_at customer_key phone") == ("200.00", None, None, None)


def test_tmall_items_belong_to_tmall_orders_and_take_their_time_from_there(tmp_path: Path) -> None:
    row = {"订单编号": '="33"', "标题": "连衣裙", "价格": "99.00", "购买数量": "2", "订单状态": "交易成功"}
    found = read(
        tmp_path, "tmall_items", layout(TMALL_ITEMS, {**row, "商家编码": "SKU-1"}, {**row, "外部系统编号": "X-1"})
    )
    assert [
        picked(line, "source_system system order_id ordered_at sku quantity unit_price")
        for line in found.rows["order_lines"]
    ] == [
        ("tmall_items", "tmall_orders", "33", None, "SKU-1", "2", "99.00"),
        ("tmall_items", "tmall_orders", "33", None, "X-1", "2", "99.00"),
    ]


def test_jd_orders_speak_of_the_account_and_not_of_the_parcel(tmp_path: Path) -> None:
    row = {
        "订单号": "290000000001", "商品ID": "100001", "商品名称": "衬衫", "订购数量": "1", "支付方式": "在线支付",
        "下单时间": "2026-08-01 10:00:00", "京东价": "100.00", "订单金额": "100.00", "结算金额": "90.00", "应付金额": "80.00",
        "订单状态": "完成", "下单帐号": "jd_abc", "客户姓名": "王收货", "客户地址": "北京", "联系电话": "13900000000",
        "运费金额": "0.00", "付款确认时间": "2026-08-01 10:01:00", "订单渠道": "APP",
    }  # fmt: skip
    (line,) = read(tmp_path, "jd_orders", layout(JD, row).encode("gb18030")).rows["order_lines"]
    assert picked(line, "order_id sku quantity unit_price gross_amount order_net_amount customer_key full_name phone") == (
        "290000000001", "100001", "1", "100.00", "100.00", "90.00", "jd_abc", None, None,
    )  # fmt: skip
    assert picked(line, "channel payment_method paid_at") == ("APP", "在线支付", "2026-08-01T10:01:00")


@pytest.mark.parametrize(
    ("mapping", "header", "key"),
    [
        (
            "douyin_orders",
            "主订单编号,子订单编号,选购商品,商品数量,商家编码,商品单价,订单应付金额,订单提交时间,订单状态,收件人",
            None,
        ),
        (
            "youzan_orders",
            "订单号,商品名称,商品数量,商品编码,商品单价,商品实际成交金额,订单创建时间,订单状态,买家,收货人",
            "买家一",
        ),
    ],
)
def test_douyin_and_youzan_lines(tmp_path: Path, mapping: str, header: str, key: str | None) -> None:
    cells = {
        "主订单编号": "69", "订单号": "69", "子订单编号": "691", "选购商品": "帽子", "商品名称": "帽子", "商品数量": "1",
        "商家编码": "S1", "商品编码": "S1", "商品单价": "50.00", "订单应付金额": "45.00", "商品实际成交金额": "45.00",
        "订单提交时间": "2026-08-01 10:00:00", "订单创建时间": "2026-08-01 10:00:00", "订单状态": "已发货",
        "收件人": "王收货", "收货人": "王收货", "买家": "买家一",
    }  # fmt: skip
    row = {name: cells[name] for name in header.split(",")}
    (line,) = read(tmp_path, mapping, layout(header, row)).rows["order_lines"]
    assert picked(line, "order_id sku quantity unit_price net_amount ordered_at customer_key full_name") == (
        "69", "S1", "1", "50.00", "45.00", "2026-08-01T10:00:00", key, None,
    )  # fmt: skip


@pytest.mark.parametrize("lacking", [(), ("Card Brand", "PAN Suffix")], ids=["35 columns", "33 columns"])
def test_square_items(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    header = ",".join(name for name in SQUARE_ITEMS.split(",") if name not in lacking)
    sale = {
        "Date": "2026-07-31", "Time": "21:18:15", "Time Zone": "Eastern Time (US & Canada)", "Category": "Coffee",
        "Item": "Latte", "Qty": "2.0", "SKU": "L1", "Gross Sales": "$8.00", "Discounts": "-$0.80", "Net Sales": "$7.20",
        "Tax": "$0.61", "Transaction ID": "T1", "Event Type": "Payment", "Location": "Main", "Customer ID": "C1",
        "Customer Name": "Ada Example", "Channel": "Point of Sale",
    }  # fmt: skip
    refund = {**sale, "Qty": "-1.0", "Net Sales": "-$3.60", "Transaction ID": "T2", "Event Type": "Refund"}
    older = {**sale, "Date": "07/31/2026", "Transaction ID": "T3", "Time Zone": "Mars Time"}
    lines = read(tmp_path, "square_items", layout(header, sale, refund, older)).rows["order_lines"]
    wanted = "system order_id ordered_at timezone quantity discount_amount net_amount line_tax_amount original_order_id"
    assert [picked(line, wanted) for line in lines] == [
        ("square_transactions", "T1", "2026-07-31T21:18:15", "America/New_York", "2.0", "-0.80", "7.20", "0.61", None),
        (
            "square_transactions",
            "T2",
            "2026-07-31T21:18:15",
            "America/New_York",
            "-1.0",
            "-0.80",
            "-3.60",
            "0.61",
            None,
        ),
        ("square_transactions", "T3", "2026-07-31T21:18:15", "Mars Time", "2.0", "-0.80", "7.20", "0.61", None),
    ]


@pytest.mark.parametrize("day", ["11/15/2017", "2017-11-15"])
def test_square_transactions_in_both_styles_of_dates(tmp_path: Path, day: str) -> None:
    sale = {
        "Date": day, "Time": "21:18:15", "Time Zone": "Pacific Time (US & Canada)", "Gross Sales": "$2.00",
        "Discounts": "$0.00", "Net Sales": "$2.00", "Tax": "$0.16", "Total Collected": "$2.16", "Transaction ID": "T1",
        "Event Type": "Payment", "Transaction Status": "Complete", "Location": "Main", "Staff Name": "Bo",
    }  # fmt: skip
    refund = {**sale, "Transaction ID": "T2", "Event Type": "Refund", "Total Collected": "-$0.95"}
    other = {**sale, "Transaction ID": "T3", "Event Type": "Gift"}
    found = read(tmp_path, "square_transactions", layout(SQUARE, sale, refund, other))
    (order,), (paid_back,) = found.rows["orders"], found.rows["refunds"]
    assert picked(order, "order_id ordered_at timezone currency gross_amount net_amount status") == (
        "T1", "2017-11-15T21:18:15", "America/Los_Angeles", "USD", "2.00", "2.16", "Complete",
    )  # fmt: skip
    assert picked(paid_back, "refund_id refunded_at amount") == ("T2", "2017-11-15T21:18:15", "-0.95")
    assert [(line, reason) for line, _, reason in found.broken] == [
        (4, "the mapping has no entity for a row like this")
    ]


def test_loyverse_receipts_and_items(tmp_path: Path) -> None:
    sale = {
        "Date": "2026-08-01 15:04", "Receipt number": "1-1001", "Receipt type": "Sale", "Gross sales": "10.00",
        "Discounts": "1.00", "Net sales": "9.00", "Taxes": "0.90", "Store": "Main", "Customer name": "Ada Example",
        "Customer contacts": "ada12345678@example.com, +31 6 1234 5678", "Status": "Closed",
    }  # fmt: skip
    sold = {**sale, "Total collected": "9.90", "Payment type": "Cash"}
    back = {**sold, "Receipt number": "1-1002", "Receipt type": "Refund", "Total collected": "-9.90"}
    found = read(tmp_path, "loyverse_receipts", layout(LOYVERSE, sold, back))
    (order,), (refund,) = found.rows["orders"], found.rows["refunds"]
    assert picked(order, "order_id ordered_at net_amount tax_amount payment_method full_name email phone timezone") == (
        "1-1001", "2026-08-01T15:04:00", "9.90", "0.90", "Cash", "Ada Example", "ada12345678@example.com",
        "+31 6 1234 5678", None,
    )  # fmt: skip
    assert picked(refund, "refund_id order_id amount") == ("1-1002", None, "-9.90")

    item = {**sale, "SKU": "S1", "Item": "Hat", "Category": "Hats", "Quantity": "1"}
    content = layout(LOYVERSE_ITEMS, item, {**item, "Receipt number": "1-1002", "Quantity": "-1", "Net sales": "-9.00"})
    lines = read(tmp_path, "loyverse_items", content).rows["order_lines"]
    assert [picked(line, "system order_id quantity net_amount line_tax_amount") for line in lines] == [
        ("loyverse_receipts", "1-1001", "1", "9.00", "0.90"),
        ("loyverse_receipts", "1-1002", "-1", "-9.00", "0.90"),
    ]
    with pytest.raises(
        BadDelivery, match=r"lacks Total collected.*the columns of loyverse_items: move it to landing/loyv"
    ):
        read(tmp_path, "loyverse_receipts", content)


def test_shopify_orders_have_a_row_an_article_and_tell_of_the_order_once(tmp_path: Path) -> None:
    order = {
        "Name": "#1001", "Email": "ada@example.com", "Financial Status": "partially_refunded",
        "Paid at": "2025-10-07 09:50:30 +0200", "Accepts Marketing": "yes", "Currency": "EUR", "Subtotal": "30.00",
        "Shipping": "5.00", "Taxes": "5.59", "Total": "35.00", "Discount Amount": "0.00",
        "Created at": "2025-10-07 09:50:26 +0200", "Lineitem quantity": "1", "Lineitem name": "Hat",
        "Lineitem price": "10.00", "Lineitem sku": "H1", "Billing Name": "Ada Example", "Billing City": "Paris",
        "Billing Zip": "'75008", "Billing Country": "FR", "Billing Phone": "'+31612345678", "Shipping Name": "Bo Receiver",
        "Shipping Phone": "'+33600000000", "Refunded Amount": "10.00", "Id": "6000000000001", "Source": "web",
    }  # fmt: skip
    second = {
        "Name": "#1001", "Created at": "2025-10-07 09:50:26 +0200", "Lineitem quantity": "2", "Lineitem name": "Sock",
        "Lineitem price": "10.00", "Lineitem sku": "S1",
    }  # fmt: skip
    found = read(tmp_path, "shopify_orders_csv", layout(SHOPIFY, order, second))
    (header,), (refund,) = found.rows["orders"], found.rows["refunds"]
    assert picked(header, "order_id ordered_at status currency net_amount shipping_amount tax_amount paid_at") == (
        "#1001", "2025-10-07T07:50:26Z", "partially_refunded", "EUR", "35.00", "5.00", "5.59", "2025-10-07T07:50:30Z",
    )  # fmt: skip
    assert picked(header, "email phone full_name city postcode country consent_email") == (
        "ada@example.com", "+31612345678", "Ada Example", "Paris", "75008", "FR", "true",
    )  # fmt: skip
    assert [picked(line, "order_id sku quantity unit_price") for line in found.rows["order_lines"]] == [
        ("#1001", "H1", "1", "10.00"), ("#1001", "S1", "2", "10.00"),
    ]  # fmt: skip
    assert picked(refund, "order_id refunded_at amount currency") == ("#1001", "2025-10-07T07:50:30Z", "10.00", "EUR")
    assert not found.broken


def test_shopify_customers_in_both_forms(tmp_path: Path) -> None:
    old = {
        "First Name": "Ada", "Last Name": "Example", "Email": "ada@example.com", "Accepts Email Marketing": "yes",
        "Address1": "Rue 1", "City": "Paris", "Country Code": "FR", "Zip": "'75008", "Phone": "'+31612345678",
        "Accepts SMS Marketing": "no",
    }  # fmt: skip
    (row,) = read(tmp_path, "shopify_customers_csv", layout(SHOPIFY_CUSTOMERS, old)).rows["customers"]
    wanted = "customer_key given_name family_name email phone street city country postcode consent_email consent_sms"
    told = ("Ada", "Example", "ada@example.com", "+31612345678", "Rue 1", "Paris", "FR", "75008", "true", "false")
    assert picked(row, wanted) == ("ada@example.com", *told)
    new = {
        "Customer ID": "'7000000000001", "First Name": "Ada", "Last Name": "Example", "Email": "ada@example.com",
        "Accepts Email Marketing": "yes", "Default Address Address1": "Rue 1", "Default Address City": "Paris",
        "Default Address Country Code": "FR", "Default Address Zip": "'75008", "Phone": "'+31612345678",
        "Accepts SMS Marketing": "no",
    }  # fmt: skip
    (row,) = read(tmp_path, "shopify_customers_csv", layout(SHOPIFY_CUSTOMERS_NEW, new)).rows["customers"]
    assert picked(row, wanted) == ("7000000000001", *told)
    with pytest.raises(BadDelivery, match="columns of shopify_customers_csv"):
        read(tmp_path, "shopify_orders_csv", layout(SHOPIFY_CUSTOMERS_NEW, new))


def test_tiktok_ads_from_a_workbook(tmp_path: Path) -> None:
    content = workbook(
        [
            ["Campaign name", "By Day", "Cost", "Impressions", "Clicks (destination)", "Conversions", "Currency"],
            ["Sale", "2026-08-01", 10.1, 1000, 10, 1, "EUR"],
            ["Total of 1 results", "-", 10.1, 1000, 10, 1, "EUR"],
        ]
    )
    (row,) = read(tmp_path, "tiktok_ads", content, "report.xlsx").rows["ad_performance"]
    assert picked(row, "date campaign cost impressions clicks conversions currency") == (
        "2026-08-01", "Sale", "10.1", "1000", "10", "1", "EUR",
    )  # fmt: skip


def test_messages_as_csv_and_as_json_lines(tmp_path: Path) -> None:
    row = {
        "message_id": "m1", "occurred_at": "2026-08-01T10:00:00Z", "event": "delivered", "channel": "sms",
        "template": "WELCOME", "campaign": "August", "phone": "+8613812345678",
    }  # fmt: skip
    plain = read(tmp_path, "messages", layout(",".join(row), row)).rows["messages"]
    lines = json.dumps({**row, "cost": 0.05}) + "\n" + json.dumps({**row, "message_id": "m2"}) + "\n"
    found = read(tmp_path, "messages", lines, "log.jsonl").rows["messages"]
    assert [picked(one, " ".join(row)) for one in plain] == [tuple(row.values())]
    assert [picked(one, " ".join(row)) for one in found] == [tuple(row.values()), ("m2", *list(row.values())[1:])]
    assert json.loads(found[0]["_extra"]) == {"cost": 0.05}


@pytest.mark.parametrize("name", ["orders", "order_lines", "customers", "touchpoints", "messages"])
def test_generic_files_may_have_every_canonical_column(tmp_path: Path, name: str) -> None:
    cells = {"number": "2.50", "date": "2026-08-01", "time": "2026-08-01T10:00:00Z", "boolean": "true"}
    row = {column: cells.get(kind, f"a {column}") for column, kind in ENTITIES[name].columns.items()}
    (found,) = read(tmp_path, name, layout(",".join(row), row)).rows[name]
    assert {column: found[column] for column in row} == row
    assert found["system"] == ("orders" if name in ("order_lines", "customers") else name)


def test_no_mapping_takes_a_receiver_for_the_buyer() -> None:
    receiver = ("收货", "收件", "联系", "客户地址", "Shipping")
    persons = set(ENTITIES["customers"].columns) - {"created_at", "updated_at", "timezone"}
    for mapping in load_mappings([]).values():
        for rules in mapping.entities.values():
            for column, rule in rules.items():
                if column in persons:
                    assert not any(header.startswith(receiver) for header in rule.headers), (mapping.name, column)
