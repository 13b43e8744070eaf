"""Column lineage of the SQL models, read from their compiled SQL.

Cached by content, so that a night on an unchanged project costs nothing. A Python model has no SQL to read; the columns
of those are supplied by hand.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from dagster_project.keys import asset_key

Columns = dict[str, dict[str, dict[str, str]]]
Leaf = tuple[str, str, str]
Lineage = dict[str, list[Leaf]]

# int_identity__clusters: every column comes out of the resolution over all records and assertions.
_RESOLVED = [
    ("intermediate", "int_identity__records", "record_key"),
    ("intermediate", "int_identity__assertions", "value"),
]
# int_attribution__weights: the models are fitted on all paths of a month.
_COUNTED = [("intermediate", "int_attribution__path_counts", name) for name in ("path", "conversions", "nulls")]
# int_customers__value_fits and …_predictions: fitted on all histories.
_HISTORIES = [("intermediate", "int_customers__value_histories", name) for name in ("frequency", "recency", "t")]
_VALUES = [("intermediate", "int_customers__value_histories", name) for name in ("valued_days", "mean_value")]
_FITTED = [("intermediate", "int_customers__value_fits", name) for name in ("r", "alpha", "a", "b")]
_ATTRIBUTES = ("full_name", "gender", "city", "country", "member_level", "birth_date")
BY_HAND: dict[str, Lineage] = {
    # Columns become rows here, which the reader of SQL does not follow.
    "int_customers__statements": {
        "record_key": [("intermediate", "int_identity__records", "record_key")],
        "source_system": [("intermediate", "int_identity__records", "source_system")],
        "attribute": [],
        "value": [
            ("intermediate", "int_identity__assertions", "value"),
            *(("intermediate", "int_identity__records", name) for name in _ATTRIBUTES),
        ],
        "default_region": [("intermediate", "int_identity__records", "default_region")],
        "asserted_at": [
            ("intermediate", "int_identity__assertions", "last_at"),
            ("intermediate", "int_identity__records", "last_seen_at"),
        ],
    },
    "int_customers__comparable_values": {
        "attribute": [("intermediate", "int_customers__statements", "attribute")],
        "default_region": [("intermediate", "int_customers__statements", "default_region")],
        **{
            name: [
                ("intermediate", "int_customers__statements", "value"),
                ("seeds", "identity_blocked_values", "value"),
            ]
            for name in ("plain_value", "reason")
        },
        "value": [("intermediate", "int_customers__statements", "value")],
    },
    "int_attribution__weights": {
        "month": [("intermediate", "int_attribution__path_counts", "month")],
        "model": [],
        "channel": _COUNTED[:1],
        "touches": list(_COUNTED),
        "month_conversions": _COUNTED[1:2],
        "month_nulls": _COUNTED[2:],
        **{name: list(_COUNTED) for name in ("weight", "share", "conversions")},
    },
    "int_customers__value_fits": {
        **{name: list(_HISTORIES) for name in ("r", "alpha", "a", "b", "customers", "repeat_buyers")},
        **{name: list(_VALUES) for name in ("p", "q", "v")},
        "as_of_date": [("intermediate", "int_customers__value_histories", "as_of_date")],
        "unit": [("seeds", "value_config", "unit")],
    },
    "int_customers__value_predictions": {
        **{name: [column] for name, column in zip(("frequency", "recency", "t"), _HISTORIES, strict=True)},
        **{
            name: [*_HISTORIES, *_FITTED]
            for name in (
                *("alive_probability", "predicted_purchases"),
                *("predicted_purchases_low", "predicted_purchases_high"),
            )
        },
    },
    "int_audiences__matched": {
        "audience": [("ops", "audience_rules", "audience")],
        "customer_id": [("marts", "customer_features", "customer_id")],
    },
    "int_identity__clusters": {
        name: list(_RESOLVED)
        for name in ("record_key", "customer_id", "anchor_record_key", "match_rule", "match_confidence", "is_anonymous")
    },
    "int_identity__published_ids": {
        name: [("intermediate", "int_identity__personal_ids", "id")] for name in ("id", "published_id")
    },
}


def of_models(
    manifest: Mapping[str, Any], compiled: Path, warehouse: duckdb.DuckDBPyConnection, cache: Path
) -> dict[str, Lineage]:
    """For each model, by unique id: column → (schema, table, column) of the parents that it is made from."""
    # It names on the terminal what it cannot follow; an empty list of parents says the same in the graph.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    columns = _columns(warehouse)
    known = _remembered(cache)
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
        # A model is known by its source: its compiled SQL may name tonight's loads, and would be new each night.
        source = str(node["checksum"]["checksum"])
        key = hashlib.sha256((source + json.dumps(shape, sort_keys=True)).encode()).hexdigest()
        fresh[unique_id] = known.get(unique_id)
        if fresh[unique_id] is None or fresh[unique_id]["key"] != key:
            fresh[unique_id] = {"key": key, "columns": _trace(sql, shape, node["name"])}
        found[unique_id] = fresh[unique_id]["columns"]
    written = cache.with_suffix(".new")
    written.write_text(json.dumps(fresh))
    written.replace(cache)
    return found


def _remembered(cache: Path) -> dict[str, Any]:
    """What earlier nights traced; nothing where there is none, or the file was damaged: it is only traced anew."""
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


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
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer import build_scope
    from sqlglot.optimizer.qualify import qualify

    schema = MappingSchema(dialect="duckdb")
    for relation, columns in shape.items():
        if columns:
            schema.add_table(relation, dict(columns), dialect="duckdb")
    try:
        query = qualify(
            parse_one(sql, dialect="duckdb"),
            schema=schema,
            dialect="duckdb",
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        scope = build_scope(query)
    except SqlglotError as problem:
        logging.getLogger(__name__).warning("no column lineage for %s: %s", own_name, problem)
        return {}
    if scope is None or not isinstance(query, exp.Query):
        return {}
    tracer = _Tracer(own_name)
    return {column: sorted(tracer.leaves(scope, column)) for column in query.named_selects}


class _Tracer:
    """Follows a column through the scopes of one query down to the tables it is read from."""

    def __init__(self, own_name: str) -> None:
        self._own_name = own_name
        self._known: dict[tuple[int, str], set[Leaf]] = {}

    def leaves(self, scope: Any, column: str) -> set[Leaf]:
        """The (schema, table, column) that a column of a scope's result is made from."""
        key = (id(scope), column)
        if key not in self._known:
            self._known[key] = set()
            self._known[key] = self._of_result(scope, column)
        return self._known[key]

    def _of_result(self, scope: Any, column: str) -> set[Leaf]:
        from sqlglot import exp

        if scope.union_scopes:
            position = _position(scope.expression.named_selects, column)
            found = set()
            for branch in scope.union_scopes:
                names = branch.expression.named_selects
                name = column if scope.expression.args.get("by_name") or position is None else names[position]
                found |= self.leaves(branch, name)
            return found
        if not isinstance(scope.expression, exp.Select):
            return self._of_columns(scope, scope.expression.find_all(exp.Column))
        chosen = [item for item in scope.expression.selects if item.alias_or_name == column]
        return self._of_columns(scope, (used for item in chosen for used in item.find_all(exp.Column)))

    def _of_columns(self, scope: Any, columns: Iterable[Any]) -> set[Leaf]:
        from sqlglot import exp

        found = set()
        for column in columns:
            source = _source(scope, column.table)
            if isinstance(source, exp.Table):
                if source.name != self._own_name:
                    found.add((source.db, source.name, column.name))
            elif source is not None:
                found |= self.leaves(source, column.name)
        return found


def _position(names: list[str], column: str) -> int | None:
    return names.index(column) if column in names else None


def _source(scope: Any, alias: str) -> Any:
    """What an alias stands for, here, in a subquery of this scope, or around it."""
    for place in (scope, *scope.subquery_scopes, scope.parent):
        if place is not None and alias in place.sources:
            return place.sources[alias]
    return None
