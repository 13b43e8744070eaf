"""From how much data value is predicted, one line of value_config.csv, and what articles cost, product_costs.csv."""

from __future__ import annotations

import re
from pathlib import Path

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import rows, settings


def check_value_config(file: Path) -> None:
    """Raise `ConfigurationError` unless the file is one line: a unit of time, and the least data to predict from."""
    wanted = {
        "unit": ("days|weeks", "days or weeks"),
        # Four weeks are the least of which a quarter is a week.
        "min_weeks": ("[4-9]|[1-9][0-9]{1,3}", "a whole number of weeks from 4 to 9999"),
        "min_repeat_buyers": ("[1-9][0-9]{0,8}", "a whole number from 1"),
    }
    settings(file, wanted)


def check_product_costs(file: Path) -> None:
    """Raise `ConfigurationError` for a line without an article or a cost, or an article that stands there twice."""
    lines: dict[str, int] = {}
    for line, row in rows(file, ["sku", "unit_cost"]):
        sku, cost = row["sku"] or "", row["unit_cost"] or ""
        if not sku or sku != sku.strip() or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is an article and its cost; the article is {sku!r}. Write its number as "
                "sku of order_lines has it."
            )
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,3})?", cost):
            raise ConfigurationError(
                f"{file}, line {line}: the cost of {sku} is {cost!r}; write an amount in the reporting currency, with "
                "a point and at most three decimals."
            )
        if sku in lines:
            raise ConfigurationError(f"{file}, line {line}: {sku} stands in line {lines[sku]} already. Keep one.")
        lines[sku] = line
