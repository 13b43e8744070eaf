"""Workbooks and Parquet files as sheets of text: what a cell's type already says is written out exactly, once.

A number keeps its shortest exact text (an id is 1001 and not 1001.0), a time is ISO 8601. Delimited files belong in
`ingestion/tabular.py`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from ingestion.arrow_text import TEXT, value_text
from ingestion.sheet import HEAD_LINES, MOST_COLUMNS, Block, Header, Layout, Sheet, find_header
from ingestion.source import BadDelivery
from ingestion.text_rows import KEPT_CHARACTERS, Broken

_BLOCK_ROWS = 20_000
_LARGEST_WORKBOOK_BYTES = 2 << 30
_EXACT_INTEGER = 1 << 53


def cell_text(value: Any) -> str:
    """A typed cell as exact text; nothing is an empty text."""
    if value is None:
        return ""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT_INTEGER:
            return str(int(value))
        return format(Decimal(repr(value)), "f")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, timedelta):
        return str(value)
    return value_text(value) or ""


def read_workbook(path: Path, layout: Layout) -> Sheet:
    """The first sheet of a workbook (XLSX, XLS, XLSB, ODS) that has the expected header."""
    _refuse_bomb(path, layout.name)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
        failure: BadDelivery | None = None
        for name in names:
            sheet = workbook.get_sheet_by_name(name)
            if sheet.width > MOST_COLUMNS and sheet.height:
                raise BadDelivery(
                    f"{layout.name} has a sheet of {sheet.width:,} columns; {MOST_COLUMNS:,} are the most that are "
                    "read. Export it again with the columns that are needed."
                )
            rows: Iterator[list[Any]] = iter(sheet.iter_rows())
            head = list(islice(rows, HEAD_LINES))
            try:
                lines = [[[cell_text(cell) for cell in row]] for row in head]
                position, _, header = find_header(lines or [[[]]], layout)
            except BadDelivery as error:
                failure = failure or error
                continue
            return Sheet(header, _workbook_blocks(chain(head[position + 1 :], rows), header, position + 2))
    except CalamineError as error:
        raise BadDelivery(
            f"{layout.name} cannot be read as a workbook ({error}). Open it in a spreadsheet program and save it as "
            "XLSX or CSV, without a password."
        ) from error
    raise failure or BadDelivery(f"{layout.name} is empty: a workbook without a sheet. Export it again.")


def _refuse_bomb(path: Path, name: str) -> None:
    """A workbook is read whole, so one that unpacks beyond all measure is not opened."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > _LARGEST_WORKBOOK_BYTES:
        raise BadDelivery(
            f"{name} unpacks to {size >> 20} MB; a workbook of more than {_LARGEST_WORKBOOK_BYTES >> 20} MB is not "
            "opened. Export it as CSV."
        )


def _workbook_blocks(rows: Iterator[list[Any]], header: Header, first: int) -> Iterator[Callable[[], Block]]:
    width = len(header.names)
    number = first
    while batch := list(islice(rows, _BLOCK_ROWS)):
        kept: list[list[Any]] = []
        numbers: list[int] = []
        broken: list[Broken] = []
        for row in batch:
            if any(cell not in (None, "") for cell in row[width:]):
                text = "\t".join(map(cell_text, row)).rstrip()[:KEPT_CHARACTERS]
                broken.append((number, text, f"more cells than the header, which has {width}"))
            elif any(cell not in (None, "") for cell in row) and not _is_title(row, header):
                kept.append([*row[:width], *[None] * (width - len(row))])
                numbers.append(number)
            number += 1
        columns = [_column_text([row[place] for row in kept]) for place in range(width)]
        block = Block(pa.table(columns, names=header.names), pa.array(numbers, pa.int64()), broken)
        yield lambda block=block: block  # type: ignore[misc]


def _is_title(row: list[Any], header: Header) -> bool:
    return isinstance(row[0], str) and Header([cell_text(cell) for cell in row]).names == header.names


def _column_text(cells: list[Any]) -> pa.Array:
    """Workbooks show midnight of a column of times as a mere day; it is written as the time it is."""
    if any(isinstance(cell, datetime) for cell in cells):
        cells = [datetime.combine(cell, time()) if type(cell) is date else cell for cell in cells]
    return pa.array([cell_text(cell) for cell in cells], TEXT)


def read_parquet(path: Path, layout: Layout) -> Sheet:
    """A Parquet file; its rows are numbered from 1."""
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
    except (pa.ArrowInvalid, OSError) as error:
        raise BadDelivery(f"{layout.name} cannot be read as Parquet ({error}). Deliver it once more.") from error
    _, _, header = find_header([[names]], layout)
    return Sheet(header, _parquet_blocks(file, header, layout.name))


def _parquet_blocks(file: pq.ParquetFile, header: Header, name: str) -> Iterator[Callable[[], Block]]:
    number = 1
    batches = file.iter_batches(_BLOCK_ROWS)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowInvalid, OSError) as error:
            raise BadDelivery(f"{name} is damaged behind row {number - 1} ({error}). Deliver it once more.") from error
        if batch is None:
            return
        columns = [_as_text(column) for column in batch.columns]
        numbers = pa.array(range(number, number + batch.num_rows), pa.int64())
        number += batch.num_rows
        block = Block(pa.table(columns, names=header.names), numbers)
        yield lambda block=block: block  # type: ignore[misc]


def _as_text(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return column.cast(TEXT)
    if pa.types.is_date(kind):
        return column.cast(pa.date32()).cast(TEXT)
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    return pa.array([cell_text(value) for value in column.to_pylist()], TEXT)
