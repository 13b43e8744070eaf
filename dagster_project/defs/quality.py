"""The gates between marts and publication, as asset checks, and the Data Docs of the night."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

import expectations
from dagster_project import (
    checks,
    identity_changes,
    personal,
    places,
    project,
    quality_report,
    quarantine_shares,
    release,
    stream_charts,
    streams,
)
from dagster_project.config import House
from dagster_project.keys import asset_key
from dagster_project.night import Night
from dagster_project.warehouse import connect
from expectations import Result, suites
from ingestion import Ledger

SUITE = "marts"
OPS_SUITE = "ops"
SHARES = asset_key("ops", quarantine_shares.TABLE)
# A mart has to have rows when one of the staged tables behind it has; with none behind it, it may be empty.
FED_BY = {
    "customers": ("stg_shopify__customers", "stg_pos__members", "stg_zendesk__users", "stg_events__events"),
    "customer_identities": ("stg_shopify__customers", "stg_pos__members", "stg_zendesk__users", "stg_events__events"),
    "orders": ("stg_shopify__orders", "stg_pos__receipts"),
    "order_lines": ("stg_shopify__order_lines", "stg_pos__receipt_lines"),
    "refunds": ("stg_shopify__refunds",),
    "touchpoints": ("stg_events__events", "stg_shopify__orders", "stg_pos__receipts", "stg_zendesk__tickets"),
    "service_tickets": ("stg_zendesk__tickets",),
    "messages": ("stg_exports__messages",),
    "ad_performance": ("stg_exports__ad_performance",),
    "customer_rfm": (),
    "customer_lifecycle": ("stg_shopify__customers", "stg_pos__members"),
    "customer_value": (),
    "customer_value_models": (),
}


# Below this a handful of records, on a company's first nights, moves every share.
_LEAST_MATCHED = 1000
_PER_PERSON = ("customers", "customer_rfm", "customer_lifecycle", "customer_value")


@dataclass(frozen=True)
class Seen:
    """What the suite of schema ops judges: ids that move, what is unusual, and what was set aside."""

    changes: identity_changes.Changes
    measures: dict[str, int]
    unusual: list[streams.Finding]
    shares: list[quarantine_shares.Share]

    @classmethod
    def of(cls, house: House) -> "Seen":
        """Read it from the warehouse."""
        with connect(house, read_only=True) as warehouse:
            return cls(
                identity_changes.read(warehouse),
                streams.counted(warehouse),
                streams.unusual(warehouse),
                quarantine_shares.read(warehouse),
            )

    def parameters(self, night: Night) -> dict[str, object]:
        """What the suite compares with."""
        return {
            "as_of": night.as_of,
            "source_rows": {quarantine_shares.TABLE: len(self.shares), **self.measures},
            **self.changes.bounds(night.accept_restatement),
        }


def build_quarantine_shares(house: House) -> dg.AssetsDefinition:
    """The table that the gate on quarantine judges."""

    @dg.asset(
        key=SHARES,
        deps=[asset_key("ops", "quarantine"), asset_key("ops", "loads")],
        group_name="ops",
        owners=[project.OWNER],
        required_resource_keys={"night"},
        description=quarantine_shares.DESCRIPTION,
        tags={"layer": "ops", "pii": personal.NONE},
        metadata=places.metadata(house, *SHARES.path),
    )
    def shares(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        night: Night = context.resources.night
        with night.guard("quarantine"), connect(house) as warehouse:
            found = quarantine_shares.write(warehouse, house, published_loads(house))
        return dg.MaterializeResult(metadata={"dagster/row_count": len(found)})

    return shares


def build_mart_gates(house: House) -> dg.AssetChecksDefinition:
    """The checks of the marts, of ids that move, and of quarantine; one that blocks holds the publication back."""
    wanted = [
        spec
        for suite in map(suites.load_suite, (SUITE, OPS_SUITE))
        for spec in checks.specs(suite.name, suite.schema, suite.tables, blocking=True)
    ]

    @dg.multi_asset_check(specs=wanted, required_resource_keys={"night"}, name="mart_gates")
    def mart_gates(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        night: Night = context.resources.night
        with night.step("gate (marts)") as step:
            found = expectations.check_marts(house.warehouse, _parameters(house, night))
            refusals = expectations.refused(found)
            seen = Seen.of(house)
            changes, unusual, shares = seen.changes, seen.unusual, seen.shares
            night.identity = changes.sentence()
            print(f"    ids: {night.identity}", flush=True)
            night.anomalies = [finding.as_dict() for finding in unusual]
            night.told += streams.causes(unusual)
            for finding in unusual:
                print(f"! unusual: {finding.sentence()}", flush=True)
            moves = expectations.check_marts(house.warehouse, seen.parameters(night), suite=OPS_SUITE)
            refusing = {result.table_name for result in moves if expectations.refuses(result)}
            if "identity_changes" in refusing:
                refusals.append(changes.refusal())
            if quarantine_shares.TABLE in refusing:
                refusals.append(quarantine_shares.refusal(shares))
                night.told += quarantine_shares.causes(shares)
            found += moves
            record(night, found)
            step.rows, step.detail = None, f"{sum(result.success for result in found)} of {len(found)} passed"
            if refusals:
                step.status = "failed"
            for paragraph in refusals:
                night.problem("gate", "marts", paragraph)
        with night.step("data docs"):
            quality_report.write(night)
            with connect(house, read_only=True) as warehouse:
                stream_charts.write(warehouse, unusual, house.quality)
        yield from checks.results(wanted, found, {SHARES: quarantine_shares.numbers(shares)})

    return mart_gates


def published_loads(house: House) -> set[str]:
    """The admitted loads of the release that readers see."""
    run_id = release.current(house)
    if run_id is None:
        return set()
    with connect(house, house.published / "releases" / run_id / "omnihouse.duckdb", read_only=True) as published:
        found = published.execute("select distinct load_id from ops.loads where admitted").fetchall()
    return {load for (load,) in found}


def record(night: Night, found: Iterable[Result]) -> None:
    """Keep results in the run's record."""
    night.gates += [result.as_dict() for result in found]


def _parameters(house: House, night: Night) -> dict[str, object]:
    """What the suite compares with: the night's clock, what staging holds, and the rows of the last publication."""
    with connect(house, read_only=True) as warehouse:
        staged: dict[str, int] = dict(
            warehouse.execute(
                "select table_name, estimated_size from duckdb_tables() where schema_name = 'staging'"
            ).fetchall()
        )
    return {
        "as_of": night.as_of,
        "source_rows": {table: sum(staged.get(name, 0) for name in names) for table, names in FED_BY.items()},
        "previous_rows": {
            table: rows
            for table, rows in _previous_rows(house).items()
            # With fewer people there are fewer rows a person; whoever accepted that ids move accepted this.
            if not (night.accept_restatement and table in _PER_PERSON)
        },
        **({} if night.accept_restatement else matched_before(house)),
    }


def matched_before(house: House) -> dict[str, object]:
    """How far the current release had matched records and orders; nothing where there are too few to say, or none."""
    run_id = release.current(house)
    if run_id is None or not _stands_on_admitted_loads(house):
        return {}
    folder = house.published / "releases" / run_id
    with connect(house, folder / "omnihouse.duckdb", read_only=True) as published:
        records, people, record_sources = published.execute(
            "select count(*), count(distinct customer_id), string_agg(distinct source_system, ',')"
            " from marts.customer_identities"
        ).fetchall()[0]
        orders, known, order_sources = published.execute(
            "select count(*), count(customer_id), string_agg(distinct source_system, ',') from marts.orders"
        ).fetchall()[0]
    found: dict[str, object] = {}
    if records >= _LEAST_MATCHED:
        found |= {"previous_people_per_record": people / records, "previous_record_sources": record_sources}
    if orders >= _LEAST_MATCHED:
        as_of = json.loads((folder / "manifest.json").read_text())["as_of"]
        found |= {
            "previous_customer_share": known / orders,
            "previous_order_sources": order_sources,
            "previous_as_of": as_of,
        }
    return found


def _previous_rows(house: House) -> dict[str, int]:
    """Rows of each mart in the current release; none where a load it used was withdrawn, for then tables may shrink."""
    run_id = release.current(house)
    if run_id is None:
        return {}
    if not _stands_on_admitted_loads(house):
        return {}
    tables = json.loads((house.published / "releases" / run_id / "manifest.json").read_text())["tables"]
    return {name.removeprefix("marts."): rows for name, rows in tables.items() if name.startswith("marts.")}


def _stands_on_admitted_loads(house: House) -> bool:
    """Whether no load that the current release used was withdrawn since."""
    admitted = {line["load_id"] for line in Ledger(house.lake).admitted_loads()}
    return not published_loads(house) - admitted
