"""The night begins before its hour when every export that usually comes has landed, and never twice."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from dagster_project import early
from dagster_project.config import House
from dagster_project.decisions import Decisions, Publication
from dagster_project.defs.schedules import NIGHT_TAG, early_night, nightly_schedule
from ingestion import Ledger
from ingestion.ledger import failed_line

RUNS = [f"20260{month}01T020000-00000{month}" for month in (5, 6, 7)]


def now():
    """The files' own moment, from which nights are told; where the house stands it is half past midnight."""
    return datetime.now(UTC)


def house_at_half_past_midnight(tmp_path):
    """A real home in the zone in which it is now half past midnight."""
    hours = (0 - now().hour) % 24
    zone = f"Etc/GMT{-hours if hours <= 12 else 24 - hours:+d}"
    local = (now() + timedelta(minutes=5)).astimezone(ZoneInfo(zone))
    assert local.hour in (0, 1)
    return House(home=tmp_path, timezone=zone, demo="0", nightly_at=clock(3))


@pytest.fixture
def house(tmp_path):
    """Three nights, the last a minute ago: one export came each night, one in two of them, one once."""
    house = house_at_half_past_midnight(tmp_path)
    house.settle(demo=False)
    brought = dict(
        zip(RUNS, (["meta_ads", "messages"], ["meta_ads", "google_ads"], ["meta_ads", "messages"]), strict=True)
    )
    decisions = Decisions(house.lake)
    for number, (run, folders) in enumerate(brought.items(), 1):
        began = now() - timedelta(minutes=1)
        (house.runs / f"{run}.json").write_text(json.dumps({"started_at": began.isoformat()}))
        decisions.add_publication(Publication(run, number, 0, began.isoformat(), began.isoformat()))
        note(house, run, folders)
    return house


def note(house, run, folders):
    line = failed_line("any", "none", "any", None)
    Ledger(house.lake).append(
        run,
        [
            {**line, "load_id": f"{run}-{folder}", "source_system": folder, "file_name": f"{folder}/{run}.csv",
             "admitted": True, "status": "admitted", "error": None}
            for folder in folders
        ],
    )  # fmt: skip


def land(house, *folders):
    for folder in folders:
        file = house.landing / folder / "tonight.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a,b\n1,2\n")
        # A copy keeps the time of the file it was made of.
        os.utime(file, (time.time() - 1e6, time.time() - 1e6))


def judged(house, minutes=5):
    return early.judge(house, now() + timedelta(minutes=minutes))


def test_usual_is_what_came_in_two_of_the_last_three_nights(house):
    assert early.usual_folders(house, Decisions(house.lake).publications()) == ["messages", "meta_ads"]


def test_waits_for_every_usual_export_and_then_until_nothing_is_written(house):
    assert judged(house).why == "0 of 2 exports have landed; waiting for messages, meta_ads."
    land(house, "meta_ads", "google_ads")
    assert judged(house).why == "1 of 2 exports have landed; waiting for messages."
    land(house, "messages")
    assert "still being written" in judged(house, minutes=1).why
    begins = judged(house)
    assert begins.begins
    assert begins.night == house.last_day(now() + timedelta(minutes=5))


def test_a_file_that_an_earlier_night_read_does_not_count(house):
    land(house, "meta_ads", "messages")
    later = (now() + timedelta(minutes=3)).isoformat()
    (house.runs / f"{RUNS[2]}.json").write_text(json.dumps({"started_at": later}))
    assert "waiting for messages, meta_ads" in judged(house).why


def test_the_hour_itself_belongs_to_the_schedule(house):
    land(house, "meta_ads", "messages")
    assert "had its hour" in judged(house, minutes=240).why


def test_nothing_begins_early_without_habit_or_in_a_demo_home(tmp_path):
    house = house_at_half_past_midnight(tmp_path)
    house.settle(demo=False)
    land(house, "meta_ads")
    assert "nothing to wait for" in judged(house).why
    demo = House(home=tmp_path / "demo")
    demo.settle(demo=True)
    assert "demo company" in judged(demo).why


def test_the_sensor_asks_for_each_night_once_and_the_schedule_then_skips(house, monkeypatch):
    land(house, "meta_ads", "messages")

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return now() + timedelta(minutes=5)

    monkeypatch.setattr("dagster_project.defs.schedules.datetime", Later)
    night = str(house.last_day(now() + timedelta(minutes=5)))

    @dg.op
    def nothing():
        pass

    @dg.job(name="nightly")
    def nightly():
        nothing()

    with dg.instance_for_test() as instance:
        asked = early_night(house)(dg.build_sensor_context(instance=instance))
        assert (asked.run_key, asked.tags[NIGHT_TAG]) == (night, night)

        def due():
            return nightly_schedule(house)(
                dg.build_schedule_context(instance, scheduled_execution_time=now() + timedelta(hours=2))
            )

        assert due().tags[NIGHT_TAG] == night
        run = instance.create_run_for_job(nightly, tags={NIGHT_TAG: night}, status=dg.DagsterRunStatus.FAILURE)
        assert isinstance(due(), dg.RunRequest), "a night that failed is begun again at its hour"
        run = instance.create_run_for_job(nightly, tags={NIGHT_TAG: night}, status=dg.DagsterRunStatus.STARTED)
        assert "is under way" in due().skip_message
        instance.report_run_canceled(run)
        run = instance.create_run_for_job(nightly, tags={NIGHT_TAG: night}, status=dg.DagsterRunStatus.SUCCESS)
        assert f"is published: {run.run_id}" in due().skip_message
