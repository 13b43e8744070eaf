"""A real company's home: a till and some files by settings alone, with rows that are wrong, mended and withdrawn.

Three nights of one home, in each of which several things happen that have nothing to do with each other.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

import reports
from reports import customer, identity
from tests.integration.conftest import PROJECT, Home, differences
from tests.pages import check

AS_OF = "2026-07-01T02:00:00+08:00"
STORES = "store_id,name,city,country,timezone,currency,updated_at"
MEMBERS = (
    "member_no,full_name,phone,email,birth_date,gender,street,city,postcode,country,member_level,store_id,consent_sms,"
    "consent_email,joined_at,updated_at"
)
RECEIPTS = (
    "receipt_id,receipt_no,store_id,register_no,kind,sold_at,currency,member_no,customer_name,customer_phone,"
    "customer_street,customer_birth_date,total_amount,discount_amount,tax_amount,rounding_amount,payment_method,"
    "original_receipt_id,original_order_name,status,cashier,updated_at"
)
ERASED_BUYER = (
    "select customer_id is not null, customer_order_number, is_first_order from marts.orders where order_id = 'pos-R98'"
)
KUWAIT = "select net_amount, net_amount_reporting from marts.orders where currency = 'KWD'"
LINES = "receipt_id,line_no,sku,product_name,category,quantity,unit_price,discount_amount,tax_amount,updated_at"


def till(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    for table, columns in (("stores", STORES), ("members", MEMBERS), ("receipts", RECEIPTS), ("receipt_lines", LINES)):
        database.execute(f"create table {table} ({', '.join(f'{name} text' for name in columns.split(','))})")
    database.commit()
    return database


def sell(
    database: sqlite3.Connection, number: int, total: str, sold_at: str, currency: str = "CNY", buyer: str = "M1"
) -> None:
    database.execute(
        "insert into receipts (receipt_id, receipt_no, store_id, kind, sold_at, currency, member_no, total_amount,"
        " discount_amount, tax_amount, rounding_amount, payment_method, status, updated_at)"
        " values (?, ?, 'S1', 'sale', ?, ?, ?, ?, '0', '0', '0', 'cash', 'completed', ?)",
        [f"R{number}", f"{number}", sold_at, currency, buyer, total, sold_at],
    )
    database.execute(
        "insert into receipt_lines (receipt_id, line_no, sku, product_name, category, quantity, unit_price,"
        " discount_amount, tax_amount, updated_at) values (?, '1', 'TEA', 'tea', 'drinks', '1', ?, '0', '0', ?)",
        [f"R{number}", total.lstrip("x"), sold_at],
    )
    database.commit()


@pytest.fixture(scope="module")
def shop(make_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, sqlite3.Connection]:
    file = tmp_path_factory.mktemp("till") / "till.sqlite"
    database = till(file)
    database.execute(
        "insert into stores values ('S1', 'Bund', 'Shanghai', 'CN', 'Asia/Shanghai', 'CNY', '2026-01-01T00:00:00Z')"
    )
    database.execute(
        "insert into members (member_no, full_name, phone, city, country, joined_at, updated_at) values"
        " ('M1', '王芳', '138 1234 5678', 'Shanghai', 'CN', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')"
    )
    for number in range(1, 31):
        sell(database, number, "10.10", f"2026-06-{number:02d}T04:00:00Z" if number < 30 else "2026-06-29T05:00:00Z")
    sell(database, 99, "x12.00", "2026-06-29T06:00:00Z")
    sell(database, 98, "3.00", "2026-06-29T07:00:00Z", buyer="M2")
    home = make_home(
        "shop", SOURCES__POS__DATABASE_URL=f"sqlite:///{file}", OMNIHOUSE_AS_OF=AS_OF, OMNIHOUSE_DEMO="auto"
    )
    drop = home.path / "landing" / "events"
    drop.mkdir(parents=True)
    event = {
        "type": "page",
        "anonymousId": "cookie-1",
        "timestamp": "2026-06-29T03:00:00Z",
        "properties": {"url": "https://shop.test/tea?gclid=abc"},
    }
    lines = [json.dumps({**event, "messageId": f"m{number}"}) for number in range(20)]
    with gzip.open(drop / "a.jsonl.gz", "wt") as handle:
        handle.write("\n".join([*lines, lines[3], '{"messageId": "torn', ""]))
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home, database


def test_good_rows_are_published_and_wrong_ones_are_set_aside_with_a_reason(shop):
    home, _ = shop
    assert home.query("select count(*), sum(net_amount) from marts.orders") == [(31, Decimal("306.000"))]
    assert home.query(ERASED_BUYER) == [(True, 1, True)]
    assert home.query("select count(*) from marts.touchpoints where source_system = 'events'") == [(20,)]
    set_aside = home.query("select source_table, key, rule, reason from ops.quarantine order by all")
    assert [row[:3] for row in set_aside if row[0] == "receipts"] == [("receipts", "R99", "total_not_a_number")]
    assert any(row[0] == "broken_lines" for row in set_aside)
    assert all(row[3] for row in set_aside)
    assert home.query("select min(rows_landed - rows_read), max(rows_lost) from ops.conservation") == [(0, 0)]
    assert dict(home.query("select source_system, status from ops.freshness"))["shopify"] == "absent"
    assert home.query("select count(*) from marts.customers where not is_anonymous") == [(2,)]


@pytest.fixture(scope="module")
def second_night(shop) -> str:
    """The same file again, a mended row, somebody erased, and a currency that has no rate; what the run said."""
    home, database = shop
    (home.path / "landing" / "events" / "again.jsonl.gz").write_bytes(
        (home.path / "landing" / "events" / "a.jsonl.gz").read_bytes()
    )
    database.execute(
        "update receipts set total_amount = '12.00', updated_at = '2026-06-30T01:00:00Z' where receipt_id = 'R99'"
    )
    database.execute("update receipt_lines set updated_at = '2026-06-30T01:00:00Z' where receipt_id = 'R99'")
    database.execute(
        "update receipts set member_no = null, updated_at = '2026-06-30T01:30:00Z' where receipt_id = 'R98'"
    )
    sell(database, 101, "1.250", "2026-06-30T02:00:00Z", currency="KWD")
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def test_a_mended_row_comes_back_by_itself_and_the_same_file_again_changes_nothing(shop, second_night: str):
    home, _ = shop
    # There is neither a web shop nor a service desk.
    assert "without a source's rows left as they are" in second_night
    assert home.query("select count(*), sum(net_amount) from marts.orders where currency = 'CNY'") == [
        (32, Decimal("318.000"))
    ]
    assert home.query("select count(*) from ops.quarantine where source_table like 'receipt%'") == [(0,)]
    assert home.query("select count(*) from marts.touchpoints where source_system = 'events'") == [(20,)]


def test_an_erased_persons_order_keeps_its_number_and_names_nobody(shop, second_night: str):
    home, _ = shop
    assert home.query(ERASED_BUYER) == [(False, 1, True)]
    assert home.query("select count(*), count(customer_id) from marts.orders where currency = 'CNY'") == [(32, 31)]
    assert set(home.query("select reason from marts.customer_id_history")) == {("erased",)}


def test_a_currency_without_a_rate_warns(shop, second_night: str):
    home, _ = shop
    assert "net_amount_reporting" in second_night
    assert home.query(KUWAIT) == [(Decimal("1.250"), None)]
    ((key, reason),) = home.query("select key, reason from ops.quarantine where rule = 'rate_missing'")
    assert key == "KWD|2026-06-30"
    assert "no rate from KWD to CNY" in reason
    assert "landing/fx_rates" in reason


@pytest.fixture(scope="module")
def third_night(shop, second_night: str) -> subprocess.CompletedProcess[str]:
    """A load is withdrawn, the rate is there, and so are a mapping and a file that is no report; the till is gone."""
    home, _ = shop
    (load,) = home.query("select distinct load_id from ops.loads where source_system = 'events' and admitted")
    before = home.tables()
    assert home.run("reject", load[0]).returncode == 0
    assert home.run("reject", "no-such-load").returncode == 2
    assert differences(before, home.tables()) == {}
    (home.path / "mappings" / "radio_ads.yml").write_text(
        (PROJECT / "tests" / "integration" / "radio_ads.yml").read_text()
    )
    for name, file, text in (
        ("fx_rates", "rates.csv", "date,base_currency,quote_currency,rate\n2026-06-30,KWD,CNY,23.4\n"),
        ("google_ads", "report.csv", "this,is\nno,report\n"),
        (
            "radio_ads",
            "june.csv",
            "Tag;Sender;Kosten\n01.06.2026;Morgenwelle;1.234,50\n02.06.2026;Morgenwelle;10,00\n",
        ),
    ):
        (home.path / "landing" / name).mkdir()
        (home.path / "landing" / name / file).write_text(text)
    return home.run(SOURCES__POS__DATABASE_URL="sqlite:////no/such/place/till.sqlite?token=geheim")


def test_a_file_that_is_not_what_its_folder_says_is_refused_and_the_rest_goes_on(shop, third_night):
    home, _ = shop
    assert third_night.returncode == 1, third_night.stdout + third_night.stderr
    assert "google_ads" in third_night.stdout
    assert "report.csv" in third_night.stdout
    assert "Traceback" not in third_night.stdout + third_night.stderr
    assert home.query("select count(*) from marts.orders") == [(33,)]
    assert home.query("select status from ops.freshness where source_system = 'google_ads'") == [("stale",)]
    pages = home.path / "published"
    assert "google_ads is stale" in check(pages / "index.html").text
    assert "source google_ads" in check(pages / "reports" / "operational.html").text
    assert any("google_ads" in title for title in check(pages / "reports" / "quality.html").titles)


def test_an_unreachable_till_is_named_without_its_password(shop, third_night):
    home, _ = shop
    assert home.query("select status from ops.freshness where source_system = 'pos'") == [("stale",)]
    everything = (
        third_night.stdout
        + third_night.stderr
        + "".join(file.read_text() for file in (home.path / "runs").glob("*.json"))
    )
    assert "pos" in third_night.stdout
    assert "geheim" not in everything


def test_a_withdrawn_load_leaves_at_the_next_run(shop, third_night):
    home, _ = shop
    assert home.query("select count(*) from marts.touchpoints where source_system = 'events'") == [(0,)]
    assert home.query("select count(*) from marts.orders") == [(33,)]


def test_a_dropped_rate_mends_what_waited_for_it(shop, third_night):
    home, _ = shop
    assert home.query(KUWAIT) == [(Decimal("1.250"), Decimal("29.250"))]
    assert home.query("select count(*) from ops.quarantine where rule = 'rate_missing'") == [(0,)]


def test_a_source_is_added_by_new_files_only(shop, third_night):
    """A mapping of the user's own serves its folder without a line changed in the project."""
    home, _ = shop
    assert home.query(
        "select platform, campaign, date::varchar, currency, cost from marts.ad_performance order by date"
    ) == [
        ("radio_ads", "Morgenwelle", "2026-06-01", "EUR", Decimal("1234.50")),
        ("radio_ads", "Morgenwelle", "2026-06-02", "EUR", Decimal("10.00")),
    ]


def test_nights_after_an_erasure_keep_the_number_too(shop, third_night):
    home, _ = shop
    assert home.query(ERASED_BUYER) == [(False, 1, True)]


def test_a_wrong_mapping_or_half_a_source_is_refused_before_anything_runs(shop, third_night):
    home, _ = shop
    runs = len(list((home.path / "runs").glob("*.json")))
    mapping = home.path / "mappings" / "mine.yml"
    mapping.write_text("files: '*.csv'\nentities: {ad_performance: {day: [}}\n")
    outcome = home.run()
    assert outcome.returncode == 2
    assert "mine.yml" in outcome.stderr
    mapping.unlink()
    rules = home.path / "rules" / "identity_rules.csv"
    rules.write_text((PROJECT / "seeds" / "identity_rules.csv").read_text().replace("phone,10,n,", "phone,first,n,"))
    outcome = home.run()
    assert outcome.returncode == 2
    assert "identity_rules.csv, line 2" in outcome.stderr
    rules.unlink()
    outcome = home.run(SOURCES__SHOPIFY__SHOP_URL="https://x.test")
    assert outcome.returncode == 2
    assert "ACCESS_TOKEN" in outcome.stderr
    assert len(list((home.path / "runs").glob("*.json"))) == runs


def test_a_company_without_a_row_publishes_empty_tables(make_home, tmp_path):
    file = tmp_path / "empty.sqlite"
    till(file).close()
    home = make_home("empty", SOURCES__POS__DATABASE_URL=f"sqlite:///{file}", OMNIHOUSE_AS_OF=AS_OF)
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    rows = {table: len(found) for table, found in home.tables().items()}
    assert rows.pop("dates") >= 0
    # Three key figures are told of every night, and what came of each line of audiences.csv.
    assert rows.pop("kpi_daily") == 3
    assert rows.pop("audiences") == home.query("select count(*) from marts.audiences where matched = 0")[0][0]
    assert home.query("select kpi, value from marts.kpi_daily order by kpi") == [
        ("cross_source_rate", None),
        ("ltv_predicted_12m", None),
        ("reachable_customers", Decimal(0)),
    ]
    assert set(rows.values()) == {0}
    # Nor does a page need a row.
    assert home.record()["problems"] == []
    for page in (home.path / "published" / "index.html", *(home.path / "published" / "reports").glob("*.html")):
        assert "could not be drawn" not in check(page).text
    with reports.opened(home.published) as reader:
        drawn = [*identity.REPORT.drawn(reader), *(figure(reader, "c_nobody") for figure in customer.FIGURES)]
        assert customer.found(reader) == []
    assert not any(figure.chart for figure in drawn)
