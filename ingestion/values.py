"""Cells of exports written for people, as canonical text: plain numbers, dates as YYYY-MM-DD, times as ISO 8601.

A cell that cannot be read with certainty is returned as it was found, so that staging quarantines it with a reason; to
guess would be to invent data. No file formats and no mappings here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal

from ingestion.source import names

Mark = Literal[".", ","]

# What exports write where there is no value.
_MISSING = {"", "-", "--", "—", "–", "n/a", "null", "none", "nan"}
# What a spreadsheet shows where its formula failed, in the languages whose words differ: no text of anybody's.
_FAILED = {
    *("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#ERROR!", "#FIELD!"),
    *("#GETTING_DATA", "#BLOCKED!", "#BUSY!", "#CONNECT!", "#UNKNOWN!", "#BEZUG!", "#NV", "#WERT!", "#ZAHL!"),
    *("#ÜBERLAUF!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#PROPAGATION!", "#¡REF!", "#N/D", "#¡VALOR!", "#¿NOMBRE?"),
    *("#¡DIV/0!", "#¡NUM!", "#RIF!", "#VALORE!", "#NOME?"),
}
_SPREADSHEET_TEXT = re.compile(r'^="(.*)"$', re.DOTALL)
_CURRENCY = re.compile(r"^(?:[A-Z]{3}|[A-Z]{0,2}[$€£¥￥₩₹₽฿₫₺₴₱元円])\s*|\s*(?:[A-Z]{3}|[$€£¥￥₩₹₽฿₫₺₴₱元円])$")
_BLANKS = str.maketrans("", "", " \u00a0\u202f\u2009\u3000'’")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_POINT_NUMBER = re.compile(r"^(?:\d+|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.\d+)?$|^\.\d+$", re.ASCII)
_COMMA_NUMBER = re.compile(r"^(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?$|^,\d+$", re.ASCII)
# Shapes that only one of the two decimal marks explains.
_ONLY_POINT = re.compile(r"^[\d,]*\.(?:\d{1,2}|\d{4,})$|,\d{3}\.|,.*,", re.ASCII)
_ONLY_COMMA = re.compile(r"^[\d.]*,(?:\d{1,2}|\d{4,})$|\.\d{3},|\..*\.", re.ASCII)

# Layouts that can be read in one way only: the year leads, or the month has a name, or points say day.month.year.
_MONTHS = names("jan feb mar apr may jun jul aug sep oct nov dec")
_MONTH_NAMES = {*_MONTHS, *names("january february march april june july august september october november december")}
_DAY = (
    r"(?:(?P<y1>\d{4})(?P<mark>[-/.])(?P<m1>\d{1,2})(?P=mark)(?P<d1>\d{1,2})"
    r"|(?P<y2>\d{4})(?P<m2>\d\d)(?P<d2>\d\d)"
    r"|(?P<y3>\d{4})年(?P<m3>\d{1,2})月(?P<d3>\d{1,2})日"
    r"|(?P<d4>\d{1,2})\.(?P<m4>\d{1,2})\.(?P<y4>\d{4})"
    r"|(?P<m5>[A-Za-z]{3,9})\.? (?P<d5>\d{1,2}), (?P<y5>\d{4})"
    r"|(?P<d6>\d{1,2}) (?P<m6>[A-Za-z]{3,9})\.? (?P<y6>\d{4}))"
)
_CLOCK = r"(?P<h>\d{1,2}):(?P<min>\d\d)(?::(?P<s>\d\d)(?:[.,](?P<f>\d{1,9}))?)?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
_OFFSET = r"(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)"
_TIME = re.compile(rf"^{_DAY}(?:(?:T|,?\s+){_CLOCK}(?:\s*{_OFFSET})?)?$", re.ASCII)
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
    """A cell of text, None where it is blank, one of the dashes that platforms print for nothing, or a failed formula.

    Taken as an id, #N/A would make one customer of all whose number was not found.
    """
    cell = bare(text)
    return None if cell in {"", "-", "--"} or cell in _FAILED or (len(cell) > 1 and not cell.strip("#")) else cell


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


def number(text: str, mark: Mark, decimal_places: int = 0) -> str:
    """`$1,234.50`, `-$0.95`, `1.234,50 €`, `="123"`, `(12)` as 1234.50, -0.95, 1234.50, 123, -12; else as found.

    With `decimal_places` the point moves that far to the left: 24570000 by 6 is 24.570000.
    """
    sign, digits = _digits(text)
    pattern, thousands = (_POINT_NUMBER, ",") if mark == "." else (_COMMA_NUMBER, ".")
    if not pattern.match(digits):
        return text
    plain = digits.replace(thousands, "").replace(",", ".")
    plain = f"0{plain}" if plain.startswith(".") else plain
    if decimal_places:
        plain = format(Decimal(plain).scaleb(-decimal_places), "f")
    return sign + plain


def date(text: str, formats: Sequence[str]) -> str:
    """A calendar date as YYYY-MM-DD. Without `formats` only layouts that cannot be misread are tried; else as found.

    Of a day with a time the calendar date stands as written.
    """
    cell = bare(text)
    if formats:
        moment = _by_formats(cell, formats)
        return moment[0].date().isoformat() if moment else text
    moment = _by_looks(cell)
    return moment[0].date().isoformat() if moment else text


def time(text: str, formats: Sequence[str]) -> str:
    """A time as ISO 8601: in UTC with Z where the cell names its offset, else as its wall clock showed it, without one.

    A date without a time stays a date. Without `formats` only layouts that cannot be misread are tried; else as found.
    """
    cell = bare(text)
    moment = _by_formats(cell, formats) if formats else _by_looks(cell)
    try:
        return _iso(*moment) if moment else text
    except OverflowError:
        return text


def _by_formats(cell: str, formats: Sequence[str]) -> tuple[datetime, bool] | None:
    for layout in formats:
        try:
            moment = datetime.strptime(cell, layout)  # noqa: DTZ007 - may have none
        except ValueError:
            continue
        return moment, any(mark in layout for mark in ("%H", "%I", "%c", "%X"))
    return None


def _by_looks(cell: str) -> tuple[datetime, bool] | None:
    """(the moment, whether it has a clock) of a cell whose layout leaves no doubt."""
    match = _TIME.match(cell)
    if not match:
        return None
    found = {name.rstrip("0123456789"): value for name, value in match.groupdict().items() if value}
    month = found["m"].lower()
    if not month.isdigit():
        if month not in _MONTH_NAMES:
            return None
        month = str(_MONTHS.index(month[:3]) + 1)
    hour = int(found.get("h", 0))
    if half := found.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "pP" else 0)
    fraction = int(found.get("f", "0").ljust(6, "0")[:6])
    try:
        day = datetime(int(found["y"]), int(month), int(found["d"]), tzinfo=_offset(found.get("zone")))
        moment = day.replace(
            hour=hour, minute=int(found.get("min", 0)), second=int(found.get("s", 0)), microsecond=fraction
        )
    except ValueError:
        return None
    return moment, "h" in found


def _offset(text: str | None) -> timezone | None:
    if text is None or text in {"Z", "UTC", "GMT"}:
        return UTC if text else None
    digits = text[1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 14 or int(digits[2:]) > 59:
        raise ValueError("no such offset")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


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
