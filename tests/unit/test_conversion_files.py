"""The files for advertising platforms, byte for byte, on the values that a layout can get wrong."""

from __future__ import annotations

import csv
import stat
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from dagster_project import conversions
from dagster_project.config import House
from dagster_project.decisions import Publication
from dagster_project.night import Night
from dagster_project.release import seal

CLICKED = datetime(2026, 6, 28, 1, 2, 3, 456000, tzinfo=UTC)
SOLD = datetime(2026, 6, 30, 16, 30, 0, 999000, tzinfo=UTC)
COLUMNS = (
    "platform text, action text, order_id text, customer_id text, kind text, click_id text, hashed_email text,"
    " hashed_phone text, currency text, timezone text, value decimal(18, 3), minor_unit integer,"
    " clicked_at timestamptz, converted_at timestamptz, happened_at timestamptz"
)


def warehouse(*rows: dict[str, object]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # A connection's own zone must not be seen in a file.
    connection.execute("set TimeZone = 'America/New_York'; create schema restricted")
    connection.execute(f"create table restricted.conversion_uploads ({COLUMNS})")
    for row in rows:
        told = {
            "platform": "google_ads", "action": "Purchase", "order_id": "pos-1", "kind": "conversion",
            "currency": "EUR", "timezone": "Asia/Shanghai", "value": Decimal("12.500"), "minor_unit": 2,
            "happened_at": SOLD, **row,
        }  # fmt: skip
        connection.execute(
            f"insert into restricted.conversion_uploads ({', '.join(told)}) values ({', '.join('?' for _ in told)})",
            list(told.values()),
        )
    return connection


def written(release: Path, *rows: dict[str, object]) -> dict[str, str]:
    (release / "restricted").mkdir(parents=True)
    conversions.write(warehouse(*rows), release)
    folder = release / "restricted" / "exports"
    return {file.name: file.read_bytes().decode() for file in folder.iterdir()} if folder.exists() else {}


def test_google_takes_clicks_hashes_and_adjustments_in_a_file_each(tmp_path: Path):
    found = written(
        tmp_path,
        {"click_id": "EAIaIQob-1", "clicked_at": CLICKED},
        {"order_id": "pos-2", "hashed_email": "e" * 64, "hashed_phone": "f" * 64, "value": "1719"},
        {"order_id": "pos-3", "hashed_phone": "f" * 64},
        {"order_id": "pos-4", "kind": "restatement", "value": "7.5"},
        {"order_id": "pos-5", "kind": "retraction", "value": "0"},
    )
    assert found == {
        "google_ads_click_conversions.csv": (
            "Parameters:TimeZone=Asia/Shanghai\n"
            "Google Click ID,Conversion Name,Conversion Time,Conversion Value,Conversion Currency,Order ID\n"
            "EAIaIQob-1,Purchase,2026-07-01 00:30:00+0800,12.50,EUR,pos-1\n"
        ),
        "google_ads_enhanced_conversions.csv": (
            "Parameters:TimeZone=Asia/Shanghai\n"
            "Email,Phone Number,Conversion Name,Conversion Time,Conversion Value,Conversion Currency,Order ID\n"
            f"{'e' * 64},{'f' * 64},Purchase,2026-07-01 00:30:00+0800,1719.00,EUR,pos-2\n"
            f",{'f' * 64},Purchase,2026-07-01 00:30:00+0800,12.50,EUR,pos-3\n"
        ),
        "google_ads_adjustments.csv": (
            "Parameters:TimeZone=Asia/Shanghai\n"
            "Order ID,Conversion Name,Adjustment Time,Adjustment Type,Adjusted Value,Adjusted Value Currency\n"
            "pos-4,Purchase,2026-07-01 00:30:00+0800,RESTATE,7.50,EUR\n"
            "pos-5,Purchase,2026-07-01 00:30:00+0800,RETRACT,,\n"
        ),
    }


def test_meta_takes_the_click_as_its_cookie_beside_the_hashes(tmp_path: Path):
    meta = {"platform": "meta_ads", "hashed_email": "e" * 64}
    found = written(
        tmp_path,
        {**meta, "click_id": "IwAR2x", "clicked_at": CLICKED},
        {**meta, "order_id": "pos-2", "kind": "restatement", "value": "7.5"},
    )
    header = "email,phone,fbc,event_name,event_time,value,currency,order_id\n"
    assert found == {
        "meta_ads_offline_events.csv": (
            f"{header}{'e' * 64},,fb.1.1782608523000.IwAR2x,Purchase,1782837000,12.50,EUR,pos-1\n"
        ),
        "meta_ads_adjustments.csv": f"{header}{'e' * 64},,,PurchaseAdjusted,1782837000,7.50,EUR,pos-2\n",
    }


def test_ocean_engine_takes_clicks_alone(tmp_path: Path):
    ocean = {"platform": "oceanengine", "action": "active_pay", "click_id": "CK1", "currency": "CNY"}
    found = written(
        tmp_path,
        ocean,
        {**ocean, "order_id": "pos-2", "kind": "restatement", "value": "7.5"},
        {**ocean, "order_id": "pos-3", "kind": "retraction", "value": "0"},
    )
    header = "event_type,callback,timestamp,pay_amount,currency,order_id\n"
    assert found == {
        "oceanengine_conversions.csv": f"{header}active_pay,CK1,1782837000000,12.50,CNY,pos-1\n",
        "oceanengine_adjustments.csv": (
            f"{header}ecom_refund,CK1,1782837000000,7.50,CNY,pos-2\n"
            "ecom_cancel_order,CK1,1782837000000,0.00,CNY,pos-3\n"
        ),
    }


@pytest.mark.parametrize(
    ("value", "minor_unit", "shown"),
    [
        ("0", 2, "0.00"),
        ("10907", 0, "10907"),
        ("1.234", 3, "1.234"),
        ("999999999999999.999", 3, "999999999999999.999"),
    ],
)
def test_amounts_have_the_digits_of_their_currency(tmp_path: Path, value: str, minor_unit: int, shown: str):
    (text,) = written(tmp_path, {"value": Decimal(value), "minor_unit": minor_unit, "click_id": "G"}).values()
    assert text.splitlines()[2].split(",")[3] == shown


def test_the_hour_that_comes_twice_is_told_apart(tmp_path: Path):
    hours = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    (text,) = written(
        tmp_path, *({"timezone": "Europe/Berlin", "happened_at": at, "click_id": "G"} for at in hours)
    ).values()
    assert [line.split(",")[2] for line in text.splitlines()[2:]] == [
        "2026-10-25 02:30:00+0200",
        "2026-10-25 02:30:00+0100",
    ]


def test_cells_with_commas_quotes_and_other_scripts_come_back_as_they_were(tmp_path: Path):
    action, order = 'Sale, "store"', "tmall-订单,1"
    (text,) = written(tmp_path, {"action": action, "order_id": order, "click_id": "G" * 500}).values()
    assert list(csv.reader(text.splitlines()))[2] == [
        "G" * 500, action, "2026-07-01 00:30:00+0800", "12.50", "EUR", order,
    ]  # fmt: skip


def test_without_a_conversion_there_is_no_file_and_no_folder(tmp_path: Path):
    assert written(tmp_path) == {}
    assert not (tmp_path / "restricted" / "exports").exists()


def test_a_conversion_that_belongs_in_no_file_is_an_error(tmp_path: Path):
    with pytest.raises(RuntimeError, match=r"1 conversions of restricted\.conversion_uploads belong in no file"):
        written(tmp_path, {"platform": "pigeon"})


def test_only_the_owner_may_read_them(tmp_path: Path):
    house = House(home=tmp_path)
    house.settle(demo=True)
    night = Night(house, "run1", "next", 1, 1, SOLD, True)
    release = house.published / "releases" / "run1"
    (release / "restricted").mkdir(parents=True, mode=0o700)
    with duckdb.connect(str(release / "omnihouse.duckdb")) as empty:
        empty.execute("create schema marts")
    conversions.write(warehouse({"click_id": "G"}), release)
    seal(night, {}, Publication("run1", 1, 1, "", "", {}))
    (file,) = (release / "restricted" / "exports").iterdir()
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
