"""What people are told of a run: once per cause and business day, without a row's value, and never never."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from dagster_project import alerting
from dagster_project.alerting import causes, channels
from dagster_project.alerting.journal import Journal
from dagster_project.config import PROJECT, House
from dagster_project.errors import ConfigurationError
from dagster_project.night import GateRefused, Night, StepFailed
from tests.unit.alert_receivers import webhook

DAY = datetime(2026, 7, 1, 2, tzinfo=UTC)
PERSONAL = "王小明 13812345678 anna@example.com Musterweg 5"


@pytest.fixture
def hook(monkeypatch):
    monkeypatch.setattr(channels, "_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(channels, "_ANSWER_SECONDS", 0.3)
    with webhook() as found:
        yield found


def house(tmp_path, hook, **more):
    environment = {"OMNIHOUSE_HOME": str(tmp_path / "shop"), "ALERTS__WEBHOOK__URL": hook.url, **more}
    return House.from_environment(environment)


def night(house, run_id="run1", as_of=DAY):
    return Night(house, run_id, "next", 1, 1, as_of, is_demo=False)


def gate(schema="marts", table="orders", severity="block", **more):
    return {
        "suite": schema, "table_schema": schema, "table_name": table, "expectation": "values_to_not_be_null",
        "column": "order_id", "severity": severity, "success": False, "unexpected_count": 12, "element_count": 3400,
        "observed": PERSONAL, "error": PERSONAL, "failing_rows": [PERSONAL],
    } | more  # fmt: skip


def troubled(house, run_id="run1", as_of=DAY):
    """A night with every kind of cause, whose own words hold what must not get out."""
    found = night(house, run_id, as_of)
    for raised, step in ((StepFailed(PERSONAL), "transform (dbt)"), (GateRefused(PERSONAL), "publish")):
        with pytest.raises(type(raised)), found.step(step):
            raise raised
    found.gates = [gate(), gate(column="net_amount"), gate("raw_pos"), gate(severity="warn"), gate(success=True)]
    found.failed_tests = {"nothing_lost": 3}
    found.sources = {
        "pos": {"status": "stale", "reason": PERSONAL, "refused_loads": 1},
        "zendesk": {"status": "stale", "reason": PERSONAL},
        "shopify": {"status": "fresh", "reason": ""},
    }
    found.told = [causes.Cause("quarantine", "events", "7 % of the rows.", "make quarantine SOURCE=events")]
    return found


def test_a_quiet_night_says_nothing(tmp_path, hook):
    quiet = night(house(tmp_path, hook))
    alerting.begin(quiet)
    quiet.published = True
    assert alerting.end(quiet) == "nothing to tell"
    assert hook.requests == []


def test_without_settings_nothing_is_written(tmp_path):
    found = night(House.from_environment({"OMNIHOUSE_HOME": str(tmp_path)}))
    alerting.begin(found)
    assert alerting.end(found) == ""
    assert list(tmp_path.iterdir()) == []


def test_every_cause_is_a_message_with_its_next_step_and_nothing_of_a_row(tmp_path, hook):
    found = troubled(house(tmp_path, hook))
    assert alerting.end(found) == "6 sent by webhook"
    told = {(body["alerts"][0]["kind"], body["alerts"][0]["where"]): body for body in hook.bodies}
    assert set(told) == {
        ("failure", "transform (dbt)"), ("gate", "marts.orders"), ("gate", "tests on the tables"),
        ("source", "pos"), ("source", "zendesk"), ("quarantine", "events"),
    }  # fmt: skip
    assert (
        "values_to_not_be_null(order_id) (12 of 3,400 rows), values_to_not_be_null(net_amount)"
        in (told["gate", "marts.orders"]["text"])
    )
    assert "nothing_lost (3 rows)" in told["gate", "tests on the tables"]["text"]
    assert "1 of its loads were refused" in told["source", "pos"]["text"]
    for body in told.values():
        assert "2026-06-30" in body["text"]
        assert "Next: " in body["text"]
        assert re.search(r"make [a-z]+", body["alerts"][0]["next_step"])
        for part in PERSONAL.split():
            assert part not in json.dumps(body, ensure_ascii=False)


def test_a_run_that_is_not_published_is_never_silent(tmp_path, hook):
    assert alerting.end(night(house(tmp_path, hook))) == "1 sent by webhook"
    assert hook.bodies[0]["alerts"][0]["where"] == "run"


def test_what_is_unusual_explains_no_refusal(tmp_path, hook):
    found = night(house(tmp_path, hook))
    found.told = [causes.Cause("anomaly", "shop", "0 rows.", "look at quality/streams.html")]
    assert [cause.kind for cause in causes.of_night(found)] == ["anomaly", "failure"]
    found.problem("gate", "marts", "a gate refused")
    assert [(cause.kind, cause.where) for cause in causes.of_night(found)] == [("gate", "marts"), ("anomaly", "shop")]


def test_the_same_business_day_is_not_told_twice_and_the_next_one_is(tmp_path, hook):
    home = house(tmp_path, hook)
    alerting.end(troubled(home))
    assert alerting.end(troubled(home, "run2", DAY.replace(hour=9))) == "nothing to tell"
    assert len(hook.requests) == 6
    assert alerting.end(troubled(home, "run3", DAY.replace(day=2))) == "6 sent by webhook"
    assert [line["alerts"][0]["business_date"] for line in hook.bodies[6:]] == ["2026-07-01"] * 6


@pytest.mark.parametrize("answer", [(500, b"", 0), (404, b"", 0), (302, b"", 0), (0, b"", 0), (200, b"ok", 0.6)])
def test_what_is_not_taken_is_said_and_told_by_the_next_run(tmp_path, hook, answer):
    home = house(tmp_path, hook)
    hook.answer = answer
    failed = troubled(home)
    said = alerting.end(failed)
    assert "6 NOT sent by webhook (" in said
    assert "tried again by the next run" in said
    assert failed.exit_code == 3
    assert len(hook.requests) == (3 if answer[0] == 500 else 1)
    hook.answer, before = (200, b"ok", 0.0), len(hook.requests)
    quiet = night(home, "run2", DAY.replace(day=2))
    quiet.published = True
    assert alerting.end(quiet) == "6 sent by webhook"
    assert {body["alerts"][0]["business_date"] for body in hook.bodies[before:]} == {"2026-06-30"}
    assert quiet.exit_code == 0


def test_a_passing_error_is_asked_again_at_once(tmp_path, hook):
    hook.answers = [(503, b"", 0.0), (429, b"", 0.0)]
    assert alerting.end(night(house(tmp_path, hook))) == "1 sent by webhook"
    assert len(hook.requests) == 3


def test_nobody_listening_is_said_without_the_address(tmp_path, hook):
    found = night(house(tmp_path, hook, ALERTS__WEBHOOK__URL="http://127.0.0.1:9/services/T0/hook-key"))
    found.close()
    assert "1 NOT sent by webhook (no connection)" in found.alerts
    assert "hook-key" not in (found.house.runs / "run1.json").read_text()


def test_a_server_that_never_ends_its_answer_is_given_up(tmp_path, hook, monkeypatch):
    monkeypatch.setattr(alerting, "_PATIENCE_SECONDS", 0.2)
    hook.answer = (200, b"ok", 5.0)
    monkeypatch.setattr(channels, "_ANSWER_SECONDS", 60)
    assert "1 NOT sent by webhook (no answer in time)" in alerting.end(night(house(tmp_path, hook)))


def test_many_causes_are_few_messages(tmp_path, hook):
    found = night(house(tmp_path, hook))
    found.sources = {f"source{number:02}": {"status": "stale"} for number in range(60)}
    assert alerting.end(found) == "10 sent by webhook"
    last = hook.bodies[-1]
    assert len(last["alerts"]) == 51
    assert len(last["text"].encode()) <= 2048
    assert "51 more alerts" in last["text"]
    assert alerting.end(found) == "nothing to tell"


@pytest.mark.parametrize("step", ["before it is noted", "before it is sent", "before it is noted as sent"])
def test_a_process_that_dies_at_any_step_repeats_one_message_at_most(tmp_path, hook, monkeypatch, step):
    """Death is an exception that nothing here handles, raised at the step; the next run finds what is on disk."""
    home = house(tmp_path, hook)

    class Dead(BaseException):
        pass

    def die(*_):
        raise Dead

    alerting.begin(night(home))
    with monkeypatch.context() as dying:
        if step == "before it is noted":
            dying.setattr(Journal, "raised", die)
        elif step == "before it is sent":
            dying.setattr(alerting, "_deliver", die)
        else:
            dying.setattr(Journal, "sent", die)
        failed = night(home)
        failed.sources = {"pos": {"status": "stale"}, "zendesk": {"status": "stale"}}
        with pytest.raises(Dead):
            alerting.end(failed)
    following = night(home, "run2", DAY.replace(day=2))
    alerting.begin(following)
    following.published = True
    alerting.end(following)
    told = [(body["alerts"][0]["kind"], body["alerts"][0]["where"]) for body in hook.bodies]
    assert ("failure", "run run1") in told
    if step != "before it is noted":
        assert {("source", "pos"), ("source", "zendesk")} <= set(told)
    # The messages that were on their way when the process died are those that may come twice.
    repeated = len(told) - len(set(told))
    assert repeated == 0 if step != "before it is noted as sent" else repeated <= 2


def test_a_run_that_was_killed_is_told_when_the_next_one_begins(tmp_path, hook):
    home = house(tmp_path, hook)
    alerting.begin(night(home))
    assert hook.requests == []
    alerting.begin(night(home, "run2", DAY.replace(day=2)))
    assert [body["alerts"][0]["where"] for body in hook.bodies] == ["run run1"]
    alerting.begin(night(home, "run3", DAY.replace(day=2)))
    assert [body["alerts"][0]["where"] for body in hook.bodies] == ["run run1", "run run2"]


def test_a_process_that_is_killed_is_told_by_the_next_run(tmp_path, hook):
    settings = {"SOURCES__POS__DATABASE_URL": "sqlite:///till.db", "ALERTS__WEBHOOK__URL": hook.url}
    code = (
        "import time; from dagster_project.config import House; from dagster_project.night import Night\n"
        "with Night.open(House.from_environment(), run_id='run1'):\n    print('going', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **settings, "OMNIHOUSE_HOME": str(tmp_path / "shop")},
        cwd=PROJECT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "going\n"
    process.kill()
    process.wait()
    assert hook.requests == []
    with Night.open(house(tmp_path, hook, **settings), run_id="run2") as following:
        assert [body["alerts"][0]["where"] for body in hook.bodies] == ["run run1"]
        following.published = True
    assert len(hook.requests) == 1


def test_a_torn_line_is_no_event(tmp_path, hook):
    home = house(tmp_path, hook)
    alerting.end(night(home))
    file = home.runs / "alerts.jsonl"
    whole = file.read_bytes()
    sent = whole.index(b'{"event": "sent"')
    file.write_bytes(whole[: sent + 20])
    quiet = night(home, "run2", DAY.replace(day=2))
    quiet.published = True
    assert alerting.end(quiet) == "1 sent by webhook"
    assert Journal(home.runs).pending("webhook") == []


def test_a_full_disk_is_told_all_the_same(tmp_path, hook, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_append", full)
    found = night(house(tmp_path, hook))
    alerting.begin(found)
    assert "sent by webhook" in alerting.end(found)
    assert len(hook.requests) == 1


def test_a_run_that_rules_keep_from_starting_is_told(tmp_path, hook, capsys):
    home = house(tmp_path, hook, SOURCES__POS__DATABASE_URL="sqlite:///till.db")
    home.rules.mkdir(parents=True)
    (home.rules / "order_statuses.csv").write_text(f"status,meaning\n{PERSONAL},nonsense\n")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="order_statuses"), Night.open(home):
            pass
    assert not home.lake.exists()
    assert [body["alerts"][0]["where"] for body in hook.bodies] == ["start"]
    for part in PERSONAL.split():
        assert part not in hook.bodies[0]["text"]
    assert "1 sent by webhook" in capsys.readouterr().out


def test_a_night_tells_from_its_first_step_to_its_summary(tmp_path, hook, capsys):
    home = house(tmp_path, hook, SOURCES__POS__DATABASE_URL="sqlite:///till.db")
    with pytest.raises(StepFailed), Night.open(home, run_id="run1") as found, found.step("publish"):
        raise StepFailed(PERSONAL)
    assert "alerts       1 sent by webhook" in capsys.readouterr().out
    assert json.loads((home.runs / "run1.json").read_text())["alerts"] == "1 sent by webhook"
    with pytest.raises(StepFailed), Night.open(home, run_id="run2") as found, found.step("publish"):
        raise StepFailed(PERSONAL)
    assert len(hook.requests) == (1 if found.as_of_date == home.last_day(datetime.now(UTC)) else 2)
