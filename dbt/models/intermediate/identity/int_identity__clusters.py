# Grain: one row per result of the stitching engine; `part` says of what kind.
"""Runs the stitching engine: over everything the first time, then over what tonight's records can change.

Here: the hand-over between the warehouse and the `identity` package, and when a model of probable links is learned:
where it is asked for, or where there is none yet and hardly anybody has an id. Not here: any rule of stitching, nor
what a night can change.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import identity

# Fewer customers than this may find their ids changed by a first model without being asked.
LEARNS_BELOW = 50
LARGE = 2_000_000  # records
ROWS = "identity_rows"


def model(dbt: Any, session: Any) -> Any:
    """The resolution's tables, one below the other; on a later night the rows that differ."""
    dbt.config(materialized="incremental", incremental_strategy="replace_gone")
    tables = {
        "records": dbt.ref("int_identity__records"),
        "assertions": dbt.ref("int_identity__assertions"),
        "decisions": dbt.source("ops", "identity_decisions"),
    }
    rules = dbt.ref("identity_rules")
    blocked = dbt.ref("identity_blocked_values")
    overrides = dbt.ref("identity_overrides")
    models = dbt.source("ops", "identity_models")
    run_parameters = dbt.source("ops", "run_parameters")

    key = os.environ.get("OMNIHOUSE_HOME_KEY", "")
    if not key:
        raise ValueError("OMNIHOUSE_HOME_KEY is not set. Customer ids need the key of the home, as hexadecimal digits.")
    if dbt.is_incremental:
        tables["last"] = session.table(str(dbt.this))

    for name, relation in tables.items():
        session.execute(f"create or replace temp view {name} as {relation.sql_query()}")
    query = identity.asking(session)
    home_key = bytes.fromhex(key)
    night, retrain = run_parameters.project("night, retrain").fetchone()
    stored = None if retrain else models.order("night desc").project("model").fetchone()
    known = query(
        "select count(distinct customer_id) as customers from decisions"
        " semi join (from records where not is_anonymous) using (record_key)"
    )["customers"][0].as_py()
    tonight = identity.Tonight(
        query=query,
        rules=rules.to_arrow_table(),
        blocked=blocked.to_arrow_table(),
        overrides=identity.with_record_keys(overrides.to_arrow_table(), tables["records"].to_arrow_table, home_key),
        night=night,
        home_key=home_key,
        model=stored[0] if stored else None,
        may_learn=retrain or (stored is None and known < LEARNS_BELOW),
    )
    query.drop(ROWS)
    with lent_memory(session):
        for rows in identity.delta(tonight) if dbt.is_incremental else identity.whole(tonight):
            query.add(ROWS, rows)
    return session.table(ROWS)


@contextmanager
def lent_memory(session: Any) -> Iterator[None]:
    """Leave half of what DuckDB may take to the engine, which works beside it, where the home is large."""
    limit = os.environ.get("OMNIHOUSE_MEMORY", "")
    records = session.sql("select count(*) from records").fetchone()[0]
    is_large = bool(limit) and records > LARGE
    if is_large:
        number = limit.rstrip("KMGTiB")
        session.execute(f"set memory_limit = '{float(number) / 2}{limit[len(number) :]}'")
    try:
        yield
    finally:
        if is_large:
            session.execute(f"set memory_limit = '{limit}'")
