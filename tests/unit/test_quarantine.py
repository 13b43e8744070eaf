"""A source that leaves too much in quarantine holds the publication back, at the exact limit; the command says why."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg
import duckdb
import pytest

import expectations
from dagster_project import checks, cli, quarantine_shares
from dagster_project.alerting import causes
from dagster_project.config import PROJECT, House, _quarantine_limits
from dagster_project.defs import quality
from dagster_project.errors import ConfigurationError
from dagster_project.lock import HomeLock
from dagster_project.night import Night

NOW = datetime(2026, 7, 1, 2, tzinfo=UTC)


def make(file, loads, waiting):
    """A warehouse with loads (load, source, table, rows) and rows in quarantine (load, source, table, rows)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(file)) as warehouse:
        warehouse.execute("create schema ops")
        warehouse.execute(
            "create table ops.loads (load_id text, source_system text, source_table text, rows_landed bigint,"
            " rows_rejected bigint, admitted bool)"
        )
        for load, source, table, rows, *rest in loads:
            rejected, admitted = (*rest, *(0, True)[len(rest) :])
            warehouse.execute(
                "insert into ops.loads values ($1, $2, $3, $4, $5, $6)", [load, source, table, rows, rejected, admitted]
            )
        warehouse.execute(
            "create table ops.quarantine (source_system text, source_table text, key text, rule text, reason text,"
            " load_id text, file_name text, row_number bigint, first_seen_at timestamptz, last_seen_at timestamptz)"
        )
        for load, source, table, rows, *rest in waiting:
            rule, file_name = (*rest, *("key_missing", None)[len(rest) :])
            warehouse.execute(
                "insert into ops.quarantine"
                " select $1, $2, $1 || range, $3, replace($3, '_', ' '), $4, $5, range, $6, $6 from range($7)",
                [source, table, rule, load, file_name, NOW, rows],
            )
        warehouse.execute(
            "create table ops.identity_changes as select 0 as moved_unaccounted, 0 as moved_by_new_version"
        )
        warehouse.execute(
            "create table ops.stream_days as"
            " select 'orders' as stream, 1.0 as value, true as is_tonight, false as is_unusual"
        )
        warehouse.execute(
            "create table ops.column_weeks as select 'orders.channel' as subject, 'shift' as measure, 0.1 as value,"
            " true as is_latest, false as is_unusual"
        )
    return file


def house(tmp_path, **env):
    return House.from_environment({"OMNIHOUSE_HOME": str(tmp_path / "home"), **env})


def judged(home, published=()):
    """The shares of the home's warehouse, and whether the gate refuses."""
    with duckdb.connect(str(home.warehouse)) as warehouse:
        shares = quarantine_shares.write(warehouse, home, published)
    found = expectations.check_marts(
        home.warehouse, {"as_of": NOW, "source_rows": {quarantine_shares.TABLE: len(shares)}}, suite="ops"
    )
    assert all(result.error is None for result in found)
    refusing = [result for result in found if expectations.refuses(result)]
    assert {result.table_name for result in refusing} <= {quarantine_shares.TABLE}
    told = sorted(row for result in refusing for row in result.failing_rows)
    assert told == sorted(f"source_system {share.source}" for share in shares if share.is_above)
    return {share.source: (share.quarantined, share.rows) for share in shares}, bool(refusing)


# Rows that came, rows in quarantine, the source's own limit in percent, whether that is too much.
AT_THE_LIMIT = [
    (100, 5, None, False),
    (100, 6, None, True),
    (99, 99, None, False),
    (100, 29, "29", False),
    (100, 30, "29", True),
    (1000, 1, "0.1", False),
    (1000, 2, "0.1", True),
    (100, 1, "0", True),
    (100, 0, "0", False),
    (100, 100, "100", False),
]


def test_the_exact_limit(tmp_path):
    sources = {f"source{number}": case for number, case in enumerate(AT_THE_LIMIT)}
    own = ",".join(f"{name}={limit}" for name, (_, _, limit, _) in sources.items() if limit)
    home = house(tmp_path, OMNIHOUSE_QUARANTINE_LIMIT=own)
    make(
        home.warehouse,
        [(name, name, "receipts", rows) for name, (rows, _, _, _) in sources.items()],
        [(name, name, "receipts", waiting) for name, (_, waiting, _, _) in sources.items()],
    )
    assert judged(home) == ({name: (waiting, rows) for name, (rows, waiting, _, _) in sources.items()}, True)
    with duckdb.connect(str(home.warehouse)) as warehouse:
        shares = quarantine_shares.write(warehouse, home, [])
    assert {share.source: share.is_above for share in shares} == {name: case[3] for name, case in sources.items()}


def test_only_what_came_since_the_publication_before_counts_whatever_run_pulled_it(tmp_path):
    home = house(tmp_path)
    make(
        home.warehouse,
        [("1", "pos", "receipts", 900), ("2", "pos", "receipts", 100), ("3", "pos", "members", 50)],
        [("1", "pos", "receipts", 90), ("2", "pos", "receipts", 10)],
    )
    assert judged(home, ["1"]) == ({"pos": (10, 150)}, True)
    assert judged(home, ["1", "2", "3"]) == ({"pos": (0, 0)}, False)
    assert judged(home) == ({"pos": (100, 1050)}, True)


def test_parts_and_wholes_and_withdrawn_loads_are_no_rows_of_a_load(tmp_path):
    home = house(tmp_path)
    make(
        home.warehouse,
        [
            ("1", "shopify", "orders", 100), ("2", "tmall_orders", "orders", 100),
            ("3", "pos", "receipts", 100, 0, False),
        ],
        [
            ("1", "shopify", "refunds", 50), ("1", "shopify", "amounts", 50), ("2", "tmall_orders", "held_orders", 50),
            ("3", "pos", "receipts", 50), ("1", "shopify", "orders", 2),
        ],
    )  # fmt: skip
    assert judged(home) == ({"shopify": (2, 100), "tmall_orders": (0, 100)}, False)


def test_lines_that_could_not_be_read_count(tmp_path):
    home = house(tmp_path)
    make(home.warehouse, [("1", "events", "events", 90, 10)], [("1", "events", "broken_lines", 10)])
    assert judged(home) == ({"events": (10, 100)}, True)


def test_a_home_without_a_load_is_not_refused(tmp_path):
    home = house(tmp_path)
    make(home.warehouse, [], [])
    assert judged(home) == ({}, False)


def test_what_is_said_of_a_refusal(tmp_path):
    home = house(tmp_path)
    make(
        home.warehouse,
        [("1", "pos", "receipts", 1000), ("2", "events", "events", 1000)],
        [("1", "pos", "receipts", 70)],
    )
    with duckdb.connect(str(home.warehouse)) as warehouse:
        shares = quarantine_shares.write(warehouse, home, [])
        uncommented = warehouse.execute("select count(*) from duckdb_columns() where table_name = 'quarantine_shares'"
                                        " and comment is null").fetchone()  # fmt: skip
    assert uncommented == (0,)
    said = quarantine_shares.refusal(shares)
    assert "pos: 70 of 1,000 new rows (7.00 %, limit 5 %)" in said
    assert "make quarantine SOURCE=pos" in said
    assert "events" not in said
    night = Night(home, "run1", "next", 1, 1, NOW, is_demo=False)
    night.told += quarantine_shares.causes(shares)
    night.problem("gate", "marts", said)
    night.gates = [
        result.as_dict()
        for result in expectations.check_marts(home.warehouse, {"as_of": NOW}, suite="ops")
        if not result.success
    ]
    assert [(cause.kind, cause.where) for cause in causes.of_night(night)] == [("quarantine", "pos")]


def test_the_gate_is_an_asset_check_with_its_numbers(tmp_path):
    home = house(tmp_path)
    make(home.warehouse, [("1", "pos", "receipts", 1000)], [("1", "pos", "receipts", 70)])
    with duckdb.connect(str(home.warehouse)) as warehouse:
        shares = quarantine_shares.write(warehouse, home, [])
    wanted = [spec for spec in checks.specs("ops", "ops", [quarantine_shares.TABLE], blocking=True)
              if spec.name != checks.READABLE]  # fmt: skip
    found = expectations.check_marts(home.warehouse, {"as_of": NOW}, suite="ops")
    (result,) = checks.results(wanted, found, {quality.SHARES: quarantine_shares.numbers(shares)})
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR
    assert result.asset_key == quality.SHARES
    assert wanted[0].blocking
    assert result.metadata["pos"].value == "70 of 1,000 new rows (7.00 %, limit 5 %)"
    assert "first at source_system pos" in result.description


@pytest.mark.parametrize("text", ["five", "5%", "101", "pos=", "-1", "pos=5=6", "5,pos=100.00001"])
def test_a_limit_that_is_none_is_named(tmp_path, text):
    with pytest.raises(ConfigurationError, match="OMNIHOUSE_QUARANTINE_LIMIT"):
        house(tmp_path, OMNIHOUSE_QUARANTINE_LIMIT=text)


def test_limits_as_given(tmp_path):
    found = house(tmp_path, OMNIHOUSE_QUARANTINE_LIMIT="2.5, events=20 pos=0").quarantine_limits
    assert found == {"": Decimal("2.5"), "events": Decimal(20), "pos": Decimal(0)}
    assert house(tmp_path).quarantine_limits == {"": Decimal(5)}


@pytest.fixture
def listed(tmp_path, monkeypatch, capsys):
    """A home with a publication and, of a later run that was refused, a warehouse; asks the command."""
    home = house(tmp_path)
    monkeypatch.setattr(House, "from_environment", classmethod(lambda cls: home))
    make(home.published / "releases" / "run1" / "omnihouse.duckdb", [("1", "pos", "receipts", 100)],
         [("1", "pos", "receipts", 2, "store_missing")])  # fmt: skip
    (home.published / "current").symlink_to("releases/run1")
    (home.published / "omnihouse.duckdb").symlink_to("current/omnihouse.duckdb")
    make(
        home.warehouse,
        [("1", "pos", "receipts", 100), ("2", "events", "events", 200)],
        [("1", "pos", "receipts", 2, "store_missing"),
         ("2", "events", "events", 60, "occurred_at_not_a_time", "day.jsonl"),
         (None, "orders", "amounts", 1, "rate_missing")],
    )  # fmt: skip
    with duckdb.connect(str(home.warehouse)) as warehouse:
        quarantine_shares.write(warehouse, home, ["1"])
    home.runs.mkdir(parents=True)
    (home.runs / "run1.json").write_text(json.dumps({"published": True}))

    def ask(*arguments, published=True):
        (home.runs / "run2.json").write_text(json.dumps({"published": published}))
        assert cli.main(["quarantine", *arguments]) == 0
        return capsys.readouterr().out

    ask.home = home
    return ask


def test_the_list_of_what_is_published(listed):
    said = listed()
    assert "2 rows are in quarantine, says the publication run1." in said
    assert "pos receipts, store_missing: 2 rows of 1 loads, first 2026-07-01 02:00, last 2026-07-01 02:00" in said
    assert "why:  store missing" in said
    assert "mend these records in pos" in said
    assert "Their keys" not in said


def test_the_list_of_a_night_that_was_refused(listed):
    said = listed(published=False)
    assert "63 rows are in quarantine, says the warehouse of the last run, which was not published." in said
    assert said.index("events events") < said.index("pos receipts")
    assert "drop the file into landing/events again" in said
    assert "drop the missing rates into landing/fx_rates" in said
    assert "  events: 60 of 200 rows, 30.00 % (limit 5 %)" in said
    # A run that is going on holds the warehouse; what readers have is still there to be asked.
    lock = HomeLock(listed.home.home)
    lock.acquire()
    assert "says the publication run1" in listed(published=False)
    lock.release()


def test_filters_show_keys(listed):
    said = listed("--source", "events", published=False)
    assert "60 rows are in quarantine of source events" in said
    assert "Their keys (the first 50)" in said
    assert "  events0 · events · occurred_at_not_a_time · 2 · day.jsonl:0" in said
    assert "pos" not in said
    assert "rate_missing" in listed("--rule", "rate_missing", published=False)
    assert "Nothing is in quarantine of source pos and rule rate_missing" in listed(
        "--source", "pos", "--rule", "rate_missing"
    )


def test_the_commands_of_the_page(listed):
    page = (PROJECT / "docs" / "quarantine.md").read_text()
    commands = re.findall(r"^make quarantine(.*)$", page, flags=re.M)
    assert len(commands) == 3
    for settings in commands:
        arguments = [
            part for name, value in re.findall(r"(\w+)=(\S+)", settings) for part in (f"--{name.lower()}", value)
        ]
        assert "in quarantine" in listed(*arguments)
    (text,) = re.findall(r"OMNIHOUSE_QUARANTINE_LIMIT=(\S+) make run", page)
    assert _quarantine_limits({"OMNIHOUSE_QUARANTINE_LIMIT": text}) == {"": Decimal(5), "events": Decimal(20)}


def test_before_anything_is_published(tmp_path, monkeypatch, capsys):
    home = house(tmp_path)
    monkeypatch.setattr(House, "from_environment", classmethod(lambda cls: home))
    assert cli.main(["quarantine"]) == 2
    assert "nothing is published" in capsys.readouterr().err
