"""What goes wrong when people and shops write things down: the rates, and the corruptions of phones, names and
e-mails.

Belongs here: every noise rate of the demo company and the functions that spoil one value.
Does not belong here: who is spoilt when (population and the systems draw that). The corruptions are not inverses of
any normaliser: they imitate how people type.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from ingestion.demo.names import plain_latin


@dataclass(frozen=True)
class NoiseRates:
    """The default noise. Every field is a share between 0 and 1; the comment says of what."""

    couples: float = 0.30  # persons that share their address with another adult
    shared_phone: float = 0.075  # persons that use one phone with the other adult of the address
    same_initial: float = 0.20  # of the couples that share a phone: same surname and same initial
    two_phones: float = 0.08  # persons with a second phone in use
    changed_phone: float = 0.05  # persons whose phone changed within the first 24 months
    changed_email: float = 0.08  # persons whose e-mail changed within the first 24 months
    recycled_phone: float = 0.02  # persons whose given-up number was passed on to a stranger
    parcel_phone: float = 0.06  # web and marketplace orders shipped to another person, with that person's phone
    nameless_receipts: float = 0.50  # till receipts with a phone or member number that carry no name
    wrong_phone: float = 0.02  # typed phones with a wrong digit
    misspelt_name: float = 0.04  # written names with a slip
    other_script: float = 0.10  # written names in the other script (Han or kanji against Latin, umlauts against ASCII)
    name_only: float = 0.05  # sale receipts with a name written down and no phone or card
    name_only_street: float = 0.60  # of those: with street
    name_only_birth_date: float = 0.25  # of those: with birth date; the rest is a bare name
    placeholder_phone: float = 0.015  # till records (receipts, members) with a placeholder phone
    placeholder_unlisted: float = 0.20  # of those: a number no usual list of placeholders has
    shared_device: float = 0.04  # persons whose device is used by the other adult, too
    replaced_card: float = 0.01  # persons with a card that was replaced by a new number
    staff_tablets: int = 3  # tablets in stores used by everyone; a number, not a share


LISTED_PLACEHOLDERS = {
    "CN": ("13800138000", "00000000000", "11111111111", "13888888888", "13000000000"),
    "DE": ("00000000", "0000000000", "01234567890", "11111111"),
    "JP": ("00000000000", "09000000000", "0000000000", "09012345678"),
}
UNLISTED_PLACEHOLDERS = {
    "CN": ("15912345678", "18612345678", "13912345678"),
    "DE": ("015112345678", "01701234567"),
    "JP": ("08011112222", "07012341234"),
}
DIAL = {"CN": "86", "DE": "49", "JP": "81"}
_FULL_WIDTH = str.maketrans("0123456789+", "０１２３４５６７８９＋")
_SURNAME_TWINS = {
    "王": "汪",
    "张": "章",
    "陈": "程",
    "徐": "许",
    "余": "于",
    "何": "贺",
    "李": "黎",
    "蒋": "姜",
    "江": "姜",
}
_TWINS = (
    "芳方 静净 丽莉 艳燕 雪学 伟卫 强墙 杰捷 涛滔 明铭 辉晖 "
    "华花 宇雨 浩皓 俊骏 文雯 佳嘉 欣新 怡宜 梦孟 娜那 敏闵 "
    "子紫 健建 峰锋 颖影 婷亭 磊雷 超朝 诗思 语雨 萍平 博搏"
)
_GIVEN_TWINS = {pair[0]: pair[1] for pair in _TWINS.split()}


def national(e164: str) -> tuple[str, str]:
    """(country, digits after the dialling code) of a phone as the population keeps it."""
    for country, code in DIAL.items():
        if e164.startswith("+" + code):
            return country, e164[1 + len(code) :]
    raise ValueError(f"phone {e164!r} has no dialling code of a country the demo company knows")


def write_phone(die: random.Random, e164: str, home_country: str | None) -> str:
    """A phone as somebody in ``home_country`` writes it; without one, or from abroad, with its dialling code."""
    country, digits = national(e164)
    code = DIAL[country]
    trunk = "" if country == "CN" else "0"
    cut = 3 if country != "JP" else 2
    first, middle, last = digits[:cut], digits[cut : cut + 4], digits[cut + 4 :]
    style = die.random()
    if country != home_country:
        if style < 0.55:
            return e164
        if style < 0.75:
            return f"+{code} {first} {middle} {last}"
        if style < 0.88:
            return f"00{code}{digits}"
        return f"+{code} (0){first} {middle}{last}" if trunk else f"+{code}-{first}-{middle}-{last}"
    if style < 0.45:
        return trunk + digits
    if style < 0.60:
        return f"{trunk}{first} {middle} {last}"
    if style < 0.72:
        return f"{trunk}{first}-{middle}-{last}"
    if style < 0.84:
        return f"+{code} {trunk}{digits}" if trunk and style < 0.76 else f"+{code} {digits}"
    if style < 0.90:
        return e164
    if style < 0.95:
        return (trunk + digits).translate(_FULL_WIDTH)
    return f"({trunk}{first}) {middle}{last}"


def wrong_phone(die: random.Random, e164: str) -> str:
    """One slip in the last eight digits: another digit, or two neighbours swapped."""
    at = len(e164) - die.randint(2, 8)
    if die.random() < 0.4 and e164[at] != e164[at + 1]:
        return e164[:at] + e164[at + 1] + e164[at] + e164[at + 2 :]
    return e164[:at] + str((int(e164[at]) + die.randint(1, 9)) % 10) + e164[at + 1 :]


def placeholder_phone(die: random.Random, country: str, rates: NoiseRates) -> str:
    """What staff type when the customer gives no number."""
    unlisted = die.random() < rates.placeholder_unlisted
    return die.choice((UNLISTED_PLACEHOLDERS if unlisted else LISTED_PLACEHOLDERS)[country])


def mixed_case(die: random.Random, email: str) -> str:
    """The same mailbox, typed with capitals or a stray blank now and then."""
    style = die.random()
    if style < 0.80:
        return email
    if style < 0.90:
        return email.capitalize()
    if style < 0.96:
        return email.upper()
    return " " + email


def _slip_latin(die: random.Random, word: str) -> str:
    if len(word) < 4:
        return word + word[-1]
    at = die.randint(1, len(word) - 2)
    style = die.random()
    if style < 0.35:
        return word[:at] + word[at + 1 :]
    if style < 0.65:
        return word[:at] + word[at] + word[at:]
    if style < 0.85 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + die.choice("aeinrst") + word[at + 1 :]


def misspell(die: random.Random, family: str, given: str) -> tuple[str, str]:
    """One slip in a name: a letter in Latin script, a character that sounds alike in Han."""
    if given.isascii() or family[0].lower() in "abcdefghijklmnopqrstuvwxyzäöü":
        if die.random() < 0.5 and len(family) >= 4:
            return _slip_latin(die, family), given
        return family, _slip_latin(die, given)
    if family in _SURNAME_TWINS and die.random() < 0.4:
        return _SURNAME_TWINS[family], given
    for at, character in enumerate(given):
        if character in _GIVEN_TWINS:
            return family, given[:at] + _GIVEN_TWINS[character] + given[at + 1 :]
    return family, given[:-1] + ("子" if given[-1] == "美" else "美")


def other_script(family: str, given: str, family_latin: str, given_latin: str) -> tuple[str, str]:
    """The name in Latin letters, as typed on a foreign keyboard."""
    return plain_latin(family_latin), plain_latin(given_latin)


def write_name(
    die: random.Random, native: tuple[str, str], latin: tuple[str, str], rates: NoiseRates, tags: set[str]
) -> tuple[str, str]:
    """(family, given) as it gets written down; what went wrong is added to ``tags``."""
    family, given = native
    if die.random() < rates.other_script:
        changed = other_script(family, given, *latin)
        if changed != (family, given):
            tags.add("other_script")
            family, given = changed
    if die.random() < rates.misspelt_name:
        tags.add("misspelt_name")
        family, given = misspell(die, family, given)
    return family, given
