"""The leaves import nothing of each other, and nothing but the pipeline's own folders reaches the demo's truth."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
RUFF = Path(sys.executable).parent / "ruff"
FORBIDDEN = {
    "ingestion": {
        "identity", "attribution", "prediction", "expectations", "dagster_project", "dagster", "dagster_dbt", "dbt",
        "great_expectations",
    },
    "identity": {
        "ingestion", "attribution", "prediction", "expectations", "dagster_project", "dagster", "dagster_dbt", "dbt",
        "dlt", "great_expectations", "duckdb",
    },
    "attribution": {
        "ingestion", "identity", "prediction", "expectations", "dagster_project", "dagster", "dagster_dbt", "dbt",
        "dlt", "great_expectations", "duckdb",
    },
    "prediction": {
        "ingestion", "identity", "attribution", "expectations", "dagster_project", "dagster", "dagster_dbt", "dbt",
        "dlt", "great_expectations", "duckdb",
    },
    "expectations": {
        "ingestion", "identity", "attribution", "prediction", "dagster_project", "dagster", "dagster_dbt", "dbt", "dlt",
    },
    "reports": {
        "ingestion", "identity", "attribution", "prediction", "expectations", "dagster_project", "dagster",
        "dagster_dbt", "dbt", "dlt", "great_expectations",
    },
}  # fmt: skip


def modules(folder):
    return sorted((PROJECT / folder).rglob("*.py"))


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("leaf", FORBIDDEN)
def test_leaves_never_import_each_other(leaf):
    assert modules(leaf)
    found = {
        (file.name, name) for file in modules(leaf) for name in imported(file) if name.split(".")[0] in FORBIDDEN[leaf]
    }
    assert not found


@pytest.mark.parametrize("leaf", FORBIDDEN)
def test_the_linter_enforces_the_same_rule(leaf):
    outcome = subprocess.run(
        [RUFF, "check", "--select", "TID251", "--stdin-filename", f"{leaf}/probe.py", "-"],
        cwd=PROJECT, input="import dagster\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome.returncode == 1
    assert "TID251" in outcome.stdout


def test_the_demo_company_is_reached_only_as_a_company_is():
    """Connectors do not know the demo; the truth's folder is named nowhere outside it."""
    for folder in ("ingestion", "identity", "attribution", "expectations", "dagster_project"):
        for file in modules(folder):
            if "demo" in file.parts:
                continue
            names = set(imported(file))
            if folder != "dagster_project":
                assert not any("demo" in name.split(".") for name in names), file
            assert "truth" not in file.read_text().lower() or file.parent.name == "identity", file
    for file in (PROJECT / "dbt").rglob("*.sql"):
        assert "truth" not in file.read_text().lower(), file


def test_every_module_says_what_belongs_in_it():
    for folder in (*FORBIDDEN, "dagster_project"):
        for file in modules(folder):
            docstring = ast.get_docstring(ast.parse(file.read_text()))
            assert docstring, file


def test_every_model_states_its_grain_on_line_1():
    models = [*(PROJECT / "dbt" / "models").rglob("*.sql"), *(PROJECT / "dbt" / "models").rglob("*.py")]
    assert models
    for file in models:
        first = file.read_text().splitlines()[0]
        assert first.startswith(("-- Grain: one row per", '"""Grain: one row per', "# Grain: one row per")), file
