"""Who may be written to where: contact points, consent, opt-outs, suppressions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.audience_models import (
    ANN,
    BOB,
    LATELY,
    LONG_AGO,
    MAIL,
    SMS,
    Company,
    Record,
    World,
    only,
)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (ANN, "exported"),
        (replace(ANN, phone=None), "no_contact_point"),
        # A number that no message can be sent to.
        (replace(ANN, phone="110"), "no_contact_point"),
        (replace(ANN, consent_sms=None), "no_consent"),
        (replace(ANN, consent_sms=False), "no_consent"),
        (replace(ANN, consent_sms=False, consent_email=False), "global_opt_out"),
        # That there is nothing to write to is said first.
        (replace(ANN, phone=None, consent_sms=False, consent_email=False), "no_contact_point"),
    ],
)
def test_one_record_and_why_its_person_is_left_out(tmp_path: Path, record: Record, expected: str):
    assert only(Company(tmp_path, SMS).night(World([record]))) == expected


@pytest.mark.parametrize("email", ["=cmd@x.cn", "-ann@x.cn", "ann", "a n@x.cn", "ann@x", "ann@x.cn,b@x.cn", "@x.cn"])
def test_what_is_no_plain_address_is_no_contact_point(tmp_path: Path, email: str):
    assert only(Company(tmp_path, MAIL).night(World([replace(ANN, email=email)]))) == "no_contact_point"


@pytest.mark.parametrize(
    ("email", "written"),
    [("ann lee <ann@x.cn>", "ann@x.cn"), ("mailto:ann@x.cn", "ann@x.cn"), ("a.b+c@x.cn", "a.b+c@x.cn")],
)
def test_an_address_goes_out_without_what_stood_around_it(tmp_path: Path, email: str, written: str):
    company = Company(tmp_path, MAIL)
    company.night(World([replace(ANN, email=email)]))
    assert company.ask("select email from audience_exports") == [(written,)]


def test_an_opt_out_on_another_record_of_the_person_wins(tmp_path: Path):
    other = Record("9", "ann", consent_email=False, consent_sms=False)
    company = Company(tmp_path, SMS)
    company.consents(f"phone,+8613800000001,sms,marketing,granted,{LATELY}")
    assert only(company.night(World([ANN, other]))) == "global_opt_out"


def test_stitching_never_widens_consent(tmp_path: Path):
    """Two people turn out to be one; the one number may be written to, the other still may not."""
    silent = Record("2", "bob", phone="+8613800000002")
    company = Company(tmp_path, SMS)
    assert company.night(World([ANN, silent]))["all", "bob"] == "no_consent"
    company = Company(tmp_path / "merged", SMS)
    company.night(World([replace(silent, person="ann"), ANN]))
    assert company.ask("select phone from audience_exports") == [("+8613800000001",)]
    company = Company(tmp_path / "mails", MAIL)
    assert only(company.night(World([replace(ANN, consent_email=None), replace(silent, person="ann")]))) == "no_consent"


def test_a_number_of_two_people_is_nobodys(tmp_path: Path):
    outcomes = Company(tmp_path, SMS).night(World([ANN, replace(BOB, phone=ANN.phone)]))
    assert set(outcomes.values()) == {"no_contact_point"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "no_consent"),
        ([f"phone,+8613800000001,sms,marketing,granted,{LATELY}"], "exported"),
        # In another spelling.
        ([f"phone,+86 138 0000 0001,sms,marketing,granted,{LATELY}"], "exported"),
        ([f"phone,+8613800000001,*,*,granted,{LATELY}"], "exported"),
        ([f"phone,+8613800000001,sms,service,granted,{LATELY}"], "no_consent"),
        ([f"phone,+8613800000001,email,marketing,granted,{LATELY}"], "no_consent"),
        ([f"email,ann@x.cn,sms,marketing,granted,{LATELY}"], "no_consent"),
        # Not yet.
        (["phone,+8613800000001,sms,marketing,granted,2026-08-01T00:00:00+08:00"], "no_consent"),
        # The latest decision counts, wherever it stands in the file.
        (
            [
                f"phone,+8613800000001,sms,marketing,granted,{LATELY}",
                f"phone,+8613800000001,sms,marketing,refused,{LONG_AGO}",
            ],
            "exported",
        ),
        (
            [
                f"phone,+8613800000001,sms,marketing,granted,{LONG_AGO}",
                f"phone,+8613800000001,*,marketing,refused,{LATELY}",
            ],
            "no_consent",
        ),
        # At one moment the no stands.
        (
            [
                f"phone,+8613800000001,sms,marketing,refused,{LATELY}",
                f"phone,+8613800000001,sms,marketing,granted,{LATELY}",
            ],
            "no_consent",
        ),
        # A refusal of everything opts the person out, by whichever of their contact points.
        (
            [f"phone,+8613800000001,sms,marketing,granted,{LATELY}", f"email,ann@x.cn,*,*,refused,{LONG_AGO}"],
            "global_opt_out",
        ),
        # It was taken back.
        (
            [f"phone,+8613800000001,*,*,refused,{LONG_AGO}", f"phone,+8613800000001,*,*,granted,{LATELY}"],
            "exported",
        ),
    ],
)
def test_the_latest_explicit_decision_counts(tmp_path: Path, lines: list[str], expected: str):
    company = Company(tmp_path, SMS)
    company.consents(*lines)
    assert only(company.night(World([replace(ANN, consent_sms=None, consent_email=None)]))) == expected


@pytest.mark.parametrize(
    ("created", "updated", "said", "line", "expected"),
    [
        # A yes of a system may be as old as the record: a dated no after that stands, though the record changed since.
        (2020, 2026, True, f"refused,{LONG_AGO}", "no_consent"),
        (2020, 2026, True, f"refused,{'2019-01-01T00:00:00+00:00'}", "exported"),
        # A no may be as new as the record's last change.
        (2020, 2025, False, f"granted,{LONG_AGO}", "exported"),
        (2020, 2026, False, f"granted,{LONG_AGO}", "no_consent"),
    ],
)
def test_systems_tell_no_date_and_get_the_careful_one(
    tmp_path: Path, created: int, updated: int, said: bool, line: str, expected: str
):
    record = replace(
        ANN,
        consent_sms=said,
        created_at=datetime(created, 1, 1, tzinfo=UTC),
        updated_at=datetime(updated, 6, 1, tzinfo=UTC),
    )
    company = Company(tmp_path, SMS)
    company.consents(f"phone,+8613800000001,sms,marketing,{line}")
    assert only(company.night(World([record]))) == expected


def test_whoever_unsubscribes_leaves_the_channel_until_they_say_otherwise(tmp_path: Path):
    world = World([ANN], unsubscribed=[("1", "sms", datetime(2026, 6, 1, tzinfo=UTC))])
    company = Company(tmp_path, SMS)
    assert only(company.night(world)) == "no_consent"
    company.consents("phone,+8613800000001,sms,marketing,granted,2026-06-02T00:00:00+00:00")
    assert only(company.night(world)) == "exported"
    assert only(Company(tmp_path / "mail", MAIL).night(world)) == "exported"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"phone,+8613800000001,sms,marketing,{LONG_AGO},complained", "suppressed"),
        (f"phone,+8613800000001,*,*,{LONG_AGO},", "suppressed"),
        # Another contact point of the person, as stitched tonight.
        (f"email,ann@x.cn,*,*,{LONG_AGO},", "suppressed"),
        (f"email,ann@x.cn,email,*,{LONG_AGO},", "exported"),
        (f"phone,+8613800000001,sms,service,{LONG_AGO},", "exported"),
        ("phone,+8613800000001,sms,marketing,2026-07-02T12:00:01+08:00,", "exported"),
        ("phone,+8613800000001,sms,marketing,2026-07-02T12:00:00+08:00,", "suppressed"),
        (f"phone,+8613800000009,*,*,{LONG_AGO},", "exported"),
    ],
)
def test_a_suppressed_contact_point_suppresses_its_person(tmp_path: Path, line: str, expected: str):
    company = Company(tmp_path, SMS)
    company.suppressions(line)
    assert only(company.night(World([ANN]))) == expected
