"""The warehouse's own models as dbt would compile them, for tests that run a few of them on tables of their own.

Here: where a model's table is, and its SQL. Not here: the tables before it, and which models make a night.
"""

from __future__ import annotations

from functools import cache

from bench.rendered import DBT, template

MODELS = DBT / "models"


@cache
def relation(name: str) -> str:
    """Schema and name: the schema is the model's folder, or else it is a rule file's."""
    found = [file for file in MODELS.rglob(f"{name}.*") if file.suffix in (".sql", ".py")]
    return f"{found[0].relative_to(MODELS).parts[0]}.{name}" if found else f"seeds.{name}"


def model_text(name: str) -> str:
    """A model's text as it stands in its file."""
    return next(MODELS.rglob(f"{name}.sql")).read_text()


def compiled(text: str, *macros: str, **names: object) -> str:
    """The SQL of a model's text with the shipped settings; `names`: what it asks of dbt beyond its tables."""
    given = {
        "ref": relation,
        "source": lambda schema, table: f"{schema}.{table}",
        "config": lambda **_: "",
        "env_var": lambda _, default="": default,
    }
    return template(text, macros).render(given | names)
