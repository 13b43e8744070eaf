"""Hashed mailboxes and phones: matched with the plain value, with each other, and blocked with what they hash."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import identity
from identity.blocked import blocked_reason
from identity.hashed import HASH_OF_NOTHING, HASH_PREFIX, plain_values
from identity.nights import whole
from identity.rules import BlockedValue
from tests.unit.resolution_by_definition import Assertion
from tests.unit.resolution_by_definition import Record as Person
from tests.unit.test_identity_nights import Home, assert_equal, at_once, in_parts_of
from tests.unit.test_identity_resolution import Record, partition, run

PHONE, OTHER = "+8613812345670", "+8613812345671"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def linked(plain: tuple[str, str], hashed: tuple[str, str]) -> bool:
    """Whether a record with a plain and one with a hashed identifier are one person, beside a third of its own."""
    rows = [("a", *plain, 1), ("b", *hashed, 2), ("c", plain[0], OTHER if plain[0] == "phone" else "c@shop.cn", 3)]
    return partition(run([Record(key) for key in "abc"], rows)) == {frozenset("ab"), frozenset("c")}


@pytest.mark.parametrize("written", ["{}", "{}\u200b", " {} ", "SHA256:{}", "sha-256:{}"])
@pytest.mark.parametrize("change", [str.lower, str.upper])
@pytest.mark.parametrize("kind", ["phone", "phone_sha256"])
@pytest.mark.parametrize("spelling", [PHONE, PHONE[1:], "13812345670", "013812345670"])
def test_a_hashed_phone_is_its_plain_one(written: str, change, kind: str, spelling: str) -> None:
    assert linked(("phone", "138 1234 5670"), (kind, written.format(change(digest(spelling)))))


@pytest.mark.parametrize("kind", ["email", "email_sha256"])
@pytest.mark.parametrize(
    ("typed", "spellings"),
    [
        (" Ann.Li@Shop.CN ", ["ann.li@shop.cn"]),
        ("Ann <Ann.Li@Shop.CN>", ["ann.li@shop.cn"]),
        # As it was typed, without dots as Google has it, without what follows the plus, under either name of the host.
        (
            "Ann.Li+News@GoogleMail.com",
            [
                *("ann.li+news@googlemail.com", "annli+news@googlemail.com", "annli@googlemail.com"),
                *("annli@gmail.com", "ann.li@gmail.com", "annli+news@gmail.com"),
            ],
        ),
        ("annli@gmail.com", ["annli@gmail.com", "annli@googlemail.com"]),
        ("ann+news@outlook.com", ["ann+news@outlook.com", "ann@outlook.com"]),
        ("ann+news@shop.cn", ["ann+news@shop.cn"]),
        ("ann@münchen.de", ["ann@münchen.de", "ann@xn--mnchen-3ya.de"]),
    ],
)
def test_a_hashed_mailbox_is_its_plain_one(kind: str, typed: str, spellings: list[str]) -> None:
    for spelling in spellings:
        assert linked(("email", typed), (kind, digest(spelling))), spelling


def test_what_follows_a_plus_tells_mailboxes_apart_where_the_provider_does() -> None:
    assert not linked(("email", "ann+news@shop.cn"), ("email", digest("ann@shop.cn")))
    assert not linked(("email", "a.nn@shop.cn"), ("email", digest("ann@shop.cn")))


def test_a_number_without_its_country_is_one_of_the_carriers_country() -> None:
    plain = [("a", "phone", "+8613912345670", 1), ("b", "phone", "+4913912345670", 1)]
    hashed = [("c", "phone", digest("13912345670"), 2), ("d", "phone", digest("+4913912345670"), 2)]
    # The records of these tests are Chinese.
    assert partition(run([Record(key) for key in "abcd"], plain + hashed)) == {frozenset("ac"), frozenset("bd")}
    german = [*plain[1:], *hashed, ("e", "phone_sha256", digest("13912345670"), 2)]
    assert partition(run([Record(key) for key in "bcde"], german)) == {frozenset("bd"), frozenset("ce")}


@pytest.mark.parametrize(
    ("plain", "spelling", "region", "same"),
    [
        ("+447911123456", "07911123456", "GB", True),
        ("+447911123456", "07911123456", "CN", False),
        ("+12125557788", "2125557788", "CA", True),
        ("+12125557788", "02125557788", "US", False),  # no zero is dialled there
        ("+390612345678", "0612345678", "IT", True),  # a zero that belongs to the number
        ("+390612345678", "612345678", "IT", False),
        ("+447911123456", "7911123456", None, False),
    ],
)
def test_how_a_country_leaves_its_code_out(plain: str, spelling: str, region: str | None, same: bool) -> None:
    value = pa.array([plain, HASH_PREFIX + digest(spelling)])
    found = plain_values("phone", value, value, pa.array([None, region], pa.string()))
    assert (found[1].as_py() == plain) is same


def test_a_hash_that_nobody_can_read_links_its_equals_until_the_plain_value_comes() -> None:
    ads = [("a", "email_sha256", digest("ann@shop.cn"), 1), ("b", "email", digest("ann@shop.cn").upper(), 2)]
    other = [("c", "email_sha256", digest("bob@shop.cn"), 1), ("d", "phone", digest("ann@shop.cn"), 1)]
    keys = [Record(key) for key in "abcde"]
    unread = run(keys, ads + other)
    assert partition(unread) == {frozenset("ab"), *map(frozenset, "cde")}
    assert HASH_PREFIX + digest("ann@shop.cn") in unread.values["value"].to_pylist()
    read = run(keys, [*ads, *other, ("e", "email", "Ann@Shop.cn", 3)])
    assert partition(read) == {frozenset("abe"), *map(frozenset, "cd")}
    assert "ann@shop.cn" in read.values["value"].to_pylist()


@pytest.mark.parametrize("text", ["", " ", "null", "undefined", "+86", "86", "0086", "1"])
def test_the_hash_of_an_empty_field_links_nobody(text: str) -> None:
    for kind in ("email", "phone", "email_sha256", "phone_sha256"):
        found = identity.normalise_values(kind, pa.array([digest(text)]), pa.array(["CN"]))
        assert (found.value[0].as_py(), found.reason[0].as_py()) == (None, HASH_OF_NOTHING), (kind, text)
    result = run([Record("a"), Record("b")], [(key, "email", digest(text), 1) for key in "ab"])
    assert partition(result) == {frozenset("a"), frozenset("b")}
    assert result.values.to_pylist()[0]["status"] == "unusable"


@pytest.mark.parametrize(
    ("kind", "line", "spellings"),
    [
        ("phone", "13800138000", ["13800138000", "013800138000", "+8613800138000", "8613800138000", "+113800138000"]),
        ("phone", "+8613800138000", ["+8613800138000", "8613800138000"]),
        ("email", "No.Body+x@Gmail.com", ["no.body+x@gmail.com", "nobody@gmail.com", "nobody@googlemail.com"]),
        ("email", "Shop@Shop.cn", ["shop@shop.cn"]),
    ],
)
def test_a_blocked_value_blocks_its_hashes(kind: str, line: str, spellings: list[str]) -> None:
    blocked = [BlockedValue(kind, line, False, "placeholder", 2)]
    hashes = [HASH_PREFIX + digest(spelling) for spelling in spellings]
    assert blocked_reason(kind, pa.array(hashes), blocked).to_pylist() == ["placeholder"] * len(hashes)
    assert blocked_reason(kind, pa.array([HASH_PREFIX + digest("another")]), blocked).to_pylist() == [None]


def test_a_blocked_value_is_no_reading_of_a_hash() -> None:
    rows = [("a", "email_sha256", digest("test@shop.cn"), 1), ("b", "email_sha256", digest("test@shop.cn"), 2)]
    # The engine's tests block test@.* as a pattern.
    result = run([Record(key) for key in "abc"], [*rows, ("c", "email", "Test@shop.cn", 3)])
    assert partition(result) == {frozenset("ab"), frozenset("c")}
    assert sorted(result.values["status"].to_pylist()) == ["blocked", "plain"]


@given(st.permutations(range(6)), st.sampled_from([str.lower, str.upper]))
def test_neither_order_nor_case_matters(order: list[int], change) -> None:
    rows = [
        ("a", "phone", "13812345670", 1),
        ("b", "phone", change(digest("8613812345670")), 2),
        ("c", "phone_sha256", digest(PHONE), 3),
        ("c", "email_sha256", change(digest("ann@shop.cn")), 3),
        ("d", "email", "ann@shop.cn", 4),
        ("e", "phone", "13812345671", 1),
    ]
    assert all(a != b for a, b in pairwise(rows))
    result = run([Record(key) for key in "abcde"], [rows[at] for at in order])
    assert partition(result) == {frozenset("abcd"), frozenset("e")}


NUMBERS = ("+8613912345670", "+4913912345670", "+8613912345673")  # the last is blocked where nights are told apart
MAILBOXES = ("an.n@gmail.com", "ann@gmail.com", "bob@shop.cn")
SPELLINGS = [
    *(("phone", number) for number in NUMBERS),
    *(("phone", digest(spelling)) for number in NUMBERS for spelling in (number, number[1:], number[3:])),
    *(("email", mailbox) for mailbox in MAILBOXES),
    *(("email", digest(mailbox)) for mailbox in MAILBOXES),
]


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(SPELLINGS)), max_size=9, unique=True),
        min_size=2,
        max_size=4,
    )
)
def test_hashes_that_come_and_go_over_nights_end_as_all_at_once(
    nights: list[list[tuple[str, tuple[str, str]]]],
) -> None:
    home = Home()
    for stated in nights:
        night = home.tonight(
            [Person(key) for key in "abcdef"], [Assertion(key, *value, 0) for key, value in stated], []
        )
        home.run(night)
        assert_equal(home.last, at_once(whole(night)))
        assert_equal(home.last, in_parts_of(1, night))
        home.publish()
