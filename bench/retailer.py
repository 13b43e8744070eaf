"""A made-up retailer's systems at any size, night by night: exports in a landing folder and a database of tills.

    python -m bench.retailer HOME PERSONS [NIGHT [SHARE]]

Five orders and some ten touchpoints a person: a web shop (accounts, orders, lines, refunds), tills (members, receipts,
lines), events, messages, a service desk and two advertising accounts. Of a night after the first, SHARE of all records
are new or changed. The same size, night and share give the same records; every row is made by DuckDB, none by Python.
Not here: who the persons are (`company`), nor what is measured.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench.company import make_persons
from bench.sources import TILL_COLUMNS, fill_sqlite

OPENED = datetime(2024, 8, 1, tzinfo=UTC)
FIRST_NIGHT = datetime(2026, 8, 1, tzinfo=UTC)
SETTINGS = {"OMNIHOUSE_DEMO": "0", "OMNIHOUSE_CURRENCY": "EUR", "OMNIHOUSE_TIMEZONE": "Europe/Berlin"}
_ORDERS = 5  # a person
_SESSIONS = 13  # for ten persons, of three events each
_MEMORY = "4GB"
# `moment`: of something of a person's, between their first day and the first night, or during the night's own day.
_MACROS = """
    create temp macro part(i, salt) as draw(i, salt, 1000003) / 1000003.0;
    create temp macro person_of(i) as floor($persons * pow(part(i, 101), 1.3))::bigint;
    create temp macro joined(p) as case
        when p >= $persons_at_first then timestamp '$day' + to_seconds(draw(p, 102, 80000))
        else timestamp '$opened' + to_seconds((pow(part(p, 102), 2) * 540 * 86400)::bigint)
    end;
    create temp macro moment(i, p) as case
        when $night > 1 then timestamp '$day' + to_seconds(draw(i, 103, 80000))
        else joined(p) + to_seconds((part(i, 103) * epoch(timestamp '$first_night' - joined(p)))::bigint)
    end;
    create temp macro has_account(p) as draw(p, 104, 4) <> 1;
    create temp macro is_online(i, p) as case draw(p, 104, 4) when 0 then true when 1 then false
        else draw(i, 105, 10) < 6 end;
    create temp macro is_member(p) as draw(p, 104, 4) <> 0 and draw(p, 106, 10) < 7;
    create temp macro text_of(t) as strftime(t, '%Y-%m-%dT%H:%M:%SZ');
    create temp macro price(sku) as (4.9 + draw(sku, 107, 200))::decimal(12, 2);
    create temp macro typo(name, i) as case when draw(i, 108, 25) = 0 then name[:-2] else name end;
    create temp macro spelled(number, i) as case draw(i, 109, 3)
        when 0 then '0' || number[4:6] || ' ' || number[7:] when 1 then '0049 ' || number[4:] else number end;
"""
# What was sold: an order, or its lines, of the night. A night's people who signed up or changed something.
_SOLD = """
    create temp table sold as
    select i, person, is_online(i, person) as online, moment(i, person) as sold_at, 1 + draw(i, 110, 3) as lines
    from (select i, person_of(i) as person from range($first_order, $last_order) t(i));

    create temp table lines as
    select *, 'SKU-' || (1000 + sku) as code, 1 + draw(i * 8 + line, 112, 10) // 8 as quantity, price(sku) as unit_price
    from (
        select i, person, online, sold_at, line, draw(i * 8 + line, 111, 2000) as sku
        from (select *, unnest(range(1, lines + 1)) as line from sold)
    );

    create temp table totals as
    select i, sum(quantity * unit_price)::decimal(12, 2) as amount from lines group by i;

    create temp table known as
    select *, joined(person) as joined_at, person < $known_before as is_changed,
        case when person < $known_before then 'c/o ' || street else street end as lives,
        case when $night > 1 then timestamp '$day' + to_seconds(draw(person, 113, 80000)) else joined(person) end
            as told_at
    from persons
    where person >= $known_before or ($night > 1 and draw(person, 112 + $night, 1000000) < $changed);
"""
_FILES = {
    "customers": """
        select
            'C' || person as customer_key, given_name, typo(family_name, person) as family_name,
            case when draw(person, 120, 20) = 0 then 'old.' || email when draw(person, 120, 20) = 1 then upper(email)
                else email end as email,
            case when draw(person, 121, 4) > 0 then spelled(phone, person) end as phone,
            lives as street, city, postcode, 'DE' as country,
            draw(person, 122, 3) > 0 as consent_email, text_of(joined_at) as created_at, text_of(told_at) as updated_at
        from known where has_account(person)
    """,
    "orders": """
        select
            'W' || i as order_id, text_of(sold_at) as ordered_at, 'paid' as status, 'EUR' as currency,
            'online_store' as channel, amount as gross_amount, amount as net_amount, text_of(sold_at) as paid_at,
            case when not is_guest then 'C' || person end as customer_key,
            case when is_guest then email end as email,
            case when is_guest then spelled(phone, i) end as phone,
            case when is_guest then typo(given_name || ' ' || family_name, i) end as full_name,
            case when is_guest then postcode end as postcode
        from (select *, draw(i, 123, 7) = 0 as is_guest from sold where online)
        join totals using (i) join persons using (person)
    """,
    "order_lines": """
        select
            'W' || i as order_id, line as line_number, code as sku, 'Article ' || code as product_name,
            'Category ' || sku % 20 as category, quantity, unit_price, quantity * unit_price as net_amount
        from lines where online
    """,
    "shop_refunds": """
        select
            'R' || i as refund_id, 'W' || i as order_id, unit_price as amount, 'EUR' as currency,
            text_of(least(sold_at + interval 3 hour, timestamp '$until')) as refunded_at
        from lines where online and line = 1 and draw(i, 124, 33) = 0
    """,
    "messages": """
        select
            'm' || i as message_id, case draw(i, 126, 5) when 0 then 'opened' else 'sent' end as event,
            'email' as channel,
            'Letter ' || draw(i, 127, 40) as campaign, text_of(moment(i, person)) as occurred_at, email
        from (select i, person_of(i) as person from range($first_message, $last_message) t(i))
        join persons using (person)
    """,
    "desk_tickets": """
        select
            'T' || i as ticket_id, text_of(at_time) as created_at, 'email' as channel, 'Delivery' as category,
            'solved' as status, email, text_of(at_time + interval 20 minute) as first_replied_at,
            text_of(at_time + interval 50 minute) as solved_at, 1 + draw(i, 128, 5) as csat_score
        from (
            select *, least(moment(i, person), timestamp '$until' - interval 1 hour) as at_time
            from (select i, person_of(i) as person from range($first_ticket, $last_ticket) t(i))
        ) join persons using (person)
    """,
    "google_ads": """
        select
            strftime(day, '%Y-%m-%d') as "Day", 'Omni DE' as "Account name", 'Campaign ' || c as "Campaign",
            'EUR' as "Currency code", 900 + draw(epoch(day)::bigint + c, 129, 900) as "Impr.",
            20 + draw(epoch(day)::bigint + c, 130, 60) as "Clicks", 10 + draw(epoch(day)::bigint + c, 131, 90) as "Cost"
        from range(timestamp '$ads_from', timestamp '$until', interval 1 day) d(day), range(20) t(c)
    """,
    "meta_ads": """
        select
            strftime(day, '%Y-%m-%d') as "Day", 'Omni DE' as "Account name", 'Audience ' || c as "Campaign name",
            900 + draw(epoch(day)::bigint + c, 132, 900) as "Impressions",
            20 + draw(epoch(day)::bigint + c, 133, 60) as "Link clicks",
            10 + draw(epoch(day)::bigint + c, 134, 90) as "Amount spent (EUR)"
        from range(timestamp '$ads_from', timestamp '$until', interval 1 day) d(day), range(20) t(c)
    """,
}
# Three events a session, of somebody who buys soon after; one in three says who they are.
_EVENTS = """
    with visits as (
        select s, person, moment(bought, person) - to_seconds(case when $night > 1 then 0 else draw(s, 141, 800000) end)
            as at_time
        from (
            select s, person_of(bought) as person, bought
            from (select s, $first_order + draw(s, 140, $last_order - $first_order) as bought
                from range($first_session, $last_session) t(s))
        )
    )
    select
        'e' || (s * 3 + step) as "messageId",
        case when step = 2 and draw(s, 142, 3) = 0 then 'identify' when step = 1 then 'track' else 'page' end as "type",
        case when step = 1 then 'Product Viewed' end as event,
        'd' || (person * 2 + draw(s, 143, 2)) as "anonymousId",
        case when step = 2 and draw(s, 142, 3) = 0 then 'u' || person end as "userId",
        text_of(at_time + to_seconds(step * 40)) as "timestamp",
        {'page': {
            'url': 'https://shop.example/p/' || draw(s, 144, 2000) || case
                when step > 0 then '' when draw(s, 145, 5) = 0 then '?gclid=g' || s
                when draw(s, 145, 5) = 1 then '?utm_source=newsletter&utm_medium=email' else '' end,
            'path': '/p/' || draw(s, 144, 2000),
            'referrer': case when step = 0 and draw(s, 145, 5) = 2 then 'https://www.google.com/' end
        }} as context,
        {'sku': case when step = 1 then 'SKU-' || (1000 + draw(s, 144, 2000)) end} as properties,
        {'email': case when step = 2 and draw(s, 142, 3) = 0 then email end} as traits
    from (select *, unnest(range(3)) as step from visits) join persons using (person)
"""
_TILLS = {
    "stores": """
        select 'S' || i, 'Store ' || i, 'Berlin', 'DE', 'Europe/Berlin', 'EUR', text_of(timestamp '$opened')
        from range(40) t(i) where $night = 1
    """,
    "members": """
        select
            'M' || person, typo(given_name || ' ' || family_name, person + 7),
            case when draw(person, 151, 200) = 0 then '+4930123456' || draw(person, 152, 9)
                else spelled(phone, person + 7) end,
            case when draw(person, 153, 2) = 0 then email end, strftime(birth_date, '%Y-%m-%d'),
            ['female', 'male'][1 + draw(person, 154, 2)], lives, city, postcode, 'DE',
            ['basic', 'gold'][1 + draw(person, 155, 2)], 'S' || draw(person, 156, 40),
            'true', 'true', text_of(joined_at), text_of(told_at)
        from known where is_member(person)
    """,
    "receipts": """
        select
            i, 'R' || i, 'S' || draw(i, 156, 40), draw(i, 157, 4), 'sale', text_of(sold_at), 'EUR',
            case when shows_card then 'M' || person end,
            case when tells_name then typo(given_name || ' ' || family_name, i) end,
            case when tells_name then phone end, case when tells_name then street end, null,
            amount, 0, 0, 0, 'card', null, null, 'completed', 'K' || draw(i, 158, 90), text_of(sold_at)
        from (
            select *, is_member(person) and draw(i, 159, 5) > 0 as shows_card,
                not is_member(person) and draw(i, 159, 3) = 0 as tells_name
            from sold where not online
        ) join totals using (i) join persons using (person)
    """,
    "receipt_lines": """
        select i, line, code, 'Article ' || code, 'Category ' || sku % 20, quantity, unit_price, 0, 0, text_of(sold_at)
        from lines where not online
    """,
}
_MAPPINGS = {
    "shop_refunds": "part_of: orders\ncurrency: {column: currency}\nentities:\n  refunds:\n"
    + "".join(f"    {name}: {name}\n" for name in ("refund_id", "order_id", "refunded_at", "amount")),
    "desk_tickets": "entities:\n  tickets:\n"
    + "".join(
        f"    {name}: {name}\n"
        for name in ("ticket_id", "created_at", "channel", "category", "status", "email", "first_replied_at",
                     "solved_at", "csat_score")
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Retailer:
    """A company of so many persons, its systems beside and in a home."""

    home: Path
    persons: int

    @property
    def tills(self) -> Path:
        """The tills' database; the exports lie in the home's landing folder."""
        return self.home.with_name(f"{self.home.name}-tills.sqlite")

    def settings(self, night: int) -> dict[str, str]:
        """The environment of a run of this night."""
        return {
            **SETTINGS,
            "OMNIHOUSE_HOME": str(self.home),
            "OMNIHOUSE_AS_OF": (_end(night) + timedelta(hours=2)).isoformat(),
            "SOURCES__POS__DATABASE_URL": f"sqlite:///{self.tills}",
        }

    def advance(self, night: int, share: float = 0.01) -> dict[str, int]:
        """Write what the night brings, after the first one `share` of what there was; how many records of each kind.

        Each night has a range of its own for the numbers of its records, so shares may differ between nights.
        """
        numbers = self._numbers(night, share)
        counts: dict[str, int] = {}
        with duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": f"{self.home}-making"}) as database:

            def made(query: str) -> str:
                for name in sorted(numbers, key=len, reverse=True):
                    query = query.replace(f"${name}", str(numbers[name]))
                return query

            make_persons(database, int(numbers["persons"]))
            database.execute(made(_MACROS))
            database.execute(made(_SOLD))
            for folder, query in _FILES.items():
                target = self._file(folder, f"{folder}-{night}.csv")
                counts[folder] = _written(database, made(query), target, "header")
                if folder == "google_ads":
                    target.write_text("Campaign report\nAll time\n" + target.read_text())
            target = self._file("events", f"events-{night}.jsonl")
            counts["events"] = _written(database, made(_EVENTS), target, "format json")
            counts |= self._fill_tills(database, {table: made(query) for table, query in _TILLS.items()})
        mappings = self.home / "mappings"
        mappings.mkdir(exist_ok=True)
        for name, text in _MAPPINGS.items():
            (mappings / f"{name}.yml").write_text(f'files: "*.csv"\n{text}')
        return counts

    def _numbers(self, night: int, share: float) -> dict[str, object]:
        old = self.persons
        grown = max(1, int(old * share / 2))
        before = old if night == 1 else old + (night - 2) * max(1, old // 20)
        now = old if night == 1 else before + min(grown, max(1, old // 20))
        numbers: dict[str, object] = {
            "night": night, "persons": now, "persons_at_first": old, "known_before": 0 if night == 1 else before,
            "changed": int(share / 2 * 1_000_000), "opened": f"{OPENED:%Y-%m-%d}", "day": f"{_end(night - 1):%Y-%m-%d}",
            "first_night": f"{FIRST_NIGHT:%Y-%m-%d}", "until": f"{_end(night):%Y-%m-%d}",
            "ads_from": f"{OPENED if night == 1 else _end(night) - timedelta(days=3):%Y-%m-%d}",
        }  # fmt: skip
        kinds = {"order": old * _ORDERS, "session": old * _SESSIONS // 10, "message": old, "ticket": max(1, old // 10)}
        for kind, count in kinds.items():
            first = 0 if night == 1 else count * night
            numbers[f"first_{kind}"] = first
            numbers[f"last_{kind}"] = first + (count if night == 1 else max(1, int(count * share)))
        return numbers

    def _file(self, folder: str, name: str) -> Path:
        place = self.home / "landing" / folder
        place.mkdir(parents=True, exist_ok=True)
        return place / name

    def _fill_tills(self, database: duckdb.DuckDBPyConnection, queries: dict[str, str]) -> dict[str, int]:
        keys = {"stores": "store_id", "members": "member_no", "receipts": "receipt_id"}
        with closing(sqlite3.connect(self.tills)) as target:
            target.execute("pragma synchronous = off")
            fill_sqlite(target, {table: database.sql(query) for table, query in queries.items()}, keys)
            counts = {table: target.execute(f"select count(*) from {table}").fetchone()[0] for table in TILL_COLUMNS}
        return {f"till {table}": count for table, count in counts.items()}


def _end(night: int) -> datetime:
    """When a night's last records are from: the first one brings all until then, a later one its day's."""
    return FIRST_NIGHT + timedelta(days=night - 1)


def _written(database: duckdb.DuckDBPyConnection, query: str, target: Path, options: str) -> int:
    found = database.execute(f"copy ({query}) to '{target}' ({options})").fetchone()
    return int(found[0]) if found else 0


def main(arguments: list[str]) -> None:
    """Write one night's systems."""
    home, persons, *rest = arguments
    night, share = int(rest[0]) if rest else 1, float(rest[1]) if len(rest) > 1 else 0.01
    retailer = Retailer(Path(home).resolve(), int(persons))
    for name, count in retailer.advance(night, share).items():
        print(f"{name:<20} {count:>12,}")


if __name__ == "__main__":
    main(sys.argv[1:])
