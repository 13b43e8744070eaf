"""How numbers, dates and names are written on pages and charts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

NOT_KNOWN = "–"


def number(value: Any, digits: int = 0) -> str:
    """``1,234``; a dash for what is not known."""
    return NOT_KNOWN if value is None else f"{float(value):,.{digits}f}"


def compact(value: float) -> str:
    """``1.2k`` or ``3.4M``, for axes."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.1f}".rstrip("0").rstrip(".") + unit
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def percent(share: Any, digits: int = 0) -> str:
    """A share as ``34 %``."""
    return NOT_KNOWN if share is None else f"{100 * float(share):.{digits}f} %"


def money(value: Any, currency: str) -> str:
    """``1,234 CNY``."""
    return NOT_KNOWN if value is None else f"{float(value):,.0f} {currency}"


def month(day: date | None) -> str:
    """``May 2026``."""
    return NOT_KNOWN if day is None else f"{day:%B %Y}"


def short_month(day: date) -> str:
    """``May 26``, for axes."""
    return f"{day:%b %y}"


def count(amount: int, thing: str, things: str | None = None) -> str:
    """``1 order``, ``2 orders``."""
    return f"{amount:,} {thing if amount == 1 else things or thing + 's'}"


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return ", ".join(map(cell, value))
    if is_number(value):
        text = f"{value:,.6f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"
        return "0" if text == "-0" else text
    return str(value)


def is_number(value: Any) -> bool:
    """Whether a table aligns it to the right."""
    return hasattr(value, "__float__") and not isinstance(value, bool)
