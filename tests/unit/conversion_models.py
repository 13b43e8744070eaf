"""Nights on the models of exported conversions: people, orders, clicks are made up, SQL and decisions are real."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb

from dagster_project import audience_inputs, decided, run_inputs
from dagster_project.decisions import Decisions, Publication
from tests.unit.compiled_models import compiled, model_text, relation
from tests.unit.history_models import RULE_FILES

PROJECT = Path(__file__).resolve().parents[2]
BUILT = (
    *("int_customers__contact_points", "int_customers__contact_decisions", "int_customers__contact_blocks"),
    *("int_customers__consented_contacts", "conversion_uploads", "exported_conversions"),
)
SCHEMAS = ("intermediate", "staging", "seeds", "marts", "restricted", "ops")
FIRST_NIGHT = datetime(2026, 7, 1, 18, tzinfo=UTC)
GIVEN = {
    "staging.stg_events__events": "event_id text, click_id_type text, click_id text, occurred_at timestamptz",
    "intermediate.int_touchpoints__event_customers": "event_id text, customer_id text",
    "staging.stg_exports__touchpoints":
        "system text, touchpoint_id text, click_id_type text, click_id text, occurred_at timestamptz",
    "intermediate.int_touchpoints__mapped": "system text, touchpoint_id text, customer_id text",
    "intermediate.int_identity__members": "record_key text, customer_id text",
    "intermediate.int_identity__records":
        "record_key text, email text, phone text, default_region text, consent_email boolean, consent_sms boolean,"
        " created_at timestamptz, updated_at timestamptz",
    "intermediate.int_identity__assertions": "record_key text, type text, value text, last_at timestamptz",
    "intermediate.int_identity__values": "type text, value text, status text",
    "intermediate.int_customers__attribute_values":
        "customer_id text, attribute text, plain_value text, value text, place integer",
    "intermediate.int_customers__comparable_values":
        "attribute text, value text, default_region text, plain_value text",
    "staging.stg_exports__messages":
        "system text, record_type text, source_record_id text, event text, channel text, occurred_at timestamptz",
    "marts.orders":
        "order_id text, customer_id text, channel text, currency text, due_amount decimal(18, 3),"
        " net_amount decimal(18, 3), is_valid boolean, ordered_at timestamptz",
}  # fmt: skip


class Upload(NamedTuple):
    """What the tests look at of a row of `restricted.conversion_uploads`."""

    platform: str
    order_id: str
    kind: str
    click_id: str | None
    hashed_email: str | None
    hashed_phone: str | None
    happened_at: datetime


@dataclass(frozen=True)
class Record:
    """What one record of a person holds and decides; its key is `crm/customer/<name>`."""

    name: str
    person: str
    email: str | None = None
    phone: str | None = None
    consent_email: bool | None = None
    consent_sms: bool | None = None

    @property
    def key(self) -> str:
        return f"crm/customer/{self.name}"


@dataclass(frozen=True)
class Order:
    """An order, so many days before the first night."""

    name: str
    person: str | None = "ann"
    days: float = 1
    net: str = "100"
    due: str | None = None
    is_valid: bool = True
    channel: str = "store"
    currency: str = "EUR"


@dataclass(frozen=True)
class Click:
    """A click, so many days before the first night; `listed` by an export instead of seen on the site."""

    person: str | None
    click_id: str
    days: float = 2
    kind: str = "gclid"
    listed: bool = False


@dataclass(frozen=True)
class World:
    """Everything that the models see in one night."""

    records: Sequence[Record] = ()
    orders: Sequence[Order] = ()
    clicks: Sequence[Click] = ()
    unsubscribed: Sequence[tuple[str, str]] = field(default=())


def with_macros(text: str) -> str:
    """The SQL of a model or of a test on models, from its text."""
    return compiled(text, "reporting", "marts_money", "conversions", "contacts")


class Exporter:
    """Nights of one home; `rules` is the content of conversion_exports.csv."""

    def __init__(self, lake: Path, rules: str | None = None) -> None:
        self.lake = lake
        self.decisions = Decisions(lake)
        self.attempts = 0
        self.days = -1
        self.rules = rules or (PROJECT / "seeds" / "conversion_exports.csv").read_text()
        self.contact_rules = {
            name: (PROJECT / "seeds" / name).read_text() for name in ("consents.csv", "suppressions.csv")
        }
        self.warehouse = duckdb.connect()
        self.warehouse.execute("set TimeZone = 'UTC'; set threads = 1")
        for schema in SCHEMAS:
            self.warehouse.execute(f"create schema {schema}")
        self.warehouse.execute(
            f"create table seeds.currencies as select * from read_csv('{PROJECT / 'seeds' / 'currencies.csv'}')"
        )

    @property
    def as_of(self) -> datetime:
        return FIRST_NIGHT + timedelta(days=self.days)

    def night(self, world: World, publish: bool = True, again: bool = False) -> list[tuple[object, ...]]:
        """Platform, order, kind, value and click of what goes out; decided only when the night is published."""
        self.build(world, again)
        shown = self.warehouse.execute(
            "select platform, order_id, kind, value, click_id from restricted.conversion_uploads order by all"
        ).fetchall()
        run_id = f"run{self.attempts:03}"
        rows = self.warehouse.execute(decided.CONVERSIONS, {"night": self.attempts, "run_id": run_id}).to_arrow_table()
        self.decisions.write_table("conversions", run_id, rows)
        if publish:
            stamp = self.as_of.isoformat()
            self.decisions.add_publication(
                Publication(run_id, self.attempts, self.attempts, stamp, stamp, self.decisions.checksums(run_id))
            )
        else:
            self.decisions.drop_unpublished()
        return shown

    def build(self, world: World, again: bool = False) -> None:
        """The tables of a night, a day after the one before unless it is the same night again."""
        self.attempts += 1
        self.days += 0 if again else 1
        seeds = self.lake / "seeds"
        seeds.mkdir(parents=True, exist_ok=True)
        for name in RULE_FILES:
            (seeds / name).write_text("")
        (seeds / "conversion_exports.csv").write_text(self.rules)
        run_inputs.write_run_inputs(
            self.warehouse, run_id=f"run{self.attempts:03}", night=self.attempts, as_of=self.as_of,
            as_of_date=self.as_of.date(), decisions=self.decisions, seeds=seeds,
        )  # fmt: skip
        for name in ("contact_policy.csv", "audiences.csv"):
            shutil.copyfile(PROJECT / "seeds" / name, seeds / name)
        for name, text in self.contact_rules.items():
            (seeds / name).write_text(text)
        audience_inputs.write(self.warehouse, self.decisions, seeds, as_of=self.as_of, timezone="Asia/Shanghai")
        self.warehouse.execute(
            "create or replace table seeds.conversion_exports as select * replace ("
            " try_cast(click_days as integer) as click_days, try_cast(upload_days as integer) as upload_days,"
            " try_cast(click_expires_days as integer) as click_expires_days,"
            " try_cast(adjustment_days as integer) as adjustment_days)"
            f" from read_csv('{seeds / 'conversion_exports.csv'}', all_varchar = true, header = true)"
        )
        for table, columns in GIVEN.items():
            self.warehouse.execute(f"create or replace table {table} ({columns})")
        self._fill(world)
        for name in BUILT:
            self.warehouse.execute(f"create or replace table {relation(name)} as {with_macros(model_text(name))}")

    def uploads(self) -> list[Upload]:
        """What the files of the last night hold."""
        return [
            Upload(*row)
            for row in self.warehouse.execute(
                f"select {', '.join(Upload._fields)} from restricted.conversion_uploads"
            ).fetchall()
        ]

    def told(self) -> dict[tuple[str, str], list[tuple[str, Decimal]]]:
        """Per platform and order what was ever told of it, in the order of nights."""
        found: dict[tuple[str, str], list[tuple[str, Decimal]]] = {}
        for file in self.decisions.files("conversions"):
            for platform, order, kind, value in self.warehouse.execute(
                "select platform, order_id, kind, value from read_parquet($1)", [str(file)]
            ).fetchall():
                found.setdefault((platform, order), []).append((kind, value))
        return found

    def _fill(self, world: World) -> None:
        contacts: dict[tuple[str, str], list[str]] = {}
        for record in world.records:
            self._insert("intermediate.int_identity__members", record.key, record.person)
            self._insert(
                "intermediate.int_identity__records", record.key, record.email, record.phone, "CN",
                record.consent_email, record.consent_sms, None, None,
            )  # fmt: skip
            for kind, value, region in (("email", record.email, None), ("phone", record.phone, "CN")):
                if value is not None:
                    plain = value.lower().strip()
                    self._insert("intermediate.int_customers__comparable_values", kind, plain, region, plain)
                    known = contacts.setdefault((record.person, kind), [])
                    known += [plain] if plain not in known else []
        self.warehouse.execute(
            "create or replace table intermediate.int_customers__comparable_values as"
            " select distinct * from intermediate.int_customers__comparable_values"
        )
        for (person, kind), values in contacts.items():
            for place, value in enumerate(values, 1):
                self._insert("intermediate.int_customers__attribute_values", person, kind, value, value, place)
        for name, channel in world.unsubscribed:
            self._insert("staging.stg_exports__messages", "crm", "customer", name, "unsubscribed", channel, FIRST_NIGHT)
        for order in world.orders:
            self._insert(
                "marts.orders", order.name, order.person, order.channel, order.currency, order.due or order.net,
                order.net, order.is_valid, FIRST_NIGHT - timedelta(days=order.days),
            )  # fmt: skip
        for number, click in enumerate(world.clicks):
            moment = FIRST_NIGHT - timedelta(days=click.days)
            if click.listed:
                self._insert("staging.stg_exports__touchpoints", "x", str(number), click.kind, click.click_id, moment)
                self._insert("intermediate.int_touchpoints__mapped", "x", str(number), click.person)
            else:
                self._insert("staging.stg_events__events", str(number), click.kind, click.click_id, moment)
                self._insert("intermediate.int_touchpoints__event_customers", str(number), click.person)

    def _insert(self, table: str, *cells: object) -> None:
        self.warehouse.execute(f"insert into {table} values ({', '.join('?' for _ in cells)})", list(cells))


def only(platform: str, shown: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The rows of one platform, without its name."""
    return [row[1:] for row in shown if row[0] == platform]
