"""How many people stand behind a value, and between which of its carriers it links.

Here: whether carriers contradict each other, a value's people, its status (plain, hub by people, shared) and its
cells. Not here: blocked and unusable values and hubs by records (`values`), names (`names`), what becomes of cells
(`careful`).

A status comes from the carriers' own records, counted over all records, and never from clusters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.limits import Limits
from identity.names import NameBook
from identity.rules import Rule
from identity.values import HUB, NO_TIME, PLAIN, SHARED, Values

_DAY = 86_400_000_000  # microseconds
_CONTRADICT = "its carriers contradict each other"


@dataclass(frozen=True)
class Cells:
    """Sets of carriers between which a value links: cell c is `record[start[c]:start[c + 1]]`, earliest first.

    `place`: of the cell among those of its value. Only cells of two carriers or more.
    """

    value: np.ndarray
    place: np.ndarray
    start: np.ndarray
    record: np.ndarray
    first_at: np.ndarray

    @property
    def second_at(self) -> np.ndarray:
        """The time of each cell's second-earliest carrier."""
        return self.first_at[self.start[:-1] + 1]


@dataclass(frozen=True)
class Judgement:
    """Statuses and reasons by value, and the cells of values that name people."""

    status: np.ndarray
    reason: pa.Array
    cells: Cells


class _Judge:
    """Looks at the carriers of single values, where something is broken or names differ."""

    def __init__(self, names: NameBook, birth: np.ndarray, limits: Limits) -> None:
        self.names, self.birth, self.limits = names, birth, limits

    def classes(self, records: Sequence[int]) -> tuple[list[list[int]], bool]:
        """Name classes as lists of name codes, and whether names contradict."""
        return self.names.classes({code for r in records if (code := int(self.names.code[r])) >= 0})

    def breaks(self, records: Sequence[int]) -> bool:
        """Whether a hard limit or a cannot-link is broken."""
        for hard in self.limits.hard:
            if len({value for r in records for value in hard.of(r)}) > hard.limit:
                return True
        partners = self.limits.partners
        among = set(records)
        return any(not among.isdisjoint(partners[r]) for r in records if r in partners)

    def births_contradict(self, records: Sequence[int]) -> bool:
        """Whether two full birth dates differ in more than one of year, month and day."""
        dates = sorted({date for r in records if (date := int(self.birth[r])) >= 0})
        return any(_dates_contradict(a, b) for at, a in enumerate(dates) for b in dates[at + 1 :])

    def consistent(self, records: Sequence[int], needs_agreement: bool) -> bool:
        """Whether the carriers can be one person."""
        if self.breaks(records):
            return False
        return not (needs_agreement and (self.classes(records)[1] or self.births_contradict(records)))

    def cells(self, epochs: list[list[int]], needs_agreement: bool) -> list[list[int]]:
        """The consistent epochs of a shared value, and of the others the consistent name classes."""
        cells = []
        for epoch in epochs:
            # All carriers in one epoch are known to be inconsistent.
            if len(epochs) > 1 and self.consistent(epoch, needs_agreement):
                cells.append(epoch)
                continue
            for codes in self.classes(epoch)[0]:
                members = [r for r in epoch if int(self.names.code[r]) in codes]
                if self.consistent(members, needs_agreement):
                    cells.append(members)
        return cells


def judge(
    values: Values, rules: Sequence[Rule], records: pa.Table, limits: Limits, last_at: np.ndarray, key_rank: np.ndarray
) -> Judgement:
    """Status and cells of every value. `rules`: by type code; `last_at`: of each assertion, in microseconds."""
    n_values = len(values.carriers)
    value_of = np.repeat(np.arange(n_values), values.carriers)
    usable = values.status == PLAIN
    several = usable & (values.carriers > 1)
    needs_agreement = np.array([rule.needs_agreement for rule in rules], dtype=bool)[values.type_code]
    most = np.array([rule.max_people_per_value or NO_TIME for rule in rules], dtype=np.int64)[values.type_code]

    at = np.flatnonzero(several[value_of])
    value, record = value_of[at], values.record[at]
    names = NameBook(records, np.unique(record))
    birth = _birth_dates(records)
    hard_people, looked_at = _hard_people(values, value_of, usable, limits)
    looked_at |= _names_differ(value, names.code[record], n_values, names)
    looked_at |= _differ(value, birth[record], n_values) & needs_agreement
    ends = np.isin(record, np.concatenate([limits.left, limits.right]))
    looked_at[value[ends]] = True

    judge = _Judge(names, birth, limits)
    status = values.status.copy()
    shared: list[int] = []
    for v in np.flatnonzero(looked_at & usable).tolist():
        carriers = values.record[values.start[v] : values.start[v + 1]].tolist()
        classes, contradict = judge.classes(carriers)
        if max(int(hard_people[v]), names.people(classes)) > most[v]:
            status[v] = HUB
        elif judge.breaks(carriers) or (needs_agreement[v] and (contradict or judge.births_contradict(carriers))):
            status[v] = SHARED
            shared.append(v)
    epochs = _epochs(values, shared, [rule.recycle_days for rule in rules], last_at, key_rank)
    cut = [(v, judge.cells(epochs[v], bool(needs_agreement[v]))) for v in shared]
    limit_text = pa.array([f"used by more than {limit} people" for limit in most.tolist()], pa.string())
    reason = pc.if_else(pa.array((status == HUB) & usable), limit_text, values.reason)
    reason = pc.if_else(pa.array(status == SHARED), pa.scalar(_CONTRADICT), reason)
    names_people = np.array([not rule.anonymous for rule in rules], dtype=bool)[values.type_code]
    whole = np.flatnonzero((status == PLAIN) & (values.carriers > 1) & names_people)
    return Judgement(status, reason, _cells(values, whole, [entry for entry in cut if names_people[entry[0]]]))


def _hard_people(
    values: Values, value_of: np.ndarray, usable: np.ndarray, limits: Limits
) -> tuple[np.ndarray, np.ndarray]:
    """By value, the people that the issued identifiers of its carriers are at least; and where a limit is broken."""
    people = np.ones(len(usable), dtype=np.int64)
    broken = np.zeros(len(usable), dtype=bool)
    for hard in limits.hard:
        degree = np.diff(hard.start)[values.record]
        upper = np.bincount(value_of, weights=degree, minlength=len(usable))
        at = np.flatnonzero((usable & (upper > hard.limit))[value_of])
        if len(at) == 0:
            continue
        counts = degree[at]
        owner = np.repeat(value_of[at], counts)
        held = np.repeat(hard.start[values.record[at]] - (np.cumsum(counts) - counts), counts) + np.arange(len(owner))
        width = int(hard.value.max()) + 1
        distinct = np.bincount(np.unique(owner * width + hard.value[held]) // width, minlength=len(usable))
        people = np.maximum(people, -(-distinct // hard.limit))
        broken |= distinct > hard.limit
    return people, broken


def _differ(value: np.ndarray, code: np.ndarray, n_values: int) -> np.ndarray:
    """Which values have carriers with different codes; -1 is no code. `value` ascends."""
    differ = np.zeros(n_values, dtype=bool)
    known = code >= 0
    value, code = value[known], code[known]
    if len(value):
        begin = np.flatnonzero(np.concatenate([[True], value[1:] != value[:-1]]))
        differ[value[begin]] = np.minimum.reduceat(code, begin) != np.maximum.reduceat(code, begin)
    return differ


def _names_differ(value: np.ndarray, code: np.ndarray, n_values: int, names: NameBook) -> np.ndarray:
    """Which values have carriers of more than one name, but for those of just two that do not contradict."""
    differ = _differ(value, code, n_values)
    kept = differ[value] & (code >= 0)
    value, code = value[kept], code[kept]
    if len(value) == 0:
        return differ
    begin = np.flatnonzero(np.concatenate([[True], value[1:] != value[:-1]]))
    low, high = np.minimum.reduceat(code, begin), np.maximum.reduceat(code, begin)
    sizes = np.diff(np.append(begin, len(value)))
    just_two = np.logical_and.reduceat((code == np.repeat(low, sizes)) | (code == np.repeat(high, sizes)), begin)
    pairs, of_pair = np.unique(low * len(names.names) + high, return_inverse=True)
    contradict = [names.agree(*divmod(pair, len(names.names))) is False for pair in pairs.tolist()]
    differ[value[begin[just_two & ~np.array(contradict, dtype=bool)[of_pair]]]] = False
    return differ


def _birth_dates(records: pa.Table) -> np.ndarray:
    """Full birth dates as year, month and day in one number; -1 without one."""
    if "birth_date" not in records.column_names:
        return np.full(records.num_rows, -1, dtype=np.int64)
    column = records["birth_date"].combine_chunks()
    text = column if pa.types.is_string(column.type) else column.cast(pa.date32(), safe=False).cast(pa.string())
    digits = pc.replace_substring(pc.utf8_slice_codeunits(text, 0, 10), "-", "")
    digits = pc.if_else(pc.match_substring_regex(digits, pattern="^[0-9]{8}$"), digits, None)
    return np.array(pc.fill_null(digits.cast(pa.int64()), -1).to_numpy(zero_copy_only=False))


def _dates_contradict(one: int, other: int) -> bool:
    first = (one // 10_000, one // 100 % 100, one % 100)
    second = (other // 10_000, other // 100 % 100, other % 100)
    if first[0] == second[0] and first[1:] == second[:0:-1]:
        return False
    return sum(a != b for a, b in zip(first, second, strict=True)) > 1


def _epochs(
    values: Values, shared: list[int], recycle_days: list[int], last_at: np.ndarray, key_rank: np.ndarray
) -> dict[int, list[list[int]]]:
    """The carriers of shared values by time, cut wherever the value was not used for its type's recycle days."""
    if not shared:
        return {}
    wanted = np.zeros(len(values.carriers), dtype=bool)
    wanted[shared] = True
    at = np.flatnonzero(wanted[values.row_value])
    last: dict[tuple[int, int], int] = defaultdict(lambda: -NO_TIME)
    for pair in zip(values.row_value[at].tolist(), values.row_record[at].tolist(), last_at[at].tolist(), strict=True):
        if pair[2] != NO_TIME:
            last[pair[:2]] = max(last[pair[:2]], pair[2])
    epochs: dict[int, list[list[int]]] = {}
    for v in shared:
        silence = recycle_days[values.type_code[v]] * _DAY
        span = slice(values.start[v], values.start[v + 1])
        carriers = [
            (first, max(first, last[v, r]), int(key_rank[r]), r)
            for r, first in zip(values.record[span].tolist(), values.first_at[span].tolist(), strict=True)
        ]
        epochs[v] = []
        used_until = NO_TIME
        for first, until, _, record in sorted(carriers):
            # A carrier without a time is in the last epoch.
            if not epochs[v] or (first != NO_TIME and first - used_until >= silence):
                epochs[v].append([])
                used_until = until
            epochs[v][-1].append(record)
            used_until = max(used_until, until) if first != NO_TIME else used_until
    return epochs


def _cells(values: Values, whole: np.ndarray, cut: list[tuple[int, list[list[int]]]]) -> Cells:
    """The cells of plain values, all carriers each, and those that shared values are cut into."""
    counts = values.carriers[whole]
    at = np.repeat(values.start[whole] - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    record, first_at = [values.record[at]], [values.first_at[at]]
    parts: list[tuple[int, int, int]] = []
    for v, parts_of in cut:
        span = slice(values.start[v], values.start[v + 1])
        order = {r: i for i, r in enumerate(values.record[span].tolist())}
        for number, cell in enumerate(parts_of):
            if len(cell) > 1:
                inside = np.array(sorted(order[r] for r in cell)) + values.start[v]
                parts.append((v, number, len(cell)))
                record.append(values.record[inside])
                first_at.append(values.first_at[inside])
    values_cut, place, size = (np.array([p[i] for p in parts], dtype=np.int64) for i in range(3))
    return Cells(
        np.concatenate([whole, values_cut]),
        np.concatenate([np.zeros(len(whole), dtype=np.int64), place]),
        np.concatenate([[0], np.cumsum(np.concatenate([counts, size]))]),
        np.concatenate(record),
        np.concatenate(first_at),
    )
