"""The settings of attribution: one line of attribution_config.csv."""

from __future__ import annotations

import re
from pathlib import Path

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import rows

_DAYS = r"(?=.*[1-9])[0-9]{1,5}(\.[0-9]{1,3})?"
_ATTRIBUTION = ("lookback_days", "half_life_days", "max_channels", "collapse_repeats", "exposure_window_days")


def check_attribution_config(file: Path) -> None:
    """Raise `ConfigurationError` unless the file is one line of settings that every order can be credited by."""
    lines = list(rows(file, list(_ATTRIBUTION)))
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
