"""The models by themselves: dbt's unit tests, and a build with every data test on a company that has no rows yet.

A night leaves the unit tests out, because they prove the code and not the data, so this is where they run.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from dagster_project import project
from dagster_project.config import House
from tests.integration import known_project
from tests.integration.empty_warehouse import dbt, prepare


def dbt_build(house: House) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, str]]]:
    """Build everything in the home; returns how dbt ended, and per kind of node the status of each."""
    outcome = dbt(house, "build")
    results: dict[str, dict[str, str]] = {}
    for result in json.loads((project.target(house) / "run_results.json").read_text())["results"]:
        kind = result["unique_id"].partition(".")[0]
        results.setdefault(kind, {})[result["unique_id"]] = result["status"]
    return outcome, results


@pytest.fixture(scope="module")
def empty_company(tmp_path_factory: pytest.TempPathFactory, known: Path) -> House:
    home = tmp_path_factory.mktemp("empty") / "home"
    known_project.give(home, known)
    return prepare(House(home))


@pytest.fixture(scope="module")
def built(empty_company: House) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, str]]]:
    return dbt_build(empty_company)


def defined(house: House, kind: str) -> set[str]:
    manifest = json.loads((project.target(house) / "manifest.json").read_text())
    found = manifest["unit_tests"] if kind == "unit_test" else manifest["nodes"]
    return {unique_id for unique_id in found if unique_id.partition(".")[0] == kind}


@pytest.mark.parametrize(("kind", "good"), [("unit_test", "pass"), ("model", "success"), ("test", "pass")])
def test_everything_is_run_and_passes(empty_company: House, built, kind: str, good: str):
    outcome, results = built
    ran = results.get(kind, {})
    not_good = {unique_id: status for unique_id, status in ran.items() if status != good}
    assert not not_good, outcome.stdout[-6000:]
    assert set(ran) == defined(empty_company, kind)
    assert ran, f"the project has no {kind}"


def test_an_empty_company_builds_again_with_nothing_new(empty_company: House, built):
    """The second night takes the incremental way through every model; an exposure is a `no-op`."""
    outcome, results = dbt_build(empty_company)
    statuses = Counter(status for kind in results.values() for status in kind.values())
    assert outcome.returncode == 0, outcome.stdout[-6000:]
    assert set(statuses) <= {"pass", "success", "no-op"}, statuses


def test_an_empty_company_has_empty_facts(empty_company: House, built):
    with duckdb.connect(str(empty_company.warehouse), read_only=True) as reader:
        counts = {
            table: reader.execute(f"select count(*) from marts.{table}").fetchall()[0][0]
            for table in ("orders", "order_lines", "refunds", "payments", "customers", "touchpoints", "service_tickets")
        }
    assert not any(counts.values()), counts
