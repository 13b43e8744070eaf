"""Tests on the tables count as gates: a result each, with a reason, in the shape of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagster_project import table_tests
from expectations import Result

PROJECT = Path(__file__).resolve().parents[2]
ORDERS = {"resource_type": "model", "schema": "marts", "name": "orders"}


def node(name: str, **told: Any) -> dict[str, Any]:
    return {
        "resource_type": "test",
        "name": name,
        "config": {"severity": "ERROR"},
        "depends_on": {"nodes": ["model.orders"]},
        "raw_code": "-- Money adds up.\n-- To the cent.\nselect 1\n-- not this",
        **told,
    }


def results(status: str = "pass", failures: int | None = 0, **told: Any) -> list[dict[str, Any]]:
    manifest = {"nodes": {"test.a": node("money", **told), "model.orders": ORDERS}, "sources": {}}
    ran = [{"unique_id": "test.a", "status": status, "failures": failures}]
    return table_tests.results({"results": [*ran, {"unique_id": "model.orders", "status": "success"}]}, manifest)


def test_a_test_that_passes_says_why_it_is_asked():
    (found,) = results()
    assert (found["suite"], found["table_schema"], found["table_name"]) == ("tests", "marts", "orders")
    assert (found["success"], found["severity"], found["why"]) == (True, "block", "Money adds up. To the cent.")


@pytest.mark.parametrize(
    ("status", "failures", "severity"), [("fail", 3, "ERROR"), ("warn", 3, "warn"), ("error", None, "ERROR")]
)
def test_whatever_has_not_passed_has_failed(status: str, failures: int | None, severity: str):
    (found,) = results(status, failures, config={"severity": severity})
    assert not found["success"]
    assert found["unexpected_count"] == failures
    assert found["severity"] == ("warn" if severity == "warn" else "block")
    assert (found["error"] is not None) == (status == "error")


def test_what_did_not_run_has_no_result():
    assert results("skipped") == []


def test_the_page_names_the_table_of_each():
    (shown,) = table_tests.on_a_page(results(test_metadata={"name": "sound"}, attached_node="model.orders"))
    assert isinstance(shown, Result)
    assert (shown.table_schema, shown.table_name) == table_tests.PAGE
    assert shown.expectation == "sound__orders"
    assert shown.why.startswith("marts.orders: Two rows of one key")


def test_every_test_of_the_project_has_a_reason():
    """One of its own begins with a sentence; each kind of the others has one."""
    for file in (PROJECT / "dbt" / "tests").glob("*.sql"):
        assert file.read_text().startswith("-- "), file
    kinds = {file.stem for file in (PROJECT / "dbt" / "tests" / "generic").glob("*.sql")}
    for kind in kinds | {"relationships", "not_null", "accepted_values"}:
        (found,) = results(test_metadata={"name": kind})
        assert found["expectation"] == kind
        assert "Money" not in found["why"], f"say in table_tests why {kind} is asked"
