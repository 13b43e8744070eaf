"""How alike two records are, field by field, as levels.

Here: the levels of each kind of field as Splink comparisons, and the level of every field for given pairs. Not here:
which pairs (`blocking`), what a level is worth (`training`).

Level 0 is "nothing alike", the highest level is "equal", -1 is "one of the two does not say". Splink and its database
are imported on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from identity import features
from identity.features import BIRTH, CODE, FAMILY, GIVEN, Field

_BATCH = 250_000


class Level(NamedTuple):
    """A degree of likeness: its name, Splink's condition, and what to expect of it before any training."""

    name: str
    sql: str
    m: float
    u: float


def levels_of(field: Field, fields: Sequence[Field]) -> list[Level]:
    """The levels of a field, the most alike first; the last holds for everything else."""
    f = field.name
    equal = f"{f}_l = {f}_r"
    siblings = [g.name for g in fields if g.kind == field.kind and g.name != f]
    crossed = " or ".join(f"{f}_l = {g}_r or {g}_l = {f}_r" for g in siblings)
    levels = [Level("equal", equal, 0.75, 0.01)]
    if field.kind in (GIVEN, FAMILY) and f == field.kind:
        other = FAMILY if field.kind == GIVEN else GIVEN
        if field.kind == GIVEN and any(g.name == other for g in fields):
            levels.append(Level("swapped", f"{_alike(f, other)} and {_alike(other, f)}", 0.01, 0.00001))
        levels += _name_levels(f, field.kind)
    elif field.kind == BIRTH:
        levels += [
            Level("one digit or swapped", f"{_date_slip(f)} or {_day_month_swapped(f)}", 0.1, 0.002),
            Level("two parts", f"hamming({f}_l, {f}_r) <= 2 or {_two_parts(f)}", 0.05, 0.02),
            Level("year", f"{f}_l[1:4] = {f}_r[1:4]", 0.04, 0.03),
        ]
    elif field.kind == "email":
        user = f"{f}_user"
        levels += [
            Level("mailbox", f"{user}_l = {user}_r and length({user}_l) >= 4", 0.05, 0.0001),
            Level("two letters", _slip(f"{f}_l", f"{f}_r", 2), 0.1, 0.0001),
            Level("near", f"jaro_winkler_similarity({user}_l, {user}_r) >= 0.88", 0.05, 0.002),
        ]
    elif field.kind == "mailbox":
        user = f"{f}_user"
        slip = f"least(length({user}_l), length({user}_r)) >= 6 and {_slip(f'{user}_l', f'{user}_r', 1)}"
        levels += [
            Level("mailbox", f"{user}_l = {user}_r and length({user}_l) >= 4", 0.05, 0.0001),
            Level("one character", slip, 0.05, 0.0001),
        ]
    elif field.kind in ("phone", CODE):
        levels += [
            Level("one character", _slip(f"{f}_l", f"{f}_r", 1), 0.15, 0.0001),
            Level("two characters", _slip(f"{f}_l", f"{f}_r", 2), 0.02, 0.001),
        ]
    elif field.kind == "postcode":
        levels += [
            Level("one character", _slip(f"{f}_l", f"{f}_r", 1), 0.1, 0.005),
            Level("half", f"{f}_l[1:(length({f}_l) + 1) // 2] = {f}_r[1:(length({f}_r) + 1) // 2]", 0.08, 0.05),
        ]
    elif field.kind == "gender":
        levels = [Level("equal", equal, 0.97, 0.5)]
    else:
        a, b = f"{f}_flat_l", f"{f}_flat_r"
        alike = f"jaro_winkler_similarity({a}, {b})"
        levels += [
            Level("one letter", f"least(length({a}), length({b})) >= 4 and {_slip(a, b, 1)}", 0.1, 0.002),
            Level(
                "close",
                f"{alike} >= 0.92 and least(length({a}), length({b})) >= 4 or {alike} >= 0.5 and {_words(f)}",
                0.06,
                0.01,
            ),
            Level("near", f"{alike} >= 0.8", 0.03, 0.05),
        ]
    if crossed:
        levels.insert(1, Level("crossed", crossed, 0.01, 0.005))
    return [*levels, Level("else", "", 0.05, 0.9)]


def _name_levels(f: str, kind: str) -> list[Level]:
    a, b = f"{f}_spoken_l", f"{f}_spoken_r"
    short = f"least(length({a}), length({b}))"
    same = [f"{a} = {b}"]
    if kind == GIVEN:
        same.append(f"list_has_any({f}_forms_l, {f}_forms_r)")
        same.append(f"{f}_words_l[1] = {f}_words_r[1] and length({f}_words_l[1]) > 2")
    else:
        same.append(f"list_has_any({f}_words_l, {f}_words_r)")
    return [
        Level("form", " or ".join(f"({s})" for s in same), 0.05, 0.002),
        Level("one letter", f"{short} >= 3 and {_slip(a, b, 1)}", 0.1, 0.003),
        Level(
            "close",
            f"jaro_winkler_similarity({a}, {b}) >= 0.9 or {f}_sound_l = {f}_sound_r and {short} >= 4",
            0.05,
            0.005,
        ),
        Level("initial", f"{short} = 1 and {a}[1] = {b}[1]", 0.01, 0.002),
        Level("near", f"jaro_winkler_similarity({a}, {b}) >= 0.8 or {short} >= 5 and {_slip(a, b, 2)}", 0.03, 0.02),
    ]


def _slip(a: str, b: str, most: int) -> str:
    """At most so many slips of the keyboard; the cheap measure spares most pairs the dear one."""
    least = 0.75 if most == 1 else 0.6
    return f"(jaro_winkler_similarity({a}, {b}) >= {least} and damerau_levenshtein({a}, {b}) <= {most})"


def _date_slip(f: str) -> str:
    distance = f"hamming({f}_l, {f}_r)"
    return f"({distance} <= 2 and ({distance} <= 1 or damerau_levenshtein({f}_l, {f}_r) <= 1))"


def _alike(left: str, right: str) -> str:
    """One record's field is nearly the other record's other field; most pairs differ in the first letter."""
    return f"{left}_l[1] = {right}_r[1] and jaro_winkler_similarity({left}_l, {right}_r) >= 0.9"


def _day_month_swapped(f: str) -> str:
    return f"{f}_l[1:4] = {f}_r[1:4] and {f}_l[5:6] = {f}_r[7:8] and {f}_l[7:8] = {f}_r[5:6]"


def _two_parts(f: str) -> str:
    same = " + ".join(f"({f}_l[{s}] = {f}_r[{s}])::int" for s in ("1:4", "5:6", "7:8"))
    return f"{same} >= 2"


def _words(f: str) -> str:
    both = f"len(list_intersect({f}_words_l, {f}_words_r))"
    return f"{both} >= 2 and 2 * {both} >= greatest(len({f}_words_l), len({f}_words_r))"


def compared_table(table: pa.Table, fields: Sequence[Field]) -> pa.Table:
    """The fields and the forms of them that levels look at, with `record`, the row's number."""
    columns: dict[str, Any] = {"record": np.arange(table.num_rows)}
    for field in fields:
        column = table[field.name]
        columns[field.name] = column
        if field.kind in (GIVEN, FAMILY):
            columns[f"{field.name}_spoken"] = features.map_distinct(column, features.spoken)
            columns[f"{field.name}_sound"] = features.map_distinct(column, features.sound)
            columns[f"{field.name}_words"] = _lists(column, str.split, pa.string())
            if field.kind == GIVEN:
                columns[f"{field.name}_forms"] = _lists(column, features.nicknames, pa.int64())
        elif field.kind in ("email", "mailbox"):
            columns[f"{field.name}_user"] = features.map_distinct(column, lambda text: text.split("@")[0])
        elif field.kind not in (BIRTH, "phone", CODE, "postcode", "gender"):
            columns[f"{field.name}_flat"] = features.map_distinct(column, lambda text: text.replace(" ", ""))
            columns[f"{field.name}_words"] = _lists(column, lambda t: sorted(set(t.split())), pa.string())
    return pa.table(columns)


def _lists(column: pa.ChunkedArray, function: Any, kind: pa.DataType) -> pa.Array:
    coded = column.combine_chunks().dictionary_encode()
    return pa.array([function(t) for t in coded.dictionary.to_pylist()], pa.list_(kind)).take(coded.indices)


class Comparer:
    """Compares records by Splink, in its own database in memory."""

    def __init__(self, table: pa.Table, fields: Sequence[Field], threads: int = 1) -> None:
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on
        from splink.comparison_library import CustomComparison

        self.fields = fields
        self._api = DuckDBAPI()
        self._api.duckdb_con.execute(f"set threads = {threads}")
        self._api.duckdb_con.execute("set preserve_insertion_order = false")
        self._api.duckdb_con.execute("set memory_limit = '1GB'")
        comparisons: list[Any] = [
            CustomComparison(_splink_levels(f, fields), output_column_name=f.name) for f in fields
        ]
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record",
            comparisons=comparisons,
            blocking_rules_to_generate_predictions=[block_on("record")],
            retain_matching_columns=True,
            retain_intermediate_calculation_columns=False,
        )
        records = self._api.register(compared_table(table, fields))
        self._linker = Linker(records, settings, log_level=None)

    def levels(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """One row a pair, one column a field: the level, -1 where one record does not say."""
        out = np.empty((len(left), len(self.fields)), dtype=np.int8)
        for begin in range(0, len(left), _BATCH):
            span = slice(begin, begin + _BATCH)
            out[span] = self._batch(left[span], right[span])
        return out

    def _batch(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        pairs = pa.table({"join_key_l": left, "join_key_r": right, "match_key": pa.repeat("0", len(left))})
        registered = self._api.register(pairs)
        self._linker.table_management.register_blocked_pairs_for_predict(registered)
        predicted = self._linker.inference.predict(warning_mode="never")
        names = ", ".join(f"gamma_{f.name}" for f in self.fields)
        found = predicted.query_sql(f"select record_l, record_r, {names} from {{this}}").as_pyarrow_table()
        predicted.drop_table_from_database_and_remove_from_cache()
        registered.drop_table_from_database_and_remove_from_cache(force_non_splink_table=True)
        order = np.lexsort((found["record_r"].to_numpy(), found["record_l"].to_numpy()))
        given = np.lexsort((right, left))
        out = np.empty((len(left), len(self.fields)), dtype=np.int8)
        for at, field in enumerate(self.fields):
            out[given, at] = found[f"gamma_{field.name}"].to_numpy()[order]
        return out


def _splink_levels(field: Field, fields: Sequence[Field]) -> list[Any]:
    from splink.comparison_level_library import CustomLevel, ElseLevel, NullLevel

    f = field.name
    levels = levels_of(field, fields)
    missing: Any = NullLevel(f)
    if f == FAMILY and any(g.name == GIVEN for g in fields):
        # Swapped names count once, under the given name.
        swapped = levels_of(next(g for g in fields if g.name == GIVEN), fields)[1].sql
        missing = CustomLevel(f"{f}_l is null or {f}_r is null or ({swapped}) and {f}_l <> {f}_r").configure(
            is_null_level=True
        )
    return [missing, *(CustomLevel(level.sql, level.name) for level in levels[:-1]), ElseLevel()]
