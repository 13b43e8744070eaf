"""A small company through the whole pipeline, night after night, as `make run` does it.

The tests of this module share one home and run in the order written: each is the company's next night.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import PROJECT, Home, differences
from tests.unit.alert_receivers import webhook

MARTS = [
    "customers", "customer_identities", "orders", "order_lines", "refunds", "touchpoints", "service_tickets",
    "ad_performance", "messages", "customer_rfm", "customer_lifecycle", "customer_value", "payments", "products",
    "stores", "dates",
    "attribution", "attribution_channel_weights", "channel_roi",
    "exported_conversions", "rfm_transitions", "audiences", "audience_members",
    "journey_steps", "journey_funnel",
    "kpi_daily", "kpi_monthly", "cohort_retention", "rfm_movement",
]  # fmt: skip
OPS = ["runs", "steps", "loads", "quality_results", "freshness", "reconciliation", "quarantine", "quarantine_shares"]


def check_nothing_is_lost(home: Home) -> None:
    """Every record the company made is in the marts once, or in quarantine with a reason; money equals its books."""
    conservation = home.query(
        "select raw_schema, raw_table, rows_landed, rows_read, rows_staged + rows_superseded + rows_quarantined"
        " from ops.conservation"
    )
    assert len(conservation) >= 14
    assert [row for row in conservation if not row[2] == row[3] == row[4]] == []
    assert home.query("select count(*) from ops.quarantine where rule is null or reason is null") == [(0,)]
    assert home.query("select count(*) from ops.reconciliation where difference <> 0") == [(0,)]
    with duckdb.connect() as truth:
        theirs = truth.execute(
            "select source_system, currency, business_date, sum(amount)"
            f" from read_csv('{truth_of(home) / 'books.csv'}',"
            " types={'amount': 'decimal(18,3)'}) group by all having sum(amount) <> 0 order by all"
        ).fetchall()
    ours = home.query(
        "select source_system, currency, business_date, sum(mart_total)::decimal(18,3) from ops.reconciliation"
        " group by all having sum(mart_total) <> 0 order by all"
    )
    assert [(*key, Decimal(amount)) for *key, amount in ours] == [(*key, Decimal(amount)) for *key, amount in theirs]
    made = json.loads((truth_of(home) / "inventory.json").read_text())
    counts, totals = made["counts"], made["totals"]
    set_aside = dict(
        home.query("select source_system || '.' || source_table, count(*) from ops.quarantine group by all")
    )
    assert set_aside == {}, "the company's own records are all readable"
    assert home.query(
        "select source_system, count(*), count(distinct source_order_id) from marts.orders group by all order by all"
    ) == sorted(
        (system, number, number)
        for system, number in {
            "pos": counts["sale_receipts"] + counts["voided_receipts"],
            "shopify": counts["orders"],
            **{
                folder: listed["orders"] + listed.get("closed_orders", 0)
                for folder, listed in made["exports"].items()
                if "orders" in listed
            },
        }.items()
    )
    assert home.query("select count(*), count(distinct ticket_id) from marts.service_tickets where not is_call") == [
        (counts["tickets"], counts["tickets"])
    ]
    assert home.query(
        "select count(*), count(distinct source_record_id) from marts.touchpoints where source_system = 'events'"
    ) == [(counts["events"], counts["events"])]
    returned = {
        (system, currency): Decimal(amount)
        for system, currency, amount in home.query(
            "select source_system, currency, sum(amount) from marts.refunds"
            " where source_system <> 'shopify' and kind <> 'void' group by all"
        )
    }
    assert returned == {
        (system, currency): Decimal(figures["returns" if system == "pos" else "refunds"])
        for system, by_currency in totals.items()
        for currency, figures in by_currency.items()
        if system != "shopify" and figures.keys() & {"returns", "refunds"}
    }
    cost = {
        (platform, currency): Decimal(amount)
        for platform, currency, amount in home.query(
            "select platform, currency, sum(cost) from marts.ad_performance group by all"
        )
    }
    assert cost == {
        (platform, currency): Decimal(amount)
        for platform, figures in made["ad_cost"].items()
        for currency, amount in figures.items()
    }


def tickets_made(home: Home) -> int:
    return json.loads((truth_of(home) / "inventory.json").read_text())["counts"]["tickets"]


def truth_of(home: Home) -> Path:
    return home.path / "demo" / "truth"


def test_the_first_night_publishes_every_table(company: Home):
    for table in MARTS:
        assert home_rows(company, f"marts.{table}") > 0, table
    for table in OPS:
        if table != "quarantine":
            assert home_rows(company, f"ops.{table}") > 0, table
    uncommented = company.query(
        "select table_name, column_name from duckdb_columns() where schema_name in ('marts', 'ops') and comment is null"
    )
    assert uncommented == []
    assert company.query("select count(*) from duckdb_columns() where column_name = '_fingerprint'") == [(0,)]
    assert (company.path / "quality" / "index.html").exists()
    assert (company.path / "published" / "index.html").exists()
    assert (company.path / "published" / "parquet" / "marts.orders" / "part-0.parquet").exists()
    record = company.record()
    assert record["exit_code"] == 0
    assert all(gate["success"] or gate["severity"] != "block" for gate in record["gates"])


def test_the_first_night_holds_everything_once(company: Home):
    check_nothing_is_lost(company)


def test_no_personal_data_is_published(company: Home):
    """No phone, mailbox or street of anybody is anywhere in the published file or its front page."""
    text_columns = company.query(
        "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and not internal"
    )
    for schema, table, column in text_columns:
        hits = company.query(
            f'select count(*) from "{schema}"."{table}" where regexp_matches("{column}",'
            " '[A-Za-z0-9._]+@[A-Za-z0-9-]+\\.[a-z]{2,}|\\+86 ?1[3-9]\\d{9}')"
        )
        assert hits == [(0,)], (schema, table, column)
    assert oct((company.path / "published" / "restricted").resolve().stat().st_mode)[-3:] == "700"


def test_the_same_night_again_changes_no_row_and_a_second_run_meanwhile_is_told_so(company: Home):
    before = company.tables()
    process = subprocess.Popen(
        company.command("run"), env=company.environment(NIGHTS="0"), stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if "demo company" in line:
            break
    second = company.run()
    assert second.returncode == 2
    assert "already going on" in second.stderr
    rest = process.stdout.read()
    assert process.wait() == 0, rest
    assert differences(before, company.tables()) == {}


def test_readers_can_return_to_the_publication_before_and_the_next_run_goes_on(company: Home):
    """The next run is that of the next test."""
    last, this = company.query("select run_id from ops.runs where published order by started_at desc limit 2")
    assert company.run("rollback").returncode == 0
    assert (company.path / "published" / "current").resolve().name == this[0] != last[0]


def test_a_killed_night_is_repeated(company: Home):
    """SIGKILL in the middle: readers keep what they had, and the next run publishes the same night."""
    before = company.tables()
    night = company.record()["demo_night"]
    company.run_killed_at("staging is built")
    assert differences(before, company.tables()) == {}
    time.sleep(1)
    outcome = company.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert company.record()["demo_night"] == night + 1
    check_nothing_is_lost(company)


def test_a_source_that_is_down_leaves_the_others_alone(company: Home):
    tickets = home_rows(company, "marts.service_tickets")
    touchpoints = home_rows(company, "marts.touchpoints")
    with webhook() as hook:
        outcome = company.run(DEMO_DOWN="zendesk", ALERTS__WEBHOOK__URL=hook.url, ALERTS__WEBHOOK__FORM="slack")
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    (message,) = hook.bodies
    assert "a source is stale (zendesk)" in message["text"]
    assert "alerts       1 sent by webhook" in outcome.stdout
    assert "zendesk" in outcome.stdout
    assert home_rows(company, "marts.service_tickets") == tickets
    assert home_rows(company, "marts.touchpoints") > touchpoints
    assert company.query("select status from ops.freshness where source_system = 'zendesk'") == [("stale",)]
    assert company.query("select reason from ops.freshness where source_system = 'zendesk'")[0][0]
    told = (
        "select table_name from duckdb_tables() where schema_name = 'marts' and comment like '%STALE%zendesk (up to %'"
    )
    assert {"service_tickets", "touchpoints", "customers"} <= {table for (table,) in company.query(told)}
    assert ("ad_performance",) not in company.query(told)


def test_a_policy_can_hold_the_publication_back_and_every_source_catches_up(company: Home):
    """Tonight the service desk answers again and the tills do not; the night after both do."""
    before = company.tables()
    outcome = company.run(DEMO_DOWN="pos", OMNIHOUSE_STALE_POLICY="pos=block")
    assert outcome.returncode == 1
    assert "NOT published" in outcome.stdout
    assert differences(before, company.tables()) == {}
    outcome = company.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert company.query("select count(*) from marts.service_tickets where not is_call")[0][0] == tickets_made(company)
    check_nothing_is_lost(company)


def test_a_source_that_leaves_too_much_in_quarantine_holds_the_publication_back(company: Home):
    """The rows pass the gate of their load, and no rule knows what they say; withdrawn, they hold nothing back."""
    before = company.tables()
    strange = {"occurred_at": "2026-06-20T10:00:00Z", "event": "teleported", "channel": "sms"}
    file = company.path / "demo" / "landing" / "messages" / "of-another-tool.jsonl"
    file.write_text("".join(json.dumps({"message_id": f"x{number}", **strange}) + "\n" for number in range(120)))
    with webhook() as hook:
        outcome = company.run(NIGHTS="0", ALERTS__WEBHOOK__URL=hook.url)
    assert outcome.returncode == 3, outcome.stdout + outcome.stderr
    assert "messages: 120 of 120 new rows (100.00 %, limit 5 %)" in " ".join(outcome.stdout.split())
    assert [alert["kind"] for body in hook.bodies for alert in body["alerts"]] == ["quarantine"]
    assert differences(before, company.tables()) == {}
    listed = company.run("quarantine", "--source", "messages").stdout
    assert "messages messages, event_unknown: 120 rows of 1 loads" in listed
    (load,) = set(re.findall(r"event_unknown · (\S+) · \S*of-another-tool.jsonl", listed))
    assert company.run("reject", load).returncode == 0
    file.unlink()


def test_a_rebuild_of_a_restored_backup_gives_the_same_tables(company: Home, tmp_path: Path):
    """Lake and decisions are all it takes: whatever the warehouse was, here a file that is no database, is not used."""
    before = company.tables()
    outcome = company.run("backup", "--to", str(tmp_path / "backup"))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    restored = Home(tmp_path / "restored", company.settings)
    outcome = restored.run("restore", "--from", str(tmp_path / "backup"))
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert differences(before, restored.tables()) == {}
    (restored.path / "warehouse.duckdb").write_bytes(b"no database")
    outcome = restored.run("rebuild")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert differences(before, restored.tables()) == {}


def test_verify_finds_everything_whole_and_names_what_is_not(company: Home):
    assert company.run("verify").returncode == 0
    file = next((company.path / "lake" / "raw_pos" / "receipts").glob("*.parquet"))
    content = file.read_bytes()
    file.unlink()
    outcome = company.run("verify")
    assert outcome.returncode == 1
    assert "receipts" in outcome.stdout
    file.write_bytes(content)
    mark = next((company.path / "lake" / "raw_pos" / "_dlt_loads").glob(f"*{file.name.split('.')[0]}*"))
    text = mark.read_bytes()
    mark.unlink()
    assert "completion" in company.run("verify").stdout
    mark.write_bytes(text)
    stray = file.with_name("1.left-by-a-crash.parquet")
    stray.write_bytes(content)
    outcome = company.run("verify")
    assert outcome.returncode == 0
    assert "raw_pos/receipts/1.left-by-a-crash.parquet" in outcome.stdout
    stray.unlink()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"OMNIHOUSE_CURRENCY": "yuan"}, "OMNIHOUSE_CURRENCY"),
        ({"NIGHTS": "two"}, "NIGHTS"),
        ({"OMNIHOUSE_DEMO": "0"}, "demo company"),
        ({"DEMO_PERSONS": "151"}, "persons"),
    ],
)
def test_wrong_usage_is_one_paragraph_and_exit_2(company: Home, settings, said):
    outcome = company.run(**settings)
    assert outcome.returncode == 2, outcome.stdout + outcome.stderr
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr


def home_rows(home: Home, table: str) -> int:
    return home.query(f"select count(*) from {table}")[0][0]


_PAGES = ["README.md"] + [
    f"docs/{page}.md"
    for page in (
        "attribution",
        "lifecycle",
        "value",
        "tags",
        "audiences",
        "quarantine",
        "when-sources-misbehave",
        "gates",
    )
]


@pytest.mark.parametrize("page", _PAGES)
def test_every_query_of_a_page_answers(company: Home, page: str):
    queries = re.findall(r"```sql\n(.*?)```", (PROJECT / page).read_text(), flags=re.S)
    assert queries
    for query in queries:
        assert company.query(query), query


def test_the_streams_of_the_night_are_charted(company: Home):
    """What is unusual is tried on tables of its own; here, that a run counts, shows and keeps it."""
    shown = (company.path / "quality" / "streams.html").read_text()
    charts = company.query("select count(distinct (source_system, stream)) from ops.stream_days where measure = 'rows'")
    assert shown.count("<figure") == charts[0][0] > 20
    unusual = company.query(
        "select (select count(*) from ops.stream_days where is_tonight and is_unusual)"
        " + (select count(*) from ops.column_weeks where is_latest and is_unusual)"
    )[0][0]
    run = company.query("select max(run_id) from ops.runs")[0][0]
    assert company.query("select count(*) from ops.anomalies where run_id = $1", [run]) == [(unusual,)]
    gates = "select distinct severity from ops.quality_results where suite = 'ops' and table_name in ($1, $2)"
    assert company.query(gates, ["stream_days", "column_weeks"]) == [("warn",)]


def test_tests_on_the_tables_are_results_with_a_reason_like_all_others(company: Home):
    asked = company.query(
        "select suite = 'tests', count(*) > 100, bool_and(why is not null), bool_and(success or severity <> 'block')"
        " from ops.quality_results where run_id = (select max(run_id) from ops.runs) group by 1 order by 1"
    )
    assert asked == [(False, True, True, True), (True, True, True, True)]
    (page,) = (company.path / "quality" / "validations" / "tests").rglob("*.html")
    assert "Every order's amounts follow from each other" in page.read_text().replace("&#x27;", "'").replace(
        "&#39;", "'"
    )
