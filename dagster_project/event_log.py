"""Dagster's event log in one SQLite file, through connections that stay open.

A night writes some 1,600 events. Dagster's own SQLite storages open and close a connection for each of several writes
an event makes, and each last close of a database in WAL mode is a checkpoint; together a third of a small night.
What an event is and how it is stored stays Dagster's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as db
from dagster import AssetKey, EventLogRecord
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster_shared.serdes import deserialize_value
from sqlalchemy.pool import QueuePool

_BUSY_SECONDS = 60


class PooledEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """One file for all runs, as the consolidated storage has it, with a small pool of connections a process."""

    @cached_property
    def _engine(self) -> db.Engine:
        engine = db.create_engine(
            self._conn_string,
            poolclass=QueuePool,
            connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        )

        @db.event.listens_for(engine, "connect")
        def _settle(connection: Any, _record: Any) -> None:
            # In WAL mode this can lose the newest events in a power cut, and never damages the file.
            connection.execute("pragma synchronous = normal")

        return engine

    @contextmanager
    def _connect(self) -> Iterator[db.Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @cached_property
    def _tables(self) -> set[str]:
        return set()

    def has_table(self, table_name: str) -> bool:
        """Whether a table is there; asked several times an event, and once there it stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _get_latest_materialization_records(self, raw_asset_rows: Any) -> Mapping[AssetKey, EventLogRecord | None]:
        """The newest materialization of each asset, which its row holds; of rows in an older form Dagster asks its log.

        It builds that question for none, too, and a night asks of each asset by itself.
        """
        found: dict[AssetKey, EventLogRecord | None] = {}
        for row in raw_asset_rows:
            key, held = AssetKey.from_db_string(row["asset_key"]), row["last_materialization"]
            record = deserialize_value(held, NamedTuple) if held else None
            if key is None or row["asset_details"] or not isinstance(record, EventLogRecord):
                return super()._get_latest_materialization_records(raw_asset_rows)
            found[key] = record
        return found

    def dispose(self) -> None:
        """Close the pool."""
        self._engine.dispose()
        super().dispose()
