"""What is unusual tonight about the rows that sources bring: in words, for the record, as causes of alerts.

Here: reading `ops.stream_days` and `ops.column_weeks`, and what is said of a finding. What counts as unusual is those
models' business; the page of charts is that of `stream_charts`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date

import duckdb

from dagster_project.alerting import Cause

TABLES = ("stream_days", "column_weeks")
_SHOWN = 5
_MEASURES = {
    "rows": "rows",
    "rows_of_week": "rows in seven days",
    "amount": "in sum",
    "share_without": "of the rows without what they should name",
    "days_behind": "days behind",
    "share_empty": "empty",
    "share_distinct": "different values among those filled",
    "shift": "away from its usual mix",
    "agreement": "of what the other side claims",
}
_SHARES = ("share_without", "share_empty", "share_distinct", "agreement")


@dataclass(frozen=True)
class Finding:
    """A measure of a stream or column that tonight lies outside what is usual for it."""

    source_system: str
    stream: str
    measure: str
    business_date: date
    value: float
    usual: float
    usual_low: float
    usual_high: float

    def sentence(self) -> str:
        """What was seen and what is usual, such as ``shopify orders: 0 rows, usually 41 (22 to 60)``."""
        seen, usual, low, high = (self._shown(x) for x in (self.value, self.usual, self.usual_low, self.usual_high))
        return (
            f"{self.source_system} {self.stream}: {seen} {_MEASURES[self.measure]}, usually {usual} ({low} to {high})"
        )

    def as_dict(self) -> dict[str, object]:
        """The finding for the run's record."""
        return {**asdict(self), "business_date": self.business_date.isoformat()}

    def _shown(self, value: float) -> str:
        if self.measure in _SHARES:
            return f"{value:.0%}"
        return f"{value:.2f}" if self.measure == "shift" else f"{value:,.0f}"


def counted(warehouse: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The rows of the tables of measures; a company without a row of the last weeks has none."""
    return {table: warehouse.execute(f"select count(*) from ops.{table}").fetchall()[0][0] for table in TABLES}


def unusual(warehouse: duckdb.DuckDBPyConnection) -> list[Finding]:
    """What is unusual of the last complete day, or of the week up to it, by source and stream."""
    found = warehouse.execute(
        "select source_system, stream, measure, business_date, value, usual, usual_low, usual_high"
        " from ops.stream_days where is_tonight and is_unusual"
        " union all select source_system, subject, measure, week_end_date, value, usual, usual_low, usual_high"
        " from ops.column_weeks where is_latest and is_unusual order by source_system, stream, measure"
    ).fetchall()
    return [Finding(*row) for row in found]


def causes(findings: list[Finding]) -> list[Cause]:
    """One cause a source, whatever number of its streams is unusual."""
    by_source: dict[str, list[Finding]] = {}
    for finding in findings:
        by_source.setdefault(finding.source_system, []).append(finding)
    told = []
    for source, of_source in by_source.items():
        said = "; ".join(finding.sentence() for finding in of_source[:_SHOWN])
        more = f"; and {len(of_source) - _SHOWN} more" if len(of_source) > _SHOWN else ""
        told.append(
            Cause(
                "anomaly",
                source,
                f"Unusual for {of_source[0].business_date:%A}, {of_source[0].business_date}: {said}{more}.",
                f"look at quality/streams.html and ops.column_weeks, then at {source} itself",
            )
        )
    return told
