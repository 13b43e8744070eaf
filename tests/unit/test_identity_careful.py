"""People behind values, limits and overrides: against a reading of the definitions word by word, and case by case."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import identity
from identity.rules import OVERRIDE_COLUMNS, RULE_COLUMNS

KEY = b"a home's key"
TIME = pa.timestamp("us", tz="UTC")
START = datetime(2025, 1, 1, tzinfo=UTC)
RULES = [
    ("phone", 1, "n", 5, 2, None, 90, "y"),
    ("member_no", 2, "n", 4, 2, 2, 90, "n"),
    ("login", 2, "n", None, None, 1, 90, "n"),
    ("email", 3, "n", None, 3, None, 30, "y"),
    ("device", 5, "y", 4, 2, None, 90, "n"),
]


class Record(NamedTuple):
    key: str
    name: str | None = None
    birth: str | None = None
    anonymous: bool = False


class Assertion(NamedTuple):
    key: str
    type: str
    value: str
    first: int | None = 0  # days
    last: int | None = None


class Decision(NamedTuple):
    day: int
    action: str
    key: str
    other: str = ""
    type: str = ""
    hash: str = ""


def digest(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\x1f{value}".encode()).hexdigest()[:32]


def at(day: int | None) -> datetime | None:
    return None if day is None else START + timedelta(days=day)


def run(
    records: list[Record],
    assertions: list[Assertion],
    decisions: Iterable[Decision] = (),
    rules: list[tuple[Any, ...]] = RULES,
    **more: Any,
) -> identity.Resolution:
    text = pa.string()
    record_table = pa.table(
        {
            "record_key": pa.array([r.key for r in records], text),
            "source_system": pa.array(["pos"] * len(records), text),
            "record_type": pa.array(["member"] * len(records), text),
            "source_record_id": pa.array([r.key for r in records], text),
            "is_anonymous": pa.array([r.anonymous for r in records], pa.bool_()),
            "created_at": pa.array([START] * len(records), TIME),
            "default_region": pa.array(["CN"] * len(records), text),
            "given_name": pa.array([r.name for r in records], text),
            "birth_date": pa.array([r.birth for r in records], text),
        }
    )
    columns = list(zip(*assertions, strict=True)) if assertions else [()] * 5
    assertion_table = pa.table(
        {
            "record_key": pa.array(columns[0], text),
            "type": pa.array(columns[1], text),
            "value": pa.array(columns[2], text),
            "first_at": pa.array([at(day) for day in columns[3]], TIME),
            "last_at": pa.array([at(day) for day in columns[4]], TIME),
        }
    )
    override_table = pa.table(
        {
            name: pa.array(column, text)
            for name, column in zip(
                OVERRIDE_COLUMNS,
                zip(
                    *(((START + timedelta(days=d.day)).isoformat(), *d[1:], "ann", "asked") for d in decisions),
                    strict=True,
                )
                if decisions
                else [()] * 8,
                strict=True,
            )
        }
    )
    return identity.resolve(
        record_table,
        assertion_table,
        pa.table({c: pa.array([r[i] for r in rules]) for i, c in enumerate(RULE_COLUMNS)}),
        pa.table({c: pa.nulls(0, text) for c in ("type", "value", "is_pattern", "reason")}),
        pa.table({"record_key": pa.nulls(0, text), "birth_night": pa.nulls(0, pa.int64())}),
        1,
        KEY,
        overrides=override_table,
        **more,
    )


def partition(result: identity.Resolution) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for row in result.members.to_pylist():
        groups[row["customer_id"]].add(row["record_key"])
    return {frozenset(group) for group in groups.values()}


def statuses(result: identity.Resolution) -> dict[tuple[str, str], str]:
    return {(row["type"], row["value"]): row["status"] for row in result.values.to_pylist()}


class Brute:
    """Sections 2.3 and 2.4 of the definitions, read word by word, with sets; names are one word or an initial."""

    def __init__(self, records: list[Record], assertions: list[Assertion], decisions: list[Decision]) -> None:
        self.rule = {r[0]: dict(zip(RULE_COLUMNS, r, strict=True)) for r in RULES}
        self.record = {r.key: r for r in records}
        ordered = [d for _, d in sorted(enumerate(decisions), key=lambda e: (e[1].day, e[0]), reverse=True)]
        gone = {(d.key, d.type, d.hash) for d in decisions if d.action == "drop-value"}
        self.assertions = [a for a in assertions if (a.key, a.type, digest(a.type, a.value)) not in gone]
        self.carriers: dict[tuple[str, str], set[str]] = defaultdict(set)
        for a in self.assertions:
            self.carriers[a.type, a.value].add(a.key)
        self.groups: list[set[str]] = [{r.key} for r in records]
        self.must: set[str] = set()
        self.cannot: list[set[str]] = []
        for d in ordered:
            if d.action == "drop-value" or not {d.key, d.other} <= set(self.record):
                continue
            ends = [self.group_of(d.key), self.group_of(d.other)]
            if d.action == "must-link":
                if not any(pair <= ends[0] | ends[1] for pair in self.cannot):
                    self.must |= {d.key, d.other}
                    self.merge(ends)
            elif ends[0] is not ends[1]:
                self.cannot.append({d.key, d.other})
        self.status: dict[tuple[str, str], str] = {}
        self.cells: list[tuple[tuple[Any, ...], set[str]]] = []
        for value in self.carriers:
            self.judge(value)
        for _, cell in sorted(self.cells, key=lambda entry: entry[0]):
            self.link(cell)
        self.link_anonymous()

    def group_of(self, key: str) -> set[str]:
        return next(g for g in self.groups if key in g)

    def merge(self, parts: list[set[str]]) -> None:
        distinct = [p for i, p in enumerate(parts) if all(p is not q for q in parts[:i])]
        for part in distinct[1:]:
            distinct[0] |= part
            self.groups = [g for g in self.groups if g is not part]

    def held(self, keys: set[str], kind: str) -> set[str]:
        return {a.value for a in self.assertions if a.type == kind and a.key in keys}

    def hard(self) -> list[tuple[str, int]]:
        return [(k, r["max_values_per_person"]) for k, r in self.rule.items() if r["max_values_per_person"]]

    def names_agree(self, one: str, other: str) -> bool:
        return one == other or (1 in (len(one), len(other)) and one[0] == other[0])

    def contradict(self, a: str, b: str) -> bool:
        one, other = self.record[a], self.record[b]
        if one.name and other.name and not self.names_agree(one.name, other.name):
            return True
        if not one.birth or not other.birth:
            return False
        first, second = one.birth.split("-"), other.birth.split("-")
        if first[0] == second[0] and first[1:] == second[:0:-1]:
            return False
        return sum(x != y for x, y in zip(first, second, strict=True)) > 1

    def consistent(self, keys: set[str], kind: str) -> bool:
        if any(len(self.held(keys, t)) > limit for t, limit in self.hard()):
            return False
        if any(pair <= keys for pair in self.cannot):
            return False
        agreement = self.rule[kind]["needs_agreement"] == "y"
        return not (agreement and any(self.contradict(a, b) for a, b in combinations(keys, 2)))

    def classes(self, keys: set[str]) -> list[set[str]]:
        classes: list[set[str]] = []
        for key in sorted(k for k in keys if self.record[k].name):
            near = [
                c
                for c in classes
                if any(self.names_agree(str(self.record[key].name), str(self.record[o].name)) for o in c)
            ]
            classes = [c for c in classes if c not in near] + [set().union({key}, *near)]
        return classes

    def judge(self, value: tuple[str, str]) -> None:
        kind, keys = value[0], self.carriers[value]
        rule = self.rule[kind]
        people = max([len(self.classes(keys)), *(-(-len(self.held(keys, t)) // limit) for t, limit in self.hard())])
        most, crowd = rule["max_records_per_value"], rule["max_people_per_value"]
        if (most and len(keys) > most) or (crowd and people > crowd):
            self.status[value] = "hub"
            return
        cells: list[tuple[int, str, set[str]]] = []
        if self.consistent(keys, kind):
            self.status[value] = "plain"
            cells.append((0, "", keys))
        else:
            self.status[value] = "shared"
            for number, epoch in enumerate(self.epochs(value)):
                if self.consistent(epoch, kind):
                    cells.append((number, "", epoch))
                else:
                    for part in self.classes(epoch):
                        if self.consistent(part, kind):
                            cells.append((number, min(str(self.record[k].name) for k in part), part))
        if rule["anonymous"] == "n":
            for number, name, cell in cells:
                times = sorted(self.first(k, value) for k in cell)
                if len(cell) > 1:
                    order = (rule["priority"], times[1], digest(*value), number, name)
                    self.cells.append((order, cell))

    def first(self, key: str, value: tuple[str, str]) -> float:
        times = [a.first for a in self.assertions if (a.key, a.type, a.value) == (key, *value) and a.first is not None]
        return min(times, default=float("inf"))

    def epochs(self, value: tuple[str, str]) -> list[set[str]]:
        spans = []
        for key in self.carriers[value]:
            mine = [a for a in self.assertions if (a.key, a.type, a.value) == (key, *value)]
            first = self.first(key, value)
            ends = [day for a in mine for day in (a.first, a.last) if day is not None]
            spans.append((first, max([first, *ends]), key))
        spans.sort()
        epochs = [{spans[0][2]}]
        until = spans[0][1]
        for first, last, key in spans[1:]:
            if first != float("inf") and first - until >= self.rule[value[0]]["recycle_days"]:
                epochs.append(set())
            epochs[-1].add(key)
            until = max(until, last) if first != float("inf") else until
        return epochs

    def legal(self, parts: list[set[str]]) -> bool:
        whole = set().union(*parts)
        if any(pair <= whole for pair in self.cannot):
            return False
        return all(
            len(self.held(whole, t)) <= max([limit, *(len(self.held(p, t)) for p in parts)]) for t, limit in self.hard()
        )

    def link(self, cell: set[str]) -> None:
        parts = [g for g in self.groups if g & cell]
        if self.legal(parts):
            self.merge(parts)
            return
        aside = [p for p in parts if any(p is not q and not self.legal([p, q]) for q in parts)]
        rest = [p for p in parts if all(p is not q for q in aside)]
        if rest and self.legal(rest):
            self.merge(rest)

    def link_anonymous(self) -> None:
        cells = [c for v, c in self.carriers.items() if v[0] == "device" and self.status[v] != "hub"]
        known = {r.key for r in self.record.values() if not r.anonymous}
        components = [[g] for g in self.groups]
        for keys in cells:
            touched = [c for c in components if any(g & keys for g in c)]
            for other in touched[1:]:
                touched[0].extend(other)
                components = [c for c in components if c is not other]
        for component in components:
            people = [g for g in component if g & known]
            if len(people) <= 1:
                if self.legal(component):
                    self.merge(component)
                continue
            joins: dict[int, list[set[str]]] = defaultdict(list)
            for group in component:
                leads = [[p for p in people if p & keys] for keys in cells if keys & group]
                if not group & known and all(len(lead) == 1 and lead[0] is leads[0][0] for lead in leads):
                    joins[people.index(leads[0][0])].append(group)
            chosen = []
            for place, joining in joins.items():
                person = people[place]
                if not self.legal([person, *joining]):
                    joining = [g for g in joining if self.legal([person, g])]
                    joining = [g for g in joining if all(g is h or self.legal([g, h]) for h in joining)]
                    joining = joining if self.legal([person, *joining]) else []
                chosen.append([person, *joining])
            for parts in chosen:
                self.merge(parts)


NAMES = [None, None, "anna", "bert", "carl", "a"]
BIRTHS = [None, None, None, "1980-02-03", "1980-03-02", "1980-02-04", "1991-12-30"]


@st.composite
def companies(draw: st.DrawFn) -> tuple[list[Record], list[Assertion], list[Decision]]:
    n = draw(st.integers(2, 11))
    records = [
        Record(f"r{i:02d}", draw(st.sampled_from(NAMES)), draw(st.sampled_from(BIRTHS)), draw(st.integers(0, 4)) == 0)
        for i in range(n)
    ]
    key = st.sampled_from([r.key for r in records])
    value = st.one_of(
        st.tuples(st.just("phone"), st.sampled_from([f"+861391234567{i}" for i in range(4)])),
        st.tuples(st.just("email"), st.sampled_from([f"m{i}@shop.cn" for i in range(3)])),
        st.tuples(st.just("member_no"), st.sampled_from([f"M{i}" for i in range(5)])),
        st.tuples(st.just("login"), st.sampled_from([f"l{i}" for i in range(4)])),
        st.tuples(st.just("device"), st.sampled_from([f"D{i}" for i in range(4)])),
    )
    day = st.one_of(st.none(), st.integers(0, 400))
    rows = draw(st.lists(st.tuples(key, value, day, st.one_of(st.none(), st.integers(0, 60))), min_size=2, max_size=26))
    assertions = [
        Assertion(k, *v, first, None if first is None or longer is None else first + longer)
        for k, v, first, longer in rows
    ]
    decisions = []
    for _ in range(draw(st.integers(0, 4))):
        one, other = draw(key), draw(st.one_of(key, st.just("nobody")))
        action = draw(st.sampled_from(["must-link", "cannot-link", "drop-value"]))
        if action == "drop-value":
            a = draw(st.sampled_from(assertions))
            decisions.append(Decision(draw(st.integers(0, 3)), action, a.key, "", a.type, digest(a.type, a.value)))
        elif one != other:
            decisions.append(Decision(draw(st.integers(0, 3)), action, one, other))
    return records, assertions, decisions


@settings(max_examples=250, deadline=None)
@given(companies())
def test_the_partition_and_the_statuses_are_those_of_the_definitions(company: Any) -> None:
    result, brute = run(*company), Brute(*company)
    found = statuses(result)
    assert {value: found[value] for value in brute.status} == brute.status
    assert partition(result) == {frozenset(g) for g in brute.groups}
    for group in brute.groups:
        assert not any(pair <= group for pair in brute.cannot)
        if not group & brute.must:
            single = [r for r in group if any(len(brute.held({r}, t)) > limit for t, limit in brute.hard())]
            assert single or all(len(brute.held(group, t)) <= limit for t, limit in brute.hard())


@settings(max_examples=120, deadline=None)
@given(companies())
def test_the_fast_path_is_the_careful_path(company: Any) -> None:
    fast, careful = run(*company), run(*company, careful=True)
    for name in ("members", "values", "links", "reviews", "overrides"):
        assert getattr(fast, name).equals(getattr(careful, name))


@settings(max_examples=80, deadline=None)
@given(companies(), st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(company: Any, rng: random.Random) -> None:
    records, assertions, decisions = company
    first = run(*company)
    shuffled = [*records, *rng.sample(records, len(records) // 2)]
    more = [*assertions, *rng.sample(assertions, len(assertions) // 2)]
    rng.shuffle(shuffled)
    rng.shuffle(more)
    second = run(shuffled, more, decisions)
    for name in ("members", "values", "links", "reviews", "overrides"):
        one, other = getattr(first, name).to_pylist(), getattr(second, name).to_pylist()
        if name in ("members", "values"):
            one, other = sorted(one, key=str), sorted(other, key=str)
        assert one == other


@settings(max_examples=80, deadline=None)
@given(companies(), st.randoms(use_true_random=False))
def test_relabelled_records_give_the_same_partition(company: Any, rng: random.Random) -> None:
    records, assertions, decisions = company
    names = [f"x{i:02d}" for i in range(len(records))]
    rng.shuffle(names)
    new = dict(zip([r.key for r in records], names, strict=True)) | {"": "", "nobody": "nobody"}
    relabelled = run(
        [r._replace(key=new[r.key]) for r in records],
        [a._replace(key=new[a.key]) for a in assertions],
        [d._replace(key=new[d.key], other=new[d.other]) for d in decisions],
    )
    assert partition(relabelled) == {frozenset(new[k] for k in group) for group in partition(run(*company))}


@settings(max_examples=60, deadline=None)
@given(companies())
def test_accepted_links_span_each_group(company: Any) -> None:
    result = run(*company)
    joined = {key: {key} for key in result.members["record_key"].to_pylist()}
    edges = 0
    for row in result.links.to_pylist():
        edges += row["in_tree"]
        if row["in_tree"]:
            union = joined[row["record_key"]] | joined[row["other_record_key"]]
            for key in union:
                joined[key] = union
    assert {frozenset(group) for group in joined.values()} == partition(result)
    assert edges == len(joined) - len(partition(result))


@settings(max_examples=60, deadline=None)
@given(companies(), st.integers(0, 3))
def test_a_value_that_becomes_a_hub_links_nobody(company: Any, number: int) -> None:
    records, assertions, decisions = company
    phone = f"+861391234567{number}"
    crowd = [Record(f"s{i}") for i in range(6)]
    crossed = run([*records, *crowd], [*assertions, *(Assertion(r.key, "phone", phone) for r in crowd)], decisions)
    without = run([*records, *crowd], [a for a in assertions if a.value != phone], decisions)
    assert partition(crossed) == partition(without)


def phones(*rows: tuple[str, int | None, int | None]) -> list[Assertion]:
    return [Assertion(key, "phone", "13912345670", first, last) for key, first, last in rows]


def test_a_recycled_number_is_cut_where_it_was_silent() -> None:
    records = [Record("a", "anna"), Record("b"), Record("c", "carl"), Record("d")]
    rows = phones(("a", 0, 10), ("b", 20, 100), ("c", 190, 190), ("d", 200, None))
    result = run(records, rows)
    assert partition(result) == {frozenset("ab"), frozenset("cd")}
    assert statuses(result) == {("phone", "+8613912345670"): "shared"}
    assert [row["reason"] for row in result.reviews.to_pylist()] == ["shared_value"]
    sooner = run(records, phones(("a", 0, 10), ("b", 20, 101), ("c", 190, 190), ("d", 200, None)))
    assert partition(sooner) == {frozenset(k) for k in "abcd"}


def test_a_shared_phone_links_by_name_and_leaves_the_nameless_apart() -> None:
    records = [Record("a1", "anna"), Record("a2", "a"), Record("b1", "bert"), Record("b2", "bert"), Record("x")]
    result = run(records, phones(*((r.key, i, None) for i, r in enumerate(records))))
    assert partition(result) == {frozenset({"a1", "a2"}), frozenset({"b1", "b2"}), frozenset({"x"})}
    assert {(r["record_key"], r["other_record_key"]) for r in result.links.to_pylist()} == {("a1", "a2"), ("b1", "b2")}
    chain = str(identity.explain_records(identity.graph_table(result), "a1", "a2"))
    assert "phone +8613912345670" in chain


def test_a_phone_of_too_many_people_is_a_hub() -> None:
    records = [Record("a", "anna"), Record("b", "bert"), Record("c", "carl")]
    result = run(records, phones(("a", 0, None), ("b", 1, None), ("c", 2, None)))
    value = result.values.to_pylist()[0]
    assert (value["status"], value["reason"]) == ("hub", "used by more than 2 people")


def test_birth_dates_contradict_in_more_than_one_part() -> None:
    def linked(one: str, other: str) -> bool:
        rows = phones(("a", 0, None), ("b", 1, None))
        return len(partition(run([Record("a", None, one), Record("b", None, other)], rows))) == 1

    assert linked("1980-02-03", "1980-03-02")
    assert linked("1980-02-03", "1981-02-03")
    assert not linked("1980-02-03", "1981-02-04")


def test_a_limit_sets_aside_and_asks() -> None:
    records = [Record(k) for k in "abc"]
    rows = [Assertion("a", "login", "l1"), Assertion("b", "login", "l2")]
    rows += [Assertion(k, "email", f"m{i}@shop.cn", i) for i, pair in enumerate(("ac", "cb")) for k in pair]
    result = run(records, rows)
    assert partition(result) == {frozenset("ac"), frozenset("b")}
    assert [(r["reason"], r["left_record"], r["right_record"], r["value"]) for r in result.reviews.to_pylist()] == [
        ("max_values_per_person", "a", "b", "m1@shop.cn")
    ]


def test_every_group_of_an_illegal_pair_is_set_aside_and_the_rest_merges() -> None:
    records = [Record(k) for k in "abcdpq"]
    rows = [Assertion("p", "login", "l1"), Assertion("q", "login", "l2")]
    rows += [Assertion(k, "member_no", "M1") for k in "ap"] + [Assertion(k, "member_no", "M2") for k in "bq"]
    rows += [Assertion(k, "email", "m0@shop.cn", i) for i, k in enumerate("abcd")]
    result = run(records, rows)
    assert partition(result) == {frozenset("ap"), frozenset("bq"), frozenset("cd")}
    assert [(r["left_record"], r["right_record"]) for r in result.reviews.to_pylist()] == [("a", "b")]


def test_overrides_are_obeyed_and_reported() -> None:
    records = [Record(k) for k in "abcd"]
    rows = [Assertion("a", "login", "l1"), Assertion("b", "login", "l2"), *phones(("c", 0, None), ("d", 1, None))]
    decisions = [
        Decision(1, "must-link", "a", "b"),
        Decision(0, "cannot-link", "a", "b"),
        Decision(1, "cannot-link", "c", "d"),
        Decision(1, "must-link", "a", "nobody"),
        Decision(1, "drop-value", "a", "", "login", digest("login", "l9")),
    ]
    result = run(records, rows, decisions)
    assert partition(result) == {frozenset("ab"), frozenset("c"), frozenset("d")}
    report = {row["line"]: (row["status"], row["reason"]) for row in result.overrides.to_pylist()}
    assert report == {
        2: ("accepted", None),
        3: ("set aside", "newer decisions say must-link"),
        4: ("accepted", None),
        5: ("inert", "there is no record nobody"),
        6: ("inert", "the record carries no such login"),
    }
    assert ("overrides_contradict", "a", "b") in {
        (r["reason"], r["left_record"], r["right_record"]) for r in result.reviews.to_pylist()
    }
    rules = {r["record_key"]: r["match_rule"] for r in result.members.to_pylist()}
    assert rules["b"] == "must_link"
    assert "must_link" in str(identity.explain_records(identity.graph_table(result), "a", "b"))


def test_a_dropped_value_undoes_a_merge_at_its_cause() -> None:
    records, rows = [Record("a"), Record("b")], phones(("a", 0, None), ("b", 1, None))
    assert partition(run(records, rows)) == {frozenset("ab")}
    link = run(records, rows).links.to_pylist()[0]
    dropped = run(records, rows, [Decision(0, "drop-value", "b", "", "phone", link["value_hash"])])
    assert partition(dropped) == {frozenset("a"), frozenset("b")}
    assert dropped.values["carriers"].to_pylist() == [1]


def test_an_excess_of_a_must_link_stays_and_never_grows() -> None:
    records = [Record(k) for k in "abcd"]
    rows = [Assertion(k, "login", f"l{k}") for k in "abc"]
    rows += [Assertion(k, "email", "m0@shop.cn", i) for i, k in enumerate("ad")]
    rows += [Assertion(k, "email", "m1@shop.cn", 5 + i) for i, k in enumerate("bc")]
    assert partition(run(records, rows, [Decision(0, "must-link", "a", "b")])) == {frozenset("abd"), frozenset("c")}


@pytest.mark.parametrize("cycle", [3, 5])
def test_a_cycle_of_overrides_that_contradict_has_an_outcome(cycle: int) -> None:
    keys = [f"r{i}" for i in range(cycle)]
    decisions = [Decision(i, "must-link", keys[i - 1], keys[i]) for i in range(1, cycle)]
    decisions.append(Decision(0, "cannot-link", keys[0], keys[-1]))
    result = run([Record(k) for k in keys], [], decisions)
    assert partition(result) == {frozenset(keys)}
    newer = run([Record(k) for k in keys], [], [*decisions[:-1], decisions[-1]._replace(day=9)])
    assert partition(newer) == {frozenset(keys[:1]), frozenset(keys[1:])}
