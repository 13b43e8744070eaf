"""Pages of a publication: what they say of small files, of an empty one, and how they are drawn."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

import reports
from dagster_project import pages, project
from dagster_project.config import House
from dagster_project.night import Night
from reports import charts, page, wording
from tests.pages import Page

DAY = date(2026, 6, 30)
TABLES = """
create schema marts; create schema ops;
create table marts.dates (date date, is_complete boolean);
create table marts.orders (currency text, fx_rate decimal(20,12));
create table marts.ad_performance (currency text, cost decimal(18,3), cost_reporting decimal(18,3));
create table marts.kpi_daily (kpi text, channel text, date date, value decimal(24,6));
create table ops.runs (run_id text, night bigint, as_of timestamptz, quarantined bigint);
create table ops.freshness
    (source_system text, status text, reason text, rows_landed bigint, last_record_at timestamptz);
create table ops.quality_results (run_id text, table_schema text, table_name text, expectation text, severity text,
    success boolean, observed text, why text);
create table ops.anomalies (run_id text, source_system text, stream text, measure text, business_date date,
    value double, usual_low double, usual_high double);
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "omnihouse.duckdb")) as made:
        made.execute(TABLES)
    return tmp_path / "omnihouse.duckdb"


def write(file: Path, *statements: str) -> None:
    with duckdb.connect(str(file)) as made:
        for statement in statements:
            made.execute(statement)


def test_the_front_page_sets_the_day_beside_the_same_day_a_week_before(file: Path):
    write(
        file,
        f"insert into marts.dates select '{DAY}'::date - range::integer, true from range(40)",
        f"insert into marts.dates values ('{DAY + timedelta(1)}', false)",
        "insert into marts.orders values ('USD', 7.1), ('CNY', 1)",
        "insert into marts.kpi_daily values"
        f" ('net_revenue', '(all)', '{DAY}', 1500), ('net_revenue', '(all)', '{DAY - timedelta(7)}', 1000),"
        f" ('net_revenue', 'store', '{DAY}', 9), ('orders', '(all)', '{DAY - timedelta(7)}', 4),"
        f" ('first_reply_seconds', '(all)', '{DAY}', 300)",
        "insert into ops.runs values ('r1', 1, '2026-06-29 18:00:00+00', 0), ('r2', 2, '2026-06-30 18:00:00+00', 3)",
        "insert into ops.freshness values ('pos', 'fresh', null, 5, null),"
        " ('zendesk', 'stale', 'it <failed>', 0, null), ('shopify', 'absent', 'not configured', 0, null)",
        "insert into ops.quality_results values ('r1', 'marts', 'orders', 'old', 'block', false, '0', 'w'),"
        " ('r2', 'marts', 'orders', 'unique', 'block', true, '', ''),"
        " ('r2', 'marts', 'refunds', 'enough rows', 'warn', false, '1', 'who knows')",
    )
    with reports.opened(file) as reader:
        html = reports.front_page(reader, [("reports/tables.html", "Tables", "all of them")])
    shown = Page.read(html)
    assert "data to Tuesday, 30 June 2026" in shown.text
    assert "Publication 2, made by run r2 as of 2026-06-30 18:00 UTC" in shown.text
    assert "Net revenue1,500 CNYa week before 1,000 CNY, +50\u202f%" in shown.text
    assert "Orders0a week before 4, -100\u202f%" in shown.text, "a day without an order had none"
    assert "First reply of the desk5 mina week before –" in shown.text, "a day without a ticket had no first reply"
    assert "zendesk is stale: it <failed>." in shown.text
    assert "shopify" not in shown.text
    assert "1 of 2 checks passed. 3 rows are in quarantine. 0 streams" in shown.text
    assert "enough rows" in shown.text
    assert "old" not in shown.text
    assert shown.links == ["reports/tables.html"]


def test_a_front_page_without_a_row(file: Path):
    with reports.opened(file) as reader:
        shown = Page.read(reports.front_page(reader, []))
    assert "No source has delivered anything yet" in shown.text
    assert shown.text.count("a week before –") == 5


def test_the_table_reference_tells_meaning_type_question_and_answer(file: Path):
    write(
        file,
        "comment on table marts.dates is 'One row per day & nothing else.'",
        "comment on column marts.dates.date is 'The day.'",
        f"insert into marts.dates values ('{DAY}', true)",
    )
    asked = {
        "marts.dates": reports.Example("Which day < tomorrow?", "select date as the_day from marts.dates"),
        "marts.orders": reports.Example("Any order?", "select currency from marts.orders"),
        "ops.runs": reports.Example("A wrong one?", "select nothing from ops.runs"),
    }
    with reports.opened(file) as reader:
        html = reports.table_reference([reader], asked, "Publication 1.")
    shown = Page.read(html)
    assert "One row per day & nothing else." in shown.text
    assert "dateDATEThe day." in shown.text
    assert "Which day < tomorrow?" in shown.text
    assert "the day2026-06-30" in shown.text
    assert "No row answers it" in shown.text
    assert "Binder Error" in shown.text, "one wrong question does not take the page away"
    assert {f"#{name}" for name in ("marts.dates", "ops.runs")} < set(shown.links)


def test_a_page_that_cannot_be_drawn_says_so_and_holds_nothing_back(file: Path, tmp_path: Path):
    house = House(tmp_path / "home")
    release = house.published / "releases" / "run1"
    (release / "reports").mkdir(parents=True)
    (release / reports.RESTRICTED).parent.mkdir()
    project.target(house).mkdir(parents=True)
    (project.target(house) / "manifest.json").write_text('{"nodes": {}}')
    house.quality.mkdir()
    (house.quality / "index.html").write_text("<html></html>")
    write(file, f"insert into marts.dates values ('{DAY}', true)")
    write(release / reports.RESTRICTED, "create schema restricted")
    shutil.copy(file, release / "omnihouse.duckdb")
    night = Night(house, "run1", "next", 1, 1, datetime(2026, 6, 30, 18, tzinfo=UTC), False)
    findings = pages.write(night)
    assert findings == {}, "this file has no table that a report asks for"
    failed = {problem["where"] for problem in night.problems}
    assert failed == {f"reports/{report.name}.html" for report in reports.NIGHTLY}
    for name in failed:
        assert "could not be drawn" in Page.read(release / name).text
    assert "data to Tuesday, 30 June 2026" in Page.read(release / "index.html").text
    assert "marts.dates" in Page.read(release / "reports" / "tables.html").text
    assert (release / "quality" / "index.html").read_text() == "<html></html>"
    assert list(pages.told(house, {"strategic": ["They stay"]})) == [
        ("strategic", f"- They stay\n\n`{house.published}/reports/strategic.html`")
    ]


def test_a_reader_cannot_write_and_reads_no_other_file(file: Path, tmp_path: Path):
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    with reports.opened(file) as reader:
        for sql in ("create table marts.x as select 1", f"select * from '{other}'", f"copy marts.dates to '{other}'"):
            with pytest.raises(duckdb.Error):
                reader.rows(sql)


@pytest.mark.parametrize(
    ("least", "most", "ticks"),
    [(0.0, 0.0, 2), (0.0, 0.37, 5), (0.0, 97_312.0, 6), (-40.0, 12.0, 5), (0.0, 1e-9, 2)],
)
def test_axes_hold_every_value_with_a_few_round_numbers(least: float, most: float, ticks: int):
    found = charts._ticks(least, most)
    assert found[0] <= least
    assert found[-1] >= most
    assert 2 <= len(found) <= 8, found


def test_charts_leave_gaps_escape_names_and_draw_nothing_of_nothing():
    labels = ["Jan", "Feb", "Mar", "Apr"]
    drawn = charts.lines(labels, {"a <b>": [1, None, 3, 4], "c": [2, 2, 2, 2]}, "orders", "month")
    shown = Page.read(drawn)
    assert drawn.count("<polyline") == 3, "a gap parts a line in two"
    assert "a <b>" in shown.text
    assert "orders" in shown.text
    assert "month" in shown.text
    assert charts.lines(labels, {"a": [None] * 4}, "orders", "month") == ""
    assert charts.lines(["Jan"], {"a": [0]}, "orders", "month")
    assert charts.bars([("a", None)], "orders") == ""
    assert "-5" in Page.read(charts.bars([("a", -5.0), ("b & c", 5.0)], "orders")).text
    assert charts.bars([("a", 0.0)], "orders")
    cells = {("x", "1"): 0.5, ("x", "2"): None}
    assert (
        Page.read(charts.heatmap(["x"], ["1", "2"], cells, "cohort", "months", wording.percent)).text.count("50 %") == 2
    )
    assert charts.heatmap(["x"], ["1"], {}, "cohort", "months", wording.percent) == ""
    assert charts.timeline([], "day") == ""
    at = datetime(2026, 6, 30, tzinfo=UTC)
    assert "order of 5" in Page.read(charts.timeline([(at, "store", "order of 5")], "day")).text
    assert charts.sparkline([1]) == ""


def test_tables_show_numbers_dates_and_gaps_as_people_write_them():
    rows = [
        {"a_name": "x <y>", "amount": 1234.5, "is_new": True, "at": datetime(2026, 6, 30, 18, tzinfo=UTC), "gone": None}
    ]
    shown = Page.read(page.table(rows * 3, shown=2))
    assert shown.text == "a nameamountis newatgone" + "x <y>1,234.5yes2026-06-30 18:00" * 2 + "and 1 more"
    assert page.table([]) == ""
    assert [wording.compact(x) for x in (0, 0.25, 950, 1200, 3_400_000)] == ["0", "0.25", "950", "1.2k", "3.4M"]
    assert wording.count(1, "order") == "1 order"
    assert wording.count(2, "company", "companies") == "2 companies"
