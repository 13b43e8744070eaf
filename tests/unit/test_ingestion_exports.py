"""Mapped exports: layouts as platforms write them, cells as people do, mapping files as users get them wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import pytest

from ingestion import (
    BadDelivery,
    ConfigurationError,
    Ledger,
    TableReport,
    check_mappings,
    land,
    plan,
    raw_views,
    sources,
    values,
)
from ingestion.mapping import SHIPPED, load_mappings

EXPORTS = sources()["exports"]

GOOGLE = """Ad performance report
"August 1, 2026 - August 31, 2026"
Day,Account name,Campaign,Ad group,Ad,Currency code,Impr.,Clicks,Cost,Conversions
2026-08-01,Omni DE,Total look,Exact,Exact 1,EUR,"12,000",300,"$1,234.50",1.00
2026-08-02,Omni DE,Brand,Exact, --,EUR,"1,000",3,0.95, --
Total: Ads, --, --, --, --,EUR,"13,000",303,"1,235.45",1.00
Total: Account, --, --, --, --,EUR,"13,000",303,"1,235.45",1.00
"""
GOOGLE_TABS = """Ad performance report
August 1, 2026 - August 31, 2026
Day\tAccount name\tCampaign\tAd group\tAd\tCurrency code\tImpr.\tClicks\tCost\tConversions
2026-08-01\tOmni DE\tTotal look\tExact\tExact 1\tEUR\t12,000\t300\t$1,234.50\t1.00
2026-08-02\tOmni DE\tBrand\tExact\t --\tEUR\t1,000\t3\t0.95\t --
Total: Ads\t --\t --\t --\t --\tEUR\t13,000\t303\t1,235.45\t1.00
"""
META = """Reporting starts,Reporting ends,Day,Account name,Campaign name,Ad set name,Ad name,Amount spent (USD),\
Impressions,Link clicks,Purchases
2026-08-01,2026-08-02,,,,,,30.00,300,30,
2026-08-01,2026-08-02,2026-08-01,Omni,Sale,Women,W 1,10.10,100,10,2
2026-08-01,2026-08-02,2026-08-02,Omni,Sale,Women,W 1,19.90,200,20,
"""
OCEAN = """日期,账户,项目名称,广告组名称,广告名称,展示数,点击数,消耗(元),转化数
2026-08-01,欧姆零售,夏季上新,女装-定向,女装 1,12000,300,1234.50,3
合计,-,-,-,-,12000,300,1234.50,3
"""
COLUMNS = "date, account, campaign, ad_group, ad, currency, timezone, impressions, clicks, cost, conversions"


class Home:
    """A home with landing folders and mappings of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.landing, self.mappings = root, root / "landing", root / "mappings"
        self.mappings.mkdir()
        self.ledger = Ledger(root / "lake")

    def drop(self, name: str, content: str | bytes) -> None:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def pull(self) -> dict[str, TableReport]:
        found: dict[str, TableReport] = {}
        for delivery in plan(EXPORTS, {}, [self.landing], [self.mappings], self.ledger):
            report = land(delivery, self.root / "lake", self.root / "work")
            self.ledger.record("run", report, "admitted", admitted=True)
            found |= {f"{delivery.file_name}:{name}": table for name, table in report.tables.items()}
        return found

    def read(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect() as database:
            for statement in raw_views(EXPORTS, self.ledger.admitted_loads(), self.root / "lake"):
                database.execute(statement)
            return database.execute(query).fetchall()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


GOOGLE_ROWS = [
    ("2026-08-01", "Omni DE", "Total look", "Exact", "Exact 1", "EUR", None, "12000", "300", "1234.50", "1.00"),
    ("2026-08-02", "Omni DE", "Brand", "Exact", None, "EUR", None, "1000", "3", "0.95", None),
]


@pytest.mark.parametrize(
    "content",
    [
        GOOGLE.encode(),
        b"\xef\xbb\xbf" + GOOGLE.replace("\n", "\r\n").encode(),
        gzip.compress(GOOGLE.encode(), mtime=0),
        GOOGLE.split("\n", 2)[2].encode(),
        ("Omnihouse GmbH\n\n" + GOOGLE).encode(),
        GOOGLE_TABS.encode("utf-16"),
    ],
    ids=["plain", "marked", "gzip", "no preamble", "longer preamble", "utf-16 with tabs"],
)
def test_google_ads_in_every_dress(home: Home, content: bytes) -> None:
    home.drop("google_ads/report.csv", content)
    report = home.pull()["google_ads/report.csv:ad_performance"]
    assert (report.rows_read, report.rows_landed, report.rows_rejected) == (2, 2, 0)
    assert (report.first_record_at, report.last_record_at) == ("2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z")
    assert home.read(f"select {COLUMNS} from raw_exports.ad_performance order by _row_number") == GOOGLE_ROWS


def test_the_original_row_is_kept_with_its_place(home: Home) -> None:
    home.drop("google_ads/report.csv", GOOGLE)
    home.pull()
    (row,) = home.read(
        "select _extra, _row_number, _file_name, source_system from raw_exports.ad_performance where clicks = '300'"
    )
    assert json.loads(str(row[0]))["Cost"] == "$1,234.50"
    assert row[1:] == (4, "google_ads/report.csv", "google_ads")


def test_meta_ads_reads_the_currency_from_a_header(home: Home) -> None:
    home.drop("meta_ads/a.csv", b"\xef\xbb\xbf" + META.encode())
    home.drop("meta_ads/b.csv", META.replace("USD", "JPY").replace("10.10", "1010").replace(",", ";"))
    reports = home.pull()
    assert [report.rows_read for report in reports.values()] == [2, 2]
    query = f"select {COLUMNS} from raw_exports.ad_performance where date = '2026-08-01' order by _file_name"
    assert home.read(query) == [
        ("2026-08-01", "Omni", "Sale", "Women", "W 1", "USD", None, "100", "10", "10.10", "2"),
        ("2026-08-01", "Omni", "Sale", "Women", "W 1", "JPY", None, "100", "10", "1010", "2"),
    ]


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8", "utf-8-sig", "utf-16"])
def test_ocean_engine_in_chinese_encodings(home: Home, encoding: str) -> None:
    home.drop("oceanengine/a.csv", OCEAN.encode(encoding))
    home.pull()
    assert home.read(f"select {COLUMNS} from raw_exports.ad_performance") == [
        (
            "2026-08-01",
            "欧姆零售",
            "夏季上新",
            "女装-定向",
            "女装 1",
            "CNY",
            "Asia/Shanghai",
            "12000",
            "300",
            "1234.50",
            "3",
        )
    ]


def test_exchange_rates(home: Home) -> None:
    home.drop("fx_rates/a.csv", "date,base_currency,quote_currency,rate\n2026-08-01,EUR,CNY,7.924888\n")
    home.pull()
    query = "select date, base_currency, quote_currency, rate from raw_exports.fx_rates"
    assert home.read(query) == [("2026-08-01", "EUR", "CNY", "7.924888")]


def test_rows_that_fit_no_table_are_kept_apart_and_counted(home: Home) -> None:
    broken = GOOGLE.replace("2026-08-02,Omni DE,Brand,", "2026-08-02,").replace("0.95", "about 1")
    home.drop("google_ads/report.csv", broken + '2026-08-03,Omni DE,Brand,Exact,Exact 1,EUR,"1,000",3,n.a.!,1\n')
    report = home.pull()["google_ads/report.csv:ad_performance"]
    assert (report.rows_read, report.rows_landed, report.rows_rejected) == (3, 2, 1)
    assert home.read("select source_system, reason, _row_number from raw_exports.broken_lines") == [
        ("google_ads", "8 cells where the header has 10", 5)
    ]
    assert home.read("select cost, _row_number from raw_exports.ad_performance order by 2")[1] == ("n.a.!", 8)


def test_a_file_of_headers_alone_is_a_load_of_nothing(home: Home) -> None:
    home.drop("fx_rates/a.csv", "date,base_currency,quote_currency,rate\n")
    assert home.pull()["fx_rates/a.csv:fx_rates"].rows_read == 0
    assert home.pull() == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (META.encode(), "comes closest and lacks"),
        (gzip.compress(GOOGLE.encode(), mtime=0)[:-40], "cut-off gzip"),
        (GOOGLE.encode() + b"\xff\xfe\xff\n" * 9, "line 8: the text is not"),
    ],
)
def test_a_file_that_is_not_what_its_folder_says(home: Home, content: bytes, words: str) -> None:
    home.drop("google_ads/report.csv", content)
    with pytest.raises(BadDelivery, match=words) as caught:
        home.pull()
    assert "google_ads/report.csv" in str(caught.value)


def test_a_mapping_of_ones_own(home: Home) -> None:
    (home.mappings / "billboards.yml").write_text(
        "files: '*.txt'\ndelimiter: '|'\ndecimal: ','\ntimezone: {column: Zone}\ncurrency: EUR\n"
        "drop_rows: [{column: Was, equals: Summe}]\n"
        "entities:\n  ad_performance:\n    date: {from: Tag, formats: ['%d/%m/%y']}\n"
        "    campaign: Was\n    cost: Kosten\n"
    )
    (home.mappings / "fx_rates.yml").write_text(
        "files: '*.csv'\nentities: {fx_rates: {date: d, base_currency: b, quote_currency: q, rate: r}}\n"
    )
    home.drop(
        "billboards/a.txt", " Tag |Was|Kosten|Kosten|Zone\n03/08/26|Brücke|1.234,50 €|x|Europe/Berlin\n|Summe|9|9|\n"
    )
    home.drop("fx_rates/a.csv", "d,b,q,r\n2026-08-01,EUR,CNY,7.9\n")
    home.pull()
    assert home.read(
        "select source_system, date, campaign, cost, currency, timezone from raw_exports.ad_performance"
    ) == [("billboards", "2026-08-03", "Brücke", "1234.50", "EUR", "Europe/Berlin")]
    assert home.read("select rate from raw_exports.fx_rates") == [("7.9",)]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("files: '*.csv'\n", 1, "`entities` is missing"),
        ("files: '*.csv'\nentities:\n  ad_performance: {date: d, campaign: c}\n", 3, "`cost` is needed"),
        ("files: '*.csv'\nentities:\n  orders_: {}\n", 3, "no such entity"),
        ("files: '*.csv'\nentities:\n  fx_rates:\n    date: d\n    colour: c\n", 5, "no column of fx_rates"),
        ("files: '*.csv'\nfromat: csv\nentities: {}\n", 2, "no such key"),
        ("files: '*.csv'\nformat: docx\nentities: {}\n", 2, "'docx' is none of"),
        ("files: '*.csv'\nencoding: klingon\nentities: {}\n", 2, "no encoding"),
        ("files: '*.csv'\ntimezone: Mars/Base\nentities: {}\n", 2, "no time zone"),
        ("files: '*.csv'\ncurrency: {header: '(('}\nentities: {}\n", 2, "not a regular expression"),
        ("files: '*.csv'\ncurrency: {header: 'USD'}\nentities: {}\n", 2, "one group"),
        ("files: '*.csv'\ndrop_rows:\n  - {column: a}\nentities: {}\n", 3, "equals, one_of, starts_with, is_empty"),
        ("files: '*.csv'\nentities: [\n", 3, "not valid YAML"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "mine.yml").write_text(text)
    with pytest.raises(ConfigurationError, match=words) as caught:
        check_mappings(tmp_path)
    assert f"mine.yml, line {line}" in str(caught.value)


def test_every_wrong_mapping_of_a_folder_is_named_at_once(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml", "c.yaml"):
        (tmp_path / name).write_text("files: '*.csv'\n")
    with pytest.raises(ConfigurationError) as caught:
        check_mappings(tmp_path)
    assert all(name in str(caught.value) for name in ("a.yml", "b.yml", "c.yaml"))


def test_shipped_mappings_are_right() -> None:
    check_mappings(SHIPPED)
    assert {"google_ads", "meta_ads", "oceanengine", "fx_rates"} <= set(load_mappings([]))


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("$1,234.50", ".", "1234.50"),
        ("-$0.95", ".", "-0.95"),
        ("$-0.95", ".", "-0.95"),
        ("1.234,50", ",", "1234.50"),
        ("1.234,50 €", ",", "1234.50"),
        ("1 234,50", ",", "1234.50"),
        ("1\u202f234,50\u00a0€", ",", "1234.50"),
        ("USD 12", ".", "12"),
        ("12 EUR", ".", "12"),
        ("US$12.00", ".", "12.00"),
        ('="123"', ".", "123"),
        ("'138", ".", "138"),
        ("(12.00)", ".", "-12.00"),
        ("12-", ".", "-12"),
        ("\u22125", ".", "-5"),
        ("¥１２３", ".", "123"),
        (".5", ".", "0.5"),
        ("12,34,567.00", ".", "1234567.00"),
        ("99999999999999999999.10", ".", "99999999999999999999.10"),
        ("1,23.4", ".", "1,23.4"),
        ("1.5", ",", "1.5"),
        ("12%", ".", "12%"),
        ("1e5", ".", "1e5"),
        ("twelve", ".", "twelve"),
    ],
)
def test_numbers(text: str, mark: values.Mark, number: str) -> None:
    assert values.number(text, mark) == number


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (["1,234.50", "2"], "."),
        (["1.234,50", "2"], ","),
        (["0.95"], "."),
        (["0,95"], ","),
        (["12,000", "7"], None),
        (["1,234,567"], "."),
        (["1.234.567"], ","),
        ([], None),
    ],
)
def test_the_decimal_mark_is_found_out(cells: list[str], mark: values.Mark | None) -> None:
    assert values.decimal_mark(cells) == mark


def test_a_column_that_does_not_tell_follows_the_rest_of_the_file(home: Home) -> None:
    european = GOOGLE.replace('"12,000"', "12.000").replace('"$1,234.50"', '"1.234,50"').replace(",0.95,", ',"0,95",')
    home.drop("google_ads/eu.csv", european.replace("1.00", '"1,00"').replace('"1,000"', "1.000"))
    home.pull()
    assert home.read("select impressions, cost from raw_exports.ad_performance order by _row_number") == [
        ("12000", "1234.50"),
        ("1000", "0.95"),
    ]


@pytest.mark.parametrize(
    ("text", "formats", "day"),
    [
        ("2026-08-01", [], "2026-08-01"),
        ("20260801", [], "2026-08-01"),
        ("2026/8/1", [], "2026-08-01"),
        ("2026年8月1日", [], "2026-08-01"),
        ("Aug 1, 2026", [], "2026-08-01"),
        ("01.08.2026", [], "2026-08-01"),
        ("2026-08-01 00:00:00", [], "2026-08-01"),
        ("01/08/2026", [], "01/08/2026"),
        ("01/08/2026", ["%d/%m/%Y"], "2026-08-01"),
        ("2026-02-30", [], "2026-02-30"),
    ],
)
def test_dates(text: str, formats: list[str], day: str) -> None:
    assert values.date(text, formats) == day
