"""The identity report: how sure are we who is who?"""

from __future__ import annotations

from reports import charts
from reports.page import Figure, Report
from reports.reader import Reader
from reports.wording import count, money, number, percent, short_month

RULES = """
select match_rule, count(*) as records, min(match_confidence) as least_sure
from marts.customer_identities
where not is_anonymous
group by match_rule
order by records desc, match_rule"""
SIZES = """
select case when record_count <= 10 then record_count::text else 'more than 10' end as records,
    count(*) as customers, min(record_count) as place
from marts.customers
where not is_anonymous
group by all
order by place"""
SYSTEMS = """
select len(string_split(source_systems, ', ')) as systems, count(*) as customers
from marts.customers
where not is_anonymous
group by systems
order by systems"""
MATCHED = """
select month, channel, value as share_with_known_customer, denominator as orders
from marts.kpi_monthly
where kpi = 'order_match_rate'
order by month, channel"""
CONFIDENCE = """
select
    case
        when match_confidence >= 1 then 'certain'
        when match_confidence >= 0.99 then '99 % and more'
        when match_confidence >= 0.95 then '95 to 99 %'
        when match_confidence >= 0.9 then '90 to 95 %'
        else 'below 90 %'
    end as how_sure,
    count(*) as records, min(match_confidence) as least
from marts.customer_identities
where not is_anonymous
group by how_sure
order by least desc"""
REVIEWS = """
select reason, coalesce(value_type, 'likeness') as about, count(*) as questions, max(customer_value) as largest_value,
    min(first_raised_at) as oldest
from marts.identity_review_queue
group by reason, about
order by largest_value desc nulls last, questions desc, reason, about"""
EVENTS = """
select night, event, count(*) as ids
from marts.identity_events
where not is_anonymous
group by night, event
order by night, event"""
CONFLICTS = """
select attribute, count(*) as persons, count(*) filter (where is_conflicting) as with_conflict,
    count(*) filter (where is_conflicting) / count(*) as share
from marts.customer_attribute_sources
group by attribute
order by share desc, attribute"""


def rules(reader: Reader) -> Figure:
    """What joins records to people."""
    rows = reader.rows(RULES)
    every = sum(row["records"] for row in rows)
    links = [row for row in rows if row["match_rule"] != "anchor"]
    if not links:
        return Figure("No record was joined to another yet", RULES, rows)
    joined = sum(row["records"] for row in links)
    return Figure(
        f"{number(every)} records are {number(every - joined)} people; {links[0]['match_rule']} joins most, "
        f"{percent(links[0]['records'] / joined)}",
        RULES,
        rows,
        charts.bars([(row["match_rule"], row["records"]) for row in links], "records joined by the rule"),
    )


def confidence(reader: Reader) -> Figure:
    """How sure the links are."""
    rows = reader.rows(CONFIDENCE)
    every = sum(row["records"] for row in rows)
    if not every:
        return Figure("There is no record yet", CONFIDENCE)
    sure = sum(row["records"] for row in rows if row["how_sure"] == "certain")
    return Figure(
        f"{percent(sure / every, 1)} of records are with their person for certain",
        CONFIDENCE,
        rows,
        charts.bars([(row["how_sure"], row["records"]) for row in rows], "records"),
        "A record is as sure as the weakest link between it and the first record of its person.",
    )


def sizes(reader: Reader) -> Figure:
    """How many records a person has."""
    rows = [{key: row[key] for key in ("records", "customers")} for row in reader.rows(SIZES)]
    if not rows:
        return Figure("Nobody is known yet", SIZES)
    every, alone = sum(row["customers"] for row in rows), sum(r["customers"] for r in rows if r["records"] == "1")
    return Figure(
        f"{percent(alone / every)} of {count(every, 'person', 'persons')} have a single record",
        SIZES,
        rows,
        charts.bars([(str(row["records"]), row["customers"]) for row in rows], "persons, by their number of records"),
    )


def systems(reader: Reader) -> Figure:
    """How many systems know a person."""
    rows = reader.rows(SYSTEMS)
    every = sum(row["customers"] for row in rows)
    if not every:
        return Figure("Nobody is known yet", SYSTEMS)
    several = sum(row["customers"] for row in rows if row["systems"] > 1)
    return Figure(
        f"{percent(several / every)} of known persons are known to two systems or more",
        SYSTEMS,
        rows,
        charts.bars([(str(row["systems"]), row["customers"]) for row in rows], "persons, by systems that know them"),
    )


def matched(reader: Reader) -> Figure:
    """Of how many orders the customer is known."""
    rows = reader.rows(MATCHED)
    months = sorted({row["month"] for row in rows})[-18:]
    if not months:
        return Figure("No month has an order yet", MATCHED)
    by_place = {(row["channel"], row["month"]): row["share_with_known_customer"] for row in rows}
    sums: dict[str, float] = {}
    for row in rows:
        sums[row["channel"]] = sums.get(row["channel"], 0.0) + float(row["orders"] or 0)
    channels = sorted(sums, key=lambda name: -sums[name])[:6]
    return Figure(
        f"The customer is known of {percent(by_place.get(('(all)', months[-1])), 1)} of the orders of the last month",
        MATCHED,
        [row for row in rows if row["month"] in months],
        charts.lines(
            [short_month(day) for day in months],
            {channel: [by_place.get((channel, day)) for day in months] for channel in channels},
            "share of orders",
            "month",
            percent,
        ),
    )


def reviews(reader: Reader) -> Figure:
    """What people are asked to decide."""
    rows = reader.rows(REVIEWS)
    if not rows:
        return Figure("No question about identity is open", REVIEWS)
    return Figure(
        f"{count(sum(row['questions'] for row in rows), 'question')} are open; the dearest concerns a customer of "
        f"{money(rows[0]['largest_value'] or 0, reader.currency)} a year",
        REVIEWS,
        rows,
        charts.bars([(f"{row['reason']}, {row['about']}", row["questions"]) for row in rows], "open questions"),
    )


def events(reader: Reader) -> Figure:
    """What happened to ids, publication by publication."""
    rows = reader.rows(EVENTS)
    if not rows:
        return Figure("No id was given yet", EVENTS)
    nights = sorted({row["night"] for row in rows})[-30:]
    kinds = sorted({row["event"] for row in rows} - {"born"})
    found = {(row["event"], row["night"]): row["ids"] for row in rows}
    last = {kind: found.get((kind, nights[-1]), 0) for kind in ["born", *kinds]}
    told = ", ".join(f"{ids:,} {kind}" for kind, ids in last.items() if ids)
    return Figure(
        f"Ids of people in publication {nights[-1]}: {told}",
        EVENTS,
        [row for row in rows if row["night"] in nights],
        charts.lines(
            [str(night) for night in nights],
            {kind: [found.get((kind, night), 0) for night in nights] for kind in kinds},
            "ids",
            "publication; births are in the numbers",
        ),
    )


def conflicts(reader: Reader) -> Figure:
    """Where a person's records disagree."""
    rows = reader.rows(CONFLICTS)
    if not rows:
        return Figure("No attribute of anybody is known", CONFLICTS)
    return Figure(
        f"Records of one person disagree most about {rows[0]['attribute']}: "
        f"of {percent(rows[0]['share'], 1)} of persons",
        CONFLICTS,
        rows,
        charts.bars(
            [(row["attribute"], row["share"]) for row in rows[:14]], "share of persons with a conflict", percent
        ),
    )


REPORT = Report(
    "identity",
    "Identity quality",
    "How sure are we who is who, and what should a person decide?",
    (rules, confidence, sizes, systems, matched, reviews, events, conflicts),
)
