"""What has to be in order before a run touches anything: settings, rule files, mappings, alerts.

Called by whatever starts a run: a command, the schedule, the UI. What a single file has to look like belongs to the
module that reads it.
"""

from __future__ import annotations

from pathlib import Path

import identity
import ingestion
from dagster_project import alerting, restore, rule_files
from dagster_project.config import PROJECT, House
from dagster_project.errors import ConfigurationError


def check(house: House) -> None:
    """Raise `ConfigurationError` for a mapping or rule with a mistake, or a source or channel set up by halves."""
    restore.check_finished(house)
    alerting.check(house)
    house.is_demo()

    def rule_file(name: str) -> Path:
        own = house.rules / name
        return own if own.exists() else PROJECT / "seeds" / name

    rule_files.check_all(rule_file)
    rule_files.rfm_dates(house.rules / "rfm_dates.csv")
    rules = map(rule_file, ("identity_rules.csv", "identity_blocked_values.csv", "identity_overrides.csv"))
    try:
        identity.check_rules(*rules)
        ingestion.check_mappings(house.mappings)
        ingestion.active_sources(house.settings, [house.landing], house.mapping_dirs)
    except (ingestion.IngestionError, identity.RuleError) as problem:
        raise ConfigurationError(str(problem)) from problem


def check_or_tell(house: House) -> None:
    """`check`; a refusal is also sent to those who get alerts, for nobody may be there to read it."""
    try:
        check(house)
    except ConfigurationError:
        alerting.refused_start(house)
        raise
