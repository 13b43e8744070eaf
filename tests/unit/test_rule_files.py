"""Rule files are checked before a run, and a refusal names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.config import PROJECT, ConfigurationError
from dagster_project.rule_files import check_order_statuses


def test_the_shipped_words_are_in_order():
    check_order_statuses(PROJECT / "seeds" / "order_statuses.csv")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("word,meaning\npaid,paid\n", "line 1"),
        ("status,meaning\npaid,paid\nsent,shipped\n", "line 3"),
        ("status,meaning\n,paid\n", "line 2"),
        ("status,meaning\npaid\n", "line 2"),
        ("status,meaning\npaid,paid,twice\n", "line 2"),
        ("status,meaning\n已付款,paid\nPaid,paid\npaid,pending\n", "line 4"),
        ("", "line 1"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, told: str):
    file = tmp_path / "order_statuses.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told) as refusal:
        check_order_statuses(file)
    assert "order_statuses.csv" in str(refusal.value)


def test_another_encoding_is_refused(tmp_path: Path):
    file = tmp_path / "order_statuses.csv"
    file.write_bytes("status,meaning\n已付款,paid\n".encode("gb18030"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        check_order_statuses(file)
