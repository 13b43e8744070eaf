"""A company of two nights; on the second two customers are one, a sale comes back, one arrives late, a rate is another.

Here: what happens between the nights, and what was published before and after. Not here: what follows from it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from tests.integration.conftest import Home

AS_TILLS = "%Y-%m-%dT%H:%M:%SZ"
CONTENT = "order_id, is_fitted, model, * exclude (order_id, is_fitted, model, _loaded_at)"


class Restated(NamedTuple):
    """What was published before and after the night, and what was done in between."""

    home: Home
    rows: list[dict[tuple[str, bool], list[tuple[Any, ...]]]]
    written: list[dict[tuple[str, bool], datetime]]
    weights: list[dict[Any, list[tuple[Any, ...]]]]
    merged: tuple[str, str]
    given_back: str
    late: str
    returned: str
    revalued: str


def two_nights(home: Home) -> Restated:
    """Both nights of a new home, and what was done in between."""
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    before = published(home)
    merged, given_back = merge_two(home), give_back(home)
    late = sell_late(home, {*merged})
    returned = return_late(home, {*merged, late})
    revalued = revalue(home, {*merged, late, returned})
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return Restated(home, *zip(before, published(home), strict=True), merged, given_back, late, returned, revalued)


def published(home: Home) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]:
    """Rows and time of writing by order and kind of model; the weights of each month."""
    rows: dict[Any, list[Any]] = {}
    for row in home.query(f"select {CONTENT} from marts.attribution order by all"):
        rows.setdefault(row[:2], []).append(row)
    stamps = home.query("select distinct order_id, is_fitted, _loaded_at from marts.attribution")
    weights: dict[Any, list[Any]] = {}
    for month, *weight in home.query(
        "select month, model, channel, weight from marts.attribution_channel_weights order by all"
    ):
        weights.setdefault(month, []).append(weight)
    written = {(order, is_fitted): at for order, is_fitted, at in stamps}
    assert len(written) == len(stamps), "an order's rows are written together"
    return rows, written, weights


def merge_two(home: Home) -> tuple[str, str]:
    """A member of the tills turns out to be a customer of the web shop, by the mailbox; the ids of both."""
    credited = (
        "select distinct source_record_id, customer_id from marts.customer_identities"
        " inner join marts.attribution using (customer_id)"
        " where source_system = $1 and record_type = $2 and path_length > 1 and not attribution.is_fitted order by 1"
    )
    members = {customer: member for member, customer in home.query(credited, ["pos", "member"])}
    accounts = {customer: account for account, customer in home.query(credited, ["shopify", "customer"])}
    left, member = next(iter(members.items()))
    right, account = next((customer, account) for customer, account in accounts.items() if customer not in members)
    demo = home.path / "demo"
    with closing(sqlite3.connect(demo / "systems.sqlite")) as systems:
        ((body,),) = systems.execute("select body from customers where id = ?", [int(account)]).fetchall()
    with closing(sqlite3.connect(demo / "pos.sqlite")) as tills, tills:
        # Without a name nothing on the card speaks against either of the two.
        tills.execute(
            "update members set full_name = null, email = ?, phone = null, birth_date = null, updated_at = ?"
            " where member_no = ?",
            [json.loads(body)["email"], next_day(home), member],
        )
    return left, right


def next_day(home: Home) -> str:
    """A moment between the last night and the next, as the tills write it."""
    return f"{datetime.fromisoformat(home.record()['as_of']) + timedelta(hours=8):{AS_TILLS}}"


def give_back(home: Home) -> str:
    """A sale of the tills that touches led to comes back the day after the last night, whole; its order."""
    ((order, receipt),) = home.query(
        "select order_id, source_order_id from marts.orders inner join marts.attribution using (order_id)"
        " where source_system = 'pos' and path_length > 0 and refund_amount = 0 and net_amount > 0 and is_valid"
        " order by orders.ordered_at, order_id limit 1"
    )
    changed = {"kind": "return", "original_receipt_id": receipt, "sold_at": next_day(home)}
    write_again(home, receipt, f"{receipt}-back", changed)
    return order


def sell_late(home: Home, others: set[str]) -> str:
    """A sale of the tills of months ago is told of only now; its customer, none of the others."""
    receipt, _, customer = sale_of_somebody(home, others)
    write_again(home, receipt, f"{receipt}-late", {})
    return customer


def return_late(home: Home, others: set[str]) -> str:
    """A sale came back whole before the last night, and the tills tell it only now; its customer."""
    receipt, sold_at, customer = sale_of_somebody(home, others)
    changed = {"kind": "return", "original_receipt_id": receipt, "sold_at": f"{sold_at + timedelta(days=3):{AS_TILLS}}"}
    write_again(home, receipt, f"{receipt}-back-late", changed)
    return customer


def sale_of_somebody(home: Home, others: set[str]) -> tuple[str, datetime, str]:
    """A receipt of the last half-year, when it was, and its customer, who has more orders and is none of these."""
    found = home.query(
        "select source_order_id, ordered_at, customer_id"
        " from marts.orders inner join marts.customers using (customer_id)"
        " where source_system = 'pos' and is_valid and not is_anonymous and not list_contains($1, customer_id)"
        " and refund_amount = 0 and net_amount > 0 and reporting_date > $2 and orders_count > 1"
        " order by ordered_at, order_id limit 1",
        [[*others], as_of(home) - timedelta(days=180)],
    )
    return found[0]


def revalue(home: Home, others: set[str]) -> str:
    """The bank corrects the rate of a day on which somebody, none of the others, paid in yen; that customer."""
    ((day, rate, customer),) = home.query(
        "select order_date, fx_rate, customer_id from marts.orders inner join marts.customers using (customer_id)"
        " where currency = 'JPY' and is_valid and not is_anonymous and not list_contains($1, customer_id)"
        " and source_system = 'pos' and net_amount > 0 and reporting_date > $2 order by ordered_at, order_id limit 1",
        [[*others], as_of(home) - timedelta(days=180)],
    )
    corrected = home.path / "demo" / "landing" / "fx_rates" / "corrected.csv"
    corrected.write_text(f"date,base_currency,quote_currency,rate\n{day},JPY,CNY,{rate * Decimal('1.5'):.6f}\n")
    return customer


def write_again(home: Home, receipt: str, name: str, changed: dict[str, str]) -> None:
    """The tills have a receipt once more under another name, written down the day after the last night."""
    changed = {"receipt_id": name, "receipt_no": name, "updated_at": next_day(home), **changed}
    with closing(sqlite3.connect(home.path / "demo" / "pos.sqlite")) as tills, tills:
        tills.row_factory = sqlite3.Row
        for table in ("receipts", "receipt_lines"):
            for row in tills.execute(f"select * from {table} where receipt_id = ?", (receipt,)).fetchall():
                copied = {name: changed.get(name, row[name]) for name in row.keys()}  # noqa: SIM118
                tills.execute(
                    f"insert into {table} ({', '.join(copied)}) values ({', '.join('?' * len(copied))})",
                    [*copied.values()],
                )


def as_of(home: Home) -> date:
    """The last day of the newest publication."""
    ((day,),) = home.query("select max(as_of_date) from marts.customer_rfm")
    return day
