"""Phone numbers as people write them, turned into E.164.

Here: cleaning, extensions, international prefixes, the default country, and the test whether a text is a person's
mobile number. Not here: every other type of identifier (`normalise`), and which numbers are placeholders (`blocked`).

Only distinct pairs of (text, country) are parsed. A number that is, digit for digit, a valid mobile number of its
country is recognised by the country's own pattern from the `phonenumbers` metadata, in Arrow; the rest, usually a few
per cent, goes through the parser at some 20 µs each. Both ways give the same answer (a unit test compares them).
"""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

NO_COUNTRY = "a number without a country: no + and no default region"
LETTERS = "letters in a phone number"
NOT_A_NUMBER = "not a phone number"
IMPOSSIBLE = "no country has numbers of this form"

# Countries whose valid mobile numbers need no parser: their national prefix is a plain 0, a 1, or nothing.
_FAST_REGIONS = ("CN", "US", "CA", "GB", "JP", "KR", "DE", "FR", "HK", "SG", "TW", "AU")

_LABEL = r"(?i)^\s*(?:tel|phone|mobile|cell|whatsapp|电话|手机)[\s:：.]*"
_EXTENSION = r"(?i)\s*(?:;?ext(?:ension)?[.=:]?|#|x|转|轉|分机|分機|内線|内线)\s*[.:]?\s*[0-9]{0,7}\s*$"
# Dialled before a Chinese mobile number to call by the internet.
_CARRIER_CODES = r"^(?:17951|17911|17909|12593|10193)(1[3-9][0-9]{9})$"
_SEPARATORS = r"[\s()\[\]./\-‐‑‒–—―−·•_]"


def clean(raw: pa.Array) -> pa.Array:
    """Texts without labels, extensions and separators; a leading `00` is a `+`. Input has been through NFKC."""
    text = pc.replace_substring_regex(raw, pattern=_LABEL, replacement="")
    text = pc.replace_substring_regex(text, pattern=r"^\s*'", replacement="")  # a spreadsheet's mark for text
    text = pc.replace_substring_regex(
        text, pattern=r"^(\s*[0-9]{7,15})\.0$", replacement=r"\1"
    )  # a number read as float
    text = pc.replace_substring_regex(text, pattern=_EXTENSION, replacement="")
    text = pc.replace_substring_regex(text, pattern=_SEPARATORS, replacement="")
    text = pc.replace_substring_regex(text, pattern=_CARRIER_CODES, replacement=r"\1")
    text = pc.replace_substring_regex(text, pattern=r"^\++0*", replacement="+")
    text = pc.replace_substring_regex(text, pattern=r"^00([1-9])", replacement=r"+\1")
    return pc.replace_substring_regex(text, pattern=r"^0{3,}([1-9])", replacement=r"\1")


def to_e164(raw: pa.Array, regions: pa.Array) -> tuple[pa.Array, pa.Array]:
    """E.164 numbers (null where unusable) and the reasons (null where usable) of texts in their default countries.

    `raw` has been through NFKC; `regions` are ISO 3166 alpha-2 codes or null, one for each text. Local numbers without
    an area code, numbers of an impossible length and numbers with letters are unusable. Extensions are dropped: the
    person behind an extension shares the line with the house.
    """
    text = clean(raw)
    region = pc.utf8_upper(pc.utf8_trim_whitespace(regions))
    has_letters = pc.match_substring_regex(text, pattern=r"\p{L}")
    number = pa.nulls(len(text), pa.string())
    for code in pc.unique(region).to_pylist():
        if code in _FAST_REGIONS:
            number = pc.coalesce(number, pc.if_else(pc.equal(region, code), _mobile_in(text, code), None))
    reason = pc.if_else(has_letters, LETTERS, pa.scalar(None, pa.string()))
    todo = pc.and_(pc.is_null(number), pc.invert(has_letters))
    where = pc.indices_nonzero(pc.fill_null(todo, False))
    if len(where) == 0:
        return number, reason
    parsed = [_parse(t, r) for t, r in zip(text.take(where).to_pylist(), region.take(where).to_pylist(), strict=True)]
    found = pa.array([p[0] for p in parsed], pa.string())
    why = pa.array([p[1] for p in parsed], pa.string())
    return pc.replace_with_mask(number, todo, found), pc.replace_with_mask(reason, todo, why)


def is_mobile_number(raw: pa.Array, regions: pa.Array) -> pa.Array:
    """Whether a text is a mobile number: of its default country, or of any when it begins with + and digits."""
    text = clean(raw)
    region = pc.utf8_upper(regions)
    answer = pc.match_substring_regex(text, pattern=r"^\+[1-9][0-9]{7,14}$")
    for code in pc.unique(region).to_pylist():
        if code is not None and _mobile_pattern(code) is not None:
            here = pc.fill_null(pc.equal(region, code), False)
            answer = pc.or_(answer, pc.and_(here, pc.is_valid(_mobile_in(text, code, with_code=True))))
    return pc.fill_null(answer, False)


@cache
def calling_codes() -> frozenset[str]:
    """Every country calling code; none is the beginning of another."""
    import phonenumbers

    return frozenset(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


@cache
def code_of_region(region: str | None) -> str:
    """The calling code of a country, '' where there is none."""
    import phonenumbers

    code = phonenumbers.country_code_for_region((region or "").strip().upper())
    return str(code) if code else ""


@cache
def dials_zero(code: str) -> bool:
    """Whether a 0 is dialled before the numbers of a calling code within the country, and belongs to none of them."""
    import phonenumbers

    metadata = phonenumbers.PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(int(code)))
    return metadata is not None and metadata.national_prefix == "0"


def national_part(e164: pa.Array) -> pa.Array:
    """The digits after the country calling code."""
    return pc.replace_substring_regex(e164, pattern=r"^\+(?:" + "|".join(sorted(calling_codes())) + ")", replacement="")


@cache
def _mobile_pattern(region: str) -> tuple[str, str] | None:
    import phonenumbers

    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.mobile is None or not metadata.mobile.national_number_pattern:
        return None
    return str(metadata.country_code), re.sub(r"\s", "", metadata.mobile.national_number_pattern)


def _mobile_in(text: pa.Array, region: str, with_code: bool = False) -> pa.Array:
    """E.164 where a text is a valid mobile number of the region, else null; `with_code`: also 86138… without a +."""
    found = _mobile_pattern(region)
    assert found is not None
    code, pattern = found
    lead = rf"(?:\+?{code})?0?" if with_code else rf"(?:\+{code}|0)?" if code != "1" else r"(?:\+1)?"
    national = pc.struct_field(pc.extract_regex(text, pattern=rf"^{lead}(?P<national>{pattern})$"), "national")
    return pc.binary_join_element_wise(f"+{code}", national, "")


def _parse(text: str | None, region: str | None) -> tuple[str | None, str | None]:
    import phonenumbers

    if not text or not any(c.isdigit() for c in text):
        return None, NOT_A_NUMBER
    if region is None and not text.startswith("+"):
        return None, NO_COUNTRY
    attempts = [(text, region)]
    if not text.startswith("+") and len(text) >= 11:
        # 8613800138000 typed into a British form: no British number, but a valid Chinese one without its plus.
        attempts = [(text, region), ("+" + text, None)]
    reason = NOT_A_NUMBER
    for attempt, (candidate, country) in enumerate(attempts):
        why = IMPOSSIBLE
        try:
            number = phonenumbers.parse(candidate, country)
            possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
            # An invalid number may be a real one with a new prefix; a short invalid one lacks its area code.
            strict = attempt > 0 or len(str(number.national_number)) < 9
            if possible and (not strict or phonenumbers.is_valid_number(number)):
                number.extension = None
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None
        except phonenumbers.NumberParseException as error:
            no_country = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
            why = NOT_A_NUMBER if not no_country else IMPOSSIBLE if candidate.startswith("+") else NO_COUNTRY
        reason = why if attempt == 0 else reason
    return None, reason
