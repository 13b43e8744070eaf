"""The grammar of a mapping: what each key does, how a wrong one is refused; docs/mappings.md is executed."""
# ruff: noqa: E501 - cells stand beside what they become

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingestion.canonical import ENTITIES
from ingestion.mapping import check_mappings, read_mapping
from ingestion.source import ConfigurationError, names
from ingestion.timezones import RAILS_ZONES, is_zone, zone_name
from tests.unit.exported import Read, read_file

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs" / "mappings.md"
SHARED = PROJECT.parent / "shared" / "data" / "online_retail_2010_12"


def read(tmp_path: Path, mapping: str, content: str) -> Read:
    (tmp_path / "mine.yml").write_text(mapping)
    (tmp_path / "a.csv").write_text(content)
    return read_file(tmp_path / "a.csv", read_mapping(tmp_path / "mine.yml"))


ORDERS = "files: '*'\nentities:\n  orders:\n    order_id: id\n    ordered_at: at\n"


@pytest.mark.parametrize(
    ("column", "header", "cells", "wanted"),
    [
        ("phone: {first_filled: [a, b, c]}", "a,c", ["1,2", " ,2", "--,2", "',2", ",", "-,--"], ["1", "2", "2", "2", None, None]),
        ("phone: {from: a, aliases: [b]}", "b", ["1"], ["1"]),
        ("phone: {from: a, optional: true}", "b", ["1"], [None]),
        ("channel: {value: web}", "b", ["1"], ["web"]),
        ("email: {from: a, pattern: '<(.*)>'}", "a", ["Ada <ada@x.org>", "nobody", ""], ["ada@x.org", None, None]),
        ("net_amount: {from: a, pattern: '^([0-9.]+) of'}", "a", ["1234.50 of 2"], ["1234.50"]),
        ("paid_at: {from: a, and: b}", "a,b", ["2026-08-01,10:00", "2026-08-01,", ",", "2026-08-01,9:05:01 PM"],
         ["2026-08-01T10:00:00", "2026-08-01", None, "2026-08-01T21:05:01"]),
        ("paid_at: {from: a, and: b, formats: ['%d/%m/%y %H:%M']}", "a,b", ["01/08/26,10:00", "2026-08-01,10:00"],
         ["2026-08-01T10:00:00", "2026-08-01 10:00"]),
        ("birth_date: {from: a, formats: ['%m/%d/%Y', '%d.%m.%y']}", "a", ["08/01/1990", "01.08.90", "x"],
         ["1990-08-01", "1990-08-01", "x"]),
        ("consent_sms: a", "a", ["yes", "NO", "是", "0", "maybe", ""], ["true", "false", "true", "false", "maybe", None]),
        ("net_amount: {from: a, divide_by: 1000000}", "a", ["36150000", "-5", "0", "1.5", "x", ""],
         ["36.150000", "-0.000005", "0.000000", "0.0000015", "x", None]),
        ("timezone: a", "a", ["Hawaii", "Asia/Tokyo", "Mars", ""], ["Pacific/Honolulu", "Asia/Tokyo", "Mars", None]),
    ],
)  # fmt: skip
def test_where_a_column_comes_from(
    tmp_path: Path, column: str, header: str, cells: list[str], wanted: list[str | None]
) -> None:
    content = f"id,at,{header}\n" + "".join(f"{number},2026-08-01,{cell}\n" for number, cell in enumerate(cells))
    found = read(tmp_path, ORDERS + f"    {column}\n", content)
    assert found.column("orders", column.partition(":")[0]) == wanted


CASES = "id,at,kind,n\n1,2026-08-01,Sale,5\n2,2026-08-01,Sale of x,-1.50\n3,2026-08-01,,0.00\n4,2026-08-01,Gift,\n"


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("{column: kind, equals: Sale}", "1"),
        ("{column: kind, starts_with: Sale}", "12"),
        ("{column: kind, one_of: [Sale, Gift]}", "14"),
        ("{column: kind, is_filled: true}", "124"),
        ("{column: kind, is_empty: true}", "3"),
        ("{column: n, is_negative: true}", "2"),
        ("{column: n, is_positive: true}", "1"),
        ("{column: Art, aliases: [kind], equals: Gift}", "4"),
    ],
)
def test_conditions_say_which_rows_are_meant(tmp_path: Path, condition: str, taken: str) -> None:
    found = read(tmp_path, ORDERS + f"rows: {{orders: [{condition}]}}\n", CASES)
    assert "".join(found.column("orders", "order_id")) == taken
    assert "".join(text[0] for _, text, _ in found.broken) == "".join(sorted(set("1234") - set(taken)))
    dropped = read(tmp_path, ORDERS + f"drop_rows: [{condition}]\n", CASES)
    assert "".join(dropped.column("orders", "order_id")) == "".join(sorted(set("1234") - set(taken)))
    assert dropped.broken == []


def test_a_row_may_feed_several_entities_and_all_conditions_have_to_hold(tmp_path: Path) -> None:
    mapping = (
        ORDERS + "  refunds: {order_id: id, refunded_at: at, amount: n}\n"
        "rows:\n  refunds: [{column: n, is_negative: true}, {column: kind, starts_with: Sale}]\n"
    )
    found = read(tmp_path, mapping, CASES + "5,2026-08-02,Gift,-1\n")
    assert found.column("orders", "order_id") == ["1", "2", "3", "4", "5"]
    assert found.column("refunds", "amount") == ["-1.50"]


def test_a_condition_reads_numbers_as_their_column_writes_them(tmp_path: Path) -> None:
    mapping = ORDERS + "rows: {orders: [{column: Rest, aliases: [n], is_positive: true}]}\n"
    found = read(tmp_path, mapping, "id;at;n\n1;2026-08-01;1.234,50\n2;2026-08-01;-0,95\n")
    assert found.column("orders", "order_id") == ["1"]


RETAIL = """
files: "*.csv"
timezone: Europe/London
currency: GBP
entities:
  order_lines: {order_id: InvoiceNo, ordered_at: InvoiceDate, customer_key: CustomerID, sku: StockCode,
    product_name: Description, quantity: Quantity, unit_price: UnitPrice, country: Country}
"""


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public data are not beside the project")
def test_every_line_of_a_public_shops_days_lands(tmp_path: Path) -> None:
    (tmp_path / "retail.yml").write_text(RETAIL)
    mapping = read_mapping(tmp_path / "retail.yml")
    for path in sorted(SHARED.glob("*.csv"))[:3]:
        with path.open(newline="") as file:
            wanted = list(csv.DictReader(file))
        found = read_file(path, mapping)
        assert found.broken == []
        lines = found.rows["order_lines"]
        assert [(line["order_id"], line["quantity"], line["unit_price"]) for line in lines] == [
            (line["InvoiceNo"], line["Quantity"], line["UnitPrice"]) for line in wanted
        ]
        assert [line["ordered_at"].replace("T", " ") for line in lines] == [line["InvoiceDate"] for line in wanted]


def test_nothing_of_a_row_is_lost_and_nothing_kept_twice(tmp_path: Path) -> None:
    mapping = ORDERS + "    order_name: id\n    net_amount: n\n    full_name: {first_filled: [who, kind]}\n"
    content = 'id,at,kind,n,who,note\n="1",2026-08-01 10:00:00,a,"1,000.00",,\n2,Aug 1 2026,,2.00, Ada ,"so ""so"""\n'
    rows = read(tmp_path, mapping, content).rows["orders"]
    assert [json.loads(row["_extra"]) for row in rows] == [
        {"id": '="1"', "kind": "a", "n": "1,000.00"},
        {"who": " Ada ", "note": 'so "so"'},
    ]
    assert rows[1]["ordered_at"] == "Aug 1 2026"


def test_a_company_part_of_another_folder_shares_its_keys(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "part_of: tmall_orders\n" + ORDERS, "id,at\n1,2026-08-01\n").rows["orders"]
    assert (row["source_system"], row["system"]) == ("mine", "tmall_orders")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("part_of: nothing_known\n" + ORDERS, 1, "no other mapping 'nothing_known'"),
        ("part_of: mine\n" + ORDERS, 1, "no other mapping 'mine'"),
        (ORDERS + "    phone: {from: a, first_filled: [b]}\n", 6, "it is a header, {from"),
        (ORDERS + "    phone: {from: [a, b]}\n", 6, "it is one header"),
        (ORDERS + "    phone: {first_filled: [a], aliases: [b]}\n", 6, "name every header in first_filled"),
        (ORDERS + "    phone: {value: web, from: a}\n", 6, "it is a header, {from"),
        (ORDERS + "    phone: {value: web, optional: true}\n", 6, "needs nothing else"),
        (ORDERS + "    phone: {value: 1}\n", 6, "not a text; put it in quotes"),
        (ORDERS + "    phone: {from: a, pattern: 'x'}\n", 6, "one group"),
        (ORDERS + "    phone: {from: a, pattern: '(('}\n", 6, "not a regular expression"),
        (ORDERS + "    phone: {from: a, optional: maybe}\n", 6, "true or false"),
        (ORDERS + "    phone: {from: a, fromats: [x]}\n", 6, "no such key"),
        (ORDERS + "    phone: {from: a, divide_by: 100}\n", 6, "holds no number"),
        (ORDERS + "    net_amount: {from: a, divide_by: 3}\n", 6, "none of 10, 100"),
        (ORDERS + "    net_amount: {from: a, divide_by: true}\n", 6, "none of 10, 100"),
        ("currency: {column: a, divide_by: 100}\n" + ORDERS, 1, "holds no number"),
        (ORDERS + "    paid_at: {from: a, formats: ['%Q']}\n", 6, "no layout of a date or time"),
        (ORDERS + "    paid_at: {from: a, formats: []}\n", 6, "the list is empty"),
        (ORDERS + "    phone: [a]\n", 6, "it is a header, {from"),
        (ORDERS + "rows: [a]\n", 6, "it names entities"),
        (ORDERS + "rows: {refunds: []}\n", 6, "feeds no such entity"),
        (ORDERS + "rows:\n  orders:\n    - {column: a, equals: [b, c]}\n", 8, "several are for one_of"),
        (ORDERS + "rows:\n  orders:\n    - {column: a, one_of: b}\n", 8, "a list of texts"),
        (ORDERS + "rows:\n  orders:\n    - {column: a, is_filled: no}\n", 8, "is_filled is true"),
        (ORDERS + "drop_rows:\n  - {column: a, equals: b, starts_with: c}\n", 7, "one of equals, one_of"),
        (ORDERS + "drop_rows: {column: a}\n", 6, "it is a list of"),
        (ORDERS + "currency: {form: a}\n", 6, "it is a text, {column"),
        (ORDERS + "delimiter: ', '\n", 6, "not one character"),
        (ORDERS + "skip_lines: -1\n", 6, "not a number of lines"),
        (ORDERS + "decimal: ';'\n", 6, "is none of ., ,"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "mine.yml").write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(words)) as caught:
        check_mappings(tmp_path)
    assert f"mine.yml, line {line}" in str(caught.value)


def test_zones_by_the_names_that_rails_shows() -> None:
    assert len(RAILS_ZONES) == 152
    assert all(is_zone(name) for name in RAILS_ZONES.values())
    assert zone_name("Eastern Time (US & Canada)") == "America/New_York"
    assert zone_name("Europe/Paris") == "Europe/Paris"
    assert zone_name("Somewhere") == "Somewhere"
    assert is_zone("Somewhere") is False


def _examples() -> list[tuple[str, str, dict[str, Any]]]:
    """Every (mapping, file, rows) of the reference: a yaml block, the csv it reads, and what lands as json."""
    blocks = re.findall(r"```(yaml|csv|json)\n(.*?)```", DOCS.read_text(), re.DOTALL)
    kinds = [kind for kind, _ in blocks]
    assert kinds == ["yaml", "csv", "json"] * (len(kinds) // 3), "each mapping stands before its file and its rows"
    texts = [text for _, text in blocks]
    return [(texts[n], texts[n + 1], json.loads(texts[n + 2])) for n in range(0, len(texts), 3)]


@pytest.mark.parametrize("example", _examples(), ids=lambda example: example[0].splitlines()[0][:40])
def test_the_examples_of_the_reference(tmp_path: Path, example: tuple[str, str, dict[str, Any]]) -> None:
    mapping, content, wanted = example
    found = read(tmp_path, mapping, content)
    assert set(found.rows) == set(wanted)
    for entity, rows in wanted.items():
        assert [
            {name: row.get(name) for name in told} for row, told in zip(found.rows[entity], rows, strict=True)
        ] == rows
    assert found.broken == []


def test_the_reference_names_every_key_test_entity_and_column() -> None:
    text = DOCS.read_text()
    words = {
        *names("files format encoding delimiter skip_lines drop_rows rows timezone currency decimal part_of entities"),
        *names("from aliases first_filled and value pattern formats divide_by optional"),
        *names("equals one_of starts_with is_empty is_filled is_negative is_positive"),
        *ENTITIES,
        *(column for entity in ENTITIES.values() for column in entity.columns),
    }
    assert [word for word in sorted(words) if not re.search(rf"`[^`\n]*\b{word}\b[^`\n]*`", text)] == []
