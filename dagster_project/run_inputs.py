"""The tables of `ops` that the models read besides the loads: tonight's parameters and what earlier nights decided.

Here: their columns and where they come from. Not here: the ledger of loads (`bookkeeping`), how decisions are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import identity
from dagster_project.decided import OVERRIDE_COLUMNS
from dagster_project.decisions import Decisions, rule_version
from dagster_project.tag_rules import TagRule
from dagster_project.warehouse import literal

_ID_COLUMNS = (
    *("record_key varchar", "customer_id varchar", "anchor_record_key varchar", "is_anonymous boolean"),
    *("night integer", "linked_at timestamptz"),
)
_EVENT_COLUMNS = (
    *("event varchar", "customer_id varchar", "other_customer_id varchar", "cause varchar", "is_anonymous boolean"),
    *("night integer", "occurred_at timestamptz"),
)
_BINDING_COLUMNS = ("customer_id varchar", "record_key varchar", "night integer")
_REVIEW_COLUMNS = (
    *("reason varchar", "left_customer_id varchar", "right_customer_id varchar", "left_record varchar"),
    *("right_record varchar", "type varchar", "value_hash varchar", "first_raised_at timestamptz", "night integer"),
)
_CONVERSION_COLUMNS = (
    *("platform varchar", "action varchar", "order_id varchar", "kind varchar", "value decimal(18, 3)"),
    *("currency varchar", "converted_at timestamptz", "happened_at timestamptz", "exported_at timestamptz"),
    *("night integer", "run_id varchar"),
)
_KPI_COLUMNS = (
    *("kpi varchar", "month date", "channel varchar", "variant varchar", "value decimal(24, 6)"),
    *("previous_value decimal(24, 6)", "cause varchar", "is_change boolean", "night integer", "changed_at timestamptz"),
)
_KPI_INPUT_COLUMNS = ("input varchar", "month date", "fingerprint ubigint", "night integer")
# A snapshot is the last row of each person in its chain up to its place; no frequency: not in it any more.
RFM_COLUMNS = (
    *("customer_id varchar", "chain varchar", "place integer", "last_order_date date", "frequency integer"),
    "monetary decimal(18, 3)",
)
RFM_SCALE_COLUMNS = (
    *("as_of_date date", "night integer", "basis varchar", "chain varchar", "place integer", "closed varchar"),
    *("bins integer", "population bigint", "is_scored boolean", "recency_cuts decimal(38, 3)[]"),
    *("frequency_cuts decimal(38, 3)[]", "monetary_cuts decimal(38, 3)[]"),
)
RFM_SEGMENT_COLUMNS = (
    *("as_of_date date", "night integer", "r_score integer", "f_score integer", "m_score integer", "segment varchar"),
)
_NUMBER_COLUMNS = ("order_id varchar", "customer_order_number integer", "night integer")
GAP_MEDIAN_COLUMNS = ("quarter date", "category varchar", "gaps bigint", "median_seconds double", "night integer")
VALUE_FIT_COLUMNS = (
    *("unit varchar", "reason varchar", "customers bigint", "repeat_buyers bigint", "weeks bigint"),
    *("holdout_weeks bigint", "holdout_customers bigint", "r double", "alpha double", "a double", "b double"),
    *("p double", "q double", "v double", "holdout_mae double", "holdout_mae_same_as_last double"),
    *("holdout_coverage double", "as_of_date date", "fitted_at timestamptz", "night integer"),
)
# A person's last row is their set of tags as published; `since`: a day for each tag of it, in the order of places.
TAG_COLUMNS = (
    *("customer_id varchar", "tags_low bigint", "tags_high bigint", "changed_on date", "since date[]"),
    "night integer",
)
TAG_RULE_COLUMNS = (
    *("place integer", "tag varchar", "category varchar", "condition_sql varchar", "value_sql varchar"),
    *("valid_from date", "valid_until date", "is_in_force boolean", "is_new boolean"),
)
_AUDIENCE_MEMBER_COLUMNS = (
    "audience varchar",
    "customer_id varchar",
    "arm varchar",
    "member_since date",
    "night integer",
)
_AUDIENCE_MESSAGE_COLUMNS = (
    *("audience varchar", "channel varchar", "message_key varchar", "contact_hash varchar", "customer_id varchar"),
    *("exported_at timestamptz", "night integer"),
)
_AUDIENCE_RUN_COLUMNS = (
    *("run_id varchar", "night integer", "as_of timestamptz", "line integer", "audience varchar", "channel varchar"),
    *("purpose varchar", "message_key varchar", "status varchar", "error varchar", "holdout_share decimal(5, 4)"),
    *("matched bigint", "exported bigint", "no_contact_point bigint", "global_opt_out bigint", "suppressed bigint"),
    *("no_consent bigint", "contaminated bigint", "held_out bigint", "already_sent bigint", "capped bigint"),
)
_DECIDED = {
    "identity_decisions": ("identity", _ID_COLUMNS),
    "identity_events_before": ("identity_events", _EVENT_COLUMNS),
    "identity_bindings_before": ("identity_bindings", _BINDING_COLUMNS),
    "reviews_before": ("reviews", _REVIEW_COLUMNS),
    "conversions_before": ("conversions", _CONVERSION_COLUMNS),
    "kpis_before": ("kpis", _KPI_COLUMNS),
    "kpi_inputs_before": ("kpi_inputs", _KPI_INPUT_COLUMNS),
    "rfm_values_before": ("rfm", RFM_COLUMNS),
    "rfm_scales_before": ("rfm_scales", RFM_SCALE_COLUMNS),
    "rfm_segments_before": ("rfm_segments", RFM_SEGMENT_COLUMNS),
    "order_numbers_before": ("order_numbers", _NUMBER_COLUMNS),
    "gap_medians_before": ("gap_medians", GAP_MEDIAN_COLUMNS),
    "value_fits_before": ("value_fits", VALUE_FIT_COLUMNS),
    "audience_members_before": ("audience_members", _AUDIENCE_MEMBER_COLUMNS),
    "audience_messages_before": ("audience_messages", _AUDIENCE_MESSAGE_COLUMNS),
    "audience_runs_before": ("audience_runs", _AUDIENCE_RUN_COLUMNS),
}
RFM_BEFORE = ("rfm_values_before", "rfm_scales_before", "rfm_segments_before")
# What they are, for the graph. None of them is published.
DESCRIPTIONS = {
    "run_parameters": "One row: tonight's run, publication number, logical clock, and what its links depend on.",
    "identity_decisions": "Ids decided by published runs: record, customer, anchor, night; no customer once gone.",
    "identity_events_before": "What happened to ids in earlier publications.",
    "identity_bindings_before": "The record an id hangs on since its own anchor is gone.",
    "identity_overrides_before": "The overrides that the last publication obeyed.",
    "identity_models": "The models of probable links that publications used, the newest night's in force.",
    "reviews_before": "What earlier publications asked people to decide, and since when.",
    "conversions_before": "Conversions and adjustments in the files of earlier publications.",
    "kpis_before": "Key figures of months as they were first published, and each time they moved.",
    "kpi_inputs_before": "What the records of months that are over looked like in earlier publications.",
    "rfm_values_before": "Recency, frequency and money of people in earlier publications, where they changed.",
    "rfm_scales_before": "The snapshots of earlier publications: as-of date, cut points, place in their chain.",
    "rfm_segments_before": "The segment of each combination of scores in those snapshots.",
    "rfm_dates": "The days that people asked to see recency, frequency and money of.",
    "order_numbers_before": "The numbers of orders whose persons are erased since.",
    "orders_published": "The orders that readers see while this run goes on: person and number.",
    "value_fits_before": "Fits of the models of repeat buying that publications used.",
    "tag_rules": "The rules of tags that are used tonight, as SQL, with the place of each tag in a set.",
    "tags_before": "The tags of people as earlier publications showed them, where they changed.",
    "gap_medians_before": "How long gaps between purchases were in a quarter, when it had closed.",
    "audience_members_before": "The arm of each person who ever could be reached for an audience.",
    "audience_messages_before": "What earlier publications had in their files, by keyed hashes of contact points.",
    "audience_runs_before": "Whom the audiences of earlier publications matched and left out, in numbers.",
}


def write_run_inputs(
    warehouse: duckdb.DuckDBPyConnection,
    *,
    run_id: str,
    night: int,
    as_of: datetime,
    as_of_date: date,
    decisions: Decisions,
    seeds: Path,
    rfm_dates: Sequence[date] = (),
    tag_rules: Sequence[TagRule] = (),
    published_orders: Path | None = None,
    accept_restatement: bool = False,
    retrain: bool = False,
) -> None:
    """Write the tables that the models read: tonight's parameters and the decisions of published runs.

    `seeds`: the rule files of this run, the company's own in place of shipped ones. `rfm_dates`: the days asked for.
    `tag_rules`: those that can be used. `published_orders`: the folder of the orders in the current release, if any.
    """
    before = decisions.versions()
    write_table(
        warehouse,
        "run_parameters",
        (
            *("run_id varchar", "night integer", "as_of timestamptz", "as_of_date date"),
            *("accept_restatement boolean", "retrain boolean"),
            *("rules_version varchar", "blocked_version varchar", "normaliser_version varchar"),
            *("rules_version_before varchar", "blocked_version_before varchar", "normaliser_version_before varchar"),
            "model_version_before varchar",
        ),
        [
            (
                *(run_id, night, as_of, as_of_date, accept_restatement, retrain),
                rule_version(seeds / "identity_rules.csv"),
                rule_version(seeds / "identity_blocked_values.csv"),
                identity.NORMALISER_VERSION,
                *(before.rules, before.blocked, before.normaliser, before.model),
            )
        ],
    )
    write_decided(warehouse, decisions, *_DECIDED)
    write_table(warehouse, "rfm_dates", ("as_of_date date",), [(day,) for day in rfm_dates])
    write_table(
        warehouse,
        "tag_rules",
        TAG_RULE_COLUMNS,
        [
            (rule.place, rule.tag, rule.category, rule.condition_sql, rule.value_sql, rule.valid_from, rule.valid_until,
             rule.holds_on(as_of_date), rule.is_new)
            for rule in tag_rules
        ],
    )  # fmt: skip
    _view(warehouse, "tags_before", TAG_COLUMNS, [str(file) for file in decisions.files("tags")])
    # A view, because hardly a night looks into it.
    asked = "order_id, customer_id, cast(customer_order_number as integer) as customer_order_number"
    warehouse.execute(
        f"create or replace view ops.orders_published as select {asked} from "
        + (
            f"read_parquet({literal(str(published_orders / '*.parquet'))})"
            if published_orders
            else "(select null::varchar as order_id, null::varchar as customer_id, null as customer_order_number)"
            " where order_id is not null"
        )
    )
    write_table(
        warehouse,
        "identity_overrides_before",
        tuple(f"{name} varchar" for name in OVERRIDE_COLUMNS),
        [tuple(override[name] for name in OVERRIDE_COLUMNS) for override in before.overrides],
    )
    write_table(
        warehouse, "identity_models", ("model_version varchar", "model varchar", "night integer"), decisions.models()
    )


def write_decided(warehouse: duckdb.DuckDBPyConnection, decisions: Decisions, *tables: str) -> None:
    """Write tables of `ops` that hold what earlier nights decided."""
    for table in tables:
        kind, columns = _DECIDED[table]
        _decided(warehouse, table, columns, [str(file) for file in decisions.files(kind)])


def _decided(warehouse: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], files: Sequence[str]) -> None:
    write_table(warehouse, table, columns, [])
    if files:
        found = warehouse.execute(
            "select column_name from (describe select * from read_parquet($1, union_by_name = true))", [files]
        ).fetchall()
        # A file of an older version may lack a column.
        shared = ", ".join(sorted({name for (name,) in found} & {column.split()[0] for column in columns}))
        warehouse.execute(
            f"insert into ops.{table} ({shared}) select {shared} from read_parquet($1, union_by_name = true)", [files]
        )


def _view(warehouse: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], files: Sequence[str]) -> None:
    """What a night reads a few columns of, and is not worth a copy."""
    read = f"read_parquet([{', '.join(map(literal, files))}])" if files else "(select 1) as nothing where false"
    named = [column.split() for column in columns]
    listed = (f"{f'cast({name} as {kind})' if files else f'cast(null as {kind})'} as {name}" for name, kind in named)
    warehouse.execute(f"create or replace view ops.{table} as select {', '.join(listed)} from {read}")


def tag_places(decisions: Decisions) -> dict[str, int]:
    """The place of every tag that a publication ever knew."""
    return {
        row["tag"]: row["place"] for file in decisions.files("tag_places") for row in pq.read_table(file).to_pylist()
    }


def write_table(
    warehouse: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Write a table of `ops` from its columns with their types and its rows."""
    warehouse.execute(f"create or replace table ops.{table} ({', '.join(columns)})")
    if rows:
        names = [column.split()[0] for column in columns]
        given = pa.table({name: pa.array(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)})
        warehouse.register("rows_to_write", given)
        warehouse.execute(f"insert into ops.{table} select * from rows_to_write")
        warehouse.unregister("rows_to_write")
