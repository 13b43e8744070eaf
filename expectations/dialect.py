"""The SQLAlchemy dialect through which Great Expectations reads DuckDB, and the engines made with it.

Here belong connections only: how they are opened, how rows outlive them, how they are closed. What is checked, and
against which limits, belongs to the suites and the runner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb_engine
import sqlalchemy
from sqlalchemy import pool
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import registry
from sqlalchemy.engine import cursor as sqlalchemy_cursor
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.url import URL

DRIVER = "duckdb+buffered"
# By how DuckDB's name of a type begins; the longer beginning comes first.
_TYPES: dict[str, sqltypes.TypeEngine[Any]] = {
    "VARCHAR": sqltypes.String(),
    "BOOLEAN": sqltypes.Boolean(),
    "DECIMAL": sqltypes.Numeric(),
    "DOUBLE": sqltypes.Float(),
    "BIGINT": sqltypes.BigInteger(),
    "HUGEINT": sqltypes.BigInteger(),
    "INTEGER": sqltypes.Integer(),
    "SMALLINT": sqltypes.Integer(),
    "TINYINT": sqltypes.Integer(),
    "TIMESTAMP WITH TIME ZONE": sqltypes.TIMESTAMP(timezone=True),
    "TIMESTAMP": sqltypes.TIMESTAMP(),
    "DATE": sqltypes.Date(),
}


class BufferedExecutionContext(DefaultExecutionContext):
    """Holds the rows of a query in memory."""

    def post_exec(self) -> None:
        """Fetch everything while the connection still has it."""
        # Great Expectations fetches after it has given its connection back, and by then DuckDB's cursor, which is the
        # connection itself, has forgotten the rows.
        cursor = self.cursor
        if cursor is not None and cursor.description:
            self.cursor_fetch_strategy = sqlalchemy_cursor.FullyBufferedCursorFetchStrategy(
                cursor, initial_buffer=cursor.fetchall()
            )


class BufferedDialect(duckdb_engine.Dialect):
    """duckdb-engine's dialect with buffered rows and no pool."""

    driver = "buffered"
    execution_ctx_cls = BufferedExecutionContext
    supports_statement_cache = False

    def connect(self, *arguments: Any, **parameters: Any) -> Any:
        """Open a connection that reckons in UTC."""
        connection = super().connect(*arguments, **parameters)
        # Not among the URL's settings: DuckDB cannot set its time zone before the database is open.
        connection.execute("set TimeZone = 'UTC'")
        return connection

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """No pool at all."""
        # A pooled connection keeps the lock on the file after the last user has closed it, and then no other process
        # can write.
        return pool.NullPool

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **_: Any) -> Any:
        """A table's or view's columns, from DuckDB's own catalogue: the PostgreSQL one is five queries and slow."""
        found = connection.exec_driver_sql(
            "select column_name, data_type, is_nullable from duckdb_columns() "
            "where table_name = $1 and schema_name = $2 and database_name = current_database() order by column_index",
            (table_name, schema or "main"),
        ).fetchall()
        if not found:
            raise sqlalchemy.exc.NoSuchTableError(f"{schema}.{table_name}" if schema else table_name)
        return [
            {"name": name, "type": _type(declared), "nullable": nullable, "default": None}
            for name, declared, nullable in found
        ]


registry.register("duckdb.buffered", __name__, BufferedDialect.__name__)


def file_url(path: Path, settings: Mapping[str, Any] | None = None) -> URL:
    """The URL that opens a DuckDB file for reading only."""
    return _url(str(path), {"access_mode": "read_only", **(settings or {})})


def memory_url(name: str, settings: Mapping[str, Any] | None = None) -> URL:
    """The URL of a named in-memory database, shared by all its connections as long as one of them is open."""
    return _url(f":memory:{name}", settings or {})


@contextmanager
def opened(url: URL) -> Iterator[sqlalchemy.Engine]:
    """An engine whose database stays open inside the block and is closed, lock and all, after it.

    Raises sqlalchemy.exc.DBAPIError (or duckdb's own error) if the file is absent or another process writes it.
    """
    engine = sqlalchemy.create_engine(url)
    try:
        # Without one connection that lasts, each query would open the file anew, and what is in memory would be lost.
        with engine.connect():
            yield engine
    finally:
        engine.dispose()


def _type(declared: str) -> sqltypes.TypeEngine[Any]:
    for start, known in _TYPES.items():
        if declared.startswith(start):
            return known
    return sqltypes.NullType()


def _url(database: str, settings: Mapping[str, Any]) -> URL:
    return URL.create(DRIVER, database=database, query={key: str(value) for key, value in settings.items()})
