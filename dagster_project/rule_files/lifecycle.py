"""When silence counts: one line of lifecycle_config.csv."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import settings

_FACTORS = ("at_risk_factor", "dormant_factor", "lost_factor")
_DAYS = ("at_risk_days", "dormant_days", "lost_days")
_LIFECYCLE = (
    *("mode", *_FACTORS, "prior_gaps", "min_category_gaps", "min_gap_days", "max_gap_days", "default_gap_days"),
    *_DAYS,
)
_FACTOR = (r"(?=.*[1-9])[0-9]{1,3}(\.[0-9]{1,3})?", "a number above 0, with at most three decimals")
_COUNT = ("[1-9][0-9]{0,3}", "a whole number from 1 to 9999")


def check_lifecycle_config(file: Path) -> None:
    """Raise `ConfigurationError` unless the file is one line by which every customer is in exactly one stage."""
    wanted = {name: _FACTOR if name in _FACTORS else _COUNT for name in _LIFECYCLE}
    wanted["mode"] = ("adaptive|fixed", "adaptive or fixed")
    line, given = settings(file, wanted)
    # Stages that begin at one time, or in another order, would leave a person in two of them or in none.
    for earlier, later in (*pairwise(_FACTORS), *pairwise(_DAYS)):
        if Decimal(given[earlier]) >= Decimal(given[later]):
            raise ConfigurationError(
                f"{file}, line {line}: {later} is {given[later]}, not more than {earlier}, {given[earlier]}. Write a "
                "larger number; silence makes a customer at risk first, then dormant, then lost."
            )
    if int(given["max_gap_days"]) < int(given["min_gap_days"]):
        raise ConfigurationError(
            f"{file}, line {line}: max_gap_days is {given['max_gap_days']}, less than min_gap_days, "
            f"{given['min_gap_days']}. Write at least as much."
        )
