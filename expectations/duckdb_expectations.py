"""Expectations that Great Expectations lacks on DuckDB: patterns, casts, conditions, times, query values.

Here belong classes that every suite may name. None of them knows a table or a threshold: those belong to the suites.
Importing this module imports Great Expectations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from great_expectations.compatibility import pydantic
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.render import RenderedStringTemplateContent
from great_expectations.render.components import LegacyRendererType
from great_expectations.render.renderer.renderer import renderer

CASTS: dict[str, str] = {
    "time": "try_cast({column} as timestamptz) is not null",
    "date": "try_cast({column} as date) is not null",
    "amount": "try_cast({column} as decimal(18, 4)) is not null",
    "integer": "try_cast({column} as bigint) is not null and {column} not like '%.%'",
    "boolean": "lower({column}) in ('true', 'false', '0', '1')",
    "json_object": "case when json_valid({column}) then json_type({column}) = 'OBJECT' end",
    "json_list": "case when json_valid({column}) then json_type({column}) = 'ARRAY' end",
}


CONDITIONS: dict[str, Callable[..., str]] = {
    "column_values.parse_as": lambda kind: CASTS[kind],
    "column_values.fully_match": lambda pattern: f"regexp_full_match(cast({{column}} as varchar), {_quoted(pattern)})",
    # What is no time at all is another expectation's business.
    "column_values.not_after": lambda limit: (
        "try_cast({column} as timestamptz) is null"
        f" or try_cast({{column}} as timestamptz) <= cast({_quoted(limit)} as timestamptz)"
    ),
    "column_values.satisfy": lambda condition: condition,
}
"""By metric: its arguments to the SQL condition that a good value meets, `{column}` standing for the quoted column."""


def condition_sql(metric: str, column: str, arguments: Mapping[str, Any]) -> str:
    """The condition as SQL that is true or false, never NULL: `not NULL` would count a row as good."""
    name = '"' + column.replace('"', '""') + '"'
    return f"coalesce(({CONDITIONS[metric](**arguments).replace('{column}', name)}), false)"


def failing_rows_sql(expectation: type[ColumnMapExpectation], kwargs: Mapping[str, Any]) -> str | None:
    """The condition that a failing row meets, for the classes whose SQL is known here."""
    column, metric = str(kwargs["column"]), str(expectation.map_metric)
    name = '"' + column.replace('"', '""') + '"'
    if metric == "column_values.nonnull":
        return f"{name} is null"
    if metric not in CONDITIONS:
        return None
    arguments = {key: kwargs[key] for key in expectation.success_keys if key != "mostly"}
    return f"{name} is not null and not {condition_sql(metric, column, arguments)}"


def _condition(metric: str, column: Any, arguments: Mapping[str, Any]) -> Any:
    # literal_column, because text() would take the colons of a time for bind parameters.
    return sa.literal_column(condition_sql(metric, str(column.name), arguments), sa.Boolean())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sentence(template: str, configuration: Any, percent: bool) -> list[RenderedStringTemplateContent]:
    arguments = dict(configuration.kwargs) if configuration else {}
    mostly = arguments.get("mostly")
    if percent and mostly is not None and mostly < 1:
        template += ", at least $mostly_percent % of the time"
        arguments["mostly_percent"] = f"{100 * mostly:.4g}"
    return [
        RenderedStringTemplateContent(
            content_block_type="string_template",
            string_template={
                "template": template + ".",
                "params": {name: _shown(value) for name, value in arguments.items()},
                "styling": {"default": {"classes": ["badge", "badge-secondary"]}},
            },
        )
    ]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class _ParseAs(ColumnMapMetricProvider):
    condition_metric_name = "column_values.parse_as"
    condition_value_keys = ("kind",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, kind: str, **_: Any) -> Any:
        return _condition(cls.condition_metric_name, column, {"kind": kind})


class _FullyMatch(ColumnMapMetricProvider):
    condition_metric_name = "column_values.fully_match"
    condition_value_keys = ("pattern",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, pattern: str, **_: Any) -> Any:
        return _condition(cls.condition_metric_name, column, {"pattern": pattern})


class _NotAfter(ColumnMapMetricProvider):
    condition_metric_name = "column_values.not_after"
    condition_value_keys = ("limit",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, limit: str, **_: Any) -> Any:
        return _condition(cls.condition_metric_name, column, {"limit": limit})


class _Satisfy(ColumnMapMetricProvider):
    condition_metric_name = "column_values.satisfy"
    condition_value_keys = ("condition",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, condition: str, **_: Any) -> Any:
        return _condition(cls.condition_metric_name, column, {"condition": condition})


class ExpectColumnValuesToParseAs(ColumnMapExpectation):
    """Every value that is not null can be read as `kind`."""

    kind: Literal["time", "date", "amount", "integer", "boolean", "json_object", "json_list"]

    map_metric: ClassVar[str] = "column_values.parse_as"
    success_keys: ClassVar[tuple[str, ...]] = ("kind", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "kind")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        return _sentence("values can be read as $kind", configuration, percent=True)


class ExpectColumnValuesToFullyMatch(ColumnMapExpectation):
    """Every value that is not null matches the whole of `pattern` (RE2)."""

    pattern: pydantic.StrictStr

    map_metric: ClassVar[str] = "column_values.fully_match"
    success_keys: ClassVar[tuple[str, ...]] = ("pattern", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "pattern")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        return _sentence("values match $pattern", configuration, percent=True)


class ExpectColumnTimesNotAfter(ColumnMapExpectation):
    """Every value that is a time is at or before `limit` (ISO text with its zone)."""

    limit: pydantic.StrictStr

    map_metric: ClassVar[str] = "column_values.not_after"
    success_keys: ClassVar[tuple[str, ...]] = ("limit", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "limit")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        return _sentence("times are not after $limit", configuration, percent=True)


class ExpectColumnValuesToSatisfy(ColumnMapExpectation):
    """Every row whose value is not null meets an SQL condition; `{column}` stands for the quoted column."""

    condition: pydantic.StrictStr

    map_metric: ClassVar[str] = "column_values.satisfy"
    success_keys: ClassVar[tuple[str, ...]] = ("condition", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "condition")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        return _sentence("rows meet $condition", configuration, percent=True)


class ExpectQueryValueToBeBetween(BatchExpectation):
    """The one value of an SQL query lies between two bounds; `{batch}` stands for the table. NULL fails."""

    query: pydantic.StrictStr
    min_value: float | None = None
    max_value: float | None = None

    metric_dependencies: ClassVar[tuple[str, ...]] = ("query.table",)
    success_keys: ClassVar[tuple[str, ...]] = ("query", "min_value", "max_value")
    args_keys: ClassVar[tuple[str, ...]] = ("query", "min_value", "max_value")

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: dict[str, Any] | None = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        rows = metrics["query.table"]
        if len(rows) != 1 or len(rows[0]) != 1:
            raise ValueError(f"the query gives {len(rows)} rows, not one row of one value")
        value = next(iter(rows[0].values()))
        if value is None:
            return {"success": False, "result": {"observed_value": None}}
        number = float(value)
        above = self.min_value is None or number >= self.min_value
        below = self.max_value is None or number <= self.max_value
        return {"success": above and below, "result": {"observed_value": number}}

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        return _sentence("$query is between $min_value and $max_value", configuration, percent=False)


class ExpectColumnsToHoldValues(BatchExpectation):
    """Each of `columns` has a value in at least one row; observes the columns that have none.

    Fewer than `min_rows` rows prove nothing and pass.
    """

    columns: list[pydantic.StrictStr]
    min_rows: int = 3
    query: pydantic.StrictStr = ""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("query.table",)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "min_rows", "query")
    args_keys: ClassVar[tuple[str, ...]] = ("columns",)

    @pydantic.root_validator
    def _counting_query(cls, values: dict[str, Any]) -> dict[str, Any]:
        counts = ", ".join(f'count("{name}") as c{number}' for number, name in enumerate(values.get("columns", ())))
        return {**values, "query": f"select count(*), {counts} from {{batch}}"}

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: dict[str, Any] | None = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        (row,) = metrics["query.table"]
        rows, *counts = row.values()
        empty = [name for name, count in zip(self.columns, counts, strict=True) if count == 0]
        return {
            "success": not empty or rows < self.min_rows,
            "result": {"observed_value": {"columns_without_values": empty}},
        }

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[RenderedStringTemplateContent]:
        return _sentence("each of $columns holds values", configuration, percent=False)
