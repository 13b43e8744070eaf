"""People in dropped files: customers, touchpoints, messages and tickets through a company's own mappings.

Who they are, what is published of them, and that no file doubles or loses anything.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable

import duckdb
import pytest

from tests.integration.conftest import Home, differences
from tests.integration.test_real_home import AS_OF, till

MAPPINGS = {
    "crm": """
files: "*.csv"
entities:
  customers:
    customer_key: Nick
    full_name: Name
    phone: Mobile
    email: Mail
    member_no: Card
    union_id: UnionID
    updated_at: Changed
""",
    "visits": """
files: "*.csv"
part_of: crm
timezone: Europe/London
entities:
  touchpoints:
    occurred_at: {from: When, formats: ["%d/%m/%Y %H:%M"]}
    touchpoint_type: What
    customer_key: {from: Nick, optional: true}
    phone: Caller
    device_id: Device
    click_id: Click
    campaign: Campaign
    url: Page
""",
    "sms_log": """
files: "*.csv"
entities:
  messages:
    message_id: ID
    occurred_at: Time
    event: Status
    channel: Kind
    phone: To
    email: Mailbox
    open_id: OpenID
    campaign: Campaign
    template: Template
""",
    "market": """
files: "*.csv"
currency: CNY
entities:
  orders:
    order_id: Order
    ordered_at: Time
    net_amount: Paid
    customer_key: {from: Buyer, optional: true}
    full_name: Name
    phone: Phone
    union_id: UnionID
""",
    "hotline": """
files: "*.csv"
entities:
  tickets:
    ticket_id: Ticket
    created_at: Opened
    phone: Caller
    email: Mail
    full_name: Name
    category: About
    status: State
    channel: Way
    first_replied_at: Answered
    solved_at: Closed
    csat_score: Stars
""",
}
MAPPINGS["ad_clients"] = """
files: "*.csv"
entities:
  customers:
    customer_key: Client
    full_name: Name
    email: Mail hash
    phone: Phone hash
    city: City
    updated_at: Changed
"""
MAPPINGS["ad_messages"] = """
files: "*.csv"
entities:
  messages:
    message_id: ID
    occurred_at: Time
    event: Status
    channel: Kind
    phone: To
    email: Mailbox
"""
CRM = """Nick,Name,Mobile,Mail,Card,UnionID,Changed
ann@mailbox.cn,王安,138 1111 2222,ann@mailbox.cn,M1,,2026-05-01 10:00:00
小波波,李波,,bo@mailbox.cn,,U-bo,2026-05-02 10:00:00
1003,陈晨,13633334444,,,,2026-05-03 10:00:00
"""
VISITS = """When,What,Nick,Caller,Device,Click,Campaign,Page
01/06/2026 10:00,Page View,,,D1,,,https://shop.cn/tea?utm_source=google&utm_medium=cpc
01/06/2026 10:05,Page View,ann@mailbox.cn,,D1,,,https://shop.cn/u/ann@mailbox.cn
01/06/2026 12:00,Call,,13811112222,,,,
02/06/2026 09:00,到店,小波波,,,,,
02/06/2026 09:00,到店,小波波,,,,,
03/06/2026 08:00,Ad Click,,,,gclid-77,call 13811112222,
04/06/2026 08:00,Page View,,,D9,,,/home
"""
MESSAGES = """ID,Time,Status,Kind,To,Mailbox,OpenID,Campaign,Template
13811112222-0601,2026-06-01T08:00:00+08:00,发送,短信,13811112222,,,618,hello 13811112222
13811112222-0601,2026-06-01T08:00:05+08:00,送达,短信,13811112222,,,618,hello
13811112222-0601,2026-06-01T08:30:00+08:00,Click,短信,13811112222,,,618,hello
13811112222-0601,2026-06-01T08:31:00+08:00,Click,短信,13811112222,,,618,hello
2,2026-06-02T08:00:00+08:00,Sent,E-Mail,,BO@mailbox.cn,,618,hello
2,2026-06-02T09:00:00+08:00,退订,E-Mail,,BO@mailbox.cn,,618,hello
3,2026-06-02T08:00:00+08:00,Sent,WeCom,,,oAbc9XyZ,618,hello
4,2026-06-02T08:00:00+08:00,archived,短信,13811112222,,,618,hello
"""
TICKETS = """Ticket,Opened,Caller,Mail,Name,About,State,Way,Answered,Closed,Stars
bo@mailbox.cn/1,2026-06-05 09:00:00,,bo@mailbox.cn,李波,delivery,Solved,Mail,2026-06-05 09:04:00,2026-06-06 10:00:00,4.5
H-2,2026-06-05 10:00:00,+86 138 1111 2222,,,delivery,Open,Call,,,
"""
ORDERS = """Order,Time,Paid,Buyer,Name,Phone,UnionID
9001,2026-05-20 10:00:00,10.00,阿安8812,,13811112222,
9002,2026-05-21 10:00:00,20.00,,,,U-bo
9003,2026-05-22 10:00:00,30.00,,赵一,,
"""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# As ad platforms deliver people: hashes only, of whom Ann and Bo are known in plain elsewhere.
AD_CLIENTS = f"""Client,Name,Mail hash,Phone hash,City,Changed
9001,Ann Wang,,{digest("+8613811112222").upper()},Somewhere,2026-06-20 10:00:00
9002,,{digest("bo@mailbox.cn")},,,2026-06-20 10:00:00
9003,,{digest("stranger@post.cn")},{digest("")},,2026-06-20 10:00:00
9004,,,{digest("8613800138000")},,2026-06-20 10:00:00
9005,,,{digest("13800138000")},,2026-06-20 10:00:00
"""
AD_MESSAGES = f"""ID,Time,Status,Kind,To,Mailbox
1,2026-06-21T08:00:00+08:00,Sent,短信,{digest("13811112222")},
2,2026-06-21T08:00:00+08:00,Sent,E-Mail,,sha256:{digest("stranger@post.cn").upper()}
3,2026-06-21T09:00:00+08:00,Click,短信,{digest("13811112222").upper()},
"""
# Everything by which one of these people could be found.
ADDRESSES = (
    "ann@",
    "mailbox",
    "13811112222",
    "1111 2222",
    "小波波",
    "13633334444",
    "oabc9xyz",
    "13900001111",
    "8812",
    "u-bo",
    digest("13811112222"),
    digest("+8613811112222"),
    digest("bo@mailbox.cn"),
    digest("stranger@post.cn"),
)


def drop(home: Home, folder: str, name: str, text: str) -> None:
    place = home.path / "landing" / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)


@pytest.fixture(scope="module")
def shop(make_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    file = tmp_path_factory.mktemp("card_till") / "till.sqlite"
    database: sqlite3.Connection = till(file)
    database.execute(
        "insert into members (member_no, full_name, phone, country, joined_at, updated_at) values"
        " ('M1', '王安', '139 0000 1111', 'CN', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')"
    )
    database.commit()
    home = make_home("people", SOURCES__POS__DATABASE_URL=f"sqlite:///{file}", OMNIHOUSE_AS_OF=AS_OF)
    (home.path / "mappings").mkdir(parents=True)
    for name, text in MAPPINGS.items():
        (home.path / "mappings" / f"{name}.yml").write_text(text)
    drop(home, "crm", "crm.csv", CRM)
    drop(home, "visits", "june.csv", VISITS)
    drop(home, "sms_log", "june.csv", MESSAGES)
    drop(home, "hotline", "june.csv", TICKETS)
    drop(home, "market", "may.csv", ORDERS)
    drop(home, "ad_clients", "june.csv", AD_CLIENTS)
    drop(home, "ad_messages", "june.csv", AD_MESSAGES)
    drop(
        home,
        "events",
        "web.jsonl",
        "\n".join(
            json.dumps({"messageId": f"e{number}", "timestamp": f"2026-06-07T0{number}:00:00Z", **event})
            for number, event in enumerate(
                [
                    {"type": "screen", "name": "Home", "anonymousId": "A1"},
                    {"type": "page", "anonymousId": "A2", "properties": {"url": "https://shop.cn/?gclid=gclid-77"}},
                    {"type": "identify", "userId": "u7", "anonymousId": "A3", "traits": {"phone": "13633334444"}},
                    {"type": "alias", "userId": "u7", "previousId": "A1"},
                ]
            )
        ),
    )
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home


def people(home: Home) -> dict[tuple[str, str], set[str]]:
    """Per source and record type the customers of its records."""
    found: dict[tuple[str, str], set[str]] = {}
    for source, kind, customer in home.query(
        "select source_system, record_type, customer_id from marts.customer_identities"
    ):
        found.setdefault((source, kind), set()).add(customer)
    return found


def one(home: Home, sql: str) -> str:
    ((value,),) = home.query(sql)
    return value


def test_the_rows_of_four_exports_and_a_till_are_three_people(shop: Home):
    ann = one(shop, "select customer_id from marts.customer_identities where source_system = 'pos'")
    chen = one(shop, "select customer_id from marts.customer_identities where source_record_id = '1003'")
    assert len(people(shop)["crm", "customer"]) == 3
    assert {ann, chen} < people(shop)["crm", "customer"]
    bo = (people(shop)["crm", "customer"] - {ann, chen}).pop()
    # The phone of the hotline, the message log and the caller is Ann's, the mailbox is Bo's; an OpenID is a stranger's.
    assert people(shop)["hotline", "requester"] == {ann, bo}
    assert people(shop)["crm", "message_address"] == {ann}
    assert {ann, bo} < people(shop)["sms_log", "message_address"]
    assert len(people(shop)["sms_log", "message_address"]) == 3
    # A buyer is known by a phone or a UnionID; one who left a name is somebody of whom no more is known.
    assert people(shop)["market", "customer"] == {ann}
    assert people(shop)["market", "guest_order"] == {bo}
    assert len(people(shop)["market", "name_only"] - {ann, bo, chen}) == 1
    # The alias says that the app on A1 is the user's.
    assert people(shop)["events", "user"] == {chen}
    assert shop.query(
        "select distinct customer_id from marts.touchpoints where source_system = 'events' and source_record_id = 'e0'"
    ) == [(chen,)]
    # An advertisement's click and the page that it opened are one visitor.
    assert people(shop)["crm", "click"] <= people(shop)["events", "device"]
    assert sorted(shop.query("select source_systems from marts.customers where not is_anonymous")) == [
        ("ad_clients",),
        ("ad_clients",),
        ("ad_clients, ad_messages",),
        ("ad_clients, ad_messages, crm, hotline, market, pos, sms_log",),
        ("ad_clients, crm, hotline, market, sms_log",),
        ("crm, events",),
        ("market",),
        ("sms_log",),
    ]


def test_people_who_are_delivered_as_hashes_are_those_of_the_plain_values(shop: Home):
    ann = one(shop, "select customer_id from marts.customer_identities where source_system = 'pos'")
    clients = dict(
        shop.query(
            "select source_record_id, customer_id from marts.customer_identities where source_system = 'ad_clients'"
        )
    )
    # The hash of a placeholder, or of an empty field, joins nobody to anybody.
    assert len(set(clients.values())) == 5
    assert clients["9001"] == ann
    assert clients["9002"] in people(shop)["hotline", "requester"]
    # A number hashed without its country, in either case, is one address; an unknown hash is one stranger.
    assert people(shop)["ad_messages", "message_address"] == {ann, clients["9003"]}
    assert shop.query(
        "select event, channel from marts.messages where source_system = 'ad_messages' and customer_id = $1"
        " order by occurred_at",
        [ann],
    ) == [("sent", "sms"), ("clicked", "sms")]


def test_what_stands_of_a_person_has_its_source_and_a_hash_never_stands(shop: Home):
    ann = one(shop, "select customer_id from marts.customer_identities where source_system = 'pos'")
    assert shop.query(
        "select attribute, source_system, record_type, distinct_values, is_conflicting"
        " from marts.customer_attribute_sources where customer_id = $1 and attribute <> 'country' order by attribute",
        [ann],
    ) == [
        ("city", "ad_clients", "customer", 1, False),
        ("email", "crm", "customer", 1, False),
        ("full_name", "pos", "member", 2, True),
        ("phone", "pos", "member", 2, True),
    ]
    file = shop.path / "published" / "restricted" / "omnihouse_restricted.duckdb"
    with duckdb.connect(str(file), read_only=True) as reader:
        conflicts = reader.execute(
            "select attribute, value, source_system, is_surviving from restricted.customer_attribute_conflicts"
            " where customer_id = $1 order by attribute, place",
            [ann],
        ).fetchall()
        contacts = str(reader.execute("select * from restricted.customer_contacts").fetchall())
    assert conflicts == [
        ("full_name", "王安", "pos", True),
        ("full_name", "Ann Wang", "ad_clients", False),
        ("phone", "139 0000 1111", "pos", True),
        ("phone", "+86 138 1111 2222", "hotline", False),
    ]
    assert not any(digest in contacts for digest in ADDRESSES if len(digest) == 64)


def test_touchpoints_have_a_time_a_channel_and_a_person(shop: Home):
    ann = one(shop, "select customer_id from marts.customer_identities where source_system = 'pos'")
    rows = shop.query(
        "select strftime(occurred_at, '%d %H:%M'), touchpoint_type, channel, is_eligible, customer_id = $1"
        " from marts.touchpoints where touchpoint_id like 'touch-%' order by occurred_at, touchpoint_id",
        [ann],
    )
    # Ten in the morning of a London June is nine in UTC. The first page of the device is Ann's, who logged in on it.
    assert rows == [
        ("01 09:00", "page_view", "paid_search", True, True),
        ("01 09:05", "page_view", "paid_search", False, True),
        ("01 11:00", "call_in", "phone", True, True),
        ("02 08:00", "store_visit", "store", True, False),
        ("02 08:00", "store_visit", "store", True, False),
        ("03 07:00", "ad_click", "paid_other", True, False),
        ("04 07:00", "page_view", "direct", True, False),
    ]
    assert shop.query("select is_anonymous from marts.customers join marts.touchpoints using (customer_id)"
                      " where page_path = '/home'") == [(True,)]  # fmt: skip


def test_messages_say_what_was_said_to_whom(shop: Home):
    ann = one(shop, "select customer_id from marts.customer_identities where source_system = 'pos'")
    assert shop.query(
        "select channel, event, campaign, template, is_first_click from marts.messages where customer_id = $1"
        " and source_system = 'sms_log' order by occurred_at",
        [ann],
    ) == [
        ("sms", "sent", "618", None, False),
        ("sms", "delivered", "618", "hello", False),
        ("sms", "clicked", "618", "hello", True),
        ("sms", "clicked", "618", "hello", False),
    ]
    assert shop.query(
        "select touchpoint_type, count(*), sum(is_eligible::int) from marts.touchpoints"
        " where touchpoint_id like 'message-sms_log-%' group by all order by all"
    ) == [
        ("message_clicked", 2, 1),
        ("message_delivered", 1, 0),
        ("message_sent", 3, 0),
        ("message_unsubscribed", 1, 0),
    ]


def test_tickets_of_an_export_stand_beside_the_desks(shop: Home):
    rows = shop.query(
        "select source_system, channel, category, status, csat_score, epoch(solved_at) - epoch(created_at),"
        " is_one_touch from marts.service_tickets order by created_at"
    )
    assert [(*row[:4], None if row[4] is None else float(row[4]), *row[5:]) for row in rows] == [
        ("hotline", "mail", "delivery", "solved", 4.5, 25 * 3600.0, None),
        ("hotline", "call", "delivery", "open", None, None, None),
    ]
    assert shop.query("select ticket_id from marts.service_tickets where created_at > '2026-06-05T01:30:00Z'") == [
        ("hotline-H-2",)
    ]


def test_what_no_word_explains_is_set_aside_with_file_and_line(shop: Home):
    assert shop.query("select source_system, rule, file_name, row_number from ops.quarantine") == [
        ("sms_log", "event_unknown", "sms_log/june.csv", 9)
    ]
    assert shop.query("select min(rows_landed - rows_read), max(rows_lost) from ops.conservation") == [(0, 0)]


def test_no_address_is_in_the_published_file(shop: Home):
    texts = []
    with duckdb.connect(str(shop.published), read_only=True) as reader:
        for schema, table, column in reader.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where not internal"
            " and data_type in ('VARCHAR', 'VARCHAR[]', 'JSON')"
        ).fetchall():
            texts += [
                (f"{schema}.{table}.{column}", str(value).lower())
                for (value,) in reader.execute(
                    f'select distinct "{column}" from "{schema}"."{table}" where "{column}" is not null'
                ).fetchall()
            ]
    assert len(texts) > 100
    assert [found for found in texts if any(address in found[1] for address in ADDRESSES)] == []
    with duckdb.connect(str(shop.path / "published" / "restricted" / "omnihouse_restricted.duckdb")) as reader:
        contacts = str(reader.execute("select * from restricted.customer_contacts").fetchall())
    assert "bo@mailbox.cn" in contacts


def test_a_file_that_comes_again_adds_nothing_and_a_late_one_its_rows(shop: Home):
    before, who = shop.tables(), people(shop)
    ids = sorted(shop.query("select touchpoint_id, customer_id from marts.touchpoints"))
    drop(shop, "visits", "june again.csv", VISITS + "\n")
    drop(shop, "sms_log", "june again.csv", MESSAGES + "\n")
    drop(shop, "hotline", "june again.csv", TICKETS + "\n")
    drop(shop, "crm", "crm again.csv", CRM + "\n")
    late = VISITS.splitlines()[0] + "\n28/05/2026 10:00,Page View,,,D1,,,/early\n02/06/2026 09:00,到店,小波波,,,,,\n"
    drop(shop, "visits", "may.csv", late)
    # The mended message leaves the quarantine; the moved customer keeps both numbers.
    drop(shop, "sms_log", "mended.csv", MESSAGES.splitlines()[0] + "\n" + MESSAGES.splitlines()[-1].replace(
        "archived", "read") + "\n")  # fmt: skip
    drop(shop, "crm", "moved.csv", CRM.splitlines()[0] + "\n1003,陈晨,13655556666,,,,2026-06-20 10:00:00\n")
    outcome = shop.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    after = sorted(shop.query("select touchpoint_id, customer_id from marts.touchpoints"))
    assert set(ids) < set(after)
    assert len(after) == len(ids) + 2
    assert shop.query("select count(*) from marts.touchpoints where touchpoint_type = 'store_visit'") == [(2,)]
    assert shop.query("select event from marts.messages where message_id = '4'") == [("opened",)]
    # A row that now says another event is another row; the two deliveries of the old one wait for a word.
    assert shop.query("select count(*) from ops.quarantine") == [(2,)]
    tables = shop.tables()
    assert len(tables["messages"]) == len(before["messages"]) + 1
    assert people(shop) == who
    told = ("service_tickets", "orders", "order_lines", "refunds")
    assert differences({name: before[name] for name in told}, {name: tables[name] for name in told}) == {}


def test_a_second_persons_log_in_restates_what_was_the_only_ones(shop: Home):
    ann = one(shop, "select customer_id from marts.customer_identities where source_system = 'pos'")
    visits = (
        "select page_path, customer_id = $1, is_anonymous from marts.touchpoints"
        " join marts.customers using (customer_id)"
        " where source_system = 'crm' and page_path in ('/early', '/tea') order by occurred_at"
    )
    # Only Ann was ever known on the device: what happened there before she logged in was hers.
    assert shop.query(visits, [ann]) == [("/early", True, False), ("/tea", True, False)]
    drop(shop, "visits", "later.csv", VISITS.splitlines()[0] + "\n20/06/2026 10:00,Page View,小波波,,D1,,,/bo\n")
    outcome = shop.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    # Of two people the first page of a session stays with whom the session knew; the day before it was nobody's.
    assert shop.query(visits, [ann]) == [("/early", False, True), ("/tea", True, False)]


def test_a_rebuild_is_the_same(shop: Home):
    before = shop.tables()
    outcome = shop.run("rebuild")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert differences(before, shop.tables()) == {}
