"""dbt's command as the project starts it, and what it leaves out: messages of events that no logger would write."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from dagster_project.dbt_child import PARENT
from dagster_project.project import EXECUTABLE

_EVENTS = """
import io
from dagster_project.dbt_child import leave_out_unread_events
leave_out_unread_events()
from dbt.events.types import LogStartLine
from dbt_common.events import event_manager
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.functions import get_stdout_config
from dbt_common.events.logger import LineFormat
from dbt_common.events.types import Note
import dbt_common.events.base_types as base

made = []
parse = base.ParseDict
base.ParseDict = lambda fields, message: made.append(type(message).__name__) or parse(fields, message)
manager = EventManager()
config = get_stdout_config(LineFormat.Json, False, EventLevel.{level}, False)
config.output_stream = io.StringIO()
manager.add_logger(config)
manager.fire_event(Note(msg="for debugging"), level=EventLevel.DEBUG)
manager.fire_event(Note(msg="for people"), level=EventLevel.INFO)
manager.fire_event(LogStartLine(description="sql table model marts.orders", index=1, total=2))
print(config.output_stream.getvalue().count("\\n"), "lines")
print(sum(name.endswith("Msg") for name in made), "messages")
print(Note(msg="read later").msg)
print("for people" in config.output_stream.getvalue())
"""


@pytest.mark.parametrize(
    ("level", "written"),
    [pytest.param("INFO", 2, id="nobody-debugs"), pytest.param("DEBUG", 3, id="somebody-debugs")],
)
def test_an_event_is_made_into_a_message_where_somebody_reads_it(level: str, written: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _EVENTS.replace("{level}", level)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[:-1] == [f"{written} lines", f"{written} messages", "read later", "True"]


def test_its_version_is_told_without_dbts_own_start():
    told = subprocess.run([EXECUTABLE, "--version"], capture_output=True, text=True, check=True).stdout
    assert told.strip() == version("dbt-core")


def test_it_does_not_begin_when_its_run_died_before_the_kernel_was_asked():
    told = subprocess.run(
        [EXECUTABLE, "build"], env={**os.environ, PARENT: "1"}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "is gone" in told.stderr
