"""A small company tells advertising platforms what their clicks led to, and writes to people: whatever happens, once.

The tests share one home and run in the order written.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.integration.conftest import PROJECT, Home, differences

KEY = "platform, action, order_id"
OVERRIDES = "decided_at,action,record_key,other_record_key,type,value_hash,decided_by,reason\n"


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Home]) -> Home:
    company = make_home("advertiser", DEMO_PERSONS="80", DEMO_SEED="5")
    night(company)
    return company


def night(home: Home, *arguments: str, **settings: str) -> None:
    outcome = home.run(*arguments, **settings)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def again(home: Home) -> None:
    night(home, NIGHTS="0")


def folder(home: Home) -> Path:
    return home.path / "published" / "restricted" / "exports"


def orders_in_files(home: Home) -> Counter[tuple[str, str]]:
    """Platform and order of each row of the current publication's files."""
    found: Counter[tuple[str, str]] = Counter()
    for file in folder(home).iterdir() if folder(home).exists() else ():
        with file.open(newline="") as handle:
            lines = [line for line in csv.reader(handle) if not line[0].startswith("Parameters:")]
        place = next(place for place, name in enumerate(lines[0]) if name.lower().replace(" ", "_") == "order_id")
        platform = next(name for name in ("google_ads", "meta_ads", "oceanengine") if file.name.startswith(name))
        found.update((platform, line[place]) for line in lines[1:])
    return found


def told(home: Home) -> list[tuple[Any, ...]]:
    return home.query(f"select {KEY}, kind, value, night, exported_at from marts.exported_conversions order by all")


def tonight(home: Home) -> list[tuple[Any, ...]]:
    """What the newest publication told."""
    newest = json.loads((home.path / "published" / "current" / "manifest.json").read_text())["night"]
    return home.query(f"select {KEY}, kind from marts.exported_conversions where night = $1", [newest])


def decided(home: Home) -> dict[str, int]:
    """Rows decided by each run."""
    files = (home.path / "lake" / "_decisions" / "conversions").glob("*.parquet")
    return {file.stem: pq.read_metadata(file).num_rows for file in files}


def restricted(home: Home, sql: str) -> list[tuple[Any, ...]]:
    file = home.path / "published" / "restricted" / "omnihouse_restricted.duckdb"
    with duckdb.connect(str(file), read_only=True) as reader:
        return reader.execute(sql).fetchall()


def drop_last_publication(home: Home) -> None:
    """As a process leaves it that dies between the rename and the list of publications."""
    file = home.path / "lake" / "_decisions" / "publications.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


def give_back_at_the_till(home: Home, receipt_id: str, amount: Decimal) -> None:
    """After the first night somebody is given back so much of a receipt, on its first line."""
    at = {"receipt_id": f"{receipt_id}B", "updated_at": "2026-06-30T20:00:00Z"}
    with closing(sqlite3.connect(home.path / "demo" / "pos.sqlite")) as till, till:
        till.row_factory = sqlite3.Row
        for table, changed in {
            "receipts": {
                "receipt_no": f"{receipt_id}B", "kind": "return", "sold_at": at["updated_at"],
                "total_amount": str(amount), "rounding_amount": "0", "original_receipt_id": receipt_id,
            },
            "receipt_lines": {"quantity": "1", "unit_price": str(amount), "discount_amount": "0", "tax_amount": "0"},
        }.items():  # fmt: skip
            sold = till.execute(f"select * from {table} where receipt_id = ? limit 1", (receipt_id,)).fetchone()
            row = {**dict(sold), **at, **changed}
            marks = ", ".join("?" for _ in row)
            till.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))


def assert_each_once_and_true(home: Home) -> None:
    assert (
        home.query(
            f"select {KEY} from marts.exported_conversions where kind = 'conversion' group by all having count(*) > 1"
        )
        == []
    )
    assert (
        home.query(
            f"with latest as (select {KEY}, arg_max(kind, night) as kind, arg_max(value, night) as value"
            "    from marts.exported_conversions group by all)"
            " select order_id, value, net_amount from latest join marts.orders using (order_id)"
            " cross join (select max(exported_at) as as_of from marts.exported_conversions)"
            " where platform = 'google_ads' and kind <> 'retraction' and ordered_at > as_of - interval 53 days"
            " and ordered_at < as_of - interval 1 day and value <> case when is_valid then net_amount else 0 end"
        )
        == []
    )


def messages(home: Home) -> Counter[tuple[str, str]]:
    """Message and hash of the contact point, of every publication's audiences."""
    found: Counter[tuple[str, str]] = Counter()
    for file in (home.path / "lake" / "_decisions" / "audience_messages").glob("*.parquet"):
        found.update((row["message_key"], row["contact_hash"]) for row in pq.read_table(file).to_pylist())
    return found


def assert_nobody_is_written_to_twice(home: Home) -> None:
    """Nor without consent, nor while they are held out; and the files hold what the publication says."""
    assert set(messages(home).values()) == {1}
    lists = home.path / "published" / "restricted" / "audiences"
    lines = {file.stem: file.read_text().count("\n") - 1 for file in lists.glob("*.csv")}
    exports = "from restricted.audience_exports"
    assert lines == dict(restricted(home, f"select audience, count(*) {exports} group by audience"))
    named = set(restricted(home, f"select audience, customer_id {exports}"))
    assert named <= set(home.query("select audience, customer_id from marts.audience_members where arm = 'contacted'"))
    consenting = {name for (name,) in home.query("select customer_id from marts.customers where marketing_consent")}
    assert {customer for _, customer in named} <= consenting


def test_the_first_night_writes_to_people_and_says_whom_it_left_out(home: Home):
    assert len(messages(home)) > 10
    assert_nobody_is_written_to_twice(home)
    lists = home.path / "published" / "restricted" / "audiences"
    assert stat.S_IMODE(lists.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in lists.iterdir()} == {0o400}
    told = home.query("select * from marts.audiences")
    assert len(told) == 8
    assert home.query("select count(*) from marts.audiences where status <> 'due' or error is not null") == [(0,)]
    arms = dict(home.query("select arm, count(*) from marts.audience_members group by arm"))
    assert arms["contacted"] > arms["held_out"] > 0
    # No address is where everybody may read.
    names = {
        cell for line in lists.glob("*.csv") for cell in line.read_text().replace("\n", ",").split(",") if "@" in cell
    }
    assert names
    shown = repr([home.tables(), [pq.read_table(file).to_pylist() for file in
                  (home.path / "lake" / "_decisions").glob("audience_*/*.parquet")]])  # fmt: skip
    assert not [name for name in names if name in shown]


def test_the_first_night_writes_what_it_decides(home: Home):
    rows = tonight(home)
    assert len(rows) > 10
    assert {row[3] for row in rows} == {"conversion"}
    assert orders_in_files(home) == Counter((row[0], row[2]) for row in rows)
    assert list(decided(home).values()) == [len(rows)]
    assert stat.S_IMODE(folder(home).stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder(home).iterdir()} == {0o400}
    # A sale at the till is told like one of the shop.
    assert {channel for (channel,) in home.query(
        "select distinct channel from marts.orders where order_id in (select order_id from marts.exported_conversions)"
    )} >= {"store", "online_store"}  # fmt: skip


def test_only_people_who_consented_are_in_the_files(home: Home):
    uploads = restricted(home, "select customer_id, coalesce(click_id, hashed_email, hashed_phone)"
                               " from restricted.conversion_uploads")  # fmt: skip
    assert all(identifier for _, identifier in uploads)
    consenting = {name for (name,) in home.query("select customer_id from marts.customers where marketing_consent")}
    assert {customer for customer, _ in uploads} <= consenting
    names = home.query("select column_name from duckdb_columns() where table_name = 'exported_conversions'")
    assert not {"click_id", "hashed_email", "hashed_phone", "customer_id"} & {name for (name,) in names}
    file = pq.read_schema(next((home.path / "lake" / "_decisions" / "conversions").iterdir()))
    assert not {"click_id", "hashed_email", "hashed_phone", "customer_id"} & set(file.names)


def test_a_night_killed_before_it_publishes_tells_nobody(home: Home):
    """Two customers are made one, and there is a new action: the next test sees what of it is told."""
    merge = home.query(
        "select left_record, right_record from marts.identity_review_queue where right_record is not null"
        " and left_customer_id <> right_customer_id order by customer_value desc, left_record, right_record limit 1"
    )
    assert merge
    (home.path / "rules" / "identity_overrides.csv").write_text(
        f"{OVERRIDES}2026-07-02,must-link,{merge[0][0]},{merge[0][1]},,,ann,asked them\n"
    )
    shipped = (PROJECT / "seeds" / "conversion_exports.csv").read_text()
    own = home.path / "rules" / "conversion_exports.csv"
    own.write_text(shipped + "google_ads,Store sale,90,90,63,54,without_click,store,\n")
    before, shown, sent = decided(home), told(home), messages(home)
    home.run_killed_at("gate (marts)", NIGHTS="0")
    assert decided(home) == before
    assert messages(home) == sent
    assert told(home) == shown


def test_a_merge_tells_nothing_anew_and_a_new_action_its_own(home: Home):
    before = set(told(home))
    again(home)
    assert home.query("select count(*) from marts.identity_events where event = 'merged'") != [(0,)]
    rows = tonight(home)
    assert not {row[:3] for row in rows} & {row[:3] for row in before}
    assert {row[3] for row in rows} == {"conversion"}
    assert ("google_ads", "Store sale") in {row[:2] for row in rows}
    assert before < set(told(home))
    assert_nobody_is_written_to_twice(home)
    assert sorted(orders_in_files(home)) == sorted((row[0], row[2]) for row in rows)


def test_a_crash_after_the_rename_leaves_the_release_as_the_record(home: Home):
    """The night after it brings returns at the till: adjustments alone, for what was told before the crash is told."""
    before = told(home)
    sales = home.query(
        "select order_id, source_order_id, due_amount from marts.orders"
        " where source_system = 'pos' and net_amount = due_amount and due_amount > 10 and order_id in"
        "     (select order_id from marts.exported_conversions where action = 'Store sale'"
        "         and converted_at > exported_at - interval 50 days)"
        " order by order_id"
    )
    partly, wholly = sales[0], sales[-1]
    assert partly != wholly
    give_back_at_the_till(home, partly[1], Decimal(10))
    give_back_at_the_till(home, wholly[1], wholly[2])
    drop_last_publication(home)
    night(home)
    assert set(before) <= set(told(home))
    assert_nobody_is_written_to_twice(home)
    later = tonight(home)
    assert not {row[:3] for row in before} & {row[:3] for row in later if row[3] == "conversion"}
    assert orders_in_files(home) == Counter((row[0], row[2]) for row in later)
    assert_each_once_and_true(home)
    # What came back at the till is put right at each of the two platforms that take it as long after.
    for order, kind in ((partly[0], "restatement"), (wholly[0], "retraction")):
        actions = {("google_ads", "Purchase"), ("google_ads", "Store sale"), ("meta_ads", "Purchase")}
        assert {row[:2] for row in later if row[2:] == (order, kind)} - {("oceanengine", "active_pay")} == actions
    assert home.query(
        "select distinct value, net_amount from marts.exported_conversions join marts.orders using (order_id)"
        " where kind = 'restatement' and order_id = $1",
        [partly[0]],
    ) == [(partly[2] - 10, partly[2] - 10)]


def test_a_rollback_takes_nothing_back(home: Home):
    before = told(home)
    sent = messages(home)
    night(home, "rollback")
    assert set(told(home)) <= set(before)
    night(home)
    assert sent.keys() <= messages(home).keys()
    assert_nobody_is_written_to_twice(home)
    assert set(before) <= set(told(home))
    assert not {row[:3] for row in before} & {row[:3] for row in tonight(home) if row[3] == "conversion"}
    assert_each_once_and_true(home)


def test_a_rebuild_tells_nothing(home: Home):
    shown = home.tables()
    night(home, "rebuild")
    assert tonight(home) == []
    assert not folder(home).exists()
    assert not (home.path / "published" / "restricted" / "audiences").exists()
    assert_nobody_is_written_to_twice(home)
    assert restricted(home, "select * from restricted.conversion_uploads") == []
    assert differences(shown, home.tables()) == {}
    outcome = home.run("verify")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
