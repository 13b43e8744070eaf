"""The company's contacts with its people once more, in plain Python: events, sessions, tickets and advertisements.

What belongs here: reading the landing folder and the service desk as the company keeps them, cutting events into
sessions and giving each event of a shared device to a person, by the written definitions. Who is who is elsewhere.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.integration.recompute import documents, instant

SILENCE = timedelta(minutes=30)
NEAR = timedelta(days=30)
CLICK_IDS = ("gclid", "fbclid", "clickid")


@dataclass
class Event:
    """One web event; the session and the customer are worked out."""

    id: str
    kind: str
    device: str
    user: str | None
    at: datetime
    click: str | None
    campaign: tuple[str, ...] | None
    is_page: bool
    session: str = ""
    customer: str = ""


def read_events(home: Path) -> list[Event]:
    """Every event once, however often it was delivered."""
    found: dict[str, Event] = {}
    for path in sorted((home / "demo" / "landing" / "events").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for document in map(json.loads, lines):
                query = parse_qs(urlsplit((document.get("properties") or {}).get("url") or "").query)
                campaign = document["context"].get("campaign") or {}
                found[document["messageId"]] = Event(
                    id=document["messageId"],
                    kind=document.get("event") or document["type"],
                    device=document["anonymousId"],
                    user=document.get("userId"),
                    at=instant(document["timestamp"]),
                    click=next((query[name][0] for name in CLICK_IDS if name in query), None),
                    campaign=tuple(campaign.get(part, "") for part in ("source", "medium", "name"))
                    if campaign
                    else None,
                    is_page=document["type"] == "page",
                )
    return sorted(found.values(), key=lambda event: (event.device, event.at, event.id))


def by_device(events: list[Event]) -> dict[str, list[Event]]:
    found = defaultdict(list)
    for event in events:
        found[event.device].append(event)
    return found


def cut_sessions(events: list[Event]) -> None:
    """A session ends by a silence of more than thirty minutes, or by a new click id or campaign."""
    for theirs in by_device(events).values():
        last = None
        click: str | None = None
        campaign: tuple[str, ...] | None = None
        session = ""
        for event in theirs:
            new_click = event.click is not None and event.click != click
            new_campaign = event.campaign is not None and event.campaign != campaign
            if last is None or event.at - last > SILENCE or new_click or new_campaign:
                session, click, campaign = event.id, None, None
            event.session = session
            click, campaign, last = event.click or click, event.campaign or campaign, event.at


def give_to_people(events: list[Event], customer_of: dict[str, str]) -> None:
    """To the one identified in the session, else the device's only user, else whoever was there before and after."""
    for device, theirs in by_device(events).items():
        identified = [(event.at, customer_of[f"events/user/{event.user}"]) for event in theirs if event.user]
        times = [at for at, _ in identified]
        users = {customer for _, customer in identified}
        in_session = defaultdict(set)
        for event in theirs:
            if event.user:
                in_session[event.session].add(customer_of[f"events/user/{event.user}"])
        for event in theirs:
            event.customer = customer_of[f"events/device/{device}"]
            here = in_session[event.session]
            if event.user:
                event.customer = customer_of[f"events/user/{event.user}"]
            elif len(here) == 1:
                event.customer = next(iter(here))
            elif len(users) == 1:
                event.customer = next(iter(users))
            elif users:
                before, after = bisect_right(times, event.at) - 1, bisect_left(times, event.at)
                if (
                    before >= 0
                    and after < len(times)
                    and identified[before][1] == identified[after][1]
                    and times[after] - times[before] <= NEAR
                ):
                    event.customer = identified[before][1]


def tickets(home: Path) -> dict[str, dict[str, Any]]:
    """Per ticket its times, reopens and verdict, as the desk's own counts have them."""
    metrics = {str(row["ticket_id"]): row for row in documents(home, "ticket_metrics")}
    verdicts = {}
    for row in documents(home, "satisfaction_ratings"):
        if row["score"].startswith(("good", "bad")):
            verdicts[str(row["ticket_id"])] = int(row["score"].startswith("good"))
    replied = {
        str(row["ticket_id"]): instant(row["time"])
        for row in documents(home, "ticket_metric_events")
        if row["metric"] == "reply_time" and row["type"] == "fulfill"
    }
    called = defaultdict(list)
    for row in documents(home, "calls"):
        called[str(row["ticket_id"])].append(row)
    found = {}
    for ticket in documents(home, "tickets"):
        counts = metrics[str(ticket["id"])]
        created = instant(ticket["created_at"])
        waited = counts["reply_time_in_minutes"]["calendar"]
        first = replied.get(str(ticket["id"]))
        assert (waited is None) == (first is None), "the desk's two books tell of the same replies"
        assert first is None or timedelta(0) <= first - created - timedelta(minutes=waited) < timedelta(minutes=1)
        solved = instant(counts["solved_at"]) if counts["solved_at"] else None
        theirs = called[str(ticket["id"])]
        found[str(ticket["id"])] = {
            "requester": f"zendesk/requester/{ticket['requester_id']}",
            "created_at": created,
            "first_replied_at": first,
            "first_reply_seconds": None if first is None else int((first - created).total_seconds()),
            "first_reply_business_minutes": counts["reply_time_in_minutes"]["business"],
            "solved_at": solved,
            "full_resolution_seconds": None if solved is None else int((solved - created).total_seconds()),
            "full_resolution_business_minutes": counts["full_resolution_time_in_minutes"]["business"],
            "reopens": counts["reopens"],
            "calls_count": len(theirs),
            "wait_seconds": sum(call["wait_time"] for call in theirs) if theirs else None,
            "talk_seconds": sum(call["talk_time"] for call in theirs) if theirs else None,
            "csat_score": verdicts.get(str(ticket["id"])),
            "nps_score": next((int(tag[4:]) for tag in ticket["tags"] if tag.startswith("nps_")), None),
            "is_deleted": ticket["status"] == "deleted",
            "category": next(tag for tag in ticket["tags"] if tag.startswith("category_")).removeprefix("category_"),
            "channel": ticket["via"]["channel"],
            "order_name": next(iter(re.findall(r"#\d+", ticket["subject"])), None),
        }
    return found


def calls(home: Path) -> dict[str, dict[str, Any]]:
    """Per call who it was with, when, whether the customer made it, and the ticket it belongs to, if any."""
    return {
        str(call["id"]): {
            "requester": f"zendesk/requester/{call['customer_id']}",
            "called_at": instant(call["created_at"]),
            "is_inbound": call["direction"] == "inbound",
            "ticket": str(call["ticket_id"]) if call["ticket_id"] else None,
            "ended_at": instant(call["updated_at"]) if call["completion_status"] == "completed" else None,
            "wait_seconds": call["wait_time"],
            "talk_seconds": call["talk_time"],
        }
        for call in documents(home, "calls")
    }


AdKey = tuple[str, str, str, str, str, date]


AdDay = tuple[str, int, int, Decimal | None, Decimal]


def ad_days(home: Path) -> dict[AdKey, AdDay]:
    """Per platform, account, campaign, ad group, ad and day the last word on currency, counts, conversions and cost."""
    found: dict[AdKey, AdDay] = {}
    readers = {"google_ads": _google, "meta_ads": _meta, "oceanengine": _oceanengine, "tiktok_ads": _tiktok}
    for platform, read in readers.items():
        folder = home / "demo" / "landing" / platform
        # The later export restates the days that an earlier one has already told.
        for path in sorted(folder.glob("*.csv"), key=lambda path: path.stem.split("_")[-2:][::-1]):
            for *names, day, currency, impressions, clicks, conversions, cost in read(path):
                found[platform, *names, date.fromisoformat(day)] = (
                    currency,
                    int(impressions.replace(",", "")),
                    int(clicks.replace(",", "")),
                    None if conversions.strip() in ("", "--") else Decimal(conversions),
                    Decimal(cost.replace(",", "")),
                )
    return found


def _google(path: Path) -> list[list[str]]:
    rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()[2:])
    return [
        [row["Account name"], row["Campaign"], row["Ad group"], row["Ad"], row["Day"], row["Currency code"],
         row["Impr."], row["Clicks"], row["Conversions"], row["Cost"]]
        for row in rows
        if re.fullmatch(r"\d{4}-\d\d-\d\d", row["Day"])
    ]  # fmt: skip


def _meta(path: Path) -> list[list[str]]:
    rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    return [
        [row["Account name"], row["Campaign name"], row["Ad set name"], row["Ad name"], row["Day"], "USD",
         row["Impressions"], row["Link clicks"], row["Purchases"], row["Amount spent (USD)"]]
        for row in rows
        if row["Day"]
    ]  # fmt: skip


def _oceanengine(path: Path) -> list[list[str]]:
    _, *rows = csv.reader(path.read_text(encoding="gb18030").splitlines())
    return [
        [account, campaign, group, ad, day, "CNY", shown, clicks, conversions, cost]
        for day, account, campaign, group, ad, shown, clicks, cost, conversions, *_ in rows
        if re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    ]


def _tiktok(path: Path) -> list[list[str]]:
    rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    return [
        [row["Account name"], row["Campaign name"], row["Ad group name"], row["Ad name"], row["By Day"],
         row["Currency"], row["Impressions"], row["Clicks (destination)"], row["Conversions"], row["Cost"]]
        for row in rows
        if re.fullmatch(r"\d{4}-\d\d-\d\d", row["By Day"])
    ]  # fmt: skip
