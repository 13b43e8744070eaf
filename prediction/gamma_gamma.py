"""Gamma-Gamma: what a purchase of whom is worth on average, from what theirs were worth.

Values of a buyer's purchases are gamma distributed around a mean of their own, and so are the means over the buyers.
After Fader and Hardie, The Gamma-Gamma Model of Monetary Value (2013), equations 1a and 5. Here: likelihood, fit,
expectation. Not here: how many purchases there will be.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from prediction.bgnbd import Numbers, is_maximum
from prediction.failures import PredictionError

# Logarithms of p, q, v, where the mean value is 1.
_BOUNDS = ((-9.0, 9.0), (-9.0, 9.0), (-12.0, 14.0))


@dataclass(frozen=True)
class Parameters:
    """`p`: shape of a buyer's values; `q`, `v`: shape and rate of the distribution over buyers. `v` is money."""

    p: float
    q: float
    v: float


def log_likelihood(parameters: Parameters, purchases: Numbers, mean_value: Numbers) -> Numbers:
    """Equation 1a, one number a buyer with a purchase or more, of a mean above 0."""
    return _likelihood(parameters, purchases, mean_value)[0]


def fit(purchases: Numbers, mean_value: Numbers) -> Parameters:
    """The parameters of greatest likelihood. Raises `PredictionError` where there is none."""
    if not len(purchases):
        raise PredictionError("nobody bought again for money")
    scale = float(mean_value.mean())

    def objective(logs: Numbers) -> tuple[float, Numbers]:
        parameters = np.exp(logs)
        each, slopes = _likelihood(Parameters(*parameters), purchases, mean_value / scale)
        return -float(each.mean()), -slopes.mean(axis=1) * parameters

    found = minimize(
        objective, np.log([1.0, 2.0, 1.0]), jac=True, method="L-BFGS-B", bounds=_BOUNDS,
        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9},
    )  # fmt: skip
    if not is_maximum(found, _BOUNDS):
        raise PredictionError("the fit of the values found no maximum of their likelihood")
    p, q, v = (float(value) for value in np.exp(found.x))
    return Parameters(p, q, v * scale)


def expected_value(parameters: Parameters, purchases: Numbers, mean_value: Numbers) -> Numbers:
    """Equation 5: what a purchase to come is worth on average; not a number where the mean does not exist."""
    p, q, v = astuple(parameters)
    weight = p * purchases + q - 1
    return np.where(weight > 0, p * (v + purchases * mean_value) / np.where(weight > 0, weight, 1), np.nan)


def _likelihood(parameters: Parameters, purchases: Numbers, mean_value: Numbers) -> tuple[Numbers, Numbers]:
    p, q, v = astuple(parameters)
    px, spent = p * purchases, purchases * mean_value
    log_all = np.log(v + spent)
    each = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) - (px + q) * log_all
    each += (px - 1) * np.log(mean_value) + px * np.log(purchases)
    psi = digamma(px + q)
    slopes = np.stack(
        [
            purchases * (psi - digamma(px) + np.log(spent) - log_all),
            psi - digamma(q) + np.log(v) - log_all,
            q / v - (px + q) / (v + spent),
        ]
    )
    return each, slopes
