"""Every example of docs/bi.md runs on a published file, as it stands there."""

import re

import duckdb
import pytest

from tests.integration.conftest import PROJECT, Home

PAGE = (PROJECT / "docs" / "bi.md").read_text("utf-8")


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", PAGE, flags=re.S))
def test_a_query_answers(home: Home, query: str):
    with duckdb.connect(str(home.published), read_only=True) as reader:
        assert reader.execute(query).fetchall()


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", PAGE, flags=re.S))
def test_a_program_prints_what_is_published(home: Home, program: str, tmp_path, monkeypatch, capsys):
    (tmp_path / ".omnihouse").symlink_to(home.path)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "docs/bi.md", "exec"), {})
    assert capsys.readouterr().out.strip()
