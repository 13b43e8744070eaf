"""Tests on the tables as results of gates, beside those of the suites: for the run's record and the quality report.

Here: what dbt says of a test, in the shape of `expectations.Result`, with the reason why it is asked. What is tested
stands beside the models; which failure refuses the publication is the transform's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from expectations import Result

SUITE = "tests"
# One page for all of them: a page a table would cost a night more than the tests do.
PAGE = ("tests", "on_tables")
_WHY = {
    "sound": "Two rows of one key count double in every join; what has to be filled and is not is in no report.",
    "relationships": "A reference that leads nowhere loses its row in every join.",
    "not_null": "What has to be filled and is not falls out of every report.",
    "accepted_values": "A value that nobody knows is in no report that names the others.",
    "nothing_lost": "Every row that was read is staged, superseded or in quarantine; another one would be lost.",
}


def results(run_results: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One result for each test that ran, as `Result.as_dict` has it; a test that could not be evaluated has failed."""
    found = []
    for ran in run_results["results"]:
        node = manifest["nodes"].get(ran["unique_id"], {})
        if node.get("resource_type") != "test" or ran["status"] == "skipped":
            continue
        schema, table = _table(node, manifest)
        found.append(
            Result(
                suite=SUITE,
                table_schema=schema,
                table_name=table,
                expectation=(node.get("test_metadata") or {}).get("name") or node["name"],
                column=node.get("column_name"),
                severity="warn" if str(node["config"]["severity"]).lower() == "warn" else "block",
                success=ran["status"] == "pass",
                observed=None,
                expected={},
                unexpected_count=ran.get("failures"),
                element_count=None,
                why=_why(node),
                error="dbt could not evaluate it" if ran["status"] == "error" else None,
            ).as_dict()
        )
    return found


def on_a_page(tests: Iterable[Mapping[str, Any]]) -> list[Result]:
    """The results as the quality report shows them: on one page, each with the table that it is about."""
    schema, name = PAGE
    return [
        Result(
            **{
                **test,
                "table_schema": schema,
                "table_name": name,
                "expectation": f"{test['expectation']}__{test['table_name']}",
                "why": f"{test['table_schema']}.{test['table_name']}: {test['why']}",
            }
        )
        for test in tests
    ]


def _table(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> tuple[str, str]:
    """The table that a test is about: the one beside which it stands, else the first that it reads."""
    named = node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), "")
    about = manifest["nodes"].get(named) or manifest["sources"].get(named) or {"schema": "", "name": ""}
    return about["schema"], about["name"]


def _why(node: Mapping[str, Any]) -> str:
    if told := node.get("description"):
        return str(told)
    if (kind := (node.get("test_metadata") or {}).get("name")) in _WHY:
        return _WHY[kind]
    # A test of its own begins with what it asks.
    said = re.match(r"(?:--[^\n]*\n)+", node.get("raw_code", ""))
    return " ".join(line.removeprefix("--").strip() for line in said[0].splitlines()) if said else node["name"]
