"""The table in which a resolution is kept from night to night, and how a night asks about what is too large.

Here: the columns of the table, what a night is given, rows by key, tables as rows of the table. Not here: what a night
replaces (`nights`), its probable pairs (`night_pairs`), where the table is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

COLUMNS = pa.schema(
    {
        "part": pa.string(),
        "record_key": pa.string(),
        "customer_id": pa.string(),
        "anchor_record_key": pa.string(),
        "match_rule": pa.string(),
        "match_confidence": pa.float64(),
        "published_record_id": pa.string(),
        "is_anonymous": pa.bool_(),
        "component": pa.string(),
        "content": pa.uint64(),
        "exact_group": pa.string(),
        "stated": pa.string(),
        "type": pa.string(),
        "value": pa.string(),
        "carriers": pa.int64(),
        "status": pa.string(),
        "reason": pa.string(),
        "links": pa.bool_(),
        "other_record_key": pa.string(),
        "value_hash": pa.string(),
        "confidence": pa.float64(),
        "in_tree": pa.bool_(),
        "left_record": pa.string(),
        "right_record": pa.string(),
        "score": pa.float64(),
        "line": pa.int64(),
        "action": pa.string(),
    }
)
GONE = "gone"  # the part of a delta that names what goes


class Query:
    """Questions in SQL, with small tables by the names that it gives them, and what is large and kept for a while.

    What is kept lies in temporary tables of the connection, so that DuckDB moves it out of memory where it needs to.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def __call__(self, sql: str, **small: pa.Table) -> pa.Table:
        """The answer."""
        with self._knowing(small):
            answer: pa.Table = self._session.sql(sql).to_arrow_table()
        return answer

    def keep(self, name: str, sql: str, **small: pa.Table) -> None:
        """Keep an answer as a table, in place of what has that name."""
        with self._knowing(small):
            self._session.execute(f"create or replace temp table {name} as {sql}")

    def add(self, name: str, table: pa.Table) -> None:
        """Put rows to those that are kept, the first ones as well."""
        with self._knowing({"added": table}):
            self._session.execute(f"create temp table if not exists {name} as from added limit 0")
            self._session.execute(f"insert into {name} from added")

    def drop(self, *names: str) -> None:
        """Keep these tables no longer."""
        for name in names:
            self._session.execute(f"drop table if exists temp.{name}")

    @contextmanager
    def _knowing(self, small: Mapping[str, pa.Table]) -> Iterator[None]:
        for name, table in small.items():
            self._session.register(name, table)
        try:
            yield
        finally:
            for name in small:
                self._session.unregister(name)


@dataclass(frozen=True)
class Tonight:
    """What a night resolves; columns as for `resolve`.

    `query` knows the tables `records`, `assertions`, `decisions` (`record_key`, `night` of every publication that gave
    a record an id; the first is its birth) and, for a delta, `last`: the kept table. `model`: the JSON of the artefact
    for probable pairs; where there is none, one is learned if it `may_learn`, else there are no probable pairs.
    """

    query: Query
    rules: pa.Table
    blocked: pa.Table
    overrides: pa.Table
    night: int
    home_key: bytes
    model: str | None = None
    may_learn: bool = False


def asking(session: Any) -> Query:
    """Questions to a DuckDB connection that knows the large tables."""
    return Query(session)


def rows_of(query: Query, name: str, keys: pa.Table) -> pa.Table:
    """The rows of one of the large tables that belong to some records, in one order."""
    return query(f"from {name} semi join keys using (record_key) order by all", keys=keys)


def below(parts: dict[str, pa.Table]) -> pa.Table:
    """The tables of some parts as one, in the columns of the kept table."""
    tables = [
        pa.table(
            {
                field.name: pa.repeat(part, table.num_rows)
                if field.name == "part"
                else table[field.name].cast(field.type)
                if field.name in table.column_names
                else pa.nulls(table.num_rows, field.type)
                for field in COLUMNS
            },
            schema=COLUMNS,
        )
        for part, table in parts.items()
    ]
    return pa.concat_tables(tables)
