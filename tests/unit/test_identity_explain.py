"""Explaining two records: the chain between them, or what stands between two customers; and the graph of a home."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import identity
from dagster_project import identity_graph
from dagster_project.config import House
from identity.__main__ import main
from identity.explain import GRAPH_SCHEMA, UnknownRecordError
from tests.unit.resolution_by_definition import Assertion, Decision, Record, run

PHONE = "13912345670"


def explained(left: str, right: str, *given: Any, **more: Any) -> list[str]:
    """The lines that explain two records of a resolution."""
    return str(identity.explain_records(identity.graph_table(run(*given, **more)), left, right)).splitlines()


def test_a_chain_names_every_step_and_marks_the_weakest() -> None:
    records = [Record(key) for key in "abcd"]
    rows = [Assertion(key, "phone", PHONE, day) for day, key in enumerate("ab")]
    rows += [Assertion(key, "email", "ann@shop.cn", day) for day, key in enumerate("bc")]
    rows += [Assertion(key, "login", "l1", day) for day, key in enumerate("cd")]
    first, *lines = explained("a", "d", records, rows)
    assert first.startswith("a and d are one customer, c_")
    assert first.endswith("by 3 links:")
    assert lines == [
        "  a",
        f"    | phone +86{PHONE} (confidence 1)",
        "  b",
        "    | email ann@shop.cn (confidence 1)  <- weakest link",
        "  c",
        "    | login l1 (confidence 1)",
        "  d",
    ]


def test_two_customers_without_a_common_value_have_no_chain() -> None:
    rows = [Assertion("a", "phone", PHONE, 0), Assertion("b", "email", "b@shop.cn", 0)]
    first, *lines = explained("a", "b", [Record("a"), Record("b")], rows)
    assert "are different customers, c_" in first
    assert first.endswith("no chain of accepted links joins them.")
    assert lines == ["  - no identifier that one of them carries is carried by the other"]


@pytest.mark.parametrize(
    ("records", "rows", "decisions", "told"),
    [
        pytest.param(
            [Record("a"), Record("b")],
            [Assertion(key, "login", "l1", 0) for key in "ab"],
            [Decision(1, "cannot-link", "a", "b")],
            ["a person decided cannot-link a – b"],
            id="a decision",
        ),
        pytest.param(
            [Record("a"), Record("b")],
            [Assertion("a", "login", "l1", 0), Assertion("b", "login", "l2", 0)]
            + [Assertion(key, "email", "ann@shop.cn", 0) for key in "ab"],
            [],
            ["both carry email ann@shop.cn, which joins only some or none of its records: shared, its carriers "],
            id="carriers that contradict each other",
        ),
        pytest.param(
            [Record("a"), Record("b"), Record("p"), Record("q")],
            [Assertion("p", "login", "l1", 0), Assertion("q", "login", "l2", 0)]
            + [Assertion(key, "member_no", "M1", 0) for key in "ap"]
            + [Assertion(key, "member_no", "M2", 0) for key in "bq"]
            + [Assertion(key, "email", "ann@shop.cn", 0) for key in "ab"],
            [],
            ["email ann@shop.cn would join them, but together they would hold more issued identifiers than one person"],
            id="a limit",
        ),
        pytest.param(
            [Record("a", "anna"), Record("b", "bert"), Record("c", "carl")],
            [Assertion(key, "phone", PHONE, 0) for key in "abc"],
            [],
            [f"both carry phone +86{PHONE}, which joins only some or none of its records: hub, used by more than 2"],
            id="a hub",
        ),
        pytest.param(
            [Record("a"), Record("b"), Record("d", anonymous=True)],
            [Assertion(key, "device", "D1", 0) for key in "abd"],
            [],
            ["both carry device D1, which joins only some or none of its records: it leads to several known people"],
            id="a device",
        ),
        pytest.param(
            [Record("a"), Record("b")],
            [Assertion(key, "email", "not an address", 0) for key in "ab"],
            [],
            ["both carry email not an address, which joins only some or none of its records: unusable, not an e-mail"],
            id="no usable value",
        ),
    ],
)
def test_what_stands_between_two_customers_is_told(
    records: list[Record], rows: list[Assertion], decisions: list[Decision], told: list[str]
) -> None:
    _, *lines = explained("a", "b", records, rows, decisions)
    assert len(lines) >= len(told)
    for line, beginning in zip(lines, told, strict=False):
        assert line.startswith("  - " + beginning)


def test_a_pair_that_only_looks_alike_is_told_with_its_score() -> None:
    pairs = pa.table({"left_record": ["a"], "right_record": ["b"], "probability": [0.6]})
    _, *lines = explained("a", "b", [Record("a"), Record("b")], [], pairs=pairs)
    assert lines[0] == "  - the two look alike, but not surely (score 0.6); it waits in the review queue"


def graph_of(*records: tuple[str, str, str]) -> pa.Table:
    """A graph of records: key, published key, customer; the first of each customer is its anchor."""
    seen: set[str] = set()
    rows = []
    for key, published, customer in records:
        rule = "phone" if customer in seen else "anchor"
        seen.add(customer)
        rows.append({"kind": "record", "record_key": key, "published_key": published, "customer_id": customer})
        rows[-1]["type"] = rule
    return pa.Table.from_pylist(rows, schema=GRAPH_SCHEMA)


def test_records_go_by_their_key_their_published_id_and_their_customer() -> None:
    graph = graph_of(
        ("pos/member/1", "pos/member/1", "c_a"),
        ("crm/customer/ann@shop.cn", "crm/customer/h_x", "c_b"),
        ("shopify/customer/1", "shopify/customer/1", "c_c"),
    )
    for name in ("crm/customer/ann@shop.cn", "crm/customer/h_x", "h_x", "c_b"):
        assert identity.explain_records(graph, name, name).left == "crm/customer/ann@shop.cn"
    with pytest.raises(
        UnknownRecordError, match="1 is the id of 2 records; write one of them whole: pos/member/1, shop"
    ):
        identity.explain_records(graph, "1", "c_b")
    with pytest.raises(UnknownRecordError, match="c_z is no record of this graph, which holds 3 records"):
        identity.explain_records(graph, "c_z", "c_b")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A home whose warehouse holds two customers, as the models leave them."""
    found = House(home=tmp_path)
    parts = {"member": "members", "value": "values", "link": "links", "review": "reviews", "override": "overrides"}
    with duckdb.connect(str(found.warehouse)) as warehouse:
        records = [Record("pos/member/1"), Record("pos/member/2"), Record("pos/member/3")]
        rows = [Assertion(f"pos/member/{i}", "phone", PHONE, i) for i in (1, 2)]
        warehouse.execute("create schema intermediate; create schema seeds")
        warehouse.execute(
            "create table seeds.identity_rules as select 'phone' as type, '1' as priority, 'n' as anonymous"
        )
        resolution = run(records, rows, [Decision(1, "cannot-link", "pos/member/1", "pos/member/3")])
        tables = [
            (table := getattr(resolution, name)).append_column("part", pa.array([part] * table.num_rows, pa.string()))
            for part, name in {**parts, "carrier": "carriers"}.items()
        ]
        warehouse.register("clusters", pa.concat_tables(tables, promote_options="permissive"))
        warehouse.execute("create table intermediate.int_identity__clusters as select * from clusters")
        warehouse.execute(
            "create table intermediate.int_identity__members as select record_key, customer_id, match_rule,"
            " match_confidence, 'pos' as source_system, 'member' as record_type,"
            " 'h_' || right(record_key, 1) as published_record_id"
            " from intermediate.int_identity__clusters where part = 'member'"
        )
        identity_graph.write(found, warehouse)
        identity_graph.write(found, warehouse)
    return found


def test_the_graph_of_a_home_stands_beside_the_warehouse_for_its_owner_only(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    file = identity_graph.path(house)
    assert file == house.home / "GRAPH.parquet"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [name.name for name in house.home.glob("*.tmp")] == []
    assert pq.read_schema(file).remove_metadata().equals(GRAPH_SCHEMA)
    assert main(["explain", "pos/member/1", "h_2", "--graph", str(file)]) == 0
    assert f"    | phone +86{PHONE} (confidence 1)  <- weakest link" in capsys.readouterr().out.splitlines()
    records = pq.read_table(file, filters=[("kind", "=", "record")]).to_pylist()
    customers = {row["record_key"]: row["customer_id"] for row in records}
    assert main(["explain", customers["pos/member/1"], customers["pos/member/3"], "--graph", str(file)]) == 1
    assert "  - a person decided cannot-link pos/member/1 – pos/member/3" in capsys.readouterr().out.splitlines()
    assert main(["explain", "pos/member/1", "pos/member/9", "--graph", str(file)]) == 2
    assert "pos/member/9 is no record of this graph" in capsys.readouterr().err


def test_links_stand_in_the_order_of_trust_however_many_there_are(tmp_path: Path) -> None:
    house = House(home=tmp_path)
    with duckdb.connect(str(house.warehouse)) as warehouse:
        warehouse.execute("create schema intermediate; create schema seeds")
        warehouse.execute(
            "create table seeds.identity_rules as select * from (values ('phone', '2', 'n'), ('email', '1', 'n'),"
            " ('device', '3', 'yes')) as rules (type, priority, anonymous)"
        )
        # The links backwards, with a record and a value between any two; more than one group of rows of Parquet.
        warehouse.execute(
            "create table intermediate.int_identity__clusters as select part, lpad((300000 - i)::text, 6, '0') as"
            " record_key, null::text as other_record_key, null::text as left_record, null::text as right_record,"
            " 'c' as customer_id, ['phone', 'device', 'email', 'must_link'][1 + i % 4] as type, i::text as value,"
            " i::text as value_hash, null::text as status, null::text as reason, 1::bigint as carriers,"
            " (1 - i % 3 / 10)::double as confidence, null::double as score, true as in_tree, null::text as action"
            " from range(300000) as numbers (i), (values ('link'), ('value'), ('carrier')) as parts (part)"
        )
        warehouse.execute(
            "create table intermediate.int_identity__members as select record_key, customer_id, 'a' as source_system,"
            " 'b' as record_type, record_key as published_record_id, 'anchor' as match_rule, 1.0 as match_confidence"
            " from intermediate.int_identity__clusters where part = 'carrier'"
        )
        assert identity_graph.write(house, warehouse) == 900_000
        found = pq.read_table(identity_graph.path(house), filters=[("kind", "=", "link")]).to_pylist()
    trust = ("must_link", "email or phone", "device")
    place = {"email": 1, "phone": 2}
    order = [
        (
            trust.index(row["type"] if row["type"] in trust else trust[1]),
            -row["confidence"],
            place.get(row["type"], 0),
            row["value_hash"],
        )
        for row in found
    ]
    assert len(order) == 300_000
    assert order == sorted(order)
