"""When the night begins: at its hour, or earlier when every export that usually comes has landed. Never twice."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from dagster_project import early
from dagster_project.config import House
from dagster_project.defs.jobs import NIGHTLY

NIGHT_TAG = "omnihouse/night"
_STATUS = dg.DagsterRunStatus
_UNDER_WAY = [_STATUS.QUEUED, _STATUS.NOT_STARTED, _STATUS.STARTING, _STATUS.STARTED]


def nightly_schedule(house: House) -> dg.ScheduleDefinition:
    """At the home's hour in the reporting time zone, unless tonight began early."""

    @dg.schedule(
        name="every_night",
        job_name=NIGHTLY,
        cron_schedule=f"{house.nightly_at.minute} {house.nightly_at.hour} * * *",
        execution_timezone=house.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The night at its hour; one that began early and did not fail is not begun again.",
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        night = str(house.last_day(context.scheduled_execution_time.astimezone(UTC)))
        for run in context.instance.get_runs(
            dg.RunsFilter(tags={NIGHT_TAG: night}, statuses=[*_UNDER_WAY, _STATUS.SUCCESS])
        ):
            done = "is published" if run.status == _STATUS.SUCCESS else "is under way"
            return dg.SkipReason(f"The night of {night} began early, all exports landed, and {done}: {run.run_id}.")
        return dg.RunRequest(tags={NIGHT_TAG: night})

    return every_night


def early_night(house: House) -> dg.SensorDefinition:
    """Begins the night before its hour, once a night."""

    @dg.sensor(
        name="all_exports_landed",
        job_name=NIGHTLY,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=early.__doc__,
    )
    def all_exports_landed(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        judgement = early.judge(house, datetime.now(UTC))
        if not judgement.begins:
            return dg.SkipReason(judgement.why)
        night = str(judgement.night)
        return dg.RunRequest(run_key=night, tags={NIGHT_TAG: night})

    return all_exports_landed
