"""Policy, consents and suppressions are refused whole with the line that is wrong; audiences line by line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dagster_project import tag_rules
from dagster_project.config import PROJECT, ConfigurationError
from dagster_project.rule_files.audiences import COLUMNS, Audience, audience_condition, audiences, check_audiences
from dagster_project.rule_files.contacts import contact_policy, listed_consents, listed_suppressions
from tests.unit.audience_models import CONSENTS, POLICY, SUPPRESSIONS

SEEDS = PROJECT / "seeds"
AT = "2026-03-01T10:00:00+08:00"


def read(file: Path, line: str) -> Audience:
    file.write_text(",".join(COLUMNS) + "\n" + line + "\n", encoding="utf-8")
    (found,) = audiences(
        file, contact_policy(SEEDS / "contact_policy.csv"), audience_condition(["vip"]), date(2026, 7, 2)
    )
    return found


def test_every_shipped_audience_runs():
    tags = {rule.tag for rule in tag_rules.read(SEEDS / "tag_rules.csv", {})[0]}
    policy = contact_policy(SEEDS / "contact_policy.csv")
    found = audiences(SEEDS / "audiences.csv", policy, audience_condition(tags), date(2026, 7, 2))
    assert len(found) == 8
    assert [line.error for line in found if line.error] == []
    named = (PROJECT / "docs" / "audiences.md").read_text("utf-8")
    assert all(f"`{line.audience}`" in named for line in found)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a b,sms,marketing,true,x,,,0", "the audience is 'a b'"),
        ("../a,sms,marketing,true,x,,,0", "the audience is '../a'"),
        ("a,fax,marketing,true,x,,,0", "the channel is 'fax'"),
        ("a,sms,Marketing,true,x,,,0", "the purpose is 'Marketing'"),
        ("a,sms,service,true,x,,,0", "contact_policy.csv has no line for sms and service"),
        ("a,sms,marketing,,x,,,0", "condition: it is empty"),
        ("a,sms,marketing,city,x,,,0", "condition: it is a text and no condition"),
        ("a,sms,marketing,(select 1) = 1,x,,,0", "condition: "),
        ("a,sms,marketing,true) or (true,x,,,0", "condition: "),
        ("a,sms,marketing,true,X y,,,0", "the message key is 'X y'"),
        ("a,sms,marketing,true,x{day},,,0", "the message key is"),
        ("a,sms,marketing,true,x,1 May,,0", "valid_from is '1 May'"),
        ("a,sms,marketing,true,x,2026-07-02,2026-07-01,0", "it is valid until 2026-07-01"),
        ("a,sms,marketing,true,x,,,1", "holdout_share is '1'"),
        ("a,sms,marketing,true,x,,,10%", "holdout_share is '10%'"),
        ("a,sms,marketing,true,x,,", "a line has 8 cells"),
        ("a,sms,marketing,true,x,,,0,more", "a line has 8 cells"),
    ],
)
def test_a_wrong_line_of_audiences_says_what_is_wrong(tmp_path: Path, line: str, told: str):
    error = read(tmp_path / "audiences.csv", line).error
    assert error is not None
    assert error.startswith(told)


def test_a_line_means_its_day(tmp_path: Path):
    found = read(
        tmp_path / "audiences.csv", "a,sms,marketing,has_tag('vip'),x-{year}-{month},2026-07-02,2026-07-02,.25"
    )
    assert (found.error, found.message_key, found.is_due, str(found.holdout_share)) == (
        None,
        "x-2026-2026-07",
        True,
        "0.25",
    )


def test_a_file_without_its_header_is_refused(tmp_path: Path):
    file = tmp_path / "audiences.csv"
    file.write_text("audience,channel\n")
    with pytest.raises(ConfigurationError, match="line 1"):
        check_audiences(file)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("fax,marketing,1,3,,,", "line 2: channel is 'fax'"),
        ("sms,marketing,1,,,,", "line 2: write both max_messages and per_days"),
        ("sms,marketing,,3,,,", "line 2: write both max_messages and per_days"),
        ("sms,marketing,-1,3,,,", "line 2: max_messages"),
        ("sms,marketing,,,21:00,,", "line 2: quiet hours have a beginning"),
        ("sms,marketing,,,9:00,21:00,", "line 2: quiet_from"),
        ("sms,marketing,,,21:00,21:00,", "line 2: quiet hours"),
        ("sms,marketing,,,24:00,09:00,", "line 2: quiet_from"),
        ("sms,marketing,1,3,,,Mars/Olympus", "line 2: the time zone is 'Mars/Olympus'"),
        ("sms,marketing,1,3,,,\nsms,marketing,2,3,,,", "line 3: sms for marketing has a line with these days"),
        ("sms,marketing,1,3,,,\nsms,marketing,2,9,21:00,09:00,", "line 3: the quiet hours of sms"),
        ("sms,marketing,1,3,,", "line 2: a line has 7 cells"),
    ],
)
def test_a_mistake_in_the_policy_stops_the_run(tmp_path: Path, lines: str, told: str):
    file = tmp_path / "contact_policy.csv"
    file.write_text(POLICY + lines + "\n")
    with pytest.raises(ConfigurationError) as refusal:
        contact_policy(file)
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"fax,123,sms,marketing,granted,{AT}", "line 2: contact_type is 'fax'"),
        (f"phone,13800000001,sms,marketing,granted,{AT}", "line 2: the contact is no phone that can be read"),
        (f"email,ann,email,marketing,granted,{AT}", "line 2: the contact is no email that can be read"),
        (f"union_id,,wecom,marketing,granted,{AT}", "line 2: the contact is no union_id"),
        (f"phone,+8613800000001,google_ads,marketing,granted,{AT}", "line 2: channel is 'google_ads'"),
        (f"phone,+8613800000001,sms,marketing,yes,{AT}", "line 2: decision is 'yes'"),
        ("phone,+8613800000001,sms,marketing,granted,2026-03-01", "line 2: decided_at is '2026-03-01'"),
        ("phone,+8613800000001,sms,marketing,granted,", "line 2: decided_at"),
    ],
)
def test_a_mistake_in_the_consents_stops_the_run_and_shows_no_address(tmp_path: Path, line: str, told: str):
    file = tmp_path / "consents.csv"
    file.write_text(CONSENTS + line + "\n")
    with pytest.raises(ConfigurationError) as refusal:
        listed_consents(file)
    assert told in str(refusal.value)
    assert "1380000" not in str(refusal.value)


def test_contacts_come_in_one_spelling(tmp_path: Path):
    file = tmp_path / "suppressions.csv"
    file.write_text(
        SUPPRESSIONS
        + f"email,Ann.B@Gmail.com,*,*,{AT},asked\nphone,+49 170 1234567,sms,*,{AT},\nunion_id, oAbc123 ,*,*,{AT},\n"
    )
    found = listed_suppressions(file)
    assert [line.contact for line in found] == ["annb@gmail.com", "+491701234567", "oAbc123"]
    assert found[0].at == datetime(2026, 3, 1, 2, tzinfo=UTC)
