"""How the rows of one exported file become canonical rows: which column feeds what, and how its cells are read.

Follows a mapping and knows no file format. What a mapping may say belongs in `ingestion/mapping.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ingestion import columns, values
from ingestion.arrow_text import TEXT
from ingestion.canonical import ENTITIES
from ingestion.mapping import ColumnRule, Condition, ExportMapping, Setting
from ingestion.sheet import Block, Header
from ingestion.text_rows import KEPT_CHARACTERS, Broken

_NO_TAKER = "the mapping has no entity for a row like this"


@dataclass
class _Kept:
    """What of the original cells is found again in the canonical columns: for each header, which cells are not."""

    changed: dict[str, pa.Array | None] = field(default_factory=dict)

    def add(self, header: str, changed: pa.Array | None) -> None:
        """A header whose cells landed; a cell that landed unchanged somewhere is kept."""
        if header in self.changed:
            before = self.changed[header]
            changed = None if before is None or changed is None else pc.and_(before, changed)
        self.changed[header] = changed


class Translation:
    """The mapping applied to one file, whose first block tells what its columns' numbers look like."""

    def __init__(self, mapping: ExportMapping, header: Header, first: Block) -> None:
        self.mapping = mapping
        self.header = header
        self.marks = self._decimal_marks(_whole(first))

    def _decimal_marks(self, first: pa.Table) -> dict[ColumnRule, values.Mark]:
        """The decimal mark of each column of numbers; where a column does not tell, the rest of the file does."""
        rules = [
            rule
            for entity, by_column in self.mapping.entities.items()
            for column, rule in by_column.items()
            if ENTITIES[entity].columns[column] == "number"
        ]
        conditions = [*self.mapping.drop_rows, *chain.from_iterable(self.mapping.rows.values())]
        rules += [ColumnRule(one.headers) for one in conditions if one.test in {"is_negative", "is_positive"}]
        if self.mapping.decimal:
            return dict.fromkeys(rules, self.mapping.decimal)
        found = {rule: columns.decimal_mark(cells) for rule in rules if (cells := self._cells(rule, first)) is not None}
        told = {mark for mark in found.values() if mark}
        common: values.Mark = "," if told == {","} else "."
        return {rule: mark or common for rule, mark in found.items()}

    def tables(self, block: Block, database: duckdb.DuckDBPyConnection) -> tuple[dict[str, pa.Table], list[Broken]]:
        """The canonical rows of each entity, and the lines no entity takes."""
        rows = _whole(block)
        if not rows.num_rows:
            return {}, block.broken
        data = self._data(rows)
        takers: list[pa.Array] = []
        found: dict[str, pa.Table] = {}
        for name in self.mapping.entities:
            wanted = data
            if conditions := self.mapping.rows.get(name):
                wanted = reduce(pc.and_, [self._holds(condition, rows) for condition in conditions], data)
            takers.append(wanted)
            chosen = rows if pc.all(wanted).as_py() else rows.filter(wanted)
            if chosen.num_rows:
                found[name] = self._entity(name, chosen, database)
        return found, [*block.broken, *self._untaken(rows, data, takers)]

    def _data(self, rows: pa.Table) -> pa.Array:
        """False for rows without a filled cell, and for those the mapping drops: totals and the like."""
        data = pa.repeat(pa.scalar(True), rows.num_rows)
        for condition in self.mapping.drop_rows:
            if self.header.find(condition.headers):
                data = pc.and_(data, pc.invert(self._holds(condition, rows)))
        first = pc.not_equal(_column(rows, self.header.names[0]), "")
        if not pc.all(first).as_py():
            filled = [pc.not_equal(_column(rows, name), "") for name in self.header.names]
            data = pc.and_(data, reduce(pc.or_, filled))
        return data

    def _holds(self, condition: Condition, rows: pa.Table) -> pa.Array:
        header = self.header.find(condition.headers)
        assert header is not None, "a file without the column is not of this mapping"
        cells = _column(rows, header)
        if condition.test in {"is_filled", "is_empty"}:
            filled = columns.is_filled(cells)
            return filled if condition.test == "is_filled" else pc.invert(filled)
        if condition.test in {"is_negative", "is_positive"}:
            number = columns.number(cells, self.marks[ColumnRule(condition.headers)]).cells
            pattern = r"^-[\d.]*[1-9]" if condition.test == "is_negative" else r"^\+?[\d.]*[1-9][\d.]*$"
            return pc.fill_null(pc.match_substring_regex(number, pattern), False)
        bare = pc.fill_null(columns.text(cells).cells, "")
        if condition.test == "starts_with":
            return pc.starts_with(bare, condition.texts[0])
        return pc.is_in(bare, pa.array(condition.texts, TEXT))

    def _untaken(self, rows: pa.Table, data: pa.Array, takers: Sequence[pa.Array]) -> list[Broken]:
        left = pc.and_(data, pc.invert(reduce(pc.or_, takers)))
        if not pc.any(left).as_py():
            return []
        lines = rows.filter(left)
        texts = ["\t".join(cells)[:KEPT_CHARACTERS] for cells in zip(*(
            _column(lines, name).to_pylist() for name in self.header.names), strict=True)]  # fmt: skip
        return [(number, text, _NO_TAKER) for number, text in zip(
            lines.column("_row_number").to_pylist(), texts, strict=True)]  # fmt: skip

    def _entity(self, name: str, rows: pa.Table, database: duckdb.DuckDBPyConnection) -> pa.Table:
        """The canonical columns of one entity, and under `_extra` whatever of the rows they do not hold."""
        entity = ENTITIES[name]
        rules = self.mapping.entities[name]
        kept = _Kept()
        made: dict[str, Any] = {"source_system": _constant(self.mapping.name, rows)}
        if entity.shares_keys:
            made["system"] = _constant(self.mapping.part_of or self.mapping.name, rows)
        for column, kind in entity.columns.items():
            rule = rules.get(column)
            if rule is not None:
                made[column] = self._fed("zone" if column == "timezone" else kind, rule, rows, kept)
            elif column in {"currency", "timezone"}:
                made[column] = self._setting(column, rows, kept)
        made = {column: cells for column, cells in made.items() if cells is not None}
        made["_row_number"] = rows.column("_row_number")
        if (extra := self._extra(rows, kept, database)) is not None:
            made["_extra"] = extra
        return pa.table(made)

    def _cells(self, rule: ColumnRule, rows: pa.Table) -> pa.Array | None:
        """The cells a rule means, before they are read; None where the file has none of its columns."""
        if rule.first_filled:
            sides = [_column(rows, name) for one in rule.headers if (name := self.header.find((one,)))]
            if not sides:
                return None
            cells = sides[-1]
            for side in reversed(sides[:-1]):
                cells = pc.if_else(columns.is_filled(side), side, cells)
        else:
            name = self.header.find(rule.headers)
            if name is None:
                return None
            cells = _column(rows, name)
        if rule.joined and (second := self.header.find((rule.joined,))):
            behind = pc.utf8_trim_whitespace(_column(rows, second))
            cells = pc.utf8_rtrim_whitespace(pc.binary_join_element_wise(cells, behind, " "))
        return columns.part(cells, rule.pattern) if rule.pattern else cells

    def _fed(self, kind: str, rule: ColumnRule, rows: pa.Table, kept: _Kept) -> pa.Array | None:
        if rule.value is not None:
            return _constant(rule.value, rows)
        cells = self._cells(rule, rows)
        if cells is None:
            return None
        if kind == "number":
            converted = columns.number(cells, self.marks[rule], rule.decimal_places)
        elif kind == "date":
            converted = columns.date(cells, rule.formats)
        elif kind == "time":
            converted = columns.time(cells, rule.formats)
        elif kind == "boolean":
            converted = columns.boolean(cells)
        else:
            converted = columns.zone(cells) if kind == "zone" else columns.text(cells)
        if not (rule.first_filled or rule.joined or rule.pattern):
            kept.add(str(self.header.find(rule.headers)), converted.changed)
        return converted.cells

    def _setting(self, column: str, rows: pa.Table, kept: _Kept) -> pa.Array | None:
        setting: Setting = getattr(self.mapping, column)
        if setting.column:
            return self._fed("zone" if column == "timezone" else "text", setting.column, rows, kept)
        text = setting.literal
        if setting.header:
            text = next((match[1] for name in self.header.names if (match := setting.header.search(name))), None)
        return _constant(text, rows) if text else None

    def _extra(self, rows: pa.Table, kept: _Kept, database: duckdb.DuckDBPyConnection) -> pa.ChunkedArray | None:
        """The cells that no canonical column holds as they were, as JSON objects; empty ones are left out."""
        parts: dict[str, pa.Array] = {}
        for name in self.header.names:
            cells = _column(rows, name)
            if name in kept.changed:
                changed = kept.changed[name]
                if changed is None:
                    continue
                cells = pc.if_else(changed, cells, pa.scalar("", TEXT))
            if pc.any(pc.not_equal(cells, "")).as_py():
                parts[name] = cells
        further = rows.column("_further") if "_further" in rows.column_names else None
        if not parts:
            return further
        return _as_json(parts, further, database)


def _as_json(
    parts: AnyMapping[str, pa.Array], further: pa.ChunkedArray | None, database: duckdb.DuckDBPyConnection
) -> pa.ChunkedArray:
    """One JSON object a row out of the filled cells of these columns and the members a row has already."""
    names = [f"c{number}" for number in range(len(parts))]
    members = [
        f"case when {name} <> '' then $m{number} || to_json({name})::varchar end" for number, name in enumerate(names)
    ]
    parameters = {f"m{number}": json.dumps(header, ensure_ascii=False) + ":" for number, header in enumerate(parts)}
    table = dict(zip(names, parts.values(), strict=True))
    if further is not None:
        table["further"] = further
        members.append("substr(further, 2, length(further) - 2)")
    database.register("cells", pa.table(table))
    query = f"select concat_ws(',', {', '.join(members)}) as inside from cells"
    inside = database.execute(query, parameters).to_arrow_table().column("inside")
    database.unregister("cells")
    filled = pc.not_equal(inside, "")
    return pc.if_else(filled, pc.binary_join_element_wise("{", inside, "}", ""), pa.scalar(None, TEXT))


def _whole(block: Block) -> pa.Table:
    """The rows of a block, each column in one piece and without nulls, with their numbers and further members."""
    cells = [_in_one(column) for column in block.rows.columns]
    table = pa.table(cells, names=block.rows.column_names).append_column("_row_number", block.numbers)
    return table if block.extra is None else table.append_column("_further", block.extra)


def _in_one(column: pa.ChunkedArray) -> pa.Array:
    cells = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return pc.fill_null(cells, "") if cells.null_count else cells


def _column(rows: pa.Table, name: str) -> pa.Array:
    return _in_one(rows.column(rows.schema.get_field_index(name)))


def _constant(text: str, rows: pa.Table) -> pa.Array:
    return pa.repeat(pa.scalar(text, TEXT), rows.num_rows)
