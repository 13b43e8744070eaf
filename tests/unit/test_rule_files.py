"""Rule files are checked before a run, and a refusal names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dagster_project.config import PROJECT, ConfigurationError
from dagster_project.rule_files import (
    TOUCHPOINT_TYPES,
    check_journeys,
    check_order_statuses,
    check_source_regions,
    check_source_trust,
)


def test_the_shipped_files_are_in_order():
    check_order_statuses(PROJECT / "seeds" / "order_statuses.csv")
    check_source_trust(PROJECT / "seeds" / "source_trust.csv")
    check_source_regions(PROJECT / "seeds" / "source_regions.csv")
    check_journeys(PROJECT / "seeds" / "journeys.csv", PROJECT / "seeds" / "export_words.csv")


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


JOURNEYS = "journey,step,step_name,touchpoint_types,channels,orders_before,only_eligible,within,is_optional,ended_by\n"
WORDS = "field,word,meaning\ntouchpoint_type,wlan,wifi\nmessage_event,wlan,lan\n"


def _check_journeys(tmp_path: Path, text: str) -> None:
    (tmp_path / "journeys.csv").write_text(text, encoding="utf-8")
    (tmp_path / "export_words.csv").write_text(WORDS, encoding="utf-8")
    check_journeys(tmp_path / "journeys.csv", tmp_path / "export_words.csv")


def test_a_journey_of_ones_own_is_taken(tmp_path: Path):
    _check_journeys(
        tmp_path,
        JOURNEYS + "j,2,b,page_view|wifi,email|sms,1+,y,90m,y,\nj,1,a,ad_click,,0,,,,\nj,3,c,order,,,,7d,,refund\n"
        "k,1,a,review,,,,,,\n",
    )
    _check_journeys(tmp_path, JOURNEYS)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("j,1,a,ad_clik,,,,,,", "line 2: 'ad_clik' is no type of touchpoint"),
        ("j,1,a,,,,,,,", "line 2: '' is no type of touchpoint"),
        ("j,1,a,lan,,,,,,", "line 2: 'lan' is no type"),
        ("j,1,a,order,,,,,,\nj,2,b,order,,,,1d,,refnd", "line 3: 'refnd' is no type"),
        ("j,1,a,order,,,,,,\nj,3,b,order,,,,1d,,", "line 3: j has a step 3 and no step 2"),
        ("j,2,b,order,,,,1d,,", "line 2: j has a step 2 and no step 1"),
        ("j,0,a,order,,,,,,", "line 2: the step is '0'"),
        ("j,9,a,order,,,,1d,,", "line 2: the step is '9'"),
        ("j,one,a,order,,,,,,", "line 2: the step is 'one'"),
        ("j,1,a,order,,,,,,\nj,1,b,order,,,,,,", "line 3: step 1, b, of j has the number or the name of line 2"),
        ("j,1,a,order,,,,,,\nj,2,a,order,,,,1d,,", "line 3: step 2, a, of j has the number or the name of line 2"),
        ("j,1,a,order,,,,,,\nj,2,b,order,,,,-1d,,", "line 3: the time allowed since the step before is '-1d'"),
        ("j,1,a,order,,,,,,\nj,2,b,order,,,,0d,,", "line 3: the time allowed since the step before is '0d'"),
        ("j,1,a,order,,,,,,\nj,2,b,order,,,,7,,", "line 3: the time allowed since the step before is '7'"),
        ("j,1,a,order,,,,,,\nj,2,b,order,,,,,,", "line 3: the time allowed since the step before is ''"),
        ("j,1,a,order,,,,1d,,", "line 2: a journey begins with its first step"),
        ("j,1,a,order,,,,,y,", "line 2: a journey begins with its first step"),
        ("j,1,a,order,,,,,,refund", "line 2: a journey begins with its first step"),
        ("j,1,a,order,,,,,,\nj,2,b,order,,,,1d,y,", "line 3: the last step of j is optional"),
        ("j,1,a,order,,,,,,\nj,2,b,order,,,,1d,no,", "line 3: is_optional is 'no'"),
        ("j,1,a,order,,,yes,,,", "line 2: only_eligible is 'yes'"),
        (
            "j,1,a,order,,,,,,\nj,2,b,review,,,,25h,y,\nj,3,c,order,,,,1d,,",
            "line 3: the optional step b is allowed 25h, longer than 1d of c",
        ),
        ("j,1,a,order,,,,,,\nj,2,b,review,,,,1h,y,order\nj,3,c,order,,,,1d,,", "line 3: an optional step is ended by"),
        ("j,1,a,order,,first,,,,", "line 2: orders_before is 'first'"),
        ("j,1,a,order,,-1,,,,", "line 2: orders_before is '-1'"),
        ("j,1,a,order,a b,,,,,", "line 2: the channels are 'a b'"),
        ("My journey,1,a,order,,,,,,", "line 2: journey is 'My journey'"),
        ("j,1,,order,,,,,,", "line 2: step_name is ''"),
        ("j,1,a,order,,", "line 2: a line has 10 cells"),
        ("j,1,a,order,,,,,,,", "line 2: a line has 10 cells"),
    ],
)
def test_a_mistake_in_a_journey_is_named_with_its_line(tmp_path: Path, lines: str, told: str):
    with pytest.raises(ConfigurationError) as refusal:
        _check_journeys(tmp_path, JOURNEYS + lines + "\n")
    assert f"journeys.csv, {told}" in str(refusal.value)


def test_the_types_that_journeys_may_name_are_those_of_the_touchpoints():
    models = yaml.safe_load((PROJECT / "dbt/models/marts/_marts.yml").read_text(encoding="utf-8"))["models"]
    touchpoints = next(model for model in models if model["name"] == "touchpoints")
    kind = next(column for column in touchpoints["columns"] if column["name"] == "touchpoint_type")
    values = kind["data_tests"][0]["accepted_values"]["arguments"]["values"]
    # Visits to a store come from exports alone, whose kinds of contact the models do not limit.
    assert sorted({*values, "store_visit"}) == sorted(TOUCHPOINT_TYPES)
