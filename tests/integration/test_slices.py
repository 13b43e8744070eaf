"""Tables that are built slice by slice have the rows of tables built at once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.config import House
from tests.integration.conftest import Home
from tests.integration.empty_warehouse import dbt

KEYS = {
    "attribution": "int_attribution__states",
    "journey_steps": "int_journeys__people",
    "customer_features": "int_customers__feature_people",
}


@pytest.fixture
def built(company: Home, tmp_path: Path) -> House:
    """The small company's warehouse once more, with what dbt needs of its home."""
    home = tmp_path / "home"
    shutil.copytree(company.path, home, ignore=shutil.ignore_patterns("published", "lake", "dagster", "runs"))
    return House(home=home)


def rows_and_keys(house: House, table: str) -> tuple[list[tuple[Any, ...]], int]:
    with duckdb.connect(str(house.warehouse), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        rows = warehouse.execute(f"select * exclude (_loaded_at) from marts.{table} order by all").fetchall()
        counted = warehouse.execute(f"select count(*) from intermediate.{KEYS[table]}").fetchone()
    return rows, counted[0] if counted else 0


def test_slices_give_the_rows_of_the_whole(built: House):
    before = {table: rows_and_keys(built, table) for table in KEYS}
    slices = 7
    fewest = min(keys for _, keys in before.values())
    most = f"{{keys_of_a_slice: {fewest // slices}}}"
    outcome = dbt(built, "build", "--full-refresh", "--select", *KEYS, "--vars", most)
    assert outcome.returncode == 0, outcome.stdout[-3000:]
    for table, (rows, keys) in before.items():
        found, _ = rows_and_keys(built, table)
        assert found == rows, table
        compiled = next((built.dbt_work / "target" / "compiled").rglob(f"{table}.sql")).read_text()
        assert f"% {-(-keys // (fewest // slices))} = /* slice */ 0" in compiled, table
        assert len(rows) > slices
