"""One test asks of a table all that its rows must satisfy by themselves, and names what was not so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from bench.rendered import DBT, template
from dagster_project.defs import transform

KEY = "order_id"


def findings(rows: str, **arguments: object) -> list[tuple[str, int]]:
    """What the test finds in a table of these rows."""
    text = (DBT / "tests/generic/sound.sql").read_text()
    text = text.replace("{% test ", "{% macro ").replace("{% endtest %}", "{% endmacro %}")
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    query = template(f"{text}{{{{ sound('orders', {given}) }}}}", ()).render(config=lambda **_: "")
    with duckdb.connect() as session:
        session.execute(f"create table orders as select * from (values {rows}) as given(order_id, line, status, test)")
        return session.execute(query).fetchall()


def test_a_sound_table_has_no_finding():
    rows = "('a', 1, 'paid', true), ('a', 2, null, false), ('b', 1, 'void', false)"
    assert findings(rows, keys=[[KEY, "line"]], filled=["test"], accepted={"status": ["paid", "void"]}) == []
    assert findings("('a', 1, null, null) limit 0", keys=[[KEY]], filled=["line"], accepted={"status": ["x"]}) == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("('a', 1, 'paid', true), ('a', 1, 'paid', true), ('b', 1, 'paid', true)", [("rows share order_id, line", 2)]),
        ("('a', 1, 'lost', true), ('b', 1, 'gone', true)", [("status is none of its values", 2)]),
        ("('a', 1, 'paid', null), (null, 1, 'paid', true)", [("order_id is NULL", 1), ("test is NULL", 1)]),
    ],
)
def test_each_fault_is_a_finding_with_its_rows(rows: str, found: list[tuple[str, int]]):
    arguments = {"keys": [[KEY, "line"]], "filled": ["test"], "accepted": {"status": ["paid", "it's"]}}
    assert findings(rows, **arguments) == found


def test_numbers_and_truth_are_compared_as_such_and_a_key_may_be_an_expression():
    rows = "('a', 1, null::varchar, true), ('b', 3, null, false)"
    assert findings(rows, accepted={"line": [1, 2], "test": [True]}) == [
        ("line is none of its values", 1),
        ("test is none of its values", 1),
    ]
    assert findings(rows, keys=[["coalesce(status, '')"]]) == [("rows share coalesce(status, '')", 2)]


def test_a_run_says_what_was_found(tmp_path: Path):
    house = SimpleNamespace(warehouse=tmp_path / "warehouse.duckdb", memory_limit="1GB", spill=tmp_path)
    node = {"name": "sound_orders_", "attached_node": "model.omnihouse.orders", "test_metadata": {"name": "sound"}}
    result = {"failures": 3, "compiled_code": "from (values ('order_id is NULL', 1), ('rows share order_id', 2))"}
    told = transform.failure(SimpleNamespace(house=house), node, result)
    assert told == "orders: order_id is NULL (1 rows), rows share order_id (2 rows)"
    singular = transform.failure(SimpleNamespace(house=house), {"name": "money_reconciles"}, result)
    assert singular == "money_reconciles found 3 rows"
