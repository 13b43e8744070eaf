"""The tills' database, behind any SQLAlchemy URL: stores, members, receipts and their lines, by change time.

Needs a user who may read four tables or views. A till whose tables and columns have other names is described in
`mappings/pos.yml` (`ingestion/till_mapping.py`); how they are read belongs in `ingestion/till_database.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import dlt
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion.arrow_text import parse_time, utc_text
from ingestion.changed_rows import changed_rows
from ingestion.source import LOOK_BACK, Delivery, Request, Source, text_schema
from ingestion.till_database import TillDatabase
from ingestion.till_mapping import TillTable, load_mapping
from ingestion.till_tables import TABLES


def _rows(tills: TillDatabase, table: TillTable, since: datetime | None, request: Request) -> Iterator[pa.Table]:
    name = table.raw.name
    if table.change:
        return tills.rows(name, since)
    return changed_rows(table.raw, request.landed_files(name), tills.rows(name, None), utc_text(request.now))


@dlt.source(schema=text_schema("pos"))
def pos(tills: TillDatabase, since: Mapping[str, datetime], request: Request) -> list[DltResource]:
    """Stores, members, receipts and receipt lines changed since the given times."""
    return [
        dlt.resource(
            _rows(tills, table, since.get(table.raw.name), request), name=table.raw.name, write_disposition="append"
        )
        for table in tills.mapping.tables
    ]


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    database_url = request.settings["database_url"]
    mapping = load_mapping(request.mapping_dirs)
    followed = {table.raw.name for table in mapping.tables if table.change}
    since = {
        table: moment - LOOK_BACK
        for table, cursor in request.cursors.items()
        if table in followed and (moment := parse_time(cursor))
    }

    @contextmanager
    def pull() -> Iterator[DltSource]:
        tills = TillDatabase(database_url, mapping)
        try:
            yield pos(tills, since, request)
        finally:
            tills.close()

    cursor_from = {table: utc_text(moment) for table, moment in since.items()}
    yield Delivery(source, source.name, "tills' database", pull, request.now, cursor_from=cursor_from)


SOURCE = Source("pos", "raw_pos", TABLES, _deliveries, settings=("database_url",))
