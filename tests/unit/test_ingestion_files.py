"""Export files in every format, and as they go wrong: one clear message, or a broken line and the rest lands."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import text_rows
from ingestion.mapping import ExportMapping, read_mapping
from ingestion.source import BadDelivery
from tests.unit.exported import Read, read_file, workbook

MAPPING = """
files: "*"
timezone: Europe/London
currency: GBP
entities:
  order_lines:
    order_id: Order
    ordered_at: Ordered
    product_name: {from: Product, optional: true}
    quantity: Qty
    unit_price: {from: Price, optional: true}
"""
HEADER = "Order,Ordered,Product,Qty,Price\n"
ROW = "{0},2026-08-01 10:00:00,Hat,1,2.50\n"


@pytest.fixture
def mapping(tmp_path: Path) -> ExportMapping:
    return mapped(tmp_path, MAPPING)


def mapped(tmp_path: Path, text: str) -> ExportMapping:
    path = tmp_path / "shop.yml"
    path.write_text(text)
    return read_mapping(path)


def read(tmp_path: Path, mapping: ExportMapping, content: str | bytes, name: str = "a.csv") -> Read:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path, mapping)


def ids(found: Read) -> list[Any]:
    return found.column("order_lines", "order_id")


def rows(count: int, first: int = 0) -> str:
    return "".join(ROW.format(f"A{number}") for number in range(first, first + count))


WANTED = ("A1", "2026-08-01T10:00:00", "Hat", "1", "2.5")
CELLS = ["A1", "2026-08-01 10:00:00", "Hat", 1, 2.5]
TYPED = ["A1", ("time", 46235 + 10 / 24), "Hat", 1, 2.5]


def parquet() -> bytes:
    columns = {
        "Order": pa.array(["A1"]).dictionary_encode(),
        "Ordered": pa.array([1785578400 * 10**9], pa.timestamp("ns")),
        "Product": ["Hat"],
        "Qty": pa.array([1.0]),
        "Price": pa.array([Decimal("2.5")], pa.decimal128(10, 1)),
    }
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


PLAIN = HEADER + "A1,2026-08-01 10:00:00,Hat,1,2.5\n"
LINE = json.dumps(dict(zip(HEADER.strip().split(","), CELLS, strict=True))).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", PLAIN.encode()),
        ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)),
        ("a.tsv", PLAIN.replace(",", "\t").encode("utf-16")),
        ("a.txt", PLAIN.replace(",", "|").replace("\n", "\r").encode()),
        ("a.csv", PLAIN.removesuffix("\n").encode("utf-8-sig")),
        ("a.xlsx", workbook([HEADER.strip().split(","), CELLS])),
        ("a.xlsx", workbook([["A report"], [], HEADER.strip().split(","), TYPED])),
        ("a.csv", workbook([HEADER.strip().split(","), CELLS])),
        ("a.parquet", parquet()),
        ("a.jsonl", LINE),
        ("a.json.gz", gzip.compress(LINE, mtime=0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_every_format_gives_the_same_row(tmp_path: Path, mapping: ExportMapping, name: str, content: bytes) -> None:
    (row,) = read(tmp_path, mapping, content, name).rows["order_lines"]
    columns = ("order_id", "ordered_at", "product_name", "quantity", "unit_price")
    assert tuple(row[column] for column in columns) == WANTED


def test_cells_of_a_workbook_keep_their_exact_text(tmp_path: Path, mapping: ExportMapping) -> None:
    content = workbook(
        [
            ["Order", "Ordered", "Product", "Qty", "Price", "Note"],
            [6940095365123.0, ("time", 46235.5), "Hat", 0.1, 1e-7, ""],
            [7, ("time", 46236), "", -3, 1234.5, "kept"],
        ]
    )
    first, second = read(tmp_path, mapping, content, "a.xlsx").rows["order_lines"]
    assert (first["order_id"], first["ordered_at"], first["quantity"]) == (
        "6940095365123",
        "2026-08-01T12:00:00",
        "0.1",
    )
    # In a column of times a day stands for its midnight.
    assert (first["unit_price"], second["ordered_at"]) == ("0.0000001", "2026-08-02T00:00:00")
    assert (json.loads(second["_extra"]), second["_row_number"]) == ({"Note": "kept"}, 3)


def test_typed_values_of_parquet(tmp_path: Path, mapping: ExportMapping) -> None:
    columns = {
        "Order": pa.array([12345678901234567890], pa.uint64()),
        "Ordered": pa.array([datetime(2026, 8, 1, 10, 0, 0, 5000, UTC)], pa.timestamp("us", "UTC")),
        "Qty": pa.array([1.5]),
        "Day": pa.array([date(2026, 8, 1)]),
        "Nested": pa.array([{"a": [1, 2]}]),
        "Yes": pa.array([True]),
    }
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    (row,) = read(tmp_path, mapping, target.getvalue(), "a.parquet").rows["order_lines"]
    assert (row["order_id"], row["ordered_at"]) == ("12345678901234567890", "2026-08-01T10:00:00.005000Z")
    assert json.loads(row["_extra"])["Nested"] == '{"a":[1,2]}'
    assert {name: json.loads(row["_extra"])[name] for name in ("Day", "Yes")} == {"Day": "2026-08-01", "Yes": "true"}


def test_a_cell_of_many_lines_is_one_row_and_lines_keep_their_numbers(tmp_path: Path, mapping: ExportMapping) -> None:
    content = (
        HEADER
        + 'A1,2026-08-01 10:00:00,"two\nlines, ""quoted""",1,2.50\n\n'
        + 'A2,2026-08-01 10:00:00,19" wheel,1,2.50\n'
        + "A3,2026-08-01 10:00:00,Hat,1\n"
        + 'A4,2026-08-01 10:00:00,"19"" x 20""",1,2.50\n'
    )
    found = read(tmp_path, mapping, content)
    assert [(row["order_id"], row["product_name"], row["_row_number"]) for row in found.rows["order_lines"]] == [
        ("A1", 'two\nlines, "quoted"', 2),
        ("A2", '19" wheel', 5),
        ("A4", '19" x 20"', 7),
    ]
    assert found.broken == [(6, "A3,2026-08-01 10:00:00,Hat,1", "4 cells where the header has 5")]


@pytest.mark.parametrize("block", [64, 300, 1 << 23])
def test_a_quote_that_never_closes_costs_its_own_line(
    tmp_path: Path, mapping: ExportMapping, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(text_rows, "BLOCK_BYTES", block)
    monkeypatch.setattr(text_rows, "_LONGEST_CELL_LINES", 20)
    bad = 'A{0},2026-08-01 10:00:00,"Hat,1,2.50\n'
    content = HEADER + rows(30) + bad.format("X") + rows(30, 30) + bad.format("Y") + rows(5, 60)
    found = read(tmp_path, mapping, content)
    assert ids(found) == [f"A{number}" for number in range(65)]
    assert [(line, text) for line, text, _ in found.broken] == [
        (32, bad.format("X").strip()),
        (63, bad.format("Y").strip()),
    ]


@pytest.mark.parametrize("block", [40, 1000])
def test_blocks_do_not_show(
    tmp_path: Path, mapping: ExportMapping, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    content = HEADER + "".join(
        f'A{number},2026-08-01 10:00:00,"{"x" * (number % 37)}{chr(10) * (number % 3)}",1,2.50\r\n'
        for number in range(200)
    )
    whole = read(tmp_path, mapping, content).rows["order_lines"]
    monkeypatch.setattr(text_rows, "BLOCK_BYTES", block)
    in_blocks = read(tmp_path, mapping, content).rows["order_lines"]
    assert [{"_extra": None, **row} for row in in_blocks] == whole
    assert len(whole) == 200


def test_an_endless_line_is_set_aside(tmp_path: Path, mapping: ExportMapping) -> None:
    endless = b"X" * (50 << 20) + b"\n"
    found = read(tmp_path, mapping, (HEADER + rows(2)).encode() + endless + rows(2, 2).encode())
    assert ids(found) == ["A0", "A1", "A2", "A3"]
    assert found.column("order_lines", "_row_number") == [2, 3, 5, 6]
    ((line, text, reason),) = found.broken
    assert (line, len(text), reason) == (4, 10_000, "a line of more than 8 MB")
    at_the_end = read(tmp_path, mapping, (HEADER + rows(2)).encode() + endless.strip())
    assert (ids(at_the_end), at_the_end.broken[0][0]) == (["A0", "A1"], 4)


@pytest.mark.parametrize("filling", ["Hat", "Mütze"])
def test_a_wrong_byte_costs_its_line(tmp_path: Path, mapping: ExportMapping, filling: str) -> None:
    content = (HEADER + rows(20).replace("Hat", filling)).encode() + b"AX,2026-08-01 10:00:00,\xff,1,2.50\n"
    found = read(tmp_path, mapping, content + rows(1, 20).encode())
    assert ids(found) == [f"A{number}" for number in range(21)]
    ((line, text, reason),) = found.broken
    assert (line, reason) == (22, "not utf-8 text at byte 24")
    assert text.startswith("AX,")


def test_a_wrong_byte_in_gb18030_costs_its_line_too(tmp_path: Path, mapping: ExportMapping) -> None:
    content = (HEADER + rows(20).replace("Hat", "帽子")).encode("gb18030") + b"AX,2026-08-01 10:00:00,\xff,1,2.50\n"
    found = read(tmp_path, mapping, content)
    assert found.column("order_lines", "product_name") == ["帽子"] * 20
    assert [line for line, _, _ in found.broken] == [22]


def test_a_file_cut_off_inside_a_letter_is_still_utf_8(tmp_path: Path, mapping: ExportMapping) -> None:
    content = (HEADER + rows(3).replace("Hat", "连衣裙")).encode() + "AX,2026-08-01 10:00:00,帽子".encode()[:-1]
    found = read(tmp_path, mapping, content)
    assert found.column("order_lines", "product_name") == ["连衣裙"] * 3
    assert [line for line, _, _ in found.broken] == [5]
    mixed = (HEADER + rows(2).replace("Hat", "帽子")).encode("gb18030") + b"AX,2026-08-01 10:00:00,\xff,1,2.50\n"
    assert read(tmp_path, mapping, mixed).column("order_lines", "product_name") == ["帽子"] * 2


def test_concatenated_exports_repeat_their_header(tmp_path: Path, mapping: ExportMapping) -> None:
    content = HEADER + rows(2) + HEADER.replace("\n", "\r\n") + rows(2, 2) + HEADER.strip()
    found = read(tmp_path, mapping, content)
    assert (ids(found), found.broken) == (["A0", "A1", "A2", "A3"], [])
    assert found.column("order_lines", "_row_number") == [2, 3, 5, 6]


def test_rows_of_nothing_are_no_rows(tmp_path: Path, mapping: ExportMapping) -> None:
    found = read(tmp_path, mapping, HEADER + rows(1) + ",,,,\n" + "\n" + rows(1, 1))
    assert (ids(found), found.broken) == (["A0", "A1"], [])


def test_of_a_name_twice_in_the_header_the_first_is_read_and_the_second_kept(
    tmp_path: Path, mapping: ExportMapping
) -> None:
    content = "Order,Ordered,Qty,Price,Price\nA1,2026-08-01 10:00:00,1,2.50,9.99\n"
    (row,) = read(tmp_path, mapping, content).rows["order_lines"]
    assert (row["unit_price"], json.loads(row["_extra"])) == ("2.50", {"Price (5)": "9.99"})


def test_each_column_of_numbers_has_its_own_mark_and_what_contradicts_it_stays(
    tmp_path: Path, mapping: ExportMapping
) -> None:
    lines = [
        "A1;2026-08-01;1,5;1,234.50",
        "A2;2026-08-01;2,25;2.50",
        "A3;2026-08-01;2.5;1.234,50",
        "A4;2026-08-01;3;(7.00)",
    ]
    found = read(tmp_path, mapping, "Order;Ordered;Qty;Price\n" + "\n".join(lines))
    assert found.column("order_lines", "quantity") == ["1.5", "2.25", "2.5", "3"]
    assert found.column("order_lines", "unit_price") == ["1234.50", "2.50", "1.234,50", "-7.00"]
    assert json.loads(found.rows["order_lines"][0]["_extra"]) == {"Qty": "1,5", "Price": "1,234.50"}


def test_what_is_no_time_stays_as_it_was_found(tmp_path: Path, mapping: ExportMapping) -> None:
    times = ["2026-08-01 10:00:00", "2026-02-30 10:00:00", "2026-08-01T10:00:00+02:00", "01/08/2026", "", "2026-08-02"]
    content = HEADER + "".join(f"A{number},{cell},Hat,1,1\n" for number, cell in enumerate(times))
    assert read(tmp_path, mapping, content).column("order_lines", "ordered_at") == [
        "2026-08-01T10:00:00", "2026-02-30 10:00:00", "2026-08-01T08:00:00Z", "01/08/2026", None, "2026-08-02",
    ]  # fmt: skip


def archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.csv", PLAIN)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty: not even a header"),
        (b"\n\n  \n", "is empty: not even a header"),
        (b"<html><body><table><tr><td>Order</td></tr></table>", "is a web page"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html>", "is a web page"),
        (b"%PDF-1.7\nsome,binary,things\n", "none of the first 3 lines is the expected header"),
        (b"Order;Ordered;Menge\nA1;2026-08-01;1\n", "line 1 comes closest and lacks Qty"),
        (archive(), "cannot be read as a workbook"),
        (b"PK\x03\x04 and then nothing", "cannot be read as a workbook"),
        (b"PAR1 and then nothing", "cannot be read as Parquet"),
        (parquet()[:-20], "cannot be read as Parquet"),
        (workbook([["Something", "else"], ["a", "b"]]), "none of the first 2 lines is the expected header"),
        (gzip.compress(PLAIN.encode() * 5000, mtime=0)[:-100], "damaged or cut-off gzip"),
        (gzip.compress(PLAIN.encode() * 5000, mtime=0)[:15], "damaged or cut-off gzip"),
        ("Order,Ordered,Qty\nA1,2026-08-01,ü\n".encode("utf-16")[:-1], "the text is not utf-16-le"),
        (b'"' + b"x" * 400_000 + b'",Order', "is the expected header"),
        (b'{"other": 1}\n', "lacks Order, Ordered, Qty"),
    ],
)
def test_a_file_that_is_not_what_its_folder_says(
    tmp_path: Path, mapping: ExportMapping, content: bytes, words: str
) -> None:
    with pytest.raises(BadDelivery, match=words) as caught:
        read(tmp_path, mapping, content, "a.csv.gz")
    assert str(caught.value).startswith("shop/a.csv.gz")


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("where", ["header", "row"])
def test_a_million_columns_are_refused_at_once(
    tmp_path: Path, mapping: ExportMapping, delimiter: str, where: str
) -> None:
    started = time.monotonic()
    wide = delimiter.join(f"c{number}" for number in range(1_000_000))
    if where == "header":
        with pytest.raises(BadDelivery, match="5,000 are the most that are read"):
            read(tmp_path, mapping, f"{wide}\n")
    else:
        found = read(tmp_path, mapping, HEADER.replace(",", delimiter) + wide + "\n" + rows(1).replace(",", delimiter))
        assert ids(found) == ["A0"]
        assert [(line, reason.split()[0]) for line, _, reason in found.broken] == [(2, "1000000")]
    assert time.monotonic() - started < 60


def test_a_format_that_the_mapping_states_has_to_be_the_files(tmp_path: Path) -> None:
    stated = mapped(tmp_path, "format: csv\n" + MAPPING)
    with pytest.raises(BadDelivery, match="is xlsx by its content, but its mapping says `format: csv`"):
        read(tmp_path, stated, workbook([["Order"]]))
    with pytest.raises(BadDelivery, match="is no xlsx file"):
        read(tmp_path, mapped(tmp_path, "format: xlsx\n" + MAPPING), PLAIN)


def test_a_workbook_that_unpacks_beyond_measure_is_not_opened(
    tmp_path: Path, mapping: ExportMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.typed_files._LARGEST_WORKBOOK_BYTES", 1000)
    with pytest.raises(BadDelivery, match="is not opened"):
        read(tmp_path, mapping, workbook([["x" * 100_000]]), "a.xlsx")


def test_json_lines_that_are_none_are_set_aside(tmp_path: Path, mapping: ExportMapping) -> None:
    good = json.dumps({"Order": "A1", "Ordered": "2026-08-01T10:00:00Z", "Qty": 1.50, "More": {"a": None}})
    long = '{"Order": "' + "x" * (50 << 20) + '"}'
    content = "\n".join(["\ufeff" + good, "{broken", good.replace("A1", "A2"), long, "", good.replace("A1", "A3")])
    found = read(tmp_path, mapping, content, "a.jsonl")
    assert ids(found) == ["A1", "A2", "A3"]
    assert [line for line, _, _ in found.broken] == [2, 4]
    assert found.column("order_lines", "_row_number") == [1, 3, 6]


def test_a_packed_file_is_never_held_whole(tmp_path: Path, mapping: ExportMapping) -> None:
    packed = tmp_path / "a.csv.gz"
    with gzip.open(packed, "wb", compresslevel=1) as file:
        file.write(HEADER.encode())
        for _ in range(40):
            file.write(b"\x00" * (1 << 22))
        file.write(b"\n" + rows(1).encode())
    found = read_file(packed, mapping)
    assert ids(found) == ["A0"]
    assert [line for line, _, _ in found.broken] == [2]
