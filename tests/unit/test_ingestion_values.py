"""Reading numbers and times: what was written comes back, whole columns agree with single cells, nothing is guessed."""
# ruff: noqa: E501, DTZ001 - cells stand as people write them, without a zone

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import columns, values
from ingestion.arrow_text import TEXT, time_range

AMOUNTS = st.decimals(-(10**15), 10**15, places=2, allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9998, 12, 31)).map(lambda one: one.replace(microsecond=0))
DRESS = ["{}", " {} ", '="{}"', "'{}", "${}", "{} €", "USD {}", "\u00a0{}\u00a0"]
LAYOUTS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y年%m月%d日 %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%B %d, %Y, %I:%M:%S %p",
]
CELLS = st.lists(
    st.one_of(
        st.sampled_from(["", "--", "n/a", "2026-02-30 10:00:00", "2026-08-01", "12,000", "1.234,50", "x", "2026-08-01T10:00:00Z"]),
        MOMENTS.map(lambda one: one.isoformat(" ")),
        MOMENTS.map(lambda one: one.strftime("%d/%m/%Y %H:%M:%S").rjust(19, "0")),
        AMOUNTS.map(str),
        st.text(max_size=12),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


def _cells(cells: list[str]) -> pa.Array:
    return pa.array([cell.encode("utf-8", "replace").decode() for cell in cells], TEXT)


@given(AMOUNTS, st.sampled_from(DRESS), st.booleans())
def test_an_amount_comes_back_however_it_is_dressed(amount: Decimal, dress: str, european: bool) -> None:
    shown = f"{amount:,.2f}"
    mark: values.Mark = "."
    if european:
        shown, mark = shown.translate(str.maketrans(",.", ".,")), ","
    assert values.number(dress.format(shown), mark) == f"{amount:.2f}"
    assert values.decimal_mark([shown]) == mark


@given(st.text(max_size=20))
def test_a_number_is_plain_or_stays_as_it_was_found(cell: str) -> None:
    for mark in (".", ","):
        found = values.number(cell, mark)
        assert found == cell or re.fullmatch(r"-?\d+(\.\d+)?", found, re.ASCII)
        assert sorted(re.sub(r"\D", "", found)) or found == cell


@given(MOMENTS, st.sampled_from(LAYOUTS))
def test_a_time_comes_back_in_every_layout_that_leaves_no_doubt(moment: datetime, layout: str) -> None:
    shown = moment.strftime(layout)
    assert values.time(shown, ()) == moment.isoformat()
    assert values.time(shown, [layout]) == moment.isoformat()
    assert values.date(shown, ()) == moment.date().isoformat()


@given(MOMENTS.filter(lambda one: one.year > 1000), st.integers(-12 * 60, 14 * 60), st.sampled_from(["{}{}", "{} {}"]))
def test_an_offset_makes_it_utc(moment: datetime, minutes: int, layout: str) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    shown = layout.format(moment.isoformat(" "), aware.strftime("%z"))
    assert values.time(shown, ()) == aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


@given(st.dates(date(1000, 1, 1), date(9998, 12, 31)))
def test_a_day_that_could_be_two_is_not_read(day: date) -> None:
    for layout in ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d/%m/%y", "%m.%d.%y"):
        shown = day.strftime(layout)
        assert values.date(shown, ()) == shown
        assert values.time(f"{shown} 10:00", ()) == f"{shown} 10:00"


@given(st.integers(1000, 9999), st.integers(0, 99), st.integers(0, 99))
def test_a_day_outside_the_calendar_is_not_read(year: int, month: int, day: int) -> None:
    shown = f"{year}-{month:02}-{day:02}"
    try:
        date(year, month, day)
        assert values.date(shown, ()) == shown
    except ValueError:
        assert values.time(f"{shown} 10:00:00", ()) == f"{shown} 10:00:00"


@pytest.mark.parametrize("cell", ["2026-08-01 24:00:00", "2026-08-01 10:60", "2026-08-01 13:00 PM", "2026-08-01 0:30 AM",
                                  "2026-W31-6", "1785578400", "2026-08-01T10:00:00+25:00", "Mon Aug 3 2026", "today"])  # fmt: skip
def test_what_is_no_time_stays_as_it_was_found(cell: str) -> None:
    assert values.time(cell, ()) == cell


@settings(max_examples=200)
@given(CELLS, st.sampled_from([(), ("%d/%m/%Y %H:%M:%S",), ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S")]))
def test_a_column_of_times_is_read_as_its_cells_are(found: list[str], formats: tuple[str, ...]) -> None:
    cells = _cells(found)
    wanted = [None if values.is_missing(cell) else values.time(cell, formats) for cell in cells.to_pylist()]
    converted = columns.time(cells, formats)
    assert converted.cells.to_pylist() == wanted
    _check_kept(cells, converted, lambda cell: cell.replace(" ", "T", 1))


@settings(max_examples=200)
@given(CELLS, st.sampled_from([".", ","]))
def test_columns_of_numbers_dates_and_text_are_read_as_their_cells_are(found: list[str], mark: values.Mark) -> None:
    cells = _cells(found)
    for converted, read in (
        (columns.number(cells, mark), lambda cell: None if values.is_missing(cell) else values.number(cell, mark)),
        (columns.date(cells, ()), lambda cell: None if values.is_missing(cell) else values.date(cell, ())),
        (columns.text(cells), values.plain_text),
    ):
        assert converted.cells.to_pylist() == [read(cell) for cell in cells.to_pylist()]
        _check_kept(cells, converted, lambda cell: cell)


def test_a_failed_formula_is_no_text_and_no_id() -> None:
    failed = ["#REF!", " #N/A", '="#NAME?"', "#BEZUG!", "########"]
    kept = ["#1001", "#1001-A", "#", "#summer!", "N/A", "#REF! 7"]
    converted = columns.text(_cells([*failed, *kept]))
    assert converted.cells.to_pylist() == [None] * len(failed) + kept
    assert converted.changed is not None
    assert converted.changed.to_pylist() == [True] * len(failed) + [False] * len(kept)


def _check_kept(cells: pa.Array, converted: columns.Converted, plainly: object) -> None:
    """A cell that is not said to be changed can be told from its canonical form."""
    changed = converted.changed.to_pylist() if converted.changed is not None else [False] * len(cells)
    for before, after, is_changed in zip(cells.to_pylist(), converted.cells.to_pylist(), changed, strict=True):
        assert is_changed or (after or "") in {before, plainly(before)}  # type: ignore[operator]


@given(st.lists(st.sampled_from(["1,5", "1.5", "2.25", "1,234.50", "1.234,50", "12,000", "7", "", "x"]), max_size=20))
def test_a_columns_mark_is_the_one_that_more_cells_tell(cells: list[str]) -> None:
    distinct = list(dict.fromkeys(cells))
    assert columns.decimal_mark(_cells(cells)) == values.decimal_mark(distinct)


@given(st.lists(st.one_of(MOMENTS.map(lambda one: one.isoformat() + "Z"), MOMENTS.map(datetime.isoformat),
                          MOMENTS.map(lambda one: one.isoformat() + "+02:00"), st.sampled_from(["", "x", "2026-02-30"])),
                max_size=20))  # fmt: skip
def test_the_range_of_times_is_that_of_every_single_one(cells: list[str]) -> None:
    from ingestion.arrow_text import parse_time

    parsed = [moment for cell in cells if cell and (moment := parse_time(cell)) is not None]
    assert time_range(pa.chunked_array([_cells(cells)])) == ((min(parsed), max(parsed)) if parsed else None)
