"""A few of the warehouse's models on tables at hand, without dbt: their own SQL and Python, and the macros they call.

Here: rendering and running one model after the other, as on a first night or a later one. Not here: what is measured or
tested with it, nor the tables it begins with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
from jinja2 import Environment, Template

DBT = Path(__file__).parents[1] / "dbt"
# The macros that need nothing of dbt but the names below.
_MACROS = (
    *("reporting", "marts_time", "marts_money", "marts_incremental", "largest_remainder", "attribution"),
    *("lifecycle", "value", "rfm", "features", "tags", "types", "kpis"),
)


class Models:
    """Models by name, each a table or view of that name in a database, where all that they refer to has to be."""

    def __init__(self, session: duckdb.DuckDBPyConnection, settings: dict[str, str] | None = None) -> None:
        self.session, self.settings = session, settings or {}
        self.session.execute("set TimeZone = 'UTC'")

    def prepare(self, name: str) -> None:
        """Read a model's template, so that building it is its own work only."""
        (file,) = _files(name)
        if file.suffix == ".sql":
            text = file.read_text()
            hook = _hook(text)
            for template_text in (text, hook) if hook else (text,):
                self.rendered(template_text)

    def build(self, name: str) -> None:
        """Build a model, or bring it up to what it refers to when it is incremental and built already."""
        (file,) = _files(name)
        if file.suffix == ".py":
            self.session.register("rows_of_model", self._from_python(file))
            self.session.execute(f"create or replace table {name} as from rows_of_model")
            self.session.unregister("rows_of_model")
            return
        text = file.read_text()
        is_later = "materialized='incremental'" in text and self._exists(name)
        hook = _hook(text)
        query = self._rendered(name, text, is_later)
        if is_later:
            if hook:
                self.session.execute(self._rendered(name, hook, is_later))
            self.session.execute(f"insert into {name} {query}")
        else:
            kind = "view" if "materialized='view'" in text else "table"
            self.session.execute(f"create or replace {kind} {name} as {query}")

    def rendered(self, text: str) -> str:
        """The SQL of a text as if it stood in a model that is built for the first time."""
        return self._rendered("", text, False)

    def _exists(self, name: str) -> bool:
        found = self.session.execute("select 1 from duckdb_tables() where table_name = $1", [name]).fetchone()
        return found is not None

    def _rendered(self, name: str, text: str, is_later: bool) -> str:
        return template(text, _MACROS).render(
            config=lambda **_: "",
            ref=lambda model: model,
            source=lambda _, table: table,
            this=name,
            is_incremental=lambda: is_later,
            execute=True,
            run_query=lambda query: SimpleNamespace(rows=self.session.execute(query).fetchall()),
            env_var=lambda variable, default="": self.settings.get(variable, default),
        )

    def _from_python(self, file: Path) -> Any:
        spec = spec_from_file_location(file.stem, file)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(file)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.model(_Dbt(self.session), self.session)


def _files(name: str) -> list[Path]:
    return [file for file in (DBT / "models").rglob(f"{name}.*") if file.suffix in (".sql", ".py")]


def _hook(text: str) -> str | None:
    found = re.search(r'pre_hook="(\{\{.*?\}\})"', text, flags=re.S)
    return found[1] if found else None


def opened(file: Path, memory: str) -> duckdb.DuckDBPyConnection:
    """A database file on two threads that spills beside itself what `memory` does not hold; times are UTC."""
    spill = {"threads": 2, "memory_limit": memory, "temp_directory": f"{file}.tmp", "preserve_insertion_order": False}
    session = duckdb.connect(str(file), config=spill)
    session.execute("set TimeZone = 'UTC'")
    return session


def stop_unless_same(session: duckdb.DuckDBPyConnection, kept: Mapping[str, str]) -> None:
    """Exit unless each table is, row by row, its `two_nights_` twin but for the columns named with it."""
    for table, bookkeeping in kept.items():
        columns = f"* exclude ({bookkeeping})" if bookkeeping else "*"
        for one, other in ((table, f"two_nights_{table}"), (f"two_nights_{table}", table)):
            extra = session.sql(f"select {columns} from {one} except all select {columns} from {other}").fetchall()
            if extra:
                raise SystemExit(f"{len(extra)} rows are in {one} and not in {other}; the first: {extra[0]}")


@cache
def template(text: str, macros: tuple[str, ...]) -> Template:
    """A text with the macros of these files before it; what else it names of dbt is given when it is rendered.

    Tables are built at once, whatever their size.
    """
    before = "".join((DBT / "macros" / f"{name}.sql").read_text() for name in macros)
    environment = Environment(extensions=["jinja2.ext.do"])
    environment.globals.update(slices=lambda keys, most: 1, in_slice=lambda key, slices: "true")
    return environment.from_string(before + text)


class _Dbt:
    """What dbt hands to a Python model."""

    def __init__(self, session: duckdb.DuckDBPyConnection) -> None:
        self.ref = session.table
        self._session = session

    def source(self, _: str, table: str) -> duckdb.DuckDBPyRelation:
        """A table that no model makes."""
        return self._session.table(table)

    def config(self, **_: Any) -> None:
        """Nothing to configure here."""
