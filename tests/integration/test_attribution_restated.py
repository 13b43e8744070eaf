"""A night on which two customers turn out to be one and an old sale is given back: only what that touches is rewritten.

The company of this module has two nights; the tests look at what was published before and after the second.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.integration.conftest import Home

CONTENT = "order_id, is_fitted, model, * exclude (order_id, is_fitted, model, _loaded_at)"


class Restated(NamedTuple):
    """What was published before and after the night, and what was done in between."""

    home: Home
    rows: list[dict[tuple[str, bool], list[tuple[Any, ...]]]]
    written: list[dict[tuple[str, bool], datetime]]
    weights: list[dict[Any, list[tuple[Any, ...]]]]
    merged: tuple[str, str]
    given_back: str


@pytest.fixture(scope="module")
def restated(make_home: Callable[..., Home]) -> Restated:
    home = make_home("crediting", DEMO_PERSONS="120", DEMO_SEED="5")
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    before = published(home)
    merged, given_back = merge_two(home), give_back(home)
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return Restated(home, *zip(before, published(home), strict=True), merged, given_back)


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
    return f"{datetime.fromisoformat(home.record()['as_of']) + timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}"


def give_back(home: Home) -> str:
    """A sale of the tills that touches led to comes back the day after the last night, whole; its order."""
    ((order, receipt),) = home.query(
        "select order_id, source_order_id from marts.orders inner join marts.attribution using (order_id)"
        " where source_system = 'pos' and path_length > 0 and refund_amount = 0 and net_amount > 0 and is_valid"
        " order by orders.ordered_at, order_id limit 1"
    )
    at = next_day(home)
    with closing(sqlite3.connect(home.path / "demo" / "pos.sqlite")) as tills, tills:
        tills.row_factory = sqlite3.Row
        changed = {
            "receipt_id": f"{receipt}-back", "receipt_no": "9/999", "kind": "return", "original_receipt_id": receipt,
            "sold_at": at, "updated_at": at,
        }  # fmt: skip
        for table in ("receipts", "receipt_lines"):
            for row in tills.execute(f"select * from {table} where receipt_id = ?", (receipt,)).fetchall():
                copied = {name: changed.get(name, row[name]) for name in row.keys()}  # noqa: SIM118
                tills.execute(
                    f"insert into {table} ({', '.join(copied)}) values ({', '.join('?' * len(copied))})",
                    [*copied.values()],
                )
    return order


def test_the_two_are_one_and_the_sale_earned_nothing(restated: Restated):
    before, after = ({str(row) for rows in found.values() for row in rows} for found in restated.rows)
    credited = [[any(side in row for row in rows) for side in restated.merged] for rows in (before, after)]
    assert (credited[0], sum(credited[1])) == ([True, True], 1)
    worth = restated.home.query(
        "select model, sum(credit), sum(revenue_reporting) from marts.attribution where order_id = $1 group by model",
        [restated.given_back],
    )
    assert len(worth) == 8
    assert {row[1:] for row in worth} == {(Decimal(1), Decimal(0))}


def test_what_the_plain_models_said_of_others_is_not_written_again(restated: Restated):
    """Rows are written anew exactly where they say something else."""
    (before, after), (was, now) = restated.rows, restated.written
    plain = [key for key in before.keys() & after.keys() if not key[1]]
    rewritten = {key for key in plain if was[key] != now[key]}
    assert rewritten == {key for key in plain if before[key] != after[key]}
    assert (restated.given_back, False) in rewritten
    assert len(rewritten) < len(plain) / 5


def test_what_the_fitted_models_said_of_other_months_is_not_written_again(restated: Restated):
    (before, after), (was, now), (earlier, later) = restated.rows, restated.written, restated.weights
    fitted = [key for key in before.keys() & after.keys() if key[1]]
    moved = {month for month in earlier.keys() | later.keys() if earlier.get(month) != later.get(month)}
    month_of = dict(restated.home.query("select order_id, month from marts.attribution"))
    rewritten = {key for key in fitted if was[key] != now[key]}
    changed = {key for key in fitted if before[key] != after[key]}
    assert changed <= rewritten
    assert {month_of[order] for order, _ in rewritten - changed} <= moved
    still = [key for key in fitted if month_of[key[0]] not in moved]
    assert still
    assert {key for key in still if key in rewritten} == {key for key in still if key in changed}
