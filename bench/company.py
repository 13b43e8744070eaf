"""A made-up company's records and identifiers, as the night hands them to the stitching engine: for measuring only.

Here: the persons behind all made-up records, and `records` and `assertions` of two nights in a DuckDB file; on the
second, one record in a hundred is new or says something else. Not here: what is measured with them (`identity`), nor
the files and tills of a whole retailer (`retailer`).

Two in five records are another person's. Households share an address and some a telephone, a few numbers are carried by
hundreds (the till's own, a call centre's), one record in seven is a name and an address at a till and nothing else.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import duckdb

_WORDS = {
    "given": ("al be ca da el fi gi ha in jo ka li mo ni ra so ti va", "na ra ne ro sa ta do mi"),
    "family": (
        "bach berg dorn eich feld gold hart kirch lind mai neu roth sand stein wald wein",
        "e er in o u",
        "bauer brandt hammer hoff kamp lein mann meyer ner schmid thal weiler",
    ),
    "streets": ("acker birken dorf eichen linden markt rosen ufer wiesen", "au hof tal tor", "allee gasse ring weg"),
    "cities": ("Alt Neu Ober Unter Gross", "burg dorf hausen stadt kirchen"),
}

# `draw(i, salt, n)`: a number below n that belongs to i; `skewed`: small ones more often.
_MACROS = """
    create temp macro draw(i, salt, n) as (hash(i, salt) % n)::bigint;
    create temp macro skewed(i, salt, n) as floor(n * pow(draw(i, salt, 1000003) / 1000003, 2))::bigint;
    create temp macro mobile(number) as '+4915' || lpad(number::varchar, 9, '0');
"""
# A person's phone is one of their own, or in one household of eight that of its first member.
_PERSONS = """
    create temp table persons as
    with drawn as (
        select
            p as person,
            p - p % 3 as household,
            case when draw(p, 1, 2) = 0 then p - p % 3 else p end as family_of,
            case when draw(p - p % 3, 2, 8) = 0 then p - p % 3 else p end as phone_of
        from range($persons) t(p)
    )
    select
        person,
        $given[1 + skewed(person, 3, len($given))] as given_name,
        $family[1 + skewed(family_of, 4, len($family))] as family_name,
        date '1935-01-01' + draw(person, 5, 26000)::int as birth_date,
        (1 + draw(household, 6, 90))::varchar || ' ' || $streets[1 + draw(household, 7, len($streets))] as street,
        $cities[1 + skewed(household, 8, len($cities))] as city,
        (10000 + skewed(household, 8, len($cities)) * 40 + draw(household, 7, 40))::varchar as postcode,
        mobile(100000000 + phone_of) as phone,
        given_name || '.' || family_name || person || '@post.example' as email,
    from drawn
"""
_RECORDS = """
    create temp table drawn as
    with spread as (
        select
            i,
            draw(i, 11, $persons) as person,
            draw(i, 12, 100) as lot,
            $night = 2 and draw(i, 13, 200) = 0 as is_changed,
        from range($records) t(i)
    )
    select
        i,
        person,
        is_changed,
        case
            when lot < 26 then 'customer'
            when lot < 51 then 'member'
            when lot < 65 then 'name_only'
            when lot < 75 then 'user'
            when lot < 80 then 'guest_order'
            else 'device'
        end as record_type,
        case
            when record_type in ('customer', 'guest_order') then 'shopify'
            when record_type = 'user' then 'zendesk'
            when record_type = 'device' then 'events'
            else 'pos'
        end as source_system,
        source_system || '/' || record_type || '/' || (1000000 + i) as record_key,
        timestamp '2024-01-01' + to_seconds(draw(i, 14, 60000000)) as created_at,
    from spread;

    create or replace table records_$night as
    select
        record_key,
        source_system,
        record_type,
        (1000000 + i)::varchar as source_record_id,
        'DE' as default_region,
        case
            when record_type in ('name_only', 'member') and draw(i, 21, 20) = 0
                then given_name || ' ' || family_name[:-2]
            when record_type in ('name_only', 'member') then given_name || ' ' || family_name
        end as full_name,
        case when record_type in ('customer', 'user', 'guest_order') then given_name end as given_name,
        case when record_type in ('customer', 'user', 'guest_order') then family_name end as family_name,
        case
            when record_type in ('user', 'device') or (record_type <> 'name_only' and draw(i, 22, 5) = 0) then null
            when is_changed then 'c/o ' || street
            else street
        end as street,
        case when record_type not in ('user', 'device') then city end as city,
        case when record_type not in ('user', 'device') and draw(i, 23, 10) > 0 then postcode end as postcode,
        case when record_type = 'member' or (record_type = 'name_only' and draw(i, 24, 2) = 0) then birth_date end
            as birth_date,
        record_type = 'device' as is_anonymous,
        false as has_personal_id,
        created_at
    from drawn join persons using (person)
    order by hash(i);

    create or replace table assertions_$night as
    with said as (
        select *, unnest([
            {'type': 'email', 'value': email, 'of': ['customer', 'user', 'guest_order'], 'share': 100},
            {'type': 'email', 'value': email, 'of': ['member'], 'share': 50},
            {'type': 'email', 'value': upper(email), 'of': ['customer', 'device'], 'share': 25},
            {'type': 'email', 'value': 'old.' || email, 'of': ['customer', 'member', 'user'], 'share': 25},
            {'type': 'phone', 'value': phone, 'of': ['member', 'guest_order'], 'share': 100},
            {'type': 'phone', 'value': '0' || phone[4:6] || ' ' || phone[7:], 'of': ['customer', 'user'], 'share': 75},
            {'type': 'phone', 'value': mobile(300000000 + person * 2), 'of': ['member', 'customer'], 'share': 25},
            {'type': 'phone', 'value': mobile(900000000 + draw(i, 33, 1 + $persons // 40000)), 'of': ['member', 'user'],
                'share': 1},
            {'type': 'phone', 'value': mobile(800000000 + i), 'of': if(is_changed, [record_type], []), 'share': 100},
            {'type': 'member_no', 'value': 'M' || (100000 + person), 'of': ['member'], 'share': 100},
            {'type': 'login', 'value': 'u' || person, 'of': ['customer'], 'share': 100},
            {'type': 'login', 'value': 'u' || person, 'of': ['device'], 'share': 45},
            {'type': 'device', 'value': 'd' || (person * 2 + draw(i, 31, 2)), 'of': ['device'], 'share': 100},
            {'type': 'cookie', 'value': 'c' || i, 'of': ['device'], 'share': 100},
            {'type': 'click_id', 'value': 'k' || i, 'of': ['device'], 'share': 50}
        ], recursive := true)
        from drawn join persons using (person)
    )
    select
        record_key,
        type,
        value,
        created_at as first_at,
        created_at + to_days(draw(i, 32, 300)::int) as last_at
    from said
    where list_contains("of", record_type) and draw(i, hash(type, value), 100) < share
    order by hash(record_key, type, value);

    drop table drawn;
"""


def make_persons(database: duckdb.DuckDBPyConnection, persons: int) -> None:
    """The macros, and a temporary table `persons`; a person is the same in a larger company."""
    lists = {name: ["".join(one) for one in product(*map(str.split, parts))] for name, parts in _WORDS.items()}
    database.execute(_MACROS)
    database.execute(_PERSONS, {"persons": persons, **lists})


def make_company(file: Path, records: int) -> dict[str, int]:
    """Write `records_1`, `assertions_1`, `records_2`, `assertions_2`; how many rows each has."""
    persons = max(records * 2 // 5, 10)
    with duckdb.connect(str(file)) as database:
        make_persons(database, persons)
        for night, count in ((1, records), (2, records + records // 200)):
            text = _RECORDS
            for name, number in {"night": night, "records": count, "persons": persons}.items():
                text = text.replace(f"${name}", str(number))
            database.execute(text)
        names = [f"{table}_{night}" for night in (1, 2) for table in ("records", "assertions")]
        return {name: database.table(name).shape[0] for name in names}
