"""Where everything is and how this home is set up: the one reader of the environment.

Belongs here: paths under the state folder, settings and their checks, which sources are configured.
Does not belong here: what a setting makes a source or a model do.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from dagster_project import grouped_settings
from dagster_project.errors import ConfigurationError as ConfigurationError

PROJECT = Path(__file__).resolve().parent.parent
Default = TypeVar("Default", int, None)
# A change of this number says that state written by an earlier version is read differently.
STATE_VERSION = 1
# Percent of a source's new rows; the empty name stands for every source that is not named.
# Of the machine's memory, what DuckDB may take, and how much it takes at most unless told.
_SHARE, _MOST_GIB = 0.6, 5.0
_USUAL_QUARANTINE_LIMIT = {"": Decimal(5)}
_NO_CALLS_OUT = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "DAGSTER_DISABLE_TELEMETRY": "true",
}


def silence_telemetry() -> None:
    """Switch off the reports that dlt, dbt, Great Expectations and Dagster would send."""
    os.environ.update(_NO_CALLS_OUT)


@dataclass(frozen=True)
class House:
    """One home: its paths and settings. Two homes never touch each other."""

    home: Path
    currency: str = "CNY"
    timezone: str = "Asia/Shanghai"
    memory: str | None = None
    demo: str = "auto"
    demo_persons: int | None = None
    demo_seed: int | None = None
    demo_down: tuple[str, ...] = ()
    demo_faults: tuple[str, ...] = ()
    as_of: datetime | None = None
    nightly_at: time = time(2)
    releases_kept: int = 7
    stale_policy: Mapping[str, str] = field(default_factory=dict)
    quarantine_limits: Mapping[str, Decimal] = field(default_factory=lambda: dict(_USUAL_QUARANTINE_LIMIT))
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    alerts: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> House:
        """Read and check every setting; raises `ConfigurationError` naming the first wrong one."""
        env = os.environ if environ is None else environ
        home = Path(env.get("OMNIHOUSE_HOME") or PROJECT / ".omnihouse").expanduser().resolve()
        return cls(
            home=home,
            currency=_matching(env, "OMNIHOUSE_CURRENCY", "CNY", r"[A-Z]{3}", "an ISO 4217 code such as CNY"),
            timezone=_timezone(env),
            memory=_matching(env, "OMNIHOUSE_MEMORY", "", r"|\d+(\.\d+)?\s*([KMGT]i?B|%)", "a size such as 4GB")
            or None,
            demo=_matching(env, "OMNIHOUSE_DEMO", "auto", r"auto|0|1", "auto, 0 or 1"),
            demo_persons=_whole_number(env, "DEMO_PERSONS", None, least=1),
            demo_seed=_whole_number(env, "DEMO_SEED", None, least=0),
            demo_down=_words(env, "DEMO_DOWN"),
            demo_faults=_words(env, "DEMO_FAULTS"),
            as_of=_moment(env, "OMNIHOUSE_AS_OF"),
            nightly_at=_hour(env, "OMNIHOUSE_NIGHTLY_AT", "02:00"),
            releases_kept=_whole_number(env, "OMNIHOUSE_RELEASES", 7, least=1),
            stale_policy=_stale_policy(env),
            quarantine_limits=_quarantine_limits(env),
            settings=grouped_settings.read(env, PROJECT, "sources"),
            alerts=grouped_settings.read(env, PROJECT, "alerts"),
        )

    @property
    def landing(self) -> Path:
        """Exports dropped by people or systems; read only."""
        return self.home / "landing"

    @property
    def demo_home(self) -> Path:
        """The demo company's systems; absent in a real home."""
        return self.home / "demo"

    @property
    def rules(self) -> Path:
        """The company's own rule files, which replace shipped seeds of the same name."""
        return self.home / "rules"

    @property
    def mappings(self) -> Path:
        """The company's own export mappings."""
        return self.home / "mappings"

    @property
    def mapping_dirs(self) -> tuple[Path, ...]:
        """Folders whose mappings replace shipped ones, the later the earlier: the demo company's, then the home's."""
        return self.demo_home / "mappings", self.mappings

    @property
    def lake(self) -> Path:
        """Raw Parquet, the ledger and the decisions."""
        return self.home / "lake"

    @property
    def warehouse(self) -> Path:
        """The private, rebuildable DuckDB file."""
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """What BI tools read."""
        return self.home / "published"

    @property
    def quality(self) -> Path:
        """Great Expectations Data Docs."""
        return self.home / "quality"

    @property
    def dagster(self) -> Path:
        """Dagster's run and event storage."""
        return self.home / "dagster"

    @property
    def runs(self) -> Path:
        """One JSON a run."""
        return self.home / "runs"

    @property
    def dbt_work(self) -> Path:
        """dbt's artefacts and the seeds as assembled from shipped and own rules."""
        return self.home / "dbt"

    @property
    def spill(self) -> Path:
        """Where DuckDB spills what its memory limit does not hold."""
        return self.home / "spill"

    @cached_property
    def memory_limit(self) -> str:
        """DuckDB's limit as DuckDB writes it, e.g. ``4.5GiB``.

        Unless set 60 % of the machine's memory, but not more than a home of ten million orders needs: DuckDB keeps
        what it once read for as long as it may.
        """
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        if self.memory and self.memory.endswith("%"):
            return f"{float(self.memory[:-1]) / 100 * total:.1f}GiB"
        return self.memory.replace(" ", "") if self.memory else f"{min(_SHARE * total, _MOST_GIB):.1f}GiB"

    @property
    def memory_bytes(self) -> int:
        """The limit in bytes."""
        number = self.memory_limit.rstrip("KMGTiB")
        unit = self.memory_limit[len(number) :]
        return int(float(number) * (1024 if "i" in unit else 1000) ** ("KMGT".index(unit[0]) + 1))

    def last_day(self, as_of: datetime) -> date:
        """The last day that is complete in the reporting zone at a moment."""
        return as_of.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=1)

    @property
    def is_configured(self) -> bool:
        """Whether a real source is set up: a setting of a source, or a file in the landing folder."""
        landed = self.landing.is_dir() and any(path.is_file() for path in self.landing.rglob("*"))
        return bool(self.settings) or landed

    def is_demo(self) -> bool:
        """Whether tonight runs on the demo company.

        A home is demo or real from its first run on; raises `ConfigurationError` when the settings now say otherwise.
        """
        kind = self.kind()
        wanted = {"0": "real", "1": "demo"}.get(self.demo) or ("real" if self.is_configured else "demo")
        if kind and kind != wanted:
            if self.demo == "auto" and kind == "real":
                self._check_card()
                return False
            raise ConfigurationError(
                f"{self.home} holds a {kind} company, and the settings ask for a {wanted} one. Mixing the two would "
                f"spoil both: set OMNIHOUSE_HOME to another folder, or OMNIHOUSE_DEMO={'1' if kind == 'demo' else '0'}."
            )
        self._check_card()
        if wanted == "real" and not self.is_configured and not kind:
            raise ConfigurationError(
                "OMNIHOUSE_DEMO=0, and no source is configured. Set SOURCES__SHOPIFY__SHOP_URL and __ACCESS_TOKEN, "
                "SOURCES__ZENDESK__BASE_URL, __EMAIL and __API_TOKEN, or SOURCES__POS__DATABASE_URL, or drop exports "
                f"into {self.landing}/<export>/."
            )
        return wanted == "demo"

    def kind(self) -> str | None:
        """`demo` or `real` once a first run has settled it, else None."""
        return self._card().get("kind")

    def _card(self) -> dict[str, Any]:
        card = self.home / "home.json"
        return json.loads(card.read_text()) if card.exists() else {}

    def _check_card(self) -> None:
        """Raise `ConfigurationError` when this version, or the demo company asked for, is not the home's."""
        card = self._card()
        if (found := card.get("state_version", 0)) > STATE_VERSION:
            raise ConfigurationError(
                f"{self.home} was written by a newer Omnihouse: state version {found}; this one reads {STATE_VERSION}. "
                "Run that version, or restore a backup of the home."
            )
        if card.get("kind") == "demo" and self.demo_size() != (card["demo_persons"], card["demo_seed"]):
            raise ConfigurationError(
                f"{self.home} holds a demo company of {card.get('demo_persons')} persons with seed "
                f"{card.get('demo_seed')}. Set DEMO_PERSONS and DEMO_SEED to these, or another OMNIHOUSE_HOME."
            )

    def demo_size(self) -> tuple[int, int]:
        """Persons and seed of the demo company: as asked for, else as the home has them, else 5,000 and 1."""
        card = self._card()
        persons, seed = card.get("demo_persons", 5000), card.get("demo_seed", 1)
        return (persons if self.demo_persons is None else self.demo_persons), (
            seed if self.demo_seed is None else self.demo_seed
        )

    def settle_folders(self) -> None:
        """Create the home's folders; raises `ConfigurationError` when this user may not."""
        try:
            for folder in (self.lake, self.rules, self.mappings, self.runs, self.dagster, self.dbt_work, self.spill):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise ConfigurationError(
                f"{self.home} cannot be written ({problem.strerror}: {problem.filename}). "
                "Set OMNIHOUSE_HOME to a folder that this user may write."
            ) from problem
        config, wanted = self.dagster / "dagster.yaml", _DAGSTER_YAML.format(history=json.dumps(str(self.dagster)))
        if not config.exists() or config.read_text() != wanted:
            config.write_text(wanted)

    def settle(self, demo: bool) -> None:
        """Create the home's folders and write down what kind of home it is."""
        self.settle_folders()
        if not demo:
            self.landing.mkdir(exist_ok=True)
        card = self.home / "home.json"
        if not card.exists():
            fresh = card.with_suffix(".tmp")
            kind = {"kind": "demo" if demo else "real", "state_version": STATE_VERSION}
            size = dict(zip(("demo_persons", "demo_seed"), self.demo_size(), strict=True))
            fresh.write_text(json.dumps({**kind, **(size if demo else {})}) + "\n")
            fresh.replace(card)

    def secrets(self) -> list[str]:
        """Every configured value that must never be shown, longest first; an address only where it holds a secret."""
        return grouped_settings.secrets(self.settings, self.alerts)


_DAGSTER_YAML = """\
# Written by Omnihouse at each start.
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60
event_log_storage:
  module: dagster_project.event_log
  class: PooledEventLogStorage
  config:
    base_dir: {history}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def _matching(env: Mapping[str, str], name: str, default: str, pattern: str, wanted: str) -> str:
    value = env.get(name, "").strip() or default
    if not re.fullmatch(pattern, value):
        raise ConfigurationError(f"{name} is {value!r}; it has to be {wanted}.")
    return value


def _whole_number(env: Mapping[str, str], name: str, default: Default, least: int) -> int | Default:
    text = env.get(name, "").strip()
    if text and not (text.isdigit() and int(text) >= least):
        raise ConfigurationError(f"{name} is {text!r}; it has to be a whole number, at least {least}.")
    return int(text) if text else default


def _words(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[,\s]+", env.get(name, "")) if part)


def _timezone(env: Mapping[str, str]) -> str:
    name = env.get("OMNIHOUSE_TIMEZONE", "").strip() or "Asia/Shanghai"
    if name not in available_timezones():
        raise ConfigurationError(
            f"OMNIHOUSE_TIMEZONE is {name!r}; it has to be a name of the IANA list such as Europe/Berlin."
        )
    return name


def _moment(env: Mapping[str, str], name: str) -> datetime | None:
    text = env.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{name} is {text!r}; it has to be an ISO 8601 moment such as 2026-07-01T02:00:00+08:00."
        ) from None
    return moment.replace(tzinfo=moment.tzinfo or ZoneInfo(_timezone(env))).astimezone(UTC)


def _hour(env: Mapping[str, str], name: str, default: str) -> time:
    text = _matching(env, name, default, r"([01]?\d|2[0-3]):[0-5]\d", "an hour and minute such as 02:00")
    hour, minute = text.split(":")
    return time(int(hour), int(minute))


def _stale_policy(env: Mapping[str, str]) -> dict[str, str]:
    """`OMNIHOUSE_STALE_POLICY="pos=block,zendesk=publish"`: what a source that is down does to the publication."""
    text = env.get("OMNIHOUSE_STALE_POLICY", "").strip()
    policy = {}
    for part in filter(None, re.split(r"[,\s]+", text)):
        source, _, choice = part.partition("=")
        if choice not in ("publish", "block"):
            raise ConfigurationError(
                f"OMNIHOUSE_STALE_POLICY has {part!r}; write <source>=publish or <source>=block, separated by commas."
            )
        policy[source] = choice
    return policy


def _quarantine_limits(env: Mapping[str, str]) -> dict[str, Decimal]:
    """`OMNIHOUSE_QUARANTINE_LIMIT="5,events=20"`: percent of new rows in quarantine that are still published."""
    limits = dict(_USUAL_QUARANTINE_LIMIT)
    for part in filter(None, re.split(r"[,\s]+", env.get("OMNIHOUSE_QUARANTINE_LIMIT", ""))):
        found = re.fullmatch(r"(?:([\w-]+)=)?(\d{1,3}(?:\.\d{1,4})?)", part)
        if not found or Decimal(found[2]) > 100:
            raise ConfigurationError(
                f"OMNIHOUSE_QUARANTINE_LIMIT has {part!r}; write a percentage for every source and others as "
                "<source>=<percentage>, separated by commas, such as 5,events=20."
            )
        limits[found[1] or ""] = Decimal(found[2])
    return limits
