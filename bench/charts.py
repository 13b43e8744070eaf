"""What a result of `make bench` looks like: cost against size, and cost against the share of records that changed.

One SVG, without a library. What is drawn are CPU seconds of whole nights by stage, for they are the least disturbed.
"""

from __future__ import annotations

import html
from typing import Any

_WIDTH, _HEIGHT, _PAD = 420, 300, 56
_COLOURS = {"night": "#1f3a5f", "lake": "#c77d2e", "transform (dbt)": "#3a7d44", "publish": "#8d3b72"}
_STYLE = "text{font:12px sans-serif;fill:#333}.axis{stroke:#999}.title{font-weight:bold}"


def draw(figures: dict[str, Any]) -> str:
    """Both charts side by side."""
    nights = [figures[name] for name in ("smaller", "nights") if name in figures]
    by_size = [(f"{found['persons']:,}", float(found["persons"]), found["first_night"]) for found in nights]
    found = figures["nights"]
    later = sorted(found["later_nights"], key=lambda night: night["share"])
    by_share = [(f"{night['share']:.1%}", float(night["share"]), night) for night in later]
    by_share.append(("all", 1.0, found["first_night"]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {_HEIGHT}" role="img">'
        f"<style>{_STYLE}</style>"
        + _chart(0, "CPU seconds of a first night against persons", by_size)
        + _chart(_WIDTH, f"CPU seconds of a night against the share changed, {found['persons']:,} persons", by_share)
        + "</svg>\n"
    )


def _chart(left: int, title: str, points: list[tuple[str, float, dict[str, Any]]]) -> str:
    top = max(night["cpu_seconds"] for _, _, night in points) or 1
    widest = max(place for _, place, _ in points) or 1

    def at(place: float, value: float) -> tuple[float, float]:
        across = _WIDTH - 2 * _PAD
        return left + _PAD + across * place / widest, _HEIGHT - _PAD - (_HEIGHT - 2 * _PAD) * value / top

    parts = [f'<text class="title" x="{left + _PAD}" y="22">{html.escape(title)}</text>']
    begin, end = at(0, 0), at(widest, 0)
    parts.append(f'<line class="axis" x1="{begin[0]}" y1="{begin[1]}" x2="{end[0]}" y2="{end[1]}"/>')
    parts.append(f'<text x="{left + _PAD}" y="40">{top:,.0f} s</text>')
    for number, (name, colour) in enumerate(_COLOURS.items()):
        line = [
            at(place, night["cpu_seconds"] if name == "night" else night["stages"].get(name, {}).get("cpu_seconds", 0))
            for _, place, night in points
        ]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{drawn}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in line]
        parts.append(f'<text x="{left + _PAD + 95 * number}" y="{_HEIGHT - 8}" style="fill:{colour}">{name}</text>')
    shown = -1e9
    for label, place, _ in points:
        x, y = at(place, 0)
        if x - shown > 44:
            parts.append(f'<text x="{x:.1f}" y="{y + 16}" text-anchor="middle">{label}</text>')
            shown = x
    return "".join(parts)
