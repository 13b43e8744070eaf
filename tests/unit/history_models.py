"""A company's nights on the models of ids alone: who is whom is made up, the SQL and the decisions are real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from dagster_project import decided, run_inputs
from dagster_project.decisions import Decisions, Publication, version_of
from tests.unit.compiled_models import compiled, model_text, relation

BUILT = ("int_identity__published_records", "int_identity__published_customers", "int_identity__changes")
SHOWN = ("identity_events", "customer_id_history", "identity_changes")
FIRST_NIGHT = datetime(2026, 7, 1, 18, tzinfo=UTC)

Record = str


class Company:
    """Nights over made-up groups. Records whose name begins with `d` are devices."""

    def __init__(self, lake: Path) -> None:
        self.decisions = Decisions(lake)
        self.night = 0
        self.attempts = 0
        self.rules = "phone"
        self.births: dict[Record, int] = {}
        self.warehouse = duckdb.connect()
        self.warehouse.execute("set TimeZone = 'UTC'; set threads = 1")
        self.warehouse.execute("create schema intermediate; create schema marts; create schema ops")
        # Nobody buys here, and nothing is exported.
        self.warehouse.execute(
            "create table intermediate.int_customers__rfm_values (customer_id text, as_of_date date,"
            " last_order_date date, frequency integer, monetary decimal(18, 3));"
            "create table intermediate.int_customers__rfm_scales (as_of_date date, basis text, closed text,"
            " bins integer, population bigint, is_scored boolean, is_fresh boolean, recency_cuts decimal(38, 3)[],"
            " frequency_cuts decimal(38, 3)[], monetary_cuts decimal(38, 3)[]);"
            "create table marts.customer_rfm (as_of_date date, r_score integer, f_score integer, m_score integer,"
            " segment text)"
        )
        self.warehouse.execute(
            "create schema restricted; create table restricted.conversion_uploads (platform text, action text,"
            " order_id text, kind text, value decimal(18, 3), currency text, converted_at timestamptz,"
            " happened_at timestamptz)"
        )
        self.warehouse.execute(
            "create table intermediate.int_audiences__arms (audience text, customer_id text, decided_arm text,"
            " member_since date, is_new boolean); create table marts.audiences (run_id text, line integer);"
            "create table restricted.audience_exports (audience text, customer_id text, channel text, message_key text,"
            " contact_hashes text[])"
        )
        # No key figure is worked out here.
        figure = "kpi text, month date, channel text, variant text, value decimal(24, 6)"
        self.warehouse.execute(
            f"create table marts.kpi_monthly ({figure}, is_complete boolean); create table marts.kpi_changes ({figure},"
            " previous_value decimal(24, 6), cause text, changed_at timestamptz, night integer);"
            "create table intermediate.int_kpis__inputs (input text, month date, fingerprint ubigint, is_other boolean)"
        )
        self.warehouse.execute(
            "create table intermediate.int_customers__gap_medians (quarter date, category text, gaps bigint,"
            " median_seconds double, is_new boolean);"
            "create table intermediate.int_customers__value_fits (as_of_date date, is_new boolean)"
        )
        # Nobody has a tag.
        self.warehouse.execute(
            "create table intermediate.int_customers__tag_sets (customer_id text, tags_low bigint, tags_high bigint,"
            " changed_on date, is_changed boolean);"
            "create table marts.customer_tags (customer_id text, tag text, since date)"
        )

    def groups(self, labels: Mapping[Record, int]) -> list[tuple[Record, Record]]:
        """Each record and its anchor: known before anonymous, then born first, then by name."""
        order = sorted(labels, key=lambda record: (record[0] == "d", self.births.get(record, self.night + 1), record))
        anchor: dict[int, Record] = {}
        for record in order:
            anchor.setdefault(labels[record], record)
        return [(record, anchor[labels[record]]) for record in sorted(labels)]

    def rows(self, table: str, publication: int) -> list[dict[str, Any]]:
        """What the publication of this place decided of one kind."""
        run_id = self.decisions.publications()[publication].run_id
        file = self.decisions.folder / table / f"{run_id}.parquet"
        return pq.read_table(file).to_pylist() if file.exists() else []

    def run(
        self,
        labels: Mapping[Record, int],
        publish: bool = True,
        overrides: Iterable[tuple[str, str, str]] = (),
        hubs: Mapping[str, Iterable[Record]] | None = None,
        shared: Mapping[str, Iterable[Record]] | None = None,
        model: str | None = None,
        reviews: Iterable[tuple[str, Record | None, Record | None, str | None, str | None]] = (),
    ) -> dict[str, list[tuple[Any, ...]]]:
        """One night: the tables it would publish; decided only when it is published."""
        self.attempts += 1
        run_id = f"run{self.attempts:03}"
        seeds = self.decisions.folder.parent / "seeds"
        seeds.mkdir(exist_ok=True)
        for name in decided.RULE_FILES:
            (seeds / name).write_text(self.rules)
        warehouse = self.warehouse
        run_inputs.write_run_inputs(
            warehouse, run_id=run_id, night=self.night + 1, as_of=FIRST_NIGHT + timedelta(days=self.attempts),
            as_of_date=FIRST_NIGHT.date(), decisions=self.decisions, seeds=seeds,
        )  # fmt: skip
        self._members(warehouse, labels)
        self._clusters(warehouse, overrides, {"hub": hubs or {}, "shared": shared or {}}, model, reviews)
        names = list(BUILT)
        if reviews or self.decisions.files("reviews"):
            names += ["int_identity__reviews", "int_identity__review_values", "int_identity__review_states"]
            names += ["identity_reviews", "identity_review_queue"]
            warehouse.execute(
                "create or replace table intermediate.int_customers__recent_values as select customer_id,"
                " cast(100 * count(*) as decimal(18, 3)) as net_amount_reporting"
                " from intermediate.int_identity__members group by customer_id"
            )
        else:
            warehouse.execute(
                "create or replace table intermediate.int_identity__review_states (reason text, left_customer_id text,"
                " right_customer_id text, left_record text, right_record text, type text, value_hash text,"
                " first_raised_at timestamptz, is_new boolean)"
            )
        for name in (*names, *SHOWN):
            place, sql = relation(name), compiled(model_text(name), "marts_money")
            warehouse.execute(f"create or replace table {place} as {sql}")
        shown = {}
        for name in (*SHOWN, *(name for name in names if name.startswith("identity_review"))):
            shown[name] = warehouse.execute(f"select * from {relation(name)}").fetchall()
        if publish:
            decided.write(warehouse, self.decisions, run_id, self.night + 1, seeds)
        if publish:
            self.night += 1
            self.births = dict.fromkeys(labels, self.night) | self.births
            stamp = FIRST_NIGHT.isoformat()
            self.decisions.add_publication(
                Publication(run_id, self.night, self.night, stamp, stamp, self.decisions.checksums(run_id))
            )
        else:
            self.decisions.drop_unpublished()
        return shown

    def _members(self, warehouse: duckdb.DuckDBPyConnection, labels: Mapping[Record, int]) -> None:
        warehouse.execute(
            "create or replace table intermediate.int_identity__members (record_key text, customer_id text,"
            " anchor_record_key text, is_anonymous boolean, source_system text, record_type text,"
            " published_record_id text, linked_at timestamptz)"
        )
        warehouse.execute(
            "create or replace table intermediate.int_identity__records (record_key text, is_anonymous boolean,"
            " created_at timestamptz)"
        )
        for record, anchor in self.groups(labels):
            warehouse.execute(
                "insert into intermediate.int_identity__members values ($1, $2, $3, $4, 's', 't', $1, $5)",
                [record, f"c_{anchor}", anchor, anchor[0] == "d", FIRST_NIGHT],
            )
            warehouse.execute(
                "insert into intermediate.int_identity__records values ($1, $2, $3)",
                [record, record[0] == "d", FIRST_NIGHT],
            )

    @staticmethod
    def _clusters(
        warehouse: duckdb.DuckDBPyConnection,
        overrides: Iterable[tuple[str, str, str]],
        carriers: Mapping[str, Mapping[str, Iterable[Record]]],
        model: str | None,
        reviews: Iterable[tuple[str, Record | None, Record | None, str | None, str | None]],
    ) -> None:
        columns = ("part", "action", "record_key", "other_record_key", "left_record", "right_record", "type",
                   "value", "value_hash", "status", "reason")  # fmt: skip
        warehouse.execute(
            "create or replace table intermediate.int_identity__clusters"
            f" ({', '.join(f'{name} text' for name in columns)}, score double)"
        )
        rows: list[dict[str, Any]] = [
            {"part": "override", "action": action, "record_key": one, "other_record_key": other, "status": "accepted"}
            for action, one, other in overrides
        ]
        rows += [
            {"part": "carrier", "record_key": record, "type": "phone", "value": value}
            for values in carriers.values() for value, records in values.items() for record in records
        ]  # fmt: skip
        rows += [
            {"part": "value", "type": "phone", "value": value, "status": status}
            for status, values in carriers.items() for value in values
        ]  # fmt: skip
        if model is not None:
            rows.append({"part": "model", "value": model, "value_hash": version_of(model)})
        rows += [
            {"part": "review", "reason": reason, "left_record": left, "right_record": right, "type": kind,
             "value": value, "value_hash": value}
            for reason, left, right, kind, value in reviews
        ]  # fmt: skip
        for row in rows:
            names = ", ".join(row)
            warehouse.execute(
                f"insert into intermediate.int_identity__clusters ({names}) values ({', '.join('?' for _ in row)})",
                list(row.values()),
            )
