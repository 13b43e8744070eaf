"""`python -m identity`: its four commands, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from identity.__main__ import main

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv"
    path.write_text(
        "id, mail, mobile\n1,Ann@Shop.cn,\n2,ann@shop.cn,138 1234 5670\n3,,+8613812345670\n4,bob@shop.cn,\n5,,\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        'record_id = "id"\ndefault_region = "CN"\n[identifiers]\nmail = "email"\nmobile = "phone"\n', encoding="utf-8"
    )
    return path


def test_link_and_explain(records: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, graph = tmp_path / "clusters.csv", tmp_path / "graph.parquet"
    arguments = ["link", str(records), "--config", str(config), "--out", str(out), "--graph", str(graph)]
    assert main(arguments) == 0
    assert out.read_text(encoding="utf-8").splitlines() == [
        "record_id,cluster_id,match_rule,match_confidence",
        "1,1,anchor,1",
        "2,1,email,1",
        "3,1,phone,1",
        "4,4,anchor,1",
        "5,5,anchor,1",
    ]
    assert main(["explain", "1", "3", "--graph", str(graph)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  1",
        "    | email ann@shop.cn (confidence 1)  <- weakest link",
        "  2",
        "    | phone +8613812345670 (confidence 1)",
        "  3",
    ]
    assert main(["explain", "1", "4", "--graph", str(graph)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "1 and 4 are different customers, 1 and 4: no chain of accepted links joins them.",
        "  - no identifier that one of them carries is carried by the other",
    ]
    assert main(["explain", "4", "4", "--graph", str(graph)]) == 0
    assert main(["explain", "1", "99", "--graph", str(graph)]) == 2
    assert "99 is no record of this graph, which holds 5 records" in capsys.readouterr().err


def test_parquet_and_rules(records: Path, config: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.csv"
    rules.write_text(
        "type,priority,anonymous,max_records_per_value,max_people_per_value,max_values_per_person,"
        "recycle_days,needs_agreement\nphone,1,n,1,,,,n\nemail,2,n,,,,,n\n",
        encoding="utf-8",
    )
    blocked = tmp_path / "blocked.csv"
    blocked.write_text("type,value,is_pattern,reason\nemail,ann@shop.cn,n,a mailbox of the shop\n", encoding="utf-8")
    table = pa.table({"id": [1, 2, 3], "mail": ["ann@shop.cn"] * 3, "mobile": [None, "13812345670", "13812345670"]})
    source, out = tmp_path / "records.parquet", tmp_path / "clusters.parquet"
    pq.write_table(table, source)
    whole = config.read_text(encoding="utf-8")
    config.write_text(whole + '[rules]\nfile = "rules.csv"\n', encoding="utf-8")
    assert main(["link", str(source), "--config", str(config), "--out", str(out)]) == 0
    assert pq.read_table(out)["cluster_id"].to_pylist() == ["1", "1", "1"]
    config.write_text(whole + '[rules]\nfile = "rules.csv"\nblocked = "blocked.csv"\n', encoding="utf-8")
    assert main(["link", str(source), "--config", str(config), "--out", str(out)]) == 0
    assert pq.read_table(out)["cluster_id"].to_pylist() == ["1", "2", "3"]


def test_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clusters, truth = tmp_path / "clusters.csv", tmp_path / "truth.csv"
    clusters.write_text("record_id,cluster_id,match_rule\n1,a,x\n2,a,x\n3,b,x\n", encoding="utf-8")
    truth.write_text("record_id,entity_id\n1,p\n2,p\n3,p\n", encoding="utf-8")
    assert main(["evaluate", str(clusters), "--truth", str(truth)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pairwise"] == pytest.approx({"precision": 1.0, "recall": 1 / 3, "f1": 0.5})
    assert (found["records"], found["clusters"], found["entities"], found["over_split"]) == (3, 2, 1, 1)


def test_cluster(tmp_path: Path) -> None:
    edges, out = tmp_path / "edges.parquet", tmp_path / "clusters.parquet"
    pq.write_table(pa.table({"src": [5, 9, 7], "dst": [9, 2, 8]}), edges)
    assert main(["cluster", str(edges), "--out", str(out)]) == 0
    assert pq.read_table(out).to_pydict() == {"id": [2, 5, 7, 8, 9], "cluster_id": [2, 2, 7, 7, 2]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('[fuzzy]\nmail = "surname"\n', "[fuzzy] mail is 'surname'. Known are given_name, family_name"),
        ('[fuzzy]\nid = "other"\n', "id is the record_id; it cannot be compared too"),
        ('[rules]\nfile = "absent.csv"\n', "absent.csv: there is no such rule file"),
        ("[rules]\nlimit = 3\n", "[rules] takes file, blocked, overrides"),
        ("[rules]\nfile = 3\n", "[rules] takes file, blocked, overrides"),
        ('[names]\nmobile = "phone"\n', "[names] mobile is 'phone'. Known are given_name, family_name, full_name"),
        ('[names]\nid = "full_name"\n[rules]\n', "id is the record_id"),
        ('[names]\nmobile = "given_name"\n', "[names] tell apart the people behind a value only where a rule asks"),
        ("[identifier]\n", "unknown setting identifier"),
        ("[identifiers\n", "is no TOML"),
    ],
)
def test_a_wrong_configuration_is_refused(
    records: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, message: str
) -> None:
    config.write_text(config.read_text(encoding="utf-8") + change, encoding="utf-8")
    assert main(["link", str(records), "--config", str(config), "--out", str(tmp_path / "out.csv")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[identifiers]\nmail = "email"\n', "record_id is missing"),
        ('record_id = "id"\n', "[identifiers] names no column"),
        ('record_id = "id"\n[identifiers]\nmail = "emial"\n', "unknown type emial"),
        ('record_id = "id"\n[identifiers]\nabsent = "email"\n', "there is no column absent"),
        ('record_id = "id"\ndefault_region = "China"\n[identifiers]\nmail = "email"\n', "default_region is 'China'"),
    ],
)
def test_what_a_configuration_needs(
    records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    config = tmp_path / "other.toml"
    config.write_text(text, encoding="utf-8")
    assert main(["link", str(records), "--config", str(config), "--out", str(tmp_path / "out.csv")]) == 2
    assert message in capsys.readouterr().err


def test_missing_and_wrong_files_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.parquet"
    text.write_text("no parquet", encoding="utf-8")
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    for arguments in (
        ["cluster", str(tmp_path / "absent.parquet"), "--out", str(tmp_path / "o.parquet")],
        ["cluster", str(text), "--out", str(tmp_path / "o.parquet")],
        ["cluster", str(other), "--out", str(tmp_path / "o.parquet")],
        ["evaluate", str(tmp_path / "absent.csv"), "--truth", str(tmp_path / "absent.csv")],
        ["explain", "a", "b", "--graph", str(other)],
    ):
        assert main(arguments) == 2
        assert capsys.readouterr().err.strip().count("\n") == 0


def test_the_package_is_light_until_used_and_runs_as_a_module() -> None:
    light = "import identity, sys; sys.exit(any(m in sys.modules for m in ('pyarrow', 'numpy', 'scipy', 'splink')))"
    assert subprocess.run([sys.executable, "-c", light], cwd=ROOT, check=False).returncode == 0
    wrong = subprocess.run([sys.executable, "-m", "identity"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "COMMAND" in wrong.stderr


@pytest.mark.skipif(not (DATA / "febrl").is_dir(), reason="../shared/data/febrl is absent")
@pytest.mark.parametrize(("name", "recall"), [("dataset1", 0.9), ("dataset2", 0.87)])
def test_exact_links_on_febrl(name: str, recall: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "febrl.toml"
    config.write_text('record_id = "rec_id"\n[identifiers]\nsoc_sec_id = "national_id"\n', encoding="utf-8")
    source, out, truth = DATA / "febrl" / f"{name}.csv", tmp_path / "clusters.csv", tmp_path / "truth.csv"
    ids = pacsv.read_csv(source)["rec_id"].to_pylist()
    truth.write_text("record_id,entity_id\n" + "".join(f"{i},{i.split('-')[1]}\n" for i in ids), encoding="utf-8")
    assert main(["link", str(source), "--config", str(config), "--out", str(out)]) == 0
    assert main(["evaluate", str(out), "--truth", str(truth)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pairwise"]["precision"] >= 0.99
    assert found["pairwise"]["recall"] >= recall
