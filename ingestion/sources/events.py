"""Web and app events in Segment's spec, dropped as JSON lines, plain or gzip.

The fast path: whole blocks of lines go through DuckDB's JSON reader without becoming Python objects. Numbers keep their
value there, not the zeros behind it. What an event means is not interpreted here.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import dlt
import duckdb
import numpy as np
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion import json_rows
from ingestion.arrow_text import TEXT, text_table
from ingestion.landing import LandedFile, landed_files, new_files
from ingestion.source import Delivery, RawTable, Request, Source, broken_lines, names, text_schema
from ingestion.tabular import open_bytes

_FOLDER = "events"
_PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.json", "*.json.gz", "*.ndjson", "*.ndjson.gz")
_BLOCK_BYTES = 16 << 20
# DuckDB works on the record batches of an Arrow table side by side.
_BATCHES_PER_BLOCK = 8
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
_QUERY = f"""
    select unnest(event), nullif(rest, '{{}}') as _extra, row_number as _row_number
    from (
        select
            try(json_transform(line, '{_SHAPE}')) as event,
            try(json_merge_patch(line, '{_NOTHING}')::varchar) as rest,
            row_number
        from block
        where line[1] = '{{'
    )
    where event is not null
"""


class _Lines:
    """A file in blocks of whole lines. Where a gzip file is cut off or damaged, `torn` says so after the last block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn: str | None = None

    def blocks(self) -> Iterator[bytes]:
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


class _Reader:
    """Turns blocks into events, and lines that are none into broken lines with their reason."""

    def __init__(self) -> None:
        self.database = duckdb.connect()
        self.line_count = 0
        self.broken: list[tuple[int, str, str]] = []

    def events(self, block: bytes) -> Iterator[pa.Table]:
        block = self._without_broken_text(block)
        lines = _line_array(block)
        numbers = np.arange(self.line_count + 1, self.line_count + 1 + len(lines))
        self.line_count += len(lines)
        table = pa.table({"line": lines, "row_number": pa.array(numbers)})
        batches = table.to_batches(max_chunksize=len(lines) // _BATCHES_PER_BLOCK + 1)
        self.database.register("block", pa.Table.from_batches(batches))
        events = self.database.execute(_QUERY).to_arrow_table()
        yield events
        if events.num_rows < len(lines):
            yield from self._second_look(lines, np.setdiff1d(numbers, events.column("_row_number").to_numpy()))

    def _without_broken_text(self, block: bytes) -> bytes:
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
                text = line.decode("utf-8", "replace")
                self._break(self.line_count + position + 1, text, f"not UTF-8 text at byte {error.start + 1}")
                lines[position] = b""
        return b"\n".join(lines)

    def _second_look(self, lines: pa.StringArray, numbers: np.ndarray) -> Iterator[pa.Table]:
        """What the fast path passed over is read one by one: an event after all, a blank line, or broken."""
        first = self.line_count - len(lines) + 1
        rows: list[dict[str, str | None]] = []
        found: list[int] = []
        for number in numbers.tolist():
            line = lines[number - first].as_py()
            if not line.strip():
                continue
            try:
                rows.append(json_rows.whole_row(line, _EVENTS.columns))
                found.append(number)
            except ValueError as error:
                self._break(number, line, f"not a JSON object: {error}")
        if rows:
            yield text_table(_EVENTS, rows).append_column("_row_number", pa.array(found, pa.int64()))

    def _break(self, number: int, line: str, reason: str) -> None:
        self.broken.append((number, line.rstrip("\n")[:_KEPT_CHARACTERS], reason))

    def end(self, torn: str | None) -> Iterator[pa.Table]:
        """The broken lines of the file. A cut-off file ends in one, also where the cut falls between two lines."""
        self.database.close()
        if torn and not (self.broken and self.broken[-1][0] == self.line_count):
            self._break(self.line_count + 1, "", "")
        if torn:
            number, line, _ = self.broken[-1]
            self.broken[-1] = (number, line, f"the gzip file is cut off or damaged here: {torn}")
        if self.broken:
            numbers, lines, reasons = zip(*self.broken, strict=True)
            yield pa.table(
                {
                    "line": pa.array(lines, TEXT),
                    "reason": pa.array(reasons, TEXT),
                    "_row_number": pa.array(numbers, pa.int64()),
                }
            )


def _line_array(block: bytes) -> pa.StringArray:
    """The lines of a block, each with its line break, without copying them."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(block):
        ends = np.append(ends, len(block))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))


def _rows(file: LandedFile) -> Iterator[pa.Table]:
    lines, reader = _Lines(file.path), _Reader()
    for block in lines.blocks():
        yield from reader.events(block)
    for broken in reader.end(lines.torn):
        yield dlt.mark.with_table_name(broken, _BROKEN.name)
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
