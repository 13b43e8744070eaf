"""How exports write tables down: cells dressed for spreadsheets, wall clocks, signed money, and the file's bytes.

Belongs here: what several layouts share. Does not belong here: any one layout, any draw.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from ingestion.demo.catalog import money
from ingestion.demo.clock import HOUR, SHANGHAI, utc_text, zone

Cells = list[str]
_FORMULA_QUOTE = "\x01"  # stands for a quote that is written as it is, not doubled
_SIGNS = {"EUR": "€", "JPY": "¥", "CNY": "¥", "USD": "$"}


def csv_file(rows: Iterable[Sequence[str]], encoding: str = "utf-8", line_end: str = "\r\n") -> bytes:
    """The bytes of a CSV file, quoted only where it must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end).writerows(rows)
    return text.getvalue().replace(_FORMULA_QUOTE, '"').encode(encoding)


def wall_clock(instant: int | None, zone_name: str, layout: str = "%Y-%m-%d %H:%M:%S") -> str:
    """What a clock of the zone showed at the instant; nothing where there is none."""
    if instant is None:
        return ""
    if zone_name == SHANGHAI and layout == "%Y-%m-%d %H:%M:%S":
        return utc_text(instant + 8 * HOUR)[:-1].replace("T", " ")
    return datetime.fromtimestamp(instant, zone(zone_name)).strftime(layout)


def happened(at: int | None, instant: int) -> int | None:
    """The time of something that is over by the instant, else None."""
    return at if at is not None and at <= instant else None


def signed_money(amount: int, currency: str) -> str:
    """``€8.00``, ``-€0.95``, ``¥1,200``."""
    text = money(abs(amount), currency)
    whole, point, cents = text.partition(".")
    return f"{'-' if amount < 0 else ''}{_SIGNS[currency]}{int(whole):,}{point}{cents}"


def as_formula(text: str) -> str:
    """``="4512"``: how a marketplace keeps a spreadsheet from rounding an id."""
    return f"={_FORMULA_QUOTE}{text}{_FORMULA_QUOTE}"


def as_text(text: str | None) -> str:
    """``'138…``: how an export keeps a spreadsheet from reading a phone as a number."""
    return f"'{text}" if text else ""
