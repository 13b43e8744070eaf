"""A resolution that is kept from night to night, as one table of which each night replaces only what it must.

Here: the whole of the table and what of it a night replaces. Not here: its columns (`kept`), probable pairs
(`night_pairs`), the resolution (`resolution`), the values behind what changed (`incremental`, which also says why the
rest cannot have changed).

The table has one row per result; `part` says which: `member`, `value`, `carrier`, `link`, `review` and `override` as in
`Resolution`, `pair` (a probable pair: `score`, and `links` if it is supported) and `model` (the
artefact that scored the pairs: its JSON as `value`, its version as `value_hash`). A member's row also has its
`component`, the `exact_group` that it was in before probable pairs, and its `content`: one number over everything that
the record and its assertions say, by which a changed record is known. So the table says itself what it was made from,
and it does not matter whether the night that made it went on to be published.

What is large stays with the caller, who answers questions in SQL (DuckDB's) about it, and the table is given out part
by part, as `parts` cuts it, so that memory does not grow with the home.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from identity.exact import Exact, link_exactly
from identity.hashed import HASH_PREFIX, LOOKS_HASHED
from identity.incremental import carried_values, hashes_among, hashes_of
from identity.kept import GONE, Query, Tonight, below, rows_of
from identity.night_pairs import NightPairs, version_of
from identity.parts import Parts
from identity.resolution import Likely, Resolution, resolve_exact
from identity.rules import DROP_VALUE, parse_rules

_LINKING = pa.array(["plain", "shared"])
_CONTENTS_KEPT, _GROUPS, _STATED, _VALUES = "identity_contents", "identity_groups", "identity_stated", "identity_values"


def whole(tonight: Tonight) -> Iterator[pa.Table]:
    """The table, made of everything: some of its rows after the other, which are asked for in between."""
    query = tonight.query
    parts, scored = Parts(tonight), NightPairs(tonight)
    kept = _CONTENTS_KEPT, _GROUPS, _STATED, _VALUES
    query.drop(*kept)
    query.keep(_CONTENTS_KEPT, f"{_CONTENTS} from contents")
    try:
        exact: Exact | None = None
        for part in range(parts.count):
            exact, records, assertions = parts.linked(part, parts.keys(part))
            query.add(_GROUPS, exact.groups())
            query.add(_STATED, scored.stated_by(records, assertions))
            # Of several parts each is linked again with its pairs, rather than all being held until then.
            exact = exact if parts.count == 1 else None
        likely = scored.of_all(_STATED, _GROUPS)
        parts.join(scored.pairs)
        for part in range(parts.count):
            keys = query(f"from {_CONTENTS_KEPT} semi join keys using (record_key)", keys=parts.keys(part))
            linked = exact or parts.linked(part, keys)[0]
            births, mine = _births(query, keys), _ends_in(likely, keys)
            found = resolve_exact(linked, births, tonight.night, tonight.home_key, likely=mine)
            groups = query(f"from {_GROUPS} semi join keys using (record_key)", keys=keys)
            stated = query(f"from {_STATED} semi join keys using (record_key)", keys=keys)
            rows = _parts(query, found, keys, groups, stated if likely else stated.slice(0, 0))
            # Carriers of a value that links nobody lie in several parts.
            links = pc.is_in(rows["value"]["status"], value_set=_LINKING)
            query.add(_VALUES, rows["value"].filter(pc.invert(links)))
            rows["value"] = rows["value"].filter(links)
            yield below(rows)
        values = query(
            "select type, value, sum(carriers)::bigint as carriers, any_value(status) as status, min(reason) as reason"
            f" from {_VALUES} group by type, value"
        )
        yield below({"value": values, **scored.parts()})
    finally:
        query.drop(*kept)
        parts.close()


def delta(tonight: Tonight) -> Iterator[pa.Table]:
    """The rows that take the place of others in the table `last`, and rows of part `gone` that say of which.

    Go: the rows of a record that is named (`record_key`), the values and reviews of a value that is named (`type`,
    `value`), and all overrides; everything, where a row names neither. `last` has to come from the same rules, blocked
    values, overrides and code.
    """
    query = tonight.query
    if _is_of_another_model(tonight):
        yield below({GONE: pa.table({"record_key": pa.nulls(1, pa.string())})})
        yield from whole(tonight)
        return
    contents, changed, gone = _changed(query, tonight.overrides)
    touched = _touched(tonight, changed, gone)
    followed = touched.filter(pc.invert(touched["stays_hub"]))
    reached = _reached(query, changed, gone, followed)
    scored = NightPairs(tonight)
    if tonight.model is not None:
        # The exact groups of tonight say which pairs there are, and those which more records are reached.
        _, keys, hubs = _at_hand(query, contents, gone, touched, followed, reached)
        scored.of_some(_linked(tonight, keys, hubs).groups(), changed)
        ends = query(
            "with before as (select left_record, right_record, score from last where part = 'pair'),"
            " now as (select left_record, right_record, score from scored),"
            " moved as ((from now except from before) union (from before except from now)),"
            " ends as (select left_record as record_key from moved union select right_record from moved)"
            " select record_key from ends semi join records using (record_key) union from changed",
            scored=scored.pairs,
            changed=changed,
        )
        reached = _reached(query, ends, gone, followed)
    before, keys, hubs = _at_hand(query, contents, gone, touched, followed, reached)
    exact = _linked(tonight, keys, hubs)
    groups = exact.groups()
    likely = scored.of_these(groups)
    found = resolve_exact(exact, _births(query, keys), tonight.night, tonight.home_key, likely=likely)
    rows = _parts(query, found, keys, groups, scored.stated)
    rows["value"], replaced = _counted(query, rows["value"], before, reached)
    yield below({GONE: reached})
    yield below({GONE: replaced})
    yield below(rows | scored.parts())


def _at_hand(
    query: Query, contents: pa.Table, gone: pa.Table, touched: pa.Table, followed: pa.Table, reached: pa.Table
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """What the records that are reached carried, those of them that are there with their content, and the hubs that
    stand among values.

    `contents`: of the records whose content is another than last night.
    """
    before = query(
        "select distinct type, value from last semi join reached using (record_key) where part = 'carrier'",
        reached=reached,
    )
    keys = query(
        "with earlier as (select record_key, content from last where part = 'member')"
        " select record_key, coalesce(contents.content, earlier.content) as content"
        " from reached anti join gone using (record_key)"
        " left join contents using (record_key) left join earlier using (record_key)",
        reached=reached,
        gone=gone,
        contents=contents,
    )
    hubs = query(
        "with candidates as (from before union select type, value from touched)"
        " select type, value, reason from last semi join candidates using (type, value)"
        " anti join followed using (type, value) where part = 'value' and status = 'hub'",
        before=before,
        touched=touched,
        followed=followed,
    )
    return before, keys, hubs


def _is_of_another_model(tonight: Tonight) -> bool:
    if tonight.model is None and tonight.may_learn:
        return True
    made_with = tonight.query("select value_hash from last where part = 'model'")["value_hash"].to_pylist()
    return made_with != ([] if tonight.model is None else [version_of(tonight.model)])


# What each record and its assertions say, as one number.
_CONTENTS = (
    "with said as (select record_key, hash(records) as said from records"
    " union all select record_key, hash(assertions) from assertions),"
    " contents as (select record_key, hash(sum(said)) as content from said group by record_key)"
)


def _changed(query: Query, overrides: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The contents that are new or other than last night's; whose they are, with the records that overrides name; and
    the records that are gone."""
    moved = query(
        f"{_CONTENTS}, earlier as (select record_key, content from last where part = 'member')"
        " select record_key, contents.content"
        " from contents full join earlier using (record_key) where contents.content is distinct from earlier.content"
    )
    is_gone = pc.is_null(moved["content"])
    contents, gone = moved.filter(pc.invert(is_gone)), moved.filter(is_gone).select(["record_key"])
    named = pa.chunked_array([*overrides["record_key"].chunks, *overrides["other_record_key"].chunks], pa.string())
    changed = query(
        "select record_key from contents"
        " union select record_key from last semi join named using (record_key)"
        " anti join gone using (record_key) where part = 'member'",
        contents=contents,
        named=pa.table({"record_key": named}),
        gone=gone,
    )
    return contents, changed, gone


def _touched(tonight: Tonight, changed: pa.Table, gone: pa.Table) -> pa.Table:
    """The values (`type`, `value`) that may link and that a changed record carries tonight or did last night.

    `stays_hub`: more records than the type's limit carried it last night, and more do tonight.
    """
    query = tonight.query
    records, assertions = rows_of(query, "records", changed), rows_of(query, "assertions", changed)
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


# Identifiers as their records have them.
_TYPED = (
    "select distinct type, value, default_region from {assertions} join {records} using (record_key)"
    " where value is not null"
)


def _behind_hashes(query: Query, carried: pa.Table, records: pa.Table, assertions: pa.Table) -> pa.Table:
    """Values (`type`, `value`) that are the same as a changed record's, one of the two being a hash."""
    unknown = query(f"select 1 from last where part = 'value' and starts_with(value, '{HASH_PREFIX}') limit 1")
    said, stated = (assertions, records) if unknown.num_rows else (assertions.slice(0, 0), records.slice(0, 0))
    known = hashes_of(query(_TYPED.format(assertions="said", records="stated"), said=said, stated=stated))
    hashed = hashes_among(carried)
    if hashed.num_rows == 0:
        return known.select(["type", "value"])
    behind = hashes_of(query(_TYPED.format(assertions="assertions", records="records")))
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


def _linked(tonight: Tonight, keys: pa.Table, hubs: pa.Table) -> Exact:
    """What is exact among some records; `keys`: their `record_key`."""
    query = tonight.query
    assertions = rows_of(query, "assertions", keys)
    return link_exactly(
        rows_of(query, "records", keys),
        assertions,
        tonight.rules,
        tonight.blocked,
        tonight.overrides,
        known=hubs,
        elsewhere=_typed_at_hubs(query, assertions, hubs),
    )


def _births(query: Query, keys: pa.Table) -> pa.Table:
    return query(
        "select record_key, min(night) as birth_night from decisions semi join keys using (record_key)"
        " group by record_key",
        keys=keys,
    )


def _ends_in(likely: Likely | None, keys: pa.Table) -> Likely | None:
    """The pairs among some records."""
    if likely is None or likely.pairs is None:
        return None
    is_in = pc.is_in(likely.pairs["left_record"], value_set=keys["record_key"].combine_chunks())
    return likely._replace(pairs=likely.pairs.filter(is_in))


def _parts(query: Query, found: Resolution, keys: pa.Table, groups: pa.Table, stated: pa.Table) -> dict[str, pa.Table]:
    """The result for some records, by part. `keys`: their `record_key` and `content`; `groups`: their exact ones."""
    return {
        "member": query(
            "select members.*, component, content, exact_group, stated from members"
            " join components using (record_key) join keys using (record_key) join exact_groups using (record_key)"
            " left join features using (record_key)",
            exact_groups=groups,
            features=stated,
            members=found.members,
            components=found.components,
            keys=keys,
        ),
        "value": found.values,
        "carrier": found.carriers,
        "link": found.links,
        "review": found.reviews.append_column("record_key", found.reviews["left_record"]),
        "override": found.overrides,
    }


def _typed_at_hubs(query: Query, assertions: pa.Table, hubs: pa.Table) -> pa.Table | None:
    """How the identifiers of hubs' carriers are typed, where hashes among some assertions may stand for them."""
    hashed = pc.match_substring_regex(assertions["value"], pattern=LOOKS_HASHED)
    if not pc.any(hashed).as_py():
        return None
    typed = _TYPED.format(assertions="said", records="records")
    return query(
        "with carriers as (select distinct record_key, type from last semi join hubs using (type, value)"
        " where part = 'carrier'),"
        f" said as (from assertions semi join carriers using (record_key, type)) {typed}",
        hubs=hubs,
    )
