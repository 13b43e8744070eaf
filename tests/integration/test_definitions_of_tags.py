"""Who has which tag, and since when, against the rules worked out a second time and what earlier nights published."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import pytest

from tests.integration.conftest import Home
from tests.integration.recompute import REPORTING_ZONE
from tests.integration.recompute_tags import TAGS, tags
from tests.integration.test_definitions import assert_same, rows

pytestmark = pytest.mark.usefixtures("newest_publication")


def last_day(as_of: datetime) -> date:
    """The last day that was complete in the reporting zone."""
    return as_of.astimezone(REPORTING_ZONE).date() - timedelta(days=1)


def test_tags_by_their_words(company: Home):
    names = ("customers", "orders", "order_lines", "service_tickets", "touchpoints")
    as_of = company.query("select max(as_of) from ops.runs")[0][0]
    ours, cycles = tags({name: rows(company, f"marts.{name}") for name in names}, last_day(as_of), REPORTING_ZONE)
    published = rows(company, "marts.customer_tags")
    theirs: dict[str, set[str]] = {customer: set() for customer in ours}
    for row in published:
        theirs[row["customer_id"]] |= {row["tag"]} & set(TAGS)
    assert_same(ours, theirs)
    shown = {row["customer_id"]: int(row["value"]) for row in published if row["tag"] == "purchase_cycle"}
    assert cycles.keys() == shown.keys()
    # Half a day may be rounded either way.
    assert all(abs(cycles[customer] - shown[customer]) <= 1 for customer in cycles)


def test_since_when_as_every_kept_publication_showed(company: Home):
    since: dict[tuple[str, str], date] = {}
    for number, release in enumerate(sorted((company.path / "published" / "releases").iterdir())):
        with duckdb.connect(str(release / "omnihouse.duckdb"), read_only=True) as reader:
            reader.execute("set TimeZone = 'UTC'")
            as_of = reader.execute("select as_of from ops.runs order by run_id desc limit 1").fetchone()[0]
            told = reader.execute("select customer_id, tag, since from marts.customer_tags").fetchall()
        before, since = since, {}
        for customer, tag, from_day in told:
            since[customer, tag] = from_day if number == 0 else before.get((customer, tag), last_day(as_of))
        assert_same(since, {(customer, tag): from_day for customer, tag, from_day in told})
