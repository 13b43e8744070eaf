"""Notebooks show every figure of their report, begin with their question, and bring no query of their own but one."""

from __future__ import annotations

import ast
from pathlib import Path

import duckdb
import pytest

import reports
from dagster_project import dbt_docs, project
from dagster_project.config import ConfigurationError, House
from reports import customer, identity, live
from reports.reader import Reader
from tests.pages import Page

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOKS = PROJECT / "notebooks"
REPORTS = {of.name: of for of in (*reports.NIGHTLY, identity.REPORT)}


@pytest.mark.parametrize("name", [*REPORTS, "customer_360"])
def test_a_notebook_shows_its_question_and_every_figure(name: str):
    source = (NOTEBOOKS / f"{name}.py").read_text()
    figures = REPORTS[name].figures if name in REPORTS else (*customer.FIGURES, customer.contacts)
    question = REPORTS[name].question if name in REPORTS else customer.QUESTION
    assert (ast.get_docstring(ast.parse(source)) or "").endswith(question)
    module = "customer" if name == "customer_360" else name
    for figure in figures:
        assert f"{module}.{figure.__name__}(" in source, f"{name} does not show {figure.__name__}"


def test_the_page_of_notebooks_leads_to_each():
    listed = next(
        ast.literal_eval(node.value)
        for node in ast.parse((NOTEBOOKS / "serve.py").read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ORDER"
    )
    assert set(listed) == {file.stem for file in NOTEBOOKS.glob("*.py")} - {"serve"}


def test_what_somebody_asks_by_themselves():
    reader = Reader(duckdb.connect())
    assert live.answer(reader, "select 1 as a;").rows == [{"a": 1}]
    assert "first 2 rows" in live.answer(reader, "select * from range(5)", most=2).title
    assert "nothing" in live.answer(reader, "select nothing").title
    assert live.answer(reader, " ").rows == ()
    assert "<script>" not in live.html(live.answer(reader, "select '<script>' as a"))


def test_without_a_publication_somebody_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMNIHOUSE_HOME", str(tmp_path))
    with pytest.raises(live.NothingPublished, match="make run"):
        live.published()
    assert live.restricted() is None
    assert "may not open" in customer.contacts(None, "c_1").title


def test_every_rule_of_a_link_has_a_reason_in_words():
    rules = [line.split(",")[0] for line in (PROJECT / "seeds" / "identity_rules.csv").read_text().splitlines()[1:]]
    assert {*rules, "anchor", "override", "probable"} <= set(customer.REASONS)


def test_the_documentation_of_dbt_asks_its_maker_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    house = House(tmp_path)
    with pytest.raises(ConfigurationError, match="Run first"):
        dbt_docs.write(house)
    house.warehouse.touch()
    project.target(house).mkdir(parents=True)

    class Made:
        returncode, stdout, stderr = 0, "", ""

    def generate(*arguments: object) -> type[Made]:
        page = '<html><body>i.async=1,i.src="//d1fc8wv8zag5ca.cloudfront.net/2.9.0/sp.js"</body></html>'
        (project.target(house) / "static_index.html").write_text(page)
        return Made

    monkeypatch.setattr(project, "manifest", lambda house: {})
    monkeypatch.setattr(project, "run_dbt", generate)
    page = dbt_docs.write(house).read_text()
    assert "//" not in page
    assert Page.read(page).fetched == []
