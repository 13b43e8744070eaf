"""Orders of Tmall, JD, Douyin and Youzan in the columns of their sellers' exports.

Belongs here: headers, statuses and the cells of one order at an instant. Does not belong here: which orders go into
which file (exports), what happens to an order (file_orders).

Name, phone and address on a parcel are its receiver's, who often is somebody else than the buyer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from ingestion.demo.catalog import CITY, allocate, money
from ingestion.demo.clock import DAY, SHANGHAI, day_of
from ingestion.demo.csv_text import Cells, as_formula, as_text, happened, wall_clock
from ingestion.demo.file_orders import FileOrder
from ingestion.demo.noise import national
from ingestion.demo.population import join_name

_CARRIERS = ("中通快递", "圆通速递", "顺丰速运", "韵达快递")
_SHOP = "欧姆官方旗舰店"

TMALL_ORDERS: Cells = [
    "订单编号", "买家会员名", "买家支付宝账号", "支付交易号", "买家应付货款", "买家应付邮费", "买家支付积分", "总金额",
    "返点积分", "买家实际支付金额", "买家实际支付积分", "订单状态", "买家留言", "收货人姓名", "收货地址 ", "运送方式",
    "联系电话 ", "联系手机", "订单创建时间", "订单付款时间 ", "宝贝标题 ", "宝贝种类 ", "物流单号 ", "物流公司",
    "订单备注", "宝贝总数量", "店铺Id", "店铺名称", "订单关闭原因", "卖家服务费", "买家服务费", "发票抬头",
    "是否手机订单", "分阶段订单信息", "定金排名", "修改后的sku", "修改后的收货地址", "异常信息", "天猫卡券抵扣",
    "集分宝抵扣", "是否是O2O交易", "买家姓名", "买家身份证号", "买家手机号",
]  # fmt: skip
TMALL_ITEMS: Cells = [
    "订单编号", "标题", "价格", "购买数量", "外部系统编号", "商品属性", "套餐信息", "备注", "订单状态", "商家编码",
]  # fmt: skip
_TMALL_STATUS = {
    "waiting": "等待买家付款",
    "paid": "等待卖家发货",
    "shipped": "等待买家确认",
    "finished": "交易成功",
    "closed": "交易关闭",
}
JD_ORDERS: Cells = [
    "订单号", "商品ID", "商品名称", "订购数量", "支付方式", "下单时间", "京东价", "订单金额", "结算金额", "余额支付",
    "应付金额", "订单状态", "订单类型", "下单帐号", "客户姓名", "客户地址", "联系电话", "订单备注", "发票类型",
    "发票抬头", "发票内容", "商家备注", "商家备注等级", "运费金额", "付款确认时间", "增值税发票", "货号",
    "订单完成时间", "订单来源", "订单渠道",
]  # fmt: skip
_JD_STATUS = {
    "waiting": "等待付款",
    "paid": "等待出库",
    "shipped": "等待确认收货",
    "finished": "完成",
    "closed": "(删除)等待付款",
}
DOUYIN_ORDERS: Cells = [
    "主订单编号", "子订单编号", "选购商品", "商品规格", "商品数量", "商品ID", "商家编码", "商品单价", "订单应付金额",
    "运费", "优惠总金额", "平台优惠", "商家优惠", "达人优惠", "支付方式", "手续费", "收件人", "收件人手机号", "省",
    "市", "区", "街道", "详细地址", "买家留言", "订单提交时间", "旗帜颜色", "商家备注", "订单完成时间",
    "支付完成时间", "APP渠道", "流量来源", "订单状态", "承诺发货时间", "订单类型", "取消原因", "售后状态",
]  # fmt: skip
_DOUYIN_STATUS = {
    "waiting": "待支付",
    "paid": "待发货",
    "shipped": "已发货",
    "finished": "已完成",
    "closed": "已关闭",
}
YOUZAN_ORDERS: Cells = [
    "订单号", "订单类型", "订单状态", "订单创建时间", "买家付款时间", "交易成功时间", "付款方式", "商品名称",
    "商品规格", "规格编码", "商品单价", "商品数量", "商品优惠合计", "商品实际成交金额", "运费", "订单实付金额",
    "买家昵称", "买家姓名", "买家手机号", "收货人/提货人", "收货人手机号/提货人手机号", "收货人省份", "收货人城市",
    "详细收货地址/提货地址", "买家备注", "归属店铺", "订单来源",
]  # fmt: skip
_YOUZAN_STATUS = {
    "waiting": "待付款",
    "paid": "待发货",
    "shipped": "已发货",
    "finished": "交易完成",
    "closed": "交易关闭",
}


def order_number(order: FileOrder) -> str:
    """The order's id at its marketplace."""
    if order.door.topic == "tmall":
        return str(2_910_000_000_000_000_000 + order.serial * 10_000_019)
    if order.door.topic == "jd":
        return str(291_000_000_000 + order.serial * 1_009)
    if order.door.topic == "douyin":
        return str(6_920_000_000_000_000_000 + order.serial * 10_000_103)
    return f"E{wall_clock(order.created, SHANGHAI, '%Y%m%d%H%M%S')}{order.serial:010d}"


def parcel(order: FileOrder) -> tuple[str, str, str]:
    """(name, address, phone) on the parcel."""
    person = order.receiver or order.person
    _, digits = national(person.phone(day_of(order.created)))
    name = join_name(person.country, person.family, person.given)
    return name, f"{CITY[person.country]} {CITY[person.country]}市 {person.street}", digits


def tmall_order(order: FileOrder, instant: int) -> Iterator[Cells]:
    """The order's only row."""
    state, die = order.state(instant), random.Random(order.code)
    paid, sent = happened(order.paid, instant), happened(order.shipped, instant)
    name, address, phone = parcel(order)
    reason = ("退款" if order.paid else die.choice(("订单超时关闭", "买家不想买了"))) if state == "closed" else ""
    yield [
        as_formula(order_number(order)), order.buyer.key or "", "", f"{die.getrandbits(90):028d}" if paid else "",
        money(order.goods, "CNY"), money(order.shipping, "CNY"), "0", money(order.total, "CNY"), "0",
        money(order.total, "CNY") if paid else "0.00", "0", _TMALL_STATUS[state], "", name, address, "快递",
        "", as_text(phone), wall_clock(order.created, SHANGHAI), wall_clock(paid, SHANGHAI),
        "，".join(line.variant.title for line in order.lines), str(len(order.lines)),
        f"No:{die.getrandbits(46):014d}" if sent else "", die.choice(_CARRIERS) if sent else "", "",
        str(sum(line.quantity for line in order.lines)), "118210", _SHOP, reason or "订单未关闭", "0", "0", "",
        "手机订单" if die.random() < 0.9 else "", "", "", "", "", "", "", "", "",
        order.buyer.name or "", "", as_text(order.buyer.phone),
    ]  # fmt: skip


def tmall_items(order: FileOrder, instant: int) -> Iterator[Cells]:
    """One row a line."""
    for line in order.lines:
        yield [
            as_formula(order_number(order)), line.variant.title, money(line.price, "CNY"), str(line.quantity),
            line.variant.sku, f"颜色:{line.variant.variant_title}", "", "", _TMALL_STATUS[order.state(instant)],
            line.variant.sku,
        ]  # fmt: skip


def jd_order(order: FileOrder, instant: int) -> Iterator[Cells]:
    """One row a line, the order's cells repeated."""
    state, name_address_phone = order.state(instant), parcel(order)
    done = happened(order.finished, instant)
    for line in order.lines:
        yield [
            order_number(order), str(line.variant.variant_id % 10**11), line.variant.title, str(line.quantity),
            order.method, wall_clock(order.created, SHANGHAI), money(line.price, "CNY"),
            money(sum(line.gross for line in order.lines), "CNY"), money(order.total, "CNY"), "0.00",
            money(order.total, "CNY"), _JD_STATUS[state] if state != "closed" or order.paid is None else "已取消",
            "一般订单", order.buyer.key or "", *name_address_phone, "", "不开发票", "", "", "", "",
            money(order.shipping, "CNY"), wall_clock(happened(order.paid, instant), SHANGHAI), "", line.variant.sku,
            wall_clock(done, SHANGHAI), "京东APP", "京东商城",
        ]  # fmt: skip


def douyin_order(order: FileOrder, instant: int) -> Iterator[Cells]:
    """One row a line with an id of its own; the receiver is masked, and the buyer is not named at all."""
    state, (name, _, phone) = order.state(instant), parcel(order)
    number, waybill = order_number(order), random.Random(order.code)
    shares = allocate(order.shipping, [line.net for line in order.lines])
    for at, line in enumerate(order.lines):
        yield [
            number, str(int(number) + at), line.variant.title, line.variant.variant_title, str(line.quantity),
            str(line.variant.product_id), line.variant.sku, money(line.price, "CNY"),
            money(line.net + shares[at], "CNY"), money(shares[at], "CNY"), money(line.discount, "CNY"), "0.00",
            money(line.discount, "CNY"), "0.00", "微信" if waybill.random() < 0.6 else "支付宝", "0.00",
            f"{name[0]}**", f"{phone[0]}*********{phone[-1]}", "上海市", "上海市", "", "", "****", "",
            wall_clock(order.created, SHANGHAI), "", "", wall_clock(happened(order.finished, instant), SHANGHAI),
            wall_clock(happened(order.paid, instant), SHANGHAI), "抖音", "直播", _DOUYIN_STATUS[state],
            wall_clock(order.created + 2 * DAY, SHANGHAI), "普通订单",
            "" if state != "closed" else "订单退款" if order.paid else "超时未支付",
            "退款成功" if state == "closed" and order.paid else "-",
        ]  # fmt: skip


def youzan_order(order: FileOrder, instant: int) -> Iterator[Cells]:
    """One row a line, the order's cells repeated, with the buyer's own number beside the receiver's."""
    state, (name, address, phone) = order.state(instant), parcel(order)
    paid, buyer = happened(order.paid, instant), order.buyer
    for line in order.lines:
        yield [
            order_number(order), "普通订单", _YOUZAN_STATUS[state], wall_clock(order.created, SHANGHAI),
            wall_clock(paid, SHANGHAI), wall_clock(happened(order.finished, instant), SHANGHAI),
            "微信支付" if paid is not None else "", line.variant.title, line.variant.variant_title, line.variant.sku,
            money(line.price, "CNY"), str(line.quantity), money(line.discount, "CNY"), money(line.net, "CNY"),
            money(order.shipping, "CNY"), money(order.total if paid is not None else 0, "CNY"), buyer.key or "",
            buyer.name or "", buyer.phone or "", name, phone, "上海市", "上海市", address, "", "欧姆小程序",
            "微信小程序",
        ]  # fmt: skip
