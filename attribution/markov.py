"""Markov removal effects: how much of all conversion is lost when a channel leads nowhere.

A chain of order 1 over start, channels, conversion and loss, from the paths' transitions. Removing a channel sends
every transition into it to loss: RE(c) = 1 − P(conversion without c) ÷ P(conversion). After E. Anderl, I. Becker,
F. von Wangenheim, J. H. Schumann, "Mapping the customer journey", International Journal of Research in
Marketing 33 (2016).

Here: the linear system. Not here: counting (`paths`), what an order's touches get of it.
"""

from __future__ import annotations

from attribution.paths import Period


def removal_effects(period: Period) -> list[float]:
    """The removal effect of each channel of the period; all 0 where no path has an order."""
    k = len(period.channels)
    whole = _conversion(period, list(range(1, k + 1)))
    if whole == 0:
        return [0.0] * k
    return [
        1 - _conversion(period, [state for state in range(1, k + 1) if state != removed]) / whole
        for removed in range(1, k + 1)
    ]


def _conversion(period: Period, states: list[int]) -> float:
    """The probability of a conversion from the start when only these channels lead anywhere.

    Solved by elimination in plain double arithmetic, one step after the other: every machine has the same digits.
    Each row is dominated by its diagonal, which makes exchanging rows needless.
    """
    into = [[int(count) for count in row] for row in period.transitions]
    leaves = [sum(row) for row in into]
    won, lost = ([int(count) for count in ends] for ends in (period.converted, period.lost))
    rows = [
        [
            *(float((leaves[i] + won[i] + lost[i] if i == j else 0) - into[i][j]) for j in states),
            float(won[i]),
        ]
        for i in states
    ]
    size = len(states)
    for pivot in range(size):
        for row in range(pivot + 1, size):
            share = rows[row][pivot] / rows[pivot][pivot]
            if share:
                for column in range(pivot, size + 1):
                    rows[row][column] -= share * rows[pivot][column]
    reached = [0.0] * size
    for row in reversed(range(size)):
        known = rows[row][size]
        for column in range(row + 1, size):
            known -= rows[row][column] * reached[column]
        reached[row] = known / rows[row][row]
    begun = sum(into[0])
    found = 0.0
    for state, probability in zip(states, reached, strict=True):
        found += into[0][state] / begun * probability
    return found
