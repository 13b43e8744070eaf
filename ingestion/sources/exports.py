"""Exports dropped as files, each folder read through the mapping of its name into the canonical tables.

Which columns mean what is data (`ingestion/mappings/`, and a company's own); this module only follows it. How files and
cells are read belongs in `ingestion/tabular.py` and `ingestion/values.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dlt
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from dlt.sources import DltResource, DltSource

from ingestion import values
from ingestion.arrow_text import TEXT
from ingestion.canonical import ENTITIES, SCHEMA, raw_tables
from ingestion.landing import LandedFile, landed_files, new_files
from ingestion.mapping import ColumnRule, ExportMapping, Setting, load_mappings
from ingestion.source import Delivery, Request, Source, text_schema
from ingestion.tabular import FORMATS, Layout, Sheet

_DEFAULT_FORMAT = "csv"
Converter = Callable[[str], str | None]


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _without_suffix(name: str) -> str:
    """`Amount spent (USD)` as `Amount spent`: some platforms write the unit into the header."""
    for mark in ("(", "（"):
        name = name.partition(mark)[0]
    return _plain(name)


def find_column(header: Sequence[str], rule: ColumnRule) -> str | None:
    """The header a rule means: an exact one (blanks and case aside) before one that only adds a unit in parentheses."""
    for same in (_plain, _without_suffix):
        for wanted in rule.headers:
            for name in header:
                if same(name) == _plain(wanted):
                    return name
    return None


def _missing(mapping: ExportMapping, header: Sequence[str]) -> list[str]:
    """What a header lacks to be the one this mapping describes."""
    lacking = [rule.headers[0] for rule in mapping.needed_rules() if find_column(header, rule) is None]
    for setting in (mapping.currency, mapping.timezone):
        if setting.header and not any(setting.header.search(name) for name in header):
            lacking.append(setting.header.pattern)
    return lacking


class _Translation:
    """How the rows of one file become canonical rows: which column feeds what, and how its cells are read."""

    def __init__(self, mapping: ExportMapping, sheet: Sheet, first: pa.Table) -> None:
        self.mapping = mapping
        self.header = sheet.header
        self.marks = self._decimal_marks(first)

    def _decimal_marks(self, first: pa.Table) -> dict[str, values.Mark]:
        """The decimal mark of each number column; where a column does not tell, the rest of the file does."""
        columns = {
            name
            for entity, rules in self.mapping.entities.items()
            for column, rule in rules.items()
            if ENTITIES[entity].columns[column] == "number" and (name := find_column(self.header, rule))
        }
        if self.mapping.decimal:
            return dict.fromkeys(columns, self.mapping.decimal)
        found = {name: values.decimal_mark(pc.unique(first.column(name)).to_pylist()) for name in sorted(columns)}
        told = [mark for mark in found.values() if mark]
        common: values.Mark = "," if told and set(told) == {","} else "."
        return {name: mark or common for name, mark in found.items()}

    def is_data(self, rows: pa.Table) -> pa.ChunkedArray | pa.Array:
        """False for the rows the mapping drops: totals and the like."""
        keep: pa.ChunkedArray | pa.Array = pa.repeat(pa.scalar(True), rows.num_rows)
        for rule in self.mapping.drop_rows:
            name = find_column(self.header, ColumnRule((rule.column,)))
            if name is None:
                continue
            cells = pc.utf8_trim_whitespace(rows.column(name))
            dropped = pc.starts_with(cells, rule.text) if rule.test == "starts_with" else pc.equal(cells, rule.text)
            keep = pc.and_(keep, pc.invert(dropped))
        return keep

    def entity(self, name: str, rows: pa.Table) -> pa.Table:
        """The canonical columns of one entity."""
        rules = self.mapping.entities[name]
        columns = {"source_system": pa.repeat(pa.scalar(self.mapping.name, TEXT), rows.num_rows)}
        if ENTITIES[name].shares_keys:
            columns["system"] = pa.repeat(pa.scalar(self.mapping.part_of or self.mapping.name, TEXT), rows.num_rows)
        for column, kind in ENTITIES[name].columns.items():
            header = find_column(self.header, rules[column]) if column in rules else None
            if header is not None:
                columns[column] = _converted(rows.column(header), self._converter(kind, header, rules[column]))
            elif column not in rules and column in {"currency", "timezone"}:
                columns[column] = self._setting(getattr(self.mapping, column), rows)
        return pa.table(columns)

    def _converter(self, kind: str, header: str, rule: ColumnRule) -> Converter:
        if kind == "number":
            mark = self.marks[header]
            return lambda cell: None if values.is_missing(cell) else values.number(cell, mark)
        if kind == "date":
            return lambda cell: None if values.is_missing(cell) else values.date(cell, rule.formats)
        if kind == "time":
            return lambda cell: None if values.is_missing(cell) else values.time(cell, rule.formats)
        if kind == "boolean":
            return lambda cell: None if values.is_missing(cell) else values.boolean(cell)
        return values.plain_text

    def _setting(self, setting: Setting, rows: pa.Table) -> pa.Array | pa.ChunkedArray:
        if setting.column and (header := find_column(self.header, setting.column)):
            return _converted(rows.column(header), values.plain_text)
        text = setting.literal
        if setting.header:
            text = next((match[1] for name in self.header if (match := setting.header.search(name))), None)
        return pa.repeat(pa.scalar(text, TEXT), rows.num_rows)


def _converted(cells: pa.ChunkedArray, convert: Converter) -> pa.ChunkedArray | pa.Array:
    """Each distinct cell converted once; columns of exports repeat themselves."""
    encoded = cells.combine_chunks().dictionary_encode()
    converted = pa.array([None if cell is None else convert(cell) for cell in encoded.dictionary.to_pylist()], TEXT)
    return converted.take(encoded.indices)


def _rows(file: LandedFile, mapping: ExportMapping) -> Iterator[pa.Table]:
    """The canonical rows of one file, and the lines no table could take."""
    layout = Layout(
        file.name,
        lambda header: _missing(mapping, header),
        mapping.encoding,
        mapping.delimiter or ("\t" if mapping.format == "tsv" else None),
        mapping.skip_lines,
    )
    sheet = FORMATS[mapping.format or _DEFAULT_FORMAT](file.path, layout)
    translation: _Translation | None = None
    database = duckdb.connect()
    try:
        for numbers, batch in sheet.batches:
            translation = translation or _Translation(mapping, sheet, batch)
            keep = translation.is_data(batch)
            rows = batch.filter(keep)
            if not rows.num_rows:
                continue
            bookkeeping = {
                "_extra": _as_json(database, rows),
                "_row_number": pa.array(numbers, pa.int64()).filter(keep),
            }
            for entity in mapping.entities:
                table = translation.entity(entity, rows)
                for name, column in bookkeeping.items():
                    table = table.append_column(name, column)
                yield dlt.mark.with_table_name(table, entity)
    finally:
        database.close()
    if sheet.ragged:
        row_numbers, lines, reasons = zip(*sheet.ragged, strict=True)
        broken = {
            "source_system": pa.repeat(pa.scalar(mapping.name, TEXT), len(lines)),
            "line": pa.array(lines, TEXT),
            "reason": pa.array(reasons, TEXT),
            "_row_number": pa.array(row_numbers, pa.int64()),
        }
        yield dlt.mark.with_table_name(pa.table(broken), "broken_lines")
    file.check_unchanged()


def _as_json(database: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.ChunkedArray:
    """Each original row as a JSON object, so that what no canonical column takes is kept."""
    database.register("original", rows)
    return database.execute("select to_json(original)::varchar as row from original").to_arrow_table().column("row")


@dlt.source(schema=text_schema("exports"))
def exports(file: LandedFile, mapping: ExportMapping) -> DltResource:
    """One dropped file, as the rows of the canonical tables its mapping feeds."""
    return dlt.resource(_rows(file, mapping), name=next(iter(mapping.entities)), write_disposition="append")


def _delivery(source: Source, request: Request, mapping: ExportMapping, file: LandedFile, digest: str) -> Delivery:
    @contextmanager
    def pull() -> Iterator[DltSource]:
        yield exports(file, mapping)

    return Delivery(
        source,
        mapping.name,
        f"file {file.name}",
        pull,
        request.now,
        file_name=file.name,
        content_sha256=digest,
        feeds=next(iter(mapping.entities)),
    )


def _deliveries(source: Source, request: Request) -> Iterator[Delivery]:
    for mapping in load_mappings(request.mapping_dirs).values():
        files = landed_files(request.landing_dirs, mapping.name, mapping.files)
        for file, digest in new_files(files, request.known_hashes(mapping.name)):
            yield _delivery(source, request, mapping, file, digest)


def _folders(mapping_dirs: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    return {mapping.name: mapping.files for mapping in load_mappings(mapping_dirs).values()}


SOURCE = Source("exports", SCHEMA, raw_tables(), _deliveries, folders=_folders)
