"""Cells of exports written for people, as canonical text: plain numbers, dates as YYYY-MM-DD, times as ISO 8601.

A cell that cannot be read with certainty is returned as it was found, so that staging quarantines it with a reason; to
guess would be to invent data. No file formats and no mappings here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

Mark = Literal[".", ","]

# What exports write where there is no value.
_MISSING = {"", "-", "--", "—", "–", "n/a", "null", "none", "nan"}
_SPREADSHEET_TEXT = re.compile(r'^="(.*)"$', re.DOTALL)
_CURRENCY = re.compile(r"^(?:[A-Z]{3}|[A-Z]{0,2}[$€£¥￥₩₹₽฿₫₺₴₱元円])\s*|\s*(?:[A-Z]{3}|[$€£¥￥₩₹₽฿₫₺₴₱元円])$")
_BLANKS = str.maketrans("", "", " \u00a0\u202f\u2009\u3000'’")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_POINT_NUMBER = re.compile(r"^(?:\d+|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.\d+)?$|^\.\d+$")
_COMMA_NUMBER = re.compile(r"^(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?$|^,\d+$")
# Shapes that only one of the two decimal marks explains.
_ONLY_POINT = re.compile(r"^[\d,]*\.(?:\d{1,2}|\d{4,})$|,\d{3}\.|,.*,")
_ONLY_COMMA = re.compile(r"^[\d.]*,(?:\d{1,2}|\d{4,})$|\.\d{3},|\..*\.")

_DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%Y年%m月%d日",
    "%d.%m.%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
)
_CLOCK_FORMATS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p")
_YES = {"true", "yes", "y", "1", "t", "是", "subscribed", "oui", "ja", "si", "sí"}
_NO = {"false", "no", "n", "0", "f", "否", "unsubscribed", "not_subscribed", "non", "nein"}


def bare(text: str) -> str:
    """A cell without the dress that keeps spreadsheets from reading it as a number: ="123", '138…, outer blanks."""
    text = text.strip().strip("\u00a0\ufeff\t")
    if match := _SPREADSHEET_TEXT.match(text):
        text = match[1].strip()
    return text.removeprefix("'")


def is_missing(text: str) -> bool:
    """True where an export says that there is no number or date."""
    return bare(text).lower() in _MISSING


def plain_text(text: str) -> str | None:
    """A cell of text, None where it is blank or the `--` that ad platforms print for nothing."""
    cell = bare(text)
    return None if cell in {"", "--"} else cell


def _digits(text: str) -> tuple[str, str]:
    """Sign and digits with their marks, without currency, blanks and other dress."""
    text = bare(text).translate(_FULL_WIDTH)
    sign = ""
    if text.startswith("(") and text.endswith(")"):
        sign, text = "-", text[1:-1]
    text = text.replace("\u2212", "-")
    for _ in range(2):
        if text[:1] in {"-", "+"}:
            sign, text = ("-" if text[0] == "-" else sign), text[1:]
        text = _CURRENCY.sub("", text.strip())
    if text.endswith("-"):
        sign, text = "-", text[:-1]
    return sign, text.translate(_BLANKS)


def decimal_mark(cells: Iterable[str]) -> Mark | None:
    """The decimal mark a column uses, None where nothing in it tells (12,000 may be either)."""
    points = commas = 0
    for cell in cells:
        digits = _digits(cell)[1]
        points += bool(_ONLY_POINT.search(digits)) and bool(_POINT_NUMBER.match(digits))
        commas += bool(_ONLY_COMMA.search(digits)) and bool(_COMMA_NUMBER.match(digits))
    if points == commas:
        return None
    return "." if points > commas else ","


def number(text: str, mark: Mark) -> str:
    """`$1,234.50`, `-$0.95`, `1.234,50 €`, `="123"`, `(12)` as 1234.50, -0.95, 1234.50, 123, -12; else as found."""
    sign, digits = _digits(text)
    pattern, thousands = (_POINT_NUMBER, ",") if mark == "." else (_COMMA_NUMBER, ".")
    if not pattern.match(digits):
        return text
    plain = digits.replace(thousands, "").replace(",", ".")
    return sign + (f"0{plain}" if plain.startswith(".") else plain)


def date(text: str, formats: Sequence[str]) -> str:
    """A calendar date as YYYY-MM-DD. Without `formats` only layouts that cannot be misread are tried; else as found."""
    cell = bare(text)
    for layout in formats or _DATE_FORMATS:
        try:
            return datetime.strptime(cell, layout).date().isoformat()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
    if not formats:
        try:
            # A day exported with a time of midnight; the calendar date stands as written.
            return datetime.fromisoformat(cell).date().isoformat()
        except ValueError:
            pass
    return text


def time(text: str, formats: Sequence[str]) -> str:
    """A time as ISO 8601: in UTC with Z where the cell names its offset, else as its wall clock showed it, without one.

    A date without a time stays a date. Without `formats` only layouts that cannot be misread are tried; else as found.
    """
    cell = bare(text)
    for layout in formats:
        try:
            return _iso(datetime.strptime(cell, layout), "%H" in layout or "%I" in layout)  # noqa: DTZ007 - may have none
        except ValueError:
            continue
    if formats:
        return text
    try:
        return _iso(datetime.fromisoformat(cell), len(cell) > len("2026-01-01"))
    except ValueError:
        pass
    day = date(cell, ())
    if day != cell:
        return day
    for day_layout in _DATE_FORMATS:
        for clock in _CLOCK_FORMATS:
            try:
                return _iso(datetime.strptime(cell, f"{day_layout} {clock}"), True)  # noqa: DTZ007 - has none
            except ValueError:
                continue
    return text


def _iso(moment: datetime, has_clock: bool) -> str:
    if not has_clock:
        return moment.date().isoformat()
    if moment.tzinfo is None:
        return moment.isoformat()
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def boolean(text: str) -> str:
    """`true` or `false` for the words exports use for them; else as found."""
    word = bare(text).lower()
    return "true" if word in _YES else "false" if word in _NO else text
