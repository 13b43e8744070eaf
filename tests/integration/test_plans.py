"""How DuckDB means to run the models: nothing with a key is joined row by row, which no small company would show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import yaml

from tests.integration.conftest import PROJECT, Home

_ROW_BY_ROW = ("NESTED_LOOP_JOIN", "BLOCKWISE_NL_JOIN")
_TINY = {"channel_roi"}  # every platform beside every rule of the file of channels
_SAME_KEY = re.compile(r"\b[a-z_]+ = [a-z_]+\b")


def joins(plan: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each join's kind and condition."""
    for step in plan:
        if "JOIN" in step["name"]:
            yield step["name"].strip(), str(step["extra_info"])
        yield from joins(step["children"])


@pytest.fixture(scope="module")
def reader(company: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, as dbt opens it."""
    profile = yaml.safe_load((PROJECT / "dbt" / "profiles.yml").read_text())["omnihouse"]["outputs"]["duckdb"]
    with duckdb.connect(str(company.path / "warehouse.duckdb"), read_only=True) as warehouse:
        for name, value in profile["settings"].items():
            warehouse.execute(f"set {name} = '{value}'")
        yield warehouse


def test_nothing_that_has_a_key_is_joined_row_by_row(company: Home, reader: duckdb.DuckDBPyConnection) -> None:
    compiled = company.path / "dbt" / "target" / "compiled" / "omnihouse" / "models"
    kinds = set()
    row_by_row: dict[str, list[str]] = {}
    for file in sorted(compiled.rglob("*.sql")):
        plan = json.loads(reader.execute(f"explain (format json) {file.read_text()}").fetchall()[0][1])
        for kind, condition in joins(plan):
            kinds.add(kind)
            if kind in _ROW_BY_ROW and _SAME_KEY.search(condition):
                row_by_row.setdefault(file.stem, []).append(condition)
    assert {"HASH_JOIN", "ASOF_JOIN"} <= kinds
    assert row_by_row.keys() == _TINY, row_by_row
