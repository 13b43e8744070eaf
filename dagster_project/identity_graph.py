"""GRAPH.parquet beside the warehouse: the records, identifiers and links of the home, which `identity explain` reads.

Belongs here: the hand-over from the warehouse to that file. Its form and how it is read are the engine's.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from dagster_project.config import House

# The parts of int_identity__clusters under the names of the graph's columns. Links stand in the order of the spanning
# tree, as far as it tells which of several links is the weakest: by what people decided, by the trust in the type, by
# likeness, and devices last.
_GRAPH = """
    with clusters as (
        from intermediate.int_identity__clusters
    ),

    carried as (
        select carriers.record_key, carriers.type, carriers.value, members.customer_id
        from clusters as carriers
        inner join clusters as members on carriers.record_key = members.record_key and members.part = 'member'
        where carriers.part = 'carrier'
    ),

    spread as (
        select type, value
        from carried
        group by type, value
        having count(distinct customer_id) > 1
    ),

    graph as (
        select
            case clusters.part when 'member' then 'record' when 'value' then 'identifier' else clusters.part end
                as kind,
            coalesce(clusters.record_key, clusters.left_record) as record_key,
            coalesce(clusters.other_record_key, clusters.right_record) as other_record_key,
            members.source_system || '/' || members.record_type || '/' || members.published_record_id
                as published_key,
            clusters.customer_id,
            case clusters.part
                when 'member' then clusters.match_rule
                when 'override' then clusters.action
                else clusters.type
            end as type,
            clusters.value,
            clusters.value_hash,
            clusters.status,
            clusters.reason,
            clusters.carriers,
            coalesce(clusters.confidence, clusters.match_confidence, clusters.score) as confidence,
            clusters.in_tree
        from clusters
        left join intermediate.int_identity__members as members
            on members.record_key = case clusters.part when 'member' then clusters.record_key end
        where clusters.part in ('member', 'value', 'link', 'review', 'override')
        union all by name
        select 'unlinked' as kind, carried.record_key, carried.type, carried.value, clusters.status, clusters.reason
        from carried
        inner join spread on carried.type = spread.type and carried.value = spread.value
        inner join clusters
            on clusters.part = 'value' and clusters.type = carried.type and clusters.value = carried.value
    )

    select graph.*
    from graph
    left join seeds.identity_rules as rules on graph.type = rules.type
    order by
        graph.kind,
        case
            when graph.type = 'must_link' then 0
            when lower(rules.anonymous) in ('y', 'yes', 'true') then 3
            when rules.type is not null then 1
            else 2
        end,
        graph.confidence desc,
        try_cast(rules.priority as integer),
        graph.type,
        graph.value_hash,
        graph.record_key,
        graph.other_record_key,
        graph.value
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
    rows = warehouse.execute(
        f"copy ({_GRAPH}) to '{fresh}' (format parquet, compression zstd, use_tmp_file false)"
    ).fetchone()
    fresh.replace(path(house))
    return rows[0] if rows else 0
