"""Rule files that only the models read, checked before a run so that a mistake is named with its line.

What belongs here: the form of such a file. Rules of stitching are checked by `identity`, mappings by `ingestion`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import available_timezones

from dagster_project.config import ConfigurationError

STATUS_MEANINGS = ("paid", "pending", "cancelled", "voided", "refunded", "test")


CONVERSION_PLATFORMS = ("google_ads", "meta_ads", "oceanengine")
HASHED_IDENTIFIERS = ("never", "without_click", "always")
_CONVERSION_COLUMNS = (
    *("platform", "action", "click_days", "click_expires_days", "upload_days", "adjustment_days"),
    *("hashed_identifiers", "channels", "timezone"),
)

# What source_trust.csv may rank: the attributes of int_customers__statements, and orders of one instant.
TRUSTED_ATTRIBUTES = (
    *("full_name", "email", "phone", "gender", "city", "country", "member_level", "birth_date", "order_number"),
)


def check_order_statuses(file: Path) -> None:
    """Raise `ConfigurationError` for a wrong header, an unknown meaning, or a word that stands there twice."""
    lines: dict[str, int] = {}
    for line, row in _rows(file, ["status", "meaning"]):
        word, meaning = (row["status"] or "").strip().lower(), row["meaning"]
        if not word or meaning not in STATUS_MEANINGS or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is a word and its meaning, one of {', '.join(STATUS_MEANINGS)}; this one "
                f"says {row['status']!r}, {meaning!r}."
            )
        if word in lines:
            raise ConfigurationError(
                f"{file}, line {line}: {row['status']!r} stands in line {lines[word]} already; letters' case does not "
                "matter. Keep one of the two."
            )
        lines[word] = line


def check_source_trust(file: Path) -> None:
    """Raise `ConfigurationError` for an unknown attribute, a rank that is no whole number from 1, or a source twice."""
    lines: dict[tuple[str, str], int] = {}
    for line, row in _rows(file, ["attribute", "source_system", "rank"]):
        attribute, source, rank = ((row[name] or "") for name in ("attribute", "source_system", "rank"))
        if attribute not in TRUSTED_ATTRIBUTES:
            raise ConfigurationError(
                f"{file}, line {line}: the attribute is {attribute!r}; it has to be one of "
                f"{', '.join(TRUSTED_ATTRIBUTES)}."
            )
        if not source or source != source.strip() or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is an attribute, a source and a rank; the source is {source!r}. Write "
                "its name as source_system of the published tables has it."
            )
        if not re.fullmatch("[1-9][0-9]{0,8}", rank):
            raise ConfigurationError(
                f"{file}, line {line}: the rank is {rank!r}; write a whole number, 1 for the first."
            )
        if (attribute, source) in lines:
            raise ConfigurationError(
                f"{file}, line {line}: {attribute} of {source} has its rank in line {lines[attribute, source]} "
                "already. Keep one of the two."
            )
        lines[attribute, source] = line


def check_source_regions(file: Path) -> None:
    """Raise `ConfigurationError` for a country that has no phone numbers, or a source that stands there twice."""
    from phonenumbers import SUPPORTED_REGIONS

    lines: dict[str, int] = {}
    for line, row in _rows(file, ["source_system", "default_region"]):
        source, region = row["source_system"] or "", row["default_region"]
        if not source or source != source.strip() or region not in SUPPORTED_REGIONS or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is a source and the country of its phone numbers, a code of two capital "
                f"letters such as CN; this one says {source!r}, {region!r}."
            )
        if source in lines:
            raise ConfigurationError(f"{file}, line {line}: {source} stands in line {lines[source]} already. Keep one.")
        lines[source] = line


_DAYS = r"(?=.*[1-9])[0-9]{1,5}(\.[0-9]{1,3})?"
_ATTRIBUTION = ("lookback_days", "half_life_days", "max_channels", "collapse_repeats", "exposure_window_days")


def check_attribution_config(file: Path) -> None:
    """Raise `ConfigurationError` unless the file is one line of settings that every order can be credited by."""
    lines = list(_rows(file, list(_ATTRIBUTION)))
    if len(lines) != 1:
        raise ConfigurationError(f"{file}: below the header it has {len(lines)} lines; there is one line of settings.")
    line, row = lines[0]
    if None in row:
        raise ConfigurationError(f"{file}, line {line}: the line has more cells than the header names.")
    given = {name: row[name] or "" for name in _ATTRIBUTION}
    wanted = {
        "lookback_days": ("[1-9][0-9]{0,2}", "a whole number of days from 1 to 999"),
        "half_life_days": (_DAYS, "days above 0, with at most three decimals"),
        "max_channels": ("[1-9]|1[01]", "a whole number from 1 to 11; the channels beyond are one more, other"),
        "collapse_repeats": ("true|false", "true or false"),
        "exposure_window_days": (f"({_DAYS})?", "days above 0, with at most three decimals, or nothing for none"),
    }
    for name, (pattern, told) in wanted.items():
        if not re.fullmatch(pattern, given[name]):
            raise ConfigurationError(f"{file}, line {line}: {name} is {given[name]!r}; write {told}.")


def check_conversion_exports(file: Path) -> None:
    """Raise `ConfigurationError` for an unknown platform, a wrong number, word, channel or zone, or an action twice.

    Nothing but the header is right, too: no conversion goes out then.
    """
    lines: dict[tuple[str, str], int] = {}
    zones: dict[str, tuple[str, int]] = {}
    for line, row in _rows(file, list(_CONVERSION_COLUMNS)):
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


def _rows(file: Path, header: list[str]) -> Iterator[tuple[int, dict[str | None, str | None]]]:
    """The lines of a rule file with their numbers; raises `ConfigurationError` for another header or encoding."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            if reader.fieldnames != header:
                raise ConfigurationError(f"{file}, line 1: the header has to be {','.join(header)}.")
            for row in reader:
                yield reader.line_num, dict(row)
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{file} is not UTF-8 text; save it as UTF-8.") from problem


CHECKS: dict[str, Callable[[Path], None]] = {
    "order_statuses.csv": check_order_statuses,
    "source_trust.csv": check_source_trust,
    "source_regions.csv": check_source_regions,
    "attribution_config.csv": check_attribution_config,
    "conversion_exports.csv": check_conversion_exports,
}
