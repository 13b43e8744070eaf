"""dbt's command as the project starts it."""

from __future__ import annotations

import subprocess
from importlib.metadata import version

from dagster_project.project import EXECUTABLE


def test_its_version_is_told_without_dbts_own_start():
    told = subprocess.run([EXECUTABLE, "--version"], capture_output=True, text=True, check=True).stdout
    assert told.strip() == version("dbt-core")
