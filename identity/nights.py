"""A resolution that is kept from night to night, as one table of which each night replaces only what it must.

Here: the table, the whole of it and what of it a night replaces. Not here: the resolution (`resolution`), the values
behind what changed (`incremental`, which also says why the rest cannot have changed), where the table is kept.

The table has one row per result; `part` says which: `member`, `value`, `carrier`, `link`, `review` and `override` as in
`Resolution`, `pair` (a probable pair: `score`, and `links` if it is supported) and `model` (the
artefact that scored the pairs: its JSON as `value`, its version as `value_hash`). A member's row also has its
`component`, the `exact_group` that it was in before probable pairs, and its `content`: one number over everything that
the record and its assertions say, by which a changed record is known. So the table says itself what it was made from,
and it does not matter whether the night that made it went on to be published.

Probable pairs are scored where one of their records is resolved again, or where a block of records was or is no longer
too large to be looked at. A member's row keeps for that what is compared of its record, `stated`.

What is large stays with the caller, who answers questions in SQL (DuckDB's) about it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from identity.hashed import HASH_PREFIX
from identity.incremental import carried_values, hashes_among, hashes_of
from identity.resolution import Likely, resolve
from identity.rules import DROP_VALUE, parse_rules

if TYPE_CHECKING:
    from identity.likely import LikelyModel

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
        "exact_group": pa.string(),
        "stated": pa.string(),
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
_PAIR_COLUMNS = ("left_record", "right_record", "score", "links")
GONE = "gone"  # the part of a delta that names what goes


@dataclass(frozen=True)
class Tonight:
    """What a night resolves; columns as for `resolve`.

    `query` knows the tables `records`, `assertions`, `decisions` (`record_key`, `night` of every publication that gave
    a record an id; the first is its birth) and, for a delta, `last`: the kept table. `model`: the JSON of the artefact
    for probable pairs; where there is none, one is learned if it `may_learn`, else there are no probable pairs.
    """

    query: Query
    rules: pa.Table
    blocked: pa.Table
    overrides: pa.Table
    night: int
    home_key: bytes
    model: str | None = None
    may_learn: bool = False


def whole(tonight: Tonight) -> pa.Table:
    """The table anew, from nothing but tonight's records."""
    contents = _contents(tonight.query)
    scored = _Scored(tonight)
    parts = _resolved(tonight, contents, None, scored, scored.of_all)
    return _below({**parts, **scored.parts()})


def delta(tonight: Tonight) -> pa.Table:
    """The rows that take the place of others in the table `last`, and rows of part `gone` that say of which.

    Go: the rows of a record that is named (`record_key`), the values and reviews of a value that is named (`type`,
    `value`), and all overrides; everything, where a row names neither. `last` has to come from the same rules, blocked
    values, overrides and code.
    """
    query = tonight.query
    if _is_of_another_model(tonight):
        everything = pa.table({"record_key": pa.nulls(1, pa.string())})
        return pa.concat_tables([_below({GONE: everything}), whole(tonight)])
    contents, changed, gone = _changed(query, tonight.overrides)
    touched = _touched(tonight, changed, gone)
    followed = touched.filter(pc.invert(touched["stays_hub"]))
    reached = _reached(query, changed, gone, followed)
    scored = _Scored(tonight)
    if tonight.model is not None:
        # The exact groups of tonight say which pairs there are, and those which more records are reached.
        _, keys, hubs = _at_hand(query, contents, gone, touched, followed, reached)
        _resolved(tonight, keys, hubs, scored, lambda groups: scored.of_some(groups, changed, reached))
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
    parts = _resolved(tonight, keys, hubs, scored, scored.of_these)
    parts["value"], replaced = _counted(query, parts["value"], before, reached)
    parts |= scored.parts()
    return pa.concat_tables([_below({GONE: reached}), _below({GONE: replaced}), _below(parts)])


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


def version_of(model: str) -> str:
    """The version of a model's JSON: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(model.encode()).hexdigest()[:32]


def _is_of_another_model(tonight: Tonight) -> bool:
    if tonight.model is None and tonight.may_learn:
        return True
    made_with = tonight.query("select value_hash from last where part = 'model'")["value_hash"].to_pylist()
    return made_with != ([] if tonight.model is None else [version_of(tonight.model)])


class _Scored:
    """The probable pairs of a night, found when the exact groups are known."""

    def __init__(self, tonight: Tonight) -> None:
        self._tonight = tonight
        self._model: LikelyModel | None = None
        self._features: pa.Table | None = None
        self.groups: pa.Table | None = None  # `record_key`, `exact_group`
        self.stated = pa.table({name: pa.nulls(0, pa.string()) for name in ("record_key", "stated")})
        self.pairs = pa.table({name: pa.nulls(0, COLUMNS.field(name).type) for name in _PAIR_COLUMNS})

    def of_all(self, groups: pa.Table) -> Likely | None:
        """All pairs, from the groups of all records; the model is learned where there is none and may be one."""
        from identity.likely import LikelyModel, fit_likely, likely_features, likely_pairs
        from identity.profiles import features_as_text

        query, given = self._tonight.query, self._tonight.model
        self.groups = self._exact_groups(groups)
        if given is None and not self._tonight.may_learn:
            return None
        features = likely_features(query("from records"), query("from assertions"))
        named = self.groups.rename_columns(["record_key", "customer_id"])
        self._model = LikelyModel.from_json(given) if given is not None else fit_likely(features, named)
        if self._model is None:
            return None
        self.stated = features_as_text(features)
        return self._likely(likely_pairs(features, self._model, named))

    def of_some(self, groups: pa.Table, changed: pa.Table, reached: pa.Table) -> None:
        """The pairs of all records, scored where they may be others than last night; `is_supported` is not known yet.

        `groups`: of the records that are reached. Of the others groups, features and pairs are as they were.
        """
        from identity.likely import LikelyModel, likely_features, score_likely, shifted
        from identity.profiles import features_as_text, features_of_text

        query = self._tonight.query
        self.groups = self._exact_groups(
            query(
                'select record_key, "group"::varchar as "group" from groups union all'
                " select record_key, '/' || exact_group from last anti join groups using (record_key)"
                " semi join records using (record_key) where part = 'member'",
                groups=groups,
            )
        )
        self._model = LikelyModel.from_json(self._tonight.model or "")
        stated = query("select record_key, stated from last where part = 'member' and stated is not null")
        new = likely_features(_rows_of(query, "records", changed), _rows_of(query, "assertions", changed))
        self.stated = query(
            "from stated semi join records using (record_key) anti join changed using (record_key) union all from new",
            stated=stated,
            changed=changed,
            new=features_as_text(new),
        )
        self._features = features_of_text(self.stated)
        news = shifted(features_of_text(stated), self._features, self._model)
        looked_at = query("from reached union from news", reached=reached, news=pa.table({"record_key": news}))
        named = self.groups.rename_columns(["record_key", "customer_id"])
        fresh = score_likely(self._features, self._model, named, looked_at["record_key"].combine_chunks())
        self.pairs = query(
            "select left_record, right_record, probability as score, null::boolean as links from fresh union all"
            " select left_record, right_record, score, null from last"
            " anti join looked_at on left_record = looked_at.record_key where part = 'pair'"
            " and right_record not in (select looked_at.record_key from looked_at)",
            fresh=fresh,
            looked_at=looked_at,
        )

    def of_these(self, groups: pa.Table) -> Likely | None:
        """The pairs among the records of these groups."""
        if self._model is None or self._features is None:
            self.groups = self._exact_groups(groups)
            return None
        from identity.likely import supported

        query = self._tonight.query
        pairs = query(
            "select left_record, right_record, score as probability from scored"
            " semi join groups on left_record = record_key order by all",
            scored=self.pairs,
            groups=groups,
        )
        features = self._features.filter(pc.is_in(self._features["record_key"], value_set=groups["record_key"]))
        named = self._exact_groups(groups).rename_columns(["record_key", "customer_id"])
        return self._likely(supported(pairs, features, self._model, named))

    def parts(self) -> dict[str, pa.Table]:
        """The rows of the kept table that speak of pairs and model."""
        if self._model is None:
            return {}
        text = self._tonight.model or self._model.to_json()
        stored = pa.table({"value": [text], "value_hash": [version_of(text)]})
        return {"pair": self.pairs.append_column("record_key", self.pairs["left_record"]), "model": stored}

    def _exact_groups(self, groups: pa.Table) -> pa.Table:
        return self._tonight.query(
            'select record_key, min(record_key) over (partition by "group") as exact_group from groups', groups=groups
        )

    def _likely(self, pairs: pa.Table) -> Likely:
        assert self._model is not None
        self.pairs = pairs.rename_columns(list(_PAIR_COLUMNS)).cast(
            pa.schema([COLUMNS.field(name) for name in _PAIR_COLUMNS])
        )
        return Likely(pairs, self._model.sure, self._model.doubtful)


# What each record and its assertions say, as one number.
_CONTENTS = (
    "with said as (select record_key, hash(records) as said from records"
    " union all select record_key, hash(assertions) from assertions),"
    " contents as (select record_key, hash(sum(said)) as content from said group by record_key)"
)


def _contents(query: Query) -> pa.Table:
    """Every record's content."""
    return query(f"{_CONTENTS} from contents")


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
    unknown = query(f"select 1 from last where part = 'value' and starts_with(value, '{HASH_PREFIX}') limit 1")
    said, stated = (assertions, records) if unknown.num_rows else (assertions.slice(0, 0), records.slice(0, 0))
    known = hashes_of(query(typed.format(assertions="said", records="stated"), said=said, stated=stated))
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


def _resolved(
    tonight: Tonight,
    keys: pa.Table,
    hubs: pa.Table | None,
    scored: _Scored,
    likely: Callable[[pa.Table], Likely | None],
) -> dict[str, pa.Table]:
    """The result for some records, by part. `keys`: their `record_key` and `content`."""
    query = tonight.query
    assertions = _rows_of(query, "assertions", keys)
    found = resolve(
        records=_rows_of(query, "records", keys),
        assertions=assertions,
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
        elsewhere=_typed_at_hubs(query, assertions, hubs),
        likely=likely,
    )
    return {
        "member": query(
            "select members.*, component, content, exact_group, stated from members"
            " join components using (record_key) join keys using (record_key) join exact_groups using (record_key)"
            " left join features using (record_key)",
            exact_groups=scored.groups,
            features=scored.stated,
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


def _typed_at_hubs(query: Query, assertions: pa.Table, hubs: pa.Table | None) -> pa.Table | None:
    """How the identifiers of hubs' carriers are typed, where hashes among some assertions may stand for them."""
    hashed = pc.match_substring_regex(assertions["value"], pattern="[0-9a-fA-F]{64}")
    if hubs is None or not pc.any(hashed).as_py():
        return None
    return query(
        "with carriers as (select distinct record_key, type from last semi join hubs using (type, value)"
        " where part = 'carrier')"
        " select distinct type, value, default_region from assertions semi join carriers using (record_key, type)"
        " join records using (record_key) where value is not null",
        hubs=hubs,
    )


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
