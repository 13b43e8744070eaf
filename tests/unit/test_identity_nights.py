"""A resolution carried from night to night equals one made of everything at once, row by row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from identity import likely, neighbours, parts
from identity.kept import COLUMNS, Tonight, asking
from identity.likely import fit_likely, home_of, likely_features
from identity.nights import delta, whole
from tests.unit.resolution_by_definition import (
    KEY,
    NAMES,
    START,
    TIME,
    Assertion,
    Decision,
    Record,
    Tables,
    companies,
    tables,
)

BLOCKED = ("phone", "+8613912345673", "n", "the shop's own")
STRATEGIES = Path(__file__).parents[2] / "dbt" / "macros" / "incremental_strategies.sql"
SESSION = duckdb.connect(config={"threads": 1})
# Tight, so that many a value is a hub, by records or by people, and stays one or does not.
RULES = [
    ("phone", 1, "n", 2, 2, None, 90, "y"),
    ("member_no", 2, "n", 3, 1, 2, 90, "n"),
    ("login", 2, "n", None, None, 1, 90, "n"),
    ("email", 3, "n", None, 1, None, 30, "y"),
    ("device", 5, "y", 2, 2, None, 90, "n"),
]
NO_DECISIONS = pa.table({"record_key": pa.nulls(0, pa.string()), "night": pa.nulls(0, pa.int64())})


def replaced(last: pa.Table, rows: pa.Table) -> pa.Table:
    """The table after a night, by the macro that the warehouse runs."""
    macro = Environment().from_string(STRATEGIES.read_text()).module.get_incremental_replace_gone_sql
    columns = [{"quoted": f'"{name}"'} for name in COLUMNS.names]
    SESSION.register("given", last)
    SESSION.register("fresh", rows)
    SESSION.execute("create or replace table kept as from given")
    SESSION.execute(macro({"target_relation": "kept", "temp_relation": "fresh", "dest_columns": columns}))
    return SESSION.table("kept").to_arrow_table()


def at_once(rows: Iterator[pa.Table]) -> pa.Table:
    """All that is given out part by part."""
    return pa.concat_tables(list(rows))


def in_parts_of(records: int, night: Tonight) -> pa.Table:
    """The same with so many records in a part at most."""
    with mock.patch.object(parts, "RECORDS_OF_A_PART", records):
        return at_once(whole(night))


class Home:
    """Keeps the table, and the births of what was published."""

    def __init__(self) -> None:
        self.last: pa.Table | None = None
        self.decisions = NO_DECISIONS
        self.number = 1

    def tonight(self, records: list[Record], assertions: list[Assertion], decisions: list[Decision]) -> Tonight:
        given = tables(records, assertions, decisions, RULES)
        return self.of(given.records, given.assertions, given)

    def of(self, records: pa.Table, assertions: pa.Table, rules: Tables | None = None) -> Tonight:
        given = rules or tables([], [], (), RULES)
        large = {"records": records, "assertions": assertions, "decisions": self.decisions}
        if self.last is not None:
            large["last"] = self.last

        for name, rows in large.items():
            SESSION.register(name, rows)

        blocked = pa.table({c: [v] for c, v in zip(("type", "value", "is_pattern", "reason"), BLOCKED, strict=True)})
        return Tonight(asking(SESSION), given.rules, blocked, given.overrides, self.number, KEY)

    def run(self, night: Tonight) -> None:
        self.last = at_once(whole(night)) if self.last is None else replaced(self.last, at_once(delta(night)))

    def publish(self) -> None:
        assert self.last is not None
        keys = self.last.filter(pc.equal(self.last["part"], "member"))["record_key"]
        born = pa.table({"record_key": keys, "night": pa.array([self.number] * len(keys), pa.int64())})
        self.decisions = pa.concat_tables([self.decisions, born])
        self.number += 1


def rows(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.values()) for row in table.select(COLUMNS.names).to_pylist())


def assert_equal(kept: pa.Table | None, anew: pa.Table) -> None:
    assert kept is not None
    more, less = rows(kept) - rows(anew), rows(anew) - rows(kept)
    assert (sorted(map(str, more)), sorted(map(str, less))) == ([], [])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[list[Record], list[Assertion]]], list[Decision], list[bool]]:
    """What a company knew on each night, what people decided, and which nights were published."""
    records, assertions, decisions = draw(companies())
    absent = draw(st.sets(st.sampled_from(range(len(assertions))), max_size=len(assertions) // 3))
    gone: set[str] = set()
    nights = []
    for _ in range(draw(st.integers(2, 4))):
        nights.append(
            (
                [r for r in records if r.key not in gone],
                [a for at, a in enumerate(assertions) if a.key not in gone and at not in absent],
            )
        )
        # Few things change in a night, so that much is not looked at again.
        absent ^= draw(st.sets(st.sampled_from(range(len(assertions))), max_size=2))
        at = draw(st.integers(0, len(records) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                gone ^= {records[at].key}
            case 1:
                records = [*records[:at], records[at]._replace(name=draw(st.sampled_from(NAMES))), *records[at + 1 :]]
    return nights, decisions, draw(st.lists(st.booleans(), min_size=len(nights), max_size=len(nights)))


@settings(max_examples=25, deadline=None)
@given(histories())
def test_a_night_after_others_equals_everything_at_once(history: Any) -> None:
    nights, decisions, published = history
    home = Home()
    for (records, assertions), is_published in zip(nights, published, strict=True):
        night = home.tonight(records, assertions, decisions)
        home.run(night)
        assert_equal(home.last, at_once(whole(night)))
        assert_equal(home.last, in_parts_of(1, night))
        assert_equal(home.last, in_parts_of(4, night))
        if is_published:
            home.publish()


GIVEN = ["anna", "bert", "carla", "dietrich", "elena", "frank", "greta", "hanno", "ines", "jonas"]
FAMILY = ["adler", "brandt", "conrad", "dietz", "ebert", "fuchs", "graf", "hahn", "irmer", "jung"]


def person(number: int, spelling: int) -> dict[str, str | None]:
    """What a person's record states; spellings differ in what is missing or mistyped."""
    given, family = GIVEN[number % 10], FAMILY[(number // 10 + 3 * number) % 10]
    return {
        "full_name": f"{given} {family}" if spelling != 1 else f"{given} {family[:-1]}",
        "street": f"{number} {FAMILY[number % 7]} road" if spelling != 2 else None,
        "city": "Berlin",
        "birth_date": f"19{50 + number % 50}-0{1 + number % 9}-1{number % 10}" if spelling != 3 else None,
    }


def stated(rows: list[tuple[str, int, int, str | None]]) -> tuple[pa.Table, pa.Table]:
    """Records and assertions of rows of key, person, spelling and telephone."""
    text = pa.string()
    said = [person(number, spelling) for _, number, spelling, _ in rows]
    n = len(rows)
    keys = pa.array([row[0] for row in rows], text)
    records = pa.table(
        {
            "record_key": keys,
            "source_system": pa.array(["pos"] * n, text),
            "record_type": pa.array(["name_only"] * n, text),
            "source_record_id": keys,
            "is_anonymous": pa.array([False] * n, pa.bool_()),
            "created_at": pa.array([START] * n, TIME),
            "default_region": pa.array(["DE"] * n, text),
            **{name: pa.array([row[name] for row in said], text) for name in person(0, 0)},
        }
    )
    phones = [(row[0], row[3]) for row in rows if row[3]]
    assertions = pa.table(
        {
            "record_key": pa.array([key for key, _ in phones], text),
            "type": pa.array(["phone"] * len(phones), text),
            "value": pa.array([phone for _, phone in phones], text),
            "first_at": pa.array([START] * len(phones), TIME),
            "last_at": pa.array([START] * len(phones), TIME),
        }
    )
    return records, assertions


@pytest.fixture(scope="module")
def model() -> str:
    rows = [(f"m{number}-{spelling}", number, spelling, None) for number in range(90) for spelling in (0, number % 4)]
    records, assertions = stated(list({row[0]: row for row in rows}.values()))
    features = likely_features(records, assertions)
    groups = pa.table({"record_key": features["record_key"], "customer_id": features["record_key"]})
    learned = fit_likely(home_of(features, groups))
    assert learned is not None
    return learned.to_json()


PHONES = ["+4930111111", "+4930222222", "+4930222232", "+4930222233", "+4930222242"]
ROW = st.tuples(
    st.integers(0, 24).map(lambda n: f"r{n:02d}"),
    st.integers(0, 9),
    st.integers(0, 4),  # 4: the record is gone
    st.sampled_from([None, *PHONES, sha256(PHONES[0].encode()).hexdigest()]),
)


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(ROW, min_size=4, max_size=25), st.lists(st.lists(ROW, max_size=3), min_size=1, max_size=2))
def test_probable_pairs_follow_what_a_night_brings(
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    first: list[tuple[str, int, int, str | None]],
    later: list[list[tuple[str, int, int, str | None]]],
) -> None:
    """Limits are tight, so that blocks, slips and profiles cross them."""
    monkeypatch.setattr(neighbours, "_SLIP_BLOCK", 2)
    monkeypatch.setattr(likely, "_MOST_ALIKE", 2)
    model = json.dumps(json.loads(model) | {"block_limit": 3}, ensure_ascii=False, indent=1)
    home = Home()
    known = {row[0]: row for row in first}
    for news in [[], *later]:
        known |= {row[0]: row for row in news}
        known = {key: row for key, row in known.items() if row[2] < 4}
        night = replace(home.of(*stated(list(known.values()))), model=model)
        home.run(night)
        assert_equal(home.last, at_once(whole(night)))
        assert_equal(home.last, in_parts_of(3, night))


@pytest.mark.parametrize(
    ("before", "now", "pairs"),
    [
        pytest.param("abc", "ab", ([], [("a", "b")]), id="what held two records together is gone"),
        pytest.param("ab", "abc", ([("a", "b")], []), id="two records are held together now"),
        pytest.param("ab", "a", ([("a", "b")], []), id="one of two is gone"),
        pytest.param("ab", "b", ([("a", "b")], []), id="the other of two is gone"),
        pytest.param("ab", "ab+", ([("a", "b")], [("a", "b")]), id="somebody else comes"),
    ],
)
def test_pairs_come_and_go_with_what_exact_values_hold_together(
    model: str, before: str, now: str, pairs: tuple[list[Any], list[Any]]
) -> None:
    """Records a and b state all the while what they state; c has the telephones of both."""
    rows = {
        "a": ("a", 7, 0, PHONES[0]),
        "b": ("b", 7, 1, PHONES[1]),
        "c": ("c", 7, 2, PHONES[0]),
        "+": ("+", 40, 0, None),
    }
    home = Home()
    for there, wanted in zip((before, now), pairs, strict=True):
        records, assertions = stated([rows[key] for key in there])
        if "c" in there:
            bridge = assertions.filter(pc.equal(assertions["record_key"], "c"))
            second = bridge.set_column(2, "value", pa.array([PHONES[1]], pa.string()))
            assertions = pa.concat_tables([assertions, second])
        night = replace(home.of(records, assertions), model=model)
        home.run(night)
        assert_equal(home.last, at_once(whole(night)))
        assert home.last is not None
        found = home.last.filter(pc.equal(home.last["part"], "pair")).select(["left_record", "right_record"])
        of_both = [tuple(pair.values()) for pair in found.to_pylist() if set(pair.values()) == {"a", "b"}]
        assert of_both == wanted


def test_the_pairs_of_a_person_link_and_another_model_starts_anew(model: str) -> None:
    home = Home()
    rows = [(f"r{number}-{spelling}", number, spelling, None) for number in range(40) for spelling in (0, 1)]
    night = replace(home.of(*stated(rows)), model=model)
    home.run(night)
    assert home.last is not None
    rules = home.last.filter(pc.equal(home.last["part"], "member"))["match_rule"].to_pylist()
    assert rules.count("probable") > 10
    fewer = home.of(*stated(rows))
    home.run(fewer)
    assert_equal(home.last, at_once(whole(fewer)))
    assert "probable" not in home.last["match_rule"].to_pylist()
    learning = replace(home.of(*stated(rows)), may_learn=True)
    home.run(learning)
    parts = home.last["part"].to_pylist()
    assert parts.count("model") == 1
