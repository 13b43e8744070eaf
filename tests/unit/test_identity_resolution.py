"""The engine without limits: against a brute-force reading, its invariants, ids, links and bad input."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import identity
from identity.values import TableError

KEY = b"a home's key"
TIME = pa.timestamp("us", tz="UTC")
RULE_COLUMNS = (
    *("type", "priority", "anonymous", "max_records_per_value", "max_people_per_value", "max_values_per_person"),
    *("recycle_days", "needs_agreement"),
)
RULES = [
    ("phone", 1, "n", 4, None, None, 90, "n"),
    ("member_no", 2, "n", 4, None, None, 90, "n"),
    ("login", 2, "n", None, None, None, 90, "n"),
    ("email", 3, "n", 4, None, None, 90, "n"),
    ("device", 5, "y", 4, None, None, 90, "n"),
    ("cookie", 6, "y", None, None, None, 90, "n"),
]
BLOCKED = [("member_no", "V9", "n", "nobody's card"), ("email", "test@.*", "y", "placeholder")]


class Record(NamedTuple):
    key: str
    anonymous: bool = False
    created: int | None = 0
    source: str = "pos"
    kind: str = "member"
    personal: bool | None = None


def at(minute: int | None) -> datetime | None:
    return None if minute is None else datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


def table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table({c: pa.array([r[i] for r in rows]) for i, c in enumerate(columns)})


def run(
    records: list[Record],
    assertions: list[tuple[str, str, str | None, int | None]],
    births: dict[str, int] | None = None,
    night: int = 1,
    rules: list[tuple[Any, ...]] = RULES,
    **more: Any,
) -> identity.Resolution:
    record_table = pa.table(
        {
            "record_key": pa.array([r.key for r in records], pa.string()),
            "source_system": pa.array([r.source for r in records], pa.string()),
            "record_type": pa.array([r.kind for r in records], pa.string()),
            "source_record_id": pa.array([r.key for r in records], pa.string()),
            "is_anonymous": pa.array([r.anonymous for r in records], pa.bool_()),
            "created_at": pa.array([at(r.created) for r in records], TIME),
            "default_region": pa.array(["CN"] * len(records), pa.string()),
            "has_personal_id": pa.array([r.personal for r in records], pa.bool_()),
        }
    )
    assertion_table = pa.table(
        {
            "record_key": pa.array([a[0] for a in assertions], pa.string()),
            "type": pa.array([a[1] for a in assertions], pa.string()),
            "value": pa.array([a[2] for a in assertions], pa.string()),
            "first_at": pa.array([at(a[3]) for a in assertions], TIME),
            "last_at": pa.array([at(a[3]) for a in assertions], TIME),
        }
    )
    born = births or {}
    birth_table = pa.table(
        {"record_key": pa.array(list(born), pa.string()), "birth_night": pa.array(list(born.values()), pa.int64())}
    )
    return identity.resolve(
        record_table,
        assertion_table,
        table(RULE_COLUMNS, rules),
        table(("type", "value", "is_pattern", "reason"), BLOCKED),
        birth_table,
        night,
        KEY,
        **more,
    )


def partition(result: identity.Resolution) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for row in result.members.to_pylist():
        groups[row["customer_id"]].add(row["record_key"])
    return {frozenset(group) for group in groups.values()}


def ids(result: identity.Resolution) -> dict[str, str]:
    return dict(zip(result.members["record_key"].to_pylist(), result.members["customer_id"].to_pylist(), strict=True))


def brute_force(
    records: list[Record], assertions: list[tuple[str, str, str | None, int | None]]
) -> set[frozenset[str]]:
    """The definitions read word by word, with sets."""
    rule = {r[0]: r for r in RULES}
    carriers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for key, kind, value, _ in assertions:
        if value is not None and (kind, value) != ("member_no", "V9"):
            carriers[kind, value].add(key)
    linking = {v: c for v, c in carriers.items() if rule[v[0]][3] is None or len(c) <= rule[v[0]][3]}
    groups = [{r.key} for r in records]

    def merge(parts: list[set[str]]) -> None:
        for part in parts[1:]:
            parts[0] |= part
            groups.remove(part)

    for (kind, _), keys in linking.items():
        if rule[kind][2] == "n":
            merge([g for g in groups if g & keys])
    known = {r.key for r in records if not r.anonymous}
    cells = [keys for (kind, _), keys in linking.items() if rule[kind][2] == "y"]
    components = [[g] for g in groups]
    for keys in cells:
        touched = [c for c in components if any(g & keys for g in c)]
        for other in touched[1:]:
            touched[0].extend(other)
            components.remove(other)
    for component in components:
        people = [g for g in component if g & known]
        if len(people) <= 1:
            merge(component)
            continue
        joins = []
        for group in component:
            leads = [[p for p in people if p & keys] for keys in cells if keys & group]
            if group not in people and all(lead == leads[0] and len(lead) == 1 for lead in leads):
                joins.append((leads[0][0], group))
        for person, group in joins:
            merge([person, group])
    return {frozenset(g) for g in groups}


@st.composite
def companies(draw: st.DrawFn) -> tuple[list[Record], list[tuple[str, str, str | None, int | None]]]:
    n = draw(st.integers(1, 12))
    records = [
        Record(
            f"r{i:02d}",
            draw(st.booleans()),
            draw(st.one_of(st.none(), st.integers(0, 3))),
            draw(st.sampled_from(["pos", "shopify", "other"])),
        )
        for i in range(n)
    ]
    value = st.sampled_from([f"V{i}" for i in range(6)] + ["V9", None])
    kind = st.sampled_from(["member_no", "login", "device", "device", "cookie"])
    key = st.sampled_from([r.key for r in records])
    rows = draw(st.lists(st.tuples(key, kind, value, st.one_of(st.none(), st.integers(0, 5))), max_size=24))
    return records, [(k, t, v.lower() if v and t == "login" else v, m) for k, t, v, m in rows]


@settings(max_examples=100, deadline=None)
@given(companies())
def test_the_partition_is_that_of_the_definitions(company: Any) -> None:
    records, assertions = company
    assert partition(run(records, assertions)) == brute_force(records, assertions)


@settings(max_examples=50, deadline=None)
@given(companies(), st.randoms(use_true_random=False))
def test_order_and_duplicates_change_nothing(company: Any, rng: Any) -> None:
    records, assertions = company
    first = run(records, assertions)
    shuffled = [*records, *rng.sample(records, len(records) // 2)]
    more = [*assertions, *rng.sample(assertions, len(assertions) // 2)]
    rng.shuffle(shuffled)
    rng.shuffle(more)
    second = run(shuffled, more)
    for name in ("members", "values", "links"):
        one, other = getattr(first, name).to_pylist(), getattr(second, name).to_pylist()
        if name != "links":
            one, other = sorted(one, key=str), sorted(other, key=str)
        assert one == other


@settings(max_examples=40, deadline=None)
@given(companies(), st.randoms(use_true_random=False))
def test_relabelled_records_give_the_same_partition(company: Any, rng: Any) -> None:
    records, assertions = company
    names = [f"x{i:02d}" for i in range(len(records))]
    rng.shuffle(names)
    new = dict(zip([r.key for r in records], names, strict=True))
    relabelled = run([r._replace(key=new[r.key]) for r in records], [(new[a[0]], *a[1:]) for a in assertions])
    expected = {frozenset(new[k] for k in group) for group in partition(run(records, assertions))}
    assert partition(relabelled) == expected


@settings(max_examples=50, deadline=None)
@given(companies(), st.data())
def test_later_records_never_displace_an_anchor(company: Any, data: Any) -> None:
    records, assertions = company
    count = data.draw(st.integers(1, len(records)))
    early = {r.key for r in records[:count]}
    before = run(records[:count], [a for a in assertions if a[0] in early], night=1)
    after = run(records, assertions, births=dict.fromkeys(early, 1), night=2)
    anonymous = {r.key: r.anonymous for r in records}
    for group in partition(after):
        old = [k for k in group if k in early]
        anchor = {r["record_key"]: r["anchor_record_key"] for r in after.members.to_pylist()}[min(group)]
        people = [k for k in group if not anonymous[k]]
        if any(k in early for k in people) or (old and not people):
            assert anchor in early
    anchors_before = {r["customer_id"]: r["anchor_record_key"] for r in before.members.to_pylist()}
    for row in after.members.to_pylist():
        if row["customer_id"] in anchors_before:
            assert anchors_before[row["customer_id"]] == row["anchor_record_key"]
    again = run(
        records, assertions, births={**dict.fromkeys(early, 1), **dict.fromkeys(set(anonymous) - early, 2)}, night=9
    )
    assert ids(again) == ids(after)


@settings(max_examples=50, deadline=None)
@given(companies())
def test_the_tree_spans_each_group_and_names_the_rules(company: Any) -> None:
    records, assertions = company
    result = run(records, assertions)
    tree = [row for row in result.links.to_pylist() if row["in_tree"]]
    members = result.members.to_pylist()
    customers = {m["customer_id"] for m in members}
    assert len(tree) == len(members) - len(customers)
    joined = {m["record_key"]: {m["record_key"]} for m in members}
    for row in tree:
        union = joined[row["record_key"]] | joined[row["other_record_key"]]
        for key in union:
            joined[key] = union
    assert {frozenset(group) for group in joined.values()} == partition(result)
    degree: dict[str, set[str]] = defaultdict(set)
    for row in tree:
        degree[row["record_key"]].add(row["type"])
        degree[row["other_record_key"]].add(row["type"])
    for member in members:
        if member["record_key"] == member["anchor_record_key"]:
            assert member["match_rule"] == "anchor"
        else:
            assert member["match_rule"] in degree[member["record_key"]]
        assert member["match_confidence"] == 1.0


def test_spellings_of_one_identifier_link() -> None:
    digest = hashlib.sha256(b"ann.li@gmail.com").hexdigest()
    meta = hashlib.sha256(b"8613812345670").hexdigest()
    result = run(
        [Record(k) for k in "abcdef"],
        [
            ("a", "phone", "138 1234 5670", 1),
            ("b", "phone", "+86-13812345670", 2),
            ("b", "email", "Ann.Li@gmail.com", 2),
            ("c", "email", "annli+x@googlemail.com", 3),
            ("d", "email_sha256", digest.upper(), 4),
            ("e", "phone_sha256", meta, 4),
            ("f", "email", "other@shop.cn", 4),
        ],
    )
    assert partition(result) == {frozenset("abcde"), frozenset("f")}


def test_hashes_link_each_other_without_their_plain_value() -> None:
    digest = hashlib.sha256(b"ann@shop.cn").hexdigest()
    result = run([Record("a"), Record("b")], [("a", "email_sha256", digest, 1), ("b", "email", digest.upper(), 2)])
    assert partition(result) == {frozenset("ab")}


def test_a_long_chain_is_one_person() -> None:
    keys = [f"r{i:05d}" for i in range(10_000)]
    links = [(keys[i], "login", f"l{i}", i) for i in range(9_999)] + [
        (keys[i + 1], "login", f"l{i}", i) for i in range(9_999)
    ]
    assert partition(run([Record(k) for k in keys], links)) == {frozenset(keys)}


def test_every_value_says_what_it_does() -> None:
    keys = "abcdef"
    rows = [(k, "phone", "13812345670", 1) for k in "abcde"] + [("a", "email", "test@shop.cn", 1)]
    rows += [
        ("b", "email", "nonsense", 1),
        ("c", "email", None, 1),
        ("d", "email", "", 1),
        ("e", "email", "x" * 10_000, 1),
    ]
    rows += [("a", "login", "ann", 1), ("b", "login", "ann", 1)]
    result = run([Record(k) for k in keys], rows)
    found = {(r["type"], r["value"][:20]): (r["carriers"], r["status"], r["reason"]) for r in result.values.to_pylist()}
    assert found == {
        ("phone", "+8613812345670"): (5, "hub", "carried by more than 4 records"),
        ("login", "ann"): (2, "plain", None),
        ("email", "test@shop.cn"): (1, "blocked", "placeholder"),
        ("email", "nonsense"): (1, "unusable", "not an e-mail address"),
        ("email", ""): (1, "unusable", "empty"),
        ("email", "x" * 20): (1, "unusable", "longer than 320 characters"),
    }
    assert partition(result) == {frozenset("ab"), *(frozenset(k) for k in "cdef")}


def test_the_anchor_order() -> None:
    def anchor(records: list[Record], births: dict[str, int] | None = None) -> str:
        result = run(records, [(r.key, "login", "ann", 1) for r in records], births, night=5)
        return str(result.members["anchor_record_key"][0])

    assert anchor([Record("a", anonymous=True), Record("b", created=9)], {"a": 1}) == "b"
    assert anchor([Record("a", created=0), Record("b", created=9)], {"b": 1}) == "b"
    assert anchor([Record("a", created=9), Record("b", created=0)]) == "b"
    assert anchor([Record("a", created=None), Record("b", created=9)]) == "b"
    assert anchor([Record("a", source="pos"), Record("b", source="shopify")]) == "b"
    assert anchor([Record("a", source="unheard of"), Record("b", source="events")]) == "b"
    assert anchor([Record("b"), Record("a")]) == "a"


def test_the_customer_id_is_the_keyed_hash_of_the_anchor() -> None:
    result = run([Record("pos/member/1")], [])
    digest = hmac.new(KEY, b"pos/member/1", hashlib.sha256).digest()
    assert ids(result)["pos/member/1"] == "c_" + base64.b32encode(digest).decode().lower()[:20]


def test_a_match_rule_is_the_trusted_edge_towards_the_anchor() -> None:
    result = run(
        [Record("a", created=0), Record("b", created=1), Record("c", created=2), Record("d", anonymous=True)],
        [
            *[(k, "email", "ann@shop.cn", i) for i, k in enumerate("abc")],
            ("b", "phone", "13812345670", 5),
            ("c", "phone", "13812345670", 6),
            ("c", "device", "D1", 7),
            ("d", "device", "D1", 3),
        ],
    )
    rules = {r["record_key"]: r["match_rule"] for r in result.members.to_pylist()}
    # b and c hang together by phone, which is trusted more than the e-mail that joins both to a.
    assert rules == {"a": "anchor", "b": "email", "c": "phone", "d": "device"}


def test_a_shared_device_joins_nobody_known() -> None:
    records = [Record("ann"), Record("bob"), Record("tablet", anonymous=True), Record("phone", anonymous=True)]
    rows = [("ann", "device", "T", 1), ("bob", "device", "T", 2), ("tablet", "device", "T", 3)]
    rows += [("ann", "device", "P", 1), ("phone", "device", "P", 2)]
    result = run(records, rows)
    assert partition(result) == {frozenset({"ann", "phone"}), frozenset({"bob"}), frozenset({"tablet"})}
    assert {r["record_key"] for r in result.members.to_pylist() if r["is_anonymous"]} == {"tablet"}


def test_an_id_that_is_personal_is_published_as_a_keyed_hash() -> None:
    records = [
        *(Record(k) for k in ("ann@shop.cn", "13812345670", "6940095365123", "M1")),
        Record("oX1", kind="openid"),
        Record("小王", kind="buyer_nick"),
    ]
    published = dict(
        zip([r.key for r in records], run(records, []).members["published_record_id"].to_pylist(), strict=True)
    )
    assert published["6940095365123"] == "6940095365123"
    assert published["M1"] == "M1"
    for key in ("ann@shop.cn", "13812345670", "oX1", "小王"):
        assert published[key].startswith("h_")
        assert len(published[key]) == 22
    assert len(set(published.values())) == len(records)


def test_an_id_that_is_called_personal_is_hashed_whatever_it_looks_like() -> None:
    records = [Record("wang8812", personal=True), Record("wang8813", personal=False), Record("1004")]
    published = {r["record_key"]: r["published_record_id"] for r in run(records, []).members.to_pylist()}
    assert published["wang8812"].startswith("h_")
    assert (published["wang8813"], published["1004"]) == ("wang8813", "1004")


def test_ids_of_rows_are_hashed_with_the_key_of_the_home() -> None:
    ids = pa.array(["messages/log/13812345678-1", "messages/log/13812345678-2"])
    hashed = identity.published_ids(ids, KEY).to_pylist()
    assert hashed == identity.published_ids(ids, KEY).to_pylist()
    assert len({*hashed, *identity.published_ids(ids, b"another home").to_pylist()}) == 4
    assert all(value.startswith("h_") and len(value) == 22 for value in hashed)


def test_no_records_and_no_identifiers_are_fine() -> None:
    empty = run([], [])
    assert (empty.members.num_rows, empty.values.num_rows, empty.links.num_rows) == (0, 0, 0)
    alone = run([Record("a"), Record("b")], [])
    assert partition(alone) == {frozenset("a"), frozenset("b")}
    assert set(alone.members["match_rule"].to_pylist()) == {"anchor"}
    assert identity.graph_table(empty).num_rows == 0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(identity.RuleError, match="no rule for the identifier type passport"):
        run([Record("a")], [("a", "passport", "1", 1)])
    with pytest.raises(TableError, match="1 rows name 1 records that are not in records, the first 'b'"):
        run([Record("a")], [("b", "login", "1", 1)])
    no_blocked = table(("type", "value", "is_pattern", "reason"), [])
    with pytest.raises(TableError, match="lacks record_key"):
        identity.resolve(pa.table({}), pa.table({}), table(RULE_COLUMNS, RULES), no_blocked, pa.table({}), 1, KEY)


def test_the_same_record_id_in_two_sources_is_two_records() -> None:
    result = run([Record("pos/member/1"), Record("shopify/customer/1", source="shopify")], [])
    assert len(partition(result)) == 2


def test_every_combination_of_equal_priority_is_one_order() -> None:
    rows = [("a", "login", "x", 1), ("b", "login", "x", 1), ("a", "member_no", "X", 1), ("b", "member_no", "X", 1)]
    seen = set()
    for order in itertools.permutations(rows):
        links = run([Record("a"), Record("b")], list(order)).links
        seen.add(tuple(zip(links["type"].to_pylist(), links["in_tree"].to_pylist(), strict=True)))
    assert len(seen) == 1


def test_column_types_of_other_engines_are_taken() -> None:
    records = pa.table(
        {
            "record_key": pa.array(["a", "b"], pa.large_string()),
            "source_system": pa.array(["pos", "pos"]).dictionary_encode(),
            "record_type": pa.array(["member", "member"], pa.large_string()),
            "source_record_id": pa.array(["1", "2"], pa.large_string()),
            "is_anonymous": pa.nulls(2),
            "created_at": pa.nulls(2),
        }
    )
    assertions = pa.table(
        {
            "record_key": pa.array(["a", "b"]).dictionary_encode(),
            "type": pa.array(["login", "login"]).dictionary_encode(),
            "value": pa.array(["ann", "Ann"], pa.large_string()),
            "first_at": pa.nulls(2),
        }
    )
    births = pa.table({"record_key": pa.nulls(0), "birth_night": pa.nulls(0)})
    blocked = table(("type", "value", "is_pattern", "reason"), [])
    result = identity.resolve(records, assertions, table(RULE_COLUMNS, RULES), blocked, births, 1, KEY)
    assert partition(result) == {frozenset("ab")}
