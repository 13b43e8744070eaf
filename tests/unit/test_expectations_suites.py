"""Suites as data and what results say to people: everything of the gates that needs no Great Expectations."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from expectations import Result, refused, suite_names
from expectations.suites import Entry, MissingParameter, SuiteError, applies, fill_in, lenient, load_suite

ENTRY = """
schema: raw_shop
tables:
  orders:
    expectations:
      - {expect: ExpectColumnValuesToNotBeNull, columns: [id, total], severity: block, why: Orders need both.}
"""


def entry(**kwargs: object) -> Entry:
    return Entry(place="here", expect="ExpectX", kwargs=kwargs, severity="block", why="It matters.")


def result(**changes: object) -> Result:
    given: dict[str, object] = {
        "suite": "raw_shop",
        "table_schema": "raw_shop",
        "table_name": "orders",
        "expectation": "expect_column_values_to_not_be_null",
        "column": "id",
        "severity": "block",
        "success": False,
        "observed": None,
        "expected": {"column": "id", "mostly": 0.99},
        "unexpected_count": 30,
        "element_count": 120,
        "why": "Orders need a key.",
        "load_id": "L1",
        "failing_rows": ("_row_number 7",),
    }
    return Result(**{**given, **changes})  # type: ignore[arg-type]


def test_every_shipped_suite_is_well_formed() -> None:
    names = suite_names()
    assert set(names) >= {"raw_shopify", "raw_zendesk", "raw_pos", "raw_events", "raw_exports", "marts"}
    for name in names:
        suite = load_suite(name)
        assert suite.schema == name
        assert suite.tables


def test_an_entry_with_several_columns_is_one_expectation_each(tmp_path: Path) -> None:
    (tmp_path / "raw_shop.yml").write_text(ENTRY)
    entries = load_suite("raw_shop", tmp_path).table("orders").entries
    assert [found.kwargs["column"] for found in entries] == ["id", "total"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("severity: block", "severity: fatal", "severity 'fatal'"),
        ("why: Orders need both.", "why: ''", "`why` is empty"),
        (", why: Orders need both.", "", "`why` is missing"),
        ("columns: [id", "colums: [id", "unknown key colums"),
        ("expectations:", "expectation:", "unknown key expectation"),
        ("schema: raw_shop", "shema: raw_shop", "unknown key shema"),
        ("severity: block", "kwargs: {limit: {parametre: x}}, severity: block", "stands for a parameter"),
    ],
)
def test_a_bad_suite_is_refused_with_its_place(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in ENTRY
    (tmp_path / "raw_shop.yml").write_text(ENTRY.replace(before, after))
    with pytest.raises(SuiteError, match=said) as refusal:
        load_suite("raw_shop", tmp_path)
    assert "raw_shop.yml" in str(refusal.value)


def test_an_unknown_suite_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no suite 'raw_nowhere'"):
        load_suite("raw_nowhere")


def test_parameters_are_filled_in_by_table_with_arithmetic() -> None:
    parameters = {"as_of": datetime(2026, 1, 1, tzinfo=UTC), "previous_rows": {"orders": 101}}
    filled = fill_in(
        entry(
            limit={"parameter": "as_of", "plus_days": 1},
            min_value={"parameter": "previous_rows", "times": 0.9},
            max_value={"parameter": "ceiling", "default": 5},
            query="select $as_of, count(*) from {batch} where n < $previous_rows",
        ),
        "orders",
        parameters,
    )
    assert filled == {
        "limit": "2026-01-02T00:00:00+00:00",
        "min_value": 90,
        "max_value": 5,
        "query": "select '2026-01-01T00:00:00+00:00', count(*) from {batch} where n < 101",
    }


def test_a_parameter_without_a_value_is_never_passed_over() -> None:
    with pytest.raises(MissingParameter, match="previous_rows"):
        fill_in(entry(min_value={"parameter": "previous_rows"}), "orders", {"previous_rows": {"refunds": 1}})
    optional = Entry(place="", expect="", kwargs={}, severity="warn", why="", when="previous_rows")
    assert not applies(optional, "orders", {})
    assert applies(optional, "orders", {"previous_rows": {"orders": 0}})


@pytest.mark.parametrize(
    ("count", "bad", "passes"),
    [
        (10_000, 100, True),  # the share that `mostly` allows
        (10_000, 101, False),
        (50, 5, True),  # a handful, though it is a tenth of all
        (50, 6, False),
        (4, 2, True),  # half of a tiny load
        (4, 3, False),
        (1, 1, True),  # one row is no reason to hold a source back
        (3, 3, False),
    ],
)
def test_a_handful_of_bad_rows_is_left_to_the_quarantine(count: int, bad: int, passes: bool) -> None:
    assert ((count - bad) / count >= lenient(0.99, count, handful=5)) is passes


def test_refusals_say_what_where_and_what_to_do() -> None:
    said = refused([result(), result(success=True), result(severity="warn"), result(column="total")])
    assert len(said) == 1
    for part in ("raw_shop.orders", "L1", "30 of 120 rows (25.00 %)", "_row_number 7", "need a key", "run again"):
        assert part in said[0]
    assert refused([result(success=True)]) == []


def test_a_result_can_be_stored_and_read_again() -> None:
    assert Result(**{**result().as_dict(), "failing_rows": ("_row_number 7",)}) == result()


def test_great_expectations_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, expectations; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
