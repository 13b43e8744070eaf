"""A small company whose people decide who is who, and take it back: ids, history, events, the queue and the gate.

The tests share one home and run in the order written; each run is the company's same night once more, so that nothing
but the decision can move an id.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT, Home, differences

HEADER = ["decided_at", "action", "record_key", "other_record_key", "type", "value_hash", "decided_by", "reason"]


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Home]) -> Home:
    company = make_home("deciding", DEMO_PERSONS="60", DEMO_SEED="11")
    outcome = company.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return company


@pytest.fixture(scope="module")
def first_tables(home: Home) -> dict[str, list[tuple[object, ...]]]:
    return home.tables()


@pytest.fixture(scope="module")
def pair(home: Home) -> tuple[str, str, str, str]:
    """Two records of two known customers as the queue shows them, one by a hash; and the two ids, the older first."""
    found = home.query(
        "select left_record, right_record, left_customer_id, right_customer_id from marts.identity_review_queue"
        " where right_record is not null order by (contains(right_record, '/h_') or contains(left_record, '/h_')) desc,"
        " left_record, right_record"
    )
    assert found, "the company asks nobody anything"
    return found[0]


def decide(home: Home, *lines: tuple[str, str, str]) -> None:
    file = home.path / "rules" / "identity_overrides.csv"
    with file.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(HEADER)
        writer.writerows(
            ("2026-07-02", action, one, other, "", "", "ann", "asked them") for action, one, other in lines
        )


def again(home: Home, **settings: str) -> subprocess.CompletedProcess[str]:
    return home.run(NIGHTS="0", **settings)


def decided_runs(home: Home) -> set[str]:
    return {file.stem for file in (home.path / "lake" / "_decisions" / "identity").iterdir()}


def people(home: Home) -> set[tuple[object, ...]]:
    """What a customer's records alone say; segments depend on everybody."""
    return set(
        home.query(
            "select customer_id, record_count, source_systems, city, orders_count, net_revenue, first_seen_at"
            " from marts.customers"
        )
    )


def moves(home: Home, night: int) -> list[tuple[str, str, str | None, str]]:
    return home.query(
        "select event, customer_id, other_customer_id, cause from marts.identity_events where night = $1 order by all",
        [night],
    )


def test_the_queue_is_in_the_order_of_value_and_names_nobody(home: Home, first_tables: object):
    values = [value for (value,) in home.query("select customer_value from marts.identity_review_queue")]
    assert values == sorted(values, reverse=True)
    shown = home.query("select coalesce(left_record, ''), coalesce(right_record, '') from marts.identity_review_queue")
    assert [row for row in shown if "@" in "".join(row)] == []
    assert home.query("select count(*) from marts.identity_events where event <> 'born'") == [(0,)]
    assert home.query("select count(*) from marts.identity_events") == home.query(
        "select count(*) from marts.customers"
    )


def test_a_decision_merges_exactly_the_two(home: Home, first_tables: object, pair: tuple[str, str, str, str]):
    left, right, one, other = pair
    before = people(home)
    decide(home, ("must-link", left, right))
    outcome = again(home)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    found = moves(home, 2)
    ((event, _, _, cause),) = [move for move in found if {move[1], move[2]} == {one, other}]
    assert (event, cause) == ("merged", "override")
    # A device of both was neither's and is theirs now; whoever was only like one of the two may leave them.
    assert {move[3] for move in found} == {"override"}
    assert [move for move in found if not {one, other} & set(move[1:3])] == []
    ended = [move[:3] for move in found if move[0] in ("merged", "identified")]
    assert home.query(
        "select reason, retired_customer_id, customer_id from marts.customer_id_history order by all"
    ) == sorted(ended)
    gone = [move[1] for move in ended]
    assert home.query("select count(*) from marts.customers where customer_id in (select unnest($1))", [gone]) == [(0,)]
    assert "1 retired (1 merged)" in outcome.stdout.replace("\n" + " " * 15, " ")
    touched = {name for move in found for name in move[1:3]}
    assert {row for row in people(home) if row[0] not in touched} == {row for row in before if row[0] not in touched}


def test_a_night_killed_before_it_publishes_decides_nothing(home: Home, pair: tuple[str, str, str, str]):
    before = decided_runs(home)
    decide(home)
    home.run_killed_at("gate (marts)", NIGHTS="0")
    assert decided_runs(home) == before
    assert home.query("select max(night) from marts.identity_events") == [(2,)]


def test_a_decision_taken_back_revives_the_id_and_everything_is_as_before(
    home: Home, first_tables: dict[str, list[tuple[object, ...]]], pair: tuple[str, str, str, str]
):
    outcome = again(home)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    ((retired, survivor),) = [
        move[1:3] for move in moves(home, 2) if move[0] == "merged" and set(move[1:3]) == set(pair[2:])
    ]
    found = moves(home, 3)
    assert {("revived", retired, survivor, "override"), ("split", survivor, retired, "override")} <= set(found)
    assert {move[3] for move in found} == {"override"}
    # What a platform was told of the two as one person stays told, and so does what readers were shown of them.
    remembered = {"identity_events", "customer_id_history", "exported_conversions", "kpi_changes"}
    assert set(differences(first_tables, home.tables())) <= remembered
    born = {move[1] for move in moves(home, 2) if move[0] == "born"}
    assert {row[0] for row in home.query("select retired_customer_id from marts.customer_id_history")} == born


def test_new_rules_that_move_ids_are_held_back_until_a_person_accepts(home: Home):
    rules = (PROJECT / "seeds" / "identity_rules.csv").read_text()
    own = home.path / "rules" / "identity_rules.csv"
    own.write_text(rules.replace("\nphone,10,n,40,4", "\nphone,10,n,1,1"))
    before, shown = decided_runs(home), home.tables()
    refused = again(home)
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "identity_rules.csv, the normaliser or the model of probable links" in refused.stdout.replace("\n  ", " ")
    assert "--accept-restatement" in refused.stdout
    assert decided_runs(home) == before
    assert differences(shown, home.tables()) == {}
    accepted = again(home, ACCEPT_RESTATEMENT="1")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert {cause for _, _, other, cause in moves(home, 4) if other} == {"rule"}
    assert home.query("select sum(moved_by_new_version) > 0 from ops.identity_changes") == [(True,)]
    ever = "select distinct customer_id from marts.identity_events"
    assert home.query(
        f"select count(*) from ({ever}) as ever left join marts.customers as active using (customer_id)"
        " left join marts.customer_id_history as history on ever.customer_id = history.retired_customer_id"
        " where (active.customer_id is null) = (history.retired_customer_id is null)"
    ) == [(0,)]
    assert home.query(
        "select count(*) from marts.customer_id_history as history"
        " left join marts.customers as active using (customer_id) where active.customer_id is null"
    ) == [(0,)]
    own.unlink()


def test_what_was_decided_is_whole(home: Home):
    outcome = home.run("verify")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    lost = max(Path(home.path / "lake" / "_decisions" / "identity_events").iterdir())
    text = lost.read_bytes()
    lost.unlink()
    assert str(lost) in home.run("verify").stdout.replace("\n", "")
    lost.write_bytes(text)
