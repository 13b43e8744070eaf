"""Arrow tables of text: how rows become them, how the lake completes them, and what can be told from their times.

No source's knowledge and no file formats here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.source import RawTable

TEXT = pa.string()
_WALL_CLOCK = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
# Of these alone the order of the texts is that of the times: a T sorts after a blank.
_SORTABLE_WALL_CLOCK = r"^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?)?$"


def lake_schema(table: RawTable) -> pa.Schema:
    """The columns a lake file of this table has before dlt adds `_dlt_load_id`."""
    fields = [pa.field(name, TEXT) for name in (*table.columns, "_extra", "_file_name")]
    return pa.schema([*fields, pa.field("_row_number", pa.int64())])


def text_table(table: RawTable, rows: Sequence[Mapping[str, str | None]]) -> pa.Table:
    """Rows of text as an Arrow table with the declared columns and `_extra`."""
    return pa.table({name: pa.array([row.get(name) for row in rows], TEXT) for name in (*table.columns, "_extra")})


def broken_table(broken: Sequence[tuple[int, str, str]]) -> pa.Table:
    """Lines that could not be read, given as (line number, text, reason), as rows of a table of broken lines."""
    numbers, lines, reasons = zip(*sorted(broken), strict=True)
    columns = {"line": pa.array(lines, TEXT), "reason": pa.array(reasons, TEXT)}
    return pa.table({**columns, "_row_number": pa.array(numbers, pa.int64())})


def complete(table: RawTable, data: pa.Table, file_name: str | None, first_row: int) -> pa.Table:
    """`data` with every column of the lake, in the lake's order. Rows are numbered from `first_row` unless they are."""
    schema = lake_schema(table)
    unknown = set(data.column_names) - set(schema.names)
    if unknown:
        raise ValueError(f"{table.name}: columns {sorted(unknown)} are not declared; they belong in _extra")
    given = set(data.column_names)
    nothing = pa.nulls(data.num_rows, TEXT)
    columns: list[pa.ChunkedArray | pa.Array] = []
    for field in schema:
        if field.name in given:
            columns.append(data.column(field.name).cast(field.type))
        elif field.name == "_file_name":
            columns.append(pa.repeat(pa.scalar(file_name, TEXT), data.num_rows))
        elif field.name == "_row_number":
            columns.append(pa.array(range(first_row, first_row + data.num_rows), pa.int64()))
        else:
            columns.append(nothing)
    return pa.table(columns, schema=schema)


def value_text(value: Any) -> str | None:
    """A database driver's value as exact text: decimals without exponent, times as ISO 8601 in UTC, true/false."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=value_text)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.hex()
    return str(value)


def text_column(values: Sequence[Any]) -> pa.Array:
    """A database driver's column of values as `value_text` gives each, whole columns at a time where that is exact."""
    try:
        return pa.array(values, TEXT)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        pass
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64()).cast(TEXT)
        except (pa.ArrowInvalid, OverflowError):
            pass
    elif kinds == {float}:
        texts = [None if value is None else repr(value) for value in values]
        # An exponent, or what is no number at all, is written out one by one.
        if not any("e" in text or "n" in text for text in filter(None, texts)):
            return pa.array(texts, TEXT)
    elif kinds == {Decimal}:
        return pa.array([None if value is None else format(value, "f") for value in values], TEXT)
    return pa.array([value_text(value) for value in values], TEXT)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with Z; a time without a zone is taken as UTC. Fractions only where there are any."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 time or date as an aware UTC datetime, None where the text is not one."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def wall_clock_to_utc(column: pa.Array, zone: ZoneInfo) -> pa.Array:
    """Times and dates without an offset, as a clock in `zone` showed them, in UTC; everything else as it is.

    Of an hour that comes twice the first is taken; a time that no clock showed is left with a remark, so that it is
    quarantined and not guessed.
    """
    is_local = pc.match_substring_regex(column, _WALL_CLOCK)
    if not pc.any(is_local).as_py():
        return column
    found = pc.unique(column.filter(is_local))
    converted = dict(zip(found.to_pylist(), (_in_utc(text, zone) for text in found.to_pylist()), strict=True))
    return pa.array([converted.get(text, text) for text in column.to_pylist()], TEXT)


def _in_utc(text: str, zone: ZoneInfo) -> str:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return text
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        return f"{text} does not exist in {zone.key}"
    return utc_text(moment)


def time_range(column: pa.ChunkedArray) -> tuple[datetime, datetime] | None:
    """Earliest and latest readable time in a text column.

    Text order is time order among values that end in Z, and among wall clocks and days without a zone, which is what
    most systems send, so only the two ends of those groups are parsed; other values are parsed one by one, each
    distinct one once.
    """
    ends: list[datetime] = []
    others: list[str] = []
    in_utc = pc.fill_null(pc.ends_with(column, "Z"), False)
    rest = column.filter(pc.invert(in_utc))
    zoneless = pc.fill_null(pc.match_substring_regex(rest, _SORTABLE_WALL_CLOCK), False)
    for group in (column.filter(in_utc), rest.filter(zoneless)):
        if not len(group):
            continue
        bounds = pc.min_max(group).as_py()
        parsed = [parse_time(bounds["min"]), parse_time(bounds["max"])]
        if None in parsed:
            others += pc.unique(group).to_pylist()
        else:
            ends += [moment for moment in parsed if moment is not None]
    others += [text for text in pc.unique(rest.filter(pc.invert(zoneless))).to_pylist() if text]
    ends += [moment for text in others if (moment := parse_time(text)) is not None]
    return (min(ends), max(ends)) if ends else None
