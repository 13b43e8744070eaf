"""Linking one file of records on its own, without a warehouse.

Here: the configuration of `python -m identity link`, the file as records and assertions, the result as clusters. Not
here: the engine (`resolution`), the model of probable links (`model`), the command line (`__main__`).

The configuration is TOML: `record_id` (a column), `[identifiers]` (column = identifier type), `[fuzzy]` (column = what
it holds), at least one of the two, optionally `default_region` (the country of phones without a prefix) and `[rules]`
with `file` and `blocked`, paths of the two rule files relative to the configuration. Without `[rules]` there is no
limit, no hub guard and no blocked value, and every type is a known one.

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

from identity.features import BIRTH, CODE, FAMILY, FULL, GIVEN, KINDS
from identity.hashed import HASHED_TYPES
from identity.normalise import known_types
from identity.resolution import Resolution, one_row_per_record, resolve
from identity.rules import BLOCKED_COLUMNS, RULE_COLUMNS, parse_rules, read_rule_file

if TYPE_CHECKING:
    from identity.model import Model

# Without rules: the order of trust in which types link.
_TRUST = (
    *("phone", "member_no", "login", "union_id", "openid", "national_id", "email", "device", "cookie", "click_id"),
)
_KEYS = {"record_id", "default_region", "identifiers", "rules", "fuzzy"}
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


def read_config(path: str | Path) -> Config:
    """Read and check a configuration; raises `ConfigError` or `RuleError`."""
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
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
    fuzzy = given.get("fuzzy", {})
    if not isinstance(identifiers, dict) or not isinstance(fuzzy, dict) or not (identifiers or fuzzy):
        raise ConfigError(
            f"{path}: [identifiers] names no column, nor does [fuzzy]. Write one line a column: under [identifiers] "
            'soc_sec_id = "national_id", under [fuzzy] surname = "family_name".'
        )
    for column, kind in fuzzy.items():
        if kind not in KINDS:
            raise ConfigError(f"{path}: [fuzzy] {column} is {kind!r}. Known are {', '.join(KINDS)}.")
    if record_id in (*identifiers, *fuzzy):
        raise ConfigError(f"{path}: {record_id} is the record_id; it cannot be compared too. Name another column.")
    for column, kind in identifiers.items():
        if not isinstance(kind, str) or not kind:
            raise ConfigError(f"{path}: [identifiers] {column} is {kind!r}; name an identifier type, like phone.")
    rules = given.get("rules")
    if rules is None:
        strange = sorted(set(identifiers.values()) - set(known_types()))
        if strange:
            raise ConfigError(
                f"{path}: [identifiers] names the unknown type {', '.join(strange)}. Known are "
                f"{', '.join(known_types())}; a type of your own needs a line in a rule file named in [rules]."
            )
        return Config(
            record_id, identifiers, fuzzy, region, _rules_without_limits(set(identifiers.values()) or set(_TRUST))
        )
    if not isinstance(rules, dict) or "file" not in rules or set(rules) - {"file", "blocked"}:
        raise ConfigError(
            f"{path}: [rules] takes file and blocked, paths relative to this configuration; file is needed."
        )
    rule_table = read_rule_file(path.parent / rules["file"])
    unruled = {HASHED_TYPES.get(str(k), str(k)) for k in identifiers.values()} - set(
        parse_rules(rule_table, rules["file"])
    )
    if unruled:
        raise ConfigError(
            f"{rules['file']}: no rule for {', '.join(sorted(unruled))}, named in {path}. Add a line for each."
        )
    blocked = read_rule_file(path.parent / rules["blocked"]) if "blocked" in rules else _empty(BLOCKED_COLUMNS)
    return Config(record_id, identifiers, fuzzy, region, rule_table, blocked)


def column_names(path: str | Path) -> list[str]:
    """The columns of a CSV or Parquet file."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        return list(pq.read_schema(path).names)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [name.strip() for name in next(csv.reader(stream), [])]


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
    table = pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(column_names=names, skip_rows=1),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    return table.select(columns) if columns else table


@dataclass(frozen=True)
class Linked:
    """Clusters, one row a record, the resolution behind them and what was learned (None without fuzzy columns).

    `dropped`: a sentence on the blocks that were too large; None when there are none.
    """

    clusters: pa.Table
    resolution: Resolution
    model: Model | None = None
    dropped: str | None = None


def link(table: pa.Table, config: Config, seed: int = 0) -> Linked:
    """Clusters (`record_id, cluster_id, match_rule, match_confidence`) of a table.

    A cluster is named by the smallest of its record ids. Rows of one record id are one record: all its identifiers
    count, and of its fuzzy columns the first row in the order of all columns.
    """
    ids = pc.utf8_trim_whitespace(table[config.record_id].cast(pa.string()))
    if ids.null_count:
        raise ConfigError(f"{ids.null_count} rows have no {config.record_id}. Give every record its id.")
    stated = table.select(list(dict.fromkeys([*config.fuzzy, *config.identifiers])))
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
    for column, kind in config.fuzzy.items():
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
        return resolve(records, assertions, config.rules, config.blocked, births, 0, _FILE_KEY, **more)

    found = resolved()
    linked = Linked(_clusters(found), found)
    if config.fuzzy:
        from identity.model import Prepared, fit, score
        from identity.support import supported_pairs

        compared = {c: _COMPARED_AS[kind] for c, kind in config.identifiers.items() if kind in _COMPARED_AS}
        prepared = Prepared(rows, {**compared, **config.fuzzy})
        model = fit(prepared, seed)
        pairs = supported_pairs(score(prepared, record_key, model), model.sure, found.members)
        found = resolved(pairs=pairs, sure=model.sure, doubtful=model.doubtful)
        linked = Linked(_clusters(found), found, model, _dropped(prepared.dropped, model.block_limit))
    return linked


def _clusters(found: Resolution) -> pa.Table:
    wanted = ["record_key", "anchor_record_key", "match_rule", "match_confidence"]
    return found.members.select(wanted).rename_columns(["record_id", "cluster_id", *wanted[2:]])


def _dropped(blocks: dict[str, int], limit: int) -> str | None:
    if not blocks:
        return None
    most = sorted(blocks.items(), key=lambda entry: (-entry[1], entry[0]))[:3]
    return (
        f"{sum(blocks.values())} blocks of more than {limit} records were dropped, most of them by "
        f"{', '.join(f'{rule} ({count})' for rule, count in most)}; pairs that share nothing rarer were not compared."
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
