"""What tonight decides, asked of the warehouse and appended to the decisions before the release is made current.

Here: which rows of which models are decisions. Not here: how they are kept and when they count (`decisions`).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from dagster_project.decisions import Decisions, Versions, note_of_rules, rule_text, version_of

RULE_FILES = ("identity_rules.csv", "identity_blocked_values.csv", "identity_overrides.csv")
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

# How long gaps were in the quarters that closed since the last publication: late records do not move them any more.
_GAP_MEDIANS = """
    select quarter, category, gaps, median_seconds, cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_customers__gap_medians where is_new order by quarter, category
"""

_VALUE_FITS = """
    select * exclude (is_new), cast($night as bigint) as night, $run_id as run_id
    from intermediate.int_customers__value_fits where is_new order by as_of_date
"""


def write(warehouse: duckdb.DuckDBPyConnection, decisions: Decisions, run_id: str, night: int, seeds: Path) -> int:
    """Append everything that tonight decides; returns the number of ids decided."""
    tables = {
        "identity": _IDENTITY,
        "identity_events": _EVENTS,
        "identity_bindings": _BINDINGS,
        "reviews": _REVIEWS,
        "conversions": CONVERSIONS,
        "order_numbers": _ORDER_NUMBERS,
        "gap_medians": _GAP_MEDIANS,
        "value_fits": _VALUE_FITS,
    }
    written = {}
    for table, query in tables.items():
        asked = {"night": night, "run_id": run_id} if "$night" in query else {"run_id": run_id}
        rows = warehouse.execute(query, asked).to_arrow_table()
        written[table] = rows.num_rows
        if rows.num_rows or table == "identity":
            decisions.write_table(table, run_id, rows)
    model = warehouse.execute(
        "select max(value), max(value_hash) from intermediate.int_identity__clusters where part = 'model'"
    ).fetchone()
    text, model_version = model if model else (None, None)
    if text is not None and version_of(text) not in {version for version, _, _ in decisions.models()}:
        decisions.write_text("models", run_id, text)
    decisions.write_text("rules", run_id, _rules(warehouse, decisions, seeds, model_version))
    return written["identity"]


def _rules(warehouse: duckdb.DuckDBPyConnection, decisions: Decisions, seeds: Path, model_version: str | None) -> str:
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
    contents = {version_of(text): text for name in RULE_FILES for text in [rule_text(seeds / name)]}
    known = decisions.rule_contents()
    return note_of_rules(versions, {digest: text for digest, text in contents.items() if digest not in known})
