"""The grammar of `mappings/pos.yml`: which tables and columns of a till hold what Omnihouse reads.

Reads and checks the YAML; a wrong one is refused with file, line and reason before anything runs. Without the file a
till has to have the tables of `ingestion/till_tables.py`. How they are read belongs in `ingestion/till_database.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.source import RawTable
from ingestion.till_tables import CHANGED, NEEDED, TABLES
from ingestion.yaml_file import Key, YamlFile

FILE_NAME = "pos.yml"

_KEYS = frozenset({"timezone", "tables"})
_TABLE_KEYS = frozenset({"from", "where", "change_column", "leave_out", "columns", "rows"})
_COLUMN_KEYS = frozenset({"from", "sql", "value", "values"})


@dataclass(frozen=True)
class TillColumn:
    """Where a column comes from: a column of the till, an SQL expression, or the same text in every row.

    `values` translates what the till writes; what is not among them stays as it is.
    """

    source: str | None = None
    sql: str | None = None
    value: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TillTable:
    """One table of a till.

    `change` is None where nothing tells when a row changed; `rows` stand for a table that the till lacks.
    """

    raw: RawTable
    name: str
    schema: str | None = None
    where: str | None = None
    change: TillColumn | None = TillColumn(source=CHANGED)
    leave_out: frozenset[str] = frozenset()
    columns: Mapping[str, TillColumn] = field(default_factory=dict)
    rows: tuple[Mapping[str, str], ...] | None = None

    @property
    def title(self) -> str:
        """The table as messages name it."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True)
class TillMapping:
    """Every table, in the order they are read; `timezone` is that of times without one (UTC where there is none)."""

    tables: tuple[TillTable, ...]
    timezone: ZoneInfo | None = None
    path: Path | None = None


def load_mapping(mapping_dirs: Sequence[Path]) -> TillMapping:
    """The company's own mapping of its tills, or tables and columns of the standard names."""
    for folder in reversed(mapping_dirs):
        if (folder / FILE_NAME).is_file():
            return read_mapping(folder / FILE_NAME)
    return TillMapping(tuple(TillTable(raw, raw.name) for raw in TABLES))


def read_mapping(path: Path) -> TillMapping:
    """One mapping file. Raises ConfigurationError with file, line and reason."""
    return _Reader(path).read()


class _Reader(YamlFile):
    """Checks one file."""

    def read(self) -> TillMapping:
        content = self.content("the mapping of a till", ("tables",), _KEYS)
        tables = content["tables"]
        known = ", ".join(raw.name for raw in TABLES)
        if not isinstance(tables, dict) or not tables:
            self.refuse(("tables",), f"it names one or more of {known}.")
        for name in tables:
            if name not in NEEDED:
                self.refuse(("tables", str(name)), f"there is no such table; there are {known}.")
        return TillMapping(
            tuple(self._table(raw, tables.get(raw.name, {})) for raw in TABLES), self._timezone(content), self.path
        )

    def _timezone(self, content: Mapping[str, Any]) -> ZoneInfo | None:
        if "timezone" not in content:
            return None
        name = self.text(("timezone",), content["timezone"])
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.refuse(("timezone",), f"{name!r} is no time zone; write it like Europe/London.")

    def _table(self, raw: RawTable, entry: Any) -> TillTable:
        key = ("tables", raw.name)
        if not isinstance(entry, dict):
            self.refuse(key, f"it has one or more of {', '.join(sorted(_TABLE_KEYS))}.")
        self.known_keys(key, entry, _TABLE_KEYS)
        if "rows" in entry:
            if len(entry) > 1:
                self.refuse((*key, "rows"), "rows stand for a table that the till lacks; no other key goes with them.")
            return TillTable(raw, raw.name, change=None, rows=self._rows(raw, (*key, "rows"), entry["rows"]))
        schema, _, name = self.text((*key, "from"), entry.get("from", raw.name)).rpartition(".")
        return TillTable(
            raw,
            name,
            schema or None,
            where=self.text((*key, "where"), entry["where"]) if "where" in entry else None,
            change=self._change((*key, "change_column"), entry.get("change_column", CHANGED)),
            leave_out=frozenset(self.texts((*key, "leave_out"), entry["leave_out"]) if "leave_out" in entry else ()),
            columns=self._columns(raw, (*key, "columns"), entry.get("columns", {})),
        )

    def _change(self, key: Key, value: Any) -> TillColumn | None:
        if value is None:
            return None
        column = self._column(key, value)
        if column.value is not None or column.values:
            self.refuse(key, "it is a column of the till, {sql: …}, or null where nothing tells when a row changed.")
        return column

    def _columns(self, raw: RawTable, key: Key, value: Any) -> dict[str, TillColumn]:
        if not isinstance(value, dict):
            self.refuse(key, f"it lists columns of {raw.name} and where each comes from.")
        for name in value:
            if name == CHANGED:
                self.refuse((*key, name), f"{CHANGED} comes from the table's `change_column`; name it there.")
            if name not in raw.columns:
                listed = ", ".join(column for column in raw.columns if column != CHANGED)
                self.refuse((*key, str(name)), f"no column of {raw.name}; there are {listed}.")
        return {name: self._column((*key, name), rule) for name, rule in value.items()}

    def _column(self, key: Key, value: Any) -> TillColumn:
        if isinstance(value, str) and value:
            return TillColumn(source=value)
        if not isinstance(value, dict) or len({"from", "sql", "value"} & set(value)) != 1:
            self.refuse(key, "it is a column of the till, {from: …}, {sql: …} or {value: …}.")
        self.known_keys(key, value, _COLUMN_KEYS)
        if "value" in value:
            if "values" in value:
                self.refuse((*key, "values"), "there is nothing to translate in a constant.")
            return TillColumn(value=self.text((*key, "value"), value["value"]))
        kind = "from" if "from" in value else "sql"
        text = self.text((*key, kind), value[kind])
        values = self._values((*key, "values"), value.get("values", {}))
        return TillColumn(source=text, values=values) if kind == "from" else TillColumn(sql=text, values=values)

    def _values(self, key: Key, value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            self.refuse(key, "it lists what the till writes and what that means, as {V: sale, R: return}.")
        for name in value:
            # A plain yes or no is a boolean in YAML, and a till does not write that.
            if not isinstance(name, (str, int)) or isinstance(name, bool):
                self.refuse((*key, str(name)), f"{name!r} is not a text; put it in quotes.")
        return {str(name): self.text((*key, str(name)), one) for name, one in value.items()}

    def _rows(self, raw: RawTable, key: Key, value: Any) -> tuple[dict[str, str], ...]:
        if not isinstance(value, list):
            self.refuse(key, "it is a list of rows, each {column: text}; an empty one where there is nothing to say.")
        rows = []
        for number, entry in enumerate(value, start=1):
            place = (*key, str(number))
            if not isinstance(entry, dict):
                self.refuse(place, "a row is {column: text}.")
            self.known_keys(place, entry, frozenset(raw.columns) - {CHANGED})
            for name in NEEDED[raw.name]:
                if name not in entry:
                    self.refuse(place, f"the column `{name}` is needed.")
            rows.append({name: self.text((*place, name), one) for name, one in entry.items()})
        return tuple(rows)
