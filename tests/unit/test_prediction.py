"""The models of repeat buying against published estimates, brute force, and people made up by their rules."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import betaln, gammaln

from prediction import bgnbd, gamma_gamma
from prediction.bgnbd import Buyers, Parameters
from prediction.failures import PredictionError

CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow"
PUBLISHED = Parameters(r=0.243, alpha=4.414, a=0.793, b=2.426)


def buyers(*histories):
    return Buyers(*np.array(histories, dtype=float).T)


@pytest.fixture(scope="module")
def cdnow():
    with (CDNOW / "cdnow_customers_summary.csv").open() as handle:
        rows = [[float(row[name]) for name in ("frequency", "recency", "T")] for row in csv.DictReader(handle)]
    return buyers(*rows)


def test_the_published_estimates_of_cdnow(cdnow):
    """Fader, Hardie and Lee (2005), table 2: r, alpha, a, b and the logarithm of the likelihood."""
    found = bgnbd.fit(cdnow, np.ones(len(cdnow.age)))
    assert [round(value, 3) for value in (found.r, found.a, found.b)] == [0.243, 0.793, 2.426]
    assert found.alpha == pytest.approx(4.414, abs=1e-3)
    assert bgnbd.log_likelihood(found, cdnow).sum() == pytest.approx(-9582.4, abs=0.05)
    # The customer of their worked example: two repeat purchases by week 30.43 of 38.86, 39 weeks ahead.
    assert bgnbd.expected_purchases(found, buyers((2, 30.43, 38.86)), 39.0)[0] == pytest.approx(1.226, abs=1e-3)


def test_a_history_that_many_have_counts_as_often():
    few = buyers((0, 0, 30), (1, 5, 30), (3, 20, 25), (8, 28, 30), (2, 4, 29), (6, 9, 30))
    counts = np.array([40, 12, 7, 3, 9, 2], dtype=float)
    many = Buyers(*(np.repeat(column, counts.astype(int)) for column in (few.frequency, few.recency, few.age)))
    one, other = bgnbd.fit(few, counts), bgnbd.fit(many, np.ones(len(many.age)))
    assert (one.r, one.alpha, one.a, one.b) == pytest.approx((other.r, other.alpha, other.a, other.b), rel=1e-4)


def test_another_unit_of_time_is_the_same_model(cdnow):
    weeks, days = bgnbd.fit(cdnow, np.ones(len(cdnow.age))), Buyers(cdnow.frequency, cdnow.recency * 7, cdnow.age * 7)
    found = bgnbd.fit(days, np.ones(len(days.age)))
    assert found.alpha == pytest.approx(weeks.alpha * 7, rel=1e-4)
    assert bgnbd.expected_purchases(found, days, 365) == pytest.approx(
        bgnbd.expected_purchases(weeks, cdnow, 365 / 7), rel=1e-3
    )


HISTORIES = [(0, 0.0, 38.86), (1, 1.71, 38.86), (2, 30.43, 38.86), (7, 29.43, 38.86), (20, 10.0, 38.0)]


def joint(history, parameters=PUBLISHED):
    """Likelihood of a history times the densities of rate and chance to leave, as a function of the two."""
    x, tx, age = history
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b

    def density(chance, rate):
        prior = (
            r * np.log(alpha) + (r - 1) * np.log(rate) - rate * alpha - gammaln(r)
            + (a - 1) * np.log(chance) + (b - 1) * np.log1p(-chance) - betaln(a, b)
        )  # fmt: skip
        stays = (1 - chance) ** x * rate**x * np.exp(-rate * age)
        left = chance * (1 - chance) ** (x - 1) * rate**x * np.exp(-rate * tx) if x else 0.0
        return np.exp(prior), stays, left

    return density


def integral(function):
    # Substituted so that the integrable peaks at 0 are flat: rate = s^4, chance = u^4.
    value, _ = dblquad(lambda u, s: function(u**4, s**4) * 4 * u**3 * 4 * s**3, 0, 2.2, 0, 1, epsabs=1e-12, epsrel=1e-7)
    return value


@pytest.mark.parametrize("history", HISTORIES[:4])
def test_likelihood_and_chance_to_be_there_are_the_integrals(history):
    density = joint(history)

    def term(*which):
        def weighed(chance, rate):
            found = density(chance, rate)
            return found[0] * sum(found[i] for i in which)

        return integral(weighed)

    whole, stayed = term(1, 2), term(1)
    one = buyers(history)
    assert bgnbd.log_likelihood(PUBLISHED, one)[0] == pytest.approx(np.log(whole), abs=1e-5)
    assert bgnbd.probability_alive(PUBLISHED, one)[0] == pytest.approx(stayed / whole, abs=1e-5)


@pytest.mark.parametrize("horizon", [1.0, 39.0, 365.0])
@pytest.mark.parametrize("parameters", [PUBLISHED, Parameters(2.0, 30.0, 1.0, 3.0), Parameters(0.7, 80.0, 1.9, 0.4)])
def test_what_is_expected_is_the_sum_of_the_chances_of_at_least_so_many(parameters, horizon):
    """Two closed forms that share no step: a hypergeometric function, and products of two chances."""
    histories = buyers(*HISTORIES)
    chances = sum(bgnbd.probability_of_at_least(k, parameters, histories, horizon) for k in range(1, 3000))
    assert bgnbd.expected_purchases(parameters, histories, horizon) == pytest.approx(chances, rel=1e-4)


def simulated(parameters, count, age, horizon, seed=7):
    """Histories by the model's own story, and the purchases that follow."""
    random = np.random.default_rng(seed)
    rates = random.gamma(parameters.r, 1 / parameters.alpha, count)
    chances = random.beta(parameters.a, parameters.b, count)
    rows, later = [], []
    for rate, chance in zip(rates, chances, strict=True):
        at, before, last, after = 0.0, 0, 0.0, 0
        while (at := at + random.exponential(1 / max(rate, 1e-12))) <= age + horizon:
            if at <= age:
                before, last = before + 1, at
            else:
                after += 1
            if random.random() < chance:
                break
        rows.append((before, last, age))
        later.append(after)
    return buyers(*rows), np.array(later)


def test_parameters_are_found_again_and_the_interval_holds():
    truth = Parameters(0.8, 20.0, 1.2, 3.5)
    histories, later = simulated(truth, 20000, 90.0, 60.0)
    found = bgnbd.fit(histories, np.ones(len(later)))
    assert (found.r, found.alpha) == pytest.approx((truth.r, truth.alpha), rel=0.1)
    assert found.a / (found.a + found.b) == pytest.approx(truth.a / (truth.a + truth.b), abs=0.03)
    expected = bgnbd.expected_purchases(found, histories, 60.0)
    assert expected.mean() == pytest.approx(later.mean(), rel=0.05)
    low, high = bgnbd.interval(found, histories, 60.0, 0.8)
    assert ((low <= later) & (later <= high)).mean() >= 0.8
    # The bounds are the least numbers that are reached: one less would not do.
    at_least = bgnbd.probability_of_at_least(1, found, histories, 60.0)
    assert ((high == 0) == (at_least <= 0.1 + 1e-12)).all()
    assert ((low == 0) == (at_least <= 0.9 + 1e-12)).all()
    assert (low <= high).all()


def test_where_people_hardly_differ_the_limit_is_a_fit():
    """Everybody leaves with the same chance: a and b grow without end, and their ratio stands."""
    histories, later = simulated(Parameters(1.0, 20.0, 6000.0, 54000.0), 5000, 90.0, 60.0)
    found = bgnbd.fit(histories, np.ones(len(later)))
    assert found.a / (found.a + found.b) == pytest.approx(0.1, abs=0.02)
    expected = bgnbd.expected_purchases(found, histories, 60.0)
    assert expected.mean() == pytest.approx(later.mean(), rel=0.08)
    same = gamma_gamma.fit(np.array([1.0, 2.0, 5.0]), np.array([5.0, 5.0, 5.0]))
    assert gamma_gamma.expected_value(same, np.ones(1), np.array([5.0]))[0] == pytest.approx(5, rel=1e-3)


@pytest.mark.parametrize("a", [1e-4, 8000.0])
@pytest.mark.parametrize("r", [1e-4, 8000.0])
def test_expectations_at_the_edges_are_the_sums_too(a, r):
    parameters = Parameters(r, 30.0 * r, a, 8000.0)
    histories = buyers(*HISTORIES)
    chances = sum(bgnbd.probability_of_at_least(k, parameters, histories, 365.0) for k in range(1, 1500))
    assert bgnbd.expected_purchases(parameters, histories, 365.0) == pytest.approx(chances, rel=1e-4, abs=1e-9)


def test_nothing_is_fitted_on_nobody():
    with pytest.raises(PredictionError, match="nobody bought again"):
        bgnbd.fit(buyers((0, 0, 10), (0, 0, 20)), np.ones(2))
    with pytest.raises(PredictionError, match="nobody bought again"):
        gamma_gamma.fit(np.array([]), np.array([]))


def test_the_value_of_a_purchase_is_the_integral():
    parameters = gamma_gamma.Parameters(6.25, 3.74, 15.45)
    p, q, v = parameters.p, parameters.q, parameters.v
    purchases, mean = np.array([3.0]), np.array([40.0])
    nu = np.linspace(1e-6, 6, 400_001)
    log_prior = q * np.log(v) + (q - 1) * np.log(nu) - v * nu - gammaln(q)
    shape = p * purchases[0]
    rate = nu * purchases[0]
    log_mean = shape * np.log(rate) + (shape - 1) * np.log(mean[0]) - rate * mean[0] - gammaln(shape)
    weight = np.exp(log_prior + log_mean)
    whole = np.trapezoid(weight, nu)
    assert gamma_gamma.log_likelihood(parameters, purchases, mean)[0] == pytest.approx(np.log(whole), abs=1e-6)
    expected = np.trapezoid(weight * p / nu, nu) / whole
    assert gamma_gamma.expected_value(parameters, purchases, mean)[0] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(gamma_gamma.expected_value(gamma_gamma.Parameters(6, 0.9, 15), np.zeros(1), np.zeros(1)))[0]
