"""Some of the shipped tags once more, in plain Python, from published orders, tickets, touches and people.

What belongs here: what each rule of tag_rules.csv says in words. Orders, tickets and people themselves are worked out a
second time elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
TAGS = (
    *("first_order_pending_3_days", "consulted_not_bought", "high_attention", "recent_complaint", "churn_warning"),
    *("weekend_shopper", "repeat_customer", "omnichannel_shopper", "store_only", "price_sensitive", "loyal_customer"),
    *("viewed_not_bought", "new_customer", "second_order_pending", "shoes_no_accessories", "serial_canceller"),
)
VISITS = (
    *("page_view", "product_view", "add_to_cart", "checkout_started", "checkout_abandoned", "ad_click", "store_visit"),
    *("call_in", "sign_up"),
)


def _by_person(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["customer_id"] is not None:
            found[row["customer_id"]].append(row)
    return found


def tags(
    tables: Mapping[str, list[dict[str, Any]]], last_day: date, zone: ZoneInfo
) -> tuple[dict[str, set[str]], dict[str, int]]:
    """Person → those of `TAGS` that they have; and for who bought twice, the usual whole days between purchases.

    `tables`: customers, orders, order_lines, service_tickets, touchpoints and customer_lifecycle as published.
    """

    def day(at: datetime) -> date:
        return at.astimezone(zone).date()

    def ago(days: int) -> date:
        return last_day - timedelta(days=days)

    orders, tickets, touches = (_by_person(tables[name]) for name in ("orders", "service_tickets", "touchpoints"))
    categories: dict[str, set[str]] = defaultdict(set)
    for line in tables["order_lines"]:
        if line["category"] and not line["is_gift_card"]:
            categories[line["order_id"]].add(line["category"])
    found: dict[str, set[str]] = {}
    cycles: dict[str, int] = {}
    for person in tables["customers"]:
        if person["is_anonymous"]:
            continue
        name = person["customer_id"]
        bought = sorted((row for row in orders[name] if row["is_valid"]), key=lambda row: row["ordered_at"])
        lately = [row for row in bought if ago(30) < row["reporting_date"] <= last_day]
        asked = [row for row in tickets[name] if row["status"] != "deleted" and day(row["created_at"]) <= last_day]
        recently = [row for row in asked if day(row["created_at"]) > ago(30)]
        discounted = [row for row in bought if row["discount_amount"] > 0]
        gross = sum((row["gross_amount_reporting"] or 0 for row in bought), Decimal(0))
        discount = sum((row["discount_amount_reporting"] or 0 for row in bought), Decimal(0))
        channels = {row["channel"] for row in bought}
        dates = {
            category: max(row["reporting_date"] for row in bought if category in categories[row["order_id"]])
            for category in {one for row in bought for one in categories[row["order_id"]]}
        }
        shoes = dates.get("Shoes", date.min)
        views = [
            row for row in touches[name]
            if row["touchpoint_type"] == "product_view" and ago(30) < day(row["occurred_at"]) <= last_day
        ]  # fmt: skip
        visits = [
            row for row in touches[name]
            if row["touchpoint_type"] in VISITS and ago(30) < day(row["occurred_at"]) <= last_day
        ]  # fmt: skip
        cancelled = [row for row in orders[name] if not row["is_valid"] and row["cancelled_at"]]
        first_bought = day(bought[0]["ordered_at"]) if bought else None
        has = {
            "first_order_pending_3_days": not bought and day(person["first_seen_at"]) <= ago(3),
            "consulted_not_bought": recently and not lately,
            "high_attention": any((row["same_question_count"] or 0) >= 3 for row in recently),
            "recent_complaint": any(row["csat_score"] == 0 for row in recently),
            "churn_warning": bought and bought[-1]["reporting_date"] <= ago(30) and not visits and not recently,
            "weekend_shopper": len(bought) >= 3
            and 5 * sum(row["reporting_date"].isoweekday() > 5 for row in bought) >= 3 * len(bought),
            "repeat_customer": len(bought) >= 2,
            "omnichannel_shopper": len(channels) >= 2,
            "store_only": channels == {"store"},
            "price_sensitive": len(bought) >= 2
            and (10 * len(discounted) >= 7 * len(bought) or (gross > 0 and 5 * discount >= gross)),
            "loyal_customer": sum(ago(365) < row["reporting_date"] <= last_day for row in bought) >= 6,
            "viewed_not_bought": len(views) >= 3 and not lately,
            "new_customer": len(bought) == 1 and first_bought is not None and first_bought > ago(30),
            "second_order_pending": len(bought) == 1 and first_bought is not None and first_bought <= ago(30),
            "shoes_no_accessories": ago(90) < shoes <= ago(14) and dates.get("Accessories", date.min) < shoes,
            "serial_canceller": len(cancelled) >= 2 and len(cancelled) >= len(bought),
        }
        found[name] = {tag for tag in TAGS if has[tag]}
        times = [row["ordered_at"] for row in bought if row["due_amount"] == 0 or row["net_amount"] > 0]
        if len(times) > 1:
            gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
            cycles[name] = round(Decimal(median(gaps)) / 86400)
    return found, cycles
