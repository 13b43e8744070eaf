"""Attributes of people: when two statements are the same, and which are no answer."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest

import identity
from identity.attributes import ONLY_A_HASH

SHIPPED = identity.read_rule_file(Path(__file__).parents[2] / "seeds" / "identity_blocked_values.csv")


def one(attribute: str, text: str | None, region: str | None = "CN") -> tuple[str | None, str | None]:
    found = identity.comparable_values(
        attribute, pa.array([text], pa.string()), pa.array([region], pa.string()), SHIPPED
    )
    return found.value[0].as_py(), found.reason[0].as_py()


@pytest.mark.parametrize(
    ("attribute", "text", "expected"),
    [
        ("phone", "138 1234 5670", "+8613812345670"),
        ("phone", "+86-13812345670", "+8613812345670"),
        ("email", "An.N@GoogleMail.com", "ann@gmail.com"),
        ("full_name", "  Ann\u3000 LI ", "ann li"),
        ("full_name", "Li, Ann", "ann li"),
        ("full_name", "Dr. Ann Li", "ann li"),
        ("full_name", "王 安", "王安"),
        ("full_name", "安琪 王", "王安琪"),
        ("full_name", "王安琪女士", "王安琪"),
        ("full_name", "Test Weber", "test weber"),
        ("full_name", "Guest-Lee", "guest-lee"),
        ("full_name", "Müller", "müller"),
        ("city", "ＳＨＡＮＧＨＡＩ", "shanghai"),
        ("country", "CN", "cn"),
        ("gender", "female", "female"),
        ("birth_date", "1990-01-01", "1990-01-01"),
        ("member_level", "Gold", "gold"),
    ],
)
def test_statements_in_one_spelling(attribute: str, text: str, expected: str) -> None:
    assert one(attribute, text) == (expected, None)


@pytest.mark.parametrize(
    ("attribute", "texts"),
    [
        (
            "full_name",
            ["", " ", None, "test", "Guest", "WALK-IN Customer", "匿名", "散客", "n/a", "-", "xxx", "unknown"],
        ),
        ("full_name", ["13812345670", "Caller +86 138 1234 5670", "来电 13812345670", "ann@shop.cn"]),
        ("phone", ["13800138000", "+86 138 0013 8000", "0000", "11111111111", "unknown", "12345", ""]),
        ("email", ["test@shop.cn", "no-reply@shop.cn", "none", "ann", ""]),
        ("city", ["Unknown", "其他", "无", "Test", "?"]),
        ("country", ["XX", "n/a"]),
        ("birth_date", ["1900-01-01", "1970-01-01", "0001-01-01"]),
        ("gender", ["unknown", "0", "保密", "U"]),
        ("member_level", ["none", "0"]),
    ],
)
def test_what_is_no_answer(attribute: str, texts: list[str | None]) -> None:
    for text in texts:
        value, reason = one(attribute, text)
        assert value is None, text
        assert reason, text


@pytest.mark.parametrize("attribute", ["phone", "email"])
def test_a_hash_reaches_nobody(attribute: str) -> None:
    assert one(attribute, sha256(b"ann@shop.cn").hexdigest()) == (None, ONLY_A_HASH)
    assert one(attribute, sha256(b"").hexdigest())[0] is None


def test_the_lists_case_does_not_matter_for_attributes() -> None:
    blocked = pa.table({"type": ["city"], "value": ["Nowhere"], "is_pattern": ["n"], "reason": ["no such place"]})
    found = identity.comparable_values("city", pa.array(["NOWHERE", "Paris"]), pa.nulls(2, pa.string()), blocked)
    assert found.value.to_pylist() == [None, "paris"]
    assert found.reason.to_pylist() == ["no such place", None]
