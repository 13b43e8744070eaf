"""What a night leaves for those who look: the front page, the table reference, and the questions on it."""

from __future__ import annotations

import json

import pytest

import reports
from dagster_project import pages
from dagster_project.config import House
from tests.integration.conftest import Home
from tests.pages import check


@pytest.fixture(scope="module")
def house(company: Home, newest_publication: None) -> House:
    return House(company.path)


def test_every_page_opens_by_itself_and_leads_somewhere(house: House):
    """Through the fixed link and through the release, which lie at different depths."""
    for top in (house.published, house.published / "current"):
        front = check(top / "index.html")
        assert {"reports/tables.html", "quality/index.html", "quality/streams.html"} <= set(front.links)
        for file in (top / "reports").glob("*.html"):
            assert check(file).links.count("../index.html") == 1
    manifest = json.loads((house.published / "current" / "manifest.json").read_text())
    assert {"index.html", "reports/tables.html", "reports/strategic.html"} <= set(manifest["files"])
    assert not any(name.startswith("quality") for name in manifest["files"])


def test_every_published_table_and_column_has_a_meaning_and_a_question_with_an_answer(house: House):
    asked = pages.examples(house)
    folder = house.published / "current"
    told = check(folder / "reports" / "tables.html").text
    seen = set()
    for file in (folder / "omnihouse.duckdb", folder / reports.RESTRICTED):
        with reports.opened(file) as reader:
            columns = reader.rows(
                "select schema_name || '.' || table_name as name, column_name, comment from duckdb_columns()"
                " where not internal"
            )
            assert [column for column in columns if not column["comment"]] == []
            assert all(column["comment"] in told for column in columns)
            for table in {column["name"] for column in columns}:
                assert table in asked, f"{table} has no example in the meta of its model"
                assert table in asked[table].sql
                assert reader.rows(asked[table].sql), f"the question of {table} has no answer"
                seen.add(table)
    assert set(asked) == seen, "a question of a table that is not published"


def test_no_page_names_a_customer(house: House):
    contacts = house.published / "current" / reports.RESTRICTED
    with reports.opened(contacts) as reader:
        known = reader.rows("select full_name, phone, email from restricted.customer_contacts")
    said = {value for row in known for value in row.values() if value}
    names = {value for value in said if " " in value or not value.isascii() or any(map(str.isdigit, value))}
    assert names
    for file in (house.published / "current").glob("**/*.html"):
        text = file.read_text("utf-8")
        assert not [name for name in names if name in text], file
