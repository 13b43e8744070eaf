"""Recency, frequency and monetary value: rfm_config.csv, rfm_segments.csv, rfm_thresholds.csv, and the days asked for.

Here: their form, and that each segment can be reached. Not here: the formulas, which are the models' own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import check_cells, only_row, rows

METHODS = ("quantiles", "percentiles", "thresholds")
MEASURES = ("recency", "frequency", "monetary")
_CONFIG = ("method", "bins", "closed", "offset", "window_days", "min_people")
_RANGES = ("r_min", "r_max", "f_min", "f_max", "m_min", "m_max", "fm_min", "fm_max")
_SEGMENTS = ("scheme", "bins", "priority", "segment", *_RANGES)
_NUMBER = r"-?[0-9]{1,12}(\.[0-9]{1,3})?"
_BINS = "[2-9]|10"


@dataclass(frozen=True)
class _Line:
    """One line of rfm_segments.csv; an empty end of a range is None."""

    number: int
    priority: int
    segment: str
    ranges: tuple[Decimal | None, ...]

    def fits(self, r: int, f: int, m: int) -> bool:
        scores = (Decimal(r), Decimal(f), Decimal(m), Decimal(f + m) / 2)
        return all(
            (low is None or low <= score) and (high is None or score <= high)
            for score, low, high in zip(scores, self.ranges[::2], self.ranges[1::2], strict=True)
        )


def check_rfm(config: Path, segments: Path, thresholds: Path) -> None:
    """Raise `ConfigurationError` for a setting that does not exist, a segment nobody can reach, missing thresholds."""
    line, cells = _settings(config)
    bins = int(cells["bins"])
    schemes = _schemes(segments)
    scheme = cells.get("segments")
    if scheme and scheme not in schemes:
        raise ConfigurationError(
            f"{config}, line {line}: segments is {scheme!r}; {segments} has the schemes {', '.join(schemes)}."
        )
    if scheme and schemes[scheme] != bins:
        raise ConfigurationError(
            f"{config}, line {line}: the scheme {scheme} is made for {schemes[scheme]} bins, and bins is {bins}. Write "
            "a scheme for so many, or leave segments empty."
        )
    found = _thresholds(thresholds)
    if cells["method"] == "thresholds":
        for measure in MEASURES:
            if len(found[measure]) != bins - 1:
                raise ConfigurationError(
                    f"{thresholds}: {measure} has {len(found[measure])} thresholds, and {bins} bins have {bins - 1} "
                    f"cut points between them. Add or remove lines, or change bins in {config}."
                )


def rfm_dates(file: Path) -> list[date]:
    """The days that rfm_dates.csv of a home's rules asks for; none where there is no such file."""
    found = []
    for line, row in rows(file, ["as_of_date"]) if file.exists() else ():
        cell = row["as_of_date"] or ""
        try:
            found.append(date.fromisoformat(cell) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", cell) else None)
        except ValueError:
            found.append(None)
        if None in row or found[-1] is None:
            raise ConfigurationError(f"{file}, line {line}: the day is {cell!r}; write one such as 2026-03-31.")
    return [day for day in found if day]


def _settings(file: Path) -> tuple[int, dict[str, str]]:
    """The one line of rfm_config.csv with its number, each cell of the right form."""
    header = file.read_text(encoding="utf-8-sig", errors="replace").partition("\n")[0].strip().split(",")
    columns = [*_CONFIG, "segments"] if header[-1:] == ["segments"] else list(_CONFIG)
    line, row = only_row(file, columns)
    if None in row or None in row.values():
        raise ConfigurationError(f"{file}, line {line}: the line has other cells than the header names.")
    cells = {name: row[name] or "" for name in columns}
    wanted = {
        "method": ("|".join(METHODS), f"one of {', '.join(METHODS)}"),
        "bins": (_BINS, "a whole number from 2 to 10"),
        "closed": ("right|left", "right or left"),
        "offset": (_NUMBER, "a number with at most three decimals, 0 for none"),
        "window_days": ("([1-9][0-9]{0,4})?", "a whole number of days from 1 to 99999, or nothing for all orders"),
        "min_people": ("[1-9][0-9]{0,8}", "a whole number from 1"),
    }
    check_cells(file, line, cells, wanted)
    return line, cells


def _schemes(file: Path) -> dict[str, int]:
    """The schemes of rfm_segments.csv and the bins each is made for; every line of each can win."""
    lines: dict[str, list[_Line]] = {}
    bins: dict[str, tuple[int, int]] = {}
    for number, row in rows(file, list(_SEGMENTS)):
        if None in row or None in row.values():
            raise ConfigurationError(
                f"{file}, line {number}: a line has {len(_SEGMENTS)} cells, {', '.join(_SEGMENTS)}, also empty ones."
            )
        cells = {name: row[name] or "" for name in _SEGMENTS}
        if problem := _segment_problem(cells):
            raise ConfigurationError(f"{file}, line {number}: {problem}")
        scheme = cells["scheme"]
        given, first = bins.setdefault(scheme, (int(cells["bins"]), number))
        if int(cells["bins"]) != given:
            raise ConfigurationError(
                f"{file}, line {number}: the scheme {scheme} is made for {given} bins in line {first} and for "
                f"{cells['bins']} here. A scheme has one number of bins."
            )
        line = _Line(
            number, int(cells["priority"]), cells["segment"],
            tuple(Decimal(cells[name]) if cells[name] else None for name in _RANGES),
        )  # fmt: skip
        if same := [other for other in lines.get(scheme, []) if other.priority == line.priority]:
            raise ConfigurationError(
                f"{file}, line {number}: priority {line.priority} of the scheme {scheme} stands in line "
                f"{same[0].number} already. Give each line its own, so that it is plain which comes first."
            )
        lines.setdefault(scheme, []).append(line)
    for scheme, listed in lines.items():
        _refuse_unreachable(file, scheme, bins[scheme][0], sorted(listed, key=lambda line: line.priority))
    return {scheme: count for scheme, (count, _) in bins.items()}


def _segment_problem(cells: dict[str, str]) -> str | None:
    if not re.fullmatch("[a-z][a-z0-9_]*", cells["scheme"]):
        return f"the scheme is {cells['scheme']!r}; write a name of small letters, digits and underscores."
    if not re.fullmatch(_BINS, cells["bins"]):
        return f"bins is {cells['bins']!r}; write a whole number from 2 to 10."
    if not re.fullmatch("[0-9]{1,6}", cells["priority"]):
        return f"the priority is {cells['priority']!r}; write a whole number."
    if not cells["segment"].strip() or cells["segment"] != cells["segment"].strip():
        return f"the segment is {cells['segment']!r}; write a name, without blanks around it."
    if cells["segment"] in ("others", "insufficient data"):
        return f"{cells['segment']!r} is what people without a segment are called; write another name."
    for name in _RANGES:
        is_mean = name.startswith("fm_")
        if not re.fullmatch(r"([0-9]|10)(\.[05])?" if is_mean else "[0-9]|10", cells[name]) and cells[name]:
            told = "a number in steps of 0.5" if is_mean else "a whole number"
            return f"{name} is {cells[name]!r}; write {told} from 0 to 10, or nothing for any score."
    for low, high in zip(_RANGES[::2], _RANGES[1::2], strict=True):
        if cells[low] and cells[high] and Decimal(cells[low]) > Decimal(cells[high]):
            return f"{low} is {cells[low]} and {high} is {cells[high]}; the range is empty. Exchange the two."
    return None


def _refuse_unreachable(file: Path, scheme: str, bins: int, lines: list[_Line]) -> None:
    """A line is a mistake if no score fits it, or each that does is taken by a line before it."""
    scores = range(1, bins + 1)
    # 0 in all three stands for people without an order.
    cells = [(0, 0, 0), *product(scores, scores, scores)]
    winners = {next((line.number for line in lines if line.fits(*cell)), 0) for cell in cells}
    for place, line in enumerate(lines):
        if line.number in winners:
            continue
        fitting = [cell for cell in cells if line.fits(*cell)]
        if not fitting:
            raise ConfigurationError(
                f"{file}, line {line.number}: {line.segment} can never match, for the {bins} bins of the scheme "
                f"{scheme} give scores from 1 to {bins}. Change its ranges or remove it."
            )
        earlier = sorted({other.number for cell in fitting for other in lines[:place] if other.fits(*cell)})
        raise ConfigurationError(
            f"{file}, line {line.number}: {line.segment} can never match, for all its scores go to the lines before "
            f"it, {', '.join(map(str, earlier))}. Give it a lower priority number, narrow those, or remove it."
        )


def _thresholds(file: Path) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {measure: [] for measure in MEASURES}
    for line, row in rows(file, ["measure", "threshold"]):
        measure, value = row["measure"] or "", row["threshold"] or ""
        if None in row or measure not in MEASURES:
            raise ConfigurationError(
                f"{file}, line {line}: a line is a measure and a threshold; the measure is {measure!r}, and has to be "
                f"one of {', '.join(MEASURES)}."
            )
        if not re.fullmatch(_NUMBER, value):
            raise ConfigurationError(
                f"{file}, line {line}: the threshold is {value!r}; write a number with at most three decimals."
            )
        found[measure].append(Decimal(value))
        if any(before >= after for before, after in pairwise(found[measure])):
            raise ConfigurationError(
                f"{file}, line {line}: {value} does not come after the {measure} threshold before it. Write them in "
                "rising order, each once."
            )
    return found
