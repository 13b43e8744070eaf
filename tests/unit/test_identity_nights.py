"""A resolution carried from night to night equals one made of everything at once, row by row."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from identity.nights import COLUMNS, Tonight, delta, whole
from tests.unit.resolution_by_definition import KEY, NAMES, Assertion, Decision, Record, companies, tables

BLOCKED = ("phone", "+8613912345673", "n", "the shop's own")
STRATEGIES = Path(__file__).parents[2] / "dbt" / "macros" / "incremental_strategies.sql"
SESSION = duckdb.connect(config={"threads": 1})
# Tight, so that many a value is a hub, by records or by people, and stays one or does not.
RULES = [
    ("phone", 1, "n", 2, 2, None, 90, "y"),
    ("member_no", 2, "n", 3, 1, 2, 90, "n"),
    ("login", 2, "n", None, None, 1, 90, "n"),
    ("email", 3, "n", None, 1, None, 30, "y"),
    ("device", 5, "y", 2, 2, None, 90, "n"),
]
NO_DECISIONS = pa.table({"record_key": pa.nulls(0, pa.string()), "night": pa.nulls(0, pa.int64())})


def replaced(last: pa.Table, rows: pa.Table) -> pa.Table:
    """The table after a night, by the macro that the warehouse runs."""
    macro = Environment().from_string(STRATEGIES.read_text()).module.get_incremental_replace_gone_sql
    columns = [{"quoted": f'"{name}"'} for name in COLUMNS.names]
    SESSION.register("given", last)
    SESSION.register("fresh", rows)
    SESSION.execute("create or replace table kept as from given")
    SESSION.execute(macro({"target_relation": "kept", "temp_relation": "fresh", "dest_columns": columns}))
    return SESSION.table("kept").to_arrow_table()


class Home:
    """Keeps the table, and the births of what was published."""

    def __init__(self) -> None:
        self.last: pa.Table | None = None
        self.decisions = NO_DECISIONS
        self.number = 1

    def tonight(self, records: list[Record], assertions: list[Assertion], decisions: list[Decision]) -> Tonight:
        given = tables(records, assertions, decisions, RULES)
        large = {"records": given.records, "assertions": given.assertions, "decisions": self.decisions}
        if self.last is not None:
            large["last"] = self.last

        for name, rows in large.items():
            SESSION.register(name, rows)

        def query(sql: str, **small: pa.Table) -> pa.Table:
            for name, rows in small.items():
                SESSION.register(name, rows)
            return SESSION.sql(sql).to_arrow_table()

        blocked = pa.table({c: [v] for c, v in zip(("type", "value", "is_pattern", "reason"), BLOCKED, strict=True)})
        return Tonight(query, given.rules, blocked, given.overrides, self.number, KEY)

    def run(self, night: Tonight) -> None:
        self.last = whole(night) if self.last is None else replaced(self.last, delta(night))

    def publish(self) -> None:
        assert self.last is not None
        keys = self.last.filter(pa.compute.equal(self.last["part"], "member"))["record_key"]
        born = pa.table({"record_key": keys, "night": pa.array([self.number] * len(keys), pa.int64())})
        self.decisions = pa.concat_tables([self.decisions, born])
        self.number += 1


def rows(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.values()) for row in table.select(COLUMNS.names).to_pylist())


def assert_equal(kept: pa.Table | None, anew: pa.Table) -> None:
    assert kept is not None
    more, less = rows(kept) - rows(anew), rows(anew) - rows(kept)
    assert (sorted(map(str, more)), sorted(map(str, less))) == ([], [])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[list[Record], list[Assertion]]], list[Decision], list[bool]]:
    """What a company knew on each night, what people decided, and which nights were published."""
    records, assertions, decisions = draw(companies())
    absent = draw(st.sets(st.sampled_from(range(len(assertions))), max_size=len(assertions) // 3))
    gone: set[str] = set()
    nights = []
    for _ in range(draw(st.integers(2, 4))):
        nights.append(
            (
                [r for r in records if r.key not in gone],
                [a for at, a in enumerate(assertions) if a.key not in gone and at not in absent],
            )
        )
        # Few things change in a night, so that much is not looked at again.
        absent ^= draw(st.sets(st.sampled_from(range(len(assertions))), max_size=2))
        at = draw(st.integers(0, len(records) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                gone ^= {records[at].key}
            case 1:
                records = [*records[:at], records[at]._replace(name=draw(st.sampled_from(NAMES))), *records[at + 1 :]]
    return nights, decisions, draw(st.lists(st.booleans(), min_size=len(nights), max_size=len(nights)))


@settings(max_examples=40, deadline=None)
@given(histories())
def test_a_night_after_others_equals_everything_at_once(history: Any) -> None:
    nights, decisions, published = history
    home = Home()
    for (records, assertions), is_published in zip(nights, published, strict=True):
        night = home.tonight(records, assertions, decisions)
        home.run(night)
        assert_equal(home.last, whole(night))
        if is_published:
            home.publish()
