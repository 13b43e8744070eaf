"""Files of JSON lines as text columns, plain or gzip: whole blocks of lines go through DuckDB's JSON reader without
becoming Python objects. Numbers keep their value there, not the zeros behind it.

Every line is a row or is set aside with its number and a reason. What the members mean is not interpreted here.
"""

from __future__ import annotations

import gzip
import json
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion import json_rows
from ingestion.ahead import in_order
from ingestion.arrow_text import TEXT
from ingestion.sheet import BLANK, Block, Header, Layout, Sheet, find_header
from ingestion.text_rows import BLOCK_BYTES, KEPT_CHARACTERS, LONGEST_LINE_BYTES, open_bytes


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
        overlong = False
        with open_bytes(self.path) as file:
            file.read(len(BOM_UTF8) if file.peek(3).startswith(BOM_UTF8) else 0)  # type: ignore[attr-defined]
            while chunk := self._read(file):
                if overlong:
                    end = chunk.find(b"\n")
                    if end < 0:
                        continue
                    # The line's beginning is enough to find it, and without its end it cannot pass for JSON.
                    yield rest + b"\n"
                    rest, overlong, chunk = b"", False, chunk[end + 1 :]
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    yield rest + chunk[:cut]
                    rest = chunk[cut:]
                else:
                    rest += chunk
                if len(rest) > LONGEST_LINE_BYTES:
                    rest, overlong = rest[:KEPT_CHARACTERS], True
        if rest:
            yield rest

    def _read(self, file: IO[bytes]) -> bytes:
        """The next chunk; of a damaged gzip file everything up to the damage."""
        parts: list[bytes] = []
        size = 0
        try:
            while size < BLOCK_BYTES and not self.torn and (part := file.read1(1 << 20)):  # type: ignore[attr-defined]
                parts.append(part)
                size += len(part)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.torn = str(error)
        return b"".join(parts)


@dataclass
class Parsed:
    """What became of one block: tables of rows, and (line number, text, reason) of each line that is none.

    A table has the wanted columns, `_extra` where a line has further members, and `_row_number`.
    """

    tables: list[pa.Table] = field(default_factory=list)
    broken: list[tuple[int, str, str]] = field(default_factory=list)

    def refuse(self, number: int, line: str, reason: str) -> None:
        """Keep a line that is no row."""
        self.broken.append((number, line.rstrip("\n")[:KEPT_CHARACTERS], reason))


class JsonLines:
    """Reads lines as rows of `columns`; a line with any of the `proof` columns is sure to be a JSON object."""

    def __init__(self, columns: Sequence[str], proof: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.proof = tuple(proof)
        shape = _literal(json.dumps(dict.fromkeys(self.columns, "VARCHAR")))
        nothing = _literal(json.dumps(dict.fromkeys(self.columns)))
        # A line that is no JSON object gives a row of nulls, as an object without any known member would.
        self._rows = f"select unnest(try(json_transform(line, {shape}))), row_number as _row_number from block"
        self._members = "select distinct unnest(try(json_keys(line))) from block"
        self._extra = f"""
            select row_number, try(json_merge_patch(line, {nothing})::varchar) as extra
            from block
            where list_has_any(try(json_keys(line)), $unknown)
        """

    def read(self, path: Path) -> Iterator[Parsed]:
        """Every block in the file's order; of a damaged gzip file what is whole, and a last line that says so."""
        lines = _Lines(path)
        last: Parsed | None = None
        # One thread a block: DuckDB's own threads would not share the work of turning results into Arrow.
        with duckdb.connect(config={"threads": 1}) as database:
            jobs = (partial(self.parse, database, block, first) for first, block in lines.blocks())
            for parsed in in_order(jobs):
                if last:
                    yield last
                last = parsed
        if lines.torn:
            last = last or Parsed()
            _mark_torn(last, lines)
        if last:
            yield last

    def members(self, path: Path) -> set[str]:
        """The members of the objects in the first block of a file."""
        for first, block in _Lines(path).blocks():
            with duckdb.connect(config={"threads": 1}) as database:
                lines = _line_array(_without_broken_text(block, first, Parsed()))
                database.register("block", pa.table({"line": lines}))
                return {name for (name,) in database.execute(self._members).fetchall()}
        return set()

    def parse(self, database: duckdb.DuckDBPyConnection, block: bytes, first: int) -> Parsed:
        """The rows of a block whose first line is number `first` of the file."""
        parsed = Parsed()
        lines = _line_array(_without_broken_text(block, first, parsed))
        numbers = pa.array(np.arange(first, first + len(lines)))
        with database.cursor() as cursor:
            cursor.register("block", pa.table({"line": lines, "row_number": numbers}))
            rows = cursor.execute(self._rows).to_arrow_table()
            read = pc.is_valid(rows.column(self.proof[0]))
            for name in self.proof[1:]:
                read = pc.or_(read, pc.is_valid(rows.column(name)))
            doubtful: list[int] = []
            if not pc.all(read).as_py():
                doubtful = rows.column("_row_number").filter(pc.invert(read)).to_pylist()
                rows = rows.filter(read)
            parsed.tables.append(self._with_extra(cursor, rows))
        self._second_look(lines, first, doubtful, parsed)
        return parsed

    def _with_extra(self, cursor: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
        """Members that no column takes; most blocks have none, which is cheap to find out."""
        members = {name for (name,) in cursor.execute(self._members).fetchall()}
        unknown = sorted(members - set(self.columns))
        if not unknown:
            return rows
        found = cursor.execute(self._extra, {"unknown": unknown}).to_arrow_table()
        position = pc.index_in(rows.column("_row_number"), found.column("row_number"))
        return rows.append_column("_extra", found.column("extra").take(position))

    def _second_look(self, lines: pa.StringArray, first: int, numbers: Sequence[int], parsed: Parsed) -> None:
        """What the fast path passed over is read one by one: a row after all, a blank line, or broken."""
        rows: list[dict[str, str | None]] = []
        found: list[int] = []
        for number in numbers:
            line = lines[number - first].as_py()
            if not line.strip():
                continue
            try:
                rows.append(json_rows.whole_row(line, self.columns))
                found.append(number)
            except (ValueError, RecursionError) as error:
                parsed.refuse(number, line, f"not a JSON object: {error}")
        if rows:
            names = (*self.columns, "_extra")
            table = pa.table({name: pa.array([row.get(name) for row in rows], TEXT) for name in names})
            parsed.tables.append(table.append_column("_row_number", pa.array(found, pa.int64())))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _mark_torn(last: Parsed, lines: _Lines) -> None:
    """A cut-off file ends in a broken line, also where the cut falls between two lines."""
    reason = f"the gzip file is cut off or damaged here: {lines.torn}"
    last.broken.sort()
    if last.broken and last.broken[-1][0] == lines.count:
        number, text, _ = last.broken.pop()
        last.broken.append((number, text, reason))
    else:
        last.broken.append((lines.count + 1, "", reason))


def _without_broken_text(block: bytes, first: int, parsed: Parsed) -> bytes:
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


def _line_array(block: bytes) -> pa.StringArray:
    """The lines of a block, each with its line break, without copying them."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(block):
        ends = np.append(ends, len(block))
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))


def read_json_lines(path: Path, layout: Layout) -> Sheet:
    """A file of JSON lines as a sheet: its header are the members of its first objects and all that a mapping names."""
    present = JsonLines(["_"], ["_"]).members(path)
    _, _, header = find_header([[sorted(present)]], layout)
    wanted = [header.find([name]) or name for name in layout.members]
    columns = list(dict.fromkeys(name.strip(BLANK) for name in wanted))
    return Sheet(Header(columns), _blocks(JsonLines(columns, columns), path))


def _blocks(lines: JsonLines, path: Path) -> Iterator[Callable[[], Block]]:
    for parsed in lines.read(path):
        for number, table in enumerate(parsed.tables):
            broken = parsed.broken if number == 0 else []
            extra = table.column("_extra") if "_extra" in table.column_names else None
            block = Block(table.select(lines.columns), table.column("_row_number"), broken, extra)
            yield lambda block=block: block  # type: ignore[misc]
        if not parsed.tables:
            empty = pa.table({name: pa.array([], TEXT) for name in lines.columns})
            yield lambda empty=empty, parsed=parsed: Block(empty, pa.array([], pa.int64()), parsed.broken)  # type: ignore[misc]
