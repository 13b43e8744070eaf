"""Landing deliveries: text stays text, nothing is lost, only admitted loads are read, sources land side by side."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dlt
import duckdb
import pyarrow as pa
import pytest

from ingestion import (
    BadDelivery,
    Delivery,
    Ledger,
    LoadReport,
    RawTable,
    Source,
    complete_loads,
    lake,
    land,
    orphan_files,
    raw_views,
)
from ingestion.arrow_text import time_range
from ingestion.source import text_schema

NOW = datetime(2026, 8, 2, tzinfo=UTC)
ORDERS = RawTable("orders", ("id", "totalPrice", "updated_at"), ("id",), record_time="updated_at", cursor="updated_at")


def make_source(name: str) -> Source:
    return Source(name, f"raw_{name}", (ORDERS, RawTable("empty", ("id",), ("id",))), lambda source, request: iter(()))


def delivery(source: Source, tables: list[pa.Table], error: Exception | None = None) -> Delivery:
    def rows() -> Iterator[pa.Table]:
        yield from tables
        if error:
            raise error

    @dlt.source(schema=text_schema(source.name))
    def pulled() -> object:
        return dlt.resource(rows(), name="orders", write_disposition="append")

    @contextmanager
    def pull() -> Iterator[object]:
        yield pulled()

    return Delivery(source, source.name, "test shop", pull, NOW)


def orders(count: int, day: int = 1) -> pa.Table:
    times = [f"2026-08-{day:02d}T00:00:{number % 60:02d}Z" for number in range(count)]
    return pa.table(
        {"id": [str(number) for number in range(count)], "totalPrice": ["10.10"] * count, "updated_at": times}
    )


def read(lake: Path, source: Source, ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as database:
        for statement in raw_views(source, ledger.admitted_loads(), lake):
            database.execute(statement)
        return database.execute(query).fetchall()


def test_a_load_is_read_once_it_is_admitted_and_not_before(tmp_path: Path) -> None:
    source, ledger = make_source("shop"), Ledger(tmp_path / "lake")
    report = land(delivery(source, [orders(2), orders(3)]), tmp_path / "lake", tmp_path / "work")
    assert (report.tables["orders"].rows_read, report.tables["empty"].rows_read) == (5, 0)
    assert complete_loads(tmp_path / "lake", source) == {report.load_id}
    assert orphan_files(tmp_path / "lake", [source], ledger.read())
    query = (
        'select id, "totalPrice", _row_number, _load_id, _file_name, _extra from raw_shop.orders order by _row_number'
    )
    assert read(tmp_path / "lake", source, ledger, query) == []
    ledger.record("run", report, "admitted", admitted=True)
    rows = read(tmp_path / "lake", source, ledger, query)
    assert rows[0] == ("0", "10.10", 1, report.load_id, None, None)
    assert [row[2] for row in rows] == [1, 2, 3, 4, 5]
    assert orphan_files(tmp_path / "lake", [source], ledger.read()) == []
    assert ledger.reject(report.load_id, "command") == ["orders", "empty"]
    assert read(tmp_path / "lake", source, ledger, query) == []


def test_an_empty_pull_is_a_load_without_files(tmp_path: Path) -> None:
    source, ledger = make_source("shop"), Ledger(tmp_path / "lake")
    report = land(delivery(source, []), tmp_path / "lake", tmp_path / "work")
    ledger.record("run", report, "admitted", admitted=True)
    assert report.load_id
    assert [(line["source_table"], line["rows_read"], line["files"]) for line in ledger.read()] == [
        ("orders", 0, []),
        ("empty", 0, []),
    ]
    assert read(tmp_path / "lake", source, ledger, "select * from raw_shop.orders") == []


def test_a_record_from_the_future_does_not_move_the_cursor_past_now(tmp_path: Path) -> None:
    source = make_source("shop")
    future = pa.table({"id": ["1"], "updated_at": ["2099-01-01T00:00:00+08:00"]})
    report = land(delivery(source, [orders(1), future]), tmp_path / "lake", tmp_path / "work")
    assert report.tables["orders"].cursor_to == "2026-08-02T00:00:00Z"
    assert report.tables["orders"].last_record_at == "2098-12-31T16:00:00Z"


def test_a_pull_that_breaks_off_leaves_no_complete_load_and_says_what_the_source_said(tmp_path: Path) -> None:
    source = make_source("shop")
    broken = delivery(source, [orders(3)], BadDelivery("page 2 is not JSON"))
    with pytest.raises(BadDelivery, match="page 2 is not JSON"):
        land(broken, tmp_path / "lake", tmp_path / "work")
    assert complete_loads(tmp_path / "lake", source) == set()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_lake_that_cannot_be_written_is_said_once_and_not_in_tracebacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("shutil.copyfile", denied)
    said = io.StringIO()
    # pytest's own capture is another stream than the one that dlt's logger was made with.
    logging.getLogger("dlt").addHandler(listener := logging.StreamHandler(said))
    try:
        with pytest.raises(Exception, match="Read-only"):
            land(delivery(make_source("shop"), [orders(2)]), tmp_path / "lake", tmp_path / "work")
    finally:
        logging.getLogger("dlt").removeHandler(listener)
    assert said.getvalue() == ""


def test_a_column_nobody_declared_is_refused_rather_than_dropped(tmp_path: Path) -> None:
    source = make_source("shop")
    with pytest.raises(Exception, match="surprise"):
        land(delivery(source, [pa.table({"id": ["1"], "surprise": ["x"]})]), tmp_path / "lake", tmp_path / "work")


def test_four_sources_land_side_by_side(tmp_path: Path) -> None:
    sources = [make_source(f"shop{number}") for number in range(4)]
    ledger, reports = Ledger(tmp_path / "lake"), dict[str, list[LoadReport]]()

    def pull(source: Source, rows: int) -> None:
        for _ in range(2):
            report = land(delivery(source, [orders(rows)]), tmp_path / "lake", tmp_path / "work")
            ledger.record("run", report, "admitted", admitted=True)
            reports.setdefault(source.name, []).append(report)

    threads = [threading.Thread(target=pull, args=(source, 10 + at)) for at, source in enumerate(sources)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for at, source in enumerate(sources):
        query = f"select count(*), count(distinct _load_id) from {source.schema}.orders"
        assert read(tmp_path / "lake", source, ledger, query) == [(2 * (10 + at), 2)]
    assert len({report.load_id for listed in reports.values() for report in listed}) == 8


def test_files_into_one_schema_land_side_by_side(tmp_path: Path) -> None:
    source, ledger = make_source("shop"), Ledger(tmp_path / "lake")

    def pull() -> None:
        report = land(delivery(source, [orders(5)]), tmp_path / "lake", tmp_path / "work")
        ledger.record("run", report, "admitted", admitted=True)

    threads = [threading.Thread(target=pull) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    query = "select count(*), count(distinct _load_id) from raw_shop.orders"
    assert read(tmp_path / "lake", source, ledger, query) == [(20, 4)]


def test_the_first_loads_of_a_process_meet_in_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many new settings and a short turn of each thread stand for the one bad moment among thousands of nights."""
    monkeypatch.setattr(lake, "_SETTINGS", {**lake._SETTINGS, **{f"here.setting_{n}": n for n in range(500)}})
    ready, failures = threading.Barrier(8), list[BaseException]()

    def pull() -> None:
        ready.wait()
        try:
            land(delivery(make_source("shop"), []), tmp_path / "lake", tmp_path / "work")
        except Exception as failure:
            failures.append(failure)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with dlt.config.values({}):
            threads = [threading.Thread(target=pull) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failures


class TestLedger:
    def lines(self, **changes: object) -> list[dict[str, object]]:
        line: dict[str, object] = {
            "load_id": "1.0", "source_system": "shop", "source_table": "orders", "file_name": None, "files": [],
            "content_sha256": None, "cursor_to": "2026-08-01T00:00:00Z", "admitted": True, "status": "admitted",
        }  # fmt: skip
        return [{**line, **changes}]

    def test_a_torn_last_line_never_happened(self, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path)
        ledger.append("run1", self.lines())
        path = tmp_path / "_ledger" / "run1.jsonl"
        with path.open("a") as file:
            file.write('{"load_id": "2.0", "sour')
        assert [line["load_id"] for line in ledger.read()] == ["1.0"]
        ledger.append("run1", self.lines(load_id="3.0"))
        assert [line["load_id"] for line in ledger.read()] == ["1.0", "3.0"]
        assert all(json.loads(line) for line in path.read_text().splitlines())

    def test_a_damaged_line_in_the_middle_is_named(self, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path)
        ledger.append("run1", self.lines())
        path = tmp_path / "_ledger" / "run1.jsonl"
        path.write_text("garbage\n" + path.read_text())
        with pytest.raises(Exception, match=r"run1\.jsonl is damaged at line 1"):
            ledger.read()

    def test_later_lines_win_across_runs_whatever_the_runs_are_called(self, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path)
        ledger.append("z-first", self.lines())
        ledger.append("a-second", self.lines(admitted=False, status="rejected"))
        assert [line["status"] for line in ledger.read()] == ["rejected"]
        assert ledger.admitted_loads() == []

    def test_cursors_come_from_admitted_loads_only(self, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path)
        ledger.append("run", self.lines())
        ledger.append(
            "run", self.lines(load_id="2.0", cursor_to="2026-08-09T00:00:00Z", admitted=False, status="refused")
        )
        assert ledger.cursors("shop") == {"orders": "2026-08-01T00:00:00Z"}
        assert ledger.cursors("desk") == {}

    def test_a_refused_file_is_tried_again_and_a_withdrawn_one_is_not(self, tmp_path: Path) -> None:
        ledger = Ledger(tmp_path)
        for load_id, status in (("1.0", "admitted"), ("2.0", "refused"), ("3.0", "rejected"), ("4.0", "failed")):
            line = self.lines(load_id=load_id, status=status, admitted=status == "admitted", content_sha256=status)
            ledger.append("run", line)
        assert ledger.known_hashes()["shop"] == {"admitted", "rejected"}


def test_the_ends_of_times_are_those_of_the_clock_however_they_are_written():
    """A blank sorts before a T, so texts of both kinds are not in the order of their times."""
    column = pa.chunked_array([["2026-01-01T09:00:00", "2026-01-01 23:00:00", "2026-01-01 07:30", "no time", None]])
    assert time_range(column) == (datetime(2026, 1, 1, 7, 30, tzinfo=UTC), datetime(2026, 1, 1, 23, tzinfo=UTC))
