"""Conditions of rule files: one expression over known columns, read by a grammar and written anew as SQL.

Here: what may stand in a condition, what each part of it is, and the SQL it becomes. Not here: which columns there are,
which rule files have conditions, when they are asked. Nothing of the given text reaches the database but names that are
known and texts and numbers that were read as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache

import duckdb
from sqlglot import exp
from sqlglot.dialects import Dialect
from sqlglot.errors import SqlglotError

from dagster_project.warehouse import literal

LONGEST_TEXT = 2000
DEEPEST = 100
_DIGITS = 15
_LONGEST_INTERVAL = 36_500
_FURTHEST_DAYS = 200_000
_UNITS = {unit + end: unit for unit in ("DAY", "WEEK", "MONTH", "YEAR") for end in ("", "S")}
_Words = dict[type[exp.Expression], str]
# What the database calls a type, by what it is in a condition.
_KINDS = {
    "varchar": "text", "boolean": "condition", "date": "date", "varchar[]": "list of texts",
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "ubigint", "hugeint", "float", "double"), "number"),
}  # fmt: skip
_COMPARED: _Words = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_DISTINCT: _Words = {exp.NullSafeEQ: "is not distinct from", exp.NullSafeNEQ: "is distinct from"}
_CALCULATED: _Words = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_JOINED: _Words = {exp.And: "and", exp.Or: "or"}
_MATCHED: _Words = {exp.Like: "like", exp.ILike: "ilike"}
_OF_TEXT: _Words = {exp.Lower: "lower", exp.Upper: "upper"}
_OF_EQUALS: _Words = {exp.Coalesce: "coalesce", exp.Least: "least", exp.Greatest: "greatest"}
_LISTED = (exp.ArrayContains, exp.Contains)
FUNCTIONS = (
    "lower, upper, length, starts_with, abs, round, coalesce, least, greatest, list_contains and date_diff('day', …)"
)


class ConditionError(Exception):
    """A condition that is refused; the text says what is wrong and what would be right."""


@dataclass(frozen=True)
class Function:
    """A function of the caller's: called with one text, it stands for the SQL that `to_sql` makes of it.

    `type`: the database's type of the outcome. `reads`: the columns in that SQL, with their types; they need not be
    among those that may be named. `to_sql` may raise `ConditionError`.
    """

    type: str
    to_sql: Callable[[str], str]
    reads: Mapping[str, str]


@dataclass(frozen=True)
class Condition:
    """An expression that was read: its SQL in DuckDB's words, the columns and the caller's functions it uses.

    `kind`: what comes out, in words. `calls`: function and text, for each use of a caller's function.
    """

    sql: str
    kind: str
    columns: frozenset[str]
    calls: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Part:
    sql: str
    kind: str


@dataclass
class _Known:
    columns: Mapping[str, str]
    virtual: Mapping[str, str]
    functions: Mapping[str, Function]
    used: dict[str, str] = field(default_factory=dict)
    calls: set[tuple[str, str]] = field(default_factory=set)


def parse(
    text: str,
    columns: Mapping[str, str],
    *,
    virtual: Mapping[str, str] | None = None,
    functions: Mapping[str, Function] | None = None,
) -> Condition:
    """A condition on a row: true, false or unknown. Raises `ConditionError`, which says what is wrong.

    `columns`: the database's type of each column that may be named. `virtual`: further names, each with the
    expression it stands for. `functions`: further functions, each of one text.
    """
    found = parse_value(text, columns, virtual=virtual, functions=functions)
    if found.kind != "condition":
        raise ConditionError(f"it is a {found.kind} and no condition; compare it with something.")
    return found


def parse_value(
    text: str,
    columns: Mapping[str, str],
    *,
    virtual: Mapping[str, str] | None = None,
    functions: Mapping[str, Function] | None = None,
) -> Condition:
    """An expression of the same language that may be anything but a list or a span of time."""
    known = _Known(columns, virtual or {}, functions or {})
    try:
        part = _read(_tree(text), known, 0)
    except RecursionError as problem:
        raise ConditionError("it is nested too deeply.") from problem
    if part.kind not in ("text", "number", "date", "condition"):
        raise ConditionError(f"it is a {part.kind}, of which nothing can be told; write a text, number or date.")
    found = Condition(part.sql, part.kind, frozenset(known.used), frozenset(known.calls))
    if problem_of_database := _binding_problem(found.sql, tuple(sorted(known.used.items()))):
        raise ConditionError(f"the database does not take it: {problem_of_database}")
    return found


def _tree(text: str) -> exp.Expression:
    if not text.strip():
        raise ConditionError("it is empty.")
    if len(text) > LONGEST_TEXT:
        raise ConditionError(f"it has {len(text)} characters; {LONGEST_TEXT} is the most.")
    try:
        dialect = Dialect.get_or_raise("duckdb")
        # The tokenizer in Rust panics over some broken texts, which ends the process.
        tokens = dialect.tokenizer(use_rs_tokenizer=False).tokenize(text)
        trees = dialect.parser().parse_into(exp.Condition, tokens, text)
    except RecursionError as problem:
        raise ConditionError("it is nested too deeply.") from problem
    except (SqlglotError, ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise ConditionError(_why_unread(problem)) from problem
    if len(trees) != 1 or trees[0] is None:
        raise ConditionError("it is not one expression.")
    return trees[0]


def _why_unread(problem: Exception) -> str:
    errors = [error for error in getattr(problem, "errors", ()) if error.get("description")]
    while errors and not errors[0].get("col") and isinstance(problem.__cause__, SqlglotError):
        problem = problem.__cause__
        errors = getattr(problem, "errors", errors)
    if errors and errors[0].get("col"):
        shown = str(errors[0].get("highlight") or "").strip()
        return f"it is not one expression: it cannot be read at {shown!r}, character {errors[0]['col']}."
    return "it cannot be read as one expression; see that quotes and brackets are closed."


def _read(node: exp.Expression, known: _Known, depth: int) -> _Part:
    """One node and what is under it; a node that is not named here is refused."""
    if depth > DEEPEST:
        raise ConditionError("it is nested too deeply.")

    def part(name: str) -> _Part:
        child = node.args.get(name)
        if not isinstance(child, exp.Expression):
            raise ConditionError(f"{_shown(node)} lacks a part.")
        return _read(child, known, depth + 1)

    def both() -> tuple[_Part, _Part]:
        return part("this"), part("expression")

    def parts(children: Sequence[exp.Expression]) -> list[_Part]:
        return [_read(child, known, depth + 1) for child in children]

    kind = type(node)
    if kind is exp.Paren:
        return part("this")
    if kind is exp.Column:
        return _column(node, known, depth)
    if kind is exp.Literal:
        return _Part(literal(str(node.this)), "text") if node.is_string else _number(str(node.this))
    if kind is exp.Boolean:
        return _Part(str(bool(node.this)).lower(), "condition")
    if kind is exp.Cast:
        return _date(node)
    if kind is exp.Interval:
        return _interval(node)
    if kind in _JOINED:
        return _joined(node, *both())
    if kind is exp.Not:
        return _Part(f"(not {_wanted(part('this'), 'condition', 'not')})", "condition")
    if kind is exp.Is:
        return _is(node, part("this"))
    if kind in _COMPARED or kind in _DISTINCT:
        left, right = _alike(node, *both())
        return _Part(f"({left.sql} {(_COMPARED | _DISTINCT)[kind]} {right.sql})", "condition")
    if kind is exp.Between and not node.args.get("symmetric"):
        value, low, high = _alike(node, part("this"), part("low"), part("high"))
        return _Part(f"({value.sql} between {low.sql} and {high.sql})", "condition")
    if kind is exp.In and isinstance(node.args.get("field"), exp.Expression):
        return _listed(part("field"), part("this"))
    if kind is exp.In and node.expressions and not node.args.get("query") and not node.args.get("unnest"):
        value, *others = _alike(node, part("this"), *parts(node.expressions))
        return _Part(f"({value.sql} in ({', '.join(other.sql for other in others)}))", "condition")
    if kind in _MATCHED:
        texts = [_wanted(side, "text", _MATCHED[kind]) for side in both()]
        return _Part(f"({texts[0]} {_MATCHED[kind]} {texts[1]})", "condition")
    if kind in _CALCULATED:
        return _calculated(node, *both())
    if kind is exp.Neg:
        return _Part(f"(-{_float(_wanted(part('this'), 'number', 'a minus'))})", "number")
    if kind is exp.Abs:
        return _Part(f"abs({_float(_wanted(part('this'), 'number', 'abs'))})", "number")
    if kind is exp.Round:
        return _rounded(node, part("this"))
    if kind in _OF_TEXT:
        return _Part(f"{_OF_TEXT[kind]}({_wanted(part('this'), 'text', _OF_TEXT[kind])})", "text")
    if kind is exp.Length:
        asked = part("this")
        return _Part(f"len({_wanted(asked, 'list of texts' if 'list' in asked.kind else 'text', 'length')})", "number")
    if kind is exp.StartsWith:
        texts = [_wanted(side, "text", "starts_with") for side in both()]
        return _Part(f"starts_with({texts[0]}, {texts[1]})", "condition")
    if kind in _LISTED:
        return _listed(*both())
    if kind in _OF_EQUALS:
        found = _alike(node, part("this"), *parts(node.expressions))
        return _Part(f"{_OF_EQUALS[kind]}({', '.join(one.sql for one in found)})", found[0].kind)
    if kind is exp.DateDiff and str(node.args.get("unit")).upper().strip("'") == "DAY":
        # sqlglot turns the order round: what is later stands first.
        later, earlier = (_wanted(side, "date", "date_diff") for side in both())
        return _Part(f"({later} - {earlier})", "number")
    if kind is exp.Anonymous:
        return _called(node, known)
    if kind is exp.Null:
        raise ConditionError("nothing is equal to null; write … is null, or … is not null.")
    raise ConditionError(_not_allowed(node, known))


def _column(node: exp.Expression, known: _Known, depth: int) -> _Part:
    name = node.name.lower()
    if not isinstance(node, exp.Column) or len(node.parts) != 1:
        raise ConditionError(f"{_shown(node)}: write the column's name alone, {name}.")
    if name in known.virtual:
        return _read(_tree(known.virtual[name]), known, depth + 1)
    if name not in known.columns:
        names = [*known.columns, *known.virtual]
        near = get_close_matches(name, names, n=3)
        raise ConditionError(f"there is no column {name}." + (f" Is it {' or '.join(near)}?" if near else ""))
    kind = known.columns[name].lower()
    known.used[name] = kind
    quoted = '"' + name.replace('"', '""') + '"'
    if kind not in _KINDS and not kind.startswith("decimal"):
        raise ConditionError(f"the column {name} cannot stand in a condition.")
    return _Part(quoted, _KINDS.get(kind, "number"))


def _number(text: str) -> _Part:
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS):
        raise ConditionError(f"{text} is no number of at most {_DIGITS} digits.")
    return _Part(text, "number")


def _date(node: exp.Expression) -> _Part:
    written, wanted = node.this, node.args.get("to")
    is_date = isinstance(wanted, exp.DataType) and wanted.this is exp.DataType.Type.DATE and not wanted.expressions
    if type(node) is not exp.Cast or not (is_date and isinstance(written, exp.Literal) and written.is_string):
        raise ConditionError(f"{_shown(node)} changes a type; the one form of it is date '2026-01-31'.")
    return _day(str(written.this))


def _day(text: str) -> _Part:
    try:
        if len(text) == 10:
            return _Part(f"date {literal(date.fromisoformat(text).isoformat())}", "date")
    except ValueError:
        pass
    raise ConditionError(f"{text!r} is no date; write it as 2026-01-31.")


def _interval(node: exp.Expression) -> _Part:
    count, unit = node.this, _UNITS.get(str(node.args.get("unit")).upper())
    text = str(count.this) if isinstance(count, exp.Literal) else ""
    if unit is None or not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= _LONGEST_INTERVAL):
        raise ConditionError(f"{_shown(node)}: write a span of time as interval 30 days, or weeks, months or years.")
    return _Part(f"interval {int(text)} {unit.lower()}", "span of time")


def _joined(node: exp.Expression, left: _Part, right: _Part) -> _Part:
    word = _JOINED[type(node)]
    return _Part(f"({_wanted(left, 'condition', word)} {word} {_wanted(right, 'condition', word)})", "condition")


def _is(node: exp.Expression, value: _Part) -> _Part:
    asked = node.args.get("expression")
    if isinstance(asked, exp.Null):
        return _Part(f"({value.sql} is null)", "condition")
    if isinstance(asked, exp.Boolean):
        return _Part(f"({_wanted(value, 'condition', 'is')} is {str(bool(asked.this)).lower()})", "condition")
    raise ConditionError(f"{_shown(node)}: after is stands null, true or false.")


def _listed(texts: _Part, value: _Part) -> _Part:
    if texts.kind != "list of texts" or value.kind != "text":
        raise ConditionError(f"a text is looked for in a list of texts, not a {value.kind} in a {texts.kind}.")
    return _Part(f"list_contains({texts.sql}, {value.sql})", "condition")


def _calculated(node: exp.Expression, left: _Part, right: _Part) -> _Part:
    sign, kinds = _CALCULATED[type(node)], (left.kind, right.kind)
    if kinds == ("number", "number"):
        divisor = f"nullif({right.sql}, 0)" if sign == "/" else right.sql
        return _Part(f"({_float(left.sql)} {sign} {_float(divisor)})", "number")
    if kinds == ("date", "span of time") and sign in "+-":
        return _Part(f"cast({left.sql} {sign} {right.sql} as date)", "date")
    if kinds == ("date", "number") and sign in "+-":
        days = f"least(greatest(round({_float(right.sql)}), -{_FURTHEST_DAYS}), {_FURTHEST_DAYS})"
        return _Part(f"({left.sql} {sign} cast({days} as integer))", "date")
    if kinds == ("date", "date") and sign == "-":
        return _Part(f"({left.sql} - {right.sql})", "number")
    raise ConditionError(f"{_shown(node)}: a {left.kind} {sign} a {right.kind} is nothing.")


def _float(sql: str) -> str:
    """A number that no calculation can make too large: one person's must not stop the night."""
    return f"cast({sql} as double)"


def _rounded(node: exp.Expression, value: _Part) -> _Part:
    places = node.args.get("decimals")
    text = str(places.this) if isinstance(places, exp.Literal) else "0" if places is None else ""
    if node.args.get("truncate") or text not in tuple("0123456"):
        raise ConditionError("round takes a number and how many places, from 0 to 6.")
    return _Part(f"round({_wanted(value, 'number', 'round')}, {text})", "number")


def _called(node: exp.Expression, known: _Known) -> _Part:
    name, given = str(node.this).lower(), node.expressions
    function = known.functions.get(name)
    if function is None:
        raise ConditionError(_not_allowed(node, known))
    if len(given) != 1 or not (isinstance(given[0], exp.Literal) and given[0].is_string):
        raise ConditionError(f"{name} is asked with one text between quotes: {name}('…').")
    text = str(given[0].this)
    sql = function.to_sql(text)
    known.calls.add((name, text))
    known.used |= function.reads
    return _Part(f"({sql})", _KINDS.get(function.type.lower(), "number"))


def _alike(node: exp.Expression, *found: _Part) -> list[_Part]:
    """The parts as one kind: a text beside a date is read as one."""
    kinds = {one.kind for one in found}
    parts = list(found)
    if kinds == {"date", "text"}:
        parts = [one if one.kind == "date" else _day_of_text(node, one) for one in found]
        kinds = {"date"}
    if len(kinds) > 1:
        first, second = sorted(kinds)[:2]
        raise ConditionError(f"{_shown(node)} sets a {first} beside a {second}.")
    if kinds & {"list of texts", "span of time"}:
        raise ConditionError(f"{_shown(node)}: a {kinds.pop()} cannot be compared.")
    return parts


def _day_of_text(node: exp.Expression, text: _Part) -> _Part:
    if not text.sql.startswith("'"):
        raise ConditionError(f"{_shown(node)} sets a date beside a text.")
    return _day(text.sql[1:-1].replace("''", "'"))


def _wanted(part: _Part, kind: str, by: str) -> str:
    if part.kind != kind:
        raise ConditionError(f"{by} takes a {kind}, and {part.sql} is a {part.kind}.")
    return part.sql


def _not_allowed(node: exp.Expression, known: _Known) -> str:
    if isinstance(node, exp.Query) or node.find(exp.Query):
        return "a query has no place in a condition."
    if isinstance(node, exp.Func):
        name = str(node.this) if isinstance(node, exp.Anonymous) else node.sql_name()
        own = "".join(f", {function}('…')" for function in known.functions)
        return f"{name.lower()} is no function of conditions. They know {FUNCTIONS}{own}."
    return f"{_shown(node)} has no place in a condition."


def _shown(node: exp.Expression) -> str:
    try:
        text = node.sql(dialect="duckdb", comments=False)
    except (SqlglotError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        text = type(node).__name__.lower()
    return text if len(text) <= 60 else text[:57] + "…"


@lru_cache(maxsize=4096)
def _binding_problem(sql: str, columns: tuple[tuple[str, str], ...]) -> str | None:
    """What the database says against the SQL over columns of these types; None if it takes it."""
    given = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns) or "1"
    try:
        _database().cursor().execute(f"select {sql} from (select {given})").fetchall()
    except duckdb.Error as problem:
        return str(problem).splitlines()[0]
    return None


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1, "enable_external_access": False})
