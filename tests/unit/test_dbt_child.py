"""dbt's command as the project starts it."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version

from dagster_project.dbt_child import PARENT
from dagster_project.project import EXECUTABLE


def test_its_version_is_told_without_dbts_own_start():
    told = subprocess.run([EXECUTABLE, "--version"], capture_output=True, text=True, check=True).stdout
    assert told.strip() == version("dbt-core")


def test_it_does_not_begin_when_its_run_died_before_the_kernel_was_asked():
    told = subprocess.run(
        [EXECUTABLE, "build"], env={**os.environ, PARENT: "1"}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "is gone" in told.stderr
