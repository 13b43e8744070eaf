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

# The kinds of contact that the touchpoints have; an export of touchpoints may add its own.
TOUCHPOINT_TYPES = (
    *("ad_click", "page_view", "product_view", "add_to_cart", "checkout_started", "checkout_abandoned"),
    *("checkout_completed", "sign_up", "identified", "review", "other_event", "order", "refund", "store_visit"),
    *("message_sent", "message_delivered", "message_opened", "message_clicked", "message_bounced"),
    *("message_unsubscribed", "ticket_opened", "ticket_solved", "call_in", "call_out"),
)
JOURNEY_COLUMNS = (
    *("journey", "step", "step_name", "touchpoint_types", "channels", "orders_before", "only_eligible", "within"),
    *("is_optional", "ended_by"),
)
LAST_JOURNEY_STEP = 8


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


def check_journeys(file: Path, words: Path) -> None:
    """Raise `ConfigurationError` for an unknown touchpoint type, a gap in a journey's steps, or a time that is none.

    `words`: the export_words.csv of the run, which names the types that a company's own exports add.
    """
    known = {*TOUCHPOINT_TYPES, *_types_of_exports(words)}
    journeys: dict[str, dict[int, tuple[int, dict[str, str]]]] = {}
    for line, row in _rows(file, list(JOURNEY_COLUMNS)):
        if None in row or None in row.values():
            raise ConfigurationError(
                f"{file}, line {line}: a line has {len(JOURNEY_COLUMNS)} cells, empty ones included."
            )
        cells = {name: cell or "" for name, cell in row.items() if name}
        _check_journey_line(f"{file}, line {line}", cells, known)
        steps = journeys.setdefault(cells["journey"], {})
        step = int(cells["step"])
        for number, (earlier, other) in steps.items():
            if number == step or other["step_name"] == cells["step_name"]:
                raise ConfigurationError(
                    f"{file}, line {line}: step {step}, {cells['step_name']}, of {cells['journey']} has the number or "
                    f"the name of line {earlier}. Each step has its own."
                )
        steps[step] = (line, cells)
    for journey, steps in journeys.items():
        for place, step in enumerate(sorted(steps), start=1):
            if step != place:
                raise ConfigurationError(
                    f"{file}, line {steps[step][0]}: {journey} has a step {step} and no step {place}. Number its steps "
                    "from 1, without a gap."
                )
        _check_optional_steps(file, steps)


def _check_journey_line(place: str, cells: dict[str, str], known: set[str]) -> None:
    for name in ("journey", "step_name"):
        if not re.fullmatch("[a-z][a-z0-9_]*", cells[name]):
            raise ConfigurationError(
                f"{place}: {name} is {cells[name]!r}; write a name of small letters, digits and underscores."
            )
    if not re.fullmatch(f"[1-{LAST_JOURNEY_STEP}]", cells["step"]):
        raise ConfigurationError(
            f"{place}: the step is {cells['step']!r}; it has to be a whole number from 1 to {LAST_JOURNEY_STEP}."
        )
    types = cells["touchpoint_types"].split("|")
    ends = cells["ended_by"].split("|") if cells["ended_by"] else []
    for word in [*types, *ends]:
        if word not in known:
            raise ConfigurationError(
                f"{place}: {word!r} is no type of touchpoint. The types are {', '.join(TOUCHPOINT_TYPES)}, and those "
                "that export_words.csv names for touchpoint_type; several are written with a bar between them."
            )
    for channel in cells["channels"].split("|") if cells["channels"] else []:
        if not re.fullmatch(r"\w+", channel):
            raise ConfigurationError(
                f"{place}: the channels are {cells['channels']!r}; write them as marts.touchpoints has them, with a "
                "bar between two."
            )
    if not re.fullmatch(r"|[0-9]{1,6}\+?", cells["orders_before"]):
        raise ConfigurationError(
            f"{place}: orders_before is {cells['orders_before']!r}; write 0 for a person without an order, 1 for one, "
            "1+ for one or more, or nothing."
        )
    for flag in ("only_eligible", "is_optional"):
        if cells[flag] not in ("", "y"):
            raise ConfigurationError(f"{place}: {flag} is {cells[flag]!r}; write y, or nothing.")
    if cells["step"] == "1":
        if cells["within"] or cells["is_optional"] or ends:
            raise ConfigurationError(
                f"{place}: a journey begins with its first step, which has no time allowed, is not optional and is "
                "ended by nothing. Leave within, is_optional and ended_by empty."
            )
    elif not re.fullmatch("[1-9][0-9]{0,4}[mhd]", cells["within"]):
        raise ConfigurationError(
            f"{place}: the time allowed since the step before is {cells['within']!r}; write a whole number from 1 and "
            "its unit: 30m for minutes, 12h for hours, 7d for days."
        )
    if ends and cells["is_optional"]:
        raise ConfigurationError(
            f"{place}: an optional step is ended by what ends the next step that is not; write ended_by there."
        )


def _check_optional_steps(file: Path, steps: dict[int, tuple[int, dict[str, str]]]) -> None:
    """The last step is not optional, and an optional one is not waited for longer than the step after it."""
    needed: int | None = None
    for step in sorted(steps, reverse=True):
        line, cells = steps[step]
        if not cells["is_optional"]:
            needed = step
        elif needed is None:
            raise ConfigurationError(
                f"{file}, line {line}: the last step of {cells['journey']} is optional, so nothing would complete it. "
                "Leave is_optional empty or the step out."
            )
        elif _minutes(cells["within"]) > _minutes(steps[needed][1]["within"]):
            raise ConfigurationError(
                f"{file}, line {line}: the optional step {cells['step_name']} is allowed {cells['within']}, longer "
                f"than {steps[needed][1]['within']} of {steps[needed][1]['step_name']}, which is waited for at the "
                "same time. Allow it as long at most."
            )


def _minutes(within: str) -> int:
    return int(within[:-1]) * {"m": 1, "h": 60, "d": 1440}[within[-1]]


def _types_of_exports(words: Path) -> set[str]:
    with words.open(encoding="utf-8-sig", newline="") as handle:
        return {row["meaning"] for row in csv.DictReader(handle) if row.get("field") == "touchpoint_type"}


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
