# Grain: one row per id or key that may be made of a person's address or name: the keyed hash that is published for it.
"""Hashes the ids of rows that may not be published as they are.

Here: the hand-over between the warehouse and the `identity` package. Not here: which ids are personal.
"""

import os
from typing import Any

import pyarrow as pa

import identity


def model(dbt: Any, session: Any) -> pa.Table:
    """The ids and what is published in their place."""
    dbt.config(materialized="table")
    ids = dbt.ref("int_identity__personal_ids")

    key = os.environ.get("OMNIHOUSE_HOME_KEY", "")
    if not key:
        raise ValueError("OMNIHOUSE_HOME_KEY is not set. Hashes need the key of the home, as hexadecimal digits.")

    found = ids.order("id").to_arrow_table()["id"].combine_chunks()
    return pa.table({"id": found, "published_id": identity.published_ids(found, bytes.fromhex(key))})
