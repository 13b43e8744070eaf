"""Which conversions go out to which advertising platform: the lines of conversion_exports.csv."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import available_timezones

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import rows

CONVERSION_PLATFORMS = ("google_ads", "meta_ads", "oceanengine")
HASHED_IDENTIFIERS = ("never", "without_click", "always")
_CONVERSION_COLUMNS = (
    *("platform", "action", "click_days", "click_expires_days", "upload_days", "adjustment_days"),
    *("hashed_identifiers", "channels", "timezone"),
)


def check_conversion_exports(file: Path) -> None:
    """Raise `ConfigurationError` for an unknown platform, a wrong number, word, channel or zone, or an action twice.

    Nothing but the header is right, too: no conversion goes out then.
    """
    lines: dict[tuple[str, str], int] = {}
    zones: dict[str, tuple[str, int]] = {}
    for line, row in rows(file, list(_CONVERSION_COLUMNS)):
        if None in row or None in row.values():
            raise ConfigurationError(
                f"{file}, line {line}: a line has {len(_CONVERSION_COLUMNS)} cells, {', '.join(_CONVERSION_COLUMNS)}."
            )
        cells = {name: row[name] or "" for name in _CONVERSION_COLUMNS}
        if problem := _conversion_problem(cells):
            raise ConfigurationError(f"{file}, line {line}: {problem}")
        platform, action = cells["platform"], cells["action"]
        if (platform, action) in lines:
            raise ConfigurationError(
                f"{file}, line {line}: {action} of {platform} stands in line {lines[platform, action]} already. Keep "
                "one of the two; several channels go into one line, separated by bars."
            )
        lines[platform, action] = line
        zone, first = zones.setdefault(platform, (cells["timezone"], line))
        if cells["timezone"] != zone:
            raise ConfigurationError(
                f"{file}, line {line}: the time zone of {platform} is {cells['timezone']!r}, and {zone!r} in line "
                f"{first}. A platform's file has one zone; write the same in both."
            )


def _conversion_problem(cells: dict[str, str]) -> str | None:
    """What is wrong with one line of conversion_exports.csv, and what to write instead."""
    platform, hashed = cells["platform"], cells["hashed_identifiers"]
    if platform not in CONVERSION_PLATFORMS:
        return f"the platform is {platform!r}; it has to be one of {', '.join(CONVERSION_PLATFORMS)}."
    if not re.fullmatch(r"\w(?:[^\x00-\x1f]{0,98}\S)?", cells["action"]):
        return (
            f"the action is {cells['action']!r}; write the conversion's name as the platform's account has it, at most "
            "100 characters, a letter or digit first."
        )
    for name in ("click_days", "click_expires_days", "upload_days", "adjustment_days"):
        may_be_empty = name in ("click_expires_days", "adjustment_days")
        if not re.fullmatch("[1-9][0-9]{0,3}", cells[name]) and (cells[name] or not may_be_empty):
            return (
                f"{name} is {cells[name]!r}; write a whole number of days from 1 to 9999"
                f"{', or nothing' if may_be_empty else ''}."
            )
    if hashed not in HASHED_IDENTIFIERS:
        return f"hashed_identifiers is {hashed!r}; it has to be one of {', '.join(HASHED_IDENTIFIERS)}."
    if platform == "oceanengine" and hashed != "never":
        return f"hashed_identifiers is {hashed!r}; Ocean Engine finds a conversion by its click alone, so write never."
    if platform == "google_ads" and hashed == "always":
        return "hashed_identifiers is always; Google's file of clicks takes no hashes, so write without_click or never."
    if any(not channel or channel != channel.strip() for channel in cells["channels"].split("|")) and cells["channels"]:
        return f"the channels are {cells['channels']!r}; separate names with single bars, as in store|online_store."
    if cells["timezone"] and cells["timezone"] not in available_timezones():
        return f"the time zone is {cells['timezone']!r}; write a name such as Europe/Berlin, or nothing."
    return None
