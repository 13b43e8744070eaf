"""Groups out of cells, within the limits of what one person can be.

Here: the exact stage (components where nothing is broken, cell by cell where something is), the anonymous stage, and
what had to be left for people to decide. Not here: which cells there are (`people`), what is legal (`limits`).

A component in which nothing is broken is one group: legality is hereditary, so no cell in it would have been refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from identity.cluster import components
from identity.limits import MAX_VALUES, Groups, Limits
from identity.people import Cells
from identity.values import Values


@dataclass(frozen=True)
class Refusal:
    """A union that was refused: of the groups of two records, or, without them, of a value's carriers as a whole.

    `score`: of the probable pair that would have made it.
    """

    reason: str
    left: int | None
    right: int | None
    value: int | None
    score: float | None = None


@dataclass(frozen=True)
class Linked:
    """Groups by record, and which carriers (places in `Cells.record`) their cells link."""

    group: np.ndarray
    accepted: np.ndarray
    refusals: list[Refusal]


def link_cells(
    n: int, cells: Cells, order: np.ndarray, must: tuple[np.ndarray, np.ndarray], limits: Limits, careful: bool = False
) -> Linked:
    """Merge cells in their order, on top of must-links. `careful`: cell by cell everywhere, with the same result."""
    sizes = np.diff(cells.start)
    star = np.repeat(cells.record[cells.start[:-1]], sizes)
    group = components(n, np.concatenate([star, must[0]]), np.concatenate([cells.record, must[1]])).astype(np.int64)
    accepted = np.ones(len(cells.record), dtype=bool)
    broken = limits.broken(group)
    if careful:
        broken[:] = True
    if not broken.any():
        return Linked(group, accepted, [])
    groups = Groups(limits)
    redone = np.flatnonzero(broken[group])
    for a, b in zip(must[0].tolist(), must[1].tolist(), strict=True):
        if broken[group[a]]:
            groups.merge(groups.roots((a, b)))
    refusals: list[Refusal] = []
    of_cell = group[cells.record[cells.start[:-1]]]
    for cell in order[broken[of_cell[order]]].tolist():
        span = slice(cells.start[cell], cells.start[cell + 1])
        carriers = cells.record[span].tolist()
        roots = groups.roots(carriers)
        rest, pairs, left_whole = groups.settle(roots)
        value = int(cells.value[cell])
        refusals += [Refusal(why, a, b, value) for a, b, why in pairs]
        if left_whole:
            refusals.append(Refusal(MAX_VALUES, None, None, value))
        if len(rest) < len(roots):
            among = set(rest)
            accepted[span] = [groups.root(r) in among for r in carriers]
        if len(rest) > 1:
            groups.merge(rest)
    label = group.copy()
    roots_of = np.array([groups.root(r) for r in redone.tolist()], dtype=np.int64)
    label[redone] = roots_of + len(broken)
    _, compact = np.unique(label, return_inverse=True)
    return Linked(compact, accepted, refusals)


def join_anonymous(
    values: Values, linking: np.ndarray, group: np.ndarray, is_anonymous: np.ndarray, limits: Limits
) -> np.ndarray:
    """Groups after the anonymous stage; `linking`: the anonymous values that link.

    In a component of groups joined by anonymous values with at most one known group all are one, if that is legal.
    With two or more known groups, an anonymous group joins a known one only if each of its anonymous values is carried
    by that known group and by no other; known groups stay apart.
    """
    n_groups = int(group.max(initial=-1)) + 1
    if len(linking) == 0:
        return group
    counts = values.carriers[linking]
    value = np.repeat(np.arange(len(linking)), counts)
    at = np.repeat(values.start[linking] - (np.cumsum(counts) - counts), counts) + np.arange(len(value))
    member = group[values.record[at]].astype(np.int64)
    known = np.zeros(n_groups, dtype=bool)
    known[group[~is_anonymous]] = True

    component = components(n_groups + len(linking), member, value + n_groups)[:n_groups].astype(np.int64)
    known_in = np.bincount(component[known], minlength=int(component.max()) + 1)
    contested = known_in[component] > 1
    # By value, the first and the last known group that carries it: the same when there is just one.
    lowest, highest = np.full(len(linking), n_groups), np.full(len(linking), -1)
    by_known = known[member]
    np.minimum.at(lowest, value[by_known], member[by_known])
    np.maximum.at(highest, value[by_known], member[by_known])
    lead = np.where(lowest == highest, lowest, -1)  # -1 leads to nobody, or to several
    by_anonymous = ~known[member] & contested[member]
    first_lead, last_lead = np.full(n_groups, n_groups), np.full(n_groups, -1)
    np.minimum.at(first_lead, member[by_anonymous], lead[value[by_anonymous]])
    np.maximum.at(last_lead, member[by_anonymous], lead[value[by_anonymous]])
    joins = (first_lead == last_lead) & (first_lead >= 0)

    new = np.arange(n_groups)
    new[joins] = first_lead[joins]
    new[~contested] = n_groups + component[~contested]
    _, compact = np.unique(new, return_inverse=True)
    illegal = limits.broken(compact[group], group)
    if illegal.any():
        new[illegal[compact] & ~contested] = np.flatnonzero(illegal[compact] & ~contested)
        _part_illegal_joins(new, np.flatnonzero(illegal[compact] & joins), group, limits)
        _, compact = np.unique(new, return_inverse=True)
    return compact[group]


def _part_illegal_joins(new: np.ndarray, joining: np.ndarray, group: np.ndarray, limits: Limits) -> None:
    """Of the anonymous groups that would join one known group, only those join that are legal together."""
    wanted = np.zeros(len(new), dtype=bool)
    wanted[joining] = wanted[new[joining]] = True
    records = np.flatnonzero(wanted[group])
    groups = Groups(limits)
    root_of: dict[int, int] = {}
    for record, number in zip(records.tolist(), group[records].tolist(), strict=True):
        if number in root_of:
            groups.merge(groups.roots((root_of[number], record)))
        root_of[number] = groups.root(record)
    for known in np.unique(new[joining]).tolist():
        candidates = joining[new[joining] == known].tolist()
        alone = [g for g in candidates if groups.conflict((root_of[known], root_of[g])) is None]
        rest, _, _ = groups.settle([root_of[g] for g in alone])
        if rest and groups.conflict([root_of[known], *rest]):
            rest = []
        among = set(rest)
        for g in candidates:
            if root_of[g] not in among:
                new[g] = g
