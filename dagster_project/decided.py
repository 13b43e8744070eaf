"""What tonight decides, asked of the warehouse and appended to the decisions before the release is made current.

Here: which rows of which models are decisions. Not here: how they are kept and when they count (`decisions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.decisions import Decisions, Versions, note_of_rules, version_of

OVERRIDE_COLUMNS = ("action", "record_key", "other_record_key", "type", "value_hash")

# Records new, under another id, or gone since the last publication. Someone gone has no id until they return.
_IDENTITY = """
    with last as (
        select
            record_key,
            case
                when max(night) = max(night) filter (where customer_id is not null) then arg_max(customer_id, night)
            end as customer_id
        from ops.identity_decisions
        group by record_key
    )
    select
        coalesce(members.record_key, last.record_key) as record_key, members.customer_id, members.anchor_record_key,
        members.is_anonymous, cast($night as bigint) as night,
        coalesce(members.linked_at, run_parameters.as_of) as linked_at, $run_id as run_id
    from intermediate.int_identity__members as members
    full join last on members.record_key = last.record_key
    cross join ops.run_parameters as run_parameters
    where members.customer_id is distinct from last.customer_id
    order by record_key
"""
_EVENTS = """
    select event, customer_id, other_customer_id, cause, is_anonymous, cast(night as bigint) as night, occurred_at,
        $run_id as run_id
    from intermediate.int_identity__changes order by event, customer_id, other_customer_id
"""
_BINDINGS = """
    select customer_id, bound_record_key as record_key, cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_identity__published_customers where is_rebound order by customer_id
"""
_REVIEWS = """
    select reason, left_customer_id, right_customer_id, left_record, right_record, type, value_hash, first_raised_at,
        cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_identity__review_states where is_new order by all
"""
# Who is erased takes their name off the order; that it was a first or a third order stays true.
_ORDER_NUMBERS = """
    select orders.order_id, orders.customer_order_number, cast($night as bigint) as night, $run_id as run_id
    from ops.orders_published as orders
    inner join intermediate.int_identity__published_customers as persons on orders.customer_id = persons.customer_id
    where persons.was_active and persons.current_customer_id is null and orders.customer_order_number is not null
    order by orders.order_id
"""
# Without the person and the identifiers: what was told, so that it is told once, must outlive them.
CONVERSIONS = """
    select platform, action, order_id, kind, value, currency, converted_at, happened_at,
        run_parameters.as_of as exported_at, cast($night as bigint) as night, $run_id as run_id
    from restricted.conversion_uploads cross join ops.run_parameters as run_parameters
    order by platform, action, order_id
"""
# The arm that was drawn, for good.
_AUDIENCE_MEMBERS = """
    select audience, customer_id, decided_arm as arm, member_since, cast($night as integer) as night, $run_id as run_id
    from intermediate.int_audiences__arms where is_new order by audience, customer_id
"""
# A contact point is told by its keyed hash: what it got must outlive the person's ids and be no address.
_AUDIENCE_MESSAGES = """
    select audience, channel, message_key, unnest(contact_hashes) as contact_hash, customer_id,
        run_parameters.as_of as exported_at, cast($night as integer) as night, $run_id as run_id
    from restricted.audience_exports cross join ops.run_parameters as run_parameters
    order by audience, customer_id, contact_hash
"""
_AUDIENCE_RUNS = """
    select *, cast($night as integer) as night from marts.audiences where run_id = $run_id order by line
"""
AUDIENCES = {
    "audience_members": _AUDIENCE_MEMBERS,
    "audience_messages": _AUDIENCE_MESSAGES,
    "audience_runs": _AUDIENCE_RUNS,
}
# A month's figures when all their windows are over, and then each time one moves.
KPIS = """
    select kpi, month, channel, variant, value, cast(null as decimal(24, 6)) as previous_value,
        cast(null as text) as cause, false as is_change, run_parameters.as_of as changed_at,
        cast($night as bigint) as night, $run_id as run_id
    from marts.kpi_monthly as kpi_monthly
    cross join ops.run_parameters as run_parameters
    where is_complete and not exists (
        select 1 from ops.kpis_before as published
        where published.kpi = kpi_monthly.kpi and published.month = kpi_monthly.month
            and published.channel = kpi_monthly.channel and published.variant = kpi_monthly.variant
    )
    union all
    select kpi, month, channel, variant, value, previous_value, cause, true as is_change, changed_at,
        cast($night as bigint) as night, $run_id as run_id
    from marts.kpi_changes
    where night = $night
    order by kpi, month, channel, variant
"""
KPI_INPUTS = """
    select input, month, fingerprint, cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_kpis__inputs where is_other order by input, month
"""

# How long gaps were in the quarters that closed since the last publication: late records do not move them any more.
GAP_MEDIANS = """
    select quarter, category, gaps, median_seconds, cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_customers__gap_medians where is_new order by quarter, category
"""

VALUE_FITS = """
    select * exclude (is_new), cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_customers__value_fits where is_new order by as_of_date
"""
# Tonight's people where they are not as the last publication knew them. Days computed later are a chain of their own,
# each told by what is not as on the day before it: the file then holds what moved, and nobody a second time.
_RFM = """
    with days as (
        select as_of_date, basis, row_number() over (partition by basis order by as_of_date) as step
        from intermediate.int_customers__rfm_scales where is_fresh
    ),
    last as (
        select customer_id, max_by({d: last_order_date, f: frequency, m: monetary}, place) as known
        from ops.rfm_values_before where chain = 'published' group by customer_id
    ),
    fresh as (
        select customer_id, days.basis, days.as_of_date, step,
            {d: last_order_date, f: frequency, m: monetary} as found
        from intermediate.int_customers__rfm_values as found inner join days on found.as_of_date = days.as_of_date
    ),
    told as (
        select
            customer_id, basis, as_of_date, found,
            lag(found) over person as before, lag(step) over person is not distinct from step - 1 as is_next
        from fresh where basis = 'backfilled' window person as (partition by customer_id order by step)
    ),
    left_out as (
        select fresh.customer_id, days.as_of_date
        from fresh inner join days on fresh.basis = days.basis and fresh.step + 1 = days.step
        left join fresh as stayed on fresh.customer_id = stayed.customer_id and days.as_of_date = stayed.as_of_date
        where fresh.basis = 'backfilled' and stayed.customer_id is null
    ),
    moved as (
        select coalesce(fresh.customer_id, last.customer_id) as customer_id, 'published' as chain,
            cast($night as integer) as place, fresh.found
        from (from fresh where basis = 'published') as fresh
        full join last on fresh.customer_id = last.customer_id
        where fresh.found is distinct from last.known and (fresh.found is not null or last.known.f is not null)
        union all
        select customer_id, $run_id, as_of_date - date '1970-01-01', found
        from told where not is_next or found is distinct from before
        union all
        select customer_id, $run_id, as_of_date - date '1970-01-01', null from left_out
    )
    select customer_id, chain, cast(place as integer) as place, found.d as last_order_date, found.f as frequency,
        found.m as monetary
    from moved order by chain, place, customer_id
"""
_RFM_SCALES = """
    select as_of_date, cast($night as integer) as night, basis,
        case basis when 'published' then 'published' else $run_id end as chain,
        cast(case basis when 'published' then $night else as_of_date - date '1970-01-01' end as integer) as place,
        closed, bins, population, is_scored, recency_cuts, frequency_cuts, monetary_cuts
    from intermediate.int_customers__rfm_scales where is_fresh order by as_of_date
"""
_RFM_SEGMENTS = """
    select distinct as_of_date, cast($night as integer) as night, r_score, f_score, m_score, segment
    from marts.customer_rfm
    where as_of_date in (select as_of_date from intermediate.int_customers__rfm_scales where is_fresh and is_scored)
    order by all
"""
RFM = {"rfm": _RFM, "rfm_scales": _RFM_SCALES, "rfm_segments": _RFM_SEGMENTS}
_TAG_PLACES = """
    select tag, place, cast($night as bigint) as night, $run_id as run_id
    from ops.tag_rules where is_new order by place
"""
# Whose set of tags is another than published; of somebody who is gone, the empty one.
_TAGS = """
    with shown as (
        -- Sorted once: an ordered aggregate keeps and sorts a row for each tag of everybody.
        select
            tags.customer_id,
            [told.since for told in list_sort(list({'place': rules.place, 'since': tags.since}))] as since
        from marts.customer_tags as tags
        inner join ops.tag_rules as rules on tags.tag = rules.tag
        semi join (select customer_id from intermediate.int_customers__tag_sets where is_changed) as changed
            on tags.customer_id = changed.customer_id
        group by tags.customer_id
    ),
    published as (
        select customer_id, max_by(tags_low, night) as tags_low, max_by(tags_high, night) as tags_high
        from ops.tags_before group by customer_id
    )
    select sets.customer_id, sets.tags_low, sets.tags_high, sets.changed_on,
        coalesce(shown.since, cast([] as date[])) as since, cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_customers__tag_sets as sets
    left join shown on sets.customer_id = shown.customer_id
    where sets.is_changed
    union all
    select published.customer_id, 0, 0, run_parameters.as_of_date, cast([] as date[]), cast($night as bigint), $run_id
    from published cross join ops.run_parameters as run_parameters
    where (published.tags_low <> 0 or published.tags_high <> 0)
        and published.customer_id not in (select customer_id from intermediate.int_customers__tag_sets)
    order by customer_id
"""
TAGS = {"tag_places": _TAG_PLACES, "tags": _TAGS}


def write(
    warehouse: duckdb.DuckDBPyConnection,
    decisions: Decisions,
    run_id: str,
    night: int,
    seeds: Path,
    known: Mapping[str, Any] | None = None,
) -> int:
    """Append everything that tonight decides; returns the number of ids decided.

    `seeds`: the rule files of this run; `known`: its loads and settings, for whoever asks what it knew (`replay.note`).
    """
    tables = {
        "identity": _IDENTITY,
        "identity_events": _EVENTS,
        "identity_bindings": _BINDINGS,
        "reviews": _REVIEWS,
        "conversions": CONVERSIONS,
        "kpis": KPIS,
        "kpi_inputs": KPI_INPUTS,
        **RFM,
        **TAGS,
        "order_numbers": _ORDER_NUMBERS,
        "gap_medians": GAP_MEDIANS,
        "value_fits": VALUE_FITS,
        **AUDIENCES,
    }
    written = {}
    # A file is written while the next is asked for; a third table is not held beside the two.
    with ThreadPoolExecutor(max_workers=1) as pool:
        writing: Future[int] | None = None
        for table, query in tables.items():
            asked = {name: value for name, value in (("night", night), ("run_id", run_id)) if f"${name}" in query}
            rows = warehouse.execute(query, asked).to_arrow_table()
            written[table] = rows.num_rows
            if rows.num_rows or table == "identity":
                if writing:
                    writing.result()
                writing = pool.submit(decisions.write_table, table, run_id, rows)
        if writing:
            writing.result()
    model = warehouse.execute(
        "select max(value), max(value_hash) from intermediate.int_identity__clusters where part = 'model'"
    ).fetchone()
    text, model_version = model if model else (None, None)
    if text is not None and version_of(text) not in {version for version, _, _ in decisions.models()}:
        decisions.write_text("models", run_id, text)
    decisions.write_text("rules", run_id, _rules(warehouse, decisions, seeds, model_version, known or {}))
    return written["identity"]


def _rules(
    warehouse: duckdb.DuckDBPyConnection,
    decisions: Decisions,
    seeds: Path,
    model_version: str | None,
    known: Mapping[str, Any],
) -> str:
    accepted = warehouse.execute(
        f"select {', '.join(OVERRIDE_COLUMNS)} from intermediate.int_identity__clusters"
        " where part = 'override' and status = 'accepted' order by all"
    ).fetchall()
    parameters = warehouse.execute(
        "select rules_version, blocked_version, normaliser_version from ops.run_parameters"
    ).fetchone()
    rules, blocked, normaliser = parameters if parameters else (None, None, None)
    versions = Versions(
        rules=rules,
        blocked=blocked,
        normaliser=normaliser,
        model=model_version,
        overrides=tuple(dict(zip(OVERRIDE_COLUMNS, row, strict=True)) for row in accepted),
    )
    # To the byte, line ends included: a replay gives them to the models as they were.
    texts = {file.name: file.read_bytes().decode() for file in sorted(seeds.glob("*.csv"))}
    stored = decisions.rule_contents()
    fresh = {version_of(text): text for text in texts.values() if version_of(text) not in stored}
    return note_of_rules(versions, {name: version_of(text) for name, text in texts.items()}, fresh, known)
