"""The quality report of a run, `quality/` of the home: a page for each load and table that gates looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import expectations
from dagster_project import table_tests
from expectations import Result

if TYPE_CHECKING:
    from dagster_project.night import Night


def write(night: Night) -> Path:
    """Write what the run's gates found so far, those of the suites and the tests on the tables; returns the index."""
    found = [Result(**gate) for gate in night.gates] + table_tests.on_a_page(night.table_tests)
    return expectations.write_data_docs(found, night.house.quality, night.run_id, night.as_of)
