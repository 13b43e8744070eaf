"""What the gate on the marts is told beside the tables themselves."""

from __future__ import annotations

from dagster_project.defs.quality import FED_BY, SUITE
from expectations.suites import load_suite


def test_of_every_gated_mart_it_is_said_what_feeds_it():
    """One that is not named is expected to have rows, and a company that has just begun has none of many."""
    assert set(load_suite(SUITE).tables) == set(FED_BY)
