"""Which conversions go out, what names their person, and that each goes out once."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.conversion_models import PROJECT, Click, Exporter, Order, Record, World, only, with_macros

ANN = Record("1", "ann", "ann@x.cn", "+8613800000001", consent_email=True, consent_sms=True)
HEADER = (
    "platform,action,click_days,click_expires_days,upload_days,adjustment_days,hashed_identifiers,channels,timezone\n"
)
GOOGLE = HEADER + "google_ads,Purchase,90,90,63,54,without_click,,\n"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def spelled(macro: str, platform: str, text: str) -> str | None:
    file = PROJECT / "dbt" / "macros" / "conversions.sql"
    sql = getattr(jinja2.Environment(autoescape=False).from_string(file.read_text()).module, macro)(
        f"'{platform}'", "$1"
    )
    found = duckdb.execute(f"select {sql}", [text]).fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("macro", "platform", "text", "expected"),
    [
        ("normal_email", "google_ads", "Ann.B.Lee@Gmail.com", "annblee@gmail.com"),
        ("normal_email", "google_ads", "a.b@googlemail.com", "ab@googlemail.com"),
        ("normal_email", "google_ads", "a.b@x.cn", "a.b@x.cn"),
        ("normal_email", "google_ads", "a.b+shop@gmail.com", "ab+shop@gmail.com"),
        ("normal_email", "meta_ads", " Ann.B.Lee@Gmail.com ", "ann.b.lee@gmail.com"),
        ("normal_email", "meta_ads", "Ann Lee <ann@x.cn>", "ann@x.cn"),
        ("normal_email", "meta_ads", "mailto:ann@x.cn", "ann@x.cn"),
        # A hash that was delivered in place of an address is not hashed once more.
        ("normal_email", "meta_ads", sha("ann@x.cn"), None),
        ("normal_phone", "google_ads", "+8613800000001", "+8613800000001"),
        ("normal_phone", "meta_ads", "+8613800000001", "8613800000001"),
        ("normal_phone", "meta_ads", "8613800000001", None),
        ("normal_phone", "google_ads", sha("+8613800000001"), None),
    ],
)
def test_each_platform_compares_another_spelling(macro: str, platform: str, text: str, expected: str | None):
    assert spelled(macro, platform, text) == expected


def test_a_click_goes_out_in_place_of_hashes_where_the_platform_takes_either(tmp_path: Path):
    home = Exporter(tmp_path)
    shown = home.night(
        World(
            [ANN], [Order("o1"), Order("o2", days=3)], [Click("ann", "G-1", days=2), Click("ann", "F-1", 2, "fbclid")]
        )
    )
    assert only("google_ads", shown) == [
        ("o1", "conversion", Decimal(100), "G-1"),
        ("o2", "conversion", Decimal(100), None),
    ]
    assert [row[3] for row in only("meta_ads", shown)] == ["F-1", None]
    assert only("oceanengine", shown) == []
    hashes = {(row.platform, row.order_id): (row.hashed_email, row.hashed_phone) for row in home.uploads()}
    assert hashes["google_ads", "o1"] == (None, None)
    assert hashes["google_ads", "o2"] == (sha("ann@x.cn"), sha("+8613800000001"))
    assert hashes["meta_ads", "o1"] == (sha("ann@x.cn"), sha("8613800000001"))


def test_the_last_click_of_the_window_counts(tmp_path: Path):
    home = Exporter(tmp_path)
    clicks = [
        *(Click("ann", name, days) for name, days in (("G-1", 5), ("G-2", 4), ("G-after", 0.5))),
        Click("ann", "C-old", 32, "clickid"),
        Click("ann", "C-listed", 20, "clickid", listed=True),
    ]
    shown = home.night(World([ANN], [Order("o1"), Order("o2", days=60)], clicks))
    assert [row[::3] for row in only("google_ads", shown)] == [("o1", "G-2"), ("o2", None)]
    assert [row[::3] for row in only("oceanengine", shown)] == [("o1", "C-listed")]


def test_a_click_that_expired_before_the_upload_is_none(tmp_path: Path):
    order, click = Order("o1", days=40), Click("ann", "G-1", days=89.5)
    assert only("google_ads", Exporter(tmp_path / "in").night(World([ANN], [order], [click])))[0][3] == "G-1"
    late = Exporter(tmp_path / "late")
    late.build(World())
    assert only("google_ads", late.night(World([ANN], [order], [click])))[0][3] is None


@pytest.mark.parametrize("click_id", ["=1+1", "@sum", "a b", "a,b", "a\nb", "-x", "x" * 501, "<b>"])
def test_what_is_no_click_id_is_never_written(tmp_path: Path, click_id: str):
    shown = Exporter(tmp_path).night(World([ANN], [Order("o1")], [Click("ann", click_id)]))
    assert [row[3] for row in only("google_ads", shown)] == [None]


def test_a_click_id_of_two_people_is_nobodys(tmp_path: Path):
    clicks = [Click("ann", "G-1"), Click("bob", "G-1", days=1.5)]
    assert [row[3] for row in only("google_ads", Exporter(tmp_path).night(World([ANN], [Order("o1")], clicks)))] == [
        None
    ]


@pytest.mark.parametrize(
    "order",
    [
        Order("o", None),
        Order("o", "bob"),
        Order("o", "ann", is_valid=False),
        Order("o", "ann", net="0", due="100"),
        Order("o", "ann", days=64),
        Order("o", "ann", days=-1),
    ],
    ids=["nobody's", "without consent", "not valid", "given back", "too old", "from the future"],
)
def test_orders_that_no_platform_is_told_of(tmp_path: Path, order: Order):
    assert (
        Exporter(tmp_path).night(World([ANN, Record("2", "bob", "bob@x.cn")], [order], [Click("ann", "G-1", 70)])) == []
    )


def test_a_free_order_is_told_with_nothing_as_its_value(tmp_path: Path):
    shown = Exporter(tmp_path).night(World([ANN], [Order("o", net="0", due="0")]))
    assert only("google_ads", shown) == [("o", "conversion", Decimal(0), None)]


@pytest.mark.parametrize(
    ("records", "unsubscribed", "email", "phone"),
    [
        ([ANN], [], True, True),
        ([replace(ANN, consent_sms=None)], [], True, False),
        ([replace(ANN, consent_sms=False)], [], True, False),
        ([replace(ANN, consent_email=None)], [], False, True),
        # Another record of the same address says no.
        ([ANN, Record("2", "ann", "ann@x.cn", consent_email=False)], [], False, True),
        # Another address says no; this one stays allowed.
        ([ANN, Record("2", "ann", "ann@y.cn", consent_email=False)], [], True, True),
        # A record that refuses everything speaks for the person, whatever contacts it holds.
        ([ANN, Record("2", "ann", consent_email=False, consent_sms=False)], [], False, False),
        ([ANN], [("1", "email")], False, True),
        ([ANN], [("1", "sms")], True, False),
        ([ANN], [("1", "wecom")], True, True),
        # Unsubscribing from another record's address counts for the person.
        ([ANN, Record("2", "ann", "ann@y.cn")], [("2", "email")], False, True),
        # Whoever else has the number may be its new owner.
        ([ANN, Record("2", "bob", phone="+8613800000001", consent_sms=True)], [], True, False),
        # Consent for one address is none for another, nor does stitching widen it.
        ([Record("1", "ann", "ann@x.cn"), Record("2", "ann", "ann@y.cn", consent_email=True)], [], False, False),
    ],
)
def test_consent_is_the_contacts_and_refusal_the_persons(
    tmp_path: Path, records: list[Record], unsubscribed: list[tuple[str, str]], email: bool, phone: bool
):
    home = Exporter(tmp_path, GOOGLE)
    shown = home.night(World(records, [Order("o1")], [], unsubscribed))
    named = {text for row in home.uploads() for text in (row.hashed_email, row.hashed_phone) if text}
    assert (sha("ann@x.cn") in named, sha("+8613800000001") in named) == (email, phone)
    if not (email or phone):
        # Its own address, if any, may be used; the other one never is.
        assert named <= {sha("ann@y.cn")}
        assert len(shown) == len(named)


def test_a_click_of_someone_without_consent_goes_nowhere(tmp_path: Path):
    home = Exporter(tmp_path)
    clicks = [Click("ann", "G-1"), Click("ann", "F-1", 2, "fbclid"), Click("ann", "C-1", 2, "clickid")]
    refused = [Record("2", "ann", consent_email=False, consent_sms=False)]
    assert home.night(World([ANN, *refused], [Order("o1")], clicks)) == []
    assert {row[0] for row in home.night(World([ANN], [Order("o1")], clicks))} == {
        "google_ads",
        "meta_ads",
        "oceanengine",
    }


def test_a_conversion_goes_out_once_for_ever(tmp_path: Path):
    home = Exporter(tmp_path)
    world = World([ANN, Record("2", "bob", "bob@x.cn", consent_email=True)], [Order("o1")], [Click("ann", "G-1")])
    assert len(home.night(world)) == 2
    assert home.night(world) == []
    # The order is another person's now, by a merge or a split.
    assert home.night(replace(world, orders=[Order("o1", "bob")])) == []
    # Its person was erased, and the order with a new one's help is known again.
    assert home.night(replace(world, orders=[Order("o1", None)])) == []
    assert home.night(world) == []
    assert len(home.night(replace(world, orders=[Order("o1"), Order("o2")]))) == 2


def test_a_night_that_was_not_published_told_nobody(tmp_path: Path):
    home = Exporter(tmp_path)
    world = World([ANN], [Order("o1")])
    first = home.night(world, publish=False)
    assert first
    assert home.night(world) == first
    assert home.night(world) == []


def test_what_changes_afterwards_goes_out_as_an_adjustment_once_per_value(tmp_path: Path):
    home = Exporter(tmp_path, GOOGLE)

    def night(**changes: object) -> list[tuple[object, ...]]:
        return [row[2:4] for row in home.night(World([ANN], [replace(Order("o1", due="100"), **changes)]))]  # type: ignore[arg-type]

    assert night() == [("conversion", Decimal(100))]
    assert night(net="70") == [("restatement", Decimal(70))]
    assert night(net="70") == []
    assert night(net="100") == [("restatement", Decimal(100))]
    assert night(net="0") == [("retraction", Decimal(0))]
    # What was taken back cannot be told anew.
    assert night(net="100") == []
    times = home.warehouse.execute(
        "select happened_at from marts.exported_conversions where kind <> 'conversion' order by night"
    ).fetchall()
    assert times == sorted(set(times))


def test_a_cancelled_order_is_taken_back_and_one_whose_load_is_gone_waits(tmp_path: Path):
    home = Exporter(tmp_path, GOOGLE)
    world = World([ANN], [Order("o1"), Order("o2")])
    assert len(home.night(world)) == 2
    assert home.night(World([ANN], [Order("o1", is_valid=False)])) == [
        ("google_ads", "o1", "retraction", Decimal(0), None)
    ]
    assert home.night(world) == []


def test_two_adjustments_of_one_moment_have_times_of_their_own(tmp_path: Path):
    home = Exporter(tmp_path, GOOGLE)
    times = []
    for again, net in enumerate(("100", "70", "60")):
        # The clock stands still when a night is repeated.
        home.night(World([ANN], [Order("o1", net=net)]), again=again == 2)
        times += [row.happened_at for row in home.uploads()]
    assert times[0] < times[1] == home.as_of < times[2]


def test_an_adjustment_names_somebody_only_where_the_platform_cannot_do_without(tmp_path: Path):
    home = Exporter(tmp_path)
    clicks = [Click("ann", "F-1", 2, "fbclid"), Click("ann", "C-1", 2, "clickid")]
    home.night(World([ANN], [Order("o1")], clicks))
    home.night(World([ANN], [Order("o1", net="70")], clicks))
    named = {row.platform: (row.kind, row.click_id, row.hashed_email) for row in home.uploads()}
    assert named == {
        "google_ads": ("restatement", None, None),
        "meta_ads": ("restatement", "F-1", sha("ann@x.cn")),
        "oceanengine": ("restatement", "C-1", None),
    }
    # Consent withdrawn since: what carries no name is still put right, the rest waits.
    gone = World([replace(ANN, consent_email=False, consent_sms=False)], [Order("o1", net="60")], clicks)
    assert [row[0] for row in home.night(gone)] == ["google_ads"]
    assert home.night(gone) == []


def test_too_late_to_put_right(tmp_path: Path):
    home = Exporter(tmp_path, GOOGLE)
    home.night(World([ANN], [Order("o1", days=53), Order("o2", days=52)]))
    shown = home.night(World([ANN], [Order("o1", days=53, net="70"), Order("o2", days=52, net="70")]))
    assert [row[1] for row in shown] == ["o2"]


def test_an_order_of_the_last_day_is_put_right_the_night_after(tmp_path: Path):
    home = Exporter(tmp_path, GOOGLE)
    home.night(World([ANN], [Order("o1", days=0.5)]))
    refunded = World([ANN], [Order("o1", days=0.5, net="70")])
    assert home.night(refunded, again=True) == []
    assert len(home.night(refunded)) == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", []),
        ("google_ads,Store sale,90,,63,,never,store,\n", [("google_ads", "o1", "G-1")]),
        ("google_ads,Web,90,,63,,never,web|online_store,\n", [("google_ads", "o2", "G-1")]),
        ("google_ads,Sale,1,,63,,never,,\n", []),
        ("meta_ads,Sale,7,,1,,always,,\n", [("meta_ads", "o1", None)]),
    ],
)
def test_rules_say_which_platforms_and_orders(tmp_path: Path, lines: str, expected: list[tuple[object, ...]]):
    home = Exporter(tmp_path, HEADER + lines)
    orders = [Order("o1", days=0.5), Order("o2", channel="online_store")]
    shown = home.night(World([ANN], orders, [Click("ann", "G-1", days=3)]))
    assert [(row[0], row[1], row[4]) for row in shown] == expected
    # Rules that lost a line adjust nothing either.
    home.rules = HEADER
    assert home.night(World([ANN], [replace(order, net="70") for order in orders])) == []


def test_one_order_under_two_actions_is_two_conversions(tmp_path: Path):
    home = Exporter(tmp_path, GOOGLE + "google_ads,Store sale,90,,63,54,without_click,store,\n")
    world = World([ANN], [Order("o1"), Order("o2", channel="web")])
    assert [row[1] for row in home.night(world)] == ["o1", "o1", "o2"]
    assert home.night(world) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        "update marts.customers set marketing_consent = false",
        "delete from marts.customers",
        "update intermediate.int_identity__records set consent_sms = false, consent_email = false",
        "update intermediate.int_identity__records set consent_email = null",
        "update intermediate.int_identity__records set phone = null",
    ],
)
def test_the_gate_finds_whoever_did_not_consent(tmp_path: Path, spoilt: str):
    home = Exporter(tmp_path)
    home.night(World([ANN], [Order("o1")]))
    home.warehouse.execute("create table marts.customers as select 'ann' as customer_id, true as marketing_consent")
    gate = with_macros((PROJECT / "dbt" / "tests" / "conversions_have_consent.sql").read_text())
    assert home.warehouse.execute(gate).fetchall() == []
    home.warehouse.execute(spoilt)
    assert home.warehouse.execute(gate).fetchall() != []


@pytest.mark.parametrize(
    "kinds",
    [["conversion", "conversion"], ["restatement"], ["restatement", "conversion"],
     ["conversion", "retraction", "restatement"]],
)  # fmt: skip
def test_the_gate_finds_what_would_be_told_twice(tmp_path: Path, kinds: list[str]):
    home = Exporter(tmp_path)
    gate = with_macros((PROJECT / "dbt" / "tests" / "conversions_go_out_once.sql").read_text())
    world = World([ANN], [Order("o1", days=10)])
    for net in ("100", "70", "60", "0"):
        home.night(replace(world, orders=[Order("o1", days=10, net=net)]))
        assert home.warehouse.execute(gate).fetchall() == []
    for night, kind in enumerate(kinds, 1):
        home.warehouse.execute(
            "insert into marts.exported_conversions by name"
            " select 'google_ads' as platform, 'Purchase' as action, 'o2' as order_id, $1 as kind, $2 as night",
            [kind, night],
        )
    assert {row[2] for row in home.warehouse.execute(gate).fetchall()} == {"o2"}


CONSENTS = st.sampled_from([None, True, False])
PEOPLE = ["ann", "bob"]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    records = [
        Record(str(at), person, f"{person}@x.cn", f"+861380000000{at}", draw(CONSENTS), draw(CONSENTS))
        for at, person in enumerate(PEOPLE, 1)
    ]
    orders = [
        Order(
            f"o{at}", draw(st.sampled_from([*PEOPLE, None])), days=at, net=draw(st.sampled_from(["0", "70", "100"])),
            due="100", is_valid=draw(st.sampled_from([True, True, False])),
        )
        for at in (1, 2, 3) if draw(st.booleans())
    ]  # fmt: skip
    clicks = [Click(person, f"G-{person}", days=4) for person in PEOPLE if draw(st.booleans())]
    return World(records, orders, clicks)


@settings(max_examples=8)
@given(nights=st.lists(st.tuples(worlds(), st.booleans()), min_size=2, max_size=5))
def test_whatever_happens_each_conversion_goes_out_once_and_ends_with_what_is_true(nights: list[tuple[World, bool]]):
    lake = Path(tempfile.mkdtemp())
    try:
        home = Exporter(lake, GOOGLE)
        for world, published in nights:
            home.night(world, published)
            consents = {
                record.person
                for record in world.records
                if (record.consent_email or record.consent_sms)
                and not (record.consent_email is False and record.consent_sms is False)
            }
            people = {order.name: order.person for order in world.orders}
            assert {people[row.order_id] for row in home.uploads() if row.kind == "conversion"} <= consents
            if not published:
                continue
            told = home.told()
            for order in world.orders:
                history = told.get(("google_ads", order.name), [])
                true = Decimal(order.net) if order.is_valid else Decimal(0)
                assert not history or history[-1][1] == true or history[-1][0] == "retraction"
        for history in home.told().values():
            kinds = [kind for kind, _ in history]
            assert kinds[0] == "conversion"
            assert "conversion" not in kinds[1:]
            assert "retraction" not in kinds[:-1]
        assert home.night(nights[-1][0]) == [] or not nights[-1][1]
    finally:
        shutil.rmtree(lake)


@pytest.mark.parametrize(
    ("consents", "suppressions", "email", "phone"),
    [
        ("email,ann@x.cn,ads,marketing,refused,2026-06-01T00:00:00Z\n", "", False, True),
        ("email,ann@x.cn,email,marketing,refused,2026-06-01T00:00:00Z\n", "", False, True),
        # A yes to e-mails after it is none to advertisements.
        (
            "email,ann@x.cn,ads,marketing,refused,2026-06-01T00:00:00Z\n"
            "email,ann@x.cn,email,marketing,granted,2026-06-02T00:00:00Z\n",
            "", False, True,
        ),
        ("email,ann@x.cn,ads,service,refused,2026-06-01T00:00:00Z\n", "", True, True),
        ("email,ann@x.cn,*,*,refused,2026-06-01T00:00:00Z\n", "", False, False),
        ("", "phone,+8613800000001,ads,*,2026-06-01T00:00:00Z,\n", False, False),
        ("", "phone,+8613800000001,sms,*,2026-06-01T00:00:00Z,\n", True, True),
    ],
)  # fmt: skip
def test_the_companys_own_lists_count_for_conversions_too(
    tmp_path: Path, consents: str, suppressions: str, email: bool, phone: bool
):
    home = Exporter(tmp_path, GOOGLE)
    home.contact_rules["consents.csv"] += consents
    home.contact_rules["suppressions.csv"] += suppressions
    home.night(World([ANN], [Order("o1")]))
    named = {text for row in home.uploads() for text in (row.hashed_email, row.hashed_phone) if text}
    assert (sha("ann@x.cn") in named, sha("+8613800000001") in named) == (email, phone)


def test_a_dated_yes_is_enough_for_a_conversion(tmp_path: Path):
    home = Exporter(tmp_path, GOOGLE)
    home.contact_rules["consents.csv"] += "phone,+8613800000001,ads,marketing,granted,2026-06-01T00:00:00Z\n"
    home.night(World([replace(ANN, consent_email=None, consent_sms=None)], [Order("o1")]))
    assert [row.hashed_phone for row in home.uploads()] == [sha("+8613800000001")]
    home.warehouse.execute("create table marts.customers as select 'ann' as customer_id, true as marketing_consent")
    gate = with_macros((PROJECT / "dbt" / "tests" / "conversions_have_consent.sql").read_text())
    assert home.warehouse.execute(gate).fetchall() == []
