"""GRAPH.parquet beside the warehouse: the records, identifiers and links of the home, which `identity explain` reads.

Belongs here: the hand-over from the warehouse to that file. Its form and how it is read are the engine's.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from dagster_project.config import House
from dagster_project.warehouse import PARQUET

# The parts of int_identity__clusters under the names of the graph's columns. Links stand in the order of the spanning
# tree, as far as it tells which of several links is the weakest: by what people decided, by the trust in the type, by
# likeness, and devices last. Nothing else is put in order, and all but the few columns of `carried` is read straight
# from its table: a common table expression that several branches share is laid by whole.
_GRAPH = """
    with carried as materialized (
        select carriers.record_key, carriers.type, carriers.value, members.customer_id
        from intermediate.int_identity__clusters as carriers
        inner join intermediate.int_identity__members as members on carriers.record_key = members.record_key
        semi join (
            select type, value from intermediate.int_identity__clusters where part = 'value' and carriers > 1
        ) as several on carriers.type = several.type and carriers.value = several.value
        where carriers.part = 'carrier'
    ),

    spread as (
        select type, value
        from carried
        group by type, value
        having min(customer_id) <> max(customer_id)
    ),

    links as (
        select
            'link' as kind, clusters.record_key, clusters.other_record_key, clusters.customer_id, clusters.type,
            clusters.value, clusters.value_hash, clusters.confidence, clusters.in_tree
        from intermediate.int_identity__clusters as clusters
        left join seeds.identity_rules as rules on clusters.type = rules.type
        where clusters.part = 'link'
        order by
            case
                when clusters.type = 'must_link' then 0
                when lower(rules.anonymous) in ('y', 'yes', 'true') then 3
                when rules.type is not null then 1
                else 2
            end,
            clusters.confidence desc,
            try_cast(rules.priority as integer),
            clusters.type,
            clusters.value_hash,
            clusters.record_key,
            clusters.other_record_key
    )

    select
        kind, record_key, other_record_key, cast(null as text) as published_key, customer_id, type, value, value_hash,
        cast(null as text) as status, cast(null as text) as reason, cast(null as bigint) as carriers, confidence,
        in_tree
    from links
    union all by name
    select
        'record' as kind, record_key, customer_id,
        source_system || '/' || record_type || '/' || published_record_id as published_key,
        match_rule as type, match_confidence as confidence
    from intermediate.int_identity__members
    union all by name
    select 'identifier' as kind, record_key, type, value, status, reason, carriers
    from intermediate.int_identity__clusters
    where part = 'value'
    union all by name
    select
        part as kind, coalesce(record_key, left_record) as record_key,
        coalesce(other_record_key, right_record) as other_record_key, customer_id,
        case part when 'override' then action else type end as type, value, value_hash, status, reason, carriers,
        coalesce(confidence, score) as confidence, in_tree
    from intermediate.int_identity__clusters
    where part in ('review', 'override')
    union all by name
    select 'unlinked' as kind, carried.record_key, carried.type, carried.value, told.status, told.reason
    from carried
    inner join spread on carried.type = spread.type and carried.value = spread.value
    inner join intermediate.int_identity__clusters as told
        on told.part = 'value' and told.type = carried.type and told.value = carried.value
"""


def path(house: House) -> Path:
    """Where the home keeps its graph."""
    return house.warehouse.with_name("GRAPH.parquet")


def write(house: House, warehouse: duckdb.DuckDBPyConnection) -> int:
    """Write the graph of the warehouse in one rename, for this user's eyes only; returns its rows."""
    fresh = path(house).with_suffix(".tmp")
    fresh.unlink(missing_ok=True)
    # Made before it is filled, so that nobody else can open it in between.
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    rows = warehouse.execute(f"copy ({_GRAPH}) to '{fresh}' (format parquet, {PARQUET}, use_tmp_file false)").fetchone()
    fresh.replace(path(house))
    return rows[0] if rows else 0
