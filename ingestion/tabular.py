"""Delimited files, and the one list of file formats.

`FORMATS` names every format; a further one is one more reader in it. What the columns mean is the mapping's to say.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from ingestion.json_lines import read_json_lines
from ingestion.sheet import HEAD_LINES, Block, Header, Layout, Sheet, find_header
from ingestion.source import BadDelivery
from ingestion.text_rows import KEPT_CHARACTERS, Rows, file_head, find_encoding, row_blocks
from ingestion.typed_files import read_parquet, read_workbook

_DELIMITERS = (",", "\t", ";", "|")
_LARGEST_HEADER_CELL = 100_000


def read_delimited(path: Path, layout: Layout) -> Sheet:
    """A CSV or TSV file, header found by its columns: preambles differ in length between exports of one system."""
    encoding = find_encoding(path, layout.name, layout.encoding)
    text = encoding.decode(file_head(path, layout.name))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:HEAD_LINES]
    delimiters = (layout.delimiter,) if layout.delimiter else _DELIMITERS
    position, reading, header = find_header([[_cells(line, mark) for mark in delimiters] for line in lines], layout)
    blocks = row_blocks(path, encoding, position + 1, delimiters[reading], len(header.names))
    return Sheet(header, _parsers(blocks, header, delimiters[reading]))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line[:_LARGEST_HEADER_CELL] if '"' in line else line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _parsers(blocks: Iterator[Rows], header: Header, delimiter: str) -> Iterator[Callable[[], Block]]:
    for rows in blocks:
        yield lambda rows=rows: _parsed(rows, header, delimiter)  # type: ignore[misc]


def _parsed(rows: Rows, header: Header, delimiter: str) -> Block:
    """A block's cells. A row with another number of cells than the header is set aside."""
    begins, lines = rows.begins()
    if not len(begins):
        empty = pa.table({name: pa.array([], pa.string()) for name in header.names})
        return Block(empty, pa.array([], pa.int64()), rows.broken)
    ragged: dict[int, tuple[str, str]] = {}

    def set_aside(row: pacsv.InvalidRow) -> str:
        reason = f"{row.actual_columns} cells where the header has {row.expected_columns}"
        ragged[row.number - 1] = (row.text[:KEPT_CHARACTERS], reason)
        return "skip"

    try:
        table = pacsv.read_csv(
            pa.BufferReader(rows.data),
            read_options=pacsv.ReadOptions(column_names=header.names, use_threads=False, block_size=len(rows.data) + 1),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=set_aside
            ),
            convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(header.names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        return _parsed_in_halves(rows, header, delimiter, str(error))
    numbers = pa.array(lines)
    if ragged:
        kept = [place for place in range(table.num_rows + len(ragged)) if place not in ragged]
        # A lone carriage return inside a cell is a row's end to the parser: places then stand for line numbers.
        known = len(lines) == table.num_rows + len(ragged)
        where = lines if known else range(rows.line, rows.line + table.num_rows + len(ragged))
        numbers = pa.array([int(where[place]) for place in kept], pa.int64())
        rows.broken += [(int(where[place]), text, reason) for place, (text, reason) in ragged.items()]
    elif len(lines) != table.num_rows:
        numbers = pa.array(range(rows.line, rows.line + table.num_rows), pa.int64())
    return Block(table, numbers, sorted(rows.broken))


def _parsed_in_halves(rows: Rows, header: Header, delimiter: str, reason: str) -> Block:
    """A block with a row that the parser cannot read at all: that row is set aside."""
    begins, lines = rows.begins()
    if len(begins) == 1:
        text = rows.data[begins[0] :].decode("utf-8", "replace").rstrip()[:KEPT_CHARACTERS]
        alone = Rows(b"", rows.line, rows.inner, [*rows.broken, (int(lines[0]), text, reason.splitlines()[0])])
        return _parsed(alone, header, delimiter)
    parts = [_parsed(half, header, delimiter) for half in rows.halves()]
    return Block(
        pa.concat_tables(part.rows for part in parts),
        pa.concat_arrays([part.numbers for part in parts]),
        sorted(rows.broken + parts[0].broken + parts[1].broken),
    )


_SIGNATURES = (
    (b"PK\x03\x04", "xlsx"),
    (b"\xd0\xcf\x11\xe0", "xlsx"),
    (b"PAR1", "parquet"),
)
_PAGES = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<head", b"<body")


def find_format(path: Path, name: str, stated: str | None) -> str:
    """The format of a file: what its content says, which has to agree with what the mapping states.

    Raises BadDelivery for a web page, which some systems call a workbook, and where content and mapping disagree.
    """
    head = file_head(path, name)
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    found = next((kind for mark, kind in _SIGNATURES if head.startswith(mark)), None)
    if found is None and start[:9].lower().startswith(_PAGES):
        raise BadDelivery(
            f"{name} is a web page or XML whatever its name says. Open it in a spreadsheet program and save it as CSV "
            "or XLSX, or log in again and export it once more."
        )
    if found is None and stated in {"xlsx", "parquet"}:
        raise BadDelivery(f"{name} is no {stated} file, which its mapping says it is. Export it again in that format.")
    if found and stated and found != stated:
        raise BadDelivery(
            f"{name} is {found} by its content, but its mapping says `format: {stated}`. Leave `format` out of the "
            "mapping, or export the file in that format."
        )
    if found or stated:
        return str(found or stated)
    return "jsonl" if start.startswith(b"{") else "csv"


def open_sheet(path: Path, layout: Layout, stated: str | None) -> Sheet:
    """The file in the format it has. Raises BadDelivery where it is not what its mapping says."""
    return FORMATS[find_format(path, layout.name, stated)](path, layout)


FORMATS: dict[str, Callable[[Path, Layout], Sheet]] = {
    "csv": read_delimited,
    "tsv": read_delimited,
    "xlsx": read_workbook,
    "parquet": read_parquet,
    "jsonl": read_json_lines,
}
