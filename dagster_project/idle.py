"""Which nodes have nothing to do tonight: models that stand for sources without a row, and rules that are loaded.

A company has few of the doors that the project knows. What the others would feed in staging and quarantine is empty,
was built empty, and is left as it is, with the tests that look at nothing else. A rule file that changes makes the
whole warehouse anew, so in one that is carried on the seeds hold what the files do; their tests are asked as ever.
Here: which nodes those are, and how dbt is told to leave them. Not here: the build (`defs.transform`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

_LAYERS = ("staging", "quarantine")


def nodes(
    manifest: Mapping[str, Any], raw_rows: Mapping[tuple[str, str], int], warehouse: duckdb.DuckDBPyConnection
) -> set[str]:
    """The unique ids of models, and of tests on them alone, that would build again what is there: nothing.

    `raw_rows`: how many rows each raw table holds tonight, by schema and name; one that is not listed may hold some.
    """
    built = _built_without_rows(warehouse)
    judged: dict[str, bool | None] = {}

    def is_idle(unique_id: str) -> bool | None:
        """Whether it stays empty; None for what says nothing either way, a seed or a parameter of the run."""
        if unique_id in judged:
            return judged[unique_id]
        if unique_id in manifest["sources"]:
            source = manifest["sources"][unique_id]
            found = None if source["schema"] == "ops" else raw_rows.get((source["schema"], source["name"]), 1) == 0
        else:
            node = manifest["nodes"][unique_id]
            if node["resource_type"] == "seed":
                found = None
            elif node["schema"] in _LAYERS and (node["schema"], node["name"]) in built:
                parents = {is_idle(parent) for parent in node["depends_on"]["nodes"]}
                found = True in parents and False not in parents
            else:
                found = False
        judged[unique_id] = found
        return found

    models = {name for name, node in manifest["nodes"].items() if node["resource_type"] == "model" and is_idle(name)}
    tests = {
        name
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
        and node["depends_on"]["nodes"]
        and set(node["depends_on"]["nodes"]) <= models
    }
    return models | tests


def seeds(manifest: Mapping[str, Any], warehouse: duckdb.DuckDBPyConnection) -> set[str]:
    """The unique ids of the seeds whose table is there."""
    there = {
        name
        for (name,) in warehouse.execute(
            "select table_name from duckdb_tables() where database_name = current_database() and schema_name = 'seeds'"
        ).fetchall()
    }
    return {
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "seed" and node["name"] in there
    }


def _built_without_rows(warehouse: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Schema and name of the views of these layers, and of their tables that hold no row."""
    found = set()
    for schema, name, kind in warehouse.execute(
        "select table_schema, table_name, table_type from information_schema.tables"
        " where table_catalog = current_database() and table_schema in (select unnest($1))",
        [list(_LAYERS)],
    ).fetchall():
        if kind == "VIEW" or warehouse.execute(f'select 1 from "{schema}"."{name}" limit 1').fetchone() is None:
            found.add((schema, name))
    return found


def build_arguments(manifest: dict[str, Any], left_alone: set[str]) -> list[str]:
    """dbt's command that builds and tests everything but the nodes of these unique ids."""
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if left_alone:
        # `empty`: only what is named is left out, never a test that looks at something else as well.
        names = " ".join(sorted(f"fqn:{'.'.join(manifest['nodes'][name]['fqn'])}" for name in left_alone))
        arguments += ["--indirect-selection", "empty", "--exclude", names]
    return arguments
