# Grain: one row per result of the stitching engine; `part` says member, value, carrier, link, review or override.
"""Runs the stitching engine: over everything the first time, then over what tonight's records can change.

Here: the hand-over between the warehouse and the `identity` package. Not here: any rule of stitching, nor what a night
can change.
"""

import os
from typing import Any

import pyarrow as pa

import identity


def model(dbt: Any, session: Any) -> pa.Table:
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
    run_parameters = dbt.source("ops", "run_parameters")
    models = dbt.source("ops", "identity_models")

    key = os.environ.get("OMNIHOUSE_HOME_KEY", "")
    if not key:
        raise ValueError("OMNIHOUSE_HOME_KEY is not set. Customer ids need the key of the home, as hexadecimal digits.")
    if dbt.is_incremental:
        tables["last"] = session.table(str(dbt.this))

    def query(sql: str, **small: pa.Table) -> pa.Table:
        """Answer from the warehouse's tables and some small ones."""
        for name, rows in small.items():
            session.register(name, rows)
        try:
            return session.sql(sql).to_arrow_table()
        finally:
            for name in small:
                session.unregister(name)

    home_key = bytes.fromhex(key)
    night, retrain = run_parameters.project("night, retrain").fetchone()
    stored = None if retrain else models.order("night desc").project("model").fetchone()
    model_text = stored[0] if stored else None
    for name, relation in tables.items():
        session.execute(f"create or replace temp view {name} as {relation.sql_query()}")
    tonight = identity.Tonight(
        query=query,
        rules=rules.to_arrow_table(),
        blocked=blocked.to_arrow_table(),
        overrides=identity.with_record_keys(overrides.to_arrow_table(), tables["records"].to_arrow_table, home_key),
        night=night,
        home_key=home_key,
        model=model_text,
        may_learn=model_text is None,
    )
    return identity.delta(tonight) if dbt.is_incremental else identity.whole(tonight)
