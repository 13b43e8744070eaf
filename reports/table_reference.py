"""The table reference: every published table and column with its meaning, its type, a question and the answer.

Meanings are the comments of the published file, which come from the models' descriptions; the questions are handed in.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from reports import page
from reports.reader import Reader, Row

# A question to more rows than this is shown without its answer: it would cost the run what nobody may read.
_MOST_ROWS = 1_000_000
_ROWS_SHOWN = 10


@dataclass(frozen=True)
class Example:
    """A question that a table answers, in words and in SQL."""

    question: str
    sql: str


def table_reference(readers: Iterable[Reader], examples: Mapping[str, Example], told: str) -> str:
    """The page over all tables of the files that are open; `examples` by ``schema.table``."""
    listed, parts = [], []
    for reader in readers:
        columns: dict[str, list[Row]] = {}
        for found in reader.rows(
            "select schema_name || '.' || table_name as name, column_name as \"column\", data_type as type,"
            " comment as meaning from duckdb_columns() where not internal order by table_name, column_index"
        ):
            columns.setdefault(found.pop("name"), []).append(found)
        for table in reader.rows(
            "select schema_name || '.' || table_name as name, comment as meaning, estimated_size as rows"
            " from duckdb_tables() where not internal order by schema_name, table_name"
        ):
            name = table["name"]
            listed.append(f'<li><a href="#{name}">{name}</a></li>')
            parts.append(
                f'<section id="{name}"><h2>{name}</h2><p>{html.escape(table["meaning"] or "")} '
                f'<span class="aside">{table["rows"]:,} rows.</span></p>{page.table(columns[name], len(columns[name]))}'
                f"{_example(reader, examples.get(name), table['rows'])}</section>"
            )
    body = (
        '<p class="aside"><a href="../index.html">Front page</a></p><h1>The tables and their columns</h1>'
        '<p class="question">What is there to ask, and what does each word mean?</p>'
        f'<p class="aside">{html.escape(told)} '
        "Tables of the schema restricted are in a file of their own, for those who may open it.</p>"
        f'<ul class="legend">{"".join(listed)}</ul>{"".join(parts)}'
    )
    return page.shell("Tables", body)


def _example(reader: Reader, example: Example | None, rows: int) -> str:
    if example is None:
        return ""
    asked = f"<p><b>{html.escape(example.question)}</b></p><pre>{html.escape(example.sql.strip())}</pre>"
    if rows > _MOST_ROWS:
        return f'{asked}<p class="aside">Its answer is a query over many rows: ask it yourself with make sql.</p>'
    try:
        answer = reader.rows(example.sql)
    except duckdb.Error as problem:
        # The page is one of many tables: the others are worth having without this answer.
        return f'{asked}<p class="bad">{html.escape(str(problem).splitlines()[0])}</p>'
    return asked + (page.table(answer, _ROWS_SHOWN) or '<p class="aside">No row answers it in this publication.</p>')
