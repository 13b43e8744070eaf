"""Which normalised values stand in the blocked list.

Here: matching the list's exact values and patterns against distinct values. Not here: the list's form (`rules`), what
becomes of a blocked value (`values`).

An exact value is normalised like the data, so `Test@Example.com` also blocks `test@example.com`. A phone without a plus
is blocked in every country, since people type placeholders without a thought for one; with a plus, only that number. A
pattern is matched against the whole normalised value; for a phone, against its digits without the country code.
Values that could not be normalised are matched as they were typed. An exact value also blocks its hashes; what a
pattern stands for cannot be hashed.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from identity import phones
from identity.hashed import hashed, is_hash, spellings_of
from identity.normalise import normalise_values, tidy
from identity.rules import BlockedValue


def blocked_reason(kind: str, values: pa.Array, blocked: Sequence[BlockedValue]) -> pa.Array:
    """The reason of the first line that blocks a value, null for a value that no line blocks."""
    reason = pa.nulls(len(values), pa.string())
    lines = [line for line in blocked if line.type in (kind, "*")]
    if not lines or len(values) == 0:
        return reason
    bare = values
    if kind == "phone":
        is_e164 = pc.match_substring_regex(values, pattern=r"^\+[0-9]+$")
        typed = pc.replace_substring_regex(values, pattern=r"[^0-9\p{L}]", replacement="")
        bare = pc.if_else(is_e164, phones.national_part(values), typed)
    exact = _exact_reasons(kind, [line for line in lines if not line.is_pattern])
    if exact:
        keys, reasons = pa.array(list(exact), pa.string()), pa.array(list(exact.values()), pa.string())
        for form in (values, bare):
            reason = pc.coalesce(reason, reasons.take(pc.index_in(form, value_set=keys)))
        if pc.any(is_hash(values)).as_py():
            hashes = _hashed_reasons(kind, exact)
            keys, reasons = pa.array(list(hashes), pa.string()), pa.array(list(hashes.values()), pa.string())
            reason = pc.coalesce(reason, reasons.take(pc.index_in(values, value_set=keys)))
    for line in lines:
        if line.is_pattern:
            hit = pc.match_substring_regex(bare, pattern=f"^(?:{line.value})$")
            reason = pc.coalesce(reason, pc.if_else(hit, line.reason, pa.scalar(None, pa.string())))
    return reason


def _exact_reasons(kind: str, lines: Sequence[BlockedValue]) -> dict[str, str]:
    """Every spelling under which an exact line's value can turn up, with the line's reason; earlier lines win."""
    if not lines:
        return {}
    typed = tidy(pa.array([line.value for line in lines], pa.string()))
    normal = normalise_values(kind, typed).value.to_pylist()
    found: dict[str, str] = {}
    for line, text, value in zip(lines, typed.to_pylist(), normal, strict=True):
        spellings = {text, value or text}
        if kind == "phone" and not text.startswith("+"):
            digits = phones.clean(pa.array([text]))[0].as_py()
            spellings |= {digits, digits.removeprefix("0")} - {""}
        for spelling in spellings:
            found.setdefault(spelling, line.reason)
    return found


def _hashed_reasons(kind: str, reasons: dict[str, str]) -> dict[str, str]:
    """The hashes of blocked spellings; of a phone without a country, as the number of every country."""
    found: dict[str, str] = {}
    for spelling, reason in reasons.items():
        forms = {spelling}
        if kind == "email" and "@" in spelling:
            normal = normalise_values(kind, pa.array([spelling])).value[0].as_py()
            forms |= spellings_of(kind, normal or spelling, spelling)
        elif kind == "phone" and spelling.startswith("+"):
            forms.add(spelling[1:])
        elif kind == "phone" and spelling.isdigit():
            forms |= {"0" + spelling}
            forms |= {plus + code + spelling for code in phones.calling_codes() for plus in ("", "+")}
        for value in hashed(forms):
            found.setdefault(value, reason)
    return found
