"""Who is in an audience: caps, messages, arms, quiet hours and files; that nobody gets a message twice."""

from __future__ import annotations

import hashlib
import hmac
import stat
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rendered import DBT
from dagster_project.audience_inputs import hash_key
from tests.unit.audience_models import (
    ANN,
    BOB,
    FIRST_NIGHT,
    LATELY,
    REASONS,
    SMS,
    Company,
    Record,
    Sent,
    World,
    only,
    with_macros,
)


@pytest.mark.parametrize(
    ("policy", "seconds", "expected"),
    [
        ("sms,marketing,1,3,,,", [3 * 86400], "exported"),
        ("sms,marketing,1,3,,,", [3 * 86400 - 1], "capped"),
        ("sms,marketing,2,3,,,", [60], "exported"),
        ("sms,marketing,2,3,,,", [60, 120], "capped"),
        ("sms,marketing,0,3,,,", [], "capped"),
        ("sms,marketing,,,,,", [60] * 9, "exported"),
        # Every line of the channel and purpose has to hold.
        ("sms,marketing,9,3,,,\nsms,marketing,1,30,,,", [20 * 86400], "capped"),
        # A line for the purpose itself counts before the one for all.
        ("sms,*,0,3,,,\nsms,marketing,1,3,,,", [], "exported"),
        ("sms,*,0,3,,,\nsms,service,1,3,,,", [], "capped"),
    ],
)
def test_the_cap_counts_what_was_sent_in_its_days(tmp_path: Path, policy: str, seconds: list[int], expected: str):
    company = Company(tmp_path, SMS, policy + "\n")
    sent = [Sent("ann", seconds=moment) for moment in seconds]
    assert only(company.night(World([ANN], sent))) == expected


def test_the_cap_is_the_channels_and_every_event_of_a_message_is_one(tmp_path: Path):
    company = Company(tmp_path, SMS, "sms,marketing,1,3,,,\n")
    assert only(company.night(World([ANN], [Sent("ann", "email"), Sent("ann", event="unsubscribed")]))) == "exported"
    # Other people's messages count for them alone.
    company = Company(tmp_path / "other", SMS, "sms,marketing,1,3,,,\n")
    outcomes = company.night(World([ANN, BOB], [Sent("bob")]))
    assert (outcomes["all", "ann"], outcomes["all", "bob"]) == ("exported", "capped")


def test_what_was_exported_counts_and_not_again_when_the_log_brings_it_back(tmp_path: Path):
    audiences = "one,sms,marketing,true,hello,,,0\ntwo,sms,marketing,true,again,2026-07-03,,0\n"
    world = World([ANN], [Sent("ann", seconds=86400, template="hello")])
    company = Company(tmp_path, audiences, "sms,marketing,2,7,,,\n")
    assert company.night(World([ANN])) == {("one", "ann"): "exported"}
    assert company.night(world) == {("one", "ann"): "already_sent", ("two", "ann"): "exported"}
    capped = Company(tmp_path / "capped", audiences, "sms,marketing,1,7,,,\n")
    capped.night(World([ANN]))
    assert capped.night(World([ANN]))["two", "ann"] == "capped"


def test_audiences_of_one_night_share_the_cap_in_the_order_of_their_lines(tmp_path: Path):
    audiences = "".join(f"{name},sms,marketing,true,{name},,,0\n" for name in ("first", "second", "third"))
    company = Company(tmp_path, audiences, "sms,marketing,2,7,,,\n")
    assert company.night(World([ANN])) == {
        ("first", "ann"): "exported",
        ("second", "ann"): "exported",
        ("third", "ann"): "capped",
    }


def test_never_the_same_message_twice(tmp_path: Path):
    both = "one,sms,marketing,true,hello,,,0\ntwo,email,marketing,true,hello,,,0\n"
    company = Company(tmp_path, both)
    assert company.night(World([ANN])) == {("one", "ann"): "exported", ("two", "ann"): "already_sent"}
    assert set(company.night(World([ANN])).values()) == {"already_sent"}
    # By the log alone: another system sent it once.
    logged = Company(tmp_path / "log", SMS)
    assert only(logged.night(World([ANN], [Sent("ann", "email", 400 * 86400, campaign="hello")]))) == "already_sent"


def test_the_message_is_known_by_the_contact_point_whoever_has_it(tmp_path: Path):
    company = Company(tmp_path, SMS)
    company.night(World([ANN, BOB]))
    # Stitched with a record that is new: the person has another id, and the number was written to.
    new = Record("3", "c_new", "new@x.cn", consent_email=True)
    assert only(company.night(World([replace(ANN, person="c_new"), new], retired={"ann": "c_new"})), "c_new") == (
        "already_sent"
    )
    # Split off with the number: nobody's id says so, the contact point does.
    assert only(company.night(World([replace(ANN, person="part")])), "part") == "already_sent"
    # Without the number the person is who was written to.
    fresh = replace(ANN, phone="+8613800000007")
    assert only(company.night(World([fresh]))) == "already_sent"


def test_a_run_of_the_same_moment_shows_the_same_and_sends_nothing(tmp_path: Path):
    company = Company(
        tmp_path,
        "a,sms,marketing,true,x,,,0.5\nb,sms,marketing,true,y,,,0\nc,email,marketing,true,x,,,0\n",
        "sms,marketing,1,3,,,\nemail,marketing,,,,,\n",
    )
    people = [Record(str(n), f"c_{n}", f"{n}@x.cn", f"+861380000{n:04}", None, True, True) for n in range(20)]
    world, tables = World(people), ("audience_members", "audiences")
    company.night(world)
    shown = [
        company.ask(f"select * exclude ({out}) from {table}")
        for table, out in zip(tables, ("arm", "run_id"), strict=True)
    ]
    arms = company.arms()
    assert company.ask("select count(*) from audience_exports") != [(0,)]
    company.night(world, as_of=company.as_of)
    assert company.ask("select count(*) from audience_exports") == [(0,)]
    again = [
        company.ask(f"select * exclude ({out}) from {table}")
        for table, out in zip(tables, ("arm", "run_id"), strict=True)
    ]
    assert again == shown
    assert company.arms() == arms
    # The day after it is another row, and those of the past stay.
    company.night(world)
    assert company.ask("select count(*) from audiences") == [(6,)]
    assert all(row in company.ask("select * exclude (run_id) from audiences") for row in shown[1])


def test_a_message_key_with_the_month_comes_again_next_month(tmp_path: Path):
    company = Company(tmp_path, "all,sms,marketing,true,hello-{month},,,0\n")
    assert only(company.night(World([ANN]))) == "exported"
    assert only(company.night(World([ANN]), as_of=datetime(2026, 7, 31, 15, 59, tzinfo=UTC))) == "already_sent"
    # The month is that of the reporting zone.
    assert only(company.night(World([ANN]), as_of=datetime(2026, 7, 31, 16, 0, tzinfo=UTC))) == "exported"


def test_a_night_that_was_not_published_sent_nothing(tmp_path: Path):
    company = Company(tmp_path, "all,sms,marketing,true,hello,,,0.5\n")
    world = World([ANN, BOB])
    shown = company.night(world, publish=False)
    first = dict(company.arms())
    assert company.ask("select count(*) from audience_members_before") == [(0,)]
    assert company.night(world) == shown
    assert company.arms() == first
    # A run that died after it wrote what it decides: its files go, and the next run sends the same once.
    company.decisions.write_table(
        "audience_messages", "died", company.warehouse.table("ops.audience_keys").to_arrow_table()
    )
    company.decisions.drop_unpublished()
    assert set(company.night(world).values()) <= {"already_sent", "held_out"}


def share_of(company: Company, audience: str, person: str) -> Decimal:
    message = f"holdout\x1f{audience}\x1f{person}".encode()
    digest = hmac.new(hash_key(company.decisions.home_key()), message, hashlib.sha256).hexdigest()
    return Decimal(int(digest[:12], 16)) / Decimal(2**48)


def test_who_is_held_out_is_a_keyed_hash_below_the_share(tmp_path: Path):
    people = [Record(str(n), f"c_{n}", phone=f"+861380000{n:04}", consent_sms=True) for n in range(400)]
    company = Company(tmp_path, "a,sms,marketing,true,x,,,0.3\nb,sms,marketing,true,y,,,0.3\n")
    outcomes = company.night(World(people))
    for (audience, person), outcome in outcomes.items():
        assert outcome == ("held_out" if share_of(company, audience, person) < Decimal("0.3") else "exported")
    held = {
        name: {whom for (audience, whom), out in outcomes.items() if (audience, out) == (name, "held_out")}
        for name in "ab"
    }
    assert all(90 <= len(found) <= 150 for found in held.values())
    # Each audience draws anew: nobody is held out of everything because of their name.
    assert len(held["a"] & held["b"]) < 70


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40), st.binary(min_size=1, max_size=100))
def test_the_hash_of_a_query_is_pythons(message: str, key: bytes):
    import duckdb

    from dagster_project.audience_inputs import hash_blocks

    if "\0" in message:
        return
    inner, outer = hash_blocks(key)
    sql = with_macros(
        "select {{ hmac_sha256('$1', 'keys') }} from (select $2 as inner_block, $3 as outer_block) as keys"
    )
    found = duckdb.execute(sql, [message, inner, outer]).fetchone()
    assert found == (hmac.new(key, message.encode(), hashlib.sha256).hexdigest(),)


def arms_of(company: Company, world: World) -> dict[tuple[str, str], str]:
    company.night(world)
    return company.arms()


def test_an_arm_is_fixed_when_it_was_drawn(tmp_path: Path):
    people = [Record(str(n), f"c_{n}", phone=f"+861380000{n:04}", consent_sms=True) for n in range(40)]
    company = Company(tmp_path, "a,sms,marketing,true,x,,,0.5\n")
    first = arms_of(company, World(people))
    assert set(first.values()) == {"held_out", "contacted"}
    company.rules["audiences.csv"] = company.rules["audiences.csv"].replace("0.5", "0.05")
    assert arms_of(company, World(people)) == first
    # Who left the audience keeps the arm and comes back to it.
    company.rules["audiences.csv"] = company.rules["audiences.csv"].replace("true", "city = 'X'")
    assert arms_of(company, World(people)) == first
    assert company.ask("select count(*) from audience_members where is_member") == [(0,)]
    # Another person's id survives a merge with somebody who had no arm yet.
    (held,) = [person for (_, person), arm in first.items() if arm == "held_out"][:1]
    company.rules["audiences.csv"] = company.rules["audiences.csv"].replace("city = 'X'", "true")
    number = held.removeprefix("c_")
    merged = [replace(record, person="older") if record.name == number else record for record in people]
    after = arms_of(company, World(merged, retired={held: "older"}))
    assert after["a", "older"] == "held_out"
    assert company.ask("select member_since from audience_members where customer_id = 'older'") == [
        ((FIRST_NIGHT + timedelta(days=1)).date(),)
    ]


def test_who_cannot_be_reached_is_in_no_arm_yet(tmp_path: Path):
    company = Company(tmp_path, "a,sms,marketing,true,x,,,0.5\n")
    assert arms_of(company, World([replace(ANN, consent_sms=None)])) == {}
    assert set(arms_of(company, World([ANN]))) == {("a", "ann")}
    # Whoever takes consent back stays where they were counted.
    assert set(arms_of(company, World([replace(ANN, consent_sms=None)]))) == {("a", "ann")}
    assert company.ask("select outcome from audience_members") == [("no_consent",)]


def two_arms(company: Company) -> tuple[Record, Record, list[Record]]:
    """Somebody held out, somebody contacted, and all."""
    people = [Record(str(n), f"c_{n}", phone=f"+861380000{n:04}", consent_sms=True) for n in range(30)]
    arms = arms_of(company, World(people))
    found = {arm: person for (_, person), arm in arms.items()}
    by_person = {record.person: record for record in people}
    return by_person[found["held_out"]], by_person[found["contacted"]], people


def test_held_out_and_contacted_in_one_person_is_neither(tmp_path: Path):
    company = Company(tmp_path, "a,sms,marketing,true,x,,,0.5\n")
    held, contacted, people = two_arms(company)
    merged = [replace(record, person=held.person) if record == contacted else record for record in people]
    arms = arms_of(company, World(merged, retired={contacted.person: held.person}))
    assert arms["a", held.person] == "contaminated"
    assert ("a", contacted.person) not in arms
    assert company.ask(f"select left_out from int_audiences__members where customer_id = '{held.person}'") == [
        ("contaminated",)
    ]
    # Two who were both held out stay held out.
    other = next(record for record in people if record != held and arms.get(("a", record.person)) == "held_out")
    together = [replace(record, person=held.person) if record == other else record for record in people]
    assert arms_of(company, World(together, retired={other.person: held.person}))["a", held.person] == "held_out"
    # And when the merge is undone, each is what they were.
    assert arms_of(company, World(people))["a", held.person] == "held_out"


def test_whoever_was_held_out_and_has_a_number_that_got_the_message_is_contaminated(tmp_path: Path):
    company = Company(tmp_path, "a,sms,marketing,true,x,,,0.5\n")
    held, contacted, people = two_arms(company)
    moved = [replace(record, person=held.person) if record == contacted else record for record in people]
    # The number came over by a record alone; the id it was sent under is still somebody's.
    moved += [replace(contacted, name="left", phone="+8613999999999")]
    assert arms_of(company, World(moved))["a", held.person] == "contaminated"


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "is_due"),
    [
        ("", "", True),
        ("2026-07-02", "", True),
        ("2026-07-03", "", False),
        ("", "2026-07-02", True),
        ("", "2026-07-01", False),
    ],
)
def test_a_line_runs_on_its_days(tmp_path: Path, valid_from: str, valid_until: str, is_due: bool):
    company = Company(tmp_path, f"a,sms,marketing,true,x,{valid_from},{valid_until},0\n")
    # 23:59 of 2 July in the reporting zone.
    assert company.night(World([ANN]), as_of=datetime(2026, 7, 2, 15, 59, tzinfo=UTC)) == (
        {("a", "ann"): "exported"} if is_due else {}
    )
    assert company.ask("select status, matched, exported from audiences") == [
        ("due", 1, 1) if is_due else ("resting", 0, 0)
    ]


def test_a_line_with_a_mistake_is_refused_and_the_others_run(tmp_path: Path):
    company = Company(tmp_path, "a,sms,marketing,true,x,,,0\nb,fax,marketing,true,y,,,0\na,sms,marketing,true,z,,,0\n")
    assert company.night(World([ANN])) == {("a", "ann"): "exported"}
    told = company.ask("select line, status, error from audiences order by line")
    assert [row[:2] for row in told] == [(2, "due"), (3, "refused"), (4, "refused")]
    assert told[1][2] == ("the channel is 'fax'; it has to be one of email, sms, wecom, google_ads, meta_ads.")
    assert "stands in line 2 already" in told[2][2]


def test_tags_and_birthdays_can_be_asked_for(tmp_path: Path):
    company = Company(
        tmp_path,
        "vips,sms,marketing,has_tag('vip') and city = 'X',v,,,0\nborn,email,marketing,is_birthday_month,b,,,0\n"
        "typo,sms,marketing,has_tag('vipp'),t,,,0\nwrong,sms,marketing,citty = 'X',t,,,0\n",
    )
    world = World([ANN, BOB], cities={"ann": "X", "bob": "X"}, tags=[("ann", "vip"), ("bob", "other")],
                  births={"ann": "1980-08-31", "bob": "1980-02-29"})  # fmt: skip
    # It is the first of August already in the reporting zone.
    assert company.night(world, as_of=datetime(2026, 7, 31, 16, tzinfo=UTC)) == {
        ("vips", "ann"): "exported",
        ("born", "ann"): "exported",
    }
    errors = [error for (error,) in company.ask("select error from audiences order by line") if error]
    assert errors == [
        "condition: tag_rules.csv gives no tag vipp tonight. Is it vip?",
        "condition: there is no column citty. Is it city?",
    ]


@pytest.mark.parametrize(
    ("zone", "quiet", "as_of", "begin", "end"),
    [
        # In the night, before midnight and after it.
        ("Asia/Shanghai", "21:00,09:00", "2026-07-02T23:00+08:00", "2026-07-03T09:00+08:00", "2026-07-03T21:00+08:00"),
        ("Asia/Shanghai", "21:00,09:00", "2026-07-03T02:00+08:00", "2026-07-03T09:00+08:00", "2026-07-03T21:00+08:00"),
        ("Asia/Shanghai", "21:00,09:00", "2026-07-03T09:00+08:00", "2026-07-03T09:00+08:00", "2026-07-03T21:00+08:00"),
        ("Asia/Shanghai", "21:00,09:00", "2026-07-03T20:59+08:00", "2026-07-03T20:59+08:00", "2026-07-03T21:00+08:00"),
        ("Asia/Shanghai", "21:00,09:00", "2026-07-03T21:00+08:00", "2026-07-04T09:00+08:00", "2026-07-04T21:00+08:00"),
        # Quiet at noon.
        ("Asia/Shanghai", "12:00,14:00", "2026-07-03T13:00+08:00", "2026-07-03T14:00+08:00", "2026-07-04T12:00+08:00"),
        ("Asia/Shanghai", "12:00,14:00", "2026-07-03T11:00+08:00", "2026-07-03T11:00+08:00", "2026-07-03T12:00+08:00"),
        # The night in which clocks go forward is an hour shorter, the other one longer.
        ("Europe/Berlin", "21:00,09:00", "2026-03-28T23:00+01:00", "2026-03-29T09:00+02:00", "2026-03-29T21:00+02:00"),
        ("Europe/Berlin", "21:00,09:00", "2026-10-24T23:00+02:00", "2026-10-25T09:00+01:00", "2026-10-25T21:00+01:00"),
        # The end of quiet is left out by the clocks, or shown twice: it is over when it certainly is.
        ("Europe/Berlin", "21:00,02:30", "2026-03-29T00:00+01:00", "2026-03-29T03:30+02:00", "2026-03-29T21:00+02:00"),
        ("Europe/Berlin", "21:00,02:30", "2026-10-25T00:00+02:00", "2026-10-25T02:30+01:00", "2026-10-25T21:00+01:00"),
        ("Europe/Berlin", ",", "2026-10-25T00:00+02:00", "2026-10-25T00:00+02:00", None),
    ],
)  # fmt: skip
def test_quiet_hours_say_when_a_message_may_go(
    tmp_path: Path, zone: str, quiet: str, as_of: str, begin: str, end: str | None
):
    company = Company(tmp_path, SMS, f"sms,marketing,,,{quiet},{zone}\n")
    company.night(World([ANN]), as_of=datetime.fromisoformat(as_of))
    expected = tuple(datetime.fromisoformat(told) if told else None for told in (begin, end))
    assert company.ask("select send_not_before, send_before from audience_exports") == [expected]


def test_a_country_with_one_zone_is_the_persons_zone(tmp_path: Path):
    company = Company(tmp_path, SMS, "sms,marketing,,,21:00,09:00,\n")
    world = World([ANN, BOB], countries={"ann": "DE", "bob": "CN"})
    company.night(world, as_of=datetime(2026, 7, 2, 18, tzinfo=UTC))
    assert dict(company.ask("select customer_id, timezone from audience_exports")) == {
        "ann": "Europe/Berlin",
        "bob": "Asia/Shanghai",
    }
    begins = dict(company.ask("select customer_id, send_not_before from audience_exports"))
    assert begins == {
        "ann": datetime(2026, 7, 2, 18, tzinfo=UTC),
        "bob": datetime(2026, 7, 3, 1, tzinfo=UTC),
    }


CHANNELS = """sms_list,sms,marketing,true,s,,,0
mail_list,email,marketing,true,m,,,0
chat,wecom,marketing,true,w,,,0
google,google_ads,marketing,true,g,,,0
meta,meta_ads,marketing,true,f,,,0
"""
POLICIES = "".join(f"{name},marketing,,,21:00,09:00,\n" for name in ("sms", "email", "wecom", "google_ads", "meta_ads"))


def test_each_channel_has_its_file(tmp_path: Path):
    company = Company(tmp_path / "home", CHANNELS, POLICIES)
    company.consents(f"union_id,o-ann-union,wecom,marketing,granted,{LATELY}")
    ann = replace(ANN, email="Ann.B.Lee@gmail.com".lower())
    company.night(World([ann]), as_of=datetime(2026, 7, 2, 18, tzinfo=UTC))
    files = company.files(tmp_path / "release")
    times = "2026-07-03T09:00:00+08:00,2026-07-03T21:00:00+08:00"
    assert files["sms_list.csv"] == f"phone,message_key,send_not_before,send_before\n+8613800000001,s,{times}\n"
    assert files["mail_list.csv"] == f"email,message_key,send_not_before,send_before\nann.b.lee@gmail.com,m,{times}\n"
    assert files["chat.csv"] == f"union_id,message_key,send_not_before,send_before\no-ann-union,w,{times}\n"

    def sha(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    assert files["google.csv"] == f"Email,Phone\n{sha('annblee@gmail.com')},{sha('+8613800000001')}\n"
    assert files["meta.csv"] == f"email,phone\n{sha('ann.b.lee@gmail.com')},{sha('8613800000001')}\n"
    folder = tmp_path / "release" / "restricted" / "audiences"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    # Nothing that is decided or shown names an address.
    everything = str(company.ask("from audiences")) + str(company.ask("from audience_members"))
    for file in (tmp_path / "home" / "_decisions").rglob("*.parquet"):
        everything += str(company.warehouse.execute("from read_parquet($1)", [str(file)]).fetchall())
    assert not any(text in everything for text in ("gmail", "13800000001", "o-ann-union"))


def test_a_list_for_advertisements_asks_for_consent_to_them(tmp_path: Path):
    company = Company(tmp_path, "google,google_ads,marketing,true,g,,,0\n", POLICIES)
    company.consents(f"email,ann@x.cn,ads,marketing,refused,{LATELY}")
    company.night(World([ANN]))
    # The number alone: of the address it was refused.
    assert [
        (bool(mail), bool(phone))
        for mail, phone in company.ask("select hashed_email, hashed_phone from audience_exports")
    ] == [(False, True)]
    # A dated yes to text messages is none to advertisements.
    silent = Company(tmp_path / "silent", "google,google_ads,marketing,true,g,,,0\n", POLICIES)
    silent.consents(f"phone,+8613800000001,sms,marketing,granted,{LATELY}")
    assert only(silent.night(World([replace(ANN, consent_sms=None, consent_email=None)]))) == "no_consent"


def test_an_audience_without_anybody_has_no_file(tmp_path: Path):
    company = Company(tmp_path / "home", SMS)
    assert company.night(World()) == {}
    assert company.files(tmp_path / "release") == {}
    assert not (tmp_path / "release" / "restricted" / "audiences").exists()


choice = st.sampled_from([None, False, True])
records = st.lists(
    st.builds(
        Record,
        name=st.uuids().map(str),
        person=st.sampled_from(["a", "b", "c", "d"]),
        email=st.sampled_from([None, "a@x.cn", "b@x.cn", "c@x.cn"]),
        phone=st.sampled_from([None, "+8613800000001", "+8613800000002", "+8613800000003"]),
        consent_email=choice,
        consent_sms=choice,
    ),
    max_size=8,
    unique_by=lambda record: record.name,
)
logs = st.lists(
    st.builds(Sent, st.sampled_from("abcd"), st.sampled_from(["sms", "email"]), st.floats(1, 9e5)), max_size=5
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(records, logs), min_size=1, max_size=3), st.sampled_from(["0", "0.5"]), st.sampled_from("012")
)
def test_whoever_matched_is_exported_or_left_out_for_one_reason(
    nights: list[tuple[list[Record], list[Sent]]], share: str, most: str
):
    rules = f"one,sms,marketing,true,x,,,{share}\ntwo,email,marketing,true,y,,,0\nthree,sms,marketing,true,x,,,0\n"
    policy = f"sms,marketing,{most},7,,,\nemail,marketing,1,2,,,\n"
    told: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        company = Company(Path(folder), rules, policy)
        for people, sent in nights:
            outcomes = company.night(World(people, sent))
            assert len(outcomes) == 3 * len({record.person for record in people})
            for audience, matched, exported, *out in company.ask(
                f"select audience, matched, exported, {', '.join(REASONS)} from audiences"
                " where as_of = (select max(as_of) from audiences)"
            ):
                assert matched == exported + sum(out)
                assert exported == sum(
                    outcome == "exported" for (name, _), outcome in outcomes.items() if name == audience
                )
            told += company.ask("select message_key, unnest(contact_hashes) from audience_exports")
        # Nothing goes to one contact point twice, whoever it belonged to.
        assert len(told) == len(set(told))


GATES = ("audiences_have_consent", "audiences_add_up")


def refusals(company: Company, gate: str) -> list[tuple[object, ...]]:
    return company.warehouse.execute(with_macros((DBT / "tests" / f"{gate}.sql").read_text())).fetchall()


@pytest.mark.parametrize(
    "spoilt",
    [
        "update intermediate.int_customers__contact_decisions set is_allowed = false where channel = 'sms'",
        "delete from intermediate.int_customers__contact_decisions",
        "update intermediate.int_identity__records set consent_sms = false, consent_email = false",
        "update restricted.audience_exports set phone = '+8613999999999' where phone is not null",
        "update restricted.audience_exports set customer_id = 'bob'",
        "update marts.audience_members set arm = 'held_out'",
        "insert into ops.suppressions values ('phone', '+8613800000001', '*', '*', '2026-01-01', '')",
    ],
)
def test_the_gate_finds_whoever_may_not_be_written_to(tmp_path: Path, spoilt: str):
    company = Company(tmp_path, CHANNELS, POLICIES)
    company.night(World([ANN]))
    assert [refusals(company, gate) for gate in GATES] == [[], []]
    company.warehouse.execute(spoilt)
    assert refusals(company, "audiences_have_consent") != []


@pytest.mark.parametrize(
    "spoilt",
    [
        "update marts.audiences set capped = 1",
        "update ops.audience_messages_before set message_key = 's2'",
        "insert into restricted.audience_exports from restricted.audience_exports",
    ],
)
def test_the_gate_finds_what_would_be_sent_twice_and_numbers_that_are_off(tmp_path: Path, spoilt: str):
    company = Company(tmp_path, "s1,sms,marketing,true,s1,,,0\n")
    company.night(World([ANN]))
    company.rules["audiences.csv"] = company.rules["audiences.csv"].replace("s1,,", "s2,,")
    company.night(World([ANN]))
    assert [refusals(company, gate) for gate in GATES] == [[], []]
    company.warehouse.execute(spoilt)
    assert refusals(company, "audiences_add_up") != []
