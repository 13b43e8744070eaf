"""`make verify` compares each lake file with what the ledger sealed at its landing."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ingestion
from dagster_project import cli, verify
from dagster_project.config import House


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A home whose lake holds two loads of the tills: one sealed, one from before the ledger kept checksums."""
    home = House(home=tmp_path / "home")
    monkeypatch.setattr(House, "from_environment", classmethod(lambda cls: home))
    folder, marks = home.lake / "raw_pos" / "receipts", home.lake / "raw_pos" / "_dlt_loads"
    folder.mkdir(parents=True)
    marks.mkdir()
    ledger = ingestion.Ledger(home.lake)
    for load in ("1", "2"):
        name = f"raw_pos/receipts/{load}.a.parquet"
        pq.write_table(pa.table({"receipt_id": ["x"] * 1000}), home.lake / name)
        (marks / f"pos__{load}.jsonl").write_text("{}")
        line = {
            "load_id": load, "source_system": "pos", "source_table": "receipts", "file_name": None, "cursor_to": None,
            "content_sha256": None, "rows_landed": 1000, "rows_rejected": 0, "admitted": True, "status": "admitted",
            "files": [name],
        }  # fmt: skip
        sealed = {"seals": {name: vars(ingestion.seal(home.lake / name))}} if load == "1" else {}
        ledger.append("run1", [line | sealed])
    return home


def file(house, load):
    return house.lake / "raw_pos" / "receipts" / f"{load}.a.parquet"


def test_whole_and_what_was_never_sealed_is_said(house, capsys):
    assert cli.main(["verify"]) == 0
    said = capsys.readouterr().out
    assert "1 files were landed before the ledger kept checksums" in said
    assert "are whole" in said


def test_one_bit_is_found(house):
    content = bytearray(file(house, "1").read_bytes())
    content[len(content) // 2] ^= 1
    file(house, "1").write_bytes(content)
    assert ["1.a.parquet was changed since it was landed" in problem for problem in verify.problems(house)] == [True]


def test_another_file_with_the_same_rows_is_found(house):
    pq.write_table(pa.table({"receipt_id": ["y"] * 1000}), file(house, "1"))
    assert [problem for problem in verify.problems(house) if "was changed" in problem]


@pytest.mark.parametrize("load", ["1", "2"])
def test_a_missing_and_a_torn_file_are_told_once(house, load):
    whole = file(house, load).read_bytes()
    file(house, load).write_bytes(whole[:-20])
    assert len(list(verify.problems(house))) == 1
    file(house, load).unlink()
    assert [f"{load}.a.parquet is missing" in problem for problem in verify.problems(house)] == [True]


def test_a_file_of_no_load_is_told_and_no_problem(house, capsys):
    file(house, "3").write_bytes(b"left by a run that died")
    assert cli.main(["verify"]) == 0
    assert "raw_pos/receipts/3.a.parquet" in capsys.readouterr().out


def test_withdrawing_its_load_is_the_way_out_of_a_lost_file(house):
    file(house, "1").unlink()
    assert len(list(verify.problems(house))) == 1
    assert ingestion.Ledger(house.lake).reject("1", "command") == ["receipts"]
    assert list(verify.problems(house)) == []


def test_a_damaged_ledger_is_one_paragraph(house, capsys):
    ledger = house.lake / "_ledger" / "run1.jsonl"
    ledger.write_text("garbage\n" + ledger.read_text())
    assert cli.main(["verify"]) == 1
    assert "is damaged at line 1" in capsys.readouterr().out.replace("\n", " ")


def test_what_a_real_landing_notes(tmp_path):
    from tests.unit.test_ingestion_lake import delivery, make_source, orders

    source, ledger = make_source("shop"), ingestion.Ledger(tmp_path / "lake")
    report = ingestion.land(delivery(source, [orders(5)]), tmp_path / "lake", tmp_path / "work")
    ledger.record("run", report, "admitted", admitted=True)
    line = ledger.read()[0]
    assert line["seals"] == {name: vars(ingestion.seal(tmp_path / "lake" / name)) for name in line["files"]}
    assert json.loads((tmp_path / "lake" / "_ledger" / "run.jsonl").read_text().splitlines()[0])["seals"]
