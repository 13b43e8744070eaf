"""How much happens on a day, and the running numbers that follow from it.

Belongs here: daily counts of orders, receipts, tickets, sessions and the like as pure functions of seed, size and day.
Does not belong here: what each of them is.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

from ingestion.demo.clock import FIRST_DAY, FIRST_EVENT_DAY, generator

PER_PERSON = {  # in 24 months, or in 90 days for what is recent only
    "orders": 2.5,
    "receipts": 2.5,
    "tickets": 1.0,
    "sessions": 4.6,
    "tmall": 0.20,
    "jd": 0.15,
    "douyin": 0.12,
    "youzan": 0.08,
    "square": 0.08,
    "loyverse": 0.08,
    "old_shop": 0.07,
    "phone_desk": 0.05,
    "visits": 0.15,
    "messages": 1.2,
}
_RECENT = ("sessions", "messages", "visits")
_MONTH = (0.95, 0.85, 1.0, 0.98, 1.05, 1.15, 0.95, 0.92, 1.0, 1.05, 1.35, 1.2)
_WEEKDAY = (0.92, 0.9, 0.93, 0.97, 1.05, 1.15, 1.08)
_NIGHT_ONE_DATE = date(2026, 6, 30)  # the Shanghai date most of day 0 lies on


@cache
def count_on(persons: int, seed: int, day: int, topic: str) -> int:
    """Number of records of a topic on a day."""
    first = FIRST_EVENT_DAY if topic in _RECENT else FIRST_DAY
    if day < first:
        return 0
    growth = 0.75 + 0.5 * min(1.1, (day - FIRST_DAY) / -FIRST_DAY)
    if topic in _RECENT:
        growth = 1.0
    when = _NIGHT_ONE_DATE + timedelta(days=day)
    mean = persons * PER_PERSON[topic] / (1 - first) * growth * _MONTH[when.month - 1] * _WEEKDAY[when.weekday()]
    return int(generator(seed, day, f"{topic}.count").poisson(mean))


@cache
def count_before(persons: int, seed: int, day: int, topic: str) -> int:
    """Number of records of a topic on all days before a day."""
    return sum(count_on(persons, seed, earlier, topic) for earlier in range(FIRST_DAY, day))
