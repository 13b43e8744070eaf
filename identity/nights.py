"""A resolution that is kept from night to night, as one table of which each night replaces only what it must.

Here: the table, the whole of it and what of it a night replaces. Not here: the resolution (`resolution`), the values
behind what changed (`incremental`, which also says why the rest cannot have changed), where the table is kept.

The table has one row per result; `part` says which: `member`, `value`, `carrier`, `link`, `review` and `override` as in
`Resolution`. A member's row also has its `component`, and its `content`: one number over everything that the record and
its assertions say, by which a changed record is known. So the table says itself what it was made from, and it does not
matter whether the night that made it went on to be published.

What is large stays with the caller, who answers questions in SQL (DuckDB's) about it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from identity.incremental import carried_values, hashes_among, hashes_of
from identity.resolution import resolve
from identity.rules import DROP_VALUE, parse_rules

# SQL, and small tables by the names that it gives them.
Query = Callable[..., pa.Table]

COLUMNS = pa.schema(
    {
        "part": pa.string(),
        "record_key": pa.string(),
        "customer_id": pa.string(),
        "anchor_record_key": pa.string(),
        "match_rule": pa.string(),
        "match_confidence": pa.float64(),
        "published_record_id": pa.string(),
        "is_anonymous": pa.bool_(),
        "component": pa.string(),
        "content": pa.uint64(),
        "type": pa.string(),
        "value": pa.string(),
        "carriers": pa.int64(),
        "status": pa.string(),
        "reason": pa.string(),
        "links": pa.bool_(),
        "other_record_key": pa.string(),
        "value_hash": pa.string(),
        "confidence": pa.float64(),
        "in_tree": pa.bool_(),
        "left_record": pa.string(),
        "right_record": pa.string(),
        "score": pa.float64(),
        "line": pa.int64(),
        "action": pa.string(),
    }
)
GONE = "gone"  # the part of a delta that names what goes


@dataclass(frozen=True)
class Tonight:
    """What a night resolves; columns as for `resolve`.

    `query` knows the tables `records`, `assertions`, `decisions` (`record_key`, `night` of every publication that gave
    a record an id; the first is its birth) and, for a delta, `last`: the kept table.
    """

    query: Query
    rules: pa.Table
    blocked: pa.Table
    overrides: pa.Table
    night: int
    home_key: bytes


def whole(tonight: Tonight) -> pa.Table:
    """The table anew, from nothing but tonight's records."""
    contents = _contents(tonight.query)
    return _below(_resolved(tonight, contents.select(["record_key"]), contents, None))


def delta(tonight: Tonight) -> pa.Table:
    """The rows that take the place of others in the table `last`, and rows of part `gone` that say of which.

    Go: the rows of a record that is named (`record_key`), the values and reviews of a value that is named (`type`,
    `value`), and all overrides. `last` has to come from the same rules, blocked values, overrides and code.
    """
    query = tonight.query
    contents = _contents(query)
    changed, gone = _changed(query, contents, tonight.overrides)
    touched = _touched(tonight, changed, gone)
    followed = touched.filter(pc.invert(touched["stays_hub"]))
    reached = _reached(query, changed, gone, followed)
    keys = query("from reached anti join gone using (record_key)", reached=reached, gone=gone)
    before = query(
        "select distinct type, value from last semi join reached using (record_key) where part = 'carrier'",
        reached=reached,
    )
    hubs = query(
        "with candidates as (from before union select type, value from touched)"
        " select type, value, reason from last semi join candidates using (type, value)"
        " anti join followed using (type, value) where part = 'value' and status = 'hub'",
        before=before,
        touched=touched,
        followed=followed,
    )
    parts = _resolved(tonight, keys, contents, hubs)
    parts["value"], replaced = _counted(query, parts["value"], before, reached)
    return pa.concat_tables([_below({GONE: reached}), _below({GONE: replaced}), _below(parts)])


def _contents(query: Query) -> pa.Table:
    """What each record and its assertions say, as one number."""
    return query(
        "with said as (select record_key, sum(hash(assertions)) as said from assertions group by record_key),"
        " stated as (select record_key, sum(hash(records)) as stated from records group by record_key)"
        " select record_key, hash(stated, said) as content from stated left join said using (record_key)"
    )


def _changed(query: Query, contents: pa.Table, overrides: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The records that are new or say something else, with those that overrides name, and those that are gone."""
    named = pa.chunked_array([*overrides["record_key"].chunks, *overrides["other_record_key"].chunks], pa.string())
    changed = query(
        "select record_key from contents anti join (select record_key, content from last where part = 'member')"
        " using (record_key, content) union select record_key from contents semi join named using (record_key)",
        contents=contents,
        named=pa.table({"record_key": named}),
    )
    gone = query(
        "select record_key from last anti join contents using (record_key) where part = 'member'", contents=contents
    )
    return changed, gone


def _touched(tonight: Tonight, changed: pa.Table, gone: pa.Table) -> pa.Table:
    """The values (`type`, `value`) that may link and that a changed record carries tonight or did last night.

    `stays_hub`: more records than the type's limit carried it last night, and more do tonight.
    """
    query = tonight.query
    records, assertions = _rows_of(query, "records", changed), _rows_of(query, "assertions", changed)
    carried = carried_values(records, assertions, tonight.rules, tonight.blocked)
    rules = parse_rules(tonight.rules).values()
    most = pa.array([rule.max_records_per_value for rule in rules], pa.int64())
    # A value that a decision drops is not carried, though its record still says it.
    drops = pc.sum(pc.equal(tonight.overrides["action"], DROP_VALUE)).as_py() or 0
    return query(
        "with leaving as (from changed union all from gone),"
        " lost as (select type, value, count(*) as lost from last semi join leaving using (record_key)"
        " where part = 'carrier' group by type, value),"
        " won as (select type, value, count(*) as won from carried group by type, value),"
        " named as (select type, value from lost union select type, value from won union from partners),"
        " earlier as (select type, value, status, carriers from last semi join named using (type, value)"
        " where part = 'value')"
        " select type, value, coalesce(status = 'hub' and carriers > most"
        f" and carriers - coalesce(lost, 0) + coalesce(won, 0) - {drops} > most, false) as stays_hub"
        " from named left join earlier using (type, value) left join lost using (type, value)"
        " left join won using (type, value) left join limits using (type)"
        " where coalesce(status, 'plain') not in ('blocked', 'unusable')",
        changed=changed,
        gone=gone,
        carried=carried,
        partners=_behind_hashes(query, carried, records, assertions),
        limits=pa.table({"type": pa.array([rule.type for rule in rules], pa.string()), "most": most}),
    )


def _behind_hashes(query: Query, carried: pa.Table, records: pa.Table, assertions: pa.Table) -> pa.Table:
    """Values (`type`, `value`) that are the same as a changed record's, one of the two being a hash."""
    typed = (
        "select distinct type, value, default_region from {assertions} join {records} using (record_key)"
        " where value is not null"
    )
    known = hashes_of(query(typed.format(assertions="said", records="stated"), said=assertions, stated=records))
    hashed = hashes_among(carried)
    if hashed.num_rows == 0:
        return known.select(["type", "value"])
    behind = hashes_of(query(typed.format(assertions="assertions", records="records")))
    return query(
        "select type, value from known union"
        " select behind.type, behind.plain from behind semi join hashed using (type, value)",
        known=known,
        behind=behind,
        hashed=hashed,
    )


def _reached(query: Query, changed: pa.Table, gone: pa.Table, followed: pa.Table) -> pa.Table:
    """Every record, of last night or tonight, whose results can differ."""
    return query(
        "with seeds as (from changed union from gone"
        " union select record_key from last semi join followed using (type, value) where part = 'carrier'),"
        " components as (select distinct component from last semi join seeds using (record_key) where part = 'member')"
        " select record_key from last semi join components using (component) where part = 'member'"
        " union from changed",
        changed=changed,
        gone=gone,
        followed=followed,
    )


def _counted(query: Query, values: pa.Table, before: pa.Table, reached: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The values of the records at hand with all their carriers counted, and which values' rows they replace.

    Of a value that is not followed there may be carriers that are not at hand.
    """
    replaced = query("from before union select type, value from valued", before=before, valued=values)
    counted = query(
        "with elsewhere as (select type, value, count(*) as elsewhere from last semi join replaced using (type, value)"
        " anti join reached using (record_key) where part = 'carrier' group by type, value),"
        " earlier as (select type, value, status, reason from last semi join elsewhere using (type, value)"
        " anti join valued using (type, value) where part = 'value')"
        " select type, value, carriers + coalesce(elsewhere, 0) as carriers, status, reason"
        " from valued left join elsewhere using (type, value)"
        " union all select type, value, elsewhere, status, reason from earlier join elsewhere using (type, value)",
        valued=values,
        replaced=replaced,
        reached=reached,
    )
    return counted, replaced


def _resolved(tonight: Tonight, keys: pa.Table, contents: pa.Table, hubs: pa.Table | None) -> dict[str, pa.Table]:
    """The result for some records, by part."""
    query = tonight.query
    found = resolve(
        records=_rows_of(query, "records", keys),
        assertions=_rows_of(query, "assertions", keys),
        rules=tonight.rules,
        blocked=tonight.blocked,
        births=query(
            "select record_key, min(night) as birth_night from decisions semi join keys using (record_key)"
            " group by record_key",
            keys=keys,
        ),
        night=tonight.night,
        home_key=tonight.home_key,
        overrides=tonight.overrides,
        known=hubs,
    )
    return {
        "member": query(
            "select members.*, component, content from members join components using (record_key)"
            " join contents using (record_key)",
            members=found.members,
            components=found.components,
            contents=contents,
        ),
        "value": found.values,
        "carrier": found.carriers,
        "link": found.links,
        "review": found.reviews.append_column("record_key", found.reviews["left_record"]),
        "override": found.overrides,
    }


def _rows_of(query: Query, name: str, keys: pa.Table) -> pa.Table:
    return query(f"from {name} semi join keys using (record_key) order by all", keys=keys)


def _below(parts: dict[str, pa.Table]) -> pa.Table:
    """The tables of some parts as one, in the columns of the kept table."""
    tables = [
        pa.table(
            {
                field.name: pa.repeat(part, table.num_rows)
                if field.name == "part"
                else table[field.name].cast(field.type)
                if field.name in table.column_names
                else pa.nulls(table.num_rows, field.type)
                for field in COLUMNS
            },
            schema=COLUMNS,
        )
        for part, table in parts.items()
    ]
    return pa.concat_tables(tables)
