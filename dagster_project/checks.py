"""Gate results as Dagster asset checks: how a check is named, and how several results become one check.

What is expected of a table stands in `expectations/suites/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from dagster_project.keys import asset_key
from expectations import Result, suites

# Stands for whatever a suite cannot list in advance: a file that cannot be read, a table that is empty or missing.
READABLE = "table_can_be_read"


def name_of(expectation: str, column: str | None) -> str:
    """The check of an expectation on a table, e.g. ``expect_column_values_to_not_be_null_order_id``."""
    short = re.sub(r"(?<!^)(?=[A-Z])", "_", expectation).lower()
    short = short.removeprefix("expect_")
    return re.sub(r"\W", "_", f"{short}__{column}" if column else short)


def specs(suite_name: str, schema: str, tables: Iterable[str], blocking: bool) -> list[dg.AssetCheckSpec]:
    """A check for each expectation of each table, with the reason why it exists."""
    suite = suites.load_suite(suite_name)
    found: list[dg.AssetCheckSpec] = []
    for table in tables:
        entries = (*suite.every_table, *suite.table(table).entries)
        why: dict[str, str] = {READABLE: "What cannot be read cannot be checked, and must not be built upon."}
        refusing = {READABLE}
        for entry in entries:
            name = name_of(entry.expect, entry.kwargs.get("column"))
            why[name] = f"{why[name]} {entry.why}" if name in why else entry.why
            if entry.severity == "block":
                refusing.add(name)
        found += [
            dg.AssetCheckSpec(
                name=name, asset=asset_key(schema, table), description=text, blocking=blocking and name in refusing
            )
            for name, text in why.items()
        ]
    return found


def results(
    wanted: Sequence[dg.AssetCheckSpec],
    found: Iterable[Result],
    numbers: Mapping[dg.AssetKey, Mapping[str, str]] | None = None,
) -> list[dg.AssetCheckResult]:
    """One check result for each spec: passed when every result of that name passed, also when there was nothing new.

    `numbers`: what the checks of a table show beside their counts.
    """
    by_check: dict[tuple[dg.AssetKey, str], list[Result]] = {}
    known = {(spec.asset_key, spec.name) for spec in wanted}
    for result in found:
        key = asset_key(result.table_schema, result.table_name)
        name = name_of(result.expectation, result.column)
        by_check.setdefault((key, name if (key, name) in known else READABLE), []).append(result)
    return [
        _merged(spec, by_check.get((spec.asset_key, spec.name), []), (numbers or {}).get(spec.asset_key, {}))
        for spec in wanted
    ]


def _merged(spec: dg.AssetCheckSpec, found: list[Result], numbers: Mapping[str, str]) -> dg.AssetCheckResult:
    failed = [result for result in found if not result.success]
    blocks = any(result.severity == "block" for result in failed)
    metadata: dict[str, int | float | str] = {
        **numbers,
        "evaluated": len(found),
        "rows": sum(result.element_count or 0 for result in found),
        "unexpected": sum(result.unexpected_count or 0 for result in found),
    }
    if found and isinstance((first := (failed or found)[0]).observed, int | float | str):
        metadata["observed"] = first.observed
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=" ".join(result.sentence() for result in failed[:3]) or None,
        metadata=metadata,
    )
