"""The contacts that a night publishes against the same contacts worked out a second time from the company's systems.

What belongs here: touchpoints, sessions, tickets and advertisements, row by row. Orders and people have a module of
their own; the second working-out itself is in the modules `recompute…`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.conftest import Home
from tests.integration.recompute import Books, documents, instant, till_rows
from tests.integration.recompute_contacts import (
    Event,
    ad_days,
    calls,
    cut_sessions,
    give_to_people,
    read_events,
    tickets,
)
from tests.integration.recompute_statements import call_desk_customers, messages, published_id, visits
from tests.integration.test_definitions import (
    assert_same,
    books,  # noqa: F401 -- this and the next two are fixtures
    customer_of,  # noqa: F401
    identities,  # noqa: F401
    rows,
)

DONE_BY_THE_COMPANY = {"refund", "ticket_solved", "message_sent", "message_delivered", "message_bounced"}
pytestmark = pytest.mark.usefixtures("newest_publication")


@pytest.fixture(scope="module")
def touchpoints(company: Home) -> list[dict[str, Any]]:
    return rows(company, "marts.touchpoints")


@pytest.fixture(scope="module")
def events(company: Home, customer_of) -> list[Event]:  # noqa: F811
    found = read_events(company.path)
    cut_sessions(found)
    give_to_people(found, customer_of)
    return found


def test_every_event_is_one_touchpoint_of_its_person_in_its_session(touchpoints, events):
    assert_same(
        {event.id: (event.customer, event.at, event.session, event.session == event.id) for event in events},
        {
            row["source_record_id"]: (
                row["customer_id"], row["occurred_at"], row["session_id"], row["is_session_start"]
            )
            for row in touchpoints
            if row["source_system"] == "events"
        },
    )  # fmt: skip


def test_a_session_is_credited_once_at_its_first_page_and_others_where_they_come_in(company: Home, touchpoints, events):
    first_page: dict[str, str] = {}
    for event in events:
        if event.is_page:
            first_page.setdefault(event.session, event.id)
    eligible = [row for row in touchpoints if row["is_eligible"]]
    assert set(first_page.values()) == {row["source_record_id"] for row in eligible if row["source_system"] == "events"}
    first_clicks: dict[str, datetime] = {}
    for message, event, at, _ in messages(company.path):
        if event == "clicked":
            first_clicks[message] = min(at, first_clicks.get(message, at))
    assert_same(
        {
            **{
                ("call_in", call): told["called_at"] for call, told in calls(company.path).items() if told["is_inbound"]
            },
            **{("store_visit", visit): at for visit, (at, _) in visits(company.path).items()},
            **{
                ("message_clicked", published_id(company.path, "messages", "messages", message)): at
                for message, at in first_clicks.items()
            },
        },
        {
            (row["touchpoint_type"], row["source_record_id"]): row["occurred_at"]
            for row in eligible
            if row["source_system"] != "events"
        },
    )


def test_every_other_touchpoint_is_one_record(company: Home, touchpoints, books: Books, customer_of):  # noqa: F811
    ours: Counter[tuple[Any, ...]] = Counter()
    for order in books.orders.values():
        ours["order", order.key[0], order.key[1], order.ordered_at, customer_of.get(order.record)] += 1
    for refund in books.refunds.values():
        if refund.kind == "refund" and not refund.twin_of:
            ours["refund", *refund.key, refund.at, customer_of.get(refund.record)] += 1
    for ticket, told in tickets(company.path).items():
        customer = customer_of[told["requester"]]
        ours["ticket_opened", "zendesk", ticket, told["created_at"], customer] += 1
        if told["solved_at"]:
            ours["ticket_solved", "zendesk", ticket, told["solved_at"], customer] += 1
    for call, told in calls(company.path).items():
        kind = "call_in" if told["is_inbound"] else "call_out"
        ours[kind, "zendesk", call, told["called_at"], customer_of[told["requester"]]] += 1
    for checkout in documents(company.path, "checkouts"):
        if checkout["completed_at"] is None:
            record = f"shopify/customer/{checkout['customer']['id']}" if checkout["customer"] else None
            left_at = instant(checkout["created_at"])
            ours["checkout_abandoned", "shopify", str(checkout["id"]), left_at, customer_of.get(record)] += 1
    for message, event, at, record in messages(company.path):
        told = published_id(company.path, "messages", "messages", message)
        ours[f"message_{event}", "messages", told, at, customer_of[record]] += 1
    for visit, (at, record) in visits(company.path).items():
        ours["store_visit", "touchpoints", visit, at, customer_of.get(record)] += 1
    published = Counter(
        (row["touchpoint_type"], row["source_system"], row["source_record_id"], row["occurred_at"], row["customer_id"])
        for row in touchpoints
        if row["source_system"] != "events" and row["touchpoint_type"] != "sign_up"
    )
    assert_same(dict(ours), dict(published))


def test_an_account_or_membership_is_a_sign_up_unless_an_event_tells_of_it(
    company: Home,
    touchpoints,
    events,
    customer_of,  # noqa: F811
):
    accounts = {
        f"shopify/customer/{account['id']}": instant(account["created_at"])
        for account in documents(company.path, "customers")
        if account["state"] == "enabled"
    }
    cards = {f"pos/member/{row['member_no']}": instant(row["joined_at"]) for row in till_rows(company.path, "members")}
    listed = dict(call_desk_customers(company.path))
    told = [event for event in events if event.kind == "Signed Up"]
    logins = {f"shopify/customer/{event.user}" for event in told}
    ours: Counter[tuple[Any, ...]] = Counter()
    for record, at in {**accounts, **cards, **listed}.items():
        customer = customer_of[record]
        if record not in logins and not any(
            event.customer == customer and abs(event.at - at) <= timedelta(days=1) for event in told
        ):
            ours[record.split("/")[0], at, customer] += 1
    assert len(ours) > 100
    assert len({source for source, _, _ in ours}) == 3
    assert_same(
        dict(ours),
        dict(
            Counter(
                (row["source_system"], row["occurred_at"], row["customer_id"])
                for row in touchpoints
                if row["touchpoint_type"] == "sign_up" and row["source_system"] != "events"
            )
        ),
    )


def test_every_ticket(company: Home, books: Books, customer_of):  # noqa: F811
    names = ("created_at", "first_replied_at", "first_reply_seconds", "first_reply_business_minutes", "solved_at",
             "full_resolution_seconds", "full_resolution_business_minutes", "reopens", "calls_count", "wait_seconds",
             "talk_seconds", "csat_score", "nps_score", "category", "channel")  # fmt: skip
    ours = tickets(company.path)
    keys = {row["order_id"]: (row["source_system"], row["source_order_id"]) for row in rows(company, "marts.orders")}
    assert_same(
        {
            ticket: (
                customer_of[told["requester"]], books.by_name.get(told["order_name"]), *(told[name] for name in names),
            )
            for ticket, told in ours.items()
        },
        {
            row["ticket_id"]: (row["customer_id"], keys.get(row["order_id"]), *(row[name] for name in names))
            for row in rows(company, "marts.service_tickets")
            if not row["is_call"]
        },
    )  # fmt: skip
    assert_same(
        {
            f"call-{call}": (
                customer_of[told["requester"]], told["called_at"], told["ended_at"], "phone", told["wait_seconds"],
                told["talk_seconds"],
            )
            for call, told in calls(company.path).items()
            if told["ticket"] is None
        },
        {
            row["ticket_id"]: (
                row["customer_id"], row["created_at"], row["solved_at"], row["channel"], row["wait_seconds"],
                row["talk_seconds"],
            )
            for row in rows(company, "marts.service_tickets")
            if row["is_call"]
        },
    )  # fmt: skip
    assert any(told["nps_score"] is not None for told in ours.values())
    assert any(told["talk_seconds"] for told in ours.values())
    for row in rows(company, "marts.service_tickets"):
        if row["is_call"]:
            assert row["is_one_touch"] == (row["solved_at"] is not None)
            continue
        solved_at_once = row["replies"] == 1 and row["reopens"] == 0 and row["solved_at"] is not None
        assert row["is_one_touch"] == solved_at_once, row["ticket_id"]


def test_the_same_question_again(company: Home, customer_of):  # noqa: F811
    """Contacts of the same person and category in the thirty days before; the third one is one too many."""
    asked = defaultdict(list)
    for told in tickets(company.path).values():
        if not told["is_deleted"]:
            asked[customer_of[told["requester"]], told["category"]].append(told["created_at"])
    ours = {}
    for ticket, told in tickets(company.path).items():
        theirs = asked[customer_of[told["requester"]], told["category"]]
        before = [at for at in theirs if told["created_at"] - timedelta(days=30) <= at <= told["created_at"]]
        ours[ticket] = (None, False) if told["is_deleted"] else (len(before), len(before) >= 3)
    assert_same(
        ours,
        {
            row["ticket_id"]: (row["same_question_count"], row["is_same_question_again"])
            for row in rows(company, "marts.service_tickets")
            if not row["is_call"]
        },
    )
    assert any(count and count > 1 for count, _ in ours.values())


def test_every_day_of_every_advertisement(company: Home, books: Books):  # noqa: F811
    published = {
        (row["platform"], row["account"], row["campaign"], row["ad_group"], row["ad"], row["date"]): (
            row["currency"], row["impressions"], row["clicks"], row["conversions"], row["cost"],
            row["cost_reporting"],
        )
        for row in rows(company, "marts.ad_performance")
    }  # fmt: skip
    assert_same(
        {
            key: (currency, *counts, cost, books.rates.reporting(cost, currency, key[-1]))
            for key, (currency, *counts, cost) in ad_days(company.path).items()
        },
        published,
    )


def test_customers_are_seen_at_their_contacts(company: Home, touchpoints):
    """Nobody did anything before being seen first, or after being seen last; what the company did does not count."""
    seen = {row["customer_id"]: (row["first_seen_at"], row["last_seen_at"]) for row in rows(company, "marts.customers")}
    times = defaultdict(list)
    for row in touchpoints:
        if row["customer_id"] and row["touchpoint_type"] not in DONE_BY_THE_COMPANY:
            times[row["customer_id"]].append(row["occurred_at"])
    for customer, theirs in times.items():
        assert seen[customer][0] <= min(theirs), customer
        assert max(theirs) <= seen[customer][1], customer
