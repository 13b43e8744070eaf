"""Loads and marts held against their suites with Great Expectations on DuckDB, and the Data Docs of it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy

import expectations
from expectations import Result, dialect

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
ORDER = {
    "id": "cast(5000000 + i as varchar)",
    "created_at": "'2026-02-27T09:00:00+08:00'",
    "updated_at": "'2026-02-28T09:00:00+08:00'",
    "processed_at": "'2026-02-27T09:00:00+08:00'",
    "cancelled_at": "null",
    "currency": "'CNY'",
    "total_price": "'12.50'",
    "subtotal_price": "'12.50'",
    "total_tax": "'0.00'",
    "total_discounts": "'0.00'",
    "line_items": """'[{"id":1,"price":"12.50"}]'""",
    "refunds": "'[]'",
    "financial_status": "'paid'",
    "email": "'someone' || i || '@example.com'",
}

WriteOrders = Callable[..., Path]


@pytest.fixture
def write_orders(tmp_path: Path) -> WriteOrders:
    """Write a load of orders; a changed column is given as SQL over the row number `i`, None takes it away."""

    def write(rows: int = 200, **changes: str | None) -> Path:
        columns = {name: sql for name, sql in {**ORDER, **changes}.items() if sql is not None}
        listed = ", ".join(f'cast({sql} as varchar) as "{name}"' for name, sql in columns.items())
        path = tmp_path / f"orders-{len(list(tmp_path.iterdir()))}.parquet"
        duckdb.connect().execute(f"copy (select {listed}, i as _row_number from range(1, {rows} + 1) t(i)) to '{path}'")
        return path

    return write


def check_orders(*paths: Path, rows: int | None = 200, as_of: datetime = AS_OF) -> list[Result]:
    parameters: dict[str, Any] = {"as_of": as_of, "rows": {} if rows is None else {"orders": rows}}
    return expectations.check_load({"orders": list(paths)}, "raw_shopify", parameters, load_id="L1")


def failures(results: list[Result]) -> set[tuple[str, str | None]]:
    return {(found.expectation, found.column) for found in results if not found.success}


def test_shipped_suites_name_classes_and_arguments_that_exist() -> None:
    expectations.verify_suites()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("expect: ExpectNothing, kwargs: {}", "ExpectNothing"),
        ("expect: ExpectTableRowCountToEqual, kwargs: {vale: 1}", "vale"),
    ],
)
def test_an_unknown_class_or_argument_is_refused_with_its_place(tmp_path: Path, entry: str, said: str) -> None:
    (tmp_path / "raw_x.yml").write_text(
        f"schema: raw_x\ntables: {{t: {{expectations: [{{{entry}, severity: block, why: Because.}}]}}}}\n"
    )
    with pytest.raises(expectations.SuiteError, match=said) as refusal:
        expectations.verify_suites(tmp_path)
    assert "raw_x.yml, table t, entry 1" in str(refusal.value)


def test_a_good_load_passes_whatever_its_size(write_orders: WriteOrders) -> None:
    for rows in (200, 1):
        results = check_orders(write_orders(rows), rows=rows)
        assert failures(results) == set()
        assert len(results) > 20
    assert failures(check_orders(write_orders(120), write_orders(80), rows=200)) == set()


def test_a_handful_of_bad_rows_is_left_to_staging(write_orders: WriteOrders) -> None:
    load = write_orders(total_price="case when i <= 5 then 'free' else '12.50' end", id="case when i > 3 then i end")
    assert expectations.refused(check_orders(load)) == []


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"id": "'gid://shopify/Order/' || i"}, ("expect_column_values_to_fully_match", "id")),
        ({"total_price": """'{"amount":"12.50"}'"""}, ("expect_column_values_to_parse_as", "total_price")),
        ({"created_at": "'1772150400'"}, ("expect_column_values_to_parse_as", "created_at")),
        ({"line_items": "'none'"}, ("expect_column_values_to_parse_as", "line_items")),
        ({"currency": "'¥'"}, ("expect_column_values_to_fully_match", "currency")),
        ({"email": "'13900000000'"}, ("expect_column_values_to_satisfy", "email")),
        ({"total_price": None}, ("expect_columns_to_hold_values", None)),
        ({"total_price": None}, ("expect_column_values_to_not_be_null", "total_price")),
        ({"updated_at": "'2026-04-01T00:00:00Z'"}, ("expect_column_times_not_after", "updated_at")),
    ],
)
def test_a_wrong_kind_of_load_is_refused(
    write_orders: WriteOrders, changes: dict[str, str | None], failing: tuple[str, str | None]
) -> None:
    results = check_orders(write_orders(**changes))
    assert failing in failures(results)
    (said,) = expectations.refused(results)
    assert "raw_shopify.orders: the load L1 is refused" in said


def test_results_hold_no_value_of_a_row(write_orders: WriteOrders) -> None:
    results = check_orders(write_orders(id="'jane.roe' || i || '@example.com'", email="'13900000000'"))
    said = json.dumps([found.as_dict() for found in results]) + " ".join(expectations.refused(results))
    assert "jane.roe" not in said
    assert "1390000" not in said
    (by_id,) = [found for found in results if found.expectation.endswith("fully_match") and found.column == "id"]
    assert by_id.unexpected_count == by_id.element_count == 200
    assert by_id.failing_rows[:2] == ("_row_number 1", "_row_number 2")


def test_an_empty_load_passes_only_where_nothing_was_landed(write_orders: WriteOrders) -> None:
    empty = write_orders(0)
    assert all(not found.success for found in check_orders(empty, rows=200))
    assert expectations.refused(check_orders(empty, rows=None))
    assert failures(check_orders(empty, rows=0)) == set()
    assert failures(check_orders(rows=0)) == set()


def test_rows_that_are_not_in_the_files_refuse_the_load(write_orders: WriteOrders, tmp_path: Path) -> None:
    assert failures(check_orders(write_orders(199))) == {("expect_table_row_count_to_equal", None)}
    assert failures(check_orders()) == {("table_can_be_read", None)}
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(write_orders().read_bytes()[:-100])
    (only,) = check_orders(torn)
    assert not only.success
    assert only.error


def test_a_table_without_expectations_still_has_its_rows_counted(write_orders: WriteOrders) -> None:
    for rows, passes in ((200, True), (201, False)):
        (only,) = expectations.check_load(
            {"gift_cards": [write_orders()]}, "raw_shopify", {"as_of": AS_OF, "rows": {"gift_cards": rows}}
        )
        assert only.success is passes


LATER = "'2026-02-28T01:00:00Z'"
GOOD: dict[str, dict[str, dict[str, str]]] = {
    "raw_shopify": {
        "orders": ORDER,
        "customers": {
            "id": "i", "created_at": LATER, "updated_at": LATER, "email": "i || '@x.cn'", "phone": "13900000000 + i",
        },
        "products": {"id": "i", "title": "'Tea'", "variants": "'[{}]'", "updated_at": LATER},
        "locations": {"id": "i", "name": "'Dock'", "created_at": LATER, "updated_at": LATER},
        "inventory_levels": {
            "inventory_item_id": "i", "location_id": "7", "available": "i - 3", "updated_at": LATER,
        },
        "checkouts": {"id": "i", "created_at": LATER, "updated_at": LATER, "completed_at": "null"},
        "events": {
            "id": "i", "subject_id": "i", "subject_type": "'Product'", "verb": "'destroy'", "created_at": LATER,
        },
        "transactions": {
            "id": "i", "order_id": "i", "kind": "'sale'", "status": "'success'", "amount": "'1.50'",
            "processed_at": LATER, "created_at": LATER,
        },
    },
    "raw_zendesk": {
        "tickets": {
            "id": "i", "requester_id": "7", "status": "'open'", "created_at": LATER, "updated_at": LATER,
        },
        "ticket_metrics": {
            "id": "i", "ticket_id": "i", "created_at": LATER, "updated_at": LATER, "solved_at": "null",
            "reply_time_in_minutes": """'{"calendar":5,"business":null}'""",
        },
        "users": {
            "id": "i", "role": "'end-user'", "created_at": LATER, "updated_at": LATER, "email": "null",
        },
        "satisfaction_ratings": {
            "id": "i", "ticket_id": "i", "score": "'good'", "created_at": LATER, "updated_at": LATER,
        },
        "organizations": {"id": "i", "name": "'Harbour'", "created_at": LATER, "updated_at": LATER},
        "ticket_metric_events": {
            "id": "i", "ticket_id": "i", "metric": "'reply_time'", "type": "'fulfill'", "time": LATER,
        },
        "calls": {
            "id": "i", "ticket_id": "null", "customer_id": "7", "direction": "'inbound'", "created_at": LATER,
            "updated_at": LATER,
        },
        "legs": {"id": "i", "call_id": "i", "created_at": LATER, "updated_at": LATER},
        "deleted_tickets": {"id": "i", "deleted_at": LATER},
    },
    "raw_pos": {
        "stores": {"store_id": "'S' || i", "timezone": "'Asia/Tokyo'", "currency": "'JPY'"},
        "members": {"member_no": "'M' || i", "phone": "null", "joined_at": LATER, "updated_at": LATER},
        "receipts": {
            "receipt_id": "i", "store_id": "'S1'", "kind": "case when i = 1 then 'return' else 'sale' end",
            "sold_at": LATER, "currency": "'JPY'", "total_amount": "1200", "discount_amount": "0", "tax_amount": "109",
            "rounding_amount": "'-0.02'", "status": "'completed'", "updated_at": LATER,
        },
        "receipt_lines": {"receipt_id": "i", "line_no": "1", "quantity": "'1.000'", "unit_price": "1200"},
    },
    "raw_events": {
        "events": {
            "messageId": "'m' || i", "type": "'page'", "timestamp": "'2026-02-28T01:00:00.123Z'", "anonymousId": "'a'",
            "context": "'{}'", "properties": "null",
        },
        "broken_lines": {"line": "'{'", "reason": "'torn'"},
    },
    "raw_exports": {
        "ad_performance": {
            "source_system": "'google_ads'", "date": "'2026-02-28'", "campaign": "'Spring'", "currency": "'EUR'",
            "impressions": "1000 + i", "clicks": "i", "cost": "'12.345'", "conversions": "'0.5'",
        },
        "fx_rates": {"date": "'2026-02-28'", "base_currency": "'JPY'", "quote_currency": "'CNY'", "rate": "'0.0481'"},
    },
}  # fmt: skip


@pytest.mark.parametrize("suite", sorted(GOOD))
def test_every_shipped_suite_lets_a_good_load_pass_and_no_other(suite: str, tmp_path: Path) -> None:
    rows = {table: 3 if table == "broken_lines" else 400 for table in GOOD[suite]}
    files: dict[str, list[Path]] = {}
    strange: dict[str, list[Path]] = {}
    for table, columns in GOOD[suite].items():
        for kind, found in (("good", files), ("strange", strange)):
            path = tmp_path / f"{table}-{kind}.parquet"
            values = columns if kind == "good" else dict.fromkeys(columns, "'x' || i")
            listed = ", ".join(f'cast({sql} as varchar) as "{name}"' for name, sql in values.items())
            duckdb.connect().execute(
                f"copy (select {listed}, i as _row_number from range(1, {rows[table] + 1}) t(i)) to '{path}'"
            )
            found[table] = [path]
    parameters = {"as_of": AS_OF, "rows": rows}
    results = expectations.check_load(files, suite, parameters)
    assert failures(results) == set()
    assert {found.table_name for found in results} == set(rows)
    refusing = {
        found.table_name
        for found in expectations.check_load(strange, suite, parameters)
        if not found.success and found.severity == "block"
    }
    assert refusing == set(rows) - {"broken_lines"}


def test_a_shop_that_withholds_personal_data_passes(write_orders: WriteOrders, tmp_path: Path) -> None:
    """An app without access to protected customer data gets its orders and customers without a name or an address."""
    path = tmp_path / "customers.parquet"
    columns = GOOD["raw_shopify"]["customers"] | dict.fromkeys(("email", "phone", "first_name", "last_name"), "null")
    listed = ", ".join(f'cast({sql} as varchar) as "{name}"' for name, sql in columns.items())
    duckdb.connect().execute(f"copy (select {listed}, i as _row_number from range(1, 401) t(i)) to '{path}'")
    orders = write_orders(email="null", phone="null", customer="null", billing_address="null")
    results = expectations.check_load(
        {"customers": [path], "orders": [orders]}, "raw_shopify", {"as_of": AS_OF, "rows": {"customers": 400}}
    )
    assert expectations.refused(results) == []


def test_a_file_of_mostly_broken_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    duckdb.connect().execute(f"copy (select 'x' as line, i as _row_number from range(30) t(i)) to '{path}'")
    parameters = {"as_of": AS_OF, "rows": {"broken_lines": 30, "events": 0}}
    results = expectations.check_load({"broken_lines": [path], "events": []}, "raw_events", parameters)
    assert failures(results) == {("expect_query_value_to_be_between", None)}


def warehouse(path: Path) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.orders as select i as id, i % 10 as n from range(100) t(i)")
        connection.execute("create table marts.refunds as select 1 as id where false")
    return path


BROKEN = """
schema: marts
tables:
  orders:
    expectations:
      - expect: ExpectColumnValuesToNotBeNull
        columns: [id]
        severity: block
        why: Good.
      - expect: ExpectColumnValuesToNotBeNull
        columns: [gone]
        severity: block
        why: No such column.
      - expect: ExpectColumnValuesToSatisfy
        columns: [id]
        kwargs: {condition: "nope({column})"}
        severity: warn
        why: No such function.
      - expect: ExpectColumnValuesToSatisfy
        columns: [id]
        kwargs: {condition: "{column} < (select error('secret 4711'))"}
        severity: warn
        why: It raises.
      - expect: ExpectQueryValueToBeBetween
        kwargs: {query: "select id, n from {batch}"}
        severity: block
        why: Not one value.
      - expect: ExpectQueryValueToBeBetween
        kwargs: {query: "select max(id) from {batch} where n > 10"}
        severity: block
        why: Nothing to look at.
      - expect: ExpectQueryValueToBeBetween
        kwargs: {query: "select quantile_cont(n, 0.5) from {batch}", max_value: 5}
        severity: block
        why: Good.
      - expect: ExpectColumnMaxToBeBetween
        columns: [n]
        kwargs: {max_value: {parameter: nowhere}}
        severity: block
        why: No value given.
      - expect: UnexpectedRowsExpectation
        kwargs: {unexpected_rows_query: "select * from {batch} where n > 8"}
        severity: block
        why: Ten rows.
"""


def test_what_cannot_be_evaluated_never_passes_and_takes_nothing_with_it(tmp_path: Path) -> None:
    (tmp_path / "marts.yml").write_text(BROKEN)
    results = expectations.check_marts(warehouse(tmp_path / "w.duckdb"), {"as_of": AS_OF}, folder=tmp_path)
    assert len(results) == 9
    assert [found.why for found in results if found.success] == ["Good.", "Good."]
    errors = {found.why: found.error for found in results if found.error}
    assert set(errors) == {
        "No such column.", "No such function.", "It raises.", "Not one value.", "No value given.",
    }  # fmt: skip
    assert "4711" not in str(errors)
    (rows,) = [found for found in results if found.why == "Ten rows."]
    assert rows.observed == 10
    assert expectations.write_data_docs(results, tmp_path / "docs", "run", AS_OF).is_file()


def test_marts_are_checked_and_the_file_is_free_afterwards(tmp_path: Path) -> None:
    path = warehouse(tmp_path / "warehouse.duckdb")
    results = expectations.check_marts(
        path,
        {"as_of": AS_OF, "source_rows": {"orders": 5, "refunds": 3}, "previous_rows": {"orders": 200}},
    )
    volume = {
        found.expected["min_value"]: found.success
        for found in results
        if found.table_name == "orders" and found.expectation == "expect_table_row_count_to_be_between"
    }
    assert volume == {1: True, 180: False}
    assert all(not found.success for found in results if found.table_name == "refunds")
    assert ("table_can_be_read", None) in failures([found for found in results if found.table_name == "customers"])
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table marts.written_afterwards as select 1")


def test_an_empty_mart_passes_where_its_sources_are_empty(tmp_path: Path) -> None:
    path = warehouse(tmp_path / "warehouse.duckdb")
    results = expectations.check_marts(path, {"as_of": AS_OF, "source_rows": {"refunds": 0}})
    assert failures([found for found in results if found.table_name == "refunds"]) == set()


def test_rows_outlive_their_connection_and_the_lock_does_not(tmp_path: Path) -> None:
    path = warehouse(tmp_path / "warehouse.duckdb")
    with dialect.opened(dialect.file_url(path)) as engine:
        with engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text("select count(*) from marts.orders"))
        assert rows.fetchall() == [(100,)]
        with engine.connect() as connection, pytest.raises(sqlalchemy.exc.DBAPIError, match="read-only"):
            connection.execute(sqlalchemy.text("create table marts.x as select 1"))
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table marts.x as select 1")


def test_data_docs_open_without_a_network_and_replace_the_old_ones(
    write_orders: WriteOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [*check_orders(write_orders()), *check_orders(write_orders(id="'x'"), rows=201)]
    stored = [Result(**json.loads(json.dumps(found.as_dict()))) for found in results]
    folder = tmp_path / "quality"
    folder.mkdir()
    (folder / "old.html").touch()

    def no_network(*_: object) -> None:
        raise AssertionError("Data Docs reached for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    index = expectations.write_data_docs(stored, folder, "run 1", AS_OF)
    assert not (folder / "old.html").exists()
    assert sorted(path.name for path in tmp_path.glob(".quality*")) == []
    for page in folder.rglob("*"):
        if page.is_dir():
            continue
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//""", text), page
        for link in re.findall(r'(?:src|href)="([^"#]+)"', text):
            assert (page.parent / link).resolve().is_file(), (page, link)
    (page,) = (folder / "validations").rglob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "would make every order a new one" in text
    assert "First at _row_number 1" in text
    assert page.name in index.read_text(encoding="utf-8")


@pytest.mark.parametrize("run_id", ["20261122T190237-66ad5a", "20261122T190237-99c0de", "20261122T190237-1e9999", "2"])
def test_a_runs_number_is_never_read_as_a_time(write_orders: WriteOrders, tmp_path: Path, run_id: str) -> None:
    results = check_orders(write_orders())
    index = expectations.write_data_docs(results, tmp_path / "quality", run_id, AS_OF)
    (page,) = (index.parent / "validations").rglob("*.html")
    assert run_id in page.read_text(encoding="utf-8")


def test_a_page_that_is_given_up_is_an_error_that_says_why(
    write_orders: WriteOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from expectations.offline_views import Page

    def broken(*_: object, **__: object) -> str:
        raise ValueError("no such template")

    monkeypatch.setattr(Page, "render", broken)
    with pytest.raises(RuntimeError, match=r"0 of 1 pages.*ValueError: \"no such template\"(.|\n)*Mend"):
        expectations.write_data_docs(check_orders(write_orders()), tmp_path / "quality", "run 1", AS_OF)
    assert list(tmp_path.glob(".quality*")) == []
