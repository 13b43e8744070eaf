"""The grammar of a mapping file: which files of a landing folder hold what, and which columns feed which table.

Reads and checks the YAML; a wrong one is refused with file, line and reason before anything runs. How cells are read
belongs in `ingestion/tabular.py` and `ingestion/columns.py`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from ingestion import till_mapping
from ingestion.canonical import ENTITIES
from ingestion.sheet import Header
from ingestion.source import ConfigurationError, names
from ingestion.tabular import FORMATS
from ingestion.timezones import is_zone, zone_name
from ingestion.yaml_file import YamlFile

SHIPPED = Path(__file__).parent / "mappings"

Test = Literal["equals", "one_of", "starts_with", "is_empty", "is_filled", "is_negative", "is_positive"]

_KEYS = frozenset(
    names("files format encoding delimiter skip_lines drop_rows rows timezone currency decimal part_of entities")
)
_COLUMN_KEYS = set(names("from aliases first_filled and value pattern formats divide_by optional"))
_POWERS_OF_TEN = tuple(10**places for places in range(1, 10))
_TESTS: tuple[Test, ...] = get_args(Test)
_TEXT_TESTS = {"equals", "one_of", "starts_with"}


@dataclass(frozen=True)
class ColumnRule:
    """Where a canonical column comes from: the first of `headers` that the file has, or the constant `value`.

    With `first_filled` the headers are columns side by side, and a row takes the first that is filled. `joined` names
    the column whose cells follow behind a blank, `pattern` the part of the cell that is meant. A number is moved by
    `decimal_places` to the right of its point: cents, or the millionths that ad platforms count cost in.
    """

    headers: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    optional: bool = False
    first_filled: bool = False
    joined: str | None = None
    pattern: re.Pattern[str] | None = None
    value: str | None = None
    decimal_places: int = 0


@dataclass(frozen=True)
class Condition:
    """What is asked of a row's cell in the first of `headers` that the file has."""

    headers: tuple[str, ...]
    test: Test
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """A currency or time zone: the same for the whole file, in a column, or inside a header."""

    literal: str | None = None
    column: ColumnRule | None = None
    header: re.Pattern[str] | None = None


@dataclass(frozen=True)
class ExportMapping:
    """One mapping file; serves the landing folder of its name.

    `rows` says which rows feed an entity, all of them where it says nothing. `part_of` names the export whose keys it
    shares: a file of order lines belongs to the orders of another folder.
    """

    name: str
    files: tuple[str, ...]
    format: str | None
    encoding: str | None
    delimiter: str | None
    skip_lines: int
    drop_rows: tuple[Condition, ...]
    rows: AnyMapping[str, tuple[Condition, ...]]
    timezone: Setting
    currency: Setting
    decimal: Literal[".", ","] | None
    part_of: str | None
    entities: AnyMapping[str, AnyMapping[str, ColumnRule]]

    def missing(self, header: Header) -> list[str]:
        """What a header lacks to be the one this mapping describes."""
        rules = [rule for columns in self.entities.values() for rule in columns.values()]
        rules += [setting.column for setting in (self.timezone, self.currency) if setting.column]
        wanted = [rule.headers for rule in rules if rule.headers and not rule.optional]
        wanted += [(rule.joined,) for rule in rules if rule.joined and not rule.optional]
        wanted += [condition.headers for conditions in self.rows.values() for condition in conditions]
        lacking = [headers[0] for headers in wanted if header.find(headers) is None]
        for setting in (self.currency, self.timezone):
            if setting.header and not any(setting.header.search(name) for name in header.names):
                lacking.append(setting.header.pattern)
        return list(dict.fromkeys(lacking))

    def named(self) -> tuple[str, ...]:
        """Every header that the mapping speaks of."""
        rules = [rule for columns in self.entities.values() for rule in columns.values()]
        rules += [setting.column for setting in (self.timezone, self.currency) if setting.column]
        found = [name for rule in rules for name in (*rule.headers, rule.joined) if name]
        conditions = [*self.drop_rows, *(one for conditions in self.rows.values() for one in conditions)]
        return tuple(dict.fromkeys([*found, *(name for one in conditions for name in one.headers)]))


def load_mappings(mapping_dirs: Sequence[Path]) -> dict[str, ExportMapping]:
    """The shipped mappings and the company's own by name; a company's file replaces a shipped one of its name."""
    paths: dict[str, Path] = {}
    for folder in (SHIPPED, *mapping_dirs):
        paths.update({path.stem: path for path in sorted(folder.glob("*.yml")) if path.name != till_mapping.FILE_NAME})
    return {name: read_mapping(path) for name, path in sorted(paths.items())}


def check_mappings(folder: Path) -> None:
    """Raises ConfigurationError that names every wrong mapping file of a folder, with line and reason."""
    problems = []
    for path in sorted(folder.glob("*")):
        if path.suffix == ".yaml":
            problems.append(f"{path}: a mapping's name ends in .yml; rename the file.")
        if path.suffix == ".yml":
            try:
                (till_mapping.read_mapping if path.name == till_mapping.FILE_NAME else read_mapping)(path)
            except ConfigurationError as error:
                problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))


def read_mapping(path: Path) -> ExportMapping:
    """One mapping file. Raises ConfigurationError with file, line and reason."""
    return _Reader(path).read()


class _Reader(YamlFile):
    """Checks one file."""

    def read(self) -> ExportMapping:
        content = self.content("a mapping", ("files", "entities"), _KEYS)
        return ExportMapping(
            name=self.path.stem,
            files=self.texts(("files",), content["files"]),
            format=self._one_of(content, "format", tuple(FORMATS)),
            encoding=self._encoding(content),
            delimiter=self._delimiter(content),
            skip_lines=self._skip_lines(content),
            drop_rows=self._conditions(("drop_rows",), content.get("drop_rows", [])),
            rows=self._rows(content),
            timezone=self._timezone(content.get("timezone")),
            currency=self._setting("currency", content.get("currency")),
            decimal=self._one_of(content, "decimal", (".", ",")),
            part_of=self._part_of(content.get("part_of")),
            entities=self._entities(content["entities"]),
        )

    def _one_of(self, content: dict[str, Any], key: str, allowed: tuple[str, ...]) -> Any:
        value = content.get(key)
        if value is not None and value not in allowed:
            self.refuse((key,), f"{value!r} is none of {', '.join(allowed)}.")
        return value

    def _encoding(self, content: dict[str, Any]) -> str | None:
        if content.get("encoding") is None:
            return None
        name = self.text(("encoding",), content["encoding"])
        try:
            return codecs.lookup(name).name
        except LookupError:
            self.refuse(("encoding",), f"{name!r} is no encoding; use utf-8, utf-16 or gb18030, or leave it out.")

    def _delimiter(self, content: dict[str, Any]) -> str | None:
        value = content.get("delimiter")
        if value is not None and (not isinstance(value, str) or len(value) != 1):
            self.refuse(("delimiter",), f'{value!r} is not one character; write a tab as "\\t".')
        return value

    def _skip_lines(self, content: dict[str, Any]) -> int:
        value = content.get("skip_lines", 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.refuse(("skip_lines",), f"{value!r} is not a number of lines.")
        return value

    def _conditions(self, key: tuple[str, ...], value: Any) -> tuple[Condition, ...]:
        if not isinstance(value, list):
            self.refuse(key, f"it is a list of {{column: …, {' | '.join(_TESTS)}: …}}.")
        return tuple(self._condition((*key, str(number)), entry) for number, entry in enumerate(value, start=1))

    def _condition(self, key: tuple[str, ...], entry: Any) -> Condition:
        tests = [test for test in _TESTS if isinstance(entry, dict) and test in entry]
        if len(tests) != 1 or "column" not in entry or set(entry) - {"column", "aliases", tests[0]}:
            self.refuse(key, f"a condition has `column`, if need be `aliases`, and one of {', '.join(_TESTS)}.")
        test = tests[0]
        headers = [self.text((*key, "column"), entry["column"])]
        if "aliases" in entry:
            headers += self.texts((*key, "aliases"), entry["aliases"])
        if test not in _TEXT_TESTS:
            if entry[test] is not True:
                self.refuse((*key, test), f"{test} is true, or the condition is left out.")
            return Condition(tuple(headers), test)
        if test == "one_of" and not isinstance(entry[test], list):
            self.refuse((*key, test), "it is a list of texts.")
        texts = self.texts((*key, test), entry[test])
        if test != "one_of" and len(texts) > 1:
            self.refuse((*key, test), "it is one text; several are for one_of.")
        return Condition(tuple(headers), test, texts)

    def _rows(self, content: dict[str, Any]) -> dict[str, tuple[Condition, ...]]:
        value = content.get("rows", {})
        if not isinstance(value, dict):
            self.refuse(("rows",), "it names entities, each with a list of conditions that all have to hold.")
        entities = content["entities"] if isinstance(content["entities"], dict) else {}
        for name in value:
            if name not in entities:
                self.refuse(("rows", str(name)), "this mapping feeds no such entity.")
        return {name: self._conditions(("rows", name), conditions) for name, conditions in value.items()}

    def _part_of(self, value: Any) -> str | None:
        if value is None:
            return None
        known = {path.stem for folder in (SHIPPED, self.path.parent) for path in folder.glob("*.yml")}
        if self.text(("part_of",), value) not in known - {self.path.stem}:
            self.refuse(("part_of",), f"there is no other mapping {value!r}; it names the one whose keys are shared.")
        return str(value)

    def _pattern(self, key: tuple[str, ...], value: Any) -> re.Pattern[str]:
        try:
            pattern = re.compile(self.text(key, value))
        except re.error as error:
            self.refuse(key, f"not a regular expression ({error}).")
        if pattern.groups != 1:
            self.refuse(key, "it needs one group in parentheses: the part that is meant.")
        return pattern

    def _setting(self, key: str, value: Any) -> Setting:
        if value is None:
            return Setting()
        if isinstance(value, str):
            return Setting(literal=value)
        if isinstance(value, dict) and "column" in value:
            rule = {"from" if name == "column" else name: one for name, one in value.items()}
            return Setting(column=self._column((key,), rule))
        if not isinstance(value, dict) or set(value) != {"header"}:
            self.refuse((key,), "it is a text, {column: …} or {header: …}.")
        return Setting(header=self._pattern((key, "header"), value["header"]))

    def _timezone(self, value: Any) -> Setting:
        setting = self._setting("timezone", value)
        if setting.literal is None:
            return setting
        name = zone_name(setting.literal)
        if not is_zone(name):
            self.refuse(("timezone",), f"{setting.literal!r} is no time zone; write it like Europe/London.")
        return Setting(literal=name)

    def _column(self, key: tuple[str, ...], value: Any) -> ColumnRule:
        if isinstance(value, str) and value:
            return ColumnRule((value,))
        sources = [one for one in ("from", "first_filled", "value") if isinstance(value, dict) and one in value]
        if len(sources) != 1:
            self.refuse(key, "it is a header, {from: …}, {first_filled: […]} or {value: …}.")
        for name in value:
            if name not in _COLUMN_KEYS:
                self.refuse((*key, str(name)), f"there is no such key; there are {', '.join(sorted(_COLUMN_KEYS))}.")
        if sources == ["value"]:
            if len(value) > 1:
                self.refuse(key, "a constant `value` needs nothing else.")
            return ColumnRule(value=self.text((*key, "value"), value["value"]))
        optional = value.get("optional", False)
        if not isinstance(optional, bool):
            self.refuse((*key, "optional"), "it is true or false.")
        headers = self.texts((*key, sources[0]), value[sources[0]])
        if sources == ["from"] and len(headers) > 1:
            self.refuse(
                (*key, "from"), "it is one header; others go into aliases, columns side by side into first_filled."
            )
        if "aliases" in value:
            if sources == ["first_filled"]:
                self.refuse((*key, "aliases"), "name every header in first_filled.")
            headers += self.texts((*key, "aliases"), value["aliases"])
        return ColumnRule(
            headers=headers,
            formats=self._formats((*key, "formats"), value["formats"]) if "formats" in value else (),
            optional=optional,
            first_filled=sources == ["first_filled"],
            joined=self.text((*key, "and"), value["and"]) if "and" in value else None,
            pattern=self._pattern((*key, "pattern"), value["pattern"]) if "pattern" in value else None,
            decimal_places=self._decimal_places(key, value["divide_by"]) if "divide_by" in value else 0,
        )

    def _decimal_places(self, key: tuple[str, ...], value: Any) -> int:
        if len(key) < 3 or ENTITIES[key[1]].columns[key[2]] != "number":
            self.refuse((*key, "divide_by"), "the column holds no number.")
        if isinstance(value, bool) or value not in _POWERS_OF_TEN:
            self.refuse((*key, "divide_by"), f"{value!r} is none of 10, 100, 1000 … 1000000000.")
        return _POWERS_OF_TEN.index(value) + 1

    def _formats(self, key: tuple[str, ...], value: Any) -> tuple[str, ...]:
        formats = self.texts(key, value)
        for layout in formats:
            try:
                datetime.strptime("", layout)  # noqa: DTZ007 - only the layout is tried
            except ValueError as error:
                if "does not match" not in str(error):
                    self.refuse(key, f"{layout!r} is no layout of a date or time ({error}).")
        return formats

    def _entities(self, value: Any) -> dict[str, dict[str, ColumnRule]]:
        if not isinstance(value, dict) or not value:
            self.refuse(("entities",), f"it names one or more of {', '.join(ENTITIES)}.")
        entities: dict[str, dict[str, ColumnRule]] = {}
        for name, columns in value.items():
            key = ("entities", str(name))
            entity = ENTITIES.get(name)
            if entity is None:
                self.refuse(key, f"there is no such entity; there are {', '.join(ENTITIES)}.")
            if not isinstance(columns, dict):
                self.refuse(key, "it lists canonical columns and where each comes from.")
            for column in columns:
                if column not in entity.columns:
                    self.refuse((*key, str(column)), f"no column of {name}; there are {', '.join(entity.columns)}.")
            for column in sorted(entity.needed - set(columns)):
                self.refuse(key, f"the column `{column}` is needed and nothing feeds it.")
            entities[name] = {column: self._column((*key, column), rule) for column, rule in columns.items()}
        return entities
