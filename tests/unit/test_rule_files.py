"""Rule files are checked before a run, and a refusal names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.config import PROJECT, ConfigurationError
from dagster_project.rule_files import (
    check_order_rules,
    check_order_statuses,
    check_source_regions,
    check_source_trust,
)


def test_the_shipped_files_are_in_order():
    check_order_statuses(PROJECT / "seeds" / "order_statuses.csv")
    check_order_rules(PROJECT / "seeds" / "order_rules.csv")
    check_source_trust(PROJECT / "seeds" / "source_trust.csv")
    check_source_regions(PROJECT / "seeds" / "source_regions.csv")


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


@pytest.mark.parametrize(
    ("check", "name", "text", "told"),
    [
        (check_order_rules, "order_rules.csv", "field,value\n", "line 1: the header has to be field,value,meaning"),
        (
            check_order_rules,
            "order_rules.csv",
            "field,value,meaning,source_system\nname,x,test,\n",
            "line 2: a line is",
        ),
        (check_order_rules, "order_rules.csv", "field,value,meaning,source_system\ntag,x,gift,\n", "line 2: a line is"),
        (check_order_rules, "order_rules.csv", "field,value,meaning,source_system\ntag, x,test,\n", "line 2: the word"),
        (
            check_order_rules,
            "order_rules.csv",
            "field,value,meaning,source_system\ntag,x,test,\ntag,X,exchange,\n",
            "line 3: tag 'X' stands in line 2",
        ),
        (check_source_trust, "source_trust.csv", "attribute,rank\n", "line 1: the header has to be attribute,source"),
        (
            check_source_trust,
            "source_trust.csv",
            "attribute,source_system,rank\ncolour,pos,1\n",
            "line 2: the attribute",
        ),
        (check_source_trust, "source_trust.csv", "attribute,source_system,rank\ncity,,1\n", "line 2: a line is"),
        (check_source_trust, "source_trust.csv", "attribute,source_system,rank\ncity, pos,1\n", "line 2: a line is"),
        (
            check_source_trust,
            "source_trust.csv",
            "attribute,source_system,rank\ncity,pos,0\n",
            "line 2: the rank is '0'",
        ),
        (check_source_trust, "source_trust.csv", "attribute,source_system,rank\ncity,pos,1.5\n", "line 2: the rank"),
        (check_source_trust, "source_trust.csv", "attribute,source_system,rank\ncity,pos\n", "line 2: the rank is ''"),
        (
            check_source_trust,
            "source_trust.csv",
            "attribute,source_system,rank\ncity,pos,1\ncity,crm,1\ncity,pos,2\n",
            "line 4: city of pos has its rank in line 2",
        ),
        (check_source_regions, "source_regions.csv", "source_system\n", "line 1: the header has to be source_system,d"),
        (check_source_regions, "source_regions.csv", "source_system,default_region\ncrm,China\n", "line 2: a line is"),
        (check_source_regions, "source_regions.csv", "source_system,default_region\n,CN\n", "line 2: a line is"),
        (
            check_source_regions,
            "source_regions.csv",
            "source_system,default_region\ncrm,CN\ncrm,GB\n",
            "line 3: crm stands in line 2",
        ),
    ],
)
def test_a_mistake_in_trust_or_regions_is_named_with_its_line(tmp_path: Path, check, name: str, text: str, told: str):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told) as refusal:
        check(file)
    assert name in str(refusal.value)
