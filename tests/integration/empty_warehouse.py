"""A warehouse as a first run finds it when every source is absent, and dbt on it: what tests of models share."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, date, datetime

import ingestion
from dagster_project import audience_inputs, bookkeeping, project, tag_rules
from dagster_project.config import House
from dagster_project.decisions import Decisions
from dagster_project.run_inputs import write_run_inputs
from dagster_project.warehouse import carry_on, connect, fingerprint


def prepare(house: House) -> House:
    """Raw views without a file, no load, no decision."""
    house.settle_folders()
    seeds = project.assemble(house)
    carry_on(house, fingerprint(house, seeds), admitted=())
    with connect(house) as warehouse:
        write_run_inputs(
            warehouse,
            run_id="empty",
            night=1,
            as_of=datetime(2026, 7, 1, 18, tzinfo=UTC),
            as_of_date=date(2026, 7, 1),
            decisions=Decisions(house.lake),
            seeds=seeds,
            tag_rules=tag_rules.read(seeds / tag_rules.FILE, {})[0],
        )
        audience_inputs.write(
            warehouse,
            Decisions(house.lake),
            seeds,
            as_of=datetime(2026, 7, 1, 18, tzinfo=UTC),
            timezone=house.timezone,
            tags={rule.tag for rule in tag_rules.read(seeds / tag_rules.FILE, {})[0]},
        )
        bookkeeping.write_loads(warehouse, [])
        bookkeeping.write_refused_rules(warehouse, [])
        for source in ingestion.sources().values():
            for statement in ingestion.raw_views(source, [], house.lake):
                warehouse.execute(statement)
    return house


def dbt(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dbt as a night does."""
    return subprocess.run(
        [str(project.EXECUTABLE), "--no-use-colors", *arguments],
        cwd=project.folder(house),
        env={**os.environ, **project.environment(house, with_key=True)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
