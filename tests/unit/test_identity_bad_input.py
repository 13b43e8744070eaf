"""Bad input has a defined outcome or a clear error: values, records, decisions and files as nobody wants them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import identity
from identity.__main__ import main
from identity.rules import read_rule_file
from tests.unit.resolution_by_definition import Assertion, Decision
from tests.unit.resolution_by_definition import Record as Named
from tests.unit.resolution_by_definition import run as resolve
from tests.unit.test_identity_resolution import Record, partition, run

CONFIG = 'record_id = "id"\ndefault_region = "CN"\n[identifiers]\nmail = "email"\nmobile = "phone"\n'
FUZZY = CONFIG + '[fuzzy]\nname = "full_name"\n'


@pytest.fixture
def link(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Link bytes as a file; the exit code, the lines of the clusters and what was said."""

    def call(content: bytes, config: str = CONFIG, name: str = "records.csv") -> tuple[int, list[str], str]:
        (tmp_path / name).write_bytes(content)
        (tmp_path / "config.toml").write_text(config, encoding="utf-8")
        out = tmp_path / "out.csv"
        out.unlink(missing_ok=True)
        code = main(["link", str(tmp_path / name), "--config", str(tmp_path / "config.toml"), "--out", str(out)])
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
        return code, lines, capsys.readouterr().err

    return call


def alone(keys: str) -> set[frozenset[str]]:
    return set(map(frozenset, keys))


def test_without_any_identifier_everybody_is_alone(link) -> None:
    assert partition(run([Record("a"), Record("b")], [])) == alone("ab")
    assert partition(run([Record("a"), Record("b")], [(key, "phone", None, 1) for key in "ab"])) == alone("ab")
    code, lines, _ = link(b"id,mail,mobile\n1,,\n2,,\n")
    assert (code, lines[1:]) == (0, ["1,1,anchor,1", "2,2,anchor,1"])


def test_with_all_identifiers_blocked_everybody_is_alone() -> None:
    result = run([Record("a"), Record("b")], [(key, "email", "test@shop.cn", 1) for key in "ab"])
    assert partition(result) == alone("ab")
    assert [(row["status"], row["reason"]) for row in result.values.to_pylist()] == [("blocked", "placeholder")]


def test_in_a_cycle_of_decisions_that_contradict_each_other_the_newest_hold() -> None:
    records = [Named(key) for key in "abcd"]
    cycle = [
        Decision(1, "must-link", "a", "b"),
        Decision(2, "cannot-link", "b", "c"),
        Decision(3, "must-link", "c", "d"),
        Decision(4, "must-link", "d", "a"),
        Decision(5, "cannot-link", "d", "c"),
        Decision(6, "must-link", "b", "d"),
    ]
    result = resolve(records, [], cycle)
    status = {row["line"]: row["status"] for row in result.overrides.to_pylist()}
    # Lines 7 to 2, newest first: b and d; not d and c; d and a; c and d is too late; b and c agrees; a and b are one.
    assert status == {2: "accepted", 3: "accepted", 4: "set aside", 5: "accepted", 6: "accepted", 7: "accepted"}
    assert partition(result) == {frozenset("abd"), frozenset("c")}
    assert [(row["reason"], row["left_record"], row["right_record"]) for row in result.reviews.to_pylist()] == [
        ("overrides_contradict", "c", "d")
    ]
    assert resolve(records, [], reversed(cycle)).members.equals(result.members)


def test_the_same_record_id_from_two_sources_is_two_records() -> None:
    records = [Record("pos/customer/1"), Record("shopify/customer/1", source="shopify")]
    assert len(partition(run(records, [(r.key, "login", f"l{at}", 1) for at, r in enumerate(records)]))) == 2
    # They are one person like any two records: by what they carry.
    assert len(partition(run(records, [(r.key, "login", "l", 1) for r in records]))) == 1


def test_a_record_id_that_stands_twice_in_a_file_is_one_record(link) -> None:
    rows = b"id,mail,mobile\n1,ann@shop.cn,\n1,,13812345670\n2,ann@shop.cn,\n3,,13812345670\n"
    code, lines, _ = link(rows)
    assert (code, lines[1:]) == (0, ["1,1,anchor,1", "2,1,email,1", "3,1,phone,1"])


@pytest.mark.parametrize("kind", ["phone", "email", "login", "member_no", "device", "cookie"])
def test_a_value_of_ten_thousand_characters_is_unusable_and_shown_short(kind: str) -> None:
    for value in ("9" * 10_000, "x" * 9_990 + "@shop.cn", "名" * 10_000):
        result = run([Record("a"), Record("b")], [(key, kind, value, 1) for key in "ab"])
        assert partition(result) == alone("ab")
        (row,) = result.values.to_pylist()
        assert row["status"] == "unusable"
        assert "longer than" in row["reason"]
        assert len(row["value"]) <= 80


@pytest.mark.parametrize("kind", ["phone", "email", "login", "member_no", "device"])
@pytest.mark.parametrize("value", ["", " ", "\u3000", "\x00", "\u200b\u200e", "\r\n\t", "\ufeff"])
def test_a_value_without_a_letter_links_nobody(kind: str, value: str) -> None:
    result = run([Record("a"), Record("b")], [(key, kind, value, 1) for key in "ab"])
    assert partition(result) == alone("ab")
    assert set(result.values["status"].to_pylist()) == {"unusable"}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("phone", "138\x00 1234\x1b5670", "13812345670"),
        ("phone", "\u202a13812345670\u202c", "+86 138-1234-5670"),
        ("email", "ann\x07@shop.cn", "ann@shop.cn"),
        ("login", "ann\u00ad.li\r\n", "ann.li"),
        ("member_no", "\ufeffM-1", "m\u20111"),
    ],
)
def test_control_and_invisible_characters_are_no_difference(kind: str, one: str, other: str) -> None:
    assert partition(run([Record("a"), Record("b")], [("a", kind, one, 1), ("b", kind, other, 1)])) == {frozenset("ab")}


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("email", "аnn@shop.cn", "ann@shop.cn", False),  # a Cyrillic letter in a Latin mailbox
        ("login", "王ann", "王ＡＮＮ", True),
        ("member_no", "会员００１", "会员001", True),
        ("phone", "电话：１３８ 1234-５６７０", "13812345670", True),
        ("phone", "一三八12345670", "13812345670", False),
    ],
)
def test_mixed_scripts_are_read_as_they_are(kind: str, one: str, other: str, same: bool) -> None:
    result = run([Record("a"), Record("b")], [("a", kind, one, 1), ("b", kind, other, 1)])
    assert (len(partition(result)) == 1) is same


def test_names_of_mixed_scripts_contradict_nobody() -> None:
    rows = [Assertion(key, "phone", "13912345670", 0) for key in "abc"]
    records = [Named("a", "Анна"), Named("b", "Anna"), Named("c", "安娜Anna\x00")]
    assert partition(resolve(records, rows)) == {frozenset("abc")}


def test_a_type_without_a_rule_is_named() -> None:
    with pytest.raises(
        identity.RuleError, match=r"no rule for the identifier types passport, sim, which the data holds"
    ):
        run([Record("a")], [("a", "passport", "1", 1), ("a", "sim", "1", 1), ("a", "login", "1", 1)])


def test_a_file_whose_rules_lack_a_type_is_refused(link, tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_text(
        "type,priority,anonymous,max_records_per_value,max_people_per_value,max_values_per_person,recycle_days,"
        "needs_agreement\nphone,1,n,,,,,n\n",
        encoding="utf-8",
    )
    code, lines, told = link(b"id,mail,mobile\n1,,\n", CONFIG + '[rules]\nfile = "rules.csv"\n')
    assert (code, lines) == (2, [])
    assert "rules.csv: no rule for email" in told


def test_a_record_without_an_id_is_refused(link) -> None:
    assert link(b"id,mail,mobile\n1,,\n,ann@shop.cn,\n \t,,\n")[::2] == (
        2,
        "identity: 2 rows have no id. Give every record its id.\n",
    )


@pytest.mark.parametrize("config", [CONFIG, FUZZY])
def test_a_file_with_a_header_only_has_no_clusters(link, config: str) -> None:
    code, lines, _ = link(b"id,mail,mobile,name\n", config)
    assert (code, lines) == (0, ["record_id,cluster_id,match_rule,match_confidence"])


def test_an_empty_parquet_file_has_no_clusters(link, tmp_path: Path) -> None:
    table = pa.table({name: pa.nulls(0, pa.string()) for name in ("id", "mail", "mobile")})
    pq.write_table(table, tmp_path / "source.parquet")
    code, lines, _ = link((tmp_path / "source.parquet").read_bytes(), name="records.parquet")
    assert (code, lines) == (0, ["record_id,cluster_id,match_rule,match_confidence"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "records.csv"),
        (b"\n\n", "there is no column id"),
        ("id,mail,mobile\n1,王安@shop.cn,\n".encode("gb18030"), "is not UTF-8 text. Save it as UTF-8"),
        ("编号,mail,mobile\n1,,\n".encode("gb18030"), "is not UTF-8 text. Save it as UTF-8"),
        ("id,mail,mobile\n1,,\n".encode("utf-16"), "is not UTF-8 text. Save it as UTF-8"),
        ("id,mail,mobile\n1,M\u00fcller@shop.de,\n".encode("latin-1"), "is not UTF-8 text. Save it as UTF-8"),
        (b"id,mail,mobile\n1,,\n2,,,\n", "CSV parse error"),
        (b"id,mail,mail\n1,,\n", "there is no column mobile"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_name(link, content: bytes, told: str) -> None:
    code, lines, error = link(content)
    assert (code, lines) == (2, [])
    assert told in error
    assert "records.csv" in error
    assert "Traceback" not in error


def test_a_byte_order_mark_and_other_line_ends_are_no_fault(link) -> None:
    code, lines, _ = link("\ufeffid, mail,mobile\r\n1,ann@shop.cn,\r\n2,Ann@shop.cn,\r\n".encode())
    assert (code, lines[1:]) == (0, ["1,1,anchor,1", "2,1,email,1"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        ("type,value,is_pattern,reason\nphone,1,n,占位符\n".encode("gb18030"), "is not UTF-8 text"),
        (b"type,value,value\n", "two columns of the header have the same name"),
        (b"type,value\nphone\n", "line 2: the header has 2 columns"),
    ],
)
def test_a_rule_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "identity_blocked_values.csv"
    file.write_bytes(content)
    with pytest.raises(identity.RuleError, match=told) as refusal:
        read_rule_file(file)
    assert "identity_blocked_values.csv" in str(refusal.value)
