"""Pages: the shell that is the same on all, figures, tables. Self-contained: a page asks nobody for anything."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reports.reader import Reader, Row
from reports.wording import cell, is_number

STYLE = """
.omnihouse { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; }
.omnihouse h1 { font-size: 1.6rem; line-height: 1.25; } .omnihouse h2 { font-size: 1.15rem; margin-top: 2rem; }
.omnihouse .question { font-size: 1.1rem; color: #3a4656; } .omnihouse .aside { color: #5a6675; font-size: .88rem; }
.omnihouse .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr));
  gap: 1.5rem 2rem; }
.omnihouse figure { margin: 0; min-width: 0; }
.omnihouse figcaption { font-weight: 600; margin-bottom: .4rem; line-height: 1.35; }
.omnihouse svg.chart { display: block; width: 100%; max-width: 560px; height: auto; }
.omnihouse svg.spark { width: 100%; max-width: 9rem; height: auto; display: block; }
.omnihouse svg text { font-family: inherit; } .omnihouse .tick { font-size: 10.5px; fill: #3a4656; }
.omnihouse .axis-name { font-size: 10.5px; fill: #5a6675; font-style: italic; }
.omnihouse .cell { font-size: 9px; fill: #1c2430; } .omnihouse .cell.dark { fill: #fff; }
.omnihouse .rule { stroke: #dde3ea; stroke-width: 1; }
.omnihouse .legend { list-style: none; padding: 0; margin: 0 0 .3rem; display: flex; flex-wrap: wrap; gap: 0 1rem;
  font-size: .85rem; }
  .omnihouse .legend svg { display: inline-block; width: .7em; height: .7em; margin-right: .35em; }
.omnihouse figure.whole { grid-column: 1 / -1; }
.omnihouse .wide { overflow-x: auto; margin-bottom: .6rem; }
.omnihouse table { border-collapse: collapse; font-size: .88rem; }
.omnihouse th, .omnihouse td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; }
.omnihouse th, .omnihouse td { white-space: nowrap; }
.omnihouse td.t { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
.omnihouse th { border-bottom: 1px solid #b8c2ce; } .omnihouse td { border-bottom: 1px solid #e8ecf1; }
.omnihouse .n { text-align: right; font-variant-numeric: tabular-nums; }
.omnihouse details { margin-top: .4rem; } .omnihouse summary { cursor: pointer; color: #5a6675; font-size: .85rem; }
.omnihouse pre { background: #f6f8fa; padding: .6rem .8rem; overflow-x: auto; font-size: .8rem; }
.omnihouse .tiles { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 10.5rem), 1fr)); }
.omnihouse .tile { border: 1px solid #dde3ea; border-radius: 6px; padding: .7rem .9rem; }
.omnihouse .tile b { display: block; font-size: 1.45rem; line-height: 1.2; }
.omnihouse .bad { color: #b3261e; font-weight: 600; } .omnihouse a { color: #2a5d92; }
""".strip()
_BODY = "body { margin: 0; } .omnihouse { max-width: 74rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }"
_ROWS_SHOWN = 50
_NARROW = 4  # columns that stand beside another figure
_SHORT = 36  # letters that a cell keeps on one line


@dataclass(frozen=True)
class Figure:
    """An answer: the finding as a sentence, a chart where there is something to draw, and the rows it comes from."""

    title: str
    sql: str
    rows: Sequence[Row] = ()
    chart: str = ""
    note: str = ""
    show_rows: bool = field(default=False)  # a table that is itself the answer, and not the numbers behind a chart

    def html(self) -> str:
        """The figure as a part of a page; its rows and its question unfold beneath it."""
        told = f'<p class="aside">{html.escape(self.note)}</p>' if self.note else ""
        rows = table(self.rows)
        if rows and not self.show_rows:
            rows = f"<details><summary>The numbers</summary>{rows}</details>"
        asked = f"<details><summary>The question in SQL</summary><pre>{html.escape(self.sql.strip())}</pre></details>"
        # A wide table that is the answer takes the whole line.
        whole = ' class="whole"' if self.show_rows and self.rows and len(self.rows[0]) > _NARROW else ""
        return (
            f"<figure{whole}><figcaption>{html.escape(self.title)}</figcaption>{self.chart}{told}{rows}{asked}</figure>"
        )


@dataclass(frozen=True)
class Report:
    """A page of figures around one question."""

    name: str
    title: str
    question: str
    figures: tuple[Callable[[Reader], Figure], ...]

    def drawn(self, reader: Reader) -> list[Figure]:
        """Every figure, of the file that the reader has open."""
        return [figure(reader) for figure in self.figures]


def report(of: Report, figures: Sequence[Figure], told: str) -> str:
    """A report as a page; `told` says of what publication it is."""
    parts = "".join(figure.html() for figure in figures)
    return shell(
        of.title,
        f'<p class="aside"><a href="../index.html">Front page</a></p><h1>{html.escape(of.title)}</h1>'
        f'<p class="question">{html.escape(of.question)}</p><p class="aside">{html.escape(told)}</p>'
        f'<div class="figures">{parts}</div>',
    )


def shell(title: str, body: str) -> str:
    """A page around its content."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f'<style>{STYLE} {_BODY}</style></head><body><main class="omnihouse">{body}</main></body></html>\n'
    )


def table(rows: Sequence[Row], shown: int = _ROWS_SHOWN) -> str:
    """Rows as a table that scrolls by itself where the window is narrow; nothing where there are none."""
    if not rows:
        return ""
    names = list(rows[0])
    known = {name: [row[name] for row in rows if row[name] is not None] for name in names}
    right = {name for name in names if known[name] and all(map(is_number, known[name]))}

    def mark(name: str) -> str:
        return ' class="n"' if name in right else ""

    head = "".join(f"<th{mark(name)}>{html.escape(name.replace('_', ' '))}</th>" for name in names)

    def shown_as(name: str, value: object) -> str:
        text = cell(value)
        style = ' class="t"' if len(text) > _SHORT and name not in right else mark(name)
        return f"<td{style}>{html.escape(text)}</td>"

    lines = "".join("<tr>" + "".join(shown_as(name, row[name]) for name in names) + "</tr>" for row in rows[:shown])
    more = f'<p class="aside">and {len(rows) - shown:,} more</p>' if len(rows) > shown else ""
    return f'<div class="wide"><table><tr>{head}</tr>{lines}</table></div>{more}'
