"""Dagster's own files: its event log, its list of runs and its schedules. Nothing that is published hangs on them.

Here: that a damaged file does not keep the night from running. What is stored, and how, is Dagster's.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.config import House

# Above, only the list of tables is read: to look at every page would cost a night seconds.
_WHOLLY_CHECKED_BYTES = 1 << 28


def set_aside_damaged(house: House) -> list[Path]:
    """Move database files that cannot be read to a folder beside them; Dagster begins new ones."""
    moved = []
    for file in sorted(house.dagster.rglob("*.db")):
        if "damaged" in file.parts or not _is_damaged(file):
            continue
        place = house.dagster / "damaged" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
        place.mkdir(parents=True, exist_ok=True)
        for part in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            if part.exists():
                part.replace(place / part.name)
        moved.append(place / file.name)
        print(f"! Dagster's own {file.name} was damaged and is set aside in {place}; it begins a new one", flush=True)
    return moved


def _is_damaged(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(file, timeout=60)) as database:
            database.execute("select count(*) from sqlite_master").fetchone()
            if file.stat().st_size <= _WHOLLY_CHECKED_BYTES:
                return database.execute("pragma quick_check(1)").fetchone() != ("ok",)
    except sqlite3.OperationalError:
        # Busy, denied, no room: nothing is known of its bytes.
        return False
    except sqlite3.DatabaseError:
        return True
    return False
