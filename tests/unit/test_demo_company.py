"""The demo company on disk: the same content however a night is reached, books that agree with the systems."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import phonenumbers
import pyarrow.parquet as pq
import pytest

from ingestion.demo import Company, NoiseRates
from ingestion.demo.clock import as_of
from ingestion.demo.systems import KINDS, POS_TABLES

PERSONS = 90


def _content(home: Path) -> dict[str, str]:
    """Digest of every file and database table of a home."""
    found = {}
    for path in sorted([*home.joinpath("landing").rglob("*"), *home.joinpath("truth").rglob("*")]):
        if path.is_file():
            found[str(path.relative_to(home))] = hashlib.sha256(path.read_bytes()).hexdigest()
    for name, tables in (("systems.sqlite", (*KINDS, "records", "books", "tallies")), ("pos.sqlite", POS_TABLES)):
        with closing(sqlite3.connect(home / name)) as db:
            for table in tables:
                rows = sorted(map(repr, db.execute(f"select * from {table}")))
                found[f"{name}/{table}"] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company that was opened anew for each of five nights."""
    folder = tmp_path_factory.mktemp("demo") / "company"
    for night in range(1, 6):
        Company(folder, PERSONS, seed=3).advance(night)
    return folder


def _documents(home: Path, kind: str) -> list[dict]:
    with closing(sqlite3.connect(home / "systems.sqlite")) as db:
        return [json.loads(body, parse_float=Decimal) for (body,) in db.execute(f"select body from {kind}")]


def _rows(home: Path, table: str) -> list[dict]:
    with closing(sqlite3.connect(home / "pos.sqlite")) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f"select * from {table}")]


def _inventory(home: Path) -> dict:
    return json.loads((home / "truth" / "inventory.json").read_text())


def test_nights_in_one_go_and_one_by_one_are_the_same(home: Path, tmp_path: Path) -> None:
    other = Company(tmp_path / "again", PERSONS, seed=3)
    assert other.night == 0
    other.advance(5)
    assert other.night == 5
    assert _content(other.home) == _content(home)


def test_another_seed_is_another_company(home: Path, tmp_path: Path) -> None:
    other = Company(tmp_path / "other", PERSONS, seed=4)
    other.advance(1)
    assert _inventory(other.home)["totals"] != _inventory(home)["totals"]


@pytest.mark.parametrize("broken", ["write_atomically", "systems", "write_truth"])
def test_a_night_interrupted_anywhere_is_written_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    company = Company(tmp_path / "crash", PERSONS, seed=3)
    company.advance(3)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if broken == "systems":
            patch.setattr(company.systems, "write_night", stop)
        else:
            patch.setattr(f"ingestion.demo.company.{broken}", stop)
        with pytest.raises(KeyboardInterrupt):
            company.advance(4)
    again = Company(tmp_path / "crash", PERSONS, seed=3)
    again.advance(4)
    again.advance(4)
    again.advance(5)
    assert _content(again.home) == _content(home)


def test_a_home_keeps_its_founding(home: Path) -> None:
    with pytest.raises(ValueError, match="persons is 90 there and 91 now"):
        Company(home, PERSONS + 1, seed=3)
    with pytest.raises(ValueError, match="seed is 3 there"):
        Company(home, PERSONS, seed=4)
    with pytest.raises(ValueError, match="noise"):
        Company(home, PERSONS, seed=3, noise=NoiseRates(couples=0.1))
    with pytest.raises(ValueError, match="cannot go back"):
        Company(home, PERSONS, seed=3).advance(2)
    with pytest.raises(ValueError, match="down names tills"):
        Company(home, PERSONS, seed=3, down=("tills",))


def test_nothing_is_newer_than_the_night(home: Path) -> None:
    assert as_of(1).isoformat() == "2026-06-30T18:00:00+00:00"
    now = as_of(5).isoformat().replace("+00:00", "Z")
    for kind in ("tickets", "users", "satisfaction_ratings"):
        assert max(document["updated_at"] for document in _documents(home, kind)) <= now
    for table in ("receipts", "receipt_lines", "members"):
        assert max(str(row["updated_at"]) for row in _rows(home, table)) <= now
    assert max(order["updated_at"] for order in _documents(home, "orders")) <= "2026-07-05T02:00:00+08:00"


def test_orders_add_up_to_the_cent(home: Path) -> None:
    orders = _documents(home, "orders")
    assert len({order["id"] for order in orders}) == len({order["name"] for order in orders}) == len(orders)
    for order in orders:
        goods, shipping = order["line_items"], order["shipping_lines"]
        allocated = [a for line in [*goods, *shipping] for a in line["discount_allocations"]]
        taxes = [tax for line in [*goods, *shipping] for tax in line["tax_lines"]]
        lines = sum((Decimal(line["price"]) * line["quantity"] for line in goods), Decimal(0))
        discount = sum((Decimal(a["amount"]) for a in allocated), Decimal(0))
        tax = sum((Decimal(t["price"]) for t in taxes), Decimal(0))
        charged = sum((Decimal(line["price"]) for line in shipping), Decimal(0))
        added = Decimal(0) if order["taxes_included"] else tax
        total = Decimal(order["total_price"])
        assert lines == Decimal(order["total_line_items_price"])
        assert discount == Decimal(order["total_discounts"])
        assert tax == Decimal(order["total_tax"])
        assert total == lines - discount + charged + added + Decimal(order["total_tip_received"])
        refunded = sum(_refunds(order), Decimal(0))
        assert 0 <= refunded <= total
        assert (order["financial_status"] == "refunded") == (refunded == total and refunded > 0)
        for refund in order["refunds"]:
            assert {line["line_item_id"] for line in refund["refund_line_items"]} <= {line["id"] for line in goods}


def _refunds(order: dict) -> list[Decimal]:
    transactions = [t for refund in order["refunds"] for t in refund["transactions"] if t["status"] == "success"]
    return [Decimal(t["amount"]) for t in transactions]


def test_receipts_add_up(home: Path) -> None:
    lines = defaultdict(list)
    for line in _rows(home, "receipt_lines"):
        lines[line["receipt_id"]].append(line)
    receipts = _rows(home, "receipts")
    assert {receipt["receipt_id"] for receipt in receipts} == set(lines)
    for receipt in receipts:
        own = lines[receipt["receipt_id"]]
        goods = sum(Decimal(line["quantity"]) * Decimal(line["unit_price"]) for line in own)
        discount = sum(Decimal(line["discount_amount"]) for line in own)
        assert discount == Decimal(receipt["discount_amount"]) >= 0
        assert sum(Decimal(line["tax_amount"]) for line in own) == Decimal(receipt["tax_amount"])
        assert Decimal(receipt["total_amount"]) == goods - discount + Decimal(receipt["rounding_amount"]) > 0
        assert ("." in receipt["total_amount"]) == (receipt["currency"] != "JPY")
    assert {receipt["currency"] for receipt in receipts} == {"CNY", "EUR", "JPY"}


def test_the_books_equal_the_systems(home: Path) -> None:
    booked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with (home / "truth" / "books.csv").open() as file:
        for row in csv.DictReader(file):
            booked[row["source_system"], row["currency"]] += Decimal(row["amount"])
    shop = Decimal(0)
    for order in _documents(home, "orders"):
        if not order["test"] and not order["cancelled_at"]:
            shop += Decimal(order["total_price"]) - sum(_refunds(order), Decimal(0))
    assert booked["shopify", "CNY"] == shop
    tills: dict[str, Decimal] = defaultdict(Decimal)
    for receipt in _rows(home, "receipts"):
        if receipt["status"] == "completed":
            sign = -1 if receipt["kind"] == "return" else 1
            tills[receipt["currency"]] += sign * Decimal(receipt["total_amount"])
    assert {currency: booked["pos", currency] for currency in tills} == tills


def test_the_inventory_counts_what_is_there(home: Path) -> None:
    counts = _inventory(home)["counts"]
    for kind in ("orders", "customers", "tickets", "users", "satisfaction_ratings"):
        assert counts[kind] == len(_documents(home, kind))
    assert counts["receipt_lines"] == len(_rows(home, "receipt_lines"))
    parts = counts["sale_receipts"] + counts["return_receipts"] + counts["voided_receipts"]
    assert parts == counts["receipts"] == len(_rows(home, "receipts"))
    delivered: list[str] = []
    for path in sorted((home / "landing" / "events").glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as file:
            delivered += [json.loads(line)["messageId"] for line in file]
    assert counts["events"] == len(set(delivered)) < len(delivered)


def test_every_record_has_its_truth(home: Path) -> None:
    truth = pq.read_table(home / "truth" / "records.parquet").to_pylist()
    keys = {(row["source_system"], row["record_type"], row["source_record_id"]) for row in truth}
    assert len(keys) == len(truth)
    expected = {("shopify", "customer", str(customer["id"])) for customer in _documents(home, "customers")}
    expected |= {("zendesk", "requester", str(user["id"])) for user in _documents(home, "users")}
    expected |= {("pos", "member", row["member_no"]) for row in _rows(home, "members")}
    for order in _documents(home, "orders"):
        if order["customer"] is None:
            assert order["email"] or order["phone"]
            expected.add(("shopify", "guest_order", str(order["id"])))
    for row in _rows(home, "receipts"):
        if row["member_no"] is None and (row["customer_name"] or row["customer_phone"]):
            expected.add(("pos", "name_only", row["receipt_id"]))
    for path in (home / "landing" / "events").glob("*.jsonl.gz"):
        with gzip.open(path, "rt") as file:
            for message in map(json.loads, file):
                expected.add(("events", "device", message["anonymousId"]))
                if message["userId"]:
                    expected.add(("events", "user", message["userId"]))
    assert {key for key in keys if key[0] in ("shopify", "pos", "zendesk", "events")} == expected


def test_every_purchase_has_its_cause_before_it(home: Path) -> None:
    """A purchase goes back to a click that is in the event files, or is late to be, or nobody knows to what."""
    bought = {("shopify", str(order["id"])): order["created_at"] for order in _documents(home, "orders")}
    bought |= {("pos", row["receipt_id"]): row["sold_at"] for row in _rows(home, "receipts")}
    pages = {}
    for path in (home / "landing" / "events").glob("*.jsonl.gz"):
        with gzip.open(path, "rt") as file:
            for message in map(json.loads, file):
                pages[f"event-{message['messageId']}"] = message
    with (home / "truth" / "causes.csv").open() as file:
        causes = list(csv.DictReader(file))
    assert len({(row["source_system"], row["source_order_id"]) for row in causes}) == len(causes)
    kinds = {(row["source_system"], row["cause"]) for row in causes}
    assert kinds >= {("shopify", "ad_click"), ("shopify", "visit"), ("pos", "ad_click"), ("pos", "unknown")}
    known = [row for row in causes if row["cause"] != "unknown"]
    assert sum(row["touchpoint_id"] in pages for row in known) > 0.9 * len(known)
    for row in known:
        if row["source_system"] == "shopify":
            ordered_at = datetime.fromisoformat(bought["shopify", row["source_order_id"]])
            passed = ordered_at - datetime.fromisoformat(row["occurred_at"])
            assert timedelta(0) < passed < timedelta(days=23)
        page = pages.get(row["touchpoint_id"])
        assert page is None or page["type"] == "page"
        if page is not None and row["cause"] == "ad_click":
            assert page["context"]["campaign"]["name"] == row["campaign"]


def test_restated_advertisement_costs_are_counted_once(home: Path) -> None:
    kept: dict[tuple[str, ...], Decimal] = {}
    for path in sorted((home / "landing" / "oceanengine").glob("*.csv"), key=lambda path: path.stem[-8:]):
        for row in csv.DictReader(path.read_text(encoding="gbk").splitlines()):
            if row["日期"] != "合计":
                key = (row["日期"], row["项目名称"], row["广告组名称"], row["广告名称"])
                kept[key] = Decimal(row["消耗(元)"])
    assert sum(kept.values()) == Decimal(_inventory(home)["ad_cost"]["oceanengine"]["CNY"])
    google = (home / "landing" / "google_ads").glob("*.csv")
    assert all(path.read_text().splitlines()[-1].startswith("Total:") for path in google)


def test_registered_phones_are_valid(home: Path) -> None:
    phones = [customer["phone"] for customer in _documents(home, "customers") if customer["phone"]]
    valid = [phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones]
    assert sum(valid) >= 0.97 * len(phones) > 0
