# Grain: one row per attribute, value as stated and default country: how it is compared, and why it may be no answer.
"""Brings the values of people's attributes into one spelling.

Here: the hand-over between the warehouse and the `identity` package. Not here: any rule of spelling, which value wins.
"""

from typing import Any

import pyarrow as pa

import identity


def model(dbt: Any, session: Any) -> pa.Table:
    """The values with their comparable form and the reason of those that are no answer."""
    dbt.config(materialized="table")
    statements = dbt.ref("int_customers__statements")
    blocked = dbt.ref("identity_blocked_values").to_arrow_table()

    distinct = statements.project("attribute, value, default_region").distinct().order("all").to_arrow_table()
    parts = [distinct.schema.empty_table().append_column("plain_value", pa.nulls(0, pa.string()))]
    parts = [parts[0].append_column("reason", pa.nulls(0, pa.string()))]
    attributes = distinct["attribute"].to_pylist()
    for attribute in sorted(set(attributes)):
        begin = attributes.index(attribute)
        rows = distinct.slice(begin, attributes.count(attribute)).combine_chunks()
        texts = [rows[name].combine_chunks().cast(pa.string()) for name in ("value", "default_region")]
        found = identity.comparable_values(attribute, *texts, blocked)
        parts.append(rows.append_column("plain_value", found.value).append_column("reason", found.reason))
    return pa.concat_tables(parts, promote_options="permissive")
