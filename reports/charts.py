"""Charts as inline SVG: lines, bars, a heat map, a timeline. No script, no font and no request to anybody.

A chart is drawn 380 units wide, so that its letters stay readable in a window as narrow as a telephone's. What it says
stands in the title of its figure; here are axes, units and marks, and a tooltip at every mark.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from reports.wording import compact

WIDTH = 380
COLOURS = ("#3b6ea5", "#d97b29", "#3f8f5f", "#b2516f", "#7a62a8", "#8a7a45", "#3d97a8", "#6b7280")
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 20, 34
_HEIGHT = 200
_MOST_MARKS = 40  # with more of them a line is a row of dots; then only its highest is marked
Format = Callable[[float], str]


def lines(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    y_axis: str,
    x_axis: str,
    shown: Format = compact,
) -> str:
    """One line a series over the same labels; a value that is not known leaves a gap."""
    values = [float(value) for line in series.values() for value in line if value is not None]
    if not values:
        return ""
    ticks = _ticks(min(0.0, *values), max(values))
    low, high = ticks[0], ticks[-1]
    width, height = WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(index: int) -> float:
        return _LEFT + (width / 2 if len(labels) == 1 else index * width / (len(labels) - 1))

    def y(value: float) -> float:
        return _TOP + height - (value - low) / (high - low) * height

    parts = [_y_axis(ticks, y, y_axis, shown)]
    every = max(1, math.ceil(len(labels) / 6))
    for index in range(len(labels) - 1, -1, -every):
        anchor = "end" if index == len(labels) - 1 and len(labels) > 1 else "middle"
        parts.append(_text(x(index), _HEIGHT - 18, labels[index], anchor))
    parts.append(_text(WIDTH - _RIGHT, _HEIGHT - 4, x_axis, "end", "axis-name"))
    for colour, (name, line) in zip(_colours(len(series)), series.items(), strict=True):
        for run in _runs(line):
            points = " ".join(f"{x(i):.1f},{y(float(value)):.1f}" for i, value in run)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for index, value in enumerate(line):
            if value is not None and (len(labels) <= _MOST_MARKS or value == max(filter(None, line), default=0)):
                told = f"{labels[index]}, {name}: {shown(float(value))}"
                at = f'cx="{x(index):.1f}" cy="{y(float(value)):.1f}"'
                parts.append(f'<circle {at} r="2.5" fill="{colour}">{_tip(told)}</circle>')
    return _legend(list(series)) + _svg(_HEIGHT, "".join(parts))


def bars(rows: Sequence[tuple[str, float | None]], x_axis: str, shown: Format = compact, colour: int = 0) -> str:
    """A horizontal bar a row, with its name before and its value behind it."""
    known = [(name, float(value)) for name, value in rows if value is not None]
    if not known:
        return ""
    step, left, right = 22, 132, 52
    most = max(*(value for _, value in known), 0.0) or 1.0
    least = min(*(value for _, value in known), 0.0)
    scale = (WIDTH - left - right) / (most - least)
    zero = left - least * scale
    parts = []
    for index, (name, value) in enumerate(known):
        middle = 14 + index * step
        start, length = (zero, value * scale) if value >= 0 else (zero + value * scale, -value * scale)
        parts.append(_text(left - 6, middle + 4, _cut(name, 21), "end"))
        parts.append(
            f'<rect x="{start:.1f}" y="{middle - 7}" width="{max(length, 0.5):.1f}" height="14" '
            f'fill="{COLOURS[colour]}">'
            f"{_tip(f'{name}: {shown(value)}')}</rect>"
        )
        parts.append(_text(max(start + length, zero) + 4, middle + 4, shown(value), "start"))
    height = 14 + len(known) * step + 12
    parts.append(f'<line x1="{zero:.1f}" y1="2" x2="{zero:.1f}" y2="{height - 18}" class="rule"/>')
    parts.append(_text(WIDTH - _RIGHT, height - 4, x_axis, "end", "axis-name"))
    return _svg(height, "".join(parts))


def heatmap(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Mapping[tuple[str, str], float | None],
    y_axis: str,
    x_axis: str,
    shown: Format,
    most: float | None = None,
) -> str:
    """A cell a row and column, the darker the larger; an empty cell is not known. `most` is the darkest value."""
    known = [float(value) for value in values.values() if value is not None]
    if not known:
        return ""
    top = most or max(known) or 1.0
    turned = max(map(len, columns)) > 4
    left, head, step, right = 92, 58 if turned else 18, 20, 34 if turned else 4
    width = min((WIDTH - left - right) / len(columns), 64)
    parts = [_text(left - 6, head - 6, y_axis, "end", "axis-name")]
    for place, column in enumerate(columns):
        at = left + (place + 0.5) * width
        turn = f' transform="rotate(-40 {at:.1f} {head - 6})"' if turned else ""
        parts.append(_text(at, head - 6, _cut(column, 12), "start" if turned else "middle", extra=turn))
    for index, row in enumerate(rows):
        y = head + index * step
        parts.append(_text(left - 6, y + 14, _cut(row, 15), "end"))
        for place, column in enumerate(columns):
            value = values.get((row, column))
            if value is None:
                continue
            depth = min(max(float(value) / top, 0.0), 1.0)
            parts.append(
                f'<rect x="{left + place * width:.1f}" y="{y}" width="{width - 1:.1f}" height="{step - 1}" '
                f'fill="#3b6ea5" fill-opacity="{0.06 + 0.9 * depth:.2f}">'
                f"{_tip(f'{row}, {column}: {shown(float(value))}')}</rect>"
            )
            style = "cell dark" if depth > 0.55 else "cell"
            parts.append(_text(left + (place + 0.5) * width, y + 14, shown(float(value)), "middle", style))
    height = head + len(rows) * step + 16
    parts.append(_text(WIDTH - _RIGHT, height - 4, x_axis, "end", "axis-name"))
    return _svg(height, "".join(parts))


def timeline(events: Sequence[tuple[datetime, str, str]], x_axis: str) -> str:
    """A mark an event, on the line of its channel: (time, channel, what happened)."""
    if not events:
        return ""
    lanes = list(dict.fromkeys(lane for _, lane, _ in sorted(events)))
    first, last = min(event[0] for event in events), max(event[0] for event in events)
    span = (last - first).total_seconds() or 1.0
    left, step = 108, 22
    height = 8 + len(lanes) * step + 34
    width = WIDTH - left - 14
    parts = []
    for index, lane in enumerate(lanes):
        y = 18 + index * step
        parts.append(_text(left - 10, y + 4, _cut(lane, 17), "end"))
        parts.append(f'<line x1="{left}" y1="{y}" x2="{WIDTH - 8}" y2="{y}" class="rule"/>')
    for time, lane, told in events:
        place = lanes.index(lane)
        x = left + 4 + (time - first).total_seconds() / span * width
        colour = COLOURS[place % len(COLOURS)]
        parts.append(
            f'<circle cx="{x:.1f}" cy="{18 + place * step}" r="4" fill="{colour}" fill-opacity=".65">'
            f"{_tip(f'{time:%Y-%m-%d %H:%M}, {lane}: {told}')}</circle>"
        )
    for time, x, anchor in ((first, left, "start"), (last, WIDTH - 8, "end")):
        parts.append(_text(x, height - 18, f"{time:%Y-%m-%d}", anchor))
    parts.append(_text(WIDTH - 8, height - 4, x_axis, "end", "axis-name"))
    return _svg(height, "".join(parts))


def sparkline(values: Sequence[float | None]) -> str:
    """A line without axes, beside a number that says what it ends in."""
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(0.0, *known), max(known)
    step, height = 120 / (len(values) - 1), 28
    runs = "".join(
        '<polyline fill="none" stroke="#3b6ea5" stroke-width="1.5" points="{}"/>'.format(
            " ".join(
                f"{i * step:.1f},{height - 2 - (float(v) - low) / ((high - low) or 1) * (height - 4):.1f}"
                for i, v in run
            )
        )
        for run in _runs(values)
    )
    return f'<svg class="spark" viewBox="0 0 120 {height}" aria-hidden="true">{runs}</svg>'


def _runs(line: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The stretches without a gap."""
    found: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(line):
        if value is None:
            found.append([])
        else:
            found[-1].append((index, float(value)))
    return [run for run in found if run]


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers that hold everything."""
    span = (high - low) or 1.0
    step = 10 ** math.floor(math.log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (factor * step) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, max(last, first + 1) + 1)]


def _y_axis(ticks: Sequence[float], y: Callable[[float], float], name: str, shown: Format) -> str:
    parts = [_text(2, 10, name, "start", "axis-name")]
    for tick in ticks:
        parts.append(f'<line x1="{_LEFT}" y1="{y(tick):.1f}" x2="{WIDTH - _RIGHT}" y2="{y(tick):.1f}" class="rule"/>')
        parts.append(_text(_LEFT - 4, y(tick) + 4, shown(tick), "end"))
    return "".join(parts)


def _colours(amount: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(amount)]


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    marks = "".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" fill="{colour}"/></svg>'
        f"{html.escape(name)}</li>"
        for colour, name in zip(_colours(len(names)), names, strict=True)
    )
    return f'<ul class="legend">{marks}</ul>'


def _svg(height: float, body: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img">{body}</svg>'


def _text(x: float, y: float, text: str, anchor: str, style: str = "tick", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}"{extra}>{html.escape(text)}</text>'


def _tip(text: str) -> str:
    return f"<title>{html.escape(text)}</title>"


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"
