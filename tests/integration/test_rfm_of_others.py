"""Purchases that others published, through mappings of a user: the tables made of them elsewhere come out the same."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from tests.integration.conftest import PROJECT, Home
from tests.unit.rfm_people import People
from tests.unit.test_rfm_scores import cuts_by_definition, score

DATA = PROJECT.parent / "shared" / "data"
CDNOW, ORDERS = DATA / "cdnow", DATA / "rfm_orders" / "rfm_data_orders.csv"
CALIBRATED = date(1997, 9, 30)
ANALYSED = date(2006, 12, 31)
MAPPINGS = {
    "cdnow": """
        files: "*.csv"
        currency: USD
        entities:
          orders:
            order_id: purchase
            ordered_at: {from: day, formats: ["%Y%m%d"]}
            customer_key: customer
            net_amount: amount
            status: {value: paid}
    """,
    "rfm_orders": """
        files: "*.csv"
        currency: USD
        entities:
          orders:
            order_id: purchase
            ordered_at: order_date
            customer_key: customer_id
            net_amount: revenue
            given_name: first_name
            family_name: last_name
            email: email
            status: {value: paid}
    """,
}
# What the folder's table holds, in days: purchase days after the first, up to the last of them, up to the end.
BOUGHT = """
    select
        any_value(identities.source_record_id) as customer, count(distinct orders.reporting_date) - 1,
        max(orders.reporting_date) - min(orders.reporting_date), $1::date - min(orders.reporting_date)
    from marts.orders as orders
    inner join marts.customer_identities as identities
        on orders.customer_id = identities.customer_id and identities.source_system = orders.source_system
    where orders.source_system = 'cdnow' and orders.is_valid and orders.reporting_date <= $1
    group by orders.customer_id
"""

pytestmark = pytest.mark.skipif(not (CDNOW.exists() and ORDERS.exists()), reason=f"the data sets are not in {DATA}")


def numbered(rows: list[list[str]], header: list[str], file: Path) -> Path:
    """The rows as CSV with a number in front: neither data set has one for a purchase, and two of one day are two."""
    with file.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["purchase", *header])
        writer.writerows([number, *row] for number, row in enumerate(rows, start=1))
    return file


@pytest.fixture(scope="module")
def shop(make_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = make_home(
        "buyers", OMNIHOUSE_AS_OF="2007-01-01T12:00:00+00:00", OMNIHOUSE_TIMEZONE="America/New_York",
        OMNIHOUSE_CURRENCY="USD",
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("purchases")
    header, *orders = csv.reader(ORDERS.open(newline=""))
    bought = [line.split() for line in (CDNOW / "CDNOW_sample.txt").read_text().splitlines()]
    home.land(
        MAPPINGS,
        {
            "cdnow": numbered(bought, ["master", "customer", "day", "discs", "amount"], folder / "cdnow.csv"),
            "rfm_orders": numbered(orders, header, folder / "orders.csv"),
        },
    )
    # The groups that Shopify has, and somebody who never bought.
    (home.path / "rules").mkdir()
    (home.path / "rules" / "rfm_config.csv").write_text(
        "method,bins,closed,offset,window_days,min_people,segments\nquantiles,5,right,0,365,50,shopify\n"
    )
    (home.path / "landing" / "customers").mkdir()
    (home.path / "landing" / "customers" / "one.csv").write_text("customer_key,email\n1,looks@example.com\n")
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home


def test_who_never_bought_is_a_prospect_and_nobody_is_without_a_group(shop: Home):
    groups = {
        "champions", "loyal", "active", "new", "promising", "needs attention", "previously loyal", "at risk",
        "almost lost", "dormant",
    }  # fmt: skip
    assert {
        name for (name,) in shop.query("select distinct segment from marts.customer_rfm where is_tonight")
    } <= groups
    ((tonight,),) = shop.query("select count(*) from marts.customer_rfm where is_tonight")
    assert dict(
        shop.query(
            "select rfm_segment, count(*) from marts.customers where customer_id not in"
            " (select customer_id from marts.customer_rfm where is_tonight) group by all"
        )
    ) == {"prospects": 1, None: 2357 + 995 - tonight}


def test_both_load_whole(shop: Home):
    for source, lines in (
        ("cdnow", len((CDNOW / "CDNOW_sample.txt").read_text().splitlines())),
        ("rfm_orders", len(ORDERS.read_text().splitlines()) - 1),
    ):
        assert shop.query(
            "select count(*), count(*) filter (is_valid), count(customer_id) from marts.orders where source_system = ?",
            [source],
        ) == [(lines, lines, lines)]
    assert shop.query("select count(*) from ops.quarantine") == [(0,)]
    assert shop.query(
        "select source_system, count(distinct customer_id) from marts.orders group by all order by all"
    ) == [("cdnow", 2357), ("rfm_orders", 995)]


def test_frequency_recency_and_age_of_every_cdnow_customer(shop: Home):
    """Weeks of seven days to two decimals, as the folder's table has them; its eight free purchases count."""
    published = {
        row["ID"]: (int(row["frequency"]), *(round(float(row[name]), 2) for name in ("recency", "T")))
        for row in csv.DictReader((CDNOW / "cdnow_customers_summary.csv").open())
    }
    found = {
        str(int(customer)): (frequency, round(recency / 7, 2), round(age / 7, 2))
        for customer, frequency, recency, age in shop.query(BOUGHT, [CALIBRATED])
    }
    assert len(found) == 2357
    assert found == published


def test_the_values_of_the_last_year_are_the_file_s(shop: Home):
    """Recency, frequency and money of 2006 in the published table; a person is known by the number of a purchase."""
    customers = [row["customer_id"] for row in csv.DictReader(ORDERS.open(newline=""))]
    expected = defaultdict(list)
    for row in csv.DictReader(ORDERS.open(newline="")):
        if "2006-01-01" <= row["order_date"] <= "2006-12-31":
            expected[row["customer_id"]].append((date.fromisoformat(row["order_date"]), int(row["revenue"])))
    assert {
        customers[int(purchase) - 1]: tuple(rest)
        for purchase, *rest in shop.query(
            "select min(orders.source_order_id), rfm.recency_days, rfm.frequency, rfm.monetary"
            " from marts.customer_rfm as rfm inner join marts.orders as orders using (customer_id)"
            " where rfm.as_of_date = ? and rfm.is_tonight"
            " group by rfm.customer_id, rfm.recency_days, rfm.frequency, rfm.monetary",
            [ANALYSED],
        )
    } == {
        customer: ((ANALYSED - max(day for day, _ in bought)).days, len(bought), sum(money for _, money in bought))
        for customer, bought in expected.items()
    }


def test_the_queries_of_the_documentation(shop: Home):
    """As an analyst would paste them: each answers, in the columns that it promises."""
    queries = re.findall(r"^```sql\n(.*?)^```", (PROJECT / "docs" / "rfm.md").read_text(), flags=re.M | re.S)
    answers = [shop.query(query) for query in queries]
    assert [len(rows[0]) for rows in answers] == [5, 3]
    assert all(people > 0 for *_, people in answers[1])


def test_a_day_asked_for_appears_and_the_others_stay_through_a_rebuild(shop: Home):
    """Of a warehouse built anew the old days come from the decisions, tonight and the new day from the orders."""
    day, rows = date(1997, 8, 15), "select * from marts.customer_rfm where as_of_date {} $1 order by all"
    before = shop.query(rows.format("<>"), [day])
    assert len({row[-1] for row in before}) > 60
    assert shop.query(rows.format("="), [day]) == []
    for command in (("rfm", "--as-of", str(day)), ("rebuild",)):
        outcome = shop.run(*command)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert shop.query(rows.format("<>"), [day]) == before
    assert shop.query(
        "select customer_id, basis, recency_days, frequency, monetary from marts.customer_rfm where as_of_date = $1"
        " order by all",
        [day],
    ) == shop.query(
        "select customer_id, 'backfilled', $1::date - max(reporting_date), count(*), sum(net_amount) from marts.orders"
        " where source_system = 'cdnow' and reporting_date <= $1::date group by customer_id order by all",
        [day],
    )


@pytest.mark.parametrize("method", ["quantiles", "percentiles"])
@pytest.mark.parametrize("bins", [3, 4, 5, 10])
@pytest.mark.parametrize(("closed", "offset"), [("left", "0"), ("right", "0"), ("left", "1"), ("right", "-0.5")])
def test_any_convention_is_a_line_of_configuration(buyers: People, method: str, bins: int, closed: str, offset: str):
    buyers.configure(method=method, bins=bins, closed=closed, offset=offset, window_days=None)
    found = buyers.scores()
    bought = defaultdict(list)
    for row in csv.DictReader(ORDERS.open(newline="")):
        bought[row["customer_id"]].append((date.fromisoformat(row["order_date"]), int(row["revenue"])))
    values = {
        customer: ((ANALYSED - max(day for day, _ in orders)).days, len(orders), sum(money for _, money in orders))
        for customer, orders in bought.items()
    }
    cuts = [
        cuts_by_definition([value[part] for value in values.values()], method, bins, offset, None) for part in range(3)
    ]
    assert len(found) == len(values) == 995
    for customer, value in values.items():
        r, f, m = (score(Fraction(value[part]), cuts[part], closed) for part in range(3))
        assert found[customer][:3] == (bins + 1 - r, f, m)


@pytest.fixture(scope="module")
def buyers(shop: Home) -> People:
    """The published orders of the data set, for the models that value and score."""
    people = People(as_of=ANALYSED, window_days=None)
    customers = [row["customer_id"] for row in csv.DictReader(ORDERS.open(newline=""))]
    for purchase, day, due in shop.query(
        "select source_order_id, reporting_date, net_amount_reporting from marts.orders"
        " where source_system = 'rfm_orders'"
    ):
        people.order(purchase, customers[int(purchase) - 1], day, due)
    people.values_of(ANALYSED)
    return people


def test_the_thresholds_that_the_package_of_the_data_set_documents(buyers: People):
    """Its examples name them without decimals."""
    buyers.configure(bins=5, closed="left", offset="1", window_days=None).scores()
    (cuts,) = buyers.rows(
        "int_customers__rfm_scales",
        f"where as_of_date = date '{ANALYSED}'",
        "[round(cut / bins) for cut in recency_cuts || frequency_cuts || monetary_cuts]",
    )
    assert cuts[0][:11] == [115, 181, 297, 482, 4, 5, 6, 8, 256, 382, 506]
