"""What a publication notes of itself, how it is found again, and what has to be there to build it once more."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from dagster_project import replay, rfm_known_at
from dagster_project.config import ConfigurationError, House
from dagster_project.decisions import Decisions, Publication, Versions, note_of_rules, version_of
from ingestion import Ledger
from tests.unit.rfm_people import BEFORE, People

FIRST = datetime.fromisoformat("2026-06-30T18:00:00+00:00")


def load(name, admitted=True):
    return {"load_id": name, "source_table": "orders", "file_name": None, "admitted": admitted, "files": []}


class Nights:
    """Publications of one home; of each only its note is there."""

    def __init__(self, home: Path):
        self.house = House(home=home)
        self.decisions = Decisions(self.house.lake)
        self.ledger = Ledger(self.house.lake)

    def publish(self, run_id, days=0, rules=None, noted=True, house=None):
        number = len(self.decisions.publications()) + 1
        texts = rules or {"rfm_config.csv": "bins\r\n5\r\n"}
        stored = self.decisions.rule_contents()
        known = replay.note(house or self.house, self.ledger.read()) if noted else {}
        files = {name: version_of(text) for name, text in texts.items()}
        fresh = {version_of(text): text for text in texts.values() if version_of(text) not in stored}
        self.decisions.write_text("rules", run_id, note_of_rules(Versions(), files, fresh, known))
        stamp = (FIRST + timedelta(days=days)).isoformat()
        now = datetime.now(FIRST.tzinfo).isoformat()
        self.decisions.add_publication(Publication(run_id, number, number, stamp, now, {}))
        return self

    def known(self, name):
        return replay.known(self.house, replay.find(self.house, name))


@pytest.fixture
def nights(tmp_path):
    return Nights(tmp_path)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("run1", "run1"), ("1", "run1"), ("2026-06-30", "run2"), ("2026-07-01", "run3"), ("3", "run3"), ("now", "run3")],
)
def test_a_publication_is_found_by_its_run_its_number_or_its_day(nights, asked, found):
    """In Shanghai the first night is as of the last of June; the last publication of a day counts."""
    nights.publish("run1").publish("run2").publish("run3", days=1)
    assert nights.known(asked).publication.run_id == found


@pytest.mark.parametrize("asked", ["run4", "0", "2026-07-02", ""])
def test_a_publication_that_never_was_is_told_apart(nights, asked):
    nights.publish("run1").publish("run2", days=1)
    with pytest.raises(ConfigurationError, match="2026-06-30 to 2026-07-01, numbers 1 to 2"):
        nights.known(asked)


def test_before_the_first_publication_there_is_nothing_to_ask(nights):
    with pytest.raises(ConfigurationError, match="make run"):
        nights.known("now")


def test_a_publication_of_an_older_version_says_from_when_on_it_can_be_asked(nights):
    nights.publish("run1", noted=False)
    with pytest.raises(ConfigurationError, match="The next run's publication will"):
        nights.known("run1")
    nights.publish("run2")
    with pytest.raises(ConfigurationError, match="Publications since run run2 note it"):
        nights.known("run1")


def test_what_is_another_between_two_publications(nights):
    other = House(home=nights.house.home, currency="EUR")
    nights.publish("run1", rules={"a.csv": "x", "b.csv": "y", "c.csv": "z"})
    nights.publish("run2", rules={"a.csv": "x", "b.csv": "other", "d.csv": "new"}, house=other)
    assert nights.known("1").differs_from(nights.known("2")) == {"b.csv", "c.csv", "d.csv", "settings"}
    assert nights.known("1").differs_from(nights.known("1")) == set()
    assert nights.known("2").house.currency == "EUR"


def test_decisions_and_ledger_as_they_were(nights):
    nights.ledger.append("run1", [load("one"), load("two")])
    nights.publish("run1")
    then = datetime.fromisoformat(nights.decisions.publications()[0].published_at)
    nights.ledger.append("command", [load("two", admitted=False)])
    nights.ledger.append("run2", [load("three")])
    nights.publish("run2")
    earlier = Decisions(nights.house.lake, until="run1")
    assert [run.run_id for run in earlier.publications()] == ["run1"]
    assert [file.stem for file in earlier.files("rules")] == ["run1"]
    admitted = [line["load_id"] for line in nights.ledger.read(until=then) if line["admitted"]]
    assert admitted == ["one", "two"]
    assert nights.known("1").loads != nights.known("2").loads
    assert replay.note(nights.house, nights.ledger.read(until=then))["loads"] == nights.known("1").loads


def test_a_lost_load_or_rule_is_named_before_anything_is_built(nights, tmp_path):
    nights.ledger.append("run1", [load("one")])
    nights.publish("run1")
    what, scratch = nights.known("run1"), tmp_path / "scratch"
    (line,) = (nights.ledger.folder / "run1.jsonl").read_text().splitlines()
    (nights.ledger.folder / "run1.jsonl").write_text(json.dumps({**json.loads(line), "load_id": "other"}) + "\n")
    with pytest.raises(replay.ReplayFailed, match="does not have the loads"):
        replay.build(nights.house, what, date(2026, 6, 30), "+customer_rfm", scratch)
    (nights.ledger.folder / "run1.jsonl").write_text(line + "\n")
    note = nights.decisions.folder / "rules" / "run1.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "contents": {}}))
    with pytest.raises(replay.ReplayFailed, match=r"content of rfm_config\.csv"):
        replay.build(nights.house, what, date(2026, 6, 30), "+customer_rfm", scratch)
    assert not (scratch / "home" / "warehouse.duckdb").exists()


def test_a_day_that_the_publication_could_not_know_and_a_file_that_is_none(nights, tmp_path):
    nights.publish("run1")
    with pytest.raises(ConfigurationError, match="was not over"):
        rfm_known_at.answer(nights.house, date(2026, 7, 1), "run1", None)
    for out in (tmp_path / "rows.xlsx", tmp_path / "nowhere" / "rows.csv"):
        with pytest.raises(ConfigurationError, match=r"name a \.csv or \.parquet file"):
            rfm_known_at.answer(nights.house, date(2026, 6, 30), "run1", out)


def test_a_snapshot_is_read_from_the_decisions_as_the_mart_shows_it():
    """Published and backfilled days, of people who come, buy again and leave, in several conventions."""
    people, last = People(min_people=2, window_days=60), date(2026, 3, 31)
    for number, person in enumerate("abcdef"):
        people.order(f"o{number}", person, last - number * 11 * timedelta(days=1), str(7 * number))
    people.ask(last - timedelta(days=9))
    for night, settings in enumerate(({}, {"closed": "left"}, {"method": "percentiles", "bins": 3}, {"min_people": 9})):
        people.configure(**{"window_days": 60, "min_people": 2, **settings})
        people.order(f"n{night}", "abcdef"[night], last + timedelta(days=night))
        people.publish(last + timedelta(days=night))
    people.ask(*(last + timedelta(days=night) for night in range(3)))
    people.publish(last + timedelta(days=9))
    people.db.execute("create schema ops")
    for table in BEFORE.values():
        people.db.execute(f"create table ops.{table} as from {table}")
    columns = ", ".join(rfm_known_at.COLUMNS)
    days = people.days()
    assert len(days) > 5
    for day in days:
        (night,) = {row[0] for row in people.rows("customer_rfm", f"where as_of_date = '{day}'", "snapshot_night")}
        rfm_known_at.show_published(people.db, day, night or people.night)
        shown = people.rows("customer_rfm", f"where as_of_date = '{day}'", columns)
        assert people.rows("published", columns=columns) == shown, day
        assert shown
