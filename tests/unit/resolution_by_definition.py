"""The resolution of records into people by the written definitions, word by word, and random companies to try it on.

Slow and plain on purpose: what `identity` does fast has to give the same.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

import pyarrow as pa
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


class Tables(NamedTuple):
    """A company as the engine takes it."""

    records: pa.Table
    assertions: pa.Table
    rules: pa.Table
    blocked: pa.Table
    overrides: pa.Table


def tables(
    records: Sequence[Record],
    assertions: Sequence[Assertion],
    decisions: Iterable[Decision] = (),
    rules: list[tuple[Any, ...]] = RULES,
) -> Tables:
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
    return Tables(
        record_table,
        assertion_table,
        pa.table({c: pa.array([r[i] for r in rules]) for i, c in enumerate(RULE_COLUMNS)}),
        pa.table({c: pa.nulls(0, text) for c in ("type", "value", "is_pattern", "reason")}),
        override_table,
    )


def run(
    records: list[Record],
    assertions: list[Assertion],
    decisions: Iterable[Decision] = (),
    rules: list[tuple[Any, ...]] = RULES,
    **more: Any,
) -> identity.Resolution:
    given = tables(records, assertions, decisions, rules)
    return identity.resolve(
        given.records,
        given.assertions,
        given.rules,
        given.blocked,
        pa.table({"record_key": pa.nulls(0, pa.string()), "birth_night": pa.nulls(0, pa.int64())}),
        1,
        KEY,
        overrides=given.overrides,
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

    def assert_nothing_broken(self) -> None:
        """No group holds a cannot-link or breaks a limit, unless a must-link or one record by itself does."""
        for group in self.groups:
            assert not any(pair <= group for pair in self.cannot)
            if not group & self.must:
                single = [r for r in group if any(len(self.held({r}, t)) > limit for t, limit in self.hard())]
                assert single or all(len(self.held(group, t)) <= limit for t, limit in self.hard())


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
