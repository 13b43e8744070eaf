"""Key figures: every row against a second working-out, and asked for by name."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb
import pytest

from tests.integration import recompute_kpis
from tests.integration.conftest import PROJECT, Home
from tests.integration.test_definitions import assert_same, rows

ALL = recompute_kpis.ALL


@pytest.fixture(scope="module")
def facts(company: Home, newest_publication: None) -> recompute_kpis.Facts:
    with (PROJECT / "seeds" / "kpi_config.csv").open() as file:
        (settings,) = csv.DictReader(file)
    with (PROJECT / "seeds" / "product_costs.csv").open() as file:
        costs = {row["sku"]: Decimal(row["unit_cost"]) for row in csv.DictReader(file)}
    return recompute_kpis.Facts(
        as_of=datetime.fromisoformat(company.record()["as_of"]).astimezone(UTC),
        orders=rows(company, "marts.orders"),
        customers=rows(company, "marts.customers"),
        tickets=rows(company, "marts.service_tickets"),
        messages=rows(company, "marts.messages"),
        ads=rows(company, "marts.ad_performance"),
        touchpoints=rows(company, "marts.touchpoints"),
        attribution=rows(company, "marts.attribution"),
        fitted_weights=rows(company, "marts.attribution_channel_weights"),
        journey_steps=rows(company, "marts.journey_steps"),
        channel_of_platform=dict(company.query("select platform, channel from marts.channel_roi where cost > 0")),
        margin_share=Decimal(settings["margin_share"]),
        values=rows(company, "marts.customer_value"),
        order_lines=rows(company, "marts.order_lines"),
        costs=costs,
        audience_members=rows(company, "marts.audience_members"),
    )


def published(home: Home, table: str, *key: str) -> dict[tuple[Any, ...], recompute_kpis.Figure]:
    return {
        tuple(row[name] for name in key): (row["numerator"], row["denominator"], row["value"], row["is_complete"])
        for row in rows(home, table)
    }


def test_every_figure_of_every_day(company: Home, facts: recompute_kpis.Facts):
    ours = recompute_kpis.daily(facts)
    assert_same(ours, published(company, "marts.kpi_daily", "kpi", "date", "channel"))
    assert any(figure[1] == 0 and figure[2] is None for figure in ours.values()), "nothing is divided by 0"


def test_every_figure_of_every_month(company: Home, facts: recompute_kpis.Facts):
    ours = recompute_kpis.monthly(facts)
    assert_same(ours, published(company, "marts.kpi_monthly", "kpi", "month", "channel", "variant"))
    told = {kpi for (kpi, *_), figure in ours.items() if figure[2] is not None}
    asked = {kpi for kpi, *_ in ours}
    assert told >= asked - {"payback_months", "incremental_roi"}, "some figure never has a value"


def test_every_cohort(company: Home, facts: recompute_kpis.Facts):
    assert_same(
        recompute_kpis.cohorts(facts),
        {
            (row["cohort_month"], row["months_since"]): (
                row["cohort_size"], row["persons_retained"], row["retention_rate"], row["net_amount_reporting"],
                row["margin_reporting"],
            )
            for row in rows(company, "marts.cohort_retention")
        },
    )  # fmt: skip


def test_every_move_between_segments(company: Home, newest_publication: None):
    history = dict(company.query("select retired_customer_id, customer_id from marts.customer_id_history"))
    at: dict[date, dict[str, str]] = {}
    for row in sorted(rows(company, "marts.customer_rfm"), key=lambda row: row["customer_id"] not in history):
        if (row["as_of_date"] + timedelta(days=1)).day == 1:
            person = history.get(row["customer_id"], row["customer_id"])
            at.setdefault(row["as_of_date"], {})[person] = row["segment"]
    ours = Counter(
        (later, at[earlier].get(person, "(none)"), at[later].get(person, "(none)"))
        for earlier, later in pairwise(sorted(at))
        for person in at[earlier].keys() | at[later].keys()
    )
    assert_same(
        dict(ours),
        {
            (row["as_of_date"], row["from_segment"], row["to_segment"]): row["persons"]
            for row in rows(company, "marts.rfm_movement")
            if row["to_segment"] != "merged"
        },
    )


def test_whatever_a_publication_shows_otherwise_than_the_one_before_is_told(company: Home, newest_publication: None):
    key = ("kpi", "month", "channel", "variant")
    shown = []
    for release in sorted((company.path / "published" / "releases").iterdir()):
        with duckdb.connect(str(release / "omnihouse.duckdb"), read_only=True) as reader:
            figures = reader.execute(f"select {', '.join(key)}, value, is_complete from marts.kpi_monthly").fetchall()
            (night,) = reader.execute("select max(night) from ops.runs").fetchone() or (None,)
            shown.append((night, {tuple(row[:4]): row[4:] for row in figures}))
    told: dict[int, dict[Any, Any]] = {}
    for row in rows(company, "marts.kpi_changes"):
        told.setdefault(row["night"], {})[tuple(row[name] for name in key)] = (row["previous_value"], row["value"])
        assert set(row["cause"].split(", ")) <= {"late_record", "refund", "identity", "fx", "rule"}
    assert min(told, default=shown[0][0] + 1) > 1, "a first publication changes nothing"
    for (_, before), (night, since) in pairwise(shown):
        ours = {
            of: (value, since.get(of, (None,))[0])
            for of, (value, is_complete) in before.items()
            if is_complete and value != since.get(of, (None,))[0]
        }
        complete = {of for of, (_, is_complete) in before.items() if is_complete}
        assert ours == {of: values for of, values in told.get(night, {}).items() if of in complete}, night


def test_metricflow_answers_on_the_published_file(company: Home, newest_publication: None):
    """What it makes of the days is what the months' table has, also where only the whole can be divided."""
    asked = company.run(
        "metrics", "query", "--metrics", "aov,repeat_rate,first_reply_seconds", "--group-by", "metric_time__month",
        "--csv", str(company.path / "answer.csv"), "--decimals", "6",
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout + asked.stderr
    found: dict[Any, Any] = {}
    with (company.path / "answer.csv").open() as file:
        for row in csv.DictReader(file):
            month = row.pop("metric_time__month")[:10]
            found |= {(kpi, month): round(float(value), 4) for kpi, value in row.items() if value not in ("", "nan")}
    wanted = {
        (kpi, str(month)): round(float(value), 4)
        for kpi, month, value in company.query(
            "select kpi, month, value from marts.kpi_monthly where value is not null and channel = $1"
            " and kpi in ('aov', 'repeat_rate', 'first_reply_seconds')",
            [ALL],
        )
    }
    assert wanted
    assert {key: value for key, value in found.items() if key in wanted} == wanted


def test_a_wrong_question_is_refused(company: Home, newest_publication: None):
    asked = company.run("metrics", "query", "--metrics", "no_such_metric")
    assert asked.returncode != 0
    assert "no_such_metric" in asked.stdout + asked.stderr


def test_the_page_runs_and_names_every_figure(company: Home, newest_publication: None):
    page = (PROJECT / "docs" / "kpis.md").read_text(encoding="utf-8")
    for question in re.findall(r"```sql\n(.*?)```", page, re.S):
        company.query(question)
    (listed,) = company.query("select list(distinct kpi) from marts.kpi_monthly")
    for kpi in listed[0]:
        assert f"| `{kpi}` |" in page
    comments = company.query(
        "select comment from duckdb_columns() where table_name in ('kpi_daily', 'kpi_monthly') and column_name = 'kpi'"
    )
    for kpi in listed[0]:
        assert any(f" {kpi}: " in comment for (comment,) in comments), kpi
