"""The demo company's calendar: nights, days, instants as text, and the random generators that hang on them.

Belongs here: how a night maps to an instant, how instants are written, how a generator is seeded.
Does not belong here: anything about people, orders or files.

Day ``k`` is the 24 hours that end with night ``k + 1``; day 0 ends with night 1, history begins on ``FIRST_DAY``.
Instants are whole seconds since 1970 in UTC.
"""

from __future__ import annotations

import random
import zlib
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

DAY = 86_400
HOUR = 3_600
FIRST_NIGHT = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)  # 2026-07-01 02:00 in Shanghai
FIRST_NIGHT_INSTANT = int(FIRST_NIGHT.timestamp())
FIRST_DAY = -729
FIRST_EVENT_DAY = -89
FOLLOW_UP_DAYS = 62  # every change of a record falls within this many days after its first day
SHANGHAI = "Asia/Shanghai"


def as_of(night: int) -> datetime:
    """The UTC datetime of the simulated run of a night (night 1 and later; night 0 is the day before)."""
    return FIRST_NIGHT + timedelta(days=night - 1)


def night_instant(night: int) -> int:
    """The same instant as seconds since 1970."""
    return FIRST_NIGHT_INSTANT + DAY * (night - 1)


def day_start(day: int) -> int:
    """First instant of a day."""
    return FIRST_NIGHT_INSTANT + DAY * (day - 1)


def day_of(instant: int) -> int:
    """The day an instant belongs to."""
    return (instant - FIRST_NIGHT_INSTANT) // DAY + 1


def generator(seed: int, day: int, topic: str) -> np.random.Generator:
    """The generator of one topic on one day; no other topic or day moves it."""
    return np.random.default_rng([seed, day + 1_000_000, zlib.crc32(topic.encode())])


def dice(seed: int, day: int, topic: str, number: int) -> list[random.Random]:
    """One generator for each of ``number`` records of a topic, so that one record's draws never move another's."""
    seeds = generator(seed, day, topic).integers(0, 2**62, size=number)
    return [random.Random(int(value)) for value in seeds]


@lru_cache(maxsize=16)
def zone(name: str) -> ZoneInfo:
    """A time zone by its name."""
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def _date_text(day: int) -> str:
    return date.fromordinal(719_163 + day).isoformat()


def _clock_text(instant: int) -> str:
    day, second = divmod(instant, DAY)
    return f"{_date_text(day)}T{second // HOUR:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def utc_text(instant: int) -> str:
    """``2026-06-30T18:00:00Z``."""
    return _clock_text(instant) + "Z"


def utc_text_with(instant: int, thousandths: int) -> str:
    """``2026-06-30T18:00:00.250Z``."""
    return f"{_clock_text(instant)}.{thousandths:03d}Z"


def shanghai_text(instant: int) -> str:
    """``2026-07-01T02:00:00+08:00``, the web shop's own way of writing times."""
    return _clock_text(instant + 8 * HOUR) + "+08:00"


def local_date(instant: int, zone_name: str) -> str:
    """The business date of an instant in a zone."""
    if zone_name == SHANGHAI:
        return _date_text((instant + 8 * HOUR) // DAY)
    return datetime.fromtimestamp(instant, zone(zone_name)).date().isoformat()


def local_instant(date_text: str, hour: float, zone_name: str) -> int:
    """The instant at which a wall clock of the zone shows that hour of that date."""
    midnight = datetime.fromisoformat(date_text).replace(tzinfo=zone(zone_name))
    wall = midnight + timedelta(seconds=int(hour * HOUR))
    return int(wall.timestamp())


def last_complete_date(instant: int, zone_name: str) -> str:
    """The newest date that is over in the zone at the instant."""
    local = datetime.fromtimestamp(instant, zone(zone_name))
    return (local.date() - timedelta(days=1)).isoformat()
