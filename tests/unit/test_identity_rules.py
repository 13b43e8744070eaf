"""Rule files: the shipped ones are good, wrong ones are refused with line and reason, blocked values are found."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from identity import RuleError, check_rules, read_rule_file
from identity.blocked import blocked_reason
from identity.rules import OVERRIDE_COLUMNS, parse_blocked, parse_overrides, parse_rules

SEEDS = Path(__file__).parents[2] / "seeds"
HEADER = (
    "type,priority,anonymous,max_records_per_value,max_people_per_value,max_values_per_person,"
    "recycle_days,needs_agreement\n"
)


def test_the_shipped_rules_are_good_and_in_order_of_trust() -> None:
    check_rules(*(SEEDS / f"identity_{name}.csv" for name in ("rules", "blocked_values", "overrides")))
    rules = parse_rules(read_rule_file(SEEDS / "identity_rules.csv"))
    by_trust = sorted(rules, key=lambda kind: rules[kind].priority)
    assert by_trust[0] == "phone"
    assert by_trust.index("member_no") < by_trust.index("union_id") < by_trust.index("email") < by_trust.index("device")
    assert [kind for kind in rules if rules[kind].anonymous] == ["device", "cookie", "click_id"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("phone,first,n,10,,,90,n", "priority is 'first'; write a whole number from 1"),
        ("phone,,n,10,,,90,n", "priority is ''"),
        ("phone,1,maybe,10,,,90,n", "anonymous is 'maybe'; write y or n"),
        ("phone,1,n,0,,,90,n", "max_records_per_value is '0'"),
        ("phone,1,n,10,-1,,90,n", "max_people_per_value is '-1'"),
        ("phone,1,n,10,,1,90,n", "max_values_per_person is not for 'phone'"),
        ("device,1,y,10,,1,90,n", "max_values_per_person is not for the anonymous type 'device'"),
        ("phone,1,n,10,,,soon,n", "recycle_days is 'soon'"),
        (",1,n,10,,,90,n", "type is empty"),
        ("login,2,n,10,,,90,n", "type 'login' has a rule already"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "identity_rules.csv"
    path.write_text(HEADER + "login,1,n,10,,2,90,n\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        check_rules(path)
    assert f"{path}, line 4: {fault}" in str(caught.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "identity_rules.csv"
    path.write_text(HEADER + "login,x,n,10,,2,90,n\nemail,1,q,10,,,90,n\n", encoding="utf-8")
    blocked = tmp_path / "identity_blocked_values.csv"
    blocked.write_text("type,value,is_pattern,reason\nphone,(1,y,broken\nphone,1,n,\n", encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        check_rules(path, blocked)
    for part in (
        "line 2: priority",
        "line 3: anonymous",
        "line 2: '(1' is no regular expression",
        "line 3: reason is empty",
    ):
        assert part in str(caught.value)


HASH = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("soon,must-link,a,b,,,ann,same", "decided_at is 'soon'"),
        ("2026-01-01,merge,a,b,,,ann,same", "action is 'merge'; write must-link, cannot-link or drop-value"),
        ("2026-01-01,must-link,a,,,,ann,same", "other_record_key is empty"),
        ("2026-01-01,must-link,a,a,,,ann,same", "must-link names 'a' twice"),
        ("2026-01-01,cannot-link,a,b,phone,,ann,other", "type is not for cannot-link"),
        ("2026-01-01,must-link,a,b,,,,same", "decided_by is empty"),
        ("2026-01-01,must-link,a,b,,,ann,", "reason is empty"),
        ("2026-01-01,drop-value,a,,phone,123,ann,typo", "value_hash is '123'"),
        (f"2026-01-01,drop-value,a,,,{HASH},ann,typo", "type is empty"),
        (f"2026-01-01,drop-value,a,b,phone,{HASH},ann,typo", "other_record_key is not for drop-value"),
    ],
)
def test_a_wrong_override_is_refused_with_its_line(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "identity_overrides.csv"
    path.write_text(",".join(OVERRIDE_COLUMNS) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        check_rules(SEEDS / "identity_rules.csv", overrides=path)
    assert f"{path}, line 2: {fault}" in str(caught.value)


def test_overrides_come_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "identity_overrides.csv"
    lines = ["2026-01-02,must-link,a,b,,,ann,x", "2026-01-03 10:00+08:00,cannot-link,a,c,,,ann,x"]
    lines += ["2026-01-03T02:00,must-link,c,d,,,ann,x", f"2026-01-01,drop-value,a,,phone,{HASH.upper()},ann,x"]
    path.write_text(",".join(OVERRIDE_COLUMNS) + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    found = parse_overrides(read_rule_file(path))
    assert [entry.line for entry in found] == [4, 3, 2, 5]
    assert found[-1].value_hash == HASH


def test_columns_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "identity_rules.csv"
    path.write_text("type,priority,limit\nlogin,1,3\n", encoding="utf-8")
    with pytest.raises(RuleError, match=r"line 1: the file lacks the columns anonymous.*unknown column limit"):
        check_rules(path)
    path.write_text(HEADER + "login,1\n", encoding="utf-8")
    with pytest.raises(RuleError, match="line 2: the header has 8 columns"):
        check_rules(path)
    path.write_text(HEADER, encoding="utf-8")
    with pytest.raises(RuleError, match="no rules"):
        check_rules(path)
    with pytest.raises(RuleError, match="no such rule file"):
        check_rules(tmp_path / "absent.csv")


def test_typed_tables_are_rules_too() -> None:
    table = pa.table(
        {
            "type": ["login"],
            "priority": [3],
            "anonymous": [False],
            "max_records_per_value": pa.array([10.0]),
            "max_people_per_value": pa.array([None], pa.int64()),
            "max_values_per_person": [2],
            "recycle_days": pa.array([None], pa.int64()),
            "needs_agreement": ["n"],
        }
    )
    rule = parse_rules(table)["login"]
    assert (rule.priority, rule.max_records_per_value, rule.max_people_per_value) == (3, 10, None)
    assert (rule.max_values_per_person, rule.recycle_days, rule.needs_agreement) == (2, 90, False)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("phone", f"+86{n}") for n in ("13800138000", "13800000000", "12345678901", "18888888888", "0000000000")),
        *(("phone", n) for n in ("+8113800138000", "+441111111111", "0000", "12345", "n/a", "+12125550123")),
        *(("email", v) for v in ("test@qq.com", "no@qq.com", "none@shop.cn", "noreply@shop.cn", "ann@example.com")),
        *(("email", v) for v in ("no-reply+x@shop.cn", "a@b.c", "n/a", "unknown", "ann@mail.example.org")),
        *(("device", v) for v in ("00000000-0000-0000-0000-000000000000", "undefined", "-")),
        *(("member_no", v) for v in ("0000", "123456", "无", "NULL")),
    ],
)
def test_placeholders_are_blocked(kind: str, value: str) -> None:
    lines = parse_blocked(read_rule_file(SEEDS / "identity_blocked_values.csv"))
    assert blocked_reason(kind, pa.array([value]), lines)[0].as_py()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("phone", n) for n in ("+8613812345670", "+442079460018", "+12125557788", "+8613800138001", "+819087654321")),
        *(
            ("email", v)
            for v in ("norma@qq.com", "ann.test@qq.com", "contest@qq.com", "nora@shop.cn", "ann@shop.example")
        ),
        *(("member_no", v) for v in ("M00012", "100001")),
    ],
)
def test_real_values_are_not_blocked(kind: str, value: str) -> None:
    lines = parse_blocked(read_rule_file(SEEDS / "identity_blocked_values.csv"))
    assert blocked_reason(kind, pa.array([value]), lines)[0].as_py() is None


def test_a_phone_with_a_plus_is_blocked_in_its_country_only() -> None:
    table = pa.table({"type": ["phone"], "value": ["+86 139 8765 4321"], "is_pattern": ["n"], "reason": ["hotline"]})
    found = blocked_reason("phone", pa.array(["+8613987654321", "+8113987654321"]), parse_blocked(table))
    assert found.to_pylist() == ["hotline", None]
