"""Files of rows and columns, read as text in batches: compression, encoding, delimiter, and where the header stands.

`FORMATS` is the one list of file formats; a further one is one more reader in it. What the columns mean belongs in
`ingestion/sources/exports.py`.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv as pacsv

from ingestion.source import BadDelivery

_HEAD_BYTES = 1 << 18
_HEAD_LINES = 60
_BLOCK_BYTES = 8 << 20
_DELIMITERS = (",", "\t", ";", "|")
_BLANK = " \t\u00a0\u3000\ufeff"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Layout:
    """What is known about a file before it is opened. `missing` names what a header lacks to be the expected one."""

    name: str
    missing: Callable[[Sequence[str]], list[str]]
    encoding: str | None = None
    delimiter: str | None = None
    skip_lines: int = 0


@dataclass
class Sheet:
    """A file being read: its header (trimmed, unique names), and batches of (row numbers, text columns).

    Rows with another number of cells than the header has are collected in `ragged` as (row number, text, reason).
    """

    header: list[str]
    batches: Iterator[tuple[list[int], pa.Table]]
    delimiter: str
    ragged: list[tuple[int, str, str]] = field(default_factory=list)


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it is gzip, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path) if packed else path.open("rb"))


def find_encoding(path: Path, name: str, stated: str | None) -> str:
    """The encoding of a text file: its mark, else the stated one, else UTF-8 if it is that, else GB18030.

    The whole file is decoded once, so that a wrong byte is an error with its line and not a wrong letter.
    """
    try:
        with open_bytes(path) as file:
            head = file.read(_HEAD_BYTES)
        candidates = [encoding for mark, encoding in _MARKS if head.startswith(mark)][:1]
        if not candidates and stated:
            candidates = [stated]
        if not candidates and head:
            even, odd = head[0::2].count(0), head[1::2].count(0)
            if max(even, odd) > len(head) // 5:
                candidates = ["utf-16-le" if odd > even else "utf-16-be"]
        candidates = candidates or ["utf-8", "gb18030"]
        lines = [_broken_line(path, encoding) for encoding in candidates]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadDelivery(
            f"{name} is a damaged or cut-off gzip file ({error}). Nothing of it was loaded; deliver it once more."
        ) from error
    for encoding, line in zip(candidates, lines, strict=True):
        if line is None:
            return encoding
    raise BadDelivery(
        f"{name}, line {lines[0]}: the text is not {' nor '.join(candidates)}. Name the right `encoding` in the "
        "mapping, or export the file as UTF-8."
    )


def _broken_line(path: Path, encoding: str) -> int | None:
    """The first line that is not of this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with open_bytes(path) as file:
        while True:
            chunk = file.read(1 << 20)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                return line + bytes(error.object[: error.start]).count(b"\n")
            if not chunk:
                return None


def read_delimited(path: Path, layout: Layout) -> Sheet:
    """A CSV or TSV file, header found by its columns: preambles differ in length between exports of one system."""
    encoding = find_encoding(path, layout.name, layout.encoding)
    with open_bytes(path) as file:
        head = file.read(_HEAD_BYTES)
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    position, delimiter, header = _find_header(text.splitlines()[:_HEAD_LINES], layout)
    sheet = Sheet(header, iter(()), delimiter)
    sheet.batches = _batches(path, layout.name, encoding, position, sheet)
    return sheet


def _find_header(lines: Sequence[str], layout: Layout) -> tuple[int, str, list[str]]:
    """(line index, delimiter, names) of the line that has every needed column, first looked for where it should be."""
    if not any(line.strip(_BLANK) for line in lines):
        raise BadDelivery(f"{layout.name} is empty: not even a header. Export it again.")
    start = min(layout.skip_lines, len(lines) - 1)
    positions = [start, *(position for position in range(len(lines)) if position != start)]
    nearest, lacking = start, layout.missing([])
    for position in positions:
        for delimiter in [layout.delimiter] if layout.delimiter else _DELIMITERS:
            names = _names(next(csv.reader([lines[position]], delimiter=delimiter), []))
            missing = layout.missing(names)
            if not missing:
                return position, delimiter, names
            if len(missing) < len(lacking):
                nearest, lacking = position, missing
    raise BadDelivery(
        f"{layout.name}: none of the first {len(lines)} lines is the expected header; line {nearest + 1} comes closest "
        f"and lacks {', '.join(lacking)}. Check that the file lies in the right landing folder, export it with these "
        "columns, or name the header's own words as aliases in the mapping."
    )


def _names(cells: Sequence[str]) -> list[str]:
    """Trimmed header names, made unique so that no column hides another."""
    names: dict[str, None] = {}
    for number, cell in enumerate(cells, start=1):
        name = cell.strip(_BLANK) or f"column {number}"
        names[f"{name} ({number})" if name in names else name] = None
    return list(names)


def _batches(path: Path, name: str, encoding: str, position: int, sheet: Sheet) -> Iterator[tuple[list[int], pa.Table]]:
    skipped: set[int] = set()

    def keep_ragged(row: pacsv.InvalidRow) -> str:
        # Blank lines are no rows to pyarrow, so its number is the row's place and not always the file's line.
        skipped.add(row.number)
        reason = f"{row.actual_columns} cells where the header has {row.expected_columns}"
        sheet.ragged.append((row.number, row.text, reason))
        return "skip"

    try:
        with open_bytes(path) as file:
            reader = pacsv.open_csv(
                file,
                read_options=pacsv.ReadOptions(
                    column_names=sheet.header,
                    skip_rows=position + 1,
                    encoding="utf8" if encoding in {"utf-8", "utf-8-sig"} else encoding,
                    use_threads=False,
                    block_size=_BLOCK_BYTES,
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=sheet.delimiter, newlines_in_values=True, invalid_row_handler=keep_ragged
                ),
                convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(sheet.header, pa.string())),
            )
            number = position + 1
            for batch in reader:
                numbers: list[int] = []
                while len(numbers) < batch.num_rows:
                    number += 1
                    if number not in skipped:
                        numbers.append(number)
                yield numbers, pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        if str(error).startswith("Empty CSV file"):
            return
        raise BadDelivery(
            f"{name} cannot be read as a table ({str(error).splitlines()[0]}). Look for a quote that is not closed "
            "near the place named, or export the file again."
        ) from error


FORMATS: dict[str, Callable[[Path, Layout], Sheet]] = {"csv": read_delimited, "tsv": read_delimited}
