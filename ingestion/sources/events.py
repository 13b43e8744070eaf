"""Web and app events in Segment's spec, dropped as JSON lines, plain or gzip.

What an event means is not interpreted here; how the lines are read belongs in `ingestion/json_lines.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dlt
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion.arrow_text import broken_table
from ingestion.json_lines import JsonLines
from ingestion.landing import LandedFile, landed_files, new_files
from ingestion.source import Delivery, RawTable, Request, Source, broken_lines, names, text_schema

_FOLDER = "events"
_PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.json", "*.json.gz", "*.ndjson", "*.ndjson.gz")

_EVENTS = RawTable(
    "events",
    names(
        """messageId type event name category anonymousId userId timestamp originalTimestamp sentAt receivedAt channel
        context properties traits integrations version groupId previousId"""
    ),
    ("messageId",),
    record_time="timestamp",
)
_BROKEN = broken_lines()
_LINES = JsonLines(_EVENTS.columns, ("messageId", "type"))


def _rows(file: LandedFile) -> Iterator[pa.Table]:
    for parsed in _LINES.read(file.path):
        yield from parsed.tables
        if parsed.broken:
            yield dlt.mark.with_table_name(broken_table(parsed.broken), _BROKEN.name)
    file.check_unchanged()


@dlt.source(schema=text_schema("events"))
def events(file: LandedFile) -> DltResource:
    """The events of one dropped file."""
    return dlt.resource(_rows(file), name=_EVENTS.name, write_disposition="append")


def _delivery(source: Source, request: Request, file: LandedFile, digest: str) -> Delivery:
    @contextmanager
    def pull() -> Iterator[DltSource]:
        yield events(file)

    return Delivery(
        source,
        source.name,
        f"file {file.name}",
        pull,
        request.now,
        file_name=file.name,
        content_sha256=digest,
        feeds=_EVENTS.name,
    )


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    files = landed_files(request.landing_dirs, _FOLDER, _PATTERNS)
    for file, digest in new_files(files, request.known_hashes(source.name)):
        yield _delivery(source, request, file, digest)


def _folders(_: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    return {_FOLDER: _PATTERNS}


SOURCE = Source("events", "raw_events", (_EVENTS, _BROKEN), _deliveries, folders=_folders)
