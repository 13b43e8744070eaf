"""The till and the dropped files that other modules ask about, all in one home: what is true of them together."""

from __future__ import annotations

from tests.integration.conftest import differences
from tests.integration.shared_homes import SECOND, Dropped


def test_no_row_is_lost(dropped: Dropped):
    for night in (dropped.first, dropped.second):
        assert night.query("select min(rows_landed - rows_read), max(abs(rows_lost)) from ops.conservation") == [(0, 0)]
        assert night.query("select count(*) from ops.reconciliation where difference <> 0") == [(0,)]


def test_the_second_night_is_what_a_rebuild_makes(dropped: Dropped):
    second = dropped.second.tables()
    outcome = dropped.home.run("rebuild", OMNIHOUSE_AS_OF=SECOND)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert differences(second, dropped.home.tables()) == {}
    assert all(second[name] for name in ("ad_performance", "journey_steps", "orders", "refunds", "touchpoints"))
