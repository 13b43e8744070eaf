"""`mappings/pos.yml`: refused with file and line where it is wrong; what it makes of a till with other names."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import (
    BadDelivery,
    ConfigurationError,
    check_mappings,
    sources,
)
from ingestion.arrow_text import wall_clock_to_utc
from ingestion.changed_rows import changed_rows
from ingestion.mapping import load_mappings
from ingestion.till_mapping import read_mapping
from ingestion.till_tables import TABLES
from tests.unit.pulled import TillHome

POS = sources()["pos"]
NOW = datetime(2026, 8, 10, tzinfo=UTC)

# A German till: its own names, local times, no change time of lines, one shop and no table for it, no members.
MAPPING = """\
timezone: Europe/Berlin
tables:
  stores:
    rows:
      - {store_id: B1, name: Laden, timezone: Europe/Berlin, currency: EUR}
  members:
    rows: []
  receipts:
    from: bon
    where: mandant = '1'
    change_column: {sql: "coalesce(geaendert, zeit)"}
    leave_out: [unterschrift]
    columns:
      receipt_id: nr
      store_id: {value: B1}
      kind: {from: typ, values: {V: sale, 7: return}}
      sold_at: zeit
      currency: {value: EUR}
      total_amount: {sql: "abs(betrag)"}
      status: {from: storno, values: {J: voided, N: completed}}
  receipt_lines:
    from: bon_position
    change_column: null
    columns: {receipt_id: bon_nr, line_no: pos, quantity: menge, unit_price: preis, sku: artikel}
"""


class Till(TillHome):
    """A home on a SQLite till with names of its own."""

    def __init__(self, root: Path) -> None:
        self.path, self.mappings = root / "kasse.sqlite", root / "mappings"
        super().__init__(root, f"sqlite:///{self.path}", NOW, [self.mappings])
        self.mappings.mkdir()
        (self.mappings / "pos.yml").write_text(MAPPING)
        self.execute(
            "create table bon (nr integer, mandant text, typ text, zeit text, betrag real, storno text,"
            " geaendert text, unterschrift blob, kasse text)",
            "create table bon_position (bon_nr integer, pos integer, menge integer, preis real, artikel text)",
            "insert into bon values (1, '1', 'V', '2026-08-01 10:00:00', 20.5, 'N', null, x'ff00', 'K1'),"
            " (2, '1', '7', '2026-03-29 02:30:00', -5.25, 'J', '2026-08-02T09:00:00.5', null, 'K1'),"
            " (3, '1', 'X', '2026-08-01T08:00:00Z', 1.0, 'N', null, null, null),"
            " (4, '2', 'V', '2026-08-01 10:00:00', 1.0, 'N', null, null, null)",
            "insert into bon_position values (1, 1, 2, 10.25, 'A'), (2, 1, 1, 5.25, null)",
        )

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            for statement in statements:
                database.execute(statement)

    def landed(self, now: datetime = NOW) -> dict[str, int]:
        return {name: table.rows_landed for name, table in self.pull(now).tables.items()}


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def test_a_till_with_other_names_lands_in_the_standard_tables(till: Till) -> None:
    assert till.landed() == {"stores": 1, "members": 0, "receipts": 3, "receipt_lines": 2}
    assert till.read(
        "select receipt_id, store_id, kind, sold_at, total_amount, status, updated_at, _extra"
        " from raw_pos.receipts order by 1"
    ) == [
        ("1", "B1", "sale", "2026-08-01T08:00:00Z", "20.5", "completed", "2026-08-01T08:00:00Z",
         '{"mandant": "1", "betrag": "20.5", "geaendert": null, "kasse": "K1"}'),
        ("2", "B1", "return", "2026-03-29 02:30:00 does not exist in Europe/Berlin", "5.25", "voided",
         "2026-08-02T07:00:00.500000Z",
         '{"mandant": "1", "betrag": "-5.25", "geaendert": "2026-08-02T09:00:00.5", "kasse": "K1"}'),
        ("3", "B1", "X", "2026-08-01T08:00:00Z", "1.0", "completed", "2026-08-01T08:00:00Z",
         '{"mandant": "1", "betrag": "1.0", "geaendert": null, "kasse": null}'),
    ]  # fmt: skip
    assert till.read(
        "select receipt_id, line_no, quantity, unit_price, sku, updated_at from raw_pos.receipt_lines"
    ) == [
        ("1", "1", "2", "10.25", "A", "2026-08-10T00:00:00Z"),
        ("2", "1", "1", "5.25", None, "2026-08-10T00:00:00Z"),
    ]
    assert till.read("select store_id, name, timezone, updated_at from raw_pos.stores") == [
        ("B1", "Laden", "Europe/Berlin", "2026-08-10T00:00:00Z")
    ]


def test_of_a_table_pulled_whole_only_what_changed_lands(till: Till) -> None:
    till.pull()
    # The receipts are those of the look-back window.
    assert till.landed(NOW + timedelta(days=1)) == {"stores": 0, "members": 0, "receipts": 3, "receipt_lines": 0}
    till.execute(
        "update bon_position set menge = 3 where bon_nr = 1", "insert into bon_position values (3, 1, 1, 1.0, 'C')"
    )
    assert till.landed(NOW + timedelta(days=2))["receipt_lines"] == 2
    # Back to what it was before: a version of its own, or the one between would stay the newest.
    till.execute("update bon_position set menge = 2 where bon_nr = 1")
    assert till.landed(NOW + timedelta(days=3))["receipt_lines"] == 1
    assert till.read(
        "select quantity, updated_at from raw_pos.receipt_lines where receipt_id = '1' order by updated_at"
    ) == [("2", "2026-08-10T00:00:00Z"), ("3", "2026-08-12T00:00:00Z"), ("2", "2026-08-13T00:00:00Z")]


def test_a_withdrawn_load_of_a_whole_table_lands_again(till: Till) -> None:
    report = till.pull()
    till.ledger.reject(report.load_id, "by hand")
    assert till.landed() == {"stores": 1, "members": 0, "receipts": 3, "receipt_lines": 2}


def test_a_row_that_never_got_a_change_time_is_not_lost(till: Till) -> None:
    mapping = till.mappings / "pos.yml"
    mapping.write_text(MAPPING.replace('{sql: "coalesce(geaendert, zeit)"}', "geaendert"))
    till.pull()
    till.execute("insert into bon values (5, '1', 'V', '2026-08-09 10:00:00', 7, 'N', null, null, null)")
    till.pull()
    assert till.read("select count(*) from raw_pos.receipts where receipt_id = '5'") == [(1,)]


def test_what_a_till_lacks_is_said_for_all_tables_at_once(till: Till) -> None:
    till.execute("alter table bon rename column betrag to summe", "alter table bon rename column typ to art")
    till.execute("drop table bon_position")
    mapping = till.mappings / "pos.yml"
    mapping.write_text(MAPPING.replace('{sql: "abs(betrag)"}', "betrag"))
    with pytest.raises(BadDelivery, match=r"bon has no column betrag, typ; it has no table bon_position.*pos\.yml"):
        till.pull()


def test_a_change_column_that_tells_no_time_is_refused(till: Till) -> None:
    (till.mappings / "pos.yml").write_text(MAPPING.replace("change_column: null", "change_column: pos"))
    with pytest.raises(BadDelivery, match="column pos of table bon_position is a number"):
        till.pull()


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        (2, "timezone: UTC\ntabels: {}", "no such key"),
        (1, "timezone: Europe/Berlin", "`tables` is missing"),
        (1, "timezone: Mars/Base\ntables: {stores: {}}", "no time zone"),
        (1, "tables: {shops: {}}", "there are stores, members, receipts, receipt_lines"),
        (3, "tables:\n  stores:\n    form: x", "no such key"),
        (4, "tables:\n  stores:\n    columns:\n      colour: x", "no column of stores"),
        (4, "tables:\n  stores:\n    columns:\n      updated_at: x", "name it there"),
        (4, "tables:\n  stores:\n    columns:\n      name: {from: x, sql: y}", "{value: …}"),
        (4, "tables:\n  stores:\n    columns:\n      name: {from: x, aliases: [y]}", "no such key"),
        (4, "tables:\n  stores:\n    columns:\n      name: {value: 3}", "put it in quotes"),
        (
            5,
            "tables:\n  receipts:\n    columns:\n      kind:\n        {from: t, values: {yes: sale}}",
            "put it in quotes",
        ),
        (3, "tables:\n  stores:\n    change_column: {value: x}", "nothing tells when"),
        (3, "tables:\n  stores:\n    rows: {}", "list of rows"),
        (4, "tables:\n  stores:\n    rows:\n      - {store_id: '1', currency: EUR}", "`timezone` is needed"),
        (4, "tables:\n  stores:\n    from: x\n    rows: []", "no other key"),
        (1, "tables: [", "not valid YAML"),
    ],
)
def test_a_wrong_mapping_is_refused_with_file_and_line(tmp_path: Path, line: int, text: str, words: str) -> None:
    path = tmp_path / "pos.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        check_mappings(tmp_path)
    assert str(caught.value).startswith(f"{path}, line {line}"), str(caught.value)
    assert words in str(caught.value)


def test_the_mapping_of_tills_is_no_export(till: Till) -> None:
    check_mappings(till.mappings)
    assert "pos" not in load_mappings([till.mappings])


def test_the_example_in_the_docs_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sources" / "pos.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert examples
    for number, example in enumerate(examples):
        path = tmp_path / str(number) / "pos.yml"
        path.parent.mkdir()
        path.write_text(example)
        assert read_mapping(path).tables


LINES = next(table for table in TABLES if table.name == "receipt_lines")
CELL = st.one_of(st.none(), st.sampled_from(["", "a", "ab", "b", "1:a", "-"]))


@settings(max_examples=40, deadline=None)
@given(
    nights=st.lists(st.dictionaries(st.sampled_from("123"), st.tuples(CELL, CELL), max_size=3), min_size=1, max_size=4),
    split=st.integers(1, 3),
)
def test_the_newest_landed_versions_are_the_table_however_it_changed(
    tmp_path_factory: pytest.TempPathFactory,
    nights: list[dict[str, tuple[str | None, str | None]]],
    split: int,
) -> None:
    folder, files, newest = tmp_path_factory.mktemp("lake"), [], {}
    for night, content in enumerate(nights):
        rows = [{"receipt_id": key, "line_no": "1", "sku": sku, "_extra": more} for key, (sku, more) in content.items()]
        schema = pa.schema([(name, pa.string()) for name in ("receipt_id", "line_no", "sku", "_extra")])
        batches = [pa.Table.from_pylist(rows[at : at + split], schema) for at in range(0, len(rows), split)]
        changed = [row for one in changed_rows(LINES, files, batches, f"night {night}") for row in one.to_pylist()]
        assert all(newest.get(row["receipt_id"]) != (row["sku"], row["_extra"]) for row in changed)
        newest |= {row["receipt_id"]: (row["sku"], row["_extra"]) for row in changed}
        assert {key: newest[key] for key in content} == content
        if changed:
            files.append(folder / f"{night}.parquet")
            table = pa.Table.from_pylist(
                [{**row, "_dlt_load_id": str(night), "_row_number": at} for at, row in enumerate(changed)]
            )
            pa.parquet.write_table(table, files[-1])


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-01 00:00:00", "2025-12-31T23:00:00Z"),
        ("2026-07-01T10:00", "2026-07-01T08:00:00Z"),
        ("2026-07-01", "2026-06-30T22:00:00Z"),
        ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-03-29 02:30:00", "2026-03-29 02:30:00 does not exist in Europe/Berlin"),
        ("2026-07-01T10:00:00+02:00", "2026-07-01T10:00:00+02:00"),
        ("2026-13-01 10:00:00", "2026-13-01 10:00:00"),
        (None, None),
    ],
)
def test_a_wall_clock_is_turned_into_utc(text: str | None, utc: str | None) -> None:
    assert wall_clock_to_utc(pa.array([text], pa.string()), ZoneInfo("Europe/Berlin")).to_pylist() == [utc]


def test_extra_columns_are_json(till: Till) -> None:
    till.pull()
    for (text,) in till.read("select _extra from raw_pos.receipts"):
        assert isinstance(json.loads(str(text)), dict)
