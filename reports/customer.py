"""Customer 360: one person's profile, identities, timeline, orders, tickets and tags, from the published file.

Names and contact details are in the restricted file alone; who may open it can have them shown beside the rest.
"""

from __future__ import annotations

from reports import charts
from reports.page import Figure
from reports.reader import Reader, Row
from reports.wording import count, money, percent

QUESTION = "Who is this customer, through which doors do they come, and what happened so far?"

FOUND = """
select
    customer_id, source_systems, len(string_split(source_systems, ', ')) as sources_count, orders_count, net_revenue,
    lifecycle_stage, rfm_segment, city
from marts.customers
where not is_anonymous and (
    $1 = '' or starts_with(customer_id, $1)
    or customer_id in (select customer_id from marts.customer_identities where source_record_id = $1)
    or customer_id in (select customer_id from marts.orders where source_order_id = $1 or order_id = $1)
    or customer_id in (select customer_id from marts.service_tickets where source_ticket_id = $1 or ticket_id = $1)
    or customer_id in (select customer_id from marts.customer_id_history where retired_customer_id = $1)
)
order by sources_count desc, net_revenue desc nulls last, customer_id
limit 100"""
PROFILE = """
select
    customers.*, features.age_band, features.net_365d, features.purchase_cycle_days, features.favourite_category,
    features.channels_bought, features.open_tickets, features.last_csat_score, customer_value.historic_value,
    customer_value.alive_probability, customer_value.predicted_value_12m
from marts.customers
left join marts.customer_features as features using (customer_id)
left join marts.customer_value using (customer_id)
where customers.customer_id = $1"""
IDENTITIES = """
select source_system, record_type, source_record_id, match_rule, match_confidence, linked_at
from marts.customer_identities
where customer_id = $1
order by match_rule <> 'anchor', match_confidence desc, source_system, source_record_id"""
TIMELINE = """
select * from (
    select occurred_at as happened_at, channel, touchpoint_type as what, coalesce(page_path, campaign) as detail
    from marts.touchpoints
    where customer_id = $1 and touchpoint_type not in ('order', 'refund', 'ticket')
        and not starts_with(touchpoint_type, 'message_')
    union all
    select ordered_at, channel, 'order, ' || status, net_amount || ' ' || currency
    from marts.orders
    where customer_id = $1
    union all
    select refunds.refunded_at, coalesce(orders.channel, refunds.source_system), refunds.kind,
        refunds.amount || ' ' || refunds.currency
    from marts.refunds
    left join marts.orders on orders.order_id = refunds.order_id
    where coalesce(refunds.customer_id, orders.customer_id) = $1
    union all
    select created_at, channel, 'ticket', category
    from marts.service_tickets
    where customer_id = $1
    union all
    select occurred_at, channel, 'message ' || event, campaign
    from marts.messages
    where customer_id = $1
)
order by happened_at, channel, what"""
ORDERS = """
select order_id, ordered_at, channel, status, currency, net_amount, net_amount_reporting, customer_order_number
from marts.orders
where customer_id = $1
order by ordered_at desc, order_id"""
TICKETS = """
select
    ticket_id, created_at, channel, category, status, first_reply_seconds / 60 as minutes_to_reply, reopens, csat_score
from marts.service_tickets
where customer_id = $1
order by created_at desc, ticket_id"""
TAGS = """
select category, tag, value, since, valid_until
from marts.customer_tags
where customer_id = $1
order by category, tag, value"""
STAGES = """
select stage, entered_at, left_at, reason
from marts.customer_lifecycle
where customer_id = $1
order by entered_at"""
CONTACTS = """
select full_name, phone, email
from restricted.customer_contacts
where customer_id = $1"""

# What each rule of a link means, for who reads it.
REASONS = {
    "anchor": "the first record, on which the id hangs",
    "override": "a person decided it",
    "probable": "name, address and the like agree; no identifier is shared",
    "phone": "the same phone as a record nearer to the first",
    "email": "the same e-mail address",
    "member_no": "the same member number",
    "login": "the same log-in of the shop",
    "union_id": "the same WeChat owner (UnionID)",
    "openid": "the same WeChat account of an app (OpenID)",
    "national_id": "the same identity document",
    "device": "the same device",
    "cookie": "the same browser",
    "click_id": "the same click on an advertisement",
}


def found(reader: Reader, words: str = "") -> list[Row]:
    """Customers by the begin of their id, a record's, order's or ticket's id, or a retired id; all without words.

    Those known to most systems come first.
    """
    return reader.rows(FOUND, words.strip())


def profile(reader: Reader, customer_id: str) -> Figure:
    """What is known of the person."""
    rows = reader.rows(PROFILE, customer_id)
    if not rows:
        return Figure("Nobody has this id", PROFILE)
    person = rows[0]
    sources = [name for name in (person["source_systems"] or "").split(", ") if name]
    return Figure(
        f"Known to {count(len(sources), 'system')}, {count(person['orders_count'] or 0, 'order')} worth "
        f"{money(person['net_revenue'] or 0, reader.currency)}, now {person['lifecycle_stage'] or 'without a stage'}",
        PROFILE,
        [{"what": name.replace("_", " "), "value": value} for name, value in person.items() if value is not None],
        show_rows=True,
    )


def identities(reader: Reader, customer_id: str) -> Figure:
    """Every record of the person, and why it is theirs."""
    rows = [
        {
            "source": row["source_system"],
            "kind": row["record_type"],
            "record": row["source_record_id"],
            "reason": REASONS.get(row["match_rule"], row["match_rule"]),
            "how sure": percent(row["match_confidence"], 1),
            "since": row["linked_at"],
        }
        for row in reader.rows(IDENTITIES, customer_id)
    ]
    systems = {row["source"] for row in rows}
    title = f"{count(len(rows), 'record')} of {count(len(systems), 'system')} are this person"
    return Figure(title if rows else "No record has this id", IDENTITIES, rows, show_rows=True)


def timeline(reader: Reader, customer_id: str) -> Figure:
    """Everything that happened, channel by channel."""
    rows = reader.rows(TIMELINE, customer_id)
    if not rows:
        return Figure("Nothing has happened yet", TIMELINE)
    channels = {row["channel"] for row in rows}
    events = [
        (row["happened_at"], row["channel"] or "(unknown)", f"{row['what']} {row['detail'] or ''}".strip())
        for row in rows
        if row["happened_at"] is not None
    ]
    return Figure(
        f"{count(len(rows), 'contact')} over {count(len(channels), 'channel')}, "
        f"the last on {rows[-1]['happened_at']:%-d %B %Y}",
        TIMELINE,
        list(reversed(rows)),
        charts.timeline(events, "day; a mark is a contact, point at it to read it"),
    )


def orders(reader: Reader, customer_id: str) -> Figure:
    """What they bought."""
    rows = reader.rows(ORDERS, customer_id)
    channels = {row["channel"] for row in rows}
    title = f"{count(len(rows), 'order')} through {count(len(channels), 'channel')}" if rows else "No order"
    return Figure(title, ORDERS, rows, show_rows=True)


def tickets(reader: Reader, customer_id: str) -> Figure:
    """What they asked."""
    rows = reader.rows(TICKETS, customer_id)
    last = f"{count(len(rows), 'question')} to the desk, the last about {rows[0]['category']}" if rows else ""
    return Figure(last or "Never asked the desk anything", TICKETS, rows, show_rows=True)


def tags(reader: Reader, customer_id: str) -> Figure:
    """What rules say of them."""
    rows = reader.rows(TAGS, customer_id)
    return Figure(f"{count(len(rows), 'tag')}" if rows else "No tag", TAGS, rows, show_rows=True)


def stages(reader: Reader, customer_id: str) -> Figure:
    """Through which stages they went."""
    rows = reader.rows(STAGES, customer_id)
    title = f"{rows[-1]['stage']} since {rows[-1]['entered_at']:%-d %B %Y}" if rows else "In no stage"
    return Figure(title, STAGES, rows, show_rows=True)


def contacts(restricted: Reader | None, customer_id: str) -> Figure:
    """Name and contact details, for those who may open the restricted file."""
    if restricted is None:
        return Figure("Names and contact details are in a file that you may not open", CONTACTS)
    rows = restricted.rows(CONTACTS, customer_id)
    return Figure(
        "Name and contact details" if rows else "No contact details are known", CONTACTS, rows, show_rows=True
    )


FIGURES = (profile, timeline, identities, orders, tickets, tags, stages)
