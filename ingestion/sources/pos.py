"""The tills' database, behind any SQLAlchemy URL: stores, members, receipts and their lines, by change time.

Only reads, in one transaction, so that receipts and lines are of the same moment. Values keep their exact text; nothing
is interpreted here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dlt
import pyarrow as pa
import sqlalchemy as sa
from dlt.sources import DltResource, DltSource
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ingestion.arrow_text import TEXT, parse_time, utc_text, value_text
from ingestion.source import (
    LOOK_BACK,
    BadDelivery,
    ConfigurationError,
    Delivery,
    RawTable,
    Request,
    Source,
    SourceUnavailable,
    names,
    text_schema,
)

_BATCH_ROWS = 20_000
_CONNECT_SECONDS = 10
# A snapshot for all tables: a receipt sold while lines are read does not arrive without them.
_SNAPSHOT: Mapping[str, Any] = {
    "isolation_level": "REPEATABLE READ",
    "connect_args": {"connect_timeout": _CONNECT_SECONDS},
}
_OPTIONS = dict.fromkeys(("postgresql", "mysql", "mariadb"), _SNAPSHOT)

_TABLES = (
    RawTable(
        "stores",
        names("store_id name city country timezone currency updated_at"),
        ("store_id",),
        record_time="updated_at",
        cursor="updated_at",
    ),
    RawTable(
        "members",
        names(
            """member_no full_name phone email birth_date gender street city postcode country member_level store_id
            consent_sms consent_email joined_at updated_at"""
        ),
        ("member_no",),
        record_time="joined_at",
        cursor="updated_at",
    ),
    RawTable(
        "receipts",
        names(
            """receipt_id receipt_no store_id register_no kind sold_at currency member_no customer_name customer_phone
            customer_street customer_birth_date total_amount discount_amount tax_amount rounding_amount payment_method
            original_receipt_id original_order_name status cashier updated_at"""
        ),
        ("receipt_id",),
        record_time="sold_at",
        cursor="updated_at",
    ),
    RawTable(
        "receipt_lines",
        names(
            """receipt_id line_no sku product_name category quantity unit_price discount_amount tax_amount
            updated_at"""
        ),
        ("receipt_id", "line_no"),
        record_time="updated_at",
        cursor="updated_at",
    ),
)


def _engine(database_url: str) -> sa.Engine:
    """An engine that can only read; a SQLite file that is missing is an error and never created."""
    try:
        url = sa.make_url(database_url)
    except ArgumentError as error:
        raise ConfigurationError(
            "SOURCES__POS__DATABASE_URL is not a SQLAlchemy URL; write it like "
            "postgresql+psycopg2://user:password@host/database or sqlite:////absolute/path/tills.sqlite."
        ) from error
    if url.get_backend_name() != "sqlite":
        try:
            return sa.create_engine(url, poolclass=NullPool, **_OPTIONS.get(url.get_backend_name(), {}))
        except (NoSuchModuleError, ImportError) as error:
            raise ConfigurationError(
                f"SOURCES__POS__DATABASE_URL asks for the driver {url.drivername!r}, which is not installed. "
                f"Install it into the environment, or use another driver of {url.get_backend_name()}."
            ) from error
    path = Path(url.database or "")
    if not path.is_file():
        raise SourceUnavailable(f"The tills' database {path} does not exist. Check SOURCES__POS__DATABASE_URL.")
    target = f"file:{quote(str(path.resolve()))}?mode=ro"
    return sa.create_engine(
        "sqlite://",
        poolclass=NullPool,
        creator=lambda: sqlite3.connect(target, uri=True, check_same_thread=False, timeout=_CONNECT_SECONDS),
    )


class _Tills:
    """A read transaction on the tills' database."""

    def __init__(self, database_url: str) -> None:
        self.engine = _engine(database_url)
        self.where = sa.make_url(database_url).render_as_string(hide_password=True)
        self.connection = self._connect()

    def _connect(self) -> sa.Connection:
        try:
            connection = self.engine.connect()
            if self.engine.dialect.name == "sqlite":
                # Python's driver opens no transaction for a SELECT, and each table would be of another moment.
                connection.exec_driver_sql("BEGIN")
        except SQLAlchemyError as error:
            raise SourceUnavailable(
                f"The tills' database {self.where} cannot be opened ({_cause(error)}). Check that it is up and what "
                "SOURCES__POS__DATABASE_URL says; the next run pulls everything missed."
            ) from error
        return connection

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def rows(self, table: RawTable, since: datetime | None) -> Iterator[pa.Table]:
        """The rows changed since then, as text, in batches."""
        try:
            found = {column["name"]: column["type"] for column in self._columns(table)}
            # Columns without SQLAlchemy types: the driver's own value has the exact text, a converted one may not.
            query = sa.select(*(sa.column(name) for name in found)).select_from(sa.table(table.name))
            if since is not None and table.cursor:
                query = query.where(sa.column(table.cursor) >= _bound(found[table.cursor], since))
            options = {"stream_results": True, "yield_per": _BATCH_ROWS}
            for batch in self.connection.execute(query, execution_options=options).partitions():
                yield _text_batch(table, list(found), batch)
        except SQLAlchemyError as error:
            raise SourceUnavailable(
                f"Reading table {table.name} of the tills' database {self.where} failed ({_cause(error)}). Nothing of "
                "this pull was loaded; the next run pulls everything missed."
            ) from error

    def _columns(self, table: RawTable) -> Sequence[Mapping[str, Any]]:
        inspector = sa.inspect(self.connection)
        if not inspector.has_table(table.name):
            raise BadDelivery(
                f"The tills' database {self.where} has no table {table.name}. Check that SOURCES__POS__DATABASE_URL "
                f"names the right database; the tables needed are {', '.join(one.name for one in _TABLES)}."
            )
        columns = inspector.get_columns(table.name)
        names = {column["name"] for column in columns}
        missing = {*table.key, *([table.cursor] if table.cursor else [])} - names
        if missing:
            raise BadDelivery(
                f"Table {table.name} of the tills' database {self.where} has no column {', '.join(sorted(missing))}, "
                "without which its rows cannot be told apart or followed. Offer a view that has it."
            )
        return columns


def _bound(column_type: Any, since: datetime) -> Any:
    """The look-back bound in the column's own terms."""
    if isinstance(column_type, sa.DateTime):
        return sa.literal(since if column_type.timezone else since.replace(tzinfo=None), column_type)
    if isinstance(column_type, sa.Date):
        return sa.literal(since.date(), column_type)
    # Text times are written with a T or with a blank; the bare date sorts before both.
    return since.date().isoformat()


def _text_batch(table: RawTable, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    values = dict(zip(names, zip(*rows, strict=True), strict=True))
    columns = {name: _text_column(values[name]) for name in table.columns if name in values}
    extra = [name for name in names if name not in table.columns]
    if extra:
        columns["_extra"] = pa.array(
            [
                json.dumps(dict(zip(extra, map(value_text, cells), strict=True)), ensure_ascii=False)
                for cells in zip(*(values[name] for name in extra), strict=True)
            ],
            TEXT,
        )
    return pa.table(columns)


def _text_column(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, TEXT)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([value_text(value) for value in values], TEXT)


def _cause(error: SQLAlchemyError) -> str:
    """The driver's first line; the whole text would hold the statement."""
    return str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]


@dlt.source(schema=text_schema("pos"))
def pos(tills: _Tills, since: Mapping[str, datetime]) -> list[DltResource]:
    """Stores, members, receipts and receipt lines changed since the given times."""
    return [
        dlt.resource(tills.rows(table, since.get(table.name)), name=table.name, write_disposition="append")
        for table in _TABLES
    ]


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    database_url = request.settings["database_url"]
    since = {table: moment - LOOK_BACK for table, cursor in request.cursors.items() if (moment := parse_time(cursor))}

    @contextmanager
    def pull() -> Iterator[DltSource]:
        tills = _Tills(database_url)
        try:
            yield pos(tills, since)
        finally:
            tills.close()

    cursor_from = {table: utc_text(moment) for table, moment in since.items()}
    yield Delivery(source, source.name, "tills' database", pull, request.now, cursor_from=cursor_from)


SOURCE = Source("pos", "raw_pos", _TABLES, _deliveries, settings=("database_url",))
