"""The grammar of a mapping file: which files of a landing folder hold what, and which columns feed which table.

Reads and checks the YAML; a wrong one is refused with file, line and reason before anything runs. How cells are read
belongs in `ingestion/tabular.py` and `ingestion/values.py`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ingestion import till_mapping
from ingestion.canonical import ENTITIES
from ingestion.source import ConfigurationError, names
from ingestion.tabular import FORMATS
from ingestion.yaml_file import YamlFile

SHIPPED = Path(__file__).parent / "mappings"

_KEYS = frozenset(
    names("files format encoding delimiter skip_lines drop_rows timezone currency decimal part_of entities")
)
_COLUMN_KEYS = frozenset({"from", "aliases", "formats", "optional"})
_DROP_TESTS = ("starts_with", "equals", "is_empty")


@dataclass(frozen=True)
class ColumnRule:
    """Where a canonical column comes from: the first of `headers` that the file has."""

    headers: tuple[str, ...]
    formats: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class DropRule:
    """Rows that are not data, such as totals."""

    column: str
    test: Literal["starts_with", "equals", "is_empty"]
    text: str = ""


@dataclass(frozen=True)
class Setting:
    """A currency or time zone: the same for the whole file, in a column, or inside a header."""

    literal: str | None = None
    column: ColumnRule | None = None
    header: re.Pattern[str] | None = None


@dataclass(frozen=True)
class ExportMapping:
    """One mapping file; serves the landing folder of its name.

    `part_of` names the export whose keys it shares: a file of order lines belongs to the orders of another folder.
    """

    name: str
    files: tuple[str, ...]
    format: str | None
    encoding: str | None
    delimiter: str | None
    skip_lines: int
    drop_rows: tuple[DropRule, ...]
    timezone: Setting
    currency: Setting
    decimal: Literal[".", ","] | None
    part_of: str | None
    entities: AnyMapping[str, AnyMapping[str, ColumnRule]]

    def needed_rules(self) -> list[ColumnRule]:
        """The rules whose column a file must have to be what this mapping describes."""
        rules = [rule for columns in self.entities.values() for rule in columns.values()]
        rules += [setting.column for setting in (self.timezone, self.currency) if setting.column]
        return [rule for rule in rules if not rule.optional]


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
            drop_rows=self._drop_rows(content.get("drop_rows", [])),
            timezone=self._timezone(content.get("timezone")),
            currency=self._setting("currency", content.get("currency")),
            decimal=self._one_of(content, "decimal", (".", ",")),
            part_of=self.text(("part_of",), content["part_of"]) if content.get("part_of") else None,
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

    def _drop_rows(self, value: Any) -> tuple[DropRule, ...]:
        if not isinstance(value, list):
            self.refuse(("drop_rows",), "it is a list of {column: …, starts_with | equals | is_empty: …}.")
        rules = []
        for number, entry in enumerate(value, start=1):
            key = ("drop_rows", str(number))
            tests = [test for test in _DROP_TESTS if isinstance(entry, dict) and test in entry]
            if len(tests) != 1 or set(entry) != {"column", tests[0]}:
                self.refuse(key, "a rule has `column` and one of starts_with, equals, is_empty.")
            test = tests[0]
            if test == "is_empty" and entry[test] is not True:
                self.refuse(key, "is_empty is true, or the rule is left out.")
            text = "" if test == "is_empty" else self.text((*key, test), entry[test])
            rules.append(DropRule(self.text((*key, "column"), entry["column"]), test, text))  # type: ignore[arg-type]
        return tuple(rules)

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
        try:
            pattern = re.compile(self.text((key, "header"), value["header"]))
        except re.error as error:
            self.refuse((key, "header"), f"not a regular expression ({error}).")
        if pattern.groups != 1:
            self.refuse((key, "header"), "it needs one group in parentheses: the part of the header that is meant.")
        return Setting(header=pattern)

    def _timezone(self, value: Any) -> Setting:
        setting = self._setting("timezone", value)
        if setting.literal:
            try:
                ZoneInfo(setting.literal)
            except (KeyError, ValueError):
                self.refuse(("timezone",), f"{setting.literal!r} is no time zone; write it like Europe/London.")
        return setting

    def _column(self, key: tuple[str, ...], value: Any) -> ColumnRule:
        if isinstance(value, str):
            return ColumnRule((value,))
        if not isinstance(value, dict) or "from" not in value:
            self.refuse(key, "it is a header, or {from: …, aliases: […], formats: […], optional: true}.")
        self.known_keys(key, value, _COLUMN_KEYS)
        optional = value.get("optional", False)
        if not isinstance(optional, bool):
            self.refuse((*key, "optional"), "it is true or false.")
        headers = [self.text((*key, "from"), value["from"])]
        if "aliases" in value:
            headers += self.texts((*key, "aliases"), value["aliases"])
        formats = self.texts((*key, "formats"), value["formats"]) if "formats" in value else ()
        return ColumnRule(tuple(headers), formats, optional)

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
