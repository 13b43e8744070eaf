"""Linking one file of records on its own, without a warehouse.

Here: the configuration of `python -m identity link`, the file as records and assertions, the result as clusters. Not
here: the engine (`resolution`), the model of probable links (`model`), the command line (`__main__`).

The configuration is TOML: `record_id` (a column), `[identifiers]` (column = identifier type), `[fuzzy]` (column = what
it holds), at least one of the two, optionally `default_region` (the country of phones without a prefix), `[rules]` with
`file`, `blocked` and `overrides`, paths of the three rule files relative to the configuration, and `[names]` (column =
which part of a name, or the birth date), by which rules tell people behind one value apart; columns of `[fuzzy]` that
hold these serve too. Without a rule file there is no limit and no hub guard, and every type is a known one. Overrides
name records by the ids of the file.

Identifiers link where they are equal. Beside that they are compared like fuzzy columns, for a slip of the keyboard in a
card's number is evidence too.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from identity.exact import one_row_per_record
from identity.features import BIRTH, CODE, FAMILY, FULL, GIVEN, KINDS
from identity.hashed import HASHED_TYPES, hashes_in
from identity.normalise import known_types, tidy
from identity.resolution import Resolution, resolve
from identity.rules import (
    BLOCKED_COLUMNS,
    OVERRIDE_COLUMNS,
    RULE_COLUMNS,
    parse_blocked,
    parse_overrides,
    parse_rules,
    read_rule_file,
)

if TYPE_CHECKING:
    from identity.model import Model

# Without rules: the order of trust in which types link.
_TRUST = (
    *("phone", "member_no", "login", "union_id", "openid", "national_id", "email", "device", "cookie", "click_id"),
)
_KEYS = {"record_id", "default_region", "identifiers", "rules", "fuzzy", "names"}
_RULE_FILES = ("file", "blocked", "overrides")
# Identifiers in which two people's values are never alike by more than chance, and how the others are compared.
_COMPARED_AS = {"phone": "phone", "email": "email", **dict.fromkeys(("national_id", "member_no", "login"), CODE)}
# What the exact stage asks of records, by the kind of column that answers.
_STATED_AS = {GIVEN: "given_name", FAMILY: "family_name", FULL: "full_name", BIRTH: "birth_date"}
# Ids of one file need no secret: the clusters are named by their anchor's own id.
_FILE_KEY = b"one file"


class ConfigError(ValueError):
    """A configuration or a file that does not fit it. The message says where and what to do."""


@dataclass(frozen=True)
class Config:
    """What a file's columns hold."""

    record_id: str
    identifiers: dict[str, str]
    fuzzy: dict[str, str] = field(default_factory=dict)
    default_region: str | None = None
    rules: pa.Table = field(default_factory=lambda: _empty(RULE_COLUMNS))
    blocked: pa.Table = field(default_factory=lambda: _empty(BLOCKED_COLUMNS))
    overrides: pa.Table = field(default_factory=lambda: _empty(OVERRIDE_COLUMNS))
    names: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Every column of the file that is read, each once."""
        return list(dict.fromkeys([self.record_id, *self.identifiers, *self.fuzzy, *self.names]))


def read_config(path: str | Path) -> Config:
    """Read and check a configuration; raises `ConfigError` or `RuleError`."""
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}.") from error
    unknown = sorted(set(given) - _KEYS)
    if unknown:
        raise ConfigError(f"{path}: unknown setting {', '.join(unknown)}. Known are {', '.join(sorted(_KEYS))}.")
    record_id, region = given.get("record_id"), given.get("default_region")
    identifiers = given.get("identifiers", {})
    if not isinstance(record_id, str) or not record_id:
        raise ConfigError(f'{path}: record_id is missing. Name the column of the record ids: record_id = "<column>".')
    if region is not None and not (isinstance(region, str) and len(region) == 2 and region.isalpha()):
        raise ConfigError(f"{path}: default_region is {region!r}; write an ISO country code of two letters, like CN.")
    fuzzy, names = given.get("fuzzy", {}), given.get("names", {})
    if not isinstance(identifiers, dict) or not isinstance(fuzzy, dict) or not (identifiers or fuzzy):
        raise ConfigError(
            f"{path}: [identifiers] names no column, nor does [fuzzy]. Write one line a column: under [identifiers] "
            'soc_sec_id = "national_id", under [fuzzy] surname = "family_name".'
        )
    for column, kind in fuzzy.items():
        if kind not in KINDS:
            raise ConfigError(f"{path}: [fuzzy] {column} is {kind!r}. Known are {', '.join(KINDS)}.")
    for column, kind in names.items() if isinstance(names, dict) else [("names", names)]:
        if kind not in _STATED_AS:
            raise ConfigError(f"{path}: [names] {column} is {kind!r}. Known are {', '.join(_STATED_AS)}.")
    if record_id in (*identifiers, *fuzzy, *names):
        raise ConfigError(f"{path}: {record_id} is the record_id; it cannot be compared too. Name another column.")
    for column, kind in identifiers.items():
        if not isinstance(kind, str) or not kind:
            raise ConfigError(f"{path}: [identifiers] {column} is {kind!r}; name an identifier type, like phone.")
    tables = _rule_tables(path, given.get("rules", {}))
    types = {HASHED_TYPES.get(str(kind), str(kind)) for kind in identifiers.values()}
    if "file" in tables:
        rules, name = tables["file"]
        if unruled := types - set(parse_rules(rules, name)):
            raise ConfigError(
                f"{name}: no rule for {', '.join(sorted(unruled))}, named in {path}. Add a line for each."
            )
    elif names:
        raise ConfigError(
            f"{path}: [names] tell apart the people behind a value only where a rule asks for it. Name a rule file "
            'under [rules]: file = "identity_rules.csv".'
        )
    elif strange := sorted(types - set(known_types())):
        raise ConfigError(
            f"{path}: [identifiers] names the unknown type {', '.join(strange)}. Known are "
            f"{', '.join(known_types())}; a type of your own needs a line in a rule file named in [rules]."
        )
    else:
        rules = _rules_without_limits(types or set(_TRUST))
    given_tables = {entry: tables[entry][0] for entry in _RULE_FILES[1:] if entry in tables}
    return Config(record_id, identifiers, fuzzy, region, rules, names=names, **given_tables)


def _rule_tables(path: Path, given: Any) -> dict[str, tuple[pa.Table, str]]:
    """The rule files that `[rules]` names, each with its name; those of the blocked list and of decisions checked."""
    if (
        not isinstance(given, dict)
        or set(given) - set(_RULE_FILES)
        or not all(isinstance(n, str) for n in given.values())
    ):
        raise ConfigError(f"{path}: [rules] takes {', '.join(_RULE_FILES)}, paths relative to this configuration.")
    tables = {entry: (read_rule_file(path.parent / name), name) for entry, name in given.items()}
    for entry, parse in (("blocked", parse_blocked), ("overrides", parse_overrides)):
        if entry in tables:
            parse(*tables[entry])
    return tables


def column_names(path: str | Path) -> list[str]:
    """The columns of a CSV or Parquet file."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [name.strip() for name in next(csv.reader(stream), [])]
    except UnicodeDecodeError as error:
        raise ConfigError(_not_utf8(path)) from error
    except csv.Error as error:
        raise ConfigError(f"{path} is no CSV file: {error}. Give comma-separated text or Parquet.") from error


def read_table(path: str | Path, columns: list[str] | None = None) -> pa.Table:
    """A CSV (every column as text, header trimmed, empty cells null) or Parquet file; `columns`: only those."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        _require(pq.read_schema(path).names, columns, path)
        return pq.read_table(path, columns=columns)
    import pyarrow.csv as pacsv

    names = column_names(path)
    _require(names, columns, path)
    if len(set(names)) != len(names):
        raise ConfigError(f"{path}: two columns of the header have the same name. Rename one.")
    if not names:
        raise ConfigError(f"{path} is empty. Give a file with a header.")
    try:
        table = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=1),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise ConfigError(_not_utf8(path)) from error
        raise ConfigError(f"{path}: {error}. Mend that line.") from error
    return table.select(columns) if columns else table


def _not_utf8(path: Path) -> str:
    return f"{path} is not UTF-8 text. Save it as UTF-8, or give Parquet."


@dataclass(frozen=True)
class Linked:
    """Clusters, one row a record, the resolution behind them and what was learned (None without fuzzy columns).

    `remarks`: a sentence each on blocks that were too large and on decisions that do not hold.
    """

    clusters: pa.Table
    resolution: Resolution
    model: Model | None = None
    remarks: tuple[str, ...] = ()


def link(table: pa.Table, config: Config, seed: int = 0) -> Linked:
    """Clusters (`record_id, cluster_id, match_rule, match_confidence`) of a table.

    A cluster is named by the smallest of its record ids. Rows of one record id are one record: all its identifiers
    count, and of its fuzzy columns the first row in the order of all columns.
    """
    ids = pc.utf8_trim_whitespace(table[config.record_id].cast(pa.string()))
    if nameless := pc.sum(pc.fill_null(pc.equal(ids, ""), True)).as_py():
        raise ConfigError(f"{nameless} rows have no {config.record_id}. Give every record its id.")
    stated = table.select([name for name in config.columns if name != config.record_id])
    rows = one_row_per_record(pa.table({"record_key": ids, **{c: stated[c] for c in stated.column_names}}))
    record_key, n = rows["record_key"], rows.num_rows
    columns = {
        "record_key": record_key,
        "source_system": pa.repeat("file", n),
        "record_type": pa.repeat("record", n),
        "source_record_id": record_key,
        "is_anonymous": pa.repeat(False, n),
        "created_at": pa.nulls(n, pa.timestamp("us", tz="UTC")),
        "default_region": pa.array([config.default_region] * n, pa.string()),
    }
    for column, kind in [*config.names.items(), *config.fuzzy.items()]:
        if kind in _STATED_AS:
            columns.setdefault(_STATED_AS[kind], rows[column].cast(pa.string()))
    records = pa.table(columns)
    parts = [
        pa.table({"record_key": ids, "type": pa.repeat(kind, len(ids)), "value": table[column].cast(pa.string())})
        for column, kind in config.identifiers.items()
    ]
    empty = {name: pa.nulls(0, pa.string()) for name in ("record_key", "type", "value")}
    assertions = pa.concat_tables([pa.table(empty), *parts])
    assertions = assertions.append_column("first_at", pa.nulls(assertions.num_rows, pa.timestamp("us", tz="UTC")))
    births = pa.table({"record_key": pa.nulls(0, pa.string()), "birth_night": pa.nulls(0, pa.int64())})

    def resolved(**more: Any) -> Resolution:
        rules = config.rules, config.blocked
        return resolve(records, assertions, *rules, births, 0, _FILE_KEY, overrides=config.overrides, **more)

    found = resolved()
    remarks = _decisions_without_effect(found)
    linked = Linked(_clusters(found), found, None, remarks)
    if config.fuzzy:
        from identity.model import Prepared, fit, score
        from identity.support import supported_pairs

        compared = {c: _COMPARED_AS[kind] for c, kind in config.identifiers.items() if kind in _COMPARED_AS}
        prepared = Prepared(without_hashes(rows, list(compared)), {**compared, **config.fuzzy})
        model = fit(prepared, seed)
        pairs = supported_pairs(score(prepared, record_key, model), model.sure, found.members)
        found = resolved(pairs=pairs, sure=model.sure, doubtful=model.doubtful)
        linked = Linked(_clusters(found), found, model, (*_dropped(prepared.dropped, model.block_limit), *remarks))
    return linked


def without_hashes(rows: pa.Table, columns: list[str]) -> pa.Table:
    """The rows with hashes left out of some columns: two hashes are equal or tell nothing."""
    for column in columns:
        text = rows[column].combine_chunks().cast(pa.string())
        plain = pc.if_else(pc.is_null(hashes_in(tidy(text))[0]), text, None)
        rows = rows.set_column(rows.column_names.index(column), column, plain)
    return rows


def _decisions_without_effect(found: Resolution) -> tuple[str, ...]:
    return tuple(
        f"override in line {row['line']} ({row['action']} {row['record_key']}) is {row['status']}: {row['reason']}."
        for row in sorted(found.overrides.to_pylist(), key=lambda row: row["line"])
        if row["reason"]
    )


def _clusters(found: Resolution) -> pa.Table:
    wanted = ["record_key", "anchor_record_key", "match_rule", "match_confidence"]
    return found.members.select(wanted).rename_columns(["record_id", "cluster_id", *wanted[2:]])


def _dropped(blocks: dict[str, int], limit: int) -> tuple[str, ...]:
    if not blocks:
        return ()
    most = sorted(blocks.items(), key=lambda entry: (-entry[1], entry[0]))[:3]
    return (
        f"{sum(blocks.values())} blocks of more than {limit} records were dropped, most of them by "
        f"{', '.join(f'{rule} ({count})' for rule, count in most)}; pairs that share nothing rarer were not compared.",
    )


def write_table(table: pa.Table, path: str | Path) -> None:
    """A table as Parquet or CSV, by the name's ending."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, path)
        return
    import pyarrow.csv as pacsv

    texts = [column for column in table.columns if pa.types.is_string(column.type)]
    special = any(pc.any(pc.match_substring_regex(text, pattern=r'[,"\r\n]')).as_py() for text in texts)
    # Arrow's "needed" quotes every text; plain ids are easier to read without.
    pacsv.write_csv(
        table, path, pacsv.WriteOptions(quoting_style="needed" if special else "none", quoting_header="none")
    )


def _rules_without_limits(types: set[str]) -> pa.Table:
    ruled = [kind for kind in _TRUST if kind in {HASHED_TYPES.get(t, t) for t in types}]
    rows: list[dict[str, Any]] = [
        dict.fromkeys(RULE_COLUMNS, "")
        | {"type": kind, "priority": str(place + 1), "anonymous": "n", "needs_agreement": "n"}
        for place, kind in enumerate(ruled)
    ]
    return pa.Table.from_pylist(rows, schema=_empty(RULE_COLUMNS).schema)


def _empty(columns: tuple[str, ...]) -> pa.Table:
    return pa.table({column: pa.nulls(0, pa.string()) for column in columns})


def _require(found: list[str], columns: list[str] | None, path: Path) -> None:
    missing = [column for column in columns or [] if column not in found]
    if missing:
        raise ConfigError(
            f"{path}: there is no column {', '.join(missing)}. The file has {', '.join(found) or 'none'}."
        )
