"""Each fault that the demo servers can be given: what the user sees, and that nothing is lost or doubled afterwards."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import expectations
from ingestion import Ledger, LoadReport, SourceUnavailable, http_api, land, plan, raw_views, seen_before, sources
from ingestion.arrow_text import parse_time
from ingestion.demo import Company
from ingestion.demo.faults import LASTING, PASSING, check_faults, faults_of

PERSONS, SEED = 40, 11
SETTINGS = {"transaction_days": "0"}  # a call for each order would only cost time here
LISTS = {"shopify": ("orders", "customers", "products"), "zendesk": ("tickets", "users", "satisfaction_ratings")}
Content = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test waits; what would have been waited is kept."""
    waited: list[float] = []
    monkeypatch.setattr(http_api.Api.__init__, "__defaults__", (None, None, None, waited.append))
    return waited


class Night:
    """A home that pulls a demo company, gates what it pulled, and admits it or does not, as a run does."""

    def __init__(self, root: Path, company: Path) -> None:
        shutil.copytree(company, root / "company")
        self.root, self.lake, self.ledger = root, root / "lake", Ledger(root / "lake")
        self.struck: dict[str, int] = {}
        self.now = datetime.fromtimestamp(0, UTC)

    def land(self, source: str, night: int, *faults: str) -> LoadReport:
        company = Company(self.root / "company", PERSONS, SEED, faults=faults)
        company.advance(max(night, company.night))
        self.now = company.as_of(company.night)
        with company.serve() as settings:
            given: Mapping[str, Mapping[str, str]] = {source: {**settings[source], **SETTINGS}}
            (delivery,) = plan(sources()[source], given, [], [], self.ledger, now=self.now)
            try:
                return land(delivery, self.lake, self.root / "work")
            finally:
                self.struck = company.served[source].struck if faults else {}

    def pull(self, source: str, night: int, *faults: str) -> tuple[LoadReport, list[str]]:
        report = self.land(source, night, *faults)
        results = expectations.check_load(
            {name: [self.lake / file for file in table.files] for name, table in report.tables.items()},
            f"raw_{source}",
            {
                "as_of": self.now,
                "rows": {name: table.rows_landed for name, table in report.tables.items()},
                "seen_before": seen_before(self.ledger, report),
            },
            load_id=report.load_id,
        )
        refusals = expectations.refused(results)
        self.ledger.record(f"night {night}", report, "refused" if refusals else "admitted", admitted=not refusals)
        return report, refusals

    def content(self, source: str, *without: str) -> Content:
        """The newest version of every record of the lists, as staging picks it."""
        found: Content = {}
        with duckdb.connect() as database:
            for statement in raw_views(sources()[source], self.ledger.admitted_loads(), self.lake):
                database.execute(statement)
            for table in LISTS[source]:
                rows = database.execute(
                    f"""select * exclude (_load_id, _row_number, _file_name) from raw_{source}.{table}
                    qualify row_number() over (
                        partition by id order by updated_at::timestamptz desc, _load_id desc, _row_number desc
                    ) = 1"""
                )
                names = [column[0] for column in rows.description]
                records = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
                found[table] = {
                    row["id"]: {name: value for name, value in row.items() if name not in without} for row in records
                }
        return found


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company after its first night."""
    home = tmp_path_factory.mktemp("faults") / "company"
    Company(home, PERSONS, SEED).advance(1)
    return home


@pytest.fixture(scope="module")
def nights(company: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Content]]:
    """What has landed after the first and after the second night without a fault."""
    night, found = Night(tmp_path_factory.mktemp("untroubled"), company), []
    for number in (1, 2):
        for source in LISTS:
            _, refusals = night.pull(source, number)
            assert not refusals
        found.append({source: night.content(source) for source in LISTS})
    return found


@pytest.fixture(scope="module")
def first_night(nights: list[dict[str, Content]]) -> dict[str, Content]:
    return nights[0]


@pytest.fixture(scope="module")
def untroubled(nights: list[dict[str, Content]]) -> dict[str, Content]:
    return nights[1]


@pytest.fixture
def night(tmp_path: Path, company: Path) -> Night:
    return Night(tmp_path, company)


def without(content: Content, *columns: str) -> Content:
    return {
        table: {key: {name: value for name, value in row.items() if name not in columns} for key, row in rows.items()}
        for table, rows in content.items()
    }


def check_records(night: Night, wanted: dict[str, Content], source: str, faults: set[str], report: LoadReport) -> None:
    """Every record is there once in its newest version, whatever came twice on the way; no cursor is past now."""
    cursors = [parse_time(table.cursor_to or "") for table in report.tables.values()]
    assert all(cursor <= night.now for cursor in cursors if cursor)
    # To save a record again changes when it changed, and nothing else.
    left_out = ("updated_at",) if faults & {"moving", "ahead"} else ()
    assert night.content(source, *left_out) == without(wanted[source], *left_out)


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_loses_and_doubles_nothing(
    night: Night, first_night: dict[str, Content], fault: str, waits: list[float]
) -> None:
    report = night.land("shopify", 1, fault)
    night.ledger.record("night", report, "admitted", admitted=True)
    assert night.struck[fault]
    check_records(night, first_night, "shopify", {fault}, report)
    read = sum(report.tables[name].rows_read for name in LISTS["shopify"])
    records = sum(len(rows) for rows in night.content("shopify").values())
    assert read > records if fault in ("twice", "expired", "moving") else read == records
    if fault == "burst":
        assert 0.05 in waits


@pytest.mark.parametrize("source", LISTS)
def test_all_that_passes_at_once_on_two_nights(night: Night, untroubled: dict[str, Content], source: str) -> None:
    for number in (1, 2):
        report, refusals = night.pull(source, number, "passing")
        assert not refusals
        if number == 1:
            assert all(night.struck[fault] for fault in PASSING), night.struck
    check_records(night, untroubled, source, {"moving"}, report)


@pytest.mark.parametrize("source", LISTS)
def test_a_record_that_changes_while_it_is_paged_lands_in_its_newest_version(night: Night, source: str) -> None:
    night.ledger.record("night", night.land(source, 1, "moving"), "admitted", admitted=True)
    landed = night.content(source)
    company = Company(night.root / "company", PERSONS, SEED)
    for table in LISTS[source][:2]:
        for number, body in company.systems.query(f"select id, body from {table}"):
            assert landed[table][str(number)]["updated_at"] == json.loads(str(body))["updated_at"]


def test_a_clock_that_runs_ahead_moves_no_cursor_past_now(night: Night) -> None:
    report, _ = night.pull("shopify", 1, "ahead")
    assert parse_time(report.tables["orders"].last_record_at or "") is not None
    newest = max(parse_time(row["updated_at"]) or night.now for row in night.content("shopify")["orders"].values())
    assert newest > night.now
    assert parse_time(report.tables["orders"].cursor_to or "") == night.now


@pytest.mark.parametrize("source", LISTS)
def test_a_new_column_lands_beside_the_known_ones(night: Night, first_night: dict[str, Content], source: str) -> None:
    _, refusals = night.pull(source, 1, "new_column")
    assert not refusals
    found = night.content(source)
    assert all(json.loads(row["_extra"])["loyalty_tier"] == "gold" for rows in found.values() for row in rows.values())
    assert without(found, "_extra") == without(first_night[source], "_extra")


@pytest.mark.parametrize(("fault", "source"), [("no_column", "shopify"), ("flipped", "zendesk")])
def test_a_column_that_goes_or_flips_is_refused_by_name_and_pulled_again(
    night: Night, first_night: dict[str, Content], fault: str, source: str
) -> None:
    _, refusals = night.pull(source, 1, fault)
    assert refusals
    assert "created_at" in " ".join(refusals)
    assert not any(night.content(source).values())
    assert not night.ledger.cursors(source)
    _, refusals = night.pull(source, 1)
    assert not refusals
    assert night.content(source) == first_night[source]


@pytest.mark.parametrize("source", LISTS)
def test_nothing_where_yesterday_were_hundreds_is_refused_and_a_quiet_day_is_not(
    night: Night, untroubled: dict[str, Content], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small company has no hundreds in two days.
    monkeypatch.setattr("ingestion.look_back._LEAST_ROWS", 20)
    for module in ("shopify", "zendesk"):
        monkeypatch.setattr(importlib.import_module(f"ingestion.sources.{module}"), "LOOK_BACK", timedelta(days=700))
    night.pull(source, 1)
    before = night.content(source)
    report, refusals = night.pull(source, 2, "empty")
    assert sum(report.tables[name].rows_read for name in LISTS[source]) == 0
    assert refusals
    assert "the system does not show them" in " ".join(refusals)
    assert night.content(source) == before
    for _ in range(2):  # The second pull meets nothing new: a quiet day.
        _, refusals = night.pull(source, 2)
        assert not refusals
    assert night.content(source) == untroubled[source]


def test_a_source_that_never_had_anything_may_be_empty(night: Night) -> None:
    _, refusals = night.pull("zendesk", 1, "empty")
    assert not refusals


def test_a_system_that_stays_broken_is_one_message_and_loses_nothing(
    night: Night, first_night: dict[str, Content], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.demo.faults._APART", (1, 1))
    with pytest.raises(SourceUnavailable, match=r"status 500, attempt 6.*the next run pulls everything missed"):
        night.land("shopify", 1, "error")
    assert not night.ledger.read()
    night.pull("shopify", 1)
    assert night.content("shopify") == first_night["shopify"]


def test_the_same_seed_gives_the_same_faults(tmp_path: Path, company: Path) -> None:
    struck = []
    for name in ("one", "two"):
        night = Night(tmp_path / name, company)
        night.land("shopify", 1, "passing")
        struck.append(night.struck)
    assert struck[0] == struck[1]


def test_a_fault_may_be_of_one_system() -> None:
    check_faults(["shopify:empty", "zendesk:passing", *LASTING])
    assert faults_of(["shopify:empty", "burst"], "zendesk") == {"burst"}
    assert faults_of(["shopify:empty", "burst"], "shopify") == {"burst", "empty"}
    for wrong in ("emty", "pos:empty", "shopify:"):
        with pytest.raises(ValueError, match="there are passing, burst"):
            check_faults([wrong])
