"""How much of what came since the last publication is in quarantine, a row a source: `ops.quarantine_shares`.

Here: the counting, and the paragraph and the alert of a source above its limit. The limits are settings, and the gate
is an expectation in `expectations/suites/ops.yml`. Which rows wait and why is shown by `quarantine`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from dagster_project.alerting import Cause
from dagster_project.config import House
from dagster_project.warehouse import literal

TABLE = "quarantine_shares"
DESCRIPTION = "One row per source: how many of the rows that came since the last publication are in quarantine."
EXAMPLE = (
    "How much of what came since the last publication is in quarantine?",
    "select source_system, rows_read, rows_quarantined, percent_quarantined, limit_percent\n"
    "from ops.quarantine_shares\n"
    "order by percent_quarantined desc nulls last, source_system\n"
    "limit 10",
)
# Below this a handful of bad rows is a large share and says nothing.
LEAST_ROWS = 100
_COLUMNS = {
    "source_system": "The source, or the landing folder of an export.",
    "rows_read": "Rows of admitted loads that the publication before did not have yet.",
    "rows_quarantined": "How many of these are in quarantine.",
    "percent_quarantined": "The same as a share of the rows, in percent; empty where nothing came.",
    "limit_percent": "Above this nothing is published (OMNIHOUSE_QUARANTINE_LIMIT).",
    "is_judged": "Whether enough rows came for a share to say something.",
}


@dataclass(frozen=True)
class Share:
    """What came of a source since the last publication."""

    source: str
    rows: int
    quarantined: int
    percent: Decimal | None
    limit: Decimal
    is_judged: bool

    @property
    def is_above(self) -> bool:
        """Whether the gate refuses it."""
        return self.is_judged and self.quarantined * 100 > self.limit * self.rows

    def counted(self) -> str:
        """The numbers in words."""
        return (
            f"{self.quarantined:,} of {self.rows:,} new rows ({self.percent:.2f} %, limit {self.limit.normalize():f} %)"
        )


def write(warehouse: duckdb.DuckDBPyConnection, house: House, published_loads: Collection[str]) -> list[Share]:
    """Count and write the table; `published_loads` are those of the publication before.

    A row is counted where it was delivered: parts of orders, and whole orders that wait for a line, are in quarantine
    as well but are rows of no load.
    """
    warehouse.execute(
        f"""
        create or replace table ops.{TABLE} as
        with came as (
            select load_id, source_system, source_table, rows_landed + rows_rejected as rows_read
            from ops.loads
            where admitted and load_id not in (select unnest($published::varchar[]))
        ),
        waiting as (
            select came.source_system, count(*) as rows_quarantined
            from ops.quarantine as held
            inner join (select distinct load_id, source_system from came) as came on held.load_id = came.load_id
            where
                held.source_table = 'broken_lines'
                or (held.load_id, held.source_table) in (select (load_id, source_table) from came)
            group by came.source_system
        ),
        limits as (
            select unnest($sources::varchar[]) as source_system, unnest($limits::varchar[]) as limit_percent
        ),
        sources as (
            select
                loads.source_system,
                any_value(coalesce(limits.limit_percent, $usual))::decimal(9, 4) as limit_percent
            from ops.loads as loads
            left join limits on loads.source_system = limits.source_system
            where loads.admitted
            group by loads.source_system
        ),
        counted as (
            select
                sources.source_system,
                coalesce(sum(came.rows_read), 0)::bigint as rows_read,
                coalesce(any_value(waiting.rows_quarantined), 0)::bigint as rows_quarantined,
                any_value(sources.limit_percent) as limit_percent
            from sources
            left join came on sources.source_system = came.source_system
            left join waiting on sources.source_system = waiting.source_system
            group by sources.source_system
        )
        select
            source_system,
            rows_read,
            rows_quarantined,
            round(rows_quarantined * 100 / nullif(rows_read, 0), 4)::decimal(9, 4) as percent_quarantined,
            limit_percent,
            rows_read >= {LEAST_ROWS} as is_judged
        from counted
        order by source_system
        """,
        {
            "published": sorted(published_loads),
            "sources": list(house.quarantine_limits),
            "limits": [str(limit) for limit in house.quarantine_limits.values()],
            "usual": str(house.quarantine_limits[""]),
        },
    )
    warehouse.execute(f"comment on table ops.{TABLE} is {literal(DESCRIPTION)}")
    for name, text in _COLUMNS.items():
        warehouse.execute(f"comment on column ops.{TABLE}.{name} is {literal(text)}")
    return read(warehouse)


def read(warehouse: duckdb.DuckDBPyConnection) -> list[Share]:
    """The table as it was written tonight."""
    found = warehouse.execute(
        "select source_system, rows_read, rows_quarantined, percent_quarantined, limit_percent, is_judged"
        f" from ops.{TABLE} order by source_system"
    ).fetchall()
    return [Share(*row) for row in found]


def refusal(shares: Sequence[Share]) -> str:
    """The paragraph for whoever has to act when the gate refuses."""
    above = [share for share in shares if share.is_above]
    listed = "; ".join(f"{share.source}: {share.counted()}" for share in above)
    return (
        f"ops.{TABLE}: the publication is refused; the last one stays current. In quarantine are {listed}. See which "
        f"rows and why with `make quarantine SOURCE={above[0].source if above else '<source>'}`. Mend them at the "
        "source and run again, or withdraw the load with `make reject LOAD=<id>`, so that the other sources are "
        "published; if it is right so, raise the limit of that source in OMNIHOUSE_QUARANTINE_LIMIT."
    )


def causes(shares: Sequence[Share]) -> list[Cause]:
    """What people are told, a cause a source above its limit."""
    return [
        Cause(
            "quarantine",
            share.source,
            f"In quarantine are {share.counted()}. Readers keep the publication before.",
            f"make quarantine SOURCE={share.source}",
        )
        for share in shares
        if share.is_above
    ]


def numbers(shares: Sequence[Share]) -> dict[str, str]:
    """For the asset check: the numbers of every source of which rows came."""
    return {share.source: share.counted() for share in shares if share.rows}
