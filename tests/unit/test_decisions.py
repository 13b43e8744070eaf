"""Decisions count only when their run was published, survive a crash at any step, and are missed when they are lost."""

import json
import stat

import pyarrow as pa
import pytest

from dagster_project.decisions import TABLES, Decisions, Publication, rule_version
from tests.unit.history_models import Company

ROWS = pa.table({"record_key": ["a/1"], "customer_id": ["c_1"], "night": [1]})


def publication(run_id, night=1, decisions=None):
    return Publication(run_id, night, night, "2026-07-01T00:00:00+00:00", "2026-07-01T00:05:00+00:00", decisions)


def decide(decisions, run_id, night=1, publish=True):
    decisions.write_table("identity", run_id, ROWS)
    decisions.write_text("models", run_id, f"the model of {run_id}")
    if publish:
        decisions.add_publication(publication(run_id, night, decisions.checksums(run_id)))


def test_the_key_of_a_home_is_made_once_and_private(tmp_path):
    key = Decisions(tmp_path).home_key()
    assert len(key) == 32
    assert Decisions(tmp_path).home_key() == key
    assert stat.S_IMODE((tmp_path / "_decisions" / "home_key").stat().st_mode) == 0o600


def test_a_torn_last_line_is_no_publication_and_is_overwritten(tmp_path):
    decisions = Decisions(tmp_path)
    decisions.add_publication(publication("run1"))
    with open(tmp_path / "_decisions" / "publications.jsonl", "a") as handle:
        handle.write('{"run_id": "torn')
    assert [entry.run_id for entry in decisions.publications()] == ["run1"]
    decisions.add_publication(publication("run2", 2))
    assert [entry.run_id for entry in decisions.publications()] == ["run1", "run2"]


def test_what_cannot_be_written_is_not_published_without(tmp_path, monkeypatch):
    company = Company(tmp_path)
    written = Decisions.write_table

    def full(decisions, table, run_id, rows):
        if table == "identity":
            raise OSError(28, "No space left on device")
        return written(decisions, table, run_id, rows)

    monkeypatch.setattr(Decisions, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        company.run({"r1": 0})
    assert company.decisions.publications() == []


def test_only_records_new_moved_or_gone_are_decided(tmp_path):
    company = Company(tmp_path)
    company.run({"r1": 0, "r2": 0})
    company.run({"r1": 0, "r2": 0})
    company.run({"r1": 0, "r2": 1})
    company.run({"r1": 0})
    company.run({"r1": 0})
    company.run({"r1": 0, "r2": 1})
    found = [company.rows("identity", number) for number in range(6)]
    assert [[row["record_key"] for row in rows] for rows in found] == [["r1", "r2"], [], ["r2"], ["r2"], [], ["r2"]]
    assert [rows[0]["customer_id"] for rows in found[2:6] if rows] == ["c_r2", None, "c_r2"]


def test_decisions_of_a_run_that_was_not_published_are_dropped(tmp_path):
    decisions = Decisions(tmp_path)
    decide(decisions, "run1", publish=False)
    (decisions.folder / "reviews").mkdir()
    (decisions.folder / "reviews" / "run1.tmp").write_text("torn")
    assert decisions.files("identity") == []
    assert decisions.models() == []
    assert decisions.drop_unpublished() == ["run1"]
    assert [file for table in TABLES for file in (decisions.folder / table).glob("*")] == []
    decide(decisions, "run2")
    assert decisions.drop_unpublished() == []
    assert [file.name for file in decisions.files("identity")] == ["run2.parquet"]
    assert [(text, night) for _, text, night in decisions.models()] == [("the model of run2", 1)]


def test_a_lost_or_changed_decision_is_found(tmp_path):
    decisions = Decisions(tmp_path)
    decisions.home_key()
    for night in (1, 2, 3):
        decide(decisions, f"run{night}", night)
    assert list(decisions.problems()) == []
    (decisions.folder / "models" / "run1.json").write_text("another model")
    (decisions.folder / "identity" / "run2.parquet").unlink()
    (decisions.folder / "home_key").write_text("00" * 32)
    found = sorted(decisions.problems())
    assert len(found) == 3
    assert "home_key, was changed" in found[0] or "home_key, was changed" in found[2]
    assert [part for part in ("models/run1.json, was changed", "identity/run2.parquet, is missing")
            if not any(part in text for text in found)] == []  # fmt: skip


def test_a_line_taken_out_of_the_list_of_publications_is_found(tmp_path):
    decisions = Decisions(tmp_path)
    for night in (1, 2, 3):
        decide(decisions, f"run{night}", night)
    file = decisions.folder / "publications.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[2])
    assert any("was changed before the line of run run3" in text for text in decisions.problems())


def test_publications_of_an_older_version_are_read(tmp_path):
    decisions = Decisions(tmp_path)
    decisions.folder.mkdir()
    line = {"run_id": "old", "night": 1, "demo_night": 1, "as_of": "2026-07-01", "published_at": "2026-07-01"}
    (decisions.folder / "publications.jsonl").write_text(json.dumps(line) + "\n")
    decisions.write_table("identity", "old", ROWS)
    assert decisions.versions().rules is None
    assert list(decisions.problems()) == []
    (decisions.folder / "identity" / "old.parquet").unlink()
    assert len(list(decisions.problems())) == 1


def test_rules_are_noted_with_their_content_once(tmp_path):
    company = Company(tmp_path)
    company.run({"r1": 0}, overrides=[("cannot-link", "r1", "r2")])
    first = company.decisions.versions()
    assert first.rules == rule_version(tmp_path / "seeds" / "identity_rules.csv")
    assert [(o["action"], o["record_key"], o["other_record_key"]) for o in first.overrides] == [
        ("cannot-link", "r1", "r2")
    ]
    company.run({"r1": 0})
    company.rules = "phone\nemail"
    company.run({"r1": 0})
    assert sorted(company.decisions.rule_contents().values()) == ["phone", "phone\nemail"]
    kept = [len(json.loads(file.read_text())["contents"]) for file in company.decisions.files("rules")]
    assert kept == [1, 0, 1]


@pytest.mark.parametrize("text", ["phone\nemail\n", "\ufeffphone\r\nemail\r\n\r\n"])
def test_the_version_of_rules_is_that_of_their_lines(tmp_path, text):
    file = tmp_path / "identity_rules.csv"
    file.write_bytes(b"phone\nemail")
    plain = rule_version(file)
    file.write_bytes(text.encode())
    assert rule_version(file) == plain


def test_a_model_is_stored_with_the_publication_that_used_it_first(tmp_path):
    company = Company(tmp_path)
    company.run({"r1": 0}, model="one")
    company.run({"r1": 0}, model="one")
    company.run({"r1": 0}, model="two", publish=False)
    company.run({"r1": 0}, model="three")
    assert [(text, night) for _, text, night in company.decisions.models()] == [("one", 1), ("three", 3)]


def test_a_kind_that_nobody_would_take_back_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="neither checked nor taken back"):
        Decisions(tmp_path).write_text("opinions", "run1", "{}")
    assert not (tmp_path / "_decisions" / "opinions").exists()
