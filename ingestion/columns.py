"""Whole columns of export cells as canonical text: what is canonical already passes at once, the rest cell by cell.

Columns of exports repeat themselves, so each distinct cell is read once. How one cell is read belongs in
`ingestion/values.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion import values
from ingestion.arrow_text import TEXT
from ingestion.timezones import zone_name

_ODD_TEXT = r"^$|^[\x00-\x20\p{Z}\x{85}\x{feff}='-]|^#[^0-9]|[\x00-\x20\p{Z}\x{85}\x{feff}]$"
_PLAIN_NUMBER = r"^-?\d+(?:\.\d+)?$"
_PLAIN_WHOLE = r"^-?\d+$"
_PLAIN_DAY = r"^[1-9]\d{3}-\d\d-\d\d$"
_PLAIN_UTC = r"^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
_NOTHING = r"^[\s\p{Z}\x{feff}']*-{0,2}[\s\p{Z}\x{feff}]*$"
_FEW = 1000

Reader = Callable[[str], str | None]


@dataclass(frozen=True)
class Converted:
    """Canonical cells, and for which of them the original cannot be told from the canonical one (None: for none)."""

    cells: pa.Array
    changed: pa.Array | None = None


def text(cells: pa.Array) -> Converted:
    """Cells of text without outer blanks and spreadsheet dress, null where there is nothing."""
    return _by_distinct(cells, pc.invert(pc.match_substring_regex(cells, _ODD_TEXT)), values.plain_text)


def number(cells: pa.Array, mark: values.Mark, decimal_places: int = 0) -> Converted:
    """Plain decimal numbers, divided by that power of ten; what is none is left as it was found."""
    if decimal_places:
        return _by_distinct(cells, None, _known(partial(values.number, mark=mark, decimal_places=decimal_places)))
    plain = pc.match_substring_regex(cells, _PLAIN_NUMBER if mark == "." else _PLAIN_WHOLE)
    return _by_distinct(cells, plain, _known(partial(values.number, mark=mark)))


def boolean(cells: pa.Array) -> Converted:
    """`true`, `false`, or as found."""
    return _by_distinct(cells, None, _known(values.boolean))


def zone(cells: pa.Array) -> Converted:
    """Time zones by their IANA names, or as found."""
    return _by_distinct(cells, None, lambda cell: zone_name(found) if (found := values.plain_text(cell)) else None)


def part(cells: pa.Array, pattern: re.Pattern[str]) -> pa.Array:
    """The group of the pattern where a cell has it, else an empty cell."""

    def taken(cell: str) -> str:
        match = pattern.search(values.bare(cell))
        return match[1] or "" if match else ""

    return _by_distinct(cells, None, taken).cells


def is_filled(cells: pa.Array) -> pa.Array:
    """False where a cell is blank or one of the dashes that stand for nothing."""
    return pc.invert(pc.match_substring_regex(cells, _NOTHING))


def date(cells: pa.Array, formats: Sequence[str]) -> Converted:
    """Dates as YYYY-MM-DD; what is none, or is not in the calendar, is left as it was found."""
    read = _known(partial(values.date, formats=formats))
    if formats:
        return _by_distinct(cells, None, read)
    return _by_distinct(cells, _checked(cells, pc.match_substring_regex(cells, _PLAIN_DAY), pa.date32()), read)


def time(cells: pa.Array, formats: Sequence[str]) -> Converted:
    """Times as ISO 8601, in UTC where a cell names its offset; what is none is left as it was found."""
    read = _known(partial(values.time, formats=formats))
    if not formats:
        utc = pc.match_substring_regex(cells, _PLAIN_UTC)
        if pc.any(utc).as_py():
            zoneless = pc.utf8_slice_codeunits(cells.filter(utc), 0, len("2026-01-01T00:00:00"))
            plain = utc if _are(zoneless, pa.timestamp("s")) else None
            return _by_distinct(cells, plain, read)
    for layout in formats or ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        if quick := _quick_times(cells, layout, read):
            return quick
    return _by_distinct(cells, None, read)


def decimal_mark(cells: pa.Array) -> values.Mark | None:
    """The decimal mark a column uses, None where nothing in it tells."""
    distinct = pc.unique(cells)
    commas = pc.match_substring(distinct, ",")
    points = distinct.filter(pc.invert(commas))
    # Only cells with a comma can speak for one or against the point; of the others some are enough.
    dotted = points.filter(pc.match_substring(points, "."))
    twice = dotted.filter(pc.match_substring_regex(dotted, r"\..*\."))
    some = pa.chunked_array([distinct.filter(commas)[: 50 * _FEW], twice[:_FEW], dotted[:_FEW]], TEXT)
    return values.decimal_mark(some.to_pylist())


def _known(read: Callable[[str], str]) -> Reader:
    return lambda cell: None if values.is_missing(cell) else read(cell)


def _by_distinct(cells: pa.Array, plain: pa.Array | None, read: Reader) -> Converted:
    """Each distinct cell that is not plain read once."""
    if plain is None:
        rest = cells
    else:
        odd = pc.invert(plain)
        rest = cells.filter(odd)
        if not len(rest):
            return Converted(cells)
    encoded = rest.dictionary_encode()
    found = encoded.dictionary.to_pylist()
    made = [read(cell) for cell in found]
    converted = pa.array(made, TEXT).take(encoded.indices)
    differs = pa.array([(new or "") != cell for new, cell in zip(made, found, strict=True)], pa.bool_())
    changed = differs.take(encoded.indices) if pc.any(differs).as_py() else None
    if plain is None:
        return Converted(converted, changed)
    if changed is not None:
        changed = pc.replace_with_mask(pa.repeat(pa.scalar(False), len(cells)), odd, changed)
    return Converted(pc.replace_with_mask(cells, odd, converted), changed)


def _are(cells: pa.Array, kind: pa.DataType) -> bool:
    try:
        cells.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _checked(cells: pa.Array, plain: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """`plain` if all the cells it holds are in the calendar."""
    return plain if _are(cells.filter(plain), kind) else None


@dataclass(frozen=True)
class _FixedLayout:
    """A layout in which every part has its place: `places` of the year, month, day, hour, minute and second."""

    pattern: str
    places: tuple[int, ...]


@cache
def _fixed(layout: str) -> _FixedLayout | None:
    """The places of a layout of digits alone such as %d/%m/%Y %H:%M:%S, None for any other."""
    widths = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
    pattern, found, position = "", {}, 0
    for kind, literal in re.findall(r"%(.)|([^%])", layout):
        if literal:
            pattern += re.escape(literal)
            position += len(literal.encode())
            continue
        if kind not in widths or kind in found:
            return None
        pattern += r"[1-9]\d{3}" if kind == "Y" else r"\d\d"
        found[kind] = position
        position += widths[kind]
    if not set("YmdHM") <= set(found):
        return None
    places = [found[kind] + digit for kind in "YmdHMS" if kind in found for digit in range(widths[kind])]
    return _FixedLayout(f"^{pattern}$", tuple(places))


def _quick_times(cells: pa.Array, layout: str, read: Reader) -> Converted | None:
    """As `time`, if most cells are in this layout and all those are in the calendar: whole columns at once."""
    fixed = _fixed(layout)
    if fixed is None:
        return None
    fits = pc.match_substring_regex(cells, fixed.pattern)
    if pc.sum(fits).as_py() * 2 < len(cells):
        return None
    fitting = cells.filter(fits) if not pc.all(fits).as_py() else cells
    bounds = np.frombuffer(fitting.buffers()[1], np.int32, len(fitting) + 1, fitting.offset * 4)
    digits = np.frombuffer(fitting.buffers()[2], np.uint8)[bounds[0] : bounds[-1]].reshape(len(fitting), -1)
    template = np.frombuffer(b"0000-00-00T00:00:00", np.uint8)
    made = np.tile(template, (len(fitting), 1))
    slots = [place for place, letter in enumerate(template) if letter == ord("0")][: len(fixed.places)]
    made[:, slots] = digits[:, fixed.places]
    ends = pa.py_buffer(np.arange(0, made.size + 1, len(template), dtype=np.int32))
    times = pa.StringArray.from_buffers(len(fitting), ends, pa.py_buffer(made))
    if not _are(times, pa.timestamp("s")):
        return _by_distinct(cells, None, read)
    # A blank instead of T loses nothing; another order of the parts is kept beside.
    plain = layout in {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"}
    if fitting is cells:
        return Converted(times, None if plain else fits)
    odd = _by_distinct(cells.filter(pc.invert(fits)), None, read)
    nothing = pa.repeat(pa.scalar(False), len(odd.cells))
    changed = None
    if odd.changed is not None or not plain:
        changed = pc.replace_with_mask(
            pa.repeat(pa.scalar(not plain), len(cells)), pc.invert(fits), odd.changed or nothing
        )
    merged = pc.replace_with_mask(pc.replace_with_mask(cells, fits, times), pc.invert(fits), odd.cells)
    return Converted(merged, changed)
