"""Column lineage of the SQL models, read from their compiled SQL.

Cached by content, so that a night on an unchanged project costs nothing. A Python model has no SQL to read; the columns
of the clustering are supplied by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from dagster_project.keys import asset_key

Columns = dict[str, dict[str, dict[str, str]]]
Lineage = dict[str, list[tuple[str, str, str]]]

# int_identity__clusters: every column comes out of the resolution over all records and assertions.
_RESOLVED = [
    ("intermediate", "int_identity__records", "record_key"),
    ("intermediate", "int_identity__assertions", "value"),
]
BY_HAND: dict[str, Lineage] = {
    "int_identity__clusters": {
        name: list(_RESOLVED)
        for name in ("record_key", "customer_id", "anchor_record_key", "match_rule", "match_confidence", "is_anonymous")
    }
}


def of_models(
    manifest: Mapping[str, Any], compiled: Path, warehouse: duckdb.DuckDBPyConnection, cache: Path
) -> dict[str, Lineage]:
    """For each model, by unique id: column → (schema, table, column) of the parents that it is made from."""
    columns = _columns(warehouse)
    known: dict[str, Any] = json.loads(cache.read_text()) if cache.exists() else {}
    fresh: dict[str, Any] = {}
    found: dict[str, Lineage] = {}
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] != "model" or node["name"] in BY_HAND:
            continue
        file = compiled / node["package_name"] / node["original_file_path"]
        if node["language"] != "sql" or not file.exists():
            continue
        sql = file.read_text()
        parents = [
            (manifest["sources"] if parent.startswith("source.") else manifest["nodes"])[parent]
            for parent in node["depends_on"]["nodes"]
        ]
        relations = [(parent["schema"], parent["name"]) for parent in [*parents, node]]
        shape = {f"{schema}.{name}": columns.get(schema, {}).get(name, {}) for schema, name in relations}
        key = hashlib.sha256((sql_without_literals(node) + json.dumps(shape, sort_keys=True)).encode()).hexdigest()
        fresh[unique_id] = known.get(unique_id)
        if fresh[unique_id] is None or fresh[unique_id]["key"] != key:
            fresh[unique_id] = {"key": key, "columns": _trace(sql, shape, node["name"])}
        found[unique_id] = fresh[unique_id]["columns"]
    cache.write_text(json.dumps(fresh))
    return found


def sql_without_literals(node: Mapping[str, Any]) -> str:
    """What identifies a model's SQL from night to night: its source, since compiled SQL may name tonight's loads."""
    return str(node["checksum"]["checksum"])


def metadata(lineage: Lineage) -> dg.TableColumnLineage:
    """The form that the Dagster UI draws."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key(schema, table), name) for schema, table, name in parents]
            for column, parents in lineage.items()
        }
    )


def _columns(warehouse: duckdb.DuckDBPyConnection) -> Columns:
    columns: Columns = {}
    for schema, table, column, kind in warehouse.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = current_database() and not internal"
    ).fetchall():
        columns.setdefault(schema, {}).setdefault(table, {})[column] = kind
    return columns


def _trace(sql: str, shape: Mapping[str, Mapping[str, str]], own_name: str) -> Lineage:
    from sqlglot import MappingSchema, exp, parse_one
    from sqlglot.lineage import lineage
    from sqlglot.optimizer import build_scope, qualify

    schema = MappingSchema(dialect="duckdb")
    for relation, columns in shape.items():
        if columns:
            schema.add_table(relation, dict(columns), dialect="duckdb")
    query = qualify.qualify(
        parse_one(sql, dialect="duckdb"),
        schema=schema,
        dialect="duckdb",
        validate_qualify_columns=False,
        identify=False,
    )
    scope = build_scope(query)
    traced: Lineage = {}
    if not isinstance(query, exp.Query) or scope is None:
        return traced
    for column in query.named_selects:
        leaves = set()
        for step in lineage(column, query, scope=scope, schema=schema, dialect="duckdb", copy=False).walk():
            source = step.source.find(exp.Table) if isinstance(step.source, exp.Table) else None
            if step.downstream or source is None or source.name == own_name:
                continue
            leaves.add((source.db, source.name, step.name.rpartition(".")[2].strip('"')))
        traced[column] = sorted(leaves)
    return traced
