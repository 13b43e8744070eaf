"""What sources say: the words of an order's state, whom to trust for what, the country of phone numbers."""

from __future__ import annotations

import re
from pathlib import Path

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import rows

ORDER_RULE_FIELDS = ("payment_method", "channel", "tag", "email")
ORDER_RULE_MEANINGS = ("test", "exchange", "chargeback")
STATUS_MEANINGS = ("paid", "pending", "cancelled", "voided", "refunded", "test")

# What source_trust.csv may rank: the attributes of int_customers__statements, and orders of one instant.
TRUSTED_ATTRIBUTES = (
    *("full_name", "email", "phone", "gender", "city", "country", "member_level", "birth_date", "order_number"),
)


def check_order_statuses(file: Path) -> None:
    """Raise `ConfigurationError` for a wrong header, an unknown meaning, or a word that stands there twice."""
    lines: dict[str, int] = {}
    for line, row in rows(file, ["status", "meaning"]):
        word, meaning = (row["status"] or "").strip().lower(), row["meaning"]
        if not word or meaning not in STATUS_MEANINGS or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is a word and its meaning, one of {', '.join(STATUS_MEANINGS)}; this one "
                f"says {row['status']!r}, {meaning!r}."
            )
        if word in lines:
            raise ConfigurationError(
                f"{file}, line {line}: {row['status']!r} stands in line {lines[word]} already; letters' case does not "
                "matter. Keep one of the two."
            )
        lines[word] = line


def check_source_trust(file: Path) -> None:
    """Raise `ConfigurationError` for an unknown attribute, a rank that is no whole number from 1, or a source twice."""
    lines: dict[tuple[str, str], int] = {}
    for line, row in rows(file, ["attribute", "source_system", "rank"]):
        attribute, source, rank = ((row[name] or "") for name in ("attribute", "source_system", "rank"))
        if attribute not in TRUSTED_ATTRIBUTES:
            raise ConfigurationError(
                f"{file}, line {line}: the attribute is {attribute!r}; it has to be one of "
                f"{', '.join(TRUSTED_ATTRIBUTES)}."
            )
        if not source or source != source.strip() or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is an attribute, a source and a rank; the source is {source!r}. Write "
                "its name as source_system of the published tables has it."
            )
        if not re.fullmatch("[1-9][0-9]{0,8}", rank):
            raise ConfigurationError(
                f"{file}, line {line}: the rank is {rank!r}; write a whole number, 1 for the first."
            )
        if (attribute, source) in lines:
            raise ConfigurationError(
                f"{file}, line {line}: {attribute} of {source} has its rank in line {lines[attribute, source]} "
                "already. Keep one of the two."
            )
        lines[attribute, source] = line


def check_order_rules(file: Path) -> None:
    """Raise `ConfigurationError` for an unknown field or meaning, an empty word, or a line that stands there twice."""
    lines: dict[tuple[str, ...], int] = {}
    for line, row in rows(file, ["field", "value", "meaning", "source_system"]):
        field, value, meaning, source = ((row[name] or "") for name in ("field", "value", "meaning", "source_system"))
        if field not in ORDER_RULE_FIELDS or meaning not in ORDER_RULE_MEANINGS or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is a field ({', '.join(ORDER_RULE_FIELDS)}), a word, its meaning "
                f"({', '.join(ORDER_RULE_MEANINGS)}) and a source or nothing; this one says {field!r}, {meaning!r}."
            )
        if not value or value != value.strip() or source != source.strip():
            raise ConfigurationError(
                f"{file}, line {line}: the word is {value!r} and the source {source!r}; write the word as the source "
                "does, and neither with blanks around it."
            )
        key = (field, value.lower(), source)
        if key in lines:
            raise ConfigurationError(
                f"{file}, line {line}: {field} {value!r} stands in line {lines[key]} already. Keep one of the two."
            )
        lines[key] = line


def check_source_regions(file: Path) -> None:
    """Raise `ConfigurationError` for a country that has no phone numbers, or a source that stands there twice."""
    from phonenumbers import SUPPORTED_REGIONS

    lines: dict[str, int] = {}
    for line, row in rows(file, ["source_system", "default_region"]):
        source, region = row["source_system"] or "", row["default_region"]
        if not source or source != source.strip() or region not in SUPPORTED_REGIONS or None in row:
            raise ConfigurationError(
                f"{file}, line {line}: a line is a source and the country of its phone numbers, a code of two capital "
                f"letters such as CN; this one says {source!r}, {region!r}."
            )
        if source in lines:
            raise ConfigurationError(f"{file}, line {line}: {source} stands in line {lines[source]} already. Keep one.")
        lines[source] = line
