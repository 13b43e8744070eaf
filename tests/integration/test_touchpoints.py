"""Touchpoints that a real home's files bring: every kind, those from the future, and a click id of two people.

What belongs here: what one small home publishes over two nights. A whole company: test_definitions_of_contacts.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.shared_homes import Dropped

TOUCHES = """touchpoint_id,occurred_at,touchpoint_type,member_no,phone,device_id,click_id,channel
1,2026-06-20T10:00:00Z,ad_click,V1,13811110001,,K1,
2,2026-06-20T11:00:00Z,ad_click,V2,13811110002,,K1,
3,2026-06-20T12:00:00Z,ad_click,V3,13811110003,,K3,
4,2026-06-20T13:00:00Z,ad_click,,,,K1,
5,2026-06-21T10:00:00Z,商品评价,V1,,,,
6,2026-06-21T11:00:00Z,到店,V2,,,,store
7,2026-06-21T12:00:00Z,Sign-Up,V3,,,,app
8,2026-06-30T18:09:00Z,walk_in,V1,,,,
9,2026-06-30T18:11:00Z,walk_in,V1,,,,
10,2026-06-30T19:00:00Z,walk_in,V9,13811110009,,,
"""
MESSAGES = """message_id,event,channel,occurred_at,phone
m1,sent,sms,2026-06-22T10:00:00Z,13811110001
m1,clicked,sms,2026-06-30T20:00:00Z,13811110001
"""


def event(number: int, device: str, time: str, **more: Any) -> dict[str, Any]:
    return {"messageId": f"e{number}", "type": "page", "anonymousId": device, "timestamp": f"2026-06-{time}Z", **more}


def came(click: str) -> dict[str, Any]:
    return {"properties": {"url": f"https://shop.test/tea?gclid={click}"}}


EVENTS = [
    # A device that came with a click id that two people have, and never logs in.
    event(1, "d1", "23T10:00:00", **came("K1")),
    event(2, "d1", "23T10:05:00"),
    # The same, but somebody logs in within the session.
    event(3, "d2", "23T11:00:00", **came("K1")),
    event(4, "d2", "23T11:05:00", type="identify", userId="u2", traits={"phone": "13811110002"}),
    # A click id that one person has.
    event(5, "d3", "23T12:00:00", **came("K3")),
    event(6, "d2", "23T11:10:00", type="track", event="Product Reviewed"),
    event(7, "d2", "23T11:15:00", type="track", event="Signed Up"),
    event(8, "d1", "30T18:10:00"),
    event(9, "d1", "30T18:10:01"),
    event(10, "d9", "30T23:00:00"),
]


FILES = {
    "touchpoints/june.csv": TOUCHES,
    "messages/june.csv": MESSAGES,
    "events/june.jsonl": "\n".join(map(json.dumps, EVENTS)),
}
HERE = "in ('events', 'messages', 'touchpoints')"


@pytest.fixture(scope="module")
def nights(dropped: Dropped) -> list[dict[str, Any]]:
    """What was published in the first night and in the second, in which nothing of these came."""
    return [{**night.tables("marts"), "waiting": night.query(
        f"select source_table, rule, reason, file_name from ops.quarantine where source_table {HERE} order by all"
    ), "touches": night.query(
        "select touchpoint_id, touchpoint_type, customer_id from marts.touchpoints order by all"
    ), "conserved": night.query(
        f"select sum(rows_lost), sum(rows_quarantined) from ops.conservation where raw_table {HERE}"
    )} for night in (dropped.first, dropped.second)]  # fmt: skip


def kinds(night: dict[str, Any]) -> dict[str, str]:
    return {touch: kind for touch, kind, _ in night["touches"]}


def customers(night: dict[str, Any]) -> dict[str, str]:
    return {touch: customer for touch, _, customer in night["touches"]}


def test_what_happens_after_tonight_waits_for_its_time(nights):
    first, _ = nights
    assert [row[:3] for row in first["waiting"]] == [
        ("events", "occurred_in_the_future", "occurred in the future"),
        ("events", "occurred_in_the_future", "occurred in the future"),
        ("messages", "occurred_in_the_future", "occurred in the future"),
        ("touchpoints", "occurred_in_the_future", "occurred in the future"),
        ("touchpoints", "occurred_in_the_future", "occurred in the future"),
    ]
    assert all(row[3] for row in first["waiting"])
    assert first["conserved"] == [(0, 5)]
    # A clock that is ten minutes ahead is right enough.
    assert {"event-e8", "touch-touchpoints-8"} <= kinds(first).keys()
    assert not {"event-e9", "event-e10", "touch-touchpoints-9", "touch-touchpoints-10"} & kinds(first).keys()


def test_it_comes_back_by_itself_though_nothing_was_delivered(nights):
    first, second = nights
    assert second["waiting"] == []
    assert second["conserved"] == [(0, 0)]
    assert kinds(second).keys() - kinds(first).keys() == {
        "event-e9", "event-e10", "touch-touchpoints-9", "touch-touchpoints-10",
        *(touch for touch, kind in kinds(second).items() if kind == "message_clicked"),
    }  # fmt: skip
    assert "message_clicked" not in kinds(first).values()
    assert "message_clicked" in kinds(second).values()


def test_nobody_is_known_by_a_touch_that_waits(nights):
    first, second = nights
    new = set(customers(second).values()) - set(customers(first).values())
    assert {customers(second)["event-e10"], customers(second)["touch-touchpoints-10"]} <= new
    assert len(second["customers"]) == len(first["customers"]) + 2


def test_a_click_id_of_two_people_gives_the_device_to_neither(nights):
    first, _ = nights
    who = customers(first)
    ann, bob = who["touch-touchpoints-1"], who["touch-touchpoints-2"]
    assert ann != bob
    assert who["event-e1"] == who["event-e2"]
    assert who["event-e1"] not in (ann, bob)
    assert who["touch-touchpoints-4"] not in (ann, bob)
    # Whoever logs in within the session is who it was; of two people on a click id, too.
    assert who["event-e3"] == who["event-e4"] == bob
    # A click id of one person leads to them.
    assert who["event-e5"] == who["touch-touchpoints-3"]


def test_reviews_visits_and_sign_ups_are_touchpoints_of_exports_and_events(nights):
    first, _ = nights
    assert [kinds(first)[f"touch-touchpoints-{number}"] for number in (5, 6, 7)] == ["review", "store_visit", "sign_up"]
    assert [kinds(first)[f"event-e{number}"] for number in (4, 6, 7)] == ["identified", "review", "sign_up"]
