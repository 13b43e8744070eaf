"""Rule files are checked before a run, and a refusal names file and line."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from dagster_project.config import PROJECT, ConfigurationError
from dagster_project.rule_files import (
    check_all,
    check_anomaly_config,
    check_attribution_config,
    check_conversion_exports,
    check_journeys,
    check_kpi_config,
    check_lifecycle_config,
    check_order_rules,
    check_order_statuses,
    check_source_regions,
    check_source_trust,
)
from dagster_project.rule_files.journeys import TOUCHPOINT_TYPES


def test_the_shipped_files_are_in_order():
    check_all(lambda name: PROJECT / "seeds" / name)


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


_CREDIT = "lookback_days,half_life_days,max_channels,collapse_repeats,exposure_window_days"


@pytest.mark.parametrize("line", ["30,7,11,false,", "1,0.5,1,true,0.125", "999,30.000,9,false,2"])
def test_settings_of_attribution_that_fit(tmp_path: Path, line: str):
    file = tmp_path / "attribution_config.csv"
    file.write_text(f"{_CREDIT}\n{line}\n", encoding="utf-8")
    check_attribution_config(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lookback_days\n30\n", "line 1: the header has to be lookback_days,half_life_days"),
        (f"{_CREDIT}\n", "it has 0 lines"),
        (f"{_CREDIT}\n30,7,11,false,\n60,7,11,false,\n", "it has 2 lines"),
        (f"{_CREDIT}\n30,7,11,false,,9\n", "line 2: the line has more cells"),
        (f"{_CREDIT}\n0,7,11,false,\n", "line 2: lookback_days is '0'"),
        (f"{_CREDIT}\n30.5,7,11,false,\n", "line 2: lookback_days is '30.5'"),
        (f"{_CREDIT}\n30,0.000,11,false,\n", "line 2: half_life_days is '0.000'"),
        (f"{_CREDIT}\n30,-7,11,false,\n", "line 2: half_life_days is '-7'"),
        (f"{_CREDIT}\n30,7,12,false,\n", "line 2: max_channels is '12'"),
        (f"{_CREDIT}\n30,7,11,yes,\n", "line 2: collapse_repeats is 'yes'"),
        (f"{_CREDIT}\n30,7,11\n", "line 2: collapse_repeats is ''"),
        (f"{_CREDIT}\n30,7,11,false,0\n", "line 2: exposure_window_days is '0'"),
    ],
)
def test_settings_of_attribution_that_do_not_fit_are_named(tmp_path: Path, text: str, told: str):
    file = tmp_path / "attribution_config.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        check_attribution_config(file)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("4,6,20,0.2", None),
        ("3.5,12,1,1", None),
        ("0,6,20,0.2", "line 2: threshold is '0'"),
        ("4,13,20,0.2", "line 2: min_days is '13'; write a whole number from 2 to 12"),
        ("4,6,,0.2", "line 2: min_rows is ''"),
        ("4,6,20,0", "line 2: least_shift is '0'; write a number above 0"),
        ("4,6,20,0.2,1", "line 2: the line has more cells"),
    ],
)
def test_settings_of_what_is_unusual(tmp_path: Path, line: str, told: str | None):
    file = tmp_path / "anomaly_config.csv"
    file.write_text(f"threshold,min_days,min_rows,least_shift\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told) if told else nullcontext():
        check_anomaly_config(file)


@pytest.mark.parametrize("line", ["0.40", ".5", "1", "1.0000", "0.0001"])
def test_a_margin_that_fits(tmp_path: Path, line: str):
    file = tmp_path / "kpi_config.csv"
    file.write_text(f"margin_share\n{line}\n", encoding="utf-8")
    check_kpi_config(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("margin\n0.4\n", "line 1: the header has to be margin_share"),
        ("margin_share\n", "it has 0 lines"),
        ("margin_share\n0.4\n0.5\n", "it has 2 lines"),
        ("margin_share\n0.00\n", "line 2: margin_share is '0.00'"),
        ("margin_share\n40%\n", "line 2: margin_share is '40%'"),
        ("margin_share\n1.01\n", "line 2: margin_share is '1.01'"),
        ("margin_share\n0.4,1\n", "line 2: margin_share is '0.4'"),
        ("margin_share\n0.00001\n", "line 2: margin_share is '0.00001'"),
    ],
)
def test_a_margin_that_does_not_fit_is_named(tmp_path: Path, text: str, told: str):
    file = tmp_path / "kpi_config.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        check_kpi_config(file)


CONVERSIONS = (
    "platform,action,click_days,click_expires_days,upload_days,adjustment_days,hashed_identifiers,channels,timezone\n"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("platform,action\n", "line 1: the header has to be platform,action,click_days"),
        (CONVERSIONS + "google_ads,Purchase\n", "line 2: a line has 9 cells"),
        (CONVERSIONS + "google_ads,Purchase,90,90,63,55,never,,,more\n", "line 2: a line has 9 cells"),
        (CONVERSIONS + "tiktok_ads,Purchase,90,90,63,55,never,,\n", "line 2: the platform is 'tiktok_ads'"),
        (CONVERSIONS + "google_ads,,90,90,63,55,never,,\n", "line 2: the action is ''"),
        (CONVERSIONS + "google_ads,=Purchase,90,90,63,55,never,,\n", "line 2: the action is '=Purchase'"),
        (CONVERSIONS + 'google_ads,"Pur\nchase",90,90,63,55,never,,\n', "the action is 'Pur.*nchase'"),
        (CONVERSIONS + "google_ads,Purchase,,90,63,55,never,,\n", "line 2: click_days is ''; .* 9999[.]"),
        (CONVERSIONS + "google_ads,Purchase,90,0,63,55,never,,\n", "line 2: click_expires_days is '0'.*or nothing"),
        (CONVERSIONS + "google_ads,Purchase,90,,6.5,55,never,,\n", "line 2: upload_days is '6.5'"),
        (CONVERSIONS + "google_ads,Purchase,90,,63,-1,never,,\n", "line 2: adjustment_days is '-1'"),
        (
            CONVERSIONS + "google_ads,Purchase,90,,63,,true,,\n",
            "line 2: hashed_identifiers is 'true'; .*never, without",
        ),
        (CONVERSIONS + "google_ads,Purchase,90,,63,,always,,\n", "line 2: hashed_identifiers is always; Google"),
        (CONVERSIONS + "oceanengine,pay,30,,30,,without_click,,\n", "line 2: .* Ocean Engine finds"),
        (CONVERSIONS + "google_ads,Purchase,90,,63,,never,store||web,\n", "line 2: the channels are 'store..web'"),
        (CONVERSIONS + "google_ads,Purchase,90,,63,,never,store | web,\n", "line 2: the channels are"),
        (CONVERSIONS + "google_ads,Purchase,90,,63,,never,,Berlin\n", "line 2: the time zone is 'Berlin'"),
        (
            CONVERSIONS + "meta_ads,Sale,7,,62,,never,store,\nmeta_ads,Sale,7,,62,,never,web,\n",
            "line 3: Sale of meta_ads stands in line 2",
        ),
        (
            CONVERSIONS + "meta_ads,Sale,7,,62,,never,,\nmeta_ads,Web,7,,62,,never,,Asia/Tokyo\n",
            "line 3: the time zone of meta_ads is 'Asia/Tokyo', and '' in line 2",
        ),
    ],
)
def test_a_mistake_in_conversion_exports_is_named_with_its_line(tmp_path: Path, text: str, told: str):
    file = tmp_path / "conversion_exports.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told) as refusal:
        check_conversion_exports(file)
    assert "conversion_exports.csv" in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        CONVERSIONS,
        CONVERSIONS + "google_ads,Kauf im Laden,90,,63,,never,store|京东商城,Europe/Berlin\n",
        CONVERSIONS + "meta_ads,购买,7,,62,,without_click,,\n",
    ],
)
def test_what_a_company_may_write_of_its_conversions(tmp_path: Path, text: str):
    file = tmp_path / "conversion_exports.csv"
    file.write_text(text, encoding="utf-8")
    check_conversion_exports(file)


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
        ("j,1,a,order|review|order,,,,,,", "line 2: order|review|order says a word twice"),
        ("j,1,a,order,sms|sms,,,,,", "line 2: sms|sms says a word twice"),
        ("j,1,a,order,,,,,,\nj,2,b,review,,,,1d,,order|order", "line 3: order|order says a word twice"),
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


LIFECYCLE = (
    "mode,at_risk_factor,dormant_factor,lost_factor,prior_gaps,min_category_gaps,min_gap_days,max_gap_days,"
    "default_gap_days,at_risk_days,dormant_days,lost_days\n"
)


@pytest.mark.parametrize(
    "line", ["fixed,0.5,0.501,999.999,1,1,7,7,1,1,2,9999", "adaptive,1.5,3,6,2,30,7,365,40,60,120,240"]
)
def test_settings_of_the_lifecycle_that_are_in_order(tmp_path: Path, line: str):
    file = tmp_path / "lifecycle_config.csv"
    file.write_text(LIFECYCLE + line + "\n")
    check_lifecycle_config(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mode\nfixed\n", "line 1: the header has to be mode,at_risk_factor,"),
        (LIFECYCLE, ": below the header it has 0 lines"),
        (LIFECYCLE + 2 * "fixed,1,2,3,2,30,7,365,40,60,120,240\n", ": below the header it has 2 lines"),
        (LIFECYCLE + "days,1.5,3,6,2,30,7,365,40,60,120,240\n", "line 2: mode is 'days'"),
        (LIFECYCLE + "fixed,0,3,6,2,30,7,365,40,60,120,240\n", "line 2: at_risk_factor is '0'"),
        (LIFECYCLE + "fixed,1.5,3,6.0001,2,30,7,365,40,60,120,240\n", "line 2: lost_factor is '6.0001'"),
        (LIFECYCLE + "fixed,1.5,3,6,0,30,7,365,40,60,120,240\n", "line 2: prior_gaps is '0'"),
        (LIFECYCLE + "fixed,1.5,3,6,2,30,7,365,40,60,120\n", "line 2: lost_days is ''"),
        (LIFECYCLE + "fixed,1.5,3,6,2,30,7,365,40,60,120,240,1\n", "line 2: the line has more cells"),
        (LIFECYCLE + "fixed,1.5,3,3.000,2,30,7,365,40,60,120,240\n", "line 2: lost_factor is 3.000, not more than"),
        (LIFECYCLE + "fixed,1.5,3,6,2,30,7,365,40,60,60,240\n", "line 2: dormant_days is 60, not more than"),
        (LIFECYCLE + "fixed,1.5,3,6,2,30,7,6,40,60,120,240\n", "line 2: max_gap_days is 6, less than"),
    ],
)
def test_a_mistake_in_the_lifecycle_is_named_with_its_line(tmp_path: Path, text: str, told: str):
    file = tmp_path / "lifecycle_config.csv"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        check_lifecycle_config(file)
    assert "lifecycle_config.csv" in str(refusal.value)
    assert told in str(refusal.value)
