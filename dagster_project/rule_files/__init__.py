"""Rule files that only the models read, checked before a run so that a mistake is named with its line.

What belongs here: the form of such a file, a module for each subject. Rules of stitching are checked by `identity`,
mappings by `ingestion`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dagster_project.rule_files.attribution import check_attribution_config
from dagster_project.rule_files.audiences import check_audiences
from dagster_project.rule_files.contacts import check_contacts
from dagster_project.rule_files.conversions import check_conversion_exports
from dagster_project.rule_files.journeys import check_journeys
from dagster_project.rule_files.kpis import check_kpi_config
from dagster_project.rule_files.lifecycle import check_lifecycle_config
from dagster_project.rule_files.rfm import check_rfm, rfm_dates
from dagster_project.rule_files.sources import (
    check_order_rules,
    check_order_statuses,
    check_source_regions,
    check_source_trust,
)
from dagster_project.rule_files.value import check_product_costs, check_value_config
from dagster_project.tag_rules import FILE as TAG_RULES
from dagster_project.tag_rules import check_tag_rules

__all__ = [
    "check_all",
    "check_attribution_config",
    "check_audiences",
    "check_contacts",
    "check_conversion_exports",
    "check_journeys",
    "check_kpi_config",
    "check_lifecycle_config",
    "check_order_rules",
    "check_order_statuses",
    "check_product_costs",
    "check_rfm",
    "check_source_regions",
    "check_source_trust",
    "check_tag_rules",
    "check_value_config",
    "rfm_dates",
]


def check_all(rule_file: Callable[[str], Path]) -> None:
    """Raise `ConfigurationError` for the first mistake; `rule_file` finds the file of a name, own or shipped."""
    check_order_statuses(rule_file("order_statuses.csv"))
    check_order_rules(rule_file("order_rules.csv"))
    check_source_trust(rule_file("source_trust.csv"))
    check_source_regions(rule_file("source_regions.csv"))
    check_attribution_config(rule_file("attribution_config.csv"))
    check_conversion_exports(rule_file("conversion_exports.csv"))
    check_journeys(rule_file("journeys.csv"), rule_file("export_words.csv"))
    check_kpi_config(rule_file("kpi_config.csv"))
    check_lifecycle_config(rule_file("lifecycle_config.csv"))
    check_value_config(rule_file("value_config.csv"))
    check_product_costs(rule_file("product_costs.csv"))
    check_tag_rules(rule_file(TAG_RULES))
    check_rfm(rule_file("rfm_config.csv"), rule_file("rfm_segments.csv"), rule_file("rfm_thresholds.csv"))
    check_contacts(*(rule_file(name) for name in ("contact_policy.csv", "consents.csv", "suppressions.csv")))
    check_audiences(rule_file("audiences.csv"))
