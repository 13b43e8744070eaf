"""Each stream's rows day by day, what is usual, and what is not: a page of the quality report, and pictures for the UI.

Here: `ops.stream_days` as small charts. Not here: what counts as unusual.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.streams import Finding

PAGE = "streams.html"
_WIDTH, _HEIGHT, _PAD = 300, 84, 4
_MOST_PICTURES = 24  # about 60 KB a night in Dagster's log
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 1rem 1.5rem; }
figure { margin: 0; } figcaption { font-size: .85rem; } svg { width: 100%; height: auto; background: #f6f8fa; }
"""
_COLOURS = """
.line { fill: none; stroke: #3b6ea5; stroke-width: 1.2; } .band { fill: #3b6ea5; opacity: .18; }
.odd { fill: #c62828; } .unusual figcaption { color: #c62828; } .axis { font-size: 9px; fill: #5a6675; }
"""


@dataclass
class _Stream:
    days: list[date] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    bands: list[tuple[float, float] | None] = field(default_factory=list)
    odd: list[bool] = field(default_factory=list)


def _streams(warehouse: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], _Stream]:
    streams: dict[tuple[str, str], _Stream] = {}
    for source, name, day, value, low, high, odd in warehouse.execute(
        "select source_system, stream, business_date, value, usual_low, usual_high, is_unusual from ops.stream_days"
        " where measure = 'rows' order by all"
    ).fetchall():
        stream = streams.setdefault((source, name), _Stream())
        stream.days.append(day)
        stream.values.append(value)
        stream.bands.append(None if low is None else (low, high))
        stream.odd.append(odd)
    return streams


def pictures(warehouse: duckdb.DuckDBPyConnection) -> str:
    """The largest stream of each source, and those with a day out of the usual, as Markdown with its pictures."""
    streams = _streams(warehouse)
    largest: dict[str, tuple[str, str]] = {}
    for key, stream in streams.items():
        if key[0] not in largest or sum(stream.values) > sum(streams[largest[key[0]]].values):
            largest[key[0]] = key
    shown = sorted({*largest.values(), *(key for key, stream in streams.items() if any(stream.odd))})
    told = []
    for key in shown[:_MOST_PICTURES]:
        stream, coded = streams[key], base64.b64encode(_picture(key, streams[key]).encode()).decode()
        told.append(f"**{' '.join(key)}**: {stream.values[-1]:,.0f} rows on {stream.days[-1]}")
        told.append(f"![{' '.join(key)}](data:image/svg+xml;base64,{coded})")
    return "\n\n".join(told)


def _picture(key: tuple[str, str], stream: _Stream) -> str:
    """A chart by itself, which no page gives its colours."""
    chart = _svg(html.escape(" ".join(key)), stream)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * _WIDTH}" height="{2 * _HEIGHT}" '
    return chart.replace("<svg ", opening, 1).replace(">", f"><style>{_COLOURS}</style>", 1)


def write(warehouse: duckdb.DuckDBPyConnection, findings: Sequence[Finding], folder: Path) -> Path:
    """Write the page beside the Data Docs of the night, in one rename, and return it."""
    streams = _streams(warehouse)
    said: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        said.setdefault((finding.source_system, finding.stream), []).append(finding.sentence())
    order = sorted(streams, key=lambda key: (key not in said, key))
    charts = "".join(_figure(key, streams[key], key in said) for key in order)
    told = "".join(f"<li>{html.escape(text)}</li>" for texts in said.values() for text in texts)
    page = folder / PAGE
    fresh = page.with_suffix(".tmp")
    fresh.write_text(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Streams</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}{_COLOURS}</style></head><body>
<h1>{_headline(findings)}</h1>
<p>Rows a business day of the last 14 weeks, by source and stream. The band is what is usual for a weekday, by the same
weekday of the twelve weeks before; red days lie outside it. The numbers are in <code>ops.stream_days</code>.</p>
<ul>{told}</ul><div class="charts">{charts}</div></body></html>
""",
        encoding="utf-8",
    )
    fresh.replace(page)
    return page


def _headline(findings: Sequence[Finding]) -> str:
    if not findings:
        return "No stream is unusual tonight"
    sources = sorted({finding.source_system for finding in findings})
    return f"Unusual tonight: {html.escape(', '.join(sources))}"


def _figure(key: tuple[str, str], stream: _Stream, is_unusual: bool) -> str:
    title = html.escape(" ".join(key))
    return (
        f'<figure class="{"unusual" if is_unusual else "usual"}"><figcaption>{title}: {stream.values[-1]:,.0f} rows '
        f"on {stream.days[-1]}</figcaption>{_svg(title, stream)}</figure>"
    )


def _svg(title: str, stream: _Stream) -> str:
    top = max([*stream.values, *(band[1] for band in stream.bands if band), 1])
    step = (_WIDTH - 2 * _PAD) / max(len(stream.days) - 1, 1)

    def at(index: int, value: float) -> str:
        return f"{_PAD + index * step:.1f},{_HEIGHT - _PAD - value / top * (_HEIGHT - 3 * _PAD):.1f}"

    line = " ".join(at(index, value) for index, value in enumerate(stream.values))
    known = [(index, band) for index, band in enumerate(stream.bands) if band]
    band = " ".join([at(i, low) for i, (low, _) in known] + [at(i, high) for i, (_, high) in reversed(known)])
    odd = "".join(
        '<circle class="odd" r="2.5" cx="{}" cy="{}"/>'.format(*at(index, stream.values[index]).split(","))
        for index, is_odd in enumerate(stream.odd)
        if is_odd
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">'
        + (f'<polygon class="band" points="{band}"/>' if known else "")
        + f'<polyline class="line" points="{line}"/>{odd}'
        f'<text class="axis" x="{_PAD}" y="9">{top:,.0f} rows</text>'
        f'<text class="axis" x="{_WIDTH - _PAD}" y="{_HEIGHT - 1}" text-anchor="end">{stream.days[-1]}</text>'
        "</svg>"
    )
