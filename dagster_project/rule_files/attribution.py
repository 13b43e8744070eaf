"""The settings of attribution: one line of attribution_config.csv."""

from __future__ import annotations

from pathlib import Path

from dagster_project.rule_files.rows import settings

_DAYS = r"(?=.*[1-9])[0-9]{1,5}(\.[0-9]{1,3})?"


def check_attribution_config(file: Path) -> None:
    """Raise `ConfigurationError` unless the file is one line of settings that every order can be credited by."""
    wanted = {
        "lookback_days": ("[1-9][0-9]{0,2}", "a whole number of days from 1 to 999"),
        "half_life_days": (_DAYS, "days above 0, with at most three decimals"),
        "max_channels": ("[1-9]|1[01]", "a whole number from 1 to 11; the channels beyond are one more, other"),
        "collapse_repeats": ("true|false", "true or false"),
        "exposure_window_days": (f"({_DAYS})?", "days above 0, with at most three decimals, or nothing for none"),
    }
    settings(file, wanted)
