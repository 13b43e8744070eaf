"""One spelling for each identifier: the normaliser of every type.

Here: text in, normalised text or a reason out, one function a type, on Arrow arrays of distinct values. Not here:
phone numbers (`phones`), hashes (`hashed`), blocked values (`blocked`), what a value links (`values`, `resolution`).

Decisions, by type. Every type: Unicode NFKC (full-width becomes plain), invisible and control characters dropped,
trimmed, at most 320 characters.

- `phone`: E.164, see `phones`.
- `email`: lower case; exactly one @; a domain in ASCII (IDNA). Dots go only at Gmail; a plus part goes only at
  providers known to ignore it. A display name (`Ann <ann@example.org>`) and `mailto:` are dropped.
- `member_no`: no spaces, upper case; leading zeros and hyphens stay, they tell numbers apart.
- `login`: trimmed, lower case: a person does not remember the case they signed up with.
- `national_id`: letters and digits only, upper case.
- `device`, `cookie`: a UUID in lower case with its hyphens; Google Analytics' cookie without the version and domain
  level in front; anything else keeps its case, since vendors' ids are case-sensitive.
- `click_id`, `union_id`, `openid`: as they are; they are opaque and case-sensitive.
- `email_sha256`, `phone_sha256`: 64 hexadecimal digits in lower case. They count as the type they hash, see `hashed`. A
  hash delivered under the plain type is recognised too; the hash of an empty field is unusable.
- a type of the company's own: NFKC and trimmed, case kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from identity import phones
from identity.hashed import HASHED_TYPES, NOT_A_HASH, hashes_in

# Values normalised by different versions may differ: a new one makes all links anew. The number goes up with every
# change of what a text is normalised to; the numbering plans of the world come with their package.
NORMALISER_VERSION = f"2, phonenumbers {version('phonenumbers')}"

MAX_CHARACTERS = 320  # the longest e-mail address

EMPTY = "empty"
TOO_LONG = f"longer than {MAX_CHARACTERS} characters"
NOT_AN_EMAIL = "not an e-mail address"

_DOMAIN = r"^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$"
_PLUS_PROVIDERS = (
    *("gmail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de"),
    *("hotmail.it", "hotmail.es", "outlook.fr", "outlook.de", "outlook.jp", "live.co.uk", "live.fr", "icloud.com"),
    *("me.com", "mac.com", "fastmail.com", "fastmail.fm", "proton.me", "protonmail.com", "pm.me"),
)


class Normalised(NamedTuple):
    """`value`: normalised, null where unusable. `reason`: why unusable, else null. Both as long as the input."""

    value: pa.Array
    reason: pa.Array


def normalise_values(kind: str, values: pa.Array, regions: pa.Array | None = None) -> Normalised:
    """Normalise distinct texts of one identifier type; `regions` (phones only): the default country of each text."""
    text = tidy(values)
    length = pc.fill_null(pc.utf8_length(text), 0)
    reason = pc.if_else(pc.greater(length, MAX_CHARACTERS), TOO_LONG, pa.scalar(None, pa.string()))
    reason = pc.if_else(pc.equal(length, 0), EMPTY, reason)
    text = pc.if_else(pc.is_null(reason), text, None)
    base = HASHED_TYPES.get(kind, kind)
    if base in HASHED_TYPES.values():
        hashed, useless = hashes_in(text)
        reason = pc.coalesce(reason, useless)
        if kind != base:
            reason = pc.coalesce(reason, pc.if_else(pc.is_null(hashed), NOT_A_HASH, pa.scalar(None, pa.string())))
            return Normalised(pc.if_else(pc.is_null(reason), hashed, None), reason)
        plain_text = pc.if_else(pc.is_valid(hashed), None, text)
        if kind == "phone":
            where = regions if regions is not None else pa.nulls(len(text), pa.string())
            value, why = phones.to_e164(plain_text, where)
        else:
            value = _email(plain_text)
            why = pc.if_else(pc.is_null(value), NOT_AN_EMAIL, pa.scalar(None, pa.string()))
        value = pc.if_else(pc.is_null(useless), pc.coalesce(hashed, value), None)
        return Normalised(value, pc.if_else(pc.is_valid(value), None, pc.coalesce(reason, why)))
    value = _NORMALISERS.get(kind, _as_is)(text)
    value = pc.if_else(pc.equal(value, ""), None, value)
    return Normalised(value, pc.coalesce(reason, pc.if_else(pc.is_null(value), EMPTY, pa.scalar(None, pa.string()))))


def known_types() -> tuple[str, ...]:
    """Types that have a normaliser of their own."""
    return ("phone", "email", *HASHED_TYPES, *_NORMALISERS)


def tidy(values: pa.Array) -> pa.Array:
    """NFKC, no invisible or control characters, trimmed."""
    text = pc.utf8_normalize(values, form="NFKC")
    text = pc.replace_substring_regex(text, pattern=r"[\p{Cf}\p{Cc}]+", replacement="")
    return pc.utf8_trim_whitespace(text)


def _email(text: pa.Array) -> pa.Array:
    mail = pc.utf8_lower(text)
    mail = pc.replace_substring_regex(mail, pattern=r"^[^<]*<([^<>]+)>$", replacement=r"\1")
    mail = pc.replace_substring_regex(mail, pattern=r"^mailto:", replacement="")
    parts = pc.extract_regex(
        pc.utf8_trim_whitespace(mail),
        pattern=r"^(?P<local>[^@\s\"(),:;<>\[\]\\]{1,64})@(?P<domain>[^@\s\"(),:;<>\[\]\\_]+)$",
    )
    local, domain = pc.struct_field(parts, "local"), pc.struct_field(parts, "domain")
    domain = pc.replace_substring_regex(pc.replace_substring(domain, "。", "."), pattern=r"\.$", replacement="")
    domain = _ascii_domains(domain)
    domain = pc.if_else(pc.equal(domain, "googlemail.com"), "gmail.com", domain)
    is_domain = pc.match_substring_regex(domain, pattern=_DOMAIN)
    domain = pc.if_else(is_domain, domain, None)
    ignores_plus = pc.is_in(domain, value_set=pa.array(_PLUS_PROVIDERS))
    local = pc.if_else(ignores_plus, pc.replace_substring_regex(local, pattern=r"\+.*$", replacement=""), local)
    local = pc.if_else(pc.equal(domain, "gmail.com"), pc.replace_substring(local, ".", ""), local)
    local = pc.if_else(pc.equal(local, ""), None, local)
    return pc.binary_join_element_wise(local, domain, "@")


def _ascii_domains(domain: pa.Array) -> pa.Array:
    foreign = pc.fill_null(pc.match_substring_regex(domain, pattern=r"[^\x00-\x7f]"), False)
    if not pc.any(foreign).as_py():
        return domain
    converted = [_to_idna(d) for d in domain.filter(foreign).to_pylist()]
    return pc.replace_with_mask(domain, foreign, pa.array(converted, pa.string()))


@cache
def _to_idna(domain: str) -> str | None:
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


def _member_no(text: pa.Array) -> pa.Array:
    text = pc.replace_substring_regex(text, pattern=r"[‐‑‒–—―−]", replacement="-")
    return pc.utf8_upper(pc.replace_substring_regex(text, pattern=r"\s+", replacement=""))


def _national_id(text: pa.Array) -> pa.Array:
    return pc.utf8_upper(pc.replace_substring_regex(text, pattern=r"[^\p{L}\p{N}]+", replacement=""))


def _device(text: pa.Array) -> pa.Array:
    bare = pc.replace_substring_regex(pc.utf8_lower(text), pattern=r"^urn:uuid:|[{}-]", replacement="")
    parts = r"^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$"
    uuid = pc.replace_substring_regex(bare, pattern=parts, replacement=r"\1-\2-\3-\4-\5")
    is_uuid = pc.match_substring_regex(
        text, pattern=r"(?i)^(?:urn:uuid:)?\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$"
    )
    analytics = pc.replace_substring_regex(text, pattern=r"^GA1\.[0-9-]+\.([0-9]+\.[0-9]+)$", replacement=r"\1")
    return pc.if_else(is_uuid, uuid, analytics)


def _as_is(text: pa.Array) -> pa.Array:
    return text


_NORMALISERS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "member_no": _member_no,
    "login": pc.utf8_lower,
    "national_id": _national_id,
    "device": _device,
    "cookie": _device,
    "click_id": _as_is,
    "union_id": _as_is,
    "openid": _as_is,
}
