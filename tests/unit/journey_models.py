"""The models of journeys on made-up touches, night after night, as dbt would run them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import duckdb

from tests.unit.compiled_models import compiled, model_text, relation

MACROS = ("journeys", "marts_incremental", "marts_time", "reporting")
TOUCH = {
    "touchpoint_id": "varchar", "customer_id": "varchar", "touchpoint_type": "varchar", "channel": "varchar",
    "source_system": "varchar", "source_record_id": "varchar", "order_id": "varchar", "is_eligible": "boolean",
    "occurred_at": "timestamptz",
}  # fmt: skip
ORDER = {
    "order_id": "varchar", "customer_id": "varchar", "customer_order_number": "bigint", "ordered_at": "timestamptz",
}  # fmt: skip
JOURNEY = {
    "journey": "varchar", "step": "integer", "step_name": "varchar", "touchpoint_types": "varchar",
    "channels": "varchar", "orders_before": "varchar", "only_eligible": "varchar", "within": "varchar",
    "is_optional": "varchar", "ended_by": "varchar",
}  # fmt: skip


@cache
def rendered(name: str, incremental: bool, last_step: int) -> tuple[str, tuple[str, ...]]:
    """A model's SQL, and what dbt would run before it."""
    hooks: list[str] = []
    given = {
        "config": lambda **settings: hooks.extend(settings.get("pre_hook", [])) or "",
        "is_incremental": lambda: incremental,
        "this": relation(name),
        "execute": True,
    }
    # dbt asks the warehouse for the last step, through objects that are only dbt's.
    known = f"{{% macro last_journey_step() %}}{last_step}{{% endmacro %}}"
    model = model_text(name).replace("last_journey_step()", "last_journey_step() | int")
    sql = compiled(known + model, *MACROS, **given)
    return sql, tuple(compiled(hook, *MACROS, **given) for hook in hooks)


class Journeys:
    """One warehouse with the tables that the models of journeys read."""

    def __init__(self, rules: Iterable[Mapping[str, Any]]) -> None:
        self.warehouse = duckdb.connect()
        self.warehouse.execute("set TimeZone = 'UTC'; set threads = 1")
        for schema in ("seeds", "marts", "intermediate", "ops"):
            self.warehouse.execute(f"create schema {schema}")
        self.rules = list(rules)
        self._fill("seeds.journeys", JOURNEY, self.rules)

    def _fill(self, table: str, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        self.warehouse.execute(f"create or replace table {table} ({listed})")
        values = [[row[name] or None if name in JOURNEY else row[name] for name in columns] for row in rows]
        if values:
            self.warehouse.executemany(f"insert into {table} values ({', '.join('?' * len(columns))})", values)

    def night(
        self,
        touches: Iterable[Mapping[str, Any]],
        orders: Iterable[Mapping[str, Any]],
        as_of: datetime,
        rebuild: bool = False,
    ) -> list[dict[str, Any]]:
        """Run the models over these touches; returns the rows of journey_steps without bookkeeping."""
        warehouse = self.warehouse
        self._fill("marts.touchpoints", TOUCH, touches)
        of_a_touch = ", ".join(name for name in TOUCH if name != "touchpoint_id")
        warehouse.execute("alter table marts.touchpoints add column _fingerprint ubigint")
        warehouse.execute(f"update marts.touchpoints set _fingerprint = hash({of_a_touch})")
        self._fill("marts.orders", ORDER, orders)
        warehouse.execute("create or replace table ops.run_parameters as select $1::timestamptz as as_of", [as_of])
        built = {name for (name,) in warehouse.execute("select table_name from duckdb_tables()").fetchall()}
        incremental = "journey_steps" in built and not rebuild
        last_step = max((int(rule["step"]) for rule in self.rules), default=1)
        people, _ = rendered("int_journeys__people", False, last_step)
        warehouse.execute(f"create or replace table intermediate.int_journeys__people as {people}")
        steps, hooks = rendered("journey_steps", incremental, last_step)
        for hook in hooks:
            warehouse.execute(hook)
        verb = "insert into marts.journey_steps" if incremental else "create or replace table marts.journey_steps as"
        warehouse.execute(f"{verb} {steps}")
        funnel, _ = rendered("journey_funnel", False, last_step)
        warehouse.execute(f"create or replace table marts.journey_funnel as {funnel}")
        return self.rows("marts.journey_steps", "_fingerprint, _loaded_at")

    def rows(self, table: str, without: str = "entry_month") -> list[dict[str, Any]]:
        """The rows of a table, sorted, without some columns."""
        found = self.warehouse.execute(f"select * exclude ({without}) from {table} order by all")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
