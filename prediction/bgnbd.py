"""BG/NBD: how many purchases to expect of whom, from how many there were, and when the last one was.

A buyer purchases at a rate of their own until they leave, which they do after any purchase with a probability of their
own; rates are gamma distributed over the buyers, probabilities beta distributed, independently. The equations are of
Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005). Here: likelihood, fit, what
follows for the time to come. Not here: what a purchase is, the value of one, tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from scipy.special import betainc, betaln, digamma, gammaln, hyp2f1

from prediction.failures import PredictionError

Numbers: TypeAlias = NDArray[np.float64]

# Logarithms of r, alpha, a, b, where the mean age is 1. Where buyers hardly differ, the likelihood rises for ever by
# less and less, and what is expected has long stopped to move: a shape of 8,000 is a fixed number to four digits.
_BOUNDS = ((-9.0, 9.0), (-12.0, 14.0), (-9.0, 9.0), (-9.0, 9.0))
_LAST_CHANCE = 1e-9
_FLAT = 1e-4
# At a = 1 the expectation's closed form divides nothing by nothing; so near to it no digit that is told is lost.
_AWAY_FROM_ONE = 1e-6


@dataclass(frozen=True)
class Parameters:
    """`r`, `alpha`: shape and rate of the gamma distribution, `a`, `b`: the beta distribution's."""

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True)
class Buyers:
    """Repeat purchases, time from first to last purchase, time from first purchase to the as-of; one unit of time."""

    frequency: Numbers
    recency: Numbers
    age: Numbers


def log_likelihood(parameters: Parameters, buyers: Buyers) -> Numbers:
    """Equation 6, one number a buyer."""
    return _likelihood(parameters, buyers)[0]


def fit(buyers: Buyers, counts: Numbers) -> Parameters:
    """The parameters of greatest likelihood; `counts`: how many buyers there are of each line.

    Raises `PredictionError` where nobody bought again or the search does not end at a maximum.
    """
    if not (buyers.frequency > 0).any():
        raise PredictionError("nobody bought again")
    scale = float(np.average(buyers.age, weights=counts)) or 1.0
    scaled = Buyers(buyers.frequency, buyers.recency / scale, buyers.age / scale)
    total = counts.sum()

    def objective(logs: Numbers) -> tuple[float, Numbers]:
        parameters = np.exp(logs)
        each, slopes = _likelihood(Parameters(*parameters), scaled)
        return -float(counts @ each) / total, -(slopes @ counts) * parameters / total

    found = minimize(
        objective, np.zeros(4), jac=True, method="L-BFGS-B", bounds=_BOUNDS,
        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9},
    )  # fmt: skip
    if not is_maximum(found, _BOUNDS):
        raise PredictionError("the fit of the purchases found no maximum of their likelihood")
    r, alpha, a, b = (float(value) for value in np.exp(found.x))
    return Parameters(r, alpha * scale, a, b)


def probability_alive(parameters: Parameters, buyers: Buyers) -> Numbers:
    """Of buyers who bought again; whoever bought once has had no chance to leave yet, and is at 1."""
    r, alpha, a, b = astuple(parameters)
    x = buyers.frequency
    log_odds = (
        np.log(a) - np.log(b + np.maximum(x, 1) - 1)
        + (r + x) * (np.log(alpha + buyers.age) - np.log(alpha + buyers.recency))
    )  # fmt: skip
    return np.where(x > 0, np.exp(-np.logaddexp(0, log_odds)), 1.0)


def expected_purchases(parameters: Parameters, buyers: Buyers, horizon: float) -> Numbers:
    """Equation 10: the mean number of purchases within `horizon` after the as-of."""
    r, alpha, a, b = astuple(parameters)
    if abs(a - 1) < _AWAY_FROM_ONE:
        a = 1 + _AWAY_FROM_ONE
    x, age = buyers.frequency, buyers.age
    rest = np.exp((r + x) * (np.log(alpha + age) - np.log(alpha + age + horizon)))
    series = hyp2f1(r + x, b + x, a + b + x - 1, horizon / (alpha + age + horizon))
    while_alive = (a + b + x - 1) / (a - 1) * (1 - rest * series)
    expected = while_alive * probability_alive(parameters, buyers)
    lost = np.flatnonzero(~np.isfinite(expected) | (expected < 0))
    if lost.size:
        these = Buyers(buyers.frequency[lost], buyers.recency[lost], age[lost])
        expected[lost] = _summed_chances(parameters, these, horizon)
    return expected


def _summed_chances(parameters: Parameters, buyers: Buyers, horizon: float) -> Numbers:
    """The same mean as a sum, for the few histories at which the series has no digits left."""
    total, purchases = np.zeros(len(buyers.age)), 0
    while True:
        purchases += 1
        chance = probability_of_at_least(purchases, parameters, buyers, horizon)
        total += chance
        if (chance < _LAST_CHANCE).all():
            return total


def is_maximum(found: OptimizeResult, bounds: Sequence[tuple[float, float]]) -> bool:
    """Whether a search ended where no step uphill is left within the bounds."""
    low, high = np.array(bounds).T
    step = found.x - np.clip(found.x - found.jac, low, high)
    return bool(np.isfinite(found.fun) and np.abs(step).max() < _FLAT)


def probability_of_at_least(purchases: int, parameters: Parameters, buyers: Buyers, horizon: float) -> Numbers:
    """That there are so many purchases, one or more, within `horizon` after the as-of.

    The buyer has to stay after each but the last of them, and the last has to come in time. The two are independent,
    and for a buyer who is still there they are distributed as for a new one with r + x, alpha + T and b + x.
    """
    r, alpha, a, b = astuple(parameters)
    x, age = buyers.frequency, buyers.age
    stays = np.exp(betaln(a, b + x + purchases - 1) - betaln(a, b + x))
    comes_in_time = betainc(purchases, r + x, horizon / (alpha + age + horizon))
    return probability_alive(parameters, buyers) * stays * comes_in_time


def interval(parameters: Parameters, buyers: Buyers, horizon: float, share: float) -> tuple[Numbers, Numbers]:
    """The least numbers of purchases that are not exceeded with probability (1 - share) / 2 and (1 + share) / 2."""
    bounds = []
    for probability in ((1 - share) / 2, (1 + share) / 2):
        bound = np.zeros(len(buyers.frequency))
        waiting = np.arange(len(bound))
        purchases = 0
        while waiting.size:
            purchases += 1
            these = Buyers(buyers.frequency[waiting], buyers.recency[waiting], buyers.age[waiting])
            exceeding = probability_of_at_least(purchases, parameters, these, horizon)
            waiting = waiting[exceeding > 1 - probability]
            bound[waiting] = purchases
        bounds.append(bound)
    return bounds[0], bounds[1]


def _likelihood(parameters: Parameters, buyers: Buyers) -> tuple[Numbers, Numbers]:
    """Per buyer the logarithm of equation 6, and its slope by each parameter."""
    r, alpha, a, b = astuple(parameters)
    x = buyers.frequency
    again = x > 0
    # Functions of the number of purchases alone are worked out once for each number.
    numbers, place = np.unique(x, return_inverse=True)
    by_number = (gammaln(r + numbers) - gammaln(r) + betaln(a, b + numbers) - betaln(a, b))[place]
    psi_ab = (digamma(a + b) - digamma(a + b + numbers))[place]
    slope_r = (digamma(r + numbers) - digamma(r))[place]
    slope_b = (digamma(b + numbers) - digamma(b))[place]
    log_age, log_recency = np.log(alpha + buyers.age), np.log(alpha + buyers.recency)
    stayed = -(r + x) * log_age
    before_last = b + np.maximum(x, 1) - 1
    left = np.where(again, np.log(a) - np.log(before_last) - (r + x) * log_recency, -np.inf)
    either = np.logaddexp(stayed, left)
    alive = np.exp(stayed - either)
    gone = 1 - alive
    slopes = np.stack(
        [
            slope_r + np.log(alpha) - alive * log_age - gone * log_recency,
            r / alpha - (r + x) * (alive / (alpha + buyers.age) + gone / (alpha + buyers.recency)),
            psi_ab + gone / a,
            psi_ab + slope_b - gone / before_last,
        ]
    )
    return by_number + r * np.log(alpha) + either, slopes
