"""Exports dropped as files, each folder read through the mapping of its name into the canonical tables.

Which columns mean what is data (`ingestion/mappings/`, and a company's own); this module only follows it. How files are
read belongs in `ingestion/tabular.py`, how rows become canonical in `ingestion/translation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dlt
import duckdb
import pyarrow as pa
from dlt.sources import DltResource, DltSource

from ingestion.ahead import in_order
from ingestion.arrow_text import TEXT, broken_table
from ingestion.canonical import SCHEMA, raw_tables
from ingestion.landing import LandedFile, landed_files, new_files
from ingestion.mapping import ExportMapping, load_mappings
from ingestion.sheet import Block, Header, Layout
from ingestion.source import Delivery, Request, Source, text_schema
from ingestion.tabular import open_sheet
from ingestion.text_rows import Broken
from ingestion.translation import Translation

Tables = tuple[dict[str, pa.Table], list[Broken]]
Suggestion = Callable[[Iterable[Header]], str]


def _rows(file: LandedFile, mapping: ExportMapping, suggestion: Suggestion) -> Iterator[pa.Table]:
    """The canonical rows of one file, and the lines no table could take."""
    layout = Layout(
        file.name,
        mapping.missing,
        suggestion,
        mapping.encoding,
        mapping.delimiter or ("\t" if mapping.format == "tsv" else None),
        mapping.skip_lines,
        mapping.named(),
    )
    sheet = open_sheet(file.path, layout, mapping.format)
    for tables, broken in _translated(mapping, sheet.header, sheet.blocks):
        for entity, table in tables.items():
            yield dlt.mark.with_table_name(table, entity)
        if broken:
            table = broken_table(broken)
            system = pa.repeat(pa.scalar(mapping.name, TEXT), table.num_rows)
            yield dlt.mark.with_table_name(table.append_column("source_system", system), "broken_lines")
    file.check_unchanged()


def _translated(mapping: ExportMapping, header: Header, blocks: Iterator[Callable[[], Block]]) -> Iterator[Tables]:
    """Every block in the file's order; the first one with a row says how the cells of all are read."""
    # One thread a block: more would only wait for one another.
    with duckdb.connect(config={"threads": 1}) as database:
        for read in blocks:
            first = read()
            if first.rows.num_rows:
                translation = Translation(mapping, header, first)
                break
            yield {}, first.broken
        else:
            return

        def translated(read: Callable[[], Block]) -> Tables:
            with database.cursor() as cursor:
                return translation.tables(read(), cursor)

        yield translated(lambda: first)
        yield from in_order(partial(translated, read) for read in blocks)


def _suggestion(mapping: ExportMapping, mappings: Mapping[str, ExportMapping]) -> Suggestion:
    """Says of a file that is not of this mapping which folder its columns belong to."""

    def suggest(headers: Iterable[Header]) -> str:
        fitting = sorted(
            {
                name
                for header in headers
                for name, other in mappings.items()
                if name != mapping.name and not other.missing(header)
            }
        )
        return f"It has the columns of {' or '.join(fitting)}: move it to landing/{fitting[0]}/." if fitting else ""

    return suggest


@dlt.source(schema=text_schema("exports"))
def exports(file: LandedFile, mapping: ExportMapping, suggestion: Suggestion) -> DltResource:
    """One dropped file, as the rows of the canonical tables its mapping feeds."""
    rows = _rows(file, mapping, suggestion)
    return dlt.resource(rows, name=next(iter(mapping.entities)), write_disposition="append")


def _delivery(
    source: Source,
    request: Request,
    mappings: Mapping[str, ExportMapping],
    mapping: ExportMapping,
    file: LandedFile,
    digest: str,
) -> Delivery:
    @contextmanager
    def pull() -> Iterator[DltSource]:
        yield exports(file, mapping, _suggestion(mapping, mappings))

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
    mappings = load_mappings(request.mapping_dirs)
    for mapping in mappings.values():
        files = landed_files(request.landing_dirs, mapping.name, mapping.files)
        for file, digest in new_files(files, request.known_hashes(mapping.name)):
            yield _delivery(source, request, mappings, mapping, file, digest)


def _folders(mapping_dirs: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    return {mapping.name: mapping.files for mapping in load_mappings(mapping_dirs).values()}


SOURCE = Source("exports", SCHEMA, raw_tables(), _deliveries, folders=_folders)
