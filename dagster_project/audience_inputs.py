"""The tables of `ops` that the models of contacts and audiences read: the company's lines, and the key of hashes.

Here: what of the rule files becomes a row, tonight's audiences among it. Not here: the files' form (`rule_files`).
Nothing of these is published; contacts are personal.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from dagster_project import run_inputs
from dagster_project.decisions import Decisions
from dagster_project.rule_files.audiences import FILE, Audience, audience_condition, audiences
from dagster_project.rule_files.contacts import contact_policy, listed_consents, listed_suppressions

DESCRIPTIONS = {
    "audience_rules": "Tonight's lines of audiences.csv, refused ones with their reason.",
    "contact_policy": "How often each channel may be used for a purpose, and its quiet hours.",
    "consents": "Dated decisions of people about their contact points.",
    "suppressions": "Contact points that nothing may be sent to.",
    "audience_keys": "The two blocks of keyed hashes (HMAC) that holdouts and contact points are told by.",
}
_RULE_COLUMNS = (
    *("line integer", "audience varchar", "channel varchar", "consent_channel varchar", "purpose varchar"),
    *("policy_purpose varchar", "condition varchar", "condition_sql varchar", "message_key varchar"),
    *("valid_from date", "valid_until date", "is_due boolean", "holdout_share decimal(5, 4)", "error varchar"),
)
_POLICY_COLUMNS = (
    *("channel varchar", "purpose varchar", "max_messages integer", "per_days integer", "quiet_from time"),
    *("quiet_to time", "timezone varchar"),
)
_CONTACT_COLUMNS = ("contact_type varchar", "contact varchar", "channel varchar", "purpose varchar")
_BLOCK = 64  # bytes that SHA-256 works on


def hash_key(home_key: bytes) -> bytes:
    """The secret of holdouts and hashes of contact points: the home's own, made of its key and told apart from it."""
    return hmac.digest(home_key, b"audiences", "sha256")


def hash_blocks(key: bytes) -> tuple[bytes, bytes]:
    """Inner and outer block of HMAC-SHA256 (RFC 2104), so that a query can do the rest with plain SHA-256."""
    padded = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


def write(
    warehouse: duckdb.DuckDBPyConnection,
    decisions: Decisions,
    seeds: Path,
    *,
    as_of: datetime,
    timezone: str,
    tags: Collection[str] = (),
) -> list[Audience]:
    """Write the tables; returns tonight's audiences. `tags`: those that conditions may ask for."""
    policy = contact_policy(seeds / "contact_policy.csv")
    today = as_of.astimezone(ZoneInfo(timezone)).date()
    found = audiences(seeds / FILE, policy, audience_condition(tags), today)
    _table(warehouse, "audience_rules", _RULE_COLUMNS, [vars(line) for line in found])
    _table(warehouse, "contact_policy", _POLICY_COLUMNS, [vars(line) for line in policy])
    consents = [
        {**vars(line), "is_allowed": line.word == "granted", "decided_at": line.at}
        for line in listed_consents(seeds / "consents.csv")
    ]
    _table(warehouse, "consents", (*_CONTACT_COLUMNS, "is_allowed boolean", "decided_at timestamptz"), consents)
    suppressions = [
        {**vars(line), "reason": line.word, "suppressed_at": line.at}
        for line in listed_suppressions(seeds / "suppressions.csv")
    ]
    _table(warehouse, "suppressions", (*_CONTACT_COLUMNS, "suppressed_at timestamptz", "reason varchar"), suppressions)
    inner, outer = hash_blocks(hash_key(decisions.home_key()))
    blocks = [{"inner_block": inner, "outer_block": outer}]
    _table(warehouse, "audience_keys", ("inner_block blob", "outer_block blob"), blocks)
    return found


def refused(lines: Sequence[Audience]) -> list[dict[str, object]]:
    """The lines that do not run, as `ops.refused_rules` has them."""
    return [
        {"file": FILE, "line": line.line, "rule": line.audience, "reason": line.error} for line in lines if line.error
    ]


def _table(
    warehouse: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> None:
    names = [column.split()[0] for column in columns]
    run_inputs.write_table(warehouse, table, columns, [tuple(row[name] for name in names) for row in rows])
