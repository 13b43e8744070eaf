"""The daemon, as its unit starts it, begins the night at its hour, and the run says why it could not go on.

Begun with the first test of the folder and looked at last, so that nobody waits for the hour.
"""

import time
from datetime import UTC, datetime

import dagster as dg

from tests.e2e.conftest import PATIENCE, Hour


def test_the_schedule_fires_and_the_run_says_why_it_did_not_begin(the_hour: Hour):
    with dg.DagsterInstance.from_config(str(the_hour.home.path / "dagster")) as instance:
        deadline = the_hour.due.timestamp() + 2 * PATIENCE
        while True:
            runs = instance.get_runs(dg.RunsFilter(job_name="nightly"))
            if runs and runs[0].is_finished:
                break
            assert the_hour.daemon.poll() is None, the_hour.log.read_text()[-2000:]
            assert time.time() < deadline, the_hour.log.read_text()[-2000:]
            time.sleep(1)
        (run,) = runs
        assert run.tags["dagster/schedule_name"] == "every_night"
        assert run.tags["omnihouse/night"] == str(the_hour.last_day)
        record = instance.get_run_record_by_id(run.run_id)
        assert datetime.fromtimestamp(record.create_timestamp.timestamp(), UTC) >= the_hour.due
        assert run.status == dg.DagsterRunStatus.FAILURE
        said = " ".join(str(event.user_message) + str(event.dagster_event) for event in instance.all_logs(run.run_id))
    assert "identity_overrides.csv" in said
