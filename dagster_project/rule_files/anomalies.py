"""When a stream of rows, or a column of a table, counts as unusual: one line of anomaly_config.csv."""

from __future__ import annotations

from pathlib import Path

from dagster_project.rule_files.rows import settings


def check_anomaly_config(file: Path) -> None:
    """Raise `ConfigurationError` unless the file is one line of thresholds and the least data to compare with."""
    above_nothing = (r"(?=.*[1-9])[0-9]{1,3}(\.[0-9]{1,3})?", "a number above 0, with at most three decimals")
    wanted = {
        "threshold": above_nothing,
        # The same weekday of twelve weeks are twelve days.
        "min_days": ("[2-9]|1[0-2]", "a whole number from 2 to 12"),
        "min_rows": ("[1-9][0-9]{0,8}", "a whole number from 1"),
        "least_shift": above_nothing,
    }
    settings(file, wanted)
