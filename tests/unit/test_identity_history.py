"""Ids over many nights: one hop to whoever they became, nothing said twice, nothing decided by a night that failed."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.history_models import Company

RECORDS = ["r1", "r2", "r3", "r4", "d1", "d2"]
BEGIN, END = ("born", "revived"), ("merged", "identified", "anchor_removed", "erased")
# customer_id_history and identity_events by place of the column.
RETIRED, BECAME, REASON, RETIRED_AT = 0, 1, 2, 5


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


def history(tables):
    return {row[RETIRED]: row[BECAME] for row in tables["customer_id_history"]}


def reasons(tables):
    return {row[RETIRED]: row[REASON] for row in tables["customer_id_history"]}


def events(tables, night=None):
    """(event, id, other id, cause) of a night, or of all."""
    return [(row[2], row[0], row[1], row[3]) for row in tables["identity_events"] if night in (None, row[4])]


nights = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(RECORDS), st.integers(0, 2), max_size=len(RECORDS)),
        st.booleans(),
    ),
    min_size=2,
    max_size=6,
)


@settings(max_examples=20, deadline=None)
@example([({"r1": 0, "r2": 1, "r3": 1}, True), ({"r1": 0, "r2": 0}, True), ({"r3": 0}, False)])
@given(nights)
def test_every_id_ever_published_leads_in_one_hop_to_somebody_there_or_to_nobody(plan):
    """Any merges, splits, returns and failures; and the same night once more says nothing new."""
    with tempfile.TemporaryDirectory() as folder:
        company = Company(Path(folder))
        ever, seen, last_id = set(), [], {}
        for labels, is_published in plan:
            tables = company.run(labels, publish=is_published)
            now = {record: f"c_{anchor}" for record, anchor in company.groups(labels)}
            active, became = set(now.values()), history(tables)
            known_before = ever
            if is_published:
                ever = ever | active
                last_id |= now
            assert set(became) == known_before - active, "one row an id that is nobody's"
            assert {other for other in became.values() if other} <= active, "one hop"
            for old, new in became.items():
                anchor = old.removeprefix("c_")
                if anchor in now:
                    assert new == now[anchor], "an id goes where its record goes"
                elif new is None:
                    # Whoever was last under this id is gone as well.
                    assert not [record for record, group in last_id.items() if group == old and record in now]
            assert all((reason == "erased") == (became[old] is None) for old, reason in reasons(tables).items())
            if not is_published:
                continue
            assert tables["identity_events"][: len(seen)] == seen, "nothing is taken back"
            seen = tables["identity_events"]
            for customer in ever:
                life = [event for event, one, _, _ in events(tables) if one == customer and event in BEGIN + END]
                assert life[0] == "born"
                assert life.count("born") == 1
                assert all((first in BEGIN) != (second in BEGIN) for first, second in itertools.pairwise(life))
                assert (life[-1] in BEGIN) == (customer in active)
            published = labels, tables
        if seen:
            labels, tables = published
            again = company.run(labels, publish=False)
            assert again["identity_events"] == seen
            assert sorted(map(str, again["customer_id_history"])) == sorted(map(str, tables["customer_id_history"]))


def test_a_merge_undone_revives_the_id(company):
    company.run({"r1": 0, "r2": 1})
    merged = company.run({"r1": 0, "r2": 0}, overrides=[("must-link", "r1", "r2")])
    assert events(merged, night=2) == [("merged", "c_r2", "c_r1", "override")]
    assert [row[1:3] for row in merged["customer_id_history"]] == [("c_r1", "merged")]
    undone = company.run({"r1": 0, "r2": 1})
    assert events(undone, night=3) == [
        ("revived", "c_r2", "c_r1", "override"),
        ("split", "c_r1", "c_r2", "override"),
    ]
    assert undone["customer_id_history"] == []


def test_retired_at_comes_from_the_night_that_retired(company):
    company.run({"r1": 0, "r2": 1})
    first = company.run({"r1": 0, "r2": 0})
    later = company.run({"r1": 0, "r2": 0, "r3": 0})
    assert [row[RETIRED_AT] for row in first["customer_id_history"]] == [
        row[RETIRED_AT] for row in later["customer_id_history"]
    ]


def test_a_device_meets_a_person_and_leaves_them_again(company):
    company.run({"d1": 0})
    met = company.run({"d1": 0, "r1": 0})
    assert events(met, night=2) == [("born", "c_r1", None, "record"), ("identified", "c_d1", "c_r1", "record")]
    assert reasons(met) == {"c_d1": "identified"}
    left = company.run({"d1": 1, "r1": 0})
    assert events(left, night=3) == [("revived", "c_d1", "c_r1", "record"), ("split", "c_r1", "c_d1", "record")]


def test_an_id_whose_record_is_gone_names_the_rest_of_its_group_and_returns(company):
    company.run({"r3": 1})
    company.run({"r1": 0, "r2": 0, "r3": 1})
    gone = company.run({"r2": 0, "r3": 1})
    assert events(gone, night=3) == [
        ("anchor_removed", "c_r1", "c_r2", "record"),
        ("born", "c_r2", "c_r1", "record"),
    ]
    assert history(gone) == {"c_r1": "c_r2"}
    merged = company.run({"r2": 0, "r3": 0})
    assert history(merged) == {"c_r1": "c_r3", "c_r2": "c_r3"}, "bound for good, wherever that record goes"
    back = company.run({"r1": 0, "r2": 0, "r3": 0})
    assert history(back) == {"c_r1": "c_r3", "c_r2": "c_r3"}
    alone = company.run({"r1": 0, "r2": 0, "r3": 1})
    assert history(alone) == {"c_r2": "c_r1"}


def test_a_chain_of_removed_anchors_is_still_one_hop(company):
    company.run({"r1": 0, "r2": 0, "r3": 0})
    company.run({"r2": 0, "r3": 0})
    last = company.run({"r3": 0})
    assert history(last) == {"c_r1": "c_r3", "c_r2": "c_r3"}
    nobody = company.run({})
    assert history(nobody) == {"c_r1": None, "c_r2": None, "c_r3": None}
    assert set(reasons(nobody).values()) == {"erased"}


def test_whoever_returns_later_under_another_record_is_found(company):
    company.run({"r1": 0, "r2": 0})
    assert history(company.run({"r3": 0})) == {"c_r1": None}
    back = company.run({"r2": 0, "r3": 1})
    assert history(back) == {"c_r1": "c_r2"}
    assert reasons(back) == {"c_r1": "anchor_removed"}


def test_a_failed_night_leaves_no_decision(company):
    company.run({"r1": 0, "r2": 1})
    company.run({"r1": 0, "r2": 0}, publish=False)
    assert company.decisions.drop_unpublished() == []
    assert company.run({"r1": 0, "r2": 1})["customer_id_history"] == []


def test_a_hub_is_named_as_the_cause_of_the_parts_it_leaves(company):
    company.run({"r1": 0, "r2": 0, "r3": 0})
    parted = company.run({"r1": 0, "r2": 1, "r3": 0}, hubs={"v": ["r1", "r2"]})
    assert {row[3] for row in events(parted, night=2)} == {"hub"}
    assert changes(parted)["moved_unaccounted"] == 1


def test_an_override_that_touches_others_explains_nothing(company):
    company.run({"r1": 0, "r2": 1, "r3": 2, "r4": 3})
    merged = company.run({"r1": 0, "r2": 0, "r3": 2, "r4": 2}, overrides=[("must-link", "r1", "r2")])
    assert events(merged, night=2) == [
        ("merged", "c_r2", "c_r1", "override"),
        ("merged", "c_r4", "c_r3", "record"),
    ]
    assert changes(merged)["moved_unaccounted"] == 1


def test_new_rules_and_a_new_model_are_causes_and_a_first_model_is_no_new_version(company):
    company.run({"r1": 0, "r2": 1})
    first = company.run({"r1": 0, "r2": 0}, model="one")
    assert events(first, night=2) == [("merged", "c_r2", "c_r1", "model")]
    assert changes(first)["moved_by_new_version"] == 0
    assert changes(first)["moved_unaccounted"] == 0
    other = company.run({"r1": 0, "r2": 1}, model="two")
    assert changes(other)["moved_by_new_version"] == 1
    company.rules = "phone\nemail"
    ruled = company.run({"r1": 0, "r2": 0}, model="two")
    assert events(ruled, night=4) == [("merged", "c_r2", "c_r1", "rule")]
    assert changes(ruled)["moved_by_new_version"] == 1


def test_a_known_person_who_loses_a_device_has_not_moved(company):
    company.run({"r1": 0, "d1": 0})
    assert changes(company.run({"r1": 0, "d1": 1}))["moved"] == 0


def changes(tables):
    """ops.identity_changes, summed."""
    names = ("customers_before", "born", "merged", "identified", "anchor_removed", "erased", "retired", "split",
             "revived", "moved", "moved_unaccounted", "moved_by_new_version")  # fmt: skip
    total = Counter()
    for row in tables["identity_changes"]:
        total.update(dict(zip(names, row[1:-1], strict=True)))
    return total


def test_a_home_that_kept_ids_and_no_events_still_resolves(company):
    company.run({"r1": 0, "r2": 1})
    company.run({"r1": 0, "r2": 0})
    for table in ("identity_events", "rules"):
        for file in company.decisions.files(table):
            file.unlink()
    tables = company.run({"r1": 0, "r2": 0, "r3": 0})
    ((retired, became, reason, night, _, retired_at),) = tables["customer_id_history"]
    assert (retired, became, reason, night) == ("c_r2", "c_r1", "merged", None)
    assert retired_at is not None
    assert changes(tables)["moved_by_new_version"] == 0
