"""Attributes of people in one spelling, and which of them are no answer.

Here: the form in which two statements of one attribute are compared, and why a statement can never be a person's. Not
here: which of several statements survives (the warehouse ranks them by source and time), normalising identifiers
(`normalise`), the blocked list (`rules`, `blocked`).

A phone and a mailbox are compared as identifiers are; a hash of one reaches nobody and is no answer. Every other
attribute is compared without regard to case, width, invisible characters and runs of spaces; a name also without regard
to titles and to which part comes first. What the blocked list names, under the attribute's name or for every type, is
no answer either.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from identity.blocked import blocked_reason
from identity.hashed import HASHED_TYPES, is_hash
from identity.names import parse_name
from identity.normalise import EMPTY, Normalised, normalise_values, tidy
from identity.rules import parse_blocked

ONLY_A_HASH = "only a hash of it is known"


def comparable_values(kind: str, values: pa.Array, regions: pa.Array, blocked: pa.Table) -> Normalised:
    """Distinct statements of one attribute as they are compared (null where they are no answer), and why not.

    `regions`: the default country of each, for phones; `blocked`: see `rules`. Raises `RuleError` for a wrong list.
    """
    lines = parse_blocked(blocked)
    if kind in HASHED_TYPES.values():
        value, reason = normalise_values(kind, values, regions)
        typed = tidy(values)
        # A placeholder that is no number of any country is still called a placeholder.
        reason = pc.coalesce(blocked_reason(kind, pc.coalesce(value, typed), lines), reason)
        reason = pc.coalesce(reason, pc.if_else(is_hash(value), ONLY_A_HASH, pa.scalar(None, pa.string())))
    else:
        value = pc.utf8_lower(pc.replace_substring_regex(tidy(values), pattern=r"\s+", replacement=" "))
        lowered = [line if line.is_pattern else replace(line, value=line.value.lower()) for line in lines]
        reason = blocked_reason(kind, value, lowered)
        is_empty = pc.fill_null(pc.equal(value, ""), True)
        reason = pc.coalesce(pc.if_else(is_empty, EMPTY, pa.scalar(None, pa.string())), reason)
        if kind == "full_name":
            value = pa.array([_name_form(text) for text in value.to_pylist()], pa.string())
    return Normalised(pc.if_else(pc.is_null(reason), value, None), reason)


def _name_form(text: str | None) -> str | None:
    name = parse_name(None, text, None)
    if name is None:
        return text
    if name.script == "han":
        return name.family + name.given
    return " ".join(sorted(f"{name.given} {name.family}".split()))
