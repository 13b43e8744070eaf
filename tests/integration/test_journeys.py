"""The journeys that a night publishes against the same journeys walked a second time, touch by touch.

What belongs here: the published tables and the questions that the docs ask of them. The definition and its edge cases
are tests of their own (tests/unit/test_journeys.py).
"""

from __future__ import annotations

import csv
import re
from typing import Any

import duckdb
import pytest

from tests.integration.conftest import PROJECT, Home
from tests.integration.recompute import REPORTING_ZONE
from tests.integration.test_definitions import assert_same, rows
from tests.unit.journeys_by_definition import Step, funnel, read_rules, walk

pytestmark = pytest.mark.usefixtures("newest_publication")
KEPT = {"_fingerprint", "_loaded_at"}


@pytest.fixture(scope="module")
def rules() -> dict[str, list[Step]]:
    with (PROJECT / "seeds" / "journeys.csv").open(encoding="utf-8") as handle:
        return read_rules(csv.DictReader(handle))


@pytest.fixture(scope="module")
def walked(company: Home, rules) -> list[dict[str, Any]]:
    ((as_of,),) = company.query("select max(as_of) from ops.runs where published")
    return walk(rules, rows(company, "marts.touchpoints"), rows(company, "marts.orders"), as_of)


def test_every_step_of_every_run(company: Home, walked):
    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["customer_id"], row["journey"], row["run_number"], row["step_number"]

    published = rows(company, "marts.journey_steps")
    assert_same(
        {key(row): row for row in walked},
        {key(row): {name: cell for name, cell in row.items() if name not in KEPT} for row in published},
    )
    assert len(published) == len(walked) > 100
    assert {row["journey"] for row in published} == {"new_customer", "cart_recovery", "after_sales"}
    assert {row["run_status"] for row in published} == {"completed", "ended", "left", "open"}


def test_every_cell_of_the_funnel(company: Home, walked, rules):
    counted = funnel(rules, walked, str(REPORTING_ZONE))
    shown = {(row["journey"], row["period"], row["step_number"]): row for row in rows(company, "marts.journey_funnel")}
    assert_same(counted, {key: {name: row[name] for name in counted[key]} for key, row in shown.items()})
    for row in shown.values():
        stayed = row["runs_completed"] + row["runs_ended"] + row["runs_left"] + row["runs_open"]
        went_on = row["runs_reached"] - stayed
        assert went_on >= 0
        assert (row["entry_month"] is None) == (row["period"] == "all")
    for journey, period in {(journey, period) for journey, period, _ in shown}:
        stages = [shown[journey, period, step.number] for step in rules[journey]]
        stayed = sum(row[f"runs_{kind}"] for row in stages for kind in ("completed", "ended", "left", "open"))
        assert stayed == stages[0]["runs_reached"]


def test_the_questions_in_the_docs_have_answers(company: Home):
    questions = re.findall(r"```sql\n(.*?)```", (PROJECT / "docs" / "journeys.md").read_text(encoding="utf-8"), re.S)
    assert len(questions) == 3
    with duckdb.connect(str(company.published), read_only=True) as reader:
        answers = [reader.execute(question).fetchall() for question in questions]
    assert [len(answer) > 0 for answer in answers] == [True, True, True]
