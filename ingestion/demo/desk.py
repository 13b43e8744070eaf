"""Tickets of the service desk, drawn once on their day, and the JSON of tickets, metrics, ratings and users.

Belongs here: who asks what over which channel, how it is answered, and how the desk's API shows it at an instant.
Does not belong here: paging and HTTP (desk_server), who is a user (registrations).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from ingestion.demo.clock import DAY, HOUR, day_start, dice, generator, utc_text
from ingestion.demo.population import Crowd, Person, Population
from ingestion.demo.registrations import Registration
from ingestion.demo.volume import count_before, count_on

Json = dict[str, Any]
_SUBJECTS = {
    "delivery": ("Where is my order", "Parcel has not arrived", "包裹还没到", "配達が遅れています"),
    "returns": ("I want to return an item", "Umtausch", "退货申请", "返品したい"),
    "product": ("Question about a size", "Frage zum Material", "商品咨询", "サイズについて"),
    "invoice": ("I need an invoice", "Rechnung fehlt", "发票问题", "領収書をください"),
    "membership": ("My points are missing", "Kundenkarte", "会员积分", "ポイントについて"),
}
_CHANNELS = ("web", "email", "chat", "api")
_GROUP_ID = 360_001_000_001
_BRAND_ID = 360_002_000_001
_ORDER_FIELD = 360_003_000_001
_CATEGORY_FIELD = 360_003_000_002
ORGANIZATIONS = tuple(
    (360_005_000_001 + at, name)
    for at, name in enumerate(("Harbour Hotels", "Lindenhof GmbH", "Studio Aoyama", "Bund Offices"))
)
_A_DELETED = 97  # one ticket of so many ends in the bin


@dataclass(slots=True)
class Ticket:
    """A ticket with its whole future; ``changes`` are the instants at which its document changes."""

    number: int
    requester_id: int
    channel: str
    category: str
    subject: str
    order_name: str | None
    priority: str | None
    created: int
    replied: int
    solved: int
    closed: int
    first_solved: int
    deleted: int | None = None
    reopened: int | None = None
    replies: int = 1
    offered: int | None = None
    rated: int | None = None
    score: str = "good"
    assignee_id: int = 0
    changes: list[int] = field(default_factory=list)

    @property
    def rating_id(self) -> int:
        """The id of the ticket's only satisfaction rating."""
        return 12_000_000_000 + self.number * 3

    def rating_changes(self) -> list[int]:
        """The instants at which the rating is offered and given."""
        return [at for at in (self.offered, self.rated) if at is not None]


class Desk:
    """Draws the tickets of a day."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.crowd = Crowd(lambda p: min(p.desk_day, p.desk_voice_day) + 1, lambda p: 1.0)

    def tickets_on(
        self, day: int, registrations: dict[int, list[Registration]], orders: dict[int, str]
    ) -> list[Ticket]:
        """All tickets of a day; ``orders`` maps a person's index to the name of a recent order."""
        persons, seed = self.population.size, self.population.seed
        people = self.population.grow(day)
        rng = generator(seed, day, "tickets")
        number = count_on(persons, seed, day, "tickets")
        askers = self.crowd.pick(people, day, rng, number)
        first = 1 + count_before(persons, seed, day, "tickets")
        instants = sorted(day_start(day) + int(share * DAY * 0.95) for share in rng.random(len(askers)))
        rolls = dice(seed, day, "ticket", len(askers))
        made = []
        for at, (die, person, created) in enumerate(zip(rolls, askers, instants, strict=True)):
            users = [r for r in registrations[person.index] if r.kind == "desk" and r.created < day_start(day)]
            if users:
                made.append(_ticket(die, first + at, person, users, created, orders.get(person.index)))
        return made


def _ticket(
    die: random.Random, number: int, person: Person, users: list[Registration], created: int, order_name: str | None
) -> Ticket:
    user = die.choice(users)
    category = die.choices(tuple(_SUBJECTS), (0.34, 0.22, 0.2, 0.12, 0.12))[0]
    subject = _SUBJECTS[category][{"CN": 2, "DE": 1, "JP": 3}[person.country] if die.random() < 0.7 else 0]
    mentions = order_name if category in ("delivery", "returns", "invoice") and die.random() < 0.7 else None
    replied = created + int(die.expovariate(1 / (5 * HOUR))) + 300
    solved = replied + int(die.expovariate(1 / (20 * HOUR))) + 600
    solved = min(solved, created + 12 * DAY)
    replied = min(replied, solved - 60)
    ticket = Ticket(
        number=number,
        requester_id=int(user.record_id),
        channel="voice" if user.voice else die.choices(_CHANNELS, (0.4, 0.35, 0.2, 0.05))[0],
        category=category,
        subject=f"{subject} {mentions}" if mentions else subject,
        order_name=mentions,
        priority=die.choices((None, "normal", "high", "urgent"), (0.4, 0.4, 0.15, 0.05))[0],
        created=created,
        replied=replied,
        solved=solved,
        closed=solved + 4 * DAY,
        first_solved=solved,
        replies=die.choices((1, 2, 3, 5), (0.55, 0.25, 0.15, 0.05))[0],
        assignee_id=1_800_000_000_000 + die.randint(1, 12),
    )
    if die.random() < 0.07:
        ticket.reopened = ticket.solved + int(die.uniform(0.2, 3) * DAY)
        ticket.solved = ticket.reopened + int(die.uniform(0.1, 2) * DAY)
        ticket.closed = ticket.solved + 4 * DAY
    if die.random() < 0.55:
        ticket.offered = ticket.solved + DAY
        if die.random() < 0.6:
            ticket.rated = ticket.offered + int(die.uniform(0.05, 2.8) * DAY)
            ticket.score = die.choices(("good", "bad"), (0.82, 0.18))[0]
    ticket.changes = sorted({created, replied, solved, ticket.closed, *ticket.rating_changes()})
    if ticket.reopened is not None:
        ticket.changes = sorted({*ticket.changes, ticket.reopened})
    if number % _A_DELETED == 0:
        ticket.deleted = ticket.changes[-1] + DAY
        ticket.changes.append(ticket.deleted)
    return ticket


def _status(ticket: Ticket, instant: int) -> str:
    if ticket.deleted is not None and ticket.deleted <= instant:
        return "deleted"
    if ticket.closed <= instant:
        return "closed"
    if ticket.solved <= instant:
        return "solved"
    if ticket.replied <= instant:
        return "pending" if ticket.number % 3 else "open"
    return "new"


def _score(ticket: Ticket, instant: int) -> str:
    if ticket.rated is not None and ticket.rated <= instant:
        return ticket.score
    return "offered" if ticket.offered is not None and ticket.offered <= instant else "unoffered"


def _recommendation(ticket: Ticket, instant: int) -> list[str]:
    """What every other person who rates says to whether they would recommend the shop, as a tag."""
    if ticket.rated is None or ticket.rated > instant or ticket.number % 2:
        return []
    return [f"nps_{7 + ticket.number % 4 if ticket.score == 'good' else ticket.number % 7}"]


def _organization_of(user: int) -> int | None:
    """The company of a user: one in forty belongs to one."""
    return ORGANIZATIONS[user // 40 % len(ORGANIZATIONS)][0] if user % 40 == 0 else None


def updated_at(ticket: Ticket, instant: int) -> int:
    """The ticket's newest change until an instant."""
    return max(at for at in ticket.changes if at <= instant)


def ticket_document(ticket: Ticket, instant: int) -> Json:
    """A ticket as the incremental export shows it at an instant."""
    updated = updated_at(ticket, instant)
    return {
        "id": ticket.number,
        "url": f"https://omni.zendesk.com/api/v2/tickets/{ticket.number}.json",
        "external_id": None,
        "via": {"channel": ticket.channel, "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": utc_text(ticket.created),
        "updated_at": utc_text(updated),
        "generated_timestamp": updated,
        "type": "question" if ticket.category in ("product", "membership") else "problem",
        "subject": ticket.subject,
        "raw_subject": ticket.subject,
        "description": f"{ticket.subject}.",
        "priority": ticket.priority,
        "status": _status(ticket, instant),
        "recipient": None,
        "requester_id": ticket.requester_id,
        "submitter_id": ticket.requester_id,
        "assignee_id": ticket.assignee_id if ticket.replied <= instant else None,
        "organization_id": _organization_of(ticket.requester_id),
        "group_id": _GROUP_ID,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "forum_topic_id": None,
        "problem_id": None,
        "has_incidents": False,
        "is_public": True,
        "due_at": None,
        "tags": [f"category_{ticket.category}", "omni", *_recommendation(ticket, instant)],
        "custom_fields": [
            {"id": _ORDER_FIELD, "value": ticket.order_name},
            {"id": _CATEGORY_FIELD, "value": f"category_{ticket.category}"},
        ],
        "satisfaction_rating": {"score": _score(ticket, instant)},
        "sharing_agreement_ids": [],
        "followup_ids": [],
        "brand_id": _BRAND_ID,
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": ticket.channel == "chat",
    }


def metric_document(ticket: Ticket, instant: int) -> Json:
    """The ticket's metric set at an instant; minutes are whole, business hours about a third of calendar hours."""
    replied, solved = ticket.replied <= instant, ticket.solved <= instant
    reply = (ticket.replied - ticket.created) // 60
    full = (ticket.solved - ticket.created) // 60

    def minutes(value: int, known: bool) -> Json:
        return {"calendar": value if known else None, "business": value // 3 if known else None}

    reopened = ticket.reopened is not None and ticket.reopened <= instant
    return {
        "id": 7_000_000_000 + ticket.number,
        "url": f"https://omni.zendesk.com/api/v2/ticket_metrics/{7_000_000_000 + ticket.number}.json",
        "ticket_id": ticket.number,
        "created_at": utc_text(ticket.created),
        "updated_at": utc_text(updated_at(ticket, instant)),
        "group_stations": 1,
        "assignee_stations": 1 if replied else 0,
        "reopens": 1 if reopened else 0,
        "replies": ticket.replies if solved else 1 if replied else 0,
        "assignee_updated_at": utc_text(ticket.replied) if replied else None,
        "requester_updated_at": utc_text(ticket.created),
        "status_updated_at": utc_text(updated_at(ticket, instant)),
        "initially_assigned_at": utc_text(ticket.replied) if replied else None,
        "assigned_at": utc_text(ticket.replied) if replied else None,
        "solved_at": utc_text(ticket.solved) if solved else None,
        "latest_comment_added_at": utc_text(ticket.replied if replied else ticket.created),
        "reply_time_in_minutes": minutes(reply, replied),
        "first_resolution_time_in_minutes": minutes(full, solved),
        "full_resolution_time_in_minutes": minutes(full, solved),
        "agent_wait_time_in_minutes": minutes(0, solved),
        "requester_wait_time_in_minutes": minutes(reply, replied),
        "on_hold_time_in_minutes": {"calendar": 0, "business": 0},
    }


def rating_document(ticket: Ticket, instant: int) -> Json:
    """The ticket's satisfaction rating at an instant at which it has been offered."""
    assert ticket.offered is not None
    rated = ticket.rated is not None and ticket.rated <= instant
    comment = rated and ticket.number % 4 == 0
    return {
        "id": ticket.rating_id,
        "url": f"https://omni.zendesk.com/api/v2/satisfaction_ratings/{ticket.rating_id}.json",
        "ticket_id": ticket.number,
        "requester_id": ticket.requester_id,
        "assignee_id": ticket.assignee_id,
        "group_id": _GROUP_ID,
        "score": ("good_with_comment" if ticket.score == "good" else "bad_with_comment")
        if comment
        else _score(ticket, instant),
        "comment": ("Thank you" if ticket.score == "good" else "Too slow") if comment else None,
        "reason": "No reason provided" if rated else None,
        "created_at": utc_text(ticket.offered),
        "updated_at": utc_text(ticket.rated if rated and ticket.rated is not None else ticket.offered),
    }


def user_document(user: Registration, instant: int) -> Json:
    """An end user as the incremental export shows it at an instant."""
    version, person = user.at(instant), user.person
    name = user.full_name if user.given else f"Caller {version.phone}"
    return {
        "id": int(user.record_id),
        "url": f"https://omni.zendesk.com/api/v2/users/{user.record_id}.json",
        "name": name,
        "email": version.email,
        "phone": version.phone,
        "shared_phone_number": None,
        "role": "end-user",
        "created_at": utc_text(user.created),
        "updated_at": utc_text(version.at),
        "time_zone": {"CN": "Beijing", "DE": "Berlin", "JP": "Tokyo"}[person.country],
        "iana_time_zone": {"CN": "Asia/Shanghai", "DE": "Europe/Berlin", "JP": "Asia/Tokyo"}[person.country],
        "locale": {"CN": "zh-cn", "DE": "de", "JP": "ja"}[person.country],
        "locale_id": 10,
        "organization_id": _organization_of(int(user.record_id)),
        "verified": version.email is not None,
        "external_id": user.linked_login,
        "tags": [],
        "alias": "",
        "active": True,
        "shared": False,
        "last_login_at": None,
        "signature": None,
        "details": "",
        "notes": "",
        "custom_role_id": None,
        "moderator": False,
        "ticket_restriction": "requested",
        "only_private_comments": False,
        "restricted_agent": True,
        "suspended": False,
        "default_group_id": None,
        "user_fields": {},
    }
