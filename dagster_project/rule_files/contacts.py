"""How people may be contacted, as a company writes it down: policy, dated consents, suppressions.

Here: what each line has to say, and the line as the models read it. Not here: what follows from it for a person (the
models below `intermediate/customers` and `intermediate/audiences`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import available_timezones

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import check_cells, rows

# The kind of consent that each channel asks, and the kinds of contact points that it reaches.
CONSENT_CHANNELS = {"email": "email", "sms": "sms", "wecom": "wecom", "google_ads": "ads", "meta_ads": "ads"}
CONTACT_TYPES = ("email", "phone", "union_id")
ANY = "*"
# What systems mean by consent when they do not say what for.
MARKETING = "marketing"
WORD = "[a-z][a-z0-9_]{0,39}"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
_POLICY = {
    "channel": ("|".join(CONSENT_CHANNELS), f"one of {', '.join(CONSENT_CHANNELS)}"),
    "purpose": (rf"\*|{WORD}", "a word in lower case such as marketing, or * for every purpose without a line"),
    "max_messages": ("|[0-9]{1,4}", "a whole number of messages, or nothing for no limit"),
    "per_days": ("|[1-9][0-9]{0,2}", "a whole number of days from 1 to 999, or nothing where there is no limit"),
    "quiet_from": (f"|{_TIME}", "a time such as 21:00, or nothing"),
    "quiet_to": (f"|{_TIME}", "a time such as 09:00, or nothing"),
    "timezone": ("[A-Za-z0-9_+/-]*", "a name such as Europe/Berlin, or nothing"),
}
_CONTACT = {
    "contact_type": ("|".join(CONTACT_TYPES), f"one of {', '.join(CONTACT_TYPES)}"),
    "contact": (".*", "a contact"),
    "channel": (r"\*|email|sms|wecom|ads", "email, sms, wecom or ads, or * for all of them"),
    "purpose": (rf"\*|{WORD}", "a word in lower case such as marketing, or * for every purpose"),
}
_CONSENT = {**_CONTACT, "decision": ("granted|refused", "granted or refused"), "decided_at": (".+", "when")}
_SUPPRESSION = {**_CONTACT, "suppressed_at": (".+", "when"), "reason": (".*", "why")}


@dataclass(frozen=True)
class PolicyLine:
    """How often a channel may be used for a purpose, and when not; None: no limit, not quiet, the person's zone."""

    channel: str
    purpose: str
    max_messages: int | None
    per_days: int | None
    quiet_from: str | None
    quiet_to: str | None
    timezone: str | None


@dataclass(frozen=True)
class ContactLine:
    """What somebody decided about a contact point, or that it is suppressed. `word`: the decision or the reason."""

    line: int
    contact_type: str
    contact: str
    channel: str
    purpose: str
    word: str
    at: datetime


def check_contacts(policy: Path, consents: Path, suppressions: Path) -> None:
    """Raise `ConfigurationError` for the first mistake: whom a wrong line would protect cannot be known."""
    contact_policy(policy)
    listed_consents(consents)
    listed_suppressions(suppressions)


def contact_policy(file: Path) -> list[PolicyLine]:
    """The lines of contact_policy.csv; several of one channel and purpose differ in their days and in nothing else."""
    found: list[PolicyLine] = []
    for line, cells in _cells(file, _POLICY):
        if bool(cells["max_messages"]) != bool(cells["per_days"]):
            raise ConfigurationError(f"{file}, line {line}: write both max_messages and per_days, or neither.")
        if bool(cells["quiet_from"]) != bool(cells["quiet_to"]) or (
            cells["quiet_from"] and cells["quiet_from"] == cells["quiet_to"]
        ):
            raise ConfigurationError(f"{file}, line {line}: quiet hours have a beginning and another end.")
        if cells["timezone"] and cells["timezone"] not in available_timezones():
            raise ConfigurationError(
                f"{file}, line {line}: the time zone is {cells['timezone']!r}; write a name such as Europe/Berlin."
            )
        numbers = {name: int(cells[name]) if cells[name] else None for name in ("max_messages", "per_days")}
        fresh = PolicyLine(**{**{name: text or None for name, text in cells.items()}, **numbers})  # type: ignore[arg-type]
        for other in found:
            if (other.channel, other.purpose) != (fresh.channel, fresh.purpose):
                continue
            if other.per_days == fresh.per_days:
                raise ConfigurationError(
                    f"{file}, line {line}: {fresh.channel} for {fresh.purpose} has a line with these days already."
                )
            if (other.quiet_from, other.quiet_to, other.timezone) != (fresh.quiet_from, fresh.quiet_to, fresh.timezone):
                raise ConfigurationError(
                    f"{file}, line {line}: the quiet hours of {fresh.channel} for {fresh.purpose} differ from those of "
                    "a line above; write the same in both."
                )
        found.append(fresh)
    return found


def listed_consents(file: Path) -> list[ContactLine]:
    """The lines of consents.csv, each contact in one spelling."""
    return list(_contact_lines(file, _CONSENT, "decision", "decided_at"))


def listed_suppressions(file: Path) -> list[ContactLine]:
    """The lines of suppressions.csv, each contact in one spelling."""
    return list(_contact_lines(file, _SUPPRESSION, "reason", "suppressed_at"))


def _contact_lines(file: Path, wanted: dict[str, tuple[str, str]], word: str, at: str) -> Iterator[ContactLine]:
    lines = list(_cells(file, wanted))
    spelled = _in_one_spelling([(cells["contact_type"], cells["contact"]) for _, cells in lines])
    for (line, cells), contact in zip(lines, spelled, strict=True):
        if contact is None:
            # The text itself is personal: it stays out of messages.
            raise ConfigurationError(
                f"{file}, line {line}: the contact is no {cells['contact_type']} that can be read; write an e-mail "
                "address, or a phone with + and its country's prefix."
            )
        yield ContactLine(
            line, cells["contact_type"], contact, cells["channel"], cells["purpose"], cells[word],
            _instant(file, line, at, cells[at]),
        )  # fmt: skip


def _in_one_spelling(contacts: list[tuple[str, str]]) -> list[str | None]:
    """The contacts as the stitching compares them; None for what it cannot read."""
    if not contacts:
        return []
    import pyarrow as pa

    import identity

    found: list[str | None] = [None] * len(contacts)
    for kind in CONTACT_TYPES:
        places = [place for place, (listed, _) in enumerate(contacts) if listed == kind]
        if places:
            texts = pa.array([contacts[place][1] for place in places], pa.string())
            for place, value in zip(places, identity.normalise_values(kind, texts).value.to_pylist(), strict=True):
                found[place] = value
    return found


def _instant(file: Path, line: int, name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigurationError(
            f"{file}, line {line}: {name} is {text!r}; write a time with its zone, as in 2026-03-01T10:00:00+08:00."
        )
    return found


def _cells(file: Path, wanted: dict[str, tuple[str, str]]) -> Iterator[tuple[int, dict[str, str]]]:
    for line, row in rows(file, list(wanted)):
        if None in row or None in row.values():
            raise ConfigurationError(f"{file}, line {line}: a line has {len(wanted)} cells, {', '.join(wanted)}.")
        cells = {name: (row[name] or "").strip() for name in wanted}
        # A contact is personal: it is checked by its spelling, and no message quotes it.
        told = {name: asked for name, asked in wanted.items() if name != "contact"}
        check_cells(file, line, cells, told)
        yield line, cells
