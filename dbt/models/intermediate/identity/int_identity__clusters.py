# Grain: one row per result of the stitching engine; `part` says member, value, link, review, override or carrier.
"""Runs the stitching engine over the records and assertions of tonight.

Here: the hand-over between the warehouse and the `identity` package. Not here: any rule of stitching.
"""

import os
from typing import Any

import pyarrow as pa

import identity


def model(dbt: Any, session: Any) -> pa.Table:
    """The resolution's tables, one below the other."""
    dbt.config(materialized="table")
    records = dbt.ref("int_identity__records")
    assertions = dbt.ref("int_identity__assertions")
    rules = dbt.ref("identity_rules")
    blocked = dbt.ref("identity_blocked_values")
    overrides = dbt.ref("identity_overrides")
    decisions = dbt.source("ops", "identity_decisions")
    run_parameters = dbt.source("ops", "run_parameters")

    key = os.environ.get("OMNIHOUSE_HOME_KEY", "")
    if not key:
        raise ValueError("OMNIHOUSE_HOME_KEY is not set. Customer ids need the key of the home, as hexadecimal digits.")

    home_key = bytes.fromhex(key)
    record_table = records.order("record_key").to_arrow_table()
    resolution = identity.resolve(
        records=record_table,
        assertions=assertions.order("record_key, type, value").to_arrow_table(),
        rules=rules.to_arrow_table(),
        blocked=blocked.to_arrow_table(),
        births=decisions.aggregate("record_key, min(night) as birth_night").to_arrow_table(),
        night=run_parameters.project("night").fetchone()[0],
        home_key=home_key,
        overrides=identity.with_record_keys(overrides.to_arrow_table(), record_table, home_key),
    )
    parts = [
        ("member", resolution.members),
        ("value", resolution.values),
        ("link", resolution.links),
        ("review", resolution.reviews),
        ("override", resolution.overrides),
        ("carrier", resolution.carriers),
    ]
    return pa.concat_tables(
        [table.append_column("part", pa.array([part] * table.num_rows, pa.string())) for part, table in parts],
        promote_options="permissive",
    )
