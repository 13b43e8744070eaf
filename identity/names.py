"""Whether the names of two records can be those of one person.

Here: a given name out of what a record states, and the agreement of two of them. Not here: what a contradiction leads
to (`people`), short forms (`nicknames`), the reading of Chinese characters (`pinyin`).

Given names agree when they are equal, when one is the other's initial or short form, or, both in Latin script with 4
letters or more, when one letter was added, lost or changed or two neighbours were swapped. Chinese names never agree
by distance, but those of one sound do: names are written down by ear. Chinese characters agree with Latin letters that
are their pinyin, and disagree when both sides are Chinese names by their surnames and the letters are another name's
pinyin. Of all other pairs of scripts (a Japanese name and its Latin spelling) nothing can be told: they neither agree
nor contradict.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.nicknames import are_nicknames
from identity.pinyin import is_pinyin, pinyin_of
from identity.traditional import simplified

MIN_LETTERS_FOR_DISTANCE = 4

_COMPOUND_SURNAMES = frozenset(
    re.findall("..", "欧阳太史端木上官司马东方独孤南宫夏侯诸葛尉迟皇甫赫连澹台公孙宇文长孙慕容司徒令狐轩辕闻人")
)
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆"
    "汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍"
    "庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙"
    "鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边"
    "卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝"
)
_TITLES = frozenset(re.findall(r"\w+", "mr mrs ms miss mx dr prof sir madam herr frau fräulein monsieur madame mme"))
_HAN_TITLES = ("先生", "女士", "小姐", "太太", "同学", "老师", "様", "さん")
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"})
_NO_NAME = re.compile(r"[0-9@]")
_WORD_BREAKS = re.compile(r"[^\w]+|_")


class Name(NamedTuple):
    """A given name, in plain lower-case letters or characters, with its family name where known ('' if not)."""

    script: str
    given: str
    family: str


def parse_name(given: str | None, full: str | None, family: str | None) -> Name | None:
    """The given name that a record states by itself or within its full name; None without one."""
    given, full, family = _tidy(given), _tidy(full), _tidy(family)
    if _NO_NAME.search(given + full + family):
        return None
    if given:
        return _name(_without_title(given), family)
    if not full:
        return None
    if "," in full:
        before, after = full.split(",", 1)
        return _name(after, before)
    words = [word for word in full.split() if word.strip(".") not in _TITLES]
    if family and words and words != family.split():
        rest = [word for word in words if word not in family.split()]
        if rest and len(rest) < len(words):
            return _name(" ".join(rest), family)
    if script_of(full) == "han":
        return _han_name(words, family)
    if len(words) < 2:
        return None
    return _name(" ".join(words[:-1]), words[-1])


def agree(one: Name, other: Name) -> bool | None:
    """True: they can be one person's. False: they contradict. None: nothing can be told."""
    if one.script == other.script:
        if one.script == "latin":
            return _latin_agree(one, other)
        if one.given == other.given or (one.given, one.family) == (other.family, other.given):
            return True
        if one.script == "han" and (read := pinyin_of(one.given)) and read == pinyin_of(other.given):
            return True
        return bool(one.family and other.family) and one.family + one.given == other.family + other.given
    if {one.script, other.script} == {"han", "latin"}:
        return _scripts_agree(*((one, other) if one.script == "han" else (other, one)))
    return None


class NameBook:
    """The names of records as codes: `code[record]` is an index into `names`, or -1 without a given name.

    Names are in the order of their text, so that codes do not depend on the records' labels.
    """

    def __init__(self, records: pa.Table, wanted: np.ndarray) -> None:
        """`wanted`: the records whose names matter; all others count as nameless."""
        self.code = np.full(records.num_rows, -1, dtype=np.int64)
        self.names: list[Name] = []
        self._known: dict[tuple[int, int], bool | None] = {}
        columns = [name for name in ("given_name", "full_name", "family_name") if name in records.column_names]
        if not columns or len(wanted) == 0:
            return
        texts = {name: records[name].combine_chunks().cast(pa.string()).take(pa.array(wanted)) for name in columns}
        joined = pc.binary_join_element_wise(*texts.values(), "\x1f", null_handling="replace", null_replacement="")
        coded = joined.dictionary_encode()
        parsed: list[Name | None] = []
        for text in coded.dictionary.to_pylist():
            stated = dict(zip(columns, text.split("\x1f"), strict=False))
            parsed.append(parse_name(stated.get("given_name"), stated.get("full_name"), stated.get("family_name")))
        self.names = sorted({name for name in parsed if name is not None})
        place = {name: code for code, name in enumerate(self.names)}
        codes = np.array([-1 if name is None else place[name] for name in parsed], dtype=np.int64)
        self.code[wanted] = codes[coded.indices.to_numpy()]

    def agree(self, one: int, other: int) -> bool | None:
        """Agreement of two names by code; see `agree`."""
        pair = (one, other) if one < other else (other, one)
        if pair not in self._known:
            self._known[pair] = agree(self.names[pair[0]], self.names[pair[1]])
        return self._known[pair]

    def classes(self, codes: set[int]) -> tuple[list[list[int]], bool]:
        """The components of agreeing names, smallest code first, and whether two of the names contradict."""
        parent = {code: code for code in codes}
        ordered = sorted(codes)
        contradict = False

        def root(code: int) -> int:
            while parent[code] != code:
                parent[code] = code = parent[parent[code]]
            return code

        for at, one in enumerate(ordered):
            for other in ordered[at + 1 :]:
                found = self.agree(one, other)
                contradict |= found is False
                if found:
                    low, high = sorted((root(one), root(other)))
                    parent[high] = low
        classes: dict[int, list[int]] = {}
        for code in ordered:
            classes.setdefault(root(code), []).append(code)
        return list(classes.values()), contradict

    def people(self, classes: list[list[int]]) -> int:
        """How many people the classes are at least: two of which nothing can be told may be one person."""
        chosen: list[list[int]] = []
        for one in classes:
            if all(self.agree(a, b) is False for other in chosen for a in one for b in other):
                chosen.append(one)
        by_script: dict[str, int] = {}
        for one in classes:
            for script in {self.names[code].script for code in one}:
                by_script[script] = by_script.get(script, 0) + 1
        return max(len(chosen), max(by_script.values(), default=0))


def _tidy(text: str | None) -> str:
    if not text:
        return ""
    plain = unicodedata.normalize("NFKC", text)
    if not plain.isprintable():
        plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cf"))
    return plain.strip().casefold()


def script_of(text: str) -> str:
    """The script of the first letter: `latin`, `han` (kana too), another script's name, '' without a letter."""
    for letter in text:
        if letter.isalpha():
            if letter < "ɐ" or "Ḁ" <= letter <= "ỿ":
                return "latin"
            if "\u2e80" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff" or letter >= "\U00020000":
                return "han"
            return unicodedata.name(letter, "unknown").split(" ")[0].lower()
    return ""


def _name(given: str, family: str) -> Name | None:
    script = script_of(given)
    given, family = (_letters(text, script) for text in (given, family))
    return Name(script, given, family) if script and given else None


def _letters(text: str, script: str) -> str:
    if script == "latin" and not text.isascii():
        text = "".join(
            c for c in unicodedata.normalize("NFKD", text.translate(_LETTERS)) if not unicodedata.combining(c)
        )
    words = [word for word in _WORD_BREAKS.split(text) if word and word not in _TITLES]
    return ("" if script == "han" else " ").join(words)


def _han_name(words: list[str], family: str) -> Name | None:
    words = [word for word in map(_without_title, words) if word]
    text = "".join(words)
    if family and text.startswith(family) and text != family:
        return _name(text[len(family) :], family)
    if len(words) == 2:
        # Written apart: the family name is in front, unless only the second word is a surname.
        swapped = _is_surname(words[1]) and not _is_surname(words[0])
        family, given = reversed(words) if swapped else words
        return _name(given, family)
    cut = 2 if simplified(text[:2]) in _COMPOUND_SURNAMES or len(text) > 3 else 1
    return _name(text[cut:], text[:cut]) if len(text) > cut else None


def _without_title(text: str) -> str:
    for title in _HAN_TITLES:
        text = text.removesuffix(title)
    return text


def _is_surname(text: str) -> bool:
    return simplified(text) in _SURNAMES or simplified(text) in _COMPOUND_SURNAMES


def _latin_agree(one: Name, other: Name) -> bool:
    if _given_agree(one.given, other.given):
        return True
    # Some people, and some forms, put the family name first.
    return bool(one.family) and one.given == other.family and one.family == other.given


def _given_agree(one: str, other: str) -> bool:
    if one == other:
        return True
    first, second = one.split(" "), other.split(" ")
    a, b = first[0], second[0]
    if (len(a) == 1 or len(b) == 1) and a[0] == b[0]:
        return True
    if a == b and 1 in (len(first), len(second)):
        return True
    if are_nicknames(a, b):
        return True
    a, b = "".join(first), "".join(second)
    return a == b or (min(len(a), len(b)) >= MIN_LETTERS_FOR_DISTANCE and one_edit_apart(a, b))


def one_edit_apart(one: str, other: str) -> bool:
    """Whether one character was added, lost or changed, or two neighbours swapped; also true of equal texts."""
    if abs(len(one) - len(other)) > 1:
        return False
    short, long = sorted((one, other), key=len)
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    same_length = len(one) == len(other)
    swapped = same_length and short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return swapped or short[at + same_length :] == long[at + 1 :]


def _scripts_agree(han: Name, latin: Name) -> bool | None:
    read = pinyin_of(han.given)
    if read is None:
        return None
    given = latin.given.replace(" ", "").replace("v", "u")
    if _given_agree(read, given):
        return True
    surname = pinyin_of(han.family) if han.family else None
    if surname and latin.family and (given, read) == (surname, latin.family.replace(" ", "").replace("v", "u")):
        return True
    if _is_surname(han.family) and latin.family in _surname_readings() and is_pinyin(latin.given):
        return False
    return None


def _surname_readings() -> frozenset[str]:
    if not _READINGS:
        found = [pinyin_of(surname) for surname in (*_SURNAMES, *_COMPOUND_SURNAMES)]
        _READINGS.append(frozenset(reading for reading in found if reading))
    return _READINGS[0]


_READINGS: list[frozenset[str]] = []
