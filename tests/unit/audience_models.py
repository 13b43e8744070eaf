"""Nights on the models of contacts and audiences: people and messages are made up, SQL and decisions are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from bench.rendered import DBT
from dagster_project import audience_inputs, audiences, decided, run_inputs
from dagster_project.decisions import Decisions, Publication
from tests.unit.compiled_models import compiled, model_text, relation
from tests.unit.history_models import RULE_FILES

BUILT = (
    *("int_customers__contact_points", "int_customers__contact_decisions", "int_customers__contact_blocks"),
    *("int_customers__consented_contacts", "int_audiences__matched", "int_audiences__eligibility"),
    *("int_audiences__messages", "int_audiences__arms", "int_audiences__members", "audience_members", "audiences"),
    "audience_exports",
)
SCHEMAS = ("intermediate", "staging", "seeds", "marts", "restricted", "ops")
FIRST_NIGHT = datetime(2026, 7, 1, 4, tzinfo=UTC)
REASONS = (
    *("no_contact_point", "global_opt_out", "suppressed", "no_consent", "contaminated", "held_out", "already_sent"),
    "capped",
)
POLICY = "channel,purpose,max_messages,per_days,quiet_from,quiet_to,timezone\n"
AUDIENCES = "audience,channel,purpose,condition,message_key,valid_from,valid_until,holdout_share\n"
CONSENTS = "contact_type,contact,channel,purpose,decision,decided_at\n"
SUPPRESSIONS = "contact_type,contact,channel,purpose,suppressed_at,reason\n"
GIVEN = {
    "staging.stg_exports__messages":
        "system text, record_type text, source_record_id text, event text, channel text, occurred_at timestamptz",
    "marts.messages":
        "message_id text, customer_id text, source_system text, channel text, event text, campaign text,"
        " template text, occurred_at timestamptz",
    "intermediate.int_identity__members": "record_key text, customer_id text",
    "intermediate.int_identity__records":
        "record_key text, email text, phone text, default_region text, consent_email boolean, consent_sms boolean,"
        " created_at timestamptz, updated_at timestamptz",
    "intermediate.int_identity__assertions": "record_key text, type text, value text, last_at timestamptz",
    "intermediate.int_identity__values": "type text, value text, status text",
    "intermediate.int_identity__published_customers": "customer_id text, current_customer_id text",
    "intermediate.int_customers__attribute_values":
        "customer_id text, attribute text, plain_value text, value text, place integer",
    "intermediate.int_customers__comparable_values":
        "attribute text, value text, default_region text, plain_value text",
    "marts.customers": "customer_id text, country text",
    "marts.customer_features": "customer_id text, city text",
    "marts.customer_tags": "customer_id text, tag text",
    "intermediate.int_customers__attributes": "customer_id text, attribute text, value text",
    "seeds.timezone_countries": "timezone text, country_code text",
}  # fmt: skip


@dataclass(frozen=True)
class Record:
    """What one record of a person holds and decides; its key is `crm/customer/<name>`."""

    name: str
    person: str
    email: str | None = None
    phone: str | None = None
    union_id: str | None = None
    consent_email: bool | None = None
    consent_sms: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def key(self) -> str:
        return f"crm/customer/{self.name}"


@dataclass(frozen=True)
class Sent:
    """A message of the log, so many seconds before the night's as-of."""

    person: str
    channel: str = "sms"
    seconds: float = 3600
    event: str = "sent"
    template: str | None = None
    campaign: str | None = None


@dataclass(frozen=True)
class World:
    """Everything that the models see in one night. `retired`: ids of once, and whose they are now."""

    records: Sequence[Record] = ()
    sent: Sequence[Sent] = ()
    unsubscribed: Sequence[tuple[str, str, datetime]] = ()
    countries: Mapping[str, str] = field(default_factory=dict)
    cities: Mapping[str, str] = field(default_factory=dict)
    retired: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[tuple[str, str]] = ()
    births: Mapping[str, str] = field(default_factory=dict)


def with_macros(text: str) -> str:
    """The SQL of a model or of a test on models, from its text."""
    return compiled(text, "reporting", "marts_money", "conversions", "contacts", "audiences")


class _Dbt:
    def __init__(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        self._warehouse = warehouse

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        return self._warehouse.table(relation(name))

    def source(self, schema: str, table: str) -> duckdb.DuckDBPyRelation:
        return self._warehouse.table(f"{schema}.{table}")

    def config(self, **_: Any) -> None:
        return None


class Company:
    """Nights of one home; the rule files are texts without their header."""

    def __init__(self, lake: Path, audiences: str, policy: str = "sms,marketing,,,,,\nemail,marketing,,,,,\n") -> None:
        self.lake = lake
        self.rules = {
            "audiences.csv": AUDIENCES + audiences,
            "contact_policy.csv": POLICY + policy,
            "consents.csv": CONSENTS,
            "suppressions.csv": SUPPRESSIONS,
        }
        self.timezone = "Asia/Shanghai"
        self.decisions = Decisions(lake)
        self.attempts = 0
        self.as_of = FIRST_NIGHT
        self.warehouse = duckdb.connect()
        self.warehouse.execute("set TimeZone = 'UTC'; set threads = 1")
        for schema in SCHEMAS:
            self.warehouse.execute(f"create schema {schema}")

    def night(self, world: World, publish: bool = True, as_of: datetime | None = None) -> dict[tuple[str, str], str]:
        """Per audience and person why they were left out, or `exported`; decided only when the night is published."""
        self.attempts += 1
        self.as_of = as_of or self.as_of + timedelta(days=1)
        run_id = f"run{self.attempts:03}"
        self._inputs(run_id)
        for table, columns in GIVEN.items():
            self.warehouse.execute(f"create or replace table {table} ({columns})")
        self._fill(world)
        for name in BUILT:
            self._build(name)
        if publish:
            for kind, query in decided.AUDIENCES.items():
                given = {"night": self.attempts, "run_id": run_id}
                asked = {name: value for name, value in given.items() if f"${name}" in query}
                rows = self.warehouse.execute(query, asked).to_arrow_table()
                self.decisions.write_table(kind, run_id, rows)
            stamp = self.as_of.isoformat()
            self.decisions.add_publication(
                Publication(run_id, self.attempts, self.attempts, stamp, stamp, self.decisions.checksums(run_id))
            )
        rows = self.ask("select audience, customer_id, coalesce(left_out, 'exported') from int_audiences__members")
        return {(audience, person): outcome for audience, person, outcome in rows}

    @property
    def last_day(self) -> date:
        """The last day that is complete in the reporting zone."""
        return self.as_of.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=1)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the last night's tables."""
        self.warehouse.execute("set search_path = 'marts,restricted,intermediate,ops'")
        return self.warehouse.execute(sql).fetchall()

    def arms(self) -> dict[tuple[str, str], str]:
        """The arm of each person, by audience."""
        rows = self.ask("select audience, customer_id, arm from audience_members")
        return {(audience, person): arm for audience, person, arm in rows}

    def files(self, folder: Path) -> dict[str, str]:
        """The files of the last night, by name."""
        (folder / "restricted").mkdir(parents=True, mode=0o700)
        audiences.write(self.warehouse, folder)
        return {file.name: file.read_text() for file in sorted((folder / audiences.FOLDER).glob("*"))}

    def consents(self, *lines: str) -> None:
        """From now on these lines of consents.csv hold."""
        self.rules["consents.csv"] = CONSENTS + "".join(f"{line}\n" for line in lines)

    def suppressions(self, *lines: str) -> None:
        """From now on these lines of suppressions.csv hold."""
        self.rules["suppressions.csv"] = SUPPRESSIONS + "".join(f"{line}\n" for line in lines)

    def _inputs(self, run_id: str) -> None:
        seeds = self.lake / "seeds"
        seeds.mkdir(parents=True, exist_ok=True)
        for name, text in self.rules.items() | dict.fromkeys(RULE_FILES, "").items():
            (seeds / name).write_text(text)
        run_inputs.write_run_inputs(
            self.warehouse, run_id=run_id, night=self.attempts, as_of=self.as_of, as_of_date=self.last_day,
            decisions=self.decisions, seeds=seeds,
        )  # fmt: skip
        audience_inputs.write(
            self.warehouse, self.decisions, seeds, as_of=self.as_of, timezone=self.timezone, tags=("vip",)
        )

    def _build(self, name: str) -> None:
        if name == "int_audiences__matched":
            found = _MATCHED(_Dbt(self.warehouse), self.warehouse)
            found.create_view("found_rows")
            self.warehouse.execute(f"create or replace table {relation(name)} as from found_rows")
            return
        self.warehouse.execute(f"create or replace table {relation(name)} as {with_macros(model_text(name))}")

    def _fill(self, world: World) -> None:
        contacts: dict[tuple[str, str], list[str]] = {}
        for record in world.records:
            self._insert("intermediate.int_identity__members", record.key, record.person)
            self._insert(
                "intermediate.int_identity__records", record.key, record.email, record.phone, "CN",
                record.consent_email, record.consent_sms, record.created_at, record.updated_at,
            )  # fmt: skip
            if record.union_id:
                self._insert("intermediate.int_identity__assertions", record.key, "union_id", record.union_id, None)
            for kind, value in (("email", record.email), ("phone", record.phone)):
                if value is not None:
                    known = contacts.setdefault((record.person, kind), [])
                    known += [value] if value not in known else []
        for (person, kind), values in contacts.items():
            for place, value in enumerate(values, 1):
                region = "CN" if kind == "phone" else None
                self._insert("intermediate.int_customers__comparable_values", kind, value, region, value)
                self._insert("intermediate.int_customers__attribute_values", person, kind, value, value, place)
        self.warehouse.execute(
            "create or replace table intermediate.int_customers__comparable_values as"
            " select distinct * from intermediate.int_customers__comparable_values"
        )
        for person in sorted({record.person for record in world.records}):
            self._insert("marts.customers", person, world.countries.get(person))
            self._insert("marts.customer_features", person, world.cities.get(person))
            self._insert("intermediate.int_identity__published_customers", person, person)
        for person, tag in world.tags:
            self._insert("marts.customer_tags", person, tag)
        for person, birth in world.births.items():
            self._insert("intermediate.int_customers__attributes", person, "birth_date", birth)
        for retired, person in world.retired.items():
            self._insert("intermediate.int_identity__published_customers", retired, person)
        for number, sent in enumerate(world.sent):
            self._insert(
                "marts.messages", str(number), sent.person, "mail", sent.channel, sent.event, sent.campaign,
                sent.template, self.as_of - timedelta(seconds=sent.seconds),
            )  # fmt: skip
        for name, channel, moment in world.unsubscribed:
            self._insert("staging.stg_exports__messages", "crm", "customer", name, "unsubscribed", channel, moment)
        for zone, country in (("Asia/Shanghai", "CN"), ("Asia/Urumqi", "CN"), ("Europe/Berlin", "DE")):
            self._insert("seeds.timezone_countries", zone, country)

    def _insert(self, table: str, *cells: object) -> None:
        self.warehouse.execute(f"insert into {table} values ({', '.join('?' for _ in cells)})", list(cells))


def _matched() -> Any:
    file = DBT / "models" / "intermediate" / "audiences" / "int_audiences__matched.py"
    spec = spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.model


_MATCHED = _matched()


ANN = Record("1", "ann", "ann@x.cn", "+8613800000001", "o-ann-union", consent_email=True, consent_sms=True)
BOB = Record("2", "bob", "bob@x.cn", "+8613800000002", consent_email=True, consent_sms=True)
SMS = "all,sms,marketing,true,hello,,,0\n"
MAIL = "all,email,marketing,true,hello,,,0\n"
LONG_AGO, LATELY = "2026-01-01T00:00:00+08:00", "2026-06-01T00:00:00+08:00"


def only(outcomes: dict[tuple[str, str], str], person: str = "ann") -> str:
    """What became of a person whom one audience matched."""
    (found,) = [outcome for (_, whom), outcome in outcomes.items() if whom == person]
    return found
