"""Web and app events in Segment's spec, dropped as JSON lines, plain or gzip.

The fast path: whole blocks of lines go through DuckDB's JSON reader without becoming Python objects. Numbers keep their
value there, not the zeros behind it. What an event means is not interpreted here.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import dlt
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dlt.sources import DltResource, DltSource

from ingestion import json_rows
from ingestion.arrow_text import TEXT, text_table
from ingestion.landing import LandedFile, landed_files, new_files
from ingestion.source import Delivery, RawTable, Request, Source, broken_lines, names, text_schema
from ingestion.tabular import open_bytes

_FOLDER = "events"
_PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.json", "*.json.gz", "*.ndjson", "*.ndjson.gz")
_BLOCK_BYTES = 8 << 20
_PARSERS = min(4, os.cpu_count() or 1)
_LONGEST_LINE_BYTES = 64 << 20
_KEPT_CHARACTERS = 10_000

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

_SHAPE = json.dumps(dict.fromkeys(_EVENTS.columns, "VARCHAR"))
_NOTHING = json.dumps(dict.fromkeys(_EVENTS.columns))
# A line that is no JSON object gives a row of nulls, as an object without any known member would.
_EVENTS_OF_BLOCK = f"select unnest(try(json_transform(line, '{_SHAPE}'))), row_number as _row_number from block"
_MEMBERS_OF_BLOCK = "select distinct unnest(try(json_keys(line))) from block"
_EXTRA_OF_BLOCK = f"""
    select row_number, try(json_merge_patch(line, '{_NOTHING}')::varchar) as extra
    from block
    where list_has_any(try(json_keys(line)), $unknown)
"""


class _Lines:
    """A file in blocks of whole lines. After the last block `count` is its lines, and `torn` says where a gzip file is
    cut off or damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn: str | None = None
        self.count = 0

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """(number of its first line, block) after block."""
        for block in self._whole_lines():
            first, self.count = self.count + 1, self.count + block.count(b"\n") + (not block.endswith(b"\n"))
            yield first, block

    def _whole_lines(self) -> Iterator[bytes]:
        rest = b""
        with open_bytes(self.path) as file:
            while chunk := self._read(file):
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    yield rest + chunk[:cut]
                    rest = chunk[cut:]
                elif len(rest) < _LONGEST_LINE_BYTES:
                    rest += chunk
                else:
                    # No event is this long; its beginning is enough to find it, and cannot pass for JSON.
                    rest = rest[:_LONGEST_LINE_BYTES]
        if rest:
            yield rest

    def _read(self, file: IO[bytes]) -> bytes:
        """The next chunk; of a damaged gzip file everything up to the damage."""
        parts: list[bytes] = []
        size = 0
        try:
            while size < _BLOCK_BYTES and not self.torn and (part := file.read1(1 << 20)):  # type: ignore[attr-defined]
                parts.append(part)
                size += len(part)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.torn = str(error)
        return b"".join(parts)


@dataclass
class _Parsed:
    """What became of one block: tables of events, and (line number, text, reason) of each line that is none."""

    tables: list[pa.Table] = field(default_factory=list)
    broken: list[tuple[int, str, str]] = field(default_factory=list)

    def refuse(self, number: int, line: str, reason: str) -> None:
        """Keep a line that is no event."""
        self.broken.append((number, line.rstrip("\n")[:_KEPT_CHARACTERS], reason))


def _parse(database: duckdb.DuckDBPyConnection, block: bytes, first: int) -> _Parsed:
    """The events of a block whose first line is number `first` of the file."""
    parsed = _Parsed()
    lines = _line_array(_without_broken_text(block, first, parsed))
    numbers = pa.array(np.arange(first, first + len(lines)))
    with database.cursor() as cursor:
        cursor.register("block", pa.table({"line": lines, "row_number": numbers}))
        events = cursor.execute(_EVENTS_OF_BLOCK).to_arrow_table()
        read = pc.or_(pc.is_valid(events.column("messageId")), pc.is_valid(events.column("type")))
        doubtful: list[int] = []
        if not pc.all(read).as_py():
            doubtful = events.column("_row_number").filter(pc.invert(read)).to_pylist()
            events = events.filter(read)
        parsed.tables.append(_with_extra(cursor, events))
    _second_look(lines, first, doubtful, parsed)
    return parsed


def _with_extra(cursor: duckdb.DuckDBPyConnection, events: pa.Table) -> pa.Table:
    """Members that no column takes; most blocks have none, which is cheap to find out."""
    members = {name for (name,) in cursor.execute(_MEMBERS_OF_BLOCK).fetchall()}
    unknown = sorted(members - set(_EVENTS.columns))
    if not unknown:
        return events
    found = cursor.execute(_EXTRA_OF_BLOCK, {"unknown": unknown}).to_arrow_table()
    position = pc.index_in(events.column("_row_number"), found.column("row_number"))
    return events.append_column("_extra", found.column("extra").take(position))


def _without_broken_text(block: bytes, first: int, parsed: _Parsed) -> bytes:
    """The block with an empty line for each line that is not UTF-8."""
    try:
        block.decode("utf-8")
        return block
    except UnicodeDecodeError:
        lines = block.split(b"\n")
    for position, line in enumerate(lines):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 text at byte {error.start + 1}"
            parsed.refuse(first + position, line.decode("utf-8", "replace"), reason)
            lines[position] = b""
    return b"\n".join(lines)


def _second_look(lines: pa.StringArray, first: int, numbers: Sequence[int], parsed: _Parsed) -> None:
    """What the fast path passed over is read one by one: an event after all, a blank line, or broken."""
    rows: list[dict[str, str | None]] = []
    found: list[int] = []
    for number in numbers:
        line = lines[number - first].as_py()
        if not line.strip():
            continue
        try:
            rows.append(json_rows.whole_row(line, _EVENTS.columns))
            found.append(number)
        except (ValueError, RecursionError) as error:
            parsed.refuse(number, line, f"not a JSON object: {error}")
    if rows:
        table = text_table(_EVENTS, rows).append_column("_row_number", pa.array(found, pa.int64()))
        parsed.tables.append(table)


def _line_array(block: bytes) -> pa.StringArray:
    """The lines of a block, each with its line break, without copying them."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(block):
        ends = np.append(ends, len(block))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))


def _parsed_blocks(lines: _Lines) -> Iterator[_Parsed]:
    """Every block in the file's order, parsed by a few threads ahead of the one that writes."""
    waiting: deque[Future[_Parsed]] = deque()
    # One thread a block: DuckDB's own threads would not share the work of turning results into Arrow.
    with duckdb.connect(config={"threads": 1}) as database, ThreadPoolExecutor(_PARSERS) as pool:
        for first, block in lines.blocks():
            waiting.append(pool.submit(_parse, database, block, first))
            if len(waiting) > _PARSERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _rows(file: LandedFile) -> Iterator[pa.Table]:
    lines = _Lines(file.path)
    broken: list[tuple[int, str, str]] = []
    for parsed in _parsed_blocks(lines):
        yield from parsed.tables
        broken += parsed.broken
    if lines.torn:
        broken = _mark_torn(sorted(broken), lines)
    if broken:
        numbers, texts, reasons = zip(*sorted(broken), strict=True)
        columns = {"line": pa.array(texts, TEXT), "reason": pa.array(reasons, TEXT)}
        table = pa.table({**columns, "_row_number": pa.array(numbers, pa.int64())})
        yield dlt.mark.with_table_name(table, _BROKEN.name)
    file.check_unchanged()


def _mark_torn(broken: list[tuple[int, str, str]], lines: _Lines) -> list[tuple[int, str, str]]:
    """A cut-off file ends in a broken line, also where the cut falls between two lines."""
    reason = f"the gzip file is cut off or damaged here: {lines.torn}"
    if broken and broken[-1][0] == lines.count:
        return [*broken[:-1], (*broken[-1][:2], reason)]
    return [*broken, (lines.count + 1, "", reason)]


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
