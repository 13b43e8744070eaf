"""Reading a till's database through SQLAlchemy: one read transaction, batches of text, refusals in plain words.

Only reads, in one transaction, so that receipts and lines are of the same moment. Values keep their exact text; nothing
is interpreted here but what the company's mapping says.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ingestion.arrow_text import TEXT, text_column, wall_clock_to_utc
from ingestion.source import BadDelivery, ConfigurationError, IngestionError, SourceUnavailable
from ingestion.till_mapping import FILE_NAME, TillColumn, TillMapping, TillTable
from ingestion.till_tables import CHANGED, NEEDED, TIMES

_SETTING = "SOURCES__POS__DATABASE_URL"
_BATCH_ROWS = 20_000
_CONNECT_SECONDS = 10
_LOCK_SECONDS = 60
# A first batch may need a scan of the whole table; nothing at all for so long is a server that hangs.
_SILENCE_SECONDS = 600
# SQLAlchemy would look for psycopg2 where a URL names no driver.
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
# A snapshot for all tables: a receipt sold while lines are read does not arrive without them.
_SNAPSHOT: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ"}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "postgresql": {**_SNAPSHOT, "connect_args": {"connect_timeout": _CONNECT_SECONDS, "client_encoding": "utf8"}},
    "mysql": {**_SNAPSHOT, "connect_args": {"connect_timeout": _CONNECT_SECONDS}},
    "mariadb": {**_SNAPSHOT, "connect_args": {"connect_timeout": _CONNECT_SECONDS}},
}
# The text of times is ISO 8601 in UTC, and a till whose table is locked is told from one that is slow.
_POSTGRES_SESSION = (
    "set time zone 'UTC'",
    "set datestyle to iso",
    "set extra_float_digits to 1",
    f"set lock_timeout to '{_LOCK_SECONDS}s'",
)
# What drivers say, in words that several of them share; the first that fits gives the class and the advice.
_CAUSES: Sequence[tuple[str, type[IngestionError], str]] = (
    (
        r"password|authentication|access denied|login failed|no pg_hba\.conf entry|role .* does not exist|"
        r"not permitted to log in",
        ConfigurationError,
        f"The database does not let this user in: check user and password in {_SETTING}.",
    ),
    (r"database .* does not exist|unknown database", ConfigurationError, f"Check the database's name in {_SETTING}."),
    (
        r"permission denied|insufficient privilege|command denied",
        ConfigurationError,
        "The user may not read this: grant it SELECT there (and USAGE on the schema), or leave the column out in "
        f"mappings/{FILE_NAME}.",
    ),
    (
        r"statement timeout|max_execution_time|canceling statement due to user",
        SourceUnavailable,
        "The database ends statements that take so long: raise the user's limit (statement_timeout) or put an index on "
        "the change column; the next run pulls everything missed.",
    ),
    (
        r"lock timeout|is locked",
        SourceUnavailable,
        f"Somebody holds the table for more than {_LOCK_SECONDS} seconds; the next run pulls everything missed.",
    ),
)


def make_engine(database_url: str) -> sa.Engine:
    """An engine that can only read; a SQLite file that is missing is an error and never created."""
    try:
        url = sa.make_url(database_url)
    except ArgumentError as error:
        raise ConfigurationError(
            f"{_SETTING} is not a SQLAlchemy URL; write it like postgresql://user:password@host/database or "
            "sqlite:////absolute/path/tills.sqlite."
        ) from error
    if url.drivername in _DRIVERS:
        url = url.set(drivername=_DRIVERS[url.drivername])
    if url.get_backend_name() != "sqlite":
        try:
            return sa.create_engine(url, poolclass=NullPool, **_OPTIONS.get(url.get_backend_name(), {}))
        except (NoSuchModuleError, ImportError) as error:
            raise ConfigurationError(
                f"{_SETTING} asks for the driver {url.drivername!r}, which is not installed. Install it into the "
                f"environment, or use another driver of {url.get_backend_name()}."
            ) from error
    path = Path(url.database or "")
    if not path.is_file():
        raise SourceUnavailable(f"The tills' database {path} does not exist. Check {_SETTING}.")
    target = f"file:{quote(str(path.resolve()))}?mode=ro"
    return sa.create_engine(
        "sqlite://",
        poolclass=NullPool,
        creator=lambda: sqlite3.connect(target, uri=True, check_same_thread=False, timeout=_CONNECT_SECONDS),
    )


@dataclass(frozen=True)
class _Plan:
    """How one table is read: an expression for each raw column, those for `_extra`, and the type it is followed by."""

    table: TillTable
    columns: Mapping[str, sa.ColumnElement[Any]]
    extra: Mapping[str, sa.ColumnElement[Any]]
    change: sa.ColumnElement[Any] | None
    change_type: Any


class TillDatabase:
    """A read transaction on the tills' database. Opens it, and checks every table, before anything is read."""

    def __init__(self, database_url: str, mapping: TillMapping) -> None:
        self.engine = make_engine(database_url)
        url = sa.make_url(database_url)
        self.mapping = mapping
        self.where = url.set(query={}).render_as_string(hide_password=True)
        self._password = url.password or ""
        self.is_postgres = self.engine.dialect.name == "postgresql"
        try:
            self.connection = self._connect()
            self.plans = self._plan()
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(SQLAlchemyError):
            self.connection.close()
        self.engine.dispose()

    def rows(self, table: str, since: datetime | None) -> Iterator[pa.Table]:
        """The rows of a raw table changed since then, as text, in batches."""
        plan = self.plans[table]
        rows = plan.table.rows
        if rows is not None:
            if rows:
                yield pa.table({name: text_column([row.get(name) for row in rows]) for name in plan.table.raw.columns})
            return
        with self._failures(f"Reading table {plan.table.title}"):
            query = self._query(plan, since)
            options = {"stream_results": True, "yield_per": _BATCH_ROWS}
            with self._patience():
                result = self.connection.execute(query, execution_options=options)
            batches = result.partitions()
            while True:
                with self._patience():
                    batch = next(batches, None)
                if batch is None:
                    return
                yield self._text_batch(plan, batch)

    def _connect(self) -> sa.Connection:
        with self._failures("Opening"):
            connection = self.engine.connect()
            if self.engine.dialect.name == "sqlite":
                # Python's driver opens no transaction for a SELECT, and each table would be of another moment.
                connection.exec_driver_sql("BEGIN")
            elif self.is_postgres:
                for statement in ("set transaction read only", *_POSTGRES_SESSION):
                    connection.exec_driver_sql(statement)
                if connection.exec_driver_sql("show server_encoding").scalar() == "SQL_ASCII":
                    _tolerate_any_bytes(connection)
            return connection

    def _plan(self) -> dict[str, _Plan]:
        plans, problems = {}, []
        # A type that SQLAlchemy does not know is written as text by the database itself.
        warnings.filterwarnings("ignore", "Did not recognize type", SAWarning)
        with self._failures("Looking at the tables of"):
            inspector = sa.inspect(self.connection)
            for table in self.mapping.tables:
                try:
                    plans[table.raw.name] = self._plan_table(inspector, table)
                except BadDelivery as problem:
                    problems.append(str(problem))
        if problems:
            remedy = (
                f"Mend {self.mapping.path}"
                if self.mapping.path
                else f"Say in mappings/{FILE_NAME} what they are called"
            )
            raise BadDelivery(
                f"The tills' database {self.where} is not as expected: {'; '.join(problems)}. {remedy}, or offer views "
                f"that have them; check that {_SETTING} names the right database. Nothing was read."
            )
        return plans

    def _plan_table(self, inspector: sa.Inspector, table: TillTable) -> _Plan:
        if table.rows is not None:
            return _Plan(table, {}, {}, None, None)
        if not inspector.has_table(table.name, schema=table.schema):
            raise BadDelivery(f"it has no table {table.title}")
        types = {column["name"]: column["type"] for column in inspector.get_columns(table.name, schema=table.schema)}
        rules = dict(table.columns)
        if table.change:
            rules[CHANGED] = table.change
        wanted = {rule.source for rule in rules.values() if rule.source}
        missing = sorted(wanted - set(types))
        for name in table.raw.columns:
            if name not in rules and name in types and name not in wanted | table.leave_out and name != CHANGED:
                rules[name] = TillColumn(source=name)
        missing += [name for name in NEEDED[table.raw.name] if name not in rules and name not in missing]
        if missing:
            raise BadDelivery(f"table {table.title} has no column {', '.join(missing)}")
        used = {rule.source for rule in rules.values()}
        extra = [name for name in types if name not in used | table.leave_out]
        change = self._raw_expression(table.change) if table.change else None
        change_type = types.get(table.change.source) if table.change and table.change.source else None
        if isinstance(change_type, (sa.Numeric, sa.Integer)):
            raise BadDelivery(
                f"column {table.change.source if table.change else ''} of table {table.title} is a number, which tells "
                "no time: turn it into one with {sql: …}, or set change_column to null to pull the table whole"
            )
        return _Plan(
            table,
            {name: self._text(rules[name], types) for name in table.raw.columns if name in rules},
            {name: self._text(TillColumn(source=name), types) for name in extra},
            change,
            change_type,
        )

    def _raw_expression(self, rule: TillColumn) -> sa.ColumnElement[Any]:
        if rule.sql:
            return sa.literal_column(f"({rule.sql})")
        return sa.column(str(rule.source))

    def _text(self, rule: TillColumn, types: Mapping[str, Any]) -> sa.ColumnElement[Any]:
        """The expression to select. PostgreSQL writes each of its types as exact text itself; of others the driver's
        own value is taken, since a value that SQLAlchemy converted may not be exact."""
        if rule.value is not None:
            return sa.literal_column("'" + rule.value.replace("'", "''") + "'")
        expression = self._raw_expression(rule)
        if not self.is_postgres:
            return expression
        kind = types.get(rule.source) if rule.source else None
        if isinstance(kind, sa.ARRAY):
            return _as_text(sa.func.to_json(expression))
        if isinstance(kind, postgresql.MONEY):
            return _as_text(sa.cast(expression, sa.Numeric()))
        if isinstance(kind, sa.LargeBinary):
            return sa.func.encode(expression, sa.literal_column("'hex'"))
        if isinstance(kind, sa.DateTime) and kind.timezone:
            blank = sa.func.replace(_as_text(expression), sa.literal_column("' '"), sa.literal_column("'T'"))
            return sa.func.replace(blank, sa.literal_column("'+00'"), sa.literal_column("'Z'"))
        if isinstance(kind, sa.DateTime):
            text = sa.func.replace(_as_text(expression), sa.literal_column("' '"), sa.literal_column("'T'"))
            return text if self.mapping.timezone else text.op("||")(sa.literal_column("'Z'"))
        return _as_text(expression)

    def _query(self, plan: _Plan, since: datetime | None) -> sa.Select[Any]:
        chosen = [*plan.columns.values(), *plan.extra.values()]
        labelled = [expression.label(f"c{number}") for number, expression in enumerate(chosen)]
        query = sa.select(*labelled).select_from(sa.table(plan.table.name, schema=plan.table.schema))
        if plan.table.where:
            query = query.where(sa.text("(" + plan.table.where.replace(":", r"\:") + ")"))
        if since is not None and plan.change is not None:
            # A row that has no change time can never be told from a new one.
            query = query.where(sa.or_(plan.change >= self._bound(plan.change_type, since), plan.change.is_(sa.null())))
        return query

    def _bound(self, column_type: Any, since: datetime) -> Any:
        """The look-back bound in the column's own terms."""
        local = since.astimezone(self.mapping.timezone) if self.mapping.timezone else since
        if isinstance(column_type, sa.DateTime):
            moment = since if column_type.timezone else local.replace(tzinfo=None)
            return sa.literal(moment, column_type)
        if isinstance(column_type, sa.Date):
            return sa.literal(local.date(), column_type)
        # Text times are written with a T or with a blank; the bare date sorts before both. It is the earlier of two
        # dates, since a text may carry an offset of its own.
        return sa.literal_column(f"'{min(local.date(), since.date()).isoformat()}'")

    def _text_batch(self, plan: _Plan, rows: Sequence[Sequence[Any]]) -> pa.Table:
        values = list(zip(*rows, strict=True))
        columns = {name: text_column(one) for name, one in zip(plan.columns, values, strict=False)}
        rules = plan.table.columns
        for name, column in columns.items():
            if name in rules and rules[name].values:
                column = _translated(column, rules[name].values)
            if name in TIMES and self.mapping.timezone:
                column = wall_clock_to_utc(column, self.mapping.timezone)
            columns[name] = column
        if plan.extra:
            cells = [text_column(one).to_pylist() for one in values[len(plan.columns) :]]
            columns["_extra"] = pa.array(
                [
                    json.dumps(dict(zip(plan.extra, row, strict=True)), ensure_ascii=False)
                    for row in zip(*cells, strict=True)
                ],
                TEXT,
            )
        return pa.table(columns)

    @contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        """What the driver raises, as one message without secrets that says what to do."""
        try:
            yield
        except (SQLAlchemyError, UnicodeDecodeError) as error:
            cause = str(getattr(error, "orig", None) or (type(error).__name__)).strip().splitlines()[0]
            if self._password:
                cause = cause.replace(self._password, "***")
            kind, advice = next(
                ((kind, advice) for pattern, kind, advice in _CAUSES if re.search(pattern, cause, re.IGNORECASE)),
                (
                    SourceUnavailable,
                    f"Check that it is up and what {_SETTING} says; the next run pulls everything missed."
                    if doing == "Opening"
                    else "Nothing of this pull was loaded; the next run pulls everything missed.",
                ),
            )
            what = doing if doing.endswith(" of") or doing == "Opening" else f"{doing} of"
            raise kind(f"{what} the tills' database {self.where} failed ({cause}). {advice}") from error

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Cut the connection when the server keeps silent; what waits for it then fails."""
        timer = threading.Timer(_SILENCE_SECONDS, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        driver = self.connection.connection.driver_connection
        with suppress(Exception):
            if isinstance(driver, sqlite3.Connection):
                driver.interrupt()
            elif driver is not None:
                with socket.socket(fileno=os.dup(driver.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)


def _tolerate_any_bytes(connection: sa.Connection) -> None:
    """A database of encoding SQL_ASCII holds whatever was written; what is not UTF-8 is marked and not refused."""
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        for kind in ("text", "name", "varchar", "bpchar"):
            driver.adapters.register_loader(kind, _TolerantText)
        driver.execute("set client_encoding to 'SQL_ASCII'")


class _TolerantText(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "replace")


def _as_text(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(expression, sa.Text())


def _translated(column: pa.Array, values: Mapping[str, str]) -> pa.Array:
    encoded = column.dictionary_encode()
    words = [values.get(word, word) for word in encoded.dictionary.to_pylist()]
    return pa.array(words, TEXT).take(encoded.indices)
