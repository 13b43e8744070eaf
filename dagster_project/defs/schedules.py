"""The job of the night and its cadence. Which steps it has follows from the assets."""

import dagster as dg

from dagster_project.config import House

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="Pull, gate, transform, gate, publish: the whole night in one process.",
    executor_def=dg.in_process_executor,
)


def nightly_schedule(house: House) -> dg.ScheduleDefinition:
    """02:00 in the reporting time zone."""
    return dg.ScheduleDefinition(
        name="every_night",
        job=nightly,
        cron_schedule="0 2 * * *",
        execution_timezone=house.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
