"""Hashed identifiers: what a SHA-256 of a mailbox or a phone was made of.

Here: which texts are hashes, the spellings under which platforms hash a value, the plain value behind a hash. Not here:
normalising plain values (`normalise`, `phones`), what a value links (`values`, `resolution`).

Platforms tidy a value before they hash it, each in its own way: Google hashes a phone with its plus and a mailbox at
Gmail without dots, Meta a phone's digits without the plus and the mailbox as it was typed, Chinese platforms the mobile
number without its country. A hash stands for the plain value when that value is among tonight's, under any of these
spellings. A number without its country may belong to two countries; then nothing is told by it. A hash whose value
nobody states is a value of its own and links whoever carries it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from identity import phones

# Delivered type -> the type whose rule it follows.
HASHED_TYPES = {"email_sha256": "email", "phone_sha256": "phone"}
HASH_PREFIX = "sha256:"

LOOKS_HASHED = "[0-9a-fA-F]{64}"  # what every identifier with a hash in it has
NOT_A_HASH = "not a SHA-256 in hexadecimal"
HASH_OF_NOTHING = "the hash of an empty field"

_LABEL = r"(?i)^sha-?256:"
_EMPTY_WORDS = ("", " ", "-", "0", "null", "(null)", "none", "nil", "nan", "na", "n/a", "undefined", "unknown", "\\n")
_GMAIL = ("gmail.com", "googlemail.com")


def hashes_in(text: pa.Array) -> tuple[pa.Array, pa.Array]:
    """`sha256:` and 64 lower-case digits where a text is a hash, else null; and why a hash is of no use, else null."""
    bare = pc.utf8_lower(pc.replace_substring_regex(text, pattern=_LABEL, replacement=""))
    bare = pc.if_else(pc.match_substring_regex(bare, pattern="^[0-9a-f]{64}$"), bare, None)
    of_nothing = pc.is_in(bare, value_set=pa.array(_digests_of_nothing(), pa.string()))
    found = pc.binary_join_element_wise(HASH_PREFIX, bare, "")
    return found, pc.if_else(of_nothing, HASH_OF_NOTHING, pa.scalar(None, pa.string()))


def is_hash(values: pa.Array) -> pa.Array:
    """Which normalised values are hashes; false for null."""
    return pc.fill_null(pc.starts_with(values, HASH_PREFIX), False)


def hashed(spellings: Iterable[str]) -> set[str]:
    """The values that the hashes of some spellings are normalised to."""
    return {HASH_PREFIX + sha256(spelling.encode()).hexdigest() for spelling in spellings}


def spellings_of(kind: str, value: str, typed: str | None = None) -> set[str]:
    """What platforms hash for a normalised value; `typed`: as it stands in the data. One spelling has one value."""
    if kind == "phone":
        return {value, value.removeprefix("+")}
    found = {value}
    if typed in (None, value) and not value.endswith("@gmail.com"):
        return found
    address = re.sub(r"^[^<]*<([^<>]+)>$", r"\1", (typed or value).strip().lower()).removeprefix("mailto:").strip()
    local, at, domain = address.rpartition("@")
    if at:
        domain = domain.removesuffix(".")
        locals_ = {local, local.split("+")[0]}
        domains = {domain, value.rpartition("@")[2]}
        if domain in _GMAIL:
            locals_ |= {name.replace(".", "") for name in locals_}
            domains |= set(_GMAIL)
        if local.split("+")[0] != local and value.partition("@")[0] == local:
            # A provider that does not ignore what follows the plus: another mailbox.
            locals_.discard(local.split("+")[0])
        found |= {f"{name}@{host}" for name, host in product(locals_, domains)}
    return found


def hashed_forms(kind: str, value: str, typed: str | None = None) -> set[str]:
    """The normalised hashes that may stand for a normalised value; `typed`: as it stands in the data."""
    spellings = spellings_of(kind, value, typed)
    if kind == "phone":
        spellings |= _without_country(value)[1]
    return hashed(spellings)


def plain_values(
    kind: str, value: pa.Array, texts: pa.Array, regions: pa.Array, is_blocked: pa.Array | None = None
) -> pa.Array:
    """The normalised values with each hash replaced by its plain value, where that is among them; as long as `value`.

    `texts`: what each value was normalised from; `regions`: the default country of each, for phones; `is_blocked`:
    which values link nobody and are no reading of a hash.
    """
    of_hash = is_hash(value)
    if not pc.any(of_hash).as_py():
        return value
    wanted = {bytes.fromhex(text.removeprefix(HASH_PREFIX)) for text in value.filter(of_hash).unique().to_pylist()}
    plain = pc.and_(pc.is_valid(value), pc.invert(of_hash))
    if is_blocked is not None:
        plain = pc.and_(plain, pc.invert(is_blocked))
    exact: dict[bytes, str] = {}
    for text, typed in zip(value.filter(plain).to_pylist(), texts.filter(plain).to_pylist(), strict=True):
        for spelling in spellings_of(kind, text, typed):
            if (digest := sha256(spelling.encode()).digest()) in wanted:
                exact[digest] = text
    national: dict[tuple[str, bytes], str] = {}
    if kind == "phone":
        for text in value.filter(plain).unique().to_pylist():
            code, spellings = _without_country(text)
            for spelling in spellings:
                if (digest := sha256(spelling.encode()).digest()) in wanted:
                    national[code, digest] = text
    where = pc.indices_nonzero(of_hash)
    found = []
    for text, region in zip(value.take(where).to_pylist(), regions.take(where).to_pylist(), strict=True):
        digest = bytes.fromhex(text.removeprefix(HASH_PREFIX))
        found.append(exact.get(digest) or national.get((phones.code_of_region(region), digest)) or text)
    return pc.replace_with_mask(value, of_hash, pa.array(found, pa.string()))


def _without_country(value: str) -> tuple[str, set[str]]:
    """The calling code of a phone and the spellings that leave it out, as platforms of one country have them."""
    digits = value.removeprefix("+")
    code = next((digits[:length] for length in (1, 2, 3) if digits[:length] in phones.calling_codes()), "")
    national = digits[len(code) :]
    if not code:
        return "", set()
    return code, {national, "0" + national} if phones.dials_zero(code) else {national}


@cache
def _digests_of_nothing() -> tuple[str, ...]:
    """Hashes of fields that were left empty: of nothing, of a word for it, of a country code without a number."""
    codes = phones.calling_codes()
    words = (*_EMPTY_WORDS, *codes, *(f"+{code}" for code in codes), *(f"00{code}" for code in codes))
    return tuple(sha256(word.encode()).hexdigest() for word in words)
