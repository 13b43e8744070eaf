"""Past and predicted value by the warehouse's own models: what is counted, what is refused, what a night restates."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.config import ConfigurationError
from dagster_project.rule_files import check_product_costs, check_value_config
from prediction import gamma_gamma
from tests.unit.value_people import Bought, GivenBack, Shop

CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow"
DAY = timedelta(days=1)
HISTORY = "customer_id, frequency, recency, t"


def shop(*bought: tuple[str, str, str], **config) -> Shop:
    """Orders of (customer, day, net)."""
    made = Shop(**config)
    made.bought = [
        Bought(f"o{number}", customer, date.fromisoformat(day), Decimal(net))
        for number, (customer, day, net) in enumerate(bought)
    ]
    return made


def busy(people: int = 400, seed: int = 1, **config) -> Shop:
    """A year of people who buy at rates of their own and leave, by the models' own story, in whole days."""
    random = np.random.default_rng(seed)
    made = Shop(**config)
    for person in range(people):
        day = float(random.integers(0, 300))
        rate, leaves, mean = random.gamma(1.2, 1 / 25), random.beta(1, 4), random.gamma(3, 20) + 5
        while day < 700:
            net = Decimal(str(round(float(random.gamma(6, mean / 6)), 2)))
            name = f"o{len(made.bought)}"
            made.bought.append(Bought(name, f"c{person}", date(2025, 1, 1) + timedelta(int(day)), net))
            if random.random() < leaves:
                break
            day += random.exponential(1 / max(rate, 1e-9))
    return made


@pytest.fixture(scope="module")
def fitted():
    return busy().night(date(2026, 3, 31), publish=True)


def test_histories_of_cdnow_are_those_of_the_published_table():
    """All 2,357 of them, in weeks, up to the end of September 1997."""
    made = Shop(unit="weeks")
    for number, line in enumerate((CDNOW / "CDNOW_sample.txt").read_text().split("\n")):
        if cells := line.split():
            day = datetime.strptime(cells[2], "%Y%m%d").date()  # noqa: DTZ007
            made.bought.append(Bought(f"o{number}", str(int(cells[1])), day, Decimal(cells[4])))
    made.night(date(1997, 9, 30))
    with (CDNOW / "cdnow_customers_summary.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    table = {row["ID"]: (int(row["frequency"]), Decimal(row["recency"]), Decimal(row["T"])) for row in rows}
    assert {row[0]: row[1:] for row in made.rows(HISTORY)} == table
    assert len(table) == 2357
    fit = made.fit()
    assert (fit["is_fitted"], fit["reason"], fit["customers"], fit["repeat_buyers"]) == (True, None, 2357, 946)
    assert [round(fit[name], 3) for name in ("r", "a", "b")] == [0.243, 0.793, 2.426]
    assert fit["alpha"] == pytest.approx(4.414, abs=1e-3)
    assert [round(fit[name], 2) for name in ("p", "q")] == [6.25, 3.74]
    assert fit["v"] == pytest.approx(15.45, abs=0.01)
    assert fit["holdout_coverage"] >= 0.75
    # Most of them buy nothing in nine weeks: to say so errs less on the whole than to spread the purchases that come.
    assert (fit["holdout_weeks"], round(fit["holdout_mae"], 2), round(fit["holdout_mae_same_as_last"], 2)) == (
        9, 0.28, 0.27,
    )  # fmt: skip


def test_a_purchase_day_is_a_day_and_days_count_from_the_first():
    made = shop(
        ("ann", "2028-02-28", "10"), ("ann", "2028-02-29", "20"), ("ann", "2028-02-29", "5"),
        ("ann", "2028-03-01", "1"), ("bob", "2028-02-29", "0"), ("eve", "2028-03-02", "7"),
    )  # fmt: skip
    made.night(date(2028, 3, 30))
    assert made.rows(HISTORY) == [("ann", 1, 1, 1), ("bob", 0, 0, 0), ("eve", None, None, None)]
    assert dict(made.rows("customer_id, reason"))["eve"] == "no purchase by the as-of of the model"
    made.night(date(2028, 3, 31))
    assert made.rows(HISTORY) == [("ann", 2, 2, 32), ("bob", 0, 0, 31), ("eve", 0, 0, 29)]
    assert made.rows("distinct as_of_date") == [(date(2028, 3, 31),)]
    ((valued, mean),) = made.rows("valued_days, mean_value", "int_customers__value_histories where customer_id = 'ann'")
    assert (valued, mean) == (2, 13)


def test_a_free_repeat_day_is_a_purchase_without_a_value():
    made = shop(("ann", "2026-01-01", "10"), ("ann", "2026-01-02", "0"), ("ann", "2026-01-05", "6"))
    made.night(date(2026, 1, 31))
    assert made.rows(HISTORY) == [("ann", 2, 4, 30)]
    assert made.rows("valued_days, mean_value", "int_customers__value_histories") == [(1, 6)]


def test_what_is_given_back_by_the_as_of_is_no_purchase_and_later_is_one():
    made = shop(("ann", "2026-01-01", "10"), ("ann", "2026-01-20", "8"), ("bob", "2026-01-03", "4"))
    february = date(2026, 2, 1)
    made.given_back = [GivenBack("o1", february, Decimal("8")), GivenBack("o2", february - DAY, Decimal("4"))]
    made.night(date(2026, 1, 31))
    # Bob has nothing left; Ann's second order went back a day too late for January, and not for what she is worth.
    assert made.rows(f"{HISTORY}, historic_value") == [("ann", 1, 19, 30, 10)]
    made.night(date(2026, 2, 28))
    assert made.rows(f"{HISTORY}, historic_value") == [("ann", 0, 0, 58, 10)]


def test_too_little_is_refused_with_the_reason():
    made = busy(people=60)
    made.night(date(2026, 3, 31), publish=True)
    told = made.fit()
    assert told["is_fitted"] is False
    assert told["reason"] == f"{told['repeat_buyers']} customers bought again; 200 are needed to predict"
    assert made.rows("distinct reason, predicted_purchases_12m, predicted_value_12m, alive_probability") == [
        (told["reason"], None, None, None)
    ]
    # It is no decision: with enough of it the same month is fitted.
    made.bought = busy().bought
    made.night(date(2026, 3, 31))
    assert made.fit()["is_fitted"] is True
    assert shop().night(date(2026, 3, 31)).rows() == []


def test_the_least_that_is_needed_is_enough():
    made = busy(people=60)
    made.night(date(2026, 3, 31))
    people, first = made.fit()["repeat_buyers"], min(order.day for order in made.bought)
    made.config = ("days", 26, people)
    assert made.night(date(2026, 3, 31)).fit()["is_fitted"] is True
    made.config = ("days", 26, people + 1)
    assert made.night(date(2026, 3, 31)).fit()["is_fitted"] is False
    for days, weeks in ((182, 26), (181, 25)):
        moved = date(2026, 3, 31) - days * DAY - first
        small = Shop(min_repeat_buyers=1)
        small.bought = [order._replace(day=order.day + moved) for order in made.bought]
        told = small.night(date(2026, 3, 31)).fit()
        assert (told["weeks"], told["is_fitted"]) == (weeks, weeks == 26)
    assert told["reason"] == "25 weeks of purchases are known; 26 are needed to predict"


def test_what_is_predicted(fitted: Shop):
    assert fitted.rows("count(*), count(predicted_value_12m), count(reason)")[0][1:] == (400, 0)
    fit = fitted.fit()
    assert fit["holdout_weeks"] == fit["weeks"] // 4
    assert fit["holdout_coverage"] >= 0.75
    assert fit["holdout_mae"] < fit["holdout_mae_same_as_last"]
    parameters = gamma_gamma.Parameters(fit["p"], fit["q"], fit["v"])
    for customer, days, mean, told, purchases, value, low, high, value_low, value_high, alive in fitted.rows(
        "customer_id, valued_days, mean_value, expected_order_value, predicted_purchases_12m, predicted_value_12m,"
        " predicted_purchases_12m_low, predicted_purchases_12m_high, predicted_value_12m_low,"
        " predicted_value_12m_high, alive_probability",
        "customer_value inner join int_customers__value_histories using (customer_id)",
    ):
        expected = gamma_gamma.expected_value(parameters, np.array([float(days)]), np.array([mean]))[0]
        assert float(told) == pytest.approx(expected, abs=0.006), customer
        assert float(value) == pytest.approx(float(purchases * told), abs=0.006)
        assert low <= high
        assert (value_low, value_high) == (low * told, high * told)
        assert 0 <= alive <= 1


def test_a_month_is_fitted_once_and_only_moved_people_are_written():
    made = busy().night(date(2026, 3, 31), publish=True)
    before, fit = dict(made.rows("customer_id, _loaded_at")), made.fit()
    # A purchase of April changes what is known of her past, and nobody's prediction.
    predicted = dict(made.rows("customer_id, predicted_value_12m"))
    april = [order for order in made.bought if date(2026, 4, 1) <= order.day <= date(2026, 4, 20)]
    made.night(date(2026, 4, 20), publish=True)
    after = dict(made.rows("customer_id, _loaded_at"))
    assert {name for name in after if after[name] != before.get(name)} == {order.customer for order in april}
    assert predicted.items() <= dict(made.rows("customer_id, predicted_value_12m")).items()
    # A late record of March moves its person, by the parameters that stand.
    late = next(order for order in made.bought if order.day < date(2026, 3, 1))
    made.bought.append(Bought("late", late.customer, date(2026, 3, 15), Decimal("50")))
    made.night(date(2026, 4, 20), publish=True)
    moved = dict(made.rows("customer_id, _loaded_at"))
    assert {name for name in moved if moved[name] != after[name]} == {late.customer}
    assert made.fit() == fit
    # With the decisions, a build from nothing is the same to the row; without them the fit would be another.
    anew = Shop()
    anew.bought, anew.decided = made.bought, made.decided
    anew.db.execute("delete from value_fits_before")
    for row in made.rows("*", "value_fits_before"):
        anew.db.execute(f"insert into value_fits_before values ({', '.join('?' * len(row))})", row)
    assert anew.night(date(2026, 4, 20)).rows() == made.rows()
    anew.db.execute("delete from value_fits_before")
    assert anew.night(date(2026, 4, 20)).fit()["alpha"] != fit["alpha"]
    # Everybody is predicted anew as of the next month's end.
    made.night(date(2026, 4, 30), publish=True)
    assert made.rows("distinct as_of_date") == [(date(2026, 4, 30),)]
    assert made.rows("count(*)", "customer_value_models") == [(2,)]


def test_a_merge_restates_the_two_and_nobody_else():
    made = busy().night(date(2026, 3, 31), publish=True)
    before = dict(made.rows("customer_id, _loaded_at"))
    apart = made.rows()
    orders = made.bought
    made.bought = [order._replace(customer="c1" if order.customer == "c2" else order.customer) for order in orders]
    made.night(date(2026, 3, 31))
    after = dict(made.rows("customer_id, _loaded_at"))
    assert {name for name in before if after.get(name) != before[name]} == {"c1", "c2"}
    made.bought = orders
    assert made.night(date(2026, 3, 31)).rows() == apart


def test_the_margin_is_known_where_all_costs_are():
    made = Shop()
    day = date(2026, 1, 5)
    made.bought = [
        Bought("1", "ann", day, Decimal("100"), (("A", 2, 0), ("B", 1, 1))),
        Bought("2", "ann", day, Decimal("30"), (("A", 1, 0),)),
        Bought("3", "bob", day, Decimal("50"), (("A", 1, 0), ("C", 1, 0))),
        Bought("4", "eve", day, Decimal("20"), ()),
    ]
    assert {row[1] for row in made.night(date(2026, 1, 31)).rows("customer_id, historic_margin")} == {None}
    made.costs = {"A": Decimal("10.5")}
    found = dict(made.night(date(2026, 1, 31)).rows("customer_id, historic_margin"))
    # B came back, so its cost does not matter; C's does; nothing is known of what Eve bought.
    assert found == {"ann": Decimal("98.5"), "bob": None, "eve": None}


@settings(deadline=None, max_examples=10)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_frequency_recency_and_t_by_definition_in_any_order(bought, random):
    made = shop(*((customer, str(date(2026, 1, 1) + day * DAY), "5") for customer, day in bought))
    random.shuffle(made.bought)
    made.night(date(2026, 2, 28))
    ours = []
    for customer in "ab":
        days = sorted({day for name, day in bought if name == customer})
        if days:
            ours.append((customer, len(days) - 1, days[-1] - days[0], 58 - days[0]))
    assert made.rows(HISTORY) == ours


@pytest.mark.parametrize(
    ("check", "text", "told"),
    [
        (check_value_config, "unit\ndays\n", "line 1: the header"),
        (check_value_config, "unit,min_weeks,min_repeat_buyers\n", "it has 0 lines"),
        (check_value_config, "unit,min_weeks,min_repeat_buyers\nmonths,26,200\n", "line 2: unit is 'months'"),
        (check_value_config, "unit,min_weeks,min_repeat_buyers\ndays,3,200\n", "line 2: min_weeks is '3'"),
        (check_value_config, "unit,min_weeks,min_repeat_buyers\ndays,26,0\n", "line 2: min_repeat_buyers is '0'"),
        (check_value_config, "unit,min_weeks,min_repeat_buyers\ndays,26,200,1\n", "line 2: the line has more cells"),
        (check_product_costs, "sku,cost\n", "line 1: the header"),
        (check_product_costs, "sku,unit_cost\n,3\n", "line 2: a line is an article and its cost"),
        (check_product_costs, "sku,unit_cost\nA,3\nB,-1\n", "line 3: the cost of B is '-1'"),
        (check_product_costs, "sku,unit_cost\nA,3\nA,4\n", "line 3: A stands in line 2"),
    ],
)
def test_a_mistake_in_a_rule_file_is_named_with_its_line(tmp_path: Path, check, text: str, told: str):
    file = tmp_path / "rules.csv"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=told.replace("(", r"\(")):
        check(file)
