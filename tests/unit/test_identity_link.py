"""Linking a file with rules: decisions of people, names behind a shared value, hashed columns."""

from __future__ import annotations

import csv
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest

from identity.__main__ import main
from identity.link import without_hashes

RULES = (
    "type,priority,anonymous,max_records_per_value,max_people_per_value,max_values_per_person,recycle_days,"
    "needs_agreement\nphone,1,n,,4,,,y\nemail,2,n,,,,,n\n"
)
OVERRIDES = "decided_at,action,record_key,other_record_key,type,value_hash,decided_by,reason\n"


def link(folder: Path, records: str, config: str, **files: str) -> dict[str, str]:
    """The cluster of each record of a file."""
    (folder / "records.csv").write_text(records, encoding="utf-8")
    (folder / "config.toml").write_text(config, encoding="utf-8")
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    out = folder / "clusters.csv"
    graph = ["--graph", str(folder / "graph.parquet")]
    assert (
        main(["link", str(folder / "records.csv"), "--config", str(folder / "config.toml"), "--out", str(out), *graph])
        == 0
    )
    with out.open(encoding="utf-8", newline="") as stream:
        return {row["record_id"]: row["cluster_id"] for row in csv.DictReader(stream)}


def test_names_tell_apart_the_people_behind_a_phone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = (
        "id,first,last,born,mobile\n1,Anna,Weber,,13812345670\n2,Bert,Weber,,13812345670\n3,A.,Weber,,13812345670\n"
    )
    records += "4,,,1990-02-01,13812345671\n5,,,1961-03-04,13812345671\n"
    config = 'record_id = "id"\ndefault_region = "CN"\n[identifiers]\nmobile = "phone"\n'
    named = (
        config
        + '[names]\nfirst = "given_name"\nlast = "family_name"\nborn = "date_of_birth"\n[rules]\nfile = "rules.csv"\n'
    )
    assert link(tmp_path, records, config) == {"1": "1", "2": "1", "3": "1", "4": "4", "5": "4"}
    assert link(tmp_path, records, named, rules=RULES) == {"1": "1", "2": "2", "3": "1", "4": "4", "5": "5"}
    capsys.readouterr()
    assert main(["explain", "1", "2", "--graph", str(tmp_path / "graph.parquet")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "1 and 2 are different customers, 1 and 2: no chain of accepted links joins them.",
        "  - both carry phone +8613812345670, which joins only some or none of its records: shared, its carriers "
        "contradict each other",
    ]


def test_columns_of_fuzzy_that_hold_names_serve_as_names(tmp_path: Path) -> None:
    records = "id,first,mobile\n" + "".join(
        f"{at},{name},1381234567{at % 10}\n" for at, name in enumerate(["Anna", "Bert", "Carl", "Dora"] * 5)
    )
    config = 'record_id = "id"\ndefault_region = "CN"\n[identifiers]\nmobile = "phone"\n[fuzzy]\nfirst = "given_name"\n'
    found = link(tmp_path, records, config + '[rules]\nfile = "rules.csv"\n', rules=RULES)
    # Records ten apart have one number, and the names of a cycle of four differ there.
    assert all(found[str(at)] != found[str(at + 10)] for at in range(10))


def test_decisions_name_the_records_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = "id,mail\n1,ann@shop.cn\n2,ann@shop.cn\n3,\n4,bob@shop.cn\n5,bob@shop.cn\n"
    config = 'record_id = "id"\n[identifiers]\nmail = "email"\n[rules]\noverrides = "overrides.csv"\n'
    digest = sha256(b"email\x1fbob@shop.cn").hexdigest()[:32]
    overrides = (
        OVERRIDES
        + "2026-01-01,must-link,2,3,,,ann,asked\n2026-01-02,cannot-link,1,2,,,ann,asked\n"
        + f"2026-01-03,drop-value,5,,email,{digest},ann,asked\n2026-01-01,must-link,1,9,,,ann,asked\n"
        + "2026-01-01,must-link,1,2,,,ann,asked\n"
    )
    assert link(tmp_path, records, config, overrides=overrides) == {"1": "1", "2": "2", "3": "2", "4": "4", "5": "5"}
    assert capsys.readouterr().err.splitlines() == [
        "identity: override in line 5 (must-link 1) is inert: there is no record 9.",
        "identity: override in line 6 (must-link 1) is set aside: newer decisions say cannot-link.",
    ]
    assert main(["explain", "1", "2", "--graph", str(tmp_path / "graph.parquet")]) == 1
    shown = capsys.readouterr().out
    assert "a person decided cannot-link 1 – 2\n" in shown
    assert "a person decided must-link 1 – 2, set aside: newer decisions say cannot-link" in shown


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OVERRIDES + "2026-01-01,join,1,2,,,ann,asked\n", "overrides.csv, line 2: action is 'join'"),
        (OVERRIDES + "2026-01-01,must-link,1,1,,,ann,asked\n", "overrides.csv, line 2: must-link names '1' twice"),
        ("action,record_key\n", "overrides.csv, line 1: the file lacks the columns decided_at"),
        ("", "overrides.csv is empty"),
    ],
)
def test_a_wrong_file_of_decisions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    (tmp_path / "records.csv").write_text("id,mail\n1,ann@shop.cn\n", encoding="utf-8")
    (tmp_path / "overrides.csv").write_text(text, encoding="utf-8")
    config = tmp_path / "config.toml"
    config.write_text(
        'record_id = "id"\n[identifiers]\nmail = "email"\n[rules]\noverrides = "overrides.csv"\n', "utf-8"
    )
    out = tmp_path / "out.csv"
    assert main(["link", str(tmp_path / "records.csv"), "--config", str(config), "--out", str(out)]) == 2
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_columns_of_hashes_match_columns_of_plain_values(tmp_path: Path) -> None:
    digest = sha256(b"ann@shop.cn").hexdigest()
    phone = sha256(b"8613812345670").hexdigest().upper()
    records = f"id,mail,mail_hash,mobile,mobile_hash\n1,Ann@Shop.cn,,,\n2,,{digest},,{phone}\n3,,,138 1234 5670,\n"
    records += f"4,{digest},,,\n5,bob@shop.cn,,,\n"
    config = 'record_id = "id"\ndefault_region = "CN"\n[identifiers]\nmail = "email"\nmail_hash = "email_sha256"\n'
    config += 'mobile = "phone"\nmobile_hash = "phone_sha256"\n'
    assert link(tmp_path, records, config) == {"1": "1", "2": "1", "3": "1", "4": "1", "5": "5"}


def test_a_hash_is_no_text_to_be_compared_letter_by_letter() -> None:
    digest = sha256(b"ann@shop.cn").hexdigest()
    rows = pa.table(
        {"mail": ["ann@shop.cn", digest, f" SHA256:{digest.upper()}", None], "name": ["a", digest, None, "b"]}
    )
    kept = without_hashes(rows, ["mail"])
    assert kept["mail"].to_pylist() == ["ann@shop.cn", None, None, None]
    assert kept["name"].equals(rows["name"])
