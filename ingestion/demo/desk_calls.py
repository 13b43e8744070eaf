"""What the service desk's other exports show: calls and their legs, metric events of tickets, organisations, the bin.

Belongs here: who calls without a ticket, and these documents. Does not belong here: tickets (desk), HTTP (desk_server).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from ingestion.demo.clock import DAY, FIRST_DAY, day_start, dice, generator, utc_text
from ingestion.demo.desk import ORGANIZATIONS, Desk, Ticket
from ingestion.demo.registrations import Registration
from ingestion.demo.systems import Document
from ingestion.demo.volume import count_before, count_on

Json = dict[str, Any]
_LINE = "+862160000000"
_LINE_ID = 360_004_000_001
_A_CALL = 8  # one call without a ticket for so many tickets


def calls_on(
    desk: Desk, day: int, registrations: dict[int, list[Registration]]
) -> list[tuple[Document, list[Document]]]:
    """The calls of a day that became no ticket, each with its legs."""
    persons, seed = desk.population.size, desk.population.seed
    people = desk.population.grow(day)
    tickets, rng = count_on(persons, seed, day, "tickets"), generator(seed, day, "calls")
    callers = desk.crowd.pick(people, day, rng, min(tickets, int(rng.poisson(tickets / _A_CALL))))
    first = count_before(persons, seed, day, "tickets")
    made = []
    for at, (die, person) in enumerate(zip(dice(seed, day, "call", len(callers)), callers, strict=True)):
        users = [r for r in registrations[person.index] if r.kind == "desk" and r.created < day_start(day)]
        if users:
            begun = day_start(day) + int(die.random() * DAY * 0.9)
            inbound = die.random() < 0.75
            made.append(_call(die, 2 * (first + at) + 1, int(users[0].record_id), None, begun, inbound))
    return made


def call_of(ticket: Ticket) -> tuple[Document, list[Document]]:
    """The call that a ticket of the voice channel began with."""
    die = random.Random(ticket.number)
    return _call(die, 2 * ticket.number, ticket.requester_id, ticket.number, ticket.created, True)


def _call(
    die: random.Random, number: int, user: int, ticket: int | None, begun: int, inbound: bool
) -> tuple[Document, list[Document]]:
    call_id = 41_000_000_000 + number
    agent = 1_800_000_000_000 + die.randint(1, 12)
    waited, talked = die.randint(3, 90), die.randint(30, 900)
    answered = not inbound or ticket is not None or die.random() < 0.85
    ended = begun + waited + (talked if answered else 0)
    times = {"created_at": utc_text(begun), "updated_at": utc_text(ended)}
    call: Json = {
        "id": call_id,
        **times,
        "customer_id": user,
        "agent_id": agent if answered else None,
        "ticket_id": ticket,
        "call_group_id": None,
        "direction": "inbound" if inbound else "outbound",
        "call_channel": "default",
        "completion_status": "completed" if answered else "abandoned_in_queue",
        "phone_number_id": _LINE_ID,
        "phone_number": _LINE,
        "line": _LINE,
        "line_id": _LINE_ID,
        "line_type": "phone",
        "default_group": True,
        "callback": False,
        "voicemail": False,
        "customer_requested_voicemail": False,
        "exceeded_queue_wait_time": False,
        "outside_business_hours": False,
        "overflowed": False,
        "duration": ended - begun,
        "wait_time": waited if inbound else 0,
        "time_to_answer": waited if answered else None,
        "talk_time": talked if answered else 0,
        "hold_time": 0,
        "wrap_up_time": 15 if answered else 0,
        "consultation_time": 0,
        "minutes_billed": -(-(ended - begun) // 60),
        "call_charge": "0.05",
    }
    legs = [
        {
            "id": call_id * 4 + leg,
            **times,
            "call_id": call_id,
            "agent_id": agent if kind == "agent" else 0,
            "user_id": agent if kind == "agent" else user,
            "type": kind,
            "completion_status": "completed" if answered else "abandoned",
            "available_via": "browser" if kind == "agent" else None,
            "duration": call["duration"],
            "talk_time": call["talk_time"],
            "hold_time": 0,
            "wrap_up_time": call["wrap_up_time"] if kind == "agent" else 0,
            "minutes_billed": call["minutes_billed"],
            "call_charge": "0.02",
        }
        for leg, kind in enumerate(("customer", "agent") if answered else ("customer",))
    ]
    return (call_id, ended, begun, call), [(leg["id"], ended, begun, leg) for leg in legs]


def metric_event_documents(ticket: Ticket, after: int, until: int) -> Iterator[Document]:
    """What happened to a ticket's clocks within (after, until]: first reply, solution, and a solution taken back."""
    happened = [
        ("reply_time", 1, "activate", ticket.created, None),
        ("resolution_time", 1, "activate", ticket.created, None),
        ("reply_time", 1, "fulfill", ticket.replied, None),
        ("reply_time", 1, "update_status", ticket.replied, ticket.replied - ticket.created),
        ("resolution_time", 1, "fulfill", ticket.first_solved, None),
        ("resolution_time", 1, "update_status", ticket.first_solved, ticket.first_solved - ticket.created),
    ]
    if ticket.reopened is not None:
        happened += [
            ("resolution_time", 2, "activate", ticket.reopened, None),
            ("resolution_time", 2, "fulfill", ticket.solved, None),
            ("resolution_time", 2, "update_status", ticket.solved, ticket.solved - ticket.created),
        ]
    for place, (metric, instance, kind, at, seconds) in enumerate(happened):
        if after < at <= until:
            event: Json = {
                "id": 51_000_000_000 + ticket.number * 16 + place,
                "ticket_id": ticket.number,
                "metric": metric,
                "instance_id": instance,
                "type": kind,
                "time": utc_text(at),
            }
            if seconds is not None:
                event["status"] = {"calendar": seconds // 60, "business": seconds // 180}
            yield event["id"], at, at, event


def organization_documents() -> list[Document]:
    """The companies that some of the desk's users belong to; they never change."""
    at = day_start(FIRST_DAY) - 5 * DAY
    return [
        (
            number,
            at,
            at,
            {
                "id": number,
                "url": f"https://omni.zendesk.com/api/v2/organizations/{number}.json",
                "external_id": None,
                "name": name,
                "domain_names": [],
                "details": None,
                "notes": None,
                "group_id": None,
                "shared_tickets": False,
                "shared_comments": False,
                "tags": [],
                "organization_fields": {},
                "created_at": utc_text(at),
                "updated_at": utc_text(at),
            },
        )
        for number, name in ORGANIZATIONS
    ]


def deleted_document(ticket: Ticket) -> Document:
    """A ticket in the bin."""
    assert ticket.deleted is not None
    document = {
        "id": ticket.number,
        "subject": ticket.subject,
        "description": f"{ticket.subject}.",
        "actor": {"id": ticket.assignee_id, "name": "Agent"},
        "previous_state": "closed",
        "deleted_at": utc_text(ticket.deleted),
    }
    return ticket.number, ticket.deleted, ticket.created, document
